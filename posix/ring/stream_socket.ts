/**
 * Stream sockets.
 *
 * @module
 */

import { andThen, emptyName, type Name, type Outcome, type RawMessage } from "../engine.ts";
import { Accept } from "./accept.ts";
import { filterControl } from "./control_filter.ts";
import { bytesOf } from "./cursor.ts";
import type { FileTable } from "./file_table.ts";
import type { BlockingRing } from "./blocking_ring.ts";
import type { Bytes } from "./open_file.ts";
import { filesOf } from "./passed_files.ts";
import { RingSocket, type SocketKind } from "./ring_socket.ts";
import { autobindName, bindRefusal, connectRefusal, familyOf, putName } from "./socket_names.ts";
import { Attempt, Connecting, ConnectWait } from "./stream_connect.ts";
import { receiveUrgent, refuseName, withPeer, withQueue } from "./stream_beside.ts";
import { StreamReceive } from "./stream_receive.ts";
import { StreamSend } from "./stream_send.ts";
import { EntryCall, type Steps, StepsCall } from "./wait.ts";
import {
  AF_UNIX,
  AF_UNSPEC,
  FIONREAD,
  MSG_CMSG_CLOEXEC,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_FASTOPEN,
  MSG_MORE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
  POLLERR,
  SHUT_WR,
  SIOCATMARK,
  SIOCOUTQ,
  SOL_TCP,
  TCP_INQ,
} from "../constants/mod.ts";
import { intOf } from "./socket_options.ts";
import { W_ADDRESS, W_LENGTH, W_OFFSET } from "../../ring/abi/layout.ts";
import { Msg, Op } from "../../ring/abi/opcodes.ts";
import { Errno } from "../../ring/abi/errno.ts";

const IOV_MAX = 1024;
/** What one look at a stream can see. */
const PEEK_BYTES = 65536;

/** A stream socket on the ring's other side. */
export class StreamSocket extends RingSocket {
  readonly #files: FileTable;
  readonly #connecting = new Connecting();
  /** An error that came behind bytes. */
  #error = 0;
  #isListening = false;
  /** `TCP_INQ`. */
  #tellsQueue = false;

  /** @param files where accepted sockets get their handles */
  constructor(
    ring: BlockingRing,
    files: FileTable,
    kind: SocketKind,
    descriptor: number,
    flags: number,
  ) {
    super(ring, kind, descriptor, flags);
    this.#files = files;
  }

  /** {@inheritDoc RingSocket.ownEvents} */
  override get ownEvents(): number {
    return this.#connecting.events | (this.#error !== 0 ? POLLERR : 0);
  }

