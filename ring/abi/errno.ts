/**
 * The error numbers of Linux, their names, and a sentence for each.
 *
 * One table serves every backend: the `host` and `stack` backends answer with the numbers the
 * kernel would have used, so that nothing above the ring can tell them apart.
 *
 * @module
 */

/**
 * The error numbers of Linux on x86-64 and aarch64, by name.
 *
 * Where two names share a number the one that {@linkcode errnoName} reports comes first.
 * Source: errno(3), `include/uapi/asm-generic/errno.h`.
 *
 * @example
 * ```ts
 * import { Errno } from "./errno.ts";
 * if (Errno.ECONNREFUSED !== 111) throw new Error("unreachable");
 * ```
 */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  E2BIG: 7,
  ENOEXEC: 8,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  ENOTBLK: 15,
  EBUSY: 16,
  EEXIST: 17,
  EXDEV: 18,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  ENOTTY: 25,
  ETXTBSY: 26,
  EFBIG: 27,
  ENOSPC: 28,
  ESPIPE: 29,
  EROFS: 30,
  EMLINK: 31,
  EPIPE: 32,
  EDOM: 33,
  ERANGE: 34,
  EDEADLK: 35,
  ENAMETOOLONG: 36,
  ENOLCK: 37,
  ENOSYS: 38,
  ENOTEMPTY: 39,
  ELOOP: 40,
  EWOULDBLOCK: 11,
  ENOMSG: 42,
  EIDRM: 43,
  ECHRNG: 44,
  EL2NSYNC: 45,
  EL3HLT: 46,
  EL3RST: 47,
  ELNRNG: 48,
  EUNATCH: 49,
  ENOCSI: 50,
  EL2HLT: 51,
  EBADE: 52,
  EBADR: 53,
  EXFULL: 54,
  ENOANO: 55,
  EBADRQC: 56,
  EBADSLT: 57,
  EDEADLOCK: 35,
  EBFONT: 59,
  ENOSTR: 60,
  ENODATA: 61,
  ETIME: 62,
  ENOSR: 63,
  ENONET: 64,
  ENOPKG: 65,
  EREMOTE: 66,
  ENOLINK: 67,
  EADV: 68,
  ESRMNT: 69,
  ECOMM: 70,
  EPROTO: 71,
  EMULTIHOP: 72,
  EDOTDOT: 73,
  EBADMSG: 74,
  EOVERFLOW: 75,
  ENOTUNIQ: 76,
  EBADFD: 77,
  EREMCHG: 78,
  ELIBACC: 79,
  ELIBBAD: 80,
  ELIBSCN: 81,
  ELIBMAX: 82,
  ELIBEXEC: 83,
  EILSEQ: 84,
  ERESTART: 85,
  ESTRPIPE: 86,
  EUSERS: 87,
  ENOTSOCK: 88,
  EDESTADDRREQ: 89,
  EMSGSIZE: 90,
  EPROTOTYPE: 91,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  ESOCKTNOSUPPORT: 94,
  ENOTSUP: 95,
  EOPNOTSUPP: 95,
  EPFNOSUPPORT: 96,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENETRESET: 102,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  EISCONN: 106,
  ENOTCONN: 107,
  ESHUTDOWN: 108,
  ETOOMANYREFS: 109,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTDOWN: 112,
  EHOSTUNREACH: 113,
  EALREADY: 114,
  EINPROGRESS: 115,
  ESTALE: 116,
  EUCLEAN: 117,
  ENOTNAM: 118,
  ENAVAIL: 119,
  EISNAM: 120,
  EREMOTEIO: 121,
  EDQUOT: 122,
  ENOMEDIUM: 123,
  EMEDIUMTYPE: 124,
  ECANCELED: 125,
  ENOKEY: 126,
  EKEYEXPIRED: 127,
  EKEYREVOKED: 128,
  EKEYREJECTED: 129,
  EOWNERDEAD: 130,
  ENOTRECOVERABLE: 131,
  ERFKILL: 132,
  EHWPOISON: 133,
} as const;

/** The largest error number that Linux hands to user space by name. Source: errno(3). */
export const ERRNO_MAX = 133;

