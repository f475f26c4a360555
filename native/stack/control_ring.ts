/**
 * The ring by which a stack is controlled: requests and answers in JSON, as driver operations, so
 * that it makes no difference which thread runs the stack.
 *
 * @module
 */

import { netError, unsupported } from "../errors.ts";
import { Network } from "../network.ts";
import { planOf } from "../ring_options.ts";
import type { RunningStack } from "../../drivers/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";
import {
  W_ADDRESS,
  W_BUFFER_GROUP,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
} from "../../ring/abi/layout.ts";
import { CqeFlag, DriverOp } from "../../ring/abi/opcodes.ts";
import { BUFFER_GROUP } from "../../ring/buffers.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import type { StackEventInfo, StackEventIterator } from "./stack_types.ts";

/** Room for the longest answer: what a stack of many interfaces and routes tells of itself. */
const ANSWER_BYTES = 512 * 1024;
const ARENA_BYTES = 8 * 1024 * 1024;
const EVENT_BUFFERS = 256;
const EVENT_BYTES = 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Asks a stack. */
export class ControlRing {
  readonly #running: RunningStack;
  readonly #network: Network;
  readonly #subscriptions = new Set<Subscription>();

  /** Opens a ring of its own. */
  constructor(running: RunningStack) {
    this.#running = running;
    const { plan, without } = planOf({
      entries: 64,
      slots: 1024,
      buffers: { count: EVENT_BUFFERS, bytes: EVENT_BYTES },
      datagramBuffers: { count: 0 },
      arenaBytes: ARENA_BYTES,
    });
    this.#network = new Network(running.openRing(plan, without, ""));
  }

  /**
   * Sends a request.
   *
   * @param command what is asked
   * @param argument what JSON can say
   * @returns the answer
   * @throws {NetError} EINVAL with the stack's own words, EIO when nobody runs it any more
   */
  async ask<Answer>(command: string, argument: object = {}): Promise<Answer> {
    const { reactor } = this.#network;
    const request = encoder.encode(JSON.stringify({ command, ...argument }));
    const block = reactor.arena.take(request.length + ANSWER_BYTES);
    if (block < 0) throw netError(Errno.ENOBUFS, { operation: command });
    const answerAt = block + request.length;
    reactor.memory.bytes.set(request, block);
    const result = await this.#network.run(
      DriverOp.CONTROL,
      -1,
      (_, at) => {
        reactor.setLong(at + W_ADDRESS, block);
        reactor.entries[at + W_LENGTH] = request.length;
        reactor.setLong(at + W_OFFSET, answerAt);
        reactor.entries[at + W_FILE_INDEX] = ANSWER_BYTES;
      },
      undefined,
      command,
    );
    const text = textAt(reactor.memory.bytes, answerAt, result);
    reactor.giveArena(block);
    if (result === -Errno.EINVAL) throw refusal(command, JSON.parse(text));
    if (result < 0) throw netError(result, { operation: command });
    return JSON.parse(text) as Answer;
  }

  /** Tells of events. @param names which; all without it */
  subscribe(names: readonly string[] | undefined): StackEventIterator {
    const wanted = names === undefined ? null : new Set(names);
    const subscription = new Subscription(this.#network, wanted, () => {
      this.#subscriptions.delete(subscription);
    });
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** Ends it. */
  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.return()));
    await this.#network.reactor.close();
  }

  /**
   * Sends a request with what JSON cannot say: ports, which are handed over by a message.
   *
   * @throws {NetError} EINVAL with the stack's own words
   */
  async hand<Answer>(command: string, argument: object): Promise<Answer> {
    try {
      return await this.#running.control({ command, ...argument }) as Answer;
    } catch (error) {
      throw refusal(command, error instanceof Error ? error.message : String(error));
    }
  }
}

function refusal(command: string, message: string): Error {
  return netError(Errno.EINVAL, { operation: command, detail: message });
}

/** An answer's text; that of a refusal ends at the first zero. */
function textAt(bytes: Uint8Array, at: number, result: number): string {
  if (result >= 0) return decoder.decode(bytes.slice(at, at + result));
  const room = bytes.slice(at, at + ANSWER_BYTES);
  const end = room.indexOf(0);
  return decoder.decode(room.subarray(0, end < 0 ? room.length : end)) || '""';
}

/** Events of one subscriber, kept until they are asked for. */
class Subscription implements CompletionTarget, StackEventIterator {
  readonly #network: Network;
  readonly #wanted: ReadonlySet<string> | null;
  readonly #onEnd: () => void;
  readonly #events: StackEventInfo[] = [];
  readonly #ended = Promise.withResolvers<void>();
  #slot: number;
  #isEnding = false;
  #waiting: (() => void) | null = null;
  #missed = 0;

  constructor(network: Network, wanted: ReadonlySet<string> | null, onEnd: () => void) {
    this.#network = network;
    this.#wanted = wanted;
    this.#onEnd = onEnd;
    const { reactor } = network;
    this.#slot = reactor.slots.take(this, 0);
    if (this.#slot < 0) throw unsupported("stack", "more subscriptions", "subscribe");
    const at = reactor.entry(DriverOp.EVENTS, -1, this.#slot);
    reactor.entries[at + W_BUFFER_GROUP] = BUFFER_GROUP;
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(_tag: number, result: number, flags: number): void {
    if ((flags & CqeFlag.BUFFER) !== 0) this.#take(result, flags >>> 16);
    if ((flags & CqeFlag.MORE) === 0) {
      this.#slot = -1;
      this.#ended.resolve();
      this.#onEnd();
    }
    this.#waiting?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<StackEventInfo>> {
    const { reactor } = this.#network;
    reactor.reference();
    while (this.#events.length === 0 && this.#slot >= 0 && !this.#isEnding) {
      await new Promise<void>((resolve) => this.#waiting = resolve);
      this.#waiting = null;
    }
    reactor.dereference();
    const value = this.#events.shift();
    return value === undefined ? { done: true, value } : { done: false, value };
  }

  async return(): Promise<IteratorResult<StackEventInfo>> {
    if (!this.#isEnding && this.#slot >= 0) {
      this.#isEnding = true;
      const { reactor } = this.#network;
      reactor.reference();
      reactor.cancel(this.#slot);
      this.#waiting?.();
      await this.#ended.promise;
      reactor.dereference();
    }
    return { done: true, value: undefined };
  }

  #take(length: number, id: number): void {
    const { buffers, memory } = this.#network.reactor;
    buffers.arrive(id);
    const at = buffers.offsetOf(id);
    const text = decoder.decode(memory.bytes.slice(at, at + length));
    buffers.release(id);
    const event = JSON.parse(text) as StackEventInfo;
    if (this.#wanted !== null && !this.#wanted.has(event.event)) return;
    // Who never asks must not fill the memory.
    if (this.#events.length >= EVENT_BUFFERS) {
      this.#missed++;
      return;
    }
    const missed = this.#missed + (event.missed ?? 0);
    this.#missed = 0;
    this.#events.push(missed > 0 ? { ...event, missed } : event);
  }
}
