import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { NetworkCapability } from "../capability.ts";
import { NetError } from "../errors.ts";
import { IoUring, type IoUringOptions } from "./io_uring.ts";
import { nop, RIGHTS, SMALL, testKernel, testRing } from "../../tests/support/uring.ts";
import { Op, SqeFlag } from "../../ring/abi/opcodes.ts";

const ETIME = -62;
const ECANCELED = -125;
const ENOENT = -2;
const MORE = 2;

testRing("a NOP comes back with its user data", async (ring) => {
  for (const userData of [0, 1, 2 ** 31, 2 ** 32 + 5, Number.MAX_SAFE_INTEGER]) {
    nop(ring, userData);
    assertEquals(ring.submit(), 1);
    assertEquals(await ring.waitCqes(1), [{ userData, result: 0, flags: 0 }]);
  }
});

testRing("waitCqes() submits what was prepared", async (ring) => {
  nop(ring, 3);
  nop(ring, 4);
  const completions = await ring.waitCqes(2);
  assertEquals(completions.map(({ userData }) => userData), [3, 4]);
});

testRing("peekCqes() takes what is there and does not wait", (ring) => {
  assertEquals(ring.peekCqes(), []);
  nop(ring, 9);
  ring.submit();
  assertEquals(ring.peekCqes().length, 1);
  return Promise.resolve();
});

testRing("prepare() is undefined when the queue is full, and again none after submit()", (ring) => {
  for (let count = 0; count < ring.entries; count++) nop(ring, count);
  assertStrictEquals(ring.prepare(), undefined);
  assertEquals(ring.submit(), ring.entries);
  assert(ring.prepare() !== undefined);
  return Promise.resolve();
});

testRing("submit…() makes room in a full queue by itself", async (ring) => {
  const count = ring.entries * 2 + 3;
  for (let index = 0; index < count; index++) ring.submitTimeout(0, index);
  let seen = 0;
  while (seen < count) seen += (await ring.waitCqes(1)).length;
  assertEquals(seen, count);
});

testRing("fields of an entry read back what was written", (ring) => {
  const entry = ring.prepare()!;
  const values = {
    opcode: 200,
    flags: 0xff,
    ioprio: 0xffff,
    fd: -1,
    offset: -1,
    address: 2 ** 53 - 1,
    length: 0xffffffff,
    operationFlags: 0x80000001,
    userData: 2 ** 40 + 7,
    bufferIndex: 0xfffe,
    personality: 0xabcd,
    fileIndex: 0xffffffff,
    address3: 2 ** 33,
  };
  Object.assign(entry, values);
  for (const [name, value] of Object.entries(values)) {
    assertEquals(entry[name as keyof typeof values], value, name);
  }
  entry.bufferGroup = 3;
  assertEquals(entry.bufferIndex, 3);
  return Promise.resolve();
});

testRing("an entry is zeroed whatever was there before", async (ring) => {
  for (let count = 0; count < ring.entries; count++) {
    const entry = ring.prepare()!;
    Object.assign(entry, { length: 7, offset: 7, address: 7, address3: 7, personality: 7 });
    entry.opcode = 255;
  }
  await ring.waitCqes(ring.entries);
  const entry = ring.prepare()!;
  assertEquals(
    [entry.length, entry.offset, entry.address, entry.address3, entry.personality, entry.opcode],
    [0, 0, 0, 0, 0, 0],
  );
});

testRing("a timeout fires, and is cancelled by its user data", async (ring) => {
  ring.submitTimeout(1, 1);
  assertEquals((await ring.waitCqes(1))[0].result, ETIME);
  ring.submitTimeout(100_000, 2);
  ring.submitCancel(2, 3);
  const completions = await ring.waitCqes(2);
  const results = new Map(completions.map(({ userData, result }) => [userData, result]));
  assertEquals(results, new Map([[2, ECANCELED], [3, 0]]));
  ring.submitCancel(77, 4);
  assertEquals((await ring.waitCqes(1))[0].result, ENOENT);
});

