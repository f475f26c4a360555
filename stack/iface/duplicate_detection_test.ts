import { assert, assertEquals } from "@std/assert";
import { MS, PEER_MAC, S, TestLinks } from "../../tests/support/stack/links.ts";
import { ndpFrame, ndpsOf } from "../../tests/support/stack/messages.ts";
import { golden } from "../../tests/support/stack/wire/golden.ts";
import { IPV6_ALL_NODES, IPV6_ANY, ipv6Of, solicitedNodeOf } from "../wire/addresses.ts";
import * as ethernet from "../wire/ethernet.ts";
import * as ndp from "../wire/ndp.ts";
import type { NdpOption } from "../wire/ndp_options.ts";
import { AddressState } from "./types.ts";

const US = ipv6Of("2001:db8::1");
const GROUP = solicitedNodeOf(US);
const PEER = ipv6Of("fe80::2");

function tentative(detectionTransmits?: number) {
  const bed = new TestLinks({ detectionTransmits });
  const link = bed.add();
  bed.advance(10 * S);
  bed.take();
  bed.links.addAddress(link.index, US, 64);
  const state = () => bed.links.addresses.stateOf(US, link.index);
  return { bed, link, state };
}

function solicitation(options: readonly NdpOption[] = []): ndp.NdpMessage {
  return { message: "neighbor-solicitation", target: US, options };
}

function detections(bed: TestLinks) {
  return ndpsOf(bed.take()).filter(({ source }) => source[0] === 0);
}

// covers RFC 4862 5.4 MUST
// covers RFC 4862 5.4.2 MUST
Deno.test("an address is asked for from ::, and used RetransTimer later", () => {
  const { bed, link, state } = tentative();
  assertEquals(state(), AddressState.TENTATIVE);
  assert(!bed.links.addresses.isLocal(US, link.index));
  bed.advance(0);
  const [asked] = detections(bed);
  assertEquals([asked.source, asked.destination], [IPV6_ANY, GROUP]);
  assert(asked.message.message === "neighbor-solicitation");
  assertEquals(asked.message.target, US);
  assertEquals(asked.message.options.map(({ option }) => option), ["nonce"]);
  bed.advance(1 * S - 1);
  assertEquals(state(), AddressState.TENTATIVE);
  bed.advance(1);
  assertEquals(state(), AddressState.PREFERRED);
  bed.assertClean();
});

// covers RFC 4862 5.4 MUST
Deno.test("as many solicitations are sent as the options say, and none where that is 0", () => {
  const several = tentative(3);
  several.bed.advance(3 * S - 1);
  assertEquals(several.state(), AddressState.TENTATIVE);
  const asked = detections(several.bed).map(({ message }) =>
    message.message === "neighbor-solicitation" ? JSON.stringify(message.options) : ""
  );
  assertEquals(new Set(asked).size, 3, "each with a nonce of its own");
  several.bed.advance(1);
  assertEquals(several.state(), AddressState.PREFERRED);
  const none = tentative(0);
  assertEquals(none.state(), AddressState.PREFERRED);
  none.bed.advance(10 * S);
  assertEquals(detections(none.bed), []);
});

// covers RFC 4862 5.4.3 MUST
// covers RFC 4862 5.4.5 MUST
Deno.test("another node that asks from :: for the same address has it", () => {
  const { bed, link, state } = tentative();
  bed.advance(100 * MS);
  bed.events.length = 0;
  bed.give(link.index, ndpFrame(IPV6_ANY, GROUP, solicitation()));
  assertEquals(state(), AddressState.DUPLICATED);
  assertEquals(bed.events.map(({ event }) => event), ["address-changed", "address-duplicated"]);
  bed.advance(60 * S);
  assertEquals(state(), AddressState.DUPLICATED, "for good");
  assertEquals(bed.counters.ndp.snapshot().DUPLICATES, 1);
});

Deno.test("the kernel's own detection of the same address makes it a duplicate", () => {
  const { bytes, packets } = golden("ndp_detection");
  const bed = new TestLinks();
  const link = bed.add();
  const message = ndp.parse(packets, 54, bytes.length - 54);
  assert(message.message === "neighbor-solicitation");
  bed.links.addAddress(link.index, message.target, 64);
  bed.advance(100 * MS);
  assert(ethernet.check(packets, 0, bytes.length) === 0);
  bed.give(link.index, bytes);
  assertEquals(bed.links.addresses.stateOf(message.target, 0), AddressState.DUPLICATED);
});

