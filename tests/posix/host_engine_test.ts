/**
 * The calls on backends behind a ring, `host` and the stack: what blocks, what waits, what is left.
 *
 * @module
 */

import { assert, assertEquals, assertGreaterOrEqual, assertThrows } from "@std/assert";
import type { HostWorkerOrder } from "./host_worker.ts";
import { HostWorkerDriver } from "../../drivers/host/worker_driver.ts";
import { NetworkCapability } from "../../mod.ts";
import { Posix, PosixError } from "../../posix/mod.ts";
import * as c from "../../posix/mod.ts";
import { BlockingRing, PRIVATE_PLAN } from "../../posix/ring/blocking_ring.ts";
import { RingEngine } from "../../posix/ring/engine.ts";
import type { Outcome } from "../../posix/engine.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { skipUnless } from "../support/skip.ts";
import { assertNoWorkerLeaks } from "../support/workers.ts";
import { type Random, withSeed } from "../support/seed.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);
const loopback = (port = 0) => ({ family: c.AF_INET, address: "127.0.0.1", port });

/** A backend behind a ring. */
type RingBackend = "host" | "stack";

/** Registers a test of `host` alone: of what a stack has not. */
function testHost(name: string, body: Body): void {
  testOn("host", name, body);
}

/** Registers a test on each backend behind a ring. */
function testRings(name: string, body: Body): void {
  testOn("host", name, body);
  testOn("stack", `${name} [stack]`, body);
}

type Body = (posix: Posix, capability: NetworkCapability, backend: RingBackend) => unknown;

/** Registers a test with the calls of a capability of its own; nothing may be left after it. */
function testOn(backend: RingBackend, name: string, body: Body): void {
  testWithoutLeaks(name, async () => {
    const rights = {
      tcp: true,
      udp: true,
      unix: true,
      connect: true,
      listen: true,
      resolve: true,
      files: ["file:///**"],
      writableFiles: ["file:///**"],
    };
    const capability = await NetworkCapability.request({ backend, rights });
    const posix = Posix.open(capability);
    try {
      await body(posix, capability, backend);
    } finally {
      await posix[Symbol.asyncDispose]();
      await capability[Symbol.asyncDispose]();
    }
  });
}

function testWithoutLeaks(name: string, body: () => Promise<void>): void {
  Deno.test(name, () => assertNoWorkerLeaks(body));
}

function listen(posix: Posix): { listener: number; port: number } {
  const listener = posix.socket(c.AF_INET, c.SOCK_STREAM);
  posix.bind(listener, loopback());
  posix.listen(listener, 16);
  return { listener, port: posix.getsockname(listener).port! };
}

function connect(posix: Posix, port: number, flags = 0): number {
  const fd = posix.socket(c.AF_INET, c.SOCK_STREAM | flags);
  posix.connect(fd, loopback(port));
  return fd;
}

function pair(posix: Posix): { client: number; server: number } {
  const { listener, port } = listen(posix);
  const client = connect(posix, port);
  const server = posix.accept(listener).fd;
  posix.close(listener);
  return { client, server };
}

function receive(posix: Posix, fd: number, room = 64, flags = 0): string {
  const buffer = new Uint8Array(room);
  return text(buffer.subarray(0, posix.recv(fd, buffer, flags)));
}

function codeOf(call: () => unknown): string {
  return assertThrows(call, PosixError).code;
}

function poll(posix: Posix, fd: number, events: number, timeout = 0): number {
  const entry = { fd, events, revents: 0 };
  posix.poll([entry], timeout);
  return entry.revents;
}

/** Sets `SO_RCVTIMEO` or `SO_SNDTIMEO`. */
function limit(posix: Posix, fd: number, option: number, ms: number): void {
  const value = { sec: Math.floor(ms / 1000), usec: (ms % 1000) * 1000 };
  posix.setsockopt(fd, c.SOL_SOCKET, option, value);
}

testRings("calls block until a connection, bytes and the end are there", (posix) => {
  const { client, server } = pair(posix);
  assertEquals(posix.getpeername(client), posix.getsockname(server));
  assertEquals(posix.send(client, bytes("there")), 5);
  assertEquals(receive(posix, server), "there");
  assertEquals(posix.send(server, bytes("and back")), 8);
  assertEquals(receive(posix, client), "and back");
  posix.shutdown(client, c.SHUT_WR);
  assertEquals(receive(posix, server), "");
  // Half closed: the other direction goes on.
  posix.send(server, bytes("last words"));
  assertEquals(receive(posix, client), "last words");
  posix.close(server);
  assertEquals(receive(posix, client), "");
});

