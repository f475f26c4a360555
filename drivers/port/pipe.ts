/**
 * A link between two stacks in any two threads: frames in shared memory, one queue each way.
 *
 * ```text
 *  each way:   words, a line each              frames
 *              |TAIL|HEAD|BELL|CLOSED|.........|length, offloads|bytes, padded to 16|....|skip|
 *               ^ sender   ^ receiver sleeps by it
 * ```
 *
 * A frame lies in one piece; what is left before the end of the queue and too short is skipped.
 * Each side keeps its own place in private memory, reads each word of the other's once, and checks
 * it: a forged one ends the link for the side that finds it, and cannot lead it outside.
 *
 * With offloads a frame may be longer than the MTU: it stands for the segments that its columns
 * say, as with `virtio_net_hdr`, and its checksum need not be complete. No cable is in between that
 * could damage it.
 *
 * @module
 */

import { loadAcquire, storeRelease, type Words } from "../../ring/barrier.ts";
import type { Environment } from "../../stack/environment.ts";
import type { FrameQueue } from "../../stack/frame_queue.ts";
import type { PortOffload } from "../../stack/iface/types.ts";
import { takeChain } from "../../stack/memory/mod.ts";
import { PacketFlag } from "../../stack/packet_table.ts";
import { type Copier, createCopier, sharedBufferOf } from "../machine/two_memories.ts";
import { Bell } from "./bell.ts";
import { PIPE_HEADER_BYTES, type PipeHandle } from "./pipe_handle.ts";
import { type Port, PortCounters, type PortStatistics } from "./port.ts";

const LINE_WORDS = 16;
const TAIL = 0;
const HEAD = LINE_WORDS;
const BELL = 2 * LINE_WORDS;

/** A frame's header: its length, flags and kind of segmentation, bytes of a segment, offsets. */
const RECORD_BYTES = 16;
const ALIGNMENT = 16;
/** The length of what is skipped. */
const SKIP = -1;

/** The longest frame with virtual segmentation. */
const LONGEST_FRAME = 65536 + 64;
const LONGEST_SEGMENTED = 65535;

/** Flags of packets that go along. */
const TOLD_FLAGS = PacketFlag.CHECKSUM_GOOD | PacketFlag.CHECKSUM_PARTIAL;

/** One end of a pipe, in use. */
export class PipePort implements Port {
  readonly kind: "ethernet" | "ip";
  readonly mtu: number;
  readonly offload: PortOffload;
  /** What the other end wrote that none writes, null while all is well; nothing passes then. */
  fault: string | null = null;
  readonly #words: Words;
  readonly #memory: WebAssembly.Memory;
  readonly #capacity: number;
  /** Word indices of the queues' headers, and byte offsets of their frames. */
  readonly #outHeader: number;
  readonly #inHeader: number;
  readonly #outAt: number;
  readonly #inAt: number;
  readonly #theirBell: Bell;
  readonly #ourBell: Bell;
  readonly #counters = new PortCounters();
  #environment!: Environment;
  #copier!: Copier;
  /** Places in the queues count bytes and go on for ever; words hold their lower 32 bits. */
  #tail: number;
  #head: number;
  #published: number;
  #peerHead: number;
  #peerTail: number;

  /** @param handle of {@linkcode createPipe} */
  constructor(handle: PipeHandle) {
    const { memory, side, capacityBytes } = handle;
    // Not the string of a message: others are compared with it by their addresses.
    this.kind = handle.carries === "ip" ? "ip" : "ethernet";
    this.mtu = handle.mtu;
    this.offload = {
      checksum: true,
      segmentationBytes: handle.offload ? LONGEST_SEGMENTED : 0,
    };
    this.#memory = memory;
    this.#capacity = capacityBytes;
    this.#words = new Int32Array(sharedBufferOf(memory));
    const starts = [0, PIPE_HEADER_BYTES + capacityBytes];
    this.#outHeader = starts[side] >> 2;
    this.#inHeader = starts[1 - side] >> 2;
    this.#outAt = starts[side] + PIPE_HEADER_BYTES;
    this.#inAt = starts[1 - side] + PIPE_HEADER_BYTES;
    this.#theirBell = new Bell(this.#words, this.#outHeader + BELL);
    this.#ourBell = new Bell(this.#words, this.#inHeader + BELL);
    this.#tail = loadAcquire(this.#words, this.#outHeader + TAIL);
    this.#published = this.#tail;
    this.#peerHead = loadAcquire(this.#words, this.#outHeader + HEAD);
    this.#head = loadAcquire(this.#words, this.#inHeader + HEAD);
    this.#peerTail = this.#head;
  }

