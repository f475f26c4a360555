/**
 * The seam between the calls and the backends: what a call comes down to, in handles and bytes.
 *
 * A handle is the backend's own descriptor. Results are numbers, `-errno` where a call failed, so
 * that nothing is thrown or allocated for a call that ends at once; what cannot end at once is a
 * {@linkcode Waiting}, which the caller either blocks on or awaits. Each call is written once.
 *
 * @module
 */

/** What a call that waits asks about the descriptor that it waits on. */
export interface Guard {
  /** Whether other threads may close the descriptor, which they cannot tell this one. */
  readonly isShared: boolean;
  /** Whether its number was closed meanwhile. */
  isClosed(): boolean;
  /** Keeps its file from ending while the call is tried. @returns false when it was closed */
  enter(): boolean;
  /** Ends that. */
  leave(): void;
  /** Has a function called when this thread closes it; null takes that back. */
  onClose(listener: (() => void) | null): void;
}

/** Something that is not done yet; exactly one of its methods is called, once. */
export interface Waiting {
  /** Set by the caller before it waits, where it waits on a descriptor. */
  guard: Guard | null;
  /** Blocks the calling thread until it is done. @returns the result or `-errno` */
  block(): number;
  /** The same without blocking. @returns the result or `-errno` */
  later(): Promise<number>;
}

/** What a call came to. */
export type Outcome = number | Waiting;

/** A sockaddr as bytes; who writes one says how long it was. */
export interface Name {
  /** The bytes; room for `sockaddr_storage`. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of the name; after a call its true length, which may be more than there was room for. */
  length: number;
}

/** Bytes of a `struct sockaddr_storage`. Source: `bits/socket.h`. */
const NAME_BYTES = 128;

/** A name without bytes. */
export function emptyName(): Name {
  return { bytes: new Uint8Array(new ArrayBuffer(NAME_BYTES)), length: 0 };
}

/** A message as bytes. Source: recvmsg(2). */
export interface RawMessage {
  /** To send: where to. To receive: where to write the sender; `length` is the room. */
  name: Name | null;
  /** The buffers. */
  readonly iov: readonly Uint8Array<ArrayBufferLike>[];
  /** Control data as cmsg(3) lays it out; to receive: room for it. */
  readonly control: Uint8Array<ArrayBuffer> | null;
  /** Bytes of control data; after a receive, those that came. */
  controlLength: number;
  /** `msg_flags` after a receive. */
  flags: number;
}

/** What is waited for on several handles: `struct pollfd`s in three arrays. */
export interface PollSet {
  /** How many. */
  readonly count: number;
  /** Handles, -1 to pass over. */
  readonly handles: Int32Array<ArrayBuffer>;
  /** `POLLIN` and others. */
  readonly events: Uint16Array<ArrayBuffer>;
  /** What is there; written by the call. */
  readonly results: Uint16Array<ArrayBuffer>;
}

/** Events of `epoll_wait`; two arrays with an element for each. */
export interface EpollSet {
  /** `EPOLLIN` and others. */
  readonly events: Uint32Array<ArrayBuffer>;
  /** Data words. */
  readonly data: Float64Array<ArrayBuffer>;
}

/** Looks names and addresses up. */
export interface Resolver {
  /** The addresses of a name: into `found` when the outcome is 0. */
  lookup(name: string, family: 0 | 4 | 6, found: Uint8Array[]): Outcome;
  /** The canonical name of a name: into `found` when the outcome is 0. */
  canonicalName(name: string, family: 0 | 4 | 6, found: string[]): Outcome;
  /** The name of an address: into `found` when the outcome is 0. */
  reverseLookup(address: Uint8Array, found: string[]): Outcome;
}

