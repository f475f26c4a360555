import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ipv4Of } from "./addresses.ts";
import { Fault, faultName } from "./fault.ts";
import * as ipv4 from "./ipv4.ts";
import { PacketBytes } from "./packet_bytes.ts";
import { ipv4Fragment, ipv4Header } from "../../tests/support/stack/wire/arbitraries.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { type Golden, golden, goldens, IP_AT } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";
import { SEED } from "../../tests/support/seed.ts";

/** Every golden packet over IPv4. */
function overIpv4(): Golden[] {
  return goldens().filter((golden) => golden.number("eth.type") === 0x0800);
}

Deno.test("golden headers mean what tshark sees, and are written the same", () => {
  assert(overIpv4().length > 30);
  for (const tshark of overIpv4()) {
    const { packets, bytes, name } = tshark;
    assertEquals(ipv4.check(packets, IP_AT, bytes.length - IP_AT), Fault.NONE, name);
    assertEquals(ipv4.verify(packets, IP_AT), Fault.NONE, name);
    const { options, ...fields } = ipv4.parse(packets, IP_AT);
    assertEquals(fields, {
      dscp: tshark.number("ip.dsfield.dscp"),
      ecn: tshark.number("ip.dsfield.ecn"),
      totalLength: tshark.number("ip.len"),
      identification: tshark.number("ip.id"),
      dontFragment: tshark.number("ip.flags.df") === 1,
      moreFragments: tshark.number("ip.flags.mf") === 1,
      fragmentOffset: 8 * tshark.number("ip.frag_offset"),
      timeToLive: tshark.number("ip.ttl"),
      protocol: tshark.number("ip.proto"),
      source: ipv4Of(tshark.value("ip.src")),
      destination: ipv4Of(tshark.value("ip.dst")),
    }, name);
    const length = tshark.number("ip.hdr_len");
    assertEquals(ipv4.headerBytes(packets, IP_AT), length);
    packets.bytes.fill(0xa5, IP_AT, IP_AT + length);
    assertEquals(ipv4.emit(packets, IP_AT, { ...fields, options }), length);
    assertEquals(packets.bytes, bytes, name);
  }
});

Deno.test("the accessors of a fragment tell where it belongs", () => {
  const place = (name: string) => {
    const { packets } = golden(name);
    return [
      ipv4.isFragment(packets, IP_AT),
      ipv4.moreFragments(packets, IP_AT),
      ipv4.fragmentOffset(packets, IP_AT),
    ];
  };
  const middle = 8 * golden("ipv4_fragment_middle").number("ip.frag_offset");
  const last = 8 * golden("ipv4_fragment_last").number("ip.frag_offset");
  assert(middle > 0 && last > middle);
  assertEquals(place("ipv4_fragment_first"), [true, true, 0]);
  assertEquals(place("ipv4_fragment_middle"), [true, true, middle]);
  assertEquals(place("ipv4_fragment_last"), [true, false, last]);
  assertEquals(place("tcp_syn"), [false, false, 0]);
  assert(ipv4.dontFragment(golden("tcp_syn").packets, IP_AT));
  assert(ipv4.isToGroup(golden("igmpv3_report").packets, IP_AT));
  assert(!ipv4.isToGroup(golden("tcp_syn").packets, IP_AT));
});

Deno.test("headers survive the wire, with options and as fragments", () => {
  assertRoundTrips(ipv4Header(72), { ...ipv4, payload: 72 });
  assertRoundTrips(ipv4Fragment(72), { ...ipv4, payload: 72 });
});

Deno.test("put() writes what emit() does", () => {
  const plain = ipv4Header(40).map((header) => ({ ...header, totalLength: 60, options: [] }));
  fc.assert(
    fc.property(plain, (header) => {
      const [one, other] = [new PacketBytes(new ArrayBuffer(24)), PacketBytes.copyOf(Array(24))];
      ipv4.emit(one, 3, header);
      const { dscp, ecn, totalLength, identification, timeToLive, protocol } = header;
      ipv4.put(
        other,
        3,
        dscp << 2 | ecn,
        totalLength,
        identification,
        !header.dontFragment,
        timeToLive,
        protocol,
        header.source,
        header.destination,
      );
      assertEquals(other.bytes, one.bytes);
      assertEquals(ipv4.typeOfService(one, 3), dscp << 2 | ecn);
      assertEquals(ipv4.ecn(one, 3), ecn);
    }),
    { seed: SEED },
  );
});

