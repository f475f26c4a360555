/**
 * TCP: what arrives goes to whom it is for, and sockets are made here.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import {
  Flow,
  type IcmpError,
  type IpAddress,
  type IpOutput,
  type PathFeedback,
  type TransportProtocol,
} from "../ip/types.ts";
import type { AddressTable, InterfaceTable } from "../iface/types.ts";
import { PacketFlag } from "../packet_table.ts";
import { randomTableKey } from "../random.ts";
import type { Counters } from "../statistics.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import { TransportPorts } from "../transport_ports.ts";
import { IPV4_BROADCAST, isIpv4Multicast, isIpv6Multicast } from "../wire/addresses.ts";
import { Protocol } from "../wire/numbers.ts";
import * as tcp from "../wire/tcp.ts";
import { ChallengeLimit } from "./challenge.ts";
import { Configuration } from "./configuration.ts";
import { Connection } from "./connection.ts";
import type { PartFactory, TcpContext } from "./context.ts";
import { TcpCounter } from "./counters.ts";
import { FastOpenCache } from "./fast_open_cache.ts";
import { FastOpenCookies } from "./fast_open_cookies.ts";
import { isTooFar } from "./least_hops.ts";
import { arriveAtListener } from "./listening.ts";
import { ListenerTable } from "./listener_table.ts";
import { Owing } from "./owing.ts";
import { SavedSyns } from "./saved_syns.ts";
import { Secrets } from "./secrets.ts";
import { SegmentReader } from "./segment_reader.ts";
import type { TcpSettings } from "./settings.ts";
import { TcpSocket } from "./socket.ts";
import { SynCookies } from "./syn_cookies.ts";
import { type Entry, EntryTable, isLinkLocal } from "./table.ts";
import { TimeWaits } from "./time_wait.ts";
import { Agreement, type Segment } from "./types.ts";
import { SegmentWriter } from "./writer.ts";

const { RST } = tcp.Flag;

const GROUP = PacketFlag.LINK_BROADCAST | PacketFlag.LINK_MULTICAST;

/** What TCP is made of. */
export interface TcpParts {
  readonly environment: Environment;
  /** Who sends packets. */
  readonly output: IpOutput;
  readonly counters: Counters<typeof TcpCounter>;
  readonly settings: TcpSettings;
  /** Whom to tell what becomes of segments. */
  readonly feedback: PathFeedback;
  readonly interfaces: InterfaceTable;
  readonly addresses: AddressTable;
  /** Makes the halves of connections. */
  readonly halves: PartFactory;
  /** Which of several shards of a host the stack is; null, or missing, where it is all of it. */
  readonly shard?: StackShard | null;
}

/** TCP of one stack. */
export class Tcp implements TransportProtocol, TcpContext {
  readonly protocol: number = Protocol.TCP;
  readonly environment: Environment;
  readonly output: IpOutput;
  readonly counters: Counters<typeof TcpCounter>;
  readonly settings: TcpSettings;
  readonly feedback: PathFeedback;
  readonly interfaces: InterfaceTable;
  readonly addresses: AddressTable;
  readonly parts: PartFactory;
  readonly shard: StackShard | null;
  readonly table: EntryTable;
  readonly listeners: ListenerTable;
  readonly ports: TransportPorts;
  readonly secrets: Secrets;
  readonly writer: SegmentWriter;
  readonly challenges: ChallengeLimit;
  readonly synCookies: SynCookies;
  readonly fastOpenCookies: FastOpenCookies;
  readonly fastOpenCache: FastOpenCache;
  readonly timeWaits: TimeWaits;
  readonly savedSyns: SavedSyns = new SavedSyns();
  readonly owing: Owing = new Owing();
  readonly defaults: Configuration;
  readonly agreement: Agreement = new Agreement();
  connections = 0;
  orphans = 0;
  looksAtHops = false;
  readonly #cookies = new WeakMap<object, number>();
  #cookie = 0;
  halfOpen = 0;
  readonly #reader: SegmentReader;
  /** The ends of the segment that arrived. */
  readonly #flow = new Flow();
  #arrivedBy = 0;

