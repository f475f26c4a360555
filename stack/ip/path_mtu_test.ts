import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { MINUTE } from "../environment.ts";
import { IPV6_ANY } from "../wire/addresses.ts";
import {
  ETH,
  FAR,
  FAR_6,
  IpHarness,
  pattern,
  PLAIN,
  ROUTER,
  TEST_PROTOCOL,
} from "../../tests/support/stack/ip.ts";
import {
  icmpv4Message,
  icmpv6Message,
  ipv4Packet,
  ipv6Packet,
  ourIpv4Packet,
  ourIpv6Packet,
  readIpv4,
} from "../../tests/support/stack/ip_packets.ts";
import { PATH_MTU } from "./path_mtu.ts";
import { MAX_PROBES, PathMtuSearch, RAISE_INTERVAL } from "./path_mtu_search.ts";
import { Flow, type IpAddress } from "./types.ts";

/** A flow to somebody far away, with its path. */
function flowTo(harness: IpHarness, remote: IpAddress): Flow {
  const flow = Object.assign(new Flow(), { remote, local: remote === FAR ? 0 : IPV6_ANY });
  assertEquals(harness.ip.route(flow), 0);
  return flow;
}

/** The path MTU as whoever asks anew learns it. */
function mtuTo(harness: IpHarness, remote: IpAddress): number {
  return flowTo(harness, remote).path!.mtu;
}

/** A router says that a packet of ours was too big. */
function tooBig(harness: IpHarness, mtu: number, { length = 1500, isShort = false } = {}): void {
  const quoted = ourIpv4Packet(pattern(length - 20), { dontFragment: true });
  const message = icmpv4Message(3, 4, mtu, isShort ? quoted.slice(0, 28) : quoted.slice(0, 548));
  harness.give(ipv4Packet(message, { protocol: 1, source: ROUTER }));
}

function tooBig6(harness: IpHarness, mtu: number, length = 1500): void {
  const quoted = ourIpv6Packet(pattern(length - 40)).slice(0, 1232);
  const message = icmpv6Message(2, 0, mtu, quoted);
  harness.give(ipv6Packet(message, { protocol: 58 }));
}

// covers RFC 1191 3 MUST
Deno.test("a router that says so makes the path MTU less, and paths stale", () => {
  const harness = new IpHarness();
  const flow = flowTo(harness, FAR);
  const path = flow.path!;
  tooBig(harness, 1400, { isShort: true });
  assertEquals([path.isValid, mtuTo(harness, FAR)], [false, 1400]);
  const [error] = harness.protocol.errors;
  assertEquals([error.errno, error.info, error.isHard], [Errno.EMSGSIZE, 1400, false]);
  assertEquals(harness.send(FAR, pattern(1400), { fragmentation: "forbidden" }), -Errno.EMSGSIZE);
  assertEquals(harness.send(FAR, pattern(1380), { fragmentation: "forbidden" }), 0);
  // Probes may be as long as the link takes.
  assertEquals(harness.send(FAR, pattern(1480), { fragmentation: "probe" }), 0);
  assertEquals(harness.take().map(({ bytes }) => bytes.length), [1400, 1500]);
  // Others are still as far away as they were.
  assertEquals(mtuTo(harness, FAR + 1), 1500);
  harness.assertClean();
});

Deno.test("the same holds for IPv6", () => {
  const harness = new IpHarness();
  const path = flowTo(harness, FAR_6).path!;
  tooBig6(harness, 1300);
  assertEquals([path.isValid, mtuTo(harness, FAR_6)], [false, 1300]);
  assertEquals(harness.send(FAR_6, pattern(2000)), 0);
  assertEquals(harness.take().every(({ bytes }) => bytes.length <= 1300), true);
  harness.assertClean();
});

// covers RFC 1191 3 MUST
// covers RFC 8201 4 MUST
Deno.test("an error never makes a path MTU more", () => {
  const harness = new IpHarness();
  tooBig(harness, 1300);
  tooBig(harness, 1400);
  assertEquals(mtuTo(harness, FAR), 1300);
  tooBig6(harness, 1300);
  tooBig6(harness, 1400);
  assertEquals(mtuTo(harness, FAR_6), 1300);
  harness.assertClean();
});

// covers RFC 8201 4 MUST
Deno.test("less than the least MTU of IPv6 is not believed", () => {
  const harness = new IpHarness();
  tooBig6(harness, 1279);
  assertEquals(mtuTo(harness, FAR_6), 1500);
  assertEquals(harness.protocol.errors, []);
  tooBig6(harness, 1280);
  assertEquals(mtuTo(harness, FAR_6), 1280);
  harness.assertClean();
});

// covers RFC 1191 3 MUST
Deno.test("of a very small MTU of IPv4 the least one is taken, and routers may take apart", () => {
  const harness = new IpHarness();
  tooBig(harness, 68);
  assertEquals(mtuTo(harness, FAR), PATH_MTU.ipv4Minimum);
  harness.send(FAR, pattern(500), { fragmentation: "forbidden" });
  assertEquals(readIpv4(harness.takeOne()).dontFragment, false);
  harness.advance(PATH_MTU.lifetime);
  harness.send(FAR, pattern(500), { fragmentation: "forbidden" });
  assertEquals(readIpv4(harness.takeOne()).dontFragment, true);
  harness.assertClean();
});

