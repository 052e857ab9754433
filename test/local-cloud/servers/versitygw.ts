import { mkdir } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import {
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  IAMClient,
  ListAccessKeysCommand,
  ListUserPoliciesCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam';
import { cacheDirectory } from './cache-directory.ts';
import type { Certificates } from './certificates.ts';
import { startChildServer } from './child-server.ts';
import { freePort } from './free-port.ts';
import type { KeyPair } from './key-pair.ts';
import type { Run } from './run.ts';
import { setKeyPair } from './versitygw-key-pair.ts';

export interface VersitygwPrincipal extends KeyPair {
  /** IAM user name: `[A-Za-z0-9+=,.@_-]{1,64}`. */
  readonly name: string;
  /** Policy documents, as objects. All of them are enforced. */
  readonly policies: readonly object[];
}

export interface Versitygw {
  /** `https://127.0.0.1:PORT`: the SDK uses path style for it by itself. Trust `certificates.caFile`. */
  readonly endpoint: string;
  readonly region: string;
  /** May do everything. */
  readonly root: KeyPair;
  /** Makes a user with exactly this key pair and these policies, or replaces both. In force on return. */
  putPrincipal(principal: VersitygwPrincipal): Promise<void>;
  removePrincipal(name: string): Promise<void>;
  stop(): Promise<void>;
}

export interface VersitygwOptions {
  readonly run: Run;
  readonly certificates: Certificates;
  /** @default 'eu-central-1' */
  readonly region?: string;
}

const ROOT: KeyPair = {
  accessKeyId: 'AKIAVERSITYGWROOT000',
  secretAccessKey: 'versitygw-root-secret',
};

/** Starts the S3 server with Object Lock, over TLS, and the service that enforces its users' policies. */
export async function startVersitygw(options: VersitygwOptions): Promise<Versitygw> {
  const { run, certificates } = options;
  const region = options.region ?? 'eu-central-1';
  const program = join(cacheDirectory(), 'bin', 'versitygw');
  const directory = (name: string) => join(run.directory, 'versitygw', name);
  // It changes its working directory: absolute paths everywhere.
  for (const name of ['iam', 'data', 'versions']) {
    await mkdir(directory(name), { recursive: true });
  }
  const socket = join(run.directory, 'iam.sock');
  const env = { ROOT_ACCESS_KEY: ROOT.accessKeyId, ROOT_SECRET_KEY: ROOT.secretAccessKey };

  const iamPort = await freePort();
  const iamEndpoint = `http://127.0.0.1:${iamPort}`;
  const iam = await startChildServer({
    run,
    name: 'versitygw-iam',
    env,
    command: [
      ...([program, '--port', `127.0.0.1:${iamPort}`, '--region', region] as const),
      ...['iam', '--dir', directory('iam'), '--private-ports', socket],
    ],
    ready: async () => (await fetch(iamEndpoint, { redirect: 'manual' })).status > 0,
  });

  const port = await freePort();
  const endpoint = `https://127.0.0.1:${port}`;
  const tls = ['--cert', certificates.certFile, '--key', certificates.keyFile];
  const s3 = await startChildServer({
    run,
    name: 'versitygw',
    env,
    command: [
      ...([program, '--port', `127.0.0.1:${port}`, '--region', region, ...tls] as const),
      ...['--health', '/health', '--iam-standalone-endpoint', socket],
      ...['posix', '--versioning-dir', directory('versions'), directory('data')],
    ],
    ready: () => answersHealthy(`${endpoint}/health`, certificates.caPem),
  }).catch(async (error: unknown) => {
    await iam.stop();
    throw error;
  });

  // As AWS's IAM, the service answers in one region only, whichever the S3 server is in.
  const client = new IAMClient({
    endpoint: iamEndpoint,
    region: 'us-east-1',
    credentials: ROOT,
  });
  return {
    endpoint,
    region,
    root: ROOT,
    putPrincipal: async (principal) => {
      const name = userName(principal.name);
      await replaceUser(client, { ...principal, name });
      await setKeyPair(directory('iam'), name, principal);
    },
    removePrincipal: (name) => removeUser(client, userName(name)),
    stop: async () => {
      client.destroy();
      await Promise.all([s3.stop(), iam.stop()]);
    },
  };
}

/** CloudFormation shortens the names that it makes up to IAM's 64 characters; moto's does not. */
function userName(name: string): string {
  return name.slice(-64);
}

/** Through the service's API, which refuses a policy that it cannot enforce. */
async function replaceUser(client: IAMClient, principal: VersitygwPrincipal): Promise<void> {
  const UserName = principal.name;
  await client.send(new CreateUserCommand({ UserName })).catch(unlessNamed('EntityAlreadyExists'));
  await removePolicies(client, UserName);
  for (const [index, policy] of principal.policies.entries()) {
    const PolicyDocument = JSON.stringify(policy);
    try {
      await client.send(
        new PutUserPolicyCommand({ UserName, PolicyName: `policy-${index}`, PolicyDocument }),
      );
    } catch (cause) {
      throw new Error(`versitygw refuses policy ${index} of ${UserName}: ${PolicyDocument}`, {
        cause,
      });
    }
  }
}

async function removePolicies(client: IAMClient, UserName: string): Promise<void> {
  const { PolicyNames } = await client.send(new ListUserPoliciesCommand({ UserName }));
  for (const PolicyName of PolicyNames ?? []) {
    await client.send(new DeleteUserPolicyCommand({ UserName, PolicyName }));
  }
}

async function removeUser(client: IAMClient, UserName: string): Promise<void> {
  await removePolicies(client, UserName);
  const { AccessKeyMetadata } = await client.send(new ListAccessKeysCommand({ UserName }));
  for (const { AccessKeyId } of AccessKeyMetadata ?? []) {
    await client.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId }));
  }
  await client.send(new DeleteUserCommand({ UserName }));
}

function unlessNamed(name: string): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof Error && error.name.startsWith(name))) throw error;
  };
}

/** Over TLS with our own authority, which `fetch` cannot be told of. */
function answersHealthy(url: string, ca: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ca, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.once('error', reject);
    asked.end();
  });
}