  /** Makes TCP without sockets. */
  constructor(parts: TcpParts) {
    const { environment, output, counters, settings } = parts;
    this.environment = environment;
    this.output = output;
    this.counters = counters;
    this.settings = settings;
    this.feedback = parts.feedback;
    this.interfaces = parts.interfaces;
    this.addresses = parts.addresses;
    this.parts = parts.halves;
    this.shard = parts.shard ?? null;
    const { random } = environment;
    const { connections, halfOpen, timeWaits } = settings;
    this.table = new EntryTable(environment, connections + halfOpen + timeWaits);
    this.listeners = new ListenerTable(randomTableKey(random));
    this.ports = new TransportPorts({
      kind: "stream",
      capacity: settings.bindings,
      random,
      firstEphemeral: settings.firstEphemeralPort,
      lastEphemeral: settings.lastEphemeralPort,
      claims: this.shard?.tcpPorts,
    });
    this.secrets = new Secrets(environment);
    this.writer = new SegmentWriter(environment, output, counters);
    this.challenges = new ChallengeLimit(environment, settings.challengesPerSecond);
    this.synCookies = new SynCookies(environment);
    const { fastOpenCache, fastOpenBlackhole, fastOpenKeyLife } = settings;
    const fastOpenSecret = this.shard?.fastOpenSecret ?? null;
    this.fastOpenCookies = new FastOpenCookies(environment, fastOpenKeyLife, fastOpenSecret);
    this.fastOpenCache = new FastOpenCache(environment, fastOpenCache, fastOpenBlackhole);
    this.timeWaits = new TimeWaits(this, (segment, minimum) => this.#toListener(segment, minimum));
    this.defaults = new Configuration(settings);
    this.#reader = new SegmentReader(environment, counters);
  }

  /**
   * Makes a socket.
   *
   * @param isIpv6 whether it is of `AF_INET6`, and takes IPv4 as well unless it is told not to
   */
  createSocket(isIpv6: boolean): TcpSocket {
    return new TcpSocket(this, isIpv6, null);
  }

  /** See `TcpContext`. */
  createConnection(flow: Flow, configuration: Configuration): Connection {
    this.connections++;
    return new Connection(this, flow, configuration);
  }

  /** See `TcpContext`. */
  cookieOf(socket: object): number {
    const cookie = this.#cookies.get(socket) ?? ++this.#cookie;
    this.#cookies.set(socket, cookie);
    return cookie;
  }

  /** See `TransportProtocol`. */
  receive(packet: number, source: IpAddress, destination: IpAddress): void {
    const flow = this.#flow;
    flow.local = destination;
    flow.remote = source;
    this.counters.values[TcpCounter.SEGMENTS_RECEIVED]++;
    // RFC 9293 section 3.9.2.3 (MUST-57, MUST-63): nothing that is for a group, or from one.
    if (this.#isForGroup(packet, source, destination)) {
      this.counters.add(TcpCounter.DROPPED_NOT_UNICAST);
    } else if (this.#reader.read(packet, flow)) {
      this.#arrivedBy = this.environment.packets.interface[packet];
      this.#dispatch(this.#reader.segment, flow);
    }
    this.environment.arena.release(packet);
  }

  /**
   * Everything that has arrived was handed to `receive`: connections acknowledge it, send what they
   * may, and tell their owners. To be called in each step that has called `receive`.
   */
  settle(): void {
    this.owing.settle();
  }

  /** See `TransportProtocol`. */
  admitsError(error: IcmpError): boolean {
    return this.#believe(error) !== null;
  }

  /** See `TransportProtocol`. */
  onError(error: IcmpError): void {
    const entry = this.#believe(error);
    if (entry === null) this.counters.add(TcpCounter.ICMP_IGNORED);
    else entry.onIcmp(error);
  }

  /** Finds whose segment an error is about. @returns null where it is not to be believed */
  #believe(error: IcmpError): Entry | null {
    const { memory } = this.environment.arena;
    const flow = this.#flow;
    const ports = tcp.ports(memory, error.quote);
    flow.local = error.flow.local;
    flow.remote = error.flow.remote;
    flow.localPort = ports >>> 16;
    flow.remotePort = ports & 0xffff;
    flow.scope = error.flow.scope;
    const entry = this.table.find(flow);
    // RFC 5927 section 4.1 (SHOULD): only what is on its way is believed.
    if (entry === null || !entry.isInFlight(tcp.sequence(memory, error.quote))) return null;
    const isFar = this.looksAtHops && this.#isTooFar(error.quotedHeader, entry.configuration);
    return isFar ? null : entry;
  }

