/**
 * The bytes in a pipe, as Linux keeps them: in a fixed number of pages, each of which holds bytes of
 * one write or of several small ones. That decides when a pipe is full. Source: pipe(7), `fs/pipe.c`.
 *
 * @module
 */

import type { Cursor } from "./cursor.ts";

/** Bytes of a page. */
export const PIPE_PAGE_BYTES = 4096;
/** Pages of a new pipe: 65536 bytes. */
const PAGES = 16;

interface Page {
  readonly bytes: Uint8Array<ArrayBuffer>;
  start: number;
  end: number;
  /** A message of its own (`O_DIRECT`): it is read alone, and nothing is added. */
  readonly isPacket: boolean;
}

/** A queue of pages. */
export class PageQueue {
  /** Bytes in it. */
  bytes = 0;
  #pages: Page[] = [];
  #capacity = PAGES;
  #spare: Uint8Array<ArrayBuffer>[] = [];

  /** Whether no page is free. */
  get isFull(): boolean {
    return this.#pages.length >= this.#capacity;
  }

  /** Pages that are free. */
  get free(): number {
    return this.#capacity - this.#pages.length;
  }

  /** Pages that it may have. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Changes that. @returns false when more are in use */
  resize(pages: number): boolean {
    if (this.#pages.length > pages) return false;
    this.#capacity = pages;
    return true;
  }

  /** Takes bytes in, as many as there is room for. @returns how many */
  write(from: Cursor, isPacket: boolean): number {
    const before = this.bytes;
    if (!isPacket) this.#merge(from);
    while (from.left > 0 && !this.isFull) this.#append(from, isPacket);
    return this.bytes - before;
  }

  /** Gives bytes out, as many as there are, of one packet at most. @returns how many */
  read(into: Cursor): number {
    const before = this.bytes;
    while (into.left > 0 && this.#pages.length > 0) {
      const page = this.#pages[0];
      const count = Math.min(into.left, page.end - page.start);
      into.put(page.bytes, page.start, count);
      page.start += count;
      this.bytes -= count;
      if (page.isPacket) {
        // What of a packet is not wanted is lost.
        const taken = before - this.bytes;
        this.bytes -= page.end - page.start;
        this.#drop();
        return taken;
      }
      if (page.start === page.end) this.#drop();
    }
    return before - this.bytes;
  }

  /** The first bytes, without taking them. */
  peek(most: number): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(Math.min(most, this.bytes));
    let at = 0;
    for (const { bytes, start, end } of this.#pages) {
      if (at === out.length) break;
      const count = Math.min(out.length - at, end - start);
      out.set(bytes.subarray(start, start + count), at);
      at += count;
    }
    return out;
  }

  /** The part of a write that is no whole page goes where the last one left off, if it all fits. */
  #merge(from: Cursor): void {
    const last = this.#pages.at(-1);
    const part = from.left % PIPE_PAGE_BYTES;
    if (last === undefined || last.isPacket || part === 0) return;
    if (last.end + part > PIPE_PAGE_BYTES) return;
    from.take(last.bytes, last.end, part);
    last.end += part;
    this.bytes += part;
  }

  #append(from: Cursor, isPacket: boolean): void {
    const page = {
      bytes: this.#spare.pop() ?? new Uint8Array(PIPE_PAGE_BYTES),
      start: 0,
      end: Math.min(from.left, PIPE_PAGE_BYTES),
      isPacket,
    };
    from.take(page.bytes, 0, page.end);
    this.#pages.push(page);
    this.bytes += page.end;
  }

  #drop(): void {
    const page = this.#pages.shift()!;
    if (this.#spare.length < 2) this.#spare.push(page.bytes);
  }
}
