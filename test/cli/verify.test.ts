import { randomBytes } from 'node:crypto';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { main } from '../../cli/main.ts';
import type { Artifact } from '../../contract/artifacts.ts';
import { buildManifest } from '../../contract/manifest.ts';
import type { PhysicalManifest } from '../../contract/physical-manifest.ts';
import { artifactKey, manifestKey } from '../../contract/vault-keys.ts';
import { walFileKey } from '../../contract/wal-keys.ts';
import { examplePhysicalManifest } from '../fixtures/example-physical-manifest.ts';
import { digestOf, encryptExample } from '../vault/example-message.ts';
import { type RealVault, startRealVault } from '../vault/real-vault.ts';
import {
  exampleSegment,
  putIncrement,
  putWal,
  SEGMENT_BYTES,
  SYSTEM,
} from '../vault/wal/example-wal.ts';
import { testIo } from './test-io.ts';

const FULL = '20261120T040000Z-physical-full-8a4b0d';
const CHILD = '20261120T050000Z-physical-incremental-111111';
const DAY_MS = 24 * 60 * 60 * 1000;
const UNTIL = new Date(Math.ceil(Date.now() / 1000) * 1000 + 2 * DAY_MS);
const LOCK = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: UNTIL } as const;
const NONE = { objects: 0, bytes: 0 };
const UNLOCKED = { ObjectLockMode: undefined, ObjectLockRetainUntilDate: undefined } as const;

let vault: RealVault;
beforeAll(async () => {
  vault = await startRealVault();
}, 60_000);
afterAll(() => vault.stop());

interface Damage {
  /** Of the full backup's first artifact. */
  readonly artifact?: (artifact: Artifact) => Artifact | undefined;
  readonly manifest?: (label: string, manifest: PhysicalManifest) => PhysicalManifest | undefined;
  /** @default LOCK */
  readonly manifestLock?: Damage['lock'];
  /** Names of segments that are not put. */
  readonly without?: readonly string[];
  readonly lock?:
    | typeof LOCK
    | typeof UNLOCKED
    | { ObjectLockMode: 'COMPLIANCE'; ObjectLockRetainUntilDate: Date };
}

function named(number: number): string {
  return `00000001000000000000000${number}`;
}

/** A full backup, an incremental one, four segments and an open one; with something wrong if asked for. */
async function putCluster(cluster: string, damage: Damage = {}): Promise<void> {
  await putBackup(cluster, FULL, '0/280000', {}, damage);
  await putBackup(cluster, CHILD, '0/380000', { type: 'incremental', chain: [FULL] }, damage);
  for (const name of [2, 3, 4, 5].map(named)) {
    if (damage.without?.includes(name)) continue;
    await putWal(vault, cluster, name, exampleSegment(name), { lock: LOCK });
  }
  await putIncrement(vault, cluster, named(6), [0, 9000], exampleSegment(named(6)), { lock: LOCK });
}

async function putBackup(
  cluster: string,
  label: string,
  lsn: string,
  change: Partial<PhysicalManifest>,
  damage: Damage,
): Promise<void> {
  const example = examplePhysicalManifest();
  const artifacts: Artifact[] = [];
  for (const artifact of example.artifacts) {
    const plain = randomBytes(4096);
    const context = { cluster, backup: label, artifact: artifact.name };
    const cipher = await encryptExample(plain, context, vault.dataKeys, 1024);
    const key = artifactKey(cluster, label, artifact.name);
    const lock = damage.lock ?? LOCK;
    const { VersionId = '' } = await put(key, cipher, lock);
    const whole = {
      ...artifact,
      ...{ key, versionId: VersionId, plain: digestOf(plain), cipher: digestOf(cipher) },
    };
    const first = label === FULL && artifacts.length === 0;
    artifacts.push(first ? (damage.artifact?.(whole) ?? whole) : whole);
  }
  const time = label.replace(/^(....)(..)(..)T(..)(..)(..)Z.*/, '$1-$2-$3T$4:$5:$6Z');
  const manifest = examplePhysicalManifest({
    ...{ label, cluster, startedAt: time, finishedAt: time, artifacts },
    start: { lsn, timeline: 1, at: time },
    stop: { lsn, timeline: 1, at: time },
    lock: { mode: 'COMPLIANCE', retainUntil: UNTIL.toISOString() },
    source: { ...example.source, systemIdentifier: SYSTEM },
    server: { ...example.server, walSegmentBytes: SEGMENT_BYTES },
    ...change,
  });
  const put_ = damage.manifest === undefined ? manifest : damage.manifest(label, manifest);
  const lock = damage.manifestLock ?? LOCK;
  if (put_ !== undefined) await put(manifestKey(cluster, label), buildManifest(put_), lock);
}

