import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../../ring/abi/errno.ts";
import { Msg } from "../../../ring/abi/opcodes.ts";
import { ReceiverRig, streamBytes } from "../../../tests/support/stack/tcp/receiver.ts";
import { ConnectionInfo } from "../types.ts";

Deno.test("reading hands over what there is, a part of it, or says that there is nothing", () => {
  const rig = new ReceiverRig();
  assertEquals(rig.read(10), -Errno.EAGAIN);
  const stream = streamBytes(0, 3000);
  rig.arrive(0, stream.slice(0, 1000));
  rig.arrive(1000, stream.slice(1000, 3000), { parts: [500, 1500] });
  assertEquals(rig.read(0), 0);
  assertEquals(rig.read(700), stream.slice(0, 700));
  assertEquals(rig.read(10_000), stream.slice(700));
  assertEquals(rig.read(10), -Errno.EAGAIN);
  assertEquals(rig.count("BYTES_READ"), 3000);
  rig.close();
});

Deno.test("MSG_PEEK leaves everything, MSG_TRUNC throws it away", () => {
  const rig = new ReceiverRig();
  const stream = streamBytes(0, 1000);
  rig.arrive(0, stream);
  assertEquals(rig.read(600, Msg.PEEK), stream.slice(0, 600));
  assertEquals(rig.receiver.read(rig.userMemory, 0, 400, Msg.PEEK | Msg.TRUNC), 400);
  assertEquals(rig.receiver.available, 1000);
  assertEquals(rig.receiver.read(rig.userMemory, 0, 600, Msg.TRUNC), 600);
  assertEquals(rig.read(1000), stream.slice(600));
  rig.close();
});

Deno.test("behind the FIN reading says 0, again and again", () => {
  const rig = new ReceiverRig();
  rig.arrive(0, streamBytes(0, 100));
  rig.fin(100);
  assertEquals([rig.ends, rig.receiver.isEnded, rig.receiver.isReadable], [1, true, true]);
  assertEquals([rig.last.next, rig.receiver.available], [101, 100]);
  assertEquals(rig.read(1000), streamBytes(0, 100));
  assertEquals([rig.read(10), rig.read(10), rig.read(10, Msg.PEEK)], [0, 0, 0]);
  rig.close();
});

Deno.test("a FIN behind a gap counts once the gap is filled", () => {
  const rig = new ReceiverRig();
  rig.arrive(500, streamBytes(500, 500));
  rig.fin(1000);
  assertEquals([rig.ends, rig.last.next], [0, 0]);
  rig.arrive(0, streamBytes(0, 500));
  assertEquals([rig.ends, rig.last.next], [1, 1001]);
  assertEquals(rig.read(2000), streamBytes(0, 1000));
  assertEquals(rig.read(10), 0);
  rig.close();
});

Deno.test("bytes behind a FIN, a second FIN, and one beyond the window are dropped", () => {
  const options = { bufferBytes: 8192, maximumBufferBytes: 8192 };
  const rig = new ReceiverRig({ options });
  rig.fin(8193);
  rig.arrive(300, streamBytes(300, 100));
  rig.fin(200);
  assertEquals(rig.count("DROPPED_FIN"), 2);
  rig.fin(1000);
  rig.fin(1000);
  rig.fin(1200);
  assertEquals(rig.count("DROPPED_FIN"), 3);
  rig.arrive(900, streamBytes(900, 300));
  assertEquals(rig.count("DROPPED_BEHIND_FIN_BYTES"), 200);
  rig.arrive(0, streamBytes(0, 900));
  assertEquals([rig.ends, rig.last.next], [1, 1001]);
  assertEquals(rig.read(5000), streamBytes(0, 1000));
  rig.close();
});

Deno.test("a FIN needs no room in the window", () => {
  const options = { bufferBytes: 4000, maximumBufferBytes: 4000 };
  const rig = new ReceiverRig({ options, agreement: { windowScale: 0 } });
  for (let at = 0; at < 4000; at += 1000) rig.arrive(at, streamBytes(at, 1000));
  assertEquals(rig.last.edge - rig.last.next, 0);
  rig.fin(4000);
  assertEquals([rig.ends, rig.last.next], [1, 4001]);
  rig.close();
});

Deno.test("after SHUT_RD what is there and what comes can be read; then it is the end", () => {
  const rig = new ReceiverRig();
  rig.arrive(0, streamBytes(0, 10));
  rig.receiver.shutRead();
  assert(rig.receiver.isReadable);
  assertEquals(rig.read(100), streamBytes(0, 10));
  assertEquals(rig.read(100), 0);
  rig.arrive(10, streamBytes(10, 10));
  assertEquals(rig.read(100), streamBytes(10, 10));
  assertEquals(rig.read(100), 0);
  rig.close();
});

Deno.test("SO_RCVLOWAT holds back the news, unless the buffer is too small for it", () => {
  const rig = new ReceiverRig({ options: { bufferBytes: 8192, maximumBufferBytes: 8192 } });
  rig.receiver.lowWater = 1000;
  rig.arrive(0, streamBytes(0, 999));
  assertEquals([rig.readable, rig.receiver.isReadable], [0, false]);
  rig.arrive(999, streamBytes(0, 1));
  assertEquals([rig.readable, rig.receiver.isReadable], [1, true]);
  rig.receiver.lowWater = 1 << 20;
  rig.arrive(1000, streamBytes(0, 1448));
  rig.arrive(2448, streamBytes(0, 1448));
  assertEquals([rig.readable, rig.receiver.isReadable], [1, false]);
  rig.arrive(3896, streamBytes(0, 1448));
  assertEquals([rig.readable, rig.receiver.isReadable], [2, true]);
  rig.close();
});

Deno.test("an idle receiver holds neither queues nor packets", () => {
  const rig = new ReceiverRig();
  const { receiver } = rig;
  rig.arrive(2000, streamBytes(0, 500));
  rig.arrive(0, streamBytes(0, 2000));
  rig.arrive(0, streamBytes(0, 500));
  rig.read(5000);
  rig.acknowledge();
  assertEquals([receiver.outOfOrder, receiver.sack, receiver.urgent, receiver.ecn], [
    null,
    null,
    null,
    null,
  ]);
  assertEquals([receiver.queue, receiver.queueCost], [null, 0]);
  assertEquals(rig.arena.usedCount, 0);
  rig.close();
});

Deno.test("what is told of a connection is what happened to it", () => {
  const rig = new ReceiverRig();
  rig.arrive(3000, streamBytes(0, 100));
  rig.arrive(0, streamBytes(0, 1448), { count: 2 });
  rig.advance(5000);
  const info = new ConnectionInfo();
  rig.receiver.describe(info);
  assertEquals(info.bytesReceived, 1448);
  assertEquals(info.dataSegmentsIn, 3);
  assertEquals(info.receivedOutOfOrder, 1);
  assertEquals(info.lastDataReceived, 5000);
  assertEquals(info.receiveSegment, 724);
  assertEquals(info.receiveWindow, rig.receiver.receiveLimit - rig.receiver.receiveNext);
  rig.close();
});
