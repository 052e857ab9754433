/**
 * `node upload.mjs BUCKET KEY FILE…`: a plain multipart upload, four parts of 8 MiB at a time. What a good client does and no more: no encryption, no lock, no checksum of its
 * own. It runs in the image, as the backup does.
 */
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';

const PART_BYTES = 8 * 1024 * 1024;
const AT_ONCE = 4;

const s3 = new S3Client({
  requestChecksumCalculation: 'WHEN_REQUIRED',
  requestHandler: { httpsAgent: { maxSockets: 32 } },
});
// As AWS's command does over TLS: the signature does not cover the body, which saves hashing it.
s3.middlewareStack.add(
  (next) => (args) => {
    const { headers } = args.request as { headers: Record<string, string> };
    headers['x-amz-content-sha256'] = 'UNSIGNED-PAYLOAD';
    return next(args);
  },
  { step: 'build', name: 'unsignedPayload' },
);

class PlainUpload {
  readonly #bucket: string;
  readonly #key: string;
  readonly #id: string;
  readonly #parts: { PartNumber: number; ETag: string | undefined }[] = [];

  private constructor(bucket: string, key: string, id: string) {
    this.#bucket = bucket;
    this.#key = key;
    this.#id = id;
  }

  static async start(Bucket: string, Key: string): Promise<PlainUpload> {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    return new PlainUpload(Bucket, Key, UploadId ?? '');
  }

  async part(PartNumber: number, Body: Buffer): Promise<void> {
    const { ETag } = await s3.send(
      new UploadPartCommand({
        Bucket: this.#bucket,
        Key: this.#key,
        UploadId: this.#id,
        PartNumber,
        Body,
      }),
    );
    this.#parts.push({ PartNumber, ETag });
  }

  async complete(): Promise<void> {
    const Parts = this.#parts.sort((a, b) => a.PartNumber - b.PartNumber);
    await s3.send(
      new CompleteMultipartUploadCommand({
        Bucket: this.#bucket,
        Key: this.#key,
        UploadId: this.#id,
        MultipartUpload: { Parts },
      }),
    );
  }
}

async function atOnce(work: (() => Promise<void>)[]): Promise<void> {
  const worker = async (): Promise<void> => {
    for (let next = work.shift(); next !== undefined; next = work.shift()) await next();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function uploadFiles(bucket: string, key: string, paths: readonly string[]): Promise<void> {
  const sizes = await Promise.all(paths.map(async (path) => ({ path, ...(await stat(path)) })));
  const big = sizes.filter(({ size }) => size > PART_BYTES);
  const uploads = await Promise.all(
    big.map(({ path }) => PlainUpload.start(bucket, `${key}/${basename(path)}`)),
  );
  const parts = big.flatMap(({ path, size }, index) =>
    Array.from({ length: Math.ceil(size / PART_BYTES) }, (_, number) => async () => {
      const offset = number * PART_BYTES;
      const body = await read(path, offset, Math.min(PART_BYTES, size - offset));
      await uploads[index]?.part(number + 1, body);
    }),
  );
  const small = sizes.filter(({ size }) => size <= PART_BYTES);
  const puts = small.map(({ path, size }) => async () => {
    const Key = `${key}/${basename(path)}`;
    await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: await read(path, 0, size) }));
  });
  await atOnce([...parts, ...puts]);
  await Promise.all(uploads.map((upload) => upload.complete()));
}

async function read(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const buffer = Buffer.allocUnsafe(length);
    await file.read(buffer, 0, length, offset);
    return buffer;
  } finally {
    await file.close();
  }
}

const [bucket = '', key = '', ...paths] = process.argv.slice(2);
await uploadFiles(bucket, key, paths);
