import { assert, assertEquals } from "@std/assert";
import { MS, OUR_MAC, PEER_MAC, S, TestLinks } from "../../tests/support/stack/links.ts";
import { arpFrame, arpsOf } from "../../tests/support/stack/messages.ts";
import { golden } from "../../tests/support/stack/wire/golden.ts";
import { ipv4Of, MAC_BROADCAST } from "../wire/addresses.ts";
import * as arp from "../wire/arp.ts";
import type { ConflictPolicy } from "./address_conflicts.ts";
import { AddressState } from "./types.ts";

const US = ipv4Of("10.0.0.1");
const PEER = ipv4Of("10.0.0.2");

function claim(conflicts: ConflictPolicy, seed = 1) {
  const bed = new TestLinks({ seed });
  const link = bed.add();
  bed.links.addAddress(link.index, US, 24, { conflicts });
  const state = () => bed.links.addresses.stateOf(US, link.index);
  return { bed, link, state };
}

// covers RFC 5227 2.1.1 SHOULD
// covers RFC 5227 2.1.1 MUST
// covers RFC 5227 2.3 MUST
Deno.test("an address is probed three times, 1 to 2 s apart, and announced twice", () => {
  const { bed, link, state } = claim("probe");
  const times: number[] = [];
  const seen: arp.ArpPacket[] = [];
  for (let turn = 0; turn < 1200; turn++) {
    bed.advance(10 * MS);
    for (const message of arpsOf(bed.take())) {
      times.push(bed.environment.now);
      seen.push(message);
      const isProbe = message.senderAddress === 0;
      assertEquals(state(), isProbe ? AddressState.TENTATIVE : AddressState.PREFERRED);
    }
  }
  assertEquals(seen.map(({ senderAddress }) => senderAddress), [0, 0, 0, US, US]);
  assert(seen.every(({ targetAddress, targetMac }) => targetAddress === US && targetMac === 0));
  const [first, second, third, fourth, fifth] = times;
  assert(first > 0 && first <= 1 * S + 10 * MS, "after a random time of up to a second");
  for (const gap of [second - first, third - second]) assert(gap >= 990 * MS && gap <= 2010 * MS);
  assertEquals([fourth - third, fifth - fourth].map((gap) => Math.round(gap / S)), [2, 2]);
  assert(bed.links.addresses.isLocal(US, link.index));
  const { PROBES_SENT, ANNOUNCEMENTS_SENT, DROPPED_NO_PACKET } = bed.counters.arp.snapshot();
  assertEquals([PROBES_SENT, ANNOUNCEMENTS_SENT, DROPPED_NO_PACKET], [3, 2, 0]);
});

Deno.test("an announcement is what the kernel's is", () => {
  const { bed } = claim("announce");
  bed.advance(0);
  const [ours] = arpsOf(bed.take());
  const theirs = arp.parse(golden("arp_announcement").packets, 14);
  assertEquals(ours.to, MAC_BROADCAST);
  assertEquals(ours.senderMac, OUR_MAC);
  for (const { senderAddress, targetAddress, operation } of [ours, theirs]) {
    assertEquals([senderAddress, operation], [targetAddress, arp.Operation.REQUEST]);
  }
});

// covers RFC 5227 2.1.1 MUST
Deno.test("whoever has an address, or probes it as well, ends its probing", () => {
  const messages = [
    { sender: US, target: PEER },
    { operation: 2, sender: US, target: US },
    { sender: 0, target: US },
  ];
  for (const message of messages) {
    const { bed, link, state } = claim("probe");
    bed.advance(1500 * MS);
    bed.events.length = 0;
    bed.give(link.index, arpFrame({ ...message, to: MAC_BROADCAST }));
    assertEquals(state(), AddressState.DUPLICATED);
    assert(!bed.links.addresses.isLocal(US, link.index));
    const event = "address-duplicated";
    const told = { event, interface: link.index, address: US, mac: PEER_MAC };
    assertEquals(bed.events.at(-1), told as typeof bed.events[0]);
    bed.take();
    bed.advance(60 * S);
    assertEquals(bed.take(), [], "and nothing is said of it any more");
    bed.assertClean();
  }
});