function put(Key: string, Body: Buffer | string, lock: NonNullable<Damage['lock']>) {
  return vault.s3.send(new PutObjectCommand({ Bucket: vault.bucket, Key, Body, ...lock }));
}

async function verify(...argv: string[]) {
  const io = testIo(vault, {}, {}, { dataKeysFor: async () => vault.dataKeys });
  const status = await main(['verify', ...argv, '--json'], io);
  const { findings = [], error, ...rest } = JSON.parse(io.out());
  const codes = findings.map(({ code }: { code: string }) => code);
  return { status, findings, codes, error, err: io.err(), ...rest };
}

test('finds nothing where everything is whole, whether or not it reads everything', async () => {
  await putCluster('whole');
  const { status, clusters, codes, read } = await verify('--cluster', 'whole');
  expect({ status, codes, read }).toEqual({ status: 0, codes: [], read: false });
  expect(clusters).toMatchObject([
    { name: 'whole', backups: { count: 2, objects: 10 }, wal: { objects: 5 }, orphans: NONE },
  ]);
  const full = await verify('--cluster', 'whole', '--full');
  expect({ status: full.status, codes: full.codes }).toEqual({ status: 0, codes: [] });
  expect(full.err).toMatch(/check: 8 of 8 objects\n(.*\n)*read: (\S+ \w+) of \2\n/);
  const one = await verify('--cluster', 'whole', '--label', CHILD);
  expect(one.clusters).toMatchObject([{ backups: { count: 2 }, wal: null, orphans: null }]);
  const io = testIo(vault, {}, {}, { dataKeysFor: async () => vault.dataKeys });
  expect(await main(['verify', '--cluster', 'whole'], io)).toBe(0);
  expect(io.out()).toMatch(
    /^whole: 2 backups in 10 objects, .*; WAL in 5 objects, .*; nothing read \(--full\); nothing found\n$/,
  );
});

const other = (artifact: Artifact) => ({ ...artifact, versionId: 'other' });
const longer = (artifact: Artifact) => ({
  ...artifact,
  cipher: { ...artifact.cipher, bytes: artifact.cipher.bytes + 1 },
});
const only = (wanted: string) => (label: string, manifest: PhysicalManifest) =>
  label === wanted ? manifest : undefined;
const full = (change: Partial<PhysicalManifest>) => (label: string, manifest: PhysicalManifest) =>
  label === FULL ? { ...manifest, ...change } : manifest;
const SOONER = new Date(UNTIL.getTime() - DAY_MS);
const LOCKED_SOONER = { lock: { mode: 'COMPLIANCE', retainUntil: SOONER.toISOString() } } as const;

test('a parent whose locks were prolonged is fine, though its manifest says less', async () => {
  await putCluster('prolonged', { manifest: full(LOCKED_SOONER) });
  expect(await verify('--cluster', 'prolonged')).toMatchObject({ status: 0, findings: [] });
  const io = testIo(vault, {}, {}, { dataKeysFor: async () => vault.dataKeys });
  expect(await main(['list', '--cluster', 'prolonged'], io)).toBe(0);
  expect(io.err()).toBe('');
});

