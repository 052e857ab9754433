import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteItemCommand,
  type DynamoDBClient,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { HoldfastError } from '../../../contract/errors.ts';
import {
  LEASE_RENEWAL_SECONDS,
  LEASE_SECONDS,
  LeaseAttribute,
} from '../../../contract/wal-lease.ts';
import type { Log } from '../log.ts';

export interface LeaseOptions {
  readonly client: Pick<DynamoDBClient, 'send'>;
  readonly table: string;
  readonly cluster: string;
  /** Text that no other task has. */
  readonly owner: string;
  readonly log: Log;
  /** Ends the waiting; its reason is thrown. */
  readonly signal: AbortSignal;
  /** For tests. @default `LEASE_SECONDS` and `LEASE_RENEWAL_SECONDS` */
  readonly seconds?: { readonly lease: number; readonly renewal: number };
}

/** A lease that is held, and renewed by itself. */
export interface Lease {
  /** Aborted with LEASE_LOST when it could not be renewed in time, or another task holds it. */
  readonly lost: AbortSignal;
  /** Gives it back, so that the next task need not wait. Never throws. */
  release(): Promise<void>;
}

const { Cluster, Owner, ExpiresAt } = LeaseAttribute;

/** Nobody's, ours, or over by our clock. */
const FREE = '#owner = :me OR attribute_not_exists(#owner) OR #expires < :now';
const OURS = '#owner = :me';

/**
 * Waits until this task is the one that streams the cluster's WAL. It spares two of them each other's
 * work; what fences off one that does not know yet that it has lost its lease is that nothing in the
 * vault can be overwritten.
 */
export async function takeLease(options: LeaseOptions): Promise<Lease> {
  const { log, signal, owner, cluster, seconds } = options;
  const { lease, renewal } = seconds ?? { lease: LEASE_SECONDS, renewal: LEASE_RENEWAL_SECONDS };
  let told = '';
  let until = 0;
  for (;;) {
    signal.throwIfAborted();
    // By the clock of before the call: the table's entry ends no earlier.
    const now = Date.now();
    const failure = await put(options, FREE, now, now + lease * 1000);
    until = now + lease * 1000;
    if (failure === undefined) break;
    const reason = isRefusal(failure) ? 'another task streams' : String(failure);
    if (reason !== told) log.warn('lease waited for', { cluster, reason });
    told = reason;
    await sleep((renewal * 1000) / 2, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
  log.info('lease taken', { cluster, owner });
  const lost = new AbortController();
  let renewing = Promise.resolve();
  const renew = async (): Promise<void> => {
    const now = Date.now();
    const failure = await put(options, OURS, now, now + lease * 1000);
    if (failure === undefined) until = now + lease * 1000;
    else if (isRefusal(failure)) lost.abort(leaseLost(cluster, 'another task has it'));
    else log.warn('lease not renewed', { cluster, reason: String(failure) });
    // Before the next try it would be over.
    if (Date.now() + renewal * 1000 > until) {
      lost.abort(leaseLost(cluster, 'it could not be renewed'));
    }
  };
  const timer = setInterval(() => {
    renewing = renewing.then(renew);
  }, renewal * 1000);
  return {
    lost: lost.signal,
    release: async () => {
      clearInterval(timer);
      await renewing;
      await giveBack(options);
    },
  };
}

/** @returns why it was not taken; `undefined`: it was. */
async function put(
  { client, table, cluster, owner }: LeaseOptions,
  condition: string,
  now: number,
  until: number,
): Promise<unknown> {
  const asks = condition.includes(':now') ? { ':now': { N: String(now) } } : {};
  try {
    await client.send(
      new UpdateItemCommand({
        TableName: table,
        Key: { [Cluster]: { S: cluster } },
        UpdateExpression: 'SET #owner = :me, #expires = :until',
        ConditionExpression: condition,
        ExpressionAttributeNames: { '#owner': Owner, '#expires': ExpiresAt },
        ExpressionAttributeValues: { ':me': { S: owner }, ':until': { N: String(until) }, ...asks },
      }),
    );
    return undefined;
  } catch (error) {
    return error;
  }
}

async function giveBack({ client, table, cluster, owner, log }: LeaseOptions): Promise<void> {
  try {
    await client.send(
      new DeleteItemCommand({
        TableName: table,
        Key: { [Cluster]: { S: cluster } },
        ConditionExpression: OURS,
        ExpressionAttributeNames: { '#owner': Owner },
        ExpressionAttributeValues: { ':me': { S: owner } },
      }),
    );
  } catch (error) {
    // It ends by itself.
    log.warn('lease not given back', { cluster, reason: String(error) });
  }
}

function isRefusal(error: unknown): boolean {
  return (error as { name?: string }).name === 'ConditionalCheckFailedException';
}

function leaseLost(cluster: string, why: string): HoldfastError {
  return new HoldfastError('LEASE_LOST', `The lease on the WAL of ${cluster} is lost: ${why}.`, {
    hint: 'Nothing needs to be done where another task streams. If none does, look at the table of leases and at the way to DynamoDB.',
  });
}
