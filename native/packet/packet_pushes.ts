/**
 * The producer of a `ZeroCopyBuffer`: what fits now, and those who wait for room, in order.
 *
 * @module
 */

import { busy, netError, timedOut } from "../errors.ts";
import { PacketReservation, type ReservationIssuer } from "./packet_lease.ts";
import {
  checkPacketOptions,
  checkPacketTimeout,
  closedError,
  faultError,
  PacketWait,
  refusedError,
} from "./packet_side.ts";
import { Breather, PacketWatch } from "./packet_watch.ts";
import type { OpOptions } from "../operation.ts";
import { MAXIMUM_PARK_MS } from "../../ring/barrier.ts";
import type { PacketProducer } from "../../ring/packet_producer.ts";
import { PacketClosed, type PacketRing } from "../../ring/packet_ring.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** The most pushes and reservations that wait at a time. */
const PUSHES_WAITING_MAX = 1024;
/** The most bytes that they have copied. */
const PUSH_BYTES_WAITING_MAX = 256 * 1024 * 1024;

interface Waiting extends PacketWait<unknown> {
  /** Bytes it needs room for. */
  readonly length: number;
  /** What to push, null for a reservation. */
  readonly bytes: Uint8Array | null;
}

/** The producer's side. */
export class PacketPushes implements ReservationIssuer {
  /** Times that somebody had to wait. */
  waits = 0;
  readonly #ring: PacketRing;
  readonly #producer: PacketProducer;
  readonly #watch: PacketWatch;
  readonly #breather = new Breather();
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #isClosed = false;

  /** @param producer that this side has claimed */
  constructor(ring: PacketRing, producer: PacketProducer) {
    this.#ring = ring;
    this.#producer = producer;
    this.#watch = new PacketWatch(producer.bell, () => this.#look());
  }

  /** Copies a packet in. @returns false when there is no room now */
  tryPush(operation: string, bytes: Uint8Array): boolean {
    this.#check(operation, requireBytes(operation, bytes));
    return this.#waiting.length === 0 && this.#isPushed(operation, bytes);
  }