// Each thing broken once: what is found of it, and nothing else.
test.each<[string, Damage, string[]]>([
  ['a missing segment', { without: [named(4)] }, ['WAL_GAP']],
  ['a missing parent', { manifest: only(CHILD) }, ['PARENT_MISSING', 'ORPHANS']],
  ['another version than the oldest', { artifact: other }, ['ARTIFACT_OTHER']],
  ['a truncated object', { artifact: longer }, ['ARTIFACT_SIZE']],
  [
    'an object that is not there',
    { artifact: (one) => ({ ...one, name: 'gone', key: one.key.replace(one.name, 'gone') }) },
    ['ARTIFACT_MISSING', 'ORPHANS'],
  ],
  [
    'a key that leads elsewhere',
    { artifact: (one) => ({ ...one, key: `${one.key}.x` }) },
    ['ARTIFACT_OTHER'],
  ],
  ['artifacts without a lock', { lock: UNLOCKED }, Array.from({ length: 8 }, () => 'LOCK_MISSING')],
  [
    'artifacts that are locked for less long',
    { lock: { ...LOCK, ObjectLockRetainUntilDate: SOONER } },
    Array.from({ length: 8 }, () => 'LOCK_SHORT'),
  ],
  [
    'manifests that are locked for less long',
    { manifestLock: { ...LOCK, ObjectLockRetainUntilDate: SOONER } },
    ['LOCK_SHORT', 'LOCK_SHORT'],
  ],
  [
    'a parent that is locked for less long',
    {
      manifest: full(LOCKED_SOONER),
      lock: { ...LOCK, ObjectLockRetainUntilDate: SOONER },
    },
    [
      ...Array.from({ length: 4 }, () => 'LOCK_SHORT'),
      ...Array.from({ length: 4 }, () => 'PARENT_LOCK_SHORT'),
    ],
  ],
  [
    'a damaged parent',
    { manifest: full({ damage: [{ file: 'base/1/2', found: 'block 3' }] }) },
    ['PAGES_DAMAGED', 'PARENT_DAMAGED'],
  ],
  [
    'a base backup without the WAL that it needs',
    {
      manifest: full({
        wal: 'archive',
        start: { lsn: '0/100000', timeline: 1, at: '2026-11-20T04:00:00Z' },
      }),
    },
    ['BASE_UNUSABLE'],
  ],
])('finds %s', async (name, damage, expected) => {
  const cluster = name.toLowerCase().replaceAll(' ', '-').slice(0, 40);
  await putCluster(cluster, damage);
  const found = await verify('--cluster', cluster);
  expect([found.codes.toSorted(), found.error?.code]).toEqual([
    expected.toSorted(),
    'VERIFY_FAILED',
  ]);
  expect(found.status).toBe(23);
  expect(found.error).toMatchObject({ code: 'VERIFY_FAILED', exit: 23, retryable: false });
});

describe('of one backup, and those that it rests on', () => {
  const at = (lsn: string) => ({ lsn, timeline: 1, at: '2026-11-20T04:00:00Z' });
  // The full one needs segment 2, its child 3 and the beginning of 6.
  const archive = (label: string, manifest: PhysicalManifest): PhysicalManifest => ({
    ...{ ...manifest, wal: 'archive', walTar: null },
    ...(label === FULL
      ? { start: at('0/200028'), stop: at('0/280000') }
      : { start: at('0/3F0000'), stop: at('0/600400') }),
  });

  test('the WAL in the archive that makes them consistent is looked at, and no other', async () => {
    await putCluster('archived', { manifest: archive });
    const child = await verify('--cluster', 'archived', '--label', CHILD, '--full');
    expect({ status: child.status, findings: child.findings }).toEqual({ status: 0, findings: [] });
    // Segments 2 to 5, and the increment of 6.
    expect(child.clusters).toMatchObject([{ backups: { count: 2 }, wal: { objects: 5 } }]);
    const full = await verify('--cluster', 'archived', '--label', FULL);
    expect([full.status, full.clusters[0].wal.objects]).toEqual([0, 1]);
  });

  test.each([
    ['between its start and its end', [named(4)], [CHILD], `0/400000 on, in ${named(4)}`],
    ['at its start', [named(3)], [CHILD], `0/3F0000 on, in ${named(3)}`],
    ['of one that it rests on', [named(2)], [FULL], `0/200028 on, in ${named(2)}`],
  ])('WAL that is missing %s is found', async (name, without, labels, from) => {
    const cluster = name.replaceAll(' ', '-');
    await putCluster(cluster, { manifest: archive, without });
    const { status, findings } = await verify('--cluster', cluster, '--label', CHILD);
    expect(status).toBe(23);
    expect(findings).toEqual(
      labels.map((label) =>
        expect.objectContaining({
          ...{ code: 'BASE_UNUSABLE', severity: 'error', label },
          found: expect.stringMatching(new RegExp(`the archive lacks what comes from ${from}$`)),
        }),
      ),
    );
    const full = await verify('--cluster', cluster, '--label', FULL);
    expect(full.codes).toEqual(labels.includes(FULL) ? ['BASE_UNUSABLE'] : []);
  });

  test('so is an open segment that ends too early, and one whose bytes are others', async () => {
    const later = (label: string, manifest: PhysicalManifest) =>
      label === FULL
        ? archive(label, manifest)
        : { ...archive(label, manifest), stop: at('0/602329') };
    await putCluster('too-early', { manifest: later, without: [named(4)] });
    await putWal(vault, 'too-early', named(4), exampleSegment(named(3)), { lock: LOCK });
    const { findings } = await verify('--cluster', 'too-early', '--label', CHILD, '--full');
    expect(findings).toMatchObject([
      { code: 'BASE_UNUSABLE', label: CHILD, found: expect.stringContaining('0/602328 on') },
      { code: 'CONTENT', key: walFileKey('too-early', named(4)) },
    ]);
  });

  test('a segment that is locked for less long than they are', async () => {
    await putCluster('short', { manifest: archive, without: [named(4)] });
    await putWal(vault, 'short', named(4), exampleSegment(named(4)), {
      lock: { ...LOCK, ObjectLockRetainUntilDate: SOONER },
    });
    const { findings } = await verify('--cluster', 'short', '--label', CHILD);
    expect(findings).toMatchObject([{ code: 'LOCK_SHORT', key: walFileKey('short', named(4)) }]);
  });
});

