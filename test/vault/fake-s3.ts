import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import type { VaultReader } from '../../vault/vault-reader.ts';

export interface FakeVersion {
  readonly versionId: string;
  /** `undefined`: a delete marker. */
  readonly body: Buffer | undefined;
}

export interface FakeS3 extends VaultReader {
  /** By key, oldest first. */
  readonly objects: Map<string, FakeVersion[]>;
  /** Requests answered, such as `GET key?versionId=1 bytes=5-`. */
  readonly requests: string[];
  /** When it returns a number, the socket is torn after that many bytes of the body. */
  breakAfter: (request: number) => number | undefined;
  /** When it returns a code, the request is refused with it. */
  refuse: (key: string) => 'AccessDenied' | 'SlowDown' | undefined;
  /** Versions per page of a listing. */
  pageSize: number;
  close(): Promise<void>;
}

/**
 * As much of S3 as readers use, on a loopback socket: for what a real server does not do when asked,
 * which is to tear connections, refuse single keys and cut listings into small pages.
 */
export async function startFakeS3(): Promise<FakeS3> {
  const objects = new Map<string, FakeVersion[]>();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fake');
    const key = decodeURIComponent(url.pathname.replace(/^\/vault\/?/, ''));
    const refusal = fake.refuse(key || (url.searchParams.get('prefix') ?? ''));
    if (refusal !== undefined) {
      fail(response, refusal === 'SlowDown' ? 503 : 403, refusal);
    } else if (url.searchParams.has('versions')) {
      list(fake, url.searchParams, response);
    } else {
      get(fake, key, url.searchParams.get('versionId'), request, response);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const s3 = new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    forcePathStyle: true,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    maxAttempts: 1,
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const fake: FakeS3 = {
    s3,
    bucket: 'vault',
    objects,
    requests,
    breakAfter: () => undefined,
    refuse: () => undefined,
    pageSize: 1000,
    close: async () => {
      s3.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return fake;
}

export function put(fake: FakeS3, key: string, body: Buffer | string | undefined): string {
  const versions = fake.objects.get(key) ?? [];
  fake.objects.set(key, versions);
  const versionId = `v${versions.length + 1}`;
  versions.push({ versionId, body: body === undefined ? undefined : Buffer.from(body) });
  return versionId;
}

function get(
  fake: FakeS3,
  key: string,
  versionId: string | null,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  fake.requests.push(`GET ${key}?${versionId} ${request.headers.range ?? ''}`.trim());
  const body = fake.objects.get(key)?.find((one) => one.versionId === versionId)?.body;
  if (body === undefined) {
    fail(response, 404, 'NoSuchVersion');
    return;
  }
  const from = Number(range?.[1] ?? 0);
  const part = body.subarray(from);
  response.writeHead(range ? 206 : 200, {
    'content-length': part.length,
    ...(range ? { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` } : {}),
  });
  const until = fake.breakAfter(fake.requests.length);
  if (until === undefined) response.end(part);
  else response.write(part.subarray(0, until), () => setTimeout(() => response.destroy(), 20));
}

function list(fake: FakeS3, query: URLSearchParams, response: ServerResponse): void {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter');
  const keys = [...fake.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  if (delimiter !== null) {
    const names = new Set(
      keys.map((key) => key.slice(0, key.indexOf(delimiter, prefix.length) + 1)),
    );
    const found = [...names].map(
      (name) => `<CommonPrefixes><Prefix>${name}</Prefix></CommonPrefixes>`,
    );
    page(response, found.join(''), undefined);
    return;
  }
  const all = keys.flatMap((key) =>
    (fake.objects.get(key) ?? []).toReversed().map((one) => ({ key, ...one })),
  );
  const [keyMarker, idMarker] = [query.get('key-marker'), query.get('version-id-marker')];
  const after = all.findIndex((one) => one.key === keyMarker && one.versionId === idMarker) + 1;
  const shown = all.slice(after, after + fake.pageSize);
  const more = after + shown.length < all.length ? shown.at(-1) : undefined;
  // S3 keeps one order over versions and markers; within a page they arrive as two lists.
  page(
    response,
    shown
      .map((one) => {
        const tag = one.body === undefined ? 'DeleteMarker' : 'Version';
        return `<${tag}><Key>${one.key}</Key><VersionId>${one.versionId}</VersionId></${tag}>`;
      })
      .join(''),
    more,
  );
}

function page(
  response: ServerResponse,
  inner: string,
  more: { key: string; versionId: string } | undefined,
): void {
  const next =
    more === undefined
      ? '<IsTruncated>false</IsTruncated>'
      : `<IsTruncated>true</IsTruncated><NextKeyMarker>${more.key}</NextKeyMarker><NextVersionIdMarker>${more.versionId}</NextVersionIdMarker>`;
  response.writeHead(200, { 'content-type': 'application/xml' });
  response.end(`<ListVersionsResult>${inner}${next}</ListVersionsResult>`);
}

function fail(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<Error><Code>${code}</Code><Message>${code}</Message></Error>`);
}
