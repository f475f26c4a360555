/**
 * Transport protocols that programs bring along: each is asked about every packet of its number,
 * and says what becomes of it.
 *
 * @module
 */

import type { DatagramContext } from "../datagram/context.ts";
import { isMulticast } from "../ip/addresses.ts";
import {
  Flow,
  type IcmpError,
  type IcmpReport,
  type IpAddress,
  type IpParameters,
  type TransportProtocol,
} from "../ip/types.ts";
import { takeChain } from "../memory/chains.ts";
import type { DatagramStackSocket } from "../socket.ts";
import type { Counters } from "../statistics.ts";
import { Protocol } from "../wire/numbers.ts";
import { ANY_6 } from "../address_rules.ts";
import { RawCounter } from "./counters.ts";
import { OpenPacketView, type PacketView } from "./packet_view.ts";
import { RawSocket } from "./raw_socket.ts";

/** What becomes of a packet, as a program says. */
export type PacketAction =
  /** It is lost. */
  | "drop"
  /** It has done what it was for. */
  | "accept"
  /** The sender gets these bytes, behind headers of IP. */
  | { readonly reply: Uint8Array };

/** What becomes of a packet, as whoever has the stack's own sockets says. */
export type Action =
  | PacketAction
  /** A raw socket of this stack gets it. */
  | { readonly forward: DatagramStackSocket };

/** A protocol of a program's. */
export interface CustomProtocolHandler {
  /**
   * Decides about a packet. It is called within a step: it must neither wait nor throw.
   *
   * @param packet for this call only
   */
  processPacket(packet: PacketView): PacketAction;
  /** Is told of an error about a packet that was sent with this number. */
  onError?(error: IcmpReport): void;
}

/** A protocol of whoever has the stack's own sockets. */
export interface SocketProtocolHandler {
  /** {@inheritDoc CustomProtocolHandler.processPacket} */
  processPacket(packet: PacketView): Action;
  /** {@inheritDoc CustomProtocolHandler.onError} */
  onError?(error: IcmpReport): void;
}

/** Who knows which protocols there are: IP. */
export interface ProtocolRegistrar {
  /** @throws {RangeError} when its number is none, or another one's */
  register(protocol: TransportProtocol): void;
  /** @returns whether it was known */
  unregister(protocol: number): boolean;
}

/** What custom protocols are made of. */
export interface CustomProtocolParts {
  readonly context: DatagramContext;
  readonly registrar: ProtocolRegistrar;
  readonly counters: Counters<typeof RawCounter>;
}

/** What IP itself does, or takes apart as it reads: no protocol that a program can be. */
const RESERVED: ReadonlySet<number> = new Set([
  Protocol.HOP_BY_HOP,
  Protocol.ICMPV4,
  Protocol.IGMP,
  Protocol.ROUTING,
  Protocol.FRAGMENT,
  Protocol.ICMPV6,
  Protocol.NONE,
  Protocol.DESTINATION_OPTIONS,
]);

