import { HoldfastError } from '../../contract/errors.ts';
import type { Finding } from '../../contract/findings.ts';
import type { OpenDataKeys } from '../decryption/decryption-keyring.ts';
import type { ListedObject } from '../listed-objects.ts';
import type { VaultReader } from '../vault-reader.ts';

/** Requests under way at a time. */
export const AT_ONCE = 32;
/** Bodies that are read at a time: decrypting takes a core. */
export const BODIES_AT_ONCE = 4;

/** How far a verification is. */
export interface VerifyProgress {
  /** `check`: heads. `read`: bodies. */
  readonly stage: 'check' | 'read';
  readonly done: number;
  readonly total: number;
  readonly unit: 'objects' | 'bytes';
}

/** What a verification of one cluster works with. */
export interface Verification {
  readonly vault: VaultReader;
  readonly dataKeys: OpenDataKeys;
  readonly cluster: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: VerifyProgress) => void;
}

/** What was looked at. */
export interface Verified {
  readonly objects: number;
  /** As they are stored. */
  readonly bytes: number;
  readonly findings: readonly Finding[];
}

/** A failure that is about what lies in the vault, and not about the way to it. */
export function aboutContent(error: unknown): HoldfastError {
  if (error instanceof HoldfastError && /^(VAULT_INTEGRITY|MANIFEST_INVALID)$/.test(error.code)) {
    return error;
  }
  throw error;
}

/** What a listing shows of later hands on an object. */
export function tracesOn({ versions, deleteMarkers }: ListedObject): {
  readonly code: 'LATER_VERSION' | 'DELETE_MARKER';
  readonly found: string;
}[] {
  const later = {
    code: 'LATER_VERSION' as const,
    found: `it has ${versions} versions; the oldest counts. Find out who wrote the others (CloudTrail)`,
  };
  const marker = {
    code: 'DELETE_MARKER' as const,
    found: 'a delete marker lies over it. Find out who tried to delete it (CloudTrail)',
  };
  return [...(versions > 1 ? [later] : []), ...(deleteMarkers > 0 ? [marker] : [])];
}
