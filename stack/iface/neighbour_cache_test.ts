import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { MS, OUR_MAC, PEER_MAC, S, TestLinks } from "../../tests/support/stack/links.ts";
import { ipv6Packet, ndpFrame, ndpsOf } from "../../tests/support/stack/messages.ts";
import { type Ipv6Address, ipv6Of, macHigh, macLow, macOf } from "../wire/addresses.ts";
import type { NdpOption } from "../wire/ndp_options.ts";
import { SMALL_LINK_OPTIONS } from "./options.ts";
import type { LinkInterface } from "./link_interface.ts";
import { NeighbourState, neighbourStateName } from "./neighbour_table.ts";

const US = ipv6Of("2001:db8::1");
const PEER = ipv6Of("2001:db8::2");
const OTHER_MAC = macOf("02:00:00:00:00:99");

interface Bed {
  readonly bed: TestLinks;
  readonly link: LinkInterface;
  state(address?: Ipv6Address): string;
  send(address?: Ipv6Address): number;
  advertise(flags: string, mac?: number | null): void;
}

function ready(): Bed {
  const bed = new TestLinks({ options: SMALL_LINK_OPTIONS });
  const link = bed.add();
  bed.links.addAddress(link.index, US, 64);
  bed.advance(10 * S);
  bed.take();
  bed.events.length = 0;
  const { ipv6Neighbours } = bed.links;
  return {
    ...{ bed, link },
    state: (address = PEER) => neighbourStateName(ipv6Neighbours.stateOf(link.index, address)),
    send: (address = PEER) => link.output(bed.packet(ipv6Packet(US, address)), address),
    advertise(flags, mac = PEER_MAC): void {
      const options: NdpOption[] = mac === null ? [] : [
        { option: "target-link-layer", address: mac },
      ];
      bed.give(
        link.index,
        ndpFrame(PEER, US, {
          message: "neighbor-advertisement",
          isRouter: flags.includes("R"),
          isSolicited: flags.includes("S"),
          isOverride: flags.includes("O"),
          target: PEER,
          options,
        }),
      );
    },
  };
}

function reachable(): Bed {
  const made = ready();
  made.send();
  made.advertise("SO");
  made.bed.take();
  return made;
}

/** Packets that left for a neighbour, not messages about it. */
function packetsIn(bed: TestLinks): number {
  const frames = bed.take();
  return frames.length - ndpsOf(frames).length;
}

// covers RFC 4861 7.2.2 SHOULD
// covers RFC 4861 7.2.2 MUST
Deno.test("an unknown neighbour is asked three times, RetransTimer apart, at most", () => {
  const { bed, state, send } = ready();
  send();
  const [first] = ndpsOf(bed.take());
  assertEquals(first.source, US, "from the source of the packet that waits");
  assertEquals(first.destination, ipv6Of("ff02::1:ff00:2"));
  assertEquals(first.to, macOf("33:33:ff:00:00:02"));
  assertEquals(first.message, {
    message: "neighbor-solicitation",
    target: PEER,
    options: [{ option: "source-link-layer", address: OUR_MAC }],
  });
  assertEquals(state(), "INCOMPLETE");
  bed.advance(999 * MS);
  assertEquals(bed.take(), []);
  bed.advance(1 * MS);
  assertEquals(ndpsOf(bed.take()).length, 1);
  bed.advance(1 * S);
  assertEquals(ndpsOf(bed.take()).length, 1);
  assertEquals(bed.unreachable, []);
  bed.advance(1 * S);
  assertEquals(bed.unreachable, [ipv6Packet(US, PEER)], "and ICMP is given the packet");
  assertEquals([state(), bed.take().length], ["NONE", 0]);
  assertEquals(bed.counters.ipv6Neighbours.snapshot().UNREACHABLE, 1);
  bed.assertClean();
});

