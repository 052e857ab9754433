import { Readable } from 'node:stream';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/** What is handed to TLS at a time, bytes. */
const SLICE_BYTES = 256 * 1024;

type Request = Parameters<NodeHttpHandler['handle']>[0];

/**
 * Sends long bodies in slices, at the pace of the connection. A body that is handed over whole is
 * encrypted whole, and so held in memory twice for as long as it is on its way.
 */
export class SlicedBodies extends NodeHttpHandler {
  override handle(
    request: Request,
    options?: Parameters<NodeHttpHandler['handle']>[1],
  ): ReturnType<NodeHttpHandler['handle']> {
    return super.handle(sliced(request), options);
  }
}

/** A copy, because the SDK tries a request that failed once more. */
function sliced(request: Request): Request {
  const { body } = request;
  if (!(body instanceof Uint8Array) || body.length <= SLICE_BYTES) return request;
  const copy = Object.assign(Object.create(Object.getPrototypeOf(request)), request) as Request;
  copy.body = Readable.from(slicesOf(body), { objectMode: false, highWaterMark: SLICE_BYTES });
  return copy;
}

function* slicesOf(body: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += SLICE_BYTES) yield body.subarray(at, at + SLICE_BYTES);
}
