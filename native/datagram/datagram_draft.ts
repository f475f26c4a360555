/**
 * A message on its way into the ring: where its bytes are, how many datagrams it holds, and the
 * msghdr that says so.
 *
 * ```text
 *  scratch bytes:  msghdr | vector of one | name | control | a small payload
 *  arena block:    copies, one behind the other | a longer vector
 * ```
 *
 * @module
 */

import { type Message, MessageDatagram } from "./datagram.ts";
import type { Destination } from "./datagram_destinations.ts";
import type { DatagramData } from "./datagram_jobs.ts";
import type { SendRecord } from "./datagram_outbox.ts";
import { Pieces } from "./datagram_pieces.ts";
import { BufferLease } from "../lease.ts";
import { RingBuffer } from "../ring_buffer.ts";
import type { Reactor } from "../../ring/reactor.ts";
import { Scratch } from "../../ring/slots.ts";
import { controlSpace, writeControl } from "../../ring/abi/control.ts";
import { IOVEC, MSGHDR } from "../../ring/abi/layout.ts";
import { putLong } from "../../ring/abi/long.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";

const VECTOR = MSGHDR.SIZE;
const NAME = VECTOR + IOVEC.SIZE;
/** Bytes of a name of the internet; those of Unix sockets are longer, and have no control data. */
const NAME_BYTES = 32;
const CONTROL = NAME + NAME_BYTES;
const CONTROL_BYTES = controlSpace(2);
const SMALL = CONTROL + CONTROL_BYTES;
/** Payloads that fit into what is left of the scratch bytes. */
const SMALL_BYTES_MAX = Scratch.DESCRIPTORS - SMALL;
const ALIGNMENT = 8;
const NOWHERE = -1;

/** Measures what is to be sent. @throws {TypeError} when it is no bytes, or was released */
export function lengthOf(data: DatagramData): number {
  if (data instanceof Uint8Array) return data.length;
  if (data instanceof RingBuffer && !data.isHeld) {
    throw new TypeError("send: the buffer was released");
  }
  const length = (data as { readonly length?: unknown } | null | undefined)?.length;
  if (typeof length !== "number" || !(data instanceof RingBuffer || "bytes" in data)) {
    throw new TypeError("send: the data is neither bytes nor a lease");
  }
  return length;
}

/** The message that is being put together; what is known of it is in its fields. */
export class Draft {
  /** Datagrams. */
  count = 0;
  /** Bytes of all of them. */
  bytes = 0;
  /** Bytes of each but the last. */
  segment = 0;
  /** Bytes that are copied, as far as that is known before they are. */
  copied = 0;
  readonly reactor: Reactor;
  readonly pieces: Pieces = new Pieces();
  /** The address that the places of pieces count from. */
  base = 0;
  /** Where the memory begins that {@linkcode Draft.stage} took. */
  staged = NOWHERE;
  /** Where the vector is in the arena block, when it has more than one element. */
  #vectorOffset = 0;
  /** The received message that was pinned last: datagrams of one message come in a row. */
  #pinned: Message | null = null;
  /** The ring buffer that was pinned last: so do slices of one buffer. */
  #pinnedBuffer: RingBuffer | null = null;

  constructor(reactor: Reactor) {
    this.reactor = reactor;
  }

  /** Forgets the memory of the last message. */
  begin(): void {
    this.pieces.clear();
    this.base = this.reactor.memory.base;
    this.#pinned = null;
    this.#pinnedBuffer = null;
  }

  /** Takes memory for `bytes` of copies. @returns its offset, -1 when the arena has no room */
  place(record: SendRecord, slot: number, bytes: number, nameBytes: number): number {
    if (bytes <= SMALL_BYTES_MAX && nameBytes <= NAME_BYTES) {
      return this.reactor.scratchOf(slot) + SMALL;
    }
    record.block = this.reactor.arena.take(bytes);
    return record.block;
  }

  /**
   * Begins a message of nothing but copies, in one piece, and takes memory for them: beside the ring
   * where the driver has some.
   *
   * @returns the memory to copy to, from {@linkcode Draft.staged} on; null when there is no room
   */
  stage(record: SendRecord, bytes: number): Uint8Array<ArrayBufferLike> | null {
    this.begin();
    const { driver, arena, memory } = this.reactor;
    const staging = driver.staging ?? null;
    record.staged = staging === null ? NOWHERE : staging.take(bytes);
    if (record.staged >= 0) {
      this.staged = record.staged;
      this.base = staging!.base;
      return staging!.bytes;
    }
    record.block = arena.take(bytes);
    this.staged = record.block;
    return record.block < 0 ? null : memory.bytes;
  }

