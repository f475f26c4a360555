import { assertEquals, assertThrows } from "@std/assert";
import type { TcpInfo } from "./tcp_info.ts";
import { decodeTcpInfo, TCP_INFO_BYTES } from "./tcp_info_layout.ts";

/** What Linux 6.18 told, 280 bytes, of a connection that sent 5000 bytes and received 700. */
const GOLDEN = "010000000007aa01e01c0300409c000000d20000bc02000000000000000000000000000000000000" +
  "0000000030000000000000003000000030000000ffff000000e800001f00000011000000ffffff7f" +
  "0a000000cbff0000100000000000000000e8000000000000f7de511308000000ffffffffffffffff" +
  "8913000000000000bc020000000000000400000003000000000000000a0000000100000001000000" +
  "00406f40010000000000000000000000000000000000000000000000000000000200000000000000" +
  "8813000000000000000000000000000000000000000000000000000000a401000000010000000000" +
  "00000000000000000000000000000000000000000000000000000000000000000000000000000000";

/** What `ss -ti` printed of it, and what it leaves out. */
const DECODED: TcpInfo = {
  state: "established",
  congestionState: "open",
  retransmits: 0,
  probes: 0,
  backoff: 0,
  features: {
    timestamps: true,
    selectiveAcknowledgements: true,
    windowScale: true,
    explicitCongestionNotification: false,
    congestionNotificationSeen: false,
    synData: false,
  },
  sendWindowScale: 10,
  receiveWindowScale: 10,
  isDeliveryRateApplicationLimited: true,
  fastOpenFailure: "none",
  retransmissionTimeoutMicroseconds: 204_000,
  acknowledgementTimeoutMicroseconds: 40_000,
  sendSegmentBytes: 53_760,
  receiveSegmentBytes: 700,
  unacknowledgedSegments: 0,
  selectivelyAcknowledgedSegments: 0,
  lostSegments: 0,
  retransmittedSegments: 0,
  lastDataSentMs: 48,
  lastDataReceivedMs: 48,
  lastAcknowledgementReceivedMs: 48,
  pathMtuBytes: 65_535,
  receiveSlowStartThresholdBytes: 59_392,
  rttMicroseconds: 31,
  rttVarianceMicroseconds: 17,
  slowStartThresholdSegments: Infinity,
  congestionWindowSegments: 10,
  advertisedSegmentBytes: 65_483,
  reorderingSegments: 16,
  receiveRttMicroseconds: 0,
  receiveSpaceBytes: 59_392,
  totalRetransmits: 0,
  pacingRateBytesPerSecond: 34_683_870_967,
  maxPacingRateBytesPerSecond: Infinity,
  bytesAcked: 5001,
  bytesReceived: 700,
  segmentsOut: 4,
  segmentsIn: 3,
  notSentBytes: 0,
  minRttMicroseconds: 10,
  dataSegmentsIn: 1,
  dataSegmentsOut: 1,
  deliveryRateBytesPerSecond: 5_376_000_000,
  busyMicroseconds: 0,
  receiveWindowLimitedMicroseconds: 0,
  sendBufferLimitedMicroseconds: 0,
  deliveredSegments: 2,
  deliveredMarkedSegments: 0,
  bytesSent: 5000,
  bytesRetransmitted: 0,
  duplicateAcknowledgedSegments: 0,
  reorderings: 0,
  outOfOrderSegments: 0,
  sendWindowBytes: 107_520,
  receiveWindowBytes: 65_536,
  rehashes: 0,
  totalTimeouts: 0,
  totalTimeoutRecoveries: 0,
  totalTimeoutMs: 0,
  receivedMarkedSegments: 0,
};

/** Where the fields lie, as `pahole tcp_info` prints it. */
const PLACES: readonly [offset: number, bytes: 1 | 2 | 4 | 8, name: keyof TcpInfo][] = [
  [2, 1, "retransmits"],
  [3, 1, "probes"],
  [4, 1, "backoff"],
  [8, 4, "retransmissionTimeoutMicroseconds"],
  [12, 4, "acknowledgementTimeoutMicroseconds"],
  [16, 4, "sendSegmentBytes"],
  [20, 4, "receiveSegmentBytes"],
  [24, 4, "unacknowledgedSegments"],
  [28, 4, "selectivelyAcknowledgedSegments"],
  [32, 4, "lostSegments"],
  [36, 4, "retransmittedSegments"],
  [44, 4, "lastDataSentMs"],
  [52, 4, "lastDataReceivedMs"],
  [56, 4, "lastAcknowledgementReceivedMs"],
  [60, 4, "pathMtuBytes"],
  [64, 4, "receiveSlowStartThresholdBytes"],
  [68, 4, "rttMicroseconds"],
  [72, 4, "rttVarianceMicroseconds"],
  [76, 4, "slowStartThresholdSegments"],
  [80, 4, "congestionWindowSegments"],
  [84, 4, "advertisedSegmentBytes"],
  [88, 4, "reorderingSegments"],
  [92, 4, "receiveRttMicroseconds"],
  [96, 4, "receiveSpaceBytes"],
  [100, 4, "totalRetransmits"],
  [104, 8, "pacingRateBytesPerSecond"],
  [112, 8, "maxPacingRateBytesPerSecond"],
  [120, 8, "bytesAcked"],
  [128, 8, "bytesReceived"],
  [136, 4, "segmentsOut"],
  [140, 4, "segmentsIn"],
  [144, 4, "notSentBytes"],
  [148, 4, "minRttMicroseconds"],
  [152, 4, "dataSegmentsIn"],
  [156, 4, "dataSegmentsOut"],
  [160, 8, "deliveryRateBytesPerSecond"],
  [168, 8, "busyMicroseconds"],
  [176, 8, "receiveWindowLimitedMicroseconds"],
  [184, 8, "sendBufferLimitedMicroseconds"],
  [192, 4, "deliveredSegments"],
  [196, 4, "deliveredMarkedSegments"],
  [200, 8, "bytesSent"],
  [208, 8, "bytesRetransmitted"],
  [216, 4, "duplicateAcknowledgedSegments"],
  [220, 4, "reorderings"],
  [224, 4, "outOfOrderSegments"],
  [228, 4, "sendWindowBytes"],
  [232, 4, "receiveWindowBytes"],
  [236, 4, "rehashes"],
  [240, 2, "totalTimeouts"],
  [242, 2, "totalTimeoutRecoveries"],
  [244, 4, "totalTimeoutMs"],
  [248, 4, "receivedMarkedSegments"],
];

