import { assert, assertEquals } from "@std/assert";
import { SenderBed } from "../../../tests/support/stack/tcp/sender.ts";
import { Flag } from "../../wire/tcp.ts";
import { SendCounter } from "./counters.ts";

const SECOND = 1_000_000;

function closedWindow(): SenderBed {
  const bed = new SenderBed({ peerWindow: 2000, options: { giveUpRetries: 3 } });
  bed.write(5000);
  assertEquals(bed.take(), [[0, 1000], [1000, 1000]]);
  bed.acknowledge(2000, [], { window: 0 });
  assertEquals(bed.take(), []);
  return bed;
}

// covers RFC 9293 3.8.6.1 MUST-36
// covers RFC 9293 3.8.6.1 SHLD-29
// covers RFC 9293 3.8.6.1 SHLD-30
Deno.test("a closed window is probed by a byte after an RTO, then at growing intervals", () => {
  const bed = closedWindow();
  const { rto } = bed.sender;
  const waits: number[] = [];
  for (let probe = 0; probe < 4; probe++) {
    waits.push(bed.fire());
    assertEquals(bed.take(), [[2000, 1]]);
    bed.acknowledge(2000, [], { window: 0 });
    assertEquals(bed.take(), []);
  }
  assertEquals(waits, [rto, 2 * rto, 4 * rto, 8 * rto]);
  assertEquals(bed.count(SendCounter.WINDOW_PROBES), 4);
});

// covers RFC 9293 3.8.6.1 MUST-37
Deno.test("a connection stays open for a day while its probes are acknowledged", () => {
  const bed = closedWindow();
  let waited = 0;
  let longest = 0;
  while (waited < 86_400 * SECOND) {
    const wait = bed.fire();
    waited += wait;
    longest = Math.max(longest, wait);
    bed.acknowledge(2000, [], { window: 0 });
  }
  assertEquals(longest, 120 * SECOND);
  assertEquals(bed.heard, []);
});

Deno.test("a connection is given up when nobody answers its probes", () => {
  const bed = closedWindow();
  for (let probe = 0; probe < 3; probe++) bed.fire();
  assertEquals(bed.heard, []);
  bed.fire();
  assertEquals(bed.heard, ["give up 110"]);
  assertEquals(bed.arena.usedCount, 0);
});

Deno.test("a window that opens lets go what is there, the probe with it", () => {
  const bed = closedWindow();
  bed.fire();
  bed.take();
  bed.acknowledge(2000, [], { window: 0 });
  bed.acknowledge(2000, [], { window: 4000 });
  assertEquals(bed.take(), [[2000, 1000], [3000, 1000], [4000, 1000]]);
  bed.acknowledge(5000);
  assertEquals(bed.sender.bufferedBytes, 0);
  assertEquals(bed.sender.nextDeadline(), Infinity);
});

Deno.test("a probe that was taken is not sent again", () => {
  const bed = closedWindow();
  bed.fire();
  bed.take();
  bed.acknowledge(2001, [], { window: 4000 });
  assertEquals(bed.take(), [[2001, 1000], [3001, 1000], [4001, 999]]);
});

// covers RFC 9293 3.8.6 MUST-35
// covers RFC 9293 3.8.6 SHLD-17
Deno.test("a window that is closed over data in flight is probed, and nothing times out", () => {
  const bed = new SenderBed({ peerWindow: 5000, options: { giveUpRetries: 3 }, hasSack: false });
  bed.write(5000);
  bed.take();
  bed.acknowledge(0, [], { window: 0 });
  for (let probe = 0; probe < 20; probe++) {
    bed.fire();
    const sent = bed.take();
    assertEquals(sent, [[0, 1]]);
    bed.acknowledge(0, [], { window: 0 });
  }
  assertEquals(bed.heard, []);
  assertEquals(bed.count(SendCounter.TIMEOUTS), 0);
  bed.acknowledge(0, [], { window: 5000 });
  for (let turn = 0; turn < 20 && bed.sender.bufferedBytes > 0; turn++) {
    bed.fire();
    // The receiver had dropped all of it.
    for (const [offset, bytes] of bed.take()) bed.acknowledge(offset + bytes);
  }
  assertEquals(bed.sender.bufferedBytes, 0);
});

Deno.test("the FIN probes a window that is closed in front of it", () => {
  const bed = new SenderBed({ peerWindow: 1000 });
  bed.write(1000);
  bed.sender.closeWrite();
  bed.acknowledge(1000, [], { window: 0 });
  bed.take();
  bed.fire();
  const [probe] = bed.takeSent();
  assertEquals([probe.bytes.length, probe.flags & Flag.FIN], [0, Flag.FIN]);
  bed.acknowledge(1001, [], { window: 0 });
  assert(bed.sender.isFinAcknowledged);
  assertEquals(bed.heard, ["all acknowledged"]);
});
