import { assert, assertEquals, assertThrows } from "@std/assert";
import { FrameQueue } from "../../stack/frame_queue.ts";
import type { Environment } from "../../stack/environment.ts";
import { chainLength, PacketArena, sizeClasses, takeChain } from "../../stack/memory/mod.ts";
import { PacketFlag, PacketTable, Segmentation } from "../../stack/packet_table.ts";
import { SeededRandom } from "../../stack/random.ts";
import { StackTimers } from "../../stack/stack_timers.ts";
import { withSeed } from "../../tests/support/seed.ts";
import { PipePort } from "./pipe.ts";
import { createPipe } from "./pipe_handle.ts";

function environmentOf(): Environment {
  const arena = new PacketArena({ classes: sizeClasses({ small: 64, medium: 256, large: 8 }) });
  return {
    arena,
    packets: new PacketTable(arena.capacity),
    timers: new StackTimers({ capacity: 1, resolution: 1, now: 0 }),
    random: new SeededRandom(1),
    now: 0,
  };
}

/** A port, and the packets of whoever is at it. */
class End {
  readonly environment = environmentOf();
  readonly queue = new FrameQueue(1024);
  readonly port: PipePort;

  constructor(port: PipePort) {
    this.port = port;
    port.open(this.environment);
  }

  send(bytes: Uint8Array, describe: (packet: number, packets: PacketTable) => void = () => {}) {
    const { arena, packets } = this.environment;
    const packet = takeChain(arena, bytes.length);
    packets.clear(packet);
    packets.network[packet] = arena.start(packet) + 14;
    packets.transport[packet] = arena.start(packet) + 34;
    let at = 0;
    for (let segment = packet; segment >= 0; segment = arena.next(segment)) {
      const length = arena.length(segment);
      arena.memory.bytes.set(bytes.subarray(at, at + length), arena.start(segment));
      at += length;
    }
    describe(packet, packets);
    this.port.send(packet);
  }

  /** The packets of the frames that have arrived. */
  take(most = 1024): number[] {
    this.port.receive(7, this.queue, most);
    const packets: number[] = [];
    while (this.queue.size > 0) {
      assertEquals(this.queue.interface, 7);
      packets.push(this.queue.shift());
    }
    return packets;
  }

  /** Their bytes; they are given back. */
  takeBytes(most?: number): Uint8Array[] {
    return this.take(most).map((packet) => {
      const bytes = this.bytesOf(packet);
      this.environment.arena.release(packet);
      return bytes;
    });
  }

  bytesOf(packet: number): Uint8Array {
    const { arena } = this.environment;
    const bytes = new Uint8Array(chainLength(arena, packet));
    let at = 0;
    for (let segment = packet; segment >= 0; segment = arena.next(segment)) {
      const start = arena.start(segment);
      bytes.set(arena.memory.bytes.subarray(start, start + arena.length(segment)), at);
      at += arena.length(segment);
    }
    return bytes;
  }
}

function ends(options = {}): [End, End] {
  const [left, right] = createPipe(options);
  return [new End(new PipePort(left)), new End(new PipePort(structuredClone(right)))];
}

Deno.test("frames arrive in their order once they are flushed, and both ways", () => {
  const [one, two] = ends();
  one.send(Uint8Array.of(1, 2, 3));
  one.send(Uint8Array.of(4));
  assertEquals([two.port.hasFrames(), two.take()], [false, []]);
  one.port.flush();
  assert(two.port.hasFrames());
  assertEquals(two.takeBytes(), [Uint8Array.of(1, 2, 3), Uint8Array.of(4)]);
  two.send(Uint8Array.of(9));
  two.port.flush();
  assertEquals(one.takeBytes(), [Uint8Array.of(9)]);
  assertEquals([one.environment.arena.usedCount, two.environment.arena.usedCount], [0, 0]);
});

Deno.test("what is known of a packet goes with it", () => {
  const [one, two] = ends({ offload: true });
  assertEquals(one.port.offload, { checksum: true, segmentationBytes: 65535 });
  one.send(new Uint8Array(60_000), (packet, packets) => {
    packets.flags[packet] = PacketFlag.CHECKSUM_PARTIAL | PacketFlag.LINK_BROADCAST;
    packets.segmentation[packet] = Segmentation.TCP_IPV4 | Segmentation.ECN;
    packets.segmentBytes[packet] = 1448;
  });
  one.port.flush();
  const [packet] = two.take();
  const { arena, packets } = two.environment;
  const start = arena.start(packet);
  assertEquals(packets.flags[packet], PacketFlag.CHECKSUM_PARTIAL | PacketFlag.CHECKSUM_GOOD);
  assertEquals(packets.segmentation[packet], Segmentation.TCP_IPV4 | Segmentation.ECN);
  assertEquals(packets.segmentBytes[packet], 1448);
  assertEquals([packets.network[packet] - start, packets.transport[packet] - start], [14, 34]);
  assertEquals(packets.interface[packet], 7);
});

