import { assert, assertEquals } from "@std/assert";
import { areBytesAt, SenderBed } from "../../../tests/support/stack/tcp/sender.ts";
import { Errno } from "../../../ring/abi/errno.ts";
import { chainLength } from "../../memory/mod.ts";
import { Flag } from "../../wire/tcp.ts";
import { ConnectionInfo } from "../types.ts";
import { SendCounter } from "./counters.ts";

const MILLISECOND = 1000;

Deno.test("what is written leaves, and what is acknowledged is forgotten", () => {
  const bed = new SenderBed();
  assertEquals(bed.write(2500), 2500);
  const sent = bed.takeSent();
  assertEquals(sent.map((one) => one.bytes.length), [1000, 1000, 500]);
  assert(sent.every((one) => areBytesAt(one.bytes, one.sequence - bed.iss)));
  assertEquals([bed.sender.bufferedBytes, bed.sender.unsentBytes], [2500, 0]);
  bed.acknowledge(1500);
  assertEquals(bed.sender.bufferedBytes, 1000);
  bed.acknowledge(2500);
  assertEquals(bed.heard, ["all acknowledged"]);
  assertEquals([bed.arena.usedCount, bed.settings.records.used], [0, 0]);
  assertEquals(bed.sender.flight, null);
  assertEquals(bed.sender.nextDeadline(), Infinity);
});

Deno.test("the FIN goes with the last byte, or alone, and is acknowledged", () => {
  const bed = new SenderBed();
  bed.write(500);
  bed.sender.closeWrite();
  const [data, fin] = bed.takeSent();
  assertEquals([data.flags & Flag.FIN, fin.flags & Flag.FIN], [0, Flag.FIN]);
  assertEquals(fin.sequence - bed.iss, 500);
  assertEquals([bed.sender.isFinSent, bed.sender.isFinAcknowledged], [true, false]);
  bed.acknowledge(500);
  assertEquals(bed.heard, []);
  bed.acknowledge(501);
  assertEquals(bed.sender.isFinAcknowledged, true);
  assertEquals(bed.heard, ["all acknowledged"]);
  assertEquals(bed.sender.write(bed.memory, 0, 1, 0), -Errno.EPIPE);
});

Deno.test("a FIN that is lost is sent again", () => {
  const bed = new SenderBed({ window: 3000 });
  bed.write(3000);
  bed.sender.closeWrite();
  bed.acknowledge(3000);
  bed.take();
  bed.fire();
  const [again] = bed.takeSent();
  assertEquals([again.flags & Flag.FIN, again.sequence - bed.iss], [Flag.FIN, 3000]);
});

Deno.test("the buffer takes as much as it is to hold, and says when there is room", () => {
  const bed = new SenderBed({ window: 3000 });
  bed.sender.bufferLimit = 9000;
  assertEquals(bed.write(20_000), 9000);
  assertEquals(bed.write(1), 0);
  assertEquals(bed.sender.isWritable, false);
  bed.acknowledge(2000);
  assertEquals(bed.heard, []);
  // A third of it is free.
  bed.acknowledge(3000);
  assertEquals(bed.heard, ["writable"]);
  assertEquals(bed.write(20_000), 3000);
});

Deno.test("nobody is told of room who did not ask for it", () => {
  const bed = new SenderBed();
  bed.write(5000);
  bed.acknowledge(5000);
  assertEquals(bed.heard, ["all acknowledged"]);
});

Deno.test("the buffer grows with the window while the program waits, if it is not set", () => {
  const bed = new SenderBed({ window: 40_000, options: { bufferBytes: 16_384 } });
  bed.write(100_000);
  bed.acknowledge(10_000);
  assertEquals(bed.sender.bufferLimit, 80_000);
  const set = new SenderBed({ window: 40_000 });
  set.sender.bufferLimit = 16_384;
  set.write(100_000);
  set.acknowledge(10_000);
  assertEquals(set.sender.bufferLimit, 16_384);
  const most = new SenderBed({
    window: 40_000,
    options: { bufferBytes: 16_384, maximumBufferBytes: 30_000 },
  });
  most.write(100_000);
  most.acknowledge(10_000);
  assertEquals(most.sender.bufferLimit, 30_000);
});

Deno.test("no more than the low water mark waits to be sent", () => {
  const bed = new SenderBed({ window: 2000 });
  bed.sender.notSentLowWater = 20_000;
  assertEquals(bed.write(100_000), 20_000);
  assertEquals(bed.sender.isWritable, true);
  assertEquals(bed.write(100_000), 16_384);
  assertEquals(bed.write(100_000), 0);
  assertEquals(bed.sender.isWritable, false);
});

Deno.test("without packets a write waits for those that are out", () => {
  const bed = new SenderBed({ packets: { small: 0, medium: 3, large: 0 }, window: 2000 });
  assertEquals(bed.write(10_000), 3 * 1920);
  assertEquals(bed.write(1000), 0);
  bed.acknowledge(2000);
  assertEquals(bed.heard, ["writable"]);
});

