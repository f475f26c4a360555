/**
 * Puts what calls have to send into the ring, in rounds.
 *
 * A round is as many messages as the window allows; the next one begins when all of them are
 * through. Where the system takes them at once, as it mostly does, that is one round in each turn;
 * where it has to wait, nothing overtakes. Over Unix sockets, which keep the order of datagrams, the
 * messages of a round are linked, so that a full queue of the peer stops those behind it.
 *
 * @module
 */

import type { Destination, Destinations } from "./datagram_destinations.ts";
import { tooLarge } from "./datagram_errors.ts";
import { lengthOf } from "./datagram_draft.ts";
import type { DatagramToSend, SendJob, Slab } from "./datagram_jobs.ts";
import { Obstacle, Outbox, type SendRecord } from "./datagram_outbox.ts";
import { RoomWaiter } from "./datagram_room.ts";
import { netError } from "../errors.ts";
import { GateWait } from "../limits/gate_wait.ts";
import type { Network } from "../network.ts";
import type { Socket } from "../socket.ts";
import { Counter } from "../../ring/counters.ts";
import type { Starved } from "../../ring/reactor.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import type { AddressInput } from "../../ring/abi/address_input.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Messages of one round. */
const ROUND_MESSAGES = 256;
/** The same where one that fails has those behind it cancelled. */
const CHAIN_MESSAGES = 32;
/** Bytes of one round: what was copied is in the processor's cache when the system reads it. */
const ROUND_BYTES = 384 * 1024;
/** What leaves from where it is counts a quarter: nothing of it has to stay in the cache. */
const IN_PLACE_SHIFT = 2;
/** Datagrams joined to one message: `UDP_MAX_SEGMENTS` from Linux 6.9 on, and before. */
const JOINED_MOST = 128;
const JOINED_MOST_BEFORE = 64;

/** Whoever has calls waiting. */
export interface RoundOwner extends CompletionTarget {
  /** Says that what was in the way is gone. */
  pump(): void;
  /** Notes that a datagram of a job cannot be sent. */
  fail(job: SendJob, index: number, error: unknown): void;
}

/** The rounds of one endpoint. */
export class Rounds implements Starved {
  readonly outbox: Outbox;
  readonly #socket: Socket;
  readonly #network: Network;
  readonly #destinations: Destinations;
  readonly #owner: RoundOwner;
  readonly #isOrdered: boolean;
  /** Whether neither rates nor bytes are limited. */
  readonly #isUnlimited: boolean;
  readonly #room: RoomWaiter;
  #joinedMost: number;
  /** Messages that a round may have: as many as there was room for, and twice that the next time. */
  #window = ROUND_MESSAGES;
  /** Messages of the round that the system took. */
  #accepted = 0;
  /** Whether there was no room for one of them. */
  #wasFull = false;
  #messages = 0;
  #bytes = 0;
  /** The turn in which the round began: while it lasts, nothing of it is in the ring yet. */
  #turn = -1;
  /** Whether messages are put into the ring one behind the other, now. */
  #isChaining = false;
  #isWaitingForArena = false;
  /** Has what is next wait for the rate limit; null without one. */
  readonly #gate: GateWait | null;
  /** Where the message that is being measured goes; null where that was found out before. */
  #destination: Destination | null = null;

