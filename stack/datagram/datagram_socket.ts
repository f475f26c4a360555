/**
 * What sockets of UDP, of ICMP echo and raw ones have in common: addresses, options, errors, and
 * what waits to be received.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Msg, Shut } from "../../ring/abi/opcodes.ts";
import { isAny, isMulticast, isSame } from "../ip/addresses.ts";
import { Flow, type IcmpError, type IpAddress, type IpParameters } from "../ip/types.ts";
import {
  type DatagramInfo,
  type DatagramParameters,
  type DatagramStackSocket,
  type ErrorReport,
  Ready,
  type SocketOwner,
  type UserMemory,
} from "../socket.ts";
import type { SocketFamily } from "../types.ts";
import {
  ANY_6,
  canonical,
  destinationOf,
  isScopeGood,
  judgeFamily,
  judgeLocal,
  needsScope,
} from "../address_rules.ts";
import type { DatagramContext } from "./context.ts";
import { InfoReader } from "./info_reader.ts";
import { isMembershipOption, SocketMemberships } from "./membership_options.ts";
import { Slot } from "./option_rows.ts";
import { ReceiveQueue } from "./receive_queue.ts";
import { type BudgetHolder, SendShare } from "./send_budget.ts";
import { SendWays } from "./send_ways.ts";
import { SocketErrors } from "./socket_errors.ts";
import { type OptionHost, SocketOptions } from "./socket_options.ts";
import { copyToUser } from "./user_copy.ts";

const SHUT_RECEIVE = 1;
const SHUT_SEND = 2;

/** A socket of datagrams, of any protocol. */
export abstract class DatagramSocket implements DatagramStackSocket, OptionHost, BudgetHolder {
  owner: SocketOwner | null = null;
  readonly flow: Flow = new Flow();
  readonly family: SocketFamily;
  readonly options: SocketOptions;
  readonly memberships: SocketMemberships;
  readonly queue: ReceiveQueue;
  abstract readonly kind: number;
  abstract readonly protocol: number;
  abstract readonly type: number;
  /** Whether it has a remote address. */
  isConnected = false;
  /** Whether it has an address, or port, of its own. */
  isBound = false;
  /** Whether it is gone. */
  isClosed = false;
  protected readonly context: DatagramContext;
  /** What the header of IP says of what is sent. */
  protected readonly parameters: IpParameters = {
    timeToLive: 0,
    typeOfService: 0,
    fragmentation: "allowed",
    flowLabel: 0,
    options: null,
    mtu: 0,
    mayBroadcast: false,
    loopsMulticast: true,
  };
  /** The address that it was bound to, the any-address for none. */
  bound: IpAddress;
  #boundDevice = 0;
  /** Whether the port was asked for. */
  #hasOwnPort = false;
  #shut = 0;
  readonly #errors: SocketErrors;
  readonly #ways: SendWays;
  readonly #reader: InfoReader;
  readonly #share: SendShare;

  /** A socket that is bound to nothing. */
  constructor(context: DatagramContext, family: SocketFamily) {
    this.context = context;
    this.family = family;
    this.bound = family === "ipv4" ? 0 : ANY_6;
    this.flow.local = this.bound;
    this.flow.remote = this.bound;
    this.options = new SocketOptions(context, this);
    this.memberships = new SocketMemberships(context, this.options);
    this.queue = new ReceiveQueue(context.columns);
    this.#errors = new SocketErrors(context.environment, this);
    this.#share = new SendShare(context.environment);
    this.#ways = new SendWays(context, this);
    this.#reader = new InfoReader(context.environment);
  }

  /**
   * Takes a port, and a place in the protocol's tables.
   *
   * @param port 0 for any
   * @returns 0 or `-errno`
   */
  protected abstract reserve(address: IpAddress, port: number): number;
  /** Gives both back. */
  protected abstract unreserve(): void;
  /** Its addresses are about to change: it leaves the tables that they are keys of. */
  protected abstract leaveTables(): void;
  /** Its addresses have changed: it enters the tables again. */
  protected abstract enterTables(): void;
  /** What stands for the port of the sender of a packet. */
  protected abstract portOf(packet: number): number;

