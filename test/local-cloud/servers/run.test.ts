import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { podman } from './container.ts';
import { startRun } from './run.ts';
import { waitUntil } from './wait-until.ts';

interface Started {
  readonly child: ChildProcess;
  readonly id: string;
  readonly directory: string;
  readonly ports: readonly number[];
}

async function startFixture(): Promise<Started> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'run.fixture.ts')], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // A group of its own, so that a signal to the group does what Ctrl-C does.
    detached: true,
  });
  if (child.stdout === null) throw new Error('The fixture has no output.');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { child, ...(JSON.parse(line) as Omit<Started, 'child'>) };
}

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

async function whatIsLeft({ id, directory, ports }: Started): Promise<string[]> {
  const { stdout } = await podman([
    'ps',
    '--all',
    '--quiet',
    '--filter',
    `label=holdfast.run=${id}`,
  ]);
  const listening = await Promise.all(ports.map(listens));
  return [
    ...stdout.split('\n').filter((container) => container !== ''),
    ...ports.filter((_, index) => listening[index]).map((port) => `port ${port}`),
    ...(existsSync(directory) ? [directory] : []),
  ];
}

test.each([
  ['an orderly end', (child: ChildProcess) => child.stdin?.end()],
  ['Ctrl-C', (child: ChildProcess) => process.kill(-Number(child.pid), 'SIGINT')],
  ['SIGTERM', (child: ChildProcess) => child.kill('SIGTERM')],
  ['SIGKILL', (child: ChildProcess) => child.kill('SIGKILL')],
])('nothing outlives %s', async (_, end) => {
  const started = await startFixture();
  // One container, two servers, one directory: the check can see what it looks for.
  expect(await whatIsLeft(started)).toHaveLength(4);
  end(started.child);
  let left: string[] = [];
  await waitUntil(
    async () => {
      left = await whatIsLeft(started);
      return left.length === 0;
    },
    { what: 'everything to be gone', timeoutMs: 20_000, explain: () => left.join('\n') },
  );
  expect(left).toEqual([]);
});

test('a run whose process is dead is cleared away at the next start, a live one is not', async () => {
  const parent = await mkdtemp(join(tmpdir(), 'holdfast-sweep-'));
  const plant = async (name: string, pid: number) => {
    await mkdir(join(parent, name));
    await writeFile(join(parent, name, 'pid'), `${pid}\n`);
  };
  const dead = spawn('true');
  await once(dead, 'close');
  await plant('holdfast-run-dead', Number(dead.pid));
  await plant('holdfast-run-alive', process.pid);
  const run = await startRun({ parent });
  expect(await readdir(parent)).not.toContain('holdfast-run-dead');
  expect(await readdir(parent)).toContain('holdfast-run-alive');
  await run.stop();
  expect(existsSync(run.directory)).toBe(false);
  await rm(parent, { recursive: true });
});