Deno.test("a full pipe drops frames, counts them, and goes on", () => {
  const [one, two] = ends({ capacityBytes: 1 << 18 });
  const frame = new Uint8Array(1500);
  for (let count = 0; count < 300; count++) one.send(frame);
  one.port.flush();
  const { sentFrames, droppedFrames } = one.port.statistics();
  assertEquals(sentFrames + droppedFrames, 300);
  assert(droppedFrames > 100 && sentFrames > 160, `${droppedFrames}`);
  assertEquals(two.takeBytes().length, sentFrames);
  one.send(frame);
  one.port.flush();
  assertEquals(two.takeBytes().length, 1);
});

Deno.test("frames that find no packet are missed, and counted", () => {
  const [one, two] = ends();
  const held: number[] = [];
  for (let count = 0; count < 40; count++) one.send(new Uint8Array(60_000).fill(count), () => {});
  one.port.flush();
  for (;;) {
    const packet = two.environment.arena.take(1);
    if (packet < 0) break;
    held.push(packet);
  }
  const taken = two.take().length;
  const { missedFrames, receivedFrames } = two.port.statistics();
  assertEquals(receivedFrames, taken);
  assertEquals(missedFrames + receivedFrames, one.port.statistics().sentFrames);
  assert(missedFrames > 0);
});

Deno.test(
  "random frames arrive whole and in order, wherever the queue ends",
  withSeed((random) => {
    const [one, two] = ends({ capacityBytes: 1 << 18 });
    const expected: Uint8Array[] = [];
    for (let round = 0; round < 2000; round++) {
      const count = random.integer(0, 4);
      for (let index = 0; index < count; index++) {
        const length = random.chance(0.02) ? random.integer(2000, 60_000) : random.integer(1, 1514);
        const frame = new Uint8Array(length).fill(random.integer(0, 255));
        const before = one.port.statistics().droppedFrames;
        one.send(frame);
        if (one.port.statistics().droppedFrames === before) expected.push(frame);
      }
      one.port.flush();
      for (const frame of two.takeBytes(random.integer(1, 8))) {
        assertEquals(frame, expected.shift());
      }
    }
    for (const frame of two.takeBytes()) assertEquals(frame, expected.shift());
    assertEquals(expected.length, 0);
    assertEquals([one.port.fault, two.port.fault], [null, null]);
  }),
);

Deno.test("words that nobody writes end the pipe for who finds them", () => {
  const forge = (word: number, value: number): string => {
    const [left, right] = createPipe({ capacityBytes: 1 << 18 });
    const one = new End(new PipePort(left));
    const two = new End(new PipePort(right));
    one.send(new Uint8Array(100));
    one.port.flush();
    new Int32Array(left.memory.buffer)[word] = value;
    assertEquals(two.take(), []);
    assertEquals(two.port.hasFrames(), false);
    return two.port.fault ?? "";
  };
  const frames = 64;
  assert(forge(0, -16).includes("published frames up to"));
  assert(forge(0, 1 << 20).includes("published frames up to"));
  assert(forge(0, 24).includes("published frames up to"));
  for (const length of [-2, 1 << 30, 65_000]) {
    assert(forge(frames, length).includes("published a frame of"), `${length}`);
  }
  const [left, right] = createPipe({ capacityBytes: 1 << 18 });
  const one = new End(new PipePort(left));
  new PipePort(right);
  new Int32Array(left.memory.buffer)[16] = -4096;
  for (let count = 0; count < 200; count++) one.send(new Uint8Array(1500));
  assert(one.port.fault?.includes("took frames up to"), `${one.port.fault}`);
});

Deno.test("who sleeps at a pipe is woken by the next frame", async () => {
  const [one, two] = ends();
  const woken = Promise.withResolvers<void>();
  assert(two.port.sleep(() => woken.resolve()));
  one.send(Uint8Array.of(1));
  one.port.flush();
  await woken.promise;
  assertEquals(two.port.sleep(() => {}), false);
  assertEquals(two.takeBytes().length, 1);
  two.port.close();
  one.port.close();
});

Deno.test("a pipe of impossible sizes is a RangeError that names the size", () => {
  assertThrows(() => createPipe({ mtu: 10 }), RangeError, "mtu");
  assertThrows(() => createPipe({ mtu: 70_000 }), RangeError, "mtu");
  assertThrows(() => createPipe({ capacityBytes: 1000 }), RangeError, "capacityBytes");
  assertThrows(() => createPipe({ capacityBytes: 300_000 }), RangeError, "power of two");
});
