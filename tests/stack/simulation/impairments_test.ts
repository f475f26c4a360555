import { assert, assertEquals, assertThrows } from "@std/assert";
import { Fault, ipv4 } from "../../../stack/wire/mod.ts";
import { PacketBytes } from "../../../stack/wire/mod.ts";
import { bandwidthOf, type LinkOptions, VirtualNetwork } from "../../../stack/sim/mod.ts";
import { SEED } from "../../support/seed.ts";
import { addHost, frameOf, numberOf, packetFrame, type TestHost } from "./nodes.ts";

/** Two hosts and the link between them. */
function pair(options: LinkOptions, seed = SEED): {
  readonly network: VirtualNetwork;
  readonly sender: TestHost;
  readonly receiver: TestHost;
  readonly link: ReturnType<VirtualNetwork["link"]>;
} {
  const network = new VirtualNetwork({ seed });
  const sender = addHost(network, "sender");
  const receiver = addHost(network, "receiver");
  const link = network.link("sender", "receiver", options);
  return { network, sender, receiver, link };
}

/** Asserts that something that happens with a probability happened as often as that. */
function assertShare(happened: number, tries: number, probability: number): void {
  // Five standard deviations: one seed of a million fails.
  const tolerance = 5 * Math.sqrt(probability * (1 - probability) / tries);
  const share = happened / tries;
  assert(
    Math.abs(share - probability) <= tolerance,
    `${share} of ${tries} is not ${probability} within ${tolerance}; seed ${SEED}`,
  );
}

const MANY = 20_000;

/** Sends many frames, one each 10 us, and says what the link counted and what arrived. */
function sendMany(options: LinkOptions, bytes = 64) {
  const all = pair(options);
  for (let number = 0; number < MANY; number++) {
    all.sender.send(10 * number, frameOf(number, bytes));
  }
  assert(all.network.runWhile());
  assertEquals(all.network.frames.arena.usedCount, 0);
  return { ...all, counted: all.link.statistics().there };
}

Deno.test("a perfect link delivers every frame at once, unchanged and in order", () => {
  const { receiver, counted } = sendMany({});
  assertEquals(receiver.arrivals.map(({ bytes }) => numberOf(bytes)), [...Array(MANY).keys()]);
  assertEquals(receiver.arrivals.every(({ time }, nth) => time === 10 * nth), true);
  assertEquals([counted.SENT, counted.DELIVERED], [MANY, MANY]);
  assertEquals(receiver.arrivals[7].bytes, frameOf(7, 64));
});

Deno.test("a bandwidth spaces frames, and a delay shifts them", () => {
  const { network, sender, receiver } = pair({ bandwidth: "10Mbit/s", delayMs: 20 });
  for (let number = 0; number < 3; number++) sender.send(0, frameOf(number, 1250));
  sender.send(50_000, frameOf(3, 1250));
  network.runWhile();
  // 1250 bytes at 10 Mbit/s take a millisecond.
  assertEquals(receiver.arrivals.map(({ time }) => time), [21_000, 22_000, 23_000, 71_000]);
});

Deno.test("a bandwidth is exact where a frame takes no whole number of microseconds", () => {
  const { network, sender, receiver } = pair({ bandwidth: "1Gbit/s", queue: { packets: 20_000 } });
  // 64 bytes take 0.512 us.
  for (let number = 0; number < 10_000; number++) sender.send(0, frameOf(number, 64));
  network.runWhile();
  assertEquals(receiver.arrivals[9999].time, 5120);
});

Deno.test("the two directions of a link may differ", () => {
  const { network, sender, receiver } = pair({
    delayMs: 1,
    there: { bandwidth: 8e6 },
    back: { delayMs: 7 },
  });
  sender.send(0, frameOf(1, 1000));
  receiver.send(0, frameOf(2, 1000));
  network.runWhile();
  assertEquals([receiver.arrivals[0].time, sender.arrivals[0].time], [2000, 7000]);
});

