/**
 * IP over links that only a test has: packets go in as bytes, and come out as bytes.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Errno } from "../../../ring/abi/errno.ts";
import type { Environment } from "../../../stack/environment.ts";
import { IcmpCounter } from "../../../stack/icmp/counters.ts";
import type { Interface, InterfaceKind, Route, RouteQuery } from "../../../stack/iface/types.ts";
import { AddressState } from "../../../stack/iface/types.ts";
import { IpCounter } from "../../../stack/ip/counters.ts";
import { Ip } from "../../../stack/ip/ip.ts";
import { IP_OPTIONS, type IpOptions } from "../../../stack/ip/options.ts";
import {
  Flow,
  type IcmpError,
  type IpAddress,
  type IpParameters,
  type TransportProtocol,
} from "../../../stack/ip/types.ts";
import {
  chainLength,
  CheckedPacketArena,
  copyOut,
  sizeClasses,
  takenPackets,
  verifyArena,
} from "../../../stack/memory/mod.ts";
import { OffloadCounter } from "../../../stack/offload/counters.ts";
import { SoftwareOffload } from "../../../stack/offload/software_offload.ts";
import { PacketTable } from "../../../stack/packet_table.ts";
import { SeededRandom } from "../../../stack/random.ts";
import { StackTimers } from "../../../stack/stack_timers.ts";
import { Statistics } from "../../../stack/statistics.ts";
import { ipv4Of, ipv6Of } from "../../../stack/wire/addresses.ts";
import { Fault } from "../../../stack/wire/fault.ts";

/** The interfaces of the harness. */
export const LO = 1;
export const ETH = 2;
export const OTHER_ETH = 3;

/** Our addresses. */
export const OURS = ipv4Of("192.0.2.1");
export const OURS_OTHER = ipv4Of("198.51.100.1");
export const OURS_6 = ipv6Of("2001:db8::1");
export const OURS_OTHER_6 = ipv6Of("2001:db8:1::1");
export const OURS_LINK = ipv6Of("fe80::1");
/** Those of neighbours, and of somebody far away. */
export const PEER = ipv4Of("192.0.2.2");
export const PEER_6 = ipv6Of("2001:db8::2");
export const PEER_LINK = ipv6Of("fe80::2");
export const OTHER_PEER = ipv4Of("198.51.100.2");
export const OTHER_PEER_6 = ipv6Of("2001:db8:1::2");
export const ROUTER = ipv4Of("192.0.2.254");
export const FAR = ipv4Of("203.0.113.9");
export const FAR_6 = ipv6Of("2001:db8:ffff::9");
/** A protocol that the tests have. */
export const TEST_PROTOCOL = 253;

/** What left by an interface. */
export interface Sent {
  readonly interface: number;
  readonly bytes: Uint8Array;
  /** null for everybody on the link. */
  readonly nextHop: IpAddress | null;
  readonly flags: number;
  readonly segmentation: number;
}

/** An interface that keeps what it sends. */
export class FakeInterface implements Interface {
  isUp = true;
  mtu = 1500;
  ipv6Mtu = 1500;
  offloadBytes = 0;
  hopLimit = 64;
  isForwarding = false;
  readonly mac = 0x02_0000_0000_01;
  /** What sending answers from now on. */
  answer = 0;

  constructor(
    readonly index: number,
    readonly name: string,
    readonly kind: InterfaceKind,
    readonly harness: IpHarness,
  ) {}

  output(packet: number, nextHop: IpAddress): number {
    return this.#send(packet, nextHop);
  }

  broadcast(packet: number): number {
    return this.#send(packet, null);
  }

  #send(packet: number, nextHop: IpAddress | null): number {
    const { environment: { arena, packets }, harness } = { ...this.harness, harness: this.harness };
    if (this.answer < 0) {
      arena.release(packet);
      return this.answer;
    }
    if (this.kind === "loopback") {
      harness.looped.push(packet);
      return 0;
    }
    harness.sent.push({
      interface: this.index,
      bytes: harness.bytesOf(packet),
      nextHop,
      flags: packets.flags[packet],
      segmentation: packets.segmentation[packet],
    });
    arena.release(packet);
    return 0;
  }
}

