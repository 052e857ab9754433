import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseTargetUri } from '../../../containers/runner/restore/target-connection.ts';
import { writePrimaryAccess } from '../../../containers/runner/restore-physical/primary.ts';
import { asStandbySees } from '../../../containers/runner/restore-physical/standby-trust.ts';

let directory: string;
let bundle: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-trust-'));
  bundle = join(directory, 'ca-certificates.crt');
  await writeFile(bundle, '');
});
afterAll(() => rm(directory, { recursive: true }));

async function conninfo(major: number, query = '', ca?: string): Promise<string> {
  const named = parseTargetUri(`postgresql://u:geheim@db.example/${query}`, ca);
  const server = await asStandbySees(named, major, bundle);
  const settings = await writePrimaryAccess(directory, { server, slot: 'a_slot' });
  return settings.primary_conninfo ?? '';
}

test('what the machine trusts is named so that libpq of that version finds it', async () => {
  expect(await conninfo(16)).toContain(" sslrootcert='system' ");
  expect(await conninfo(15)).toContain(` sslrootcert='${bundle}' `);
  // Nothing is verified: nothing is named.
  expect(await conninfo(15, '?sslmode=require')).not.toContain('sslrootcert');
  expect(await conninfo(15, '?host=/tmp')).not.toContain(bundle);
  expect(await readFile(join(directory, 'holdfast-standby.pgpass'), 'utf8')).toContain('geheim');
});

test('where an older one could find it nowhere, the standby is refused before anything is begun', async () => {
  const server = parseTargetUri('postgresql://u:geheim@db.example/');
  await expect(asStandbySees(server, 15, join(directory, 'none'))).rejects.toMatchObject({
    ...{ code: 'RESTORE_REFUSED', message: expect.stringContaining('db.example:5432') },
    hint: expect.stringContaining('--ca FILE'),
  });
  expect(await asStandbySees(server, 16, join(directory, 'none'))).toMatchObject({
    authorities: 'system',
  });
});

test('files are found from the data directory as they were from here', async () => {
  const found = await conninfo(15, '?sslcert=own.crt&sslkey=own.key', 'ca.pem');
  for (const [name, file] of [
    ['sslrootcert', 'ca.pem'],
    ['sslcert', 'own.crt'],
    ['sslkey', 'own.key'],
  ] as const) {
    expect(found).toContain(`${name}='${resolve(file)}'`);
  }
});
