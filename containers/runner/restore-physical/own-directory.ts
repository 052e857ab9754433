import { appendFile, readFile, realpath, writeFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { configurationText, settingCommentedOut, settingIn } from './configuration-text.ts';
import { ignoreMissing } from './ignore-missing.ts';
import { runServerProgram } from './run-server-program.ts';
import type { ServerPrograms } from './server-programs.ts';

const SETTING = 'data_directory';

/**
 * Sees to it that a server started on a directory opens this one, whatever its own configuration says: it
 * is the source's, and may name the one that the source itself lives in, on this very machine.
 *
 * @param directory with its own configuration.
 * @returns what was changed, and what could not be found out.
 */
export async function keepToDirectory(
  directory: string,
  programs: ServerPrograms,
): Promise<string[]> {
  const file = join(directory, 'postgresql.conf');
  const text = await readFile(file, 'utf8').catch(ignoreMissing);
  if (text === undefined) return [];
  const warnings: string[] = [];
  const named = settingIn(text, SETTING);
  if (named !== undefined && !(await isSame(named, directory))) {
    const why = `made a comment by holdfast restore, in ${directory}`;
    await writeFile(file, settingCommentedOut(text, SETTING, why));
    warnings.push(
      `Its own configuration sets ${SETTING} to ${named}, which a server started on ${directory} would have opened instead: that line is a comment now.`,
    );
  }
  const opened = await openedFrom(directory, programs);
  if ('unknown' in opened) {
    warnings.push(
      `Which directory it opens could not be found out. Before you start it, look at what this prints: ${join(programs.directory, 'postgres')} -D ${directory} -C ${SETTING}. It said: ${opened.unknown}`,
    );
  } else if (!(await isSame(opened.directory, directory))) {
    // The last line counts, also against what the ones before it include.
    await appendFile(file, `\n${configurationText({ [SETTING]: directory })}`);
    warnings.push(
      `A file that its postgresql.conf includes sets ${SETTING} to ${opened.directory}: the last line of postgresql.conf names ${directory} now. Change it where you move that.`,
    );
  }
  return warnings;
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
