/**
 * Links on a virtual clock: frames come out as bytes, and go in as bytes.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Environment } from "../../../stack/environment.ts";
import type { StackEvent } from "../../../stack/iface/events.ts";
import { LINK_COUNTERS } from "../../../stack/iface/link_counters.ts";
import type { LinkInterface } from "../../../stack/iface/link_interface.ts";
import { Links } from "../../../stack/iface/links.ts";
import type { InterfaceOptions, LinksParts } from "../../../stack/iface/links_parts.ts";
import type { Interface } from "../../../stack/iface/types.ts";
import { CheckedPacketArena, copyOut, sizeClasses } from "../../../stack/memory/mod.ts";
import { chainLength, verifyArena } from "../../../stack/memory/mod.ts";
import { PacketTable } from "../../../stack/packet_table.ts";
import { SeededRandom } from "../../../stack/random.ts";
import { StackTimers } from "../../../stack/stack_timers.ts";
import { Statistics } from "../../../stack/statistics.ts";
import { ipv6At, macOf } from "../../../stack/wire/addresses.ts";
import * as ethernet from "../../../stack/wire/ethernet.ts";
import { Fault } from "../../../stack/wire/fault.ts";
import { isListenerDiscovery, isNeighborDiscovery } from "../../../stack/wire/icmpv6.ts";
import * as ipv4 from "../../../stack/wire/ipv4.ts";
import * as ipv6 from "../../../stack/wire/ipv6.ts";
import { Protocol } from "../../../stack/wire/numbers.ts";
import { PacketBytes } from "../../../stack/wire/packet_bytes.ts";

/** The station of the first interface. */
export const OUR_MAC: number = macOf("02:00:00:00:00:01");
/** And that of whoever talks to it. */
export const PEER_MAC: number = macOf("02:00:00:00:00:02");

/** A millisecond in microseconds. */
export const MS = 1000;
/** A second. */
export const S = 1_000_000;

/** An environment whose time is set by tests. */
export class TestEnvironment implements Environment {
  readonly arena: CheckedPacketArena = new CheckedPacketArena({
    classes: sizeClasses({ small: 512, medium: 256, large: 4 }),
  });
  readonly packets: PacketTable = new PacketTable(this.arena.capacity);
  readonly timers: StackTimers;
  readonly random: SeededRandom;
  now = 0;

  constructor(seed = 1, resolution = 1) {
    this.timers = new StackTimers({ capacity: 4096, resolution, now: 0 });
    this.random = new SeededRandom(seed);
  }
}

/** A packet that links handed up. */
export interface Received {
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
  readonly flags: number;
  readonly interface: number;
}

/** What a test may say of links. */
export interface TestLinksOptions extends Partial<Omit<LinksParts, "environment" | "sink">> {
  readonly seed?: number;
  /** Microseconds of a tick: 1. */
  readonly resolution?: number;
}

/** Links without a stack above them. */
export class TestLinks {
  readonly environment: TestEnvironment;
  readonly links: Links;
  readonly counters = new Statistics({ ...LINK_COUNTERS, faults: Fault }).groups;
  readonly events: StackEvent[] = [];
  /** Frames that left, by interface, since they were taken last. */
  readonly sent: { readonly interface: number; readonly bytes: Uint8Array }[] = [];
  readonly received: Received[] = [];
  readonly unreachable: Uint8Array[] = [];
  /** Whether the queue to the ports is full. */
  isFull = false;
  /** Whether packets of neighbour discovery, MLD and IGMP go where ICMP would hand them. */
  isAnswering = true;

