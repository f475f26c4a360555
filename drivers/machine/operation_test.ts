import { assertEquals } from "@std/assert";
import { type Operation, OperationIndex, OperationPool, OperationQueue } from "./operation.ts";

function make(pool: OperationPool, userLow: number, userHigh = 0): Operation {
  const operation = pool.take();
  operation.userLow = userLow;
  operation.userHigh = userHigh;
  return operation;
}

Deno.test("a queue keeps its order when members leave from anywhere", () => {
  const pool = new OperationPool();
  const queue = new OperationQueue();
  const all = [1, 2, 3, 4].map((user) => make(pool, user));
  for (const operation of all) queue.push(operation);
  const order = () => {
    const users: number[] = [];
    for (let next = queue.head; next !== null; next = next.next) users.push(next.userLow);
    return users;
  };
  queue.remove(all[1]);
  assertEquals(order(), [1, 3, 4]);
  queue.remove(all[0]);
  queue.remove(all[3]);
  queue.push(all[1]);
  assertEquals(order(), [3, 2]);
});

Deno.test("the index finds by user data, equal hashes and equal data among them", () => {
  const pool = new OperationPool();
  const index = new OperationIndex();
  const first = make(pool, 5);
  const sameHash = make(pool, 5 + 4096);
  const sameLow = make(pool, 5, 9);
  const twin = make(pool, 5);
  for (const operation of [first, sameHash, sameLow, twin]) index.add(operation);
  assertEquals(index.find(5, 0), twin);
  assertEquals(index.find(5 + 4096, 0), sameHash);
  assertEquals(index.find(5, 9), sameLow);
  assertEquals(index.find(6, 0), null);
  index.remove(twin);
  assertEquals(index.find(5, 0), first);
  index.remove(first);
  assertEquals(index.find(5, 0), null);
  assertEquals([index.oldest, index.newest, index.size], [sameHash, sameLow, 2]);
});

Deno.test("an operation that went back is told from the one it becomes", () => {
  const pool = new OperationPool();
  const first = pool.take();
  const { serial } = first;
  assertEquals(pool.size, 1);
  pool.give(first);
  assertEquals(pool.size, 0);
  assertEquals(pool.take(), first);
  assertEquals(first.serial, serial + 1);
  assertEquals(pool.at(first.id), first);
});
