import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';

/** What a small base backup holds, by path. */
export const FILES: Readonly<Record<string, string>> = {
  backup_label: 'START WAL LOCATION: 0/3000028 (file 000000010000000000000003)\n',
  'base/5/16384': 'rows'.repeat(5_000),
  'base/5/16385': '',
  'global/pg_control': 'control',
};

/** And its tablespace 16400. */
export const SPACE: Readonly<Record<string, string>> = { 'PG_17_202406281/5/16390': 'cold rows' };

/** As a tar; directories are passed over by whoever reads it. */
export async function tarOf(
  files: Readonly<Record<string, string>>,
  directories: readonly string[] = ['pg_wal'],
): Promise<Buffer> {
  const tar = pack();
  for (const name of directories) tar.entry({ name, type: 'directory', mtime: new Date(0) });
  for (const [name, content] of Object.entries(files))
    tar.entry({ name, mtime: new Date(0) }, content);
  tar.finalize();
  return await buffer(tar as AsyncIterable<Buffer>);
}

/** A `backup_manifest` as PostgreSQL writes it. */
export function manifestOf(
  files: Readonly<Record<string, string>>,
  change = (text: string) => text,
) {
  const lines = Object.entries(files).map(([path, content]) => {
    const bytes = Buffer.from(content);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return `{ "Path": "${path}", "Size": ${bytes.length}, "Last-Modified": "2026-11-20 04:00:09 GMT", "Checksum-Algorithm": "SHA256", "Checksum": "${sha256}" }`;
  });
  const text = change(
    `{ "PostgreSQL-Backup-Manifest-Version": 2,\n"System-Identifier": 7410,\n"Files": [\n${lines.join(',\n')}\n],\n"WAL-Ranges": [\n{ "Timeline": 1, "Start-LSN": "0/3000028", "End-LSN": "0/3000158" }\n],\n`,
  );
  return `${text}"Manifest-Checksum": "${createHash('sha256').update(text).digest('hex')}"}\n`;
}

/** All that the manifest lists. */
export const LISTED = {
  ...Object.fromEntries(
    Object.entries(SPACE).map(([path, content]) => [`pg_tblspc/16400/${path}`, content]),
  ),
  ...FILES,
};
