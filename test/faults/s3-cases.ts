import { expect } from 'vitest';
import type { ErrorCode } from '../../contract/error-codes.ts';
import type { S3Fault, S3Rule } from '../local-cloud/servers/s3-proxy.ts';
import type { FaultCase } from './choose-cases.ts';
import { type FaultCloud, logOf } from './fault-cloud.ts';

/** What S3 does to one run, and what has to come of it. */
interface S3Case {
  readonly name: string;
  readonly rules: readonly S3Rule[];
  /** The code that the run ends with. @default it publishes its backup all the same */
  readonly code?: ErrorCode;
  /** What the message has to name. */
  readonly names?: RegExp;
  /** Artifacts that are visible after a failure. @default 0 */
  readonly orphans?: number;
  /** Uploads that only the next run can abort. @default 0 */
  readonly open?: number;
  readonly always?: true;
}

/** Artifacts of a backup of `bulk`: the globals, two packs, two tables. */
const ARTIFACTS = 5;

const ERROR: S3Fault = { kind: 'refuse', status: 500, code: 'InternalError' };
const BUSY: S3Fault = { kind: 'refuse', status: 503, code: 'SlowDown' };
const DENIED: S3Fault = { kind: 'refuse', status: 403, code: 'AccessDenied' };
const LOST: S3Fault = { kind: 'lose answer' };
const RESET: S3Fault = { kind: 'reset', afterBytes: 100_000 };
const TABLE = /\.dat/;
const once = { times: 1 };

