/**
 * Does several pieces of work at once. When one fails, the others are told to end, and are waited for:
 * nothing goes on behind the back of whoever cleans up.
 *
 * @param signal ends all of them.
 * @throws what the first one threw that failed.
 */
export async function sideBySide(
  signal: AbortSignal,
  work: readonly ((signal: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const failures: unknown[] = [];
  await Promise.all(
    work.map((piece) =>
      piece(either).catch((error: unknown) => {
        failures.push(error);
        failed.abort(error);
      }),
    ),
  );
  if (failures.length > 0) throw failures[0];
}
