import { execa } from 'execa';
import { LIMITS } from './platform/images.ts';
import { CA_PATH } from './platform/tasks.ts';

export interface HoldfastOptions {
  /** Whose task's image it runs in. @default the environment's first cluster's */
  readonly cluster?: string;
  readonly stdin?: string;
  /** Added to the environment of the person who runs it. */
  readonly env?: Readonly<Record<string, string>>;
  /** Name of its container, by which it can be killed. */
  readonly container?: string;
  /** Directories of the host, as `--volume` takes them. */
  readonly volumes?: readonly string[];
}

export interface HoldfastResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface HoldfastCommandOptions extends HoldfastOptions {
  readonly image: string;
  readonly run: string;
  readonly args: readonly string[];
  readonly caFile: string;
}

/** How podman runs the task's image for a person. */
export const PODMAN_RUN = [
  ...['--runtime', 'runc', 'run', '--rm', '--interactive', '--pull', 'never'],
  ...['--network', 'host', '--http-proxy=false', '--log-driver', 'none'],
  ...LIMITS,
];

/** Runs `holdfast` in the image, because a restore needs the server's version of `pg_restore`. */
export async function runHoldfast(options: HoldfastCommandOptions): Promise<HoldfastResult> {
  const { image, run, args, caFile, stdin, env = {}, container, volumes = [] } = options;
  // By name only: values, such as a target's password, come from podman's own environment.
  const names = Object.keys(env).flatMap((name) => ['--env', name]);
  const { exitCode, stdout, stderr } = await execa(
    'podman',
    [
      ...PODMAN_RUN,
      ...['--label', `holdfast.run=${run}`],
      ...(container === undefined ? [] : ['--name', container]),
      ...[`${caFile}:${CA_PATH}:ro`, ...volumes].flatMap((volume) => ['--volume', volume]),
      ...names,
      ...[image, 'holdfast', ...args],
    ],
    {
      input: stdin ?? '',
      env: { ...env, NODE_EXTRA_CA_CERTS: CA_PATH },
      reject: false,
      detached: true,
    },
  );
  return { exitCode: exitCode ?? 255, stdout, stderr };
}
