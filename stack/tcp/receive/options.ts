/**
 * What receivers are told to do: sizes and delays.
 *
 * @module
 */

import { MILLISECOND } from "../../environment.ts";
import { MAX_WINDOW_SCALE } from "../../wire/tcp_options.ts";

/** The limits of all receivers of a stack. */
export interface ReceiverOptions {
  /** Bytes of payload that a connection buffers to begin with; `SO_RCVBUF` sets another number. */
  readonly bufferBytes: number;
  /** To how many bytes autotuning enlarges that; it is off with no more than `bufferBytes`. */
  readonly maximumBufferBytes: number;
  /** Ranges of bytes that are kept behind gaps, for each connection. */
  readonly maximumRanges: number;
  /** Microseconds that an acknowledgment is delayed at least, where it is delayed. */
  readonly acknowledgmentDelay: number;
  /** Microseconds that an acknowledgment is delayed at most: less than half a second. */
  readonly maximumAcknowledgmentDelay: number;
  /** Segments that are acknowledged at once when a connection begins. */
  readonly quickAcknowledgments: number;
}

/** What a stack has that is told nothing else: Linux' numbers. */
export const DEFAULT_RECEIVER_OPTIONS: ReceiverOptions = {
  bufferBytes: 65536,
  maximumBufferBytes: 4 << 20,
  maximumRanges: 1024,
  acknowledgmentDelay: 40 * MILLISECOND,
  maximumAcknowledgmentDelay: 200 * MILLISECOND,
  quickAcknowledgments: 16,
};

/** What a stack has that has little memory. */
export const SMALL_RECEIVER_OPTIONS: ReceiverOptions = {
  ...DEFAULT_RECEIVER_OPTIONS,
  bufferBytes: 8192,
  maximumBufferBytes: 8192,
  maximumRanges: 8,
};

/** What a server's stack has. */
export const SERVER_RECEIVER_OPTIONS: ReceiverOptions = {
  ...DEFAULT_RECEIVER_OPTIONS,
  maximumBufferBytes: 16 << 20,
  maximumRanges: 4096,
};

/** The largest window that can be announced. RFC 7323 section 2.2. */
const MAXIMUM_WINDOW = 0xffff * 2 ** MAX_WINDOW_SCALE;

/** Acknowledgments are delayed by less than this. */
const DELAY_LIMIT = 500 * MILLISECOND;

/**
 * Judges options.
 *
 * @throws {RangeError} when one of them cannot be obeyed
 */
export function checkReceiverOptions(options: ReceiverOptions): void {
  const { bufferBytes, maximumBufferBytes, maximumRanges } = options;
  if (!(bufferBytes >= 1 && maximumBufferBytes <= MAXIMUM_WINDOW)) {
    throw new RangeError(`a receive buffer has 1 to ${MAXIMUM_WINDOW} bytes`);
  }
  if (!(maximumRanges >= 1)) throw new RangeError("bytes behind gaps need one range at least");
  const { acknowledgmentDelay, maximumAcknowledgmentDelay } = options;
  const isOrdered = acknowledgmentDelay >= 0 && acknowledgmentDelay <= maximumAcknowledgmentDelay;
  // RFC 9293 section 3.8.6.3 (MUST-40): an ACK is delayed by less than half a second.
  if (!(isOrdered && maximumAcknowledgmentDelay < DELAY_LIMIT)) {
    throw new RangeError(`acknowledgments are delayed by less than ${DELAY_LIMIT} microseconds`);
  }
}
