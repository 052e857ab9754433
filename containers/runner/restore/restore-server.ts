import { checkDatabases, findDatabases } from './check-databases.ts';
import { programsFor } from './client-programs.ts';
import { dropReplaced, emptyDatabases } from './empty-databases.ts';
import { stagedBytes } from './fetch-progress.ts';
import { applyGlobals, type RolesResult } from './globals/apply-globals.ts';
import { readGlobals } from './globals/read-globals.ts';
import { checkServer, surveyTarget } from './preflight.ts';
import {
  type BuiltDatabase,
  dropBuilt,
  homeBeside,
  publishDatabases,
} from './publish-databases.ts';
import { buildAside } from './restore-database.ts';
import { withRestoreLocks } from './restore-lock.ts';
import type { ServerRequest, ServerResult } from './restore-request.ts';
import { assertRoom } from './staging-directory.ts';
import { withSession } from './target-connection.ts';

/**
 * Restores several databases, or a whole server with its roles. Every database is built aside, one
 * after the other, and when the last is whole all get their names in one transaction. Whatever
 * happens before leaves the target's databases as they were; roles that were made stay, and the next
 * run finds them as they are.
 *
 * A database of the same name gives way without `replace` if it is as initdb made it: `postgres` is
 * there on every new server.
 *
 * @throws HoldfastError DATABASE_UNKNOWN, RESTORE_REFUSED, CLIENT_MISSING, VAULT_*, RESTORE_FAILED
 */
export async function restoreServer(request: ServerRequest): Promise<ServerResult> {
  const started = Date.now();
  const { manifest, target, reader, replace, signal } = request;
  const entries = findDatabases(manifest, request.databases);
  const names = entries.map(({ name }) => name);
  const home = homeBeside(target, names);
  return await withRestoreLocks(target, names, async (session, assertHeld) => {
    let facts = await surveyTarget(session);
    checkServer(facts, manifest);
    const there = names.filter((name) => facts.databases.has(name));
    const empty = await emptyDatabases(target, replace ? [] : there);
    checkDatabases(facts, entries, { replace, empty });
    const programs = await programsFor({ ...request, entries, target: facts.major });
    // One after the other lies there.
    await assertRoom(request.staging, Math.max(0, ...entries.map(stagedBytes)));
    let roles: RolesResult | undefined;
    if (request.roles) {
      const globals = await readGlobals({ ...reader, signal }, manifest);
      roles = await withSession(target, home, (own) => applyGlobals(own, globals));
      facts = await surveyTarget(session);
    }
    const built: BuiltDatabase[] = [];
    try {
      for (const [at, entry] of entries.entries()) {
        const { name } = entry;
        request.onDatabase?.(name, at + 1, entries.length);
        const own = { ...request, database: name };
        const run = { request: own, entry, name, home, facts, programs, assertHeld };
        built.push(await buildAside(session, run));
      }
    } catch (error) {
      const temporaries = built.map(({ temporary }) => temporary);
      return await dropBuilt(error, { target, home, signal }, temporaries);
    }
    const published = await publishDatabases({ ...request, assertHeld }, home, built, empty);
    const { databases, dropped } = await dropReplaced(target, home, published, empty);
    return { roles, databases, dropped, seconds: { total: (Date.now() - started) / 1000 } };
  });
}
