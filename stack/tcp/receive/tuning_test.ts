import { assert, assertEquals } from "@std/assert";
import { ReceiverRig, streamBytes } from "../../../tests/support/stack/tcp/receiver.ts";
import { BufferTuning } from "./tuning.ts";

const FULL = 1448;
const MILLISECOND = 1000;

Deno.test("the round trip is that of echoed timestamps, or the shortest time of a window", () => {
  const tuning = new BufferTuning(0, 0, 10_000, 10_000);
  tuning.onArrival(50_000, 9_000, 20_000);
  assertEquals(tuning.rtt, 0);
  tuning.onArrival(80_000, 10_000, 30_000);
  assertEquals(tuning.rtt, 80_000);
  tuning.onArrival(200_000, 30_000, 50_000);
  assertEquals(tuning.rtt, 80_000);
  tuning.onArrival(240_000, 50_000, 70_000);
  assertEquals(tuning.rtt, 40_000);
  tuning.onEcho(48);
  assertEquals(tuning.rtt, 41_000);
  tuning.onEcho(-5);
  assertEquals(tuning.rtt, 41_000);
});

Deno.test("times that wrap are told apart by their difference", () => {
  const start = 2 ** 32 - 10_000;
  const tuning = new BufferTuning(start, 0, 100, 1000);
  tuning.onArrival(start + 20_000, 100, 200);
  assertEquals(tuning.rtt, 20_000);
});

Deno.test("the buffer grows to twice what is read in a round trip, and faster at first", () => {
  const tuning = new BufferTuning(0, 0, 100_000, 10_000);
  tuning.onEcho(10);
  assertEquals(tuning.onRead(9_999, 10_000, FULL), 0);
  // No more than before: nothing to do.
  assertEquals(tuning.onRead(10_000, 10_000, FULL), 0);
  assertEquals(tuning.onRead(20_000, 30_000, FULL), 40_000 + 16 * FULL + 2 * (40_000 + 16 * FULL));
  assertEquals(tuning.space, 20_000);
});

/** A sender whose window doubles each round trip, as far as it is allowed, and a busy reader. */
function stream(rig: ReceiverRig, rounds: number, isReading = true): void {
  let window = 10 * FULL;
  for (let round = 0; round < rounds; round++) {
    rig.timestampNow += 50;
    rig.advance(50 * MILLISECOND);
    const end = (rig.receiver.receiveNext - rig.first | 0) + window;
    for (;;) {
      const at = rig.receiver.receiveNext - rig.first | 0;
      const room = rig.receiver.receiveLimit - rig.receiver.receiveNext | 0;
      const bytes = Math.min(FULL, room, end - at);
      if (bytes < FULL) break;
      rig.arrive(at, streamBytes(at, bytes), { timestampEcho: rig.timestampNow - 50 });
      if (isReading) rig.read(1 << 20);
    }
    window *= 2;
    rig.takeSent();
  }
}

Deno.test("a busy connection gets a larger window, up to the option's limit", () => {
  const rig = new ReceiverRig({ options: { bufferBytes: 65_536, maximumBufferBytes: 1 << 20 } });
  stream(rig, 6);
  const { bufferLimit } = rig.receiver;
  assert(bufferLimit > 500_000, `${bufferLimit}`);
  stream(rig, 3);
  assertEquals(rig.receiver.bufferLimit, 1 << 20);
  assert(rig.count("BUFFERS_ENLARGED") >= 3);
  rig.close();
});

Deno.test("nobody who does not read, or has set SO_RCVBUF, gets a larger buffer", () => {
  const options = { bufferBytes: 65_536, maximumBufferBytes: 1 << 20 };
  const lazy = new ReceiverRig({ options });
  stream(lazy, 6, false);
  assertEquals(lazy.receiver.bufferLimit, 65_536);
  const fixed = new ReceiverRig({ options });
  fixed.receiver.bufferLimit = 65_536;
  stream(fixed, 6);
  assertEquals(fixed.receiver.bufferLimit, 65_536);
  lazy.close();
  fixed.close();
});

Deno.test("nothing is measured for a connection to which little has come, or in small pieces", () => {
  const rig = new ReceiverRig({ options: { bufferBytes: 65_536, maximumBufferBytes: 1 << 20 } });
  let at = 0;
  const arrive = (bytes: number) => {
    rig.arrive(at, streamBytes(at, bytes));
    rig.read(1 << 20);
    rig.takeSent();
    at += bytes;
  };
  for (let count = 0; count < 11; count++) arrive(FULL);
  assertEquals(rig.receiver.tuning, null);
  for (let count = 0; count < 100; count++) arrive(100);
  assertEquals(rig.receiver.tuning, null);
  arrive(rig.receiver.host.receiveSegment);
  assert(rig.receiver.tuning !== null);
  rig.close();
});