testHost("a thread that blocks talks to a Worker that blocks", async (posix) => {
  const { listener, port } = listen(posix);
  const { worker, done } = startWorker({ port });
  const { fd } = posix.accept(listener);
  const sent = new Uint8Array(200_000).map((_, index) => index * 7);
  for (let at = 0; at < sent.length; at += 20_000) {
    posix.send(fd, sent.subarray(at, at + 20_000));
    const answer = new Uint8Array(20_000);
    assertEquals(posix.recv(fd, answer, c.MSG_WAITALL), 20_000);
    assertEquals(answer, sent.subarray(at, at + 20_000));
  }
  posix.shutdown(fd, c.SHUT_WR);
  assertEquals(receive(posix, fd), "");
  assertEquals(await done, 200_000);
  worker.terminate();
});

function startWorker(order: HostWorkerOrder): { worker: Worker; done: Promise<number> } {
  const worker = new Worker(new URL("./host_worker.ts", import.meta.url), { type: "module" });
  const done = Promise.withResolvers<number>();
  worker.onmessage = ({ data }: MessageEvent<number>) => done.resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    done.reject(new Error(event.message));
  };
  worker.postMessage(order);
  return { worker, done: done.promise };
}

testRings("promises are kept while another call blocks", async (posix) => {
  const first = pair(posix);
  const second = pair(posix);
  const buffers = [new Uint8Array(8), new Uint8Array(8)];
  const kept = [
    posix.promises.recv(first.server, buffers[0]),
    posix.promises.recv(second.server, buffers[1]),
  ];
  posix.send(first.client, bytes("one"));
  posix.send(second.client, bytes("two"));
  // Blocks until a third connection says something, with the other two in between.
  const third = pair(posix);
  posix.send(third.client, bytes("three"));
  assertEquals(receive(posix, third.server), "three");
  assertEquals(await Promise.all(kept), [3, 3]);
  assertEquals(buffers.map((buffer) => text(buffer.subarray(0, 3))), ["one", "two"]);
});

testRings("promises of many calls are kept in any order", async (posix) => {
  const { listener, port } = listen(posix);
  const accepting = Array.from({ length: 20 }, () => posix.promises.accept(listener));
  const clients = Array.from({ length: 20 }, () => connect(posix, port));
  const servers = (await Promise.all(accepting)).map(({ fd }) => fd);
  const buffers = servers.map(() => new Uint8Array(32));
  const receiving = servers.map((fd, index) => posix.promises.recv(fd, buffers[index]));
  const order = clients.map((fd) => posix.getsockname(fd).port!).reverse();
  await Promise.all(
    clients.map((fd) => posix.promises.send(fd, bytes(`${posix.getsockname(fd).port}`))),
  );
  await Promise.all(receiving);
  const heard = servers.map((fd, index) => {
    return [posix.getpeername(fd).port, Number.parseInt(text(buffers[index]))];
  });
  for (const [port, said] of heard) assertEquals(port, said);
  assertEquals(new Set(heard.map(([port]) => port)), new Set(order));
});

testRings("a large send and a large receive move every byte", async (posix) => {
  const { client, server } = pair(posix);
  const sent = new Uint8Array(6_000_000).map((_, index) => index * 31 + (index >> 9));
  const sending = posix.promises.send(client, sent);
  const got = new Uint8Array(sent.length);
  assertEquals(posix.recv(server, got, c.MSG_WAITALL), sent.length);
  assertEquals(await sending, sent.length);
  assert(got.every((byte, index) => byte === sent[index]));
});

testRings("timeouts end what waits with EAGAIN, and not before their time", (posix) => {
  const { client, server } = pair(posix);
  limit(posix, server, c.SO_RCVTIMEO, 60);
  const began = performance.now();
  assertEquals(codeOf(() => receive(posix, server)), "EAGAIN");
  assertGreaterOrEqual(performance.now() - began, 55);
  posix.send(client, bytes("abc"));
  // What has come by then is told instead.
  assertEquals(receive(posix, server, 64, c.MSG_WAITALL), "abc");
  const { listener } = listen(posix);
  limit(posix, listener, c.SO_RCVTIMEO, 30);
  assertEquals(codeOf(() => posix.accept(listener)), "EAGAIN");
  limit(posix, client, c.SO_SNDTIMEO, 50);
  const flood = new Uint8Array(32 << 20);
  assert(posix.send(client, flood) < flood.length);
  const socket = posix.socket(c.AF_INET, c.SOCK_DGRAM);
  limit(posix, socket, c.SO_RCVTIMEO, 30);
  posix.bind(socket, loopback());
  assertEquals(codeOf(() => receive(posix, socket)), "EAGAIN");
});

