/**
 * Levels and names of socket options, with Linux's values on every backend.
 *
 * @module
 */

// Levels of options.

/** Options of every socket. Source: getsockopt(2). */
export const SOL_SOCKET = 1;
/** Options of IPv4; the same as `IPPROTO_IP`. Source: getsockopt(2). */
export const SOL_IP = 0;
/** Options of IPv6; the same as `IPPROTO_IPV6`. Source: getsockopt(2). */
export const SOL_IPV6 = 41;
/** Options of TCP; the same as `IPPROTO_TCP`. Source: getsockopt(2). */
export const SOL_TCP = 6;
/** Options of UDP; the same as `IPPROTO_UDP`. Source: getsockopt(2). */
export const SOL_UDP = 17;
/** Options of raw sockets. Source: getsockopt(2). */
export const SOL_RAW = 255;
/** Options of `AF_PACKET` sockets. Source: getsockopt(2). */
export const SOL_PACKET = 263;

// Options at `SOL_SOCKET`.

/** Traces the socket, for those who may administer the network. Source: socket(7). */
export const SO_DEBUG = 1;
/** Binds to an address that connections in TIME_WAIT still have. Source: socket(7). */
export const SO_REUSEADDR = 2;
/** Tells the type, such as `SOCK_STREAM`. Source: socket(7). */
export const SO_TYPE = 3;
/** Tells the pending error and clears it: how a non-blocking `connect` ended. Source: socket(7). */
export const SO_ERROR = 4;
/** Sends without a gateway, to hosts on the same link only. Source: socket(7). */
export const SO_DONTROUTE = 5;
/** Lets datagrams go to a broadcast address. Source: socket(7). */
export const SO_BROADCAST = 6;
/** Bytes of the buffer to send; Linux doubles what is set. Source: socket(7). */
export const SO_SNDBUF = 7;
/** Bytes of the buffer to receive; Linux doubles what is set. Source: socket(7). */
export const SO_RCVBUF = 8;
/** `SO_SNDBUF` beyond the system's limit, for administrators. Source: socket(7). */
export const SO_SNDBUFFORCE = 32;
/** `SO_RCVBUF` beyond the system's limit, for administrators. Source: socket(7). */
export const SO_RCVBUFFORCE = 33;
/** Probes an idle connection. Source: socket(7). */
export const SO_KEEPALIVE = 9;
/** Leaves urgent data among the other bytes. Source: socket(7). */
export const SO_OOBINLINE = 10;
/** The priority of what is sent, for queueing. Source: socket(7). */
export const SO_PRIORITY = 12;
/** Whether `close` waits for unsent bytes, or throws them away and resets. Source: socket(7). */
export const SO_LINGER = 13;
/** Several sockets share an address and port, and what arrives there. Source: socket(7). */
export const SO_REUSEPORT = 15;
/** Adds `SCM_CREDENTIALS` to what is received. Source: socket(7). */
export const SO_PASSCRED = 16;
/** Tells process, user and group of the peer of a Unix socket. Source: socket(7). */
export const SO_PEERCRED = 17;
/**
 * Bytes that must be there before a receive returns and `poll` tells of them. Source: socket(7).
 */
