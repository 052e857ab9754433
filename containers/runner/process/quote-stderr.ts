/** Lines of a program's output that an error quotes. */
const QUOTED_LINES = 5;

/** What libpq adds to a connection that was closed, twice when two processes lose theirs; it says nothing new. */
const NOISE =
  /^\t(This probably means the server terminated abnormally|before or while processing the request\.)$/;

/** The last lines that a program of PostgreSQL's printed, in one. Empty if it printed none. */
export function quoteStderr(stderr: string): string {
  return stderr
    .split('\n')
    .filter((line) => line !== '' && !NOISE.test(line))
    .slice(-QUOTED_LINES)
    .map((line) => line.trim())
    .join(' | ');
}