test('counts what no manifest names, and no increments of whole segments', async () => {
  await putCluster('orphans');
  const gone = FULL.replace('8a4b0d', '000000');
  await put(artifactKey('orphans', gone, 'base.tar.0001'), 'twelve bytes', LOCK);
  await put(artifactKey('orphans', gone, 'pg_wal.tar.0001'), 'eight by', LOCK);
  await put(artifactKey('orphans', CHILD, 'stray.0001'), 'five ', LOCK);
  await put('clusters/orphans/backups/notes', 'x', LOCK);
  await putIncrement(vault, 'orphans', named(3), [0, 9000], exampleSegment(named(3)), {
    lock: LOCK,
  });
  const { status, findings, clusters } = await verify('--cluster', 'orphans');
  expect([status, clusters[0].orphans]).toEqual([0, { objects: 3, bytes: 25 }]);
  expect(findings).toEqual([
    expect.objectContaining({ code: 'KEY_UNKNOWN', key: 'clusters/orphans/backups/notes' }),
    expect.objectContaining({
      ...{ code: 'ORPHANS', severity: 'warning', label: gone },
      found: '2 of its objects, 20 bytes, are named by no manifest',
    }),
    expect.objectContaining({ code: 'ORPHANS', label: CHILD }),
  ]);
  const io = testIo(vault, {}, {}, { dataKeysFor: async () => vault.dataKeys });
  expect(await main(['verify', '--cluster', 'orphans'], io)).toBe(0);
  expect(io.out()).toContain('; orphans: 3 objects, 25 B; ');
  // Of a manifest that cannot be read it is not known what it names.
  await put(manifestKey('orphans', gone), '{}', LOCK);
  const unread = await verify('--cluster', 'orphans');
  expect(unread.clusters[0].orphans).toEqual({ objects: 1, bytes: 5 });
});

