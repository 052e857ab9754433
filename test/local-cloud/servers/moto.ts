import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserPolicyCommand,
  IAMClient,
  ListUserPoliciesCommand,
  PutUserPolicyCommand,
  TagUserCommand,
} from '@aws-sdk/client-iam';
import { CreateScheduleGroupCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { cacheDirectory } from './cache-directory.ts';
import { startChildServer } from './child-server.ts';
import { freePort } from './free-port.ts';
import type { KeyPair } from './key-pair.ts';
import type { Run } from './run.ts';

export interface MotoPrincipal {
  /** IAM user name: `[A-Za-z0-9+=,.@_-]{1,64}`. */
  readonly name: string;
  /** Policy documents, as objects. All of them are enforced once `enforce` was called. */
  readonly policies: readonly object[];
  /** What `aws:PrincipalArn` and messages show in place of the user's ARN: the role that it stands for. */
  readonly roleArn?: string;
}

/** A question to the judge that moto itself asks, for services which we stand in for. */
export interface AuthorizeQuestion {
  readonly accessKeyId: string;
  /** Such as `ecs:RunTask`. */
  readonly action: string;
  /** An ARN. Without one, every statement's resource matches. */
  readonly resource?: string;
  /** Condition keys and their values; `aws:PrincipalArn` is known already. */
  readonly context?: Readonly<Record<string, string | readonly string[]>>;
}

export interface Moto {
  /** `http://localhost:PORT` (CloudFormation finds its templates only under `localhost`). */
  readonly endpoint: string;
  readonly region: string;
  /** `000000000000`, versitygw's. */
  readonly account: string;
  /** May do everything, also after `enforce`. */
  readonly admin: KeyPair;
  /** Makes the user, or replaces its policies; a repeat answers the same key pair. Also after `enforce`. */
  putPrincipal(principal: MotoPrincipal): Promise<KeyPair>;
  /** Makes the user's key pair unknown; `putPrincipal` then makes a new one. */
  revokeKeys(name: string): Promise<void>;
  /** From here on every call needs a known key pair, a right signature and a policy that allows it. */
  enforce(): Promise<void>;
  /** Back to letting everybody do everything. */
  relax(): Promise<void>;
  /** `undefined` where the policies allow it, else AWS's message. Answers whether enforced or not. */
  authorize(question: AuthorizeQuestion): Promise<string | undefined>;
  /** CloudFormation passes these over here. */
  makeScheduleGroups(names: readonly string[]): Promise<void>;
  /** What was published to SNS, oldest first. */
  published(): Promise<readonly Published[]>;
  stop(): Promise<void>;
}

/** A message as it was published to a topic. */
export interface Published {
  readonly topicArn: string;
  readonly subject: string;
  readonly message: string;
}

export interface MotoOptions {
  readonly run: Run;
  /** @default 'eu-central-1' */
  readonly region?: string;
}

const ACCOUNT = '000000000000';
/** The names that the wrapper around moto knows. */
const ADMIN = 'holdfast-admin';
const ROLE_TAG = 'holdfast-role-arn';

/** Starts the stand-in for KMS, Secrets Manager, CloudFormation and the rest of the control plane. */
export async function startMoto(options: MotoOptions): Promise<Moto> {
  const region = options.region ?? 'eu-central-1';
  const port = await freePort();
  const endpoint = `http://localhost:${port}`;
  const server = await startChildServer({
    run: options.run,
    name: 'moto',
    command: [
      join(cacheDirectory(), 'moto', 'bin', 'python'),
      join(import.meta.dirname, 'moto_server.py'),
      String(port),
    ],
    env: {
      MOTO_ACCOUNT_ID: ACCOUNT,
      AWS_DEFAULT_REGION: region,
      // The tests' own directory is no place for compiled files.
      PYTHONDONTWRITEBYTECODE: '1',
    },
    ready: async () => (await fetch(`${endpoint}/moto-api/`)).ok,
    timeoutMs: 60_000,
  });

  const pairs = new Map<string, KeyPair>();
  const beforeAdmin = { accessKeyId: 'AKIASETUP', secretAccessKey: randomUUID() };
  const first = new IAMClient({ endpoint, region, credentials: beforeAdmin });
  try {
    const admin = await makeUser(first, ADMIN);
    const client = new IAMClient({ endpoint, region, credentials: admin });
    return {
      endpoint,
      region,
      account: ACCOUNT,
      admin,
      putPrincipal: async (principal) => {
        const pair = pairs.get(principal.name) ?? (await makeUser(client, principal.name));
        pairs.set(principal.name, pair);
        await replacePolicies(client, principal);
        return pair;
      },
      revokeKeys: async (UserName) => {
        const AccessKeyId = pairs.get(UserName)?.accessKeyId;
        pairs.delete(UserName);
        await client.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId }));
      },
      // The number of calls that go unchecked from now on.
      enforce: () => post(`${endpoint}/moto-api/reset-auth`, '0').then(() => {}),
      relax: () => post(`${endpoint}/moto-api/reset-auth`, 'inf').then(() => {}),
      authorize: async (question) => {
        const answer = await post(`${endpoint}/holdfast/authorize`, JSON.stringify(question));
        return (answer as { message?: string }).message;
      },
      makeScheduleGroups: async (names) => {
        const scheduler = new SchedulerClient({ endpoint, region, credentials: admin });
        for (const Name of names) await scheduler.send(new CreateScheduleGroupCommand({ Name }));
        scheduler.destroy();
      },
      published: async () => {
        const answer = await post(`${endpoint}/holdfast/published`, '{}');
        return (answer as { messages: Published[] }).messages;
      },
      stop: async () => {
        client.destroy();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  } finally {
    first.destroy();
  }
}

async function makeUser(client: IAMClient, UserName: string): Promise<KeyPair> {
  await client.send(new CreateUserCommand({ UserName })).catch((error: unknown) => {
    // One whose key pair was revoked.
    if (!(error instanceof Error && error.name.startsWith('EntityAlreadyExists'))) throw error;
  });
  const { AccessKey } = await client.send(new CreateAccessKeyCommand({ UserName }));
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey } = AccessKey ?? {};
  if (!accessKeyId || !secretAccessKey) throw new Error(`moto gave ${UserName} no key pair.`);
  return { accessKeyId, secretAccessKey };
}

async function replacePolicies(client: IAMClient, principal: MotoPrincipal): Promise<void> {
  const UserName = principal.name;
  const { PolicyNames } = await client.send(new ListUserPoliciesCommand({ UserName }));
  for (const PolicyName of PolicyNames ?? []) {
    await client.send(new DeleteUserPolicyCommand({ UserName, PolicyName }));
  }
  if (principal.roleArn !== undefined) {
    const Tags = [{ Key: ROLE_TAG, Value: principal.roleArn }];
    await client.send(new TagUserCommand({ UserName, Tags }));
  }
  for (const [index, policy] of principal.policies.entries()) {
    const PolicyDocument = JSON.stringify(policy);
    await client.send(
      new PutUserPolicyCommand({ UserName, PolicyName: `policy-${index}`, PolicyDocument }),
    );
  }
}

async function post(url: string, body: string): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', body });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return response.json();
}