Deno.test("decodeTcpInfo() reads what Linux wrote", () => {
  const bytes = Uint8Array.fromHex(GOLDEN);
  assertEquals(bytes.length, 280);
  assertEquals(decodeTcpInfo(bytes.subarray(0, TCP_INFO_BYTES)), DECODED);
});

Deno.test("decodeTcpInfo() reads every field from its own place", () => {
  for (const [offset, size, name] of PLACES) {
    const bytes = new Uint8Array(TCP_INFO_BYTES);
    // From its first byte to its last: a field that is read short or beside is another number.
    bytes[offset] += 1;
    bytes[offset + size - 1] += size === 1 ? 0 : 2;
    let value = 1;
    if (size === 2) value = 1 + 2 * 2 ** 8;
    if (size === 4) value = 1 + 2 * 2 ** 24;
    if (size === 8) value = 1 + 2 * 2 ** 56;
    const info = decodeTcpInfo(bytes);
    assertEquals(info[name], value, name);
    const others = PLACES.filter(([, , other]) => other !== name);
    for (const [, , other] of others) assertEquals(info[other], 0, `${other} beside ${name}`);
  }
});

Deno.test("decodeTcpInfo() leaves out what an older kernel does not tell", () => {
  const bytes = Uint8Array.fromHex(GOLDEN);
  // Linux 5.4 ended after tcpi_snd_wnd, 4.10 after tcpi_sndbuf_limited, 3.10 at the least.
  for (const length of [232, 192, 104]) {
    const info = decodeTcpInfo(bytes.subarray(0, length));
    for (const [offset, size, name] of PLACES) {
      assertEquals(info[name], offset + size <= length ? DECODED[name] : undefined, name);
    }
  }
  assertThrows(() => decodeTcpInfo(bytes.subarray(0, 103)), RangeError, "104");
});

Deno.test("decodeTcpInfo() names states, features and failures", () => {
  const bytes = new Uint8Array(TCP_INFO_BYTES);
  const states = [
    ...["unknown", "established", "syn-sent", "syn-received", "fin-wait-1", "fin-wait-2"],
    ...["time-wait", "closed", "close-wait", "last-ack", "listen", "closing", "syn-received"],
    "unknown",
  ];
  states.forEach((state, number) => {
    bytes[0] = number;
    assertEquals(decodeTcpInfo(bytes).state, state);
  });
  ["open", "disorder", "cwr", "recovery", "loss", "unknown"].forEach((state, number) => {
    bytes[1] = number;
    assertEquals<string>(decodeTcpInfo(bytes).congestionState, state);
  });
  const features = [
    "timestamps",
    "selectiveAcknowledgements",
    "windowScale",
    "explicitCongestionNotification",
    "congestionNotificationSeen",
    "synData",
  ];
  features.forEach((feature, bit) => {
    bytes[5] = 1 << bit;
    const found = Object.entries(decodeTcpInfo(bytes).features).filter(([, has]) => has);
    assertEquals(found.map(([name]) => name), [feature]);
  });
  bytes[6] = 0xa3;
  assertEquals(decodeTcpInfo(bytes).sendWindowScale, 3);
  assertEquals(decodeTcpInfo(bytes).receiveWindowScale, 10);
  const failures = ["none", "cookie-unavailable", "data-not-acknowledged", "syn-retransmitted"];
  failures.forEach((failure, number) => {
    bytes[7] = number << 1;
    assertEquals<string>(decodeTcpInfo(bytes).fastOpenFailure, failure);
    assertEquals(decodeTcpInfo(bytes).isDeliveryRateApplicationLimited, false);
  });
});

Deno.test("decodeTcpInfo() says none where Linux has a number for it", () => {
  const bytes = new Uint8Array(TCP_INFO_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(76, 0x7fff_ffff, true);
  view.setUint32(148, 0xffff_ffff, true);
  view.setBigUint64(104, 2n ** 64n - 1n, true);
  view.setBigUint64(112, 2n ** 53n, true);
  const info = decodeTcpInfo(bytes);
  assertEquals(info.slowStartThresholdSegments, Infinity);
  assertEquals(info.minRttMicroseconds, undefined);
  assertEquals(info.pacingRateBytesPerSecond, Infinity);
  assertEquals(info.maxPacingRateBytesPerSecond, 2 ** 53);
});
