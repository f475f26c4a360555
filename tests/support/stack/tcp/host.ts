/**
 * A stack of TCP on a network in memory, and the programs that use it; see `network.ts`.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Environment } from "../../../../stack/environment.ts";
import {
  AddressState,
  type AddressTable,
  type Interface,
  type InterfaceTable,
} from "../../../../stack/iface/types.ts";
import type {
  Flow,
  IcmpError,
  IpAddress,
  IpOutput,
  IpParameters,
  PathFeedback,
} from "../../../../stack/ip/types.ts";
import { chainLength, CheckedPacketArena, sizeClasses } from "../../../../stack/memory/mod.ts";
import { PacketFlag, PacketTable } from "../../../../stack/packet_table.ts";
import { SeededRandom } from "../../../../stack/random.ts";
import { StackTimers } from "../../../../stack/stack_timers.ts";
import { Counters } from "../../../../stack/statistics.ts";
import { TcpCounter } from "../../../../stack/tcp/counters.ts";
import { TCP_DEFAULTS, type TcpSettings } from "../../../../stack/tcp/settings.ts";
import type { TcpSocket } from "../../../../stack/tcp/socket.ts";
import { Tcp } from "../../../../stack/tcp/tcp.ts";
import { complement, PlainChecksummer } from "../../../../stack/wire/checksum.ts";
import { PacketBytes } from "../../../../stack/wire/packet_bytes.ts";
import { createTestParts, type TestPartOptions } from "./parts.ts";
import { TestUserMemory } from "../user_memory.ts";
import type { TestNetwork } from "./network.ts";

const IPV4_HEADER = 20;
const IPV6_HEADER = 40;
const PROTOCOL_TCP = 6;

/** A segment on its way. */
export interface TestFrame {
  readonly from: TestHost | null;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** The segment, with its checksum. */
  bytes: Uint8Array<ArrayBuffer>;
  /** The second byte of the header of IP. */
  typeOfService: number;
  /** The hops that it has left, 64 where it is missing. */
  hops?: number;
  /** Bytes of payload of each segment where it stands for several, else 0. */
  segmentBytes: number;
  /** When it was sent. */
  readonly sentAt: number;
  /** How many were sent before it. */
  readonly number: number;
}

class TestEnvironment implements Environment {
  readonly arena: CheckedPacketArena;
  readonly packets: PacketTable;
  readonly timers: StackTimers;
  readonly random: SeededRandom;
  now: number;

  constructor(now: number, seed: number, stream: number, connections: number) {
    const classes = sizeClasses({ small: 4096, medium: 4096, large: 16 });
    this.arena = new CheckedPacketArena({ classes, slices: 16384 });
    this.packets = new PacketTable(this.arena.capacity);
    this.timers = new StackTimers({ capacity: connections, resolution: 1, now });
    this.random = new SeededRandom(seed, stream);
    this.now = now;
  }
}

/** A stack of TCP, and programs that use it. */
export class TestHost implements IpOutput, PathFeedback {
  readonly environment: TestEnvironment;
  readonly tcp: Tcp;
  readonly address: IpAddress;
  readonly address6: IpAddress;
  /** Errors that `route` answers instead. */
  routeError = 0;
  /** What `send` answers instead. */
  sendError = 0;
  /** Whether more segments wait: what arrives is not answered until the test says `settle`. */
  isBusy = false;
  /**
   * What was reported to IP: bytes of packets that were lost, and how often a way was confirmed.
   */
  readonly lostProbes: number[] = [];
  confirmations = 0;
  readonly counters: Counters<typeof TcpCounter>;
  readonly user: TestUserMemory;
  readonly #network: TestNetwork;

  /** Makes a host; see {@linkcode TestNetwork.addHost}. */
  constructor(
    network: TestNetwork,
    number: number,
    settings: Partial<TcpSettings>,
    parts: TestPartOptions,
  ) {
    this.#network = network;
    this.address = 0x0a000000 + number;
    this.address6 = [0xfd000000 | 0, 0, 0, number];
    const all: TcpSettings = {
      ...TCP_DEFAULTS,
      connections: 256,
      halfOpen: 64,
      timeWaits: 64,
      ...settings,
    };
    const capacity = all.connections + all.halfOpen + all.timeWaits + 8;
    this.environment = new TestEnvironment(network.now, network.seed, number, capacity);
    this.user = new TestUserMemory(this.environment.arena.memory);
    const count = Object.keys(TcpCounter).length;
    this.counters = new Counters(TcpCounter, new Float64Array(count));
    this.tcp = new Tcp({
      environment: this.environment,
      output: this,
      counters: this.counters,
      settings: all,
      feedback: this,
      interfaces: testInterfaces(network),
      addresses: testAddresses(this),
      halves: createTestParts(this.environment, parts),
    });
  }