/** A way to carry out calls. */
export interface Engine {
  /** The most descriptors there may be: the system's limit. */
  readonly descriptorsMax: number;
  /** Whether handles mean the same in every thread of the process. */
  readonly isShareable: boolean;
  /** Whether its calls end at once unless they have to wait for somebody else. */
  readonly isImmediate: boolean;
  /** What calls about names ask; it may start what it needs when it is first read. */
  readonly resolver: Resolver;
  socket(domain: number, type: number, protocol: number): Outcome;
  bind(handle: number, name: Name): Outcome;
  listen(handle: number, backlog: number): Outcome;
  accept(handle: number, flags: number, name: Name): Outcome;
  connect(handle: number, name: Name): Outcome;
  /** @param name the destination, null for the peer; the caller's again once the call returns */
  send(
    handle: number,
    data: Uint8Array<ArrayBufferLike> | null,
    length: number,
    flags: number,
    name: Name | null,
  ): Outcome;
  /** @param name where to write the sender, null for nowhere */
  receive(
    handle: number,
    data: Uint8Array<ArrayBufferLike> | null,
    length: number,
    flags: number,
    name: Name | null,
  ): Outcome;
  sendMessage(handle: number, message: RawMessage, flags: number): Outcome;
  receiveMessage(handle: number, message: RawMessage, flags: number): Outcome;
  /** `read(2)` and `readv(2)`. */
  read(handle: number, iov: readonly Uint8Array<ArrayBufferLike>[]): Outcome;
  /** `write(2)` and `writev(2)`. */
  write(handle: number, iov: readonly Uint8Array<ArrayBufferLike>[]): Outcome;
  shutdown(handle: number, how: number): Outcome;
  close(handle: number): Outcome;
  /** @returns the length of the value */
  getOption(
    handle: number,
    level: number,
    name: number,
    value: Uint8Array<ArrayBufferLike>,
    length: number,
  ): Outcome;
  setOption(
    handle: number,
    level: number,
    name: number,
    value: Uint8Array<ArrayBufferLike> | null,
    length: number,
  ): Outcome;
  localName(handle: number, name: Name): Outcome;
  peerName(handle: number, name: Name): Outcome;
  /** @param pair where to write both handles */
  socketPair(domain: number, type: number, protocol: number, pair: Int32Array): Outcome;
  /** @param pair where to write the end to read and the end to write */
  pipe(flags: number, pair: Int32Array): Outcome;
  duplicate(handle: number): Outcome;
  /** `F_GETFL`, `F_SETFL` and what else concerns the open file, not the number of it. */
  control(handle: number, command: number, argument: number): Outcome;
  ioctl(handle: number, request: number, argument: number): Outcome;
  /** @param timeoutMs milliseconds, fractions too; -1 for ever @returns handles with events */
  poll(set: PollSet, timeoutMs: number): Outcome;
  epollCreate(): Outcome;
  epollControl(
    epoll: number,
    operation: number,
    handle: number,
    events: number,
    data: number,
  ): Outcome;
  /** @param timeoutMs milliseconds, -1 for ever @returns events written */
  epollWait(epoll: number, into: EpollSet, maxevents: number, timeoutMs: number): Outcome;
  sendFile(out: number, input: number, offset: number | null, count: number): Outcome;
  splice(
    input: number,
    inOffset: number | null,
    out: number,
    outOffset: number | null,
    length: number,
    flags: number,
  ): Outcome;
  vmsplice(handle: number, iov: readonly Uint8Array<ArrayBufferLike>[], flags: number): Outcome;
  /**
   * `open(2)`.
   *
   * @param judge is asked about the resolved path before anything is read, written or made: 0 to
   * go on, or `-errno`
   */
  open(path: string, flags: number, mode: number, judge: (path: string) => number): Outcome;
  /** Notes a handle that came to be outside of these calls: in a message. */
  received(handle: number): void;
  /** Ends everything; nothing of it is left when this resolves. */
  dispose(): Promise<void>;
}

/** Goes on with a result, now or when it is there. */
export function andThen(outcome: Outcome, next: (result: number) => Outcome): Outcome {
  return typeof outcome === "number" ? next(outcome) : new Continued(outcome, next);
}

class Continued implements Waiting {
  readonly #first: Waiting;
  readonly #next: (result: number) => Outcome;
  #guard: Guard | null = null;

  constructor(first: Waiting, next: (result: number) => Outcome) {
    this.#first = first;
    this.#next = next;
  }

  /** {@inheritDoc Waiting.guard} */
  get guard(): Guard | null {
    return this.#guard;
  }

  set guard(guard: Guard | null) {
    this.#guard = guard;
    this.#first.guard = guard;
  }

  /** {@inheritDoc Waiting.block} */
  block(): number {
    const outcome = this.#next(this.#first.block());
    if (typeof outcome === "number") return outcome;
    outcome.guard = this.#guard;
    return outcome.block();
  }

  /** {@inheritDoc Waiting.later} */
  async later(): Promise<number> {
    const outcome = this.#next(await this.#first.later());
    if (typeof outcome === "number") return outcome;
    outcome.guard = this.#guard;
    return await outcome.later();
  }
}
