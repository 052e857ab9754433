import { z } from 'zod';
import { HoldfastError } from './errors.ts';
import { explainIssues } from './explain-issues.ts';

/** Name of the pack's last entry; no file of `pg_dump` is called so, and `pg_restore` passes over it. */
export const PACK_INVENTORY = 'holdfast.json';

/**
 * What a dump in directory format has beside its pack. It is encrypted with the pack, so that a
 * manifest, which anybody may have written, cannot leave out the end of a file, or a file.
 */
const PackInventory = z.strictObject({
  version: z.literal(1),
  /** Big files by name: the plain text of each of their artifacts, in order. */
  files: z.record(
    z.string(),
    z.array(z.strictObject({ bytes: z.int().min(0), sha256: z.string() })).min(1),
  ),
});
export type PackInventory = z.infer<typeof PackInventory>;

export function buildPackInventory(files: PackInventory['files']): string {
  return `${JSON.stringify(PackInventory.parse({ version: 1, files }))}\n`;
}

/** @throws HoldfastError VAULT_INTEGRITY */
export function parsePackInventory(text: string): PackInventory {
  const parsed = PackInventory.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  throw new HoldfastError(
    'VAULT_INTEGRITY',
    `The pack's ${PACK_INVENTORY} cannot be read: ${explainIssues(parsed.error)}`,
    {
      hint: 'Nothing was restored. Use the version of Holdfast that wrote the backup, or a newer one.',
    },
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
