import { assert, assertEquals } from "@std/assert";
import { macHigh, macLow, macOf } from "./addresses.ts";
import * as ethernet from "./ethernet.ts";
import { Fault, faultName } from "./fault.ts";
import { EtherType } from "./numbers.ts";
import { PacketBytes } from "./packet_bytes.ts";
import { ethernetHeader } from "../../tests/support/stack/wire/arbitraries.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { golden, goldens } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";

Deno.test("golden frames have the addresses and types that tshark sees", () => {
  for (const tshark of goldens()) {
    const { packets, bytes, name } = tshark;
    assertEquals(ethernet.check(packets, 0, bytes.length), Fault.NONE, name);
    const [to, from] = [macOf(tshark.value("eth.dst")), macOf(tshark.value("eth.src"))];
    const type = tshark.number("eth.type");
    assertEquals(ethernet.parse(packets, 0), { destination: to, source: from, tags: [], type });
    assertEquals(ethernet.destination(packets, 0), to);
    assertEquals(ethernet.source(packets, 0), from);
    assertEquals(ethernet.destinationHigh(packets, 0), macHigh(to));
    assertEquals(ethernet.destinationLow(packets, 0), macLow(to));
    assertEquals(ethernet.sourceHigh(packets, 0), macHigh(from));
    assertEquals(ethernet.sourceLow(packets, 0), macLow(from));
    assertEquals(ethernet.type(packets, 0), type);
    assertEquals([ethernet.headerBytes(packets, 0), ethernet.vlanId(packets, 0)], [14, -1]);
  }
});

Deno.test("headers of frames survive the wire, with tags and without", () => {
  assertRoundTrips(ethernetHeader, ethernet);
});

/** A header with these types at offset 12, of which all but the last are of tags. */
function frame(...types: number[]): PacketBytes {
  const packets = new PacketBytes(new ArrayBuffer(64));
  types.forEach((type, i) => {
    packets.view.setUint16(12 + 4 * i, type);
    if (i < types.length - 1) packets.view.setUint16(14 + 4 * i, 0xe000 | 100 + i);
  });
  return packets;
}

Deno.test("addresses are cut as tables have them, whatever their bits", () => {
  const packets = new PacketBytes(new ArrayBuffer(20));
  const header = { destination: 0xfffe80000001, source: 0xfeff80000002, tags: [], type: 0x800 };
  ethernet.emit(packets, 1, header);
  const to = [ethernet.destinationHigh(packets, 1), ethernet.destinationLow(packets, 1)];
  const from = [ethernet.sourceHigh(packets, 1), ethernet.sourceLow(packets, 1)];
  assertEquals(to, [0xfffe, 0x80000001 | 0]);
  assertEquals(from, [0xfeff, 0x80000002 | 0]);
});

Deno.test("tags of VLANs are passed over, up to two of them", () => {
  const single = frame(EtherType.VLAN, EtherType.IPV4);
  assertEquals([ethernet.headerBytes(single, 0), ethernet.type(single, 0)], [18, EtherType.IPV4]);
  assertEquals(ethernet.vlanId(single, 0), 100);
  const double = frame(EtherType.PROVIDER_VLAN, EtherType.VLAN, EtherType.IPV6);
  assertEquals([ethernet.headerBytes(double, 0), ethernet.type(double, 0)], [22, EtherType.IPV6]);
  assertEquals(ethernet.parse(double, 0).tags.map(({ id, priority }) => [id, priority]), [
    [100, 7],
    [101, 7],
  ]);
});

Deno.test("each way in which a frame is bad has its name", () => {
  const cases: [PacketBytes, number, Fault][] = [
    [frame(EtherType.IPV4), 14, Fault.NONE],
    [frame(EtherType.IPV4), 13, Fault.FRAME_TOO_SHORT],
    [frame(0x05ff), 64, Fault.FRAME_NOT_ETHERNET_II],
    [frame(0x0600), 64, Fault.NONE],
    [frame(EtherType.VLAN, EtherType.IPV4), 18, Fault.NONE],
    [frame(EtherType.VLAN, EtherType.IPV4), 17, Fault.FRAME_TAG_TOO_SHORT],
    [frame(EtherType.VLAN, 0x0100), 64, Fault.FRAME_NOT_ETHERNET_II],
    [frame(EtherType.VLAN, EtherType.VLAN, EtherType.IPV4), 21, Fault.FRAME_TAG_TOO_SHORT],
    [frame(EtherType.VLAN, EtherType.VLAN, EtherType.VLAN, 0x800), 64, Fault.FRAME_TOO_MANY_TAGS],
  ];
  for (const [packets, length, fault] of cases) {
    assertEquals(faultName(ethernet.check(packets, 0, length)), faultName(fault));
  }
  const group = frame(EtherType.IPV4);
  group.bytes[6] = 0x01;
  assertEquals(ethernet.check(group, 0, 64), Fault.FRAME_SOURCE_IS_GROUP);
});

Deno.test("a short frame is filled up to 60 bytes with zeros, a long one is left alone", () => {
  const packets = new PacketBytes(new ArrayBuffer(80));
  packets.bytes.fill(7);
  assertEquals(ethernet.pad(packets, 2, 42), 60);
  assertEquals([...packets.bytes.subarray(44, 62)], Array(18).fill(0));
  assertEquals([packets.bytes[43], packets.bytes[62]], [7, 7]);
  assertEquals([ethernet.pad(packets, 0, 60), ethernet.pad(packets, 0, 61)], [60, 61]);
});

Deno.test("whatever arrives is a frame or has a fault", () => {
  const tagged = frame(EtherType.PROVIDER_VLAN, EtherType.VLAN, EtherType.IPV6).bytes;
  const { good, faults } = fuzz({
    seeds: [golden("tcp_syn"), { bytes: tagged }].map(({ bytes }) => ({ bytes, at: 0 })),
    check: ethernet.check,
    read(packets, at, length) {
      assert(ethernet.headerBytes(packets, at) <= length);
      ethernet.type(packets, at);
      ethernet.vlanId(packets, at);
      ethernet.parse(packets, at);
    },
  });
  assert(good > 0);
  assert(faults.has("FRAME_TOO_SHORT") && faults.has("FRAME_SOURCE_IS_GROUP"));
});
