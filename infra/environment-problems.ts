import { ClusterName } from '../contract/names.ts';

/** Thrown at synth: every wrong value of an environment's file, with what to write instead. */
export class EnvironmentError extends Error {
  constructor(subject: string, problems: readonly string[]) {
    super(`${subject} cannot be deployed:\n${problems.map((line) => `  - ${line}`).join('\n')}`);
    this.name = 'EnvironmentError';
  }
}

/** Collects what is wrong with an environment, so that one synth shows it all. */
export class Problems {
  readonly found: string[] = [];

  /** Unless `holds`, notes the property, the value found and the fix (an imperative sentence). */
  require(holds: boolean, property: string, value: unknown, fix: string): void {
    if (!holds) this.found.push(`${property} is ${show(value)}. ${fix}`);
  }

  requireText(property: string, value: unknown, pattern: RegExp, fix: string): void {
    // A pattern alone would take undefined for the word.
    this.require(typeof value === 'string' && pattern.test(value), property, value, fix);
  }

  /** A whole number within bounds, both included. `more` ends the sentence, with why or what else. */
  requireInteger(property: string, value: unknown, least: number, most: number, more = ''): void {
    const holds = isWhole(value, least, most);
    this.require(holds, property, value, `Give a whole number from ${least} to ${most}${more}.`);
  }

  requireBoolean(property: string, value: unknown): void {
    this.require(typeof value === 'boolean', property, value, 'Give true or false.');
  }

  requireOneOf(property: string, value: unknown, allowed: readonly (string | number)[]): void {
    const holds = allowed.some((candidate) => candidate === value);
    this.require(holds, property, value, `Give one of ${allowed.join(', ')}.`);
  }

  /** Node runs the file without type checks, so a misspelt property would be silently ignored. */
  requireKnown(owner: string, value: object, known: readonly string[]): void {
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue;
      const property = owner === '' ? key : `${owner}.${key}`;
      this.found.push(`${property} is no known property. Use one of ${known.join(', ')}.`);
    }
  }

  /** Whether it is one; a list is none. `shape` is what to write, such as `{ name, kind }`. */
  requireObject(property: string, value: unknown, shape: string): boolean {
    const holds = typeof value === 'object' && value !== null && !Array.isArray(value);
    this.require(holds, property, value, `Give an object: ${shape}.`);
    return holds;
  }

  /** A list of texts: a wrong one is named with its place. */
  requireEach(property: string, value: unknown, pattern: RegExp, one: string, all: string): void {
    if (!Array.isArray(value)) {
      this.require(false, property, value, all);
      return;
    }
    for (const [index, text] of value.entries()) {
      this.requireText(`${property}[${index}]`, text, pattern, one);
    }
    this.requireUnique(`${property}[]`, value, 'Give each once.');
  }

  /** A list of names of clusters. */
  requireNames(property: string, value: unknown): void {
    const holds =
      Array.isArray(value) && value.every((name) => ClusterName.safeParse(name).success);
    this.require(holds, property, value, 'List names of 1 to 40 characters out of a-z, 0-9 and -.');
  }

  /** `property` has `[]` where the index goes, such as `clusters[].name`; missing values are passed over. */
  requireUnique(
    property: string,
    values: readonly unknown[],
    fix = 'Give each a name of its own.',
  ): void {
    const place = (index: number): string => property.replace('[]', `[${index}]`);
    for (const [index, value] of values.entries()) {
      const first = values.indexOf(value);
      if (value === undefined || first === index) continue;
      this.found.push(`${place(index)} is ${show(value)}, as ${place(first)} is. ${fix}`);
    }
  }

  /** @throws EnvironmentError if anything was found. */
  throwIfAny(subject: string): void {
    if (this.found.length > 0) throw new EnvironmentError(subject, this.found);
  }
}

/** Whether it is a whole number within bounds, both included. */
export function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}

function show(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}
