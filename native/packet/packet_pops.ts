/**
 * The consumer of a `ZeroCopyBuffer`: what it takes now, and whoever waits for more.
 *
 * @module
 */

import { busy, timedOut } from "../errors.ts";
import { Packet, type PacketHolds } from "./packet_lease.ts";
import {
  checkPacketOptions,
  checkPacketTimeout,
  closedError,
  faultError,
  PacketWait,
} from "./packet_side.ts";
import { Breather, PacketWatch } from "./packet_watch.ts";
import type { OpOptions } from "../operation.ts";
import { MAXIMUM_PARK_MS } from "../../ring/barrier.ts";
import type { PacketConsumer } from "../../ring/packet_consumer.ts";
import { PacketClosed, type PacketRing } from "../../ring/packet_ring.ts";

/**
 * Looks at the tail before the thread parks, about 10 us: a packet that comes meanwhile is had in
 * a fraction of what a park costs.
 */
const SPINS = 1000;

/** Shapes what one reader is given. */
export interface PacketReader<T> {
  readonly operation: string;
  /** Whether closing the buffer is an end for it, not an error. */
  readonly endsByClose: boolean;
  /** @param packet the next one, null at the end */
  accept(packet: Packet | null): T;
}

interface Waiting extends PacketWait<unknown> {
  readonly reader: PacketReader<unknown>;
}

/** The consumer's side. */
export class PacketPops implements PacketHolds {
  readonly ring: PacketRing;
  readonly consumer: PacketConsumer;
  /** Handles that the program holds. */
  held = 0;
  /** Times that somebody had to wait. */
  waits = 0;
  readonly #watch: PacketWatch;
  readonly #breather = new Breather();
  #waiting: Waiting | null = null;
  #isClosed = false;

  /** @param consumer that this side has claimed */
  constructor(ring: PacketRing, consumer: PacketConsumer) {
    this.ring = ring;
    this.consumer = consumer;
    this.#watch = new PacketWatch(consumer.bell, () => this.#look());
  }

