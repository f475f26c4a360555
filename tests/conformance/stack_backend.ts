/**
 * The backend of this library's own stack, whose network is in memory: strangers on it are other
 * rings of the same stack.
 *
 * @module
 */

import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import type { Backend, Deviation } from "./backends.ts";
import type { Context } from "./context.ts";
import { assertNetError, reasonOf } from "./expect.ts";
import { NeighbourStrangers } from "./strangers.ts";
import { NetworkCapability, SocketAddress } from "../../mod.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { DriverOp, SockOpt } from "../../ring/abi/opcodes.ts";
import { encodeSockaddr } from "../../ring/abi/sockaddr.ts";
import { boundSocket } from "./datagrams.ts";
import type { RingDriver } from "../../ring/driver.ts";
import type { MemoryPlan } from "../../ring/memory.ts";
import { planOf } from "../../native/ring_options.ts";

/** More than what two sockets of a stack hold is to find room in the ring of a test. */
const ARENA_BYTES = 32 * 1024 * 1024;

function siblingOf(capability: NetworkCapability, plan: MemoryPlan): RingDriver {
  return capability.network.reactor.driver.openSibling!(plan);
}

function strangers(t: Context): NeighbourStrangers {
  const { plan } = t.capability.network.reactor.memory;
  const capability = NetworkCapability.over(siblingOf(t.capability, plan));
  t.defer(() => capability[Symbol.asyncDispose]());
  return new NeighbourStrangers(t, capability);
}

const NO_UNIX: Deviation = {
  why: "Unix sockets are between programs of one system: SOCKET is EAFNOSUPPORT",
  outcome: async ({ capability }) => {
    const tries = [
      capability.listen("unix:/nowhere"),
      capability.connect("unix:/nowhere"),
      capability.bind("unix:"),
    ];
    for (const error of await Promise.all(tries.map(reasonOf))) {
      assertNetError(error, { code: "EAFNOSUPPORT" });
    }
  },
};

const OWN_DESCRIPTORS: Deviation = {
  why: "descriptors are this backend's own numbers: those of the process may run out",
};

/** What a network without a system, and without neighbours, cannot do. */
const STACK_DEVIATIONS: Readonly<Record<string, Deviation>> = {
  ...Object.fromEntries(
    [
      "streams over a path and over an abstract name have it as their address",
      "bytes go both ways over Unix sockets, and each side ends by itself",
      "a path that somebody listens on is EADDRINUSE, and free after the close",
      "connecting to nobody over Unix sockets is ENOENT or ECONNREFUSED",
      "rules judge paths and abstract names",
      "the file of a Unix socket has a mode, takes a stale one's place, and may stay",
      "seqpacket keeps messages apart, whatever their length, and knows the end",
      "a message that does not fit is EMSGSIZE, never a part of it",
      "an aborted receive of messages loses none",
      "descriptors arrive with their bytes, over both types",
      "an aborted receiveFds() keeps the stream, and what came meanwhile",
      "descriptors need the right adopt, and are at most 253 with a byte of data",
      "adopt() takes over what it is said to be, and nothing else",
      "peerCredentials() tells who is at the other end",
      "datagrams over Unix sockets arrive all and in order",
      "a Unix datagram socket that nobody reads stops its senders",
      "Unix datagram sockets have paths, abstract names and names of the system's choice",
      "a batch to Unix sockets goes on behind what fails, in order",
      "Unix datagram sockets are judged by unix, listen and connect",
    ].map((name) => [name, NO_UNIX]),
  ),
  "endpoint.fd is the descriptor for rings of one's own": {
    why: "descriptors are this backend's own numbers: endpoint.fd throws ENOTSUP",
    outcome: async (t) => {
      const endpoint = await t.listen();
      const error = assertThrows(() => endpoint.fd);
      assertNetError(error, { code: "ENOTSUP", operation: "fd" });
    },
  },
  "options of TCP and IP read back as they were set": {
    why: "what is about the machine, not about the network, is ENOTSUP: busyPollMicroseconds",
    outcome: async (t) => {
      const { client } = await t.pair();
      await client.setOption("cork", true);
      assertEquals(await client.getOption("cork"), true);
      await client.setOption("userTimeoutMs", 12_345);
      assertEquals(await client.getOption("userTimeoutMs"), 12_345);
      await client.setOption("congestionControl", "reno");
      assertEquals(await client.getOption("congestionControl"), "reno");
      await client.setOption("timeToLive", 33);
      assertEquals(await client.getOption("timeToLive"), 33);
      const error = await reasonOf(client.setOption("busyPollMicroseconds", 10));
      assertNetError(error, { code: "ENOTSUP", operation: "setOption" });
      assertInstanceOf(error, Deno.errors.NotSupported);
    },
  },
  "MCAST_JOIN_GROUP names groups of both families alike": {
    why: "with loopback only there is no route to a group: its interface has to be named",
    outcome: async ({ raw }) => {
      const { fd } = await boundSocket(raw, "0.0.0.0:0");
      const value = new Uint8Array(136);
      encodeSockaddr(SocketAddress.parse("239.1.2.3:0"), value, 8);
      const change = (index: number) => {
        value[0] = index;
        const fields = { fileIndex: value.length, address3: raw.blockOf(value) };
        const address = SockOpt.MCAST_JOIN_GROUP * 2 ** 32;
        return raw.run(DriverOp.SETSOCKOPT, { fd, address, ...fields });
      };
      assertEquals([await change(0), await change(1)], [-Errno.ENODEV, 0]);
    },
  },
  "an operation on what is no socket completes with ENOTSOCK": {
    why: "every descriptor of this backend is a socket",
  },
  "accept() survives EMFILE: it pauses, counts, and resumes": OWN_DESCRIPTORS,
  "connect() and listen() without a descriptor left reject with EMFILE and leave nothing":
    OWN_DESCRIPTORS,
  "a pending accept, and a deadline, keep the process alive until they end": {
    why: "no other process is on its network",
  },
  "ref() undoes unref()": { why: "no other process is on its network" },
};

const OWN_BACKLOG: Deviation = {
  why: "each shard has a backlog of its own: what fills one leaves room in the other",
};

/** What is different where strangers are on another shard. */
const SHARD_DEVIATIONS: Readonly<Record<string, Deviation>> = {
  ...STACK_DEVIATIONS,
  "an aborted connect() rejects with the reason and leaves no socket": OWN_BACKLOG,
  "connect() past its deadline rejects with TimedOut and leaves no socket": OWN_BACKLOG,
  "CONNECT that is cancelled completes with ECANCELED": OWN_BACKLOG,
};

function stack(name: string, worker: boolean, shards = 1): Backend {
  return {
    name,
    request: { backend: "stack", worker, ring: { arenaBytes: ARENA_BYTES }, stack: { shards } },
    isShared: worker,
    refusal: () => undefined,
    deviations: shards === 1 ? STACK_DEVIATIONS : SHARD_DEVIATIONS,
    strangers,
    beside: (capability, request) => {
      const { plan, poison } = planOf(request.ring ?? {});
      return NetworkCapability.over(siblingOf(capability, plan), request.rights, poison);
    },
  };
}

/**
 * The stack in the isolate of its program, and in a Worker; and two shards of one, where strangers
 * are on the other shard, so that what they connect to is there as well.
 */
export const STACK_BACKENDS: readonly Backend[] = [
  stack("stack", false),
  stack("stack in a Worker", true),
  stack("stack of two shards", false, 2),
  stack("stack of two shards in Workers", true, 2),
];
