/**
 * Where backends documentedly do something else, and what.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import type { Deviation } from "./backends.ts";
import type { BehaviourBody } from "./behaviour.ts";
import type { Context } from "./context.ts";
import { boundSocket, datagramSocket } from "./datagrams.ts";
import { bound, takeOne } from "./datagram_endpoints.ts";
import { assertNetError, reasonOf } from "./expect.ts";
import { unixPair, unixPath } from "./unix.ts";
import { OwnedFd, TcpEndpoint, TcpStream, UnixEndpoint, UnixStream } from "../../mod.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { Op, SockOpt, SqeFlag } from "../../ring/abi/opcodes.ts";

/** Proves that every call rejects with ENOTSUP that names the backend and what it cannot do. */
function refuses(
  names: readonly string[],
  calls: (t: Context) => Promise<readonly Promise<unknown>[]>,
): BehaviourBody {
  return async (t) => {
    const errors = await Promise.all((await calls(t)).map(reasonOf));
    for (const error of errors) {
      assertNetError(error, { code: "ENOTSUP" });
      assertInstanceOf(error, Deno.errors.NotSupported);
      assert(error.message.includes(t.capability.backend.kind), error.message);
      assert(names.some((name) => error.message.includes(name)), error.message);
    }
  };
}

const NO_LOCAL_ADDRESS: Deviation = {
  why: "Deno.connect takes no local address: ENOTSUP",
  outcome: async (t) => {
    const endpoint = await t.listen();
    const options = { localAddress: "127.0.0.1:0" };
    const error = await reasonOf(t.capability.connect(endpoint.addr, options));
    assertNetError(error, { code: "ENOTSUP", operation: "connect" });
    assertInstanceOf(error, Deno.errors.NotSupported);
  },
};

const NO_LINGER: Deviation = {
  why: "Deno sets no SO_LINGER: ENOTSUP names the option",
  outcome: refuses(["lingerSeconds"], async (t) => {
    const { client } = await t.pair();
    return [
      t.capability.connect(client.remoteAddr, { lingerSeconds: 0 }),
      client.setOption("lingerSeconds", 5),
      client.getOption("lingerSeconds"),
    ];
  }),
};

const NO_SEQPACKET: Deviation = {
  why: "Deno has Unix sockets of type stream only: seqpacket is ENOTSUP",
  outcome: refuses(["seqpacket"], async (t) => {
    const path = await unixPath(t);
    return [
      t.capability.listen(`unix:${path}`, { type: "seqpacket" }),
      t.capability.connect(`unix:${path}`, { type: "seqpacket" }),
    ];
  }),
};

const NO_DESCRIPTORS: Deviation = {
  why: "Deno passes no descriptors over Unix sockets and adopts none: ENOTSUP",
  outcome: refuses(["descriptors"], async (t) => {
    const { capability } = t;
    const { client, server } = await unixPair(t);
    return [
      client.sendFds(new Uint8Array(1), [0]),
      server.receiveFds(),
      OwnedFd.adopt(0, capability),
      TcpEndpoint.adopt(0, capability),
      UnixEndpoint.adopt(0, capability),
      TcpStream.adopt(0, capability),
      UnixStream.adopt(0, capability),
    ];
  }),
};

const KEEP_ALIVE = { idleSeconds: 60, intervalSeconds: 7, count: 4 };

const NO_OPTIONS = "Deno has no options but noDelay, keepAlive and reuseAddress: " +
  "ENOTSUP names the option";

/** Linux has no drains on a ring that ever skipped a completion: io_init_req() in io_uring.c. */
export const SKIPPING_DEVIATIONS: Readonly<Record<string, Deviation>> = {
  "IO_DRAIN waits for everything before it, and everything after waits for it": {
    why: "buffers go back by PROVIDE_BUFFERS with CQE_SKIP_SUCCESS, after which Linux answers " +
      "IO_DRAIN with EOPNOTSUPP",
    outcome: async ({ raw }) => {
      const result = await raw.run(Op.NOP, { flags: SqeFlag.IO_DRAIN });
      assertEquals(result, -Errno.ENOTSUP);
    },
  },
};

const NO_UNIX_DATAGRAMS: Deviation = {
  why: "Deno has Unix sockets of type stream only",
  outcome: refuses(
    ["Unix sockets of datagrams"],
    ({ capability }) => Promise.resolve([capability.bind("unix:")]),
  ),
};

