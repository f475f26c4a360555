/**
 * CONTROL and EVENTS: the control API of a stack, as operations of its rings.
 *
 * @module
 */

import { BUFFER_GROUP, DATAGRAM_GROUP } from "../../ring/buffers.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { CQE_BUFFER_SHIFT, CqeFlag } from "../../ring/abi/opcodes.ts";
import type { Operation, OperationOwner } from "../machine/operation.ts";
import { isWithin } from "../machine/segments.ts";
import type { StackMachine } from "./machine.ts";

const LONGEST_REQUEST = 1 << 20;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** CONTROL: a request at `addr`, room for its answer at `off`. */
export function control(machine: StackMachine, operation: Operation): void {
  machine.complete(operation, answer(machine, operation), 0);
}

function answer({ memory, service }: StackMachine, operation: Operation): number {
  const { address, length, offset, fileIndex: room } = operation;
  if (length < 0 || length > LONGEST_REQUEST) return -Errno.EINVAL;
  if (!isWithin(memory, address, length) || !isWithin(memory, offset, room)) return -Errno.EFAULT;
  let isRefused = false;
  let text: string;
  try {
    const request = JSON.parse(decoder.decode(memory.bytes.slice(address, address + length)));
    text = JSON.stringify(service.control(request) ?? null);
  } catch (error) {
    isRefused = true;
    text = JSON.stringify(error instanceof Error ? error.message : String(error));
  }
  const bytes = encoder.encode(text);
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
