/**
 * What a receive from a stream that is kept here has, and still wants.
 *
 * @module
 */

import type { Cursor } from "./cursor.ts";
import { MSG_PEEK, MSG_WAITALL } from "../constants/mod.ts";

/** How far a receive from a stream has come. */
export class StreamProgress {
  /** How many bytes it has. */
  total = 0;
  /** Where the next ones go. */
  readonly cursor: Cursor;
  /** Whether the bytes stay. */
  readonly isPeek: boolean;
  readonly #least: number;

  /** @param flags `MSG_*` @param lowWater `SO_RCVLOWAT` */
  constructor(cursor: Cursor, flags: number, lowWater: number) {
    this.cursor = cursor;
    this.isPeek = (flags & MSG_PEEK) !== 0;
    const all = (flags & MSG_WAITALL) !== 0;
    this.#least = all ? cursor.left : Math.min(lowWater, cursor.left);
  }

  /** Whether it has not enough yet. */
  get wantsMore(): boolean {
    return this.total < this.#least && this.cursor.left > 0;
  }
}