// covers RFC 4861 7.2.2 SHOULD
Deno.test("of packets that wait for a neighbour the newest ones are kept", () => {
  const { bed, link, advertise } = ready();
  for (let port = 0; port < 5; port++) {
    const bytes = ipv6Packet(US, PEER);
    bytes[40] = port;
    assertEquals(link.output(bed.packet(bytes), PEER), 0);
  }
  assertEquals(bed.counters.ipv6Neighbours.snapshot().DROPPED_PENDING_OLDEST, 2);
  bed.take();
  advertise("S");
  assertEquals(bed.take().map(({ bytes }) => bytes[54]), [2, 3, 4], "in their order");
  bed.assertClean();
});

Deno.test("packets that wait for all neighbours together are bounded", () => {
  const { bed, link } = ready();
  const results = Array.from({ length: 33 }, (_, at) => {
    const to = ipv6Of(`2001:db8::${(1000 + Math.floor(at / 3)).toString(16)}`);
    return link.output(bed.packet(ipv6Packet(US, to)), to);
  });
  assertEquals(results.filter((result) => result === 0).length, 32);
  assertEquals(results.at(-1), -Errno.ENOBUFS);
  assertEquals(bed.counters.ipv6Neighbours.snapshot().DROPPED_PENDING_TOTAL, 1);
  bed.advance(10 * S);
  assertEquals(bed.unreachable.length, 32);
  bed.assertClean();
});

// covers RFC 4861 7.2.5 MUST
Deno.test("a solicited answer makes an INCOMPLETE entry REACHABLE, any other one STALE", () => {
  const solicited = ready();
  solicited.send();
  solicited.advertise("S");
  assertEquals(solicited.state(), "REACHABLE");
  assertEquals(packetsIn(solicited.bed), 1);
  const unsolicited = ready();
  unsolicited.send();
  unsolicited.advertise("O");
  assertEquals(unsolicited.state(), "DELAY", "STALE, until the packet that waited went out");
  assertEquals(packetsIn(unsolicited.bed), 1);
});

// covers RFC 4861 7.2.5 SHOULD
Deno.test("an answer without an address is of no use to an INCOMPLETE entry", () => {
  const { bed, state, send, advertise } = ready();
  send();
  advertise("S", null);
  assertEquals(state(), "INCOMPLETE");
  assertEquals(bed.counters.ndp.snapshot().DROPPED_UNKNOWN_NEIGHBOUR, 1);
});

// covers RFC 4861 7.2.5 SHOULD
Deno.test("an advertisement of a stranger makes no entry", () => {
  const { bed, state, advertise } = ready();
  advertise("SO");
  assertEquals(state(), "NONE");
  assertEquals(bed.links.ipv6Neighbours.size, 0);
});

// covers RFC 4861 7.3.3 MUST
Deno.test("REACHABLE becomes STALE after ReachableTime, which is drawn around 30 s", () => {
  const { bed, state } = reachable();
  bed.advance(15 * S - 1);
  assertEquals(state(), "REACHABLE");
  bed.advance(30 * S + 1);
  assertEquals(state(), "STALE");
  assertEquals(bed.take(), [], "and nothing is sent for that");
});

// covers RFC 4861 7.3.3 MUST
Deno.test("a packet to a STALE entry goes out, and starts DELAY, then PROBE", () => {
  const { bed, state, send, advertise } = reachable();
  bed.advance(60 * S);
  send();
  assertEquals(packetsIn(bed), 1);
  assertEquals(state(), "DELAY");
  send();
  assertEquals(packetsIn(bed), 1);
  bed.advance(5 * S - 1);
  assertEquals([state(), bed.take().length], ["DELAY", 0]);
  bed.advance(1);
  assertEquals(state(), "PROBE");
  const [probe] = ndpsOf(bed.take());
  assertEquals([probe.to, probe.destination], [PEER_MAC, PEER], "to the neighbour itself");
  send();
  assertEquals(packetsIn(bed), 1, "packets go on meanwhile");
  advertise("S");
  assertEquals(state(), "REACHABLE");
});