Deno.test("an error about a short packet does not make the path MTU as short", () => {
  const harness = new IpHarness();
  for (const [mtu, length] of [[0, 104], [100, 104], [68, 300]]) {
    tooBig(harness, mtu, { length });
    assertEquals(mtuTo(harness, FAR), PATH_MTU.ipv4Minimum);
    // It can be taken apart, if that was true.
    harness.send(FAR, pattern(length - 20), { fragmentation: "forbidden" });
    assertEquals(readIpv4(harness.takeOne()).dontFragment, false);
  }
  harness.assertClean();
});

// RFC 1191 section 5
// covers RFC 1191 5 MUST
Deno.test("a router that does not say its MTU is helped by the next plateau", () => {
  const harness = new IpHarness();
  tooBig(harness, 0);
  assertEquals(mtuTo(harness, FAR), 1492);
  tooBig(harness, 0, { length: 1492 });
  assertEquals(mtuTo(harness, FAR), 1006);
  harness.assertClean();
});

Deno.test("what was no longer than the MTU was not too big", () => {
  const harness = new IpHarness();
  tooBig(harness, 1000, { length: 1000 });
  tooBig6(harness, 1400, 1400);
  assertEquals([mtuTo(harness, FAR), mtuTo(harness, FAR_6)], [1500, 1500]);
  assertEquals(harness.countIcmp("DROPPED_ERROR_QUOTE"), 2);
  // Nor where less is known already.
  tooBig(harness, 1300);
  tooBig(harness, 1000, { length: 1000 });
  assertEquals([mtuTo(harness, FAR), harness.protocol.errors.length], [1300, 1]);
  harness.assertClean();
});

Deno.test("what its protocol does not believe changes nothing", () => {
  const harness = new IpHarness();
  harness.protocol.admits = ({ quoteBytes }) => quoteBytes > 100;
  tooBig(harness, 1400, { isShort: true });
  assertEquals(mtuTo(harness, FAR), 1500);
  assertEquals(harness.countIcmp("DROPPED_ERROR_UNKNOWN"), 1);
  tooBig(harness, 1400);
  assertEquals(mtuTo(harness, FAR), 1400);
  harness.assertClean();
});

// RFC 1191 section 6.3
// covers RFC 8201 4 SHOULD
Deno.test("a path MTU is forgotten after ten minutes, not earlier", () => {
  const harness = new IpHarness();
  tooBig(harness, 1300);
  harness.advance(5 * MINUTE);
  tooBig6(harness, 1300);
  harness.advance(5 * MINUTE - 1);
  const path = flowTo(harness, FAR).path!;
  assertEquals(path.mtu, 1300);
  harness.advance(1);
  assertEquals([path.isValid, mtuTo(harness, FAR), mtuTo(harness, FAR_6)], [false, 1500, 1300]);
  harness.advance(5 * MINUTE);
  assertEquals(mtuTo(harness, FAR_6), 1500);
  assertEquals(harness.count("PATH_MTU_INCREASED"), 2);
  harness.assertClean();
});

Deno.test("a path MTU that is told again is kept for as long again", () => {
  const harness = new IpHarness();
  tooBig(harness, 1400);
  harness.advance(9 * MINUTE);
  tooBig(harness, 1300);
  harness.advance(9 * MINUTE);
  assertEquals(mtuTo(harness, FAR), 1300);
  harness.advance(MINUTE);
  assertEquals(mtuTo(harness, FAR), 1500);
});

Deno.test("flows that are bound to an interface learn it as well", () => {
  const harness = new IpHarness();
  const bound = Object.assign(new Flow(), { remote: FAR, scope: ETH });
  harness.ip.route(bound);
  tooBig(harness, 1400);
  assertEquals(bound.path!.isValid, false);
  harness.ip.route(bound);
  assertEquals(bound.path!.mtu, 1400);
});

/** Sends probes until none is left, over a path that takes so many bytes. @returns how many */
function probeAll(harness: IpHarness, flow: Flow, limit: number): number {
  for (let count = 0; count < 100; count++) {
    harness.ip.route(flow);
    const bytes = harness.ip.probeBytes(flow);
    if (bytes === 0) return count;
    harness.ip.reportProbe(flow, bytes, bytes <= limit);
  }
  throw new Error("probes without end");
}

// RFC 8899 section 4.3
Deno.test("a black hole is found, and then the longest packet that passes it", () => {
  for (const [remote, base] of [[FAR, PATH_MTU.base], [FAR_6, 1280]] as const) {
    const harness = new IpHarness();
    const flow = flowTo(harness, remote);
    assertEquals(harness.ip.probeBytes(flow), 0);
    harness.ip.reportProbe(flow, 1500, false);
    assertEquals(mtuTo(harness, remote), base);
    const probes = probeAll(harness, flow, 1420);
    const found = mtuTo(harness, remote);
    assert(found <= 1420 && found > 1420 - 32, `${found}`);
    assert(probes < 20, `${probes} probes`);
    harness.assertClean();
  }
});

