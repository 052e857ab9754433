import type { ErrorCode } from '../../../../contract/error-codes.ts';
import type { BackupManifestFacts } from './backup-manifest.ts';
import type { TarCheckOptions } from './tar-check.ts';

/** What the thread is told, one thing after the other. */
export type CheckOrder =
  | ({ readonly kind: 'open' } & Pick<TarCheckOptions, 'path' | 'name' | 'prefix' | 'compressed'>)
  | { readonly kind: 'take'; readonly name: string; readonly bytes: number }
  | { readonly kind: 'end'; readonly name: string }
  /** `path`: of the `backup_manifest`. */
  | { readonly kind: 'conclude'; readonly path: string };

/** What is known of a base backup that has been proven whole. */
export interface CheckedBase extends BackupManifestFacts {
  /** All that `backup_manifest` lists. */
  readonly files: { readonly count: number; readonly bytes: number };
  /** The file of that name in `base.tar`. */
  readonly backupLabel: string;
}

/** What the thread answers to each order. */
export type CheckReply =
  | { readonly checked: CheckedBase | undefined }
  | {
      readonly failure: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly hint: string;
      };
    };
