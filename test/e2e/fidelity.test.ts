import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  RestoreResult,
  ServerResult,
} from '../../containers/runner/restore/restore-request.ts';
import { startTaskFunctionName } from '../../contract/environment-names.ts';
import type { LogicalManifest } from '../../contract/logical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import {
  dataOf,
  dumpable,
  globalsOf,
  propertiesOf,
  schemaOf,
} from '../local-cloud/compare-databases.ts';
import { createLibrary, LIBRARY, prepareTablespace } from '../local-cloud/library.ts';
import { type LocalCloud, startLocalCloud } from '../local-cloud/local-cloud.ts';
import type { PostgresServer } from '../local-cloud/servers/postgres.ts';

let cloud: LocalCloud;
/** A server that knows nothing but what the backup's globals told it. */
let fresh: PostgresServer;
let databases: readonly string[];

beforeAll(async () => {
  cloud = await startLocalCloud({ environment: 'local-formats' });
  databases = await createLibrary(cloud, 17);
}, 300_000);
afterAll(() => cloud.stop(), 60_000);

async function backUp(cluster: string): Promise<LogicalManifest> {
  const { payload } = await cloud.invoke(startTaskFunctionName('local-formats'), {
    action: 'backup',
    cluster,
    kind: 'logical',
  });
  const { taskArn, label } = StartTaskAnswer.parse(payload);
  const { exitCode, logFile } = await cloud.waitForTask(taskArn, { timeoutSeconds: 180 });
  expect(exitCode, readFileSync(logFile, 'utf8')).toBe(0);
  const { stdout } = await cloud.holdfast(['show', label, '--cluster', cluster, '--json']);
  return (JSON.parse(stdout) as { manifest: LogicalManifest }).manifest;
}

async function restore(cluster: string, database: string, target: PostgresServer, into: string) {
  const args = ['--cluster', cluster, '--database', database, '--into', into, '--json'];
  const { exitCode, stdout, stderr } = await cloud.holdfast(['restore', ...args], {
    env: { HOLDFAST_RESTORE_URI: target.uri },
  });
  expect(exitCode, stderr).toBe(0);
  return JSON.parse(stdout) as { notRestored: unknown[]; warnings: string[] };
}

/** The servers here publish nothing: their `wal_level` is `replica`, and each says so of a publication. */
function unexpected(warnings: readonly string[]): string[] {
  return warnings.filter((warning) => !warning.includes('"wal_level" is insufficient'));
}

/** What was backed up is what the standby shows: its sequences are ahead of the primary's. */
async function expectEqual(name: string, server: PostgresServer, copy: string): Promise<void> {
  expect(await schemaOf(server, copy)).toBe(dumpable(await schemaOf(cloud.standby, name)));
  expect(await dataOf(server, copy)).toEqual(await dataOf(cloud.standby, name));
  expect(await propertiesOf(server, copy)).toEqual(await propertiesOf(cloud.standby, name));
}

/** A tablespace that exists is left as it is, but for the rights that new roles have on it. */
function withoutTablespaces(globals: string): string {
  return globals.replaceAll(/^(CREATE|ALTER|COMMENT ON) TABLESPACE [\s\S]*?;\n+/gm, '');
}

/** What a schema is made of, whatever the order. */
function partsOf(schema: string): string[] {
  return schema
    .split(/^--\n-- Name: /m)
    .slice(1)
    .map((part) => part.replace(/\n--\n-- PostgreSQL database dump complete[\s\S]*/, '').trim())
    .sort();
}