/** A packet that a protocol received. */
export interface Delivered {
  readonly bytes: Uint8Array;
  /** From the transport header on. */
  readonly payload: Uint8Array;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly flags: number;
  readonly segments: number;
}

/** A protocol that keeps what it receives. */
export class FakeProtocol implements TransportProtocol {
  readonly delivered: Delivered[] = [];
  readonly errors: (IcmpError & { readonly header: Uint8Array; readonly quoted: Uint8Array })[] =
    [];
  /** Which errors are believed; all where this is null. */
  admits: ((error: IcmpError) => boolean) | null = null;

  constructor(readonly harness: IpHarness, readonly protocol: number = TEST_PROTOCOL) {}

  receive(packet: number, source: IpAddress, destination: IpAddress): void {
    const { environment: { arena, packets } } = this.harness;
    const bytes = this.harness.bytesOf(packet);
    let segments = 0;
    for (let at = packet; at >= 0; at = arena.next(at)) segments++;
    this.delivered.push({
      bytes,
      payload: bytes.slice(packets.transport[packet] - arena.start(packet)),
      source,
      destination,
      flags: packets.flags[packet],
      segments,
    });
    arena.release(packet);
  }

  onError(error: IcmpError): void {
    const { bytes } = this.harness.environment.arena.memory;
    const quoted = new Uint8Array(bytes.slice(error.quote, error.quote + error.quoteBytes));
    const header = new Uint8Array(bytes.slice(error.quotedHeader, error.quote));
    this.errors.push({ ...error, header, quoted });
  }

  admitsError(error: IcmpError): boolean {
    return this.admits?.(error) ?? true;
  }
}

const isSame = (one: IpAddress, other: IpAddress): boolean => String(one) === String(other);

interface FakeAddress {
  readonly interface: number;
  readonly address: IpAddress;
  readonly prefixLength: number;
  state: AddressState;
}

/** Bits of a prefix, of either family. */
function hasPrefix(address: IpAddress, prefix: IpAddress, length: number): boolean {
  const one = typeof address === "number" ? [address] : address;
  const other = typeof prefix === "number" ? [prefix] : prefix;
  if (one.length !== other.length) return false;
  return one.every((word, at) => {
    const bits = Math.min(32, Math.max(0, length - at * 32));
    return bits === 0 || (word ^ other[at]) >>> 32 - bits === 0;
  });
}

/** IP, its links, and its surroundings. */
export class IpHarness {
  readonly environment: Environment & { now: number; arena: CheckedPacketArena };
  readonly statistics = new Statistics({
    ip: IpCounter,
    icmp: IcmpCounter,
    fault: Fault,
    offload: OffloadCounter,
  });
  readonly ip: Ip;
  readonly protocol: FakeProtocol;
  readonly sent: Sent[] = [];
  readonly looped: number[] = [];
  readonly addresses: FakeAddress[] = [];
  readonly routes: (Route & { readonly prefix: IpAddress })[] = [];
  /** What the last search for a route was for. */
  lastQuery: RouteQuery | null = null;
  /** What searches for routes answer, where that is an error. */
  routeError = 0;
  readonly redirects: { destination: IpAddress; gateway: IpAddress; from: IpAddress }[] = [];
  readonly confirmed: IpAddress[] = [];
  readonly groups: { interface: number; group: IpAddress }[] = [];
  /** What neighbour and listener discovery, and IGMP, were handed. */
  readonly messages: { protocol: "ndp" | "mld" | "igmp"; bytes: Uint8Array }[] = [];
  generation = 0;
  readonly interfaces: readonly FakeInterface[];

