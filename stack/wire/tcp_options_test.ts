import { assert, assertEquals } from "@std/assert";
import { Fault, faultName } from "./fault.ts";
import { PacketBytes } from "./packet_bytes.ts";
import { OptionBit, OptionKind, scan, TcpOptions } from "./tcp_options.ts";
import { type Golden, golden, goldens } from "../../tests/support/stack/wire/golden.ts";

/** The options of a golden segment. */
function scanGolden(tshark: Golden): TcpOptions {
  const options = new TcpOptions();
  const at = tshark.at("tcp.srcport");
  assertEquals(scan(tshark.packets, at, tshark.number("tcp.hdr_len"), options), Fault.NONE);
  return options;
}

/** Reads options that are written in bytes. */
function scanBytes(...bytes: number[]): [TcpOptions, string] {
  const padded = [...bytes, ...Array((4 - bytes.length % 4) % 4).fill(0)];
  const options = new TcpOptions();
  const fault = scan(PacketBytes.copyOf(padded, 23), 3, 20 + padded.length, options);
  return [options, faultName(fault)];
}

const FIELDS: [number, string, (options: TcpOptions) => number][] = [
  [OptionBit.MAXIMUM_SEGMENT, "mss_val", (options) => options.maximumSegment],
  [OptionBit.WINDOW_SCALE, "wscale.shift", (options) => options.windowScale],
  [OptionBit.TIMESTAMPS, "timestamp.tsval", (options) => options.timestampValue >>> 0],
  [OptionBit.TIMESTAMPS, "timestamp.tsecr", (options) => options.timestampEcho >>> 0],
  [OptionBit.SACK, "sack_le", (options) => options.sackEdges[0] >>> 0],
  [OptionBit.SACK, "sack_re", (options) => options.sackEdges[1] >>> 0],
];

// covers RFC 9293 3.1 MUST-4
Deno.test("golden segments have the options that tshark sees", () => {
  let present = 0;
  for (const tshark of goldens("tcp")) {
    const options = scanGolden(tshark);
    present |= options.present;
    for (const [bit, name, read] of FIELDS) {
      const has = (options.present & bit) !== 0;
      assertEquals(has, tshark.has(`tcp.options.${name}`), `${tshark.name} ${name}`);
      if (has) assertEquals(read(options), tshark.number(`tcp.options.${name}`), tshark.name);
    }
    const isPermitted = (options.present & OptionBit.SACK_PERMITTED) !== 0;
    assertEquals(isPermitted, tshark.has("tcp.options.sack_perm"), tshark.name);
  }
  const { USER_TIMEOUT, ACCURATE_ECN } = OptionBit;
  assertEquals(present | USER_TIMEOUT | ACCURATE_ECN, 0xff, "all but two kinds are golden");
});

Deno.test("a cookie is asked for, given and sent", () => {
  assertEquals(scanGolden(golden("tcp_cookie_request")).cookieBytes, 0);
  const given = scanGolden(golden("tcp_cookie"));
  const hex = given.cookie.slice(0, given.cookieBytes).toHex();
  assertEquals(hex, golden("tcp_cookie").value("tcp.options.tfo.cookie").replaceAll(":", ""));
  assertEquals(hex.length, 16);
  const sent = scanGolden(golden("tcp_fast_open"));
  assertEquals(sent.cookie.slice(0, sent.cookieBytes).toHex(), hex);
});

// covers RFC 9293 3.1 MUST-6, MUST-64
Deno.test("MPTCP and what nobody knows are passed over", () => {
  const { present } = scanGolden(golden("tcp_mptcp"));
  assertEquals(present, scanGolden(golden("tcp_syn")).present);
  const [options, fault] = scanBytes(253, 6, 1, 2, 3, 4, 2, 4, 5, 0xb4);
  assertEquals([options.present, options.maximumSegment], [OptionBit.MAXIMUM_SEGMENT, 1460]);
  assertEquals(fault, "NONE");
});

