/**
 * A descriptor for a TCP socket.
 *
 * ```text
 *            connect                  connected
 *   CREATED ---------> CONNECTING -----------------> CONNECTED
 *      |   <-----------    failed, or without a family   |
 *      |   <---------------------------------------------+
 *      |  listen               accept
 *      +---------> LISTENING ---------> CONNECTED (another descriptor)
 * ```
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { CQE_BUFFER_SHIFT, CqeFlag, IoPrio, Msg, Op, SqeFlag } from "../../ring/abi/opcodes.ts";
import { Ready, type StreamStackSocket } from "../../stack/socket.ts";
import type { Operation } from "../machine/operation.ts";
import { advance, locate } from "../machine/segments.ts";
import { hasControl, prepareStreamReceive } from "../machine/stream_transfers.ts";
import { isMultishotReceive, messageFlags } from "../machine/transfers.ts";
import { resultOf, StackFile } from "./file.ts";
import type { StackMachine } from "./machine.ts";
import { Endpoint, familyOf, isScoped, writeSockaddr } from "./names.ts";

/** `MSG_MORE`, `MSG_EOR`, `MSG_CMSG_CLOEXEC`, `MSG_CONFIRM`, `MSG_DONTROUTE`. */
const MORE = 0x8000;
const END_OF_RECORD = 0x80;
const HINTS = 0x40000000 | 0x800 | 0x4;
const KNOWN_SEND_FLAGS = Msg.NOSIGNAL | Msg.DONTWAIT | Msg.WAITALL | Msg.OOB | MORE |
  END_OF_RECORD | HINTS;
const KNOWN_RECEIVE_FLAGS = Msg.PEEK | Msg.DONTWAIT | Msg.WAITALL | Msg.NOSIGNAL | Msg.OOB |
  Msg.TRUNC | HINTS | MORE;
/** What the stack's sockets are told of. */
const SEND_FLAGS = MORE | END_OF_RECORD | Msg.OOB;
const RECEIVE_FLAGS = Msg.PEEK | Msg.OOB | Msg.TRUNC;
const ENDED = Ready.READ_HANGUP | Ready.ERROR | Ready.HANGUP;

/** Where a socket is in its life. */
export const StreamState = { CREATED: 0, LISTENING: 1, CONNECTING: 2, CONNECTED: 3 } as const;
/** One of {@linkcode StreamState}. */
export type StreamState = typeof StreamState[keyof typeof StreamState];

/** A TCP socket, and the operations that wait for it. */
export class StreamFile extends StackFile {
  state: StreamState = StreamState.CREATED;
  #socket: StreamStackSocket;
  /** The CONNECT in flight. */
  #connecting: Operation | null = null;
  /** What BIND asked for, to go back to. */
  #bound: Endpoint | null = null;

  /**
   * @param fd its descriptor
   * @param socket which is its own from here on
   */
  constructor(machine: StackMachine, fd: number, family: number, socket: StreamStackSocket) {
    super(machine, fd, family);
    this.#socket = socket;
    socket.owner = this;
  }

  /** {@inheritDoc StackFile.socket} */
  override get socket(): StreamStackSocket {
    return this.#socket;
  }

  /** Puts something between it and its socket. @param wrap makes it of the socket */
  interpose(wrap: (socket: StreamStackSocket) => StreamStackSocket): void {
    this.#socket = wrap(this.#socket);
    this.#socket.owner = this;
  }