  /** Takes the next packet. @returns null when there is none now */
  tryPop(operation: string): Packet | null {
    if (this.#isClosed) throw closedError(operation);
    if (this.consumer.take()) return Packet.taken(this);
    if (this.consumer.fault !== null) throw this.#fail(operation);
    return null;
  }

  /** Takes as many packets as there are, up to `most`, behind those in `batch`. */
  fill(batch: Packet[], most: number): void {
    while (batch.length < most && this.consumer.take()) batch.push(Packet.taken(this));
  }

  /** Waits for the next packet. */
  read<T>(reader: PacketReader<T>, options: OpOptions | undefined): Promise<T> {
    const { operation } = reader;
    try {
      checkPacketOptions(operation, options);
      if (this.#waiting !== null) throw busy(operation, "another reader waits for a packet");
      if (this.#isClosed && reader.endsByClose) return Promise.resolve(reader.accept(null));
      const mustBreathe = this.#breather.isDue;
      if (!mustBreathe) {
        const packet = this.tryPop(operation);
        if (packet !== null) return Promise.resolve(reader.accept(packet));
        if (this.consumer.isEnded) return Promise.resolve(reader.accept(null));
      }
      return this.#wait(reader, options, mustBreathe);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Blocks the thread until there is a packet. @returns null at the end */
  readSync(operation: string, timeoutMs: number | undefined): Packet | null {
    checkPacketTimeout(operation, timeoutMs);
    if (this.#waiting !== null) throw busy(operation, "another reader waits for a packet");
    const { consumer } = this;
    const packet = this.tryPop(operation);
    if (packet !== null || consumer.isEnded) return packet;
    if (consumer.spin(SPINS)) return this.tryPop(operation);
    this.waits++;
    const dueAt = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
    try {
      for (;;) {
        consumer.bell.set();
        const packet = this.tryPop(operation);
        if (packet !== null || consumer.isEnded) return packet;
        const leftMs = dueAt === Infinity ? MAXIMUM_PARK_MS : dueAt - performance.now();
        if (leftMs <= 0) throw timedOut(operation, { timeoutMs });
        consumer.bell.park(leftMs);
      }
    } finally {
      consumer.bell.clear();
    }
  }

  /** Ends a reader that waits, as if the end had come. */
  leave(reader: PacketReader<unknown>): void {
    if (this.#waiting?.reader !== reader) return;
    this.#take()!.resolve(reader.accept(null));
  }

  /** Ends the side. */
  close(): void {
    this.#isClosed = true;
    const waiting = this.#take();
    if (waiting === null) return;
    if (waiting.reader.endsByClose) waiting.resolve(waiting.reader.accept(null));
    else waiting.reject(closedError(waiting.operation));
  }

  /** Says whether waiting keeps the process alive. */
  reference(isReferenced: boolean): void {
    this.#watch.reference(isReferenced);
  }

  #wait<T>(
    reader: PacketReader<T>,
    options: OpOptions | undefined,
    mustBreathe: boolean,
  ): Promise<T> {
    const withdraw = (): void => void this.#take();
    const wait = new PacketWait<T>(reader.operation, options, withdraw);
    this.#waiting = Object.assign(wait, { reader }) as unknown as Waiting;
    if (mustBreathe) {
      this.#breather.breathe().then(() => this.#look());
    } else {
      this.waits++;
      this.#breather.waited();
      this.#look();
    }
    return wait.promise;
  }

  /** Serves who waits, or waits on. */
  #look(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    const { consumer } = this;
    consumer.bell.set();
    if (consumer.take()) {
      this.#take()!.resolve(waiting.reader.accept(Packet.taken(this)));
    } else if (consumer.fault !== null) {
      this.#take()!.reject(this.#fail(waiting.operation));
    } else if (consumer.isEnded) {
      this.#take()!.resolve(waiting.reader.accept(null));
    } else if (waiting.dueAt !== Infinity && performance.now() >= waiting.dueAt) {
      this.#take()!.expire();
    } else {
      this.#watch.watch(waiting.dueAt);
    }
  }

  /** Whoever waits does so no longer. */
  #take(): Waiting | null {
    const waiting = this.#waiting;
    this.#waiting = null;
    this.#watch.stop();
    return waiting;
  }

  /** The producer has broken the rules: nothing of what it says is believed any more. */
  #fail(operation: string): Error {
    this.ring.close(PacketClosed.CONSUMER);
    return faultError(operation, this.consumer.fault!);
  }
}

/** Takes one packet. */
export const ONE_PACKET: PacketReader<Packet | null> = {
  operation: "pop",
  endsByClose: false,
  accept: (packet) => packet,
};

/** Takes what is there, up to a bound. */
export class BatchReader implements PacketReader<Packet[]> {
  readonly operation = "popBatch";
  readonly endsByClose = false;
  readonly #pops: PacketPops;
  readonly #most: number;

  constructor(pops: PacketPops, most: number) {
    this.#pops = pops;
    this.#most = most;
  }

  /** {@inheritDoc PacketReader.accept} */
  accept(packet: Packet | null): Packet[] {
    if (packet === null) return [];
    const batch = [packet];
    this.#pops.fill(batch, this.#most);
    return batch;
  }
}

/** Iterates over packets; each ends when the next one is asked for. */
export class PacketIterator
  implements AsyncIterableIterator<Packet>, PacketReader<IteratorResult<Packet>> {
  readonly operation = "popMany";
  readonly endsByClose = true;
  readonly #pops: PacketPops | null;
  readonly #options: OpOptions | undefined;
  #current: Packet | null = null;
  #isDone = false;

  /** @param pops null where nothing ever comes */
  constructor(pops: PacketPops | null, options: OpOptions | undefined) {
    this.#pops = pops;
    this.#options = options;
  }

  /** The iterator itself. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Packet> {
    return this;
  }

  /** Releases the last packet and waits for the next. */
  next(): Promise<IteratorResult<Packet>> {
    this.#release();
    if (this.#isDone || this.#pops === null) {
      return Promise.resolve({ done: true, value: undefined });
    }
    return this.#pops.read(this, this.#options);
  }

  /** Stops; what was not taken stays in the buffer. */
  return(): Promise<IteratorResult<Packet>> {
    this.#release();
    this.#pops?.leave(this);
    this.#isDone = true;
    return Promise.resolve({ done: true, value: undefined });
  }

  /** {@inheritDoc PacketReader.accept} */
  accept(packet: Packet | null): IteratorResult<Packet> {
    if (packet === null) {
      this.#isDone = true;
      return { done: true, value: undefined };
    }
    this.#current = packet;
    return { done: false, value: packet };
  }

  #release(): void {
    this.#current?.release();
    this.#current = null;
  }
}
