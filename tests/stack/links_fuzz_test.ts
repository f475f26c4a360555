/**
 * Mutated frames into live links: nothing is thrown, nothing is lost, and no table grows beyond its
 * bound.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { SMALL_LINK_OPTIONS } from "../../stack/iface/options.ts";
import { randomBelow, SeededRandom } from "../../stack/random.ts";
import { IPV4_ALL_HOSTS, ipv4Of, IPV6_ALL_NODES, ipv6Of } from "../../stack/wire/addresses.ts";
import { solicitedNodeOf } from "../../stack/wire/addresses.ts";
import { SEED } from "../support/seed.ts";
import { advertisement, prefixOption } from "../support/stack/advertisements.ts";
import { OUR_MAC, S, TestLinks } from "../support/stack/links.ts";
import { arpFrame, igmpFrame, ipv6Packet, mldFrame, ndpFrame } from "../support/stack/messages.ts";

const US = ipv4Of("10.0.0.1");
const PEER = ipv4Of("10.0.0.2");
const US6 = ipv6Of("2001:db8::1");
const PEER6 = ipv6Of("fe80::2");
const GROUP = ipv4Of("239.1.1.1");
const GROUP6 = ipv6Of("ff05::5");
const ROUNDS = Deno.env.get("MILLRACE_LONG") === "1" ? 300_000 : 15_000;
/** Where the payload of the link begins, and where a mutation may strike. */
const HEADER_BYTES = 14;

function templates(): Uint8Array[] {
  const query = { maxResponse: 10, suppress: false, robustness: 2, interval: 125, sources: [] };
  const options = [{ option: "source-link-layer", address: OUR_MAC + 9 } as const];
  return [
    arpFrame({ sender: PEER, target: US }),
    arpFrame({ operation: 2, sender: PEER, target: US }),
    arpFrame({ sender: US, target: US }),
    ndpFrame(PEER6, solicitedNodeOf(US6), {
      ...{ message: "neighbor-solicitation", target: US6, options },
    }),
    ndpFrame(PEER6, US6, {
      message: "neighbor-advertisement",
      ...{ isRouter: true, isSolicited: true, isOverride: true, target: PEER6 },
      options: [{ option: "target-link-layer", address: OUR_MAC + 9 }],
    }),
    ndpFrame(PEER6, US6, { message: "redirect", target: PEER6, destination: GROUP6, options: [] }),
    advertisement({
      options: [
        prefixOption(),
        { option: "mtu", mtu: 1400 },
        {
          ...{ option: "route-information", prefix: US6, prefixLength: 32, preference: 0 },
          lifetime: 99,
        },
        { option: "dns-servers", servers: [PEER6, US6], lifetime: 99 },
      ],
    }),
    igmpFrame(PEER, IPV4_ALL_HOSTS, { message: "query-v3", group: 0, ...query }),
    igmpFrame(PEER, GROUP, { message: "query-v3", group: GROUP, ...query, sources: [PEER] }),
    igmpFrame(PEER, IPV4_ALL_HOSTS, { message: "query-v2", group: 0, maxResponse: 10 }),
    igmpFrame(PEER, GROUP, { message: "report-v2", group: GROUP }),
    mldFrame(PEER6, IPV6_ALL_NODES, { message: "query-v2", group: [0, 0, 0, 0], ...query }),
    mldFrame(PEER6, GROUP6, { message: "query-v1", group: GROUP6, maxResponse: 10 }),
  ];
}

Deno.test("mutated frames neither throw, nor leak, nor fill tables beyond their bounds", () => {
  const random = new SeededRandom(SEED);
  const bed = new TestLinks({ options: SMALL_LINK_OPTIONS, seed: SEED });
  const link = bed.add({ autoconfiguration: { mode: "full" } });
  bed.links.addAddress(link.index, US, 24, { conflicts: "hold" });
  bed.links.addAddress(link.index, US6, 64);
  const member = bed.links.groups.newMember();
  member.join(link.index, GROUP);
  member.setFilter(link.index, GROUP6, "exclude", [PEER6]);
  const frames = templates();
  for (let round = 0; round < ROUNDS; round++) {
    const frame = frames[randomBelow(random, frames.length)].slice();
    const strikes = randomBelow(random, 4);
    for (let strike = 0; strike < strikes; strike++) {
      const at = HEADER_BYTES + randomBelow(random, frame.length - HEADER_BYTES);
      frame[at] = random.uint32();
    }
    const cut = randomBelow(random, 8) === 0 ? randomBelow(random, frame.length + 1) : frame.length;
    bed.give(link.index, frame.subarray(0, cut));
    if (round % 16 === 0) link.output(bed.packet(ipv6Packet(US6, PEER6)), PEER6);
    if (round % 8 === 0) bed.advance(randomBelow(random, 2 * S));
    bed.sent.length = 0;
    bed.received.length = 0;
    bed.events.length = 0;
    bed.unreachable.length = 0;
  }
  const { addresses, routes, groups, ipv4Neighbours, ipv6Neighbours, autoconfiguration } =
    bed.links;
  assert(ipv4Neighbours.size <= SMALL_LINK_OPTIONS.neighbours);
  assert(ipv6Neighbours.size <= SMALL_LINK_OPTIONS.neighbours);
  assert(addresses.list().length <= SMALL_LINK_OPTIONS.addresses);
  assert(routes.list().length <= SMALL_LINK_OPTIONS.routes);
  assert(groups.list(link.index).length <= SMALL_LINK_OPTIONS.groups);
  assert(autoconfiguration.dnsServers.list(link.index).length <= SMALL_LINK_OPTIONS.dnsServers);
  assert(addresses.isLocal(US, link.index), `seed ${SEED}`);
  assertEquals(bed.counters.ndp.snapshot().ROUTER_ADVERTISEMENTS_RECEIVED > 0, true);
  bed.links.removeInterface(link.index);
  bed.advance(100 * S);
  bed.assertClean();
});
