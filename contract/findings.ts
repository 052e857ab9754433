/** What one kind of finding means. */
export interface FindingEntry {
  /** `error`: something cannot be restored, or somebody laid hands on it. `warning`: it should be known. */
  readonly severity: 'error' | 'warning';
  readonly meaning: string;
}

/**
 * Everything that `holdfast verify` can find. Codes are stable: scripts match on them.
 * `docs/errors.md` lists them, and a test compares the two.
 */
export const FINDINGS = {
  MANIFEST_UNREADABLE: error('A manifest cannot be read, or is about another backup.'),
  KEY_UNKNOWN: warning(
    'A key that this version of Holdfast does not know, or of which nothing is left.',
  ),
  LATER_VERSION: error(
    'Somebody wrote over an object. The oldest version counts, and is still there.',
  ),
  DELETE_MARKER: error('Somebody tried to delete an object. It is still there.'),
  ARTIFACT_MISSING: error("An artifact's version that the manifest names is not in the vault."),
  ARTIFACT_OTHER: error('Under the key of an artifact another object was written first.'),
  ARTIFACT_SIZE: error('An artifact is not as long as its manifest says.'),
  LOCK_MISSING: error('An object has no lock.'),
  LOCK_SHORT: error('A lock ends before that of what needs the object.'),
  ORPHANS: warning(
    'Artifacts that no manifest names: of a run that died before its manifest, or that is about to write it.',
  ),
  PARENT_MISSING: error('A backup rests on one that is not in the vault.'),
  PARENT_DAMAGED: error('A backup rests on one whose pages are damaged.'),
  PARENT_LOCK_SHORT: error('A backup is locked for longer than one that it rests on.'),
  PARENT_FOREIGN: error('A backup rests on one of another server, or of another chain.'),
  PAGES_DAMAGED: warning('Pages of the source were damaged when the backup was taken.'),
  BASE_UNUSABLE: error('Recovery cannot begin with a base backup.'),
  WAL_GAP: error('WAL after the oldest base backup is missing.'),
  WAL_WITHOUT_BASE: warning('There is WAL, and no base backup that it goes on from.'),
  WAL_HISTORY: error('The history of the newest timeline is missing or cannot be read.'),
  WAL_OBJECT: error('An object of WAL does not say what it is, or is of another server or length.'),
  CONTENT: error('Bytes are not what was written, or cannot be decrypted.'),
} as const satisfies Record<string, FindingEntry>;

export type FindingCode = keyof typeof FINDINGS;

/** One thing that should not be. */
export interface Finding {
  readonly code: FindingCode;
  readonly severity: FindingEntry['severity'];
  readonly cluster: string;
  /** The backup that it is about. */
  readonly label?: string;
  /** The object that it is about. */
  readonly key?: string;
  readonly found: string;
}

export function finding(
  code: FindingCode,
  about: Pick<Finding, 'cluster' | 'label' | 'key' | 'found'>,
): Finding {
  return { code, severity: FINDINGS[code].severity, ...about };
}

function error(meaning: string): FindingEntry {
  return { severity: 'error', meaning };
}

function warning(meaning: string): FindingEntry {
  return { severity: 'warning', meaning };
}
