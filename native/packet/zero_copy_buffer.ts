/**
 * A ring of packets between two threads, read and written in place.
 *
 * @module
 */

import { busy } from "../errors.ts";
import { checkKeys } from "../options/options.ts";
import type { Packet, PacketReservation } from "./packet_lease.ts";
import { BatchReader, ONE_PACKET, PacketIterator, PacketPops } from "./packet_pops.ts";
import { PacketPushes } from "./packet_pushes.ts";
import { closedError } from "./packet_side.ts";
import type { OpOptions } from "../operation.ts";
import { PacketConsumer } from "../../ring/packet_consumer.ts";
import { PacketProducer } from "../../ring/packet_producer.ts";
import { PacketClosed, type PacketHandle, PacketRing } from "../../ring/packet_ring.ts";

export type { Packet, PacketReservation } from "./packet_lease.ts";
export type { PacketHandle, PacketPlan } from "../../ring/packet_ring.ts";

/** Sizes of a {@linkcode ZeroCopyBuffer}, fixed for its life. */
export interface ZeroCopyBufferOptions {
  /** Packets that fit, a power of two from 1 to 32768; 256 unless said otherwise. */
  readonly slots?: number;
  /** The most bytes of a packet inside of its slot, 0 to 65536; 248 unless said otherwise. */
  readonly inlineBytes?: number;
  /**
   * Bytes of the arena for larger packets, a multiple of 256 from 0 to 2^30; 4 MiB unless said
   * otherwise. A large packet takes a power of two of at least 256 bytes.
   */
  readonly arenaBytes?: number;
}

/** What a {@linkcode ZeroCopyBuffer} has done: the numbers of this object's own side or sides. */
export interface PacketStats {
  /** Packets that this side published. */
  readonly pushed: number;
  /** Packets that this side took. */
  readonly popped: number;
  /** Bytes of the packets that this side published. */
  readonly bytesPushed: number;
  /** Bytes of the packets that this side took. */
  readonly bytesPopped: number;
  /** Packets that this side published in the arena. */
  readonly largePushed: number;
  /** Packets that this side took from the arena. */
  readonly largePopped: number;
  /** Times that a push or reservation had to wait for room. */
  readonly pushWaits: number;
  /** Times that a pop had to wait for a packet. */
  readonly popWaits: number;
  /** Packets that wait in the ring; as the producer sees it, those that are held in it, too. */
  readonly queued: number;
  /** Packets that were taken, retained ones counted again, and not released. */
  readonly held: number;
  /** Bytes of the arena that are taken, blocks counted whole; known to the producer only. */
  readonly arenaUsedBytes: number;
}

const BUFFER_KEYS: readonly string[] = ["slots", "inlineBytes", "arenaBytes"];
const SLOTS = 256;
const INLINE_BYTES = 248;
const ARENA_BYTES = 4 * 1024 * 1024;
const BATCH_MOST = 32768;

/**
 * A ring of packets in shared memory: one thread pushes, one takes, in order. A small packet lies
 * inside of its slot, a large one in an arena that the slot refers to; the consumer reads both in
 * place, and the producer may write in place.
 *
 * The first object of a buffer to push is its producer, for good, and the first to pop its
 * consumer; one object may be both. Any other that tries gets EBUSY.
 *
 * A full buffer is backpressure: `push()` waits. Packets that are not released hold their room.
 * The other side may be a guest that is not trusted: what it writes cannot make this side read or
 * write outside of the buffer's memory. A side that finds words which no honest side writes closes
 * and rejects with EBADMSG. A side that vanishes without `close()`, as by `Worker.terminate()`,
 * leaves the other one waiting, until a signal or a deadline ends that.
 *
 * While somebody waits, the process stays alive, unless {@linkcode ZeroCopyBuffer.unref} was
 * called.
 *
 * Permissions: none.
 *
 * @example
 * ```ts
 * import { ZeroCopyBuffer } from "./zero_copy_buffer.ts";
 * const buffer = ZeroCopyBuffer.create({ slots: 64, arenaBytes: 1 << 20 });
 * const url = `data:text/javascript,${encodeURIComponent(`
 *   import { ZeroCopyBuffer } from "${new URL("./zero_copy_buffer.ts", import.meta.url)}";
 *   self.onmessage = async ({ data }) => {
 *     const buffer = ZeroCopyBuffer.attach(data);
 *     for (const length of [10, 100_000]) await buffer.push(new Uint8Array(length));
 *     buffer.close();
 *   };`)}`;
 * const worker = new Worker(url, { type: "module" });
 * worker.postMessage(buffer.handle);
 * for await (const packet of buffer) console.log(packet.length); // 10, then 100000
 * worker.terminate();
 * ```
 */
