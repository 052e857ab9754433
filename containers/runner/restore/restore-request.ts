import type { LogicalManifest } from '../../../contract/logical-manifest.ts';
import type { ArtifactReader } from '../../../vault/fetch-artifact.ts';
import type { RolesResult } from './globals/apply-globals.ts';
import type { NotRestored } from './not-restored.ts';
import type { ReportProgress } from './restore-progress.ts';
import type { ChosenNames } from './selection/table-names.ts';
import type { TargetServer } from './target-connection.ts';

export interface RestoreRequest {
  readonly reader: ArtifactReader;
  readonly manifest: LogicalManifest;
  /** Name of the database in the backup. */
  readonly database: string;
  readonly target: TargetServer;
  /** Name it gets on the target. @default the name in the backup */
  readonly into?: string | undefined;
  /** Whether a database of that name gives way. */
  readonly replace: boolean;
  readonly noOwner: boolean;
  /** Leaves out grants and default privileges. @default false */
  readonly noPrivileges?: boolean | undefined;
  /** Leaves out tablespaces, also those that the target has. @default false */
  readonly noTablespaces?: boolean | undefined;
  /** Only these tables and schemas, with what belongs to them. @default the whole database */
  readonly chosen?: ChosenNames | undefined;
  readonly jobs: number;
  /** Directory that holds the decrypted dump meanwhile. */
  readonly staging: string;
  /** Where PostgreSQL's client programs are. @default PATH, then Debian's place */
  readonly pgBin?: string | undefined;
  readonly now: () => Date;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ReportProgress | undefined;
}

/** Several databases of a backup, or all of them with the roles. */
export interface ServerRequest extends Omit<RestoreRequest, 'database' | 'into' | 'chosen'> {
  /** Names in the backup. @default all */
  readonly databases?: readonly string[] | undefined;
  /** Whether the backup's roles come too. */
  readonly roles: boolean;
  /** Called when the next database begins. */
  readonly onDatabase?: ((name: string, number: number, of: number) => void) | undefined;
}

export interface ServerResult {
  /** What became of the roles; `undefined` when they were not asked for. */
  readonly roles: RolesResult | undefined;
  readonly databases: readonly RestoreResult[];
  /** Names of empty databases that gave way, and are gone. */
  readonly dropped: readonly string[];
  readonly seconds: { readonly total: number };
}

export interface RestoreResult {
  readonly database: string;
  readonly name: string;
  /** Name under which the replaced database is kept. */
  readonly keptAs: string | undefined;
  readonly tables: number;
  readonly dumpBytes: number;
  readonly databaseBytes: number;
  readonly notRestored: readonly NotRestored[];
  /** What PostgreSQL's programs warned of. */
  readonly warnings: readonly string[];
  readonly seconds: Readonly<Record<'fetch' | 'restore' | 'analyze' | 'total', number>>;
}
