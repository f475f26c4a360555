/**
 * The layout of `struct tcp_info` of `linux/tcp.h` up to Linux 6.18, and what its numbers mean.
 *
 * @module
 */

import type { CongestionState, FastOpenFailure, TcpInfo, TcpState } from "./tcp_info.ts";

/** Numbers of {@linkcode TcpInfo}. */
type NumberName = {
  [Name in keyof TcpInfo]-?: NonNullable<TcpInfo[Name]> extends number ? Name : never;
}[keyof TcpInfo];

/** A field: what it is called here, null where it is left out or decoded apart, and its bytes. */
type Field = readonly [name: NumberName | null, bytes: 1 | 2 | 4 | 8];

/**
 * `struct tcp_info`, in order; every field is aligned to its size. Linux 6.18 goes on to 280 bytes
 * with byte counters of Accurate ECN, which a driver operation has no room for.
 */
const FIELDS: readonly Field[] = [
  [null, 1], // tcpi_state
  [null, 1], // tcpi_ca_state
  ["retransmits", 1],
  ["probes", 1],
  ["backoff", 1],
  [null, 1], // tcpi_options
  [null, 1], // tcpi_snd_wscale, tcpi_rcv_wscale
  [null, 1], // tcpi_delivery_rate_app_limited, tcpi_fastopen_client_fail
  ["retransmissionTimeoutMicroseconds", 4],
  ["acknowledgementTimeoutMicroseconds", 4],
  ["sendSegmentBytes", 4],
  ["receiveSegmentBytes", 4],
  ["unacknowledgedSegments", 4],
  ["selectivelyAcknowledgedSegments", 4],
  ["lostSegments", 4],
  ["retransmittedSegments", 4],
  [null, 4], // tcpi_fackets, which is always 0
  ["lastDataSentMs", 4],
  [null, 4], // tcpi_last_ack_sent, which is always 0
  ["lastDataReceivedMs", 4],
  ["lastAcknowledgementReceivedMs", 4],
  ["pathMtuBytes", 4],
  ["receiveSlowStartThresholdBytes", 4],
  ["rttMicroseconds", 4],
  ["rttVarianceMicroseconds", 4],
  ["slowStartThresholdSegments", 4],
  ["congestionWindowSegments", 4],
  ["advertisedSegmentBytes", 4],
  ["reorderingSegments", 4],
  ["receiveRttMicroseconds", 4],
  ["receiveSpaceBytes", 4],
  ["totalRetransmits", 4],
  ["pacingRateBytesPerSecond", 8],
  ["maxPacingRateBytesPerSecond", 8],
  ["bytesAcked", 8],
  ["bytesReceived", 8],
  ["segmentsOut", 4],
  ["segmentsIn", 4],
  ["notSentBytes", 4],
  ["minRttMicroseconds", 4],
  ["dataSegmentsIn", 4],
  ["dataSegmentsOut", 4],
  ["deliveryRateBytesPerSecond", 8],
  ["busyMicroseconds", 8],
  ["receiveWindowLimitedMicroseconds", 8],
  ["sendBufferLimitedMicroseconds", 8],
  ["deliveredSegments", 4],
  ["deliveredMarkedSegments", 4],
  ["bytesSent", 8],
  ["bytesRetransmitted", 8],
  ["duplicateAcknowledgedSegments", 4],
  ["reorderings", 4],
  ["outOfOrderSegments", 4],
  ["sendWindowBytes", 4],
  ["receiveWindowBytes", 4],
  ["rehashes", 4],
  ["totalTimeouts", 2],
  ["totalTimeoutRecoveries", 2],
  ["totalTimeoutMs", 4],
  ["receivedMarkedSegments", 4],
  [null, 4], // tcpi_delivered_e1_bytes, without its siblings
];

/** Bytes that are asked for: what a driver operation carries at most. */
export const TCP_INFO_BYTES = 256;
/** Bytes up to `tcpi_total_retrans`, which every kernel that has io_uring tells. */
const LEAST_BYTES = 104;

const OFFSETS: readonly number[] = chain();

const State = { STATE: 0, CONGESTION: 1, FEATURES: 5, SCALES: 6, LIMITS: 7 } as const;
/** `TCPI_OPT_*`. */
const Feature = {
  TIMESTAMPS: 1,
  SACK: 2,
  WINDOW_SCALE: 4,
  ECN: 8,
  ECN_SEEN: 16,
  SYN_DATA: 32,
} as const;

