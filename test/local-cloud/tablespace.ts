import type { Postgres } from './servers/postgres.ts';
import { TABLESPACES } from './servers/postgres-scripts.ts';

/**
 * Makes a tablespace. Its directory has one path on every server, each in its own container, and has to be
 * there before a standby replays the making.
 *
 * @returns where it lies, inside the containers.
 */
export async function createTablespace(
  { primary, standby }: Pick<Postgres, 'primary' | 'standby'>,
  name: string,
): Promise<string> {
  const directory = `${TABLESPACES}/${name}`;
  for (const server of [primary, standby]) await server.exec(['mkdir', '-m', '700', directory]);
  await primary.query(`CREATE TABLESPACE "${name}" LOCATION '${directory}'`);
  await standby.waitForReplay();
  return directory;
}
