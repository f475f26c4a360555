/**
 * Scripts: pipes.
 *
 * @module
 */

import { bytes, pattern, room, type Scripts } from "../script.ts";
import {
  F_GETFD,
  F_GETFL,
  F_GETPIPE_SZ,
  F_SETFL,
  F_SETPIPE_SZ,
  FD_CLOEXEC,
  FIONREAD,
  O_CLOEXEC,
  O_DIRECT,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
} from "../../../../posix/constants/mod.ts";

/** `pipe2(2)`, `pipe(7)`. */
export const pipes: Scripts = {
  "bytes go in at one end and come out at the other": (c, t) => {
    const [read, write] = c.pipe2();
    t.expect("[3, 4]");
    c.write(write, bytes("through"));
    c.read(read, room(16));
    t.expect(7);
  },
  "each end does one thing": (c, t) => {
    const [read, write] = c.pipe2();
    c.write(read, bytes("x"));
    t.expect("EBADF");
    c.read(write, room(1));
    t.expect("EBADF");
    c.fcntl(read, F_GETFL);
    t.expect(O_RDONLY);
    c.fcntl(write, F_GETFL);
    t.expect(O_WRONLY);
  },
  "flags are for both ends": (c, t) => {
    for (const fd of c.pipe2(O_NONBLOCK | O_CLOEXEC)) {
      c.fcntl(fd, F_GETFL);
      c.fcntl(fd, F_GETFD);
      t.expect(FD_CLOEXEC);
    }
  },
  "other flags are invalid": (c, t) => {
    c.pipe2(O_RDWR);
    t.expect("EINVAL");
    c.pipe2(-1);
    t.expect("EINVAL");
  },
  "an empty pipe is EAGAIN": (c, t) => {
    const [read] = c.pipe2(O_NONBLOCK);
    c.read(read, room(1));
    t.expect("EAGAIN");
  },
  "a pipe that nobody writes has ended": (c, t) => {
    const [read, write] = c.pipe2();
    c.write(write, bytes("last"));
    c.close(write);
    c.read(read, room(8));
    t.expect(4);
    c.read(read, room(8));
    t.expect(0);
  },
  "a pipe that nobody reads is EPIPE": (c, t) => {
    const [read, write] = c.pipe2();
    c.close(read);
    c.write(write, bytes("x"));
    t.expect("EPIPE");
    c.write(write, bytes(""));
    t.expect(0);
  },
  "a full pipe is EAGAIN": (c, t) => {
    const [read, write] = c.pipe2(O_NONBLOCK);
    c.fcntl(write, F_SETPIPE_SZ, 4096);
    c.write(write, pattern(4096));
    t.expect(4096);
    c.write(write, bytes("x"));
    t.expect("EAGAIN");
    c.read(read, room(4096));
    c.write(write, bytes("x"));
    t.expect(1);
  },
  "small writes go whole or not at all": (c, t) => {
    const [, write] = c.pipe2(O_NONBLOCK);
    c.fcntl(write, F_SETPIPE_SZ, 4096);
    c.write(write, pattern(4000));
    c.write(write, pattern(200));
    t.expect("EAGAIN");
    c.write(write, pattern(96));
    t.expect(96);
  },
  "large writes go in part": (c, t) => {
    const [, write] = c.pipe2(O_NONBLOCK);
    c.fcntl(write, F_SETPIPE_SZ, 4096);
    c.write(write, pattern(10_000));
    t.expect(4096);
  },
  "a pipe's size": (c, t) => {
    const [read, write] = c.pipe2();
    c.fcntl(read, F_GETPIPE_SZ);
    c.fcntl(write, F_SETPIPE_SZ, 10_000);
    t.expect(16384);
    c.fcntl(read, F_GETPIPE_SZ);
    t.expect(16384);
    c.fcntl(write, F_SETPIPE_SZ, 0);
    c.fcntl(write, F_SETPIPE_SZ, -1);
  },
  "a pipe is not made smaller than what is in it": (c, t) => {
    const [, write] = c.pipe2(O_NONBLOCK);
    c.write(write, pattern(20_000));
    c.fcntl(write, F_SETPIPE_SZ, 4096);
    t.expect("EBUSY");
  },
  "a socket has no pipe's size": (c, t) => {
    const { fd } = t.datagram();
    c.fcntl(fd, F_GETPIPE_SZ);
    t.expect("EBADF");
  },
  "FIONREAD counts the bytes in a pipe": (c, t) => {
    const [read, write] = c.pipe2();
    c.ioctl(read, FIONREAD);
    t.expect(0);
    c.write(write, bytes("12345"));
    c.ioctl(read, FIONREAD);
    t.expect(5);
    c.ioctl(write, FIONREAD);
    t.expect(5);
  },
  "O_DIRECT keeps packets apart": (c, t) => {
    const [read, write] = c.pipe2(O_DIRECT);
    c.write(write, bytes("one"));
    c.write(write, bytes("three"));
    c.read(read, room(16));
    t.expect(3);
    c.read(read, room(2));
    t.expect(2);
    c.fcntl(write, F_GETFL);
  },
  "buffers are gathered and scattered": (c, t) => {
    const [read, write] = c.pipe2();
    c.writev(write, [bytes("one"), bytes("two")]);
    c.readv(read, [room(4), room(4)]);
    t.expect(6);
  },
  "O_NONBLOCK of one end is not the other's": (c, t) => {
    const [read, write] = c.pipe2();
    c.fcntl(read, F_SETFL, O_NONBLOCK);
    c.fcntl(write, F_GETFL);
    t.expect(O_WRONLY);
    c.read(read, room(1));
    t.expect("EAGAIN");
  },
};
