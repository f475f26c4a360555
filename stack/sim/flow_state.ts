/**
 * What a bystander knows of one direction of a TCP connection: what its sender has sent, and what
 * it has been told.
 *
 * @module
 */

/** Bytes that are remembered of each direction, to compare what is sent again. */
const REMEMBERED_BYTES = 1 << 17;
const MASK = REMEMBERED_BYTES - 1;

/** One direction: everything is seen at the end that sends. */
export class FlowState {
  /** Its ends, for messages. */
  readonly name: string;
  /** The direction from the other end. */
  peer: FlowState | null = null;
  /** Whether its SYN was seen: nothing is known of connections that are older than the capture. */
  isOpen = false;
  /** The sequence number of its SYN. */
  initial = 0;
  /** The number behind the highest one that was sent. */
  sentNext = 0;
  /** The number of its FIN, if {@linkcode FlowState.hasFin}. */
  fin = 0;
  hasFin = false;
  /** Whether it was reset: anything may follow. */
  isReset = false;
  /** By how many bits its windows are shifted; -1 when its SYN had no such option. */
  windowScale = -1;
  /** The payload that it takes in a segment, as its SYN said. */
  maximumSegment = 536;
  /** The number behind the highest one of the peer's that was delivered to it. */
  receivedNext = 0;
  hasReceived = false;
  /** The highest acknowledgment that it sent. */
  acknowledged = 0;
  hasAcknowledged = false;
  /** The right edge of the window that it announced, and that was delivered to the peer. */
  announcedEdge = 0;
  hasAnnounced = false;
  deliveredEdge = 0;
  hasDeliveredEdge = false;
  /** The newest timestamp that it sent. */
  timestamp = 0;
  hasTimestamp = false;
  #bytes: Uint8Array | null = null;

  constructor(name: string) {
    this.name = name;
  }

  /** Begins anew: a SYN with another number was seen. */
  open(initial: number): void {
    this.isOpen = true;
    this.initial = initial;
    this.sentNext = (initial + 1) | 0;
    this.hasFin = false;
    this.isReset = false;
    this.windowScale = -1;
    this.maximumSegment = 536;
    this.hasReceived = false;
    this.hasAcknowledged = false;
    this.hasAnnounced = false;
    this.hasDeliveredEdge = false;
    this.hasTimestamp = false;
  }

  /**
   * Compares payload with what was sent at the same numbers before, and remembers what is new.
   *
   * @returns the number of the first byte that differs, or -1
   */
  compare(memory: Uint8Array, at: number, sequence: number, bytes: number): number {
    this.#bytes ??= new Uint8Array(REMEMBERED_BYTES);
    const remembered = this.#bytes;
    // How many of the bytes were sent before, and are still remembered.
    const old = Math.min(bytes, Math.max(0, (this.sentNext - sequence) | 0));
    const oldest = (this.sentNext - REMEMBERED_BYTES) | 0;
    const forgotten = Math.max(0, (oldest - sequence) | 0);
    for (let nth = forgotten; nth < old; nth++) {
      if (remembered[(sequence + nth) & MASK] !== memory[at + nth]) return (sequence + nth) >>> 0;
    }
    for (let nth = old; nth < bytes;) {
      const place = (sequence + nth) & MASK;
      const count = Math.min(bytes - nth, REMEMBERED_BYTES - place);
      remembered.set(memory.subarray(at + nth, at + nth + count), place);
      nth += count;
    }
    return -1;
  }
}
