import type { Postgres, PostgresServer } from './servers/postgres.ts';

/** The role that backups connect as: no superuser, and a password that a URI has to escape. */
export const BACKUP_ROLE = {
  user: 'holdfast',
  password: `p@ss:w/ord?#%&' "é\\$!*()[]{}<>|;,=+~^-_.\``,
} as const;

export interface SourceOptions {
  /** Whether the role may open replication connections, for physical backups and WAL. @default false */
  readonly replication?: boolean;
}

/** Makes what every source needs on its primary; the standby gets it by replication. */
export async function prepareSource(
  primary: PostgresServer,
  { replication = false }: SourceOptions = {},
): Promise<void> {
  const attribute = replication ? 'REPLICATION' : 'NOREPLICATION';
  const literal = `'${BACKUP_ROLE.password.replaceAll("'", "''")}'`;
  const { rowCount } = await primary.query(
    `SELECT FROM pg_roles WHERE rolname = '${BACKUP_ROLE.user}'`,
  );
  if (rowCount === 1) {
    // Kept data has it already, maybe with the password that it had then.
    await primary.query(`ALTER ROLE ${BACKUP_ROLE.user} ${attribute} PASSWORD ${literal}`);
    return;
  }
  await primary.query(
    `CREATE ROLE ${BACKUP_ROLE.user} LOGIN NOSUPERUSER BYPASSRLS ${attribute} PASSWORD ${literal};
     GRANT pg_read_all_data, pg_read_all_settings, pg_monitor TO ${BACKUP_ROLE.user};`,
  );
}

/** A cluster's secret, as the runner reads it. */
export function connectionSecret(
  postgres: Pick<Postgres, 'primary' | 'standby'>,
  caPem: string,
): string {
  return JSON.stringify({
    replica: postgres.standby.uriFor(BACKUP_ROLE),
    primary: postgres.primary.uriFor(BACKUP_ROLE),
    ca: caPem,
  });
}