// covers RFC 4861 7.3.3 SHOULD
Deno.test("three probes without an answer end an entry", () => {
  const { bed, state, send } = reachable();
  bed.advance(60 * S);
  send();
  bed.take();
  bed.advance(5 * S);
  bed.advance(1 * S);
  bed.advance(1 * S);
  assertEquals(ndpsOf(bed.take()).length, 3);
  assertEquals(state(), "PROBE");
  bed.advance(1 * S);
  assertEquals(state(), "NONE");
  assertEquals(bed.take(), []);
  bed.assertClean();
});

// covers RFC 4861 7.3.3 MUST
Deno.test("confirmations keep an entry REACHABLE, and end DELAY, but not INCOMPLETE", () => {
  const { bed, link, state, send } = reachable();
  for (let turn = 0; turn < 10; turn++) {
    bed.advance(14 * S);
    bed.links.confirm(link.index, PEER);
    assertEquals(state(), "REACHABLE");
  }
  bed.advance(60 * S);
  send();
  assertEquals(state(), "DELAY");
  bed.links.confirm(link.index, PEER);
  assertEquals(state(), "REACHABLE");
  const unknown = ipv6Of("2001:db8::77");
  send(unknown);
  bed.links.confirm(link.index, unknown);
  assertEquals(state(unknown), "INCOMPLETE");
  bed.links.confirm(link.index, ipv6Of("2001:db8::78"));
  assertEquals(state(ipv6Of("2001:db8::78")), "NONE");
});

// covers RFC 4861 7.2.5 MUST
Deno.test("another address without the override flag only raises doubts", () => {
  const { bed, link, state, advertise } = reachable();
  const macOfPeer = () => bed.links.listNeighbours()[0].mac;
  advertise("S", OTHER_MAC);
  assertEquals([state(), macOfPeer()], ["STALE", PEER_MAC]);
  advertise("S", OTHER_MAC);
  assertEquals([state(), macOfPeer()], ["STALE", PEER_MAC], "and is ignored else");
  advertise("O", OTHER_MAC);
  assertEquals([state(), macOfPeer()], ["STALE", OTHER_MAC]);
  advertise("SO", PEER_MAC);
  assertEquals([state(), macOfPeer()], ["REACHABLE", PEER_MAC]);
  advertise("O", PEER_MAC);
  assertEquals(state(), "REACHABLE", "nothing new");
  advertise("O", OTHER_MAC);
  assertEquals(state(), "STALE", "a new address, unsolicited");
  advertise("SO", null);
  assertEquals([state(), macOfPeer()], ["REACHABLE", OTHER_MAC], "the one that is known is meant");
  assertEquals(bed.links.ipv6Neighbours.isAwaited(link.index, PEER), false);
});

// covers RFC 4861 7.2.3 MUST
Deno.test("who asks is learnt as STALE, and what waited for it goes out", () => {
  const { bed, link, state, send } = ready();
  send();
  bed.take();
  const solicitation = {
    message: "neighbor-solicitation",
    target: US,
    options: [{ option: "source-link-layer", address: PEER_MAC }],
  } as const;
  bed.give(link.index, ndpFrame(PEER, US, solicitation));
  assertEquals(state(), "DELAY", "STALE, until the packet that waited went out");
  assertEquals(packetsIn(bed), 1);
});

Deno.test("neighbours for good are neither asked nor changed nor given up", () => {
  const { bed, link, state, send, advertise } = ready();
  assertEquals(bed.links.addNeighbour(link.index, PEER, OTHER_MAC), 0);
  assertEquals(bed.links.addNeighbour(link.index, PEER, macOf("01:00:00:00:00:01")), -Errno.EINVAL);
  assertEquals(bed.links.addNeighbour(9, PEER, OTHER_MAC), -Errno.ENODEV);
  send();
  assertEquals(bed.take()[0].to, OTHER_MAC);
  advertise("SO");
  bed.links.confirm(link.index, PEER);
  bed.advance(1000 * S);
  bed.links.setUp(link.index, false);
  assertEquals(state(), "PERMANENT");
  assertEquals(bed.links.listNeighbours(), [{
    interface: link.index,
    address: PEER,
    mac: OTHER_MAC,
    state: NeighbourState.PERMANENT,
    isRouter: false,
  }]);
  assertEquals(bed.links.removeNeighbour(link.index, PEER), 0);
  assertEquals(bed.links.removeNeighbour(link.index, PEER), -Errno.ENOENT);
});

