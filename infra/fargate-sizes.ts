/**
 * What Fargate offers: for each number of vCPUs, which memory sizes, MiB.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
 */
const SIZES: Readonly<Record<string, readonly number[]>> = {
  '0.25': [512, 1024, 2048],
  '0.5': steps(1024, 4096, 1024),
  '1': steps(2048, 8192, 1024),
  '2': steps(4096, 16_384, 1024),
  '4': steps(8192, 30_720, 1024),
  '8': steps(16_384, 61_440, 4096),
  '16': steps(32_768, 122_880, 8192),
};

export const FARGATE_VCPUS: readonly number[] = Object.keys(SIZES)
  .map(Number)
  .sort((a, b) => a - b);

/** Memory sizes for a number of vCPUs, MiB; none for a number that Fargate does not offer. */
export function fargateMemorySizesMiB(vCpu: number): readonly number[] {
  return SIZES[String(vCpu)] ?? [];
}

/** Disk of a task. GiB. @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html */
export const FARGATE_STORAGE_GIB = { least: 20, most: 200 } as const;

function steps(from: number, to: number, by: number): number[] {
  return Array.from({ length: (to - from) / by + 1 }, (_, index) => from + index * by);
}
