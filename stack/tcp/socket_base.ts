/**
 * What a socket of TCP is made of: what it is bound to, what its options say, and the connection or
 * the listener that it has become. There may be very many: whatever its connection knows as well is
 * not kept here.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { ANY_6, canonical, needsScope } from "../address_rules.ts";
import { isAny, isMulticast } from "../ip/addresses.ts";
import { Flow, type IpAddress } from "../ip/types.ts";
import { Ready, type SocketOwner } from "../socket.ts";
import { BindingFlag } from "../transport_ports.ts";
import { applyConfiguration } from "./apply_configuration.ts";
import type { Configuration } from "./configuration.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import { Bit } from "./connection_bits.ts";
import type { TcpContext } from "./context.ts";
import { armKeepAlive } from "./deadlines.ts";
import { Listener } from "./listener.ts";
import { updateLimits } from "./path.ts";
import { getSocketOption, type OptionHost, setSocketOption } from "./socket_options.ts";
import { State } from "./states.ts";

const { SOL_SOCKET, SO_KEEPALIVE, SO_REUSEADDR, SO_REUSEPORT, IPPROTO_TCP } = SockOpt;
const { REUSE_ADDRESS, REUSE_PORT, IPV6_ONLY, LISTENING } = BindingFlag;

/** What is true of a socket. */
export const SocketBit = {
  IPV6: 1 << 0,
  /** `connect` was called, and not yet called again to hear how that ended. */
  CONNECTING: 1 << 1,
  /** It was accepted: there was never anything to wait for. */
  ACCEPTED: 1 << 2,
  CLOSED: 1 << 3,
} as const;

/** A socket, but for what it does. */
export abstract class SocketBase implements ConnectionOwner, OptionHost {
  owner: SocketOwner | null = null;
  /** See `OptionHost`. */
  readonly context: TcpContext;
  /** Bits of {@linkcode SocketBit}. */
  protected bits: number;
  protected binding = -1;
  /** What it has become. */
  protected target: Connection | Listener | null;
  /** Its ends and its options, while it has no connection that knows them. */
  #flow: Flow | null = null;
  #configuration: Configuration | null = null;

  /** @param connection what it is a socket of, if it was accepted */
  constructor(context: TcpContext, isIpv6: boolean, connection: Connection | null) {
    this.context = context;
    this.bits = isIpv6 ? SocketBit.IPV6 : 0;
    this.target = connection;
    if (connection !== null) {
      this.bits |= SocketBit.ACCEPTED;
      connection.socket = this;
    }
  }

  /** Whether it is of `AF_INET6`. */
  get isIpv6(): boolean {
    return (this.bits & SocketBit.IPV6) !== 0;
  }

  /** See `OptionHost`. */
  get cookie(): number {
    return this.context.cookieOf(this);
  }

  /** See `OptionHost`. */
  get connection(): Connection | null {
    return this.target instanceof Connection ? this.target : null;
  }

  protected get listener(): Listener | null {
    return this.target instanceof Listener ? this.target : null;
  }

  /** Its state: that of its connection. */
  get state(): State {
    const { target } = this;
    if (target === null) return State.CLOSED;
    return target instanceof Listener ? State.LISTEN : target.state;
  }

  /** See `StackSocket`. */
  get flow(): Flow {
    if (this.target !== null) return this.target.flow;
    if (this.#flow === null) {
      this.#flow = new Flow();
      if (this.isIpv6) this.#flow.local = this.#flow.remote = ANY_6;
    }
    return this.#flow;
  }

  /** See `OptionHost`. */
  get configuration(): Configuration {
    return this.target?.configuration ?? this.#configuration ?? this.context.defaults;
  }

  /** Whether what was set was set on this very socket. */
  private get ownsConfiguration(): boolean {
    return this.#configuration !== null && this.#configuration === this.configuration;
  }

  /** See `OptionHost`. */
  get isBound(): boolean {
    return this.binding >= 0 || this.connection !== null;
  }

  /** See `OptionHost`. */
  change(): Configuration {
    // Connections that come by a listener share what it has then.
    if (!this.ownsConfiguration || this.target instanceof Listener) {
      this.#configuration = this.configuration.copy();
    }
    return this.#configuration!;
  }

  /** See `OptionHost`. */
  onChanged(level: number, name: number): number {
    const { target } = this;
    const configuration = this.#configuration;
    // Nothing was changed by an option that is judged only.
    if (configuration === null) return 0;
    if (target instanceof Listener) target.configure(configuration);
    if (target instanceof Connection) {
      target.configuration = configuration;
      if (target.slot >= 0) reconfigure(target, level, name);
    }
    const isReuse = level === SOL_SOCKET && (name === SO_REUSEADDR || name === SO_REUSEPORT);
    if (isReuse && this.binding >= 0) this.rebind(target instanceof Listener);
    return 0;
  }

  /** What its port allows, or whether it listens there, has changed. @returns 0 or `-errno` */
  protected rebind(isListening: boolean): number {
    const flags = this.bindingFlags() | (isListening ? LISTENING : 0);
    const binding = this.context.ports.change(this.binding, flags);
    if (binding < 0) return binding;
    this.binding = binding;
    if (this.target instanceof Listener) this.target.binding = binding;
    return 0;
  }

  protected bindingFlags(): number {
    const { reuseAddress, reusePort, isIpv6Only } = this.configuration;
    return (reuseAddress ? REUSE_ADDRESS : 0) | (reusePort ? REUSE_PORT : 0) |
      (isIpv6Only ? IPV6_ONLY : 0);
  }

