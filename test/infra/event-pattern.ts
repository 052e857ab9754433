/** What EventBridge's patterns may hold: the part of them that our rules use. */
type Pattern = { readonly [key: string]: unknown };

/**
 * Whether a rule's pattern takes an event, as EventBridge decides: every field that is named has to have
 * one of the values listed; of a list in the event one entry suffices, each field for itself.
 *
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
 */
export function takes(pattern: Pattern, event: unknown): boolean {
  return Object.entries(pattern).every(([field, wanted]) => {
    if (field === '$or') return (wanted as Pattern[]).some((each) => takes(each, event));
    const values = valuesOf(event, field);
    if (Array.isArray(wanted)) return values.some((value) => wanted.some((one) => is(one, value)));
    return values.some((value) => takes(wanted as Pattern, value));
  });
}

function valuesOf(event: unknown, field: string): unknown[] {
  return [event]
    .flat()
    .flatMap((one) =>
      typeof one === 'object' && one !== null ? [(one as Record<string, unknown>)[field]] : [],
    )
    .filter((value) => value !== undefined)
    .flatMap((value) => (Array.isArray(value) && value.every(isPlain) ? value : [value]));
}

function isPlain(value: unknown): boolean {
  return typeof value !== 'object';
}

function is(wanted: unknown, value: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return wanted === value;
  const { prefix, ...unknown } = wanted as { prefix?: string };
  if (prefix === undefined || Object.keys(unknown).length > 0) {
    throw new Error(`No rule for ${JSON.stringify(wanted)} in a pattern: add one here.`);
  }
  return typeof value === 'string' && value.startsWith(prefix);
}