  constructor(options: Partial<IpOptions> = {}, seed = 1, slices = 4096) {
    const arena = new CheckedPacketArena({
      classes: sizeClasses({ small: 512, medium: 512, large: 8 }),
      slices,
    });
    this.environment = {
      arena,
      packets: new PacketTable(arena.capacity),
      timers: new StackTimers({ capacity: 64, resolution: 1, now: 0 }),
      random: new SeededRandom(seed),
      now: 0,
    };
    const { groups } = this.statistics;
    this.ip = new Ip({
      environment: this.environment,
      counters: groups.ip,
      icmpCounters: groups.icmp,
      faults: groups.fault,
      egress: new SoftwareOffload(this.environment, groups.offload),
      options: { ...IP_OPTIONS, ...options },
    });
    this.interfaces = [
      new FakeInterface(LO, "lo", "loopback", this),
      new FakeInterface(ETH, "eth0", "ethernet", this),
      new FakeInterface(OTHER_ETH, "eth1", "ethernet", this),
    ];
    this.protocol = new FakeProtocol(this);
    this.ip.register(this.protocol);
    this.#addUsual();
    this.ip.attach(this.#links());
  }

  #addUsual(): void {
    this.addAddress(LO, ipv4Of("127.0.0.1"), 8);
    this.addAddress(LO, ipv6Of("::1"), 128);
    this.addAddress(ETH, OURS, 24);
    this.addAddress(ETH, OURS_6, 64);
    this.addAddress(ETH, OURS_LINK, 64);
    this.addAddress(OTHER_ETH, OURS_OTHER, 24);
    this.addAddress(OTHER_ETH, OURS_OTHER_6, 64);
    this.addAddress(OTHER_ETH, ipv6Of("fe80::11"), 64);
    const gateways = [
      [ETH, ipv4Of("192.0.2.0"), 24, null],
      [OTHER_ETH, ipv4Of("198.51.100.0"), 24, null],
      [ETH, 0, 0, ROUTER],
      [ETH, ipv6Of("2001:db8::"), 64, null],
      [OTHER_ETH, ipv6Of("2001:db8:1::"), 64, null],
      [ETH, ipv6Of("::"), 0, ipv6Of("fe80::fe")],
    ] as const;
    for (const [index, prefix, prefixLength, gateway] of gateways) {
      this.addRoute({ interface: index, prefix, prefixLength, gateway });
    }
  }

  /** Gives an interface an address. */
  addAddress(index: number, address: IpAddress, prefixLength: number): void {
    this.generation++;
    const state = AddressState.PREFERRED;
    this.addresses.push({ interface: index, address, prefixLength, state });
  }

  /** Adds a way. */
  addRoute(route: Partial<Route> & { interface: number; prefix: IpAddress }): void {
    this.generation++;
    this.routes.push({
      ...{ gateway: null, metric: 0, mtu: 0, source: null, prefixLength: 0 },
      ...route,
    });
  }

