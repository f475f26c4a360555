/**
 * libc's own functions by FFI. Pointers cross as numbers: all memory that they point to belongs to
 * {@linkcode ../memory.ts}, which stays where it is.
 *
 * @module
 */

const SYMBOLS = {
  __errno_location: { parameters: [], result: "pointer" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "usize", /* sockaddr */ "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept: { parameters: ["i32", "usize", /* sockaddr */ "usize" /* socklen_t */], result: "i32" },
  accept4: { parameters: ["i32", "usize", "usize", "i32"], result: "i32" },
  connect: { parameters: ["i32", "usize", "u32"], result: "i32" },
  send: { parameters: ["i32", "usize", "usize", "i32"], result: "isize" },
  recv: { parameters: ["i32", "usize", "usize", "i32"], result: "isize" },
  sendto: {
    parameters: ["i32", "usize", "usize", "i32", "usize", /* sockaddr */ "u32"],
    result: "isize",
  },
  recvfrom: {
    parameters: ["i32", "usize", "usize", "i32", "usize", /* sockaddr */ "usize" /* socklen_t */],
    result: "isize",
  },
  sendmsg: { parameters: ["i32", "usize", /* msghdr */ "i32"], result: "isize" },
  recvmsg: { parameters: ["i32", "usize", "i32"], result: "isize" },
  sendmmsg: { parameters: ["i32", "usize", /* mmsghdr[] */ "u32", "i32"], result: "i32" },
  recvmmsg: {
    parameters: ["i32", "usize", "u32", "i32", "usize" /* timespec */],
    result: "i32",
  },
  read: { parameters: ["i32", "usize", "usize"], result: "isize" },
  write: { parameters: ["i32", "usize", "usize"], result: "isize" },
  readv: { parameters: ["i32", "usize", /* iovec[] */ "i32"], result: "isize" },
  writev: { parameters: ["i32", "usize", "i32"], result: "isize" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "usize", "usize"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "usize", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "usize", "usize"], result: "i32" },
  getpeername: { parameters: ["i32", "usize", "usize"], result: "i32" },
  socketpair: { parameters: ["i32", "i32", "i32", "usize" /* int[2] */], result: "i32" },
  pipe2: { parameters: ["usize", /* int[2] */ "i32"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "usize"], result: "i32" },
  poll: { parameters: ["usize", /* pollfd[] */ "u64", "i32"], result: "i32" },
  ppoll: { parameters: ["usize", "u64", "usize", /* timespec */ "usize"], result: "i32" },
  select: { parameters: ["i32", "usize", "usize", "usize", "usize" /* timeval */], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "usize" /* epoll_event */], result: "i32" },
  epoll_wait: { parameters: ["i32", "usize", "i32", "i32"], result: "i32" },
  sendfile: { parameters: ["i32", "i32", "usize", /* off_t */ "usize"], result: "isize" },
  splice: {
    parameters: ["i32", "usize", /* loff_t */ "i32", "usize", /* loff_t */ "usize", "u32"],
    result: "isize",
  },
  vmsplice: { parameters: ["i32", "usize", /* iovec[] */ "usize", "u32"], result: "isize" },
  open: { parameters: ["usize", /* path */ "i32", "u32"], result: "i32" },
  getaddrinfo: { parameters: ["usize", "usize", "usize", "usize"], result: "i32" },
  freeaddrinfo: { parameters: ["usize"], result: "void" },
  getnameinfo: {
    parameters: ["usize", "u32", "usize", "u32", "usize", "u32", "i32"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** libc's functions. */
export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** libc and the calling thread's `errno`. */
export interface OpenLibc {
  /** The functions. */
  readonly call: Libc;
  /** Reads `errno`; right after a call that returned -1. */
  errno(): number;
}

let opened: OpenLibc | undefined;

/** Opens libc, once per thread; it stays open. */
export function openLibc(): OpenLibc {
  return opened ??= open();
}

function open(): OpenLibc {
  const { symbols } = Deno.dlopen("libc.so.6", SYMBOLS);
  const view = new Deno.UnsafePointerView(symbols.__errno_location()!);
  return { call: symbols, errno: () => view.getInt32() };
}