  /** {@inheritDoc SocketOwner.onReady} */
  override onReady(ready: number): void {
    if (this.#connecting !== null && (ready & (Ready.OUT | ENDED)) !== 0) this.#settleConnect();
    super.onReady(ready);
  }

  /** {@inheritDoc OperationOwner.cancel} */
  override cancel(operation: Operation): number {
    if (operation !== this.#connecting) return super.cancel(operation);
    // The attempt itself goes on, as on Linux: who wants it to end closes the socket.
    this.#connecting = null;
    this.machine.complete(operation, -Errno.ECANCELED, 0);
    return 0;
  }

  /** {@inheritDoc StackFile.close} */
  override close(): void {
    if (this.#connecting !== null) this.cancel(this.#connecting);
    super.close();
  }

  /** Binds it. @returns 0 or `-errno` */
  bind({ address, port, scope }: Endpoint): number {
    const result = this.#socket.bind(address, port, scope);
    if (result === 0) this.#bound = Object.assign(new Endpoint(), { address, port, scope });
    return result;
  }

  /** Listens, or changes the backlog. @returns 0 or `-errno` */
  listen(backlog: number): number {
    const result = this.#socket.listen(backlog);
    if (result === 0) this.state = StreamState.LISTENING;
    return result;
  }

  /** Begins a CONNECT. */
  connect(operation: Operation, { address, port, scope }: Endpoint): void {
    if (this.#connecting !== null) return this.machine.complete(operation, -Errno.EALREADY, 0);
    if (this.state === StreamState.LISTENING || this.state === StreamState.CONNECTED) {
      return this.machine.complete(operation, -Errno.EISCONN, 0);
    }
    const result = this.#socket.connect(address, port, scope);
    if (result !== -Errno.EINPROGRESS && result !== -Errno.EALREADY) {
      if (result === 0) this.state = StreamState.CONNECTED;
      return this.machine.complete(operation, result, 0);
    }
    this.state = StreamState.CONNECTING;
    this.#connecting = operation;
    this.machine.park(operation, this);
  }

  /** Leaves it as if it had never connected or listened: a CONNECT that names no family. */
  disconnect(): number {
    if (this.#connecting !== null) this.cancel(this.#connecting);
    if (this.state === StreamState.CREATED) return 0;
    const fresh = this.machine.core.streamSocket(familyOf(this.family));
    if (typeof fresh === "number") return fresh;
    const old = this.#socket;
    old.owner = null;
    if (this.state === StreamState.CONNECTED) old.abort();
    old.close();
    this.#socket = fresh;
    fresh.owner = this;
    this.state = StreamState.CREATED;
    // connect(2): what waits for the connection hears of its end.
    this.endQueue(this.receives);
    this.endQueue(this.sends);
    return this.#bound === null ? 0 : this.bind(this.#bound);
  }

  /** Shuts directions. @returns 0 or `-errno` */
  shutdown(how: number): number {
    const result = this.#socket.shutdown(how);
    if (result !== 0) return result;
    if (this.state === StreamState.LISTENING && how !== 1) this.state = StreamState.CREATED;
    // Whatever waits is to find out, and is not told by a socket that it shut itself.
    this.onReady(Ready.IN | Ready.OUT);
    return 0;
  }

  /** {@inheritDoc StackFile.send} */
  override send(operation: Operation): void {
    const flags = messageFlags(operation);
    operation.operationFlags = flags;
    const isUnknown = (flags & ~KNOWN_SEND_FLAGS) !== 0 ||
      (operation.ioprio & ~IoPrio.POLL_FIRST) !== 0 ||
      (operation.flags & SqeFlag.BUFFER_SELECT) !== 0;
    if (isUnknown) return this.machine.complete(operation, -Errno.EINVAL, 0);
    const header = operation.address;
    const { memory } = this.machine;
    const fault = locate(memory, operation);
    if (fault < 0) return this.machine.complete(operation, fault, 0);
    // A stream's messages have nothing beside them that could be sent.
    if (operation.opcode === Op.SENDMSG && hasControl(memory, header)) {
      return this.machine.complete(operation, -Errno.EINVAL, 0);
    }
    if ((operation.ioprio & IoPrio.POLL_FIRST) !== 0) this.machine.deliver();
    this.submitSend(operation);
  }

  /** {@inheritDoc StackFile.receive} */
  override receive(operation: Operation): void {
    const flags = messageFlags(operation);
    operation.operationFlags = flags;
    const { memory } = this.machine;
    const fault = prepareStreamReceive(memory, operation, flags, KNOWN_RECEIVE_FLAGS);
    if (fault < 0) return this.machine.complete(operation, fault, 0);
    if (this.state !== StreamState.CONNECTED) {
      return this.machine.complete(operation, -Errno.ENOTCONN, 0);
    }
    // What is on its way within the stack is to be found by who asks to look twice.
    if ((operation.ioprio & IoPrio.POLL_FIRST) !== 0) this.machine.deliver();
    this.submitReceive(operation);
  }

  /** Begins an ACCEPT whose memory is checked. */
  accept(operation: Operation): void {
    if (this.state !== StreamState.LISTENING) {
      return this.machine.complete(operation, -Errno.EINVAL, 0);
    }
    this.submitReceive(operation);
  }

  /** {@inheritDoc StackFile.serveSend} */
  protected override serveSend(operation: Operation): boolean {
    if (operation.total === 0) {
      this.finish(operation, this.#emptySend(), 0);
      return true;
    }
    const { memory, user } = this.machine;
    const flags = operation.operationFlags;
    while (operation.done < operation.total) {
      const room = advance(memory, operation);
      // The ranges of one call are one piece to the peer, as far as segments allow.
      const more = operation.done + room < operation.total ? MORE : 0;
      this.isCalling = true;
      const sent = this.#socket.send(user, operation.address, room, flags & SEND_FLAGS | more);
      this.isCalling = false;
      if (sent < 0) {
        const isPartial = operation.done > 0 && (flags & Msg.WAITALL) === 0;
        if (sent === -Errno.EAGAIN && !isPartial && this.#maySendLater()) return false;
        const errno = sent === -Errno.EAGAIN ? Errno.EPIPE : -sent;
        this.finish(operation, resultOf(operation, errno), 0);
        return true;
      }
      operation.address += sent;
      operation.room -= sent;
      operation.done += sent;
    }
    this.finish(operation, operation.done, 0);
    return true;
  }

  /** Whether a send that found no room will ever find some. */
  #maySendLater(): boolean {
    return this.state === StreamState.CONNECTED || this.state === StreamState.CONNECTING;
  }

  #emptySend(): number {
    // tcp(7): sending before connecting is a broken pipe, as after the end.
    if (this.state !== StreamState.CONNECTED) return -Errno.EPIPE;
    const isBroken = (this.#socket.readiness() & Ready.HANGUP) !== 0;
    return isBroken ? -Errno.EPIPE : 0;
  }

  /** {@inheritDoc StackFile.serveReceive} */
  protected override serveReceive(operation: Operation): boolean {
    if (operation.opcode === Op.ACCEPT) return this.#serveAccept(operation);
    if ((operation.flags & SqeFlag.BUFFER_SELECT) !== 0) return this.#serveBuffers(operation);
    const flags = operation.operationFlags;
    const wantsAll = (flags & Msg.WAITALL) !== 0;
    if ((flags & Msg.PEEK) !== 0 && wantsAll && this.#mayGrow(operation.total)) return false;
    while (operation.done < operation.total) {
      // tcp(7): a call ends at the urgent mark, whatever it waits for.
      if (operation.done > 0 && this.#socket.isAtMark) break;
      const room = advance(this.machine.memory, operation);
      const count = this.#take(operation.address, room, flags);
      if (count === -Errno.EAGAIN && (operation.done === 0 || wantsAll)) return false;
      if (count <= 0) {
        this.finish(operation, resultOf(operation, -count), 0);
        return true;
      }
      operation.address += count;
      operation.room -= count;
      operation.done += count;
      // What is there behind it, an error perhaps, is for the next one.
      if (count < room && !wantsAll) break;
      if ((flags & (Msg.PEEK | Msg.OOB)) !== 0) break;
    }
    this.finish(operation, operation.done, 0);
    return true;
  }

  /** Whether more than is there may come, when `wanted` bytes are to be looked at. */
  #mayGrow(wanted: number): boolean {
    const { available, isAtMark } = this.#socket;
    if (available >= wanted) return false;
    const ready = this.#socket.readiness();
    const endsAtMark = (ready & Ready.PRIORITY) !== 0 && !isAtMark;
    return (ready & ENDED) === 0 && !endsAtMark;
  }

  #take(at: number, room: number, flags: number): number {
    this.isCalling = true;
    const count = this.#socket.receive(this.machine.user, at, room, flags & RECEIVE_FLAGS);
    this.isCalling = false;
    return count;
  }

  /** Moves what there is into provided buffers: one of them, or all it takes for a multishot. */
  #serveBuffers(operation: Operation): boolean {
    const { supply } = this.machine;
    const isMultishot = isMultishotReceive(operation);
    for (;;) {
      if (this.#socket.available === 0) return this.#serveEnd(operation);
      if (!supply.take()) {
        this.finish(operation, -Errno.ENOBUFS, 0);
        return true;
      }
      const { total } = operation;
      const room = total > 0 ? Math.min(total, supply.bytes) : supply.bytes;
      const { offset, id } = supply;
      const count = this.#take(offset, room, operation.operationFlags);
      const flags = CqeFlag.BUFFER | (id << CQE_BUFFER_SHIFT);
      if (!isMultishot || count <= 0) {
        this.finish(operation, count, flags);
        return true;
      }
      this.machine.more(operation, count, flags);
    }
  }

  /** There are no bytes: that may be all there ever will be. */
  #serveEnd(operation: Operation): boolean {
    if ((this.#socket.readiness() & (Ready.IN | ENDED)) === 0) return false;
    // Nothing is there that it could write anywhere: it only says why.
    const result = this.#take(0, 1, 0);
    if (result === -Errno.EAGAIN) return false;
    this.finish(operation, result, 0);
    return true;
  }

  #serveAccept(operation: Operation): boolean {
    const { files } = this.machine;
    const isMultishot = (operation.ioprio & IoPrio.ACCEPT_MULTISHOT) !== 0;
    for (;;) {
      // Looked for first, so that no connection is taken that there is no descriptor for.
      const fd = files.lowest();
      if (fd < 0 && (this.#socket.readiness() & Ready.IN) !== 0) {
        this.finish(operation, -Errno.EMFILE, 0);
        return true;
      }
      if (fd < 0) return false;
      const accepted = this.#socket.accept();
      if (accepted === -Errno.EAGAIN) return false;
      if (typeof accepted === "number") {
        this.finish(operation, accepted, 0);
        return true;
      }
      const file = new StreamFile(this.machine, fd, this.family, accepted);
      file.state = StreamState.CONNECTED;
      files.set(fd, file);
      this.#tellPeer(operation, accepted);
      if (!isMultishot) {
        this.finish(operation, fd, 0);
        return true;
      }
      this.machine.more(operation, fd, 0);
    }
  }

  #tellPeer({ address, offset: lengthAt }: Operation, { flow }: StreamStackSocket): void {
    if (address === 0 || lengthAt === 0) return;
    const { words, bytes } = this.machine.memory;
    const { remote, remotePort, scope } = flow;
    const room = words[lengthAt >> 2];
    const zone = isScoped(remote) ? scope : 0;
    words[lengthAt >> 2] = writeSockaddr(
      bytes,
      address,
      room,
      this.family,
      remote,
      remotePort,
      zone,
    );
  }

  #settleConnect(): void {
    const operation = this.#connecting!;
    const { remote, remotePort, scope } = this.#socket.flow;
    // As io_uring does: asked again, it says how the attempt has ended.
    this.isCalling = true;
    const result = this.#socket.connect(remote, remotePort, scope);
    this.isCalling = false;
    if (result === -Errno.EALREADY || result === -Errno.EINPROGRESS) return;
    this.#connecting = null;
    this.state = result === 0 ? StreamState.CONNECTED : StreamState.CREATED;
    this.machine.complete(operation, result, 0);
  }
}
