import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ipv6Of, putIpv6 } from "./addresses.ts";
import { Fault, faultName } from "./fault.ts";
import * as ipv6 from "./ipv6.ts";
import { PacketBytes } from "./packet_bytes.ts";
import { ipv6Header } from "../../tests/support/stack/wire/arbitraries.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { type Golden, golden, goldens, IP_AT } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";
import { SEED } from "../../tests/support/seed.ts";

/** Every golden packet over IPv6. */
function overIpv6(): Golden[] {
  return goldens().filter((golden) => golden.number("eth.type") === 0x86dd);
}

Deno.test("golden headers mean what tshark sees, and are written the same", () => {
  assert(overIpv6().length > 25);
  for (const tshark of overIpv6()) {
    const { packets, bytes, name } = tshark;
    assertEquals(ipv6.check(packets, IP_AT, bytes.length - IP_AT), Fault.NONE, name);
    const header = ipv6.parse(packets, IP_AT);
    assertEquals(header, {
      dscp: tshark.number("ipv6.tclass.dscp"),
      ecn: tshark.number("ipv6.tclass.ecn"),
      flowLabel: tshark.number("ipv6.flow"),
      payloadLength: tshark.number("ipv6.plen"),
      nextHeader: tshark.number("ipv6.nxt"),
      hopLimit: tshark.number("ipv6.hlim"),
      source: ipv6Of(tshark.value("ipv6.src")),
      destination: ipv6Of(tshark.value("ipv6.dst")),
    }, name);
    for (let word = 0; word < 4; word++) {
      assertEquals(ipv6.sourceWord(packets, IP_AT, word), header.source[word]);
      assertEquals(ipv6.destinationWord(packets, IP_AT, word), header.destination[word]);
    }
    assertEquals(ipv6.isToGroup(packets, IP_AT), tshark.value("ipv6.dst").startsWith("ff"));
    packets.bytes.fill(0xa5, IP_AT, IP_AT + ipv6.HEADER_BYTES);
    assertEquals(ipv6.emit(packets, IP_AT, header), ipv6.HEADER_BYTES);
    assertEquals(packets.bytes, bytes, name);
  }
});

Deno.test("headers survive the wire", () => {
  assertRoundTrips(ipv6Header(100), { ...ipv6, payload: 100 });
});

Deno.test("put() and addresses in their places are what emit() writes", () => {
  fc.assert(
    fc.property(ipv6Header(60), (header) => {
      const [one, other] = [new PacketBytes(new ArrayBuffer(48)), PacketBytes.copyOf(Array(48))];
      ipv6.emit(one, 5, header);
      const service = header.dscp << 2 | header.ecn;
      const { flowLabel, payloadLength, nextHeader, hopLimit } = header;
      ipv6.put(other, 5, service, flowLabel, 0, nextHeader, hopLimit);
      ipv6.putPayloadLength(other, 5, payloadLength);
      putIpv6(other, ipv6.sourceAt(5), header.source);
      putIpv6(other, ipv6.destinationAt(5), header.destination);
      assertEquals(other.bytes, one.bytes);
      assertEquals(ipv6.trafficClass(one, 5), service);
      assertEquals(ipv6.ecn(one, 5), header.ecn);
    }),
    { seed: SEED },
  );
});

Deno.test("a router takes one from the hop limit", () => {
  const { packets } = golden("tcp_syn_ipv6");
  const before = ipv6.hopLimit(packets, IP_AT);
  ipv6.decrementHopLimit(packets, IP_AT);
  assertEquals(ipv6.hopLimit(packets, IP_AT), before - 1);
});

Deno.test("each way in which a header is bad has its name", () => {
  const length = golden("tcp_syn_ipv6").bytes.length - IP_AT;
  const edits: [offset: number, bytes: number[], length: number, Fault][] = [
    [0, [], length, Fault.NONE],
    [0, [], 39, Fault.IPV6_TOO_SHORT],
    [0, [], length - 1, Fault.IPV6_TRUNCATED],
    [0, [0x40], length, Fault.IPV6_VERSION],
    [8, [0xff], length, Fault.IPV6_SOURCE],
  ];
  for (const [offset, bytes, length, fault] of edits) {
    const { packets } = golden("tcp_syn_ipv6");
    packets.bytes.set(bytes, IP_AT + offset);
    assertEquals(faultName(ipv6.check(packets, IP_AT, length)), faultName(fault));
  }
});

Deno.test("whatever arrives is a packet or has a fault", () => {
  const { good, faults } = fuzz({
    seeds: overIpv6().map(({ bytes }) => ({ bytes: bytes.subarray(IP_AT), at: 0 })),
    starts: [[], [0x60], [0x60, 0, 0, 0, 0, 0]],
    check: ipv6.check,
    read(packets, at, length) {
      assert(ipv6.parse(packets, at).payloadLength <= length - 40);
    },
  });
  assert(good > 100);
  for (const name of ["TOO_SHORT", "VERSION", "TRUNCATED", "SOURCE"]) {
    assert(faults.has(`IPV6_${name}`), name);
  }
});
