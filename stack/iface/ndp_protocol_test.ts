import { assert, assertEquals } from "@std/assert";
import { OUR_MAC, PEER_MAC, S, TestLinks } from "../../tests/support/stack/links.ts";
import { ndpFrame, ndpsOf } from "../../tests/support/stack/messages.ts";
import { golden } from "../../tests/support/stack/wire/golden.ts";
import { IPV6_ALL_NODES, IPV6_ALL_ROUTERS, IPV6_ANY, ipv6Of } from "../wire/addresses.ts";
import { ipv6At, macOf, solicitedNodeOf } from "../wire/addresses.ts";
import * as ethernet from "../wire/ethernet.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as ndp from "../wire/ndp.ts";
import type { NdpOption } from "../wire/ndp_options.ts";
import { NeighbourState } from "./neighbour_table.ts";

const US = ipv6Of("2001:db8::1");
const PEER = ipv6Of("2001:db8::2");
const OWN_LINK_LAYER: NdpOption = { option: "source-link-layer", address: PEER_MAC };

function ready(isForwarding = false) {
  const bed = new TestLinks();
  const link = bed.add({ isForwarding });
  bed.links.addAddress(link.index, US, 64);
  bed.advance(20 * S);
  bed.take();
  return { bed, link };
}

function solicitation(options: readonly NdpOption[] = []): ndp.NdpMessage {
  return { message: "neighbor-solicitation", target: US, options };
}

// covers RFC 4861 7.2.4 MUST
// covers RFC 4861 7.2.4 SHOULD
// covers RFC 4861 7.2.3 SHOULD
Deno.test("a solicitation is answered to whoever asks, who is learnt", () => {
  const { bed, link } = ready();
  bed.give(link.index, ndpFrame(PEER, solicitedNodeOf(US), solicitation([OWN_LINK_LAYER])));
  assertEquals(ndpsOf(bed.take()), [{
    ...{ source: US, destination: PEER, to: PEER_MAC },
    message: {
      message: "neighbor-advertisement",
      ...{ isRouter: false, isSolicited: true, isOverride: true, target: US },
      options: [{ option: "target-link-layer", address: OUR_MAC }],
    },
  }]);
  const { ipv6Neighbours } = bed.links;
  assertEquals(ipv6Neighbours.stateOf(link.index, PEER), NeighbourState.DELAY);
  bed.assertClean();
});

Deno.test("the kernel's own solicitation is answered", () => {
  const { bytes, packets } = golden("ndp_neighbor_solicitation");
  const message = ndp.parse(packets, 54, bytes.length - 54);
  assert(message.message === "neighbor-solicitation");
  const bed = new TestLinks();
  const link = bed.add();
  bed.links.addAddress(link.index, message.target, 64);
  bed.advance(20 * S);
  bed.take();
  bed.give(link.index, bytes);
  const [answer] = ndpsOf(bed.take());
  assert(answer.message.message === "neighbor-advertisement");
  assertEquals(answer.message.target, message.target);
});

// covers RFC 4861 7.2.4 MUST
Deno.test("who asks from :: for an address in use is answered by all nodes' group", () => {
  const { bed, link } = ready();
  bed.give(link.index, ndpFrame(IPV6_ANY, solicitedNodeOf(US), solicitation()));
  const [{ destination, message }] = ndpsOf(bed.take());
  assert(message.message === "neighbor-advertisement");
  assertEquals([destination, message.isSolicited], [IPV6_ALL_NODES, false]);
  assertEquals(bed.links.ipv6Neighbours.size, 0);
});

// covers RFC 4861 7.2.4 MUST
Deno.test("a router says that it is one, and takes solicitations of hosts", () => {
  const { bed, link } = ready(true);
  bed.give(link.index, ndpFrame(PEER, solicitedNodeOf(US), solicitation([OWN_LINK_LAYER])));
  const [{ message }] = ndpsOf(bed.take());
  assert(message.message === "neighbor-advertisement" && message.isRouter);
  const host = ipv6Of("fe80::77");
  const options = [OWN_LINK_LAYER];
  bed.give(
    link.index,
    ndpFrame(host, IPV6_ALL_ROUTERS, { message: "router-solicitation", options }),
  );
  assertEquals(bed.links.ipv6Neighbours.stateOf(link.index, host), NeighbourState.STALE);
});

// covers RFC 4861 6.2.6 MUST
Deno.test("a host ignores solicitations of other hosts", () => {
  const { bed, link } = ready();
  bed.links.groups.join(link.index, IPV6_ALL_ROUTERS, {});
  bed.give(
    link.index,
    ndpFrame(PEER, IPV6_ALL_ROUTERS, { message: "router-solicitation", options: [OWN_LINK_LAYER] }),
  );
  assertEquals(bed.counters.ndp.snapshot().DROPPED_FOR_ROUTERS, 1);
  assertEquals(bed.links.ipv6Neighbours.size, 0);
});

