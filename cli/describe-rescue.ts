import type { RescueResult } from '../containers/runner/restore/rescue/rescue-request.ts';
import type { LogicalManifest } from '../contract/logical-manifest.ts';
import { dataAsOf, differences, missing, notIncludedOf, text } from './describe-restore.ts';
import { formatBytes, formatCount, formatSeconds } from './format.ts';

/** The end of `holdfast restore --rescue`, in words. */
export function describeRescue(result: RescueResult, manifest: LogicalManifest): string {
  const { database, into, schema, tables, others, seconds } = result;
  const what =
    tables.length === 0
      ? 'no table, but what else was chosen,'
      : formatCount(tables.length, 'table');
  return text([
    `Rescued ${what} of "${database}" into the schema ${schema} of "${into}", out of a dump of ${formatBytes(result.dumpBytes)}, data as of ${dataAsOf(manifest, database)}:`,
    ...tables.map(
      ({ original, restored, rows }) =>
        `  ${restored}: ${rows === null ? 'rows were not counted' : `${rows} rows`}, of ${original}`,
    ),
    ...others.map((name) => `  ${name}`),
    `It took ${formatSeconds(seconds.total)} (fetch ${formatSeconds(seconds.fetch)}, load ${formatSeconds(seconds.restore)}, copy ${formatSeconds(seconds.copy)}).`,
    ...differences(result, ''),
    ...missing(notIncludedOf(manifest, [database])),
    ...result.warnings.map((warning) => `Warning: ${warning}`),
    `Nothing else in "${into}" was touched. To go on, of these what you need:`,
    ...result.next.map((statement) => `  ${statement}`),
  ]);
}
