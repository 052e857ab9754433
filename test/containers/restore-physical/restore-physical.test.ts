import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExitCode } from '../../../contract/exit-codes.ts';
import type { PhysicalManifest } from '../../../contract/physical-manifest.ts';
import { makeCertificates } from '../../local-cloud/servers/certificates.ts';
import { type PostgresServer, startLoneServer } from '../../local-cloud/servers/postgres.ts';
import { type Run, startRun } from '../../local-cloud/servers/run.ts';
import { CLUSTER, type RealVault, startRealVault } from '../../vault/real-vault.ts';
import { HOME, type RestoreHost, startRestoreHost } from './restore-host.ts';
import { takeBase } from './take-base.ts';

let run: Run;
let vault: RealVault;
let server: PostgresServer;
let host: RestoreHost;
let full: PhysicalManifest;

beforeAll(async () => {
  [run, vault] = await Promise.all([startRun(), startRealVault()]);
  const certificates = await makeCertificates(run);
  server = await startLoneServer({ run, certificates }, 'source');
  host = await startRestoreHost(run, vault);
  await server.query(
    'CREATE TABLE invoice AS SELECT g AS id, g * 3 AS amount FROM generate_series(1, 5000) g',
  );
  full = await takeBase(server, vault, { label: '20261120T040000Z-physical-full-8a4b0d' });
});
afterAll(async () => {
  await host?.stop();
  await server?.stop();
  await vault?.stop();
  await run?.stop();
});

function restore(directory: string, ...more: string[]) {
  return host.holdfast([
    'restore',
    '--kind',
    'physical',
    '--cluster',
    CLUSTER,
    '--directory',
    `${HOME}/${directory}`,
    ...more,
  ]);
}

describe('a base backup', () => {
  test('is restored to its own end, promoted, shut down, and quarantined until it is released', async () => {
    const directory = `${HOME}/immediate`;
    const { exitCode, stdout, stderr } = await restore(
      'immediate',
      ...['--target', 'immediate', '--json'],
    );
    expect(stderr).toContain('fetch: ');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ label: full.label, state: 'promoted', timeline: 2 },
    });
    const count = 'SELECT count(*), sum(amount) FROM invoice';
    expect(await host.ask(directory, count)).toBe('5000|37507500');
    const settings = `SELECT string_agg(setting, ' ' ORDER BY name) FROM pg_settings
      WHERE name IN ('archive_mode', 'listen_addresses', 'max_connections', 'primary_conninfo')`;
    expect(await host.ask(directory, settings)).toBe('off 127.0.0.1 60');
    const released = await host.holdfast(['restore', '--release', directory]);
    expect(released).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('timeline 2') });
    const own = await host.run(['cat', `${directory}/postgresql.conf`]);
    expect(own.stdout).toContain("max_slot_wal_keep_size = '2GB'");
    expect((await host.run(['ls', directory])).stdout).not.toContain('holdfast');
  });

  test('goes into no directory that holds anything, and leaves what is there', async () => {
    await host.run(['sh', '-c', `mkdir ${HOME}/used && echo mine >${HOME}/used/file`]);
    const { exitCode, stderr } = await restore('used', '--target', 'immediate');
    expect(stderr).toContain('is not empty: file.');
    expect(exitCode).toBe(ExitCode.RestoreRefused);
    expect((await host.run(['cat', `${HOME}/used/file`])).stdout).toBe('mine');
  });

  test('that fails on the way leaves nothing behind', async () => {
    const { exitCode, stderr } = await host.holdfast(
      ['restore', '--kind', 'physical', '--cluster', CLUSTER, '--directory', `${HOME}/other-key`],
      { access: { masterKey: 'ab'.repeat(32) } },
    );
    expect(stderr).toContain('error VAULT_INTEGRITY');
    expect(exitCode).toBe(ExitCode.VaultIntegrity);
    expect((await host.run(['ls', HOME])).stdout).not.toContain('other-key');
  });
});
