import { readFile } from 'node:fs/promises';

/** The last lines of a log, for an error message; says so when there is none. */
export async function logTail(file: string, lines = 20): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  if (text.trim() === '') return `${file} is empty.`;
  return `The end of ${file}:\n${text.trimEnd().split('\n').slice(-lines).join('\n')}`;
}
