/**
 * A socket of TCP: what a program calls, with the errors that Linux answers.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Msg, Shut } from "../../ring/abi/opcodes.ts";
import { ANY_6, canonical, destinationOf, needsScope } from "../address_rules.ts";
import { isAny, isMulticast } from "../ip/addresses.ts";
import { Flow, type IpAddress } from "../ip/types.ts";
import { Ready, type StreamStackSocket, type UserMemory } from "../socket.ts";
import type { PortCheck } from "../transport_ports.ts";
import { Protocol } from "../wire/numbers.ts";
import { abort, close, closeWrite, end } from "./closing.ts";
import type { Connection } from "./connection.ts";
import { Bit } from "./connection_bits.ts";
import { Listener } from "./listener.ts";
import { launch, prepare } from "./opening.ts";
import { isShutForWriting, SocketBase, SocketBit } from "./socket_base.ts";
import { State } from "./states.ts";
import { TimeWait } from "./time_wait.ts";

/** A socket. */
export class TcpSocket extends SocketBase implements StreamStackSocket {
  /** See `StackSocket`. */
  connect(address: IpAddress, port: number, scope: number): number {
    const pending = this.connectAgain();
    if (pending !== null) return pending;
    const where = canonical(address);
    const mismatch = this.checkFamily(where);
    if (mismatch !== 0) return mismatch;
    const { addresses } = this.context;
    const isForMany = isMulticast(where) ||
      typeof where === "number" && addresses.isBroadcast(where, 0);
    // RFC 9293 section 3.9.1.1 (MUST-46): an open to a group, or to everybody, is an error.
    if (isForMany) return -Errno.ENETUNREACH;
    const { flow } = this;
    const remote = destinationOf(where);
    if (this.binding >= 0 && !isSameFamily(flow.local, remote)) {
      if (!isAny(flow.local)) return -Errno.EINVAL;
    }
    if (port === 0) return -Errno.ECONNREFUSED;
    const device = this.scopeOf(remote, scope) || flow.scope;
    if (needsScope(remote) && device === 0) return -Errno.EINVAL;
    return this.begin(remote, port, device);
  }

  /** What `connect` answers where a connection is there, or was; null where none was. */
  private connectAgain(): number | null {
    const { connection } = this;
    if (this.target instanceof Listener) return -Errno.EISCONN;
    if (connection === null) return null;
    const { state } = connection;
    if (state === State.SYN_SENT || state === State.SYN_RECEIVED) return -Errno.EALREADY;
    const isConnecting = (this.bits & SocketBit.CONNECTING) !== 0;
    if (state !== State.CLOSED) {
      this.bits &= ~SocketBit.CONNECTING;
      return isConnecting ? 0 : -Errno.EISCONN;
    }
    if (!isConnecting && this.wasEstablished(connection)) return -Errno.EISCONN;
    const error = this.takeError();
    this.forget();
    return isConnecting ? -(error || Errno.ECONNABORTED) : null;
  }

  private wasEstablished(connection: Connection): boolean {
    return (connection.bits & Bit.SENDER_AGREED) !== 0;
  }

  /** The attempt is over: the socket may be connected anew. */
  private forget(): void {
    const { connection } = this;
    this.unbecome();
    this.bits &= ~(SocketBit.CONNECTING | SocketBit.ACCEPTED);
    if (connection === null) return;
    connection.socket = null;
    connection.receiver.stop();
  }

  private begin(remote: IpAddress, port: number, device: number): number {
    const { context, configuration } = this;
    const { settings, ports, table } = context;
    if (context.connections >= settings.connections) return -Errno.ENOBUFS;
    const flow = this.flowTo(remote, port, device);
    // RFC 9293 section 3.9.1.1 (MUST-44): the routes choose the address that was not chosen.
    const way = context.output.route(flow);
    if (way < 0) return way;
    const binding = this.binding >= 0
      ? ports.share(this.binding, flow.local)
      : ports.bindConnection(
        flow.local,
        remote,
        port,
        device,
        this.bindingFlags(),
        this.portCheck(flow),
      );
    if (binding < 0) return binding;
    flow.localPort = ports.port(binding);
    const minimumSequence = this.isAnswered(flow) ? this.makeWay(flow) : undefined;
    if (minimumSequence === undefined) {
      ports.release(binding);
      return -Errno.EADDRNOTAVAIL;
    }
    const connection = context.createConnection(flow, configuration);
    connection.binding = binding;
    connection.socket = this;
    if (!table.add(connection)) {
      context.connections--;
      ports.release(binding);
      connection.sender.stop();
      connection.receiver.stop();
      return -Errno.ENOBUFS;
    }
    this.become(connection);
    prepare(connection, minimumSequence);
    return this.launch(connection);
  }

