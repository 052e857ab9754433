import { readFile } from 'node:fs/promises';
import type { IncomingMessage, RequestOptions, ServerResponse } from 'node:http';
import { Agent, createServer, request as forward } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Certificates } from './certificates.ts';
import { callOf, type S3Call, type S3Operation } from './s3-call.ts';

/** What happens to a call. */
export type S3Fault =
  /** Answered so, and never forwarded. */
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string }
  /** The connection is reset once so many bytes of the body have come; never forwarded. */
  | { readonly kind: 'reset'; readonly afterBytes: number }
  /** Forwarded and done; the connection breaks in place of the answer. */
  | { readonly kind: 'lose answer' }
  /** Forwarded, but later. */
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /** Forwarded once `release` was called, if the caller is still there. */
  | { readonly kind: 'hold' };

export interface S3Rule {
  readonly operation: S3Operation;
  /** @default any */
  readonly key?: RegExp;
  readonly part?: number;
  /** The first of the matching calls that meets the fault, from 1. @default 1 */
  readonly from?: number;
  /** How many calls meet it. @default all from then on */
  readonly times?: number;
  readonly fault: S3Fault;
}

/** A rule in force. */
export interface S3Trap {
  /** Calls that met the fault. */
  readonly met: number;
  /** Resolves at the first of them. */
  readonly sprung: Promise<S3Call>;
  /** Lets held calls go on, and those to come. */
  release(): void;
}

/** S3 as it is on a bad day: everything is forwarded byte by byte, but for what rules say. */
export interface S3Proxy {
  /** `https://127.0.0.1:PORT`. */
  readonly endpoint: string;
  /** Calls forwarded or not, as they came. */
  readonly calls: readonly S3Call[];
  /** Puts a rule into force. The first that matches a call counts. */
  set(rule: S3Rule): S3Trap;
  /** Takes all rules out of force, lets held calls go on, and forgets the calls. */
  clear(): void;
  stop(): Promise<void>;
}

interface Trap extends S3Trap {
  readonly rule: S3Rule;
  readonly released: Promise<void>;
  /** The fault that the call meets, if any. */
  meet(call: S3Call): S3Fault | undefined;
}

/**
 * Starts a proxy in front of an S3 server. The signature covers host and path: both are passed on as
 * they came, so the server sees what the client signed.
 */
export async function startS3Proxy(to: string, certificates: Certificates): Promise<S3Proxy> {
  const { caPem, certFile, keyFile } = certificates;
  const { hostname, port } = new URL(to);
  const agent = new Agent({ ca: caPem, keepAlive: true });
  const upstream = { hostname, port, agent };
  const traps: Trap[] = [];
  const calls: S3Call[] = [];
  const server = createServer({ cert: await readFile(certFile), key: await readFile(keyFile) });
  server.on('request', (request, response) => {
    const call = callOf(request);
    calls.push(call);
    const trap = traps.find(({ rule }) => matches(rule, call));
    const fault = trap?.meet(call);
    answer(upstream, request, response, fault, trap?.released).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const clear = (): void => {
    for (const trap of traps.splice(0)) trap.release();
    calls.splice(0);
  };
  return {
    endpoint: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    set: (rule) => {
      const trap = trapFor(rule);
      traps.push(trap);
      return trap;
    },
    clear,
    stop: async () => {
      clear();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      agent.destroy();
    },
  };
}

function matches(rule: S3Rule, { operation, key, partNumber }: S3Call): boolean {
  return (
    rule.operation === operation &&
    (rule.key === undefined || rule.key.test(key)) &&
    (rule.part === undefined || rule.part === partNumber)
  );
}

function trapFor(rule: S3Rule): Trap {
  const { from = 1, times = Number.POSITIVE_INFINITY, fault } = rule;
  const sprung = Promise.withResolvers<S3Call>();
  const released = Promise.withResolvers<void>();
  let seen = 0;
  let met = 0;
  return {
    rule,
    sprung: sprung.promise,
    released: released.promise,
    get met() {
      return met;
    },
    release: () => released.resolve(),
    meet: (call) => {
      seen += 1;
      if (seen < from || met >= times) return undefined;
      met += 1;
      sprung.resolve(call);
      return fault;
    },
  };
}

async function answer(
  upstream: RequestOptions,
  request: IncomingMessage,
  response: ServerResponse,
  fault: S3Fault | undefined,
  released: Promise<void> | undefined,
): Promise<void> {
  switch (fault?.kind) {
    case 'refuse':
      return refuse(request, response, fault);
    case 'reset':
      return await reset(request, fault.afterBytes);
    case 'delay':
      await sleep(fault.milliseconds);
      break;
    case 'hold':
      await released;
      // A caller that has gone must not have its call done after all.
      if (request.socket.destroyed) return;
      break;
  }
  const theirs = await send(upstream, request);
  if (fault?.kind === 'lose answer') {
    for await (const _ of theirs);
    request.socket.destroy();
    return;
  }
  response.writeHead(theirs.statusCode ?? 502, theirs.rawHeaders);
  theirs.pipe(response);
}

/** Passes a request on, head and body unchanged. */
function send(upstream: RequestOptions, request: IncomingMessage): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { method, url: path, rawHeaders } = request;
    // Answered here already: what the client sends after it is the body.
    const headers = withoutHeader(rawHeaders, 'expect');
    const passedOn = forward({ ...upstream, method, path, headers, setHost: false }, resolve);
    passedOn.on('error', reject);
    request.on('close', () => {
      if (!request.complete) passedOn.destroy();
    });
    request.pipe(passedOn);
  });
}

function withoutHeader(raw: readonly string[], name: string): string[] {
  return raw.filter((_, index) => raw[index - (index % 2)]?.toLowerCase() !== name);
}

/** The whole body is taken first: a client that is still sending would see a broken connection. */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  { status, code }: Extract<S3Fault, { kind: 'refuse' }>,
): void {
  request.resume().on('end', () => {
    response.writeHead(status, { 'content-type': 'application/xml' });
    response.end(
      `<?xml version="1.0"?><Error><Code>${code}</Code><Message>the proxy's rule</Message></Error>`,
    );
  });
}

async function reset(request: IncomingMessage, afterBytes: number): Promise<void> {
  let seen = 0;
  for await (const chunk of request) {
    seen += (chunk as Buffer).length;
    if (seen >= afterBytes) break;
  }
  request.socket.destroy();
}
