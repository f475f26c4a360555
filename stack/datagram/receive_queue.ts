/**
 * Datagrams that wait for a socket's owner: a list through the packets themselves, so that a socket
 * without datagrams has no memory for any.
 *
 * @module
 */

import { type PacketArena, Room } from "../memory/mod.ts";
import { NONE } from "../memory/packet_columns.ts";
import { copyOut } from "../memory/chains.ts";
import type { PacketTable } from "../packet_table.ts";

/** What is known of packets in queues, by their numbers; one for all sockets of a stack. */
export class QueueColumns {
  readonly arena: PacketArena;
  readonly packets: PacketTable;
  /** The next packet of the queue. */
  readonly next: Int32Array;
  /** Where the payload begins that is not handed over yet, in the chain's data. */
  readonly payloadAt: Int32Array;
  /** Bytes of that payload. */
  readonly payloadBytes: Int32Array;
  /** What it counts for: the memory that it keeps. */
  readonly charge: Int32Array;

  /** Knows nothing yet. */
  constructor(arena: PacketArena, packets: PacketTable) {
    this.arena = arena;
    this.packets = packets;
    this.next = new Int32Array(arena.capacity).fill(NONE);
    this.payloadAt = new Int32Array(arena.capacity);
    this.payloadBytes = new Int32Array(arena.capacity);
    this.charge = new Int32Array(arena.capacity);
  }

  /** The bytes of memory that a chain keeps from others. */
  memoryOf(packet: number): number {
    const { next, owner, sizeClass, slotBytes } = this.arena.columns;
    let bytes = 0;
    for (let at = packet; at >= 0; at = next[at]) bytes += slotBytes[sizeClass[owner[at]]];
    return bytes;
  }
}

/** The queue of one socket. */
export class ReceiveQueue {
  /** The first packet, or -1. */
  head: number = NONE;
  /** The last one. */
  tail: number = NONE;
  /** What all of them count for. */
  charged = 0;
  /** How many found no room. */
  dropped = 0;
  readonly #columns: QueueColumns;

  /** Makes an empty queue. */
  constructor(columns: QueueColumns) {
    this.#columns = columns;
  }

  /** Whether there is none. */
  get isEmpty(): boolean {
    return this.head === NONE;
  }

  /**
   * Appends a packet, and takes over the hold if there is room.
   *
   * @param payloadAt where its payload begins in the chain's data
   * @param payloadBytes how long that is
   * @param limit as `SO_RCVBUF`: as on Linux, one packet may exceed it
   * @returns whether there was room
   */
  push(packet: number, payloadAt: number, payloadBytes: number, limit: number): boolean {
    const { next, payloadAt: ats, payloadBytes: lengths, charge } = this.#columns;
    if (this.charged > limit) {
      this.dropped++;
      return false;
    }
    const kept = this.head === NONE ? packet : this.#shrink(packet);
    const memory = this.#columns.memoryOf(kept);
    ats[kept] = payloadAt;
    lengths[kept] = payloadBytes;
    charge[kept] = memory;
    next[kept] = NONE;
    this.charged += memory;
    if (this.head === NONE) this.head = kept;
    else next[this.tail] = kept;
    this.tail = kept;
    return true;
  }

  /**
   * Copies what would keep a large packet's memory into a small one, where its owner falls behind.
   */
  #shrink(packet: number): number {
    const { arena, packets } = this.#columns;
    const { owner, sizeClass, slotBytes } = arena.columns;
    const bytes = arena.length(packet);
    const isSmall = slotBytes[sizeClass[owner[packet]]] <= Room.SMALL + arena.headroomBytes;
    if (isSmall || bytes > Room.SMALL || arena.next(packet) !== NONE) return packet;
    const small = arena.take(bytes);
    if (small < 0) return packet;
    copyOut(arena, packet, 0, bytes, arena.start(small));
    packets.copy(packet, small);
    const moved = arena.start(small) - arena.start(packet);
    packets.network[small] += moved;
    packets.transport[small] += moved;
    arena.release(packet);
    return small;
  }

  /** Appends a chain of payload to the last packet, and takes over the hold. */
  extend(chain: number, bytes: number): void {
    const { arena, payloadBytes, charge } = this.#columns;
    const memory = this.#columns.memoryOf(chain);
    arena.append(this.tail, chain);
    payloadBytes[this.tail] += bytes;
    charge[this.tail] += memory;
    this.charged += memory;
  }

  /** Takes bytes off the front of the first packet's payload. */
  advance(bytes: number): void {
    this.#columns.payloadAt[this.head] += bytes;
    this.#columns.payloadBytes[this.head] -= bytes;
  }

  /** Releases the first packet. */
  drop(): void {
    const { arena, next, charge } = this.#columns;
    const packet = this.head;
    this.head = next[packet];
    if (this.head === NONE) this.tail = NONE;
    this.charged -= charge[packet];
    arena.release(packet);
  }

  /** Releases all. */
  clear(): void {
    while (this.head !== NONE) this.drop();
  }
}