Deno.test("without packets, and with none out, a write waits for those of others", () => {
  const bed = new SenderBed({ packets: { small: 0, medium: 2, large: 0 } });
  const others = [bed.arena.take(1000), bed.arena.take(1000)];
  assertEquals(bed.write(1), 0);
  assertEquals(bed.count(SendCounter.PACKETS_EXHAUSTED), 1);
  // Who asks is not told to write before there is a chance.
  bed.sender.output();
  assertEquals([bed.sender.isWritable, bed.heard.length], [false, 0]);
  assertEquals(bed.fire(), 10 * MILLISECOND);
  assertEquals([bed.sender.isWritable, bed.heard], [true, ["writable"]]);
  assertEquals([bed.sender.flight, bed.sender.nextDeadline()], [null, Infinity]);
  // Again in vain; then somebody who is not waiting finds that there are some.
  assertEquals(bed.write(1), 0);
  for (const packet of others) bed.arena.release(packet);
  assertEquals(bed.write(1000), 1000);
  assertEquals(bed.takeSent().length, 1);
  bed.acknowledge(1000);
  assertEquals([bed.arena.usedCount, bed.sender.flight], [0, null]);
});

Deno.test("a write without packets before there is a connection leaves nothing behind", () => {
  const bed = new SenderBed({ packets: { small: 0, medium: 0, large: 0 }, mayAgree: false });
  assertEquals(bed.write(1), 0);
  assertEquals([bed.sender.flight, bed.sender.nextDeadline()], [null, Infinity]);
});

Deno.test("what is refused for a moment is sent a moment later, and nothing is lost", () => {
  const bed = new SenderBed();
  bed.refusal = -Errno.ENOBUFS;
  bed.write(3000);
  assertEquals(bed.sender.unsentBytes, 3000);
  assertEquals(bed.settings.records.used, 0);
  bed.refusal = 0;
  assertEquals(bed.fire(), 10 * MILLISECOND);
  assertEquals(bed.take().length, 3);
  assertEquals(bed.count(SendCounter.TRANSMIT_REFUSED), 1);
  bed.refusal = -Errno.EHOSTUNREACH;
  bed.write(1000);
  // That is like a loss on the way.
  assertEquals(bed.sender.unsentBytes, 0);
});

Deno.test("a retransmission that is refused is tried again", () => {
  const bed = new SenderBed();
  bed.write(5000);
  bed.pass(100 * MILLISECOND);
  bed.refusal = -Errno.ENOBUFS;
  bed.acknowledge(0, [[1000, 4000]]);
  bed.take();
  bed.refusal = 0;
  bed.fire();
  assertEquals(bed.take(), [[0, 1000]]);
});

Deno.test("when records are used up, data wait for those that come back", () => {
  const bed = new SenderBed({ window: 30_000, options: { maximumRecords: 16 } });
  bed.write(30_000);
  assertEquals(bed.take().length, 15);
  assertEquals(bed.count(SendCounter.RECORDS_EXHAUSTED), 1);
  bed.pass(10 * MILLISECOND);
  bed.acknowledge(15_000);
  assertEquals(bed.take().length, 15);
});

// covers RFC 9293 3.10.7.4 MUST
Deno.test("an old segment brings no old window back, one too new acknowledges nothing", () => {
  const bed = new SenderBed({ peerWindow: 5000 });
  bed.write(20_000);
  bed.deliver(1000, [], { window: 6000, sequence: 1100 });
  assertEquals(bed.sender.sendWindow, 6000);
  bed.deliver(1000, [], { window: 100, sequence: 1050 });
  assertEquals(bed.sender.sendWindow, 6000);
  bed.deliver(500, [], { window: 200, sequence: 1200 });
  assertEquals(bed.sender.sendWindow, 6000);
  bed.deliver(1000, [], { window: 7000, sequence: 1100 });
  assertEquals([bed.sender.sendWindow, bed.sender.maximumSendWindow], [7000, 7000]);
  bed.deliver(10_000, [], { window: 1 });
  assertEquals(bed.sender.sendUnacknowledged, bed.iss + 1000);
  assertEquals(bed.sender.sendWindow, 7000);
  assertEquals(bed.count(SendCounter.DROPPED_ACKNOWLEDGMENT_TOO_NEW), 1);
});

// covers RFC 7323 2.3 MUST
Deno.test("windows are shifted as the peer said", () => {
  const bed = new SenderBed({ mayAgree: false });
  bed.agreement.peerWindowScale = 7;
  bed.agreement.window = 1000;
  bed.sender.agree(bed.agreement);
  bed.write(10);
  bed.acknowledge(10, [], { window: 512 });
  assertEquals(bed.sender.sendWindow, 65536);
});

