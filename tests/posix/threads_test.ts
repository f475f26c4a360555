import { assert, assertEquals, assertThrows } from "@std/assert";
import { delay } from "@std/async";
import { NetworkCapability } from "../../mod.ts";
import { AF_INET, AF_UNIX, Posix, PosixError, SOCK_STREAM } from "../../posix/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { type Random, scale, withSeed } from "../support/seed.ts";
import { skipUnless } from "../support/skip.ts";
import { assertNoWorkerLeaks, countWorkers } from "../support/workers.ts";
import { BLOCKING, listenOn } from "./blocking_calls.ts";
import { Thread } from "./thread.ts";

const REFUSAL = kernelRefusal();

/** So late a thread may hear of a close: a slice, and what a busy machine adds. */
const CLOSE_LIMIT_MS = 1000;
/** A slice and a half: whatever happens at a moment up to here happens before, in and after one. */
const MOMENT_MS = 150;

function testThreads(
  name: string,
  body: (posix: Posix, random: Random) => Promise<void>,
): void {
  const options = skipUnless(name, REFUSAL === undefined, REFUSAL ?? "");
  Deno.test(
    options,
    withSeed(async (random) => {
      let counters: NetworkCapability | undefined;
      await assertNoWorkerLeaks(async () => {
        await using capability = await NetworkCapability.request({ backend: "kernel" });
        counters = capability;
        await using posix = Posix.open(capability);
        await body(posix, random);
      }, () => counters!.stats());
    }),
  );
}

function connectTo(posix: Posix, listener: number): number {
  const fd = posix.socket(AF_INET, SOCK_STREAM);
  posix.connect(fd, posix.getsockname(listener));
  return fd;
}

testThreads("a descriptor that one thread accepted is used and closed by others", async (posix) => {
  await using first = await Thread.start(posix.table);
  await using second = await Thread.start(posix.table);
  const listener = listenOn(posix);
  const accepting = await first.begin("accept", listener);
  const client = connectTo(posix, listener);
  const accepted = (await accepting.answer()).value as { fd: number };
  posix.send(client, new Uint8Array([1, 2, 3]));
  const received = await second.call("recv", accepted.fd, new Uint8Array(8));
  assertEquals(received.value, 3);
  assertEquals((received.args[1] as Uint8Array).slice(0, 3), new Uint8Array([1, 2, 3]));
  assertEquals((await first.call("send", accepted.fd, new Uint8Array(5))).value, 5);
  assertEquals(posix.recv(client, new Uint8Array(8)), 5);
  assertEquals((await second.call("close", accepted.fd)).value, undefined);
  assertEquals((await first.call("recv", accepted.fd, new Uint8Array(1))).code, "EBADF");
  assertEquals(posix.recv(client, new Uint8Array(8)), 0);
  // Numbers are given out by the table, whoever asks.
  assertEquals((await first.call("socket", AF_INET, SOCK_STREAM)).value, accepted.fd);
  posix.close(accepted.fd);
});

testThreads("descriptors handed round under load carry every byte once", async (posix, random) => {
  const threads = [
    await Thread.start(posix.table),
    await Thread.start(posix.table),
    await Thread.start(posix.table),
  ];
  const listener = listenOn(posix);
  const { port } = posix.getsockname(listener);
  const serve = async (fd: number) => {
    while (true) {
      const { value, code } = await threads[random.integer(0, threads.length - 1)].call(
        "transform",
        fd,
      );
      if (value === 0) break;
      assertEquals(code, undefined);
    }
    posix.close(fd);
  };
  const client = async (bytes: number) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: port! });
    const serving = serve((await posix.promises.accept(listener)).fd);
    const data = Uint8Array.from({ length: bytes }, () => random.integer(0, 255));
    const received: number[] = [];
    const reading = (async () => {
      const buffer = new Uint8Array(4096);
      while (received.length < bytes) {
        const count = await connection.read(buffer);
        received.push(...buffer.subarray(0, count!));
      }
    })();
    for (let sent = 0; sent < bytes;) {
      sent += await connection.write(data.subarray(sent, sent + random.integer(1, 1000)));
    }
    await reading;
    assertEquals(Uint8Array.from(received), data.map((byte) => byte + 1));
    await connection.closeWrite();
    await serving;
  };
  await Promise.all(Array.from({ length: 6 }, () => client(scale(30_000, 500_000))));
  posix.close(listener);
  for (const thread of threads) await thread[Symbol.asyncDispose]();
});

for (const [name, make] of Object.entries(BLOCKING)) {
  // What poll waits for is not the descriptor's affair; Linux does not tell it either.
  if (name !== "poll") {
    testThreads(`${name}() ends with EBADF when another thread closes`, async (posix, random) => {
      await using thread = await Thread.start(posix.table);
      for (let round = 0; round < scale(4, 50); round++) {
        const { fd, args, also } = make(posix);
        const blocked = await thread.begin(name, ...args);
        await delay(random.integer(0, MOMENT_MS));
        const closedAt = performance.now();
        posix.close(fd);
        assertEquals((await blocked.answer()).code, "EBADF");
        assert(performance.now() - closedAt < CLOSE_LIMIT_MS);
        for (const other of also) posix.close(other);
      }
    });
  }

  testThreads(`${name}() of a thread that is terminated leaves nothing`, async (posix, random) => {
    // In a table of several threads what is open stays open, for the others to close.
    await assertNoWorkerLeaks(async () => {
      const thread = await Thread.start(posix.table);
      const { fd, args, also } = make(posix);
      await thread.begin(name, ...args);
      await delay(random.integer(0, MOMENT_MS));
      await thread.terminate();
      assertEquals(posix.core.descriptors.count, 1 + also.length);
      for (const each of [fd, ...also]) posix.close(each);
    });
    // A table of its own goes with the thread.
    await assertNoWorkerLeaks(async () => {
      const thread = await Thread.start();
      await thread.begin("blockOn", name);
      await delay(random.integer(0, MOMENT_MS));
      await thread.terminate();
    });
  });
}

