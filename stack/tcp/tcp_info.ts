/**
 * `struct tcp_info` of `linux/tcp.h`, as `getsockopt(TCP_INFO)` gives it: 256 bytes, as far as
 * driver operations carry it.
 *
 * @module
 */

import { structure } from "../../ring/abi/layout.ts";
import type { Connection } from "./connection.ts";
import { Bit } from "./connection_bits.ts";
import { State } from "./states.ts";
import { ConnectionInfo } from "./types.ts";

const LAYOUT = structure(256, [
  ["STATE", 1],
  ["CONGESTION_STATE", 1],
  ["RETRANSMITS", 1],
  ["PROBES", 1],
  ["BACKOFF", 1],
  ["OPTIONS", 1],
  ["SCALES", 1],
  ["LIMITS", 1],
  ["RTO", 4],
  ["ATO", 4],
  ["SND_MSS", 4],
  ["RCV_MSS", 4],
  ["UNACKED", 4],
  ["SACKED", 4],
  ["LOST", 4],
  ["RETRANS", 4],
  ["FACKETS", 4],
  ["LAST_DATA_SENT", 4],
  ["LAST_ACK_SENT", 4],
  ["LAST_DATA_RECV", 4],
  ["LAST_ACK_RECV", 4],
  ["PMTU", 4],
  ["RCV_SSTHRESH", 4],
  ["RTT", 4],
  ["RTTVAR", 4],
  ["SND_SSTHRESH", 4],
  ["SND_CWND", 4],
  ["ADVMSS", 4],
  ["REORDERING", 4],
  ["RCV_RTT", 4],
  ["RCV_SPACE", 4],
  ["TOTAL_RETRANS", 4],
  ["PACING_RATE", 8],
  ["MAX_PACING_RATE", 8],
  ["BYTES_ACKED", 8],
  ["BYTES_RECEIVED", 8],
  ["SEGS_OUT", 4],
  ["SEGS_IN", 4],
  ["NOTSENT_BYTES", 4],
  ["MIN_RTT", 4],
  ["DATA_SEGS_IN", 4],
  ["DATA_SEGS_OUT", 4],
  ["DELIVERY_RATE", 8],
  ["BUSY_TIME", 8],
  ["RWND_LIMITED", 8],
  ["SNDBUF_LIMITED", 8],
  ["DELIVERED", 4],
  ["DELIVERED_CE", 4],
  ["BYTES_SENT", 8],
  ["BYTES_RETRANS", 8],
  ["DSACK_DUPS", 4],
  ["REORD_SEEN", 4],
  ["RCV_OOOPACK", 4],
  ["SND_WND", 4],
  ["RCV_WND", 4],
  ["REHASH", 4],
  ["TOTAL_RTO", 2],
  ["TOTAL_RTO_RECOVERIES", 2],
  ["TOTAL_RTO_TIME", 4],
  ["RECEIVED_CE", 4],
  ["DELIVERED_E1_BYTES", 4],
]);

/** `net/tcp_states.h`, by {@linkcode State}. */
const LINUX_STATES: readonly number[] = [7, 10, 2, 3, 1, 4, 5, 8, 11, 9, 6];
/** `TCPI_OPT_*`. */
const Option = { TIMESTAMPS: 1, SACK: 2, WSCALE: 4, ECN: 8, SYN_DATA: 32 } as const;
const UINT_MAX = 0xffff_ffff;
const WORD = 2 ** 32;
const MILLISECOND = 1000;

/**
 * Tells about a connection.
 *
 * @param state the state of the socket
 * @param connection its connection, null where it has none
 */
export function tcpInfo(state: State, connection: Connection | null): Uint8Array {
  const bytes = new Uint8Array(LAYOUT.SIZE);
  const view = new DataView(bytes.buffer);
  bytes[LAYOUT.STATE] = LINUX_STATES[state];
  if (connection === null) {
    // As on Linux: what has not sent is limited by its program.
    bytes[LAYOUT.LIMITS] = Number(state === State.CLOSED);
    return bytes;
  }
  const info = new ConnectionInfo();
  connection.sender.describe(info);
  connection.receiver.describe(info);
  putBytes(bytes, connection, info);
  putWords(view, connection, info);
  putLongs(view, connection, info);
  return bytes;
}

function putBytes(bytes: Uint8Array, connection: Connection, info: ConnectionInfo): void {
  const { bits } = connection;
  bytes[LAYOUT.CONGESTION_STATE] = info.congestionState;
  bytes[LAYOUT.RETRANSMITS] = Math.min(255, info.retransmits + synAttempts(connection));
  bytes[LAYOUT.PROBES] = Math.min(255, info.probes);
  bytes[LAYOUT.BACKOFF] = Math.min(255, info.backoff);
  bytes[LAYOUT.OPTIONS] = ((bits & Bit.TIMESTAMPS) === 0 ? 0 : Option.TIMESTAMPS) |
    ((bits & Bit.SACK) === 0 ? 0 : Option.SACK) |
    ((bits & Bit.SCALING) === 0 ? 0 : Option.WSCALE) |
    ((bits & (Bit.ECN_CLASSIC | Bit.ECN_ACCURATE)) === 0 ? 0 : Option.ECN) |
    ((bits & Bit.SYN_DATA) === 0 ? 0 : Option.SYN_DATA);
  bytes[LAYOUT.SCALES] = connection.peerWindowScale | connection.windowScale << 4;
  bytes[LAYOUT.LIMITS] = info.isApplicationLimited ? 1 : 0;
}

