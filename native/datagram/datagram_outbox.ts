/**
 * Messages in the ring: each has a record for as long as its operation is in flight.
 *
 * @module
 */

import type { Destination } from "./datagram_destinations.ts";
import { Collector } from "./datagram_collect.ts";
import { Draft } from "./datagram_draft.ts";
import { Gatherer } from "./datagram_gather.ts";
import type { DatagramToSend, SendJob } from "./datagram_jobs.ts";
import type { Socket } from "../socket.ts";
import type { Reactor } from "../../ring/reactor.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import {
  W_ADDRESS,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
  W_OPERATION_FLAGS,
} from "../../ring/abi/layout.ts";
import { setLong } from "../../ring/abi/long.ts";
import { Msg, Op, SqeFlag } from "../../ring/abi/opcodes.ts";
import type { Words } from "../../ring/barrier.ts";

/** Who waits for room waits here, not in the ring: see `datagram_room.ts`. */
const SEND_FLAGS = Msg.NOSIGNAL | Msg.DONTWAIT;

/** What is in the way of a message. */
export const Obstacle = { NONE: 0, SLOTS: 1, ARENA: 2, LIMIT: 3, GATE: 4 } as const;
/** See {@linkcode Obstacle}. */
export type Obstacle = typeof Obstacle[keyof typeof Obstacle];

/** One message, with one datagram or several joined. */
export class SendRecord {
  readonly index: number;
  /** The call it belongs to; null for a `send` that did not have to wait. */
  job: SendJob | null = null;
  /** The slot while in flight, else -1. */
  slot = -1;
  destination: Destination | null = null;
  /** The first item. */
  first = 0;
  /** Items. */
  count = 0;
  /** Bytes of each but the last. */
  segment = 0;
  bytes = 0;
  /** Where its first piece is. */
  start = 0;
  /** The arena block that the bytes were copied to, else -1. */
  block = -1;
  /** The block beside the ring that they were copied to, else -1. */
  staged = -1;
  /** Bytes of copies that count against a limit. */
  charged = 0;
  /** Ends the pins of what leaves in place. */
  readonly pins: (() => void)[] = [];
  resolve: ((bytes: number) => void) | null = null;
  reject: ((reason: unknown) => void) | null = null;

  constructor(index: number) {
    this.index = index;
  }
}

/** Puts messages into the ring and frees what they held. */
export class Outbox {
  /** Messages in the ring. */
  inFlight = 0;
  /** The message that is being put together. */
  readonly draft: Draft;
  readonly gatherer: Gatherer;
  readonly collector: Collector;
  /** The limit that was in the way, with {@linkcode Obstacle.LIMIT}. */
  limit: Error | null = null;
  readonly #socket: Socket;
  readonly #reactor: Reactor;
  readonly #target: CompletionTarget;
  readonly #records: SendRecord[] = [];
  readonly #spare: SendRecord[] = [];
  /** The entry that the next one may be linked to. */
  #linkWords: Words | null = null;
  #linkAt = 0;

