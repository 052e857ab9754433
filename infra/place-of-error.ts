import { fileURLToPath } from 'node:url';

/** Above the stack of a syntax error, Node shows the line, or the one before it too, with carets below what it stumbled on. */
const SHOWN_LINE = /^(?<file>(?:file:\/\/)?\/.*):(?<line>\d+)\n(?:.*\n)+?(?<before>[ \t]*)\^/;

/** The innermost frame in a file; what is Node's own has no path. */
const FRAME = /\n {4}at (?:.* \()?(?<file>file:\/\/\/.*):(?<line>\d+):(?<column>\d+)\)?/;

/**
 * Where a module that could not be loaded is wrong.
 *
 * @returns `/path/to/file.ts:3:7`, line and column from 1; nothing where Node does not tell.
 */
export function placeOf(error: unknown): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const { file, line, column, before } =
    (SHOWN_LINE.exec(stack) ?? FRAME.exec(stack))?.groups ?? {};
  if (file === undefined) return undefined;
  const path = file.startsWith('file:') ? fileURLToPath(file) : file;
  return `${path}:${line}:${column ?? (before ?? '').length + 1}`;
}