Deno.test("overhead on the wire takes its time", () => {
  const { network, sender, receiver } = pair({ bandwidth: 8e6, overheadBytes: 24 });
  sender.send(0, frameOf(1, 976));
  network.runWhile();
  assertEquals(receiver.arrivals[0].time, 1000);
});

Deno.test("jitter is spread evenly around the delay, and keeps the order", () => {
  const { receiver } = sendMany({ delayMs: 5, jitterMs: 2, jitterReorders: true });
  const delays = receiver.arrivals.map(({ time, bytes }) => time - 10 * numberOf(bytes));
  const mean = delays.reduce((sum, delay) => sum + delay, 0) / MANY;
  assert(Math.abs(mean - 5000.5) < 5 * 2000 / Math.sqrt(3 * MANY), `${mean}`);
  assert(delays.every((delay) => delay >= 3000 && delay <= 7000));
  assertShare(delays.filter((delay) => delay <= 4000).length, MANY, 0.25);
  const inOrder = sendMany({ delayMs: 5, jitterMs: 2 }).receiver.arrivals;
  assertEquals(inOrder.map(({ bytes }) => numberOf(bytes)), [...Array(MANY).keys()]);
  assert(new Set(inOrder.map(({ time }, nth) => time - 10 * nth)).size > 100);
});

Deno.test("loss loses as many frames as it says", () => {
  const { counted, receiver } = sendMany({ loss: 0.05 });
  assertShare(counted.DROPPED_LOST, MANY, 0.05);
  assertEquals(counted.DELIVERED, MANY - counted.DROPPED_LOST);
  assertEquals(receiver.arrivals.length, counted.DELIVERED);
});

Deno.test("loss in bursts has the rate and the length of bursts of its model", () => {
  const enter = 0.01;
  const leave = 0.25;
  const { receiver } = sendMany({ loss: { enter, leave } });
  const arrived = new Set(receiver.arrivals.map(({ bytes }) => numberOf(bytes)));
  let bursts = 0;
  for (let number = 1; number < MANY; number++) {
    if (!arrived.has(number) && arrived.has(number - 1)) bursts++;
  }
  const lost = MANY - arrived.size;
  // Neighbours depend on each other: so many independent draws are in it.
  const rate = enter / (enter + leave);
  const tolerance = 5 * Math.sqrt(rate * (1 - rate) / MANY * (2 / (enter + leave)));
  assert(Math.abs(lost / MANY - rate) < tolerance, `${lost} of ${MANY}; seed ${SEED}`);
  const length = lost / bursts;
  assert(Math.abs(length - 1 / leave) < 5 * (1 / leave) / Math.sqrt(bursts), `${length}; ${SEED}`);
});

Deno.test("a good state may lose, too, and a bad one let through", () => {
  const { counted } = sendMany({ loss: { enter: 1, leave: 1, lossGood: 0.1, lossBad: 0.5 } });
  // The state changes with every frame.
  const mean = MANY * 0.3;
  const deviation = Math.sqrt(MANY / 2 * (0.09 + 0.25));
  assert(Math.abs(counted.DROPPED_LOST - mean) < 5 * deviation, `${counted.DROPPED_LOST}; ${SEED}`);
});

Deno.test("duplication delivers some frames twice, one right behind the other", () => {
  const { counted, receiver } = sendMany({ duplicate: 0.1, delayMs: 1 });
  assertShare(counted.DUPLICATED, MANY, 0.1);
  assertEquals(receiver.arrivals.length, MANY + counted.DUPLICATED);
  const numbers = receiver.arrivals.map(({ bytes }) => numberOf(bytes));
  assertEquals([...numbers].sort((one, other) => one - other), numbers);
});

