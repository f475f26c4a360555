/**
 * Random calls on sockets and names.
 *
 * @module
 */

import { loopback, room } from "../script.ts";
import { ADDRESS_KINDS, ADDRESS_LENGTHS, FD, type Operation, TYPES } from "./world.ts";
import * as k from "../../../../posix/constants/mod.ts";

const DOMAINS = [k.AF_INET, k.AF_UNIX, k.AF_INET6, 99];
/** Options that neither hold bytes back nor tell what differs from run to run. */
const OPTIONS: readonly (readonly [level: number, name: number])[] = [
  [k.SOL_SOCKET, k.SO_ERROR],
  [k.SOL_SOCKET, k.SO_TYPE],
  [k.SOL_SOCKET, k.SO_ACCEPTCONN],
  [k.SOL_SOCKET, k.SO_KEEPALIVE],
  [k.SOL_SOCKET, k.SO_REUSEADDR],
  [k.SOL_SOCKET, k.SO_REUSEPORT],
  [k.SOL_SOCKET, k.SO_OOBINLINE],
  [k.SOL_SOCKET, k.SO_BROADCAST],
  [k.SOL_SOCKET, k.SO_PASSCRED],
  [k.SOL_SOCKET, k.SO_PEEK_OFF],
  [k.SOL_IP, k.IP_TTL],
  [k.SOL_IP, k.IP_TOS],
  [k.SOL_IP, k.IP_PKTINFO],
  [k.SOL_IP, k.IP_RECVTTL],
  [k.SOL_IP, k.IP_RECVERR],
  [k.SOL_IPV6, k.IPV6_V6ONLY],
  [k.SOL_IPV6, k.IPV6_RECVHOPLIMIT],
  [k.SOL_TCP, k.TCP_KEEPIDLE],
  [k.SOL_SOCKET, 9999],
  [9999, 1],
];
const VALUES = [1, 0, 9, -1];

/** Calls on sockets and names. */
export const SOCKETS: Readonly<Record<string, Operation>> = {
  socket: {
    weight: 4,
    picks: [4, 4, 4],
    run(world, domain, type, protocol) {
      const flags = world.typeFlags;
      const [own, other] = [0, [k.IPPROTO_TCP, k.IPPROTO_UDP, 200][protocol - 1]];
      world.tune(
        world.c.socket(DOMAINS[domain], TYPES[type] | flags, protocol === 0 ? own : other),
      );
    },
  },
  bind: {
    weight: 3,
    picks: [FD, ADDRESS_KINDS + 1, FD, ADDRESS_LENGTHS.length],
    run(world, fd, kind, of, length) {
      const address = kind === ADDRESS_KINDS ? loopback() : world.address(kind, of);
      world.c.bind(fd, address, world.addressLength(address, length));
    },
  },
  listen: {
    weight: 2,
    picks: [FD, 3],
    run: ({ c }, fd, backlog) => void c.listen(fd, backlog),
  },
  accept: {
    weight: 4,
    picks: [FD, 2],
    run(world, fd, flags) {
      const { c } = world;
      world.tune((flags === 0 ? c.accept(fd) : c.accept4(fd, k.SOCK_CLOEXEC)).fd);
    },
  },
  connect: {
    weight: 5,
    picks: [FD, ADDRESS_KINDS, FD, ADDRESS_LENGTHS.length],
    run(world, fd, kind, of, length) {
      const address = world.address(kind, of);
      world.c.connect(fd, address, world.addressLength(address, length));
    },
  },
  shutdown: { weight: 3, picks: [FD, 4], run: ({ c }, fd, how) => void c.shutdown(fd, how) },
  close: { weight: 3, picks: [FD], run: ({ c }, fd) => void c.close(fd) },
  getsockname: { weight: 1, picks: [FD], run: ({ c }, fd) => void c.getsockname(fd) },
  getpeername: { weight: 2, picks: [FD], run: ({ c }, fd) => void c.getpeername(fd) },
  getsockopt: {
    weight: 3,
    picks: [FD, OPTIONS.length, 5],
    run({ c }, fd, option, length) {
      const [level, name] = OPTIONS[option];
      if (length === 0) c.getsockopt(fd, level, name);
      else c.getsockopt(fd, level, name, room([0, 1, 3, 4, 8][length]));
    },
  },
  setsockopt: {
    weight: 3,
    picks: [FD, OPTIONS.length, VALUES.length],
    run({ c }, fd, option, value) {
      c.setsockopt(fd, ...OPTIONS[option], VALUES[value]);
    },
  },
  linger: {
    weight: 1,
    picks: [FD, 2],
    run({ c }, fd, onoff) {
      c.setsockopt(fd, k.SOL_SOCKET, k.SO_LINGER, { onoff, linger: 0 });
    },
  },
};
