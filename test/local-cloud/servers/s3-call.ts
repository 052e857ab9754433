import type { IncomingMessage } from 'node:http';

/** The calls that tests tell apart; the rest is `other`. */
export type S3Operation =
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'PutObject'
  | 'GetObject'
  | 'ListObjectVersions'
  | 'ListMultipartUploads'
  | 'other';

/** One request to S3, by what it asks for. */
export interface S3Call {
  readonly operation: S3Operation;
  /** Without the bucket; of a list its prefix. */
  readonly key: string;
  readonly partNumber: number | undefined;
}

/** Reads a path-style request. */
export function callOf({ method, url }: IncomingMessage): S3Call {
  const { pathname, searchParams } = new URL(url ?? '/', 'https://s3');
  const key = decodeURIComponent(pathname.split('/').slice(2).join('/'));
  const partNumber = Number(searchParams.get('partNumber') ?? Number.NaN);
  return {
    operation: operationOf(method ?? '', key, searchParams),
    key: key === '' ? (searchParams.get('prefix') ?? '') : key,
    partNumber: Number.isNaN(partNumber) ? undefined : partNumber,
  };
}

function operationOf(method: string, key: string, query: URLSearchParams): S3Operation {
  const onUpload = query.has('uploadId');
  switch (method) {
    case 'POST':
      if (query.has('uploads')) return 'CreateMultipartUpload';
      return onUpload ? 'CompleteMultipartUpload' : 'other';
    case 'PUT':
      if (query.has('partNumber')) return 'UploadPart';
      return query.has('retention') || key === '' ? 'other' : 'PutObject';
    case 'DELETE':
      return onUpload ? 'AbortMultipartUpload' : 'other';
    case 'GET':
      if (query.has('versions')) return 'ListObjectVersions';
      if (query.has('uploads')) return 'ListMultipartUploads';
      return key === '' ? 'other' : 'GetObject';
  }
  return 'other';
}
