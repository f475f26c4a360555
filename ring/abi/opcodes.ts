/**
 * The numbers of io_uring's ABI (`linux/io_uring.h` up to Linux 6.18), of the socket calls it
 * carries (`sys/socket.h`, `poll.h`), and of Millrace's own driver operations.
 *
 * @module
 */

/** `enum io_uring_op`: what a submission queue entry asks for. */
export const Op = {
  NOP: 0,
  READV: 1,
  WRITEV: 2,
  FSYNC: 3,
  READ_FIXED: 4,
  WRITE_FIXED: 5,
  POLL_ADD: 6,
  POLL_REMOVE: 7,
  SYNC_FILE_RANGE: 8,
  SENDMSG: 9,
  RECVMSG: 10,
  TIMEOUT: 11,
  TIMEOUT_REMOVE: 12,
  ACCEPT: 13,
  ASYNC_CANCEL: 14,
  LINK_TIMEOUT: 15,
  CONNECT: 16,
  FALLOCATE: 17,
  OPENAT: 18,
  CLOSE: 19,
  FILES_UPDATE: 20,
  STATX: 21,
  READ: 22,
  WRITE: 23,
  FADVISE: 24,
  MADVISE: 25,
  SEND: 26,
  RECV: 27,
  OPENAT2: 28,
  EPOLL_CTL: 29,
  SPLICE: 30,
  PROVIDE_BUFFERS: 31,
  REMOVE_BUFFERS: 32,
  TEE: 33,
  SHUTDOWN: 34,
  RENAMEAT: 35,
  UNLINKAT: 36,
  MKDIRAT: 37,
  SYMLINKAT: 38,
  LINKAT: 39,
  MSG_RING: 40,
  FSETXATTR: 41,
  SETXATTR: 42,
  FGETXATTR: 43,
  GETXATTR: 44,
  SOCKET: 45,
  URING_CMD: 46,
  SEND_ZC: 47,
  SENDMSG_ZC: 48,
  READ_MULTISHOT: 49,
  WAITID: 50,
  FUTEX_WAIT: 51,
  FUTEX_WAKE: 52,
  FUTEX_WAITV: 53,
  FIXED_FD_INSTALL: 54,
  FTRUNCATE: 55,
  BIND: 56,
  LISTEN: 57,
  RECV_ZC: 58,
  EPOLL_WAIT: 59,
  READV_FIXED: 60,
  WRITEV_FIXED: 61,
  PIPE: 62,
} as const;

/**
 * Driver operations: what io_uring has no opcode for, in a private range of the same byte. A driver
 * executes them, so that a program needs nothing but its ring. All their addresses are arena
 * offsets, on every backend.
 */
export const DriverOp = {
  /** Local name into `addr` and peer name into `addr2`, see `NAMES_*` in `ring/slots.ts`. */
  NAMES: 0xc0,
  /** `setsockopt`: level and name in `addr`, length in `file_index`, value at `addr3`. */
  SETSOCKOPT: 0xc1,
  /** `getsockopt`: the same fields; the result is the length written. */
  GETSOCKOPT: 0xc2,
  /** The path that the file in `fd` has, into `addr` (room for `len` bytes); its length. */
  FILE_PATH: 0xc4,
  /** `fcntl`: the command in `op_flags`, its integer argument in `len`. */
  FCNTL: 0xc5,
  /** `fchmod`: the mode in `len`; of the path at `addr`, which is no link, where that is not 0. */
  CHMOD: 0xc6,
  /** `flock`, which must not wait: the operation in `op_flags`. */
  FLOCK: 0xc9,
  /** The index of the interface whose name is at `addr` (`len` bytes), ENODEV for none. */
  INTERFACE: 0xc7,
  /** `pipe2`: the flags in `op_flags`; both descriptors go to the words at `addr`. */
  PIPE: 0xc8,
  /**
   * Looks up the name at `addr` (`len` bytes), of the family in `op_flags`; sockaddrs of 28 bytes
   * go to `addr2`, `file_index` its room. With {@linkcode ResolveFlag} the answer is a name.
   */
  RESOLVE: 0xc3,
  /** The name of the address at `addr` (4 or 16 bytes) to `addr2`, `file_index` its room; length. */
  REVERSE: 0xca,
  /**
   * Asks the stack itself: a request in JSON at `addr` (`len` bytes), the answer in JSON to `addr2`,
   * `file_index` its room; its length, or `-errno`: EINVAL with the reason as a JSON string there.
   */
  CONTROL: 0xcb,
  /**
   * Tells of what happens in the stack until it is cancelled: each completion carries a provided
   * buffer of the group in `buf_group`, with an event in JSON; the result is its length.
   */
  EVENTS: 0xcc,
  /**
   * Sends one echo request to the sockaddr at `addr` (`addr2` its length), with `len` bytes of
   * data and the hops in `op_flags`, 0 for the default; the result is the microseconds that the
   * answer took. It waits until it is cancelled.
   */
  PING: 0xcd,
  /** `ioctl` of a socket: the request in `op_flags`; the result is the int that it tells. */
  IOCTL: 0xce,
  /**
   * `sendfile` to a socket that does not block: `len` bytes at most of the file in `file_index`,
   * from `off` on. The result is 0 at the end of the file, EAGAIN without room, and ENODATA where
   * the page cache has not all of them, or does not tell: it never waits for a disk.
   */
  SENDFILE: 0xcf,
} as const;

