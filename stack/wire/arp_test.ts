import { assert, assertEquals } from "@std/assert";
import { ipv4Of, macOf } from "./addresses.ts";
import * as arp from "./arp.ts";
import { Fault, faultName } from "./fault.ts";
import { arpPacket } from "../../tests/support/stack/wire/arbitraries.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { golden, goldens } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";

const AT = 14;

Deno.test("golden packets mean what tshark sees, and are written the same", () => {
  for (const tshark of goldens("arp")) {
    const { packets, bytes, name } = tshark;
    assertEquals(arp.check(packets, AT, bytes.length - AT), Fault.NONE, name);
    const meaning = {
      operation: tshark.number("arp.opcode"),
      senderMac: macOf(tshark.value("arp.src.hw_mac")),
      senderAddress: ipv4Of(tshark.value("arp.src.proto_ipv4")),
      targetMac: macOf(tshark.value("arp.dst.hw_mac")),
      targetAddress: ipv4Of(tshark.value("arp.dst.proto_ipv4")),
    };
    assertEquals(arp.parse(packets, AT), meaning, name);
    assertEquals(arp.operation(packets, AT), meaning.operation);
    packets.bytes.fill(0xa5, AT);
    assertEquals(arp.emit(packets, AT, meaning), arp.PACKET_BYTES);
    assertEquals(packets.bytes, bytes, name);
  }
});

Deno.test("an announcement is a request of one's own address", () => {
  const { packets } = golden("arp_announcement");
  const { senderAddress, targetAddress } = arp.parse(packets, AT);
  assertEquals([senderAddress, targetAddress], Array(2).fill(ipv4Of("10.1.0.2")));
});

Deno.test("packets survive the wire", () => {
  assertRoundTrips(arpPacket, arp);
});

Deno.test("each way in which a packet is bad has its name", () => {
  const edits: [offset: number, byte: number, Fault][] = [
    [1, 6, Fault.ARP_HARDWARE],
    [2, 0x86, Fault.ARP_PROTOCOL],
    [4, 8, Fault.ARP_LENGTHS],
    [5, 16, Fault.ARP_LENGTHS],
    [7, 3, Fault.ARP_OPERATION],
    [7, 0, Fault.ARP_OPERATION],
    [8, 1, Fault.ARP_SENDER_IS_GROUP],
  ];
  for (const [offset, byte, fault] of edits) {
    const { packets } = golden("arp_request");
    packets.bytes[AT + offset] = byte;
    assertEquals(faultName(arp.check(packets, AT, 28)), faultName(fault));
  }
  assertEquals(arp.check(golden("arp_request").packets, AT, 27), Fault.ARP_TOO_SHORT);
});

Deno.test("whatever arrives is a packet or has a fault", () => {
  const { good, faults } = fuzz({
    seeds: goldens("arp").map(({ bytes }) => ({ bytes: bytes.subarray(AT), at: 0 })),
    check: arp.check,
    read: arp.parse,
  });
  assert(good > 0 && faults.has("ARP_LENGTHS"));
});
