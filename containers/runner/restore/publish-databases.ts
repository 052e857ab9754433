import { HoldfastError } from '../../../contract/errors.ts';
import { refused, surveyTarget } from './preflight.ts';
import { waitForOutcome } from './publish-outcome.ts';
import type { AssertHeld } from './restore-lock.ts';
import type { RestoreRequest, RestoreResult } from './restore-request.ts';
import {
  CommitUnanswered,
  dropOwn,
  type Swap,
  swapDatabases,
  type Temporary,
} from './swap-database.ts';
import { type TargetServer, withSession } from './target-connection.ts';
import { asideName } from './temporary-name.ts';

/** A database that is whole, and has its temporary name still. */
export interface BuiltDatabase extends Omit<RestoreResult, 'keptAs' | 'seconds'> {
  readonly temporary: Temporary;
  /** When its dump began to be fetched, milliseconds since 1970. */
  readonly started: number;
  readonly seconds: Omit<RestoreResult['seconds'], 'total'>;
}

/** Who publishes: what of a request matters to that. */
export interface Publication extends Pick<RestoreRequest, 'target' | 'replace' | 'now' | 'signal'> {
  /** Asked before anything is renamed: without the lock, what was built may be another restore's. */
  readonly assertHeld: AssertHeld;
}

/**
 * Gives finished databases the names that they are to have, all of them or none.
 *
 * @param home database to connect to: none of these.
 * @param givingWay databases that give way without `replace`.
 * @throws HoldfastError RESTORE_REFUSED when somebody has made one of these meanwhile, RESTORE_FAILED,
 * also when nobody can say whether they have their names
 */
export async function publishDatabases(
  { target, replace, now, signal, assertHeld }: Publication,
  home: string,
  built: readonly BuiltDatabase[],
  givingWay: ReadonlySet<string> = new Set(),
): Promise<RestoreResult[]> {
  const temporaries = built.map(({ temporary }) => temporary);
  let swaps: Swap[] = [];
  try {
    await withSession(target, home, async (session) => {
      signal?.throwIfAborted();
      const { databases } = await surveyTarget(session);
      swaps = built.map(({ name, temporary }) => {
        const exists = databases.has(name);
        if (exists && !replace && !givingWay.has(name)) {
          throw refused(
            `A database "${name}" was made on the target meanwhile.`,
            'Use --into NAME, or --replace.',
          );
        }
        return { name, temporary, aside: exists ? asideName(name, now()) : undefined };
      });
      await assertHeld();
      await swapDatabases(session, swaps);
    });
  } catch (error) {
    const published =
      error instanceof CommitUnanswered && (await waitForOutcome(error, { target, home }, swaps));
    if (!published) return await dropBuilt(error, { target, home, signal }, temporaries);
  }
  return built.map(({ temporary: _, started, seconds, ...result }, at) => ({
    ...result,
    keptAs: swaps[at]?.aside,
    seconds: { ...seconds, total: (Date.now() - started) / 1000 },
  }));
}

/** Drops what was built, and throws what it was dropped for, or that it could not be dropped. */
export async function dropBuilt(
  error: unknown,
  { target, home, signal }: Pick<Publication, 'target' | 'signal'> & { readonly home: string },
  temporaries: readonly Temporary[],
): Promise<never> {
  // On a session of its own: the broken one may be the reason why we are here.
  const left = await withSession(target, home, async (session) => {
    for (const temporary of temporaries) await dropOwn(session, temporary);
  }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  signal?.throwIfAborted();
  if (left !== undefined) {
    throw failed(
      error,
      `The restore failed, and what it had built could not be dropped (${temporaries.map(({ name }) => name).join(', ')})`,
    );
  }
  throw error instanceof HoldfastError ? error : failed(error, 'The restore failed');
}

export function failed(cause: unknown, what: string): HoldfastError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new HoldfastError('RESTORE_FAILED', `${what}: ${message}`, {
    hint: 'Mend the cause, then run it again: it starts by dropping what an earlier run left.',
    cause,
  });
}

/** A database from which all of these can be renamed, which no session on one of them can do. */
export function homeBeside({ database }: TargetServer, names: readonly string[]): string {
  const home = [database, 'postgres', 'template1'].find((one) => !names.includes(one));
  if (home !== undefined) return home;
  throw refused('template1 cannot be restored.', 'Leave it out, or give it another name: --into');
}
