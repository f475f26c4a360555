import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { ipv4Packet, OUR_MAC, PEER_MAC, TestLinks } from "../../tests/support/stack/links.ts";
import { golden } from "../../tests/support/stack/wire/golden.ts";
import { PacketFlag, Segmentation } from "../packet_table.ts";
import { ipv4Of, ipv6Of, MAC_BROADCAST, macOf } from "../wire/addresses.ts";
import * as ethernet from "../wire/ethernet.ts";
import { EtherType } from "../wire/numbers.ts";
import { PacketBytes } from "../wire/packet_bytes.ts";
import { MAXIMUM_OFFLOAD_BYTES } from "./link_interface.ts";
import type { SegmentSink } from "./types.ts";

const PEER = ipv4Of("10.0.0.2");
const US = ipv4Of("10.0.0.1");

function frame(to: number, type: number, payload: Uint8Array, vlan?: number): Uint8Array {
  const packets = new PacketBytes(new ArrayBuffer(payload.length + 18));
  const tag = { type: EtherType.VLAN, priority: 0, isDropEligible: false, id: vlan ?? 0 };
  const tags = vlan === undefined ? [] : [tag];
  const at = ethernet.emit(packets, 0, { destination: to, source: PEER_MAC, tags, type });
  packets.bytes.set(payload, at);
  return packets.bytes.slice(0, at + payload.length);
}

function quiet(): { bed: TestLinks; index: number } {
  const bed = new TestLinks();
  const { index } = bed.add();
  bed.advance(10_000_000);
  bed.take();
  return { bed, index };
}

// covers RFC 1122 2.3.3 MUST
Deno.test("a frame's packet is handed up without its header, and its cast is noted", () => {
  const { bed, index } = quiet();
  const packet = ipv4Packet(PEER, US);
  bed.give(index, frame(OUR_MAC, EtherType.IPV4, packet));
  bed.give(index, frame(MAC_BROADCAST, EtherType.IPV4, packet));
  bed.give(index, frame(macOf("01:00:5e:00:00:01"), EtherType.IPV4, packet));
  assertEquals(bed.received.map(({ bytes }) => bytes), [packet, packet, packet]);
  assertEquals(bed.received.map(({ flags }) => flags), [
    0,
    PacketFlag.LINK_BROADCAST,
    PacketFlag.LINK_MULTICAST,
  ]);
  bed.assertClean();
});

Deno.test("the kernel's own frame reaches IP as it is", () => {
  const { bytes, packets } = golden("udp_ipv6");
  const bed = new TestLinks();
  const { index } = bed.add({ mac: ethernet.destination(packets, 0) });
  bed.give(index, bytes);
  assertEquals(bed.received[0].family, 6);
  assertEquals(bed.received[0].bytes, new Uint8Array(bytes.slice(14)));
});

Deno.test("frames for others, of VLANs, of unknown types and malformed ones are dropped", () => {
  const { bed, index } = quiet();
  const packet = ipv4Packet(PEER, US);
  bed.give(index, frame(macOf("02:00:00:00:00:77"), EtherType.IPV4, packet));
  bed.give(index, frame(macOf("01:00:5e:01:01:01"), EtherType.IPV4, packet));
  bed.give(index, frame(OUR_MAC, EtherType.IPV4, packet, 7));
  bed.give(index, frame(OUR_MAC, 0x88cc, packet));
  bed.give(index, [1, 2, 3]);
  assertEquals(bed.received, []);
  const { link } = bed.counters;
  assertEquals(link.snapshot().DROPPED_OTHER_STATION, 2);
  assertEquals(link.snapshot().DROPPED_VLAN, 1);
  assertEquals(link.snapshot().DROPPED_TYPE, 1);
  assertEquals(link.snapshot().DROPPED_MALFORMED, 1);
  assertEquals(bed.counters.faults.snapshot().FRAME_TOO_SHORT, 1);
  assertEquals(bed.links.get(index)?.statistics.receivedDropped, 5);
  bed.give(index, frame(OUR_MAC, EtherType.IPV4, packet, 0));
  assertEquals(bed.received.length, 1, "a tag that only says a priority is no VLAN");
  bed.assertClean();
});

Deno.test("a promiscuous interface takes frames for others without a note", () => {
  const bed = new TestLinks();
  const { index } = bed.add({ isPromiscuous: true });
  bed.give(index, frame(macOf("02:00:00:00:00:77"), EtherType.IPV4, ipv4Packet(PEER, US)));
  assertEquals(bed.received[0].flags, 0);
});

Deno.test("an interface that is down neither sends nor receives", () => {
  const { bed, index } = quiet();
  const link = bed.links.get(index)!;
  bed.links.setUp(index, false);
  bed.give(index, frame(OUR_MAC, EtherType.IPV4, ipv4Packet(PEER, US)));
  assertEquals(link.output(bed.packet(ipv4Packet(US, PEER)), PEER), -Errno.ENETDOWN);
  assertEquals(link.broadcast(bed.packet(ipv4Packet(US, -1))), -Errno.ENETDOWN);
  assertEquals(bed.received.length + bed.sent.length, 0);
  assertEquals(bed.counters.link.snapshot().DROPPED_RECEIVED_DOWN, 1);
  assertEquals(bed.counters.link.snapshot().DROPPED_SENT_DOWN, 2);
  bed.links.receive(99, bed.packet([1]));
  assertEquals(bed.counters.link.snapshot().DROPPED_NO_INTERFACE, 1);
  bed.assertClean();
});

