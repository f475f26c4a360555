/**
 * A TCP/IP stack: links, IP and the transport protocols, put together.
 *
 * ```text
 *   frames --> step(now) --> Links --> Ip --> Tcp, Udp, raw --> owners of sockets
 *                                                                      |
 *   frames <-- output <----- Links <-- Ip <-- Tcp, Udp, raw <----- calls to sockets
 * ```
 *
 * It is pure: it asks no clock, waits for nothing, and draws lots only from what it is given, so
 * that the same calls with the same times have the same effects.
 *
 * @module
 */

import { DatagramContext } from "./datagram/context.ts";
import type { Environment } from "./environment.ts";
import { FrameQueue } from "./frame_queue.ts";
import type { StackEvents } from "./iface/events.ts";
import { Links } from "./iface/links.ts";
import { Ip } from "./ip/ip.ts";
import { PacketArena, type PacketMemory, sizeClasses } from "./memory/mod.ts";
import { ReceiveCoalescer } from "./offload/receive_coalescer.ts";
import { SoftwareOffload } from "./offload/software_offload.ts";
import { PacketTable } from "./packet_table.ts";
import { type SizeChoices, sizesOf, type StackProfile, type StackSizes } from "./profiles.ts";
import type { RandomSource } from "./random.ts";
import { CustomProtocols, PingSockets, RawSockets, type SocketProtocolHandler } from "./raw/mod.ts";
import type { DatagramStackSocket, StreamStackSocket } from "./socket.ts";
import { makeStackCounters, type StackCounters } from "./stack_counters.ts";
import { StackTimers } from "./stack_timers.ts";
import type { StackShard } from "./steering/stack_shard.ts";
import { CONGESTION_CONTROLS, makeCongestionControl } from "./tcp/congestion/mod.ts";
import { Receiver, ReceiverSettings } from "./tcp/receive/mod.ts";
import { Sender, SenderSettings } from "./tcp/send/mod.ts";
import { Tcp } from "./tcp/tcp.ts";
import type { SocketFamily, StackCore } from "./types.ts";
import { Udp } from "./udp/mod.ts";

/** Microseconds of a tick of the stack's timers. */
const DEFAULT_RESOLUTION = 100;

/** What a stack is made of. */
export interface StackParts {
  /** Where all chance comes from: unpredictable, or seeded in a simulation. */
  readonly random: RandomSource;
  /** The time in microseconds; 0. */
  readonly now?: number;
  /** Microseconds of a tick of its timers; 100. */
  readonly resolution?: number;
  /** How much of everything it has; "default". */
  readonly profile?: StackProfile;
  /** What is different from the profile. */
  readonly sizes?: SizeChoices;
  /** The memory that its packets lie in; one of its own. */
  readonly memory?: PacketMemory;
  /** The packets themselves, in place of `memory` and `sizes.packets`. */
  readonly arena?: PacketArena;
  /** Is told of what happens to links and addresses. */
  readonly events?: StackEvents;
  /** Where it counts; memory of its own. */
  readonly counterBuffer?: ArrayBufferLike;
  /** How often an address of IPv6 is asked for before it is used; 1. RFC 4862 section 5.1. */
  readonly detectionTransmits?: number;
  /** Which of several shards of a host it is; all of it where this is missing. */
  readonly shard?: StackShard | null;
}

/** A TCP/IP stack. */
export class Stack implements StackCore {
  /** See {@linkcode StackCore.environment}. */
  readonly environment: Environment;
  /** See {@linkcode StackCore.output}. */
  readonly output: FrameQueue;
  /** How much of everything there is. */
  readonly sizes: StackSizes;
  /** What it did, and every packet that it dropped, by reason. */
  readonly counters: StackCounters;
  /** Interfaces, addresses, neighbours, routes and groups. */
  readonly links: Links;
  /** IP of both families. */
  readonly ip: Ip;
  /** TCP and its sockets. */
  readonly tcp: Tcp;
  /** UDP and its sockets. */
  readonly udp: Udp;
  /** Raw sockets. */
  readonly raw: RawSockets;
  /** Sockets of ICMP echo. */
  readonly ping: PingSockets;
  /** Protocols that programs bring along. */
  readonly customProtocols: CustomProtocols;
  readonly #coalescer: ReceiveCoalescer;
  readonly #clock: { now: number };
  readonly #shard: StackShard | null;

