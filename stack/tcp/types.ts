/**
 * What the parts of TCP are to each other.
 *
 * ```text
 *            input                                      output
 *              |                                          ^
 *              v                                          |
 *        +------------+   acknowledgments, SACK    +--------------+
 *        | Connection | -------------------------> |    Sender    | <--> CongestionControl
 *        |  (states)  |                            +--------------+
 *        |            |   payload, ECN             +--------------+
 *        |            | -------------------------> |   Receiver   |
 *        +------------+                            +--------------+
 * ```
 *
 * A connection judges segments, changes states and writes headers. Its sender knows what was sent,
 * what of it arrived and what to send when. Its receiver knows what arrived, what to acknowledge
 * and how much may come. A connection has one timer: the earliest deadline of the three.
 *
 * Sequence numbers are signed 32-bit words that are compared by difference: `(a - b) | 0`.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { UserMemory } from "../socket.ts";
import { TcpOptions } from "../wire/tcp_options.ts";
import type { ConnectionInfo } from "./connection_info.ts";

export type { CongestionControl, RateSample } from "./congestion_control.ts";
export { ConnectionInfo } from "./connection_info.ts";

/** A segment that arrived, read once. One object serves a whole stack, and is overwritten. */
export class Segment {
  /** Its packet, which the connection releases: whoever keeps payload takes slices or retains. */
  packet = -1;
  /** Where the payload begins in the packet's data. */
  payloadOffset = 0;
  /** Bytes of payload; what is outside the window has not been cut off. */
  payloadBytes = 0;
  /** The number of the first byte of payload: behind the SYN, if it has one. */
  sequence = 0;
  acknowledgment = 0;
  /** Bits of `Flag`. */
  flags = 0;
  /** The window as it stands in the header. */
  window = 0;
  urgentPointer = 0;
  /** The two bits of ECN in the header of IP. */
  ecn = 0;
  /** How many segments were coalesced into it, 1 or more. */
  count = 1;
  readonly options: TcpOptions = new TcpOptions();
}

/** Which feedback about congestion both ends agreed on: none, RFC 3168, or RFC 9768. */
export const Ecn = { NONE: 0, CLASSIC: 1, ACCURATE: 2 } as const;
/** One of {@linkcode Ecn}. */
export type Ecn = typeof Ecn[keyof typeof Ecn];

/**
 * What both ends agreed on in the handshake, and how that went. One object serves a whole stack,
 * and is overwritten: whoever needs something of it later copies that.
 */
export class Agreement {
  /** Bytes of payload and options that the peer takes in a segment (its MSS, at least 64). */
  peerMaximumSegment = 536;
  hasTimestamps = false;
  hasSack = false;
  /** By how many bits the windows are shifted that the peer announces. */
  peerWindowScale = 0;
  /** By how many bits those are shifted that we announce. */
  windowScale = 0;
  ecn: Ecn = Ecn.NONE;
  /** The initial counts of packets marked CE, ours of theirs and theirs of ours (RFC 9768). */
  ecnReceived = 5;
  ecnDelivered = 5;
  /** The window of the handshake's last segment in bytes, and its numbers: WND, WL1, WL2. */
  window = 0;
  sequence = 0;
  acknowledgment = 0;
  /** How long our SYN took to be acknowledged in microseconds, or -1 where that is ambiguous. */
  rtt = -1;
  /** Whether a SYN of ours was lost: RFC 5681 section 3.1, RFC 6298 section 5.7. */
  isSynLost = false;
}

/** What both parts ask of their connection. */
export interface PartHost {
  readonly environment: Environment;
  /** What a timestamp shows that is sent now, in milliseconds, as a signed word (RFC 7323). */
  readonly timestampNow: number;
}

