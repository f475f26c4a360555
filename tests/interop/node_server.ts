/**
 * Feeds connections of this library to servers of `node:http`.
 *
 * @module
 */

import type { Server } from "node:http";
import type { NetworkCapability, TcpEndpoint } from "../../mod.ts";
import { toNodeSocket } from "../../native/node/node_socket.ts";

/** A Node server that is fed by an endpoint. */
export interface FedServer extends AsyncDisposable {
  /** The port on loopback. */
  readonly port: number;
  /** Where connections come from. */
  readonly endpoint: TcpEndpoint;
}

/**
 * Listens on loopback and hands every connection to a Node server.
 *
 * @param capability Must allow to listen.
 * @param server A server that listens nowhere itself.
 * @returns The port; disposing it closes endpoint and connections.
 */
export async function feed(capability: NetworkCapability, server: Server): Promise<FedServer> {
  const endpoint = await capability.listen("127.0.0.1:0");
  // Node answers "Connection: close" while it believes that it does not listen.
  Object.defineProperty(server, "listening", { value: true });
  const feeding = (async () => {
    for await (const stream of endpoint) server.emit("connection", toNodeSocket(stream));
  })();
  return {
    port: endpoint.addr.port,
    endpoint,
    async [Symbol.asyncDispose](): Promise<void> {
      await endpoint[Symbol.asyncDispose]();
      await feeding;
      server.closeAllConnections();
    },
  };
}
