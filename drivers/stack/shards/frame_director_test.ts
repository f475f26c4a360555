import { assert, assertEquals, assertThrows } from "@std/assert";
import { FrameQueue } from "../../../stack/frame_queue.ts";
import { chainLength, takeChain, verifyArena } from "../../../stack/memory/mod.ts";
import { FlowDirector, ToeplitzHash } from "../../../stack/steering/mod.ts";
import { VERIFICATION_KEY } from "../../../stack/steering/mod.ts";
import { TestEnvironment } from "../../../tests/support/stack/links.ts";
import { build, type Spec } from "../../../tests/support/stack/segments.ts";
import { PipePort } from "../../port/pipe.ts";
import { createPipe, type PipeOptions } from "../../port/pipe_handle.ts";
import type { Port } from "../../port/port.ts";
import { FrameDirector } from "./frame_director.ts";
import { createShardPipe, openShardPort } from "./shard_port.ts";
import { SteeringCounts } from "./steering_counts.ts";

const ZEROS = (count: number): number[] => new Array(count).fill(0);
const SHARDS = 3;
const INDEX = 5;

/** A director before one end of a pipe, with its shards' ports, and whoever is at the other end. */
class Directed {
  readonly environment = new TestEnvironment();
  readonly flows = new FlowDirector({ shards: SHARDS, hash: new ToeplitzHash(VERIFICATION_KEY) });
  readonly counts = new SteeringCounts(SHARDS);
  readonly peer: PipePort;
  readonly director: FrameDirector;
  readonly shards: readonly PipePort[];
  readonly #queue = new FrameQueue(256);

  constructor(options: PipeOptions = {}) {
    const [near, far] = createPipe(options);
    const port = new PipePort(near);
    this.peer = new PipePort(far);
    const ends = Array.from({ length: SHARDS - 1 }, () => createShardPipe(port));
    this.shards = ends.map(([, end]) => openShardPort(end));
    const pipes = ends.map(([end]) => new PipePort(end));
    this.director = new FrameDirector({ port, pipes, director: this.flows, counts: this.counts });
    for (const each of [this.peer, this.director, ...this.shards]) each.open(this.environment);
  }

  send(port: Port, bytes: Uint8Array): void {
    const { arena, packets } = this.environment;
    const packet = takeChain(arena, bytes.length);
    packets.clear(packet);
    let from = 0;
    for (let segment = packet; segment >= 0; segment = arena.next(segment)) {
      const part = bytes.subarray(from, from += arena.length(segment));
      arena.memory.bytes.set(part, arena.start(segment));
    }
    port.send(packet);
    port.flush();
  }

