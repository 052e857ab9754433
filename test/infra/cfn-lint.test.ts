import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, it, onTestFinished } from 'vitest';
import { cacheDirectory } from '../local-cloud/servers/cache-directory.ts';
import { BILLING, ENVIRONMENT, ORDERS } from './example-environment.ts';
import { synthesize } from './synthesized.ts';

/** Findings that are not ours to mend, each with the reason. */
const EXPLAINED: Readonly<Record<string, string>> = {
  W3005:
    'The CDK names a role as a dependency of its function, which the reference to it says anyway.',
};

/** What cfn-lint says about templates, but for what is explained: one line each. */
async function lint(templates: Readonly<Record<string, object>>): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-lint-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  for (const [name, template] of Object.entries(templates)) {
    await writeFile(join(directory, `${name}.json`), JSON.stringify(template));
  }
  const files = Object.keys(templates).map((name) => `${name}.json`);
  const { stdout, stderr, exitCode } = await execa(
    join(cacheDirectory(), 'cfn-lint/bin/cfn-lint'),
    [
      ...['--format', 'parseable', '--regions', 'eu-central-1'],
      ...['--ignore-checks', ...Object.keys(EXPLAINED)],
      ...['--template', ...files],
    ],
    { cwd: directory, reject: false },
  );
  // 2, 4 and 8 stand for what was found; 1 and 32 for a program that failed.
  if (exitCode === undefined || exitCode === 1 || exitCode >= 32) throw new Error(stderr);
  return stdout.split('\n').filter((line) => line !== '');
}

it('cfn-lint finds nothing in the templates of any kind of environment', async () => {
  const kinds = {
    whole: ENVIRONMENT,
    told: {
      ...ENVIRONMENT,
      bucketName: 'our-backups',
      alarmEmails: ['ops@example.com'],
      tags: { 'cost-center': '4711' },
      network: { natGateways: 0 },
      clusters: [ORDERS, { ...BILLING, retired: true }],
    },
    retired: {
      ...ENVIRONMENT,
      clusters: [{ ...ORDERS, retired: true }],
      network: {
        vpcId: 'vpc-0123456789abcdef0',
        availabilityZones: ['eu-central-1a'],
        subnetIds: ['subnet-0123456789abcdef0'],
      },
    },
  };
  const templates = Object.entries(kinds).flatMap(([kind, environment]) => {
    const { vault, backup } = synthesize(environment);
    return [
      [`${kind}-vault`, vault.toJSON()],
      [`${kind}-backup`, backup.toJSON()],
    ];
  });
  expect(await lint(Object.fromEntries(templates))).toEqual([]);
});

it('and it would find what is wrong', async () => {
  const careless = {
    Resources: { Careless: { Type: 'AWS::S3::Bucket', Properties: { Nam: 'x' } } },
  };
  expect(await lint({ careless })).toEqual([expect.stringContaining('E3002')]);
});