// covers RFC 1112 6.4 MUST
// covers RFC 1122 2.3.2 MUST
Deno.test("groups and broadcasts go to addresses that follow from them", () => {
  const { bed, index } = quiet();
  const link = bed.links.get(index)!;
  link.output(bed.packet(ipv4Packet(US, 0)), ipv4Of("239.129.2.3"));
  link.output(bed.packet(ipv4Packet(US, 0)), -1);
  link.broadcast(bed.packet(ipv4Packet(US, 0)));
  link.output(bed.packet(new Uint8Array(40)), ipv6Of("ff02::1:ff12:3456"));
  const frames = bed.take();
  assertEquals(frames.map(({ to }) => to), [
    macOf("01:00:5e:01:02:03"),
    MAC_BROADCAST,
    MAC_BROADCAST,
    macOf("33:33:ff:12:34:56"),
  ]);
  assertEquals(frames.map(({ type }) => type), [0x800, 0x800, 0x800, 0x86dd]);
  assertEquals(frames.map(({ bytes }) => bytes.length), [60, 60, 60, 60], "filled up");
  assertEquals(frames[0].bytes.slice(42), new Uint8Array(18), "with zeros");
  bed.assertClean();
});

Deno.test("chains, slices and shared packets get headers and padding of their own", () => {
  const { bed, index } = quiet();
  const link = bed.links.get(index)!;
  const { arena } = bed.environment;
  const whole = bed.packet(ipv4Packet(US, -1, 20));
  arena.retain(whole);
  link.broadcast(whole);
  const slice = arena.slice(whole, 0, 30);
  bed.environment.packets.clear(slice);
  link.broadcast(slice);
  const head = bed.packet(ipv4Packet(US, -1, 0));
  arena.append(head, arena.slice(whole, 20, 20));
  link.broadcast(head);
  const frames = bed.take();
  const bytes = ipv4Packet(US, -1, 20);
  assertEquals(frames[0].bytes.slice(14, 54), bytes);
  assertEquals(frames[1].bytes.slice(14, 44), bytes.slice(0, 30));
  assertEquals(frames[2].bytes.slice(34, 54), bytes.slice(20));
  assertEquals(frames.map((sent) => sent.bytes.length), [60, 60, 60]);
  assertEquals(bed.counters.link.snapshot().SEPARATE_HEADERS, 2);
  arena.release(whole);
  bed.assertClean();
});

Deno.test("a full queue is told and counted, and nothing is lost", () => {
  const { bed, index } = quiet();
  bed.isFull = true;
  const link = bed.links.get(index)!;
  assertEquals(link.broadcast(bed.packet(ipv4Packet(US, -1))), -Errno.ENOBUFS);
  assertEquals(bed.counters.link.snapshot().DROPPED_QUEUE_FULL, 1);
  assertEquals(link.statistics.sentDropped, 1);
  bed.assertClean();
});

Deno.test("software completes sums and cuts packets up exactly where the port does not", () => {
  const calls: string[] = [];
  const bed = new TestLinks();
  const { arena, packets } = bed.environment;
  const egress = {
    completeChecksum(packet: number): void {
      calls.push("sum");
      packets.flags[packet] &= ~PacketFlag.CHECKSUM_PARTIAL;
    },
    segment(packet: number, sink: SegmentSink): number {
      calls.push("segment");
      arena.release(packet);
      sink.takeSegment(bed.packet(ipv4Packet(US, -1, 100)));
      sink.takeSegment(bed.packet(ipv4Packet(US, -1, 50)));
      return 0;
    },
  };
  const plain = bed.add();
  const able = bed.add({ offload: { checksum: true, segmentationBytes: 3000 } });
  bed.advance(10_000_000);
  bed.take();
  const make = (bytes: number) => {
    const packet = bed.packet(ipv4Packet(US, -1, bytes));
    packets.flags[packet] = PacketFlag.CHECKSUM_PARTIAL;
    packets.segmentation[packet] = Segmentation.TCP_IPV4;
    packets.segmentBytes[packet] = 100;
    return packet;
  };
  assertEquals(plain.offloadBytes, 0);
  assertEquals(plain.broadcast(make(1000)), -Errno.EMSGSIZE, "nobody is there to cut it up");
  const release = (packet: number) => arena.release(packet);
  bed.links.attach({
    ...{ ip: { receiveIpv4: release, receiveIpv6: release }, egress },
    unreachable: { onUnreachable: release },
  });
  assertEquals(plain.offloadBytes, MAXIMUM_OFFLOAD_BYTES);
  plain.broadcast(make(1000));
  assertEquals(calls, ["segment"]);
  assertEquals(bed.take().map(({ bytes }) => bytes.length), [134, 84]);
  able.broadcast(make(1000));
  assertEquals(calls, ["segment"], "the port does both");
  able.broadcast(make(5000));
  assertEquals(calls, ["segment", "segment"], "but not for packets that are too long for it");
  const single = bed.packet(ipv4Packet(US, -1));
  packets.flags[single] = PacketFlag.CHECKSUM_PARTIAL;
  plain.broadcast(single);
  assertEquals(calls, ["segment", "segment", "sum"]);
  bed.take();
  bed.assertClean();
});