test('names the segments of a gap, and the key of an object', async () => {
  await putCluster('named', { without: [named(3), named(4)] });
  const key = artifactKey('named', CHILD, 'base.tar.0001');
  await put(key, 'later', LOCK);
  await put(manifestKey('named', FULL), '{}', LOCK);
  await vault.s3.send(new DeleteObjectCommand({ Bucket: vault.bucket, Key: key }));
  await vault.s3.send(
    new DeleteObjectCommand({ Bucket: vault.bucket, Key: walFileKey('named', named(5)) }),
  );
  const { findings, status } = await verify('--cluster', 'named');
  expect(status).toBe(23);
  expect(findings).toEqual(
    [
      { code: 'LATER_VERSION', label: FULL, key: manifestKey('named', FULL) },
      { code: 'LATER_VERSION', label: CHILD, key },
      { code: 'DELETE_MARKER', label: CHILD, key },
      {
        code: 'WAL_GAP',
        found: `2 of timeline 1, from ${named(3)} to ${named(4)}, are missing or incomplete`,
      },
      { code: 'DELETE_MARKER', key: walFileKey('named', named(5)) },
    ].map((one) => expect.objectContaining({ severity: 'error', cluster: 'named', ...one })),
  );
  const io = testIo(vault, {}, {}, { dataKeysFor: async () => vault.dataKeys });
  expect(await main(['verify', '--cluster', 'named'], io)).toBe(23);
  expect(io.out()).toContain(
    `\n  error LATER_VERSION: ${key}: it has 2 versions; the oldest counts.`,
  );
  expect(io.err()).toContain('error VERIFY_FAILED: 5 errors found in the vault.\nhint: ');
  // Of one backup alone.
  expect((await verify('--cluster', 'named', '--label', FULL)).codes).toEqual(['LATER_VERSION']);
});

test('finds WAL that is not what it says, of another server, and an unreadable history', async () => {
  await putCluster('strange', { without: [named(4), named(5)] });
  await putWal(vault, 'strange', named(4), exampleSegment(named(4)), {
    ...{ lock: LOCK, metadata: { 'system-identifier': '99' } },
  });
  await putWal(vault, 'strange', named(5), exampleSegment(named(5)), {
    ...{ lock: LOCK, metadata: { bytes: '7' } },
  });
  await putWal(vault, 'strange', `${named(7)}.partial`, Buffer.from('x'), {
    ...{ lock: LOCK, metadata: { sha256: '' } },
  });
  const { findings } = await verify('--cluster', 'strange');
  const told = findings.map(({ code, key }: { code: string; key: string }) => `${code} ${key}`);
  expect(told.sort()).toEqual(
    [named(4), named(5), `${named(7)}.partial`].map(
      (name) => `WAL_OBJECT ${walFileKey('strange', name)}`,
    ),
  );
  await putWal(vault, 'strange', '00000002.history', Buffer.from('nonsense'), { lock: LOCK });
  expect((await verify('--cluster', 'strange')).codes).toEqual(['WAL_HISTORY']);
});

test('reads everything when asked to, and finds bytes that are others', async () => {
  await putCluster('bytes', {
    artifact: (one) => ({ ...one, plain: { ...one.plain, sha256: '0'.repeat(64) } }),
    without: [named(4)],
  });
  await putWal(vault, 'bytes', named(4), exampleSegment(named(3)), { lock: LOCK });
  await putIncrement(vault, 'bytes', named(6), [9000, 9001], Buffer.alloc(9001), {
    ...{ lock: LOCK, metadata: { sha256: '0'.repeat(64) } },
  });
  expect((await verify('--cluster', 'bytes')).codes).toEqual([]);
  const { codes, findings } = await verify('--cluster', 'bytes', '--full');
  expect(codes).toEqual(['CONTENT', 'CONTENT', 'CONTENT']);
  expect(findings.map(({ label }: { label?: string }) => label).filter(Boolean)).toEqual([FULL]);
});

test('warnings alone are no failure', async () => {
  await putWal(vault, 'bare', named(2), exampleSegment(named(2)), { lock: LOCK });
  const { status, findings } = await verify('--cluster', 'bare');
  expect(status).toBe(0);
  expect(findings).toMatchObject([
    {
      ...{ code: 'WAL_WITHOUT_BASE', severity: 'warning' },
      found: expect.stringContaining('(holdfast backup --cluster bare --kind physical)'),
    },
  ]);
});

test('says what there is not', async () => {
  expect((await verify('--label', FULL)).error).toMatchObject({ code: 'REQUEST_INVALID' });
  expect((await verify('--cluster', 'nope')).error).toMatchObject({ code: 'CLUSTER_UNKNOWN' });
  expect((await verify('--cluster', 'whole', '--label', 'x')).error).toMatchObject({
    code: 'BACKUP_UNKNOWN',
  });
});
