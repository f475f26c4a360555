import { assertEquals, assertNotEquals } from "@std/assert";
import { Descriptors, FIRST_DESCRIPTOR } from "./descriptors.ts";
import { withSeed } from "../tests/support/seed.ts";
import { Errno } from "../ring/abi/errno.ts";

const KIND = 7;

function refuse(handle: number): void {
  throw new Error(`handle ${handle} was to be closed by somebody else`);
}

Deno.test("descriptors start at 3, the lowest free one first", () => {
  const table = Descriptors.create(8);
  assertEquals([100, 101, 102].map((handle) => table.open(handle, 0, KIND)), [3, 4, 5]);
  table.drop(table.remove(4));
  table.drop(table.remove(3));
  assertEquals(table.open(103, 0, KIND), 3);
  assertEquals(table.open(104, 0, KIND), 4);
  assertEquals(table.open(105, 0, KIND), 6);
  assertEquals([3, 4, 5, 6].map((fd) => table.handle(fd)), [103, 104, 102, 105]);
});

Deno.test("a full table answers EMFILE until a descriptor is closed", () => {
  const table = Descriptors.create(2);
  assertEquals(table.open(1, 0, KIND), 3);
  assertEquals(table.open(2, 0, KIND), 4);
  assertEquals(table.open(3, 0, KIND), -Errno.EMFILE);
  assertEquals(table.count, 2);
  assertEquals(table.drop(table.remove(3)), 1);
  assertEquals(table.open(3, 0, KIND), 3);
});

Deno.test("numbers outside of the table name nothing", () => {
  const table = Descriptors.create(2);
  for (const fd of [-1, 0, 1, 2, 3, 4, 5, 6, 1e9, 3.5, NaN]) {
    assertEquals(table.handle(fd), -1);
    assertEquals(table.remove(fd), -1);
    assertEquals(table.hold(fd, refuse), -1);
  }
});

Deno.test("a file ends with its last reference, and its number may be another's by then", () => {
  const table = Descriptors.create(4);
  const fd = table.open(50, 0, KIND);
  const held = table.hold(fd, refuse);
  assertEquals(table.isClosed(held), false);
  const removed = table.remove(fd);
  assertEquals(table.drop(removed), -1, "the waiting call still refers to it");
  assertEquals(table.isClosed(held), true);
  assertEquals(table.open(51, 0, KIND), fd);
  assertEquals(table.handle(fd), 51);
  assertEquals(table.handleOf(held), 50);
  assertEquals(table.drop(held), 50);
});

Deno.test("replace() names what had the number before", () => {
  const table = Descriptors.create(4);
  const fd = table.open(50, 0, KIND);
  const before = table.replace(fd, 60, 1, KIND + 1);
  assertEquals(table.drop(before), 50);
  assertEquals([table.handle(fd), table.flags(fd), table.kind(fd)], [60, 1, KIND + 1]);
  assertEquals(table.replace(6, 70, 0, KIND), -1);
  assertEquals(table.count, 2);
  assertEquals(table.open(80, 0, KIND), 4);
  assertEquals(table.open(81, 0, KIND, 6), -Errno.EMFILE);
});

Deno.test("least says where the search for a number begins", () => {
  const table = Descriptors.create(100);
  assertEquals(table.open(1, 0, KIND, 40), 40);
  assertEquals(table.open(2, 0, KIND, 40), 41);
  assertEquals(table.open(3, 0, KIND), FIRST_DESCRIPTOR);
});

Deno.test(
  "random opens, closes and holds agree with a plain model",
  withSeed((random) => {
    const table = Descriptors.create(16);
    const model = new Map<number, number>();
    const held: { file: number; handle: number }[] = [];
    const closed = new Set<number>();
    let next = 1000;
    const note = (handle: number): void => {
      if (handle >= 0) {
        assertEquals(closed.has(handle), false, "a handle is closed once");
        closed.add(handle);
      }
    };
    for (let step = 0; step < 20_000; step++) {
      const fd = FIRST_DESCRIPTOR + random.integer(0, 16);
      switch (random.integer(0, 3)) {
        case 0: {
          let lowest = FIRST_DESCRIPTOR;
          while (model.has(lowest)) lowest++;
          const given = table.open(next, 0, KIND);
          assertEquals(given, model.size === 16 ? -Errno.EMFILE : lowest);
          if (given > 0) model.set(given, next);
          next++;
          break;
        }
        case 1: {
          const file = table.remove(fd);
          assertEquals(file >= 0, model.has(fd));
          if (file >= 0) note(table.drop(file));
          model.delete(fd);
          break;
        }
        case 2: {
          const file = table.hold(fd, refuse);
          assertEquals(file >= 0, model.has(fd));
          if (file >= 0) held.push({ file, handle: model.get(fd)! });
          break;
        }
        default: {
          const last = held.splice(random.integer(0, held.length), 1)[0];
          if (last === undefined) break;
          assertEquals(table.handleOf(last.file), last.handle);
          note(table.drop(last.file));
        }
      }
      assertEquals(table.count, model.size);
      for (const [number, handle] of model) assertEquals(table.handle(number), handle);
    }
    for (const { file } of held) note(table.drop(file));
    for (const number of [...model.keys()]) note(table.drop(table.remove(number)));
    assertNotEquals(closed.size, 0);
    assertEquals(table.count, 0);
  }),
);

Deno.test("threads that open, hold and close at once lose no handle and close none twice", async () => {
  const table = Descriptors.create(32);
  const rounds = 20_000;
  const ledger = new Int32Array(new SharedArrayBuffer(4 * rounds * 3));
  const source = `
    import { Descriptors } from ${JSON.stringify(new URL("./descriptors.ts", import.meta.url))};
    onmessage = ({ data: { handle, ledger, first, rounds } }) => {
      const table = Descriptors.attach(handle);
      const close = (closed) => { if (closed >= 0) Atomics.add(ledger, closed, 1); };
      let seed = first + 1;
      const random = (most) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % most;
      for (let round = 0; round < rounds; round++) {
        const fd = table.open(first + round, 0, 0);
        if (fd < 0) Atomics.add(ledger, first + round, 1);
        const held = table.hold(3 + random(32), close);
        const file = table.remove(3 + random(32));
        if (file >= 0) close(table.drop(file));
        if (held >= 0) close(table.drop(held));
      }
      postMessage("done");
    };`;
  const url = `data:text/javascript,${encodeURIComponent(source)}`;
  const workers = [0, 1, 2].map((index) => {
    const worker = new Worker(url, { type: "module" });
    const done = new Promise((resolve) => worker.onmessage = resolve);
    worker.postMessage({ handle: table.share(), ledger, first: index * rounds, rounds });
    return { worker, done };
  });
  for (const { worker, done } of workers) {
    await done;
    worker.terminate();
  }
  for (let fd = FIRST_DESCRIPTOR; fd < FIRST_DESCRIPTOR + 32; fd++) {
    const file = table.remove(fd);
    if (file >= 0) ledger[table.drop(file)]++;
  }
  assertEquals(table.count, 0);
  assertEquals(ledger.findIndex((closes) => closes !== 1), -1);
});
