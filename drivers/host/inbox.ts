/**
 * What a datagram socket has received, and who waits for it.
 *
 * Deno hands over datagrams one by one as they come, asked for or not. Those that nobody waits for
 * are kept up to a bound, beyond which they are dropped and counted, as by a kernel whose receive
 * buffer is full.
 *
 * @module
 */

import { BUFFER_GROUP, type BufferSupply } from "../../ring/buffers.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { MSGHDR, RECVMSG_OUT } from "../../ring/abi/layout.ts";
import { CQE_BUFFER_SHIFT, CqeFlag, Msg, Op, SqeFlag } from "../../ring/abi/opcodes.ts";
import { writeOrigin } from "./datagram_names.ts";
import type { Machine } from "./machine.ts";
import { type Operation, type OperationOwner, OperationQueue } from "../machine/operation.ts";
import { isMultishotReceive } from "../machine/transfers.ts";
import { isWithin, readLong, scatter } from "../machine/segments.ts";

/** Datagrams that are kept for a socket until somebody receives them. */
export const MAXIMUM_KEPT_DATAGRAMS = 1024;
/** Bytes of those datagrams. */
export const MAXIMUM_KEPT_BYTES: number = 1 << 20;

/** A datagram, and who sent it. */
class Datagram {
  bytes: Uint8Array;
  readonly origin: Uint8Array;
  readonly port: number;
  next: Datagram | null = null;
  #words: Int32Array | null = null;

  constructor(bytes: Uint8Array, origin: Uint8Array, port: number) {
    this.bytes = bytes;
    this.origin = origin;
    this.port = port;
  }

  get length(): number {
    return this.bytes.length;
  }

  /** The whole words of it, for copies from its beginning. */
  get words(): Int32Array {
    const { buffer, byteOffset, length } = this.bytes;
    return this.#words ??= byteOffset % 4 === 0
      ? new Int32Array(buffer, byteOffset, length >> 2)
      : new Int32Array(this.bytes.slice(0, length & ~3).buffer);
  }

  /** Moves it out of the large buffer that Deno received it into. */
  settle(): void {
    this.bytes = this.bytes.slice();
    this.#words = null;
  }
}

/** Whose inbox it is. */
export interface InboxOwner {
  /** The errno that the next operation gets, once; 0 for none. */
  takeFailure(): number;
  /** Called when what a poll could be waiting for has changed. */
  onReadiness(): void;
  /** Called when there is more of what was there already. */
  onMore(): void;
}

/** Receives for one datagram socket. */
export class Inbox implements OperationOwner {
  /** Datagrams that were dropped because nobody received those before them. */
  dropped = 0;
  /** Bytes that are kept. */
  keptBytes = 0;
  readonly #machine: Machine;
  readonly #owner: InboxOwner;
  readonly #waiting = new OperationQueue();
  #kept = 0;
  #head: Datagram | null = null;
  #tail: Datagram | null = null;
  #isShut = false;

  /** @param owner the socket */
  constructor(machine: Machine, owner: InboxOwner) {
    this.#machine = machine;
    this.#owner = owner;
  }

  /** Whether a receive would complete at once. */
  get isReadable(): boolean {
    return this.#head !== null;
  }