for (const backend of ["host", "stack"] as const) {
  const title = `threads of the ${backend} backend that are terminated while they block are gone`;
  Deno.test(title, async () => {
    for (const name of ["accept", "recvmsg", "read", "epoll_wait", "poll"]) {
      const thread = await Thread.start(undefined, backend);
      await thread.begin("blockOn", name);
      await thread.terminate();
      const until = performance.now() + CLOSE_LIMIT_MS;
      while (countWorkers() > 0) {
        assert(performance.now() < until, `${countWorkers()} threads after ${name}`);
        await delay(1);
      }
    }
  });

  Deno.test(`a table of the ${backend} backend is shared with nobody, and says so`, async () => {
    await using capability = await NetworkCapability.request({ backend });
    await using posix = Posix.open(capability);
    const table = { table: new SharedArrayBuffer(1024) };
    for (const share of [() => posix.table, () => Posix.open(capability, { table })]) {
      const error = assertThrows(share, PosixError);
      assertEquals([error.errno, error.code], [Errno.EOPNOTSUPP, "ENOTSUP"]);
    }
  });
}

testThreads(
  "a number that is reused is never reached by a call on its former owner",
  async (posix, random) => {
    await using thread = await Thread.start(posix.table);
    for (let round = 0; round < scale(20, 500); round++) {
      const [fd, other] = posix.socketpair(AF_UNIX, SOCK_STREAM);
      const blocked = await thread.begin("recv", fd, new Uint8Array(8));
      await delay(random.integer(0, MOMENT_MS / 5));
      posix.close(fd);
      // The table gives the same number out, and the kernel the same descriptor.
      const [again, writer] = posix.socketpair(AF_UNIX, SOCK_STREAM);
      assertEquals(again, fd);
      posix.send(writer, new Uint8Array([7]));
      assertEquals((await blocked.answer()).code, "EBADF");
      const buffer = new Uint8Array(8);
      assertEquals(posix.recv(again, buffer, posix.MSG_DONTWAIT), 1);
      for (const each of [again, writer, other]) posix.close(each);
    }
  },
);

testThreads(
  "threads that block in accept on one listener take each connection once",
  async (posix) => {
    const threads = await Promise.all([1, 2, 3, 4].map(() => Thread.start(posix.table)));
    const listener = listenOn(posix);
    const pool = await Promise.all(threads.map((thread) => thread.begin("acceptAll", listener)));
    const ports: number[] = [];
    for (let count = 0; count < scale(40, 1000); count++) {
      const client = connectTo(posix, listener);
      ports.push(posix.getsockname(client).port!);
      // Every other one waits until it was taken, so that all are blocked when the next comes.
      if (count % 2 === 0) assertEquals(posix.recv(client, new Uint8Array(1)), 0);
      posix.close(client);
    }
    while (posix.poll([{ fd: listener, events: posix.POLLIN, revents: 0 }], 0) > 0) await delay(1);
    posix.close(listener);
    const taken = await Promise.all(
      pool.map(async (each) => (await each.answer()).value as number[]),
    );
    assertEquals(taken.flat().sort((a, b) => a - b), ports.sort((a, b) => a - b));
    for (const thread of threads) await thread[Symbol.asyncDispose]();
  },
);

testThreads("blocking calls beside promises on one thread answer both", async (posix) => {
  await using thread = await Thread.start(posix.table);
  const listener = listenOn(posix);
  const client = connectTo(posix, listener);
  const { fd } = posix.accept(listener);
  const buffer = new Uint8Array(8);
  const receiving = posix.promises.recv(fd, buffer);
  const accepting = posix.promises.accept(listener);
  for (let round = 0; round < 3; round++) {
    // Blocks for 20 ms, in which nothing is awaited.
    assertEquals(posix.poll([{ fd: listener, events: posix.POLLIN, revents: 0 }], 20), 0);
  }
  const [reader, writer] = posix.pipe2();
  const reading = thread.call("read", reader, new Uint8Array(3));
  posix.send(client, new Uint8Array(4));
  const second = connectTo(posix, listener);
  posix.write(writer, new Uint8Array(3));
  // What was ready while the thread was blocked is told as soon as it is not.
  assertEquals(await receiving, 4);
  const accepted = await accepting;
  assertEquals(accepted.address, posix.getsockname(second));
  assertEquals((await reading).value, 3);
  const fds = [listener, client, fd, reader, writer, second, accepted.fd];
  for (const each of fds) posix.close(each);
});

testThreads("a promise ends with EBADF when this thread or another closes it", async (posix) => {
  await using thread = await Thread.start(posix.table);
  for (const close of ["here", "there"]) {
    const [fd, other] = posix.socketpair(AF_UNIX, SOCK_STREAM);
    const receiving = posix.promises.recv(fd, new Uint8Array(8)).catch((error) => error);
    const since = performance.now();
    if (close === "here") posix.close(fd);
    else await thread.call("close", fd);
    const error = await receiving;
    assert(error instanceof PosixError && error.code === "EBADF", String(error));
    assert(performance.now() - since < CLOSE_LIMIT_MS);
    posix.close(other);
  }
});