// covers RFC 9768 3.2.3 MUST
Deno.test("both orders of the counters of accurate ECN are read", () => {
  const counters = (options: TcpOptions) => {
    assertEquals(options.present, OptionBit.ACCURATE_ECN);
    return [options.ecnBytes0, options.ecnBytesCe, options.ecnBytes1];
  };
  const three = [0xff, 0xee, 0xdd, 0, 0, 2, 0, 1, 0];
  assertEquals(counters(scanBytes(172, 11, ...three)[0]), [0xffeedd, 2, 0x100]);
  assertEquals(counters(scanBytes(174, 11, ...three)[0]), [0x100, 2, 0xffeedd]);
  assertEquals(counters(scanBytes(172, 8, ...three.slice(0, 6))[0]), [0xffeedd, 2, -1]);
  assertEquals(counters(scanBytes(174, 8, ...three.slice(0, 6))[0]), [-1, 2, 0xffeedd]);
  assertEquals(counters(scanBytes(172, 5, 0, 0, 9)[0]), [9, -1, -1]);
  assertEquals(counters(scanBytes(174, 2)[0]), [-1, -1, -1]);
});

Deno.test("a user timeout keeps its granularity", () => {
  const [options] = scanBytes(28, 4, 0x80, 5);
  assertEquals([options.present, options.userTimeout], [OptionBit.USER_TIMEOUT, 0x8005]);
});

// covers RFC 7323 2.3 MUST
Deno.test("a shift larger than 14 counts as 14", () => {
  assertEquals(scanBytes(3, 3, 14)[0].windowScale, 14);
  assertEquals(scanBytes(3, 3, 255)[0].windowScale, 14);
});

// covers RFC 9293 3.1 MUST-68
// covers RFC 7413 4.1.1 MUST
Deno.test("an option that has not the length of its kind is passed over", () => {
  const wrong: number[][] = [
    [OptionKind.MAXIMUM_SEGMENT, 3, 0],
    [OptionKind.WINDOW_SCALE, 4, 0, 0],
    [OptionKind.SACK_PERMITTED, 3, 0],
    [OptionKind.SACK, 2],
    [OptionKind.SACK, 9, 0, 0, 0, 0, 0, 0, 0],
    [OptionKind.TIMESTAMPS, 9, 0, 0, 0, 0, 0, 0, 0],
    [OptionKind.USER_TIMEOUT, 3, 0],
    [OptionKind.FAST_OPEN, 4, 0, 0],
    [OptionKind.FAST_OPEN, 7, 0, 0, 0, 0, 0],
    [OptionKind.FAST_OPEN, 20, ...Array(18).fill(0)],
    [OptionKind.ACCURATE_ECN_0, 4, 0, 0],
    [OptionKind.ACCURATE_ECN_1, 14, ...Array(12).fill(0)],
  ];
  for (const bytes of wrong) {
    const [options, fault] = scanBytes(...bytes, OptionKind.SACK_PERMITTED, 2);
    assertEquals([options.present, fault], [OptionBit.SACK_PERMITTED, "NONE"], `${bytes}`);
  }
});

// covers RFC 9293 3.1 MUST-7
Deno.test("an option that is cut off is a fault, and those before it are read", () => {
  for (const bytes of [[3], [3, 0], [3, 1], [8, 10, 1, 2, 3, 4]]) {
    const padding = Array((8 - 4 - bytes.length % 4) % 4).fill(OptionKind.NO_OPERATION);
    const [options, fault] = scanBytes(2, 4, 2, 0, ...padding, ...bytes);
    assertEquals([options.present, fault], [OptionBit.MAXIMUM_SEGMENT, "TCP_OPTION_LENGTH"]);
  }
});

// covers RFC 9293 3.1 MUST-4
Deno.test("behind the end of options nothing is read", () => {
  assertEquals(scanBytes(0, 3, 3, 7)[0].present, 0);
  const [options, fault] = scanBytes(1, 3, 3, 7, 0, 0xff, 0, 0);
  assertEquals([options.present, fault], [OptionBit.WINDOW_SCALE, "NONE"]);
});

Deno.test("what was read of another segment is forgotten", () => {
  const options = new TcpOptions();
  const sack = golden("tcp_sack");
  scan(sack.packets, sack.at("tcp.srcport"), sack.number("tcp.hdr_len"), options);
  assert((options.present & OptionBit.SACK) !== 0);
  const data = golden("tcp_data");
  scan(data.packets, data.at("tcp.srcport"), data.number("tcp.hdr_len"), options);
  assertEquals(options.present, OptionBit.TIMESTAMPS);
  scan(data.packets, data.at("tcp.srcport"), 20, options);
  assertEquals(options.present, 0);
});
