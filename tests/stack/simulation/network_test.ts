import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import type { FrameQueue } from "../../../stack/frame_queue.ts";
import { type SimNode, VirtualNetwork } from "../../../stack/sim/mod.ts";
import { addHost, frameOf, numberOf } from "./nodes.ts";

const EVERYBODY = -1;

Deno.test("a hub repeats each frame to all others, each of whom has one of its own", () => {
  const network = new VirtualNetwork({ seed: 1 });
  network.hub("hub");
  const hosts = ["a", "b", "c"].map((name) => {
    const host = addHost(network, name);
    network.link(name, "hub");
    return host;
  });
  hosts[0].send(0, frameOf(1));
  network.runWhile();
  assertEquals(hosts.map(({ count }) => count), [0, 1, 1]);
  assertEquals(network.frames.arena.usedCount, 0);
});

Deno.test("a switch learns where addresses are, and sends to them only", () => {
  const network = new VirtualNetwork({ seed: 1 });
  const made = network.switch("switch");
  const hosts = ["a", "b", "c"].map((name) => {
    const host = addHost(network, name);
    network.link(name, "switch");
    return host;
  });
  const [a, b, c] = hosts;
  a.send(0, frameOf(0, 100, 1, 2)); // Nobody knows where 2 is.
  b.send(1000, frameOf(1, 100, 2, 1));
  a.send(2000, frameOf(2, 100, 1, 2));
  c.send(3000, frameOf(3, 100, 3, EVERYBODY));
  a.send(4000, frameOf(4, 100, 1, 1)); // It is on this very port.
  network.runUntil(5000);
  const numbers = hosts.map(({ arrivals }) => arrivals.map(({ bytes }) => numberOf(bytes)));
  assertEquals(numbers, [[1, 3], [0, 2, 3], [0]]);
  const { FORWARDED, FLOODED, FILTERED, LEARNT } = made.counters.snapshot();
  assertEquals([FORWARDED, FLOODED, FILTERED, LEARNT], [2, 2, 1, 3]);
  assertEquals(made.size, 3);
});

Deno.test("a switch notices when an address moves, and forgets what it has not seen for long", () => {
  const network = new VirtualNetwork({ seed: 1 });
  const made = network.switch("switch", { ageingSeconds: 10 });
  const [a, b, c] = ["a", "b", "c"].map((name) => {
    const host = addHost(network, name);
    network.link(name, "switch");
    return host;
  });
  a.send(0, frameOf(0, 100, 1, EVERYBODY));
  b.send(1_000_000, frameOf(1, 100, 1, EVERYBODY));
  c.send(2_000_000, frameOf(2, 100, 3, 1));
  network.runUntil(3_000_000);
  assertEquals(made.counters.snapshot().MOVED, 1);
  assertEquals(b.arrivals.map(({ bytes }) => numberOf(bytes)), [0, 2]);
  assertEquals(a.arrivals.map(({ bytes }) => numberOf(bytes)), [1]);
  network.runUntil(11_500_000);
  assertEquals(made.size, 1);
  network.runUntil(12_000_000);
  assertEquals([made.size, made.counters.snapshot().AGED], [0, 2]);
});

Deno.test("a switch remembers no more addresses than it has room for", () => {
  const network = new VirtualNetwork({ seed: 1 });
  const made = network.switch("switch", { addresses: 10 });
  const host = addHost(network, "a");
  network.link("a", "switch");
  for (let from = 0; from < 25; from++) host.send(from, frameOf(from, 100, from, 99));
  network.runUntil(100);
  assertEquals([made.size, made.counters.snapshot().DROPPED_TABLE_FULL], [10, 15]);
});

/** Sends frames through a network full of chance. @returns the hash of all that happened */
function traceOf(seed: number, extraLink = false): { digest: string; toB: number[] } {
  const network = new VirtualNetwork({ seed });
  network.switch("s");
  const a = addHost(network, "a");
  const b = addHost(network, "b");
  const options = {
    bandwidth: "5Mbit/s",
    delayMs: 3,
    jitterMs: 2,
    loss: { enter: 0.02, leave: 0.3 },
    duplicate: 0.02,
    corrupt: 0.01,
    reorder: 0.05,
    queue: { packets: 40, discipline: "red" },
  } as const;
  network.link("a", "s", options);
  network.link("b", "s", options);
  if (extraLink) {
    addHost(network, "c");
    network.link("c", "s", options);
  }
  b.send(0, frameOf(0, 100, 2, 1));
  for (let number = 0; number < 3000; number++) {
    a.send(10_000 + number * 1500, frameOf(number, 60 + number % 1400, 1, 2));
  }
  network.runUntil(20_000_000);
  const toB = b.arrivals.map(({ time }) => time);
  return { digest: network.traceHash.digest, toB };
}