  /** {@inheritDoc Port.open} */
  open(environment: Environment): void {
    this.#environment = environment;
    this.#copier = createCopier(environment.arena.memory.memory, this.#memory);
  }

  /** {@inheritDoc Port.receive} */
  receive(interfaceIndex: number, into: FrameQueue, most: number): number {
    if (this.fault !== null || !this.#refreshTail()) return 0;
    const first = this.#head;
    let count = 0;
    while (count < most && this.#head !== this.#peerTail && this.fault === null) {
      if (this.#takeOne(interfaceIndex, into)) count++;
    }
    if (this.#head !== first) storeRelease(this.#words, this.#inHeader + HEAD, this.#head);
    return count;
  }

  /** {@inheritDoc Port.send} */
  send(packet: number): void {
    const { arena, packets } = this.#environment;
    let length = 0;
    for (let at = packet; at >= 0; at = arena.next(at)) length += arena.length(at);
    const at = length > LONGEST_FRAME ? -1 : this.#reserve(length);
    if (at < 0) {
      this.#counters.droppedFrames++;
      arena.release(packet);
      return;
    }
    const word = at >> 2;
    const start = arena.start(packet);
    this.#words[word] = length;
    this.#words[word + 1] = (packets.flags[packet] & TOLD_FLAGS) |
      packets.segmentation[packet] << 8;
    this.#words[word + 2] = packets.segmentBytes[packet];
    this.#words[word + 3] = (packets.network[packet] - start) & 0xffff |
      (packets.transport[packet] - start) << 16;
    let to = at + RECORD_BYTES;
    for (let segment = packet; segment >= 0; segment = arena.next(segment)) {
      const bytes = arena.length(segment);
      this.#copier.copyOut(to, arena.start(segment), bytes);
      to += bytes;
    }
    arena.release(packet);
    this.#tail = (this.#tail + sizeOf(length)) | 0;
    this.#counters.sentFrames++;
    this.#counters.sentBytes += length;
  }

  /** {@inheritDoc Port.flush} */
  flush(): void {
    if (this.#tail === this.#published) return;
    this.#published = this.#tail;
    storeRelease(this.#words, this.#outHeader + TAIL, this.#tail);
    this.#theirBell.ring();
  }

  /** {@inheritDoc Port.hasFrames} */
  hasFrames(): boolean {
    return this.fault === null &&
      loadAcquire(this.#words, this.#inHeader + TAIL) !== this.#head;
  }

  /** {@inheritDoc Port.sleep} */
  sleep(wake: () => void): boolean {
    this.#ourBell.set();
    if (this.hasFrames()) {
      this.#ourBell.clear();
      return false;
    }
    this.#ourBell.sleep(wake);
    return true;
  }

  /** {@inheritDoc Port.awake} */
  awake(): void {
    this.#ourBell.clear();
  }

  /** {@inheritDoc Port.statistics} */
  statistics(): PortStatistics {
    return this.#counters.snapshot();
  }

  /** {@inheritDoc Port.close} */
  close(): void {
    this.#ourBell.clear();
    this.#ourBell.close();
  }

  /** Takes the frame at the head, or skips what is none. @returns whether there was one */
  #takeOne(interfaceIndex: number, into: FrameQueue): boolean {
    const place = modulo(this.#head, this.#capacity);
    const at = this.#inAt + place;
    const word = at >> 2;
    // Each word is read once: the other side can change it at any time.
    const length = this.#words[word];
    const size = length === SKIP ? this.#capacity - place : sizeOf(length);
    const isWithin = length >= SKIP && length <= LONGEST_FRAME && place + size <= this.#capacity &&
      size <= ((this.#peerTail - this.#head) | 0);
    if (!isWithin) {
      this.fault = `the other end published a frame of ${length} bytes at ${place}`;
      return false;
    }
    this.#head = (this.#head + size) | 0;
    if (length <= 0) return false;
    const isTaken = this.#copyFrame(word, length, at + RECORD_BYTES, interfaceIndex, into);
    if (!isTaken) this.#counters.missedFrames++;
    return isTaken;
  }

  #copyFrame(
    word: number,
    length: number,
    from: number,
    interfaceIndex: number,
    into: FrameQueue,
  ): boolean {
    const { arena, packets } = this.#environment;
    const packet = takeChain(arena, length);
    if (packet < 0) return false;
    let source = from;
    for (let segment = packet; segment >= 0; segment = arena.next(segment)) {
      const bytes = arena.length(segment);
      this.#copier.copyIn(arena.start(segment), source, bytes);
      source += bytes;
    }
    packets.clear(packet);
    const told = this.#words[word + 1];
    const offsets = this.#words[word + 3];
    const flags = told & TOLD_FLAGS;
    // Nothing damages it on its way: a checksum that is still partial is as good as a whole one.
    packets.flags[packet] = flags === 0 ? 0 : flags | PacketFlag.CHECKSUM_GOOD;
    packets.segmentation[packet] = (told >>> 8) & 0xff;
    packets.segmentBytes[packet] = this.#words[word + 2] & 0xffff;
    packets.network[packet] = arena.start(packet) + (offsets & 0xffff);
    packets.transport[packet] = arena.start(packet) + (offsets >>> 16);
    packets.interface[packet] = interfaceIndex;
    if (!into.push(interfaceIndex, packet)) {
      arena.release(packet);
      return false;
    }
    this.#counters.receivedFrames++;
    this.#counters.receivedBytes += length;
    return true;
  }

  /** Finds room for a frame in one piece. @returns its byte offset, or -1 */
  #reserve(length: number): number {
    if (this.fault !== null) return -1;
    const size = sizeOf(length);
    let place = modulo(this.#tail, this.#capacity);
    const skipped = place + size > this.#capacity ? this.#capacity - place : 0;
    if (!this.#hasRoom(size + skipped)) return -1;
    if (skipped > 0) {
      this.#words[(this.#outAt + place) >> 2] = SKIP;
      this.#tail = (this.#tail + skipped) | 0;
      place = 0;
    }
    return this.#outAt + place;
  }

  #hasRoom(bytes: number): boolean {
    const used = (this.#tail - this.#peerHead) | 0;
    if (used + bytes <= this.#capacity) return true;
    const head = loadAcquire(this.#words, this.#outHeader + HEAD);
    const left = (this.#tail - head) | 0;
    if (left < 0 || left > used) {
      this.fault = `the other end took frames up to ${head}, which is not where any are`;
      return false;
    }
    this.#peerHead = head;
    return left + bytes <= this.#capacity;
  }

  /** Reads how far the other end is. @returns false when it cannot be there */
  #refreshTail(): boolean {
    const tail = loadAcquire(this.#words, this.#inHeader + TAIL);
    const count = (tail - this.#head) | 0;
    if (count < 0 || count > this.#capacity || tail % ALIGNMENT !== 0) {
      this.fault = `the other end published frames up to ${tail}, which is not where any can be`;
      return false;
    }
    this.#peerTail = tail;
    return true;
  }
}

function sizeOf(length: number): number {
  return (RECORD_BYTES + length + ALIGNMENT - 1) & -ALIGNMENT;
}

/** The place of a count that wraps around at 2^32, in a queue of a power of two. */
function modulo(count: number, capacity: number): number {
  return count & (capacity - 1);
}
