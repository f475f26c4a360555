import { assertEquals } from "@std/assert";
import { Msg } from "../../../ring/abi/opcodes.ts";
import { areBytesAt, SenderBed } from "../../../tests/support/stack/tcp/sender.ts";
import { SendFlag } from "../../option_names.ts";
import { Flag } from "../../wire/tcp.ts";
import { SendCounter } from "./counters.ts";
import { decide, Wait } from "./send_decision.ts";

// covers RFC 9293 3.7.4 SHLD-7
Deno.test("a small segment waits while a small one is unacknowledged", () => {
  const bed = new SenderBed();
  bed.write(100);
  bed.write(200);
  bed.write(300);
  assertEquals(bed.take(), [[0, 100]]);
  bed.acknowledge(100);
  assertEquals(bed.take(), [[100, 500]]);
});

Deno.test("a full segment waits for no small one, and the rest of it does", () => {
  const bed = new SenderBed();
  bed.write(100);
  bed.write(2500);
  assertEquals(bed.take(), [[0, 100], [100, 1000], [1100, 1000]]);
  bed.acknowledge(100);
  assertEquals(bed.take(), [[2100, 500]]);
});

Deno.test("Minshall lets the end of a message go behind full segments, the old rule not", () => {
  const minshall = new SenderBed();
  minshall.write(2500);
  assertEquals(minshall.take(), [[0, 1000], [1000, 1000], [2000, 500]]);
  const classic = new SenderBed({ options: { nagle: "classic" } });
  classic.write(2500);
  assertEquals(classic.take(), [[0, 1000], [1000, 1000]]);
  classic.acknowledge(2000);
  assertEquals(classic.take(), [[2000, 500]]);
});

// covers RFC 9293 3.7.4 MUST-17
Deno.test("without delay every write leaves at once, and what was held back as well", () => {
  const bed = new SenderBed();
  bed.write(100);
  bed.write(100);
  bed.sender.noDelay = true;
  bed.write(100);
  assertEquals(bed.take(), [[0, 100], [100, 100], [200, 100]]);
});

Deno.test("a cork keeps what is not full for 200 ms at most", () => {
  const bed = new SenderBed();
  bed.sender.cork = true;
  bed.write(300);
  bed.write(1000);
  assertEquals(bed.take(), [[0, 1000]]);
  bed.acknowledge(1000);
  assertEquals(bed.take(), []);
  assertEquals(bed.fire(), 200_000);
  assertEquals(bed.take(), [[1000, 300]]);
  bed.acknowledge(1300);
  bed.write(10);
  bed.sender.cork = false;
  assertEquals(bed.take(), [[1300, 10]]);
});

Deno.test("MSG_MORE keeps what is not full until the next write", () => {
  const bed = new SenderBed();
  bed.write(300, SendFlag.MORE);
  assertEquals(bed.take(), []);
  bed.write(300);
  assertEquals(bed.take(), [[0, 600]]);
});

Deno.test("the end of the stream lets go what is held back, with the FIN", () => {
  const bed = new SenderBed();
  bed.sender.cork = true;
  bed.write(300);
  bed.sender.closeWrite();
  const [only] = bed.takeSent();
  assertEquals([only.bytes.length, only.flags & Flag.FIN], [300, Flag.FIN]);
});

// covers RFC 9293 3.8.6.2.1 MUST-38
Deno.test("a window of less than half of what it was is not worth a segment", () => {
  const bed = new SenderBed({ peerWindow: 1600 });
  bed.write(5000);
  assertEquals(bed.take(), [[0, 1000]]);
  bed.acknowledge(1000, [], { window: 700 });
  assertEquals(bed.take(), []);
  // Rule (4): the override, where no acknowledgment can come any more.
  bed.fire();
  assertEquals(bed.take(), [[1000, 700]]);
  bed.acknowledge(1700, [], { window: 800 });
  assertEquals(bed.take(), [[1700, 800]]);
});

// covers RFC 9293 3.8.6 MUST-34
Deno.test("it is the peer that stops what is behind the edge of a window that shrank", () => {
  const bed = new SenderBed({ peerWindow: 5000 });
  bed.write(8000);
  bed.take();
  bed.acknowledge(1000, [], { window: 3999 });
  assertEquals(bed.take(), []);
  // Congestion control may not take it for its own doing.
  const { flight } = bed.sender;
  assertEquals(flight!.isWindowLimited, false);
  bed.deliver(1000, [], { window: 3000 });
  assertEquals(decide(bed.sender, flight!, 1000, 1000, 3000, 9000, 0, true), Wait.WINDOW);
});