  /**
   * @param isOrdered whether datagrams arrive in the order in which they are sent
   * @param canJoin whether the system can cut joined datagrams apart
   */
  constructor(
    socket: Socket,
    destinations: Destinations,
    owner: RoundOwner,
    isOrdered: boolean,
    canJoin: boolean,
  ) {
    this.#socket = socket;
    this.#network = socket.network;
    this.#destinations = destinations;
    this.#owner = owner;
    this.#isOrdered = isOrdered;
    const { sendGate, isCounted } = socket.owner;
    this.#isUnlimited = sendGate === null && !isCounted;
    this.#gate = sendGate === null
      ? null
      : new GateWait(sendGate, this.#network.reactor, () => owner.pump());
    this.#joinedMost = canJoin ? JOINED_MOST : 1;
    this.outbox = new Outbox(socket, owner);
    this.#room = new RoomWaiter(socket, () => owner.pump());
  }

  /** Whether something is waited for: the rate limit, memory, or room in the peer's queue. */
  get isHeldUp(): boolean {
    const isGated = this.#gate !== null && this.#gate.isWaiting;
    return isGated || this.#isWaitingForArena || this.#room.isWaiting;
  }

  /** Whether a datagram may leave without waiting for anything. */
  get isFree(): boolean {
    return this.#gate === null && !this.#isOrdered && !this.isHeldUp && this.mayBegin();
  }

  /** Notes that the system took a message. */
  progressed(): void {
    this.#accepted++;
    this.#room.progressed();
  }

  /** Waits until the queue that was full for a message may have room: the socket's or the peer's. */
  awaitRoom(record: SendRecord): void {
    // What is put into the ring in vain costs as much as what is not.
    if (!this.#wasFull) this.#window = this.#accepted + 1;
    this.#wasFull = true;
    this.#room.wait(!this.#isOrdered || record.destination!.length === 0);
  }

  /** Begins to put messages into the ring one behind the other. */
  beginChain(): void {
    this.#isChaining = true;
    this.outbox.beginChain();
  }

  /** Ends that: what else happens may put other entries behind them. */
  endChain(): void {
    this.#isChaining = false;
  }

  /** Stops waiting. @returns when nothing of that is in flight, null when nothing is now */
  close(): Promise<void> | null {
    this.#gate?.stop();
    return this.#room.close();
  }

  /** Whether one more message may be put into the ring; begins a round when it is time. */
  mayBegin(): boolean {
    const turn = this.#network.reactor.counters.values[Counter.turns];
    if (this.outbox.inFlight === 0) {
      this.#beginRound(turn);
      return true;
    }
    if (this.#messages >= this.#window || this.#bytes >= ROUND_BYTES) return false;
    // Links hold together what lies side by side in the queue, and nothing else.
    if (this.#isOrdered) return this.#isChaining && this.#network.reactor.room > 0;
    return turn === this.#turn;
  }

  #beginRound(turn: number): void {
    const most = this.#isOrdered ? CHAIN_MESSAGES : ROUND_MESSAGES;
    if (!this.#wasFull) this.#window = Math.min(most, this.#window * 2);
    this.#wasFull = false;
    this.#accepted = 0;
    this.#turn = turn;
    this.#messages = 0;
    this.#bytes = 0;
  }

  /** Puts a single datagram into the ring. @returns its record, null when it has to wait */
  submitSingle(
    items: readonly DatagramToSend[],
    destination: Destination,
    bytes: number,
  ): SendRecord | null {
    const { outbox } = this;
    const record = outbox.take();
    outbox.gatherer.measure(items, 0, 1, bytes, 1, this.#leadsTo);
    if (outbox.submit(record, items, 0, destination, false) !== Obstacle.NONE) {
      outbox.give(record);
      return null;
    }
    this.#messages++;
    this.#bytes += bytes;
    return record;
  }

  /** Puts one message of a job into the ring. @returns false when it has to wait */
  next(job: SendJob): boolean {
    try {
      return this.#put(job, false);
    } catch {
      // Something is wrong with one of the items that would have left together: which one?
      try {
        return this.#put(job, true);
      } catch (error) {
        return this.#skip(job, error);
      }
    }
  }

  /** @param isAlone whether only the first item is looked at */
  #put(job: SendJob, isAlone: boolean): boolean {
    const { items, from, arrangement, slab } = job;
    let { destination, end } = job;
    let size = 0;
    if (slab !== null) {
      size = Math.min(slab.segment, slab.bytes - from * slab.segment);
    } else {
      const item = items[from];
      if (typeof item !== "object" || item === null) throw noDatagram(item);
      if (arrangement !== null) {
        destination = arrangement.targets[from];
        end = endOf(arrangement.targets, from, Math.min(end, from + JOINED_MOST));
      }
      destination ??= this.#destinations.of(item.to);
      size = lengthOf(item.data);
    }
    const refusal = this.refusalOf(destination!, size);
    if (refusal !== null) return this.#skip(job, refusal);
    const isSingle = isAlone || end - from === 1 || job.again[0]?.isSingle === true;
    const most = isSingle ? 1 : this.#mostOf(destination!, size);
    this.#destination = arrangement === null ? destination : null;
    return this.#enter(job, end, destination!, size, most);
  }

  #enter(
    job: SendJob,
    end: number,
    destination: Destination,
    size: number,
    most: number,
  ): boolean {
    const { outbox } = this;
    const record = outbox.take();
    let obstacle: Obstacle = Obstacle.GATE;
    try {
      obstacle = job.slab === null
        ? this.#submit(record, job, end, destination, size, most)
        : this.#submitSlab(record, job, job.slab, Math.min(most, end - job.from));
    } finally {
      if (obstacle !== Obstacle.NONE) {
        outbox.free(record);
        outbox.give(record);
      }
    }
    if (obstacle !== Obstacle.NONE) return this.#obstructed(job, obstacle);
    record.job = job;
    job.inFlight++;
    this.#messages++;
    this.#bytes += outbox.draft.copied > 0
      ? outbox.draft.bytes
      : outbox.draft.bytes >> IN_PLACE_SHIFT;
    job.advance(outbox.draft.count);
    return true;
  }

  #submit(
    record: SendRecord,
    job: SendJob,
    end: number,
    destination: Destination,
    size: number,
    most: number,
  ): Obstacle {
    const { items, from } = job;
    const { collector, gatherer, draft } = this.outbox;
    if (most > 1 && this.#isUnlimited) {
      const isCollected = collector.arrays(items, from, end, size, most, this.#leadsTo, record) ||
        collector.inPlace(items, from, end, size, most, this.#leadsTo, record);
      if (isCollected) return this.outbox.submitCollected(record, from, destination);
      this.outbox.free(record);
    }
    gatherer.measure(items, from, end, size, most, this.#leadsTo);
    if (!this.#passGate(job, from + draft.count)) return Obstacle.GATE;
    return this.outbox.submit(record, items, from, destination, this.#isOrdered);
  }

  #submitSlab(record: SendRecord, job: SendJob, slab: Slab, count: number): Obstacle {
    const { from } = job;
    const { collector } = this.outbox;
    collector.measureSlab(slab, from, count, slab.data instanceof Uint8Array);
    if (!this.#passGate(job, from + count)) return Obstacle.GATE;
    if (!this.outbox.charge(record)) return Obstacle.LIMIT;
    if (!collector.slab(slab, from, record)) return Obstacle.ARENA;
    return this.outbox.submitCollected(record, from, job.destination!, this.#isOrdered);
  }

  /**
   * Learns from joined datagrams that failed.
   *
   * @returns whether they may be joined again, but fewer of them
   */
  unjoin(record: SendRecord, errno: number): boolean {
    if (record.count > JOINED_MOST_BEFORE && this.#joinedMost > JOINED_MOST_BEFORE) {
      this.#joinedMost = JOINED_MOST_BEFORE;
      return true;
    }
    // What is larger than the path's packets cannot be joined; some devices can join nothing.
    record.destination!.joinedBytesMax = errno === Errno.EIO ? 0 : record.segment - 1;
    return false;
  }

  /** What is in the way of a datagram, whatever else happens. */
  refusalOf(destination: Destination, bytes: number): Error | null {
    if (destination.denial !== null) return this.#destinations.denied(destination.denial);
    if (bytes <= destination.bytesMax) return null;
    const { local, remote } = this.names(destination);
    return tooLarge(local, remote, destination, bytes);
  }

  /** Addresses for an error. */
  names(destination: Destination | null): { local: string; remote: string } {
    const { localName, remoteName } = this.#socket;
    const text = destination === null ? "" : destination.text;
    return { local: localName, remote: text === "" ? remoteName : text };
  }

  /** {@inheritDoc Starved.resume} */
  resume(): boolean {
    this.#isWaitingForArena = false;
    this.#owner.pump();
    return !this.#isWaitingForArena;
  }

  readonly #leadsTo = (to: AddressInput | undefined): boolean =>
    this.#destination === null || this.#destinations.find(to) === this.#destination;

  #skip(job: SendJob, error: unknown): boolean {
    this.#owner.fail(job, job.from, error);
    job.advance(1);
    return true;
  }

  /** Datagrams of a size that may leave joined to a destination. */
  #mostOf({ joinedBytesMax, bytesMax }: Destination, size: number): number {
    if (size === 0 || size > joinedBytesMax || this.#joinedMost === 1) return 1;
    // A message that takes half of a small arena must not wait for the other half.
    const room = Math.min(bytesMax, this.#network.reactor.arena.largestBytes >> 1);
    return Math.max(1, Math.min(this.#joinedMost, Math.floor(room / size)));
  }

  /** Books what is about to leave. @param end behind the last item of it */
  #passGate(job: SendJob, end: number): boolean {
    if (this.#gate === null || end <= job.booked) return true;
    job.booked = end;
    return this.#gate.book(this.outbox.draft.bytes);
  }

  /** A message did not get into the ring. @returns whether the next one may be tried */
  #obstructed(job: SendJob, obstacle: Obstacle): boolean {
    // What is in flight will make room.
    if (obstacle === Obstacle.GATE || this.outbox.inFlight > 0) return false;
    const { reactor } = this.#network;
    const { bytes } = this.outbox.draft;
    if (obstacle === Obstacle.ARENA && bytes <= reactor.arena.largestBytes >> 1) {
      this.#isWaitingForArena = true;
      reactor.awaitArena(this);
      return false;
    }
    const names = this.names(job.destination);
    const error = obstacle === Obstacle.LIMIT
      ? this.outbox.limit
      : obstacle === Obstacle.SLOTS
      ? this.#network.inFlightExceeded("send")
      : netError(Errno.ENOBUFS, { operation: "send", ...names });
    return this.#skip(job, error);
  }
}

/** Where the items end that go to the same place as the first one. */
function endOf(targets: readonly (Destination | null)[], from: number, end: number): number {
  let index = from + 1;
  while (index < end && targets[index] === targets[from]) index++;
  return index;
}

function noDatagram(item: unknown): TypeError {
  return new TypeError(`sendBatch: an item must be { data, to }, not ${String(item)}`);
}
