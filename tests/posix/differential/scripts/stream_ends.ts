/**
 * Scripts: how TCP connections end, and how much they take.
 *
 * @module
 */

import { bytes, loopback, pattern, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  F_SETFL,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  O_NONBLOCK,
  POLLERR,
  POLLIN,
  POLLOUT,
  SHUT_WR,
  SO_ERROR,
  SO_LINGER,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../../../posix/constants/mod.ts";
import { Errno } from "../../../../ring/abi/errno.ts";

/** Resets, `EPIPE`, full buffers. */
export const streamEnds: Scripts = {
  "closing a listener resets who waits to be accepted": (c, t) => {
    const listener = t.listener();
    const fd = c.socket(AF_INET, SOCK_STREAM);
    c.connect(fd, listener.address);
    c.close(listener.fd);
    t.settle(fd, POLLIN);
    c.recv(fd, room(1));
    t.expect("ECONNRESET");
    c.recv(fd, room(1));
    t.expect(0);
  },
  "closing with unread bytes resets the peer": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("unread"));
    t.settleBytes(server, 6);
    c.close(server);
    t.settle(client, POLLIN);
    c.recv(client, room(1));
    t.expect("ECONNRESET");
    c.send(client, bytes("x"), MSG_NOSIGNAL);
    t.expect("EPIPE");
  },
  "a linger of zero resets the peer": (c, t) => {
    const [client, server] = t.streamPair();
    c.setsockopt(client, SOL_SOCKET, SO_LINGER, { onoff: 1, linger: 0 });
    c.close(client);
    t.settle(server, POLLIN);
    c.getsockopt(server, SOL_SOCKET, SO_ERROR);
    t.expect(Errno.ECONNRESET);
    c.getsockopt(server, SOL_SOCKET, SO_ERROR);
    t.expect(0);
    c.recv(server, room(1));
    t.expect(0);
  },
  "bytes that came before a reset come before its error": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("kept"));
    t.settleBytes(server, 4);
    c.setsockopt(client, SOL_SOCKET, SO_LINGER, { onoff: 1, linger: 0 });
    c.close(client);
    t.settle(server, POLLERR);
    c.recv(server, room(8));
    t.expect(4);
    c.recv(server, room(8));
    t.expect("ECONNRESET");
  },
  "sending to a peer that has closed comes to a reset, then to EPIPE": (c, t) => {
    const [client, server] = t.streamPair();
    c.close(server);
    t.settle(client, POLLIN);
    c.send(client, bytes("first"), MSG_NOSIGNAL);
    t.expect(5);
    t.settle(client, POLLERR);
    c.send(client, bytes("second"), MSG_NOSIGNAL);
    t.expect("EPIPE");
    c.recv(client, room(4));
    t.expect(0);
  },
  "EPIPE comes with or without MSG_NOSIGNAL, and no signal ends the program": (c, t) => {
    const [client] = t.streamPair();
    c.shutdown(client, SHUT_WR);
    c.send(client, bytes("x"), 0);
    t.expect("EPIPE");
    c.send(client, bytes("x"), MSG_NOSIGNAL);
    t.expect("EPIPE");
    c.write(client, bytes("x"));
    t.expect("EPIPE");
  },
  "nothing sent is nothing": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes(""), 0);
    t.expect(0);
    c.send(client, null, 0);
    t.expect(0);
    c.recv(server, room(1), MSG_DONTWAIT);
    t.expect("EAGAIN");
  },
  "sendto on a connection goes to the peer, whatever the address": (c, t) => {
    const [client, server] = t.streamPair();
    c.sendto(client, bytes("peer"), 0, loopback(9));
    t.expect(4);
    c.sendto(client, bytes("peer"), 0, null);
    t.expect(4);
    c.recv(server, room(8));
  },
  "recvfrom on a connection tells no address": (c, t) => {
    const [client, server] = t.streamPair();
    c.send(client, bytes("who"));
    c.recvfrom(server, room(8), 0);
    t.expect("{ address: NULL, n: 3 }");
  },
  "a full send buffer is EAGAIN, and drained it takes bytes again": (c, t) => {
    const [client, server] = t.streamPair();
    c.fcntl(client, F_SETFL, O_NONBLOCK);
    const full = t.quietly(() => {
      for (let sent = 0; sent < 1 << 26;) {
        const n = c.send(client, pattern(1 << 16));
        if (n < 0) return true;
        sent += n;
      }
      return false;
    });
    t.note("full", full);
    c.send(client, bytes("x"));
    t.settleUntil("room to send", (c) => {
      while (c.recv(server, room(1 << 16), MSG_DONTWAIT) > 0);
      const entry = { fd: client, events: POLLOUT, revents: 0 };
      return c.poll([entry], 0) === 1;
    });
    c.send(client, bytes("more"));
    t.expect(4);
  },
  "much comes as it was sent": (c, t) => {
    const [client, server] = t.streamPair();
    c.fcntl(client, F_SETFL, O_NONBLOCK);
    const data = pattern(300_000);
    const received: number[] = [];
    let sent = 0;
    t.settleUntil("all bytes", (c) => {
      const n = c.send(client, data.subarray(sent));
      if (n > 0) sent += n;
      const buffer = room(1 << 16);
      const got = c.recv(server, buffer, MSG_DONTWAIT);
      for (let at = 0; at < got; at++) received.push(buffer[at]);
      return received.length === data.length;
    });
    t.note("bytes", Uint8Array.from(received));
  },
};