testRings("what must not wait does not", (posix, _capability, backend) => {
  const { client, server } = pair(posix);
  assertEquals(codeOf(() => receive(posix, server, 8, c.MSG_DONTWAIT)), "EAGAIN");
  posix.fcntl(server, c.F_SETFL, c.O_NONBLOCK);
  assertEquals(codeOf(() => receive(posix, server)), "EAGAIN");
  posix.send(client, bytes("now"));
  assertEquals(receive(posix, server), "now");
  const { listener } = listen(posix);
  posix.ioctl(listener, c.FIONBIO, 1);
  assertEquals(codeOf(() => posix.accept(listener)), "EAGAIN");
  let total = 0;
  const error = assertThrows(() => {
    while (true) total += posix.send(client, new Uint8Array(1 << 20), c.MSG_DONTWAIT);
  }, PosixError);
  assertEquals(error.code, "EAGAIN");
  // What a stack takes is the peer's window and its own buffer.
  assertGreaterOrEqual(total, backend === "host" ? 1 << 20 : 1 << 17);
});

testRings("bytes that were sent before are there for who does not wait", (posix) => {
  const { client, server } = pair(posix);
  // Not for Nagle's sake: bytes that it holds back are not sent.
  posix.setsockopt(client, c.IPPROTO_TCP, c.TCP_NODELAY, 1);
  for (let round = 0; round < 300; round++) {
    posix.send(client, bytes("x"));
    assertEquals(receive(posix, server, 8, c.MSG_DONTWAIT), "x", `round ${round}`);
  }
});

testRings("several sends are received as one where they have come", (posix) => {
  const { client, server } = pair(posix);
  posix.send(client, bytes("one "));
  assertEquals(poll(posix, server, c.POLLIN, -1), c.POLLIN);
  posix.send(client, bytes("two"));
  assertEquals(posix.ioctl(server, c.FIONREAD), 7);
  assertEquals(receive(posix, server, 64, c.MSG_PEEK), "one two");
  assertEquals(receive(posix, server), "one two");
});

testRings("a connect that does not wait tells how it went", (posix) => {
  const { listener, port } = listen(posix);
  const fd = posix.socket(c.AF_INET, c.SOCK_STREAM | c.SOCK_NONBLOCK);
  assertEquals(codeOf(() => posix.connect(fd, loopback(port))), "EINPROGRESS");
  assertEquals(poll(posix, fd, c.POLLOUT, -1), c.POLLOUT);
  assertEquals(posix.getsockopt(fd, c.SOL_SOCKET, c.SO_ERROR), 0);
  posix.connect(fd, loopback(port));
  assertEquals(codeOf(() => posix.connect(fd, loopback(port))), "EISCONN");
  posix.close(listener);
  const nobody = posix.socket(c.AF_INET, c.SOCK_STREAM | c.SOCK_NONBLOCK);
  assertEquals(codeOf(() => posix.connect(nobody, loopback(port))), "EINPROGRESS");
  assertEquals(poll(posix, nobody, c.POLLOUT, -1), c.POLLOUT | c.POLLERR | c.POLLHUP);
  assertEquals(posix.getsockopt(nobody, c.SOL_SOCKET, c.SO_ERROR), Errno.ECONNREFUSED);
  assertEquals(posix.getsockopt(nobody, c.SOL_SOCKET, c.SO_ERROR), 0);
  assertEquals(codeOf(() => connect(posix, port)), "ECONNREFUSED");
});

