import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import { disconnect } from '../keep-alive.ts';
import { withOwnNames } from '../session-settings.ts';
import { whereabouts } from './connection-error.ts';
import { connect, type Server } from './server.ts';
import type { Survey } from './survey.ts';

/** Sessions that are held at once: as many as a dump with two workers has. */
const SESSIONS = 4;

const WHO = `
  select pg_backend_pid() as pid, pg_postmaster_start_time() as started,
         (select system_identifier::text from pg_control_system()) as system`;

interface Who {
  readonly pid: number;
  readonly started: Date;
  readonly system: string;
}

/**
 * Finds out whether an address leads to one server, session by session. What does not is found late
 * otherwise, or never: behind a balancer, a snapshot that one server exported is unknown to another;
 * behind a pooler that keeps a session for a transaction only, nothing that is said to a session lasts.
 *
 * @param found what a session before said of the server.
 * @returns the refusal; `undefined` if every session is its own, on that server.
 */
export async function findSharedAddress(
  server: Server,
  found: Survey,
): Promise<HoldfastError | undefined> {
  const clients: pg.Client[] = [];
  try {
    const first: Who[] = [];
    for (let sessions = 0; sessions < SESSIONS; sessions += 1) {
      const client = await connect(server, server.target.database);
      clients.push(client);
      first.push(await withOwnNames(client, () => ask(client)));
    }
    // Sessions that live at the same time have processes of their own.
    if (new Set(first.map(({ pid, started }) => `${pid} ${started.getTime()}`)).size < SESSIONS) {
      return pooled(server);
    }
    if (first.some((who) => !isSame(who, found))) return balanced(server);
    // A pooler with processes to spare may have given each its own by chance: transactions that are
    // open at the same time make it deal them out anew.
    for (const [index, client] of clients.entries()) {
      await client.query('begin');
      await client.query(`set local search_path = ''`);
      if ((await ask(client)).pid !== first[index]?.pid) return pooled(server);
    }
    return undefined;
  } finally {
    await Promise.all(clients.map(disconnect));
  }
}

async function ask(client: pg.Client): Promise<Who> {
  const { rows } = await client.query<Who>(WHO);
  const [who] = rows;
  if (who === undefined) throw new Error('the server did not say which one it is');
  return who;
}

function isSame(who: Who, found: Survey): boolean {
  return (
    who.system === found.systemIdentifier &&
    who.started.getTime() === found.postmasterStartedAt.getTime()
  );
}

function balanced(server: Server): HoldfastError {
  return new HoldfastError(
    'SOURCE_BALANCED',
    `${whereabouts(server)} leads to several servers: sessions that were opened one after the other landed on different ones.`,
    {
      hint: "Give each server's own address, as URIs of their own or as one of several hosts, not that of a balancer or a reader endpoint.",
    },
  );
}

function pooled(server: Server): HoldfastError {
  return new HoldfastError(
    'SOURCE_POOLER',
    `${whereabouts(server)} is a pooler that shares sessions between transactions; a dump needs sessions of its own.`,
    {
      hint: "Use the server's direct port (usually 5432), or a port of the pooler that pools by session.",
    },
  );
}
