import type { PostgresServer } from './servers/postgres.ts';

/**
 * Runs SQL, then asks, in a new server beside the one in the container: what a person does with the
 * dump of a whole cluster. The server is gone afterwards.
 *
 * @param sql fed to psql; errors other than of what exists already end it.
 * @returns what each question answers, unaligned.
 */
export async function tryInEmptyServer(
  server: PostgresServer,
  sql: string,
  questions: readonly { readonly database: string; readonly sql: string }[],
): Promise<{ readonly said: string; readonly answers: readonly string[] }> {
  const directory = '/tmp/empty-server';
  const connect = `-h ${directory} -p 6543 -U postgres --no-psqlrc -At`;
  const run = (script: string, input?: string) =>
    server.exec(
      ['sh', '-ec', `PATH=$(echo /usr/lib/postgresql/*/bin):$PATH; ${script}`],
      input === undefined ? {} : { input },
    );
  await run(`mkdir ${directory}; initdb --no-sync -D ${directory}/data -U postgres --auth=trust \
    --encoding=UTF8 --locale=C.UTF-8
    pg_ctl -D ${directory}/data -o "-p 6543 -k ${directory} -c listen_addresses=''" \
      -l ${directory}/log -w start`);
  try {
    const { stderr } = await run(`psql ${connect} -q postgres`, sql);
    const answers: string[] = [];
    for (const question of questions) {
      const { stdout } = await run(`psql ${connect} ${question.database}`, question.sql);
      answers.push(stdout.trim());
    }
    return { said: stderr, answers };
  } finally {
    await run(`pg_ctl -D ${directory}/data -m immediate stop; rm -rf ${directory}`);
  }
}
