import type pg from 'pg';
import { disconnect } from '../keep-alive.ts';
import { withOwnNames } from '../session-settings.ts';
import { isAurora, probeAurora } from './aurora.ts';
import { probeReplay, type ReplayPosition } from './replay-position.ts';
import { connect, type Server } from './server.ts';

/** What a server says of itself. */
export interface Survey extends ReplayPosition {
  readonly inRecovery: boolean;
  readonly systemIdentifier: string;
  readonly timeline: number;
  /** Such as `17.11 (Debian 17.11-1)`. */
  readonly serverVersion: string;
  readonly major: number;
  readonly postmasterStartedAt: Date;
  /** Whether sessions of any database or role are serializable by default. */
  readonly serializable: boolean;
}

const SURVEY = `
  select pg_is_in_recovery() as in_recovery,
         (select system_identifier::text from pg_control_system()) as system_identifier,
         (select timeline_id from pg_control_checkpoint()) as timeline,
         current_setting('server_version') as server_version,
         current_setting('server_version_num')::int / 10000 as major,
         pg_postmaster_start_time() as postmaster_started_at,
         -- Its value may be our own by now; what RESET would bring back is the session's.
         exists (select from pg_settings
                  where name = 'default_transaction_isolation' and reset_val = 'serializable')
         or exists (select from pg_db_role_setting, unnest(setconfig) setting
                     where setting = 'default_transaction_isolation=serializable') as serializable`;

/** Asks a server who it is and how far it has come, in a transaction of its own. */
export async function survey(client: pg.Client): Promise<Survey> {
  return await withOwnNames(client, () => ask(client));
}

async function ask(client: pg.Client): Promise<Survey> {
  const { rows } = await client.query(SURVEY);
  const row = rows[0];
  return {
    inRecovery: row.in_recovery,
    systemIdentifier: row.system_identifier,
    timeline: row.timeline,
    serverVersion: row.server_version,
    major: row.major,
    postmasterStartedAt: row.postmaster_started_at,
    serializable: row.serializable,
    ...((await isAurora(client)) ? await probeAurora(client) : await probeReplay(client)),
  };
}

/** Asks a server who it is, in a session of its own. */
export async function surveyServer(server: Server): Promise<Survey> {
  const client = await connect(server, server.target.database);
  try {
    return await survey(client);
  } finally {
    await disconnect(client);
  }
}
