import { asHoldfastError } from '../../../contract/errors.ts';
import type { BackupType } from '../../../contract/names.ts';
import type { BackupVault } from '../../../vault/backup-vault.ts';
import type { ChosenSource } from '../source/choose-source.ts';
import { inSession } from '../source/in-session.ts';
import { surveyServerFacts } from '../source/server-facts.ts';
import type { Spool } from '../spool.ts';
import { timelinesOf } from '../wal/find-wal-server.ts';
import { ReplicationConnection } from '../wal/replication-connection.ts';
import { fetchParentManifest } from './fetch-parent.ts';
import { chooseParent, type Parent, type ParentWanted } from './parent.ts';
import { summariesLack } from './quiet-primary.ts';

/** What a backup turns out to be. */
export interface Chosen {
  /** `undefined`: a full backup. */
  readonly parent: (Parent & { readonly path: string }) | undefined;
  /** Why it is a full one though another was asked for. */
  readonly why: string | undefined;
}

export interface ChooseType {
  readonly type: BackupType;
  readonly source: ChosenSource;
  readonly vault: BackupVault;
  readonly spool: Spool;
  readonly maxChainLength: number;
}

const FULL: Chosen = { parent: undefined, why: undefined };

/**
 * Finds what an incremental or differential backup rests on, and fetches what PostgreSQL has to know of
 * it. Where that cannot be had, the backup is a full one, which says so.
 *
 * @throws HoldfastError VAULT_DENIED, VAULT_UNAVAILABLE, SOURCE_UNREACHABLE
 */
export async function chooseType(choice: ChooseType): Promise<Chosen> {
  const { type, source, vault, spool, maxChainLength } = choice;
  if (type === 'full') return FULL;
  const parent = await chooseParent({
    ...{ vault, cluster: vault.cluster, type, maxChainLength, now: new Date() },
    systemIdentifier: source.survey.systemIdentifier,
    ...(await timelines(source)),
    dataChecksums: await dataChecksums(source),
    lockMode: vault.lock.mode,
  });
  if ('why' in parent) return { ...FULL, why: parent.why };
  const why = await summariesLack(source, parent.manifest.start);
  if (why !== undefined) return { ...FULL, why };
  const path = `${spool.directory}/parent-manifest`;
  try {
    await fetchParentManifest(vault, parent.manifest, path);
  } catch (thrown) {
    const error = asHoldfastError(thrown);
    if (error.code !== 'VAULT_INTEGRITY') throw error;
    return { ...FULL, why: error.message };
  }
  return { parent: { ...parent, path }, why: undefined };
}

/** As it is by now: of a standby pg_control tells its last restartpoint's. */
async function timelines({
  server,
}: ChosenSource): Promise<Pick<ParentWanted, 'timeline' | 'history'>> {
  const connection = await ReplicationConnection.open(server);
  try {
    return await timelinesOf(connection);
  } finally {
    await connection.close();
  }
}

async function dataChecksums({ server }: ChosenSource): Promise<boolean> {
  return (await inSession(server, surveyServerFacts)).facts.dataChecksums;
}