  /** Its packets. */
  get arena(): CheckedPacketArena {
    return this.environment.arena;
  }

  /** What was counted, by name. */
  count(name: keyof typeof TcpCounter): number {
    return this.counters.values[TcpCounter[name]];
  }

  /** Whether an address is its own. */
  hasAddress(address: IpAddress): boolean {
    if (typeof address === "number") return address === this.address || address === 0x7f000001;
    const own = this.address6 as readonly number[];
    return address.every((word, index) => word === own[index]);
  }

  /** See `IpOutput`. */
  route(flow: Flow): number {
    if (this.routeError !== 0) return this.routeError;
    if (flow.local === 0) flow.local = flow.remote === 0x7f000001 ? flow.remote : this.address;
    if (typeof flow.local !== "number" && flow.local.every((word) => word === 0)) {
      flow.local = this.address6;
    }
    flow.path = this.#network.path;
    return 0;
  }

  /** See `IpOutput`. */
  send(flow: Flow, packet: number, protocol: number, parameters: IpParameters): number {
    const { arena, environment } = this;
    assertEquals(protocol, PROTOCOL_TCP);
    if (this.sendError !== 0) {
      arena.release(packet);
      return this.sendError;
    }
    const { packets } = environment;
    const length = chainLength(arena, packet);
    const bytes = linearize(this, packet, length);
    const checksum = new PlainChecksummer(PacketBytes.copyOf(bytes)).sum(0, length);
    assertEquals(packets.flags[packet], PacketFlag.CHECKSUM_PARTIAL);
    new DataView(bytes.buffer).setUint16(16, complement(checksum));
    const isSegmented = packets.segmentation[packet] !== 0;
    const segmentBytes = isSegmented ? packets.segmentBytes[packet] : 0;
    arena.release(packet);
    const header = typeof flow.remote === "number" ? IPV4_HEADER : IPV6_HEADER;
    const { mtu, offloadBytes } = this.#network.path;
    const limit = segmentBytes > 0 ? offloadBytes : mtu;
    if (length + header > limit) throw new Error(`${length + header} bytes: the most is ${limit}`);
    this.#network.carry({
      from: this,
      source: flow.local,
      destination: flow.remote,
      bytes,
      typeOfService: parameters.typeOfService,
      segmentBytes,
    });
    return 0;
  }

  /** See `PathFeedback`. */
  reportProbe(_flow: Flow, bytes: number, isAcknowledged: boolean): void {
    if (!isAcknowledged) this.lostProbes.push(bytes);
  }

  /** See `PathFeedback`. */
  probeBytes(): number {
    return 0;
  }

  /** See `PathFeedback`. */
  confirm(): void {
    this.confirmations++;
  }

  /** A segment arrives. */
  deliver(frame: TestFrame): void {
    const { arena, environment } = this;
    const { packets } = environment;
    const isIpv4 = typeof frame.source === "number";
    const header = isIpv4 ? IPV4_HEADER : IPV6_HEADER;
    const packet = arena.take(header + frame.bytes.length);
    if (packet < 0) return;
    const at = arena.start(packet);
    const { view, bytes } = arena.memory;
    view.setUint16(at, isIpv4 ? 0x4500 | frame.typeOfService : 0x6000 | frame.typeOfService << 4);
    view.setUint8(at + (isIpv4 ? 8 : 7), frame.hops ?? 64);
    bytes.set(frame.bytes, at + header);
    packets.clear(packet);
    packets.network[packet] = at;
    packets.transport[packet] = at + header;
    packets.interface[packet] = 1;
    packets.segmentBytes[packet] = frame.segmentBytes;
    this.tcp.receive(packet, frame.source, frame.destination);
    if (!this.isBusy) this.tcp.settle();
  }

  /** Listens. */
  listen(port: number, backlog = 16, isIpv6 = false): TcpSocket {
    const socket = this.tcp.createSocket(isIpv6);
    assertEquals(socket.bind(isIpv6 ? [0, 0, 0, 0] : 0, port, 0), 0);
    assertEquals(socket.listen(backlog), 0);
    return socket;
  }

  /** Begins to connect. */
  connect(to: TestHost, port: number, isIpv6 = false): TcpSocket {
    const socket = this.tcp.createSocket(isIpv6);
    assertEquals(socket.connect(isIpv6 ? to.address6 : to.address, port, 0), -115);
    return socket;
  }

  /** Sends bytes. @returns what the socket answers */
  write(socket: TcpSocket, data: string | Uint8Array, flags = 0): number {
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    return socket.send(this.user.holding(bytes), 0, bytes.length, flags);
  }

  /** Receives all there is, as text. @returns that, or what the socket answers instead */
  read(socket: TcpSocket, most = 65536, flags = 0): string | number {
    const bytes = this.readBytes(socket, most, flags);
    return typeof bytes === "number" ? bytes : new TextDecoder().decode(bytes);
  }

  /** Receives all there is. @returns that, or what the socket answers: 0 at the end */
  readBytes(socket: TcpSocket, most = 65536, flags = 0): Uint8Array | number {
    const into = new Uint8Array(most);
    const count = socket.receive(this.user.holding(into), 0, most, flags);
    return count > 0 ? into.slice(0, count) : count;
  }

  /** Is told of an error of ICMP about a segment that it sent. */
  fail(frame: TestFrame, error: Pick<IcmpError, "errno" | "isHard">, quotedHops = 64): void {
    const { memory } = this.arena;
    const packet = this.arena.take(IPV6_HEADER + 8);
    const quotedHeader = this.arena.start(packet);
    const quote = quotedHeader + IPV6_HEADER;
    // A version, and the hops: as much as anybody looks at.
    const isIpv4 = typeof frame.destination === "number";
    memory.view.setUint8(quotedHeader, isIpv4 ? 0x45 : 0x60);
    memory.view.setUint8(quotedHeader + (isIpv4 ? 8 : 7), quotedHops);
    memory.bytes.set(frame.bytes.subarray(0, 8), quote);
    this.tcp.onError({
      ...error,
      type: 3,
      code: 1,
      info: 0,
      from: frame.destination,
      flow: Object.assign(Object.create(null), {
        local: frame.source,
        remote: frame.destination,
        localPort: 0,
        remotePort: 0,
        scope: 0,
        mark: 0,
        path: null,
      }),
      quote,
      packet: -1,
      quotedHeader,
      quoteBytes: 8,
    });
    this.arena.release(packet);
  }
}

