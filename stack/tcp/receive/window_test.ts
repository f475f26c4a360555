import { assert, assertEquals } from "@std/assert";
import { ReceiverRig, streamBytes } from "../../../tests/support/stack/tcp/receiver.ts";
import { withSeed } from "../../../tests/support/seed.ts";
import { fieldFor, moveEdge, scaleFor } from "./window.ts";

const FULL = 1448;

// covers RFC 7323 2.3 MUST
Deno.test("the shift is the least that announces a window, and 14 at most", () => {
  const cases = [[1, 0], [65535, 0], [65536, 1], [131070, 1], [131071, 2], [2 ** 30, 14], [
    1e12,
    14,
  ]];
  for (const [bytes, scale] of cases) assertEquals(scaleFor(bytes), scale, `${bytes}`);
});

// covers RFC 9293 3.8.6.2.2 MUST-39
Deno.test("the edge moves by a full segment, or half the buffer, or not at all", () => {
  assertEquals(moveEdge(1000, 2000, 1000 + FULL - 1, 65536, FULL), 2000);
  assertEquals(moveEdge(1000, 2000, 1000 + FULL, 65536, FULL), 2000 + FULL);
  assertEquals(moveEdge(1000, 2000, 1000 + 499, 1000, FULL), 2000);
  assertEquals(moveEdge(1000, 2000, 1000 + 500, 1000, FULL), 2500);
});

// covers RFC 9293 3.8.6 SHLD-14
Deno.test("the edge does not go back, across a wrap of sequence numbers either", () => {
  assertEquals(moveEdge(1000, 9000, 10, 65536, FULL), 9000);
  assertEquals(moveEdge(-5 | 0, 0x7fff | 0, 0, 65536, FULL), 0x7fff);
  assertEquals(moveEdge(0x7ffffff0, 0x7fffffff, 20_000, 65536, FULL), 0x7ffffff0 + 20_000 | 0);
});

Deno.test("the field is rounded down, and bounded", () => {
  assertEquals(fieldFor(1000, 7), 7);
  assertEquals(fieldFor(1000, 0), 1000);
  assertEquals(fieldFor(10_000_000, 0), 65535);
});

// covers RFC 7323 2.4 MUST
Deno.test("rounding takes nothing out of the window that was once announced", () => {
  const options = { bufferBytes: 8192, maximumBufferBytes: 8192 };
  const rig = new ReceiverRig({ options, agreement: { windowScale: 10 } });
  rig.acknowledge();
  assertEquals(rig.last.edge, 8192);
  rig.arrive(0, streamBytes(0, 100));
  rig.acknowledge();
  assertEquals(rig.last.edge, 100 + 7 * 1024);
  rig.arrive(8000, streamBytes(8000, 192));
  assertEquals(rig.count("DROPPED_BEYOND_WINDOW_BYTES"), 0);
  rig.close();
});

Deno.test(
  "whatever arrives and is read, the window's edge never moves back, nor beyond the buffer",
  withSeed((random) => {
    for (let round = 0; round < 50; round++) {
      const bufferBytes = random.integer(3000, 200_000);
      const options = { bufferBytes, maximumBufferBytes: bufferBytes };
      const windowScale = random.integer(0, 14);
      const rig = new ReceiverRig({ options, agreement: { windowScale } });
      let edge = -1;
      for (let step = 0; step < 200; step++) {
        const next = rig.receiver.receiveNext - rig.first | 0;
        const room = (rig.receiver.receiveLimit - rig.first | 0) - next;
        const bytes = Math.min(room, random.integer(1, 1448));
        if (bytes > 0 && random.chance(0.7)) rig.arrive(next, streamBytes(next, bytes));
        else rig.read(random.integer(1, 20_000));
        rig.acknowledge();
        assert(rig.last.edge > edge - 2 ** windowScale, `${edge} became ${rig.last.edge}`);
        edge = Math.max(edge, rig.last.edge);
        const unread = rig.receiver.available;
        const announced = edge - rig.last.next + unread;
        assert(announced <= bufferBytes, `${announced} of ${bufferBytes}`);
      }
      rig.close();
    }
  }),
);

