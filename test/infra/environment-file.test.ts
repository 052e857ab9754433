import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeEnvironment } from '../../infra/describe-environment.ts';
import type { Environment } from '../../infra/environment.ts';
import { loadEnvironment } from '../../infra/load-environment.ts';
import { resolveEnvironment } from '../../infra/resolve-environment.ts';
import { BILLING, ENVIRONMENT, ORDERS } from './example-environment.ts';

const OF_TESTS = fileURLToPath(new URL('../fixtures/environments', import.meta.url));

describe('loading', () => {
  it('the example', async () => {
    expect((await loadEnvironment('example')).name).toBe('example');
  });

  it.each(['local', 'local-options'])('%s, of another directory', async (name) => {
    expect((await loadEnvironment(name, OF_TESTS)).name).toBe(name);
  });

  it('an environment that does not exist lists those that do, and none of the tests', async () => {
    await expect(loadEnvironment('local')).rejects.toThrow(
      /"local". Give one of (?!.*local).*example/,
    );
    await expect(loadEnvironment(undefined)).rejects.toThrow(/is missing. Give one of .*example/);
    const askedBy = { what: 'The environment', option: '--environment ' };
    await expect(loadEnvironment('no', undefined, askedBy)).rejects.toThrow(
      /The environment is "no"\. Give one of .*example.*: --environment example, or write/,
    );
  });
});

/** A file, and the end of the one line that is said about it. */
const WRONG: Readonly<Record<string, readonly [text: string, expected: string]>> = {
  comma: [
    "export default {\n  name: 'x'\n    b: 1,\n};",
    "comma.ts:3:5: SyntaxError: Expected ',', got 'ident'",
  ],
  enumeration: [
    'enum A { B }\nexport default A;',
    'enumeration.ts:1:1: SyntaxError: TypeScript enum is not supported in strip-only mode',
  ],
  twice: [
    'const a = 1;\n  const a = 2;\nexport default a;',
    "twice.ts:2:9: SyntaxError: Identifier 'a' has already been declared",
  ],
  unknown: [
    'export default {\n  jobs: JOBS,\n};',
    'unknown.ts:2:9: ReferenceError: JOBS is not defined',
  ],
  called: [
    'function f() {\n  return JOBS;\n}\nexport default f();',
    'called.ts:2:3: ReferenceError: JOBS is not defined',
  ],
  thrown: ["throw 'no';", 'thrown.ts: no'],
  named: ['export const environment = {};', 'End it with: export default environment;'],
  text: ["export default 'text';", 'End it with: export default environment;'],
};

/** As Node runs them: the test's own runner would tell of them in its own way. */
const LOAD_ALL = `
  const [module, directory, ...names] = process.argv.slice(1);
  const { loadEnvironment } = await import(module);
  const said = {};
  for (const name of names) {
    await loadEnvironment(name, directory).catch(({ message }) => { said[name] = message; });
  }
  console.log(JSON.stringify(said));`;

describe('a file that cannot be loaded is named with the place', () => {
  let directory: string;
  let said: Record<string, string>;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'environments-'));
    for (const [name, [text]] of Object.entries(WRONG)) {
      await writeFile(join(directory, `${name}.ts`), text);
    }
    const module = new URL('../../infra/load-environment.ts', import.meta.url).href;
    const { stdout } = await execa(process.execPath, [
      ...['--input-type=module', '-e', LOAD_ALL],
      ...[module, directory, ...Object.keys(WRONG)],
    ]);
    said = JSON.parse(stdout);
  }, 60_000);

  afterAll(() => rm(directory, { recursive: true }));

  it.each(Object.keys(WRONG))('%s', (name) => {
    const [heading, line, ...more] = said[name]?.split('\n') ?? [];
    expect(heading).toBe(`${join(directory, name)}.ts cannot be deployed:`);
    const expected = WRONG[name]?.[1] ?? 'nothing';
    expect(line?.slice(-expected.length)).toBe(expected);
    expect(more).toEqual([]);
  });
});

it.each<[Partial<Environment>, string]>([
  [{}, 'test: 2 clusters, 2 schedules, locked COMPLIANCE for 35 to 90 days, 1 NAT gateway'],
  [
    { clusters: [{ ...ORDERS, retired: true }, BILLING], lockMode: 'GOVERNANCE' },
    'test: 2 clusters (1 retired), 0 schedules, locked GOVERNANCE for 35 to 90 days, 1 NAT gateway',
  ],
  [
    { clusters: [ORDERS], retentionDays: 3, network: { natGateways: 0 } },
    'test: 1 cluster, 2 schedules, locked COMPLIANCE for 3 days, 0 NAT gateways',
  ],
  [
    {
      clusters: [{ ...ORDERS, schedules: ORDERS.schedules.slice(1) }],
      network: {
        vpcId: 'vpc-0123456789abcdef0',
        availabilityZones: ['eu-central-1a'],
        subnetIds: ['subnet-0123456789abcdef0'],
      },
    },
    'test: 1 cluster, 1 schedule, locked COMPLIANCE for 35 days, in vpc-0123456789abcdef0',
  ],
])('%j is described in a line', (change, expected) => {
  const environment = resolveEnvironment({ ...ENVIRONMENT, ...change });
  expect(describeEnvironment(environment)).toBe(expected);
});
