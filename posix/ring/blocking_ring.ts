/**
 * A private ring, whose consumer runs on another thread: the calling thread may block until
 * something is complete, and go on with its event loop otherwise. Completions of what others await
 * are handed out while one call blocks.
 *
 * @module
 */

import { MAXIMUM_PARK_MS } from "../../ring/barrier.ts";
import type { RingDriver } from "../../ring/driver.ts";
import type { MemoryPlan } from "../../ring/memory.ts";
import { Reactor } from "../../ring/reactor.ts";
import type { CompletionTarget } from "../../ring/slots.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Op } from "../../ring/abi/opcodes.ts";

/** Sizes of a private ring: every descriptor may have two polls in flight. */
export const PRIVATE_PLAN: MemoryPlan = {
  entries: 1024,
  completions: 4096,
  slots: 32768,
  bufferCount: 0,
  bufferBytes: 64,
  datagramCount: 0,
  datagramBytes: 1024,
  arenaBytes: 16 << 20,
};

/** Less than this is left to those who need it. */
const ARENA_SCARCE_BYTES: number = PRIVATE_PLAN.arenaBytes / 4;
/** What a transfer is given while memory is scarce. */
const SMALL_PIECE_BYTES = 4096;

/** Whoever waits, as the ring sees it. */
export interface Waiter {
  readonly isDone: boolean;
  /** Whether it ends by itself one day. */
  readonly hasDeadline: boolean;
  /** Asks it to end with `-errno`, which it does now or once its entries are complete. */
  interrupt(errno: number): void;
}

/** A ring that its thread may block on. */
export class BlockingRing {
  readonly reactor: Reactor;
  /** Everybody who waits. */
  readonly waiters: Set<Waiter> = new Set();
  /**
   * Whether the other side is a stack, which knows Linux's options, control data and urgent bytes by
   * itself.
   */
  readonly hasStack: boolean;
  /** Whether nothing may begin any more. */
  isDisposed = false;

  /** @param driver a private one */
  constructor(driver: RingDriver) {
    this.reactor = new Reactor(driver);
    this.hasStack = driver.kind === "stack";
  }

  /** Why nothing works any more, undefined while everything does. */
  get failure(): string | undefined {
    return this.reactor.driver.failure;
  }

  /** Blocks the thread until somebody is done. */
  block(waiter: Waiter): void {
    const { reactor } = this;
    while (!waiter.isDone && !reactor.isClosed) {
      // Only this thread could end it, and this thread waits for it.
      const isHopeless = reactor.inFlight === 0 && !waiter.hasDeadline;
      if (isHopeless) waiter.interrupt(Errno.EDEADLK);
      else reactor.turn(MAXIMUM_PARK_MS);
    }
  }

  /**
   * Takes a slot and the next entry for an operation.
   *
   * @param head opcode, SQE flags, ioprio: see {@linkcode Reactor.entry}
   * @returns the slot, or `-errno`; the entry is `at`
   */
  submit(target: CompletionTarget, tag: number, head: number, fd: number): number {
    if (this.isDisposed) return -Errno.EBADF;
    if (this.failure !== undefined) return -Errno.EIO;
    const { slots } = this.reactor;
    const opcode = head & 0xff;
    const isClosing = opcode === Op.CLOSE || opcode === Op.SHUTDOWN;
    const slot = isClosing ? slots.takeReserved(target, tag) : slots.take(target, tag);
    if (slot < 0) return -Errno.ENOBUFS;
    this.at = this.reactor.entry(head, fd, slot);
    return slot;
  }

  /** Index of the first word of the entry that was taken last. */
  at = 0;

  /**
   * Takes memory for a piece of a transfer, less than asked for where there is little.
   *
   * @returns its offset, or -1 when there is none; {@linkcode BlockingRing.pieceBytes} says how much
   */
  takePiece(bytes: number): number {
    const { arena, memory } = this.reactor;
    const free = memory.plan.arenaBytes - arena.usedBytes;
    let wanted = bytes;
    if (free < ARENA_SCARCE_BYTES) wanted = Math.min(bytes, SMALL_PIECE_BYTES);
    let offset = arena.take(wanted);
    if (offset < 0 && wanted > SMALL_PIECE_BYTES) {
      wanted = SMALL_PIECE_BYTES;
      offset = arena.take(wanted);
    }
    this.pieceBytes = wanted;
    return offset;
  }

  /** Bytes of the piece that was taken last. */
  pieceBytes = 0;

  /** Ends everything. */
  async dispose(): Promise<void> {
    if (this.isDisposed) return;
    this.isDisposed = true;
    for (const waiter of [...this.waiters]) waiter.interrupt(Errno.EBADF);
    if (this.reactor.inFlight > 0) this.reactor.cancelAll();
    await this.reactor.close();
  }
}
