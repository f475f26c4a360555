/**
 * The calls on the kernel that the program runs on.
 *
 * A call that can end at once is the system call itself. None is made in a way that waits: what has
 * to wait does so for readiness, as {@linkcode ReadinessWait} says.
 *
 * @module
 */

import type { Engine, EpollSet, Name, Outcome, PollSet, RawMessage, Resolver } from "../engine.ts";
import { Files } from "./files.ts";
import { Readiness } from "./readiness.ts";
import { mustWait, type WaitContext } from "./readiness_wait.ts";
import { Transfers } from "./transfers.ts";
import { DescriptorState } from "./descriptor_state.ts";
import type { LookupRing } from "../ring/resolver.ts";
import {
  AF_UNIX,
  F_DUPFD_CLOEXEC,
  FIONBIO,
  FIONREAD,
  O_CLOEXEC,
  POLLIN,
  POLLOUT,
  SIOCATMARK,
  SIOCOUTQ,
  SO_RCVTIMEO,
  SO_SNDTIMEO,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
} from "../constants/mod.ts";
import type { NetworkCapability } from "../../native/capability.ts";
import type { SystemCalls } from "../../ring/system_calls.ts";
import { Errno } from "../../ring/abi/errno.ts";

type Bytes = Uint8Array<ArrayBufferLike>;

const MSG_CMSG_CLOEXEC = 0x40000000;
/** What a peer or a network answers to a connection. */
const REFUSALS: readonly number[] = [
  Errno.ECONNREFUSED,
  Errno.ECONNRESET,
  Errno.ECONNABORTED,
  Errno.ETIMEDOUT,
  Errno.EHOSTUNREACH,
];
/** `AF_UNSPEC`: gives up connecting. Source: connect(2). */
const UNSPECIFIED = new Uint8Array(new ArrayBuffer(16));
/** Requests of `ioctl` whose argument is one int. */
const IOCTLS: readonly number[] = [FIONREAD, FIONBIO, SIOCATMARK, SIOCOUTQ];

/** {@linkcode Engine} of Linux. Handles are its own descriptors, always `FD_CLOEXEC`. */
export class KernelEngine implements Engine {
  /** {@inheritDoc Engine.descriptorsMax} */
  readonly descriptorsMax: number;
  /** {@inheritDoc Engine.isShareable} */
  readonly isShareable = true;
  /** {@inheritDoc Engine.isImmediate} */
  readonly isImmediate = true;
  readonly #calls: SystemCalls;
  readonly #state: DescriptorState;
  readonly #transfers: Transfers;
  readonly #readiness: Readiness;
  readonly #files: Files;
  readonly #lookups: LookupRing;
  readonly #note: (fd: number) => void;
  readonly #clear: (fd: number) => void;

  /**
   * @param capability on the kernel backend
   * @param lookups the kernel has no call for names
   * @param ownsDescriptors whether what a Worker leaves behind is closed with it: not where other
   * threads use the same table
   */
  constructor(
    capability: NetworkCapability,
    calls: SystemCalls,
    lookups: LookupRing,
    ownsDescriptors: boolean,
  ) {
    const { reactor } = capability.network;
    const context: WaitContext = { calls, reactor, now: () => performance.now() };
    this.#calls = calls;
    this.#lookups = lookups;
    this.#state = new DescriptorState(context);
    this.#transfers = new Transfers(context, this.#state);
    this.#readiness = new Readiness(context);
    this.#files = new Files(context, this.#state, this.#transfers);
    this.descriptorsMax = calls.descriptorsMax();
    const ledger = ownsDescriptors ? reactor.driver.ledger : null;
    this.#note = (fd) => ledger?.note(fd);
    this.#clear = (fd) => ledger?.clear(fd);
  }

  /** {@inheritDoc Engine.resolver} */
  get resolver(): Resolver {
    return this.#lookups.resolver;
  }

  /** {@inheritDoc Engine.socket} */
  socket(domain: number, type: number, protocol: number): Outcome {
    return this.#keep(this.#calls.socket(domain, type | SOCK_CLOEXEC, protocol));
  }

  /** {@inheritDoc Engine.bind} */
  bind(handle: number, name: Name): Outcome {
    return this.#calls.bind(handle, name.bytes, name.length);
  }

  /** {@inheritDoc Engine.listen} */
  listen(handle: number, backlog: number): Outcome {
    return this.#calls.listen(handle, backlog);
  }