Deno.test("a full cache lets those give way first that never answered, then the least used", () => {
  const { bed, link, state } = ready();
  const { neighbours } = SMALL_LINK_OPTIONS;
  const address = (at: number) => ipv6Of(`2001:db8::1:${at.toString(16)}`);
  const cache = bed.links.ipv6Neighbours;
  const learn = (at: number) =>
    cache.learn(link.index, address(at), macHigh(PEER_MAC), macLow(PEER_MAC), null, true);
  for (let at = 0; at < neighbours; at++) {
    learn(at);
    bed.advance(1);
  }
  learn(neighbours);
  assertEquals(cache.size, neighbours);
  assertEquals(state(address(0)), "NONE");
  link.output(bed.packet(ipv6Packet(US, PEER)), PEER);
  assertEquals(state(), "INCOMPLETE");
  for (let at = 0; at < neighbours; at++) learn(100 + at);
  assertEquals(state(), "NONE");
  assertEquals(bed.counters.ipv6Neighbours.snapshot().DROPPED_REMOVED, 1);
  assertEquals(cache.size, neighbours);
  bed.links.ipv6Neighbours.flush(link.index, true);
  bed.assertClean();
});

Deno.test("a cache full of neighbours for good refuses others", () => {
  const { bed, link, send } = ready();
  for (let at = 0; at < SMALL_LINK_OPTIONS.neighbours; at++) {
    bed.links.addNeighbour(link.index, ipv6Of(`2001:db8::2:${at.toString(16)}`), PEER_MAC);
  }
  assertEquals(send(), -Errno.ENOBUFS);
  assert(bed.counters.ipv6Neighbours.snapshot().REFUSED > 0);
  bed.assertClean();
});

Deno.test("questions to groups are limited in number, and asked later", () => {
  const { bed, link } = ready();
  const { solicitationsPerSecond } = SMALL_LINK_OPTIONS;
  for (let at = 0; at < 2 * solicitationsPerSecond; at++) {
    const to = ipv6Of(`2001:db8::3:${at.toString(16)}`);
    link.output(bed.packet(ipv6Packet(US, to)), to);
  }
  assertEquals(ndpsOf(bed.take()).length, solicitationsPerSecond);
  assertEquals(
    bed.counters.ipv6Neighbours.snapshot().SOLICITATIONS_LIMITED,
    solicitationsPerSecond,
  );
  bed.advance(1 * S);
  assertEquals(ndpsOf(bed.take()).length, solicitationsPerSecond);
});

Deno.test("each change of a neighbour's state is told", () => {
  const { bed, link, send, advertise } = ready();
  send();
  advertise("SO");
  bed.advance(60 * S);
  const told = bed.events.map((event) => event.event === "neighbour-changed" ? event.state : "");
  assertEquals(told, ["INCOMPLETE", "REACHABLE", "STALE"]);
  assertEquals(bed.events.at(-1), {
    event: "neighbour-changed",
    interface: link.index,
    address: PEER,
    state: "STALE",
    mac: PEER_MAC,
  });
});

Deno.test("an interface that goes down forgets its neighbours", () => {
  const { bed, link, state, send } = reachable();
  send(ipv6Of("2001:db8::66"));
  bed.links.setUp(link.index, false);
  assertEquals(state(), "NONE");
  assertEquals(bed.links.ipv6Neighbours.size, 0);
  bed.assertClean();
});