  /** Takes a datagram that has arrived; `bytes` are the inbox's from now on. */
  arrive(bytes: Uint8Array, origin: Uint8Array, port: number): void {
    const datagram = new Datagram(bytes, origin, port);
    const last = this.#tail;
    const { isExact } = this.#machine.rounds;
    const isMore = last !== null && isExact;
    if (last === null) this.#head = datagram;
    else last.next = datagram;
    this.#tail = datagram;
    this.#kept++;
    this.keptBytes += datagram.length;
    this.#pump();
    // Whoever was served took datagrams from the other end: it is the last one, or it is gone.
    if (this.#tail === datagram) this.#keep(datagram, last);
    if (isMore) this.#owner.onMore();
    else this.#owner.onReadiness();
  }

  /** Begins a receive whose fields are prepared. */
  receive(operation: Operation): void {
    const { serial } = operation;
    if (this.#isShut && this.#head === null && !isMultishotReceive(operation)) {
      const isHasty = (operation.operationFlags & Msg.DONTWAIT) !== 0;
      return isHasty ? this.#finish(operation, -Errno.EAGAIN, 0) : this.#end(operation);
    }
    this.#waiting.push(operation);
    this.#machine.park(operation, this);
    const wasReadable = this.#head !== null;
    this.#pump();
    // A poll must see datagrams go in order to see the next ones come.
    if (wasReadable) this.#owner.onReadiness();
    if (operation.serial !== serial) return;
    const failure = this.#owner.takeFailure();
    if (failure !== 0) return this.#finish(operation, -failure, 0);
    if ((operation.operationFlags & Msg.DONTWAIT) !== 0) this.#expireSoon(operation);
  }

  /** Has whoever waits longest fail. @returns false when nobody waits */
  fail(errno: number): boolean {
    const operation = this.#waiting.head;
    if (operation === null) return false;
    this.#finish(operation, -errno, 0);
    return true;
  }

  /** {@inheritDoc OperationOwner.cancel} */
  cancel(operation: Operation): number {
    this.#finish(operation, -Errno.ECANCELED, 0);
    return 0;
  }

  /** Ends receiving: what is here already can be received, and who still waits gets nothing. */
  shutDown(): void {
    this.#isShut = true;
    // A multishot receive waits on, as on Linux.
    const isSingle = (operation: Operation) => !isMultishotReceive(operation);
    for (let next = this.#find(isSingle); next !== null; next = this.#find(isSingle)) {
      this.#end(next);
    }
  }

  /** Completes everything that waits as cancelled; the socket is being closed. */
  close(): void {
    while (this.#waiting.head !== null) this.cancel(this.#waiting.head);
    this.#head = null;
    this.#tail = null;
    this.#kept = 0;
    this.keptBytes = 0;
  }

  /** Keeps the newest datagram, which nobody took, or drops it. */
  #keep(datagram: Datagram, before: Datagram | null): void {
    if (this.#kept <= MAXIMUM_KEPT_DATAGRAMS && this.keptBytes <= MAXIMUM_KEPT_BYTES) {
      return datagram.settle();
    }
    this.dropped++;
    this.#kept--;
    this.keptBytes -= datagram.length;
    this.#tail = this.#head === datagram ? null : before;
    if (this.#tail === null) this.#head = null;
    else this.#tail.next = null;
  }

  #shift(): void {
    const head = this.#head!;
    this.#head = head.next;
    if (head.next === null) this.#tail = null;
    this.#kept--;
    this.keptBytes -= head.length;
  }

  /** Serves whoever waits, oldest first. */
  #pump(): void {
    for (;;) {
      const operation = this.#waiting.head;
      const datagram = this.#head;
      if (operation === null || datagram === null) return;
      this.#serve(operation, datagram);
    }
  }

  /** Gives an operation a datagram, or ends it for want of a buffer. */
  #serve(operation: Operation, datagram: Datagram): void {
    const { memory } = this.#machine;
    let flags = 0;
    let place: BufferSupply | null = null;
    const isMultishot = isMultishotReceive(operation);
    const hasHeader = isMultishot && operation.opcode === Op.RECVMSG;
    // An empty datagram takes a buffer only where a header goes with it.
    const needsBuffer = (operation.flags & SqeFlag.BUFFER_SELECT) !== 0 &&
      (hasHeader || datagram.length > 0);
    if (needsBuffer) {
      const supply = this.#supplyOf(operation);
      if (!supply.take()) return this.#finish(operation, -Errno.ENOBUFS, 0);
      flags = CqeFlag.BUFFER | (supply.id << CQE_BUFFER_SHIFT);
      place = supply;
    }
    const result = hasHeader
      ? writeMessage(memory, operation, datagram, place!)
      : deliver(memory, operation, datagram, place);
    if ((operation.operationFlags & Msg.PEEK) === 0) this.#shift();
    // Linux ends a multishot receive at an empty datagram.
    if (isMultishot && datagram.length > 0) this.#machine.more(operation, result, flags);
    else this.#finish(operation, result, flags);
  }

  #supplyOf(operation: Operation): BufferSupply {
    const { supply, datagramSupply } = this.#machine;
    return operation.bufferGroup === BUFFER_GROUP ? supply : datagramSupply;
  }

  /** Completes a receive that there is nothing for any more. */
  #end(operation: Operation): void {
    if (operation.opcode === Op.RECVMSG) {
      describeMessage(this.#machine.memory, operation, null, 0);
    }
    this.#finish(operation, 0, 0);
  }

  #finish(operation: Operation, result: number, flags: number): void {
    if (operation.owner === this) this.#waiting.remove(operation);
    this.#machine.complete(operation, result, flags);
  }

  /** Deno may not have looked at the socket yet: MSG_DONTWAIT waits for one round. */
  #expireSoon(operation: Operation): void {
    const { serial } = operation;
    this.#machine.outstanding++;
    this.#machine.rounds.after(() => {
      this.#machine.outstanding--;
      if (operation.serial === serial) this.#finish(operation, -Errno.EAGAIN, 0);
    });
  }

  /** The first that waits and matches: ending one may end others, or start what is linked to it. */
  #find(matches: (operation: Operation) => boolean): Operation | null {
    let operation = this.#waiting.head;
    while (operation !== null && !matches(operation)) operation = operation.next;
    return operation;
  }
}