/** By the numbers of `net/tcp_states.h`; a listener's request for a connection is one of SYN. */
const STATES: readonly TcpState[] = [
  "unknown",
  "established",
  "syn-sent",
  "syn-received",
  "fin-wait-1",
  "fin-wait-2",
  "time-wait",
  "closed",
  "close-wait",
  "last-ack",
  "listen",
  "closing",
  "syn-received",
];
const CONGESTION_STATES: readonly CongestionState[] = [
  "open",
  "disorder",
  "cwr",
  "recovery",
  "loss",
];
const FAST_OPEN_FAILURES: readonly FastOpenFailure[] = [
  "none",
  "cookie-unavailable",
  "data-not-acknowledged",
  "syn-retransmitted",
];

/** `TCP_INFINITE_SSTHRESH`. */
const INFINITE_THRESHOLD = 0x7fff_ffff;
const UINT_MAX = 0xffff_ffff;
const WORD = 2 ** 32;

/** Chains the fields, and proves that they are aligned and fill the structure. */
function chain(): number[] {
  const offsets: number[] = [];
  let offset = 0;
  for (const [name, bytes] of FIELDS) {
    if (offset % bytes !== 0) throw new Error(`tcp_info: ${name} is not aligned at ${offset}`);
    offsets.push(offset);
    offset += bytes;
  }
  if (offset !== TCP_INFO_BYTES) throw new Error(`tcp_info: its fields have ${offset} bytes`);
  return offsets;
}

/**
 * Decodes a `struct tcp_info`, little-endian, whole or as much of it as a kernel tells.
 *
 * @param bytes at least 104 bytes
 * @throws {RangeError} when it is shorter
 */
export function decodeTcpInfo(bytes: Uint8Array): TcpInfo {
  if (bytes.length < LEAST_BYTES) {
    throw new RangeError(`a tcp_info has at least ${LEAST_BYTES} bytes, not ${bytes.length}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const features = bytes[State.FEATURES];
  const info: Partial<Record<NumberName, number | undefined>> = {};
  for (let index = 0; index < FIELDS.length; index++) {
    const [name, size] = FIELDS[index];
    const offset = OFFSETS[index];
    if (name !== null && offset + size <= bytes.length) {
      info[name] = meaning(name, readField(view, offset, size));
    }
  }
  return {
    state: STATES[bytes[State.STATE]] ?? "unknown",
    congestionState: CONGESTION_STATES[bytes[State.CONGESTION]] ?? "unknown",
    features: {
      timestamps: (features & Feature.TIMESTAMPS) !== 0,
      selectiveAcknowledgements: (features & Feature.SACK) !== 0,
      windowScale: (features & Feature.WINDOW_SCALE) !== 0,
      explicitCongestionNotification: (features & Feature.ECN) !== 0,
      congestionNotificationSeen: (features & Feature.ECN_SEEN) !== 0,
      synData: (features & Feature.SYN_DATA) !== 0,
    },
    isDeliveryRateApplicationLimited: (bytes[State.LIMITS] & 1) !== 0,
    fastOpenFailure: FAST_OPEN_FAILURES[bytes[State.LIMITS] >> 1 & 3],
    ...info,
    sendWindowScale: bytes[State.SCALES] & 0xf,
    receiveWindowScale: bytes[State.SCALES] >> 4,
  } as TcpInfo;
}

function readField(view: DataView, offset: number, size: number): number {
  switch (size) {
    case 1:
      return view.getUint8(offset);
    case 2:
      return view.getUint16(offset, true);
    case 4:
      return view.getUint32(offset, true);
    default:
      return view.getUint32(offset + 4, true) * WORD + view.getUint32(offset, true);
  }
}

/** Linux has numbers that stand for "none": they say so here. */
function meaning(name: NumberName, value: number): number | undefined {
  switch (name) {
    case "slowStartThresholdSegments":
      return value >= INFINITE_THRESHOLD ? Infinity : value;
    case "pacingRateBytesPerSecond":
    case "maxPacingRateBytesPerSecond":
      return value >= UINT_MAX * WORD ? Infinity : value;
    case "minRttMicroseconds":
      return value === UINT_MAX ? undefined : value;
    default:
      return value;
  }
}
