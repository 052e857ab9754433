import type { Io, Services } from '../../cli/io.ts';
import type { ClusterState } from '../../contract/parameters.ts';
import type { VaultReader } from '../../vault/vault-reader.ts';
import { rawDataKeys } from '../vault/example-message.ts';

export interface TestIo extends Io {
  out(): string;
  err(): string;
}

/** A command's surroundings, an hour after the example backup was finished. */
export function testIo(
  fake: VaultReader,
  env: Record<string, string> = {},
  configured: Record<string, ClusterState> = { orders: { version: 1, retired: false } },
  services: Partial<Services> = {},
): TestIo {
  let out = '';
  let err = '';
  return {
    stdout: {
      write: (text) => {
        out += text;
      },
    },
    stderr: {
      write: (text) => {
        err += text;
      },
    },
    env: { HOLDFAST_ENVIRONMENT: 'test', ...env },
    now: () => new Date('2026-11-20T04:01:00Z'),
    signal: new AbortController().signal,
    command: ['holdfast'],
    services: {
      openVault: async () => fake,
      configuredClusters: async () => new Map(Object.entries(configured)),
      dataKeysFor: async () => rawDataKeys(),
      openWalVault: () => Promise.reject(new Error('no vault for WAL')),
      startTask: async () => ({ payload: undefined, failed: true }),
      describeTask: async () => undefined,
      readTaskLog: async () => ({}),
      ...services,
    },
    out: () => out,
    err: () => err,
  };
}