  /** Copies a packet in, once there is room. */
  push(bytes: Uint8Array, options: OpOptions | undefined): Promise<void> {
    try {
      checkPacketOptions("push", options);
      if (this.tryPush("push", bytes)) {
        return this.#breather.isDue ? this.#breather.breathe() : Promise.resolve();
      }
      this.#requireQueueRoom("push", bytes.length);
      this.#waitingBytes += bytes.length;
      return this.#wait("push", bytes.length, bytes.slice(), options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Copies a packet in; blocks the thread until there is room. */
  pushSync(operation: string, bytes: Uint8Array, timeoutMs: number | undefined): void {
    checkPacketTimeout(operation, timeoutMs);
    const isTaken = this.#waiting.length > 0 || this.#producer.isBegun;
    if (isTaken) throw busy(operation, "pushes or a reservation of this thread are before it");
    if (this.tryPush(operation, bytes)) return;
    this.waits++;
    const { bell } = this.#producer;
    const dueAt = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
    try {
      for (;;) {
        bell.set();
        if (this.tryPush(operation, bytes)) return;
        const leftMs = dueAt === Infinity ? MAXIMUM_PARK_MS : dueAt - performance.now();
        if (leftMs <= 0) throw timedOut(operation, { timeoutMs });
        bell.park(leftMs);
      }
    } finally {
      bell.clear();
    }
  }

  /** Takes room for a packet. @returns null when there is none now */
  tryReserve(operation: string, length: number): PacketReservation | null {
    this.#check(operation, length);
    return this.#waiting.length === 0 ? this.#reserved(operation, length) : null;
  }

  /** Takes room for a packet, once there is some. */
  reserve(length: number, options: OpOptions | undefined): Promise<PacketReservation> {
    try {
      checkPacketOptions("reserve", options);
      const reservation = this.tryReserve("reserve", length);
      if (reservation !== null) return Promise.resolve(reservation);
      this.#requireQueueRoom("reserve", 0);
      return this.#wait<PacketReservation>("reserve", length, null, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** {@inheritDoc ReservationIssuer.commitReserved} */
  commitReserved(length: number): void {
    const isLate = this.#isClosed || this.#producer.isRefused || this.#producer.fault !== null;
    if (isLate) this.#producer.abandon();
    this.#check("commit", length);
    this.#producer.publish(length);
    this.#look();
  }

  /** {@inheritDoc ReservationIssuer.cancelReserved} */
  cancelReserved(): void {
    this.#producer.abandon();
    this.#look();
  }

  /** Ends the side: what waits for room is given up. */
  close(): void {
    this.#isClosed = true;
    this.#endAll(closedError);
  }

  /** Says whether waiting keeps the process alive. */
  reference(isReferenced: boolean): void {
    this.#watch.reference(isReferenced);
  }

  /** Proves that a packet can ever go. */
  #check(operation: string, length: number): void {
    const { largestBytes, isRefused, fault } = this.#producer;
    if (!Number.isInteger(length) || length < 0 || length > largestBytes) {
      throw new RangeError(
        `${operation}: a packet has 0 to ${largestBytes} bytes here, not ${length}`,
      );
    }
    if (this.#isClosed) throw closedError(operation);
    if (fault !== null) throw faultError(operation, fault);
    if (isRefused) throw refusedError(operation);
  }

  #requireQueueRoom(operation: string, bytes: number): void {
    const count = this.#waiting.length;
    const isFull = count >= PUSHES_WAITING_MAX ||
      (count > 0 && this.#waitingBytes + bytes > PUSH_BYTES_WAITING_MAX);
    if (!isFull) return;
    const detail = `${count} packets with ${this.#waitingBytes} bytes wait for room already`;
    throw netError(Errno.ENOBUFS, { operation, detail });
  }

  #isPushed(operation: string, bytes: Uint8Array): boolean {
    if (this.#producer.push(bytes)) return true;
    if (this.#producer.fault !== null) throw this.#fail(operation);
    return false;
  }

  #reserved(operation: string, length: number): PacketReservation | null {
    const at = this.#producer.begin(length);
    if (at >= 0) {
      return new PacketReservation(this, new Uint8Array(this.#ring.buffer, at, length));
    }
    if (this.#producer.fault !== null) throw this.#fail(operation);
    return null;
  }

  #wait<T>(
    operation: string,
    length: number,
    bytes: Uint8Array | null,
    options: OpOptions | undefined,
  ): Promise<T> {
    const withdraw = (): void => {
      this.#remove(waiting);
      // What was behind it may be smaller, and fit.
      this.#look();
    };
    const wait = new PacketWait<unknown>(operation, options, withdraw);
    const waiting: Waiting = Object.assign(wait, { length, bytes });
    this.#waiting.push(waiting);
    this.waits++;
    this.#breather.waited();
    this.#look();
    return wait.promise as Promise<T>;
  }

  /** Lets those in that fit, in order, and waits on for the others. */
  #look(): void {
    while (this.#waiting.length > 0) {
      this.#producer.bell.set();
      this.#serve();
      if (this.#producer.fault !== null) {
        this.#ring.close(PacketClosed.PRODUCER);
        return this.#endAll((operation) => faultError(operation, this.#producer.fault!));
      }
      if (this.#producer.isRefused) return this.#endAll(refusedError);
      // Those behind one that gives up may be smaller, and fit.
      if (!this.#expire()) break;
    }
    if (this.#waiting.length === 0) this.#watch.stop();
    else this.#watch.watch(this.#nextDue);
  }

  #serve(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const { bytes, length } = first;
      const at = this.#producer.isRefused ? -1 : this.#producer.begin(length);
      if (at < 0) return;
      this.#remove(first);
      if (bytes === null) {
        first.resolve(new PacketReservation(this, new Uint8Array(this.#ring.buffer, at, length)));
        return;
      }
      this.#ring.bytes.set(bytes, at);
      this.#producer.publish(length);
      first.resolve(undefined);
    }
  }

  get #nextDue(): number {
    return this.#waiting.reduce((least, { dueAt }) => Math.min(least, dueAt), Infinity);
  }

  /** Ends those whose time ran out. @returns whether there was one */
  #expire(): boolean {
    if (this.#nextDue === Infinity) return false;
    const now = performance.now();
    const late = this.#waiting.filter(({ dueAt }) => dueAt <= now);
    for (const waiting of late) {
      this.#remove(waiting);
      waiting.expire();
    }
    return late.length > 0;
  }

  #remove(waiting: Waiting): void {
    const place = this.#waiting.indexOf(waiting);
    if (place < 0) return;
    this.#waiting.splice(place, 1);
    this.#waitingBytes -= waiting.bytes?.length ?? 0;
  }

  #endAll(errorOf: (operation: string) => Error): void {
    const all = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#watch.stop();
    for (const waiting of all) waiting.reject(errorOf(waiting.operation));
  }

  /** The consumer has broken the rules: nothing of what it says is believed any more. */
  #fail(operation: string): Error {
    this.#ring.close(PacketClosed.PRODUCER);
    return faultError(operation, this.#producer.fault!);
  }
}

function requireBytes(operation: string, bytes: unknown): number {
  if (bytes instanceof Uint8Array) return bytes.length;
  throw new TypeError(`${operation}: the packet is no Uint8Array`);
}
