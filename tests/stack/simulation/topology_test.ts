import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../../ring/abi/errno.ts";
import { FrameFields, LinkType } from "../../../stack/capture/mod.ts";
import { PacketArena, PacketMemory, sizeClasses } from "../../../stack/memory/mod.ts";
import { InvariantChecker } from "../../../stack/sim/mod.ts";
import { StackTopology } from "../../../stack/sim/stack_topology.ts";
import {
  type FetchResult,
  PatternFetch,
  PatternMemory,
  PatternServer,
} from "../../../stack/sim/traffic.ts";
import { Protocol } from "../../../stack/wire/mod.ts";

/** A topology whose stacks share packets, and the pattern in their memory. */
function makeTopology(sharesPackets = true): {
  readonly net: StackTopology;
  readonly pattern: PatternMemory;
} {
  const memory = new PacketMemory(1 << 27);
  const pattern = new PatternMemory(memory);
  const classes = sizeClasses({ small: 4096, medium: 8192, large: 64 });
  const arena = sharesPackets ? new PacketArena({ classes, memory }) : undefined;
  return { net: new StackTopology({ seed: 1, arena, sharesPackets }), pattern };
}

/** Fetches from a host. @returns how it ended, and when */
function fetch(
  { net, pattern }: ReturnType<typeof makeTopology>,
  from: string,
  to: { readonly host: string; readonly bytes: number; readonly isIpv6?: boolean },
): { readonly result: FetchResult | null; readonly time: number } {
  const client = net.get(from);
  const { ports: [{ ipv4, ipv6 }] } = net.get(to.host).plan;
  let result: FetchResult | null = null;
  client.stack.setTime(net.network.now);
  new PatternFetch(client.stack, pattern, {
    address: to.isIpv6 === true ? ipv6 : ipv4,
    port: 80,
    bytes: to.bytes,
  }, (ended) => result = ended);
  net.network.wake(client.number);
  net.network.runWhile(() => result !== null, 600_000);
  return { result, time: net.network.now };
}

const GOOD = { isRight: true, errno: 0 };

Deno.test("routers forward between segments, and take one from the time to live", () => {
  for (const isIpv6 of [false, true]) {
    const topology = makeTopology();
    const { net, pattern } = topology;
    net.host("a");
    net.router("r");
    net.router("t");
    net.host("b");
    net.link("a", "r");
    net.link("r", "t", { delayMs: 5, loss: 0.02 });
    const last = net.link("t", "b");
    net.build();
    const fields = new FrameFields();
    const hops = new Set<number>();
    const { frames } = net.network;
    last.tap({
      onDelivered(direction, packet) {
        if (direction.target.name !== "b") return;
        const at = frames.arena.start(packet);
        fields.read(frames.memory, at, frames.arena.length(packet), LinkType.ETHERNET);
        if (fields.protocol === Protocol.TCP) hops.add(fields.timeToLive);
      },
    });
    using checker = new InvariantChecker(net.network);
    new PatternServer(net.get("b").stack, pattern, 80);
    const { result } = fetch(topology, "a", { host: "b", bytes: 100_000, isIpv6 });
    assertEquals(result, { ...GOOD, bytes: 100_000 });
    assertEquals([...hops], [62]);
    checker.assertGood();
    assert(checker.flows.segments > 100_000 / 1460);
    const { ip } = net.get("r").stack.counters.snapshot();
    // Segments that came together may be forwarded as one packet.
    assert(ip.FORWARDED > 0);
  }
});

Deno.test("stacks with packets of their own get copies, and work the same", () => {
  const times = [true, false].map((sharesPackets) => {
    const topology = makeTopology(sharesPackets);
    const { net } = topology;
    // What programs send must lie in the memory of their stack's packets.
    const patterns = ["a", "b"].map((name) => {
      const memory = new PacketMemory(1 << 24);
      net.host(name, sharesPackets ? { profile: "small" } : { profile: "small", memory });
      return sharesPackets ? topology.pattern : new PatternMemory(memory);
    });
    net.link("a", "b", { bandwidth: "10Mbit/s", delayMs: 5 });
    net.build();
    assertEquals(net.get("a").stack.environment.arena === net.network.frames.arena, sharesPackets);
    new PatternServer(net.get("b").stack, patterns[1], 80);
    const { result, time } = fetch({ net, pattern: patterns[0] }, "a", {
      host: "b",
      bytes: 50_000,
    });
    assertEquals(result, { ...GOOD, bytes: 50_000 });
    return time;
  });
  assertEquals(times[0], times[1]);
});

Deno.test("a connection to a port where nobody listens is refused", () => {
  const topology = makeTopology();
  const { net } = topology;
  net.switch("s");
  for (const name of ["a", "b", "c"]) {
    net.host(name);
    net.link(name, "s");
  }
  net.build();
  const { result } = fetch(topology, "a", { host: "c", bytes: 10 });
  assertEquals(result, { bytes: 0, isRight: false, errno: Errno.ECONNREFUSED });
});

Deno.test("a path with a narrow link in the middle is found, and used", () => {
  const topology = makeTopology();
  const { net, pattern } = topology;
  net.host("a");
  net.router("r");
  net.router("t");
  net.host("b");
  net.link("a", "r");
  const narrow = net.link("r", "t", { mtu: 600 });
  net.link("t", "b");
  net.build();
  using checker = new InvariantChecker(net.network);
  new PatternServer(net.get("b").stack, pattern, 80);
  const { result } = fetch(topology, "a", { host: "b", bytes: 200_000 });
  assertEquals(result, { ...GOOD, bytes: 200_000 });
  checker.assertGood();
  assertEquals(narrow.statistics().back.DROPPED_TOO_LONG, 0);
});