/** What a sender asks of its connection. */
export interface SenderHost extends PartHost {
  /** Bytes of payload that fit into one segment now: the path, the peer and the options agree. */
  readonly payloadLimit: number;
  /** Bytes of payload of a segment that the port takes apart, or 0 where it does not. */
  readonly offloadLimit: number;
  /**
   * Sends one segment with the newest acknowledgment, window and options.
   *
   * @param sequence the number of its first byte
   * @param flags `FIN`, `PSH`, `URG`, `CWR`; ACK goes without saying. With URG the pointer is to
   * {@linkcode SenderPart.sendUrgent}
   * @param payload a chain of slices whose hold is handed over, or -1
   * @param bytes how long that is
   * @param segmentBytes the payload of each segment it is to be taken apart into, or 0
   * @param isRetransmission whether any of it was sent before, or it is a probe: no ECT then
   * @returns 0, or `-errno`: it was not sent
   */
  transmit(
    sequence: number,
    flags: number,
    payload: number,
    bytes: number,
    segmentBytes: number,
    isRetransmission: boolean,
  ): number;
  /**
   * Bytes of payload of a segment that would find out whether the path takes longer ones, or 0:
   * packetization layer path MTU discovery (RFC 4821).
   */
  readonly probePayload: number;
  /** Sends such a segment: as `transmit`, but longer than the path is known to take. */
  transmitProbe(sequence: number, flags: number, payload: number, bytes: number): number;
  /** Says what became of it: it arrived, or it was lost and nothing else was. */
  onProbed(bytes: number, isDelivered: boolean): void;
  /** Says that there is room in the buffer, after there was none. */
  onWritable(): void;
  /** Says that everything was acknowledged, and the FIN with it if there was one. */
  onAllAcknowledged(): void;
  /** Says that retransmissions suggest that the way is broken (R1, RFC 9293 section 3.8.3). */
  onDoubt(): void;
  /** Gives up: R2, or the user timeout, has passed. The connection ends, and stops its parts. */
  onGiveUp(errno: number): void;
}

/**
 * The sending half of a connection (stack/tcp/send/): the send buffer, SND.UNA, SND.NXT and
 * SND.WND, what is retransmitted and when. It is made as `new Sender(host, settings)` where all of
 * a stack share the settings, which hold counters, limits and defaults; it may send once it has
 * agreed. The SYN is the connection's: the sender's first byte is the one behind it. Its deadline
 * may change in any call: the connection asks for it after each.
 */
