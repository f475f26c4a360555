/**
 * Random calls on descriptors, files and pipes.
 *
 * @module
 */

import { pattern } from "../script.ts";
import { FD, FILE, LENGTH, LENGTHS, type Operation } from "./world.ts";
import * as k from "../../../../posix/constants/mod.ts";

const OPEN_FLAGS = [k.O_RDONLY, k.O_RDWR, k.O_WRONLY | k.O_APPEND, k.O_RDWR | k.O_TRUNC];

/** Calls on descriptors, files and pipes. */
export const DESCRIPTORS: Readonly<Record<string, Operation>> = {
  dup: {
    weight: 1,
    picks: [FD, 3, FD],
    run(world, fd, how, to) {
      if (world.hasEpoll) return;
      world.hasDuplicates = true;
      if (how === 0) world.c.dup(fd);
      if (how === 1) world.c.dup2(fd, to);
      if (how === 2) world.c.dup3(fd, to, k.O_CLOEXEC);
    },
  },
  duplicateFrom: {
    weight: 1,
    picks: [FD, 2, FD],
    run(world, fd, command, least) {
      if (world.hasEpoll) return;
      world.hasDuplicates = true;
      world.c.fcntl(fd, [k.F_DUPFD, k.F_DUPFD_CLOEXEC][command], least);
    },
  },
  fcntl: {
    weight: 2,
    picks: [FD, 5],
    run({ c }, fd, command) {
      const [name, argument] = [
        [k.F_GETFL, 0],
        [k.F_GETFD, 0],
        [k.F_SETFD, k.FD_CLOEXEC],
        [k.F_GETPIPE_SZ, 0],
        [k.F_SETPIPE_SZ, 4096],
      ][command];
      c.fcntl(fd, name, argument);
    },
  },
  ioctl: {
    weight: 2,
    picks: [FD, 4],
    run({ c }, fd, request) {
      c.ioctl(fd, [k.FIONREAD, k.SIOCATMARK, k.FIONREAD, 0x1234][request]);
    },
  },
  open: {
    weight: 2,
    picks: [OPEN_FLAGS.length],
    run(world, flags) {
      world.files.push(world.c.open(world.t.file("file", pattern(2000)), OPEN_FLAGS[flags]));
    },
  },
  sendfile: {
    weight: 1,
    picks: [FD, FILE, 3, LENGTH],
    run(world, out, input, offset, length) {
      // Of two errors Linux tells the input's first.
      if (world.isOpen(out)) {
        world.c.sendfile(out, input, [null, 0, 1990][offset], LENGTHS[length]);
      }
    },
  },
  splice: {
    weight: 2,
    picks: [FD, FD, LENGTH],
    run({ c }, input, out, length) {
      c.splice(input, null, out, null, LENGTHS[length], k.SPLICE_F_NONBLOCK);
    },
  },
};
