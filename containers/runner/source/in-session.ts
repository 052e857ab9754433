import type pg from 'pg';
import { HoldfastError } from '../../../contract/errors.ts';
import { disconnect } from '../keep-alive.ts';
import { connectionError } from './connection-error.ts';
import { connect, type Server } from './server.ts';

/**
 * Asks a server in a session of its own, in the database that its URI names.
 *
 * @throws HoldfastError what the work throws; any other failure is told as one of the connection.
 */
export async function inSession<T>(
  server: Server,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  try {
    const client = await connect(server, server.target.database);
    try {
      return await work(client);
    } finally {
      await disconnect(client);
    }
  } catch (error) {
    throw error instanceof HoldfastError ? error : connectionError(error, server);
  }
}