  constructor({ seed, resolution, ...options }: TestLinksOptions = {}) {
    this.environment = new TestEnvironment(seed, resolution);
    this.links = new Links({
      environment: this.environment,
      counters: this.counters,
      sink: { push: (index, packet) => this.#push(index, packet) },
      events: { onEvent: (event) => this.events.push(event) },
      ...options,
    });
    this.links.attach({
      ip: {
        receiveIpv4: (packet, link) => this.#receive(4, packet, link),
        receiveIpv6: (packet, link) => this.#receive(6, packet, link),
      },
      unreachable: {
        onUnreachable: (packet) => {
          this.unreachable.push(this.#bytesOf(packet));
          this.environment.arena.release(packet);
        },
      },
      egress: null,
    });
  }

  #bytesOf(packet: number): Uint8Array {
    const { arena } = this.environment;
    const length = chainLength(arena, packet);
    const copy = arena.take(length);
    copyOut(arena, packet, 0, length, arena.start(copy));
    const at = arena.start(copy);
    const bytes = arena.memory.bytes.slice(at, at + length);
    arena.release(copy);
    return new Uint8Array(bytes);
  }

  #push(index: number, packet: number): boolean {
    if (this.isFull) return false;
    this.sent.push({ interface: index, bytes: this.#bytesOf(packet) });
    this.environment.arena.release(packet);
    return true;
  }

  #receive(family: 4 | 6, packet: number, link: Interface): void {
    const { arena, packets } = this.environment;
    const bytes = this.#bytesOf(packet);
    this.received.push({ family, bytes, flags: packets.flags[packet], interface: link.index });
    if (!this.isAnswering || !this.#control(family, packet, link)) arena.release(packet);
  }

  /** Does what ICMPv6 and IP do with messages for links. */
  #control(family: 4 | 6, packet: number, link: Interface): boolean {
    const { arena: { memory }, arena, packets } = this.environment;
    const at = arena.start(packet);
    const ours = link as LinkInterface;
    if (family === 4) {
      if (ipv4.protocol(memory, at) !== Protocol.IGMP) return false;
      packets.transport[packet] = at + ipv4.headerBytes(memory, at);
      const source = ipv4.source(memory, at);
      this.links.protocol.receive(packet, ours, source, ipv4.destination(memory, at));
      return true;
    }
    let next = ipv6.nextHeader(memory, at);
    let transport = at + ipv6.HEADER_BYTES;
    if (next === Protocol.HOP_BY_HOP) {
      next = memory.view.getUint8(transport);
      transport += 8 * (1 + memory.view.getUint8(transport + 1));
    }
    if (next !== Protocol.ICMPV6) return false;
    packets.transport[packet] = transport;
    const source = ipv6At(memory, ipv6.sourceAt(at));
    const destination = ipv6At(memory, ipv6.destinationAt(at));
    const type = memory.view.getUint8(transport);
    if (!isNeighborDiscovery(type) && !isListenerDiscovery(type)) return false;
    this.links.protocol.receive(packet, ours, source, destination);
    return true;
  }

  /** Adds an Ethernet interface that is up. */
  add(options: Partial<InterfaceOptions> = {}): LinkInterface {
    const link = this.links.addInterface({
      ...{ name: `eth${this.links.size}`, kind: "ethernet", mac: OUR_MAC + this.links.size },
      autoconfiguration: { mode: "none" },
      ...options,
    });
    if (typeof link === "number") throw new Error(`no interface: ${link}`);
    this.links.setUp(link.index, true);
    return link;
  }

  /** Lets time pass, and does what falls due. @param microseconds how much */
  advance(microseconds: number): void {
    const until = this.environment.now + microseconds;
    for (;;) {
      const next = this.environment.timers.nextDeadline();
      if (next > until) break;
      this.environment.now = Math.max(next, this.environment.now);
      this.environment.timers.expire(this.environment.now);
    }
    this.environment.now = until;
    this.environment.timers.expire(until);
  }

  /** Gives a frame to an interface, as a port does. */
  give(index: number, bytes: ArrayLike<number>): void {
    this.links.receive(index, this.packet(bytes));
  }

  /** A packet with bytes. */
  packet(bytes: ArrayLike<number>): number {
    const { arena, packets } = this.environment;
    const packet = arena.take(bytes.length);
    packets.clear(packet);
    arena.memory.bytes.set(bytes, arena.start(packet));
    return packet;
  }

  /** Takes the frames that left since the last time. */
  take(): Frame[] {
    return this.sent.splice(0).map(({ bytes }) => new Frame(bytes));
  }

  /** Asserts that no packet is lost, and that the arena's books are right. */
  assertClean(held = 0): void {
    verifyArena(this.environment.arena);
    assertEquals(this.environment.arena.usedCount, held, "packets that somebody still holds");
  }
}

/** A frame that left. */
export class Frame {
  readonly bytes: Uint8Array;
  readonly packets: PacketBytes;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.packets = PacketBytes.copyOf(bytes);
  }

  /** Its destination. */
  get to(): number {
    return ethernet.destination(this.packets, 0);
  }

  /** What it carries. */
  get type(): number {
    return ethernet.type(this.packets, 0);
  }
}

/** A packet of IPv4 without anything in it. */
export function ipv4Packet(source: number, destination: number, payload = 8): Uint8Array {
  const packets = new PacketBytes(new ArrayBuffer(20 + payload));
  ipv4.put(packets, 0, 0, 20 + payload, 1, false, 64, 253, source, destination);
  return packets.bytes;
}