/** One interface, "test0", of index 1. */
function testInterfaces(network: TestNetwork): InterfaceTable {
  const link: Interface = {
    index: 1,
    name: "test0",
    kind: "ip",
    mac: 0,
    isUp: true,
    get mtu() {
      return network.path.mtu;
    },
    get ipv6Mtu() {
      return network.path.mtu;
    },
    offloadBytes: 0,
    hopLimit: 64,
    isForwarding: false,
    output: () => 0,
    broadcast: () => 0,
  };
  return {
    size: 1,
    get: (index) => index === 1 ? link : undefined,
    named: (name) => name === link.name ? link : undefined,
    list: () => [link],
    loopback: undefined,
  };
}

function testAddresses(host: TestHost): AddressTable {
  return {
    isLocal: (address) => host.hasAddress(address),
    stateOf: (address) => host.hasAddress(address) ? AddressState.PREFERRED : AddressState.NONE,
    interfaceOf: (address) => host.hasAddress(address) ? 1 : 0,
    isBroadcast: (address) => address === -1 || address === 0x0a0000ff,
    selectSource: (destination) => typeof destination === "number" ? host.address : host.address6,
    isOnLink: () => true,
  };
}

/** Copies a chain out of a host's memory. */
function linearize({ arena }: TestHost, packet: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (let part = packet; part >= 0; part = arena.next(part)) {
    const start = arena.start(part);
    bytes.set(arena.memory.bytes.subarray(start, start + arena.length(part)), at);
    at += arena.length(part);
  }
  return bytes;
}