export class ZeroCopyBuffer implements AsyncIterable<Packet>, Disposable {
  /** What to post to the other thread, for its {@linkcode ZeroCopyBuffer.attach}. */
  readonly handle: PacketHandle;
  /** The most bytes that a packet can have: of the arena the largest power of two. */
  readonly largestBytes: number;
  readonly #ring: PacketRing;
  #producer: PacketProducer | null = null;
  #pushes: PacketPushes | null = null;
  #consumer: PacketConsumer | null = null;
  #pops: PacketPops | null = null;
  #isClosed = false;
  #isReferenced = true;

  private constructor(ring: PacketRing) {
    this.#ring = ring;
    this.handle = Object.freeze(ring.handle);
    this.largestBytes = ring.largestBytes;
  }

  /**
   * Allocates a buffer.
   *
   * @throws {RangeError} when a size is out of its range, naming it
   * @throws {TypeError} for an unknown option
   */
  static create(options: ZeroCopyBufferOptions = {}): ZeroCopyBuffer {
    checkKeys("ZeroCopyBuffer.create", options, BUFFER_KEYS);
    const { slots = SLOTS, inlineBytes = INLINE_BYTES, arenaBytes = ARENA_BYTES } = options;
    return new ZeroCopyBuffer(PacketRing.create({ slots, inlineBytes, arenaBytes }));
  }

  /**
   * Takes part in a buffer that another thread made.
   *
   * @param handle its `handle`
   * @throws {TypeError} when that is none
   * @throws {RangeError} when its memory and its sizes do not belong together
   */
  static attach(handle: PacketHandle): ZeroCopyBuffer {
    const isHandle = handle?.buffer instanceof SharedArrayBuffer && handle.plan instanceof Object;
    if (!isHandle) throw new TypeError("attach: that is no handle of a ZeroCopyBuffer");
    return new ZeroCopyBuffer(PacketRing.attach(handle));
  }

  /** Whether `close()` was called on this object. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether the producer has closed and every packet was taken; for the consumer. */
  get isEnded(): boolean {
    return this.#consumer !== null && this.#consumer.isEnded;
  }

  /**
   * Copies a packet in, if there is room now.
   *
   * @returns whether it is in; false too while other pushes wait or a reservation is open
   * @throws {NetError} EBUSY beside another producer, EBADF after `close()`, EPIPE once the
   * consumer has closed, EBADMSG once it has broken the rules
   * @throws {RangeError} for a packet that is larger than `largestBytes`
   * @throws {TypeError} for a packet that is no Uint8Array
   */
  tryPush(bytes: Uint8Array): boolean {
    return this.#asProducer("tryPush").tryPush("tryPush", bytes);
  }

