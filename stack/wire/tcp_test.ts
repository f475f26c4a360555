import { assert, assertEquals } from "@std/assert";
import { PlainChecksummer, pseudoIpv4At, pseudoIpv6At } from "./checksum.ts";
import { Fault, faultName } from "./fault.ts";
import * as tcp from "./tcp.ts";
import { TcpOptions } from "./tcp_options.ts";
import { scan } from "./tcp_options.ts";
import { tcpHeader } from "../../tests/support/stack/wire/arbitraries.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { golden, goldens, IP_AT } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";

Deno.test("golden segments mean what tshark sees, and are written and summed up the same", () => {
  assert(goldens("tcp").length >= 15);
  for (const tshark of goldens("tcp")) {
    const { packets, bytes, name } = tshark;
    const at = tshark.at("tcp.srcport");
    const length = bytes.length - at;
    assertEquals(tcp.check(packets, at, length), Fault.NONE, name);
    const { options, ...fields } = tcp.parse(packets, at);
    assertEquals(fields, {
      sourcePort: tshark.number("tcp.srcport"),
      destinationPort: tshark.number("tcp.dstport"),
      sequence: tshark.number("tcp.seq") | 0,
      acknowledgment: tshark.number("tcp.ack") | 0,
      flags: tshark.number("tcp.flags"),
      window: tshark.number("tcp.window_size_value"),
      urgentPointer: tshark.number("tcp.urgent_pointer"),
    }, name);
    const header = tshark.number("tcp.hdr_len");
    assertEquals(tcp.headerBytes(packets, at), header);
    assertEquals(tcp.ports(packets, at), fields.sourcePort << 16 | fields.destinationPort);
    const pseudoAt = tshark.has("ipv6.version") ? pseudoIpv6At : pseudoIpv4At;
    const pseudo = pseudoAt(packets, IP_AT, 6, length);
    const summer = new PlainChecksummer(packets);
    assertEquals(tcp.verify(summer, at, length, pseudo), Fault.NONE, name);
    packets.bytes.fill(0xa5, at, at + header);
    assertEquals(tcp.emit(packets, at, { ...fields, options }), header, name);
    tcp.seal(summer, packets, at, length, pseudo);
    assertEquals(packets.bytes, bytes, name);
  }
});

Deno.test("the flags of golden segments are those that tshark names", () => {
  const names = { fin: 1, syn: 2, reset: 4, push: 8, ack: 16, urg: 32, ece: 64, cwr: 128, ae: 256 };
  assertEquals(Object.values(names), Object.values(tcp.Flag));
  for (const tshark of goldens("tcp")) {
    const flags = tcp.flags(tshark.packets, tshark.at("tcp.srcport"));
    for (const [name, bit] of Object.entries(names)) {
      const isSet = (flags & bit) !== 0;
      assertEquals(Number(isSet), tshark.number(`tcp.flags.${name}`), `${tshark.name} ${name}`);
    }
  }
  assertEquals(Object.values(names).reduce((all, bit) => all | bit), tcp.FLAGS_MASK);
});

Deno.test("a bit that turned over on its way breaks the checksum", () => {
  const tshark = golden("tcp_data_ipv6");
  const at = tshark.at("tcp.srcport");
  const length = tshark.bytes.length - at;
  for (let bit = 0; bit < length * 8; bit++) {
    const { packets } = tshark;
    packets.bytes[at + (bit >> 3)] ^= 1 << (bit & 7);
    const pseudo = pseudoIpv6At(packets, IP_AT, 6, length);
    const fault = tcp.verify(new PlainChecksummer(packets), at, length, pseudo);
    assertEquals(fault, Fault.TCP_CHECKSUM, `bit ${bit}`);
  }
});

Deno.test("headers survive the wire", () => {
  assertRoundTrips(tcpHeader, tcp);
});

Deno.test("a checksum that another completes can be written alone", () => {
  const { packets } = golden("tcp_syn");
  const at = golden("tcp_syn").at("tcp.srcport");
  tcp.putChecksum(packets, at, 0x1234);
  assertEquals(packets.view.getUint16(golden("tcp_syn").at("tcp.checksum")), 0x1234);
});

Deno.test("each way in which a segment is bad has its name", () => {
  const edits: [offset: number, bytes: number[], length: number, Fault][] = [
    [0, [], 40, Fault.NONE],
    [0, [], 19, Fault.TCP_TOO_SHORT],
    [0, [], 39, Fault.TCP_HEADER_LENGTH],
    [12, [0x40], 40, Fault.TCP_HEADER_LENGTH],
    [12, [0xb0], 40, Fault.TCP_HEADER_LENGTH],
    [0, [0, 0], 40, Fault.TCP_PORT_ZERO],
    [2, [0, 0], 40, Fault.TCP_PORT_ZERO],
  ];
  for (const [offset, bytes, length, fault] of edits) {
    const { packets } = golden("tcp_syn");
    const at = golden("tcp_syn").at("tcp.srcport");
    packets.bytes.set(bytes, at + offset);
    assertEquals(faultName(tcp.check(packets, at, length)), faultName(fault));
  }
});

Deno.test("whatever arrives is a segment or has a fault, and its options can be read", () => {
  const options = new TcpOptions();
  const { good, faults } = fuzz({
    seeds: goldens("tcp").map((tshark) => ({
      bytes: tshark.bytes.subarray(tshark.at("tcp.srcport")),
      at: 0,
    })),
    starts: [[], [0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0]],
    check: tcp.check,
    read(packets, at, length) {
      const header = tcp.headerBytes(packets, at);
      assert(header <= length);
      tcp.parse(packets, at);
      scan(packets, at, header, options);
    },
  });
  assert(good > 100);
  for (const name of ["TOO_SHORT", "HEADER_LENGTH", "PORT_ZERO"]) assert(faults.has(`TCP_${name}`));
});