Deno.test("while an address is probed nobody is answered", () => {
  const { bed, link } = claim("probe");
  bed.advance(1200 * MS);
  bed.take();
  bed.give(link.index, arpFrame({ sender: PEER, target: US, to: MAC_BROADCAST }));
  assertEquals(arpsOf(bed.take()).filter(({ operation }) => operation === 2), []);
});

// covers RFC 5227 2.4 MUST
Deno.test("an address in use is defended once within 10 s, and given up then", () => {
  const { bed, link, state } = claim("announce");
  assertEquals(state(), AddressState.PREFERRED, "at once");
  bed.advance(10 * S);
  bed.take();
  const attack = () => bed.give(link.index, arpFrame({ sender: US, target: PEER }));
  attack();
  assertEquals(arpsOf(bed.take()).map(({ senderAddress }) => senderAddress), [US]);
  bed.advance(10 * S);
  attack();
  assertEquals(arpsOf(bed.take()).length, 1);
  assertEquals(state(), AddressState.PREFERRED);
  bed.advance(9 * S);
  attack();
  assertEquals(state(), AddressState.DUPLICATED);
  assertEquals(bed.take(), []);
  assertEquals(bed.counters.arp.snapshot().CONFLICTS, 3);
});

// covers RFC 5227 2.4 MUST
Deno.test("an address that is held is defended for ever, once within 10 s", () => {
  const { bed, link, state } = claim("hold");
  bed.advance(10 * S);
  bed.take();
  for (let turn = 0; turn < 40; turn++) {
    bed.give(link.index, arpFrame({ sender: US, target: PEER }));
    bed.advance(1 * S);
  }
  assertEquals(arpsOf(bed.take()).length, 4);
  assertEquals(state(), AddressState.PREFERRED);
});

Deno.test("a probe of somebody else for an address in use is answered, and no conflict", () => {
  const { bed, link, state } = claim("announce");
  bed.advance(10 * S);
  bed.take();
  bed.give(link.index, arpFrame({ sender: 0, target: US, to: MAC_BROADCAST }));
  const [reply] = arpsOf(bed.take());
  assertEquals([reply.operation, reply.senderAddress], [2, US]);
  assertEquals(state(), AddressState.PREFERRED);
  assertEquals(bed.links.ipv4Neighbours.size, 0, "and 0.0.0.0 is nobody");
});

// covers RFC 5227 2.1 MUST
Deno.test("when its link comes up again, an address is probed again", () => {
  const { bed, link, state } = claim("probe");
  bed.advance(20 * S);
  assertEquals(state(), AddressState.PREFERRED);
  bed.links.setUp(link.index, false);
  bed.advance(20 * S);
  bed.take();
  bed.links.setUp(link.index, true);
  assertEquals(state(), AddressState.TENTATIVE);
  bed.advance(20 * S);
  assertEquals(arpsOf(bed.take()).map(({ senderAddress }) => senderAddress), [0, 0, 0, US, US]);
  bed.links.removeAddress(link.index, US);
  bed.give(link.index, arpFrame({ sender: US, target: PEER }));
  assertEquals(bed.counters.arp.snapshot().CONFLICTS, 0, "removed, it is anybody's");
});

Deno.test("addresses are announced again when that is asked for", () => {
  const { bed, link } = claim("announce");
  bed.links.addAddress(link.index, PEER, 24, { conflicts: "probe" });
  bed.links.setUp(link.index, false);
  bed.links.setUp(link.index, true);
  bed.advance(0);
  bed.take();
  bed.links.announce(link.index);
  assertEquals(arpsOf(bed.take()).map(({ senderAddress }) => senderAddress), [US]);
});
