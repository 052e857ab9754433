import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';

const MIB = 1024 * 1024;
/** Share of the memory that a server's buffers get. */
const SHARE = 0.25;
const LEAST_MIB = 16;
/** More than this does not make a recovery faster. */
const MOST_MIB = 2048;
const LIMIT_FILES = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'];

/** `shared_buffers` that this machine, or the container that it is, has room for. */
export async function fittingBuffers(): Promise<string> {
  const limits = await Promise.all(LIMIT_FILES.map(limitIn));
  const bytes = Math.min(totalmem(), ...limits.filter((limit) => limit !== undefined));
  const mib = Math.floor((bytes * SHARE) / MIB);
  return `${Math.max(LEAST_MIB, Math.min(MOST_MIB, mib))}MB`;
}

async function limitIn(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  return /^\d+$/.test(text.trim()) ? Number(text) : undefined;
}
