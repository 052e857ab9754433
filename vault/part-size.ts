/** Length of every part but an upload's last: 10,000 of them make an artifact of 78 GiB. */
export const PART_BYTES = 8 * 1024 * 1024;

/** Part buffers for a dump by so many workers: what bounds the runner's memory. */
export function partBuffers(jobs: number): number {
  return jobs + 6;
}