  private flowTo(remote: IpAddress, port: number, device: number): Flow {
    const { local, localPort } = this.flow;
    const flow = new Flow();
    flow.local = isSameFamily(local, remote) ? local : typeof remote === "number" ? 0 : ANY_6;
    flow.remote = remote;
    flow.localPort = localPort;
    flow.remotePort = port;
    flow.scope = device;
    flow.mark = this.configuration.mark;
    return flow;
  }

  private launch(connection: Connection): number {
    this.bits |= SocketBit.CONNECTING;
    if (this.isDeferred(connection)) {
      connection.bits |= Bit.DEFERRED;
      return 0;
    }
    const result = launch(connection);
    if (result < 0) {
      end(connection, 0);
      connection.raised = 0;
      this.forget();
      return result;
    }
    connection.schedule();
    return -Errno.EINPROGRESS;
  }

  /** Whether the SYN waits for data that it can carry: `TCP_FASTOPEN_CONNECT`. RFC 7413. */
  private isDeferred(connection: Connection): boolean {
    const { settings, fastOpenCache } = this.context;
    const { fastOpenConnect, fastOpenNoCookie } = connection.configuration;
    const isOn = settings.fastOpen === "client" || settings.fastOpen === "both";
    const { remote } = connection.flow;
    if (!fastOpenConnect || !isOn || !fastOpenCache.isPermitted(remote)) return false;
    connection.bits |= Bit.FAST_OPEN;
    return fastOpenNoCookie || fastOpenCache.cookie(remote) !== null;
  }

  /**
   * Tells which ports already have a connection to where a flow leads, or would have its answers go
   * to another shard.
   */
  private portCheck(flow: Flow): PortCheck {
    const { table, shard } = this.context;
    const { local, remote, remotePort, path } = flow;
    const isSpread = shard !== null && path !== null && !path.isLocal;
    return {
      isTaken: (port: number): boolean => {
        flow.localPort = port;
        if (table.find(flow) !== null) return true;
        return isSpread && shard.index !==
            shard.director.spreadFlow(Protocol.TCP, remote, remotePort, local, port);
      },
    };
  }

  /** Whether answers come here: with a port that was bound before they may be another shard's. */
  private isAnswered({ local, localPort, remote, remotePort, path }: Flow): boolean {
    const { shard } = this.context;
    // A port that was chosen for the connection was chosen so that they do.
    if (shard === null || this.binding < 0 || path !== null && path.isLocal) return true;
    const { director, index } = shard;
    return director.directFlow(Protocol.TCP, remote, remotePort, local, localPort) === index;
  }

  /**
   * Makes way where a connection with the same ends is in TIME-WAIT.
   *
   * @returns the least number to begin with, null for any; undefined where the ends are taken
   */
  private makeWay(flow: Flow): number | null | undefined {
    const { table, timeWaits } = this.context;
    const entry = table.find(flow);
    if (entry === null) return null;
    if (!(entry instanceof TimeWait)) return undefined;
    const minimum = timeWaits.reuse(entry);
    return Number.isNaN(minimum) ? undefined : minimum;
  }

  /** See `StreamStackSocket`. */
  listen(backlog: number): number {
    const { context, connection } = this;
    const { maximumBacklog } = context.settings;
    // As Linux: a negative one is the largest there may be.
    const most = backlog < 0 ? maximumBacklog : Math.min(backlog, maximumBacklog);
    if (this.target instanceof Listener) {
      this.target.backlog = most;
      return 0;
    }
    if (connection !== null && connection.state !== State.CLOSED) return -Errno.EINVAL;
    if (connection !== null) this.forget();
    if (this.binding < 0) {
      const result = this.bind(this.flow.local, 0, 0);
      if (result < 0) return result;
    }
    const result = this.rebind(true);
    if (result < 0) return result;
    const { flow, configuration } = this;
    const isDual = this.isIpv6 && !configuration.isIpv6Only;
    const listener = new Listener(context, flow, configuration, isDual, this.binding);
    listener.backlog = most;
    listener.owner = this;
    listener.isMirror = context.shard !== null && context.shard.tcpPorts.isSuspended;
    context.listeners.add(listener);
    this.become(listener);
    return 0;
  }

  /** See `StreamStackSocket`. */
  accept(): TcpSocket | number {
    if (!(this.target instanceof Listener)) return -Errno.EINVAL;
    const connection = this.target.accept();
    if (connection === null) return -Errno.EAGAIN;
    return new TcpSocket(this.context, this.isIpv6, connection);
  }