// covers RFC 4862 5.4.4 MUST
Deno.test("another node that advertises a tentative address has it", () => {
  const { bed, link, state } = tentative();
  bed.give(
    link.index,
    ndpFrame(US, IPV6_ALL_NODES, {
      message: "neighbor-advertisement",
      ...{ isRouter: false, isSolicited: false, isOverride: true, target: US },
      options: [{ option: "target-link-layer", address: PEER_MAC }],
    }),
  );
  assertEquals(state(), AddressState.DUPLICATED);
  const event = { event: "address-duplicated", interface: link.index, address: US, mac: PEER_MAC };
  assertEquals(bed.events.at(-1), event as typeof bed.events[0]);
});

// covers RFC 4862 5.4.3 MUST
Deno.test("a neighbour that asks for a tentative address is neither answered nor a rival", () => {
  const { bed, link, state } = tentative();
  bed.advance(0);
  bed.take();
  const options = [{ option: "source-link-layer", address: PEER_MAC }] as const;
  bed.give(link.index, ndpFrame(PEER, GROUP, solicitation(options)));
  assertEquals(bed.take(), []);
  assertEquals(state(), AddressState.TENTATIVE);
  assertEquals(bed.counters.ndp.snapshot().DROPPED_NOT_FOR_US, 1);
});

// covers RFC 7527 4.1 MUST
// covers RFC 7527 4.2 MUST
Deno.test("our own solicitation that comes back proves nothing, and another one is sent", () => {
  const { bed, link, state } = tentative();
  for (let turn = 0; turn < 4; turn++) {
    bed.advance(turn === 0 ? 0 : 1 * S);
    const [asked] = detections(bed);
    bed.give(link.index, ndpFrame(IPV6_ANY, GROUP, asked.message));
    assertEquals(state(), AddressState.TENTATIVE);
  }
  bed.advance(1 * S);
  assertEquals(detections(bed), [], "but not for ever");
  assertEquals(state(), AddressState.PREFERRED);
  assertEquals(bed.counters.ndp.snapshot().DROPPED_LOOPED_BACK, 4);
});

// covers RFC 4862 5.4 MUST
// covers RFC 4862 5.4.2 SHOULD
Deno.test("when its interface comes up, an address is asked for again, after a random time", () => {
  const delays = new Set<number>();
  for (let seed = 1; seed < 20; seed++) {
    const bed = new TestLinks({ seed });
    const link = bed.add();
    bed.links.addAddress(link.index, US, 64);
    bed.advance(10 * S);
    bed.links.setUp(link.index, false);
    bed.links.setUp(link.index, true);
    bed.take();
    assertEquals(bed.links.addresses.stateOf(US, 0), AddressState.TENTATIVE);
    let delay = 0;
    while (detections(bed).length === 0) {
      bed.advance(10 * MS);
      delay += 10;
    }
    assert(delay <= 1000, `${delay} ms`);
    delays.add(delay);
  }
  assert(delays.size > 10);
});

Deno.test("an address that nobody is asked for can be used whenever its link is up", () => {
  const bed = new TestLinks();
  const link = bed.add();
  bed.links.addAddress(link.index, US, 64, { detects: false });
  assert(bed.links.addresses.isLocal(US, 0));
  bed.links.setUp(link.index, false);
  bed.links.setUp(link.index, true);
  assert(bed.links.addresses.isLocal(US, 0));
  const tunnel = bed.add({ kind: "ip", mac: 0 });
  bed.links.addAddress(tunnel.index, PEER, 64);
  assert(bed.links.addresses.isLocal(PEER, 0), "nor does a link without frames ask");
});

Deno.test("an address that is removed while it is asked for is forgotten", () => {
  const { bed, link, state } = tentative();
  bed.advance(100 * MS);
  bed.links.removeAddress(link.index, US);
  bed.take();
  bed.advance(10 * S);
  assertEquals(state(), AddressState.NONE);
  assertEquals(detections(bed), []);
  assert(!bed.links.groups.hasGroup(link.index, GROUP));
});