testRing("past timeoutMs waitCqes() resolves with what is there", async (ring) => {
  assertEquals(await ring.waitCqes(1, { timeoutMs: 5 }), []);
  assertEquals(await ring.waitCqes(1, { timeoutMs: 0 }), []);
  nop(ring, 8);
  assertEquals((await ring.waitCqes(2, { timeoutMs: 5 })).length, 1);
  // A shorter deadline after a longer one moves the ring's own timer.
  ring.submitTimeout(20, 1);
  assertEquals((await ring.waitCqes(1, { timeoutMs: 60_000 })).length, 1);
  assertEquals(await ring.waitCqes(1, { timeoutMs: 5 }), []);
});

testRing("an abort rejects with its reason, and loses no completion", async (ring) => {
  const controller = new AbortController();
  nop(ring, 6);
  const waiting = ring.waitCqes(2, { signal: controller.signal });
  const reason = new Error("enough");
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => waiting), reason);
  assertStrictEquals(
    await assertRejects(() => ring.waitCqes(0, { signal: controller.signal })),
    reason,
  );
  assertEquals((await ring.waitCqes(1)).map(({ userData }) => userData), [6]);
});

testRing("a second waiter gets EBUSY", async (ring) => {
  const first = ring.waitCqes(1);
  const error = await assertRejects(() => ring.waitCqes(1), NetError);
  assertEquals(error.code, "EBUSY");
  ring.submitTimeout(0, 1);
  ring.submit();
  assertEquals((await first).length, 1);
});

testRing("more completions than the queue holds are all delivered", async (ring) => {
  const total = ring.completions * 4;
  let sent = 0;
  const seen = new Set<number>();
  while (sent < total) {
    for (let count = 0; count < ring.entries; count++) nop(ring, sent++);
    ring.submit();
  }
  while (seen.size < total) for (const { userData } of await ring.waitCqes(1)) seen.add(userData);
  assertEquals(seen.size, total);
});

testRing(
  "close() ends waiting and what is in flight; peekCqes() then has the rest",
  async (ring) => {
    ring.submitTimeout(100_000, 5);
    ring.submit();
    const waiting = assertRejects(() => ring.waitCqes(3), Deno.errors.BadResource);
    nop(ring, 6); // never submitted: it must not happen
    const closing = ring.close();
    assertStrictEquals(ring.close(), closing);
    await waiting;
    await closing;
    assertEquals(ring.peekCqes(), [{ userData: 5, result: ECANCELED, flags: 0 }]);
    assertEquals(ring.peekCqes(), []);
    assertThrows(() => ring.prepare(), Deno.errors.BadResource);
    assertThrows(() => ring.submit(), Deno.errors.BadResource);
    await assertRejects(() => ring.waitCqes(0), Deno.errors.BadResource);
  },
);

testKernel("what is kept of a closed ring is harmless, mapped by the kernel too", async (ring) => {
  const entry = ring.prepare()!;
  await ring.close();
  entry.opcode = 1;
  entry.address = 2 ** 40;
  assertEquals(ring.stats().cqOverflows, 0);
  assertEquals(ring.peekCqes(), []);
}, { without: { noMmap: true } });

