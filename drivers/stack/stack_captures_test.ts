import { assert, assertEquals, assertThrows } from "@std/assert";
import { Direction, readCapture } from "../../stack/capture/mod.ts";
import { FrameQueue } from "../../stack/frame_queue.ts";
import { SeededRandom } from "../../stack/random.ts";
import { Stack } from "../../stack/stack.ts";
import { ipv4Of } from "../../stack/wire/mod.ts";
import type { StackClock } from "./clock.ts";
import { StackCaptures } from "./stack_captures.ts";

const CLOCK: StackClock = { now: () => 0, date: () => 1_700_000_000_000, wakeAt: () => {} };

/** A stack with an interface, which announces its address as soon as it is stepped. */
function makeStack(): { readonly stack: Stack; readonly captures: StackCaptures } {
  const stack = new Stack({ random: new SeededRandom(1), profile: "small" });
  stack.links.addLoopback();
  for (const name of ["eth0", "eth1"]) {
    const link = stack.links.addInterface({ name, kind: "ethernet", mac: 0x0200_0000_0001 });
    if (typeof link === "number") throw new Error("unreachable");
    stack.links.setUp(link.index, true);
  }
  return { stack, captures: new StackCaptures(stack, CLOCK) };
}

/** Has both interfaces send something. */
function announce(stack: Stack): void {
  for (const [name, address] of [["eth0", "10.0.0.1"], ["eth1", "10.0.1.1"]]) {
    stack.links.addAddress(stack.links.named(name)!.index, ipv4Of(address), 24);
  }
  stack.step(1_500_000, new FrameQueue(1));
  for (let packet = stack.output.shift(); packet >= 0; packet = stack.output.shift()) {
    stack.environment.arena.release(packet);
  }
}

Deno.test("a running stack's interfaces are captured, those that are asked for", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { stack, captures } = makeStack();
    const all = captures.begin({ path: `${folder}/all.pcapng` });
    const one = captures.begin({ path: `${folder}/one.pcapng`, interfaces: ["eth1"] });
    const arp = { protocol: "arp" } as const;
    const some = captures.begin({ path: `${folder}/arp.pcapng`, filter: arp });
    announce(stack);
    const reports = [all, one, some].map(({ id }) => captures.end(id));
    const [wholly, singly, partly] = await Promise.all(
      ["all", "one", "arp"].map(async (name) =>
        readCapture(await Deno.readFile(`${folder}/${name}.pcapng`))
      ),
    );
    assertEquals(wholly.interfaces.map(({ name }) => name).sort(), ["eth0", "eth1"]);
    assertEquals(singly.interfaces.map(({ name }) => name), ["eth1"]);
    assertEquals(wholly.packets.length, reports[0].written);
    assert(singly.packets.length < wholly.packets.length);
    assert(reports[2].filtered > 0);
    assertEquals(partly.packets.length, reports[2].written);
    assert(partly.packets.every(({ bytes }) => bytes[12] === 8 && bytes[13] === 6));
    assertEquals(wholly.packets[0].direction, Direction.OUTBOUND);
    // Microseconds of the stack's clock, on top of when that was 0.
    assert(wholly.packets.every(({ time }) => time >= 1_700_000_000n * 1_000_000_000n));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a capture that is wrong is refused, and one that has ended is none", () => {
  const { captures } = makeStack();
  assertThrows(() => captures.begin({ path: "x", file: 1 } as never), TypeError, "file");
  assertThrows(() => captures.begin({ path: "x", interfaces: ["eth9"] }), TypeError, "eth9");
  assertThrows(() => captures.begin({ path: "x", filter: { host: "?" } }), TypeError);
  assertThrows(() => captures.begin({ path: "/nowhere/x.pcapng" }), Deno.errors.NotFound);
  assertThrows(() => captures.end(1), RangeError, "no capture 1");
});
