import type { Finding } from '../contract/findings.ts';
import { findBackup, listClusters } from '../vault/catalog.ts';
import type { VaultReader } from '../vault/vault-reader.ts';
import type { Verification, Verified } from '../vault/verify/verification.ts';
import { type VerifiedBackups, verifyBackups } from '../vault/verify/verify-backups.ts';
import { verifyContent } from '../vault/verify/verify-content.ts';
import { verifyNeededWal } from '../vault/verify/verify-needed-wal.ts';
import { verifyWal } from '../vault/verify/verify-wal.ts';
import { formatBytes, formatCount } from './format.ts';
import type { Io } from './io.ts';
import { Reported, usageError } from './print-error.ts';
import { createProgressDisplay } from './progress.ts';
import { unknownCluster } from './unknown-cluster.ts';

export interface VerifyOptions {
  readonly environment: string;
  readonly cluster?: string | undefined;
  readonly label?: string | undefined;
  readonly full: boolean;
  readonly json: boolean;
}

type Amount = Pick<Verified, 'objects' | 'bytes'>;

interface VerifiedCluster {
  readonly name: string;
  readonly backups: Amount & { readonly count: number };
  /** `null`: not looked at, because one backup was asked for, which does not need it. */
  readonly wal: Amount | null;
  /** `null`: not looked for, because one backup was asked for. */
  readonly orphans: Amount | null;
  readonly findings: readonly Finding[];
}

/**
 * `holdfast verify`
 *
 * @throws HoldfastError VERIFY_FAILED when there is an error among the findings, CLUSTER_UNKNOWN,
 * BACKUP_UNKNOWN, VAULT_DENIED, VAULT_UNAVAILABLE
 */
export async function verify(options: VerifyOptions, io: Io): Promise<void> {
  const { environment, cluster, label, full, json } = options;
  if (label !== undefined && cluster === undefined) {
    throw usageError('Of which cluster the backup is was not said.', 'Give --cluster NAME.');
  }
  const vault = await io.services.openVault(environment);
  const names = await clustersOf(vault, options, io);
  if (cluster !== undefined && label !== undefined) await findBackup(vault, cluster, label);
  const verified: VerifiedCluster[] = [];
  for (const name of names) verified.push(await verifyCluster(vault, name, options, io));
  const findings = verified.flatMap((one) => one.findings);
  const clusters = verified.map(({ findings: _, ...one }) => one);
  const report = { read: full, clusters, findings };
  if (!json) io.stdout.write(describe(verified, full));
  const errors = findings.filter(({ severity }) => severity === 'error').length;
  if (errors > 0) {
    throw new Reported(
      report,
      'VERIFY_FAILED',
      `${formatCount(errors, 'error')} found in the vault.`,
      {
        hint: 'docs/errors.md says what each finding means. Take a full backup now, and keep what is left: holdfast show tells what rests on what.',
      },
    );
  }
  if (json) io.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
}

async function clustersOf(
  vault: VaultReader,
  { environment, cluster }: VerifyOptions,
  io: Io,
): Promise<string[]> {
  const there = await listClusters(vault);
  if (cluster === undefined) return there;
  if (there.includes(cluster)) return [cluster];
  const configured = await io.services.configuredClusters(environment);
  if (configured.has(cluster)) return [];
  throw unknownCluster(cluster, [...configured.keys(), ...there]);
}

async function verifyCluster(
  vault: VaultReader,
  cluster: string,
  { environment, label, full }: VerifyOptions,
  io: Io,
): Promise<VerifiedCluster> {
  const display = createProgressDisplay(io);
  const work: Verification = {
    vault,
    dataKeys: await io.services.dataKeysFor(environment, cluster),
    cluster,
    signal: io.signal,
    onProgress: display.report,
  };
  try {
    const backups = await verifyBackups(work, label);
    const verifyItsWal = label === undefined ? verifyWal : verifyNeededWal;
    const wal = await verifyItsWal(work, physicalOf(backups));
    const content = full ? await verifyContent(work, backups.manifests, wal?.catalog) : [];
    return {
      name: cluster,
      backups: { count: backups.manifests.length, ...amountOf(backups) },
      wal: wal === undefined ? null : amountOf(wal),
      orphans: backups.orphans === undefined ? null : amountOf(backups.orphans),
      findings: [...backups.findings, ...(wal?.findings ?? []), ...content],
    };
  } finally {
    display.end();
  }
}

function physicalOf({ manifests }: VerifiedBackups) {
  return manifests.flatMap((one) => (one.kind === 'physical' ? [one] : []));
}

function amountOf({ objects, bytes }: Amount): Amount {
  return { objects, bytes };
}

function describe(verified: readonly VerifiedCluster[], full: boolean): string {
  if (verified.length === 0) return 'The vault holds nothing that could be verified.\n';
  return verified
    .map(({ name, backups, wal, orphans, findings }) => {
      const parts = [
        `${formatCount(backups.count, 'backup')} in ${amount(backups)}`,
        ...(wal === null || wal.objects === 0 ? [] : [`WAL in ${amount(wal)}`]),
        ...(orphans === null || orphans.objects === 0 ? [] : [`orphans: ${amount(orphans)}`]),
        full ? 'everything read' : 'nothing read (--full)',
        findings.length === 0 ? 'nothing found' : formatCount(findings.length, 'finding'),
      ];
      return [`${name}: ${parts.join('; ')}`, ...findings.map(describeFinding), ''].join('\n');
    })
    .join('');
}

function amount({ objects, bytes }: Amount): string {
  return `${formatCount(objects, 'object')}, ${formatBytes(bytes)}`;
}

function describeFinding({ severity, code, label, key, found }: Finding): string {
  const about = key ?? label;
  return `  ${severity} ${code}: ${about === undefined ? '' : `${about}: `}${found}`;
}
