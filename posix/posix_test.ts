import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  AF_INET,
  AF_UNIX,
  EPOLL_CTL_ADD,
  type EpollEvent,
  EPOLLIN,
  MSG_DONTWAIT,
  MSG_WAITALL,
  O_NONBLOCK,
  POLLIN,
  Posix,
  PosixError,
  SO_RCVTIMEO,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "./mod.ts";
import { NetworkCapability } from "../native/capability.ts";
import type { NetworkRights } from "../ring/authority/mod.ts";
import { kernelRefusal } from "../tests/support/kernel.ts";
import { assertNoLeaks } from "../tests/support/leaks.ts";
import { skipUnless } from "../tests/support/skip.ts";

const refusal = kernelRefusal();
const EVERYWHERE = { family: AF_INET, address: "127.0.0.1", port: 0 };

function kernelTest(
  name: string,
  body: (posix: Posix, capability: NetworkCapability) => void | Promise<void>,
  rights?: NetworkRights,
): void {
  Deno.test(
    skipUnless(name, refusal === undefined, refusal ?? ""),
    () =>
      assertNoLeaks(async () => {
        const capability = await NetworkCapability.request({ backend: "kernel", rights });
        const posix = Posix.open(capability);
        await body(posix, capability);
        await posix[Symbol.asyncDispose]();
        assertEquals(capability.stats().inFlight, 0);
        await capability[Symbol.asyncDispose]();
      }),
  );
}

function codeOf(call: () => unknown): string {
  return assertThrows(call, PosixError).code;
}

/** A connected pair of TCP sockets. */
function connectedPair(posix: Posix): [number, number] {
  const listener = posix.socket(AF_INET, SOCK_STREAM);
  posix.bind(listener, EVERYWHERE);
  posix.listen(listener, 8);
  const client = posix.socket(AF_INET, SOCK_STREAM);
  posix.connect(client, posix.getsockname(listener));
  const { fd } = posix.accept(listener);
  posix.close(listener);
  return [client, fd];
}

kernelTest("what is left open is closed with the table", (posix) => {
  for (let index = 0; index < 10; index++) posix.socket(AF_INET, SOCK_STREAM);
  posix.pipe2();
  posix.epoll_create1();
  posix.socketpair(AF_UNIX, SOCK_STREAM);
});

kernelTest(
  "revoking the capability closes descriptors and ends what waits",
  async (posix, owner) => {
    const [client, server] = connectedPair(posix);
    const waiting = posix.promises.recv(server, new Uint8Array(8));
    const report = await owner.revoke("enough");
    assertEquals(report.sockets, 2);
    const error = await assertRejects(() => waiting, PosixError);
    assertEquals(error.code, "EBADF");
    assertEquals(codeOf(() => posix.send(client, new Uint8Array(1))), "EBADF");
    assertEquals(codeOf(() => posix.socket(AF_INET, SOCK_STREAM)), "EACCES");
  },
);

kernelTest("the limit of sockets is EMFILE, and counts every kind", (posix) => {
  const [reader] = posix.pipe2();
  const epoll = posix.epoll_create1();
  const copy = posix.dup(reader);
  assertEquals(codeOf(() => posix.socket(AF_INET, SOCK_DGRAM)), "EMFILE");
  assertEquals(codeOf(() => posix.socketpair(AF_UNIX, SOCK_STREAM)), "EMFILE");
  posix.close(epoll);
  const socket = posix.socket(AF_INET, SOCK_DGRAM);
  assertEquals(socket, epoll);
  for (const fd of [socket, copy]) posix.close(fd);
}, { udp: true, unix: true, limits: { sockets: 4 } });

kernelTest("an accept that finds no room leaves the connection in the queue", (posix) => {
  const listener = posix.socket(AF_INET, SOCK_STREAM);
  posix.bind(listener, EVERYWHERE);
  posix.listen(listener, 8);
  const client = posix.socket(AF_INET, SOCK_STREAM);
  posix.connect(client, posix.getsockname(listener));
  assertEquals(codeOf(() => posix.accept(listener)), "EMFILE");
  posix.close(client);
  const { fd } = posix.accept(listener);
  assertEquals(posix.recv(fd, new Uint8Array(1)), 0);
}, { tcp: true, listen: true, connect: true, limits: { sockets: 2 } });

kernelTest("a denied address is EACCES, and says what was denied", (posix) => {
  const socket = posix.socket(AF_INET, SOCK_STREAM);
  const error = assertThrows(
    () => posix.connect(socket, { family: AF_INET, address: "127.0.0.2", port: 1 }),
    PosixError,
  );
  assertEquals([error.name, error.errno, error.call], ["EACCES", 13, "connect"]);
  assertEquals(error.message, "connect: Permission denied");
  assertEquals(error.cause instanceof Deno.errors.NotCapable, true);
  assertEquals(codeOf(() => posix.socket(AF_UNIX, SOCK_STREAM)), "EACCES");
  assertEquals(posix.errno, 13);
}, { tcp: true, connect: ["tcp://127.0.0.1:*"] });

kernelTest("a blocking receive ends when its time is over, not before", (posix) => {
  const [, server] = connectedPair(posix);
  posix.setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, { sec: 0, usec: 120_000 });
  const began = performance.now();
  assertEquals(codeOf(() => posix.recv(server, new Uint8Array(8))), "EAGAIN");
  assertEquals(performance.now() - began >= 119, true);
});

kernelTest("MSG_WAITALL gives what came when its time is over", (posix) => {
  const [client, server] = connectedPair(posix);
  posix.setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, { sec: 0, usec: 50_000 });
  posix.send(client, new Uint8Array([1, 2, 3]));
  const buffer = new Uint8Array(8);
  assertEquals(posix.recv(server, buffer, 8, MSG_WAITALL), 3);
  assertEquals([...buffer], [1, 2, 3, 0, 0, 0, 0, 0]);
});

