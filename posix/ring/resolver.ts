/**
 * Names and addresses, by way of a ring that a thread may block on.
 *
 * @module
 */

import type { Outcome, Resolver } from "../engine.ts";
import { BlockingRing } from "./blocking_ring.ts";
import { EntryCall } from "./wait.ts";
import { AF_INET, AF_INET6, AF_UNSPEC } from "../constants/mod.ts";
import type { NetworkCapability } from "../../native/capability.ts";
import type { MemoryPlan } from "../../ring/memory.ts";
import {
  W_ADDRESS,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
  W_OPERATION_FLAGS,
} from "../../ring/abi/layout.ts";
import { DriverOp, ResolveFlag } from "../../ring/abi/opcodes.ts";
import { decodeSockaddr } from "../../ring/abi/sockaddr.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Sizes of a ring that carries lookups only. */
const LOOKUP_PLAN: MemoryPlan = {
  entries: 64,
  completions: 128,
  slots: 256,
  bufferCount: 0,
  bufferBytes: 64,
  datagramCount: 0,
  datagramBytes: 1024,
  arenaBytes: 1 << 20,
};

/** Bytes from one sockaddr of an answer to the next. */
const STRIDE_BYTES = 28;
/** Room for what is asked, and for the answer: more addresses than any resolver gives. */
const QUESTION_BYTES = 1024;
const ANSWER_BYTES: number = STRIDE_BYTES * 256;
const FAMILIES = { 0: AF_UNSPEC, 4: AF_INET, 6: AF_INET6 } as const;

/** Looks names up through a ring. */
export class RingResolver implements Resolver {
  readonly #ring: BlockingRing;

  /** @param ring stays the caller's */
  constructor(ring: BlockingRing) {
    this.#ring = ring;
  }

  /** {@inheritDoc Resolver.lookup} */
  lookup(name: string, family: 0 | 4 | 6, found: Uint8Array[]): Outcome {
    const question = new TextEncoder().encode(name);
    return this.#ask(DriverOp.RESOLVE, question, FAMILIES[family], (answer, count) => {
      for (let index = 0; index < count; index++) {
        const { bytes } = decodeSockaddr(answer, index * STRIDE_BYTES, lengthAt(answer, index));
        found.push(bytes.slice());
      }
    });
  }

  /** {@inheritDoc Resolver.canonicalName} */
  canonicalName(name: string, family: 0 | 4 | 6, found: string[]): Outcome {
    const question = new TextEncoder().encode(name);
    const flags = FAMILIES[family] | ResolveFlag.CANONICAL;
    return this.#ask(DriverOp.RESOLVE, question, flags, (answer, length) => {
      found.push(textOf(answer, length));
    });
  }

  /** {@inheritDoc Resolver.reverseLookup} */
  reverseLookup(address: Uint8Array, found: string[]): Outcome {
    return this.#ask(DriverOp.REVERSE, address, 0, (answer, length) => {
      found.push(textOf(answer, length));
    });
  }

  #ask(
    opcode: number,
    question: Uint8Array,
    flags: number,
    read: (answer: Uint8Array<ArrayBuffer>, result: number) => void,
  ): Outcome {
    if (question.length > QUESTION_BYTES) return -Errno.ENAMETOOLONG;
    const { reactor } = this.#ring;
    const block = reactor.arena.take(QUESTION_BYTES + ANSWER_BYTES);
    if (block < 0) return -Errno.ENOMEM;
    reactor.memory.bytes.set(question, block);
    return new EntryCall(this.#ring, opcode, -1, (at) => {
      const words = reactor.entries;
      reactor.setLong(at + W_ADDRESS, block);
      words[at + W_LENGTH] = question.length;
      reactor.setLong(at + W_OFFSET, block + QUESTION_BYTES);
      words[at + W_FILE_INDEX] = ANSWER_BYTES;
      words[at + W_OPERATION_FLAGS] = flags;
    }, {
      isLong: true,
      finish: (result) => {
        const from = block + QUESTION_BYTES;
        if (result > 0) read(reactor.memory.bytes.slice(from, from + ANSWER_BYTES), result);
        reactor.giveArena(block);
        return Math.min(0, result);
      },
    }).outcome;
  }
}

function textOf(answer: Uint8Array<ArrayBuffer>, length: number): string {
  return new TextDecoder().decode(answer.subarray(0, length));
}

function lengthAt(answer: Uint8Array, index: number): number {
  const at = index * STRIDE_BYTES;
  return (answer[at] | (answer[at + 1] << 8)) === AF_INET ? 16 : STRIDE_BYTES;
}

/** The ring of an engine that needs one for names only; it starts with the first of them. */
export class LookupRing {
  readonly #capability: NetworkCapability;
  #ring: BlockingRing | null = null;
  #resolver: RingResolver | null = null;

  /** @param capability its backend must have private rings */
  constructor(capability: NetworkCapability) {
    this.#capability = capability;
  }

  /** The resolver over it. */
  get resolver(): RingResolver {
    this.#ring ??= new BlockingRing(this.#capability.openPrivateDriver(LOOKUP_PLAN));
    return this.#resolver ??= new RingResolver(this.#ring);
  }

  /** Ends what was started. */
  async dispose(): Promise<void> {
    await this.#ring?.dispose();
  }
}
