/**
 * All raw sockets: gives each of them copies of what IP has for their protocols.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { BindingFlag } from "../binding_flag.ts";
import type { DatagramContext } from "../datagram/context.ts";
import type { HeaderOutput, IcmpError, IpAddress, RawListener } from "../ip/types.ts";
import type { Counters } from "../statistics.ts";
import type { SocketFamily } from "../types.ts";
import { RawCounter } from "./counters.ts";
import { IPPROTO_RAW, type RawShared, RawSocket } from "./raw_socket.ts";

/** Numbers of protocols are bytes; IPv4 and IPv6 have their own lists. */
const PROTOCOLS = 256;

/** What raw sockets are made of. */
export interface RawParts {
  readonly context: DatagramContext;
  /** Sends packets whose headers programs write. */
  readonly headers: HeaderOutput;
  readonly counters: Counters<typeof RawCounter>;
}

/** All raw sockets of a stack. */
export class RawSockets implements RawListener {
  readonly #shared: RawShared;
  readonly #lists: RawSocket[][] = Array.from({ length: 2 * PROTOCOLS }, () => []);
  #open = 0;

  /** Makes no socket yet. */
  constructor({ context, headers, counters }: RawParts) {
    this.#shared = { context, headers, counters, onClose: (socket) => this.#forget(socket) };
  }

  /** How many are open. */
  get openSockets(): number {
    return this.#open;
  }

  /**
   * Makes a socket for a protocol.
   *
   * @param protocol its number, 1 to 255
   * @returns it, or `-errno`: ENFILE, EPROTONOSUPPORT
   */
  socket(family: SocketFamily, protocol: number): RawSocket | number {
    if (!(Number.isInteger(protocol) && protocol > 0 && protocol < PROTOCOLS)) {
      return -Errno.EPROTONOSUPPORT;
    }
    if (this.#open === this.#shared.context.options.sockets) return -Errno.ENFILE;
    const socket = new RawSocket(this.#shared, family, protocol);
    // raw(7): a socket of IPPROTO_RAW is for sending only.
    if (protocol !== IPPROTO_RAW) {
      this.#listOf(protocol, family === "ipv6").push(socket);
      // Raw sockets go together with any others, of other shards as well.
      this.#shared.context.shard?.rawProtocols.claim(protocol, BindingFlag.REUSE_PORT);
    }
    this.#open++;
    return socket;
  }

  #listOf(protocol: number, isIpv6: boolean): RawSocket[] {
    return this.#lists[isIpv6 ? PROTOCOLS + protocol : protocol];
  }

  #forget(socket: RawSocket): void {
    const list = this.#listOf(socket.protocol, socket.family === "ipv6");
    const at = list.indexOf(socket);
    this.#open--;
    if (at < 0) return;
    list.splice(at, 1);
    this.#shared.context.shard?.rawProtocols.release(socket.protocol, BindingFlag.REUSE_PORT);
  }

  /** See {@linkcode RawListener.listensTo}. */
  listensTo(protocol: number, isIpv6: boolean): boolean {
    return this.#listOf(protocol, isIpv6).length > 0;
  }

  /** See {@linkcode RawListener.onPacket}. */
  onPacket(packet: number, protocol: number, source: IpAddress, destination: IpAddress): boolean {
    let isTaken = false;
    // Owners that are told may close sockets, and open others.
    for (const socket of [...this.#listOf(protocol, typeof destination !== "number")]) {
      if (!socket.isClosed && socket.offer(packet, source, destination)) isTaken = true;
    }
    return isTaken;
  }

  /** See {@linkcode RawListener.onError}: raw(7), only those are told who are connected, or ask. */
  onError(error: IcmpError, protocol: number): void {
    for (const socket of [...this.#listOf(protocol, typeof error.flow.remote !== "number")]) {
      if (socket.onError(error)) this.#shared.counters.add(RawCounter.ERRORS);
    }
  }
}
