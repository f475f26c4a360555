/**
 * Echo through `posix/`: a thread that blocks on one connection at a time, or edge-triggered epoll.
 *
 * `deno run --allow-net=127.0.0.1 --allow-ffi millrace_posix.ts --style blocking|epoll [--port 0]
 * [--lifetime 600]`
 */
import { NetworkCapability } from "../../../mod.ts";
import { type EpollEvent, Posix, PosixError } from "../../../posix/mod.ts";
import { announce, argument, endByAlarm } from "./arguments.ts";

const BUFFER_BYTES = 64 * 1024;
const EVENTS = 1024;

endByAlarm();
await using capability = await NetworkCapability.request({
  backend: "kernel",
  rights: { tcp: true, listen: true },
});
await using posix = Posix.open(capability);
const { AF_INET, EPOLLET, EPOLLIN, EPOLLOUT, EPOLLRDHUP, MSG_NOSIGNAL, SOCK_NONBLOCK } = posix;
const isEpoll = argument("style", "blocking") === "epoll";
const buffer = new Uint8Array(BUFFER_BYTES);

const listener = posix.socket(AF_INET, posix.SOCK_STREAM | (isEpoll ? SOCK_NONBLOCK : 0));
posix.bind(listener, {
  family: AF_INET,
  address: "127.0.0.1",
  port: Number(argument("port", "0")),
});
posix.listen(listener);
announce(posix.getsockname(listener).port!);
if (isEpoll) serveEpoll();
else serveBlocking();

function serveBlocking(): never {
  while (true) {
    const fd = acceptOne();
    if (fd < 0) continue;
    try {
      echoBlocking(fd);
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
    }
    posix.close(fd);
  }
}

function echoBlocking(fd: number): void {
  while (true) {
    const count = posix.recv(fd, buffer);
    if (count === 0) return;
    posix.send(fd, buffer, count, MSG_NOSIGNAL);
  }
}

/** @returns a connection, or -1 */
function acceptOne(): number {
  try {
    const { fd } = posix.accept4(listener, isEpoll ? SOCK_NONBLOCK : 0);
    posix.setsockopt(fd, posix.IPPROTO_TCP, posix.TCP_NODELAY, 1);
    return fd;
  } catch (error) {
    if (error instanceof PosixError) return -1;
    throw error;
  }
}

function serveEpoll(): never {
  const poller = posix.epoll_create1();
  const events: EpollEvent[] = [];
  /** What sockets did not take at once. */
  const pending = new Map<number, Uint8Array>();
  const watch = (operation: number, fd: number, mask: number): void =>
    posix.epoll_ctl(poller, operation, fd, { events: mask, data: fd });
  const end = (fd: number): void => {
    pending.delete(fd);
    posix.close(fd);
  };
  const flush = (fd: number): void => {
    const rest = pending.get(fd)!;
    const sent = posix.send(fd, rest, MSG_NOSIGNAL);
    if (sent < rest.length) {
      pending.set(fd, rest.subarray(sent));
    } else {
      pending.delete(fd);
      watch(posix.EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLET | EPOLLRDHUP);
    }
  };
  const echo = (fd: number, isEnded: boolean): void => {
    while (true) {
      const count = posix.recv(fd, buffer);
      if (count === 0) return end(fd);
      const sent = posix.send(fd, buffer, count, MSG_NOSIGNAL);
      if (sent < count) {
        pending.set(fd, buffer.slice(sent, count));
        return watch(posix.EPOLL_CTL_MOD, fd, EPOLLOUT);
      }
      // A receive that did not fill the buffer emptied the socket.
      if (!isEnded && count < BUFFER_BYTES) return;
    }
  };
  /** A signal ends a wait, such as a profiler's. */
  const wait = (): number => {
    try {
      return posix.epoll_wait(poller, events, EVENTS, -1);
    } catch (error) {
      if (error instanceof PosixError && error.code === "EINTR") return 0;
      throw error;
    }
  };
  watch(posix.EPOLL_CTL_ADD, listener, EPOLLIN);
  while (true) {
    const ready = wait();
    for (let index = 0; index < ready; index++) {
      const { data: fd, events: mask } = events[index];
      if (fd === listener) {
        for (let next = acceptOne(); next >= 0; next = acceptOne()) {
          watch(posix.EPOLL_CTL_ADD, next, EPOLLIN | EPOLLET | EPOLLRDHUP);
        }
        continue;
      }
      try {
        if ((mask & EPOLLOUT) !== 0) flush(fd);
        else echo(fd, (mask & EPOLLRDHUP) !== 0);
      } catch (error) {
        if (!(error instanceof PosixError)) throw error;
        if (error.code !== "EAGAIN") end(fd);
      }
    }
  }
}
