/** How the demo tells its story. */
const started = performance.now();

export function chapter(title: string): void {
  process.stdout.write(`\n── ${title} ${'─'.repeat(Math.max(0, 70 - title.length))}\n`);
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A command and what it printed. */
export function show(command: string, output: string): void {
  const indented = output.trimEnd().replaceAll(/^/gm, '  ');
  process.stdout.write(`$ ${command}\n${indented}\n`);
}

/** Ends the story badly. */
export function fail(what: string, found: unknown): never {
  throw new Error(`${what}: ${typeof found === 'string' ? found : JSON.stringify(found)}`);
}

/** Time since the start, in words. */
export function took(): string {
  return `${Math.round((performance.now() - started) / 1000)} s`;
}
