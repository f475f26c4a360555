/**
 * What a connection has in its buffer and on its way. It exists while there is something that was
 * written and is not acknowledged; what an idle connection keeps is in `sender_state.ts`.
 *
 * @module
 */

import type { PacketArena } from "../../memory/mod.ts";
import { FlightRecords } from "./flight_records.ts";
import type { SendRecords } from "./records.ts";
import { SendBuffer } from "./send_buffer.ts";

/** What recovery there is. As `enum tcp_ca_state` of Linux, without disorder. */
export const Recovery = {
  OPEN: 0,
  /** The window is being reduced because of marks of ECN. */
  REDUCED: 2,
  /** Fast recovery: RFC 6675, RFC 6582. */
  FAST: 3,
  /** Behind a timeout: RFC 5681 section 3.1. */
  LOSS: 4,
} as const;

/** The steps of F-RTO: RFC 5682 section 3.1. */
export const ForwardRto = { NONE: 0, RETRANSMITTED: 1, SENDING_NEW: 2, SENT_NEW: 3 } as const;

/** The bytes, records and timers of one busy connection. */
export class Flight extends FlightRecords {
  readonly buffer: SendBuffer;

  // Recovery.
  recovery: number = Recovery.OPEN;
  /** SND.NXT when recovery began: it ends when this is acknowledged. */
  recoveryPoint = 0;
  hasRecoveryPoint = false;
  /** RFC 6937. */
  prrDelivered = 0;
  prrOut = 0;
  prrFlightSize = 0;
  /** The congestion window of PRR. */
  prrWindow = 0;
  /** Whether the next retransmission need not fit into the window: the first of a recovery. */
  isOwed = false;
  /** Whether the rescue retransmission of this recovery was sent: RFC 6675 section 4. */
  isRescued = false;
  /** Duplicate acknowledgments in a row where there is no SACK, and the bytes they stand for. */
  duplicates = 0;
  duplicateBytes = 0;
  /** One of {@linkcode ForwardRto}. */
  forwardRto: number = ForwardRto.NONE;
  /** What a timeout, or a recovery, has to be undone with: see `undo.ts`. */
  canUndo = false;
  undoFrom = 0;
  undoRetransmissions = 0;
  retransmissionStamp = 0;
  hasRetransmissionStamp = false;
  /** Timeouts in a row without progress. */
  timeouts = 0;
  /** When the last byte was acknowledged, or the first one sent. */
  progressAt = 0.5;

  // RACK: RFC 8985 section 5.3.
  rackSentAt = 0.5;
  rackOrder = 0;
  rackEnd = 0;
  rackRtt = -1;
  /** The highest number that was acknowledged or sacked. */
  forwardAcknowledged = 0;
  hasDuplicateRound = false;
  duplicateRound = 0;

  // The sample of the rate.
  nextRound = 0.5;
  /** Bytes in a microsecond, as the last sample showed. */
  rate = 0.5;
  /** Bytes of the probe of the path that is out, or 0. */
  pathProbe = 0;
  /** When the path is looked at again. */
  pathProbeAt = 0.5;
  /** `delivered` up to which the application was the limit; 0 when it was not. */
  applicationLimit = 0.5;
  /** The most bytes in flight in this round trip and in the last one. */
  peakInFlight = 0;
  priorPeak = 0;
  isWindowLimited = false;

  // What is sent.
  /** The number behind the last segment that was not full. */
  smallEnd = 0;
  hasSmall = false;
  /** The number behind the last segment with PSH. */
  pushed = 0;
  /** Zero-window probes in a row, and those that nobody answered. */
  probes = 0;
  unanswered = 0;

  // When something is due, in microseconds.
  rtoAt = Infinity;
  lossProbeAt = Infinity;
  reorderAt = Infinity;
  pacedAt = Infinity;
  persistAt = Infinity;
  corkAt = Infinity;
  retryAt = Infinity;
  /** When the next segment may leave, as pacing says. */
  nextSendAt = 0.5;

  /** Makes one that is empty. */
  constructor(arena: PacketArena, records: SendRecords) {
    super(records);
    this.buffer = new SendBuffer(arena);
  }

  /** Begins anew, with nothing sent. */
  start(sequence: number, now: number, delivered: number): void {
    this.buffer.start(sequence);
    this.inFlight =
      this.sacked =
      this.lost =
      this.segmentsSacked =
        0;
    this.recovery = Recovery.OPEN;
    this.hasRecoveryPoint = this.hasDuplicateRound = this.isOwed = false;
    this.duplicates =
      this.duplicateBytes =
      this.timeouts =
      this.probes =
      this.unanswered =
        0;
    this.forwardRto = ForwardRto.NONE;
    this.canUndo = this.hasSmall = this.isWindowLimited = false;
    this.progressAt = this.firstSentAt = this.deliveredAt = now;
    this.rackSentAt = -1;
    this.rackEnd = this.forwardAcknowledged = this.pushed = sequence;
    this.rackRtt = -1;
    this.nextRound = delivered;
    this.rate =
      this.applicationLimit =
      this.lostTotal =
      this.peakInFlight =
      this.priorPeak =
        0;
    this.prrWindow = this.pathProbe = this.pathProbeAt = 0;
    this.isPathProbeLost = false;
    this.disarm();
    this.nextSendAt = 0;
  }

  /** Disarms everything. */
  disarm(): void {
    this.rtoAt =
      this.lossProbeAt =
      this.reorderAt =
      this.pacedAt =
        Infinity;
    this.persistAt = this.corkAt = this.retryAt = Infinity;
  }

  /** Releases all bytes and records. */
  clear(): void {
    this.buffer.clear();
    this.clearRecords();
  }
}