// covers RFC 4861 6.1 MUST
Deno.test("messages that are not valid are dropped, and nobody is learnt", () => {
  const { bed, link } = ready();
  const message = solicitation([OWN_LINK_LAYER]);
  bed.give(link.index, ndpFrame(PEER, solicitedNodeOf(US), message, { hops: 254 }));
  bed.give(link.index, ndpFrame(IPV6_ANY, solicitedNodeOf(US), message));
  bed.give(
    link.index,
    ndpFrame(PEER, IPV6_ALL_NODES, {
      message: "router-advertisement",
      ...{ hopLimit: 1, isManaged: false, hasOtherConfiguration: false, preference: 0 },
      ...{ routerLifetime: 1, reachableTime: 0, retransmitTimer: 0, options: [] },
    }),
  );
  assertEquals(bed.counters.ndp.snapshot().DROPPED_MALFORMED, 3);
  const { NDP_HOP_LIMIT, NDP_SOURCE_LINK_LAYER, NDP_SOURCE } = bed.counters.faults.snapshot();
  assertEquals([NDP_HOP_LIMIT, NDP_SOURCE_LINK_LAYER, NDP_SOURCE], [1, 1, 1]);
  assertEquals(bed.links.ipv6Neighbours.size, 0);
  assertEquals(bed.take(), []);
  bed.assertClean();
});

// covers RFC 4861 7.2.3 MUST
Deno.test("a group is no address on the link, and our own addresses are nobody else's", () => {
  const { bed, link } = ready();
  const group = { ...OWN_LINK_LAYER, address: macOf("33:33:00:00:00:01") } as NdpOption;
  bed.give(link.index, ndpFrame(PEER, solicitedNodeOf(US), solicitation([group])));
  const [{ message }] = ndpsOf(bed.take());
  assertEquals(message.message, "neighbor-solicitation", "the answer waits until it is known");
  bed.give(link.index, ndpFrame(US, solicitedNodeOf(US), solicitation([OWN_LINK_LAYER])));
  assertEquals(bed.counters.ndp.snapshot().DROPPED_LOOPED_BACK, 1);
  bed.give(link.index, ndpFrame(PEER, solicitedNodeOf(PEER), solicitation()));
  assertEquals(bed.take(), []);
});

Deno.test("somebody else who advertises an address in use is told of", () => {
  const { bed, link } = ready();
  bed.give(
    link.index,
    ndpFrame(US, IPV6_ALL_NODES, {
      message: "neighbor-advertisement",
      ...{ isRouter: false, isSolicited: false, isOverride: true, target: US },
      options: [{ option: "target-link-layer", address: PEER_MAC }],
    }),
  );
  assertEquals(bed.counters.ndp.snapshot().DUPLICATES, 1);
  assertEquals(bed.events.at(-1)?.event, "address-duplicated");
  assert(bed.links.addresses.isLocal(US, link.index));
});

// covers RFC 4861 7.2.6 MUST
Deno.test("addresses are advertised unasked when that is asked for", () => {
  const { bed, link } = ready();
  bed.links.announce(link.index);
  const [{ destination, message }] = ndpsOf(bed.take());
  assert(message.message === "neighbor-advertisement");
  assertEquals(destination, IPV6_ALL_NODES);
  assertEquals([message.isSolicited, message.isOverride], [false, true]);
});

Deno.test("no more answers are sent within a second than the options say", () => {
  const { bed, link } = ready();
  const frame = ndpFrame(PEER, solicitedNodeOf(US), solicitation([OWN_LINK_LAYER]));
  for (let at = 0; at < 1030; at++) bed.give(link.index, frame);
  assertEquals(bed.take().length, 1024);
  assertEquals(bed.counters.ndp.snapshot().DROPPED_LIMITED, 6);
});

Deno.test("the kernel's own unsolicited advertisement changes what is known of it", () => {
  const { bytes, packets } = golden("ndp_unsolicited_advertisement");
  const message = ndp.parse(packets, 54, bytes.length - 54);
  assert(message.message === "neighbor-advertisement");
  const bed = new TestLinks();
  const link = bed.add();
  bed.links.ipv6Neighbours.learn(link.index, message.target, 2, 2, null, true);
  bed.give(link.index, bytes);
  const [known] = bed.links.listNeighbours();
  assertEquals(known.mac, ethernet.source(packets, 0));
  assertEquals(known.state, NeighbourState.STALE);
});

Deno.test("the kernel's own redirect is followed where it was the router that is used", () => {
  const { bytes, packets } = golden("ndp_redirect");
  const message = ndp.parse(packets, 54, bytes.length - 54);
  assert(message.message === "redirect");
  const router = ipv6At(packets, ipv6.sourceAt(14));
  const bed = new TestLinks();
  const link = bed.add({ mac: ethernet.destination(packets, 0) });
  const way = () => {
    const found = bed.links.routes.find(message.destination);
    return typeof found === "number" ? found : found.gateway;
  };
  bed.links.routes.add({
    ...{ destination: IPV6_ANY, prefixLength: 0, interface: link.index, gateway: router },
  });
  assertEquals(way(), router);
  bed.give(link.index, bytes);
  const isNeighbour = message.target.join() === message.destination.join();
  assertEquals(way(), isNeighbour ? null : message.target);
});
