import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { IoUring } from "./io_uring.ts";
import { Op } from "../../ring/abi/opcodes.ts";
import { testKernel, testRing, withRing } from "../../tests/support/uring.ts";

const MORE = 2;

testRing("a pool lends each buffer once", (ring) => {
  const pool = ring.registerBuffers(3, 100);
  assertThrows(() => ring.registerBuffers(1, 1), Deno.errors.Busy);
  const taken = [pool.take()!, pool.take()!, pool.take()!];
  assertStrictEquals(pool.take(), undefined);
  assertEquals(taken.map(({ index }) => index), [0, 1, 2]);
  taken.forEach(({ bytes }, index) => bytes.fill(index));
  assertEquals(taken.map(({ bytes }) => bytes[99]), [0, 1, 2]);
  pool.give(taken[1]);
  assertThrows(() => pool.give(taken[1]), TypeError, "before");
  assertThrows(() => taken[1].bytes, TypeError, "released");
  assertEquals(pool.available, 1);
  assertEquals(pool.take()!.index, 1);
  using other = ring.allocBuffer(100);
  assertThrows(() => pool.give(other), TypeError, "not one of this pool's");
  return Promise.resolve();
});

function freePort(): Deno.NetAddr {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr;
}

/** A connected pair of sockets of the ring's own, made by entries alone. */
async function acceptPair(ring: IoUring): Promise<{ listener: number; near: number; far: number }> {
  const submit = async (fill: (entry: NonNullable<ReturnType<IoUring["prepare"]>>) => void) => {
    fill(ring.prepare()!);
    return (await ring.waitCqes(1))[0].result;
  };
  const open = () => submit((e) => Object.assign(e, { opcode: Op.SOCKET, fd: 2, offset: 1 }));
  using name = ring.allocBuffer(16);
  name.bytes.set([2, 0, 0, 0, 127, 0, 0, 1]);
  const address = ring.addressOf(name);
  const listener = await open();
  // There is no getsockname among the opcodes: a port that was free a moment ago will do.
  const { port } = freePort();
  name.bytes.set([port >> 8, port & 255], 2);
  const bind = { opcode: Op.BIND, fd: listener, address, offset: 16 };
  assertEquals(await submit((e) => Object.assign(e, bind)), 0);
  await submit((e) => Object.assign(e, { opcode: Op.LISTEN, fd: listener, length: 8 }));
  const near = await open();
  ring.submitMultishotAccept(listener, 1);
  Object.assign(ring.prepare()!, {
    opcode: Op.CONNECT,
    fd: near,
    address,
    offset: 16,
    userData: 2,
  });
  const done = await ring.waitCqes(2);
  const accepted = done.find(({ userData }) => userData === 1)!;
  assertEquals(accepted.flags & MORE, MORE);
  return { listener, near, far: accepted.result };
}

testRing("sockets made by entries alone read and write with the pool's buffers", async (ring) => {
  if (!ring.supports(Op.BIND)) return;
  const pool = ring.registerBuffers(2, 4096);
  const { listener, near, far } = await acceptPair(ring);
  using out = pool.take()!;
  using into = pool.take()!;
  crypto.getRandomValues(new Uint8Array(4)).forEach((byte, index) => out.bytes[index] = byte);
  ring.submitWrite(near, out, { length: 4 }, 10);
  ring.submitRead(far, into, { bufferOffset: 100, length: 50 }, 11);
  const results = new Map((await ring.waitCqes(2)).map((c) => [c.userData, c.result]));
  assertEquals(results, new Map([[10, 4], [11, 4]]));
  assertEquals([...into.bytes.subarray(100, 104)], [...out.bytes.subarray(0, 4)]);
  ring.submitCancel(1, 12);
  await ring.waitCqes(2);
  for (const fd of [listener, near, far]) ring.submitClose(fd, 13);
  assertEquals((await ring.waitCqes(3)).map(({ result }) => result), [0, 0, 0]);
});

testKernel("buffers that are not registered are read and written all the same", async (ring) => {
  const pool = ring.registerBuffers(2, 4096);
  assertEquals(pool.isRegistered, false);
  const { near, far, listener } = await acceptPair(ring);
  using buffer = pool.take()!;
  ring.submitWrite(near, buffer, { length: 5 }, 1000);
  assertEquals((await ring.waitCqes(1))[0].result, 5);
  for (const fd of [listener, near, far]) ring.submitClose(fd, 13);
  await ring.waitCqes(3);
}, { without: { opcodes: [Op.READ_FIXED, Op.WRITE_FIXED] } });

testKernel("direct descriptors are had where they are registered", async (ring) => {
  ring.registerFiles(2);
  assertThrows(() => ring.registerFiles(2), Deno.errors.Busy);
  for (let place = 0; place < 3; place++) {
    const entry = ring.prepare()!;
    Object.assign(entry, { opcode: Op.SOCKET, fd: 2, offset: 1, fileIndex: 0xffffffff });
    entry.userData = place;
  }
  const results = (await ring.waitCqes(3)).map(({ result }) => result);
  // The third finds the table full: the place beyond it is not the program's.
  assertEquals(results.map((result) => Math.min(result, 0)), [0, 0, -23]);
});

testKernel("without direct descriptors registerFiles() says so", (ring) => {
  assertThrows(() => ring.registerFiles(2), Deno.errors.NotSupported, "direct descriptors");
  return Promise.resolve();
}, { without: { directDescriptors: true } });

Deno.test("the host backend has neither descriptors nor direct ones", () =>
  withRing("host", {}, (ring) => {
    assertThrows(() => ring.fd, Deno.errors.NotSupported);
    assertThrows(() => ring.registerFiles(2), Deno.errors.NotSupported);
    assertEquals(ring.registerBuffers(2, 64).isRegistered, false);
    return Promise.resolve();
  }));