// covers RFC 9293 3.8.6 MUST-34
// covers RFC 9293 3.8.6 SHLD-16
Deno.test("a window that shrinks stops new data and what is behind its edge", () => {
  const bed = new SenderBed({ peerWindow: 10_000, hasSack: false });
  bed.write(8000);
  bed.take();
  bed.acknowledge(1000, [], { window: 3000 });
  assertEquals(bed.take(), []);
  bed.fire();
  assertEquals(bed.take(), [[1000, 1000]]);
  bed.acknowledge(2000, [], { window: 2000 });
  bed.acknowledge(3000, [], { window: 1000 });
  bed.acknowledge(4000, [], { window: 500 });
  const offsets = bed.take().map(([offset]) => offset);
  assertEquals(offsets.filter((offset) => offset > 4000), []);
  bed.acknowledge(4000, [], { window: 10_000 });
  bed.fire();
  bed.acknowledge(8000);
  assertEquals(bed.sender.bufferedBytes, 0);
});

// covers RFC 9293 3.9.1.2 MUST-60
// covers RFC 9293 3.9.1.2 MUST-61
Deno.test("the last segment of what is in the buffer has PSH", () => {
  const bed = new SenderBed();
  bed.write(2500);
  const flags = bed.takeSent().map((one) => one.flags & Flag.PSH);
  assertEquals(flags, [0, 0, Flag.PSH]);
});

Deno.test("a long stream has PSH at least once in half a window", () => {
  const bed = new SenderBed({ peerWindow: 8000, window: 100_000 });
  bed.write(20_000);
  for (let upTo = 1000; upTo < 20_000; upTo += 1000) bed.acknowledge(upTo);
  const pushed = bed.takeSent().filter((one) => one.flags & Flag.PSH);
  assertEquals(pushed.map((one) => one.sequence - bed.iss), [4000, 9000, 14_000, 19_000]);
});

Deno.test("super-segments leave whole segments at a time, as far as the windows reach", () => {
  const bed = new SenderBed({ offload: 8000, window: 12_500, peerWindow: 60_000 });
  bed.write(20_300);
  const sent = bed.takeSent();
  // A window is four of them at least.
  assertEquals(sent.map((one) => one.bytes.length), [3000, 3000, 3000, 3000]);
  assertEquals(sent.map((one) => one.segmentBytes), [1000, 1000, 1000, 1000]);
  const large = new SenderBed({ offload: 8000, window: 40_500, peerWindow: 60_000 });
  large.write(50_300);
  assertEquals(large.take().map(([, bytes]) => bytes), [8000, 8000, 8000, 8000, 8000]);
  assertEquals(sent.every((one) => areBytesAt(one.bytes, one.sequence - bed.iss)), true);
});

Deno.test("a super-segment waits for acknowledgments if little of the window is open", () => {
  const bed = new SenderBed({ offload: 8000, window: 12_000 });
  bed.write(40_000);
  bed.take();
  bed.acknowledge(2000);
  assertEquals(bed.take(), []);
  bed.acknowledge(5000);
  assertEquals(bed.take(), [[12_000, 3000]]);
});

// covers RFC 9293 3.8.5 MUST-30
// covers RFC 9293 3.8.5 MUST-31
// covers RFC 9293 3.8.5 MUST-62
Deno.test("urgent data of any length go at once, with URG on all segments before their end", () => {
  const bed = new SenderBed({ offload: 8000 });
  bed.write(100);
  bed.write(2500, Msg.OOB);
  bed.write(1400);
  const sent = bed.takeSent();
  assertEquals(sent.map((one) => one.bytes.length), [100, 1000, 1000, 500, 1000]);
  assertEquals(sent.map((one) => one.flags & Flag.URG), [0, ...Array(3).fill(Flag.URG), 0]);
  assertEquals(bed.sender.sendUrgent, bed.iss + 2600);
  assertEquals(bed.count(SendCounter.RETRANSMITTED), 0);
});

Deno.test("what the window cuts off waits for what is in flight, unless there is no delay", () => {
  const bed = new SenderBed({ peerWindow: 1400 });
  bed.write(500);
  bed.write(5000);
  assertEquals(bed.take(), [[0, 500]]);
  bed.sender.noDelay = true;
  assertEquals(bed.take(), [[500, 900]]);
});

Deno.test("the end of a message waits for room in the congestion window as well", () => {
  const bed = new SenderBed({ window: 2500 });
  bed.write(2800);
  assertEquals(bed.take(), [[0, 1000], [1000, 1000]]);
  bed.acknowledge(1000);
  assertEquals(bed.take(), [[2000, 800]]);
});