  #links(): Parameters<Ip["attach"]>[0] {
    const { interfaces, addresses, groups } = this;
    // deno-lint-ignore no-this-alias
    const harness = this;
    const find = (address: IpAddress, index: number) =>
      addresses.find((one) =>
        (index === 0 || one.interface === index) && isSame(one.address, address)
      );
    const isOurs = (address: IpAddress, index: number): boolean => {
      const found = find(address, index);
      return found !== undefined && found.state >= AddressState.PREFERRED &&
        found.state !== AddressState.DUPLICATED;
    };
    const take = (protocol: "ndp" | "mld" | "igmp") => ({
      receive: (packet: number) => {
        this.messages.push({ protocol, bytes: this.bytesOf(packet) });
        this.environment.arena.release(packet);
      },
    });
    return {
      interfaces: {
        size: interfaces.length,
        get: (index) => interfaces.find((link) => link.index === index),
        named: (name) => interfaces.find((link) => link.name === name),
        list: () => interfaces,
        loopback: interfaces[0],
      },
      addresses: {
        isLocal: isOurs,
        stateOf: (address, index) => find(address, index)?.state ?? AddressState.NONE,
        interfaceOf: (address) => find(address, 0)?.interface ?? 0,
        isBroadcast: (address, index) =>
          address === -1 || addresses.some((one) => {
            if (typeof one.address !== "number" || one.prefixLength > 30) return false;
            if (index !== 0 && one.interface !== index) return false;
            return address === (one.address | -1 >>> one.prefixLength);
          }),
        selectSource: (destination, index) => this.#selectSource(destination, index),
        isOnLink: (address, index) =>
          addresses.some((one) =>
            one.interface === index && hasPrefix(address, one.address, one.prefixLength)
          ),
      },
      routes: {
        lookup: (query) => this.#lookup(query),
        redirect: (destination, gateway, from) => {
          this.redirects.push({ destination, gateway, from });
          return true;
        },
      },
      groups: {
        isMember: (index, group) =>
          groups.some((one) => one.interface === index && isSame(one.group, group)),
        hasGroup: () => false,
        newMember: () => {
          throw new Error("nobody joins here");
        },
      },
      neighbours: { confirm: (_index, nextHop) => void this.confirmed.push(nextHop) },
      topology: {
        get generation() {
          return harness.generation;
        },
      },
      ...{ ndp: take("ndp"), mld: take("mld"), igmp: take("igmp") },
    };
  }

  #selectSource(destination: IpAddress, index: number): IpAddress | null {
    const isIpv4 = typeof destination === "number";
    const isNear = !isIpv4 &&
      (destination[0] >>> 16 === 0xfe80 || (destination[0] & 0xff0f0000 | 0) === (0xff020000 | 0));
    const found = this.addresses.find(({ interface: on, address, state }) =>
      on === index && state === AddressState.PREFERRED &&
      (typeof address === "number") === isIpv4 &&
      (typeof address === "number" || (address[0] >>> 16 === 0xfe80) === isNear)
    );
    return found?.address ?? null;
  }

  #lookup(query: RouteQuery): Route | number {
    this.lastQuery = { ...query };
    if (this.routeError < 0) return this.routeError;
    const { destination, interface: index } = query;
    const found = this.routes
      .filter((route) => index === 0 || route.interface === index)
      .filter(({ prefix, prefixLength }) => hasPrefix(destination, prefix, prefixLength))
      .sort((one, other) => other.prefixLength - one.prefixLength)[0];
    const isScoped = typeof destination === "number"
      ? destination >>> 28 === 0xe || destination === -1
      : destination[0] >>> 24 === 0xff || destination[0] >>> 16 === 0xfe80;
    if (isScoped) {
      const on = index === 0 ? ETH : index;
      return { interface: on, gateway: null, metric: 0, mtu: 0, source: null, prefixLength: 0 };
    }
    return found ?? -Errno.ENETUNREACH;
  }

  /** The interface of an index. */
  link(index: number): FakeInterface {
    return this.interfaces[index - 1];
  }

  /** Copies the bytes of a chain. */
  bytesOf(packet: number): Uint8Array {
    const { arena } = this.environment;
    const length = chainLength(arena, packet);
    const copy = arena.take(length);
    if (copy < 0) throw new Error("no packet is left for a copy");
    copyOut(arena, packet, 0, length, arena.start(copy));
    const bytes = new Uint8Array(
      arena.memory.bytes.slice(arena.start(copy), arena.start(copy) + length),
    );
    arena.release(copy);
    return bytes;
  }

  /** A packet with bytes, in segments of the given lengths and one for the rest. */
  packet(bytes: ArrayLike<number>, ...segments: number[]): number {
    const { arena, packets } = this.environment;
    let first = -1;
    let from = 0;
    for (const length of [...segments, Infinity]) {
      const end = Math.min(bytes.length, from + length);
      if (first >= 0 && from === end) break;
      const packet = arena.take(end - from);
      if (packet < 0) throw new Error("no packet is left");
      packets.clear(packet);
      arena.memory.bytes.set(Array.prototype.slice.call(bytes, from, end), arena.start(packet));
      if (first < 0) first = packet;
      else arena.append(first, packet);
      from = end;
    }
    return first;
  }

  /** Gives IP a packet that an interface received. */
  give(
    bytes: Uint8Array,
    { on = ETH, flags = 0, segments = [] }: {
      on?: number;
      flags?: number;
      segments?: readonly number[];
    } = {},
  ): void {
    const { arena, packets } = this.environment;
    const packet = this.packet(bytes, ...segments);
    packets.interface[packet] = on;
    packets.flags[packet] = flags;
    packets.network[packet] = arena.start(packet);
    const link = this.link(on);
    if (bytes[0] >> 4 === 6) this.ip.receiveIpv6(packet, link);
    else this.ip.receiveIpv4(packet, link);
  }

  /** Delivers what this stack sent to itself. @returns how many packets */
  loop(): number {
    let count = this.ip.deliverLooped(1000);
    for (let packet = this.looped.shift(); packet !== undefined; packet = this.looped.shift()) {
      const { packets, arena } = this.environment;
      packets.flags[packet] |= 1 << 4 | 1;
      packets.interface[packet] = LO;
      const isIpv4 = arena.memory.view.getUint8(arena.start(packet)) >> 4 === 4;
      if (isIpv4) this.ip.receiveIpv4(packet, this.link(LO));
      else this.ip.receiveIpv6(packet, this.link(LO));
      count++;
    }
    return count;
  }

  /** Sends bytes as a packet of the test's protocol. @returns what IP answers */
  send(
    to: IpAddress,
    payload: Uint8Array,
    parameters: Partial<IpParameters> = {},
    flow: Partial<Flow> = {},
  ): number {
    const packet = this.packet(payload);
    const way = Object.assign(new Flow(), {
      remote: to,
      local: typeof to === "number" ? 0 : ipv6Of("::"),
      ...flow,
    });
    return this.ip.send(way, packet, TEST_PROTOCOL, { ...PLAIN, ...parameters });
  }

  /** Takes what left. */
  take(): Sent[] {
    return this.sent.splice(0);
  }

  /** Takes what left, which is one packet. */
  takeOne(): Uint8Array {
    const sent = this.take();
    assertEquals(sent.length, 1, "packets that were sent");
    return sent[0].bytes;
  }

  /** Lets time pass. */
  advance(microseconds: number): void {
    const until = this.environment.now + microseconds;
    for (let next = 0; (next = this.environment.timers.nextDeadline()) <= until;) {
      this.environment.now = Math.max(next, this.environment.now);
      this.environment.timers.expire(this.environment.now);
    }
    this.environment.now = until;
  }

  /** What counters show that are not 0. */
  counted(): Record<string, number> {
    const { ip, icmp, fault } = this.statistics.snapshot();
    const all = Object.entries({ ...ip, ...icmp, ...fault });
    return Object.fromEntries(all.filter(([, count]) => count > 0));
  }

  /** How often something was counted. */
  count(name: keyof typeof IpCounter): number {
    return this.statistics.groups.ip.values[IpCounter[name]];
  }

  /** The same of ICMP. */
  countIcmp(name: keyof typeof IcmpCounter): number {
    return this.statistics.groups.icmp.values[IcmpCounter[name]];
  }

  /** The same of bad headers. */
  countFault(name: keyof typeof Fault): number {
    return this.statistics.groups.fault.values[Fault[name]];
  }

  /** Asserts that no packet is lost. */
  assertClean(): void {
    verifyArena(this.environment.arena);
    assertEquals(takenPackets(this.environment.arena), [], "packets that somebody still holds");
  }
}

/** What a packet says that says nothing special. */
export const PLAIN: IpParameters = {
  timeToLive: 0,
  typeOfService: 0,
  fragmentation: "allowed",
  flowLabel: 0,
  options: null,
};

/** Bytes that tell where they are. */
export function pattern(length: number, salt = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => at * 7 + (at >> 8) + salt);
}