/** What a RESOLVE asks for instead of addresses, beside the family in `op_flags`. */
export const ResolveFlag = {
  /** The canonical name that belongs to the name: its bytes go to `addr2`; their length. */
  CANONICAL: 1 << 16,
} as const;

/** The first opcode that is a driver operation. */
export const FIRST_DRIVER_OP = 0xc0;

/** `IOSQE_*`: how an entry is to be treated. */
export const SqeFlag = {
  FIXED_FILE: 1 << 0,
  IO_DRAIN: 1 << 1,
  IO_LINK: 1 << 2,
  IO_HARDLINK: 1 << 3,
  ASYNC: 1 << 4,
  BUFFER_SELECT: 1 << 5,
  CQE_SKIP_SUCCESS: 1 << 6,
} as const;

/** `IORING_CQE_F_*`: what a completion says beside its result. */
export const CqeFlag = {
  BUFFER: 1 << 0,
  MORE: 1 << 1,
  SOCK_NONEMPTY: 1 << 2,
  NOTIF: 1 << 3,
  BUF_MORE: 1 << 4,
} as const;

/** The buffer id of a completion that carries {@linkcode CqeFlag.BUFFER}: `flags >>> 16`. */
export const CQE_BUFFER_SHIFT = 16;

/** `IORING_SETUP_*`. */
export const SetupFlag = {
  IOPOLL: 1 << 0,
  SQPOLL: 1 << 1,
  SQ_AFF: 1 << 2,
  CQSIZE: 1 << 3,
  CLAMP: 1 << 4,
  ATTACH_WQ: 1 << 5,
  R_DISABLED: 1 << 6,
  SUBMIT_ALL: 1 << 7,
  COOP_TASKRUN: 1 << 8,
  TASKRUN_FLAG: 1 << 9,
  SQE128: 1 << 10,
  CQE32: 1 << 11,
  SINGLE_ISSUER: 1 << 12,
  DEFER_TASKRUN: 1 << 13,
  NO_MMAP: 1 << 14,
  REGISTERED_FD_ONLY: 1 << 15,
  NO_SQARRAY: 1 << 16,
} as const;

/** `IORING_FEAT_*`, what the kernel reports back. */
export const FeatureFlag = {
  SINGLE_MMAP: 1 << 0,
  NODROP: 1 << 1,
  SUBMIT_STABLE: 1 << 2,
  RW_CUR_POS: 1 << 3,
  CUR_PERSONALITY: 1 << 4,
  FAST_POLL: 1 << 5,
  EXT_ARG: 1 << 8,
  CQE_SKIP: 1 << 11,
} as const;

/** `IORING_ENTER_*`. */
export const EnterFlag = {
  GETEVENTS: 1 << 0,
  SQ_WAKEUP: 1 << 1,
  SQ_WAIT: 1 << 2,
  EXT_ARG: 1 << 3,
  REGISTERED_RING: 1 << 4,
} as const;

