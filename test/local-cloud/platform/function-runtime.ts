/**
 * What Lambda's Node runtime is to a function: loads the handler from the bundle's directory, calls
 * it once, and writes the answer to file descriptor 3. Started as a process of its own.
 */
import { existsSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Invocation {
  readonly event: unknown;
  readonly context: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970. */
  readonly deadline: number;
}

type Handler = (event: unknown, context: object) => unknown;

const [directory = '', handlerName = ''] = process.argv.slice(2);
const { event, context, deadline } = JSON.parse(readFileSync(0, 'utf8')) as Invocation;

try {
  const handler = await load();
  const answer = await handler(event, {
    ...context,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  });
  writeSync(3, JSON.stringify({ payload: JSON.stringify(answer) ?? 'null' }));
} catch (thrown) {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  console.error(error);
  writeSync(
    3,
    JSON.stringify({
      error: {
        errorType: error.name,
        errorMessage: error.message,
        trace: (error.stack ?? '').split('\n'),
      },
    }),
  );
}
// Lambda freezes what is still open; here the process ends.
process.exit(0);

async function load(): Promise<Handler> {
  const [module = '', name = ''] = handlerName.split('.');
  const file = ['.mjs', '.js', '.cjs']
    .map((end) => join(directory, `${module}${end}`))
    .find(existsSync);
  if (file === undefined) {
    throw named('Runtime.ImportModuleError', `Error: Cannot find module '${module}'`);
  }
  const loaded = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  const handler = loaded[name];
  if (typeof handler !== 'function') {
    throw named('Runtime.HandlerNotFound', `${handlerName} is undefined or not exported`);
  }
  return handler as Handler;
}

function named(name: string, message: string): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}