kernelTest(
  "promises wait without holding the thread, and calls beside them work",
  async (posix) => {
    const [client, server] = connectedPair(posix);
    const buffer = new Uint8Array(5);
    const whole = posix.promises.recv(server, buffer, 5, MSG_WAITALL);
    for (const byte of [1, 2, 3, 4]) posix.send(client, new Uint8Array([byte]));
    const other = posix.socket(AF_INET, SOCK_DGRAM);
    posix.close(other);
    posix.send(client, new Uint8Array([5]));
    assertEquals(await whole, 5);
    assertEquals([...buffer], [1, 2, 3, 4, 5]);
  },
);

kernelTest("a promise of a large send waits for the reader, and loses nothing", async (posix) => {
  const [client, server] = connectedPair(posix);
  const data = new Uint8Array(8 << 20).map((_, index) => index * 31);
  const sending = posix.promises.send(client, data);
  const received = new Uint8Array(data.length);
  for (let at = 0; at < data.length;) {
    at += await posix.promises.recv(server, received.subarray(at, at + 70_000));
  }
  assertEquals(await sending, data.length);
  assertEquals(received.every((byte, index) => byte === data[index]), true);
});

kernelTest("closing a descriptor ends promises that wait on it with EBADF", async (posix) => {
  const [, server] = connectedPair(posix);
  const epoll = posix.epoll_create1();
  posix.epoll_ctl(epoll, EPOLL_CTL_ADD, server, { events: EPOLLIN, data: 1 });
  const listener = posix.socket(AF_INET, SOCK_STREAM);
  posix.listen(listener);
  const waiting = [
    posix.promises.recv(server, new Uint8Array(1)),
    posix.promises.epoll_wait(epoll, [], 8, -1),
    posix.promises.accept(listener),
  ];
  for (const fd of [listener, epoll, server]) posix.close(fd);
  for (const one of waiting) {
    assertEquals((await assertRejects(() => one as Promise<unknown>, PosixError)).code, "EBADF");
  }
});

kernelTest("poll and epoll_wait as promises tell what comes", async (posix) => {
  const [client, server] = connectedPair(posix);
  const fds = [{ fd: server, events: POLLIN, revents: 0 }];
  const events: EpollEvent[] = [];
  const epoll = posix.epoll_create1();
  posix.epoll_ctl(epoll, EPOLL_CTL_ADD, server, { events: EPOLLIN, data: 77 });
  const both = [posix.promises.poll(fds, -1), posix.promises.epoll_wait(epoll, events, 4, 5000)];
  posix.send(client, new Uint8Array(1));
  assertEquals(await Promise.all(both), [1, 1]);
  assertEquals(fds[0].revents, POLLIN);
  assertEquals(events, [{ events: EPOLLIN, data: 77 }]);
  assertEquals(await posix.promises.poll([{ fd: client, events: POLLIN, revents: 0 }], 20), 0);
});

kernelTest("SOCK_NONBLOCK is the open file's: a copy has it too", (posix) => {
  const socket = posix.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK);
  posix.bind(socket, EVERYWHERE);
  const copy = posix.dup(socket);
  assertEquals(posix.fcntl(copy, posix.F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  assertEquals(codeOf(() => posix.recv(copy, new Uint8Array(1))), "EAGAIN");
  posix.fcntl(copy, posix.F_SETFL, 0);
  assertEquals(posix.fcntl(socket, posix.F_GETFL) & O_NONBLOCK, 0);
  assertEquals(codeOf(() => posix.recv(socket, new Uint8Array(1), MSG_DONTWAIT)), "EAGAIN");
});

kernelTest("bad arguments are errors of the kernel's, never more", (posix) => {
  const socket = posix.socket(AF_INET, SOCK_DGRAM);
  assertEquals(codeOf(() => posix.recv(99, new Uint8Array(1))), "EBADF");
  assertEquals(codeOf(() => posix.recv(3.5, new Uint8Array(1))), "EBADF");
  assertEquals(codeOf(() => posix.recv(socket, new Uint8Array(1), 2, MSG_DONTWAIT)), "EFAULT");
  assertEquals(codeOf(() => posix.send(socket, new Uint8Array(1), -1, 0)), "EFAULT");
  assertEquals(codeOf(() => posix.bind(socket, null, 16)), "EFAULT");
  assertEquals(codeOf(() => posix.bind(socket, EVERYWHERE, 4)), "EINVAL");
  assertEquals(codeOf(() => posix.socket(999, SOCK_STREAM)), "EACCES");
  assertEquals(codeOf(() => posix.connect(socket, { ...EVERYWHERE, port: 70_000 })), "EINVAL");
});

kernelTest("open() reads what a rule allows, however the path is written", async (posix) => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/secret`, "secret");
  await Deno.symlink(`${folder}/secret`, `/tmp/millrace-open-${Deno.pid}`);
  try {
    assertEquals(codeOf(() => posix.open(`${folder}/secret`, 0)), "EACCES");
    assertEquals(codeOf(() => posix.open(`/tmp/millrace-open-${Deno.pid}`, 0)), "EACCES");
    assertEquals(codeOf(() => posix.open("/nowhere/at/all", 0)), "ENOENT");
    const fd = posix.open("/proc/self/status", 0);
    assertEquals(posix.read(fd, new Uint8Array(5)), 5);
  } finally {
    await Deno.remove(`/tmp/millrace-open-${Deno.pid}`);
    await Deno.remove(folder, { recursive: true });
  }
}, { files: ["file:///proc/**"] });