  /**
   * Copies a packet in, once there is room. Packets go in the order of the calls, awaited or not;
   * one that has to wait is copied before this returns.
   *
   * @returns when it is in the ring
   * @throws as {@linkcode ZeroCopyBuffer.tryPush}; ENOBUFS when 1024 packets, or 256 MiB, wait
   */
  push(bytes: Uint8Array, options?: OpOptions): Promise<void> {
    try {
      return this.#asProducer("push").push(bytes, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Copies a packet in; blocks the thread until there is room.
   *
   * @param timeoutMs the most it waits, in milliseconds; without limit unless said otherwise
   * @throws as {@linkcode ZeroCopyBuffer.tryPush}; ETIMEDOUT; EBUSY while pushes wait or a
   * reservation is open, which would never end
   */
  pushSync(bytes: Uint8Array, timeoutMs?: number): void {
    this.#asProducer("pushSync").pushSync("pushSync", bytes, timeoutMs);
  }

  /**
   * Takes room for one packet, to be written in place. Until it is committed or cancelled, other
   * pushes wait.
   *
   * @param length its bytes at most
   * @returns the room, null when there is none now
   * @throws as {@linkcode ZeroCopyBuffer.tryPush}
   */
  tryReserve(length: number): PacketReservation | null {
    return this.#asProducer("tryReserve").tryReserve("tryReserve", length);
  }

  /**
   * Takes room for one packet, once there is some.
   *
   * @param length its bytes at most
   * @throws as {@linkcode ZeroCopyBuffer.push}
   */
  reserve(length: number, options?: OpOptions): Promise<PacketReservation> {
    try {
      return this.#asProducer("reserve").reserve(length, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Takes the next packet, if there is one now.
   *
   * @returns the packet, to be released; null when there is none: `isEnded` says whether any comes
   * @throws {NetError} EBUSY beside another consumer, EBADF after `close()`, EBADMSG once the
   * producer has broken the rules
   */
  tryPop(): Packet | null {
    return this.#asConsumer("tryPop").tryPop("tryPop");
  }

  /**
   * Takes the next packet, once there is one.
   *
   * @returns the packet, to be released; null at the end
   * @throws as {@linkcode ZeroCopyBuffer.tryPop}; EBUSY while another reader waits
   */
  pop(options?: OpOptions): Promise<Packet | null> {
    try {
      return this.#asConsumer("pop").read(ONE_PACKET, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Takes the next packet; blocks the thread until there is one.
   *
   * @param timeoutMs the most it waits, in milliseconds; without limit unless said otherwise
   * @returns the packet, to be released; null at the end
   * @throws as {@linkcode ZeroCopyBuffer.pop}; ETIMEDOUT
   */
  popSync(timeoutMs?: number): Packet | null {
    return this.#asConsumer("popSync").readSync("popSync", timeoutMs);
  }

  /**
   * Takes the packets that are there, once there is one.
   *
   * @param most packets, 1 to 32768
   * @returns them, each to be released; none at the end
   * @throws as {@linkcode ZeroCopyBuffer.pop}; RangeError
   */
  popBatch(most: number, options?: OpOptions): Promise<Packet[]> {
    try {
      if (!Number.isInteger(most) || most < 1 || most > BATCH_MOST) {
        throw new RangeError(`popBatch: most must be 1 to ${BATCH_MOST}, not ${most}`);
      }
      const pops = this.#asConsumer("popBatch");
      return pops.read(new BatchReader(pops, most), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Iterates over packets until the producer closes; each is released when the next one is asked
   * for. Leaving the loop leaves what was not taken in the buffer. It ends when this object gets
   * closed.
   *
   * @param options `timeoutMs` is the time it waits for any one packet
   */
  popMany(options?: OpOptions): AsyncIterableIterator<Packet> {
    const pops = this.#isClosed ? this.#pops : this.#asConsumer("popMany");
    return new PacketIterator(pops, options);
  }

  /** Iterates as {@linkcode ZeroCopyBuffer.popMany} does. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Packet> {
    return this.popMany();
  }

  /** The numbers of this object's own side. */
  stats(): PacketStats {
    const producer = this.#producer;
    const consumer = this.#consumer;
    return {
      pushed: producer?.packets ?? 0,
      popped: consumer?.packets ?? 0,
      bytesPushed: producer?.bytes ?? 0,
      bytesPopped: consumer?.bytes ?? 0,
      largePushed: producer?.large ?? 0,
      largePopped: consumer?.large ?? 0,
      pushWaits: this.#pushes?.waits ?? 0,
      popWaits: this.#pops?.waits ?? 0,
      queued: consumer?.queued ?? producer?.queued ?? 0,
      held: this.#pops?.held ?? 0,
      arenaUsedBytes: producer?.arenaUsedBytes ?? 0,
    };
  }

  /** Lets waiting keep the process alive, as it does unless said otherwise. */
  ref(): void {
    this.#reference(true);
  }

  /** Lets the process end although somebody waits here. */
  unref(): void {
    this.#reference(false);
  }

  /**
   * Closes this object's side; once more is a no-op. Whoever waits here rejects with EBADF, and
   * iterations end. After the producer closed, the consumer takes what is left and comes to the
   * end; after the consumer closed, pushes reject with EPIPE. An object that is neither closes the
   * buffer for both. Packets that are held stay good.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const isNeither = this.#pushes === null && this.#pops === null;
    let bits = 0;
    if (isNeither || this.#pushes !== null) bits |= PacketClosed.PRODUCER;
    if (isNeither || this.#pops !== null) bits |= PacketClosed.CONSUMER;
    this.#ring.close(bits);
    this.#pushes?.close();
    this.#pops?.close();
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.close();
  }

  #reference(isReferenced: boolean): void {
    this.#isReferenced = isReferenced;
    this.#pushes?.reference(isReferenced);
    this.#pops?.reference(isReferenced);
  }

  #asProducer(operation: string): PacketPushes {
    if (this.#pushes !== null) return this.#pushes;
    if (this.#isClosed) throw closedError(operation);
    this.#producer = PacketProducer.claim(this.#ring);
    if (this.#producer === null) throw busy(operation, "the buffer has another producer");
    this.#pushes = new PacketPushes(this.#ring, this.#producer);
    this.#pushes.reference(this.#isReferenced);
    return this.#pushes;
  }

  #asConsumer(operation: string): PacketPops {
    if (this.#pops !== null) return this.#pops;
    if (this.#isClosed) throw closedError(operation);
    this.#consumer = PacketConsumer.claim(this.#ring);
    if (this.#consumer === null) throw busy(operation, "the buffer has another consumer");
    this.#pops = new PacketPops(this.#ring, this.#consumer);
    this.#pops.reference(this.#isReferenced);
    return this.#pops;
  }
}