  /** Takes arena memory for copies, and for the vector where scratch bytes have no room. */
  placeVector(record: SendRecord, copied: number): boolean {
    const { count } = this.pieces;
    this.#vectorOffset = (copied + ALIGNMENT - 1) & -ALIGNMENT;
    const vectorBytes = count > 1 ? count * IOVEC.SIZE : 0;
    if (copied + vectorBytes === 0) return true;
    record.block = this.reactor.arena.take(this.#vectorOffset + vectorBytes);
    return record.block >= 0;
  }

  /** Keeps memory in place for the operation. @returns its offset, or -1 when it must be copied */
  pin(data: DatagramData, record: SendRecord): number {
    const place = this.placeOf(data);
    if (place < 0) return NOWHERE;
    if (data instanceof RingBuffer) {
      if (this.#pinnedBuffer?.sharesBlock(data) === true) return place;
      this.#pinnedBuffer = data;
      data.pin();
      record.pins.push(() => data.unpin());
      return place;
    }
    let buffers = this.reactor.buffers;
    let id: number;
    if (data instanceof MessageDatagram) {
      if (data.message === this.#pinned) return place;
      this.#pinned = data.message;
      buffers = this.reactor.datagramBuffers;
      id = data.message.id;
    } else {
      id = (data as BufferLease).id;
    }
    buffers.retain(id);
    record.pins.push(() => buffers.release(id));
    return place;
  }

  /** Where data is in this ring's memory, -1 when it is elsewhere. */
  placeOf(data: DatagramData): number {
    const { reactor } = this;
    if (data instanceof RingBuffer) return data.isOf(reactor) ? data.offset : NOWHERE;
    if (data instanceof MessageDatagram) {
      return data.message.home.memory === reactor.memory ? data.offset : NOWHERE;
    }
    if (!(data instanceof BufferLease)) return NOWHERE;
    return data.isIn(reactor.buffers) ? data.start : NOWHERE;
  }

  /** Whether it is one datagram in one piece, which needs no msghdr. */
  get isPlain(): boolean {
    return this.count === 1 && this.pieces.count === 1;
  }

  /** Writes the sockaddr of a destination into scratch bytes. @returns its offset */
  writeName(slot: number, { words: name }: Destination): number {
    const { words } = this.reactor.memory;
    const offset = this.reactor.scratchOf(slot) + NAME;
    const first = offset >> 2;
    for (let index = 0; index < name.length; index++) words[first + index] = name[index];
    return offset;
  }

  /** Writes the msghdr. @returns its offset */
  writeHeader(slot: number, record: SendRecord, destination: Destination): number {
    const { words, base } = this.reactor.memory;
    const header = this.reactor.scratchOf(slot) + Scratch.MSGHDR;
    const { pieces } = this;
    const vector = pieces.count > 1 ? record.block + this.#vectorOffset : header + VECTOR;
    pieces.write(words, vector, this.base);
    putLong(words, header + MSGHDR.IOV, base + vector);
    putLong(words, header + MSGHDR.IOV_LENGTH, pieces.count);
    const hasName = destination.length > 0;
    const name = hasName ? base + this.writeName(slot, destination) : 0;
    putLong(words, header + MSGHDR.NAME, name);
    words[(header + MSGHDR.NAME_LENGTH) >> 2] = destination.length;
    words[(header + MSGHDR.FLAGS) >> 2] = 0;
    const isJoined = this.count > 1;
    putLong(words, header + MSGHDR.CONTROL, isJoined ? base + header + CONTROL : 0);
    putLong(words, header + MSGHDR.CONTROL_LENGTH, isJoined ? CONTROL_BYTES : 0);
    if (!isJoined) return header;
    const { IPPROTO_UDP, UDP_SEGMENT } = SockOpt;
    const data = writeControl(words, header + CONTROL, IPPROTO_UDP, UDP_SEGMENT, 2);
    words[data >> 2] = this.segment;
    return header;
  }
}