testRings("poll tells of everything that is ready, or waits its time", (posix) => {
  const first = pair(posix);
  const second = pair(posix);
  const fds = [first.server, second.server, 900].map((fd) => {
    return { fd, events: c.POLLIN, revents: 0 };
  });
  assertEquals(posix.poll(fds.slice(0, 2), 0), 0);
  const began = performance.now();
  assertEquals(posix.poll(fds.slice(0, 2), 40), 0);
  assertGreaterOrEqual(performance.now() - began, 35);
  posix.send(first.client, bytes("x"));
  posix.send(second.client, bytes("y"));
  assertEquals(posix.poll(fds, -1), 3);
  assertEquals(fds.map(({ revents }) => revents), [c.POLLIN, c.POLLIN, c.POLLNVAL]);
});

testRings("a poll that is awaited ends when something comes", async (posix) => {
  const { client, server } = pair(posix);
  const entry = { fd: server, events: c.POLLIN, revents: 0 };
  const polling = posix.promises.poll([entry], -1);
  posix.send(client, bytes("x"));
  assertEquals(await polling, 1);
  assertEquals(entry.revents, c.POLLIN);
});

testRings("select keeps what is ready", (posix) => {
  const { client, server } = pair(posix);
  posix.send(client, bytes("x"));
  const [reading, writing] = [new c.FdSet(), new c.FdSet()];
  for (const fd of [client, server]) {
    reading.set(fd);
    writing.set(fd);
  }
  assertEquals(posix.select(Math.max(client, server) + 1, reading, writing, null), 3);
  assertEquals([reading.has(client), reading.has(server)], [false, true]);
});

testRings("epoll tells of levels as long as they hold", (posix) => {
  const { client, server } = pair(posix);
  const epoll = posix.epoll_create1();
  posix.epoll_ctl(epoll, c.EPOLL_CTL_ADD, server, { events: c.EPOLLIN, data: 2 ** 40 + 7 });
  const events: { events: number; data: number }[] = [];
  assertEquals(posix.epoll_wait(epoll, events, 8, 0), 0);
  posix.send(client, bytes("ab"));
  for (let round = 0; round < 3; round++) {
    assertEquals(posix.epoll_wait(epoll, events, 8, -1), 1);
    assertEquals(events[0], { events: c.EPOLLIN, data: 2 ** 40 + 7 });
  }
  assertEquals(receive(posix, server), "ab");
  assertEquals(posix.epoll_wait(epoll, events, 8, 0), 0);
  posix.close(server);
  assertEquals(posix.epoll_wait(epoll, events, 8, 0), 0);
});

testRings("epoll tells of edges once, and of one shot until it is armed again", (posix) => {
  const { client, server } = pair(posix);
  const epoll = posix.epoll_create1();
  const wait = (): number => posix.epoll_wait(epoll, [], 8, 0);
  posix.epoll_ctl(epoll, c.EPOLL_CTL_ADD, server, { events: c.EPOLLIN | c.EPOLLET, data: 1 });
  posix.send(client, bytes("a"));
  assertEquals([wait(), wait()], [1, 0]);
  posix.send(client, bytes("b"));
  assertEquals([wait(), wait()], [1, 0]);
  const once = { events: c.EPOLLIN | c.EPOLLONESHOT, data: 1 };
  posix.epoll_ctl(epoll, c.EPOLL_CTL_MOD, server, once);
  assertEquals([wait(), wait()], [1, 0]);
  posix.send(client, bytes("c"));
  assertEquals(wait(), 0);
  posix.epoll_ctl(epoll, c.EPOLL_CTL_MOD, server, once);
  assertEquals([wait(), wait()], [1, 0]);
});

testRings("an epoll may wait for another, but not in a circle", (posix) => {
  const { client, server } = pair(posix);
  const [inner, outer] = [posix.epoll_create1(), posix.epoll_create1()];
  const add = (epoll: number, fd: number): void =>
    posix.epoll_ctl(epoll, c.EPOLL_CTL_ADD, fd, { events: c.EPOLLIN, data: fd });
  add(inner, server);
  add(outer, inner);
  assertEquals(codeOf(() => add(inner, outer)), "ELOOP");
  assertEquals(codeOf(() => add(inner, inner)), "EINVAL");
  assertEquals(posix.epoll_wait(outer, [], 8, 0), 0);
  posix.send(client, bytes("x"));
  const events: { events: number; data: number }[] = [];
  assertEquals(posix.epoll_wait(outer, events, 8, -1), 1);
  assertEquals(events[0].data, inner);
  assertEquals(poll(posix, inner, c.POLLIN), c.POLLIN);
  receive(posix, server);
  assertEquals(posix.epoll_wait(outer, [], 8, 0), 0);
});