  /** {@inheritDoc Engine.accept} */
  accept(handle: number, flags: number, name: Name): Outcome {
    if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) !== 0) return -Errno.EINVAL;
    const once = (): number => {
      const room = name.bytes.byteLength;
      const fd = this.#calls.accept4(handle, name.bytes, room, flags | SOCK_CLOEXEC);
      if (fd >= 0) name.length = this.#calls.words.length;
      return this.#keep(fd);
    };
    const fd = once();
    if (!mustWait(fd) || this.#state.isNonBlocking(handle)) return fd;
    // A Unix listener that is shut down tells only those who wait.
    const attempt = (): number => {
      const accepted = once();
      return mustWait(accepted) && this.#state.hasEnded(handle) ? -Errno.EINVAL : accepted;
    };
    return this.#state.wait(handle, POLLIN, SO_RCVTIMEO, attempt, (errno) => -errno);
  }

  /** {@inheritDoc Engine.connect} */
  connect(handle: number, name: Name): Outcome {
    const calls = this.#calls;
    if (this.#state.isNonBlocking(handle)) {
      return calls.connectNow(handle, name.bytes, name.length);
    }
    const begun = calls.connect(handle, name.bytes, name.length);
    const isUnderWay = mustWait(begun) || begun === -Errno.EALREADY;
    const { bytes, length } = name;
    const target = bytes.slice(0, length);
    // A Unix socket whose peer's queue is full has not begun to connect: it has to ask again.
    const isUnix = target[0] === AF_UNIX && target[1] === 0;
    if (!isUnderWay) {
      // The ring takes a refusal from the socket, which then believes that it still connects.
      if (!isUnix && REFUSALS.includes(-begun)) calls.connectNow(handle, UNSPECIFIED, 2);
      return begun;
    }
    const attempt = (): number => {
      const result = isUnix
        ? calls.connect(handle, target, length)
        : calls.connectNow(handle, target, length);
      return result === -Errno.EALREADY ? -Errno.EAGAIN : result;
    };
    const late = isUnix ? -Errno.EAGAIN : begun === -Errno.EALREADY ? begun : -Errno.EINPROGRESS;
    return this.#state.wait(handle, POLLOUT, SO_SNDTIMEO, attempt, (errno) => {
      return errno === Errno.EAGAIN ? late : -errno;
    });
  }

  /** {@inheritDoc Engine.send} */
  send(
    handle: number,
    data: Bytes | null,
    length: number,
    flags: number,
    name: Name | null,
  ): Outcome {
    return this.#transfers.send(handle, data, length, flags, name);
  }

  /** {@inheritDoc Engine.receive} */
  receive(
    handle: number,
    data: Bytes | null,
    length: number,
    flags: number,
    name: Name | null,
  ): Outcome {
    return this.#transfers.receive(handle, data, length, flags, name);
  }

  /** {@inheritDoc Engine.sendMessage} */
  sendMessage(handle: number, message: RawMessage, flags: number): Outcome {
    return this.#transfers.sendMessage(handle, message, flags);
  }

  /** {@inheritDoc Engine.receiveMessage} */
  receiveMessage(handle: number, message: RawMessage, flags: number): Outcome {
    return this.#transfers.receiveMessage(handle, message, flags | MSG_CMSG_CLOEXEC);
  }

  /** {@inheritDoc Engine.read} */
  read(handle: number, iov: readonly Bytes[]): Outcome {
    return this.#transfers.read(handle, iov);
  }

  /** {@inheritDoc Engine.write} */
  write(handle: number, iov: readonly Bytes[]): Outcome {
    return this.#transfers.write(handle, iov);
  }

  /** {@inheritDoc Engine.shutdown} */
  shutdown(handle: number, how: number): Outcome {
    return this.#calls.shutdown(handle, how);
  }

  /** {@inheritDoc Engine.close} */
  close(handle: number): Outcome {
    this.#clear(handle);
    return this.#calls.close(handle);
  }

  /** {@inheritDoc Engine.getOption} */
  getOption(handle: number, level: number, name: number, value: Bytes, length: number): Outcome {
    const result = this.#calls.getsockopt(handle, level, name, value, length);
    return result < 0 ? result : this.#calls.words.length;
  }

  /** {@inheritDoc Engine.setOption} */
  setOption(
    handle: number,
    level: number,
    name: number,
    value: Bytes | null,
    length: number,
  ): Outcome {
    return this.#calls.setsockopt(handle, level, name, value, length);
  }

  /** {@inheritDoc Engine.localName} */
  localName(handle: number, name: Name): Outcome {
    const result = this.#calls.getsockname(handle, name.bytes, name.bytes.byteLength);
    name.length = this.#calls.words.length;
    return result;
  }

  /** {@inheritDoc Engine.peerName} */
  peerName(handle: number, name: Name): Outcome {
    const result = this.#calls.getpeername(handle, name.bytes, name.bytes.byteLength);
    name.length = this.#calls.words.length;
    return result;
  }

  /** {@inheritDoc Engine.socketPair} */
  socketPair(domain: number, type: number, protocol: number, pair: Int32Array): Outcome {
    const bytes = new Uint8Array(new ArrayBuffer(8));
    const result = this.#calls.socketpair(domain, type | SOCK_CLOEXEC, protocol, bytes);
    return result < 0 ? result : this.#keepPair(bytes, pair);
  }

  /** {@inheritDoc Engine.pipe} */
  pipe(flags: number, pair: Int32Array): Outcome {
    const bytes = new Uint8Array(new ArrayBuffer(8));
    const result = this.#calls.pipe2(bytes, flags | O_CLOEXEC);
    return result < 0 ? result : this.#keepPair(bytes, pair);
  }

  /** {@inheritDoc Engine.duplicate} */
  duplicate(handle: number): Outcome {
    return this.#keep(this.#calls.fcntl(handle, F_DUPFD_CLOEXEC, 0));
  }

  /** {@inheritDoc Engine.control} */
  control(handle: number, command: number, argument: number): Outcome {
    return this.#calls.fcntl(handle, command, argument);
  }

  /** {@inheritDoc Engine.ioctl} */
  ioctl(handle: number, request: number, argument: number): Outcome {
    // A request that nobody has: what is behind the descriptor says how it refuses.
    if (!IOCTLS.includes(request)) return this.#calls.ioctl(handle, 0);
    const { words } = this.#calls;
    words.length = argument;
    const result = this.#calls.ioctl(handle, request);
    if (result < 0) return result;
    return request === FIONBIO ? 0 : words.length;
  }

  /** {@inheritDoc Engine.poll} */
  poll(set: PollSet, timeoutMs: number): Outcome {
    return this.#readiness.poll(set, timeoutMs);
  }

  /** {@inheritDoc Engine.epollCreate} */
  epollCreate(): Outcome {
    return this.#keep(this.#readiness.create());
  }

  /** {@inheritDoc Engine.epollControl} */
  epollControl(
    epoll: number,
    operation: number,
    handle: number,
    events: number,
    data: number,
  ): Outcome {
    return this.#readiness.control(epoll, operation, handle, events, data);
  }

  /** {@inheritDoc Engine.epollWait} */
  epollWait(epoll: number, into: EpollSet, maxevents: number, timeoutMs: number): Outcome {
    return this.#readiness.wait(epoll, into, maxevents, timeoutMs);
  }

  /** {@inheritDoc Engine.sendFile} */
  sendFile(out: number, input: number, offset: number | null, count: number): Outcome {
    return this.#files.sendFile(out, input, offset, count);
  }

  /** {@inheritDoc Engine.splice} */
  splice(
    input: number,
    inOffset: number | null,
    out: number,
    outOffset: number | null,
    length: number,
    flags: number,
  ): Outcome {
    return this.#files.splice(input, inOffset, out, outOffset, length, flags);
  }

  /** {@inheritDoc Engine.vmsplice} */
  vmsplice(handle: number, iov: readonly Bytes[], flags: number): Outcome {
    return this.#files.vmsplice(handle, iov, flags);
  }

  /** {@inheritDoc Engine.open} */
  open(path: string, flags: number, mode: number, judge: (path: string) => number): Outcome {
    return this.#keep(this.#files.open(path, flags, mode, judge));
  }

  /** {@inheritDoc Engine.received} */
  received(handle: number): void {
    this.#note(handle);
  }

  /** {@inheritDoc Engine.dispose} */
  async dispose(): Promise<void> {
    await this.#lookups.dispose();
  }

  #keep(fd: number | Outcome): number {
    const result = fd as number;
    if (result >= 0) this.#note(result);
    return result;
  }

  #keepPair(bytes: Uint8Array, pair: Int32Array): number {
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < 2; index++) {
      pair[index] = view.getInt32(index * 4, true);
      this.#note(pair[index]);
    }
    return 0;
  }
}
