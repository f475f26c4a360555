/**
 * Random operations that open something useful.
 *
 * @module
 */

import { loopback } from "../script.ts";
import { type Operation, TYPES, type World } from "./world.ts";
import * as k from "../../../../posix/constants/mod.ts";
import type { Sockaddr } from "../../../../posix/types.ts";

const PIPE_FLAGS = [k.O_NONBLOCK, k.O_NONBLOCK | k.O_CLOEXEC, k.O_NONBLOCK | k.O_DIRECT];

function listenerAt(kind: number, { t }: World): Sockaddr {
  if (kind === 1) return { family: k.AF_INET6, address: "::1", port: 0 };
  return kind === 2 ? t.unixAddress("l") : loopback();
}

/** Operations that open something useful. */
export const OPENERS: Readonly<Record<string, Operation>> = {
  streamPair: {
    weight: 4,
    picks: [2],
    run(world, kind) {
      const { c, t } = world;
      const address = listenerAt(kind, world);
      const listener = t.listener({ address, type: k.SOCK_STREAM });
      world.tune(listener.fd);
      const client = world.tune(c.socket(address.family, k.SOCK_STREAM | world.typeFlags));
      c.connect(client, listener.address);
      t.settle(listener.fd);
      world.tune(c.accept(listener.fd).fd);
      c.close(listener.fd);
    },
  },
  listener: {
    weight: 2,
    picks: [3],
    run(world, kind) {
      const address = listenerAt(kind, world);
      world.tune(world.t.listener({ address, type: k.SOCK_STREAM, backlog: 2 }).fd);
    },
  },
  datagram: {
    weight: 3,
    picks: [2],
    run(world, kind) {
      world.tune(world.t.datagram(listenerAt(kind, world)).fd);
    },
  },
  socketpair: {
    weight: 4,
    picks: [3],
    run(world, type) {
      for (const fd of world.c.socketpair(k.AF_UNIX, TYPES[type])) world.tune(fd);
    },
  },
  pipe: {
    weight: 2,
    picks: [PIPE_FLAGS.length],
    run: ({ c }, flags) => void c.pipe2(PIPE_FLAGS[flags]),
  },
  epoll: {
    weight: 2,
    picks: [],
    run(world) {
      if (world.hasDuplicates) return;
      world.hasEpoll = true;
      world.epolls.push(world.c.epoll_create1());
    },
  },
};
