import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import type { BackupType } from '../../../contract/names.ts';
import type { PhysicalOptions } from '../../../contract/physical-options.ts';
import type { ChosenSource } from '../source/choose-source.ts';
import { whereabouts } from '../source/connection-error.ts';
import { inSession } from '../source/in-session.ts';

/** Roles that managed services have which let nobody take a base backup. */
const MANAGED: Readonly<Record<string, string>> = {
  rds_superuser: 'Amazon RDS or Aurora',
  cloudsqlsuperuser: 'Cloud SQL',
  azure_pg_admin: 'Azure Database for PostgreSQL',
  neon_superuser: 'Neon',
  supabase_admin: 'Supabase',
};

const FACTS = `
  select quote_ident(rolname) as role, rolsuper as superuser, rolsuper or rolreplication as replication,
         to_regproc('pg_catalog.aurora_replica_status') is not null as aurora,
         (select array_agg(rolname::text) from pg_roles where rolname = any($1)) as managed,
         current_setting('wal_level') as "walLevel",
         current_setting('summarize_wal', true) as "summarizeWal",
         (select full_page_writes from pg_control_checkpoint()) as "fullPageWrites",
         current_setting('max_wal_senders')::int as "maxSenders",
         (select count(*)::int from pg_stat_replication) as senders,
         (select count(*)::int from pg_stat_progress_basebackup) as running
    from pg_roles where rolname = current_user`;

interface Facts {
  readonly role: string;
  readonly superuser: boolean;
  readonly replication: boolean;
  readonly aurora: boolean;
  readonly managed: readonly string[] | null;
  readonly walLevel: string;
  /** `null`: before 17. */
  readonly summarizeWal: string | null;
  readonly fullPageWrites: boolean;
  readonly maxSenders: number;
  readonly senders: number;
  readonly running: number;
}

export interface Wanted {
  readonly type: BackupType;
  readonly wal: PhysicalOptions['wal'];
}

/**
 * Finds out, before anything is copied, what pg_basebackup would stumble over on a server.
 *
 * @returns the refusal; `undefined` if it may serve.
 */
export async function refuseBase(
  source: ChosenSource,
  wanted: Wanted,
): Promise<HoldfastError | undefined> {
  return await inSession(source.server, async (client) => {
    const facts = await ask(client);
    const where = whereabouts(source.server);
    return (
      managed(facts, where) ??
      withoutRights(facts, where) ??
      wrongSettings(facts, where, source.survey.inRecovery) ??
      noSummaries(facts, where, wanted) ??
      busy(facts, where, wanted)
    );
  });
}

async function ask(client: pg.Client): Promise<Facts> {
  const { rows } = await client.query<Facts>(FACTS, [Object.keys(MANAGED)]);
  const [facts] = rows;
  if (facts === undefined) throw new Error('the server does not know our role');
  return facts;
}

/** Nobody but the provider is a superuser there; on a server of one's own such a role means nothing. */
function managed(facts: Facts, where: string): HoldfastError | undefined {
  const [role] = facts.managed ?? [];
  if (facts.superuser || (role === undefined && !facts.aurora)) return undefined;
  return new HoldfastError(
    'SOURCE_RIGHTS',
    `${where} belongs to a managed service (${MANAGED[role ?? 'rds_superuser']}), which lets nobody copy its files.`,
    { hint: 'Take logical backups of this cluster: kind "logical" in its schedules.' },
  );
}

function withoutRights({ role, replication }: Facts, where: string): HoldfastError | undefined {
  if (replication) return undefined;
  return new HoldfastError(
    'SOURCE_RIGHTS',
    `The role ${role} may open no replication connection on ${where}, which base backups need.`,
    { hint: `Run on the primary: ALTER ROLE ${role} REPLICATION;` },
  );
}

function wrongSettings(
  { walLevel, fullPageWrites }: Facts,
  where: string,
  inRecovery: boolean,
): HoldfastError | undefined {
  if (walLevel === 'minimal') {
    return new HoldfastError(
      'SOURCE_SETTINGS',
      `${where} has wal_level = minimal, from which nothing can be brought back.`,
      { hint: 'Set wal_level = replica on it, and restart it.' },
    );
  }
  // A primary writes whole pages while it is backed up, whatever is set; a standby replays what came.
  if (inRecovery && !fullPageWrites) {
    return new HoldfastError(
      'SOURCE_SETTINGS',
      `${where} replays WAL of a primary that has full_page_writes = off, so its files cannot be copied while it runs.`,
      {
        hint: 'Set full_page_writes = on on the primary, and CHECKPOINT there; or let the primary serve (allowPrimary).',
      },
    );
  }
  return undefined;
}

function noSummaries(
  { summarizeWal }: Facts,
  where: string,
  { type }: Wanted,
): HoldfastError | undefined {
  if (type === 'full' || summarizeWal === 'on') return undefined;
  return new HoldfastError(
    'SOURCE_SETTINGS',
    `${where} has summarize_wal = off, without which there is no ${type} backup.`,
    { hint: 'Run on it: ALTER SYSTEM SET summarize_wal = on; SELECT pg_reload_conf();' },
  );
}

function busy(
  { running, senders, maxSenders }: Facts,
  where: string,
  { wal }: Wanted,
): HoldfastError | undefined {
  if (running > 0) {
    return new HoldfastError(
      'BACKUP_RUNNING',
      `Another base backup of ${where} is running (pg_stat_progress_basebackup).`,
      { hint: 'Wait for its end: let their schedules be further apart.' },
    );
  }
  const needed = wal === 'stream' ? 2 : 1;
  if (senders + needed <= maxSenders) return undefined;
  return new HoldfastError(
    'SOURCE_SETTINGS',
    `${where} has ${senders} of max_wal_senders = ${maxSenders} in use, and a base backup needs ${needed}.`,
    { hint: 'Raise max_wal_senders on it, and restart it; or end what takes them.' },
  );
}
