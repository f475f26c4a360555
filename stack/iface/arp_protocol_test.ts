import { assertEquals } from "@std/assert";
import {
  ipv4Packet,
  MS,
  OUR_MAC,
  PEER_MAC,
  S,
  TestLinks,
} from "../../tests/support/stack/links.ts";
import { arpFrame, arpsOf } from "../../tests/support/stack/messages.ts";
import { golden } from "../../tests/support/stack/wire/golden.ts";
import { ipv4Of, MAC_BROADCAST, macOf } from "../wire/addresses.ts";
import * as arp from "../wire/arp.ts";
import { NeighbourState } from "./neighbour_table.ts";
import type { LinkInterface } from "./link_interface.ts";

const US = ipv4Of("10.0.0.1");
const PEER = ipv4Of("10.0.0.2");
const OTHER_MAC = macOf("02:00:00:00:00:99");

function ready(): { bed: TestLinks; link: LinkInterface; state(): number } {
  const bed = new TestLinks();
  const link = bed.add();
  bed.links.addAddress(link.index, US, 24);
  bed.advance(10 * S);
  bed.take();
  const state = () => bed.links.ipv4Neighbours.stateOf(link.index, PEER);
  return { bed, link, state };
}

// covers RFC 826 Reception MUST
Deno.test("a request for our address is answered to whoever asks, who is learnt", () => {
  const { bed, link, state } = ready();
  bed.give(link.index, arpFrame({ sender: PEER, target: US, to: MAC_BROADCAST }));
  assertEquals(arpsOf(bed.take()), [{
    ...{ to: PEER_MAC, operation: 2, senderMac: OUR_MAC, senderAddress: US },
    ...{ targetMac: PEER_MAC, targetAddress: PEER },
  }]);
  assertEquals(state(), NeighbourState.STALE);
  assertEquals(bed.counters.arp.snapshot().REPLIES_SENT, 1);
  bed.assertClean();
});

Deno.test("the kernel's own request is answered", () => {
  const { packets, bytes } = golden("arp_request");
  const { senderAddress, targetAddress, senderMac } = arp.parse(packets, 14);
  const bed = new TestLinks();
  const link = bed.add();
  bed.links.addAddress(link.index, targetAddress, 24);
  bed.advance(10 * S);
  bed.take();
  bed.give(link.index, bytes);
  const [reply] = arpsOf(bed.take());
  assertEquals([reply.senderAddress, reply.targetAddress], [targetAddress, senderAddress]);
  assertEquals(reply.to, senderMac);
});

Deno.test("requests for others' addresses and malformed packets are dropped and counted", () => {
  const { bed, link, state } = ready();
  const send = (sender: number, target: number, mac = PEER_MAC) =>
    bed.give(link.index, arpFrame({ sender, target, mac, to: MAC_BROADCAST }));
  send(PEER, ipv4Of("10.0.0.3"));
  send(ipv4Of("224.0.0.1"), US);
  send(-1, US);
  send(ipv4Of("127.0.0.1"), US);
  send(PEER, US, OUR_MAC);
  bed.give(link.index, arpFrame({ sender: PEER, target: US }).slice(0, 30));
  assertEquals(bed.take(), []);
  assertEquals(state(), NeighbourState.NONE, "and nobody is learnt");
  const { DROPPED_NOT_FOR_US, DROPPED_SENDER, DROPPED_OWN, DROPPED_MALFORMED } = bed.counters.arp
    .snapshot();
  assertEquals([DROPPED_NOT_FOR_US, DROPPED_SENDER, DROPPED_OWN, DROPPED_MALFORMED], [1, 3, 1, 1]);
  bed.assertClean();
});

Deno.test("no more answers are sent within a second than the options say", () => {
  const { bed, link } = ready();
  for (let at = 0; at < 1100; at++) {
    bed.give(link.index, arpFrame({ sender: PEER, target: US, to: MAC_BROADCAST }));
  }
  assertEquals(arpsOf(bed.take()).length, 1024);
  assertEquals(bed.counters.arp.snapshot().DROPPED_LIMITED, 76);
  bed.advance(500 * MS);
  bed.give(link.index, arpFrame({ sender: PEER, target: US }));
  assertEquals(arpsOf(bed.take()).length, 1);
});

