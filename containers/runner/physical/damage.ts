import { HoldfastError } from '../../../contract/errors.ts';
import type { Damage } from '../../../contract/physical-manifest.ts';
import type { SourceTablespace } from './base-survey.ts';

/** What pg_basebackup says last when it met pages with wrong checksums; it has written everything by then. */
const SAID = /checksum error occurred/;
/** The server's warnings, which pg_basebackup passes on: in its language, with the file in quotes. */
const FILE = /^[^:]+: +.*"([^"]+)".*\d/;

/** Pages of the source are damaged, and pg_basebackup ended because of it. */
export class DamagedSource extends Error {
  readonly lines: readonly string[];

  constructor(stderr: string) {
    super('pages of the source have wrong checksums');
    this.lines = stderr.split('\n');
  }

  /** `undefined` where that is not why pg_basebackup ended. */
  static from(stderr: string): DamagedSource | undefined {
    return SAID.test(stderr) ? new DamagedSource(stderr) : undefined;
  }
}

/** The damaged files, each with what was found in it. */
export function damageOf(
  { lines }: DamagedSource,
  dataDirectory: string,
  tablespaces: readonly SourceTablespace[],
): Damage[] {
  const found = new Map<string, string[]>();
  for (const line of lines) {
    const path = FILE.exec(line)?.[1];
    if (path === undefined) continue;
    const file = below(path, dataDirectory, tablespaces);
    found.set(file, [...(found.get(file) ?? []), line.replace(/^[^:]+: +/, '')]);
  }
  if (found.size === 0) return [{ file: 'unknown', found: lines.filter(Boolean).join(' ') }];
  return [...found].map(([file, said]) => ({ file, found: said.join('; ') }));
}

/** Published, and told as a failure: somebody has to look at the server at once. */
export function damaged(label: string, damage: readonly Damage[]): HoldfastError {
  const [first] = damage;
  const more = damage.length > 1 ? `, and ${damage.length - 1} more files` : '';
  return new HoldfastError(
    'SOURCE_DAMAGED',
    `The server's own pages are damaged: ${first?.found}${more}. ${label} was published with them, marked as damaged.`,
    {
      hint: 'Look at the disk and the memory of the server, and at the same pages on its other servers. Restore from the last backup without damage; no later backup rests on this one.',
    },
  );
}

/** A path as `backup_manifest` has it. */
function below(path: string, data: string, tablespaces: readonly SourceTablespace[]): string {
  for (const { oid, location } of tablespaces) {
    if (path.startsWith(`${location}/`)) {
      return `pg_tblspc/${oid}/${path.slice(location.length + 1)}`;
    }
  }
  return path.replace(`${data}/`, '').replace(/^\.\//, '');
}
