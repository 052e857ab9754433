import { HoldfastError } from '../../../contract/errors.ts';

/** Lines of a child's output that an error quotes. */
const QUOTED_LINES = 5;

/** Why a dump failed, with the last lines that it printed. */
export function dumpFailure(
  program: string,
  what: string,
  exit: string,
  stderr: string,
): HoldfastError {
  const said = stderr.split('\n').filter(Boolean).slice(-QUOTED_LINES).join(' | ');
  return new HoldfastError(
    'DUMP_FAILED',
    `${program} of ${what} ended with ${exit}${said === '' ? '' : `: ${said}`}`,
    { hint: hintFor(said) },
  );
}

function hintFor(said: string): string {
  if (/conflict with recovery/.test(said)) {
    return 'The replica replayed what the dump was reading: raise max_standby_streaming_delay or set hot_standby_feedback on it, then run the backup again.';
  }
  if (/permission denied/.test(said)) {
    return 'Grant the role what is missing: GRANT pg_read_all_data TO <role> covers tables and sequences; large objects need their own grants.';
  }
  if (/row-level security/.test(said)) {
    return 'Row security hides rows from the role: ALTER ROLE <role> BYPASSRLS lets the backup read them all.';
  }
  if (/no matching (extensions|schemas|tables) were found/.test(said)) {
    return "The cluster's options schemas and tables apply to each of its databases: name the databases that have them, in the option databases.";
  }
  if (/server closed the connection|connection to server/.test(said)) {
    return 'The server went away or was restarted; run the backup again.';
  }
  return 'Nothing was published. Run the backup again; the last lines of its output say what it met.';
}
