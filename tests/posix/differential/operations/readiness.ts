/**
 * Random calls that tell what is ready.
 *
 * @module
 */

import { EPOLL, FD, type Operation } from "./world.ts";
import * as k from "../../../../posix/constants/mod.ts";
import { FdSet } from "../../../../posix/fd_set.ts";

const EVENTS = [
  k.POLLIN,
  k.POLLOUT,
  k.POLLIN | k.POLLOUT,
  k.POLLRDHUP | k.POLLPRI,
  0,
  k.POLLIN | k.POLLRDNORM | k.POLLWRNORM,
];
const EPOLL_FLAGS = [0, k.EPOLLET, k.EPOLLONESHOT, k.EPOLLEXCLUSIVE, k.EPOLLET | k.EPOLLONESHOT];

/** Calls that tell what is ready. */
export const READINESS: Readonly<Record<string, Operation>> = {
  poll: {
    weight: 4,
    picks: [FD, FD, FD, EVENTS.length],
    run({ c }, first, second, third, events) {
      const fds = [first, second, third].map((fd, at) => ({
        fd: fd,
        events: EVENTS[(events + at) % EVENTS.length],
        revents: 0,
      }));
      c.poll(fds, 0);
    },
  },
  select: {
    weight: 2,
    picks: [FD, FD, FD],
    run({ c }, read, write, except) {
      const set = (fd: number) => new FdSet(fd < 0 ? [] : [fd, 4]);
      c.select(80, set(read), set(write), set(except), { sec: 0, usec: 0 });
    },
  },
  epollControl: {
    weight: 3,
    picks: [EPOLL, 4, FD, EVENTS.length, EPOLL_FLAGS.length],
    run({ c, files }, epoll, operation, fd, events, flags) {
      // Linux refuses to watch a file before it asks by whom.
      if (files.length > 0) return;
      const event = { events: (EVENTS[events] | EPOLL_FLAGS[flags]) >>> 0, data: fd };
      c.epoll_ctl(epoll, operation + 1, fd, event);
    },
  },
  epollWait: {
    weight: 3,
    picks: [EPOLL],
    run: ({ c }, epoll) => void c.epoll_wait(epoll, [], 16, 0),
  },
};
