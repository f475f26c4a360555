/**
 * IP as datagram sockets see it, without a stack: packets to its own addresses come back through
 * real headers, others are kept.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import type { Environment } from "../../../stack/environment.ts";
import type { Interface } from "../../../stack/iface/types.ts";
import {
  DatagramContext,
  type DatagramOptionsOfStack,
  DEFAULT_DATAGRAM_OPTIONS,
} from "../../../stack/datagram/context.ts";
import {
  Flow,
  type IcmpError,
  type IcmpErrors,
  type IpAddress,
  type IpOutput,
  type IpParameters,
  type Path,
  type TransportProtocol,
} from "../../../stack/ip/types.ts";
import { chainLength, CheckedPacketArena, gather, sizeClasses } from "../../../stack/memory/mod.ts";
import { PacketFlag, PacketTable } from "../../../stack/packet_table.ts";
import { SeededRandom } from "../../../stack/random.ts";
import { StackTimers } from "../../../stack/stack_timers.ts";
import { ipv4Of, ipv6Of, putIpv6 } from "../../../stack/wire/mod.ts";
import { isIpv4Multicast, isIpv6LinkLocal, isIpv6Multicast } from "../../../stack/wire/mod.ts";
import * as ipv4 from "../../../stack/wire/ipv4.ts";
import * as ipv6 from "../../../stack/wire/ipv6.ts";
import * as udp from "../../../stack/wire/udp.ts";
import { FakeGroups } from "./fake_groups.ts";

/** The addresses of the fake, on `eth0`. */
export const OWN: IpAddress = ipv4Of("10.0.0.1");
/** Its address of IPv6. */
export const OWN_6: IpAddress = ipv6Of("fd00::1");
/** Its address of IPv6 that is of the link only. */
export const OWN_LINK: IpAddress = ipv6Of("fe80::1");
/** Somebody else's. */
export const OTHER: IpAddress = ipv4Of("10.0.0.2");
/** Somebody else's. */
export const OTHER_6: IpAddress = ipv6Of("fd00::2");
const LOOPBACK = ipv4Of("127.0.0.1");
const LOOPBACK_6 = ipv6Of("::1");
const EVERYBODY = ipv4Of("10.0.0.255");
/** The index of the interface that comes back. */
export const LO = 1;
/** The index of the one that has a link. */
export const ETH = 2;

/** Makes an environment whose clock the test sets. */
export function makeEnvironment(
  seed = 1,
  classes = sizeClasses({ small: 256, medium: 128, large: 8 }),
): Environment & { now: number } {
  const arena = new CheckedPacketArena({ classes, slices: 1024 });
  return {
    arena,
    packets: new PacketTable(arena.capacity),
    timers: new StackTimers({ capacity: 64, resolution: 1, now: 0 }),
    random: new SeededRandom(seed),
    now: 1000,
  };
}

function makeLink(index: number, name: string, kind: "loopback" | "ethernet"): Interface {
  const refuse = () => -Errno.ENETDOWN;
  return {
    index,
    name,
    kind,
    mac: 0,
    isUp: true,
    mtu: 1500,
    ipv6Mtu: 1500,
    offloadBytes: 0,
    hopLimit: 64,
    isForwarding: false,
    output: refuse,
    broadcast: refuse,
  };
}

/** What was sent to somebody else: the packet as it was, gathered. */
export interface Sent {
  readonly packet: Uint8Array;
  readonly parameters: IpParameters;
  readonly interface: number;
  readonly flags: number;
  readonly segmentation: number;
  readonly segmentBytes: number;
}