  /** {@inheritDoc OpenFile.bind} */
  override bind(name: Name): Outcome {
    const { domain } = this.kind;
    const isAutomatic = domain === AF_UNIX && name.length === 2 && familyOf(name) === AF_UNIX;
    const refusal = isAutomatic ? 0 : bindRefusal(domain, name);
    if (refusal !== 0) return refusal;
    if (this.#connecting.state !== Attempt.IDLE) return -Errno.EINVAL;
    return this.named(Op.BIND, isAutomatic ? autobindName() : name, domain).outcome;
  }

  /** {@inheritDoc OpenFile.listen} */
  override listen(backlog: number): Outcome {
    if (this.#connecting.state !== Attempt.IDLE) return -Errno.EINVAL;
    return new EntryCall(this.ring, Op.LISTEN, this.descriptor, (at) => {
      this.ring.reactor.entries[at + W_LENGTH] = backlog;
    }, {
      finish: (result) => {
        if (result === 0) this.#isListening = true;
        return result;
      },
    }).outcome;
  }

  /** {@inheritDoc OpenFile.shutdown} */
  override shutdown(how: number): Outcome {
    const { ring } = this;
    return new EntryCall(ring, Op.SHUTDOWN, this.descriptor, (at) => {
      ring.reactor.entries[at + W_LENGTH] = how;
    }, {
      finish: (result) => {
        // A listener that reads no more is none.
        if (result === 0 && how !== SHUT_WR) this.#isListening = false;
        return result;
      },
    }).outcome;
  }

  /** {@inheritDoc OpenFile.accept} */
  override accept(flags: number, name: Name): Outcome {
    const { domain } = this.kind;
    return new Accept(this.ring, {
      descriptor: this.descriptor,
      flags,
      isHasty: this.isNonBlocking,
      timeoutMs: this.options.receiveTimeoutMs,
      install: (descriptor) => {
        const socket = new StreamSocket(this.ring, this.#files, this.kind, descriptor, flags);
        if (domain !== AF_UNIX) socket.options.inherit(this.options);
        socket.#connecting.isConnected = true;
        const handle = this.#files.add(socket);
        if (handle < 0) new EntryCall(this.ring, Op.CLOSE, descriptor);
        return handle;
      },
    }, name).outcome;
  }

  /** {@inheritDoc OpenFile.connect} */
  override connect(name: Name): Outcome {
    const { domain } = this.kind;
    if (domain !== AF_UNIX) {
      if (name.length < 2) return -Errno.EINVAL;
      if (familyOf(name) === AF_UNSPEC) return this.#disconnect();
    }
    const refusal = connectRefusal(domain, name);
    if (refusal !== 0 && domain === AF_UNIX) return refusal;
    const connecting = this.#connecting;
    if (connecting.isUnderWay) {
      return this.isNonBlocking ? -Errno.EALREADY : this.#awaitConnection(Errno.EALREADY);
    }
    if (connecting.state !== Attempt.IDLE) return connecting.collect();
    if (this.#isListening && domain === AF_UNIX) return -Errno.EINVAL;
    if (connecting.isConnected || this.#isListening) return -Errno.EISCONN;
    return refusal !== 0 ? refusal : this.#begin(name);
  }

  #begin(name: Name): Outcome {
    const { ring } = this;
    const { reactor } = ring;
    const connecting = this.#connecting;
    const slot = ring.submit(connecting, 0, Op.CONNECT, this.descriptor);
    if (slot < 0) return slot;
    const { at } = ring;
    const offset = putName(ring, slot, name, this.kind.domain);
    reactor.setLong(at + W_ADDRESS, reactor.memory.base + offset);
    reactor.entries[at + W_OFFSET] = name.length;
    connecting.begin();
    this.#error = 0;
    // Unix sockets connect at once, or not at all.
    const isPrompt = this.kind.domain === AF_UNIX;
    if (this.isNonBlocking && !isPrompt) return this.#checkConnect();
    return this.#awaitConnection(Errno.EINPROGRESS);
  }

  /**
   * What a connect without waiting comes to: it is under way, unless it cannot even begin, as on a
   * socket that is connected; that is known after a round.
   */
  #checkConnect(): Outcome {
    const connecting = this.#connecting;
    return new StepsCall(
      this.ring,
      function* (this: StreamSocket): Steps {
        yield new EntryCall(this.ring, Op.NOP, -1).outcome;
        return connecting.isUnderWay ? -Errno.EINPROGRESS : this.#collectRefusal();
      }.bind(this),
    ).outcome;
  }

  /** What failed before anything was sent to anybody is told at once, and leaves no trace. */
  #collectRefusal(): number {
    return this.#connecting.hasFailed ? this.#connecting.collect() : -Errno.EINPROGRESS;
  }

  /** @param late the errno when `SO_SNDTIMEO` ends the wait */
  #awaitConnection(late: number): Outcome {
    const connecting = this.#connecting;
    const { sendTimeoutMs } = this.options;
    const collect = (): number => connecting.collect();
    return new ConnectWait(this.ring, connecting, sendTimeoutMs, late, collect).outcome;
  }

  /** `connect(2)`: `AF_UNSPEC` dissolves the association. */
  #disconnect(): Outcome {
    const connecting = this.#connecting;
    const wasConnected = connecting.isConnected || connecting.isUnderWay;
    return new StepsCall(
      this.ring,
      (function* (this: StreamSocket): Steps {
        const name: Name = { ...emptyName(), length: 16 };
        const result = yield this.named(Op.CONNECT, name, AF_UNSPEC).outcome;
        connecting.collect();
        connecting.isConnected = false;
        this.#isListening = false;
        // What there was is over, which is told once.
        this.#error = wasConnected ? Errno.ECONNRESET : 0;
        return result;
      }).bind(this),
    ).outcome;
  }