Deno.test("corruption changes one bit of a frame", () => {
  const { counted, receiver } = sendMany({ corrupt: 0.1 });
  assertShare(counted.CORRUPTED, MANY, 0.1);
  let changed = 0;
  for (const [number, { bytes }] of receiver.arrivals.entries()) {
    const original = frameOf(number, 64);
    let bits = 0;
    for (const [at, byte] of bytes.entries()) {
      for (let rest = byte ^ original[at]; rest !== 0; rest &= rest - 1) bits++;
    }
    assert(bits <= 1);
    changed += bits;
  }
  assertEquals(changed, counted.CORRUPTED);
});

Deno.test("reordering holds some frames back, so that others overtake them", () => {
  const { counted, receiver } = sendMany({ reorder: 0.02, reorderMs: 0.1, delayMs: 1 });
  assertShare(counted.REORDERED, MANY, 0.02);
  const late = receiver.arrivals.filter(({ time, bytes }) => time - 10 * numberOf(bytes) !== 1000);
  assertEquals(late.length, counted.REORDERED);
  assert(late.every(({ time, bytes }) => time - 10 * numberOf(bytes) === 1100));
});

Deno.test("what is longer than the MTU is dropped; tags of VLANs do not count", () => {
  const { network, sender, receiver, link } = pair({ mtu: 1000 });
  const tagged = frameOf(2, 1018);
  new DataView(tagged.buffer).setUint32(12, 0x81000005);
  sender.send(0, frameOf(0, 1014));
  sender.send(0, frameOf(1, 1015));
  sender.send(0, tagged);
  network.runWhile();
  assertEquals(receiver.arrivals.map(({ bytes }) => numberOf(bytes)), [0, 2]);
  assertEquals(link.statistics().there.DROPPED_TOO_LONG, 1);
});

Deno.test("a queue drops what finds no room, by packets and by bytes", () => {
  for (const queue of [{ packets: 5 }, { bytes: 5999 }]) {
    const { network, sender, receiver, link } = pair({ bandwidth: 8e6, queue });
    for (let number = 0; number < 10; number++) sender.send(0, frameOf(number, 1000));
    // Three of the five have left.
    for (let number = 10; number < 15; number++) sender.send(3000, frameOf(number, 1000));
    network.runWhile();
    const numbers = receiver.arrivals.map(({ bytes }) => numberOf(bytes));
    assertEquals(numbers, [0, 1, 2, 3, 4, 10, 11, 12]);
    assertEquals(link.statistics().there.DROPPED_QUEUE_FULL, 7);
  }
});

/** Sends twice as much as a link takes for some seconds. @returns what it counted */
function overload(queue: LinkOptions["queue"], typeOfService = 0) {
  const { network, sender, receiver, link } = pair({ bandwidth: 8e6, queue });
  let longest = 0;
  link.tap({
    onSent: (direction, _packet, now) => {
      longest = Math.max(longest, direction.queueLength(now));
    },
  });
  for (let number = 0; number < 20_000; number++) {
    sender.send(500 * number, packetFrame(1000, typeOfService));
  }
  network.runWhile();
  assertEquals(network.frames.arena.usedCount, 0);
  return { counted: link.statistics().there, receiver, longest };
}

Deno.test("RED keeps the average length between its limits, where a tail drop fills the queue", () => {
  const red = overload({ discipline: "red", packets: 100, minimum: 10, maximum: 40, weight: 0.02 });
  assert(red.counted.DROPPED_EARLY > 9000, `${red.counted.DROPPED_EARLY}`);
  assert(red.longest < 80, `${red.longest}`);
  assertEquals(overload({ packets: 100 }).longest, 100);
});

Deno.test("RED marks what knows ECN instead of dropping it, with a good checksum", () => {
  const { counted, receiver } = overload(
    { discipline: "red", ecn: true, packets: 100, minimum: 10, maximum: 40 },
    2,
  );
  assert(counted.MARKED > 1000);
  assertEquals(counted.DROPPED_EARLY, 0);
  const marked = receiver.arrivals.filter(({ bytes }) => (bytes[15] & 3) === 3);
  assertEquals(marked.length, counted.MARKED);
  for (const { bytes } of marked) {
    assertEquals(ipv4.verify(PacketBytes.copyOf(bytes), 14), Fault.NONE);
  }
});

