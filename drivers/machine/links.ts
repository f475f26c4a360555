/**
 * Order between operations: links, hard links, linked timeouts and drains.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Op, SqeFlag } from "../../ring/abi/opcodes.ts";
import type { ControlMachine } from "./machine.ts";
import type { Operation } from "./operation.ts";

const LINKS = SqeFlag.IO_LINK | SqeFlag.IO_HARDLINK;

/** Puts chains together and starts their members in order. */
export class Links {
  /** Whether entries must go through here even if they have no flag themselves. */
  isOrdering = false;
  readonly #machine: ControlMachine;
  readonly #start: (operation: Operation) => void;
  /** The chain that is being put together. */
  #head: Operation | null = null;
  #tail: Operation | null = null;
  /** The last one that a LINK_TIMEOUT could guard. */
  #guardable: Operation | null = null;
  /** Chains behind a drain, oldest first. */
  #deferred: Operation[] = [];
  /** The drain that everything waits for, once it has started. */
  #draining: Operation | null = null;
  #drainSerial = 0;
  /** Operations that came here and whose chain has not begun. */
  #held = 0;

  /** @param start starts one operation, now or after those that are being started */
  constructor(machine: ControlMachine, start: (operation: Operation) => void) {
    this.#machine = machine;
    this.#start = start;
  }

  /** Takes the next entry: the next member of a chain, or one that stands for itself. */
  accept(operation: Operation): void {
    this.isOrdering = true;
    this.#held++;
    const isGuard = operation.opcode === Op.LINK_TIMEOUT && this.#head !== null;
    if (isGuard) this.#attachTimeout(operation);
    if (this.#head === null) this.#head = operation;
    else if (!isGuard || operation.guarded === null) this.#tail!.chain = operation;
    if (!isGuard || operation.guarded === null) {
      this.#tail = operation;
      this.#guardable = operation.opcode === Op.LINK_TIMEOUT ? null : operation;
    }
    // A guard carries its chain on through a flag of its own.
    if ((operation.flags & LINKS) === 0) this.#submit();
  }

  /** Ends a chain whose last member promised another one, as the end of a submission does. */
  endBatch(): void {
    if (this.#head !== null) this.#submit();
    this.#settle();
  }

  /** Starts what follows a completed operation, or cancels it. */
  follow(operation: Operation, failed: boolean): void {
    const { timeout, chain } = operation;
    if (timeout !== null) {
      operation.timeout = null;
      this.#machine.timeouts.cancel(timeout);
    }
    if (chain === null) return;
    if (!failed || (operation.flags & SqeFlag.IO_HARDLINK) !== 0) {
      operation.chain = null;
      this.#start(chain);
    } else {
      // A failed member that would have been silent makes the rest of its chain so.
      this.#cancelRest(chain, (operation.flags & SqeFlag.CQE_SKIP_SUCCESS) !== 0);
    }
  }

  /** Starts what waited for a drain, as far as it can. */
  resume(): void {
    if (this.#draining !== null && this.#draining.serial !== this.#drainSerial) {
      this.#draining = null;
    }
    while (this.#deferred.length > 0 && this.#draining === null) {
      const head = this.#deferred[0];
      const isDrain = (head.flags & SqeFlag.IO_DRAIN) !== 0;
      if (isDrain && this.#machine.inFlight > this.#held) break;
      this.#deferred.shift();
      this.#begin(head, isDrain);
    }
    this.#settle();
  }

  #settle(): void {
    this.isOrdering = this.#head !== null || this.#deferred.length > 0 || this.#draining !== null;
  }

  #attachTimeout(operation: Operation): void {
    const guardable = this.#guardable;
    const isValid = guardable !== null && guardable.timeout === null &&
      this.#machine.timeouts.isValid(operation);
    if (!isValid) {
      operation.refusal = Errno.EINVAL;
      return;
    }
    guardable.timeout = operation;
    operation.guarded = guardable;
  }

  #submit(): void {
    const head = this.#head!;
    this.#head = null;
    this.#tail = null;
    this.#guardable = null;
    if (hasRefusal(head)) return this.#refuse(head);
    const isDrain = (head.flags & SqeFlag.IO_DRAIN) !== 0;
    if (isDrain || this.#deferred.length > 0 || this.#draining !== null) {
      this.#deferred.push(head);
      this.resume();
    } else {
      this.#begin(head, false);
      this.#settle();
    }
  }

  #begin(head: Operation, isDrain: boolean): void {
    this.#held -= membersOf(head);
    if (isDrain) {
      this.#draining = head;
      this.#drainSerial = head.serial;
    }
    this.#start(head);
    if (this.#draining !== null && this.#draining.serial !== this.#drainSerial) {
      this.#draining = null;
    }
  }

  /** One member that cannot start keeps the whole chain from starting. */
  #refuse(head: Operation): void {
    this.#held -= membersOf(head);
    for (let member: Operation | null = head; member !== null;) {
      const { chain, timeout }: Operation = member;
      const result = member.refusal !== 0 ? -member.refusal : -Errno.ECANCELED;
      this.#end(member, result, false);
      if (timeout !== null) this.#end(timeout, -Errno.ECANCELED, false);
      member = chain;
    }
    this.#settle();
  }

  #cancelRest(first: Operation, isSilent: boolean): void {
    for (let member: Operation | null = first; member !== null;) {
      const { chain, timeout }: Operation = member;
      this.#end(member, -Errno.ECANCELED, isSilent);
      if (timeout !== null) this.#end(timeout, -Errno.ECANCELED, isSilent);
      member = chain;
    }
  }

  /** Completes a member that never started. */
  #end(member: Operation, result: number, isSilent: boolean): void {
    member.chain = null;
    member.timeout = null;
    member.guarded = null;
    member.flags = 0;
    if (isSilent) this.#machine.drop(member);
    else this.#machine.complete(member, result, 0);
  }
}

/** How many entries a chain has, the timeouts of its members among them. */
function membersOf(head: Operation): number {
  let count = 0;
  for (let member: Operation | null = head; member !== null; member = member.chain) {
    count += member.timeout === null ? 1 : 2;
  }
  return count;
}

function hasRefusal(head: Operation): boolean {
  for (let member: Operation | null = head; member !== null; member = member.chain) {
    if (member.refusal !== 0) return true;
  }
  return false;
}
