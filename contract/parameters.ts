import { z } from 'zod';
import { HoldfastError } from './errors.ts';
import { explainIssues } from './explain-issues.ts';
import { LockMode } from './names.ts';

/** What the vault stack leaves in SSM, from which the command finds the vault. */
export const VaultParameter = z.object({ version: z.literal(1), bucket: z.string().min(3) });
export type VaultParameter = z.infer<typeof VaultParameter>;

/** What the vault stack leaves in SSM for each cluster. */
export const ClusterParameter = z.object({ version: z.literal(1), kmsKeyArn: z.string().min(20) });
export type ClusterParameter = z.infer<typeof ClusterParameter>;

/** What the backup stack leaves in SSM for each cluster that the environment's file names. */
export const ClusterState = z.object({
  version: z.literal(1),
  retired: z.boolean(),
  /** What a host that pushes WAL locks it with; absent where an older version was deployed. */
  lock: z.object({ mode: LockMode, days: z.int().min(1) }).optional(),
});
export type ClusterState = z.infer<typeof ClusterState>;

/** @throws HoldfastError ENVIRONMENT_INVALID */
export function parseParameter<T>(schema: z.ZodType<T>, name: string, text: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new HoldfastError(
    'ENVIRONMENT_INVALID',
    `The SSM parameter ${name} cannot be read: ${explainIssues(parsed.error)}`,
    { hint: 'Deploy the stacks with the version of Holdfast that you run here.' },
  );
}