describe('in directory format', () => {
  let manifest: LogicalManifest;
  beforeAll(async () => {
    manifest = await backUp('directory');
    fresh = await cloud.startEmptyServer('fresh');
    await prepareTablespace(fresh);
  }, 240_000);

  test('the whole cluster is backed up from the standby, and nothing is warned of', () => {
    expect(manifest.source.role).toBe('replica');
    expect(manifest.warnings).toEqual([]);
    expect(manifest.databases.map(({ name }) => name).sort()).toEqual(
      [...databases, 'postgres'].sort(),
    );
    const library = manifest.databases.find(({ name }) => name === LIBRARY);
    expect(library).toMatchObject({ contents: { largeObjects: 5 } });
    expect(library?.format === 'directory' && library.files.length).toBeGreaterThan(1);
  });

  test('a whole server comes back on an empty one: roles, memberships, rights, every database', async () => {
    await fresh.query(`create tablespace "cold shelf" location '/var/lib/postgresql/cold'`);
    const { exitCode, stdout, stderr } = await cloud.holdfast(
      ['restore', '--cluster', 'directory', '--all', '--json'],
      { env: { HOLDFAST_RESTORE_URI: fresh.uri } },
    );
    expect(exitCode, stderr).toBe(0);
    const result = JSON.parse(stdout) as ServerResult;
    expect(result.dropped).toEqual(['postgres']);
    expect(result.roles).toMatchObject({
      existing: ['postgres'],
      reserved: [],
      withoutPassword: ['holdfast', 'library_clerk'],
    });
    const why = 'the tablespace exists: it was left as it is';
    expect(result.roles?.notRestored).toEqual([
      { what: 'options of the tablespace cold shelf', why },
      { what: 'comment of the tablespace cold shelf', why },
    ]);
    expect(withoutTablespaces(await globalsOf(fresh))).toBe(
      withoutTablespaces(await globalsOf(cloud.standby)),
    );
    for (const { notRestored, warnings } of result.databases) {
      expect({ notRestored, warnings: unexpected(warnings) }).toEqual({
        notRestored: [],
        warnings: [],
      });
    }
    for (const name of databases) {
      await expectEqual(name, fresh, name);
      expect(await schemaOf(fresh, name, { create: true })).toBe(
        dumpable(await schemaOf(cloud.standby, name, { create: true })),
      );
    }
  });

  test('single tables come back with all that belongs to them, and nothing else', async () => {
    const { exitCode, stdout, stderr } = await cloud.holdfast(
      [
        ...[
          'restore',
          '--cluster',
          'directory',
          '--database',
          LIBRARY,
          '--into',
          'tables',
          '--json',
        ],
        ...['--table', 'library.book', '--table', 'author', '--table', 'event_2026'],
      ],
      { env: { HOLDFAST_RESTORE_URI: fresh.uri } },
    );
    expect(exitCode, stderr).toBe(0);
    const tables = ['library.book', 'library.author', 'library.event_2026*', 'library.ticket'];
    const attachments = /^event_2026(_at_idx|_pkey)?; Type: (TABLE|INDEX) ATTACH;/;
    expect(partsOf(await schemaOf(fresh, 'tables', { tables }))).toEqual(
      partsOf(await schemaOf(cloud.standby, LIBRARY, { tables })).filter(
        (part) => !attachments.test(part),
      ),
    );
    const there = (await dataOf(fresh, 'tables')).map((line) => line.replace(/:.*/s, ''));
    expect(await dataOf(fresh, 'tables')).toEqual(
      (await dataOf(cloud.standby, LIBRARY)).filter((line) =>
        /^relation library.(book|author|event_2026|ticket)/.test(line),
      ),
    );
    expect(there).toContain('relation library.author_id_seq');
    const { notRestored } = JSON.parse(stdout) as RestoreResult;
    expect(notRestored).toEqual([
      {
        what: 'FK CONSTRAINT a "quoted" schema.Lo"an not\nyet',
        why: 'its own table was not chosen',
        statement: expect.stringMatching(/^ALTER TABLE ONLY .* ADD CONSTRAINT .*;$/s),
      },
      expect.objectContaining({ what: 'TABLE ATTACH library.event_2026' }),
      ...[
        'VIEW library.titles',
        'VIEW a "quoted" schema.BLOBS - 1',
        'MATERIALIZED VIEW library.by_author',
        'MATERIALIZED VIEW library.by_author_twice',
      ].map((what) => ({ what, why: 'it reads what was chosen, and was not chosen itself' })),
    ]);
  });

  test('a table is found by its name in a database of another encoding, and rescued', async () => {
    const args = ['--cluster', 'directory', '--database', 'Straße', '--table', 'Größe.Straße'];
    const bring = (...more: string[]) =>
      cloud.holdfast(['restore', ...args, '--into', 'umlauts', '--json', ...more], {
        env: { HOLDFAST_RESTORE_URI: fresh.uri },
      });
    const { exitCode, stderr } = await bring();
    expect(exitCode, stderr).toBe(0);
    expect(await dataOf(fresh, 'umlauts')).toEqual(await dataOf(cloud.standby, 'Straße'));
    const rescued = await bring('--rescue');
    expect(rescued.exitCode, rescued.stderr).toBe(0);
    expect(JSON.parse(rescued.stdout)).toMatchObject({ tables: [{ rows: 98 }], warnings: [] });
  });

  test('what it lacks is what its manifest says', async () => {
    expect(manifest.notIncluded.map(({ what, database }) => ({ what, database }))).toEqual([
      { what: 'role passwords' },
      { what: 'the options of user mappings (2)', database: LIBRARY },
      { what: 'the rows of unlogged tables (2)', database: LIBRARY },
    ]);
    const { rows } = await fresh.query('select count(*)::int from library.scratch', {
      database: LIBRARY,
    });
    expect(rows).toEqual([{ count: 0 }]);
  });
});

describe.each(['directory', 'custom', 'plain'])('in %s format', (format) => {
  test('the library comes back beside the original, equal', async () => {
    if (format !== 'directory') await backUp(format);
    const { notRestored, warnings } = await restore(
      format,
      LIBRARY,
      cloud.primary,
      `copy of ${format}`,
    );
    expect(notRestored).toEqual([]);
    expect(unexpected(warnings)).toEqual([]);
    await cloud.standby.waitForReplay();
    await expectEqual(LIBRARY, cloud.primary, `copy of ${format}`);
  });
});