Deno.test("short packets that vanish say nothing of the length", () => {
  const harness = new IpHarness();
  const flow = flowTo(harness, FAR);
  for (let loss = 0; loss < 10; loss++) harness.ip.reportProbe(flow, PATH_MTU.base, false);
  assertEquals(mtuTo(harness, FAR), 1500);
});

Deno.test("when what was found to pass vanishes, the search begins anew", () => {
  const harness = new IpHarness();
  const flow = flowTo(harness, FAR);
  harness.ip.reportProbe(flow, 1500, false);
  probeAll(harness, flow, 1420);
  const found = mtuTo(harness, FAR);
  harness.ip.route(flow);
  harness.ip.reportProbe(flow, found, false);
  assertEquals(mtuTo(harness, FAR), PATH_MTU.base);
  probeAll(harness, flow, 1300);
  assert(mtuTo(harness, FAR) <= 1300);
});

// RFC 8899 section 5.1.1
Deno.test("after ten minutes a longer packet is tried again", () => {
  const harness = new IpHarness();
  const flow = flowTo(harness, FAR);
  harness.ip.reportProbe(flow, 1500, false);
  probeAll(harness, flow, 1300);
  const before = mtuTo(harness, FAR);
  harness.ip.route(flow);
  assertEquals([before <= 1300, harness.ip.probeBytes(flow)], [true, 0]);
  harness.advance(RAISE_INTERVAL);
  probeAll(harness, flow, 1500);
  assertEquals(mtuTo(harness, FAR), 1500);
});

Deno.test("a black hole is forgotten after ten minutes where nobody probes", () => {
  const harness = new IpHarness();
  const flow = flowTo(harness, FAR);
  harness.ip.reportProbe(flow, 1500, false);
  harness.advance(PATH_MTU.lifetime - 1);
  assertEquals(mtuTo(harness, FAR), PATH_MTU.base);
  harness.advance(1);
  assertEquals([mtuTo(harness, FAR), harness.ip.probeBytes(flow)], [1500, 0]);
});

Deno.test("who always searches begins at the base, and who never does is not disturbed", () => {
  const always = new IpHarness({ pathMtu: { ...PATH_MTU, search: "always" } });
  const flow = flowTo(always, FAR);
  assertEquals(always.ip.probeBytes(flow), 1500);
  assertEquals(mtuTo(always, FAR), PATH_MTU.base);
  probeAll(always, flow, 1500);
  assertEquals(mtuTo(always, FAR), 1500);
  const never = new IpHarness({ pathMtu: { ...PATH_MTU, search: "never" } });
  const other = flowTo(never, FAR);
  for (let loss = 0; loss < 9; loss++) never.ip.reportProbe(other, 1500, false);
  assertEquals([mtuTo(never, FAR), never.ip.probeBytes(other)], [1500, 0]);
});

Deno.test("a probe that is lost three times is too long", () => {
  const search = new PathMtuSearch();
  search.begin(1200, 1500);
  for (let loss = 0; loss < MAX_PROBES; loss++) {
    assertEquals(search.probeBytes(0, 1500), 1500);
    search.onProbeLost(1500, 0);
  }
  assertEquals([search.high, search.probeBytes(0, 1500) < 1500], [1499, true]);
  // What was not tried tells nothing.
  for (let loss = 0; loss < 9; loss++) search.onProbeLost(1600, 0);
  assertEquals(search.high, 1499);
});

Deno.test("searches find what a path takes, whatever it is", () => {
  for (let limit = 1200; limit <= 9000; limit += 37) {
    const search = new PathMtuSearch();
    search.begin(1200, 9000);
    for (let bytes = 0, count = 0; (bytes = search.probeBytes(0, 9000)) > 0; count++) {
      if (bytes <= limit) search.onArrived(bytes, 0);
      else search.onProbeLost(bytes, 0);
      assert(count < 60);
    }
    assert(search.low <= limit && search.low > limit - 40, `${search.low} of ${limit}`);
  }
});

// RFC 8899 section 4.6
Deno.test("a router that says the MTU shortens the search", () => {
  const search = new PathMtuSearch();
  search.begin(1200, 1500);
  search.onTooBig(1420);
  assertEquals(search.probeBytes(0, 1500), 1420);
});

Deno.test("a path MTU survives what sends do meanwhile", () => {
  const harness = new IpHarness();
  const flow = flowTo(harness, FAR);
  tooBig(harness, 1400);
  const parameters = { ...PLAIN, fragmentation: "wanted" as const };
  harness.ip.send(flow, harness.packet(pattern(1480)), TEST_PROTOCOL, parameters);
  assertEquals(harness.take().map(({ bytes }) => bytes.length), [1396, 124]);
  harness.assertClean();
});