Deno.test(
  "an edge-triggered server loses no byte of many clients",
  withSeed((random) => assertNoWorkerLeaks(() => edgeServer(random))),
);

async function edgeServer(random: Random): Promise<void> {
  await using capability = await NetworkCapability.request({ backend: "host" });
  await using posix = Posix.open(capability);
  const { listener, port } = listen(posix);
  posix.fcntl(listener, c.F_SETFL, c.O_NONBLOCK);
  const clients = Array.from({ length: 24 }, async () => {
    const conn = await Deno.connect({ port });
    const total = random.integer(1, 60_000);
    const sending = (async () => {
      for (let sent = 0; sent < total;) {
        const data = new Uint8Array(Math.min(total - sent, random.integer(1, 9000)));
        for (let at = 0; at < data.length; at++) data[at] = sent + at;
        sent += await conn.write(data);
      }
      await conn.closeWrite();
    })();
    const buffer = new Uint8Array(4096);
    let at = 0;
    for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
      for (let index = 0; index < count; index++) assertEquals(buffer[index], at++ & 0xff);
    }
    await sending;
    assertEquals(at, total);
    conn.close();
  });
  const served = serveEdges(posix, listener, clients.length);
  await Promise.all([served, ...clients]);
}

/** Echoes with `EPOLLET`, until so many connections have ended. */
async function serveEdges(posix: Posix, listener: number, count: number): Promise<void> {
  const epoll = posix.epoll_create1();
  const watch = (fd: number): void =>
    posix.epoll_ctl(epoll, c.EPOLL_CTL_ADD, fd, { events: c.EPOLLIN | c.EPOLLET, data: fd });
  watch(listener);
  const events: { events: number; data: number }[] = [];
  const buffer = new Uint8Array(8192);
  for (let ended = 0; ended < count;) {
    const ready = await posix.promises.epoll_wait(epoll, events, 16, -1);
    for (const { data: fd } of events.slice(0, ready)) {
      if (fd === listener) {
        for (let next = tryAccept(posix, listener); next >= 0; next = tryAccept(posix, listener)) {
          watch(next);
        }
      } else if (await echoAll(posix, fd, buffer)) ended++;
    }
  }
}

function tryAccept(posix: Posix, listener: number): number {
  try {
    return posix.accept4(listener, c.SOCK_NONBLOCK).fd;
  } catch (error) {
    if (error instanceof PosixError && error.code === "EAGAIN") return -1;
    throw error;
  }
}

/** Sends back all there is. @returns whether that was all there will be */
async function echoAll(posix: Posix, fd: number, buffer: Uint8Array): Promise<boolean> {
  while (true) {
    try {
      const count = posix.recv(fd, buffer);
      if (count === 0) {
        posix.close(fd);
        return true;
      }
      for (let sent = 0; sent < count;) sent += await sendSome(posix, fd, buffer, sent, count);
    } catch (error) {
      if (error instanceof PosixError && error.code === "EAGAIN") return false;
      throw error;
    }
  }
}

async function sendSome(
  posix: Posix,
  fd: number,
  buffer: Uint8Array,
  from: number,
  end: number,
): Promise<number> {
  try {
    return posix.send(fd, buffer.subarray(from, end));
  } catch (error) {
    if (!(error instanceof PosixError) || error.code !== "EAGAIN") throw error;
    await posix.promises.poll([{ fd, events: c.POLLOUT, revents: 0 }], -1);
    return 0;
  }
}

testRings("duplicates share one open file, which ends with the last of them", (posix) => {
  const { client, server } = pair(posix);
  const copy = posix.dup(server);
  posix.fcntl(copy, c.F_SETFL, c.O_NONBLOCK);
  assertEquals(codeOf(() => receive(posix, server)), "EAGAIN");
  posix.close(server);
  posix.send(client, bytes("still there"));
  assertEquals(receive(posix, copy), "still there");
  posix.close(copy);
  assertEquals(receive(posix, client), "");
});

