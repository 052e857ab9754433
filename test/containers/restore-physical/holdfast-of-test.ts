import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import { main } from '../../../cli/main.ts';
import { terminated } from '../../../cli/print-error.ts';
import { walDataKeys } from '../../../vault/wal/wal-data-keys.ts';
import { dataKeySource, rawDataKeys } from '../../vault/example-message.ts';
import type { VaultAccess } from '../../vault/real-vault.ts';

export type TestAccess = VaultAccess & {
  /** Part of keys that are not listed: to a server that recovers, or to everyone. */
  readonly hidden?: { readonly key: string; readonly from: 'server' | 'everyone' };
};

/** The `holdfast` command on a vault of a test: as `cli/holdfast.ts`, but for AWS's services. */
const { VAULT = '{}' } = process.env;
const access = JSON.parse(VAULT) as TestAccess;

const s3 = new S3Client({
  endpoint: access.endpoint,
  region: access.region,
  credentials: access,
  maxAttempts: 2,
  requestChecksumCalculation: 'WHEN_REQUIRED',
  responseChecksumValidation: 'WHEN_REQUIRED',
  requestHandler: { httpsAgent: new Agent({ ca: readFileSync(access.caFile), keepAlive: true }) },
});
const { hidden } = access;
if (hidden !== undefined) {
  const fromAll = hidden.from === 'everyone' || process.argv[2] === 'wal-fetch';
  s3.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      // What is fetched ahead of the server is looked up by its own key, and not listed with the others.
      const { Prefix = '' } = args.input as { Prefix?: string };
      if (!fromAll && !Prefix.includes(hidden.key)) return result;
      const output = result.output as { Versions?: { Key?: string }[] };
      if (output.Versions !== undefined) {
        output.Versions = output.Versions.filter(({ Key = '' }) => !Key.includes(hidden.key));
      }
      return result;
    },
    { step: 'initialize' },
  );
}
const dataKeys = rawDataKeys(Buffer.from(access.masterKey, 'hex'));
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => stop.abort(terminated(name)));
}
process.exitCode = await main(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  now: () => new Date(),
  signal: stop.signal,
  command: [process.execPath, ...process.argv.slice(1, 2)],
  services: {
    openVault: async () => ({ s3, bucket: access.bucket }),
    configuredClusters: async () => new Map(),
    dataKeysFor: async () => dataKeys,
    openWalVault: async (_environment, cluster) => ({
      ...{ s3, bucket: access.bucket, cluster, kmsKeyArn: 'test' },
      dataKeys: walDataKeys(cluster, dataKeySource(dataKeys().keyring)),
      ...{ lockMode: 'COMPLIANCE' as const, retentionDays: 35 },
    }),
    startTask: async () => ({ payload: undefined, failed: true }),
    describeTask: async () => undefined,
    readTaskLog: async () => ({}),
  },
});
s3.destroy();
