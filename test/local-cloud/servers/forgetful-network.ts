import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A way to a server that loses connections without a word, as a NAT gateway does. */
export interface ForgetfulNetwork {
  readonly port: number;
  /**
   * From now on nothing that either side of an open connection sends reaches the other one, nor does the client
   * learn that the server has hung up. The server learns it of the client, or a test would have to wait until it gives up
   * as well. Connections to come are not concerned.
   */
  forget(): void;
  stop(): Promise<void>;
}

/** Passes connections on to this port of 127.0.0.1. */
export async function startForgetfulNetwork(port: number): Promise<ForgetfulNetwork> {
  const remembered = new Set<Socket>();
  const sockets = new Set<Socket>();
  const pass = (from: Socket, to: Socket, client: Socket): void => {
    sockets.add(from);
    from.on('data', (data) => {
      if (!remembered.has(client) || to.write(data)) return;
      from.pause();
      to.once('drain', () => from.resume());
    });
    from.on('error', () => from.destroy());
    from.on('close', () => {
      sockets.delete(from);
      if (from === client || remembered.has(client)) to.destroy();
    });
  };
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    remembered.add(client);
    pass(client, upstream, client);
    pass(upstream, client, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    forget: () => remembered.clear(),
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
