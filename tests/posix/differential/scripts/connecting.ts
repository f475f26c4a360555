/**
 * Scripts: connections that nobody waits for.
 *
 * @module
 */

import { bytes, loopback, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_UNIX,
  AF_UNSPEC,
  F_SETFL,
  MSG_FASTOPEN,
  MSG_NOSIGNAL,
  O_NONBLOCK,
  POLLERR,
  POLLIN,
  POLLOUT,
  SO_ACCEPTCONN,
  SO_ERROR,
  SO_SNDTIMEO,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../../../posix/constants/mod.ts";
import { Errno } from "../../../../ring/abi/errno.ts";

/** A non-blocking `connect(2)` and what follows. */
export const connecting: Scripts = {
  "a connection in progress is there when it can be written": (c, t) => {
    const listener = t.listener();
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    c.connect(fd, listener.address);
    t.expect("EINPROGRESS");
    t.settle(fd, POLLOUT);
    c.poll([{ fd, events: POLLOUT, revents: 0 }], 0);
    c.getsockopt(fd, SOL_SOCKET, SO_ERROR);
    t.expect(0);
    c.getpeername(fd);
    c.connect(fd, listener.address);
    c.connect(fd, listener.address);
    t.expect("EISCONN");
  },
  "a connection that is refused is told by SO_ERROR": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    c.connect(fd, t.deadAddress());
    t.expect("EINPROGRESS");
    t.settle(fd, POLLOUT);
    c.poll([{ fd, events: POLLIN | POLLOUT, revents: 0 }], 0);
    c.getsockopt(fd, SOL_SOCKET, SO_ERROR);
    t.expect(Errno.ECONNREFUSED);
    c.getsockopt(fd, SOL_SOCKET, SO_ERROR);
    t.expect(0);
    c.getpeername(fd);
    t.expect("ENOTCONN");
  },
  "a connection that is refused is told by connecting again": (c, t) => {
    const address = t.deadAddress();
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    c.connect(fd, address);
    t.settle(fd, POLLOUT);
    c.connect(fd, address);
    t.expect("ECONNREFUSED");
  },
  "a connection that is refused is told by sending": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    c.connect(fd, t.deadAddress());
    t.settle(fd, POLLERR);
    c.send(fd, bytes("x"), MSG_NOSIGNAL);
    t.expect("ECONNREFUSED");
    c.send(fd, bytes("x"), MSG_NOSIGNAL);
    t.expect("EPIPE");
  },
  "a connection that is refused is told by receiving": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    c.connect(fd, t.deadAddress());
    t.settle(fd, POLLERR);
    c.recv(fd, room(4));
    t.expect("ECONNREFUSED");
    c.recv(fd, room(4));
  },
  "a refused socket may be connected elsewhere": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    c.connect(fd, t.deadAddress());
    t.settle(fd, POLLERR);
    c.getsockopt(fd, SOL_SOCKET, SO_ERROR);
    const listener = t.listener();
    c.connect(fd, listener.address);
    t.settle(fd, POLLOUT);
    c.getsockopt(fd, SOL_SOCKET, SO_ERROR);
    t.expect(0);
    c.getpeername(fd);
  },
  "a full backlog leaves a connection in progress, and asking again is EALREADY": (c, t) => {
    const listener = t.listener({ backlog: 0 });
    c.connect(c.socket(AF_INET, SOCK_STREAM), listener.address);
    // The kernel drops what asks now, and what asks is asked to wait.
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    c.connect(fd, listener.address);
    t.expect("EINPROGRESS");
    c.connect(fd, listener.address);
    t.expect("EALREADY");
    c.poll([{ fd, events: POLLIN | POLLOUT, revents: 0 }], 0);
    t.expect(0);
    c.recv(fd, room(4));
    t.expect("EAGAIN");
    c.send(fd, bytes("x"));
    t.expect("EAGAIN");
    c.getpeername(fd);
    t.expect("ENOTCONN");
  },
  "a blocking connect gives up after SO_SNDTIMEO and goes on meanwhile": (c, t) => {
    const listener = t.listener({ backlog: 0 });
    c.connect(c.socket(AF_INET, SOCK_STREAM), listener.address);
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, { sec: 0, usec: 50_000 });
    t.waits(() => c.connect(fd, listener.address));
    t.expect("EINPROGRESS");
    t.waits(() => c.connect(fd, listener.address));
    t.expect("EALREADY");
  },
  "AF_UNSPEC gives a connection in progress up": (c, t) => {
    const listener = t.listener({ backlog: 0 });
    c.connect(c.socket(AF_INET, SOCK_STREAM), listener.address);
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    c.connect(fd, listener.address);
    c.connect(fd, { family: AF_UNSPEC, data: new Uint8Array(14) });
    c.connect(fd, t.listener().address);
    t.settle(fd, POLLOUT);
    c.getsockopt(fd, SOL_SOCKET, SO_ERROR);
    t.expect(0);
  },
  "a listener in progress of nothing": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
    c.connect(fd, t.deadAddress());
    t.settle(fd, POLLERR);
    c.listen(fd);
    c.getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN);
  },
  "a socket that was refused while it waited connects elsewhere without waiting": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.connect(fd, t.deadAddress());
    t.expect("ECONNREFUSED");
    c.fcntl(fd, F_SETFL, O_NONBLOCK);
    c.connect(fd, t.listener().address);
    t.expect("EINPROGRESS");
    t.settle(fd, POLLOUT);
    c.getsockopt(fd, SOL_SOCKET, SO_ERROR);
    t.expect(0);
    c.getpeername(fd);
  },
  "a Unix socket connects at once": (c, t) => {
    const { address } = t.listener({ address: t.unixAddress("s") });
    const fd = c.socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
    c.connect(fd, address);
    t.expect(0);
    c.poll([{ fd, events: POLLIN | POLLOUT, revents: 0 }], 0);
  },
  "a datagram socket connects at once": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK);
    c.connect(fd, loopback(9));
    t.expect(0);
    c.connect(fd, loopback(10));
    t.expect(0);
  },
  "a socket that was never connected hangs up": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.poll([{ fd, events: POLLIN | POLLOUT, revents: 0 }], 0);
    t.expect(1);
    const unix = c.socket(AF_UNIX, SOCK_STREAM);
    c.poll([{ fd: unix, events: POLLIN | POLLOUT, revents: 0 }], 0);
    t.expect(1);
  },
  "MSG_FASTOPEN connects as it sends": (c, t) => {
    const listener = t.listener();
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.sendto(fd, bytes("first"), MSG_FASTOPEN, listener.address);
    const connection = c.accept(listener.fd).fd;
    t.settleBytes(connection, 5);
    c.recv(connection, room(8));
    t.expect(5);
  },
  "MSG_FASTOPEN needs somewhere to connect to": (c, t) => {
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.send(fd, bytes("x"), MSG_FASTOPEN | MSG_NOSIGNAL);
    t.expect("EINVAL");
  },
};
