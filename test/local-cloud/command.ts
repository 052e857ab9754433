import { createWriteStream } from 'node:fs';
import { execa } from 'execa';

export interface CommandOptions {
  readonly cwd?: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Both outputs are appended to it. */
  readonly logFile: string;
}

/** Each leads a process group of its own. */
const running = new Set<number>();

/** Ends what still runs, with the processes that it started: they would go on writing to the run's directory. */
export function killTools(): void {
  for (const pid of running) {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended by itself in this moment.
    }
  }
}

/** Runs a tool to its end; on failure, says which one and shows the end of its output. */
export async function runTool(
  program: string,
  args: readonly string[],
  { cwd, env, logFile }: CommandOptions,
): Promise<void> {
  const log = createWriteStream(logFile, { flags: 'a' });
  const child = execa('setpriv', ['--pdeathsig', 'TERM', '--', program, ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env,
    extendEnv: false,
    all: true,
    stdin: 'ignore',
    reject: false,
    // Ctrl-C is for whoever started the local cloud; when that ends, the kernel ends the tool.
    detached: true,
  });
  const { pid } = child;
  if (pid !== undefined) running.add(pid);
  const result = await child;
  if (pid !== undefined) running.delete(pid);
  log.end(`$ ${program} ${args.join(' ')}\n${result.all}\n`);
  if (!result.failed) return;
  const tail = (result.all ?? '').split('\n').slice(-25).join('\n');
  throw new Error(
    `${program} ${args[0] ?? ''} failed (${result.shortMessage}); its log is ${logFile}:\n${tail}`,
  );
}

/** What tools need of this process's environment; credentials and endpoints of the caller stay out. */
export function toolEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'TMPDIR', 'XDG_CACHE_HOME'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