// covers RFC 5681 4.1 SHOULD
Deno.test("congestion control is told of a pause of more than an RTO", () => {
  const bed = new SenderBed();
  bed.write(1000);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(1000);
  bed.pass(50 * MILLISECOND);
  bed.write(1000);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(2000);
  assertEquals(bed.control.heard, []);
  bed.pass(10_000 * MILLISECOND);
  bed.write(1000);
  assertEquals(bed.control.heard, ["restart after 10100000"]);
});

// covers RFC 7413 4.2.1 MUST
// covers RFC 5681 3.1 MUST
Deno.test("data of a SYN that were acknowledged are done with, the rest is sent", () => {
  const bed = new SenderBed({ mayAgree: false });
  assertEquals(bed.write(2500), 2500);
  assertEquals(bed.take(), []);
  const slice = bed.sender.sliceForSyn(1400);
  assertEquals(chainLength(bed.arena, slice), 1400);
  bed.arena.release(slice);
  bed.agreement.acknowledgment = bed.iss + 1400;
  bed.sender.agree(bed.agreement);
  assertEquals(bed.control.heard, []);
  bed.sender.output();
  assertEquals(bed.take(), [[1400, 1000], [2400, 100]]);
  bed.acknowledge(2500);
  assertEquals(bed.arena.usedCount, 0);
});

Deno.test("nothing is left to do where a SYN carried everything", () => {
  const bed = new SenderBed({ mayAgree: false });
  bed.write(500);
  bed.arena.release(bed.sender.sliceForSyn(1400));
  bed.agreement.acknowledgment = bed.iss + 500;
  bed.sender.agree(bed.agreement);
  bed.sender.output();
  assertEquals(bed.take(), []);
  assertEquals([bed.arena.usedCount, bed.sender.flight], [0, null]);
});

// covers RFC 8201 5.4 MUST
Deno.test("what is too big for the path is sent again in segments that fit, at no cost", () => {
  const bed = new SenderBed({ window: 4000, offload: 4000 });
  bed.write(10_000);
  assertEquals(bed.take(), [[0, 2000], [2000, 2000]]);
  bed.payloadLimit = 600;
  bed.offloadLimit = 0;
  bed.sender.onPathChange(true);
  assertEquals(bed.control.heard, ["segments of 600"]);
  assertEquals(bed.take().slice(0, 3), [[0, 600], [600, 600], [1200, 600]]);
  for (let turn = 0; turn < 40 && bed.sender.bufferedBytes > 0; turn++) {
    const next = (bed.sender.sendUnacknowledged - bed.iss) | 0;
    bed.acknowledge(Math.min(10_000, next + 600));
  }
  const sizes = bed.takeSent().map((one) => one.bytes.length);
  assert(sizes.every((size) => size <= 600));
  assertEquals(bed.sender.bufferedBytes, 0);
  assertEquals(bed.control.heard, ["segments of 600"]);
});

Deno.test("a path that is back is tried at once", () => {
  const bed = new SenderBed();
  bed.write(1000);
  for (let turn = 0; turn < 4; turn++) bed.fire();
  bed.take();
  const { backoff } = bed.sender;
  bed.sender.onPathRestored();
  assertEquals(bed.take(), [[0, 1000]]);
  assertEquals(bed.sender.backoff, backoff - 1);
});

Deno.test("another congestion control takes over, one that does not exist does not", () => {
  const bed = new SenderBed();
  assertEquals(bed.sender.congestionControl, "fixed");
  assertEquals(bed.sender.setCongestionControl("vegas"), -Errno.ENOENT);
  assertEquals(bed.sender.setCongestionControl("fixed"), 0);
});

Deno.test("a sender describes itself as Linux does", () => {
  const bed = new SenderBed({ window: 20_000 });
  bed.write(30_000);
  bed.pass(100 * MILLISECOND);
  bed.acknowledge(0, [[2000, 5000]]);
  const info = new ConnectionInfo();
  bed.sender.describe(info);
  assertEquals([info.unacknowledged, info.sacked, info.lost], [20, 3, 1]);
  assertEquals([info.retransmitted, info.totalRetransmitted], [1, 1]);
  assertEquals([info.congestionState, info.sendSegment], [3, 1000]);
  assertEquals(info.notSentBytes, 10_000);
  assertEquals([info.smoothedRtt, info.minimumRtt], [100_000, 100_000]);
});

Deno.test("a sender that is stopped has given everything back, and does nothing", () => {
  const bed = new SenderBed();
  bed.write(5000);
  bed.sender.stop();
  assertEquals([bed.arena.usedCount, bed.settings.records.used], [0, 0]);
  bed.sender.output();
  bed.sender.onDeadline();
  assertEquals(bed.sender.nextDeadline(), Infinity);
});

Deno.test("a second word of the same limit sends nothing again", () => {
  const bed = new SenderBed({ window: 4000 });
  bed.write(4000);
  bed.take();
  bed.payloadLimit = 600;
  bed.sender.onPathChange(true);
  assertEquals(bed.take().length, 8);
  bed.sender.onPathChange(true);
  assertEquals(bed.take(), []);
});