export const SO_RCVLOWAT = 18;
/** Bytes of room before a send returns; always 1 on Linux. Source: socket(7). */
export const SO_SNDLOWAT = 19;
/** How long a receive or `accept` waits before EAGAIN. Source: socket(7). */
export const SO_RCVTIMEO = 20;
/** How long a send or `connect` waits before EAGAIN or EINPROGRESS. Source: socket(7). */
export const SO_SNDTIMEO = 21;
/** The name of the one interface that is used. Source: socket(7). */
export const SO_BINDTODEVICE = 25;
/** A filter program for what arrives. Source: socket(7). */
export const SO_ATTACH_FILTER = 26;
/** Takes the filter away. Source: socket(7). */
export const SO_DETACH_FILTER = 27;
/** Adds `SCM_TIMESTAMP` to what is received. Source: socket(7). */
export const SO_TIMESTAMP = 29;
/** Adds `SCM_TIMESTAMPNS` to what is received. Source: socket(7). */
export const SO_TIMESTAMPNS = 35;
/** Time stamps of packets sent and received, by software or hardware. Source: socket(7). */
export const SO_TIMESTAMPING = 37;
/** Tells whether the socket listens. Source: socket(7). */
export const SO_ACCEPTCONN = 30;
/** Tells the security label of the peer of a Unix socket. Source: socket(7). */
export const SO_PEERSEC = 31;
/** A mark on what is sent, for routes and filters; for administrators. Source: socket(7). */
export const SO_MARK = 36;
/** Tells the protocol, such as `IPPROTO_TCP`. Source: socket(7). */
export const SO_PROTOCOL = 38;
/** Tells the family, such as `AF_INET6`. Source: socket(7). */
export const SO_DOMAIN = 39;
/** Adds the count of dropped datagrams to what is received. Source: socket(7). */
export const SO_RXQ_OVFL = 40;
/** Where `MSG_PEEK` reads on a Unix socket; each peek moves it. Source: socket(7). */
export const SO_PEEK_OFF = 42;
/** Microseconds to poll the device for before a receive sleeps. Source: socket(7). */
export const SO_BUSY_POLL = 46;
/** The processor that handles what arrives. Source: socket(7). */
export const SO_INCOMING_CPU = 49;
/** Permits `MSG_ZEROCOPY`. Source: socket(7). */
export const SO_ZEROCOPY = 60;
/** Tells a number that no other socket of this machine has. Source: socket(7). */
export const SO_COOKIE = 57;
/** Tells how much memory the socket uses. Source: socket(7). */
export const SO_MEMINFO = 55;
/** Tells a number of the socket's network namespace. Source: socket(7). */
export const SO_NETNS_COOKIE = 71;
/** The most bytes per second to send. Source: socket(7). */
export const SO_MAX_PACING_RATE = 47;
/** Permits a time to send at, for each message. Source: socket(7). */
export const SO_TXTIME = 61;
/** Tells the further groups of the peer of a Unix socket. Source: socket(7). */
export const SO_PEERGROUPS = 59;

// Options at `IPPROTO_IP`.

/** The type-of-service byte of what is sent. Source: ip(7). */
export const IP_TOS = 1;
/** Hops that what is sent may take. Source: ip(7). */
export const IP_TTL = 2;
/** The program writes the IP header itself. Source: ip(7). */
export const IP_HDRINCL = 3;
/** IP options of what is sent. Source: ip(7). */
export const IP_OPTIONS = 4;
/** Adds the IP options of what is received, as control data. Source: ip(7). */
export const IP_RECVOPTS = 6;
/** The same, with options as an answer needs them. Source: ip(7). */
export const IP_RETOPTS = 7;
/** Adds the destination and the interface of what is received. Source: ip(7). */
export const IP_PKTINFO = 8;
/** Whether packets are fragmented: `IP_PMTUDISC_*`. Source: ip(7). */
export const IP_MTU_DISCOVER = 10;
/** Keeps errors that the network reports, for `MSG_ERRQUEUE`. Source: ip(7). */
export const IP_RECVERR = 11;
/** Adds the hops left of what is received. Source: ip(7). */
export const IP_RECVTTL = 12;
/** Adds the type-of-service byte of what is received. Source: ip(7). */
export const IP_RECVTOS = 13;
/** Tells the known path MTU of a connected socket. Source: ip(7). */
export const IP_MTU = 14;
/** Binds to an address that this machine does not have yet. Source: ip(7). */
export const IP_FREEBIND = 15;
/** Binds to an address that is somebody else's, for proxies; for administrators. Source: ip(7). */
export const IP_TRANSPARENT = 19;
/** Drops what has fewer hops left. Source: ip(7). */
export const IP_MINTTL = 21;
/** Leaves fragments of raw packets as they are. Source: ip(7). */
export const IP_NODEFRAG = 22;
/** Leaves the choice of a port to `connect`, where `bind` has port 0. Source: ip(7). */
export const IP_BIND_ADDRESS_NO_PORT = 24;
/** The interface to send multicasts from. Source: ip(7). */
export const IP_MULTICAST_IF = 32;
/** Hops that multicasts may take. Source: ip(7). */
export const IP_MULTICAST_TTL = 33;
/** Whether this machine gets its own multicasts. Source: ip(7). */
export const IP_MULTICAST_LOOP = 34;
/** Joins a multicast group. Source: ip(7). */
export const IP_ADD_MEMBERSHIP = 35;
/** Leaves a multicast group. Source: ip(7). */
export const IP_DROP_MEMBERSHIP = 36;
/** Joins a group for what one source sends. Source: ip(7). */
export const IP_ADD_SOURCE_MEMBERSHIP = 39;
/** Leaves a group for one source. Source: ip(7). */
export const IP_DROP_SOURCE_MEMBERSHIP = 40;
/** Drops what one source sends to a group. Source: ip(7). */
export const IP_BLOCK_SOURCE = 38;
/** Takes that back. Source: ip(7). */
export const IP_UNBLOCK_SOURCE = 37;
/** Whether it gets every group that any socket of this machine has joined. Source: ip(7). */
export const IP_MULTICAST_ALL = 49;
/** The interface to send unicasts from. Source: ip(7). */
export const IP_UNICAST_IF = 50;
/** Joins a multicast group of either family. Source: ip(7). */
export const MCAST_JOIN_GROUP = 42;
/** Leaves a multicast group of either family. Source: ip(7). */
export const MCAST_LEAVE_GROUP = 45;
/** Joins a group of either family for what one source sends. Source: ip(7). */
export const MCAST_JOIN_SOURCE_GROUP = 46;
/** Leaves a group of either family for one source. Source: ip(7). */
export const MCAST_LEAVE_SOURCE_GROUP = 47;
/** Packets may always be fragmented. Source: ip(7). */
export const IP_PMTUDISC_DONT = 0;
/** As each route has it: fragmented here where the path needs it. Source: ip(7). */
export const IP_PMTUDISC_WANT = 1;
/** Never fragmented: a send that is too long is EMSGSIZE. Source: ip(7). */
export const IP_PMTUDISC_DO = 2;
/** Never fragmented, and what is known of the path's MTU is ignored. Source: ip(7). */
export const IP_PMTUDISC_PROBE = 3;
/** The MTU of the interface counts; what paths report is not believed. Source: ip(7). */
export const IP_PMTUDISC_INTERFACE = 4;
/** The same, but what is too long for the interface is fragmented. Source: ip(7). */
export const IP_PMTUDISC_OMIT = 5;

