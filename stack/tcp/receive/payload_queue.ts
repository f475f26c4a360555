/**
 * Bytes in order that wait to be read: a chain of items, and what they cost.
 *
 * @module
 */

import type { UserMemory } from "../../socket.ts";
import { NONE, type PayloadStore } from "./payload_store.ts";

/** Bytes in order. */
export class PayloadQueue {
  /** The first item, or -1. */
  head: number = NONE;
  /** The last one. */
  tail: number = NONE;
  /** What its items cost, in bytes. */
  cost = 0;

  /** Puts items behind it. */
  append(store: PayloadStore, first: number, last: number, cost: number): void {
    if (this.head < 0) {
      this.head = first;
    } else {
      store.next[this.tail] = first;
    }
    this.tail = last;
    this.cost += cost;
  }

  /** Copies its first bytes, as many as there are. The queue stays as it is. */
  copyOut(store: PayloadStore, memory: UserMemory, to: number, skip: number, bytes: number): void {
    const { from, next } = store;
    let [offset, left, target] = [skip, bytes, to];
    for (let at = this.head; left > 0 && at >= 0; at = next[at]) {
      const here = store.bytes[at] - offset;
      if (here <= 0) {
        offset = -here;
        continue;
      }
      const part = here < left ? here : left;
      memory.copyOut(target, from[at] + offset, part);
      target += part;
      left -= part;
      offset = 0;
    }
  }

  /** Gives up its first bytes, as many as there are. */
  drop(store: PayloadStore, bytes: number): void {
    let left = bytes;
    let at = this.head;
    while (left > 0) {
      const here = store.bytes[at];
      if (here > left) {
        store.trimFront(at, left);
        break;
      }
      left -= here;
      this.cost -= store.cost[at];
      at = store.release(at);
    }
    this.head = at;
    if (at < 0) this.tail = NONE;
  }

  /** Gives up everything. */
  clear(store: PayloadStore): void {
    store.releaseAll(this.head);
    this.head = NONE;
    this.tail = NONE;
    this.cost = 0;
  }
}