  /** @param target is told of completions, with the record's index as tag */
  constructor(socket: Socket, target: CompletionTarget) {
    this.#socket = socket;
    this.#reactor = socket.network.reactor;
    this.#target = target;
    this.draft = new Draft(this.#reactor);
    this.gatherer = new Gatherer(this.draft);
    this.collector = new Collector(this.draft);
  }

  /** A record for the next message. */
  take(): SendRecord {
    const spare = this.#spare.pop();
    if (spare !== undefined) return spare;
    const record = new SendRecord(this.#records.length);
    this.#records.push(record);
    return record;
  }

  /** The record of a completion. */
  at(index: number): SendRecord {
    return this.#records[index];
  }

  /** Begins a chain: messages until {@linkcode Outbox.endChain} start one after the other. */
  beginChain(): void {
    this.#linkWords = null;
  }

  /** Ends the chain: the message that was put into the ring last is its last. */
  endChain(): void {
    this.#linkWords = null;
  }

  /**
   * Puts the message that was measured last into the ring.
   *
   * @param isLinked whether it starts when the one before it in the chain has succeeded
   */
  submit(
    record: SendRecord,
    items: readonly DatagramToSend[],
    from: number,
    destination: Destination,
    isLinked: boolean,
  ): Obstacle {
    const reactor = this.#reactor;
    const slot = reactor.slots.take(this.#target, record.index);
    if (slot < 0) return Obstacle.SLOTS;
    if (!this.charge(record)) return this.#giveUp(record, slot, Obstacle.LIMIT);
    let isGathered: boolean;
    try {
      isGathered = this.gatherer.gather(items, from, record, slot, destination.length);
    } catch (error) {
      this.#giveUp(record, slot, Obstacle.NONE);
      throw error;
    }
    if (!isGathered) return this.#giveUp(record, slot, Obstacle.ARENA);
    this.#enter(record, from, destination, slot, isLinked);
    return Obstacle.NONE;
  }

  /** The same for a message that is in the arena already. */
  submitCollected(
    record: SendRecord,
    from: number,
    destination: Destination,
    isLinked = false,
  ): Obstacle {
    const slot = this.#reactor.slots.take(this.#target, record.index);
    if (slot < 0) {
      this.free(record);
      return Obstacle.SLOTS;
    }
    this.#enter(record, from, destination, slot, isLinked);
    return Obstacle.NONE;
  }

  /** Copies the bytes of a single datagram, before its memory is freed. */
  copy({ start, bytes }: SendRecord): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#reactor.memory.bytes.subarray(start, start + bytes));
  }

  /** Frees what a message held; its record can still be read. */
  free(record: SendRecord): void {
    record.slot = -1;
    if (record.block >= 0) {
      this.#reactor.giveArena(record.block);
      record.block = -1;
    }
    if (record.staged >= 0) {
      this.#reactor.driver.staging!.give(record.staged);
      record.staged = -1;
    }
    if (record.charged > 0) {
      this.#socket.owner.release("bufferBytes", record.charged);
      record.charged = 0;
    }
    for (let pin = record.pins.pop(); pin !== undefined; pin = record.pins.pop()) pin();
  }

  /** Gives a record back. */
  give(record: SendRecord): void {
    record.job = null;
    record.destination = null;
    record.resolve = null;
    record.reject = null;
    this.#spare.push(record);
  }

  /** Asks for the cancellation of a call's messages; null: of those that belong to none. */
  cancel(job: SendJob | null): void {
    for (const record of this.#records) {
      if (record.slot >= 0 && record.job === job) this.#reactor.cancel(record.slot);
    }
  }

  #enter(
    record: SendRecord,
    from: number,
    destination: Destination,
    slot: number,
    isLinked: boolean,
  ): void {
    const reactor = this.#reactor;
    const { draft } = this;
    record.slot = slot;
    record.destination = destination;
    record.first = from;
    record.count = draft.count;
    record.segment = draft.segment;
    record.bytes = draft.bytes;
    record.start = draft.pieces.starts[0];
    const { base } = reactor.memory;
    const { isPlain } = draft;
    const at = reactor.entry(isPlain ? Op.SEND : Op.SENDMSG, this.#socket.descriptor, slot);
    const words = reactor.entries;
    words[at + W_OPERATION_FLAGS] = SEND_FLAGS;
    if (isPlain) {
      setLong(words, at + W_ADDRESS, draft.base + draft.pieces.starts[0]);
      words[at + W_LENGTH] = draft.bytes;
      if (destination.length > 0) {
        setLong(words, at + W_OFFSET, base + draft.writeName(slot, destination));
        words[at + W_FILE_INDEX] = destination.length;
      }
    } else {
      setLong(words, at + W_ADDRESS, base + draft.writeHeader(slot, record, destination));
      words[at + W_LENGTH] = 1;
    }
    this.inFlight++;
    if (isLinked) this.#link(words, at);
  }

  /** Counts copies against the capability's limit. @returns false at the limit */
  charge(record: SendRecord): boolean {
    const { owner } = this.#socket;
    const { copied } = this.draft;
    if (!owner.isCounted || copied === 0) return true;
    this.limit = owner.acquire("bufferBytes", copied, "send");
    if (this.limit === null) record.charged = copied;
    return this.limit === null;
  }

  #giveUp(record: SendRecord, slot: number, obstacle: Obstacle): Obstacle {
    this.#reactor.slots.abandon(slot);
    this.free(record);
    return obstacle;
  }

  #link(words: Words, at: number): void {
    if (this.#linkWords !== null) this.#linkWords[this.#linkAt] |= SqeFlag.IO_LINK << 8;
    this.#linkWords = words;
    this.#linkAt = at;
  }
}
