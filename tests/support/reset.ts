/**
 * A client that goes away without a word.
 *
 * @module
 */

import { connect } from "node:net";

/** Connects to a server on loopback, sends a byte, waits for its answer, and resets. */
export async function resetAfterAnswer(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  socket.write("x");
  await new Promise<void>((resolve) => socket.once("data", () => resolve()));
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.resetAndDestroy();
  await closed;
}
