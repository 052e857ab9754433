import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BaseCheck } from '../../../containers/runner/physical/check/base-check.ts';
import type { CheckedBase } from '../../../containers/runner/physical/check/check-orders.ts';
import { FILES, LISTED, manifestOf, SPACE, tarOf } from './example-base.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-base-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

interface Case {
  readonly files?: Readonly<Record<string, string>>;
  readonly base?: (tar: Buffer) => Buffer;
  readonly manifest?: string;
  readonly compressed?: boolean;
  /** Bytes that are taken at a time. */
  readonly step?: number;
}

async function check({
  files = FILES,
  base = (tar) => tar,
  manifest = manifestOf(LISTED),
  compressed = true,
  step = 1_000,
}: Case): Promise<CheckedBase> {
  const checking = new BaseCheck();
  try {
    for (const [name, prefix, tar] of [
      ['16400.tar', 'pg_tblspc/16400/', await tarOf(SPACE)],
      ['base.tar', '', base(await tarOf(files))],
    ] as const) {
      const path = join(directory, name);
      const bytes = compressed ? zstdCompressSync(tar) : tar;
      await writeFile(path, bytes);
      const open = await checking.open({ path, name, prefix, compressed });
      for (let at = 0; at < bytes.length; at += step) {
        await open.take(Math.min(step, bytes.length - at));
      }
      await open.end();
    }
    const path = join(directory, 'backup_manifest');
    await writeFile(path, manifest);
    return await checking.conclude(path);
  } finally {
    await checking.stop();
  }
}

describe('a base backup is whole', () => {
  test.each([
    ['compressed, byte by byte', { step: 1 }],
    ['compressed, at once', { step: 1_000_000 }],
    ['as it is', { compressed: false }],
  ])('%s', async (_, how) => {
    expect(await check(how)).toEqual({
      systemIdentifier: '7410',
      walRanges: [{ timeline: 1, start: '0/3000028', end: '0/3000158' }],
      files: { count: 5, bytes: Object.values(LISTED).join('').length },
      backupLabel: FILES.backup_label,
    });
  });
});

describe('a base backup is not whole', () => {
  const { 'base/5/16384': _, ...lacking } = FILES;
  test.each<[string, Case, string]>([
    [
      'one byte differs',
      { files: { ...FILES, 'global/pg_control': 'contro1' } },
      'global/pg_control',
    ],
    ['a file is missing', { files: lacking }, 'base/5/16384'],
    [
      'a file is there twice',
      { base: (tar) => Buffer.concat([tar.subarray(0, -1024), tar]) },
      'base/',
    ],
    ['a file is not listed', { files: { ...FILES, 'base/5/1': 'x' } }, 'does not list'],
    [
      'the tar ends early',
      { base: (tar) => tar.subarray(0, -1024) },
      'base.tar is not a whole tar',
    ],
    [
      'the tar ends within a file',
      { base: (tar) => tar.subarray(0, 4000) },
      'base.tar is not a whole',
    ],
    ['the tar is none', { base: () => Buffer.alloc(9000, 7) }, 'base.tar is not a whole tar'],
    [
      'the manifest has no end',
      { manifest: manifestOf(LISTED).slice(0, -90) },
      'cannot be trusted',
    ],
    [
      'the manifest was changed',
      { manifest: manifestOf(LISTED).replace('7410', '7411') },
      'its own checksum',
    ],
    ['the manifest is cut', { manifest: manifestOf(LISTED).slice(0, 300) }, 'cannot be trusted'],
    [
      'it names no WAL',
      { manifest: manifestOf(LISTED, (text) => text.replace(/\{ "Timeline.*\n/, '')) },
      'names no WAL',
    ],
  ])('where %s', async (_, what, message) => {
    await expect(check(what)).rejects.toMatchObject({
      code: 'DUMP_INCOMPLETE',
      message: expect.stringContaining(message),
    });
  });
});