  /** {@inheritDoc OpenFile.sendMessage} */
  override sendMessage(message: RawMessage, flags: number): Outcome {
    if (message.iov.length > IOV_MAX) return -Errno.EMSGSIZE;
    // Descriptors are looked at before it is known that they cannot be passed.
    const files = this.kind.domain === AF_UNIX ? filesOf(this.#files, message) : [];
    if (typeof files === "number") return files;
    const control = filterControl(this.kind, message);
    if (typeof control === "number") return control;
    if ((flags & MSG_FASTOPEN) !== 0) return this.#connectAndSend(message, flags & ~MSG_FASTOPEN);
    const isNamed = message.name !== null && message.name.length > 0;
    if (isNamed && this.kind.domain === AF_UNIX) return refuseName(this);
    const isHasty = this.isNonBlocking || (flags & MSG_DONTWAIT) !== 0;
    return this.#whenConnected(isHasty, this.options.sendTimeoutMs, (error) => {
      if (error !== null) return error === 0 ? -Errno.EPIPE : -error;
      if (!this.#connecting.isConnected && this.#error !== 0) return -this.takeError();
      const plan = {
        descriptor: this.descriptor,
        // Nobody here is killed by a broken pipe.
        flags: (flags & (MSG_OOB | MSG_MORE)) | Msg.NOSIGNAL,
        isHasty,
        timeoutMs: this.options.sendTimeoutMs,
      };
      return new StreamSend(this.ring, plan, message.iov).outcome;
    });
  }

