/**
 * Scripts: readiness in sets of bits.
 *
 * @module
 */

import { bytes, type Scripts } from "../script.ts";
import {
  AF_INET,
  MSG_OOB,
  POLLERR,
  POLLPRI,
  SHUT_WR,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "../../../../posix/constants/mod.ts";
import { FdSet } from "../../../../posix/fd_set.ts";

const AT_ONCE = { sec: 0, usec: 0 };

/** `select(2)`. */
export const select: Scripts = {
  "what is ready stays in the sets": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("x"));
    t.settle(server);
    const both = [client, server];
    c.select(server + 1, new FdSet(both), new FdSet(both), new FdSet(both), { ...AT_ONCE });
    t.expect(3);
  },
  "nothing is ready": (c, t) => {
    const { fd } = t.datagram();
    c.select(fd + 1, new FdSet([fd]), null, new FdSet([fd]), { ...AT_ONCE });
    t.expect(0);
  },
  "no sets are a sleep": (c, t) => {
    t.waits(() => c.select(0, null, null, null, { sec: 0, usec: 50_000 }));
    t.expect(0);
  },
  "what is left of the time is written": (c, t) => {
    const { fd } = t.datagram();
    const over = { sec: 0, usec: 50_000 };
    t.waits(() => c.select(fd + 1, new FdSet([fd]), null, null, over));
    const left = { sec: 60, usec: 0 };
    t.quietly(() => c.select(fd + 1, null, new FdSet([fd]), null, left));
    t.note("most is left", left.sec >= 58 && left.sec <= 60);
  },
  "for ever is over at once where something is ready": (c, t) => {
    const { fd } = t.datagram();
    t.isPrompt(() => c.select(fd + 1, null, new FdSet([fd]), null, null));
    t.expect(1);
    t.isPrompt(() => c.select(fd + 1, null, new FdSet([fd]), null));
    t.expect(1);
  },
  "only descriptors below the number count": (c, t) => {
    const { fd } = t.datagram();
    c.select(fd, null, new FdSet([fd]), null, { ...AT_ONCE });
    t.expect(0);
    c.select(0, null, new FdSet([fd, 77]), null, { ...AT_ONCE });
    t.expect(0);
  },
  "a closed descriptor is EBADF, and leaves the sets": (c, t) => {
    const { fd } = t.datagram();
    c.select(21, new FdSet([20]), new FdSet([fd]), null, { ...AT_ONCE });
    t.expect("EBADF");
    c.close(fd);
    c.select(fd + 1, null, new FdSet([fd]), null, { ...AT_ONCE });
    t.expect("EBADF");
  },
  "a number below 0 is invalid": (c, t) => {
    c.select(-1, null, null, null, { ...AT_ONCE });
    t.expect("EINVAL");
  },
  "a time below 0 is invalid": (c, t) => {
    c.select(0, null, null, null, { sec: -1, usec: 0 });
    t.expect("EINVAL");
    c.select(0, null, null, null, { sec: 0, usec: -1 });
    t.expect("EINVAL");
  },
  "microseconds may be more than a second": (c, t) => {
    const { fd } = t.datagram();
    const time = { sec: 0, usec: 2_000_000 };
    t.quietly(() => c.select(fd + 1, null, new FdSet([fd]), null, time));
    t.expect(1);
  },
  "the end of a stream can be read": (c, t) => {
    const [client, server] = t.streamPair();
    c.shutdown(client, SHUT_WR);
    t.settle(server);
    c.select(server + 1, new FdSet([server]), null, null, { ...AT_ONCE });
    t.expect(1);
  },
  "urgent data is an exception": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("!"), MSG_OOB);
    t.settle(server, POLLPRI);
    c.select(server + 1, new FdSet([server]), null, new FdSet([server]), { ...AT_ONCE });
  },
  "a listener can be read once somebody asks": (c, t) => {
    const listener = t.listener();
    c.connect(c.socket(AF_INET, SOCK_STREAM), listener.address);
    t.settle(listener.fd);
    c.select(listener.fd + 1, new FdSet([listener.fd]), null, null, { ...AT_ONCE });
    t.expect(1);
  },
  "a connection that is refused can be read and written": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    c.connect(fd, t.deadAddress());
    t.settle(fd, POLLERR);
    const one = [fd];
    c.select(fd + 1, new FdSet(one), new FdSet(one), new FdSet(one), { ...AT_ONCE });
    t.expect(2);
  },
  "the ends of pipes": (c) => {
    const [read, write] = c.pipe2();
    const both = [read, write];
    c.select(write + 1, new FdSet(both), new FdSet(both), new FdSet(both), { ...AT_ONCE });
    c.write(write, bytes("x"));
    c.select(write + 1, new FdSet(both), new FdSet(both), new FdSet(both), { ...AT_ONCE });
    c.close(write);
    c.select(write, new FdSet([read]), new FdSet([read]), new FdSet([read]), { ...AT_ONCE });
  },
  "many descriptors at once": (c, t) => {
    const fds = Array.from({ length: 40 }, () => t.quietly(() => t.datagram()));
    for (const at of [0, 7, 31, 32, 39]) c.sendto(fds[0].fd, bytes("x"), 0, fds[at].address);
    for (const at of [0, 7, 31, 32, 39]) t.settle(fds[at].fd);
    const numbers = fds.map(({ fd }) => fd);
    c.select(64, new FdSet(numbers), null, null, { ...AT_ONCE });
    t.expect(5);
  },
};
