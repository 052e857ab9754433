import type pg from 'pg';
import type { TocEntry } from '../dump-toc.ts';
import type { NotRestored } from '../not-restored.ts';
import { quoteName } from '../sql-tokens.ts';
import { type DatabaseObject, keyOf, objectsOf } from './database-objects.ts';

export interface MovedObject {
  /** Where it was. */
  readonly from: DatabaseObject;
  /** Its name in the new schema, as SQL writes it. */
  readonly restored: string;
  /** Whether the database in use has something of that name. */
  readonly isThere: boolean;
  readonly isChosen: boolean;
}

/**
 * Puts what was restored into the scratch database into the new schema, there. What the chosen tables
 * need (types, functions, a view's tables) stays where it is if the database in use has it: there it
 * will be found under the same name. What that lacks goes along; so does whatever inherits, or the
 * tables in use would show the rescued rows.
 *
 * @param chosen as the dump has it.
 * @param there what the database in use has.
 */
export async function moveObjects(
  session: pg.Client,
  schema: string,
  chosen: readonly TocEntry[],
  there: ReadonlySet<string>,
): Promise<{ readonly moved: readonly MovedObject[]; readonly notRestored: NotRestored[] }> {
  const all = await objectsOf(session);
  const moving = all.filter(
    (object) =>
      object.kind === 'STATISTICS' ||
      object.inherits ||
      isChosen(object, chosen) ||
      !there.has(keyOf(object)),
  );
  await session.query(`CREATE SCHEMA ${quoteName(schema)}`);
  for (const { kind, identity } of moving) {
    await session.query(`ALTER ${kind} ${identity} SET SCHEMA ${quoteName(schema)}`);
  }
  const names = new Map((await objectsOf(session)).map(({ id, identity }) => [id, identity]));
  return {
    moved: moving.map((from) => ({
      from,
      restored: names.get(from.id) ?? from.identity,
      isThere: there.has(keyOf(from)),
      isChosen: isChosen(from, chosen),
    })),
    notRestored: all
      .filter((object) => !moving.includes(object))
      .map((object) => ({ what: keyOf(object), why: 'the one that the database has is used' })),
  };
}

function isChosen(
  { isRelation, schema, name }: DatabaseObject,
  chosen: readonly TocEntry[],
): boolean {
  return isRelation && chosen.some((one) => one.namespace === schema && one.tag === name);
}
