/**
 * glibc by FFI: the only file that opens it. Opened on first use, never on import; needs
 * `--allow-ffi` (or `--allow-ffi` for the full path of `libc.so.6`, which denies raw pointers and
 * is therefore not enough for rings).
 *
 * @module
 */

const SYMBOLS = {
  // int io_uring_setup(u32 entries, struct io_uring_params *p)
  setup: {
    name: "syscall",
    parameters: ["i32", /* 425 */ "u32", /* entries */ "buffer" /* params */],
    result: "i32",
  },
  // int io_uring_enter(fd, to_submit, min_complete, flags, sigset_t *, size)
  enter: {
    name: "syscall",
    parameters: ["i32", /* 426 */ "i32", "u32", "u32", "u32", "pointer" /* NULL */],
    result: "i32",
  },
  // int io_uring_register(fd, opcode, void *arg, nr_args)
  register: {
    name: "syscall",
    parameters: ["i32", /* 427 */ "i32", "u32", "buffer", /* arg */ "u32"],
    result: "i32",
  },
  __errno_location: { parameters: [], result: "pointer" },
  // void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset)
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", /* sockaddr */ "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  accept4: {
    parameters: ["i32", "buffer", /* sockaddr */ "buffer", /* socklen_t */ "i32"],
    result: "i32",
  },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  // int poll(struct pollfd *fds, nfds_t nfds, int timeout)
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  read_blocking: {
    name: "read",
    parameters: ["i32", "buffer", "usize"],
    result: "isize",
    nonblocking: true,
  },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  gettid: { parameters: [], result: "i32" },
  tgkill: { parameters: ["i32", /* process */ "i32", /* thread */ "i32"], result: "i32" },
  pipe2: { parameters: ["buffer", /* int[2] */ "i32"], result: "i32" },
  // ssize_t readlink(const char *path, char *buf, size_t size)
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "isize" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // unsigned int if_nametoindex(const char *name)
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  // int flock(int fd, int operation)
  flock: { parameters: ["i32", "i32"], result: "i32" },
  // int fchmod(int fd, mode_t mode)
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  // int fchmodat(int directory, const char *path, mode_t mode, int flags)
  fchmodat: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** What `posix/` and files call beside a ring: opened with the first of either. */
const CALL_SYMBOLS = {
  // ssize_t recv(int fd, void *buf, size_t len, int flags): sizes below 2^31 fit 32 bits
  recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  recvfrom: {
    parameters: ["i32", "buffer", "u32", "i32", "buffer", /* sockaddr */ "buffer" /* length */],
    result: "i32",
  },
  sendto: {
    parameters: ["i32", "buffer", "u32", "i32", "buffer", /* sockaddr */ "u32"],
    result: "i32",
  },
  sendmsg: { parameters: ["i32", "buffer", /* msghdr */ "i32"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", /* msghdr */ "i32"], result: "i32" },
  // ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
  preadv2: { parameters: ["i32", "buffer", "i32", "i64", "i32"], result: "i32" },
  pwritev2: { parameters: ["i32", "buffer", "i32", "i64", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", /* sockaddr */ "u32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  socketpair: { parameters: ["i32", "i32", "i32", "buffer" /* int[2] */], result: "i32" },
  // int ioctl(int fd, unsigned long request, int *argument)
  ioctl: { parameters: ["i32", "u32", "buffer"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer" /* epoll_event */], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", /* epoll_event[] */ "i32", "i32"], result: "i32" },
  // ssize_t splice(int in, off_t *inOffset, int out, off_t *outOffset, size_t len, flags)
  splice: { parameters: ["i32", "buffer", "i32", "buffer", "u32", "u32"], result: "i32" },
  // ssize_t sendfile(int out, int in, off_t *offset, size_t count)
  sendfile: { parameters: ["i32", "i32", "buffer", "u32"], result: "i32" },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  // int cachestat(fd, struct cachestat_range *, struct cachestat *, flags)
  cachestat: {
    name: "syscall",
    parameters: ["i32", /* 451 */ "i32", "buffer", "buffer", "u32"],
    result: "i32",
  },
  // int openat(int directory, const char *path, int flags, mode_t mode)
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  // int getrlimit(int resource, struct rlimit *limit)
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** glibc's functions as far as rings need them. */
export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** The other system calls of sockets and files. */
export type LibcCalls = Deno.DynamicLibrary<typeof CALL_SYMBOLS>["symbols"];

/** `io_uring_setup`, `_enter` and `_register`: the same numbers on every architecture. */
export const SYS_IO_URING_SETUP = 425;
/** See {@linkcode SYS_IO_URING_SETUP}. */
export const SYS_IO_URING_ENTER = 426;
/** See {@linkcode SYS_IO_URING_SETUP}. */
export const SYS_IO_URING_REGISTER = 427;

/** `cachestat`, from Linux 6.5 on: one number as well. */
export const SYS_CACHESTAT = 451;

/** `F_DUPFD_CLOEXEC` of `fcntl(2)`. */
export const F_DUPFD_CLOEXEC = 1030;
/** `O_CLOEXEC` of `pipe2(2)`. */
export const O_CLOEXEC = 0o2000000;
/** `EFD_CLOEXEC` of `eventfd(2)`. */
export const EFD_CLOEXEC = 0o2000000;

let library: Deno.DynamicLibrary<typeof SYMBOLS> | null = null;
let errnoView: Deno.UnsafePointerView | null = null;

/**
 * Opens glibc, once per thread.
 *
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`; an Error where there is no glibc
 */
export function openLibc(): Libc {
  if (library === null) {
    library = Deno.dlopen("libc.so.6", SYMBOLS);
    errnoView = new Deno.UnsafePointerView(library.symbols.__errno_location()!);
  }
  return library.symbols;
}

let calls: Deno.DynamicLibrary<typeof CALL_SYMBOLS> | null = null;

/** Opens the other half, once per thread; {@linkcode openLibc} has been called before. */
export function openLibcCalls(): LibcCalls {
  calls ??= Deno.dlopen("libc.so.6", CALL_SYMBOLS);
  return calls.symbols;
}

/** The calling thread's `errno`, after a call that returned -1. */
export function lastErrno(): number {
  return errnoView!.getInt32();
}

/** The address of a buffer's first byte. It does not keep the buffer alive. */
export function addressOf(buffer: ArrayBufferLike): number {
  const pointer = Deno.UnsafePointer.of(new Uint8Array(buffer) as Uint8Array<ArrayBuffer>);
  return Number(Deno.UnsafePointer.value(pointer));
}

/** Plain memory that aliases mapped pages; valid until they are unmapped. */
export function aliasOf(pointer: NonNullable<Deno.PointerValue>, bytes: number): ArrayBuffer {
  return Deno.UnsafePointerView.getArrayBuffer(pointer, bytes);
}

/** A call's result, or `-errno` when it failed. */
export function orErrno(result: number): number {
  return result < 0 ? -lastErrno() : result;
}