const part = { operation: 'UploadPart' } as const;
const create = { operation: 'CreateMultipartUpload' } as const;
const complete = { operation: 'CompleteMultipartUpload' } as const;
const abort = { operation: 'AbortMultipartUpload' } as const;
const manifest = { operation: 'PutObject', key: /\/catalog\// } as const;
const list = { operation: 'ListObjectVersions' } as const;
const listUploads = { operation: 'ListMultipartUploads' } as const;

const UNAVAILABLE = 'VAULT_UNAVAILABLE';

const CASES: readonly S3Case[] = [
  {
    name: 'refuses one part for some seconds',
    // More often than the SDK would try by itself.
    rules: [{ ...part, key: /globals/, fault: ERROR, times: 6 }],
    always: true,
  },
  { name: 'is busy for one part', rules: [{ ...part, key: TABLE, fault: BUSY, ...once }] },
  {
    name: 'refuses one part for good',
    rules: [{ ...part, key: TABLE, part: 2, fault: ERROR }],
    code: UNAVAILABLE,
    names: /s3:PutObject on .*\(part 2\).*InternalError/,
  },
  {
    name: 'denies one part',
    rules: [{ ...part, key: TABLE, part: 1, fault: DENIED }],
    code: 'VAULT_DENIED',
    names: /s3:PutObject on .*\(part 1\)/,
  },
  {
    name: 'refuses every part',
    rules: [{ ...part, fault: ERROR }],
    code: UNAVAILABLE,
    names: /s3:PutObject on /,
  },
  {
    name: 'resets one connection in mid-part',
    rules: [{ ...part, key: TABLE, fault: RESET, ...once }],
    always: true,
  },
  {
    name: 'resets every connection in mid-part',
    rules: [{ ...part, key: TABLE, fault: RESET }],
    code: UNAVAILABLE,
    names: /s3:PutObject on .*\(part \d\)/,
  },
  { name: 'loses the answer to a part', rules: [{ ...part, key: TABLE, fault: LOST, ...once }] },
  { name: 'refuses to open an upload once', rules: [{ ...create, fault: ERROR, ...once }] },
  {
    name: 'refuses to open an upload for good',
    rules: [{ ...create, key: TABLE, fault: ERROR }],
    code: UNAVAILABLE,
    names: /s3:PutObject on .*\.dat/,
  },
  {
    name: 'loses the answer to the opening of an upload',
    rules: [{ ...create, key: TABLE, fault: LOST, ...once }],
    always: true,
  },
  {
    name: 'loses every answer to the opening of an upload',
    rules: [{ ...create, key: TABLE, fault: LOST }],
    code: UNAVAILABLE,
  },
  { name: 'refuses a completion once', rules: [{ ...complete, fault: ERROR, ...once }] },
  {
    name: 'refuses the first completion for good',
    rules: [{ ...complete, fault: ERROR }],
    code: UNAVAILABLE,
    names: /s3:PutObject on .*globals/,
  },
  {
    name: 'refuses all completions but the first',
    rules: [{ ...complete, from: 2, fault: ERROR }],
    code: UNAVAILABLE,
    orphans: 1,
    always: true,
  },
  {
    name: 'denies the first completion',
    rules: [{ ...complete, fault: DENIED }],
    code: 'VAULT_DENIED',
    names: /s3:PutObject on /,
  },
  {
    name: 'loses the answer to the first completion',
    rules: [{ ...complete, fault: LOST, ...once }],
  },
  {
    name: 'loses the first answers to completions and to the manifest',
    rules: [
      ...[/globals/, /pack/, TABLE].map((key) => ({ ...complete, key, fault: LOST, ...once })),
      { ...manifest, fault: LOST, ...once },
    ],
    always: true,
  },
  {
    name: 'loses every answer to a completion',
    rules: [{ ...complete, key: TABLE, fault: LOST }],
  },
  {
    name: 'loses the answer to a completion, and what could tell of it',
    rules: [
      { ...complete, key: /globals/, fault: LOST },
      { ...list, key: /globals/, fault: ERROR },
    ],
    code: UNAVAILABLE,
    orphans: 1,
  },
  { name: 'refuses the manifest once', rules: [{ ...manifest, fault: ERROR, ...once }] },
  {
    name: 'refuses the manifest for good',
    rules: [{ ...manifest, fault: ERROR }],
    code: UNAVAILABLE,
    names: /s3:PutObject on .*\/catalog\//,
    orphans: ARTIFACTS,
    always: true,
  },
  {
    name: 'denies the manifest',
    rules: [{ ...manifest, fault: DENIED }],
    code: 'VAULT_DENIED',
    names: /s3:PutObject on .*\/catalog\//,
    orphans: ARTIFACTS,
  },
  {
    name: 'resets the connection in the manifest',
    rules: [{ ...manifest, fault: { kind: 'reset', afterBytes: 100 }, ...once }],
  },
  { name: 'loses the answer to the manifest', rules: [{ ...manifest, fault: LOST, ...once }] },
  { name: 'loses every answer to the manifest', rules: [{ ...manifest, fault: LOST }] },
  {
    name: 'refuses to list versions',
    rules: [{ ...list, fault: ERROR }],
    code: UNAVAILABLE,
    names: /s3:ListBucketVersions/,
  },
  { name: 'refuses to list uploads', rules: [{ ...listUploads, fault: ERROR }] },
  {
    name: 'refuses a part, and then to abort the upload',
    rules: [
      { ...part, key: TABLE, part: 1, fault: DENIED },
      { ...abort, key: TABLE, fault: ERROR },
    ],
    code: 'VAULT_DENIED',
    // Both tables' first parts.
    open: 2,
    always: true,
  },
];

async function runCase(faults: FaultCloud, { rules, code, names, ...left }: S3Case): Promise<void> {
  const traps = rules.map((rule) => faults.s3.set(rule));
  const run = await faults.run();
  for (const trap of traps) expect(trap.met).toBeGreaterThan(0);
  if (code === undefined) {
    await faults.expectPublished(run);
    // The call was made again, and not the whole dump.
    expect(logOf(run.end)).not.toContain('trying again');
    return;
  }
  const failure = await faults.expectFailed(run, code, left);
  expect(failure.message).toMatch(names ?? /^s3:/);
}

export const S3_CASES: readonly FaultCase[] = CASES.map((one) => ({
  name: `S3 ${one.name}`,
  ...(one.always === undefined ? {} : { always: one.always }),
  run: (faults) => runCase(faults, one),
}));
