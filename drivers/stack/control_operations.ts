/**
 * CONTROL and EVENTS: the control API of a stack, as operations of its rings.
 *
 * @module
 */

import { BUFFER_GROUP, DATAGRAM_GROUP } from "../../ring/buffers.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { CQE_BUFFER_SHIFT, CqeFlag } from "../../ring/abi/opcodes.ts";
import type { RingMemory } from "../../ring/memory.ts";
import { uncancellable } from "../machine/machine.ts";
import type { Operation, OperationOwner } from "../machine/operation.ts";
import { isWithin } from "../machine/segments.ts";
import type { StackMachine } from "./machine.ts";

const LONGEST_REQUEST = 1 << 20;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** CONTROL: a request at `addr`, room for its answer at `off`. */
export function control(machine: StackMachine, operation: Operation): void {
  const { memory, service } = machine;
  const { address, length, offset, fileIndex: room } = operation;
  if (length < 0 || length > LONGEST_REQUEST) {
    return machine.complete(operation, -Errno.EINVAL, 0);
  }
  if (!isWithin(memory, address, length) || !isWithin(memory, offset, room)) {
    return machine.complete(operation, -Errno.EFAULT, 0);
  }
  const write = (answer: unknown, isRefused: boolean) =>
    writeAnswer(memory, offset, room, answer, isRefused);
  try {
    const request = JSON.parse(decoder.decode(memory.bytes.slice(address, address + length)));
    const answer = service.control(request);
    if (answer instanceof Promise) return awaitAnswer(machine, operation, answer, write);
    machine.complete(operation, write(answer, false), 0);
  } catch (error) {
    machine.complete(operation, write(wordsOf(error), true), 0);
  }
}

/** Completes the operation once it is answered. */
function awaitAnswer(
  machine: StackMachine,
  operation: Operation,
  answer: Promise<unknown>,
  write: (answer: unknown, isRefused: boolean) => number,
): void {
  machine.park(operation, uncancellable);
  machine.outstanding++;
  const complete = (result: number) => {
    machine.outstanding--;
    machine.complete(operation, result, 0);
  };
  answer.then(
    (answered) => complete(write(answered, false)),
    (error) => complete(write(wordsOf(error), true)),
  );
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Writes an answer, or a refusal, as JSON. @returns the result of the operation */
function writeAnswer(
  memory: RingMemory,
  offset: number,
  room: number,
  answer: unknown,
  isRefused: boolean,
): number {
  const bytes = encoder.encode(JSON.stringify(answer ?? null));
  if (bytes.length > room) return -Errno.EMSGSIZE;
  memory.bytes.set(bytes, offset);
  // Zeros behind it end a refusal, whose length is not told.
  if (isRefused) memory.bytes.fill(0, offset + bytes.length, offset + room);
  return isRefused ? -Errno.EINVAL : bytes.length;
}

/** Passes events on. */
class Subscription implements OperationOwner {
  /** Events that found no buffer. */
  missed = 0;
  readonly #machine: StackMachine;
  readonly #operation: Operation;
  readonly #end: () => void;

  constructor(machine: StackMachine, operation: Operation) {
    this.#machine = machine;
    this.#operation = operation;
    machine.park(operation, this);
    this.#end = machine.service.subscribe((event) => this.#tell(event));
  }

  cancel(operation: Operation): number {
    this.#end();
    this.#machine.complete(operation, -Errno.ECANCELED, 0);
    return 0;
  }

  /** Events that nobody has room for are told of by a count in the next one. */
  #tell(event: unknown): void {
    const { memory, supply, datagramSupply } = this.#machine;
    const missed = this.missed;
    const told = missed > 0 ? { ...event as object, missed } : event;
    const bytes = encoder.encode(JSON.stringify(told));
    const from = this.#operation.bufferGroup === BUFFER_GROUP ? supply : datagramSupply;
    if (!from.take()) {
      this.missed++;
      return;
    }
    this.missed = 0;
    const count = Math.min(bytes.length, from.bytes);
    memory.bytes.set(bytes.subarray(0, count), from.offset);
    const flags = CqeFlag.BUFFER | (from.id << CQE_BUFFER_SHIFT);
    this.#machine.more(this.#operation, count, flags);
  }
}

/** EVENTS: tells of what happens, until it is cancelled. */
export function events(machine: StackMachine, operation: Operation): void {
  const { bufferGroup } = operation;
  if (bufferGroup !== BUFFER_GROUP && bufferGroup !== DATAGRAM_GROUP) {
    return machine.complete(operation, -Errno.ENOBUFS, 0);
  }
  new Subscription(machine, operation);
}
