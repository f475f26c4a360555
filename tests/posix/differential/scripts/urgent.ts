/**
 * Scripts: urgent data.
 *
 * @module
 */

import type { RecordedCalls } from "../recorder.ts";
import { bytes, room, type ScriptContext, type Scripts } from "../script.ts";
import {
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_OOB,
  MSG_PEEK,
  MSG_WAITALL,
  POLLPRI,
  SIOCATMARK,
  SO_OOBINLINE,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../../../posix/constants/mod.ts";

/** Has "before" in a stream, the urgent byte, and "after". @returns the end that receives them */
function markedStream(c: RecordedCalls, t: ScriptContext): number {
  const [client, server] = t.streamPair();
  c.send(client, bytes("before"));
  c.send(client, bytes("!"), MSG_OOB);
  c.send(client, bytes("after"));
  t.settle(server, POLLPRI);
  t.settleBytes(server, 6);
  return server;
}

/** `MSG_OOB`, `SO_OOBINLINE`, `SIOCATMARK`. */
export const urgent: Scripts = {
  "an urgent byte is apart from the stream": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("abc"));
    c.send(client, bytes("!"), MSG_OOB);
    t.settle(server, POLLPRI);
    c.recv(server, room(1), MSG_OOB);
    t.expect(1);
    c.recv(server, room(8));
    t.expect(3);
  },
  "the last byte of an urgent send is the urgent one": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("hurry!"), MSG_OOB);
    t.settle(server, POLLPRI);
    c.recv(server, room(1), MSG_OOB);
    c.recv(server, room(8));
    t.expect(5);
  },
  "no urgent byte is invalid": (c, t) => {
    const [, server] = t.streamPair();
    c.recv(server, room(1), MSG_OOB);
    t.expect("EINVAL");
  },
  "an urgent byte is taken once": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("!"), MSG_OOB);
    t.settle(server, POLLPRI);
    c.recv(server, room(1), MSG_OOB);
    t.expect(1);
    c.recv(server, room(1), MSG_OOB);
    t.expect("EINVAL");
  },
  "an urgent byte may be looked at": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("!"), MSG_OOB);
    t.settle(server, POLLPRI);
    c.recv(server, room(1), MSG_OOB | MSG_PEEK);
    t.expect(1);
    c.recv(server, room(1), MSG_OOB);
    t.expect(1);
  },
  "receiving stops at the mark": (c, t) => {
    const server = markedStream(c, t);
    c.ioctl(server, SIOCATMARK);
    t.expect(0);
    c.recv(server, room(32));
    t.expect(6);
    c.ioctl(server, SIOCATMARK);
    t.expect(1);
    c.recv(server, room(32));
    t.expect(5);
    c.ioctl(server, SIOCATMARK);
    t.expect(0);
  },
  "MSG_WAITALL ends at the mark": (c, t) => {
    const server = markedStream(c, t);
    c.recv(server, room(9), MSG_WAITALL | MSG_PEEK);
    t.expect(6);
    c.recv(server, room(9), MSG_WAITALL);
    t.expect(6);
    c.recvmsg(server, { iov: [room(2), room(3)] }, MSG_WAITALL);
    t.expect(5);
  },
  "MSG_WAITALL ends at the mark of a Unix pair": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, bytes("before!"), MSG_OOB);
    c.send(a, bytes("after"));
    c.recv(b, room(9), MSG_WAITALL | MSG_PEEK);
    t.expect(6);
    c.recvmsg(b, { iov: [room(4), room(5)] }, MSG_WAITALL);
    t.expect(6);
    c.recv(b, room(5), MSG_WAITALL);
    t.expect(5);
  },
  "MSG_WAITALL ends at the mark of a byte in the stream": (c, t) => {
    const [client, server] = t.streamPair();
    c.setsockopt(server, SOL_SOCKET, SO_OOBINLINE, 1);
    c.send(client, bytes("before!"), MSG_OOB);
    t.settle(server, POLLPRI);
    t.settleBytes(server, 6);
    c.recv(server, room(9), MSG_WAITALL);
    t.expect(6);
    c.recv(server, room(1), MSG_WAITALL);
    t.expect(1);
  },
  "SO_OOBINLINE leaves the byte in the stream": (c, t) => {
    const [client, server] = t.streamPair();
    c.setsockopt(server, SOL_SOCKET, SO_OOBINLINE, 1);
    c.send(client, bytes("a"));
    c.send(client, bytes("!"), MSG_OOB);
    t.settle(server, POLLPRI);
    c.recv(server, room(1), MSG_OOB);
    t.expect("EINVAL");
    c.recv(server, room(8));
    t.expect(1);
    c.ioctl(server, SIOCATMARK);
    t.expect(1);
    c.recv(server, room(8));
    t.expect(1);
  },
  "a second urgent byte replaces the first": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("1"), MSG_OOB);
    t.settle(server, POLLPRI);
    c.send(client, bytes("2"), MSG_OOB);
    t.settleUntil("the second byte", (c) => {
      const byte = room(1);
      return c.recv(server, byte, MSG_OOB | MSG_PEEK) === 1 && byte[0] === bytes("2")[0];
    });
    c.recv(server, room(1), MSG_OOB);
    c.recv(server, room(8), MSG_DONTWAIT);
    c.recv(server, room(8), MSG_DONTWAIT);
    t.expect("EAGAIN");
  },
  "no room for the urgent byte": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("!"), MSG_OOB);
    t.settle(server, POLLPRI);
    const message = { iov: [room(0)] };
    c.recvmsg(server, message, MSG_OOB);
    t.expect(0);
  },
  "datagrams are not urgent": (c, t) => {
    const a = t.datagram();
    c.sendto(a.fd, bytes("x"), MSG_OOB, a.address);
    t.expect("ENOTSUP");
    c.recv(a.fd, room(1), MSG_OOB | MSG_DONTWAIT);
    t.expect("EAGAIN");
  },
  "Unix streams have urgent bytes, datagrams not": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.send(a, bytes("x"), MSG_OOB);
    c.recv(b, room(1), MSG_OOB | MSG_DONTWAIT);
    const [d] = c.socketpair(AF_UNIX, SOCK_DGRAM);
    c.send(d, bytes("x"), MSG_OOB);
    t.expect("ENOTSUP");
  },
};