  /**
   * Makes a stack without interfaces.
   *
   * @param parts what it is made of
   *
   * @example
   * ```ts
   * const stack = new Stack({ random: new SeededRandom(1) });
   * stack.links.addLoopback();
   * const deadline = stack.step(1000, new FrameQueue(1));
   * ```
   */
  constructor(parts: StackParts) {
    const { random, now = 0, resolution = DEFAULT_RESOLUTION, profile = "default" } = parts;
    const sizes = sizesOf(profile, parts.sizes);
    const arena = parts.arena ?? arenaOf(sizes, parts.memory);
    const packets = new PacketTable(arena.capacity);
    const timers = new StackTimers({ capacity: sizes.timers, resolution, now });
    const environment = { arena, packets, timers, random, now };
    this.sizes = sizes;
    this.#shard = parts.shard ?? null;
    this.environment = environment;
    this.#clock = environment;
    this.output = new FrameQueue(sizes.outputFrames);
    this.counters = makeStackCounters(parts.counterBuffer);
    const { groups } = this.counters;
    const egress = new SoftwareOffload(environment, groups.offload);
    this.links = new Links({
      ...{ environment, counters: groups, sink: this.output, options: sizes.links },
      ...{ events: parts.events, detectionTransmits: parts.detectionTransmits },
      shard: this.#shard,
    });
    this.ip = new Ip({
      ...{ environment, counters: groups.ip, icmpCounters: groups.icmp, faults: groups.faults },
      ...{ egress, options: sizes.ip, shard: this.#shard },
    });
    this.ip.attach(this.links);
    this.#coalescer = new ReceiveCoalescer(environment, groups.offload, this.ip);
    this.links.attach({ ip: this.#coalescer, unreachable: this.ip, egress });
    this.tcp = this.#makeTcp();
    const context = this.#makeDatagramContext();
    this.udp = new Udp({ context, icmp: this.ip, counters: groups.udp });
    this.raw = new RawSockets({ context, headers: this.ip, counters: groups.raw });
    this.ping = new PingSockets({ context, counters: groups.raw });
    this.customProtocols = new CustomProtocols({
      ...{ context, registrar: this.ip, counters: groups.raw },
    });
    this.ip.register(this.tcp);
    this.ip.register(this.udp);
    this.ip.rawListener = this.raw;
    this.ip.echoListener = this.ping;
  }

  #makeTcp(): Tcp {
    const { environment, sizes, ip, links, counters: { groups } } = this;
    const senders = new SenderSettings(
      environment,
      groups.tcpSend,
      sizes.sender,
      sizes.tcp.congestionControl,
      makeCongestionControl,
    );
    const receivers = new ReceiverSettings(environment.arena, groups.tcpReceive, sizes.receiver);
    return new Tcp({
      ...{ environment, output: ip, counters: groups.tcp, settings: sizes.tcp },
      feedback: ip,
      interfaces: links,
      addresses: links.addresses,
      shard: this.#shard,
      halves: {
        sender: (host) => new Sender(host, senders),
        receiver: (host) => new Receiver(host, receivers),
        defaultBuffers: { send: sizes.sender.bufferBytes, receive: sizes.receiver.bufferBytes },
        hasCongestionControl: (name) => (CONGESTION_CONTROLS as readonly string[]).includes(name),
      },
    });
  }

  #makeDatagramContext(): DatagramContext {
    const { environment, sizes, ip, links } = this;
    const { interfaces, addresses, groups: memberships } = links;
    return new DatagramContext({
      ...{ environment, output: ip, interfaces, addresses, groups: memberships },
      ...{ options: sizes.datagrams, shard: this.#shard },
    });
  }

  /** See {@linkcode StackCore.setTime}. */
  setTime(now: number): void {
    // A clock that goes back would let timers wait for ever.
    if (now > this.#clock.now) this.#clock.now = now;
  }

  /** See {@linkcode StackCore.step}. */
  step(now: number, input: FrameQueue): number {
    this.setTime(now);
    this.environment.timers.expire(this.environment.now);
    while (input.size > 0) this.links.receive(input.interface, input.shift());
    this.#coalescer.flush();
    this.tcp.settle();
    this.#deliverLooped();
    return this.nextDeadline();
  }

  /** Delivers what this stack sends to itself, in rounds: what one causes is part of the next. */
  #deliverLooped(): void {
    let left = this.sizes.loopedPacketsPerStep;
    while (left > 0 && this.wantsStep) {
      const looped = this.links.deliverLooped();
      left -= looped + this.ip.deliverLooped(Math.min(left, this.ip.loopedCount));
      this.tcp.settle();
    }
  }

  /** See {@linkcode StackCore.wantsStep}. */
  get wantsStep(): boolean {
    return this.ip.loopedCount > 0 || this.links.loopedCount > 0;
  }

  /** See {@linkcode StackCore.nextDeadline}. */
  nextDeadline(): number {
    return this.wantsStep ? this.environment.now : this.environment.timers.nextDeadline();
  }

  /** See {@linkcode StackCore.streamSocket}. */
  streamSocket(family: SocketFamily): StreamStackSocket | number {
    return this.tcp.createSocket(family === "ipv6");
  }

  /** See {@linkcode StackCore.datagramSocket}. */
  datagramSocket(family: SocketFamily): DatagramStackSocket | number {
    return this.udp.socket(family);
  }

  /** See {@linkcode StackCore.pingSocket}. */
  pingSocket(family: SocketFamily): DatagramStackSocket | number {
    return this.ping.socket(family);
  }

  /** See {@linkcode StackCore.rawSocket}. */
  rawSocket(family: SocketFamily, protocol: number): DatagramStackSocket | number {
    return this.raw.socket(family, protocol);
  }

  /**
   * Brings a transport protocol along, which decides about each packet of its number.
   *
   * @param protocol its number, 0 to 255, which is nobody else's
   * @param handler is asked within a step, with a view that is good for the call only
   * @throws {RangeError} when the number is none, IP's own, or registered already
   *
   * @example
   * ```ts
   * stack.registerTransportProtocol(253, {
   *   processPacket: (packet) => ({ reply: packet.copy() }),
   * });
   * ```
   */
  registerTransportProtocol(protocol: number, handler: SocketProtocolHandler): void {
    this.customProtocols.register(protocol, handler);
  }
}

function arenaOf({ packets }: StackSizes, memory: PacketMemory | undefined): PacketArena {
  const { small, medium, large, slices } = packets;
  return new PacketArena({ classes: sizeClasses({ small, medium, large }), slices, memory });
}