function synAttempts(connection: Connection): number {
  return (connection.bits & Bit.SYN_UNACKNOWLEDGED) === 0 ? 0 : connection.attempts;
}

/** As on Linux: the SYN of whoever opened a connection counts as a byte once it is acknowledged. */
function synBytes({ bits }: Connection): number {
  return (bits & (Bit.ACTIVE | Bit.SYN_UNACKNOWLEDGED)) === Bit.ACTIVE ? 1 : 0;
}

function putWords(view: DataView, connection: Connection, info: ConnectionInfo): void {
  const put = (at: number, value: number) => view.setUint32(at, value, true);
  put(LAYOUT.RTO, info.rto);
  put(LAYOUT.ATO, info.acknowledgmentTimeout);
  put(LAYOUT.SND_MSS, info.sendSegment);
  put(LAYOUT.RCV_MSS, info.receiveSegment);
  put(LAYOUT.UNACKED, info.unacknowledged);
  put(LAYOUT.SACKED, info.sacked);
  put(LAYOUT.LOST, info.lost);
  put(LAYOUT.RETRANS, info.retransmitted);
  put(LAYOUT.LAST_DATA_SENT, info.lastDataSent / MILLISECOND);
  put(LAYOUT.LAST_DATA_RECV, info.lastDataReceived / MILLISECOND);
  put(LAYOUT.LAST_ACK_RECV, connection.silence / MILLISECOND);
  put(LAYOUT.PMTU, connection.flow.path?.mtu ?? 0);
  put(LAYOUT.RCV_SSTHRESH, info.receiveThreshold);
  put(LAYOUT.RTT, info.smoothedRtt);
  put(LAYOUT.RTTVAR, info.rttVariation);
  put(LAYOUT.SND_SSTHRESH, info.slowStartThreshold);
  put(LAYOUT.SND_CWND, info.congestionWindow);
  put(LAYOUT.ADVMSS, connection.receiveSegment);
  put(LAYOUT.REORDERING, info.reordering);
  put(LAYOUT.RCV_RTT, info.receiverRtt);
  put(LAYOUT.RCV_SPACE, info.receiveSpace);
  put(LAYOUT.TOTAL_RETRANS, info.totalRetransmitted);
  put(LAYOUT.SEGS_OUT, info.dataSegmentsOut);
  put(LAYOUT.SEGS_IN, info.dataSegmentsIn);
  put(LAYOUT.NOTSENT_BYTES, info.notSentBytes);
  put(LAYOUT.MIN_RTT, info.minimumRtt === 0 ? UINT_MAX : info.minimumRtt);
  put(LAYOUT.DATA_SEGS_IN, info.dataSegmentsIn);
  put(LAYOUT.DATA_SEGS_OUT, info.dataSegmentsOut);
  put(LAYOUT.DELIVERED, info.delivered);
  put(LAYOUT.DELIVERED_CE, info.deliveredMarked);
  put(LAYOUT.DSACK_DUPS, info.duplicateSacks);
  put(LAYOUT.REORD_SEEN, info.reorderingSeen);
  put(LAYOUT.RCV_OOOPACK, info.receivedOutOfOrder);
  put(LAYOUT.SND_WND, info.sendWindow);
  put(LAYOUT.RCV_WND, info.receiveWindow);
}

function putLongs(view: DataView, connection: Connection, info: ConnectionInfo): void {
  const put = (at: number, value: number) => {
    view.setUint32(at, value % WORD, true);
    view.setUint32(at + 4, Math.floor(value / WORD), true);
  };
  const putRate = (at: number, value: number) => {
    if (value >= 0 && value !== Infinity) return put(at, value);
    view.setUint32(at, UINT_MAX);
    view.setUint32(at + 4, UINT_MAX);
  };
  putRate(LAYOUT.PACING_RATE, info.pacingRate);
  putRate(LAYOUT.MAX_PACING_RATE, connection.configuration.maximumPacingRate);
  put(LAYOUT.BYTES_ACKED, info.bytesAcknowledged + synBytes(connection));
  put(LAYOUT.BYTES_RECEIVED, info.bytesReceived);
  put(LAYOUT.DELIVERY_RATE, info.deliveryRate);
  put(LAYOUT.BUSY_TIME, info.busyTime);
  put(LAYOUT.RWND_LIMITED, info.receiveWindowLimited);
  put(LAYOUT.SNDBUF_LIMITED, info.sendBufferLimited);
  put(LAYOUT.BYTES_SENT, info.bytesSent);
  put(LAYOUT.BYTES_RETRANS, info.bytesRetransmitted);
}