/** The fake. */
export class FakeIp implements IpOutput, IcmpErrors {
  readonly environment: Environment & { now: number };
  readonly context: DatagramContext;
  readonly groups: FakeGroups = new FakeGroups();
  readonly links: readonly Interface[] = [
    makeLink(LO, "lo", "loopback"),
    makeLink(ETH, "eth0", "ethernet"),
  ];
  readonly protocols: Map<number, TransportProtocol> = new Map();
  readonly sent: Sent[] = [];
  /** How often a path was looked for. */
  routed = 0;
  /** What packets nobody listened to: their destination ports. */
  readonly unreachable: number[] = [];
  /** The longest packet that goes out whole. */
  mtu = 1500;
  offloadBytes = 0;
  /** What sending answers from now on, 0 to send. */
  answer = 0;
  /** Whether paths that were found are still good. */
  generation = 0;
  readonly #queue: { packet: number; source: IpAddress; destination: IpAddress }[] = [];

  constructor(
    options: Partial<DatagramOptionsOfStack> = {},
    environment: Environment & { now: number } = makeEnvironment(),
  ) {
    this.environment = environment;
    const { links } = this;
    this.context = new DatagramContext({
      environment,
      output: this,
      interfaces: {
        size: 2,
        get: (index) => links.find((link) => link.index === index),
        named: (name) => links.find((link) => link.name === name),
        list: () => links,
        loopback: links[0],
      },
      addresses: {
        isLocal: isOwn,
        stateOf: (address, index) => isOwn(address, index) ? 2 : 0,
        interfaceOf: (address) => isLoopback(address) ? LO : isOwn(address, 0) ? ETH : 0,
        isBroadcast: (address) => address === -1 || address === EVERYBODY,
        selectSource: () => null,
        isOnLink: () => true,
      },
      groups: this.groups,
      options: { ...DEFAULT_DATAGRAM_OPTIONS, ...options },
    });
  }

  /** See {@linkcode IpOutput.route}. */
  route(flow: Flow): number {
    this.routed++;
    const { remote } = flow;
    const isIpv4 = typeof remote === "number";
    const isLocal = isOwn(remote, 0);
    if (remote === ipv4Of("192.0.2.1")) return -Errno.ENETUNREACH;
    const given = flow.local;
    const isGiven = isIpv4 ? given !== 0 : (given as readonly number[]).some((word) => word !== 0);
    if (isGiven && !isOwn(given, 0)) return -Errno.EADDRNOTAVAIL;
    if (!isGiven) flow.local = sourceFor(remote);
    const { generation } = this;
    const index = flow.scope !== 0 ? flow.scope : isLoopback(remote) ? LO : ETH;
    // deno-lint-ignore no-this-alias
    const ip = this;
    const path: Path = {
      interface: index,
      get mtu() {
        return isLocal ? 65536 : ip.mtu;
      },
      offloadBytes: this.offloadBytes,
      isLocal,
      get isValid() {
        return ip.generation === generation;
      },
    };
    flow.path = path;
    return 0;
  }

  /** See {@linkcode IpOutput.send}. */
  send(flow: Flow, packet: number, protocol: number, parameters: IpParameters): number {
    const { arena, packets } = this.environment;
    if (flow.path === null) throw new Error("a flow without a path");
    if (this.answer < 0) {
      arena.release(packet);
      return this.answer;
    }
    const length = chainLength(arena, packet);
    const { memory } = arena;
    const { remote, local } = flow;
    const transport = arena.start(packet);
    const tos = parameters.typeOfService;
    if (typeof remote === "number") {
      const hops = parameters.timeToLive > 0 ? parameters.timeToLive : 64;
      const at = arena.prepend(packet, ipv4.HEADER_BYTES);
      const all = length + ipv4.HEADER_BYTES;
      ipv4.put(memory, at, tos, all & 0xffff, 7, true, hops, protocol, local as number, remote);
    } else {
      const hops = parameters.timeToLive > 0 ? parameters.timeToLive : 64;
      const at = arena.prepend(packet, ipv6.HEADER_BYTES);
      ipv6.put(memory, at, tos, 0, length, protocol, hops);
      putIpv6(memory, ipv6.sourceAt(at), local as readonly [number, number, number, number]);
      putIpv6(memory, ipv6.destinationAt(at), remote);
    }
    packets.network[packet] = arena.start(packet);
    packets.transport[packet] = transport;
    packets.interface[packet] = flow.path.interface;
    const comesBack = flow.path.isLocal || isForMany(remote) && parameters.loopsMulticast !== false;
    if (comesBack) this.#queue.push({ packet, source: local, destination: remote });
    else this.#keep(packet, parameters);
    return 0;
  }

