import { readFileSync } from 'node:fs';
import { ListMultipartUploadsCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import type { ClusterOptions } from '../../contract/cluster-options.ts';
import type { ErrorCode } from '../../contract/error-codes.ts';
import { ERROR_CODES } from '../../contract/error-codes.ts';
import { ExitCode } from '../../contract/exit-codes.ts';
import type { LogicalManifest } from '../../contract/logical-manifest.ts';
import { StartTaskAnswer } from '../../contract/request.ts';
import { backupsPrefix } from '../../contract/vault-keys.ts';
import { changedOptions } from '../local-cloud/changed-options.ts';
import { dumpProcesses } from '../local-cloud/dump-processes.ts';
import { type LocalCloud, startLocalCloud, type TaskEnd } from '../local-cloud/local-cloud.ts';
import type { TaskConditions } from '../local-cloud/platform/tasks.ts';
import { type S3Proxy, startS3Proxy } from '../local-cloud/servers/s3-proxy.ts';
import { waitUntil } from '../local-cloud/servers/wait-until.ts';
import { createBulk } from '../local-cloud/shop.ts';

/** Of each of `bulk`'s two tables. */
const TABLE_MIB = 40;

/** Of a dump that is too long for what may lie between it and S3. */
export const LONG_DUMP_SPOOL_MIB = 48;

export const HOLD = { kind: 'hold' } as const;

/** How a run that failed is told in its task's log. */
export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly exit: number;
}

/** A local cloud whose tasks reach S3 through a proxy, and what every test of a fault asks. */
export class FaultCloud {
  readonly cloud: LocalCloud;
  readonly s3: S3Proxy;
  #runs = 0;

  private constructor(cloud: LocalCloud, s3: S3Proxy) {
    this.cloud = cloud;
    this.s3 = s3;
  }

  /** With a database `bulk`, of which both servers have the same. */
  static async start(): Promise<FaultCloud> {
    const cloud = await startLocalCloud();
    const s3 = await startS3Proxy(cloud.s3Endpoint, cloud.certificates);
    const faults = new FaultCloud(cloud, s3);
    faults.giveTasks({});
    await createBulk(cloud.primary, TABLE_MIB);
    await cloud.standby.waitForReplay();
    return faults;
  }

  async stop(): Promise<void> {
    await this.s3.stop();
    await this.cloud.stop();
  }

  /** Everything as on a good day; a task that a case left behind would have the next one refused. */
  async reset(): Promise<void> {
    this.s3.clear();
    this.giveTasks({});
    await Promise.all(this.cloud.taskArns().map((arn) => this.cloud.stopTask(arn)));
  }

  /** Conditions of tasks that are started from now on; the proxy stays. */
  giveTasks({ environment, ...rest }: TaskConditions): void {
    this.cloud.giveTasks({
      ...rest,
      environment: { AWS_ENDPOINT_URL_S3: this.s3.endpoint, ...environment },
    });
  }

  /** The cluster's options as deployed, but for some, as a variable of the task. */
  options(changed: Partial<ClusterOptions>): Record<string, string> {
    return changedOptions(this.cloud, 'orders', () => changed);
  }

  /** Fires the schedule for an hour of its own, so that every backup has its own label. */
  async begin(): Promise<StartTaskAnswer> {
    const due = this.nextDue();
    return StartTaskAnswer.parse((await this.cloud.fireSchedule('orders', 'daily', due)).payload);
  }

  /** An hour that no run has had yet. */
  nextDue(): Date {
    this.#runs += 1;
    return this.lastDue;
  }

