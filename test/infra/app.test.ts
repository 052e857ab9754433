import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Runs the app as `cdk synth` does, with neither account nor credentials in reach. */
async function synth(out: string, context: object) {
  return execa(process.execPath, ['infra/app.ts'], {
    cwd: ROOT,
    reject: false,
    all: true,
    extendEnv: false,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: out,
      CDK_OUTDIR: join(out, 'cdk.out'),
      CDK_CONTEXT_JSON: JSON.stringify(context),
    },
  });
}

let out: string;
let first: Awaited<ReturnType<typeof synth>>;

beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'holdfast-synth-'));
  first = await synth(out, { environment: 'example' });
});

afterAll(() => rm(out, { recursive: true }));

describe('synth', () => {
  it('writes both stacks and finds nothing against the AWS solutions rules', async () => {
    expect(first.all).not.toMatch(/AwsSolutions|ERROR/);
    expect(first.exitCode).toBe(0);
    expect(first.stderr).toMatch(/^example: 1 cluster, 1 schedule, locked COMPLIANCE for 35 days/m);
    const files = await readdir(join(out, 'cdk.out'));
    expect(files).toContain('HoldfastVault-example.template.json');
    expect(files).toContain('HoldfastBackup-example.template.json');
  });

  it('leaves bundles that run from anywhere, with all they need', async () => {
    const assets = join(out, 'cdk.out');
    const files = await readdir(assets, { recursive: true });
    const bundles = files.filter((name) => name.endsWith('index.mjs'));
    expect(bundles).toHaveLength(2);
    for (const bundle of bundles) {
      const invoke = `
        const { handler } = await import(${JSON.stringify(join(assets, bundle))});
        await handler({}, { awsRequestId: 'r' }).catch(({ name, message }) => console.log(name, message));`;
      const result = await execa(process.execPath, ['--input-type=module', '-e', invoke], {
        cwd: out,
        extendEnv: false,
      });
      expect(result.stdout).toMatch(/^ENVIRONMENT_INVALID The environment variable HOLDFAST_/);
    }
  });

  it('says which environments there are when it is given none', async () => {
    const result = await synth(out, {});
    expect(result.exitCode).toBe(1);
    expect(result.stderr).toMatch(/"environment" is missing. Give one of .*example/);
    expect(result.stderr).not.toMatch(/\bat .*\.ts/);
  });
});