export interface SenderPart {
  /** SND.UNA: the oldest number that is not acknowledged. */
  readonly sendUnacknowledged: number;
  /** SND.NXT: the number behind the newest that was sent, whatever is retransmitted. */
  readonly sendNext: number;
  /** SND.WND in bytes. */
  readonly sendWindow: number;
  /** MAX.SND.WND: the largest window that the peer ever announced (RFC 5961 section 5.2). */
  readonly maximumSendWindow: number;
  /** SND.UP: the number behind the urgent byte, while there is one. */
  readonly sendUrgent: number;
  /** Bytes in the buffer: sent and not acknowledged, and not sent yet (`SIOCOUTQ`). */
  readonly bufferedBytes: number;
  /** Bytes not sent yet (`SIOCOUTQNSD`). */
  readonly unsentBytes: number;
  /** Whether `write` would take something now, and enough room is free to say so by poll(2). */
  readonly isWritable: boolean;
  /** Whether the FIN was sent, and whether it is acknowledged. */
  readonly isFinSent: boolean;
  readonly isFinAcknowledged: boolean;
  /** Whether something is thought lost: each acknowledgment counts for itself. */
  readonly isRecovering: boolean;
  /** `SO_SNDBUF` in bytes of payload; set by the program, it ends autotuning. */
  bufferLimit: number;
  /** `TCP_NODELAY`, `TCP_CORK`: turning Nagle off, or the cork out, sends what was held back. */
  noDelay: boolean;
  cork: boolean;
  /** `TCP_NOTSENT_LOWAT` in bytes. */
  notSentLowWater: number;
  /** `TCP_USER_TIMEOUT` in microseconds, 0 for R2 (RFC 9293 section 3.8.3). */
  userTimeout: number;
  /** `SO_MAX_PACING_RATE` in bytes a second, Infinity for none. */
  maximumPacingRate: number;
  /** The name of its congestion control. */
  readonly congestionControl: string;
  /** Chooses another congestion control by name. @returns 0 or `-ENOENT` */
  setCongestionControl(name: string): number;
  /** Begins with the number of its first byte, ISS + 1; bytes are taken, nothing is sent yet. */
  start(sequence: number): void;
  /**
   * The first bytes of the buffer, for a SYN with data (RFC 7413). They count as not sent.
   *
   * @param bytes how many at most
   * @returns a chain of slices whose hold is handed over, or -1 when there are none
   */
  sliceForSyn(bytes: number): number;
  /**
   * The handshake has come so far that data may be sent: what of a SYN's data the agreement's
   * acknowledgment covers is done with, the rest is sent like any other. The connection calls
   * {@linkcode output} next.
   */
  agree(agreement: Agreement): void;
  /**
   * Takes bytes, as far as there is room, and sends what may be sent.
   *
   * @param flags `MSG_MORE`, `MSG_OOB`, `MSG_EOR`
   * @returns how many; 0 when the buffer is full, or no packet is free; or `-EPIPE`
   */
  write(memory: UserMemory, at: number, bytes: number, flags: number): number;
  /** Puts a FIN behind the last byte, and sends what may be sent. */
  closeWrite(): void;
  /**
   * An acceptable segment with ACK: SND.UNA <= SEG.ACK <= SND.NXT, or below SND.UNA by no more than
   * the largest window. It acknowledges, updates the window (WL1, WL2), has SACK blocks, an echoed
   * timestamp, feedback of ECN. Nothing is sent within it: the connection calls
   * {@linkcode output} once it has dealt with the segment's payload, too.
   */
  onAcknowledgment(segment: Segment): void;
  /** Sends what may be sent now. */
  output(): void;
  /** The payload limit has changed; `isTooBig` where what was sent does not get through (ICMP). */
  onPathChange(isTooBig: boolean): void;
  /** A soft error, or a local one, has gone away: what is due may be tried at once. */
  onPathRestored(): void;
  /** When it wants to be called, in microseconds; Infinity for never. */
  nextDeadline(): number;
  /** The deadline has passed, or is close enough; it may do nothing if it was too early. */
  onDeadline(): void;
  /** Fills in what it knows. */
  describe(info: ConnectionInfo): void;
  /** Releases everything; nothing but `stop` is called from here on, and it calls nobody. */
  stop(): void;
}

/** What a receiver asks of its connection. */
export interface ReceiverHost extends PartHost {
  /** Bytes of payload in a full segment to us: our MSS without the options that were agreed on. */
  readonly receiveSegment: number;
  /**
   * Sends a segment without payload that acknowledges what has arrived, at once: called from
   * `onDeadline` and `read`. While a segment is dealt with, {@linkcode
   * ReceiverPart.isAcknowledgmentDue} says the same, so that data that leave then carry it.
   */
  acknowledge(): void;
  /** Says that bytes can be received, as many as `SO_RCVLOWAT` asks for. */
  onReadable(): void;
  /** Says that everything up to the FIN has arrived, and RCV.NXT is behind it. Called once. */
  onEnd(): void;
  /** Says that there are urgent data, or that the mark has moved. RFC 6093. */
  onUrgent(): void;
}

/**
 * The receiving half of a connection (stack/tcp/receive/): RCV.NXT, RCV.WND, reassembly, what is
 * acknowledged and when. It is made as `new Receiver(host, settings)` where all of a stack share
 * the settings. It cuts off what is outside the window, and knows duplicates (RFC 2883).
 */
