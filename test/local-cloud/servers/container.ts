import { execa } from 'execa';
import { RUN_LABEL, type Run } from './run.ts';

/** Server and client programs of one major version; `scripts/setup/images.sh` makes those that are tested. */
export function postgresBaseImage(major: number): string {
  return `localhost/holdfast-postgres-base:${major}`;
}

export const POSTGRES_IMAGE = postgresBaseImage(17);

/** What every container needs here, whatever it runs. */
export function containerArguments(run: Pick<Run, 'id'>): string[] {
  return [
    // The only runtime that works without systemd and user namespaces.
    ...['--runtime', 'runc', 'run', '--rm', '--network', 'host', '--pull', 'never'],
    // The machine's own limits may be lower than podman's defaults, and it fails to raise them.
    ...['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'],
    ...['--label', `${RUN_LABEL}=${run.id}`],
  ];
}

export interface PodmanAnswer {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs podman and waits. @throws Error with podman's stderr */
export async function podman(args: readonly string[], input = ''): Promise<PodmanAnswer> {
  const { stdout, stderr } = await execa('podman', args, { input });
  return { stdout, stderr };
}

/** The same, where what is printed is no text. */
export async function podmanBytes(args: readonly string[]): Promise<Buffer> {
  const { stdout } = await execa('podman', args, { encoding: 'buffer' });
  return Buffer.from(stdout.buffer, stdout.byteOffset, stdout.byteLength);
}

export async function containerExists(name: string): Promise<boolean> {
  const { exitCode } = await execa('podman', ['container', 'exists', name], { reject: false });
  return exitCode === 0;
}

/** Removes a container at once; it is no error if there is none. */
export async function removeContainer(name: string): Promise<void> {
  await podman(['rm', '--force', '--ignore', '--time', '0', name]);
}
