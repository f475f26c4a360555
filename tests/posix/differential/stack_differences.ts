/**
 * Where the stack in user space does something else than Linux: the scripts that come to something
 * else on `stack`.
 *
 * @module
 */

import type { Difference } from "./differences.ts";

/** Every difference of the backend `stack`. */
export const STACK_DIFFERENCES: readonly Difference[] = [
  {
    subject: "stack",
    why:
      "A stack has no Unix sockets: EAFNOSUPPORT. There is no network between programs of one system; pairs of sockets are the library's.",
    scripts: [
      "creation: the first descriptor is 3 and each next one the lowest that is free",
      "creation: a protocol may be named",
      "creation: a socket tells its domain, type and protocol",
      "creation: a raw Unix socket is one of datagrams",
      "unix: a socket without a name tells none",
      "unix: a path is bound, told and connected to",
      "unix: an abstract name is bound, told and connected to",
      "unix: an abstract name may contain NUL",
      "unix: no name lets the kernel choose one",
      "unix: a path that is there is in use, though nobody listens",
      "unix: a file is in the way of a name",
      "unix: an abstract name is free once its socket is closed",
      "unix: a name is given once",
      "unix: a directory must be there and be one",
      "unix: a path may fill the name without a NUL",
      "unix: a path that is longer is invalid",
      "unix: a name of another family is invalid",
      "unix: lengths of names",
      "unix: a length ends a path",
      "unix: streams refuse where the socket does not listen",
      "unix: types do not mix",
      "unix: a stream needs a name to listen",
      "unix: a full backlog is EAGAIN to who does not wait",
      "unix: a full backlog ends the wait of SO_SNDTIMEO",
      "unix: a connected stream is not connected again",
      "unix: a stream without a peer sends and receives nothing",
      "unix: a stream sends to its peer only",
      "unix: a stream that was never accepted ends",
      "Unix datagrams: datagrams tell the sender's name",
      "Unix datagrams: datagrams of a sender without a name tell none",
      "Unix datagrams: datagrams of an abstract sender tell its name",
      "Unix datagrams: a datagram socket without a peer has nowhere to send",
      "Unix datagrams: a datagram to a socket that is closed is refused",
      "Unix datagrams: a connected datagram socket learns that its peer has gone",
      "Unix datagrams: a peer that is connected elsewhere hears nobody else",
      "Unix datagrams: AF_UNSPEC takes the peer of a datagram socket away",
      "Unix datagrams: a receiver's queue is full after eleven datagrams",
      "Unix datagrams: sequenced packets connect, keep their bounds and are cut off",
      "Unix datagrams: a peer's credentials are nobody's where there is none",
      "options: a level that nobody has",
      "options: a level of another protocol",
      "options: buffers are no larger than the system allows",
      "every option: SO_PASSCRED in all lengths",
      "every option: SO_PEERSEC in all lengths",
      "every option: SO_PEEK_OFF in all lengths",
      "every option: SO_PEERGROUPS in all lengths",
      "every option: a Unix socket has few of them",
      "shutdown: a socket without a connection has nothing to end",
      "shutdown: a Unix listener tells only those who wait that it has stopped",
      "connecting: a Unix socket connects at once",
      "connecting: a socket that was never connected hangs up",
      "files: a Unix socket's path is not opened",
      "timeouts: accept of a Unix socket",
      "timeouts: send to a full queue of datagrams",
      "control: a Unix socket that listens is passed on and accepts",
    ],
  },
  {
    subject: "stack",
    why:
      "Pairs of sockets are the library's, as on `host`: without urgent bytes, credentials and `SO_PEEK_OFF`.",
    scripts: [
      "Unix datagrams: a peer's credentials are told",
      "options: SO_PEEK_OFF moves where MSG_PEEK looks",
      "urgent: Unix streams have urgent bytes, datagrams not",
      "urgent: MSG_WAITALL ends at the mark of a Unix pair",
      "control: SO_PASSCRED tells who sends",
      "control: credentials may be sent",
      "control: credentials and descriptors go together",
    ],
  },
  {
    subject: "stack",
    why:
      "What a kernel has beside its stack, a stack has not: filters, clocks and CPUs of packets, namespaces, transparent proxies, pacing of datagrams. Options about it are ENOPROTOOPT.",
    scripts: [
      "every option: SO_ATTACH_FILTER in all lengths",
      "every option: SO_DETACH_FILTER in all lengths",
      "every option: SO_TIMESTAMP in all lengths",
      "every option: SO_TIMESTAMPNS in all lengths",
      "every option: SO_TIMESTAMPING in all lengths",
      "every option: SO_BUSY_POLL in all lengths",
      "every option: SO_INCOMING_CPU in all lengths",
      "every option: SO_MEMINFO in all lengths",
      "every option: SO_NETNS_COOKIE in all lengths",
      "every option: SO_MAX_PACING_RATE in all lengths",
      "every option: SO_TXTIME in all lengths",
      "every option: IP_TRANSPARENT in all lengths",
      "control: SO_TIMESTAMP tells when",
    ],
  },
  {
    subject: "stack",
    why: "A socket of IPv6 stays one: `IPV6_ADDRFORM` is ENOPROTOOPT.",
    scripts: [
      "every option: IPV6_ADDRFORM in all lengths",
    ],
  },
  {
    subject: "stack",
    why:
      "Sizes, bounds and defaults are the stack's, not the system's: buffers, windows, segments over loopback, the congestion control, retries of a SYN, the longest linger.",
    isSystems: true,
    scripts: [
      "options: TCP_MAXSEG is no larger than the route's once connected",
      "options: TCP_INFO tells the state",
      "options: TCP's default congestion control is the system's",
      "every option: SO_SNDBUF in all lengths",
      "every option: SO_RCVBUF in all lengths",
      "every option: SO_RCVLOWAT in all lengths",
      "every option: TCP_SYNCNT in all lengths",
      "every option: TCP_CONGESTION in all lengths",
      "options: SO_LINGER is a struct",
    ],
  },
];
