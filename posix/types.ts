/**
 * The shapes that the calls take and give: C's structs as plain objects.
 *
 * @module
 */

/**
 * A socket address. Which fields there are depends on the family: `address` and `port` for
 * `AF_INET` and `AF_INET6`, `path` for `AF_UNIX`, `data` for any other. Source: ip(7), ipv6(7),
 * unix(7).
 */
export interface Sockaddr {
  /** `AF_INET`, `AF_INET6`, `AF_UNIX`, `AF_UNSPEC`, or any other number from 0 to 65535. */
  family: number;
  /** The address as text, such as `"127.0.0.1"` or `"::1"`. */
  address?: string;
  /** The port, 0 to 65535, in host byte order. */
  port?: number;
  /** `sin6_flowinfo`, in host byte order. */
  flowinfo?: number;
  /** `sin6_scope_id`: the index of the interface of a link-local address. */
  scopeId?: number;
  /** The path of an `AF_UNIX` address; `"\0name"` is abstract, `""` unnamed. */
  path?: string;
  /**
   * `sa_data` as it is, for families that have no fields here, and for an `AF_UNIX` name that is no
   * UTF-8. Where it is given it counts, not the fields.
   */
  data?: Uint8Array;
}

/** What {@linkcode Posix.accept} gives. */
export interface Accepted {
  /** The descriptor of the connection. */
  fd: number;
  /** The peer's address. */
  address: Sockaddr;
}

/** What {@linkcode Posix.recvfrom} gives. */
export interface ReceivedFrom {
  /** Bytes received; with `MSG_TRUNC` the length of the datagram. */
  n: number;
  /** The sender's address; null where the socket has no addresses to tell, as connected streams. */
  address: Sockaddr | null;
}

/** Seconds and microseconds. */
export interface Timeval {
  /** Seconds, 0 or more. */
  sec: number;
  /** Microseconds, 0 to 999999. */
  usec: number;
}

/** Seconds and nanoseconds. */
export interface Timespec {
  /** Seconds, 0 or more. */
  sec: number;
  /** Nanoseconds, 0 to 999999999. */
  nsec: number;
}

/** The value of `SO_LINGER`. Source: socket(7). */
export interface Linger {
  /** 1 where `close` waits or resets. */
  onoff: number;
  /** Seconds; 0 resets. */
  linger: number;
}

/** What options may be set to: an int, a struct as an object, or the bytes themselves. */
export type OptionValue = number | boolean | Timeval | Linger | Uint8Array;

/** One piece of control data. Source: cmsg(3). */
export interface Cmsg {
  /** `cmsg_level`, such as `SOL_SOCKET`. */
  level: number;
  /** `cmsg_type`, such as `SCM_RIGHTS`. */
  type: number;
  /** The bytes; descriptors of `SCM_RIGHTS` are 32-bit numbers of this table. */
  data: Uint8Array;
}

/** A message. Source: recvmsg(2). */
export interface Msghdr {
  /** To send: the destination. After a receive: the sender, or null where there is none to tell. */
  name?: Sockaddr | null;
  /** Bytes of the name: for a receive the room there is, 0 to ask for no name. */
  namelen?: number;
  /** The buffers, in order. */
  iov: Uint8Array[];
  /** To send: control data. After a receive: what came. */
  control?: Cmsg[];
  /** For a receive: bytes of room for control data, 0 (the default) for none; then those used. */
  controllen?: number;
  /** After a receive: `MSG_TRUNC`, `MSG_CTRUNC`, `MSG_EOR`, `MSG_OOB`, `MSG_ERRQUEUE`. */
  flags?: number;
}

/** One message of many. Source: recvmmsg(2), sendmmsg(2). */
export interface Mmsghdr {
  /** The message. */
  hdr: Msghdr;
  /** Bytes sent or received, once the call has counted the message. */
  len: number;
}

/** One descriptor of `poll`. Source: poll(2). */
export interface Pollfd {
  /** The descriptor; a negative one is passed over. */
  fd: number;
  /** What to wait for: `POLLIN`, `POLLOUT` ... */
  events: number;
  /** What is there; written by the call. */
  revents: number;
}

/** An event of `epoll`. Source: epoll_ctl(2). */
export interface EpollEvent {
  /** `EPOLLIN`, `EPOLLOUT`, `EPOLLET` ... */
  events: number;
  /** The data word: any integer from 0 to 2^53 - 1. */
  data: number;
}

/** What `getaddrinfo` should look for. Source: getaddrinfo(3). */
export interface AddrInfoHints {
  /** `AI_PASSIVE` and others. */
  flags?: number;
  /** `AF_UNSPEC` (the default), `AF_INET` or `AF_INET6`. */
  family?: number;
  /** `SOCK_STREAM` ..., 0 (the default) for all. */
  socktype?: number;
  /** `IPPROTO_TCP` ..., 0 (the default) for all. */
  protocol?: number;
}

/** One result of `getaddrinfo`. Source: getaddrinfo(3). */
export interface AddrInfo {
  /** The flags that were asked for. */
  flags: number;
  /** `AF_INET` or `AF_INET6`. */
  family: number;
  /** `SOCK_STREAM`, `SOCK_DGRAM` or `SOCK_RAW`. */
  socktype: number;
  /** `IPPROTO_TCP`, `IPPROTO_UDP` or 0. */
  protocol: number;
  /** The address. */
  addr: Sockaddr;
  /** The canonical name: of the first result only, where `AI_CANONNAME` asked for it. */
  canonname?: string;
}

/** What `getnameinfo` gives. Source: getnameinfo(3). */
export interface NameInfo {
  /** The name or the address as text. */
  host: string;
  /** The name of the service or the port as text. */
  service: string;
}
