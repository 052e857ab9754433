import { appendFile, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { configurationText, settingCommentedOut, settingIn } from './configuration-text.ts';
import { ignoreMissing } from './ignore-missing.ts';
import { runServerProgram } from './run-server-program.ts';
import type { ServerPrograms } from './server-programs.ts';

const SETTING = 'data_directory';

/**
 * Takes from the source's configuration what names another data directory than this: that may be the one
 * which the source itself lives in, on this very machine.
 *
 * @param file its postgresql.conf, which no server reads yet.
 * @returns what was changed.
 */
export async function forgetOtherDirectory(file: string, directory: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(ignoreMissing);
  const named = text === undefined ? undefined : settingIn(text, SETTING);
  if (text === undefined || named === undefined || (await isSame(named, directory))) return [];
  const why = `made a comment by holdfast restore, in ${directory}`;
  // It is the only copy.
  await writeFile(`${file}.new`, settingCommentedOut(text, SETTING, why), { mode: 0o600 });
  await rename(`${file}.new`, file);
  return [
    `Its own configuration sets ${SETTING} to ${named}, which a server started on ${directory} would have opened instead: that line is a comment now.`,
  ];
}

/**
 * Sees to it that a server started on a directory opens this one, whatever its own configuration includes.
 *
 * @param directory with its own configuration.
 * @returns what was changed, and what could not be found out.
 */
export async function keepToDirectory(
  directory: string,
  programs: ServerPrograms,
): Promise<string[]> {
  const file = join(directory, 'postgresql.conf');
  if ((await stat(file).catch(ignoreMissing)) === undefined) return [];
  const opened = await openedFrom(directory, programs);
  if ('unknown' in opened) {
    return [
      `Which directory it opens could not be found out. Before you start it, look at what this prints: ${join(programs.directory, 'postgres')} -D ${directory} -C ${SETTING}. It said: ${opened.unknown}`,
    ];
  }
  if (await isSame(opened.directory, directory)) return [];
  // The last line counts, also against what the ones before it include.
  await appendFile(file, `\n${configurationText({ [SETTING]: directory })}`);
  return [
    `A file that its postgresql.conf includes sets ${SETTING} to ${opened.directory}: the last line of postgresql.conf names ${directory} now. Change it where you move that.`,
  ];
}

async function openedFrom(
  directory: string,
  programs: ServerPrograms,
): Promise<{ directory: string } | { unknown: string }> {
  try {
    const said = await runServerProgram(programs, 'postgres', ['-D', directory, '-C', SETTING], {
      hint: 'Look at its configuration.',
    });
    return { directory: said.trim() };
  } catch (error) {
    return { unknown: (error as Error).message };
  }
}

async function isSame(path: string, directory: string): Promise<boolean> {
  if (!isAbsolute(path)) return false;
  return (await realpath(path).catch(() => path)) === (await realpath(directory));
}
