import { readdir, readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { buildProgram } from '../../cli/main.ts';
import { directoryOf, goalOf, type PhysicalRestoreOptions } from '../../cli/physical-options.ts';
import { type RestoreOptions, whatToRestore } from '../../cli/what-to-restore.ts';
import { testIo } from '../cli/test-io.ts';
import { startFakeS3 } from '../vault/fake-s3.ts';

const DIRECTORY = new URL('../../docs/runbooks/', import.meta.url);

/** Every `holdfast` command line in the documents' console blocks. */
async function commands(file: URL): Promise<string[]> {
  const text = await readFile(file, 'utf8');
  return [...text.matchAll(/^```console\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    block
      .replaceAll(/\\\n\s*/g, '')
      .split('\n')
      .map((line) => /(?:^|npx |"\$IMAGE" )(holdfast .*)$/.exec(line)?.[1] ?? '')
      .filter((line) => line !== ''),
  );
}

/** Parses a line with the command's own options, and runs nothing. */
async function parse(line: string): Promise<{ name: string; options: unknown }> {
  const fake = await startFakeS3();
  const program = buildProgram(testIo(fake));
  let parsed: { name: string; options: unknown } | undefined;
  for (const command of program.commands) {
    command.action((...given: unknown[]) => {
      parsed = { name: command.name(), options: given.at(-2) };
    });
  }
  await program.parseAsync(line.split(/\s+/).slice(1), { from: 'user' });
  await fake.close();
  if (parsed === undefined) throw new Error(`No command took: ${line}`);
  return parsed;
}

type Restore = RestoreOptions & PhysicalRestoreOptions;

function understood(options: Restore): unknown {
  if (options.release !== undefined) return options.release;
  if (options.kind === 'logical') return whatToRestore(options);
  return [goalOf(options), directoryOf(options)];
}

const names = (await readdir(DIRECTORY)).filter((name) => name.endsWith('.md'));
const documents = [...names.map((name) => `docs/runbooks/${name}`), 'README.md'];

test.each(documents)('%s gives holdfast commands that the program takes', async (document) => {
  const lines = await commands(new URL(`../../${document}`, import.meta.url));
  expect(lines.length).toBeGreaterThanOrEqual(3);
  for (const line of lines) {
    const { name, options } = await parse(line);
    expect(line).toContain(`holdfast ${name}`);
    if (name === 'restore') expect(understood(options as Restore), line).toBeDefined();
  }
});

test('an option that the program does not know is noticed', async () => {
  await expect(parse('holdfast restore --cluster orders --everything')).rejects.toThrow(
    "unknown option '--everything'",
  );
});

test('wherever rows go back into a table, it is said that one without a key gets some twice', async () => {
  const text = await readFile(new URL('lost-table.md', DIRECTORY), 'utf8');
  const steps = text.split(/^(?=## |\*\*\d+\.)/m);
  const inserting = steps.filter((step) => step.includes('ON CONFLICT DO NOTHING'));
  expect(inserting).toHaveLength(2);
  for (const step of inserting) expect(step).toMatch(/would come twice[\s\S]*EXCEPT ALL/);
});