Deno.test("a run with the same seed is the same, byte for byte; with another one it is not", () => {
  const first = traceOf(42);
  assertEquals(traceOf(42), first);
  assertNotEquals(traceOf(43).digest, first.digest);
});

Deno.test("one link more does not change the fortunes of the others", () => {
  assertEquals(traceOf(42, true).toB, traceOf(42).toB);
});

Deno.test("the hash notices a single byte, and a single microsecond", () => {
  const digestOf = (byte: number, time: number) => {
    const network = new VirtualNetwork({ seed: 1 });
    const a = addHost(network, "a");
    addHost(network, "b");
    network.link("a", "b");
    const frame = frameOf(1, 71);
    frame[40] = byte;
    a.send(time, frame);
    network.runWhile();
    return network.traceHash.digest;
  };
  const digests = [digestOf(0, 0), digestOf(1, 0), digestOf(0, 1), digestOf(128, 0)];
  assertEquals(new Set(digests).size, 4);
  assertEquals(digestOf(0, 0), digests[0]);
});

Deno.test("time goes from event to event, and stands still where there are none", () => {
  const network = new VirtualNetwork({ seed: 1, startTime: 500 });
  const a = addHost(network, "a");
  addHost(network, "b");
  network.link("a", "b", { delayMs: 1 });
  assertEquals(network.advance(), false);
  a.send(2000, frameOf(1));
  const times: number[] = [];
  while (network.advance()) times.push(network.now);
  assertEquals(times, [500, 2000, 3000]);
  network.runFor(2);
  assertEquals(network.now, 5000);
});

Deno.test("what happens at one time happens in the order in which it was caused", () => {
  const network = new VirtualNetwork({ seed: 1 });
  const names = ["a", "b", "c", "d"];
  const hosts = names.map((name) => addHost(network, name));
  const sink = addHost(network, "sink");
  // The later a host's link was made, the earlier it sends.
  for (const [nth, name] of names.entries()) {
    network.link(name, "sink", { delayMs: 1 + nth });
    hosts[nth].send(3000 - 1000 * nth, frameOf(nth, 64));
  }
  network.runWhile();
  assertEquals(sink.arrivals.map(({ time }) => time), [4000, 4000, 4000, 4000]);
  assertEquals(sink.arrivals.map(({ bytes }) => numberOf(bytes)), [3, 2, 1, 0]);
});

Deno.test("nodes that answer each other for ever at one time are found out", () => {
  const network = new VirtualNetwork({ seed: 1 });
  const a = addHost(network, "a");
  network.hub("one");
  network.hub("other");
  network.link("a", "one");
  network.link("one", "other");
  network.link("one", "other");
  a.send(0, frameOf(1));
  assertThrows(() => network.runWhile(), Error, "does not come to rest at 0 us");
});

Deno.test("nodes have names of their own, and links join two of them", () => {
  const network = new VirtualNetwork({ seed: 1 });
  addHost(network, "a");
  assertThrows(() => addHost(network, "a"), TypeError, '"a"');
  assertThrows(() => network.link("a", "b"), TypeError, '"b"');
  assertThrows(() => network.link("a", "a"), TypeError, "two nodes");
});

Deno.test("a node that takes no more frames at a time loses the rest, which is counted", () => {
  const network = new VirtualNetwork({ seed: 1, receiveFrames: 4 });
  const a = addHost(network, "a");
  const b = addHost(network, "b");
  const link = network.link("a", "b");
  for (let number = 0; number < 10; number++) a.send(0, frameOf(number));
  network.runWhile();
  assertEquals(b.count, 4);
  assertEquals(link.statistics().there.DROPPED_RECEIVER, 6);
  assertEquals(network.frames.arena.usedCount, 0);
});

Deno.test("a frame that is held by others, or is a chain, is copied before it travels", () => {
  const network = new VirtualNetwork({ seed: 1 });
  const { arena, memory } = network.frames;
  let held = -1;
  const keeper: SimNode = {
    step(_now, _received, sent: FrameQueue) {
      if (held >= 0) return;
      const first = arena.take(30);
      held = arena.take(30);
      memory.bytes.fill(1, arena.start(first), arena.start(first) + 30);
      memory.bytes.fill(2, arena.start(held), arena.start(held) + 30);
      arena.retain(held);
      arena.append(first, held);
      sent.push(0, first);
    },
    nextDeadline: () => held < 0 ? 0 : Infinity,
  };
  network.add("keeper", keeper);
  const host = addHost(network, "host");
  network.link("keeper", "host", { corrupt: 1 });
  network.runWhile();
  assertEquals(host.arrivals[0].bytes.length, 60);
  const kept = memory.bytes.subarray(arena.start(held), arena.start(held) + 30);
  assert(kept.every((byte) => byte === 2));
  arena.release(held);
  assertEquals(arena.usedCount, 0);
});
