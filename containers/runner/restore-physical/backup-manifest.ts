import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { HoldfastError } from '../../../contract/errors.ts';

/** Of PostgreSQL's own manifest what is looked at here. @see https://www.postgresql.org/docs/current/backup-manifest-format.html */
const BackupManifest = z.object({
  Files: z.array(
    z.union([z.object({ Path: z.string() }), z.object({ 'Encoded-Path': z.string() })]),
  ),
});

/**
 * The files that a base backup's own manifest lists, by path.
 *
 * @throws HoldfastError VAULT_INTEGRITY
 */
export async function readBackupManifest(directory: string): Promise<string[]> {
  const text = await readFile(join(directory, 'backup_manifest'), 'utf8');
  try {
    return BackupManifest.parse(JSON.parse(text)).Files.map((file) =>
      'Path' in file ? file.Path : Buffer.from(file['Encoded-Path'], 'hex').toString('latin1'),
    );
  } catch (cause) {
    throw new HoldfastError('VAULT_INTEGRITY', 'The backup_manifest is not one of PostgreSQL.', {
      hint: 'Nothing was started. Use another backup, and report this one.',
      cause,
    });
  }
}
