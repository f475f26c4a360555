/**
 * What one call of `posix/` costs, beside libc's own by FFI: alone, between two threads that block,
 * and in a loop over epoll. `bench/compare/` measures servers.
 *
 * @module
 */

import { BACKENDS, open, printMachine } from "./support.ts";
import {
  AF_INET,
  AF_UNIX,
  type EpollEvent,
  Posix,
  SO_TYPE,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../posix/mod.ts";
import type { PosixWorkerStart } from "./posix_worker.ts";

printMachine();

const MESSAGE_BYTES = 64;
const CONNECTIONS = 64;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
const INT = new Uint8Array(new Int32Array([4]).buffer);

const message = new Uint8Array(new ArrayBuffer(MESSAGE_BYTES)).fill(7);
const buffer = new Uint8Array(new ArrayBuffer(4096));

/** The calls that are measured, whoever makes them. */
interface Calls {
  pair(): [number, number];
  socket(): number;
  close(fd: number): void;
  send(fd: number): void;
  recv(fd: number): void;
  getsockopt(fd: number): void;
  epoll(): number;
  watch(epoll: number, fd: number): void;
  /** Calls back for each descriptor that is ready. @returns how many there were */
  wait(epoll: number, ready: (fd: number) => void): number;
}

function posixCalls(posix: Posix): Calls {
  const events: EpollEvent[] = [];
  return {
    pair: () => posix.socketpair(AF_UNIX, SOCK_STREAM),
    socket: () => posix.socket(AF_INET, SOCK_STREAM),
    close: (fd) => posix.close(fd),
    send: (fd) => posix.send(fd, message),
    recv: (fd) => posix.recv(fd, buffer),
    getsockopt: (fd) => posix.getsockopt(fd, SOL_SOCKET, SO_TYPE),
    epoll: () => posix.epoll_create1(),
    watch: (epoll, fd) => posix.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, { events: EPOLLIN, data: fd }),
    wait: (epoll, ready) => {
      const count = posix.epoll_wait(epoll, events, CONNECTIONS, 0);
      for (let index = 0; index < count; index++) ready(events[index].data);
      return count;
    },
  };
}

function libcCalls(): Calls {
  const { symbols: libc } = Deno.dlopen("libc.so.6", {
    // int socketpair(int domain, int type, int protocol, int pair[2])
    socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
    // int socket(int domain, int type, int protocol)
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    // int close(int fd)
    close: { parameters: ["i32"], result: "i32" },
    // ssize_t send(int fd, const void *buffer, size_t length, int flags)
    send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
    // ssize_t recv(int fd, void *buffer, size_t length, int flags)
    recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
    // int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
    getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
    // int epoll_create1(int flags)
    epoll_create1: { parameters: ["i32"], result: "i32" },
    // int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
    epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
    // int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
    epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  });
  const words = new Int32Array(new ArrayBuffer(8));
  const value = new Uint8Array(words.buffer);
  // Packed on x86-64 only. Source: epoll_ctl(2).
  const [dataAt, eventBytes] = Deno.build.arch === "x86_64" ? [4, 12] : [8, 16];
  const events = new Uint8Array(new ArrayBuffer(CONNECTIONS * eventBytes));
  const view = new DataView(events.buffer);
  return {
    pair: () => {
      libc.socketpair(AF_UNIX, SOCK_STREAM, 0, value);
      return [words[0], words[1]];
    },
    socket: () => libc.socket(AF_INET, SOCK_STREAM, 0),
    close: (fd) => libc.close(fd),
    send: (fd) => libc.send(fd, message, MESSAGE_BYTES, 0),
    recv: (fd) => libc.recv(fd, buffer, buffer.length, 0),
    getsockopt: (fd) => libc.getsockopt(fd, SOL_SOCKET, SO_TYPE, value, INT),
    epoll: () => libc.epoll_create1(0),
    watch: (epoll, fd) => {
      view.setUint32(0, EPOLLIN, true);
      view.setUint32(dataAt, fd, true);
      libc.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, events);
    },
    wait: (epoll, ready) => {
      const count = libc.epoll_wait(epoll, events, CONNECTIONS, 0);
      for (let at = 0; at < count; at++) ready(view.getUint32(at * eventBytes + dataAt, true));
      return count;
    },
  };
}

function benchAlone(peer: string, calls: Calls, isBaseline: boolean): void {
  const bench = (group: string, fn: () => void): void =>
    Deno.bench({ name: peer, group, baseline: isBaseline, fn });
  const [left, right] = calls.pair();
  bench("send and recv of 64 B, one after the other", () => {
    calls.send(left);
    calls.recv(right);
  });
  bench("getsockopt", () => calls.getsockopt(left));
  bench("socket and close", () => calls.close(calls.socket()));
  const idle = calls.epoll();
  calls.watch(idle, right);
  bench("epoll_wait, nothing ready", () => {
    calls.wait(idle, () => {});
  });
  const epoll = calls.epoll();
  const clients: number[] = [];
  for (let index = 0; index < CONNECTIONS; index++) {
    const [client, server] = calls.pair();
    clients.push(client);
    calls.watch(epoll, server);
  }
  const serve = (fd: number): void => {
    calls.recv(fd);
    calls.send(fd);
  };
  bench(`echo over epoll, ${CONNECTIONS} connections, all in turn`, () => {
    for (const client of clients) calls.send(client);
    for (let served = 0; served < CONNECTIONS;) served += calls.wait(epoll, serve);
    for (const client of clients) calls.recv(client);
  });
}

/** The other thread echoes; both block. */
async function benchPingPong(peer: string, calls: Calls, table?: Posix["table"]): Promise<void> {
  const [left, right] = calls.pair();
  const worker = new Worker(new URL("./posix_worker.ts", import.meta.url), { type: "module" });
  const start: PosixWorkerStart = { fd: right, table };
  worker.postMessage(start);
  await new Promise((resolve) => worker.onmessage = resolve);
  Deno.bench({
    name: peer,
    group: "ping-pong of 64 B between two threads that block",
    baseline: table === undefined,
    fn: () => {
      calls.send(left);
      calls.recv(left);
    },
  });
}

const libc = BACKENDS.includes("kernel") ? libcCalls() : null;
if (libc !== null) {
  benchAlone("libc by FFI", libc, true);
  await benchPingPong("libc by FFI", libc);
}
for (const backend of BACKENDS) {
  const posix = Posix.open(await open(backend));
  benchAlone(`posix, ${backend}`, posixCalls(posix), false);
  if (backend === "kernel") {
    await benchPingPong(`posix, ${backend}`, posixCalls(posix), posix.table);
  }
}
