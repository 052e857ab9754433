import { createWriteStream } from 'node:fs';
import { dirname } from 'node:path';
import { execa } from 'execa';
import { isRunOver, RUN_LABEL } from '../servers/run.ts';
import { LIMITS } from './images.ts';

const PODMAN = ['--runtime', 'runc'];

/** A container as a task definition wants it. */
export interface ContainerOptions {
  readonly name: string;
  readonly image: string;
  /** Value of the label by which a dead run's containers are found and removed. */
  readonly run: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly command?: readonly string[];
  readonly entryPoint?: readonly string[];
  readonly user?: string;
  readonly memoryMiB: number;
  /** 1024 is one core. */
  readonly cpu: number;
  readonly readOnly: boolean;
  /** Volumes of the container's own, by name, and files of the host. */
  readonly mounts: readonly {
    readonly from: string;
    readonly path: string;
    readonly readOnly: boolean;
  }[];
}

export interface ContainerEnd {
  readonly exitCode: number;
  /** As podman sees it, or, since with cgroups of version 1 it often does not, as the kernel's log tells. */
  readonly outOfMemory: boolean;
}

/** Arguments of `podman run`: what Fargate gives a container and no more. */
export function runArguments(of: ContainerOptions): string[] {
  return [
    ...PODMAN,
    'run',
    ...['--name', of.name, '--label', `${RUN_LABEL}=${of.run}`],
    ...['--pull', 'never', '--network', 'host', '--log-driver', 'none', '--http-proxy=false'],
    ...LIMITS,
    ...['--memory', `${of.memoryMiB}m`, '--memory-swap', `${of.memoryMiB}m`],
    ...['--cpus', String(of.cpu / 1024)],
    // Fargate gives a read-only container no writable /tmp either.
    ...(of.readOnly ? ['--read-only', '--read-only-tmpfs=false'] : []),
    ...['--cap-drop', 'all', '--security-opt', 'no-new-privileges'],
    ...(of.user === undefined ? [] : ['--user', of.user]),
    ...Object.entries(of.environment).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    ...of.mounts.flatMap(({ from, path, readOnly }) => [
      '--volume',
      `${from}:${path}${readOnly ? ':ro' : ''}`,
    ]),
    ...(of.entryPoint === undefined ? [] : ['--entrypoint', JSON.stringify(of.entryPoint)]),
    of.image,
    ...(of.command ?? []),
  ];
}

/** Runs the container to its end, its output going to a file. The container stays until `removeContainer`. */
export async function runContainer(of: ContainerOptions, logFile: string): Promise<ContainerEnd> {
  const log = createWriteStream(logFile, { flags: 'a' });
  const child = execa('podman', runArguments(of), {
    stdin: 'ignore',
    buffer: false,
    reject: false,
    // Ctrl-C ends tasks through StopTask's way, not by reaching podman first.
    detached: true,
    // conmon leaves a file `oom` where it was started.
    cwd: dirname(logFile),
  });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const { exitCode = 255 } = await child;
  log.end();
  const state = await podman(
    ...['inspect', '--format', '{{.State.OOMKilled}} {{.State.StartedAt.Unix}} {{.Id}}', of.name],
  );
  const [outOfMemory, startedAt, id = ''] = state.split(' ');
  // Podman's own failures (125 to 127) leave a container that never started, or none at all.
  if (exitCode >= 125 && exitCode <= 127 && !(Number(startedAt) > 0)) {
    throw new Error(`CannotStartContainerError: podman run ended with ${exitCode}; see ${logFile}`);
  }
  const killed = outOfMemory === 'true' || (exitCode === 137 && (await ranOutOfMemory(id)));
  return { exitCode, outOfMemory: killed };
}

/** Whether the kernel killed a process of the container's for the container's own limit. */
async function ranOutOfMemory(id: string): Promise<boolean> {
  const { stdout } = await execa('dmesg', [], { reject: false });
  return stdout.split('\n').some((line) => line.includes('oom-kill:') && line.includes(id));
}

/**
 * SIGTERM, and SIGKILL once the time-out has passed.
 *
 * @returns false where there is no such container, or not yet.
 */
export async function stopContainer(name: string, timeoutSeconds: number): Promise<boolean> {
  const { exitCode } = await execa(
    'podman',
    [...PODMAN, 'stop', '--time', String(timeoutSeconds), name],
    { reject: false, detached: true },
  );
  return exitCode === 0;
}

export async function removeContainer(name: string, volumes: readonly string[]): Promise<void> {
  await podman('rm', '--force', '--ignore', '--volumes', '--time', '0', name);
  if (volumes.length > 0) await podman('volume', 'rm', '--force', ...volumes);
}

export async function createVolume(
  name: string,
  run: string,
  fileSystem?: { readonly type: string; readonly options: string },
): Promise<void> {
  const options =
    fileSystem === undefined
      ? []
      : [`type=${fileSystem.type}`, `device=${fileSystem.type}`, `o=${fileSystem.options}`];
  await execa('podman', [
    ...['volume', 'create', '--label', `${RUN_LABEL}=${run}`],
    ...options.flatMap((option) => ['--opt', option]),
    name,
  ]);
}

/** Removes volumes of runs that are over. One of a run that lives may lie between two containers. */
export async function sweepVolumes(): Promise<void> {
  const format = `{{.Name}} {{index .Labels "${RUN_LABEL}"}}`;
  const filter = `label=${RUN_LABEL}`;
  const volumes = await podman('volume', 'ls', '--filter', filter, '--format', format);
  for (const line of volumes.split('\n').filter((one) => one !== '')) {
    const [name = '', run = ''] = line.split(' ');
    if (await isRunOver(run)) await podman('volume', 'rm', name);
  }
}

/** Process id of the container's first process, as the host sees it; `undefined` while it has none. */
export async function containerPid(name: string): Promise<number | undefined> {
  const pid = Number.parseInt(await podman('inspect', '--format', '{{.State.Pid}}', name), 10);
  return pid > 0 ? pid : undefined;
}

/** Where a volume's files lie on the host. */
export async function volumePath(name: string): Promise<string> {
  return await podman('volume', 'inspect', '--format', '{{.Mountpoint}}', name);
}

async function podman(...args: readonly string[]): Promise<string> {
  const { stdout } = await execa('podman', [...PODMAN, ...args], { reject: false, detached: true });
  return stdout.trim();
}
