/** Frames, of 1 MiB, in every part but an upload's last: 10,000 of them make an artifact of 78 GiB. */
export const PART_FRAMES = 8;

/**
 * Part buffers for a dump by so many workers: what bounds the runner's memory. One is being filled
 * for each worker's file, one for a file just closed and one for the pack; two are on their way.
 */
export function partBuffers(jobs: number): number {
  return jobs + 4;
}