/** Fills an operation's own memory, or a provided buffer, without a header. @returns the result */
function deliver(
  memory: RingMemory,
  operation: Operation,
  datagram: Datagram,
  place: BufferSupply | null,
): number {
  const { length } = datagram;
  let count = length;
  if (place === null) {
    count = Math.min(length, operation.total);
    scatter(memory, operation, datagram, 0, count);
  } else {
    count = Math.min(length, roomOf(operation, place.bytes));
    copyInto(memory, place.offset, datagram, count);
  }
  const flags = count < length ? Msg.TRUNC : 0;
  if (operation.opcode === Op.RECVMSG) describeMessage(memory, operation, datagram, flags);
  return (operation.operationFlags & Msg.TRUNC) !== 0 ? length : count;
}

/** How much of a provided buffer an operation wants. */
function roomOf(operation: Operation, bytes: number): number {
  return operation.total > 0 ? Math.min(operation.total, bytes) : bytes;
}

/** Writes what came with a datagram into the `msghdr` of a RECVMSG, as recvmsg(2) does. */
function describeMessage(
  memory: RingMemory,
  operation: Operation,
  datagram: Datagram | null,
  flags: number,
): void {
  // Its place was noted when the operation was prepared: `addr` walks through the vector.
  const header = operation.offset;
  const { words } = memory;
  const name = readLong(memory, header + MSGHDR.NAME);
  const lengthAt = (header + MSGHDR.NAME_LENGTH) >> 2;
  if (name !== 0 && datagram !== null) {
    const room = words[lengthAt];
    if (isWithin(memory, name, Math.min(room, datagram.origin.length))) {
      writeOrigin(memory, datagram.origin, datagram.port, name, room);
    }
  }
  if (name !== 0) words[lengthAt] = datagram === null ? 0 : datagram.origin.length;
  words[(header + MSGHDR.CONTROL_LENGTH) >> 2] = 0;
  words[((header + MSGHDR.CONTROL_LENGTH) >> 2) + 1] = 0;
  words[(header + MSGHDR.FLAGS) >> 2] = flags;
}

/**
 * Fills a provided buffer as `io_uring_prep_recvmsg_multishot(3)` describes: a header, room for the
 * name and for control messages as the `msghdr` asked for, and the datagram.
 *
 * @returns the bytes of the buffer that count
 */
function writeMessage(
  memory: RingMemory,
  operation: Operation,
  datagram: Datagram,
  { offset, bytes }: BufferSupply,
): number {
  const { length, origin } = datagram;
  const nameRoom = operation.room;
  const before = RECVMSG_OUT.SIZE + nameRoom + operation.vector;
  const count = Math.min(length, roomOf(operation, bytes) - before);
  const reported = (operation.operationFlags & Msg.TRUNC) !== 0 ? length : count;
  putNumber(memory, offset + RECVMSG_OUT.NAME_LENGTH, origin.length);
  putNumber(memory, offset + RECVMSG_OUT.CONTROL_LENGTH, 0);
  putNumber(memory, offset + RECVMSG_OUT.PAYLOAD_LENGTH, reported);
  putNumber(memory, offset + RECVMSG_OUT.FLAGS, count < length ? Msg.TRUNC : 0);
  writeOrigin(memory, origin, datagram.port, offset + RECVMSG_OUT.SIZE, nameRoom);
  copyInto(memory, offset + before, datagram, count);
  return before + count;
}

/** Provided buffers may begin anywhere, so that their header is none of whole words. */
function putNumber(memory: RingMemory, offset: number, value: number): void {
  const { bytes } = memory;
  bytes[offset] = value & 0xff;
  bytes[offset + 1] = (value >>> 8) & 0xff;
  bytes[offset + 2] = (value >>> 16) & 0xff;
  bytes[offset + 3] = value >>> 24;
}

function copyInto(memory: RingMemory, offset: number, datagram: Datagram, count: number): void {
  const { bytes } = datagram;
  memory.bytes.set(count === bytes.length ? bytes : bytes.subarray(0, count), offset);
}
