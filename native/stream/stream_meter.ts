/**
 * How much moves over one stream, for those who watch over it.
 *
 * @module
 */

import { Msg } from "../../ring/abi/opcodes.ts";

const SEND_FLAGS = Msg.NOSIGNAL | Msg.WAITALL;
const WATCHED_SEND_FLAGS = Msg.NOSIGNAL;

/** Counts the bytes of a stream. Streams that nobody watches over have none. */
export class StreamMeter {
  /** Bytes that came from the peer. */
  received = 0;
  /** Bytes that left for the peer. */
  sent = 0;
  /** What {@linkcode StreamMeter.received} was when bytes left for the last time. */
  receivedAtSend = 0;

  /** Notes bytes from the peer. */
  addReceived(count: number): void {
    this.received += count;
  }

  /** Notes bytes that left for the peer. */
  addSent(count: number): void {
    this.sent += count;
    this.receivedAtSend = this.received;
  }
}

/**
 * The flags of a stream's send. Whoever watches over one is to see that its peer takes bytes,
 * however slowly; else an operation lasts until all of its bytes are accepted.
 */
export function sendFlags({ meter }: { readonly meter: StreamMeter | null }): number {
  return meter === null ? SEND_FLAGS : WATCHED_SEND_FLAGS;
}
