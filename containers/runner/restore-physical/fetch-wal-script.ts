import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { QUARANTINE } from './quarantine.ts';

const SCRIPT = 'fetch-wal.sh';
const OWN_WAL = 'own-wal';

export interface WalSource {
  /** `holdfast wal-fetch` and its options: a program and its first arguments. */
  readonly command: readonly string[];
  /** Segments that the base backup holds whole: the archive need not have them. */
  readonly own: readonly string[];
  /** Whether segments are asked for at all: a base backup's own may be all that is needed. */
  readonly segments: boolean;
  /** A standby never promotes by itself: what the vault lacks, or cannot be asked for, its primary may have. */
  readonly standby: boolean;
}

/**
 * Writes the program that the server fetches WAL with.
 *
 * @returns `restore_command`: relative to the data directory, in which the server runs it.
 */
export async function writeFetchWalScript(directory: string, source: WalSource): Promise<string> {
  const place = join(directory, QUARANTINE);
  await writeFile(join(place, OWN_WAL), source.own.map((name) => `${name}\n`).join(''), {
    mode: 0o600,
  });
  await writeFile(join(place, SCRIPT), scriptText(source), { mode: 0o700 });
  return `sh ${QUARANTINE}/${SCRIPT} %f %p`;
}

/**
 * The end of WAL (1) is told from what could not be looked for (126, and what a crash leaves): on the
 * first PostgreSQL ends its recovery, on the second it stops.
 */
function scriptText({ command, segments, standby }: WalSource): string {
  const words = command.map(quote).join(' ');
  return `#!/bin/sh
# Fetches one WAL file for the server in quarantine: FILE PATH
${segments || standby ? '' : '# All segments that are needed lie in pg_wal.\ncase $1 in *.history) ;; *) exit 1 ;; esac\n'}${words} "$1" "$2"
status=$?
case $status in
  0) exit 0 ;;
  126) ${standby ? '' : `grep -qx "$1" ${QUARANTINE}/${OWN_WAL} && `}exit 1 ;;
esac
exit $status
`;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
