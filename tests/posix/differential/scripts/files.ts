/**
 * Scripts: files, and bytes that go from one descriptor to another.
 *
 * @module
 */

import { bytes, pattern, room, type Scripts } from "../script.ts";
import {
  AF_INET,
  AF_UNIX,
  F_GETFD,
  F_GETFL,
  F_SETFL,
  FD_CLOEXEC,
  FIONREAD,
  MSG_DONTWAIT,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  O_TRUNC,
  O_WRONLY,
  SHUT_WR,
  SOCK_STREAM,
  SPLICE_F_MORE,
  SPLICE_F_NONBLOCK,
} from "../../../../posix/constants/mod.ts";

const TEN = bytes("0123456789");

/** `open(2)`, `sendfile(2)`, `splice(2)`, `vmsplice(2)`. */
export const files: Scripts = {
  "a file is opened, read and closed": (c, t) => {
    const fd = c.open(t.file("f", TEN), O_RDONLY);
    t.expect(3);
    c.read(fd, room(4));
    c.read(fd, room(20));
    t.expect(6);
    c.read(fd, room(1));
    t.expect(0);
    c.write(fd, bytes("x"));
    t.expect("EBADF");
    c.close(fd);
  },
  "a file that is not there": (c, t) => {
    c.open(t.path("missing"), O_RDONLY);
    t.expect("ENOENT");
    c.open(t.path("missing/f"), O_WRONLY | O_CREAT, 0o600);
    t.expect("ENOENT");
  },
  "O_CREAT makes a file": (c, t) => {
    const fd = c.open(t.path("new"), O_RDWR | O_CREAT, 0o600);
    t.expect(3);
    c.write(fd, bytes("made"));
    t.note("contents", Deno.readFileSync(t.path("new")));
    t.note("mode", Deno.statSync(t.path("new")).mode! & 0o777);
  },
  "O_EXCL takes no file that is there": (c, t) => {
    c.open(t.file("f", TEN), O_RDWR | O_CREAT | O_EXCL, 0o600);
    t.expect("EEXIST");
  },
  "O_TRUNC empties a file": (c, t) => {
    const fd = c.open(t.file("f", TEN), O_RDWR | O_TRUNC);
    c.read(fd, room(4));
    t.expect(0);
  },
  "O_APPEND writes at the end": (c, t) => {
    const path = t.file("f", TEN);
    const fd = c.open(path, O_WRONLY | O_APPEND);
    c.write(fd, bytes("ab"));
    t.note("contents", Deno.readFileSync(path));
    c.fcntl(fd, F_GETFL);
  },
  "flags are the descriptor's": (c, t) => {
    const fd = c.open(t.file("f", TEN), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    c.fcntl(fd, F_GETFD);
    t.expect(FD_CLOEXEC);
    t.note("non-blocking", (c.fcntl(fd, F_GETFL) & O_NONBLOCK) !== 0);
  },
  "a directory is opened to look only": (c, t) => {
    c.open(t.path(""), O_WRONLY);
    t.expect("EISDIR");
    const fd = c.open(t.path(""), O_RDONLY | O_DIRECTORY);
    c.read(fd, room(4));
    t.expect("EISDIR");
    c.open(t.file("f", TEN), O_RDONLY | O_DIRECTORY);
    t.expect("ENOTDIR");
  },
  "a path through a file": (c, t) => {
    t.file("f", TEN);
    c.open(t.path("f/g"), O_RDONLY);
    t.expect("ENOTDIR");
  },
  "a link is followed unless told": (c, t) => {
    t.file("f", TEN);
    Deno.symlinkSync(t.path("f"), t.path("link"));
    const fd = c.open(t.path("link"), O_RDONLY);
    c.read(fd, room(4));
    t.expect(4);
    c.open(t.path("link"), O_RDONLY | O_NOFOLLOW);
    t.expect("ELOOP");
  },
  "links in a circle": (c, t) => {
    Deno.symlinkSync(t.path("b"), t.path("a"));
    Deno.symlinkSync(t.path("a"), t.path("b"));
    c.open(t.path("a"), O_RDONLY);
    t.expect("ELOOP");
  },
  "a name that is too long": (c, t) => {
    c.open(t.path("x".repeat(256)), O_RDONLY);
    t.expect("ENAMETOOLONG");
    t.quietly(() => c.open(`${t.path("")}${"y/".repeat(2100)}`, O_RDONLY));
    t.expect("ENAMETOOLONG");
    c.open("", O_RDONLY);
    t.expect("ENOENT");
  },
  "a Unix socket's path is not opened": (c, t) => {
    t.listener({ address: t.unixAddress("s") });
    c.open(t.path("s"), O_RDONLY);
    t.expect("ENXIO");
  },
  "sendfile sends from an offset": (c, t) => {
    const [client, server] = t.streamPair();
    const fd = c.open(t.file("f", TEN), O_RDONLY);
    c.sendfile(client, fd, 2, 5);
    t.expect(5);
    t.settleBytes(server, 5);
    c.recv(server, room(16));
    c.read(fd, room(4));
    t.expect(4);
  },
  "sendfile moves the position where there is no offset": (c, t) => {
    const [client, server] = t.streamPair();
    const fd = c.open(t.file("f", TEN), O_RDONLY);
    c.sendfile(client, fd, null, 4);
    t.expect(4);
    c.sendfile(client, fd, null, 100);
    t.expect(6);
    c.sendfile(client, fd, null, 1);
    t.expect(0);
    t.settleBytes(server, 10);
    c.recv(server, room(16));
    t.expect(10);
  },
  "sendfile beyond the end sends nothing": (c, t) => {
    const [client] = t.streamPair();
    const fd = c.open(t.file("f", TEN), O_RDONLY);
    c.sendfile(client, fd, 100, 10);
    t.expect(0);
    c.sendfile(client, fd, 0, 0);
    t.expect(0);
  },
  "sendfile takes no negative offset": (c, t) => {
    const [client] = t.streamPair();
    const fd = c.open(t.file("f", TEN), O_RDONLY);
    c.sendfile(client, fd, -1, 4);
    t.expect("EINVAL");
  },
  "sendfile sends much": (c, t) => {
    const [client, server] = t.streamPair();
    const data = pattern(200_000);
    const fd = c.open(t.file("f", data), O_RDONLY);
    c.fcntl(client, F_SETFL, O_NONBLOCK);
    const received: number[] = [];
    let sent = 0;
    t.settleUntil("all bytes", (c) => {
      const n = c.sendfile(client, fd, sent, data.length - sent);
      if (n > 0) sent += n;
      const buffer = room(1 << 16);
      const got = c.recv(server, buffer, MSG_DONTWAIT);
      for (let at = 0; at < got; at++) received.push(buffer[at]);
      return received.length === data.length;
    });
    t.note("bytes", Uint8Array.from(received));
  },
  "sendfile goes to files, pipes and pairs": (c, t) => {
    const fd = c.open(t.file("f", TEN), O_RDONLY);
    const [read, write] = c.pipe2();
    c.sendfile(write, fd, 0, 10);
    t.expect(10);
    c.read(read, room(16));
    const copy = c.open(t.path("copy"), O_WRONLY | O_CREAT, 0o600);
    c.sendfile(copy, fd, 5, 10);
    t.expect(5);
    t.note("copy", Deno.readFileSync(t.path("copy")));
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    c.sendfile(a, fd, 0, 3);
    c.recv(b, room(4));
    t.expect(3);
  },
  "sendfile reads neither sockets nor pipes": (c, t) => {
    const [client, server] = t.streamPair();
    c.sendfile(client, server, null, 4);
    t.expect("EINVAL");
    const [read] = c.pipe2();
    c.sendfile(client, read, 0, 4);
    t.expect("ESPIPE");
  },
  "sendfile needs descriptors that are open the right way": (c, t) => {
    const [client] = t.streamPair();
    const fd = c.open(t.file("f", TEN), O_RDONLY);
    c.sendfile(88, fd, 0, 4);
    t.expect("EBADF");
    c.sendfile(client, 88, 0, 4);
    t.expect("EBADF");
    c.sendfile(fd, fd, 0, 4);
    t.expect("EBADF");
    const writeOnly = c.open(t.path("f"), O_WRONLY);
    c.sendfile(client, writeOnly, 0, 4);
    t.expect("EBADF");
    const append = c.open(t.path("f"), O_WRONLY | O_APPEND);
    c.sendfile(append, fd, 0, 4);
    t.expect("EINVAL");
  },
  "sendfile to a peer that has gone": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const fd = c.open(t.file("f", TEN), O_RDONLY);
    c.close(b);
    c.sendfile(a, fd, 0, 4);
    t.expect("EPIPE");
    c.sendfile(c.socket(AF_INET, SOCK_STREAM), fd, 0, 4);
  },
  "splice moves from a file through a pipe to a socket": (c, t) => {
    const [client, server] = t.streamPair();
    const [read, write] = c.pipe2();
    const fd = c.open(t.file("f", TEN), O_RDONLY);
    c.splice(fd, 1, write, null, 6);
    t.expect(6);
    c.splice(read, null, client, null, 100, SPLICE_F_MORE);
    t.expect(6);
    t.settleUntil("six bytes", (c) => c.ioctl(server, FIONREAD) === 6);
    c.recv(server, room(16));
    t.expect(6);
  },
  "splice moves from a socket to a pipe": (c, t) => {
    const [a, b] = c.socketpair(AF_UNIX, SOCK_STREAM);
    const [read, write] = c.pipe2();
    c.send(a, bytes("spliced"));
    c.splice(b, null, write, null, 4);
    t.expect(4);
    c.read(read, room(8));
    c.close(a);
    c.splice(b, null, write, null, 100);
    t.expect(3);
    c.splice(b, null, write, null, 100);
    t.expect(0);
  },
  "splice moves from a TCP socket to a pipe": (c, t) => {
    const [client, server] = t.streamPair();
    const [read, write] = c.pipe2();
    c.send(client, bytes("spliced"));
    t.settleBytes(server, 7);
    c.splice(server, null, write, null, 100);
    t.expect(7);
    c.read(read, room(16));
    c.shutdown(client, SHUT_WR);
    c.splice(server, null, write, null, 100);
    t.expect(0);
  },
  "splice moves between pipes": (c, t) => {
    const [firstRead, firstWrite] = c.pipe2();
    const [secondRead, secondWrite] = c.pipe2();
    c.write(firstWrite, bytes("pipes"));
    c.splice(firstRead, null, secondWrite, null, 3);
    t.expect(3);
    c.read(secondRead, room(8));
    c.read(firstRead, room(8));
    t.expect(2);
  },
  "splice writes a file at an offset": (c, t) => {
    const [read, write] = c.pipe2();
    const path = t.file("f", TEN);
    const fd = c.open(path, O_RDWR);
    c.write(write, bytes("abc"));
    c.splice(read, null, fd, 4, 3);
    t.expect(3);
    t.note("contents", Deno.readFileSync(path));
  },
  "splice needs a pipe": (c, t) => {
    const [client, server] = t.streamPair();
    c.splice(client, null, server, null, 4);
    t.expect("EINVAL");
    const fd = c.open(t.file("f", TEN), O_RDONLY);
    c.splice(fd, null, client, null, 4);
    t.expect("EINVAL");
  },
  "splice takes no offset for pipes and sockets": (c, t) => {
    const [client] = t.streamPair();
    const [read, write] = c.pipe2();
    c.write(write, bytes("x"));
    c.splice(read, 0, client, null, 1);
    t.expect("ESPIPE");
    c.splice(read, null, client, 0, 1);
    t.expect("EINVAL");
    c.splice(client, 0, write, null, 1);
    t.expect("EINVAL");
  },
  "splice of a pipe to itself": (c, t) => {
    const [read, write] = c.pipe2();
    c.write(write, bytes("x"));
    c.splice(read, null, write, null, 1);
    t.expect("EINVAL");
  },
  "splice the wrong way": (c, t) => {
    const [read, write] = c.pipe2();
    const [otherRead, otherWrite] = c.pipe2();
    c.splice(write, null, otherWrite, null, 1);
    t.expect("EBADF");
    c.splice(read, null, otherRead, null, 1);
    t.expect("EBADF");
    c.splice(88, null, write, null, 1);
    t.expect("EBADF");
    c.splice(read, null, 88, null, 1);
    t.expect("EBADF");
  },
  "splice of nothing, and with flags that there are not": (c, t) => {
    const [read] = c.pipe2();
    const [, otherWrite] = c.pipe2();
    c.splice(read, null, otherWrite, null, 0);
    t.expect(0);
    c.splice(read, null, otherWrite, null, 1, 0x100);
    t.expect("EINVAL");
  },
  "splice from an empty pipe": (c, t) => {
    const [read, write] = c.pipe2();
    const [, otherWrite] = c.pipe2();
    c.splice(read, null, otherWrite, null, 4, SPLICE_F_NONBLOCK);
    t.expect("EAGAIN");
    c.close(write);
    c.splice(read, null, otherWrite, null, 4);
    t.expect(0);
  },
  "splice into a full pipe": (c, t) => {
    const [, write] = c.pipe2(O_NONBLOCK);
    t.quietly(() => {
      while (c.write(write, pattern(4096)) > 0);
    });
    const fd = c.open(t.file("f", TEN), O_RDONLY);
    c.splice(fd, null, write, null, 4, SPLICE_F_NONBLOCK);
    t.expect("EAGAIN");
  },
  "splice into a pipe that nobody reads": (c, t) => {
    const [read, write] = c.pipe2();
    c.close(read);
    const fd = c.open(t.file("f", TEN), O_RDONLY);
    c.splice(fd, null, write, null, 4);
    t.expect("EPIPE");
  },
  "vmsplice copies into a pipe": (c, t) => {
    const [read, write] = c.pipe2();
    c.vmsplice(write, [bytes("from "), bytes("memory")]);
    t.expect(11);
    c.read(read, room(16));
    t.expect(11);
  },
  "vmsplice from the reading end fills memory": (c, t) => {
    const [read, write] = c.pipe2();
    c.write(write, bytes("to memory"));
    c.vmsplice(read, [room(3), room(16)]);
    t.expect(9);
  },
  "vmsplice needs a pipe": (c, t) => {
    const [client] = t.streamPair();
    c.vmsplice(client, [bytes("x")]);
    t.expect("EBADF");
    c.vmsplice(88, [bytes("x")]);
    t.expect("EBADF");
    const fd = c.open(t.file("f", TEN), O_RDWR);
    c.vmsplice(fd, [bytes("x")]);
    t.expect("EBADF");
  },
  "vmsplice of nothing, and with flags that there are not": (c, t) => {
    const [, write] = c.pipe2();
    c.vmsplice(write, []);
    t.expect(0);
    c.vmsplice(write, [bytes("x")], 0x100);
    t.expect("EINVAL");
  },
  "vmsplice into a full pipe, and one that nobody reads": (c, t) => {
    const [read, write] = c.pipe2(O_NONBLOCK);
    t.quietly(() => {
      while (c.write(write, pattern(4096)) > 0);
    });
    c.vmsplice(write, [bytes("x")], SPLICE_F_NONBLOCK);
    t.expect("EAGAIN");
    c.close(read);
    c.vmsplice(write, [bytes("x")]);
    t.expect("EPIPE");
  },
};
