/**
 * Letters and questions between the Workers of a stack of shards. Shard 0 has a channel to each
 * other one, and passes on what these say to each other.
 *
 * @module
 */

import type { MessagePort } from "node:worker_threads";
import type { RingLetter } from "./messages.ts";

/** What goes through a channel. */
type Envelope =
  & { readonly from: number; readonly to: number }
  & (
    | { readonly type: "letter"; readonly letter: RingLetter }
    | { readonly type: "question"; readonly id: number; readonly request: unknown }
    | {
      readonly type: "answer";
      readonly id: number;
      readonly answer?: unknown;
      /** Why there is no answer. */
      readonly refusal?: string;
    }
  );

/** What a shard does with what it is told. */
export interface ShardHearing {
  /** Reads a letter. */
  onLetter(from: number, letter: RingLetter): void;
  /** Answers a question. @throws {Error} with the words of a refusal */
  onQuestion(from: number, request: unknown): Promise<unknown>;
}

/** Somebody who waits for an answer. */
interface Question {
  readonly to: number;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The channels of one shard. */
export class ShardChannels {
  readonly #index: number;
  readonly #hearing: ShardHearing;
  /** By shard; those but shard 0 have one to it only. */
  #ports: readonly (MessagePort | null)[] = [];
  readonly #questions = new Map<number, Question>();
  readonly #failed = new Set<number>();
  #nextId = 0;

  /** @param index which shard it is */
  constructor(index: number, hearing: ShardHearing) {
    this.#index = index;
    this.#hearing = hearing;
  }

  /** Begins to use channels. @param ports by shard, null where there is none */
  connect(ports: readonly (MessagePort | null)[]): void {
    this.#ports = ports;
    for (const port of ports) {
      port?.on("message", (message: unknown) => void this.#hear(message as Envelope));
    }
  }

  /** Sends a letter. */
  sendLetter(to: number, letter: RingLetter): void {
    this.#post({ from: this.#index, to, type: "letter", letter });
  }

  /** Asks another shard. @throws {Error} with its words, or when it does no more */
  async ask(to: number, request: unknown): Promise<unknown> {
    if (this.#failed.has(to)) throw failure(to);
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#post({ from: this.#index, to, type: "question", id, request });
    this.#questions.set(id, { to, resolve, reject });
    return await promise;
  }

  /** A shard does no more: it answers nothing. */
  fail(shard: number): void {
    this.#failed.add(shard);
    for (const [id, question] of [...this.#questions]) {
      if (question.to !== shard) continue;
      this.#questions.delete(id);
      question.reject(failure(shard));
    }
  }

  /** Lets go of the channels. */
  close(): void {
    for (const port of this.#ports) port?.close();
  }

  #post(envelope: Envelope): void {
    // Who has no channel to another shard has one to shard 0.
    const port = this.#ports[envelope.to] ?? this.#ports[0] ?? null;
    if (port === null) throw new Error(`stack: shard ${this.#index} has no channel yet`);
    port.postMessage(envelope);
  }

  async #hear(envelope: Envelope): Promise<void> {
    if (envelope.to !== this.#index) return this.#post(envelope);
    switch (envelope.type) {
      case "letter":
        return this.#hearing.onLetter(envelope.from, envelope.letter);
      case "question":
        return await this.#answer(envelope.from, envelope.id, envelope.request);
      case "answer": {
        const question = this.#questions.get(envelope.id);
        this.#questions.delete(envelope.id);
        if (envelope.refusal === undefined) question?.resolve(envelope.answer);
        else question?.reject(new Error(envelope.refusal));
      }
    }
  }

  async #answer(from: number, id: number, request: unknown): Promise<void> {
    const head = { from: this.#index, to: from, type: "answer", id } as const;
    try {
      this.#post({ ...head, answer: await this.#hearing.onQuestion(from, request) });
    } catch (error) {
      this.#post({ ...head, refusal: error instanceof Error ? error.message : String(error) });
    }
  }
}

function failure(shard: number): Error {
  return new Error(`stack: shard ${shard} has ended`);
}
