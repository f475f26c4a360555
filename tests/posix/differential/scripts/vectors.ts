/**
 * Scripts: reads and writes, in one buffer and in several.
 *
 * @module
 */

import { bytes, room, type Scripts } from "../script.ts";
import {
  AF_UNIX,
  O_RDWR,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "../../../../posix/constants/mod.ts";

/** `read(2)`, `write(2)`, `readv(2)`, `writev(2)`. */
export const vectors: Scripts = {
  "a socket is read and written like a file": (c, t) => {
    const [client, server] = t.streamPair();
    c.write(client, bytes("bytes"));
    t.settleBytes(server, 5);
    c.read(server, room(3));
    t.expect(3);
    c.read(server, room(3));
    t.expect(2);
  },
  "a count stands for the buffer's length": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.write(a, bytes("abcdef"), 4);
    t.expect(4);
    c.read(b, room(8), 2);
    t.expect(2);
    c.read(b, room(8), 8);
    t.expect(2);
  },
  "reading nothing from a socket that has ended or not": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.write(a, bytes("x"));
    c.read(b, room(4), 0);
    t.expect(0);
    c.read(b, room(4));
    t.expect(1);
  },
  "writing nothing writes nothing": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
    c.write(a, bytes(""));
    t.expect(0);
    c.read(b, room(4));
    t.expect("EAGAIN");
  },
  "buffers are gathered and scattered in their order": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.writev(a, [bytes("one"), bytes(""), bytes("twelve")]);
    t.expect(9);
    c.readv(b, [room(2), room(0), room(3), room(8)]);
    t.expect(9);
  },
  "a datagram is gathered from its buffers": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_DGRAM);
    c.writev(a, [bytes("one"), bytes("two")]);
    c.writev(a, [bytes("next")]);
    c.readv(b, [room(4), room(4)]);
    t.expect(6);
    c.readv(b, [room(1), room(1)]);
    t.expect(2);
  },
  "no buffers": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
    c.writev(a, []);
    t.expect(0);
    c.readv(b, []);
    t.expect(0);
  },
  "more buffers than there may be": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const many = Array.from({ length: 1025 }, () => bytes("x"));
    t.quietly(() => c.writev(a, many));
    t.expect("EINVAL");
    t.quietly(() => c.readv(b, many));
    t.expect("EINVAL");
    t.quietly(() => c.writev(a, many.slice(1)));
    t.expect(1024);
  },
  "descriptors that are none": (c, t) => {
    for (const fd of [-1, 60, 1000, 1 << 30]) {
      c.read(fd, room(1));
      t.expect("EBADF");
      c.write(fd, bytes("x"));
      t.expect("EBADF");
      c.readv(fd, [room(1)]);
      t.expect("EBADF");
      c.writev(fd, [bytes("x")]);
      t.expect("EBADF");
    }
  },
  "a closed descriptor is none": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.close(a);
    c.read(a, room(1));
    t.expect("EBADF");
    c.write(b, bytes("x"));
    t.expect("EPIPE");
  },
  "an epoll instance is neither read nor written": (c, t) => {
    const fd = c.epoll_create1();
    c.read(fd, room(4));
    t.expect("EINVAL");
    c.write(fd, bytes("x"));
    t.expect("EINVAL");
    c.readv(fd, [room(4)]);
    t.expect("EINVAL");
    c.writev(fd, [bytes("x")]);
    t.expect("EINVAL");
  },
  "reads of a non-blocking socket": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK);
    c.read(a, room(4));
    t.expect("EAGAIN");
    c.readv(a, [room(4), room(4)]);
    t.expect("EAGAIN");
    c.close(b);
    c.read(a, room(4));
    t.expect(0);
    c.readv(a, [room(4)]);
    t.expect(0);
  },
  "writes to a peer that has gone": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.close(b);
    c.write(a, bytes("x"));
    t.expect("EPIPE");
    c.writev(a, [bytes("x"), bytes("y")]);
    t.expect("EPIPE");
  },
  "a file is read and written at its position": (c, t) => {
    const path = t.file("f", bytes("0123456789"));
    const fd = c.open(path, O_RDWR);
    c.read(fd, room(4));
    t.expect(4);
    c.readv(fd, [room(1), room(2)]);
    t.expect(3);
    c.writev(fd, [bytes("ab"), bytes("cdef")]);
    t.expect(6);
    c.read(fd, room(4));
    t.expect(0);
    t.note("contents", Deno.readFileSync(path));
  },
};
