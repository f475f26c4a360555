/**
 * Strangers that reset their connection.
 *
 * @module
 */

import { connect } from "node:net";

/** A stranger's connection that can be reset. */
export interface Resettable {
  /** Sends a RST. @returns when the connection is gone on this side */
  reset(): Promise<void>;
}

/** Connects to a port of loopback. */
export async function connectResettable(port: number): Promise<Resettable> {
  const socket = connect(port, "127.0.0.1");
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  socket.on("error", () => {});
  socket.pause();
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return {
    reset: async () => {
      socket.resetAndDestroy();
      await closed;
    },
  };
}
