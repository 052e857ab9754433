/** Reads of a resolved template's values: they fail where the local cloud would have to guess. */
export type Properties = Readonly<Record<string, unknown>>;

export function text(of: Properties, name: string): string {
  const value = of[name];
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw new Error(`The template's ${name} should be text; it is ${JSON.stringify(value)}.`);
}

export function optionalText(of: Properties, name: string): string | undefined {
  return of[name] === undefined ? undefined : text(of, name);
}

export function number(of: Properties, name: string, otherwise?: number): number {
  const value = of[name] ?? otherwise;
  const read = typeof value === 'string' ? Number(value) : value;
  if (typeof read === 'number' && Number.isFinite(read)) return read;
  throw new Error(`The template's ${name} should be a number; it is ${JSON.stringify(value)}.`);
}

export function object(of: Properties, name: string): Properties {
  const value = of[name] ?? {};
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Properties;
  }
  throw new Error(`The template's ${name} should be an object; it is ${JSON.stringify(value)}.`);
}

export function objects(of: Properties, name: string): readonly Properties[] {
  const value = of[name] ?? [];
  if (Array.isArray(value)) return value as readonly Properties[];
  throw new Error(`The template's ${name} should be a list; it is ${JSON.stringify(value)}.`);
}

export function texts(of: Properties, name: string): readonly string[] | undefined {
  const value = of[name];
  return value === undefined ? undefined : (value as readonly string[]);
}

/** Fails on a property that the local cloud would otherwise ignore in silence. */
export function onlyKnown(of: Properties, known: readonly string[], where: string): void {
  const unknown = Object.keys(of).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  throw new Error(
    `The local cloud does not know ${unknown.join(', ')} of ${where}: teach its adapter.`,
  );
}