/** Bits of the submission queue's flags word; the consumer sets them. */
export const SqRingFlag = {
  NEED_WAKEUP: 1 << 0,
  CQ_OVERFLOW: 1 << 1,
  TASKRUN: 1 << 2,
} as const;

/** Bits of the completion queue's flags word; the program sets them. */
export const CqRingFlag = {
  EVENTFD_DISABLED: 1 << 0,
  /** Ours, on software rings: the program sleeps on the tail and wants to be notified. */
  NEED_WAKEUP: 1 << 8,
} as const;

/** `IORING_REGISTER_*`. */
export const RegisterOp = {
  BUFFERS: 0,
  UNREGISTER_BUFFERS: 1,
  FILES: 2,
  EVENTFD: 4,
  UNREGISTER_EVENTFD: 5,
  FILES_UPDATE: 6,
  PROBE: 8,
  FILES2: 13,
  UNREGISTER_FILES: 3,
  PBUF_RING: 22,
  UNREGISTER_PBUF_RING: 23,
  SYNC_CANCEL: 24,
  FILE_ALLOC_RANGE: 25,
} as const;

/** The `ioprio` bits of receive, send and accept. */
export const IoPrio = {
  POLL_FIRST: 1 << 0,
  RECV_MULTISHOT: 1 << 1,
  FIXED_BUF: 1 << 2,
  ZC_REPORT_USAGE: 1 << 3,
  BUNDLE: 1 << 4,
  ACCEPT_MULTISHOT: 1 << 0,
  ACCEPT_DONTWAIT: 1 << 1,
} as const;

/** `IORING_ASYNC_CANCEL_*`. */
export const CancelFlag = { ALL: 1 << 0, FD: 1 << 1, ANY: 1 << 2, FD_FIXED: 1 << 3 } as const;

/** `IORING_TIMEOUT_*`. */
export const TimeoutFlag = {
  ABS: 1 << 0,
  UPDATE: 1 << 1,
  LINK_TIMEOUT_UPDATE: 1 << 4,
  ETIME_SUCCESS: 1 << 5,
  MULTISHOT: 1 << 6,
} as const;

/** `IORING_POLL_*`, in the `len` of a poll. */
export const PollFlag = {
  ADD_MULTI: 1 << 0,
  UPDATE_EVENTS: 1 << 1,
  UPDATE_USER_DATA: 1 << 2,
} as const;

/** `poll(2)` events. */
export const Poll = {
  IN: 0x001,
  PRI: 0x002,
  OUT: 0x004,
  ERR: 0x008,
  HUP: 0x010,
  NVAL: 0x020,
  RDHUP: 0x2000,
} as const;

/** `MSG_*` flags of send and receive. */
export const Msg = {
  OOB: 0x01,
  PEEK: 0x02,
  CTRUNC: 0x08,
  TRUNC: 0x20,
  DONTWAIT: 0x40,
  WAITALL: 0x100,
  ERRQUEUE: 0x2000,
  NOSIGNAL: 0x4000,
  CMSG_CLOEXEC: 0x40000000,
} as const;

/** Kinds of control messages at the level SOL_SOCKET; timestamps are SockOpt.SO_TIMESTAMP. */
export const Scm = { RIGHTS: 1, CREDENTIALS: 2, SECURITY: 3, PIDFD: 4 } as const;

/** `SCM_MAX_FD` of `linux/net/scm.h`: descriptors in one message. */
export const SCM_MAX_FD = 253;

/** Socket types and their flags. */
export const Sock = {
  STREAM: 1,
  DGRAM: 2,
  RAW: 3,
  SEQPACKET: 5,
  CLOEXEC: 0o2000000,
  NONBLOCK: 0o4000,
} as const;

/** `AT_FDCWD`: paths count from the working directory. */
export const AT_FDCWD = -100;