// Options at `IPPROTO_IPV6`.

/** Keeps IPv4 off an IPv6 socket; settable before `bind`. Source: ipv6(7). */
export const IPV6_V6ONLY = 26;
/** Hops that unicasts may take, -1 for the default. Source: ipv6(7). */
export const IPV6_UNICAST_HOPS = 16;
/** The interface to send multicasts from. Source: ipv6(7). */
export const IPV6_MULTICAST_IF = 17;
/** Hops that multicasts may take. Source: ipv6(7). */
export const IPV6_MULTICAST_HOPS = 18;
/** Whether this machine gets its own multicasts. Source: ipv6(7). */
export const IPV6_MULTICAST_LOOP = 19;
/** Joins a multicast group. Source: ipv6(7). */
export const IPV6_JOIN_GROUP = 20;
/** Leaves a multicast group. Source: ipv6(7). */
export const IPV6_LEAVE_GROUP = 21;
/** An older name for `IPV6_JOIN_GROUP`. Source: ipv6(7). */
export const IPV6_ADD_MEMBERSHIP = 20;
/** An older name for `IPV6_LEAVE_GROUP`. Source: ipv6(7). */
export const IPV6_DROP_MEMBERSHIP = 21;
/** The MTU of the socket; of a connected one the path's. Source: ipv6(7). */
export const IPV6_MTU = 24;
/** Whether packets are fragmented: like `IP_MTU_DISCOVER`. Source: ipv6(7). */
export const IPV6_MTU_DISCOVER = 23;
/** Keeps errors that the network reports, for `MSG_ERRQUEUE`. Source: ipv6(7). */
export const IPV6_RECVERR = 25;
/** Adds the destination and the interface of what is received. Source: ipv6(7). */
export const IPV6_RECVPKTINFO = 49;
/** The control data that this is, to send from an address and interface too. Source: ipv6(7). */
export const IPV6_PKTINFO = 50;
/** Adds the hops left of what is received. Source: ipv6(7). */
export const IPV6_RECVHOPLIMIT = 51;
/** The control data that this is, to send with a limit of hops too. Source: ipv6(7). */
export const IPV6_HOPLIMIT = 52;
/** Adds the traffic class of what is received. Source: ipv6(7). */
export const IPV6_RECVTCLASS = 66;
/** The traffic class of what is sent, and the control data of what is received. Source: ipv6(7). */
export const IPV6_TCLASS = 67;
/** Never fragments: a send that is too long is EMSGSIZE. Source: ipv6(7). */
export const IPV6_DONTFRAG = 62;
/**
 * Where a raw protocol has its checksum, for the kernel to fill in; -1 for none. Source: ipv6(7).
 */