  /** See `StreamStackSocket`. */
  send(memory: UserMemory, at: number, bytes: number, flags: number): number {
    const { connection } = this;
    if (connection === null) return -Errno.EPIPE;
    if (connection.error !== 0) return -this.takeError();
    const { state, bits } = connection;
    if ((bits & Bit.DEFERRED) !== 0) return this.sendFirst(connection, memory, at, bytes, flags);
    if ((bits & Bit.SENDER_AGREED) === 0 && state !== State.CLOSED) return -Errno.EAGAIN;
    if (isShutForWriting(state)) return -Errno.EPIPE;
    if (bytes === 0) return 0;
    const taken = connection.sender.write(memory, at, bytes, flags);
    connection.settleWrite();
    return taken === 0 ? -Errno.EAGAIN : taken;
  }

  /** Sends the SYN that has waited for data. */
  private sendFirst(
    connection: Connection,
    memory: UserMemory,
    at: number,
    bytes: number,
    flags: number,
  ): number {
    const taken = bytes === 0 ? 0 : connection.sender.write(memory, at, bytes, flags);
    if (taken < 0) return taken;
    connection.bits &= ~Bit.DEFERRED;
    const result = launch(connection);
    if (result < 0) connection.failure = -result;
    connection.settleCall();
    return taken === 0 && bytes > 0 ? -Errno.EAGAIN : taken;
  }

  /** See `StreamStackSocket`. */
  receive(memory: UserMemory, at: number, bytes: number, flags: number): number {
    const { connection } = this;
    if (connection === null) return -Errno.ENOTCONN;
    const { receiver, state } = connection;
    const isOpening = (connection.bits & Bit.RECEIVER_AGREED) === 0;
    if (!isOpening && (receiver.available > 0 || (flags & Msg.OOB) !== 0)) {
      const result = receiver.read(memory, at, bytes, flags);
      connection.settleCall();
      return result;
    }
    if (receiver.isEnded) return 0;
    if (connection.error !== 0) return -this.takeError();
    if ((connection.bits & Bit.READ_SHUT) !== 0) return 0;
    if (state === State.CLOSED) return this.wasEstablished(connection) ? 0 : -Errno.ENOTCONN;
    return -Errno.EAGAIN;
  }

  /** See `StreamStackSocket`. */
  get available(): number {
    const { connection } = this;
    if (connection === null || (connection.bits & Bit.RECEIVER_AGREED) === 0) return 0;
    return connection.receiver.available;
  }

  /** See `StreamStackSocket`. */
  get isAtMark(): boolean {
    const { connection } = this;
    return connection !== null && (connection.bits & Bit.RECEIVER_AGREED) !== 0 &&
      connection.receiver.isAtMark;
  }

  /** See `StreamStackSocket`. */
  get unacknowledged(): number {
    const { connection } = this;
    return connection === null || connection.slot < 0 ? 0 : connection.sender.bufferedBytes;
  }

  /** See `StackSocket`. */
  shutdown(how: number): number {
    if (how !== Shut.RD && how !== Shut.WR && how !== Shut.RDWR) return -Errno.EINVAL;
    if (this.target instanceof Listener) {
      if (how !== Shut.WR) this.stopListening();
      return 0;
    }
    const { connection } = this;
    if (connection === null || connection.state === State.CLOSED) return -Errno.ENOTCONN;
    if (connection.state === State.SYN_SENT) {
      end(connection, 0);
      connection.settleCall();
      return 0;
    }
    let ready = 0;
    if (how !== Shut.WR) {
      connection.bits |= Bit.READ_SHUT;
      connection.receiver.shutRead();
      ready |= Ready.IN | Ready.READ_HANGUP;
    }
    if (how !== Shut.RD) {
      closeWrite(connection);
      ready |= Ready.OUT;
    }
    const isReadShut = (connection.bits & Bit.READ_SHUT) !== 0 || connection.receiver.isEnded;
    const isWriteShut = isShutForWriting(connection.state);
    connection.raise(isReadShut && isWriteShut ? ready | Ready.HANGUP : ready);
    connection.settleCall();
    return 0;
  }

  /** See `StackSocket`. */
  close(): void {
    if ((this.bits & SocketBit.CLOSED) !== 0) return;
    this.bits |= SocketBit.CLOSED;
    this.owner = null;
    if (this.target instanceof Listener) this.stopListening();
    const { connection } = this;
    if (connection !== null) {
      this.unbecome();
      close(connection);
    }
    if (this.binding >= 0) this.context.ports.release(this.binding);
    this.binding = -1;
  }

  /** See `StreamStackSocket`. */
  abort(): void {
    const { connection } = this;
    if ((this.bits & SocketBit.CLOSED) !== 0) return;
    if (connection !== null && connection.slot >= 0) {
      connection.socket = null;
      abort(connection);
    }
    this.close();
  }

  private stopListening(): void {
    const { target } = this;
    if (!(target instanceof Listener)) return;
    this.context.listeners.remove(target);
    this.unbecome();
    target.close();
    this.rebind(false);
  }
}

function isSameFamily(one: IpAddress, other: IpAddress): boolean {
  return (typeof one === "number") === (typeof other === "number");
}