/** What each number means to somebody who writes network programs, in our own words. */
const SENTENCES: Readonly<Record<number, string>> = {
  1: "this process is not allowed to do that",
  2: "nothing exists at that path",
  3: "there is no such process",
  4: "a signal interrupted the call before it finished",
  5: "the device failed while moving the bytes",
  6: "nobody has opened the other side, or the device does not exist",
  7: "the argument list is larger than the kernel takes",
  8: "that file is in no format the kernel can run",
  9: "the descriptor is not open, or not open for this",
  10: "there is no child process to wait for",
  11: "nothing is ready yet; try again later",
  12: "the kernel has no memory for this, or the locked-memory limit is reached",
  13: "access is not granted",
  14: "an address points outside the memory of the process",
  15: "a block device is needed here",
  16: "somebody else is already using it",
  17: "it already exists",
  18: "the two paths are on different file systems",
  19: "there is no such device or network interface",
  20: "a part of the path is not a directory",
  21: "that is a directory",
  22: "the kernel refused an argument",
  23: "the whole machine has run out of open files",
  24: "this process has run out of descriptors",
  25: "that kind of descriptor does not know this request",
  26: "the file is being executed",
  27: "the file would grow past its largest size",
  28: "there is no space left",
  29: "a socket or pipe has no position to seek to",
  30: "the file system is read-only",
  31: "the file has its largest number of links",
  32: "the other side no longer reads, or this side has ended writing",
  33: "the number is outside the domain of the function",
  34: "the result does not fit where it should go",
  35: "waiting here would never end",
  36: "the name or path is too long",
  37: "no more file locks are available",
  38: "this kernel does not have the call",
  39: "the directory is not empty",
  40: "too many symbolic links lead in a circle",
  42: "there is no message of that type",
  43: "the identifier was removed",
  44: "the channel number is out of range",
  45: "level 2 is not synchronised",
  46: "level 3 has halted",
  47: "level 3 was reset",
  48: "the link number is out of range",
  49: "no protocol driver is attached",
  50: "there is no control structure for it",
  51: "level 2 has halted",
  52: "the exchange is not valid",
  53: "the request descriptor is not valid",
  54: "the exchange is full",
  55: "there is no anode",
  56: "the request code is not valid",
  57: "the slot is not valid",
  59: "the font file is malformed",
  60: "that device is not a stream",
  61: "there is nothing to read, or no such attribute",
  62: "the timer ran out",
  63: "the streams resources are used up",
  64: "this machine is on no network",
  65: "a package that is needed here is not installed",
  66: "the object lives on another machine",
  67: "the link to the other machine is cut",
  68: "the resource is still advertised",
  69: "the resource is still mounted by others",
  70: "sending to the other machine failed",
  71: "the other side broke the protocol",
  72: "the path would need more than one hop",
  73: "the remote file system reports an error of its own",
  74: "the message is damaged",
  75: "the value does not fit in its type",
  76: "that name is not unique on the network",
  77: "the descriptor is in a state that does not allow this",
  78: "the remote address has changed",
  79: "a shared library that is needed cannot be read",
  80: "a shared library is damaged",
  81: "a section of a shared library is damaged",
  82: "too many shared libraries would be linked",
  83: "a shared library cannot be run as a program",
  84: "the bytes are no valid text in that encoding",
  85: "the kernel wants to start the interrupted call again",
  86: "the pipe between streams failed",
  87: "there are too many users",
  88: "the descriptor is not a socket",
  89: "the socket is not connected and no destination was given",
  90: "the message is larger than one packet may be",
  91: "the protocol does not fit the type of the socket, or of the one at the other end",
  92: "the kernel does not know that option at that level",
  93: "the kernel does not have that protocol",
  94: "the kernel does not have that type of socket",
  95: "that is not supported here",
  96: "the kernel does not have that protocol family",
  97: "the socket or the kernel cannot use addresses of that family",
  98: "another socket already has that address",
  99: "no interface of this machine has that address, or no local port is free",
  100: "the network interface is down",
  101: "there is no route to that network",
  102: "the network dropped the connection",
  103: "the connection was given up before it was accepted",
  104: "the other side reset the connection",
  105: "there are no buffers left",
  106: "the socket is already connected",
  107: "the socket is not connected",
  108: "this side of the connection is already shut down",
  109: "too many descriptors are on their way through sockets",
  110: "no answer came in time",
  111: "nobody is listening at that address",
  112: "that host is down",
  113: "there is no route to that host",
  114: "an earlier request for the same thing is still under way",
  115: "the operation has started and is under way",
  116: "the file on the other machine is gone",
  117: "the structure needs cleaning",
  118: "that is not a named type file",
  119: "no semaphores are available",
  120: "that is a named type file",
  121: "the device at the other end failed",
  122: "the quota is used up",
  123: "there is no medium in the drive",
  124: "the medium is of the wrong type",
  125: "the operation was cancelled before it finished",
  126: "the key that is needed is not there",
  127: "the key has expired",
  128: "the key was revoked",
  129: "the other side rejected the key",
  130: "the owner of the lock died",
  131: "the state cannot be recovered",
  132: "a switch has turned the radio off",
  133: "the memory page has a hardware error",
};

/** Names by number: the index is the error number, gaps are undefined. */
const NAMES: readonly (string | undefined)[] = namesByNumber();

function namesByNumber(): (string | undefined)[] {
  const names = new Array<string | undefined>(ERRNO_MAX + 1).fill(undefined);
  for (const [name, errno] of Object.entries(Errno)) names[errno] ??= name;
  return names;
}

/**
 * Gives the name of an error number.
 *
 * @param errno The number, positive or, as system calls return it, negative.
 * @returns The name, such as `"ECONNREFUSED"`, or `"E<number>"` for one that Linux does not name.
 *
 * @example
 * ```ts
 * import { errnoName } from "./errno.ts";
 * if (errnoName(-111) !== "ECONNREFUSED") throw new Error("unreachable");
 * if (errnoName(95) !== "ENOTSUP") throw new Error("unreachable");
 * if (errnoName(4000) !== "E4000") throw new Error("unreachable");
 * ```
 */
export function errnoName(errno: number): string {
  const positive = Math.abs(errno);
  return NAMES[positive] ?? `E${positive}`;
}

/**
 * Gives a plain fragment of a sentence that says what an error number means.
 *
 * @param errno The number, positive or, as system calls return it, negative.
 * @returns Lower-case text without a full stop, such as `"nobody is listening at that address"`.
 *
 * @example
 * ```ts
 * import { errnoSentence } from "./errno.ts";
 * console.log(`connect: ${errnoSentence(111)}`); // nobody is listening at that address
 * ```
 */
export function errnoSentence(errno: number): string {
  return SENTENCES[Math.abs(errno)] ?? "the kernel reports an error that has no name";
}