export interface ReceiverPart {
  /** RCV.NXT: the next number expected, which goes into the acknowledgment field. */
  readonly receiveNext: number;
  /** RCV.NXT + RCV.WND: the first number that may not come; as announced, it never goes back. */
  readonly receiveLimit: number;
  /** Whether the segment that was dealt with last is to be acknowledged without delay. */
  readonly isAcknowledgmentDue: boolean;
  /** Whether it is due for itself: other segments that wait are not to be dealt with before. */
  readonly isAcknowledgmentUrgent: boolean;
  /** Bytes that can be read now. */
  readonly available: number;
  /** Whether the FIN, and everything before it, has arrived. */
  readonly isEnded: boolean;
  /** Whether an urgent byte waits to be read with `MSG_OOB`, and whether the mark is next. */
  readonly hasUrgent: boolean;
  readonly isAtMark: boolean;
  /** Whether enough bytes for `SO_RCVLOWAT`, or the end, can be read. */
  readonly isReadable: boolean;
  /** `SO_RCVBUF` in bytes of payload; set by the program, it ends autotuning. */
  bufferLimit: number;
  /** `TCP_WINDOW_CLAMP` in bytes, 0 for none. */
  windowClamp: number;
  /** `SO_RCVLOWAT` in bytes. */
  lowWater: number;
  /** `TCP_QUICKACK`: 1 sends acknowledgments at once for a while, 0 delays them. */
  quickAcknowledgment: boolean;
  /** `SO_OOBINLINE`. */
  isUrgentInline: boolean;
  /** The window of a SYN in bytes, not shifted, at most 65535: before `start` as well. */
  readonly synWindow: number;
  /** The shift that our SYN offers, for the largest buffer there may ever be (RFC 7323). */
  readonly windowScaleToOffer: number;
  /** Begins with the number of the first byte, IRS + 1. */
  start(sequence: number): void;
  /** The handshake has come so far that data may be received. */
  agree(agreement: Agreement): void;
  /** An acceptable segment, with payload: in order or not, partly outside the window or not. */
  onPayload(segment: Segment): void;
  /** An acceptable segment has a FIN with this number; it may be ahead of what has arrived. */
  onFin(sequence: number): void;
  /** An acceptable segment with URG, before its payload. RFC 9293 section 3.8.5. */
  onUrgentSegment(segment: Segment): void;
  /** A segment outside the window with payload: it is acknowledged at once, with a D-SACK. */
  onUnacceptable(segment: Segment): void;
  /**
   * The IP header's ECN and the flags CWR of an acceptable segment, with payload or without, before
   * its payload: RFC 3168 section 6.1.3, RFC 9768 section 3.2. Called only where ECN is agreed on.
   */
  onEcn(segment: Segment): void;
  /** Bits of `Flag` (`ECE`; `AE`, `CWR`, `ECE` in accurate ECN) for the segment that leaves now. */
  ecnFlags(): number;
  /**
   * The window field of the segment that leaves now, shifted; the edge is announced from then on,
   * and does not shrink (RFC 9293 section 3.8.6.2.1).
   */
  takeWindow(): number;
  /** Bytes that `addOptions` adds to a header, a multiple of 4; mostly 0. */
  readonly optionBytes: number;
  /** Adds SACK blocks, and counters of accurate ECN, to the options of the segment that leaves. */
  addOptions(options: TcpOptions): void;
  /**
   * A segment with the newest acknowledgment has left: nothing need be acknowledged any more.
   *
   * @param hasData whether it has payload
   */
  onAcknowledgmentSent(hasData: boolean): void;
  /**
   * Hands over bytes; the window grows, and is announced where that is worth a segment.
   *
   * @param flags `MSG_PEEK`, `MSG_OOB`, `MSG_TRUNC`
   * @returns how many, 0 at the end; `-EAGAIN` when there are none, `-EINVAL` for no urgent byte
   */
  read(memory: UserMemory, at: number, bytes: number, flags: number): number;
  /**
   * `shutdown(SHUT_RD)`, as Linux has it: what is there, and what comes, can still be read; where
   * there is nothing, `read` says 0.
   */
  shutRead(): void;
  /** When it wants to be called, in microseconds; Infinity for never. */
  nextDeadline(): number;
  /** The deadline has passed, or is close enough. */
  onDeadline(): void;
  /** Fills in what it knows. */
  describe(info: ConnectionInfo): void;
  /** Releases everything; nothing but `stop` is called from here on, and it calls nobody. */
  stop(): void;
}