  /** See `StackSocket`. */
  setOption(level: number, name: number, value: Uint8Array): number {
    return setSocketOption(this, level, name, value);
  }

  /** See `StackSocket`. */
  getOption(level: number, name: number, room = Infinity): Uint8Array | number {
    return getSocketOption(this, level, name, room);
  }

  /** See `ConnectionOwner`. */
  onReady(ready: number): void {
    this.owner?.onReady(ready);
  }

  /** See `StackSocket`. */
  takeError(): number {
    const { connection } = this;
    if (connection === null) return 0;
    const { error } = connection;
    connection.error = 0;
    if (error !== 0) return error;
    const { softError } = connection;
    connection.softError = 0;
    // RFC 9293 section 3.9.1.8 (MUST-47): soft errors are reported, too, to whoever asks.
    return softError;
  }

  /** See `StackSocket`: as tcp_poll of Linux has it. */
  readiness(): number {
    const { target } = this;
    if (target === null) return Ready.OUT | Ready.HANGUP;
    if (target instanceof Listener) return target.waiting > 0 ? Ready.IN : 0;
    const { state, receiver, sender, error, bits } = target;
    let ready = error === 0 ? 0 : Ready.ERROR;
    if (state === State.CLOSED) {
      return ready | Ready.IN | Ready.OUT | Ready.HANGUP | Ready.READ_HANGUP;
    }
    if ((bits & Bit.DEFERRED) !== 0) return ready | Ready.OUT;
    if ((bits & Bit.SENDER_AGREED) === 0) return ready;
    const isReadShut = (bits & Bit.READ_SHUT) !== 0 || receiver.isEnded;
    const isWriteShut = isShutForWriting(state);
    if (isReadShut) ready |= Ready.IN | Ready.READ_HANGUP;
    if (isReadShut && isWriteShut) ready |= Ready.HANGUP;
    if (receiver.isReadable) ready |= Ready.IN;
    if (isWriteShut || sender.isWritable) ready |= Ready.OUT;
    if (receiver.hasUrgent) ready |= Ready.PRIORITY;
    return ready;
  }

  /** See `StackSocket`. */
  bind(address: IpAddress, port: number, scope: number): number {
    const { addresses, ports } = this.context;
    if (this.binding >= 0 || this.target !== null) return -Errno.EINVAL;
    const where = canonical(address);
    const mismatch = this.checkFamily(where);
    if (mismatch !== 0) return mismatch;
    const isForMany = isMulticast(where) ||
      typeof where === "number" && addresses.isBroadcast(where, 0);
    if (isForMany) return -Errno.EADDRNOTAVAIL;
    const device = this.scopeOf(where, scope);
    if (needsScope(where) && device === 0) return -Errno.EINVAL;
    const isForeign = !isAny(where) && !addresses.isLocal(where, device);
    // RFC 9293 section 3.9.1.1 (MUST-43): an open may name its local address.
    if (isForeign && !this.configuration.isFreeBind) return -Errno.EADDRNOTAVAIL;
    const flags = this.bindingFlags();
    const binding = port === 0
      ? ports.bindEphemeral(where, device, flags)
      : ports.bind(where, port, device, flags);
    if (binding < 0) return binding;
    const { flow } = this;
    this.binding = binding;
    flow.local = where;
    flow.localPort = ports.port(binding);
    flow.scope = device;
    // As Linux: what is bound to an address of IPv6 has nothing to do with IPv4 any more.
    if (typeof where !== "number" && !isAny(where)) this.change().isIpv6Only = true;
    return 0;
  }

  /** Whether an address is of its family. @returns 0 or `-errno` */
  protected checkFamily(address: IpAddress): number {
    if (typeof address === "number") {
      return this.isIpv6 && this.configuration.isIpv6Only ? -Errno.EINVAL : 0;
    }
    return this.isIpv6 ? 0 : -Errno.EAFNOSUPPORT;
  }

  protected scopeOf(address: IpAddress, scope: number): number {
    const { device } = this.configuration;
    if (device !== 0) return device;
    return needsScope(address) ? scope : 0;
  }

  /** Has become a connection, or a listener. */
  protected become(target: Connection | Listener): void {
    this.#configuration = target.configuration === this.context.defaults
      ? null
      : target.configuration;
    this.#flow = null;
    this.target = target;
  }

  /** Is nothing any more but a socket that may be bound. */
  protected unbecome(): void {
    const { local, localPort, scope } = this.flow;
    this.#configuration = this.configuration === this.context.defaults ? null : this.configuration;
    this.target = null;
    this.#flow = null;
    if (this.binding < 0) return;
    const { flow } = this;
    flow.local = local;
    flow.localPort = localPort;
    flow.scope = scope;
  }
}

/** Whether nothing can be written in a state. */
export function isShutForWriting(state: State): boolean {
  return state !== State.ESTABLISHED && state !== State.CLOSE_WAIT && state !== State.SYN_RECEIVED;
}

/** Tells a connection what its socket's options say now. */
function reconfigure(connection: Connection, level: number, name: number): void {
  const { flow, configuration } = connection;
  applyConfiguration(connection);
  if (level === SOL_SOCKET && name === SO_KEEPALIVE || level === IPPROTO_TCP) {
    armKeepAlive(connection);
  }
  if (flow.mark !== configuration.mark) {
    flow.mark = configuration.mark;
    flow.path = null;
  }
  updateLimits(connection);
  connection.settleCall();
}
