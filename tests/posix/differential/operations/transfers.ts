/**
 * Random calls that move bytes.
 *
 * @module
 */

import { ints, pattern, room } from "../script.ts";
import { ADDRESS_KINDS, ADDRESS_LENGTHS, FD, LENGTH, LENGTHS, type Operation } from "./world.ts";
import * as k from "../../../../posix/constants/mod.ts";
import type { Cmsg, Msghdr } from "../../../../posix/types.ts";

const SEND_FLAGS = [0, k.MSG_DONTWAIT, k.MSG_NOSIGNAL, k.MSG_OOB, k.MSG_EOR, k.MSG_DONTROUTE];
const RECEIVE_FLAGS = [
  0,
  k.MSG_PEEK,
  k.MSG_DONTWAIT,
  k.MSG_WAITALL,
  k.MSG_TRUNC,
  k.MSG_PEEK | k.MSG_TRUNC,
  k.MSG_OOB,
  k.MSG_ERRQUEUE,
];
const CONTROL_ROOMS = [0, 24, 64, 20, 128];

function outgoing(length: number): Uint8Array<ArrayBuffer> {
  return pattern(LENGTHS[length]);
}

function buffers(count: number, pick: number): Uint8Array<ArrayBuffer>[] {
  return Array.from({ length: count }, (_, at) => outgoing((pick + at) % LENGTH));
}

/** Calls that move bytes. */
export const TRANSFERS: Readonly<Record<string, Operation>> = {
  send: {
    weight: 6,
    picks: [FD, LENGTH, SEND_FLAGS.length],
    run: ({ c }, fd, length, flags) => void c.send(fd, outgoing(length), SEND_FLAGS[flags]),
  },
  recv: {
    weight: 6,
    picks: [FD, LENGTH, RECEIVE_FLAGS.length],
    run(world, fd, length, flags) {
      world.c.recv(fd, world.room(length), RECEIVE_FLAGS[flags]);
    },
  },
  sendto: {
    weight: 4,
    picks: [FD, LENGTH, SEND_FLAGS.length, ADDRESS_KINDS, FD, ADDRESS_LENGTHS.length],
    run(world, fd, length, flags, kind, of, addrlen) {
      const address = world.address(kind, of);
      const size = world.addressLength(address, addrlen);
      world.c.sendto(fd, outgoing(length), SEND_FLAGS[flags], address, size);
    },
  },
  recvfrom: {
    weight: 3,
    picks: [FD, LENGTH, RECEIVE_FLAGS.length],
    run(world, fd, length, flags) {
      world.c.recvfrom(fd, world.room(length), RECEIVE_FLAGS[flags]);
    },
  },
  write: {
    weight: 4,
    picks: [FD, LENGTH],
    run: ({ c }, fd, length) => void c.write(fd, outgoing(length)),
  },
  read: {
    weight: 4,
    picks: [FD, LENGTH],
    run: ({ c }, fd, length) => void c.read(fd, room(LENGTHS[length])),
  },
  writev: {
    weight: 2,
    picks: [FD, 4, LENGTH],
    run: ({ c }, fd, count, length) => void c.writev(fd, buffers(count, length)),
  },
  readv: {
    weight: 2,
    picks: [FD, 4, LENGTH],
    run: (world, fd, count, length) => void world.c.readv(fd, world.rooms(count, length)),
  },
  sendmsg: {
    weight: 3,
    picks: [FD, 4, LENGTH, SEND_FLAGS.length, ADDRESS_KINDS, FD, 4, FD],
    run(world, fd, count, length, flags, kind, of, control, passed) {
      const name = world.address(kind, of);
      const message = { name, iov: buffers(count, length) };
      const pieces = world.hasEpoll && control === 1 ? [] : controlOf(control, passed);
      if (control === 1 && !world.hasEpoll) world.hasDuplicates = world.hasPassed = true;
      world.c.sendmsg(fd, { ...message, control: pieces }, SEND_FLAGS[flags]);
    },
  },
  recvmsg: {
    weight: 4,
    picks: [FD, 4, LENGTH, RECEIVE_FLAGS.length, CONTROL_ROOMS.length, 3],
    run(world, fd, count, length, flags, control, name) {
      world.c.recvmsg(fd, {
        iov: world.rooms(count, length),
        controllen: CONTROL_ROOMS[control],
        namelen: [128, 0, 2][name],
      }, RECEIVE_FLAGS[flags]);
    },
  },
  sendmmsg: {
    weight: 1,
    picks: [FD, 4, LENGTH, SEND_FLAGS.length],
    run({ c }, fd, count, length, flags) {
      const messages = buffers(count, length).map((data) => {
        return { hdr: { iov: [data] }, len: 0 };
      });
      c.sendmmsg(fd, messages, SEND_FLAGS[flags]);
    },
  },
  recvmmsg: {
    weight: 1,
    picks: [FD, 4, LENGTH, RECEIVE_FLAGS.length],
    run(world, fd, count, length, flags) {
      if (world.hasPassed) return;
      const messages = world.rooms(count, length).map((data) => {
        return { hdr: { iov: [data] } as Msghdr, len: 0 };
      });
      world.c.recvmmsg(fd, messages, RECEIVE_FLAGS[flags]);
    },
  },
};

function controlOf(kind: number, fd: number): Cmsg[] {
  switch (kind) {
    case 1:
      return [{ level: k.SOL_SOCKET, type: k.SCM_RIGHTS, data: ints(fd) }];
    case 2:
      return [{ level: k.SOL_IP, type: k.IP_TTL, data: ints(5) }];
    default:
      return [];
  }
}