  /** When the last run was due. */
  get lastDue(): Date {
    return new Date(Date.UTC(2026, 8, 1, this.#runs));
  }

  waitFor(probe: () => boolean | Promise<boolean>, what: string): Promise<void> {
    return waitUntil(probe, { what, timeoutMs: 120_000, intervalMs: 20 });
  }

  finish({ taskArn }: StartTaskAnswer): Promise<TaskEnd> {
    return this.cloud.waitForTask(taskArn, { timeoutSeconds: 170 });
  }

  /** Begins a run and waits until one of its parts is held back on its way to S3. */
  async beginAndHold(key = /\.dat/): Promise<{ started: StartTaskAnswer; release(): void }> {
    const trap = this.s3.set({ operation: 'UploadPart', key, fault: HOLD });
    const started = await this.begin();
    await trap.sprung;
    return { started, release: () => trap.release() };
  }

  /**
   * Begins a run whose dump of a database stands still in the middle, until released: S3 takes nothing,
   * and seven buffers of parts (42 MiB) and a quarter of the spool's cap hold less than the dump, even if
   * that goes on for a while on a busy machine.
   */
  async beginLongDump(
    options: Partial<ClusterOptions> = {},
    database = 'bulk',
  ): Promise<{ started: StartTaskAnswer; release(): void }> {
    const long = { jobs: 1, compression: 'none', spoolCapMiB: LONG_DUMP_SPOOL_MIB };
    this.giveTasks({ environment: this.options({ ...long, ...options }) });
    const { rows } = await this.cloud.primary.query(
      `select oid from pg_database where datname = '${database}'`,
    );
    const { oid } = rows[0] as { oid: number };
    const held = await this.beginAndHold(new RegExp(`db-${oid}/.*dat`));
    const { pid } = await this.cloud.task(held.started.taskArn);
    await this.waitFor(
      () => dumpProcesses(pid, database).some(({ state }) => state === 'T'),
      `the dump of ${database} to be stopped`,
    );
    return held;
  }

  async run(): Promise<{ started: StartTaskAnswer; end: TaskEnd }> {
    const started = await this.begin();
    return { started, end: await this.finish(started) };
  }

  async listed(): Promise<string[]> {
    const { exitCode, stdout, stderr } = await this.cloud.holdfast([
      ...['list', '--cluster', 'orders', '--json'],
    ]);
    expect(exitCode, stderr).toBe(0);
    return [...stdout.matchAll(/"label": ?"([^"]+)"/g)].map(([, label]) => label ?? '');
  }

  async manifestOf(label: string): Promise<LogicalManifest> {
    const { stdout, stderr, exitCode } = await this.cloud.holdfast([
      ...['show', label, '--cluster', 'orders', '--json'],
    ]);
    expect(exitCode, stderr).toBe(0);
    return (JSON.parse(stdout) as { manifest: LogicalManifest }).manifest;
  }

  async openUploadsOf(label: string): Promise<string[]> {
    const { Uploads = [] } = await this.cloud.s3.send(
      new ListMultipartUploadsCommand({ Bucket: this.cloud.bucket }),
    );
    return Uploads.flatMap(({ Key }) => (Key?.includes(label) ? [Key] : []));
  }

  /** Keys of artifacts that are visible under a label. */
  async artifactsOf(label: string): Promise<string[]> {
    const { Versions = [] } = await this.cloud.s3.send(
      new ListObjectVersionsCommand({
        Bucket: this.cloud.bucket,
        Prefix: `${backupsPrefix('orders')}${label}/`,
      }),
    );
    return Versions.map(({ Key }) => Key ?? '');
  }

  /** The run has published its backup, and nothing else is left of it. */
  async expectPublished({
    started,
    end,
  }: {
    started: StartTaskAnswer;
    end: TaskEnd;
  }): Promise<void> {
    expect(end.exitCode, logOf(end)).toBe(ExitCode.Ok);
    expect(await this.listed()).toContain(started.label);
    expect(await this.openUploadsOf(started.label)).toEqual([]);
  }

  /**
   * The run has failed with this code, and says so; there is no manifest, nothing can be restored,
   * nothing is left open, and the next run succeeds.
   */
  async expectFailed(
    { started, end }: { started: StartTaskAnswer; end: TaskEnd },
    code: ErrorCode,
    left: { readonly orphans?: number; readonly open?: number } = {},
  ): Promise<Failure> {
    const failure = failureIn(end);
    expect(failure.code, logOf(end)).toBe(code);
    expect(end.exitCode).toBe(ERROR_CODES[code].exit);
    expect(failure.hint.length).toBeGreaterThan(20);
    expect(await this.openUploadsOf(started.label)).toHaveLength(left.open ?? 0);
    expect(await this.artifactsOf(started.label)).toHaveLength(left.orphans ?? 0);
    const { exitCode, stderr } = await this.cloud.holdfast(
      [
        ...['restore', '--cluster', 'orders', '--label', started.label],
        ...['--database', 'bulk', '--into', 'x'],
      ],
      { env: { HOLDFAST_RESTORE_URI: this.cloud.primary.uri } },
    );
    expect(stderr).toContain('BACKUP_UNKNOWN');
    expect(exitCode).toBe(ExitCode.Usage);
    await this.expectNextRunToSucceed(started.label);
    return failure;
  }

  /** And the failed one is neither listed nor has it left anything open after that. */
  async expectNextRunToSucceed(failed: string): Promise<void> {
    this.reset();
    const next = await this.run();
    expect(next.end.exitCode, logOf(next.end)).toBe(ExitCode.Ok);
    const labels = await this.listed();
    expect(labels).toContain(next.started.label);
    expect(labels).not.toContain(failed);
    expect(await this.openUploadsOf(failed)).toEqual([]);
  }
}

/** The line of the task's log that tells of its failure. */
export function failureIn(end: TaskEnd): Failure {
  const line = logOf(end)
    .split('\n')
    .findLast((one) => one.includes('"task failed"'));
  return JSON.parse(line ?? '{}') as Failure;
}

export function logOf(end: Pick<TaskEnd, 'logFile'>): string {
  return readFileSync(end.logFile, 'utf8');
}