// covers RFC 7323 2.2 MUST
Deno.test("the window of a SYN is not shifted, and no more than its field holds", () => {
  const rig = new ReceiverRig({ options: { bufferBytes: 1 << 20 } });
  assertEquals(rig.receiver.synWindow, 65535);
  const small = new ReceiverRig({ options: { bufferBytes: 5000, maximumBufferBytes: 5000 } });
  assertEquals(small.receiver.synWindow, 5000);
  small.receiver.windowClamp = 3000;
  assertEquals(small.receiver.synWindow, 3000);
});

Deno.test("the shift that is offered is for the largest buffer there may be", () => {
  const rig = new ReceiverRig({ options: { bufferBytes: 65536, maximumBufferBytes: 4 << 20 } });
  assertEquals(rig.receiver.windowScaleToOffer, 7);
  rig.receiver.bufferLimit = 10_000;
  assertEquals(rig.receiver.windowScaleToOffer, 0);
  rig.receiver.bufferLimit = 1 << 20;
  assertEquals(rig.receiver.windowScaleToOffer, 5);
  rig.receiver.windowClamp = 65536;
  assertEquals(rig.receiver.windowScaleToOffer, 1);
});

Deno.test("a clamp bounds the window", () => {
  const rig = new ReceiverRig({ options: { bufferBytes: 65000, maximumBufferBytes: 65000 } });
  rig.receiver.windowClamp = 70_000;
  rig.acknowledge();
  assertEquals(rig.last.edge, 65000 & ~127);
  const other = new ReceiverRig({ options: { bufferBytes: 65000 } });
  other.receiver.start(other.first);
  other.receiver.windowClamp = 8192;
  other.receiver.start(other.first);
  other.acknowledge();
  assertEquals(other.last.edge, 8192);
});

Deno.test("a full buffer closes the window; reading opens it again and says so", () => {
  const bytes = 20 * FULL;
  const options = { bufferBytes: bytes, maximumBufferBytes: bytes };
  const rig = new ReceiverRig({ options, agreement: { windowScale: 0 } });
  for (let at = 0; at < bytes; at += FULL) assert(rig.arrive(at, streamBytes(at, FULL)));
  rig.acknowledge();
  assertEquals(rig.last.edge, bytes);
  rig.takeSent();
  rig.read(FULL - 1);
  assertEquals(rig.takeSent(), 0, "less than a segment is announced");
  rig.read(1);
  assertEquals(rig.sent.length, 1);
  assert(rig.last.edge >= bytes + FULL);
  assertEquals(rig.count("WINDOW_UPDATES"), 1);
  // While enough is known to be free nobody need be told.
  rig.read(bytes);
  rig.takeSent();
  for (let at = bytes; at < bytes + 4 * FULL; at += FULL) {
    rig.arrive(at, streamBytes(at, FULL));
    rig.takeSent();
    rig.read(FULL);
    assertEquals(rig.takeSent(), 0);
  }
  rig.close();
});

Deno.test("bytes beyond the window are cut off, and counted", () => {
  const rig = new ReceiverRig({ options: { bufferBytes: 4000, maximumBufferBytes: 4000 } });
  const stream = streamBytes(0, 5000);
  rig.arrive(1500, stream.slice(1500, 2800));
  rig.arrive(2800, stream.slice(2800, 4500));
  rig.arrive(0, stream.slice(0, 1500));
  assertEquals(rig.read(5000), stream.slice(0, 4000));
  assertEquals(rig.count("DROPPED_BEYOND_WINDOW_BYTES"), 500);
  rig.close();
});

Deno.test("where memory is short windows are a few segments, and buffers do not grow", () => {
  const classes = [{ roomBytes: 128, count: 64 }, { roomBytes: 1920, count: 64 }];
  const options = { bufferBytes: 60_000, maximumBufferBytes: 1 << 20 };
  const rig = new ReceiverRig({ classes, options });
  const held = Array.from({ length: 58 }, () => rig.arena.take(1000));
  rig.receiver.start(rig.first);
  rig.receiver.receiveLimit = rig.first;
  rig.acknowledge();
  assert(rig.last.edge <= 4 * FULL + 128, `${rig.last.edge}`);
  assert(rig.count("PRESSED_WINDOWS") > 0);
  for (const packet of held) rig.arena.release(packet);
  rig.acknowledge();
  assertEquals(rig.last.edge, 60_000 & ~127);
  rig.close();
});
