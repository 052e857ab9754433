import { expect, test } from 'vitest';
import { main } from '../../cli/main.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import { put } from '../vault/fake-s3.ts';
import { exampleCli } from './example-cli.ts';
import { testIo } from './test-io.ts';

const cli = exampleCli();
const LABEL = '20261120T030000Z-logical-full-7f3a9c';

test('lists backups as a table, and as JSON', async () => {
  const { status, out, err } = await cli.run('list');
  expect(status).toBe(0);
  const [head, row] = out.split('\n');
  expect(head).toMatch(
    /^LABEL +CLUSTER +KIND +TYPE +AGE +DATA AS OF +SOURCE +SIZE +STORED +LOCKED UNTIL +WARNINGS +RESTS ON +DATABASES$/,
  );
  expect(row).toMatch(
    /^20261120T030000Z-logical-full-7f3a9c {2}orders +logical +full +1 h +2026-11-20 03:00:00Z +replica +9\.5 MiB .* - +- +shop$/,
  );
  expect(err).toBe('');
  const json = JSON.parse((await cli.run('list', '--cluster', 'orders', '--json')).out);
  expect(json.backups[0]).toMatchObject({ label: LABEL, dataAsOf: '2026-11-20T03:00:00Z' });
});

test.each([
  ['retired', { orders: { version: 1, retired: true } }],
  ['not configured', {}],
] as const)('says whose backups are left, of a cluster that is %s', async (state, configured) => {
  const table = testIo(cli.fake, {}, configured);
  await main(['list'], table);
  expect(table.out()).toContain(`orders (${state})`);
  const json = testIo(cli.fake, {}, { ...configured, fresh: { version: 1, retired: false } });
  await main(['list', '--json'], json);
  expect(JSON.parse(json.out()).clusters).toEqual([
    { name: 'fresh', state: 'configured', recovery: null },
    { name: 'orders', state, recovery: null },
  ]);
});

test('lists what it can when one manifest is unreadable, and warns', async () => {
  put(
    cli.fake,
    'clusters/orders/catalog/20261121T030000Z-logical-full-000000.json',
    '{"version": 99}',
  );
  const { status, out, err } = await cli.run('list');
  expect(status).toBe(0);
  expect(out.split('\n')).toHaveLength(4);
  expect(err).toContain('is a manifest of version 99');
});

test('describes a backup in words', async () => {
  const { status, out } = await cli.run('show', LABEL, '--cluster', 'orders');
  expect(status).toBe(0);
  expect(out).toContain('replica replica.example:5432, 0.5 s behind');
  expect(out).toContain('COMPLIANCE, until 2026-12-20');
  expect(out).toContain('role passwords (not asked for)');
  expect(out).toMatch(/^Same instant: +no: each database is as of an instant of its own/m);
  expect(out).toMatch(/^Dump runs: +1 within this backup/m);
  expect(out).toContain('at WAL position (LSN) ');
});

test('a cluster that is neither configured nor in the vault is refused with those that are', async () => {
  const io = testIo(cli.fake, {}, { fresh: { version: 1, retired: false } });
  expect(await main(['list', '--cluster', 'nope'], io)).toBe(ExitCode.Usage);
  expect(io.err()).toContain('error CLUSTER_UNKNOWN: There is no cluster "nope"');
  expect(io.err()).toContain('hint: Use one of these: fresh, orders\n');
  // Known, by the file alone or by the vault alone.
  expect(await main(['list', '--cluster', 'fresh'], io)).toBe(ExitCode.Ok);
  expect(io.out()).toBe('The vault holds no backup of the cluster "fresh".\n');
  expect(await main(['list', '--cluster', 'orders'], io)).toBe(ExitCode.Ok);
});

test.each([
  ['restore', '--database', 'shop', '--to', 'postgresql://u@h/'],
  ['restore', '--kind', 'physical', '--directory', '/nowhere'],
  ['show', LABEL],
])('%s tells a wrong name from a cluster without backups', async (command, ...more) => {
  const io = testIo(cli.fake, {}, { fresh: { version: 1, retired: false } });
  expect(await main([command, '--cluster', 'nope', ...more], io)).toBe(ExitCode.Usage);
  expect(io.err()).toContain('error CLUSTER_UNKNOWN: There is no cluster "nope"');
  expect(io.err()).toContain('hint: Use one of these: fresh, orders\n');
  const fresh = testIo(cli.fake, {}, { fresh: { version: 1, retired: false } });
  expect(await main([command, '--cluster', 'fresh', ...more], fresh)).toBe(ExitCode.Usage);
  expect(fresh.err()).toContain('error BACKUP_UNKNOWN: The cluster "fresh" has no backup yet.');
  const physical = more.includes('physical') ? ' --kind physical' : '';
  expect(fresh.err()).toContain(`hint: Take one: holdfast backup --cluster fresh${physical}\n`);
});

test('what is no label is told from one that the vault does not hold', async () => {
  const { status, err } = await cli.run('show', 'latest', '--cluster', 'orders');
  expect(status).toBe(ExitCode.Usage);
  expect(err).toContain('The vault holds no backup latest of the cluster "orders".');
  expect(err).toContain('hint: See the labels that there are: holdfast list.');
  const other = await cli.run(
    'show',
    '20251120T030000Z-logical-full-7f3a9c',
    '--cluster',
    'orders',
  );
  expect(other.err).toContain('hint: See what there is: holdfast list\n');
});
