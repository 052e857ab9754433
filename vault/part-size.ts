/** Frames, of 1 MiB, in every part but an upload's last: 10,000 of them make an artifact of 58 GiB. */
export const PART_FRAMES = 6;

/**
 * Part buffers for a dump by so many workers: what bounds the runner's memory. One is being filled
 * for each worker's file, one for a file just closed and one for the pack; and as many for the dump by
 * one worker that runs beside it. One is on its way at least, so that whoever waits gets one.
 */
export function partBuffers(jobs: number): number {
  return jobs + 2 + 3 + 1;
}

/**
 * Part buffers for a base backup: one is being filled for the tar that is written, one for the tar before
 * it, and one for WAL; three are on their way.
 */
export const BASE_PART_BUFFERS = 6;