  /** Whether IPv4 is not for it. */
  get isIpv6Only(): boolean {
    return this.family === "ipv6" && this.options.has(Slot.IPV6_ONLY);
  }

  /** See {@linkcode OptionHost.device}. */
  get device(): number {
    return this.flow.scope;
  }

  /** See {@linkcode OptionHost.pathMtu}. */
  get pathMtu(): number {
    return this.isConnected ? this.flow.path?.mtu ?? 0 : 0;
  }

  /** See {@linkcode DatagramStackSocket.available}. */
  get available(): number {
    return this.queue.isEmpty ? 0 : this.nextBytes(this.queue.head);
  }

  /** Whether it may send, and receive. */
  protected get isShutForSending(): boolean {
    return (this.#shut & SHUT_SEND) !== 0;
  }

  /** Whether what arrives is not for it any more. */
  get isShutForReceiving(): boolean {
    return (this.#shut & SHUT_RECEIVE) !== 0;
  }

  /** Whether what is for an address may be for it, by the address that it is bound to. */
  isBoundFor(address: IpAddress): boolean {
    return isAny(this.flow.local) || isSame(this.flow.local, address);
  }

  /** Whether it is connected to a sender. */
  isConnectedTo(address: IpAddress, port: number): boolean {
    return this.flow.remotePort === port && isSame(this.flow.remote, address);
  }

  /** Bytes of the datagram that is handed over next. */
  protected nextBytes(packet: number): number {
    return this.context.columns.payloadBytes[packet];
  }

  /** See {@linkcode StackSocket.readiness}. */
  readiness(): number {
    let ready = 0;
    if (!this.queue.isEmpty) ready |= Ready.IN;
    if (this.#errors.isAny) ready |= Ready.ERROR;
    if (this.isShutForReceiving) ready |= Ready.IN | Ready.READ_HANGUP;
    if (this.#shut === (SHUT_RECEIVE | SHUT_SEND)) ready |= Ready.HANGUP;
    if (this.hasRoom()) ready |= Ready.OUT;
    return ready;
  }

  /** See {@linkcode StackSocket.takeError}. */
  takeError(): number {
    return this.#errors.take();
  }

  /**
   * Takes an error about what it has sent: {@linkcode SocketErrors.hear}.
   *
   * @returns whether anybody is told
   */
  reported(error: IcmpError, port: number, quoteAt: number): boolean {
    if (!this.#errors.hear(error, port, quoteAt)) return false;
    this.owner?.onReady(Ready.ERROR);
    return true;
  }

  /** Notes that what was to go a way is longer than its MTU, and must not be taken apart. */
  protected tooLong(way: Flow): void {
    if (this.#errors.hearTooLong(way)) this.owner?.onReady(Ready.ERROR);
  }

  /** See {@linkcode DatagramStackSocket.takeReport}. */
  takeReport(): ErrorReport | null {
    const report = this.#errors.shift();
    if (report !== null && this.#errors.isAny) this.owner?.onReady(Ready.ERROR);
    return report;
  }

  /** See {@linkcode OptionHost.forgetReports}. */
  forgetReports(): void {
    this.#errors.clear();
  }

  /** See {@linkcode StackSocket.bind}. */
  bind(address: IpAddress, port: number, scope: number): number {
    if (this.isClosed) return -Errno.EBADF;
    if (this.isBound) return -Errno.EINVAL;
    const where = canonical(address);
    if (this.family === "ipv4" && typeof where !== "number") return -Errno.EAFNOSUPPORT;
    if (typeof where === "number" && this.isIpv6Only) return -Errno.EINVAL;
    const device = this.flow.scope;
    if (!isScopeGood(where, scope, device)) return -Errno.EINVAL;
    if (needsScope(where) && scope !== 0) this.flow.scope = scope;
    const judged = this.#judgeBind(where, scope);
    const result = judged < 0 ? judged : this.reserve(where, port);
    if (result < 0) {
      this.flow.scope = device;
      return result;
    }
    this.isBound = true;
    this.#hasOwnPort = port !== 0;
    return 0;
  }

  #judgeBind(address: IpAddress, scope: number): number {
    const { interfaces, addresses } = this.context;
    const isKnown = scope === 0 || !needsScope(address) || interfaces.get(scope) !== undefined;
    if (!isKnown) return -Errno.ENODEV;
    // ip(7), IP_FREEBIND: an address may be nobody's, or not here yet.
    return this.options.has(Slot.FREE_BIND) ? 0 : judgeLocal(addresses, address, this.flow.scope);
  }

  /** Gives it a port if it has none. @returns 0 or `-errno` */
  protected autobind(): number {
    if (this.isBound) return 0;
    const result = this.reserve(this.bound, 0);
    if (result < 0) return -Errno.EAGAIN;
    this.isBound = true;
    return 0;
  }

  /** See {@linkcode StackSocket.connect}. */
  connect(address: IpAddress, port: number, scope: number): number {
    if (this.isClosed) return -Errno.EBADF;
    const remote = destinationOf(canonical(address));
    const judged = judgeFamily(this.family, remote, this.isIpv6Only);
    if (judged < 0) return judged;
    const mismatch = !isAny(this.bound) && typeof this.bound !== typeof remote;
    if (mismatch) return -Errno.ENETUNREACH;
    const device = this.flow.scope;
    if (!isScopeGood(remote, scope, device)) return -Errno.EINVAL;
    const bound = this.autobind();
    if (bound < 0) return bound;
    const way = new Flow();
    const failed = this.#ways.find(way, remote, null, needsScope(remote) ? scope : 0);
    if (failed < 0) return failed;
    this.leaveTables();
    const { flow } = this;
    flow.local = way.local;
    flow.remote = remote;
    flow.remotePort = port;
    flow.scope = needsScope(remote) && scope !== 0 ? scope : device;
    flow.mark = way.mark;
    flow.label = -1;
    flow.path = way.path;
    this.isConnected = true;
    this.#ways.forget();
    this.enterTables();
    return 0;
  }

  /** Connects it to nobody: connect(2) with `AF_UNSPEC`. @returns 0 */
  disconnect(): number {
    this.leaveTables();
    const { flow } = this;
    flow.local = this.bound;
    flow.remote = this.family === "ipv4" ? 0 : ANY_6;
    flow.remotePort = 0;
    flow.scope = this.#boundDevice;
    flow.path = null;
    this.isConnected = false;
    this.#ways.forget();
    // Linux: a port that nobody asked for by its number goes with the peer.
    if (!this.isBound || this.#hasOwnPort) this.enterTables();
    else this.#forgetPort();
    return 0;
  }

  #forgetPort(): void {
    this.enterTables();
    this.unreserve();
    this.flow.localPort = 0;
    this.isBound = false;
  }

  /** Finds the way of a datagram. @returns a flow whose path is valid, or `-errno` */
  protected flowTo(parameters: DatagramParameters): Flow | number {
    return this.#ways.flowTo(parameters);
  }

  /** Fills in what the header of IP says of a datagram. */
  protected fillParameters(way: Flow, { timeToLive, typeOfService }: DatagramParameters): void {
    const { parameters, options } = this;
    const isIpv4 = typeof way.remote === "number";
    const toGroup = isMulticast(way.remote);
    const service = options.values[isIpv4 ? Slot.TYPE_OF_SERVICE : Slot.TRAFFIC_CLASS];
    // RFC 1122 section 4.1.4 (MUST): programs set the time to live, the type of service and options
    // of IP, and what they set is passed on as it is.
    parameters.timeToLive = timeToLive !== 0 ? timeToLive : options.hopsTo(way.remote, toGroup);
    parameters.typeOfService = typeOfService >= 0 ? typeOfService : service;
    parameters.fragmentation = options.fragmentationTo(way.remote);
    // RFC 1122 section 4.1.3.2 (MUST): programs can give options of IP to their datagrams.
    parameters.options = isIpv4 ? options.ipOptions : null;
    parameters.mtu = isIpv4 ? 0 : options.ipv6Defaults.mtu;
    parameters.mayBroadcast = options.has(Slot.BROADCAST);
    parameters.loopsMulticast = options.has(isIpv4 ? Slot.MULTICAST_LOOP : Slot.MULTICAST_LOOP_6);
  }

  /** Whether it may send now. */
  protected hasRoom(): boolean {
    return this.#share.hasRoom(this.options.sendBuffer);
  }

  /** Counts what is sent within this instant. */
  protected spend(bytes: number): void {
    this.#share.spend(bytes);
  }

  /** It cannot send now, and is told when it can. @returns `-EAGAIN` */
  protected waitForRoom(isMemoryShort: boolean): number {
    this.context.budget.wait(this, isMemoryShort);
    return -Errno.EAGAIN;
  }

  /** See {@linkcode BudgetHolder.onBudget}. */
  onBudget(): void {
    this.#share.renew();
    this.owner?.onReady(Ready.OUT);
  }

  /** See {@linkcode DatagramStackSocket.send}. */
  abstract send(
    memory: UserMemory,
    ranges: Int32Array,
    count: number,
    parameters: DatagramParameters,
    flags: number,
  ): number;

  /** See {@linkcode DatagramStackSocket.receive}. */
  receive(
    memory: UserMemory,
    ranges: Int32Array,
    count: number,
    info: DatagramInfo,
    flags: number,
  ): number {
    const error = this.takeError();
    if (error !== 0) return -error;
    const { queue } = this;
    if (queue.isEmpty) return this.isShutForReceiving ? this.#end(info) : -Errno.EAGAIN;
    const { columns, environment: { arena } } = this.context;
    const packet = queue.head;
    const left = columns.payloadBytes[packet];
    const bytes = this.nextBytes(packet);
    const at = columns.payloadAt[packet];
    const copied = copyToUser(arena, packet, at, bytes, memory, ranges, count);
    this.#reader.read(packet, info);
    info.port = this.portOf(packet);
    info.bytes = bytes;
    const { segmentBytes } = this.context.environment.packets;
    info.segmentBytes = bytes > segmentBytes[packet] ? segmentBytes[packet] : 0;
    if ((flags & Msg.PEEK) === 0) {
      if (bytes === left) queue.drop();
      else queue.advance(bytes);
    }
    return copied;
  }

  /** Nothing follows. */
  #end(info: DatagramInfo): number {
    info.bytes = 0;
    info.segmentBytes = 0;
    return 0;
  }

  /** See {@linkcode StackSocket.shutdown}. */
  shutdown(how: number): number {
    if (how !== Shut.RD && how !== Shut.WR && how !== Shut.RDWR) return -Errno.EINVAL;
    if (how !== Shut.WR) this.#shut |= SHUT_RECEIVE;
    if (how !== Shut.RD) this.#shut |= SHUT_SEND;
    this.owner?.onReady(this.readiness());
    // Linux: it counts, although it is an error where nobody is connected.
    return this.isConnected ? 0 : -Errno.ENOTCONN;
  }

  /** See {@linkcode StackSocket.setOption}. */
  setOption(level: number, name: number, value: Uint8Array): number {
    if (isMembershipOption(level, name, this.family)) {
      return this.memberships.set(level, name, value);
    }
    return this.options.set(level, name, value);
  }

  /** See {@linkcode StackSocket.getOption}. */
  getOption(level: number, name: number): Uint8Array | number {
    if (isMembershipOption(level, name, this.family)) return this.memberships.get(level, name);
    return this.options.get(level, name);
  }

  /** See {@linkcode OptionHost.bindToDevice}. */
  bindToDevice(index: number): number {
    this.leaveTables();
    this.#boundDevice = index;
    this.flow.scope = index;
    this.flow.path = null;
    this.#ways.forget();
    this.enterTables();
    return 0;
  }

  /** See {@linkcode OptionHost.onReuseChange}. */
  onReuseChange(): number {
    return 0;
  }

  /** See {@linkcode OptionHost.onUncork}. */
  onUncork(): void {}

  /** See {@linkcode StackSocket.close}. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.owner = null;
    if (this.isBound) this.unreserve();
    this.isBound = false;
    this.memberships.close();
    this.queue.clear();
    this.context.budget.forget(this);
  }
}