testRings("datagrams keep their bounds and tell who sent them", (posix) => {
  const [one, other] = [0, 0].map(() => {
    const fd = posix.socket(c.AF_INET, c.SOCK_DGRAM);
    posix.bind(fd, loopback());
    return fd;
  });
  const from = posix.getsockname(one);
  posix.sendto(one, bytes("first"), 0, posix.getsockname(other));
  posix.sendto(one, bytes("second"), 0, posix.getsockname(other));
  assertEquals(posix.ioctl(other, c.FIONREAD), 5);
  const buffer = new Uint8Array(3);
  const flags = c.MSG_PEEK | c.MSG_TRUNC;
  assertEquals(posix.recvfrom(other, buffer, flags), { n: 5, address: from });
  const message = { iov: [buffer], name: undefined, flags: 0 };
  assertEquals(posix.recvmsg(other, message), 3);
  assertEquals(message.flags, c.MSG_TRUNC);
  assertEquals(receive(posix, other), "second");
  posix.connect(other, from);
  posix.send(other, bytes("reply"));
  assertEquals(receive(posix, one), "reply");
});

testRings("files are opened under their rules, sent, and spliced", async (posix) => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/file`;
    const fd = posix.open(path, c.O_RDWR | c.O_CREAT | c.O_EXCL, 0o600);
    assertEquals(posix.write(fd, bytes("0123456789")), 10);
    const { client, server } = pair(posix);
    assertEquals(posix.sendfile(client, fd, 2, 5), 5);
    assertEquals(receive(posix, server), "23456");
    const [reader, writer] = posix.pipe2();
    assertEquals(posix.splice(fd, 4, writer, null, 100), 6);
    assertEquals(posix.splice(reader, null, client, null, 100), 6);
    assertEquals(receive(posix, server), "456789");
    assertEquals(codeOf(() => posix.open(path, c.O_CREAT | c.O_EXCL)), "EEXIST");
    assertEquals(codeOf(() => posix.open(`${path}/none`, c.O_RDONLY)), "ENOTDIR");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

testWithoutLeaks("what no rule admits is not opened", async () => {
  const rights = { files: ["file:///nowhere/**"] };
  await using capability = await NetworkCapability.request({ backend: "host", rights });
  await using posix = Posix.open(capability);
  assertEquals(codeOf(() => posix.open("/etc/passwd", c.O_RDONLY)), "EACCES");
});

testHost("Unix sockets connect, and pairs pass descriptors on", async (posix) => {
  const directory = await Deno.makeTempDir();
  try {
    const address = { family: c.AF_UNIX, path: `${directory}/s` };
    const listener = posix.socket(c.AF_UNIX, c.SOCK_STREAM);
    posix.bind(listener, address);
    const early = posix.socket(c.AF_UNIX, c.SOCK_STREAM);
    assertEquals(codeOf(() => posix.connect(early, address)), "ECONNREFUSED");
    posix.listen(listener);
    posix.connect(early, address);
    const { fd } = posix.accept(listener);
    posix.send(early, bytes("hello"));
    assertEquals(receive(posix, fd), "hello");
    const [one, other] = posix.socketpair(c.AF_UNIX, c.SOCK_STREAM);
    const data = new Uint8Array(new Int32Array([fd]).buffer);
    const control = [{ level: c.SOL_SOCKET, type: c.SCM_RIGHTS, data }];
    posix.sendmsg(one, { iov: [bytes("x")], control });
    posix.close(fd);
    posix.close(one);
    // Whoever may not adopt gets none, and is told.
    const message = { iov: [new Uint8Array(1)], controllen: 64, flags: 0 };
    assertEquals(posix.recvmsg(other, message), 1);
    assertEquals(message.flags & c.MSG_CTRUNC, c.MSG_CTRUNC);
    assertEquals(receive(posix, early), "");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

testHost("a name is looked up while the thread blocks", (posix) => {
  const found = posix.getaddrinfo("localhost", "80", {
    family: c.AF_INET,
    socktype: c.SOCK_STREAM,
  });
  assertEquals(found.map(({ addr }) => [addr.address, addr.port]), [["127.0.0.1", 80]]);
  const { host } = posix.getnameinfo(loopback(80), c.NI_NAMEREQD);
  assert(host.length > 0 && host !== "127.0.0.1", host);
  assertThrows(() => posix.getaddrinfo("name.invalid", null), PosixError);
});

const kernel = kernelRefusal();
Deno.test(
  skipUnless(
    "the kernel backend looks names up with blocking calls, too",
    kernel === undefined,
    kernel ?? "",
  ),
  () =>
    assertNoWorkerLeaks(async () => {
      await using capability = await NetworkCapability.request({ backend: "kernel" });
      await using posix = Posix.open(capability);
      const [{ addr }] = posix.getaddrinfo("localhost", "80", { family: c.AF_INET });
      assertEquals(addr.address, "127.0.0.1");
    }),
);

testRings("closing a descriptor ends what is awaited on it", async (posix) => {
  const { client, server } = pair(posix);
  const { listener } = listen(posix);
  const waiting = [
    posix.promises.recv(server, new Uint8Array(1)),
    posix.promises.accept(listener),
  ];
  for (const fd of [server, listener]) posix.close(fd);
  const outcomes = await Promise.allSettled(waiting);
  const codes = outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.code);
  assertEquals(codes, ["EBADF", "EBADF"]);
  assertEquals(receive(posix, client), "");
});

testRings(
  "a capability that is revoked ends what is awaited, and closes all",
  async (posix, c1) => {
    const { client } = pair(posix);
    const waiting = posix.promises.recv(client, new Uint8Array(1));
    const outcome = Promise.allSettled([waiting]);
    await c1.revoke("enough");
    const [{ status }] = await outcome;
    assertEquals(status, "rejected");
    assertEquals(codeOf(() => posix.socket(c.AF_INET, c.SOCK_STREAM)), "EACCES");
    assertEquals(codeOf(() => receive(posix, client)), "EBADF");
  },
);

testRings("whoever could only be woken by himself is told so", (posix) => {
  const [reader] = posix.pipe2();
  assertEquals(codeOf(() => posix.read(reader, new Uint8Array(1))), "EDEADLK");
  const [one] = posix.socketpair(c.AF_UNIX, c.SOCK_STREAM);
  assertEquals(codeOf(() => receive(posix, one)), "EDEADLK");
});

/** An engine whose Worker does what `source` says. */
function engineOf(source: string): RingEngine {
  const options = { plan: PRIVATE_PLAN, worker: true, without: {}, why: "" };
  const entry = new URL(`data:text/javascript,${encodeURIComponent(source)}`);
  return new RingEngine(new BlockingRing(HostWorkerDriver.begin(options, true, entry)));
}

const STATUS = new URL("../../drivers/machine/worker_status.ts", import.meta.url);
/** A Worker that says why it cannot run. */
const FAILING = `
  import { workerData } from "node:worker_threads";
  import { WorkerStatus } from ${JSON.stringify(STATUS.href)};
  new WorkerStatus(workerData.status).fail("no luck");
`;

function block(outcome: Outcome): number {
  return typeof outcome === "number" ? outcome : outcome.block();
}

testWithoutLeaks("a Worker that cannot start ends every call, and says why", async () => {
  const engine = engineOf(FAILING);
  assertEquals(block(engine.socket(c.AF_INET, c.SOCK_STREAM, 0)), -Errno.EIO);
  assertEquals(block(engine.resolver.lookup("localhost", 4, [])), -Errno.EIO);
  assertEquals(engine.failure, "host: the driver Worker did not start: no luck");
  // What needs no other side works on.
  const ends = new Int32Array(2);
  assertEquals(engine.pipe(0, ends), 0);
  assertEquals(block(engine.write(ends[1], [bytes("x")])), 1);
  await engine.dispose();
});

testWithoutLeaks("a Worker that throws ends what is awaited", async () => {
  const engine = engineOf(`throw new Error("no luck")`);
  const outcome = engine.socket(c.AF_INET, c.SOCK_STREAM, 0);
  assert(typeof outcome !== "number");
  assertEquals(await outcome.later(), -Errno.EIO);
  assert(engine.failure?.includes("no luck"), engine.failure);
  await engine.dispose();
});

testWithoutLeaks("what is disposed of ends what is awaited, and takes no more", async () => {
  const capability = await NetworkCapability.request({ backend: "host" });
  const engine = new RingEngine(
    new BlockingRing(capability.openPrivateDriver(PRIVATE_PLAN)),
  );
  const socket = block(engine.socket(c.AF_INET, c.SOCK_DGRAM, 0));
  const outcome = engine.receive(socket, new Uint8Array(8), 8, 0, null);
  assert(typeof outcome !== "number");
  const waiting = outcome.later();
  await engine.dispose();
  assertEquals(await waiting, -Errno.EBADF);
  assertEquals(block(engine.socket(c.AF_INET, c.SOCK_STREAM, 0)), -Errno.EBADF);
  await capability[Symbol.asyncDispose]();
});
