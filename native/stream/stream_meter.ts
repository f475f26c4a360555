/**
 * How much moves over one stream, for those who watch over it.
 *
 * @module
 */

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