  #keep(packet: number, parameters: IpParameters): void {
    const { arena, packets } = this.environment;
    const whole = gather(arena, packet);
    const bytes = new Uint8Array(arena.length(whole));
    bytes.set(arena.memory.bytes.subarray(arena.start(whole), arena.start(whole) + bytes.length));
    arena.release(whole);
    this.sent.push({
      packet: bytes,
      parameters: { ...parameters },
      interface: packets.interface[packet],
      flags: packets.flags[packet],
      segmentation: packets.segmentation[packet],
      segmentBytes: packets.segmentBytes[packet],
    });
    arena.release(packet);
  }

  /** Delivers what came back. @returns how many packets */
  deliver(): number {
    let count = 0;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const { arena, packets } = this.environment;
      const { memory } = arena;
      const at = packets.network[next.packet];
      const isIpv4 = memory.view.getUint8(at) >> 4 === 4;
      const protocol = isIpv4 ? ipv4.protocol(memory, at) : ipv6.nextHeader(memory, at);
      packets.flags[next.packet] |= PacketFlag.LOOPED;
      this.protocols.get(protocol)!.receive(next.packet, next.source, next.destination);
      count++;
    }
    return count;
  }

  /** See {@linkcode IcmpErrors.portUnreachable}: it is told at once. */
  portUnreachable(packet: number): void {
    const { arena, packets } = this.environment;
    const { memory } = arena;
    const at = packets.transport[packet];
    const net = packets.network[packet];
    const isIpv4 = memory.view.getUint8(net) >> 4 === 4;
    this.unreachable.push(udp.destinationPort(memory, at));
    const flow = new Flow();
    flow.local = isIpv4 ? ipv4.source(memory, net) : ipv6.source(memory, net);
    flow.remote = isIpv4 ? ipv4.destination(memory, net) : ipv6.destination(memory, net);
    flow.localPort = udp.sourcePort(memory, at);
    flow.remotePort = udp.destinationPort(memory, at);
    this.error(17, { flow, errno: Errno.ECONNREFUSED, isHard: true, quote: at });
  }

  /** Tells a protocol of an error. @returns whether it was believed */
  error(
    protocol: number,
    { flow, errno, isHard, quote = 0 }: {
      flow: Flow;
      errno: number;
      isHard: boolean;
      quote?: number;
    },
  ): boolean {
    const error: IcmpError = {
      errno,
      isHard,
      type: 3,
      code: 3,
      info: 0,
      from: flow.remote,
      flow,
      quote,
      packet: -1,
      quotedHeader: 0,
      quoteBytes: 8,
    };
    const receiver = this.protocols.get(protocol);
    if (receiver === undefined || receiver.admitsError?.(error) === false) return false;
    receiver.onError(error);
    return true;
  }
}

function isOwn(address: IpAddress, _index: number): boolean {
  if (isLoopback(address)) return true;
  if (typeof address === "number") return address === OWN;
  return isSame(address, OWN_6) || isSame(address, OWN_LINK);
}

function isSame(one: IpAddress, other: IpAddress): boolean {
  return String(one) === String(other);
}

function isLoopback(address: IpAddress): boolean {
  return typeof address === "number" ? address === LOOPBACK : isSame(address, LOOPBACK_6);
}

function isForMany(address: IpAddress): boolean {
  if (typeof address !== "number") return isIpv6Multicast(address);
  return isIpv4Multicast(address) || address === -1 || address === EVERYBODY;
}

function sourceFor(remote: IpAddress): IpAddress {
  if (isLoopback(remote)) return remote;
  if (typeof remote === "number") return OWN;
  return isIpv6LinkLocal(remote) ? OWN_LINK : OWN_6;
}

export { FakeUser, int, pattern, PLAIN } from "./fake_user.ts";
