import { assert, assertEquals } from "@std/assert";
import { makeEnvironment } from "../../tests/support/stack/fake_ip.ts";
import { takenPackets } from "../memory/mod.ts";
import { QueueColumns, ReceiveQueue } from "./receive_queue.ts";

function queueOf() {
  const environment = makeEnvironment();
  const { arena, packets } = environment;
  const columns = new QueueColumns(arena, packets);
  return { arena, packets, columns, queue: new ReceiveQueue(columns) };
}

Deno.test("packets leave in the order in which they came, and each counts for its memory", () => {
  const { arena, columns, queue } = queueOf();
  const taken = [100, 1500, 3000].map((bytes) => arena.take(bytes));
  for (const packet of taken) assert(queue.push(packet, 28, 72, 1 << 20));
  assertEquals(queue.charged, 256 + 2048 + arena.columns.slotBytes[2]);
  for (const packet of taken) {
    assertEquals([queue.head, columns.payloadAt[packet]], [packet, 28]);
    queue.drop();
  }
  assertEquals([queue.isEmpty, queue.charged, queue.tail], [true, 0, -1]);
  assertEquals(takenPackets(arena), []);
});

Deno.test("one packet may exceed the limit, the next one is the caller's still", () => {
  const { arena, queue } = queueOf();
  assert(queue.push(arena.take(1500), 0, 1500, 1000));
  const refused = arena.take(1);
  assert(!queue.push(refused, 0, 1, 1000));
  assertEquals(queue.dropped, 1);
  arena.release(refused);
  queue.clear();
  assertEquals(takenPackets(arena), []);
});

Deno.test("a packet may be handed over in parts, and grow at its end", () => {
  const { arena, columns, queue } = queueOf();
  const packet = arena.take(50);
  queue.push(packet, 10, 40, 1 << 20);
  queue.extend(arena.take(30), 30);
  queue.advance(40);
  assertEquals([columns.payloadAt[packet], columns.payloadBytes[packet]], [50, 30]);
  assertEquals(queue.charged, 512);
  queue.drop();
  assertEquals(queue.charged, 0);
  assertEquals(takenPackets(arena), []);
});

Deno.test("a short packet in a large one's memory is copied, unless it is alone", () => {
  const { arena, packets, queue } = queueOf();
  const makeShort = () => {
    const packet = arena.take(1500);
    arena.trimBack(packet, 1400);
    arena.memory.bytes.fill(7, arena.start(packet), arena.start(packet) + 100);
    packets.network[packet] = arena.start(packet);
    packets.transport[packet] = arena.start(packet) + 20;
    return packet;
  };
  const first = makeShort();
  const second = makeShort();
  queue.push(first, 28, 72, 1 << 20);
  queue.push(second, 28, 72, 1 << 20);
  assertEquals(queue.head, first);
  const copy = queue.tail;
  assert(copy !== second);
  assertEquals(queue.charged, 2048 + 256);
  assertEquals(packets.transport[copy] - packets.network[copy], 20);
  assertEquals(packets.network[copy], arena.start(copy));
  assertEquals(arena.memory.bytes[arena.start(copy) + 99], 7);
  queue.clear();
  assertEquals(takenPackets(arena), []);
});
