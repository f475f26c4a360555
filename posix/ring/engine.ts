/**
 * The engine of backends whose sockets live on the other side of a ring: every call is an entry of
 * a private ring, and what such a ring has not (open file descriptions, pipes, epoll) is made here.
 *
 * @module
 */

import type { Engine, EpollSet, Name, Outcome, PollSet, RawMessage, Resolver } from "../engine.ts";
import { BlockingRing, PRIVATE_PLAN } from "./blocking_ring.ts";
import { Epoll } from "./epoll.ts";
import { FileTable, HANDLES_MAX } from "./file_table.ts";
import { sendFile, splice, vmsplice } from "./move.ts";
import type { Bytes, OpenFile } from "./open_file.ts";
import { PairSocket, pairType } from "./pair_socket.ts";
import { Pipe } from "./pipe.ts";
import { poll } from "./poll.ts";
import { open } from "./regular_file.ts";
import { RingResolver } from "./resolver.ts";
import { makeSocket, socketRefusal } from "./socket_creation.ts";
import {
  AF_UNIX,
  O_CLOEXEC,
  O_DIRECT,
  O_NONBLOCK,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "../constants/mod.ts";
import type { NetworkCapability } from "../../native/capability.ts";
import { Errno } from "../../ring/abi/errno.ts";

/**
 * Opens the engine of a capability on a software backend.
 *
 * @param capability its backend must have private rings
 * @throws {Error} when there can be none, saying why
 */
export function createRingEngine(capability: NetworkCapability): Engine {
  return new RingEngine(new BlockingRing(capability.openPrivateDriver(PRIVATE_PLAN)));
}

/** {@linkcode Engine} over a private ring. */
export class RingEngine implements Engine {
  /** {@inheritDoc Engine.descriptorsMax} */
  readonly descriptorsMax = HANDLES_MAX;
  /** {@inheritDoc Engine.isShareable} */
  readonly isShareable = false;
  /** {@inheritDoc Engine.isImmediate} */
  readonly isImmediate = false;
  /** {@inheritDoc Engine.resolver} */
  readonly resolver: Resolver;
  readonly #ring: BlockingRing;
  readonly #files: FileTable = new FileTable();

  /** @param ring whose driver can park */
  constructor(ring: BlockingRing) {
    this.#ring = ring;
    this.resolver = new RingResolver(ring);
  }

  /** Why nothing works any more, so that calls are EIO; undefined while everything does. */
  get failure(): string | undefined {
    return this.#ring.failure;
  }

  /** {@inheritDoc Engine.socket} */
  socket(domain: number, type: number, protocol: number): Outcome {
    return makeSocket(this.#ring, this.#files, domain, type, protocol);
  }

  /** {@inheritDoc Engine.bind} */
  bind(handle: number, name: Name): Outcome {
    return this.#with(handle, (file) => file.bind(name));
  }

  /** {@inheritDoc Engine.listen} */
  listen(handle: number, backlog: number): Outcome {
    return this.#with(handle, (file) => file.listen(backlog));
  }

  /** {@inheritDoc Engine.accept} */
  accept(handle: number, flags: number, name: Name): Outcome {
    return this.#with(handle, (file) => file.accept(flags, name));
  }

  /** {@inheritDoc Engine.connect} */
  connect(handle: number, name: Name): Outcome {
    return this.#with(handle, (file) => file.connect(name));
  }

  /** {@inheritDoc Engine.send} */
  send(
    handle: number,
    data: Bytes | null,
    length: number,
    flags: number,
    name: Name | null,
  ): Outcome {
    const iov = vectorOf(data, length);
    if (iov === null) return this.#fault(handle);
    const message = { name, iov, control: null, controlLength: 0, flags: 0 };
    return this.#with(handle, (file) => file.sendMessage(message, flags));
  }

  /** {@inheritDoc Engine.receive} */
  receive(
    handle: number,
    data: Bytes | null,
    length: number,
    flags: number,
    name: Name | null,
  ): Outcome {
    const iov = vectorOf(data, length);
    if (iov === null) return this.#fault(handle);
    if (name !== null) name.length = name.bytes.length;
    const message = { name, iov, control: null, controlLength: 0, flags: 0 };
    return this.#with(handle, (file) => file.receiveMessage(message, flags));
  }

  /** {@inheritDoc Engine.sendMessage} */
  sendMessage(handle: number, message: RawMessage, flags: number): Outcome {
    // sendmsg(2) takes a name without bytes for none, sendto(2) does not.
    const isNamed = message.name !== null && message.name.length > 0;
    const sent = isNamed ? message : { ...message, name: null };
    return this.#with(handle, (file) => file.sendMessage(sent, flags));
  }

  /** {@inheritDoc Engine.receiveMessage} */
  receiveMessage(handle: number, message: RawMessage, flags: number): Outcome {
    if (message.name !== null && message.name.length < 0) return -Errno.EINVAL;
    return this.#with(handle, (file) => file.receiveMessage(message, flags));
  }

  /** {@inheritDoc Engine.read} */
  read(handle: number, iov: readonly Bytes[]): Outcome {
    return this.#with(handle, (file) => file.read(iov));
  }

  /** {@inheritDoc Engine.write} */
  write(handle: number, iov: readonly Bytes[]): Outcome {
    return this.#with(handle, (file) => file.write(iov));
  }

  /** {@inheritDoc Engine.shutdown} */
  shutdown(handle: number, how: number): Outcome {
    return this.#with(handle, (file) => file.shutdown(how));
  }

  /** {@inheritDoc Engine.close} */
  close(handle: number): Outcome {
    return this.#files.remove(handle)?.release() ?? -Errno.EBADF;
  }

  /** {@inheritDoc Engine.getOption} */
  getOption(handle: number, level: number, name: number, value: Bytes, length: number): Outcome {
    return this.#with(handle, (file) => file.getOption(level, name, value, length));
  }

  /** {@inheritDoc Engine.setOption} */
  setOption(
    handle: number,
    level: number,
    name: number,
    value: Bytes | null,
    length: number,
  ): Outcome {
    return this.#with(handle, (file) => file.setOption(level, name, value, length));
  }

  /** {@inheritDoc Engine.localName} */
  localName(handle: number, name: Name): Outcome {
    return this.#with(handle, (file) => file.localName(name));
  }

  /** {@inheritDoc Engine.peerName} */
  peerName(handle: number, name: Name): Outcome {
    return this.#with(handle, (file) => file.peerName(name));
  }

  /** {@inheritDoc Engine.socketPair} */
  socketPair(domain: number, type: number, protocol: number, pair: Int32Array): Outcome {
    const flags = type & (SOCK_NONBLOCK | SOCK_CLOEXEC);
    const plain = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (plain < 0 || plain > 0xf) return -Errno.EINVAL;
    const isUnix = domain === AF_UNIX;
    // Of a unix socket the type does not matter yet.
    const refusal = socketRefusal(domain, isUnix ? SOCK_STREAM : plain, protocol);
    if (refusal !== 0) return refusal;
    if (!isUnix) return -Errno.EOPNOTSUPP;
    const kind = pairType(plain);
    if (kind === 0) return -Errno.ESOCKTNOSUPPORT;
    const status = (flags & SOCK_NONBLOCK) === 0 ? 0 : O_NONBLOCK;
    return this.#keepPair(PairSocket.pair(this.#ring, this.#files, kind, status), pair);
  }

  /** {@inheritDoc Engine.pipe} */
  pipe(flags: number, pair: Int32Array): Outcome {
    if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) !== 0) return -Errno.EINVAL;
    const { reader, writer } = new Pipe(this.#ring, flags);
    return this.#keepPair([reader, writer], pair);
  }

  /** {@inheritDoc Engine.duplicate} */
  duplicate(handle: number): Outcome {
    return this.#with(handle, (file) => {
      const copy = this.#files.add(file);
      if (copy >= 0) file.references++;
      return copy;
    });
  }

  /** {@inheritDoc Engine.control} */
  control(handle: number, command: number, argument: number): Outcome {
    return this.#with(handle, (file) => file.control(command, argument));
  }

  /** {@inheritDoc Engine.ioctl} */
  ioctl(handle: number, request: number, argument: number): Outcome {
    return this.#with(handle, (file) => file.ioctl(request, argument));
  }

  /** {@inheritDoc Engine.poll} */
  poll(set: PollSet, timeoutMs: number): Outcome {
    return poll(this.#ring, this.#files, set, timeoutMs);
  }

  /** {@inheritDoc Engine.epollCreate} */
  epollCreate(): Outcome {
    return this.#files.add(new Epoll(this.#ring));
  }

  /** {@inheritDoc Engine.epollControl} */
  epollControl(
    epoll: number,
    operation: number,
    handle: number,
    events: number,
    data: number,
  ): Outcome {
    return this.#with(handle, (file) =>
      this.#with(epoll, (own) => {
        if (!file.isPollable) return -Errno.EPERM;
        if (!(own instanceof Epoll)) return -Errno.EINVAL;
        return own.change(operation, file, handle, events, data);
      }));
  }

  /** {@inheritDoc Engine.epollWait} */
  epollWait(epoll: number, into: EpollSet, maxevents: number, timeoutMs: number): Outcome {
    return this.#with(epoll, (own) => {
      if (!(own instanceof Epoll) || maxevents <= 0) return -Errno.EINVAL;
      return own.wait(into, maxevents, timeoutMs);
    });
  }

  /** {@inheritDoc Engine.sendFile} */
  sendFile(out: number, input: number, offset: number | null, count: number): Outcome {
    return this.#with(
      input,
      (from) => this.#with(out, (to) => sendFile(this.#ring, to, from, offset, count)),
    );
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
    return this.#with(
      input,
      (from) =>
        this.#with(out, (to) => splice(this.#ring, from, inOffset, to, outOffset, length, flags)),
    );
  }

  /** {@inheritDoc Engine.vmsplice} */
  vmsplice(handle: number, iov: readonly Bytes[], flags: number): Outcome {
    return this.#with(handle, (file) => vmsplice(file, iov, flags));
  }

  /** {@inheritDoc Engine.open} */
  open(path: string, flags: number, mode: number, judge: (path: string) => number): Outcome {
    return open(this.#ring, this.#files, path, flags, mode, judge);
  }

  /** {@inheritDoc Engine.received} */
  received(_handle: number): void {
    // Handles are counted where they are made.
  }

  /** {@inheritDoc Engine.dispose} */
  dispose(): Promise<void> {
    return this.#ring.dispose();
  }

  #with(handle: number, call: (file: OpenFile) => Outcome): Outcome {
    const file = this.#files.get(handle);
    return file === undefined ? -Errno.EBADF : call(file);
  }

  /** What a missing buffer is, on a handle that there is. */
  #fault(handle: number): number {
    return this.#files.get(handle) === undefined ? -Errno.EBADF : -Errno.EFAULT;
  }

  #keepPair(files: readonly [OpenFile, OpenFile], pair: Int32Array): number {
    for (let index = 0; index < 2; index++) {
      pair[index] = this.#files.add(files[index]);
      if (pair[index] >= 0) continue;
      if (index === 1) this.#files.remove(pair[0]);
      return -Errno.EMFILE;
    }
    return 0;
  }
}

function vectorOf(data: Bytes | null, length: number): Bytes[] | null {
  if (data === null) return length === 0 ? [] : null;
  return [length === data.byteLength ? data : data.subarray(0, length)];
}
