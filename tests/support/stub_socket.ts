/**
 * A stream's socket that nothing but a half of the stream under test uses.
 *
 * @module
 */

import type { Network } from "../../native/network.ts";
import { Socket, type SocketOwner } from "../../native/socket.ts";
import type { Authority } from "../../ring/authority/mod.ts";

const OWNER: SocketOwner = {
  authority: {} as Authority,
  isCounted: false,
  sendGate: null,
  acquire: () => null,
  release() {},
  adopt() {},
  forget() {},
};

/** See the module. */
export class StubSocket extends Socket {
  readonly localName = "127.0.0.1:1";
  readonly remoteName = "127.0.0.1:2";
  readonly kind = "stream";
  readonly family = "IPv4";

  /** @param owner an owner without limits, where the test names none */
  constructor(network: Network, descriptor: number, owner: Partial<SocketOwner> = {}) {
    super(network, { ...OWNER, ...owner }, descriptor);
  }

  terminate(): Promise<void> {
    return Promise.resolve();
  }

  requireOpen(): void {}
}