export const IPV6_CHECKSUM = 7;
/** Turns a socket that is connected to an IPv4-mapped address into one of IPv4. Source: ipv6(7). */
export const IPV6_ADDRFORM = 1;
/** Drops segments of TCP with fewer hops left than this. Source: `linux/in6.h`. */
export const IPV6_MINHOPCOUNT = 73;
/** Binds to an address that this machine does not have yet. Source: ipv6(7). */
export const IPV6_FREEBIND = 78;

// Options at `IPPROTO_TCP`.

/** Sends small packets at once: no Nagle's algorithm. Source: tcp(7), `linux/tcp.h`. */
export const TCP_NODELAY = 1;
/** The most bytes in a segment. Source: tcp(7), `linux/tcp.h`. */
export const TCP_MAXSEG = 2;
/** Holds back segments that are not full. Source: tcp(7), `linux/tcp.h`. */
export const TCP_CORK = 3;
/** Seconds of silence before the first keep-alive probe. Source: tcp(7), `linux/tcp.h`. */
export const TCP_KEEPIDLE = 4;
/** Seconds between keep-alive probes. Source: tcp(7), `linux/tcp.h`. */
export const TCP_KEEPINTVL = 5;
/**
 * Keep-alive probes without an answer before the connection ends. Source: tcp(7), `linux/tcp.h`.
 */
export const TCP_KEEPCNT = 6;
/** SYNs to send before `connect` gives up. Source: tcp(7), `linux/tcp.h`. */
export const TCP_SYNCNT = 7;
/** Seconds that a closed socket stays in FIN_WAIT2. Source: tcp(7), `linux/tcp.h`. */
export const TCP_LINGER2 = 8;
/**
 * Seconds that a connection waits for data before it can be accepted. Source: tcp(7),
 * `linux/tcp.h`.
 */
export const TCP_DEFER_ACCEPT = 9;
/** The most bytes of the window that is advertised. Source: tcp(7), `linux/tcp.h`. */
export const TCP_WINDOW_CLAMP = 10;
/** Tells the state of the connection, `struct tcp_info`. Source: tcp(7), `linux/tcp.h`. */
export const TCP_INFO = 11;
/** Acknowledges at once, for now. Source: tcp(7), `linux/tcp.h`. */
export const TCP_QUICKACK = 12;
/** The name of the congestion control. Source: tcp(7), `linux/tcp.h`. */
export const TCP_CONGESTION = 13;
/**
 * Milliseconds that data may stay unacknowledged before the connection ends. Source: tcp(7),
 * `linux/tcp.h`.
 */
export const TCP_USER_TIMEOUT = 18;
/**
 * Takes data with SYNs: how many such connections may be pending. Source: tcp(7), `linux/tcp.h`.
 */
export const TCP_FASTOPEN = 23;
/**
 * `connect` returns at once, and the first write sends the SYN with data. Source: tcp(7),
 * `linux/tcp.h`.
 */
export const TCP_FASTOPEN_CONNECT = 30;
/** The time of TCP's own timestamps. Source: tcp(7), `linux/tcp.h`. */
export const TCP_TIMESTAMP = 24;
/** Unsent bytes below which the socket is writable. Source: tcp(7), `linux/tcp.h`. */
export const TCP_NOTSENT_LOWAT = 25;
/** Keeps the headers of the SYN of each connection. Source: tcp(7), `linux/tcp.h`. */
export const TCP_SAVE_SYN = 27;
/** Tells those headers, once. Source: tcp(7), `linux/tcp.h`. */
export const TCP_SAVED_SYN = 28;
/** Adds the count of bytes left to read to what is received. Source: tcp(7), `linux/tcp.h`. */
export const TCP_INQ = 36;
/**
 * The name of a protocol on top that the kernel speaks, such as `tls`. Source: tcp(7),
 * `linux/tcp.h`.
 */
export const TCP_ULP = 31;

// Options at `IPPROTO_UDP`.

/** Collects what is sent into one datagram, until it is turned off. Source: udp(7). */
export const UDP_CORK = 1;
/** Bytes of each datagram into which a long send is cut. Source: udp(7). */
export const UDP_SEGMENT = 103;
/** Receives datagrams of one flow together. Source: udp(7). */
export const UDP_GRO = 104;
