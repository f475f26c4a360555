/**
 * A capture that is kept in memory until somebody asks for it: its newest packets, as many as there
 * is room for.
 *
 * @module
 */

import { BlockType } from "./pcapng_numbers.ts";
import type { CaptureSink } from "./pcapng_writer.ts";

/** Keeps what describes a capture, and the newest of its packets. */
export class MemorySink implements CaptureSink {
  /** Packets that were given up for newer ones. */
  forgotten = 0;
  readonly #limitBytes: number;
  readonly #head: Uint8Array[] = [];
  #packets: Uint8Array[] = [];
  /** The first one of them that is still wanted. */
  #first = 0;
  #bytes = 0;

  /** @param limitBytes how many bytes of packets are kept; without a limit, all of them */
  constructor(limitBytes: number = Infinity) {
    this.#limitBytes = limitBytes;
  }

  /** {@inheritDoc CaptureSink.write} */
  write(bytes: Uint8Array): void {
    const block = bytes.slice();
    if (typeOf(block) !== BlockType.PACKET) {
      this.#head.push(block);
      return;
    }
    this.#packets.push(block);
    this.#bytes += block.length;
    while (this.#bytes > this.#limitBytes) {
      this.#bytes -= this.#packets[this.#first++].length;
      this.forgotten++;
    }
    if (this.#first > this.#packets.length / 2) {
      this.#packets = this.#packets.slice(this.#first);
      this.#first = 0;
    }
  }

  /** The capture so far: descriptions of interfaces come before all packets. */
  bytes(): Uint8Array<ArrayBuffer> {
    const blocks = [...this.#head, ...this.#packets.slice(this.#first)];
    const all = new Uint8Array(blocks.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const block of blocks) {
      all.set(block, at);
      at += block.length;
    }
    return all;
  }
}

function typeOf(block: Uint8Array): number {
  return block[0] | block[1] << 8 | block[2] << 16 | block[3] << 24;
}
