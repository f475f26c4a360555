/**
 * Sends for one datagram socket, in the order in which they were asked for.
 *
 * Deno sends at once what it is given, unless the socket cannot take it; then it waits, and those
 * that wait are served in the opposite order, the last one first. That is so for whatever a socket
 * is given to begin with, before Deno knows it to be writable. So the first datagram of a socket goes
 * alone, and those after it in batches, each of which waits for the one before: should the send
 * buffer be full one day, no more than one batch is out of order.
 *
 * @module
 */

import type { RingMemory } from "../../ring/memory.ts";
import { IOVEC } from "../../ring/abi/layout.ts";
import { errnoOf } from "../machine/errors.ts";
import type { Machine } from "./machine.ts";
import type { DatagramPort } from "./node_datagrams.ts";
import type { Operation } from "../machine/operation.ts";
import { readLong } from "../machine/segments.ts";

/** Datagrams that Deno is given at once. */
const MAXIMUM_BATCH = 256;

/** A datagram that is to be sent. */
interface Letter {
  readonly parts: readonly Uint8Array[];
  readonly host: string;
  readonly port: number;
  /** Whose it is; its `room` counts letters that are not out, its `done` is 0 or `-errno`. */
  readonly operation: Operation;
}

/** Sends for one socket. */
export class Sender {
  /** Called once when the last datagram that was to be sent is out. */
  onDrained: (() => void) | null = null;
  readonly #machine: Machine;
  readonly #port: DatagramPort;
  #letters: Letter[] = [];
  /** Letters before this one are with Deno. */
  #next = 0;
  /** Letters that are with Deno, and not out. */
  #unsent = 0;
  #batchLimit = 1;

  /** @param port a bound socket */
  constructor(machine: Machine, port: DatagramPort) {
    this.#machine = machine;
    this.#port = port;
  }

  /** Whether nothing is to be sent. */
  get isIdle(): boolean {
    return this.#unsent === 0 && this.#letters.length === 0;
  }

  /**
   * Sends the datagrams of a parked operation, which completes when they are out.
   *
   * @param segmentBytes of each datagram; the last one may be shorter
   */
  send(operation: Operation, segmentBytes: number, host: string, port: number): void {
    const { memory } = this.#machine;
    const { total } = operation;
    // A datagram without bytes is one, too.
    const count = total === 0 ? 1 : Math.ceil(total / segmentBytes);
    for (let index = 0; index < count; index++) {
      const bytes = Math.min(segmentBytes, total - index * segmentBytes);
      this.#letters.push({ parts: takeViews(memory, operation, bytes), host, port, operation });
    }
    operation.room = count;
    operation.done = 0;
    if (this.#unsent === 0) this.#flush();
  }

  #flush(): void {
    const letters = this.#letters;
    const first = this.#next;
    const end = Math.min(first + this.#batchLimit, letters.length);
    this.#batchLimit = MAXIMUM_BATCH;
    this.#next = end;
    if (end === letters.length) {
      this.#letters = [];
      this.#next = 0;
    }
    this.#unsent = end - first;
    this.#machine.outstanding += end - first;
    for (let index = first; index < end; index++) {
      const { parts, host, port, operation } = letters[index];
      this.#port.send(parts, host, port, (error) => this.#sent(operation, error));
    }
  }

  #sent(operation: Operation, error: unknown): void {
    this.#machine.outstanding--;
    this.#unsent--;
    if (error && operation.done === 0) operation.done = -errnoOf(error);
    if (--operation.room === 0) {
      const { done, total } = operation;
      this.#machine.complete(operation, done === 0 ? total : done, 0);
    }
    if (this.#unsent > 0) return;
    if (this.#letters.length > 0) return this.#flush();
    const { onDrained } = this;
    this.onDrained = null;
    onDrained?.();
  }
}

/** Takes the operation's next bytes as views of ring memory. */
function takeViews(memory: RingMemory, operation: Operation, count: number): Uint8Array[] {
  let views: Uint8Array[] | null = null;
  for (let left = count; left > 0 || views === null;) {
    while (operation.room === 0 && left > 0) {
      operation.address = readLong(memory, operation.vector + IOVEC.BASE);
      operation.room = readLong(memory, operation.vector + IOVEC.LENGTH);
      operation.vector += IOVEC.SIZE;
    }
    const bytes = Math.min(left, operation.room);
    const view = memory.bytes.subarray(operation.address, operation.address + bytes);
    // A literal: an array that grows takes room for many, and most datagrams are in one piece.
    if (views === null) views = [view];
    else views.push(view);
    operation.address += bytes;
    operation.room -= bytes;
    left -= bytes;
  }
  return views;
}