const NOTHING_BESIDE: Deviation = {
  why: "None is received: PKTINFO, RECVTTL, RECVTOS, RECVERR and GRO are ENOTSUP",
  outcome: refuses(
    ["packetInfo", "receiveTimeToLive", "receiveTrafficClass"],
    ({ capability }) =>
      Promise.resolve([
        capability.bind("127.0.0.1:0", { packetInfo: true }),
        capability.bind("127.0.0.1:0", { receiveTimeToLive: true }),
        capability.bind("[::1]:0", { receiveTrafficClass: true }),
      ]),
  ),
};

/** What plain Deno cannot do. */
export const HOST_DEVIATIONS: Readonly<Record<string, Deviation>> = {
  "connect() from a local address has that address": NO_LOCAL_ADDRESS,
  "connect() from an address that is not ours rejects with EADDRNOTAVAIL": NO_LOCAL_ADDRESS,
  "lingerSeconds reads back as it was set": NO_LINGER,
  "lingerSeconds of 0 resets the connection at close": NO_LINGER,
  "receiveBufferBytes and sendBufferBytes are at least what was set": {
    why: "Deno sets no buffer sizes: ENOTSUP names the option",
    outcome: refuses(["receiveBufferBytes", "sendBufferBytes"], async (t) => {
      const { client } = await t.pair();
      return [
        client.setOption("receiveBufferBytes", 20_000),
        client.getOption("sendBufferBytes"),
        t.capability.listen("127.0.0.1:0", { receiveBufferBytes: 20_000 }),
      ];
    }),
  },
  "keepAlive with numbers reads back as it was set": {
    why: "keepAlive is on or off: ENOTSUP for numbers",
    outcome: async (t) => {
      const { client } = await t.pair();
      const error = await reasonOf(client.setOption("keepAlive", KEEP_ALIVE));
      assertNetError(error, { code: "ENOTSUP", operation: "setOption" });
      assert(error.message.includes("keepAlive with numbers"), error.message);
      assertEquals(await client.getOption("keepAlive"), false);
    },
  },
  "options of TCP and IP read back as they were set": {
    why: NO_OPTIONS,
    outcome: refuses(
      ["cork", "userTimeoutMs", "congestionControl", "timeToLive", "mtuDiscovery"],
      async (t) => {
        const { client, endpoint } = await t.pair();
        return [
          client.setOption("cork", true),
          client.setOption("userTimeoutMs", 1),
          client.setOption("congestionControl", "reno"),
          client.getOption("timeToLive"),
          endpoint.getOption("mtuDiscovery"),
        ];
      },
    ),
  },
  "options of an IPv6 connection have names of their own": {
    why: NO_OPTIONS,
    outcome: refuses(
      ["hopLimit", "ipv6Only"],
      (t) =>
        Promise.resolve([
          t.capability.listen("[::1]:0", { hopLimit: 9 }),
          t.capability.listen("[::1]:0", { ipv6Only: true }),
        ]),
    ),
  },
  "options of TCP and IP can be given to listen() and connect()": {
    why: NO_OPTIONS,
    outcome: refuses(["fastOpen", "maxSegmentBytes", "keepAlive"], async (t) => {
      const { addr } = await t.listen();
      return [
        t.capability.listen("127.0.0.1:0", { fastOpen: 5 }),
        t.capability.listen("127.0.0.1:0", { keepAlive: KEEP_ALIVE }),
        t.capability.connect(addr, { maxSegmentBytes: 1000 }),
      ];
    }),
  },
  "info() tells what became of bytes and segments": {
    why: "Deno tells nothing of TCP_INFO: info() is ENOTSUP",
    outcome: refuses(["info()"], async (t) => {
      const { client, server } = await t.pair();
      return [client.info(), server.info()];
    }),
  },
  "the file of a Unix socket has a mode, takes a stale one's place, and may stay": {
    why: "Deno makes and removes the files of Unix sockets itself: mode, replaceStale and " +
      "removeAtClose: false are ENOTSUP",
    outcome: refuses(["mode", "replaceStale", "removeAtClose"], async (t) => {
      const path = await unixPath(t);
      return [
        t.capability.listen(`unix:${path}`, { mode: 0o600 }),
        t.capability.listen(`unix:${path}`, { replaceStale: true }),
        t.capability.listen(`unix:${path}`, { removeAtClose: false }),
      ];
    }),
  },
  "seqpacket keeps messages apart, whatever their length, and knows the end": NO_SEQPACKET,
  "a message that does not fit is EMSGSIZE, never a part of it": NO_SEQPACKET,
  "an aborted receive of messages loses none": NO_SEQPACKET,
  "descriptors arrive with their bytes, over both types": NO_DESCRIPTORS,
  "an aborted receiveFds() keeps the stream, and what came meanwhile": NO_DESCRIPTORS,
  "descriptors need the right adopt, and are at most 253 with a byte of data": NO_DESCRIPTORS,
  "adopt() takes over what it is said to be, and nothing else": NO_DESCRIPTORS,
  "peerCredentials() tells who is at the other end": {
    why: "Deno tells no credentials of peers: ENOTSUP",
    outcome: refuses(["credentials"], async (t) => {
      const { client, server } = await unixPair(t);
      return [client.peerCredentials(), server.peerCredentials()];
    }),
  },
  "reusePort lets two endpoints share a port": {
    why: "Deno.listen does not share ports: ENOTSUP names the option",
    outcome: refuses(
      ["reusePort"],
      (t) => Promise.resolve([t.capability.listen("127.0.0.1:0", { reusePort: true })]),
    ),
  },
  "endpoint.fd is the descriptor for rings of one's own": {
    why: "descriptors are this backend's own numbers: endpoint.fd throws ENOTSUP",
    outcome: async (t) => {
      const endpoint = await t.listen();
      const error = assertThrows(() => endpoint.fd);
      assertNetError(error, { code: "ENOTSUP", operation: "fd" });
      assert(error.message.includes(t.capability.backend.kind), error.message);
    },
  },
  "datagrams over Unix sockets arrive all and in order": NO_UNIX_DATAGRAMS,
  "a Unix datagram socket that nobody reads stops its senders": NO_UNIX_DATAGRAMS,
  "Unix datagram sockets have paths, abstract names and names of the system's choice":
    NO_UNIX_DATAGRAMS,
  "a batch to Unix sockets goes on behind what fails, in order": NO_UNIX_DATAGRAMS,
  "Unix datagram sockets are judged by unix, listen and connect": NO_UNIX_DATAGRAMS,
  "what comes beside a datagram is told when it was asked for": NOTHING_BESIDE,
  "what comes beside a datagram of IPv6 is told, too": NOTHING_BESIDE,
  "reusePort lets endpoints share a port, and together they hear everything": {
    why: "the rest is ENOTSUP, hop limits of IPv6 and buffer sizes among it",
    outcome: refuses(
      ["reusePort"],
      ({ capability }) => Promise.resolve([capability.bind("127.0.0.1:0", { reusePort: true })]),
    ),
  },
  "a connected endpoint is told that nobody is there, and lives on": {
    why: "Node's datagram sockets connect in name only: no error of ICMP is told",
    outcome: async (t) => {
      const gone = await bound(t);
      const client = await bound(t);
      await gone.close();
      await client.connect(gone.localName);
      for (let round = 0; round < 3; round++) {
        assertEquals(await client.send(Uint8Array.of(round)), 1);
      }
      const server = await t.capability.bind(gone.localName);
      t.defer(() => server.close());
      await client.send(Uint8Array.of(3));
      assertEquals(await takeOne(server), Uint8Array.of(3));
    },
  },
  "an operation on what is no socket completes with ENOTSOCK": {
    why: "every descriptor of this backend is a socket",
  },
  "a connected datagram socket is told that nobody is there": {
    why: "Node's datagram sockets connect in name only: no error of ICMP is told",
    outcome: async ({ raw }) => {
      const gone = await boundSocket(raw);
      await raw.close(gone.fd);
      const fd = await datagramSocket(raw);
      assertEquals(await raw.connect(fd, gone.address), 0);
      for (let round = 0; round < 3; round++) {
        assertEquals(await raw.send(fd, Uint8Array.of(round)), 1);
      }
    },
  },
  "SO_RCVBUF and SO_SNDBUF of a datagram socket are at least what was set": {
    why: "Deno sets no buffer sizes: ENOTSUP names the option",
    outcome: async ({ raw }) => {
      const fd = await datagramSocket(raw);
      const { SOL_SOCKET, SO_RCVBUF, SO_SNDBUF } = SockOpt;
      for (const name of [SO_RCVBUF, SO_SNDBUF]) {
        assertEquals(await raw.setOption(fd, SOL_SOCKET, name, 20_000), -Errno.ENOTSUP);
        assertEquals((await raw.getOption(fd, SOL_SOCKET, name))[0], -Errno.ENOTSUP);
      }
    },
  },
};