Deno.test("a packet waits while its next hop is asked for, and leaves with the answer", () => {
  const { bed, link, state } = ready();
  const packet = ipv4Packet(US, PEER);
  assertEquals(link.output(bed.packet(packet), PEER), 0);
  const [request] = arpsOf(bed.take());
  assertEquals(request, {
    ...{ to: MAC_BROADCAST, operation: 1, senderMac: OUR_MAC, senderAddress: US },
    ...{ targetMac: 0, targetAddress: PEER },
  });
  assertEquals(state(), NeighbourState.INCOMPLETE);
  bed.give(link.index, arpFrame({ operation: 2, sender: PEER, target: US }));
  const [frame] = bed.take();
  assertEquals([frame.to, frame.type], [PEER_MAC, 0x800]);
  assertEquals(frame.bytes.slice(14, 42), packet);
  assertEquals(state(), NeighbourState.REACHABLE);
  bed.assertClean();
});

Deno.test("a request comes from the address that the packet is from", () => {
  const { bed, link } = ready();
  const second = ipv4Of("10.0.0.77");
  bed.links.addAddress(link.index, second, 24);
  bed.advance(10 * S);
  bed.take();
  link.output(bed.packet(ipv4Packet(second, PEER)), PEER);
  assertEquals(arpsOf(bed.take())[0].senderAddress, second);
  const foreign = ipv4Of("10.0.0.3");
  link.output(bed.packet(ipv4Packet(ipv4Of("192.0.2.9"), foreign)), foreign);
  assertEquals(arpsOf(bed.take())[0].senderAddress, US, "what is forwarded is not ours");
});

// covers RFC 826 Reception MUST
Deno.test("an announcement replaces what is known, and enters nobody new", () => {
  const { bed, link, state } = ready();
  const announce = (mac: number) =>
    bed.give(link.index, arpFrame({ sender: PEER, target: PEER, mac, to: MAC_BROADCAST }));
  announce(PEER_MAC);
  assertEquals(state(), NeighbourState.NONE);
  bed.give(link.index, arpFrame({ sender: PEER, target: US }));
  announce(OTHER_MAC);
  assertEquals(state(), NeighbourState.STALE);
  assertEquals(bed.links.listNeighbours()[0].mac, OTHER_MAC);
});

Deno.test("an answer that nobody waits for proves nothing", () => {
  const { bed, link, state } = ready();
  bed.give(link.index, arpFrame({ operation: 2, sender: PEER, target: US }));
  assertEquals(state(), NeighbourState.NONE);
  bed.give(link.index, arpFrame({ sender: PEER, target: US }));
  bed.give(link.index, arpFrame({ operation: 2, sender: PEER, target: US, mac: OTHER_MAC }));
  assertEquals(state(), NeighbourState.STALE);
});

// covers RFC 1122 2.3.2.1 SHOULD
Deno.test("a neighbour that is probed is asked at the address that is known", () => {
  const { bed, link, state } = ready();
  bed.give(link.index, arpFrame({ sender: PEER, target: US }));
  bed.take();
  link.output(bed.packet(ipv4Packet(US, PEER)), PEER);
  bed.take();
  bed.advance(5 * S);
  const [probe] = arpsOf(bed.take());
  assertEquals(probe.to, PEER_MAC);
  assertEquals(state(), NeighbourState.PROBE);
  bed.give(link.index, arpFrame({ operation: 2, sender: PEER, target: US }));
  assertEquals(state(), NeighbourState.REACHABLE);
});

// covers RFC 1122 2.3.2.1 MUST
Deno.test("however many packets wait, an address is asked for once a second at most", () => {
  const { bed, link } = ready();
  let asked = 0;
  for (let turn = 0; turn < 60; turn++) {
    link.output(bed.packet(ipv4Packet(US, PEER)), PEER);
    asked += arpsOf(bed.take()).length;
    bed.advance(100 * MS);
    asked += arpsOf(bed.take()).length;
  }
  assertEquals(asked, 6);
  bed.advance(10 * S);
  bed.assertClean();
});