Deno.test("a router takes one from the time to live and keeps the checksum good", () => {
  const { packets } = golden("tcp_syn");
  for (let left = golden("tcp_syn").number("ip.ttl"); left > 0; left--) {
    assertEquals(ipv4.timeToLive(packets, IP_AT), left);
    ipv4.decrementTimeToLive(packets, IP_AT);
    assertEquals(ipv4.verify(packets, IP_AT), Fault.NONE);
  }
});

Deno.test("a bit that turned over on its way breaks the checksum", () => {
  for (const name of ["tcp_syn", "ipv4_record_route"]) {
    for (let bit = 0; bit < golden(name).number("ip.hdr_len") * 8; bit++) {
      const { packets } = golden(name);
      packets.bytes[IP_AT + (bit >> 3)] ^= 1 << (bit & 7);
      // The length of the header says how far its checksum goes: check() comes first.
      if (ipv4.check(packets, IP_AT, 200) !== Fault.NONE) continue;
      assertEquals(ipv4.verify(packets, IP_AT), Fault.IPV4_CHECKSUM, `bit ${bit}`);
    }
  }
});

Deno.test("each way in which a header is bad has its name", () => {
  const edits: [offset: number, bytes: number[], Fault][] = [
    [0, [0x65], Fault.IPV4_VERSION],
    [0, [0x44], Fault.IPV4_HEADER_LENGTH],
    [2, [0, 19], Fault.IPV4_TOTAL_LENGTH],
    [2, [0, 61], Fault.IPV4_TRUNCATED],
    [0, [0x4f, 0, 0, 59], Fault.IPV4_TOTAL_LENGTH],
    [12, [224, 0, 0, 1], Fault.IPV4_SOURCE],
    [12, [255, 255, 255, 255], Fault.IPV4_SOURCE],
    [12, [255, 255, 255, 254], Fault.NONE],
    [12, [0, 0, 0, 0], Fault.NONE],
    [2, [0, 59, 0, 0, 0x20, 0], Fault.IPV4_FRAGMENT_LENGTH],
    [2, [0, 60, 0, 0, 0x20, 0], Fault.NONE],
    [2, [0, 20, 0, 0, 0x20, 0], Fault.IPV4_FRAGMENT_LENGTH],
    // The last fragment may be of any length.
    [2, [0, 59, 0, 0, 0, 1], Fault.NONE],
    // The last possible unit of 8 bytes: 65528 and 20 bytes of header are too many.
    [6, [0x1f, 0xff], Fault.IPV4_FRAGMENT_OVERFLOW],
    [2, [0, 60, 0, 0, 0x1f, 0xf9], Fault.IPV4_FRAGMENT_OVERFLOW],
    [2, [0, 60, 0, 0, 0x1f, 0xf8], Fault.NONE],
  ];
  for (const [offset, bytes, fault] of edits) {
    const { packets } = golden("tcp_syn");
    packets.bytes.set(bytes, IP_AT + offset);
    const found = ipv4.check(packets, IP_AT, 60);
    assertEquals(faultName(found), faultName(fault), `${bytes} at ${offset}`);
  }
  assertEquals(ipv4.check(golden("tcp_syn").packets, IP_AT, 19), Fault.IPV4_TOO_SHORT);
});

Deno.test("whatever arrives is a packet or has a fault", () => {
  const { good, faults } = fuzz({
    seeds: overIpv4().map(({ bytes }) => ({ bytes: bytes.subarray(IP_AT), at: 0 })),
    starts: [
      [],
      [0x45],
      [0x4f, 0, 0, 80],
      ...[[0x20, 1], [0x1f, 0xff]].map((fragment) => [
        ...[0x45, 0, 0, 60, 0, 0, ...fragment],
      ]),
    ],
    check: ipv4.check,
    read(packets, at, length) {
      assert(ipv4.headerBytes(packets, at) <= ipv4.totalLength(packets, at));
      assert(ipv4.totalLength(packets, at) <= length);
      ipv4.verify(packets, at);
      ipv4.parse(packets, at);
    },
  });
  assert(good > 100);
  for (const fault of Object.keys(Fault).filter((name) => /^IPV4_(?!OPTION|CHECK)/.test(name))) {
    assert(faults.has(fault), fault);
  }
});