  receive(port: Port): Uint8Array[] {
    const { arena } = this.environment;
    const found: Uint8Array[] = [];
    while (port.receive(INDEX, this.#queue, 16) > 0) {
      while (this.#queue.size > 0) {
        assertEquals(this.#queue.interface, INDEX);
        const packet = this.#queue.shift();
        const length = chainLength(arena, packet);
        const bytes = new Uint8Array(length);
        let to = 0;
        for (let segment = packet; segment >= 0; segment = arena.next(segment)) {
          const at = arena.start(segment);
          const part = arena.memory.bytes.subarray(at, at + arena.length(segment));
          bytes.set(part, to);
          to += part.length;
        }
        arena.release(packet);
        found.push(bytes);
      }
    }
    return found;
  }

  close(): void {
    for (const port of [this.peer, this.director, ...this.shards]) port.close();
    verifyArena(this.environment.arena);
    assertEquals(this.environment.arena.usedCount, 0);
  }
}

/** A frame to one station. */
function framed(packet: Uint8Array, to = 0x02): Uint8Array {
  const type = packet[0] >> 4 === 4 ? [0x08, 0x00] : [0x86, 0xdd];
  return Uint8Array.of(to, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...type, ...packet);
}

for (const carries of ["ethernet", "ip"] as const) {
  Deno.test(`each frame goes to its shard, over a port of ${carries}`, () => {
    const world = new Directed({ carries });
    const { director, flows, peer, shards } = world;
    const expected: Uint8Array[][] = [[], [], []];
    for (let port = 1; port <= 30; port++) {
      const spec: Partial<Spec> = { isIpv6: port % 2 === 0, protocol: 17, sourcePort: port };
      const packet = build({ ...spec, payload: new Uint8Array(200 * port) });
      const frame = carries === "ip" ? packet : framed(packet);
      const [destination, source] = port % 2 === 0
        ? [[0xfd000000 | 0, 0, 0, 1], [0xfd000000 | 0, 0, 0, 2]]
        : [[0x0a000001], [0x0a000002]];
      expected[flows.shardOf(source, port, destination, 2000)].push(frame);
      world.send(peer, frame);
    }
    for (const [shard, port] of [director, ...shards].entries()) {
      assertEquals(world.receive(port), expected[shard]);
      assert(expected[shard].length > 3);
    }
    assertEquals([...world.counts.directed], expected.map(({ length }) => length));
    world.close();
  });
}

Deno.test("what is for every shard goes to every one, whole", () => {
  const world = new Directed();
  const { director, peer, shards } = world;
  const short = framed(build({ protocol: 17 }), 0x01);
  const long = framed(build({ protocol: 17, payload: new Uint8Array(60_000).fill(7) }), 0x01);
  for (const frame of [short, long]) {
    world.send(peer, frame);
    for (const port of [director, ...shards]) assertEquals(world.receive(port), [frame]);
  }
  assertEquals([world.counts.copied, ...world.counts.directed], [2, 0, 0, 0]);
  world.close();
});

Deno.test("a frame in segments is directed, unless its headers cannot be brought together", () => {
  const world = new Directed({ carries: "ip", offload: true });
  const { director, environment: { arena }, flows, peer, shards } = world;
  const packet = build({ isIpv6: true, protocol: 17, payload: new Uint8Array(5000) });
  const longer = Uint8Array.of(...packet.subarray(0, 40), ...OPTIONS, ...packet.subarray(40));
  longer[6] = 60;
  new DataView(longer.buffer).setUint16(4, longer.length - 40);
  const [source, destination] = [[0xfd000000 | 0, 0, 0, 2], [0xfd000000 | 0, 0, 0, 1]];
  const shard = flows.shardOf(source, 1000, destination, 2000);
  const receive = (frame: Uint8Array) => {
    world.send(peer, frame);
    return [director, ...shards].map((port) => world.receive(port).length);
  };
  const expected = [0, 1, 2].map((each) => each === shard ? 1 : 0);
  for (const frame of [packet, longer]) assertEquals(receive(frame), expected);
  // No packet is left that is long enough for all of it.
  const large = Array.from({ length: 4 }, () => arena.take(60_000));
  assertEquals(receive(packet), expected);
  assertEquals(receive(longer), [0, 0, 0]);
  for (const each of large) arena.release(each);
  world.close();
});

/** Destination options of 2048 bytes in front of UDP: eight that may be skipped. */
const OPTIONS = Uint8Array.of(
  ...[17, 255],
  ...[254, 254, 254, 254, 254, 254, 254, 252].flatMap((length) => [0x1e, length, ...ZEROS(length)]),
);

Deno.test("what shards send leaves by the port, and what it drops is counted", () => {
  const world = new Directed();
  const { director, peer, shards } = world;
  const frames = [1, 2, 3].map((port) => framed(build({ sourcePort: port })));
  for (const [index, port] of [director, ...shards].entries()) world.send(port, frames[index]);
  assert(director.hasFrames());
  assertEquals(world.receive(director), []);
  assertEquals(world.receive(peer), frames);
  assertEquals(director.statistics().sentFrames, 3);
  // Nobody takes the frames of shard 1 out of its pipe.
  const all = framed(build({ protocol: 17, payload: new Uint8Array(60_000) }), 0x01);
  for (let count = 0; count < 100; count++) {
    world.send(peer, all);
    assertEquals(world.receive(director).length, 1);
    world.receive(shards[1]);
  }
  assert(director.statistics().droppedFrames > 0);
  world.receive(shards[0]);
  world.close();
});

Deno.test("a director sleeps until a frame comes from the port or from a shard", async () => {
  const world = new Directed();
  const { director, peer, shards } = world;
  const frame = framed(build({}));
  // Whoever waits for a bell alone keeps no event loop open.
  const timer = setInterval(() => {}, 1000);
  for (const port of [peer, ...shards]) {
    world.send(port, frame);
    assertEquals([director.hasFrames(), director.sleep(() => {})], [true, false]);
    director.awake();
    world.receive(director);
    for (const each of [peer, ...shards]) world.receive(each);
    assertEquals(director.hasFrames(), false);
    const { promise, resolve } = Promise.withResolvers<void>();
    assertEquals(director.sleep(resolve), true);
    world.send(port, frame);
    await promise;
    director.awake();
    world.receive(director);
    for (const each of [peer, ...shards]) world.receive(each);
  }
  clearInterval(timer);
  world.close();
});

Deno.test("a shard's port does for its stack what the port behind the director does", () => {
  for (const offload of [false, true]) {
    const [near] = createPipe({ offload, mtu: 9000, carries: "ip" });
    const port = new PipePort(near);
    const [, end] = createShardPipe(port);
    const { kind, mtu, offload: same } = openShardPort(structuredClone(end));
    assertEquals([kind, mtu, same], [port.kind, port.mtu, port.offload]);
  }
  assertThrows(() => openShardPort(createPipe()[0]), TypeError, "another shard");
});