/** One of them. */
class CustomProtocol implements TransportProtocol {
  readonly protocol: number;
  readonly #parts: CustomProtocolParts;
  readonly #handler: SocketProtocolHandler;
  readonly #view: OpenPacketView;
  readonly #flow: Flow = new Flow();
  readonly #parameters: IpParameters = {
    timeToLive: 0,
    typeOfService: 0,
    fragmentation: "allowed",
    flowLabel: 0,
    options: null,
  };

  constructor(parts: CustomProtocolParts, protocol: number, handler: SocketProtocolHandler) {
    this.#parts = parts;
    this.protocol = protocol;
    this.#handler = handler;
    this.#view = new OpenPacketView(parts.context.environment);
  }

  receive(packet: number, source: IpAddress, destination: IpAddress): void {
    const { counters, context: { environment: { arena } } } = this.#parts;
    counters.add(RawCounter.CUSTOM_RECEIVED);
    const action = this.#ask(packet, source, destination);
    if (action === "accept") return arena.release(packet);
    if (typeof action === "object" && action !== null) {
      if ("forward" in action) return this.#forward(packet, action.forward);
      if (action.reply instanceof Uint8Array) {
        this.#reply(packet, source, destination, action.reply);
        return arena.release(packet);
      }
    }
    const isDrop = action === "drop";
    counters.add(isDrop ? RawCounter.DROPPED_CUSTOM : RawCounter.DROPPED_CUSTOM_FAILED);
    arena.release(packet);
  }

  /** What a program does wrong is its own affair: it ends neither the step nor the stack. */
  #ask(packet: number, source: IpAddress, destination: IpAddress): Action | null {
    this.#view.open(packet, this.protocol, source, destination);
    try {
      return this.#handler.processPacket(this.#view);
    } catch {
      return null;
    } finally {
      this.#view.close();
    }
  }

  #forward(packet: number, socket: DatagramStackSocket): void {
    const { counters, context: { environment: { arena } } } = this.#parts;
    if (!(socket instanceof RawSocket) || socket.isClosed || socket.isShutForReceiving) {
      counters.add(RawCounter.DROPPED_CUSTOM_FAILED);
      return arena.release(packet);
    }
    counters.add(RawCounter.CUSTOM_FORWARDED);
    socket.enqueue(packet);
  }

  #reply(packet: number, source: IpAddress, destination: IpAddress, bytes: Uint8Array): void {
    const { counters, context } = this.#parts;
    const { environment: { arena, packets }, addresses, output } = context;
    const flow = this.#flow;
    const link = packets.interface[packet];
    const isForMany = isMulticast(destination) ||
      typeof destination === "number" && addresses.isBroadcast(destination, link);
    flow.remote = source;
    // RFC 1122 section 3.2.1.3 (MUST): a source is an address of one host.
    flow.local = !isForMany ? destination : typeof source === "number" ? 0 : ANY_6;
    flow.scope = typeof source === "number" ? 0 : link;
    flow.path = null;
    const reply = output.route(flow) < 0 ? -1 : takeChain(arena, bytes.length);
    if (reply < 0) return counters.add(RawCounter.DROPPED_CUSTOM_REPLY);
    let copied = 0;
    for (let at = reply; at >= 0; at = arena.next(at)) {
      const part = bytes.subarray(copied, copied + arena.length(at));
      arena.memory.bytes.set(part, arena.start(at));
      copied += part.length;
    }
    packets.clear(reply);
    packets.transport[reply] = arena.start(reply);
    const result = output.send(flow, reply, this.protocol, this.#parameters);
    counters.add(result < 0 ? RawCounter.DROPPED_CUSTOM_REPLY : RawCounter.CUSTOM_REPLIED);
  }

  onError(error: IcmpError): void {
    try {
      this.#handler.onError?.(error);
    } catch {
      this.#parts.counters.add(RawCounter.DROPPED_CUSTOM_FAILED);
    }
  }
}

/** All protocols that programs brought along. */
export class CustomProtocols {
  readonly #parts: CustomProtocolParts;
  readonly #registered = new Set<number>();

  /** There are none yet. */
  constructor(parts: CustomProtocolParts) {
    this.#parts = parts;
  }

  /**
   * Registers a protocol.
   *
   * @param protocol its number, 0 to 255, which is nobody else's
   * @throws {RangeError} when it is none, IP's own, or registered already
   *
   * @example
   * ```ts
   * const seen: Uint8Array[] = [];
   * protocols.register(253, {
   *   processPacket(packet) {
   *     seen.push(packet.copy());
   *     return { reply: Uint8Array.of(1) };
   *   },
   * });
   * ```
   */
  register(protocol: number, handler: SocketProtocolHandler): void {
    if (RESERVED.has(protocol)) {
      throw new RangeError(`protocol ${protocol} belongs to IP itself`);
    }
    this.#parts.registrar.register(new CustomProtocol(this.#parts, protocol, handler));
    this.#registered.add(protocol);
  }

  /** Forgets a protocol that was registered here. @returns whether it was */
  unregister(protocol: number): boolean {
    return this.#registered.delete(protocol) && this.#parts.registrar.unregister(protocol);
  }
}
