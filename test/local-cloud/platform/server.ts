import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { KeyPair } from '../servers/key-pair.ts';
import { accessKeyOf, type Caller } from './authorize.ts';
import type { Ecs } from './ecs.ts';
import type { Lambda } from './lambda.ts';
import { ServiceError } from './service-error.ts';

const ECS_TARGET = 'AmazonEC2ContainerServiceV20141113.';
const INVOKE = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/;

/** What answers at the endpoint. */
export interface PlatformServices {
  readonly ecs: Ecs;
  readonly lambda: Lambda;
  readonly callerFor: (accessKeyId: string) => Caller | undefined;
  /** Of a running container, by the id in its credentials' URL. */
  readonly credentialsFor: (id: string) => KeyPair | undefined;
}

/** One loopback HTTP server that poses as ECS, as Lambda, and as the container credentials' endpoint. */
export class PlatformServer {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string;
  private readonly http: ReturnType<typeof createServer>;
  private services: PlatformServices | undefined;

  private constructor(http: ReturnType<typeof createServer>) {
    this.http = http;
    this.endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    http.on('request', (request, response) => void this.answer(request, response));
  }

  /** Listens on a free port; the services, which need to know it, come with `serve`. */
  static async listen(): Promise<PlatformServer> {
    const http = createServer();
    // Lambda's Invoke may take as long as the function's time-out.
    http.requestTimeout = 0;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    http.once('error', reject);
    http.listen(0, '127.0.0.1', resolve);
    await promise;
    return new PlatformServer(http);
  }

  serve(services: PlatformServices): void {
    this.services = services;
  }

  credentialsUrl(id: string): string {
    return `${this.endpoint}/credentials/${id}`;
  }

  async close(): Promise<void> {
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.route(request, response);
    } catch (thrown) {
      const error =
        thrown instanceof ServiceError
          ? thrown
          : new ServiceError(
              'ServerException',
              `${thrown instanceof Error ? thrown.stack : thrown}`,
              500,
            );
      const { code, message, members } = error;
      send(response, error.status, JSON.stringify({ __type: code, message, ...members }), {
        'x-amzn-errortype': code,
      });
    }
  }

  private async route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { services } = this;
    if (services === undefined) throw new ServiceError('ServerException', 'Still starting.', 503);
    const path = decodeURIComponent(request.url ?? '').split('?')[0] ?? '';
    if (request.method === 'GET' && path.startsWith('/credentials/')) {
      return credentials(services, path, response);
    }
    const body = await text(request);
    const caller = callerOf(services, request);
    const target = String(request.headers['x-amz-target'] ?? '');
    if (target.startsWith(ECS_TARGET)) {
      const input = JSON.parse(body || '{}') as object;
      const output = await services.ecs.call(target.slice(ECS_TARGET.length), input, caller);
      return send(response, 200, JSON.stringify(output));
    }
    const [, functionName] = INVOKE.exec(path) ?? [];
    if (functionName === undefined) {
      throw new ServiceError(
        'InvalidAction',
        `${request.method} ${path} is not known to the local cloud.`,
        404,
      );
    }
    const type = String(request.headers['x-amz-invocation-type'] ?? 'RequestResponse');
    const { status, answer } = await services.lambda.invoke(
      functionName,
      type,
      body || '{}',
      caller,
    );
    send(response, status, answer?.payload ?? '', {
      'x-amz-executed-version': '$LATEST',
      ...(answer?.functionError === undefined
        ? {}
        : { 'x-amz-function-error': answer.functionError }),
    });
  }
}

function callerOf(services: PlatformServices, request: IncomingMessage): Caller {
  const accessKeyId = accessKeyOf(request.headers.authorization);
  const caller = accessKeyId === undefined ? undefined : services.callerFor(accessKeyId);
  if (caller !== undefined) return caller;
  throw new ServiceError(
    'UnrecognizedClientException',
    'The security token included in the request is invalid.',
    403,
  );
}

/** @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html */
function credentials(services: PlatformServices, path: string, response: ServerResponse): void {
  const keys = services.credentialsFor(path.slice('/credentials/'.length));
  if (keys === undefined) throw new ServiceError('InvalidToken', 'No such task.', 404);
  const expiration = new Date(Date.now() + 6 * 3600 * 1000).toISOString();
  const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey } = keys;
  // The SDK insists on a token; the S3 server here refuses any but an empty one.
  const body = { AccessKeyId, SecretAccessKey, Token: '', Expiration: expiration };
  send(response, 200, JSON.stringify(body));
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', ...headers });
  response.end(body);
}