/** Flags of `open(2)`, those that have one number on every architecture. */
export const Open = {
  RDONLY: 0,
  WRONLY: 0o1,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const;

/** Commands of `fcntl(2)`. */
export const Fcntl = { GETFD: 1, SETFD: 2, GETFL: 3, SETFL: 4, SETPIPE_SZ: 1031 } as const;

/** The `how` of `shutdown(2)`. */
export const Shut = { RD: 0, WR: 1, RDWR: 2 } as const;

/**
 * Levels and names of socket options (`socket(7)`, `tcp(7)`, `udp(7)`, `ip(7)`, `ipv6(7)`,
 * `raw(7)`, `unix(7)`): the numbers of Linux on x86-64, ARM and RISC-V.
 */
export const SockOpt = {
  SOL_IP: 0,
  SOL_SOCKET: 1,
  IPPROTO_TCP: 6,
  IPPROTO_UDP: 17,
  IPPROTO_IPV6: 41,
  IPPROTO_ICMPV6: 58,
  SOL_RAW: 255,

  SO_REUSEADDR: 2,
  SO_TYPE: 3,
  SO_ERROR: 4,
  SO_BROADCAST: 6,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_KEEPALIVE: 9,
  SO_PRIORITY: 12,
  SO_LINGER: 13,
  SO_REUSEPORT: 15,
  SO_PASSCRED: 16,
  SO_PEERCRED: 17,
  SO_BINDTODEVICE: 25,
  SO_TIMESTAMP: 29,
  SO_ACCEPTCONN: 30,
  SO_MARK: 36,
  SO_PROTOCOL: 38,
  SO_DOMAIN: 39,
  SO_RXQ_OVFL: 40,
  SO_BUSY_POLL: 46,
  SO_INCOMING_CPU: 49,
  SO_ZEROCOPY: 60,

  TCP_NODELAY: 1,
  TCP_MAXSEG: 2,
  TCP_CORK: 3,
  TCP_KEEPIDLE: 4,
  TCP_KEEPINTVL: 5,
  TCP_KEEPCNT: 6,
  TCP_DEFER_ACCEPT: 9,
  TCP_INFO: 11,
  TCP_QUICKACK: 12,
  TCP_CONGESTION: 13,
  TCP_USER_TIMEOUT: 18,
  TCP_FASTOPEN: 23,
  TCP_NOTSENT_LOWAT: 25,
  TCP_FASTOPEN_CONNECT: 30,

  UDP_SEGMENT: 103,
  UDP_GRO: 104,

  IP_TOS: 1,
  IP_TTL: 2,
  IP_HDRINCL: 3,
  IP_PKTINFO: 8,
  IP_MTU_DISCOVER: 10,
  IP_RECVERR: 11,
  IP_RECVTTL: 12,
  IP_RECVTOS: 13,
  IP_MULTICAST_IF: 32,
  IP_MULTICAST_TTL: 33,
  IP_MULTICAST_LOOP: 34,
  IP_ADD_MEMBERSHIP: 35,
  IP_DROP_MEMBERSHIP: 36,
  IP_ADD_SOURCE_MEMBERSHIP: 39,
  IP_DROP_SOURCE_MEMBERSHIP: 40,
  MCAST_JOIN_GROUP: 42,
  MCAST_LEAVE_GROUP: 45,
  MCAST_JOIN_SOURCE_GROUP: 46,
  MCAST_LEAVE_SOURCE_GROUP: 47,
  IP_MULTICAST_ALL: 49,

  IPV6_UNICAST_HOPS: 16,
  IPV6_MULTICAST_IF: 17,
  IPV6_MULTICAST_HOPS: 18,
  IPV6_MULTICAST_LOOP: 19,
  IPV6_ADD_MEMBERSHIP: 20,
  IPV6_DROP_MEMBERSHIP: 21,
  IPV6_MTU_DISCOVER: 23,
  IPV6_RECVERR: 25,
  IPV6_V6ONLY: 26,
  IPV6_MULTICAST_ALL: 29,
  IPV6_RECVPKTINFO: 49,
  IPV6_PKTINFO: 50,
  IPV6_RECVHOPLIMIT: 51,
  IPV6_HOPLIMIT: 52,
  IPV6_RECVTCLASS: 66,
  IPV6_TCLASS: 67,

  ICMP_FILTER: 1,
  ICMPV6_FILTER: 1,
} as const;