testRing("bad arguments are named", async (ring) => {
  assertThrows(() => ring.submitTimeout(-1, 0), RangeError, "delayMs");
  assertThrows(() => ring.submitTimeout(1, 1.5), RangeError, "userData");
  assertThrows(() => ring.submitTimeout(1, 2 ** 53), RangeError, "userData");
  assertThrows(() => ring.submitTimeout(1, -1), RangeError, "userData");
  assertThrows(() => ring.submitClose(-2, 0), RangeError, "fd");
  assertThrows(() => ring.submitPoll(0, 1 << 16, 0), RangeError, "events");
  assertThrows(() => ring.registerBuffers(0, 1), RangeError, "count");
  assertThrows(() => ring.registerBuffers(1, 0), RangeError, "bytes");
  assertThrows(() => ring.registerFiles(0), RangeError, "count");
  assertThrows(() => ring.allocBuffer(2 ** 30), NetError, "arenaBytes");
  await assertRejects(() => ring.waitCqes(ring.completions + 1), RangeError, "min");
  await assertRejects(() => ring.waitCqes(1, { timeoutMs: -1 }), RangeError, "timeoutMs");
  const entry = ring.prepare()!;
  assertThrows(() => entry.opcode = 256, RangeError, "opcode");
  assertThrows(() => entry.fd = 0.5, RangeError, "fd");
  assertThrows(() => entry.address = 2 ** 60, RangeError, "address");
  using buffer = ring.allocBuffer(16);
  assertThrows(() => ring.submitRead(0, buffer, { length: 17 }, 0), RangeError, "length");
  assertThrows(() => ring.submitRead(0, buffer, { bufferOffset: 17 }, 0), RangeError, "bufferOffs");
  assertThrows(() => ring.submitRead(0, buffer, { fileOffset: -2 }, 0), RangeError, "fileOffset");
  const odd = { size: 1 } as Record<string, number>;
  assertThrows(() => ring.submitRead(0, buffer, odd, 0), TypeError, "size");
  buffer.release();
  assertThrows(() => ring.submitWrite(0, buffer, {}, 0), TypeError, "released");
});

Deno.test("create() asks for the right, checks sizes, and knows its options", async () => {
  await using capability = await NetworkCapability.request({ backend: "host", ...SMALL });
  await assertRejects(() => IoUring.create(8, { capability }), Deno.errors.NotCapable, "ring");
  await using full = await NetworkCapability.request({ backend: "host", rights: RIGHTS, ...SMALL });
  await assertRejects(() => IoUring.create(7, { capability: full }), RangeError, "entries");
  await assertRejects(() => IoUring.create(65536, { capability: full }), RangeError, "entries");
  const odd = { capability: full, slots: 3 } as unknown as IoUringOptions;
  await assertRejects(() => IoUring.create(8, odd), TypeError, "slots");
  const none = {} as unknown as IoUringOptions;
  await assertRejects(() => IoUring.create(8, none), TypeError, "capability");
});

testKernel(
  "a multishot accept on an endpoint's descriptor brings connections",
  async (ring, cap) => {
    await using endpoint = await cap.listen("127.0.0.1:0");
    ring.submitMultishotAccept(endpoint.fd, 1);
    ring.submit();
    const fds: number[] = [];
    using _a = await Deno.connect({ port: endpoint.addr.port });
    using _b = await Deno.connect({ port: endpoint.addr.port });
    while (fds.length < 2) {
      for (const { result, flags } of await ring.waitCqes(1)) {
        assertEquals(flags & MORE, MORE);
        fds.push(result);
      }
    }
    for (const fd of fds) ring.submitClose(fd, 2);
    await ring.waitCqes(2);
  },
);

testKernel("entries whose success is skipped do not keep close() waiting", async (ring) => {
  for (let count = 0; count < 4; count++) {
    const entry = ring.prepare()!;
    entry.opcode = Op.NOP;
    entry.flags = SqeFlag.CQE_SKIP_SUCCESS;
  }
  assertEquals(ring.submit(), 4);
  assertEquals(await ring.waitCqes(1, { timeoutMs: 5 }), []);
});

testKernel("two rings of one capability send each other messages", async (ring, capability) => {
  await using other = await IoUring.create(8, { capability });
  const entry = ring.prepare()!;
  entry.opcode = Op.MSG_RING;
  entry.fd = other.fd;
  entry.length = 42;
  entry.offset = 4711;
  const [[sent], [received]] = await Promise.all([ring.waitCqes(1), other.waitCqes(1)]);
  assertEquals(sent.result, 0);
  assertEquals(received, { userData: 4711, result: 42, flags: 0 });
});

testRing("idle, a ring takes a handful of turns and no more", async (ring) => {
  const before = ring.stats();
  await ring.waitCqes(1, { timeoutMs: 300 });
  const after = ring.stats();
  // At most two rounds of spinning: before it sleeps, and after its timer woke it.
  assert(after.turns - before.turns < 120, `${after.turns - before.turns} turns`);
  assert(after.wakes - before.wakes < 12, `${after.wakes - before.wakes} wakes`);
});