Deno.test("CoDel keeps the time that frames wait near its target", () => {
  const options = { discipline: "codel", packets: 1000 } as const;
  // 10 % more than the link takes: one frame each 909 us.
  const { network, sender, receiver, link } = pair({ bandwidth: 8e6, queue: options });
  for (let number = 0; number < 20_000; number++) sender.send(909 * number, frameOf(number, 1000));
  network.runWhile();
  const { DROPPED_LATE, DROPPED_QUEUE_FULL } = link.statistics().there;
  assert(DROPPED_LATE > 1500, `${DROPPED_LATE}`);
  assertEquals(DROPPED_QUEUE_FULL, 0);
  const waits = receiver.arrivals.map(({ time, bytes }) => time - 909 * numberOf(bytes) - 1000);
  const later = waits.slice(15_000);
  const mean = later.reduce((sum, wait) => sum + wait, 0) / later.length;
  // Without CoDel they would wait for more than a second; an unresponsive flow is the hardest case.
  assert(mean < 50_000, `${mean}`);
});

Deno.test("CoDel lets a burst pass that the link works off in time", () => {
  const { network, sender, link } = pair({ bandwidth: 8e6, queue: { discipline: "codel" } });
  for (let burst = 0; burst < 20; burst++) {
    for (let number = 0; number < 40; number++) sender.send(200_000 * burst, frameOf(number, 1000));
  }
  network.runWhile();
  assertEquals(link.statistics().there.DELIVERED, 800);
});

Deno.test("CoDel marks what knows ECN instead of dropping it", () => {
  const { counted } = overload({ discipline: "codel", ecn: true }, 1);
  assert(counted.MARKED > 100);
  assertEquals(counted.DROPPED_LATE, 0);
});

Deno.test("a link that is down loses what is under way, and what is sent", () => {
  const { network, sender, receiver, link } = pair({ delayMs: 10 });
  for (let number = 0; number < 4; number++) sender.send(5000 * number, frameOf(number));
  network.runFor(7);
  link.down();
  network.runFor(4);
  link.up();
  network.runWhile();
  assertEquals(receiver.arrivals.map(({ bytes }) => numberOf(bytes)), [3]);
  assertEquals(link.statistics().there.DROPPED_DOWN, 3);
});

Deno.test("what a link is like may change", () => {
  const { network, sender, receiver, link } = pair({ delayMs: 10 });
  sender.send(0, frameOf(0));
  sender.send(20_000, frameOf(1));
  network.runFor(15);
  link.set({ delayMs: 1 });
  network.runWhile();
  assertEquals(receiver.arrivals.map(({ time }) => time), [10_000, 21_000]);
});

Deno.test("options of links are checked, and named", () => {
  assertEquals(bandwidthOf("2.5 Gbit/s"), 2.5e9);
  assertEquals(bandwidthOf("100bit/s"), 100);
  assertThrows(() => bandwidthOf("10Mbyte/s"), TypeError, "10Mbyte/s");
  assertThrows(() => bandwidthOf(0), RangeError);
  for (
    const [options, name] of [
      [{ loss: 1.1 }, "loss"],
      [{ loss: { enter: -1, leave: 1 } }, "loss.enter"],
      [{ delayMs: -1 }, "delayMs"],
      [{ jitterMs: 1 }, "jitterMs"],
      [{ mtu: 60 }, "mtu"],
      [{ queue: { packets: 0 } }, "queue.packets"],
      [{ queue: { minimum: 5, maximum: 4 } }, "queue.maximum"],
    ] as const
  ) assertThrows(() => pair(options), RangeError, name);
});