  #dispatch(segment: Segment, flow: Flow): void {
    const { local, remote } = flow;
    const ports = flow.localPort << 16 | flow.remotePort;
    const isOfLink = isLinkLocal(remote) || isLinkLocal(local);
    const entry = typeof remote === "number"
      ? this.table.find4(local as number, remote, ports)
      : this.table.find6(
        local as readonly number[],
        remote,
        ports,
        isOfLink ? this.#arrivedBy : 0,
      );
    if (entry !== null) {
      if (this.looksAtHops && this.#isTooFar(this.#headerOf(segment), entry.configuration)) return;
      entry.onSegment(segment);
      return;
    }
    this.#toListener(segment, null);
  }

  /** Nothing has this flow: a listener may make something of it. */
  #toListener(segment: Segment, minimumSequence: number | null): void {
    const flow = this.#flow;
    flow.scope = isLinkLocal(flow.remote) ? this.#arrivedBy : 0;
    flow.path = null;
    if (this.#isForEverybody(flow.local) || this.#isForEverybody(flow.remote)) {
      this.counters.add(TcpCounter.DROPPED_NOT_UNICAST);
      return;
    }
    const listener = this.listeners.find(flow, this.#arrivedBy);
    if (listener !== null) {
      if (this.looksAtHops && this.#isTooFar(this.#headerOf(segment), listener.configuration)) {
        return;
      }
      this.writer.resetParameters();
      arriveAtListener(listener, segment, flow, minimumSequence);
      return;
    }
    // RFC 9293 section 3.10.7.1: in CLOSED, everything but resets is answered by a reset.
    if ((segment.flags & RST) !== 0) {
      this.counters.add(TcpCounter.DROPPED_STRAY_RESET);
      return;
    }
    this.counters.add(TcpCounter.DROPPED_NO_CONNECTION);
    this.writer.resetParameters();
    this.writer.sendReset(flow, segment);
  }

  #headerOf({ packet }: Segment): number {
    return this.environment.packets.network[packet];
  }

  /** Whether a segment comes from farther away than its socket permits: it is counted then. */
  #isTooFar(header: number, configuration: Configuration | null): boolean {
    if (!isTooFar(this.environment.arena.memory, header, configuration)) return false;
    this.counters.add(TcpCounter.DROPPED_TOO_FAR);
    return true;
  }

  /** Whether an address means everybody on the link that a segment came by. */
  #isForEverybody(address: IpAddress): boolean {
    return typeof address === "number" && this.addresses.isBroadcast(address, this.#arrivedBy);
  }

  #isForGroup(packet: number, source: IpAddress, destination: IpAddress): boolean {
    if ((this.environment.packets.flags[packet] & GROUP) !== 0) return true;
    return isGroup(source) || isGroup(destination);
  }
}

function isGroup(address: IpAddress): boolean {
  if (typeof address !== "number") return isIpv6Multicast(address);
  return isIpv4Multicast(address) || address === IPV4_BROADCAST;
}
