/**
 * Families, types, protocols and flags of socket calls, with Linux's values on every backend.
 *
 * @module
 */

// Address families.

/**
 * No family: any, or in `connect` an end of what a datagram socket is connected to. Source:
 * socket(2), `bits/socket.h`.
 */
export const AF_UNSPEC = 0;
/**
 * Sockets within this machine, by path, abstract name, or none. Source: socket(2),
 * `bits/socket.h`.
 */
export const AF_UNIX = 1;
/** POSIX's name for `AF_UNIX`. Source: socket(2), `bits/socket.h`. */
export const AF_LOCAL = 1;
/** IPv4. Source: socket(2), `bits/socket.h`. */
export const AF_INET = 2;
/** IPv6. Source: socket(2), `bits/socket.h`. */
export const AF_INET6 = 10;
/** Messages to and from the kernel. Source: socket(2), `bits/socket.h`. */
export const AF_NETLINK = 16;
/** Packets as they are on a link. Source: socket(2), `bits/socket.h`. */
export const AF_PACKET = 17;
/** The same as `AF_UNSPEC`. Source: socket(2), `bits/socket.h`. */
export const PF_UNSPEC = 0;
/** The same as `AF_UNIX`. Source: socket(2), `bits/socket.h`. */
export const PF_UNIX = 1;
/** The same as `AF_LOCAL`. Source: socket(2), `bits/socket.h`. */
export const PF_LOCAL = 1;
/** The same as `AF_INET`. Source: socket(2), `bits/socket.h`. */
export const PF_INET = 2;
/** The same as `AF_INET6`. Source: socket(2), `bits/socket.h`. */
export const PF_INET6 = 10;

// Types of sockets, and flags that go with them.

/** A connection that carries bytes in order, without bounds between messages. Source: socket(2). */
export const SOCK_STREAM = 1;
/** Messages of limited length, unreliable and without a connection. Source: socket(2). */
export const SOCK_DGRAM = 2;
/** Packets of a protocol, with what the kernel would else take off them. Source: socket(2). */
export const SOCK_RAW = 3;
/** Reliable messages in no certain order. Source: socket(2). */
export const SOCK_RDM = 4;
/** A connection that carries messages in order, with their bounds. Source: socket(2). */
export const SOCK_SEQPACKET = 5;
/** An old way to get packets of a link; programs use `AF_PACKET`. Source: socket(2). */
export const SOCK_PACKET = 10;
/** With a type: the new descriptor has `O_NONBLOCK`. Source: socket(2). */
export const SOCK_NONBLOCK = 0x800;
/** With a type: the new descriptor is closed by `exec`. Source: socket(2). */
export const SOCK_CLOEXEC = 0x80000;
/** The longest queue of connections that nobody has accepted. Source: listen(2). */
export const SOMAXCONN = 4096;

// Protocols.

/** The family's own protocol for the type; options of IPv4. Source: `netinet/in.h`. */
export const IPPROTO_IP = 0;
/** Control messages of IPv4, such as echo requests. Source: `netinet/in.h`. */
export const IPPROTO_ICMP = 1;
/** Membership of multicast groups in IPv4. Source: `netinet/in.h`. */
export const IPPROTO_IGMP = 2;
/** TCP, and its options. Source: `netinet/in.h`. */
export const IPPROTO_TCP = 6;
/** UDP, and its options. Source: `netinet/in.h`. */
export const IPPROTO_UDP = 17;
/** IPv6 in IP, and the options of IPv6. Source: `netinet/in.h`. */
export const IPPROTO_IPV6 = 41;
/** Control messages of IPv6. Source: `netinet/in.h`. */
export const IPPROTO_ICMPV6 = 58;
/** Raw packets of which the program writes the IP header. Source: `netinet/in.h`. */
export const IPPROTO_RAW = 255;
/** UDP with a checksum of a part of the message only. Source: `netinet/in.h`. */
export const IPPROTO_UDPLITE = 136;
/** SCTP: streams of messages over several paths. Source: `netinet/in.h`. */
export const IPPROTO_SCTP = 132;

// What `shutdown` ends.

/** Nothing more is received. Source: shutdown(2). */
export const SHUT_RD = 0;
/** Nothing more is sent: the peer reads the end. Source: shutdown(2). */
export const SHUT_WR = 1;
/** Both. Source: shutdown(2). */
export const SHUT_RDWR = 2;

// Flags of sends and receives.

/** The byte of urgent data. Source: send(2), recv(2). */
export const MSG_OOB = 1;
/** To receive without taking it away: the next call gets the same. Source: recv(2). */
export const MSG_PEEK = 2;
/** To send without a gateway, to hosts on the same link only. Source: send(2). */
export const MSG_DONTROUTE = 4;
/** After a receive: control data was lost for want of room. Source: recv(2). */
export const MSG_CTRUNC = 8;
/** After a receive: the message was longer; to receive: return its true length. Source: recv(2). */
export const MSG_TRUNC = 0x20;
/** This call does not wait: EAGAIN instead. Source: send(2), recv(2). */
export const MSG_DONTWAIT = 0x40;
/** The end of a record, where the protocol has records. Source: send(2), recv(2). */
export const MSG_EOR = 0x80;
/** To receive as much as there is room for, not only what is there. Source: recv(2). */
export const MSG_WAITALL = 0x100;
/** To send: the neighbour is known to answer, so that it need not be probed. Source: send(2). */
export const MSG_CONFIRM = 0x800;
/** To receive what is in the queue of errors. Source: recv(2). */
export const MSG_ERRQUEUE = 0x2000;
/** To send without SIGPIPE where the peer is gone; EPIPE remains. Source: send(2). */
export const MSG_NOSIGNAL = 0x4000;
/** To send later, together with what comes next. Source: send(2). */
export const MSG_MORE = 0x8000;
/** In `recvmmsg`: `MSG_DONTWAIT` after the first message. Source: recvmmsg(2). */
export const MSG_WAITFORONE = 0x10000;
/**
 * To send without copying; the queue of errors tells when the bytes are free again. Source:
 * send(2), socket(7).
 */
export const MSG_ZEROCOPY = 0x4000000;
/** To connect and send with the first packet. Source: send(2), tcp(7). */
export const MSG_FASTOPEN = 0x20000000;
/** Descriptors that are received are closed by `exec`. Source: recv(2). */
export const MSG_CMSG_CLOEXEC = 0x40000000;

// Kinds of control data at `SOL_SOCKET`.

/** Descriptors that are passed on. Source: unix(7), socket(7). */
export const SCM_RIGHTS = 1;
/** Process, user and group of the sender. Source: unix(7), socket(7). */
export const SCM_CREDENTIALS = 2;
/** When a message came, as a `timeval`. Source: unix(7), socket(7). */
export const SCM_TIMESTAMP = 29;
/** When a message came, as a `timespec`. Source: unix(7), socket(7). */
export const SCM_TIMESTAMPNS = 35;
