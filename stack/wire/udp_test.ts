import { assert, assertEquals } from "@std/assert";
import { complement, PlainChecksummer, pseudoIpv4At, pseudoIpv6At } from "./checksum.ts";
import { Fault, faultName } from "./fault.ts";
import { PacketBytes } from "./packet_bytes.ts";
import * as udp from "./udp.ts";
import { udpHeader } from "../../tests/support/stack/wire/arbitraries.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { golden, IP_AT } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";

/** Golden datagrams; that behind a routing header has the sum of its last destination. */
const NAMES = [
  "udp_ipv4",
  "udp_ipv4_no_checksum",
  "udp_ipv6",
  "ipv6_destination_options",
  "ipv6_hop_by_hop",
];

Deno.test("golden datagrams mean what tshark sees, and are written and summed up the same", () => {
  for (const tshark of NAMES.map(golden)) {
    const { packets, bytes, name } = tshark;
    const at = tshark.at("udp.srcport");
    assertEquals(udp.check(packets, at, bytes.length - at), Fault.NONE, name);
    const header = udp.parse(packets, at);
    assertEquals(header, {
      sourcePort: tshark.number("udp.srcport"),
      destinationPort: tshark.number("udp.dstport"),
      length: tshark.number("udp.length"),
    }, name);
    const isIpv6 = tshark.has("ipv6.version");
    const pseudoAt = isIpv6 ? pseudoIpv6At : pseudoIpv4At;
    const pseudo = pseudoAt(packets, IP_AT, 17, header.length);
    const summer = new PlainChecksummer(packets);
    assertEquals(udp.verify(summer, packets, at, pseudo, isIpv6), Fault.NONE, name);
    assertEquals(udp.hasChecksum(packets, at), name !== "udp_ipv4_no_checksum");
    packets.bytes.fill(0xa5, at, at + udp.HEADER_BYTES);
    assertEquals(udp.emit(packets, at, header), udp.HEADER_BYTES);
    if (name !== "udp_ipv4_no_checksum") udp.seal(summer, packets, at, pseudo);
    assertEquals(packets.bytes, bytes, name);
  }
});

Deno.test("a datagram without checksum is good over IPv4 only", () => {
  const tshark = golden("udp_ipv4_no_checksum");
  const at = tshark.at("udp.srcport");
  const summer = new PlainChecksummer(tshark.packets);
  assertEquals(udp.verify(summer, tshark.packets, at, 0, false), Fault.NONE);
  assertEquals(udp.verify(summer, tshark.packets, at, 0, true), Fault.UDP_NO_CHECKSUM);
});

Deno.test("a bit that turned over on its way breaks the checksum", () => {
  const tshark = golden("udp_ipv6");
  const at = tshark.at("udp.srcport");
  const length = tshark.number("udp.length");
  for (let bit = 0; bit < length * 8; bit++) {
    if (bit >> 4 === 2) continue; // The length says what is summed up.
    const { packets } = tshark;
    packets.bytes[at + (bit >> 3)] ^= 1 << (bit & 7);
    const pseudo = pseudoIpv6At(packets, IP_AT, 17, length);
    const fault = udp.verify(new PlainChecksummer(packets), packets, at, pseudo, true);
    assertEquals(fault, Fault.UDP_CHECKSUM, `bit ${bit}`);
  }
});

Deno.test("a checksum that comes out as 0 is written as ffff", () => {
  const packets = new PacketBytes(new ArrayBuffer(10));
  const summer = new PlainChecksummer(packets);
  udp.put(packets, 0, 0, 1, 10);
  packets.view.setUint16(8, complement(summer.sum(0, 8)));
  udp.seal(summer, packets, 0, 0);
  assertEquals(packets.view.getUint16(6), 0xffff);
  assertEquals(udp.verify(summer, packets, 0, 0, true), Fault.NONE);
});

Deno.test("headers survive the wire", () => {
  assertRoundTrips(udpHeader(100), { ...udp, payload: 100 });
});

Deno.test("each way in which a datagram is bad has its name", () => {
  const edits: [offset: number, bytes: number[], length: number, Fault][] = [
    [0, [], 7, Fault.UDP_TOO_SHORT],
    [4, [0, 7], 36, Fault.UDP_LENGTH],
    [4, [0, 37], 36, Fault.UDP_LENGTH],
    [4, [0, 8], 36, Fault.NONE],
    [4, [0, 8], 8, Fault.NONE],
    [2, [0, 0], 36, Fault.UDP_PORT_ZERO],
    [0, [0, 0], 36, Fault.NONE],
  ];
  for (const [offset, bytes, length, fault] of edits) {
    const { packets } = golden("udp_ipv4");
    const at = golden("udp_ipv4").at("udp.srcport");
    packets.bytes.set(bytes, at + offset);
    assertEquals(faultName(udp.check(packets, at, length)), faultName(fault));
  }
});

Deno.test("whatever arrives is a datagram or has a fault", () => {
  const { good, faults } = fuzz({
    seeds: NAMES.map(golden).map((tshark) => ({
      bytes: tshark.bytes.subarray(tshark.at("udp.srcport")),
      at: 0,
    })),
    check: udp.check,
    read(packets, at, length) {
      assert(udp.parse(packets, at).length <= length);
      udp.hasChecksum(packets, at);
    },
  });
  assert(good > 100 && faults.has("UDP_LENGTH"));
});
