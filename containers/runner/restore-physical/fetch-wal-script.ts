import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { QUARANTINE } from './quarantine.ts';
import type { ServerPrograms } from './server-programs.ts';
import { ASKED } from './wal-ahead.ts';

const SCRIPT = 'fetch-wal.sh';
const OWN_WAL = 'own-wal';
const OWN_PLACES = 'own-places';
const AHEAD = 'ahead';

/** Where WAL lies that was fetched before it is asked for. */
export function aheadDirectory(directory: string): string {
  return join(directory, QUARANTINE, AHEAD);
}

export interface WalSource {
  /** `holdfast wal-fetch` and its options: a program and its first arguments. */
  readonly command: readonly string[];
  /** Of `pg_waldump`. */
  readonly programs: ServerPrograms;
  /** Where tablespaces of the backup lie now. */
  readonly places: readonly string[];
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
  await writeFile(join(place, OWN_PLACES), source.places.map((path) => `${path}\n`).join(''), {
    mode: 0o600,
  });
  await writeFile(join(place, SCRIPT), scriptText(source), { mode: 0o700 });
  return `sh ${QUARANTINE}/${SCRIPT} %f %p`;
}

/**
 * The end of WAL (1) is told from what could not be looked for (126, and what a crash leaves): on the
 * first PostgreSQL ends its recovery, on the second it stops.
 */
function scriptText({ command, segments, standby, programs }: WalSource): string {
  const fetch = command.map(quote).join(' ');
  const waldump = quote(join(programs.directory, 'pg_waldump'));
  return `#!/bin/sh
# Fetches one WAL file for the server in quarantine: FILE PATH
ahead=${QUARANTINE}/${AHEAD}
fetched=${QUARANTINE}/fetched-wal
joint=${QUARANTINE}/joint-wal

# WAL that makes a tablespace makes it where the source had it: here that may be in use.
made() {
  ${waldump} --rmgr=Tablespace "$@" 2>/dev/null |
    sed -n 's/.* desc: CREATE [0-9]* "\\(.*\\)"$/\\1/p'
}
lsn() {
  printf '%X/%X' $(($1 >> 32)) $(($1 & 0xFFFFFFFF))
}
# Of a record that begins in one segment and ends in the next neither shows anything by itself.
made_across() {
  name=\${1##*/}
  case $name in *[!0-9A-F]*) return ;; esac
  place=\${name#????????}
  size=$(wc -c <"$1")
  at=$((0x\${place%????????} * 0x100000000 + 0x\${place#????????} * size))
  before=$((at / size - 1))
  each=$((0x100000000 / size))
  # The timeline may have been left in between.
  last=$joint/$(printf '00000001%08X%08X' $((before / each)) $((before % each)))
  mkdir -p "$joint"
  ln -f "$1" "$joint/00000001$place"
  [ -f "$last" ] || return
  made --start=$(lsn $((at - 16384))) --end=$(lsn $((at + 16384))) "$last" "$joint/00000001$place"
  rm -f "$last"
}
harmless() {
  { made "$1"; made_across "$1"; } |
    while IFS= read -r place; do
      grep -qxF -- "$place" ${QUARANTINE}/${OWN_PLACES} && continue
      [ -z "$(ls -A -- "$place" 2>/dev/null)" ] && continue
      echo "holdfast: the WAL makes a tablespace in $place, which is not empty here." >&2
      exit 1
    done
}
take() {
  harmless "$1" && mv "$1" "$2" || exit 126
  exit 0
}
# WAL ends, as far as the vault is concerned: what lies in pg_wal is read.
ends() {
  if [ -f "pg_wal/$1" ]; then harmless "pg_wal/$1" || exit 126; fi
  exit 1
}

[ -f "$ahead/$1" ] && take "$ahead/$1" "$2"
[ -d "$ahead" ] && printf %s "$1" >"$ahead/${ASKED}"
${segments || standby ? '' : 'case $1 in *.history) ;; *) ends "$1" ;; esac\n'}mkdir -p "$fetched"
${fetch} "$1" "$fetched/$1"
status=$?
case $status in
  0) take "$fetched/$1" "$2" ;;
  1) ends "$1" ;;
  126) ${standby ? '' : `grep -qx "$1" ${QUARANTINE}/${OWN_WAL} && `}ends "$1" ;;
esac
# What is neither would be taken for the end of WAL up to 125.
[ $status -gt 125 ] && exit $status
exit 126
`;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
