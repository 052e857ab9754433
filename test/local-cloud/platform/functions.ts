import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { FunctionModel } from '../model.ts';
import type { KeyPair } from '../servers/key-pair.ts';

const RUNTIME = fileURLToPath(new URL('function-runtime.ts', import.meta.url));

/** What a function answered: its payload as JSON, or an error as Lambda words it. */
export interface FunctionAnswer {
  readonly payload: string;
  /** Set when the payload is an error: what Invoke says in `X-Amz-Function-Error`. */
  readonly functionError?: 'Unhandled';
}

export interface FunctionsOptions {
  readonly run: { readonly directory: string };
  /** Endpoint URLs, region and the certificate's path: what the platform itself gives each function. */
  readonly environment: Readonly<Record<string, string>>;
  readonly caFile: string;
  /** Key pair of a role, if Lambda may have it. */
  readonly keysFor: (roleArn: string) => KeyPair;
}

/** Runs functions' bundles, each invocation a process of its own. */
export class Functions {
  private readonly options: FunctionsOptions;
  private readonly running = new Set<Promise<unknown>>();
  private readonly kills = new Set<() => void>();
  /** Over the template's variables and the platform's, for invocations from now on. */
  variables: Readonly<Record<string, string>> = {};

  constructor(options: FunctionsOptions) {
    this.options = options;
  }

  /** @param payload the event as JSON */
  async invoke(of: FunctionModel, payload: string): Promise<FunctionAnswer> {
    const answer = this.run(of, payload);
    this.running.add(answer);
    try {
      return await answer;
    } finally {
      this.running.delete(answer);
    }
  }

  async stopAll(): Promise<void> {
    for (const kill of this.kills) kill();
    await Promise.allSettled(this.running);
  }

  private async run(of: FunctionModel, payload: string): Promise<FunctionAnswer> {
    const requestId = randomUUID();
    const directory = join(this.options.run.directory, 'functions', of.name);
    // Away from the work tree, or a module missing from the bundle would be found there.
    cpSync(of.bundle, directory, { recursive: true });
    const log = openSync(join(this.options.run.directory, `function-${of.name}.log`), 'a');
    const command = ['--pdeathsig', 'KILL', '--', process.execPath, RUNTIME, directory, of.handler];
    const child = spawn('setpriv', command, {
      cwd: directory,
      env: this.environment(of, directory),
      stdio: ['pipe', log, log, 'pipe'],
      detached: true,
    });
    const kill = (): void => void child.kill('SIGKILL');
    this.kills.add(kill);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, of.timeoutSeconds * 1000);
    try {
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(
        JSON.stringify({
          event: JSON.parse(payload),
          context: {
            awsRequestId: requestId,
            functionName: of.name,
            functionVersion: '$LATEST',
            invokedFunctionArn: of.arn,
            memoryLimitInMB: String(of.memoryMiB),
          },
          deadline: Date.now() + of.timeoutSeconds * 1000,
        }),
      );
      const ended = new Promise<number | null>((resolve, reject) => {
        child.on('error', reject);
        child.on('exit', resolve);
      });
      const [answer, status] = await Promise.all([text(child.stdio[3] as Readable), ended]);
      if (timedOut) return timeOut(requestId, of.timeoutSeconds);
      return answer === '' ? exited(requestId, status) : parseAnswer(answer);
    } finally {
      clearTimeout(timer);
      this.kills.delete(kill);
    }
  }

  private environment(of: FunctionModel, directory: string): Record<string, string> {
    const keys = this.options.keysFor(of.roleArn);
    return {
      ...this.options.environment,
      ...of.environment,
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_LAMBDA_FUNCTION_NAME: of.name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(of.memoryMiB),
      // As on Lambda, there is no ~/.aws: the user's own settings stay out.
      HOME: '/nonexistent',
      LAMBDA_TASK_ROOT: directory,
      NODE_EXTRA_CA_CERTS: this.options.caFile,
      PATH: '/usr/local/bin:/usr/bin:/bin',
      TZ: ':UTC',
      _HANDLER: of.handler,
      ...this.variables,
    };
  }
}

function parseAnswer(text: string): FunctionAnswer {
  const { payload, error } = JSON.parse(text) as { payload?: string; error?: object };
  return error === undefined ? { payload: payload ?? 'null' } : unhandled(error);
}

function unhandled(error: object): FunctionAnswer {
  return { payload: JSON.stringify(error), functionError: 'Unhandled' };
}

function timeOut(requestId: string, seconds: number): FunctionAnswer {
  return unhandled({
    errorType: 'Sandbox.Timedout',
    errorMessage: `RequestId: ${requestId} Error: Task timed out after ${seconds.toFixed(2)} seconds`,
  });
}

function exited(requestId: string, status: number | null): FunctionAnswer {
  return unhandled({
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${status === null ? 'signal' : `exit status ${status}`}`,
  });
}
