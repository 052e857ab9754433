import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** One run of the local cloud: a directory for logs and data, and the name that its containers carry. */
export interface Run {
  /** `[a-zA-Z0-9-]+`; the value of the label `holdfast.run` on every container of the run. */
  readonly id: string;
  /** Absolute. Every server keeps its log (`<server>.log`) and its data below it. */
  readonly directory: string;
  /** Removes what is still left of the run: containers with its label, then the directory (unless `keep`). */
  stop(options?: { readonly keep?: boolean }): Promise<void>;
}

export interface RunOptions {
  /** Where the run's directory is made. @default the system's directory for temporary files */
  readonly parent?: string;
}

/** Every container of a run carries this label, with the run's id. */
export const RUN_LABEL = 'holdfast.run';

const PREFIX = 'holdfast-run-';

/**
 * Clears up after a run. It waits on its standard input, which ends when the parent says so or dies
 * in whatever way, SIGKILL included: so there is one way of clearing up, and no signal handlers.
 */
const KEEPER = `
read -r answer
containers=$(podman ps --all --quiet --filter "label=$2=$1")
[ -z "$containers" ] || podman rm --force --time 0 $containers >/dev/null
[ "$answer" = keep ] || rm -rf -- "$3"
`;

/** Makes a run's directory, after clearing away runs whose process is dead. */
export async function startRun(options: RunOptions = {}): Promise<Run> {
  const parent = options.parent ?? tmpdir();
  await sweepDeadRuns(parent);
  // Versitygw's socket lies in here, and a socket's path ends at 107 characters.
  const directory = await mkdtemp(join(parent, PREFIX));
  const id = basename(directory).slice(PREFIX.length);
  await writeFile(join(directory, 'pid'), `${process.pid}\n`);
  const keeper = startKeeper(id, directory);
  let stopped: Promise<void> | undefined;
  return {
    id,
    directory,
    stop: (stopOptions) => {
      stopped ??= tell(keeper, stopOptions?.keep ? 'keep' : 'remove');
      return stopped;
    },
  };
}

function startKeeper(id: string, directory: string): ChildProcess {
  // A group of its own: Ctrl-C reaches the parent's group, and the keeper has to outlive that.
  const keeper = spawn('sh', ['-c', KEEPER, 'holdfast-keeper', id, RUN_LABEL, directory], {
    stdio: ['pipe', 'ignore', 'inherit'],
    detached: true,
    cwd: '/',
  });
  keeper.unref();
  return keeper;
}

async function tell(keeper: ChildProcess, answer: string): Promise<void> {
  keeper.ref();
  const ended = keeper.exitCode === null ? once(keeper, 'close') : undefined;
  keeper.stdin?.end(`${answer}\n`);
  await ended;
}

/** Whether a run's directory, in that for temporary files, is gone, or its process dead. */
export async function isRunOver(id: string): Promise<boolean> {
  const pid = await pidOf(join(tmpdir(), `${PREFIX}${id}`));
  return !Number.isInteger(pid) || !isAlive(pid);
}

/** Only where the keeper itself was killed, or the machine went down, is anything left to find. */
async function sweepDeadRuns(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    const directory = join(parent, name);
    const pid = await pidOf(directory);
    // Without a pid it may be a run that another process is making right now.
    if (!Number.isInteger(pid) || isAlive(pid)) continue;
    await tell(startKeeper(name.slice(PREFIX.length), directory), 'remove');
  }
}

/** Of the process that a run belongs to; NaN while its directory does not say, or is gone. */
async function pidOf(directory: string): Promise<number> {
  return Number(await readFile(join(directory, 'pid'), 'utf8').catch(() => 'NaN'));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