Deno.test("a link without frames carries packets as they are, and tells versions apart", () => {
  const bed = new TestLinks();
  const link = bed.add({ kind: "ip", mac: 0 });
  bed.advance(10_000_000);
  bed.take();
  link.output(bed.packet(ipv4Packet(US, PEER)), PEER);
  assertEquals(bed.sent[0].bytes, ipv4Packet(US, PEER));
  bed.give(link.index, ipv4Packet(PEER, US));
  bed.give(link.index, [0x60, ...new Array(39).fill(0)]);
  bed.give(link.index, [0x10]);
  bed.give(link.index, []);
  assertEquals(bed.received.map(({ family }) => family), [4, 6]);
  assertEquals(bed.counters.link.snapshot().DROPPED_VERSION, 2);
  bed.assertClean();
});

Deno.test("what goes to the loopback interface comes back later, with a sum that is good", () => {
  const bed = new TestLinks();
  const link = bed.links.addLoopback();
  assert(typeof link !== "number");
  const packet = bed.packet(ipv4Packet(0x7f000001, 0x7f000001));
  bed.environment.packets.flags[packet] = PacketFlag.CHECKSUM_PARTIAL;
  link.output(packet, 0x7f000001);
  assertEquals(bed.received.length, 0, "not within the call");
  assertEquals(bed.links.deliverLooped(), 1);
  assertEquals(bed.received[0].flags, PacketFlag.LOOPED | PacketFlag.CHECKSUM_GOOD);
  assertEquals(bed.links.deliverLooped(), 0);
  assert(bed.links.addresses.isLocal(ipv4Of("127.1.2.3"), 0), "all of 127.0.0.0/8 is ours");
  assert(bed.links.addresses.isLocal(ipv6Of("::1"), link.index));
  bed.assertClean();
});

Deno.test("a tap sees every frame of both directions, as it is on the link", () => {
  const { bed, index } = quiet();
  const seen: string[] = [];
  const { arena } = bed.environment;
  bed.links.tap = {
    onFrame: (link, direction, packet) => seen.push(`${link} ${direction} ${arena.length(packet)}`),
  };
  bed.give(index, frame(macOf("02:00:00:00:00:77"), EtherType.IPV4, ipv4Packet(PEER, US)));
  bed.links.get(index)!.broadcast(bed.packet(ipv4Packet(US, -1)));
  assertEquals(seen, ["1 in 42", "1 out 60"]);
});

Deno.test("interfaces are added, found and removed with all that is theirs", () => {
  const bed = new TestLinks();
  const link = bed.add({ name: "wan" });
  assertEquals(bed.links.named("wan"), link);
  const again = { name: "wan", kind: "ethernet", mac: PEER_MAC } as const;
  assertEquals(bed.links.addInterface(again), -Errno.EEXIST);
  assertEquals(bed.links.addInterface({ name: "a", kind: "ethernet", mac: 0 }), -Errno.EINVAL);
  const small = { name: "b", kind: "ethernet", mac: PEER_MAC, mtu: 60 } as const;
  assertEquals(bed.links.addInterface(small), -Errno.EINVAL);
  bed.links.addAddress(link.index, US, 24);
  bed.links.addAddress(link.index, ipv6Of("2001:db8::1"), 64);
  link.output(bed.packet(ipv4Packet(US, PEER)), PEER);
  assertEquals(bed.links.ipv4Neighbours.size, 1);
  assertEquals(bed.links.removeInterface(link.index), 0);
  assertEquals(bed.links.removeInterface(link.index), -Errno.ENODEV);
  assertEquals(bed.links.addresses.list(), []);
  assertEquals(bed.links.routes.list(), []);
  assertEquals(bed.links.listNeighbours(), []);
  assertEquals(bed.links.groups.list(link.index), []);
  assertEquals(bed.links.named("wan"), undefined);
  assertEquals(bed.events.at(-1), { event: "interface-removed", interface: link.index });
  bed.advance(100_000_000);
  bed.assertClean();
});

Deno.test("no more interfaces are added than the options say", () => {
  const bed = new TestLinks();
  const results = Array.from({ length: 66 }, (_, at) => {
    const added = bed.links.addInterface({ name: `t${at}`, kind: "ip" });
    return typeof added === "number" ? added : 0;
  });
  assertEquals(results.filter((result) => result === 0).length, 64);
  assertEquals(results.at(-1), -Errno.ENOBUFS);
});