  /** `MSG_FASTOPEN`, without what it saves: tcp(7) leaves it to the kernel whether it can. */
  #connectAndSend(message: RawMessage, flags: number): Outcome {
    const { name } = message;
    if (name === null || name.length === 0) return -Errno.EINVAL;
    return new StepsCall(
      this.ring,
      function* (this: StreamSocket): Steps {
        const connected = yield this.connect(name);
        return connected < 0 ? connected : yield this.sendMessage(message, flags);
      }.bind(this),
    ).outcome;
  }

  /** {@inheritDoc OpenFile.receiveMessage} */
  override receiveMessage(message: RawMessage, flags: number): Outcome {
    if (message.iov.length > IOV_MAX) return -Errno.EMSGSIZE;
    // Unix sockets know of no such queue.
    const isQueue = (flags & MSG_ERRQUEUE) !== 0 && this.kind.domain !== AF_UNIX;
    if (isQueue) return -Errno.EAGAIN;
    const isUrgent = (flags & MSG_OOB) !== 0;
    if (isUrgent && !this.ring.hasStack) return -Errno.EINVAL;
    message.controlLength = 0;
    message.flags = flags & MSG_CMSG_CLOEXEC;
    const { name } = message;
    const wantsName = name !== null && this.kind.domain === AF_UNIX;
    if (name !== null) name.length = 0;
    const isHasty = this.isNonBlocking || (flags & MSG_DONTWAIT) !== 0;
    const outcome = this.#whenConnected(isHasty, this.options.receiveTimeoutMs, (error) => {
      if (error !== null) return -error;
      return isUrgent
        ? receiveUrgent(this, message, flags)
        : this.#receive(message.iov, flags, isHasty);
    });
    if (wantsName) return withPeer(this, outcome, name);
    return this.#tellsQueue && message.control !== null
      ? withQueue(this, outcome, message)
      : outcome;
  }

  #receive(iov: readonly Bytes[], flags: number, isHasty: boolean): Outcome {
    const error = this.#error;
    if (error !== 0) {
      this.#error = 0;
      return -error;
    }
    const total = bytesOf(iov);
    const { receiveTimeoutMs, receiveLowWater } = this.options;
    const plan = {
      descriptor: this.descriptor,
      isPeek: (flags & MSG_PEEK) !== 0,
      isDropped: (flags & MSG_TRUNC) !== 0 && this.kind.domain !== AF_UNIX,
      isHasty,
      least: (flags & MSG_WAITALL) !== 0 ? total : receiveLowWater,
      timeoutMs: receiveTimeoutMs,
      keepError: (kept: number) => {
        this.#error = kept;
      },
    };
    if (total > 0) return new StreamReceive(this.ring, plan, iov).outcome;
    // Nothing is wanted, and yet it waits until there is something.
    const look = { ...plan, isPeek: true, least: 1 };
    return new StepsCall(
      this.ring,
      function* (this: StreamSocket): Steps {
        const seen = yield new StreamReceive(this.ring, look, [new Uint8Array(1)]).outcome;
        return Math.min(0, seen);
      }.bind(this),
    ).outcome;
  }

  /** {@inheritDoc OpenFile.setOption} */
  override setOption(level: number, name: number, value: Bytes | null, length: number): Outcome {
    const outcome = super.setOption(level, name, value, length);
    const isQueue = this.ring.hasStack && level === SOL_TCP && name === TCP_INQ && value !== null;
    if (!isQueue || length < 4) return outcome;
    const isOn = intOf(value) !== 0;
    return andThen(outcome, (result) => {
      if (result === 0) this.#tellsQueue = isOn;
      return result;
    });
  }

  /**
   * Goes on once no connection is being made.
   *
   * @param next is given why the last attempt failed where nobody was told that it did (0 when its
   * error was), else null
   */
  #whenConnected(
    isHasty: boolean,
    timeoutMs: number,
    next: (error: number | null) => Outcome,
  ): Outcome {
    const connecting = this.#connecting;
    const go = (): Outcome => next(connecting.hasFailed ? connecting.takeError() : null);
    if (!connecting.isUnderWay) return go();
    if (isHasty) return -Errno.EAGAIN;
    return new StepsCall(
      this.ring,
      function* (this: StreamSocket): Steps {
        const wait = new ConnectWait(this.ring, connecting, timeoutMs, Errno.EAGAIN, () => 0);
        const waited = yield wait.outcome;
        return waited < 0 ? waited : yield go();
      }.bind(this),
    ).outcome;
  }

  protected override takeError(): number {
    if (this.#connecting.hasFailed) return this.#connecting.takeError();
    const error = this.#error;
    this.#error = 0;
    return error;
  }

  protected override atMark(): Outcome {
    // Deno receives no urgent data.
    return this.ring.hasStack ? this.ask(SIOCATMARK) : 0;
  }

  /** {@inheritDoc OpenFile.ioctl} */
  override ioctl(request: number, argument: number): Outcome {
    // tcp(7): a listener has neither queue.
    if (request === SIOCOUTQ && this.#isListening) return -Errno.EINVAL;
    return request === FIONREAD ? this.#available() : super.ioctl(request, argument);
  }

  /** As many bytes as one look can see. */
  #available(): Outcome {
    if (this.#isListening) return -Errno.EINVAL;
    if (this.#connecting.isUnderWay) return 0;
    const plan = {
      descriptor: this.descriptor,
      isPeek: true,
      isDropped: true,
      isHasty: true,
      least: 1,
      timeoutMs: Infinity,
      keepError: () => {},
    };
    return new StepsCall(
      this.ring,
      function* (this: StreamSocket): Steps {
        const room = new Uint8Array(PEEK_BYTES);
        const seen = yield new StreamReceive(this.ring, plan, [room]).outcome;
        if (seen < 0 && seen !== -Errno.EAGAIN && seen !== -Errno.ENOTCONN) this.#error = -seen;
        return Math.max(0, seen);
      }.bind(this),
    ).outcome;
  }
}
