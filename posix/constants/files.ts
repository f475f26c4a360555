/**
 * Commands and flags of `fcntl`, `open`, `ioctl`, `splice`, with Linux's values on every backend.
 *
 * @module
 */

// Commands and flags of `fcntl` and `open`.

/** A copy: the lowest free descriptor that is not below the argument. Source: fcntl(2). */
export const F_DUPFD = 0;
/** Tells the flags of the descriptor. Source: fcntl(2). */
export const F_GETFD = 1;
/** Sets the flags of the descriptor: `FD_CLOEXEC`. Source: fcntl(2). */
export const F_SETFD = 2;
/** Tells access mode and status flags of the open file. Source: fcntl(2). */
export const F_GETFL = 3;
/** Sets status flags of the open file, such as `O_NONBLOCK`. Source: fcntl(2). */
export const F_SETFL = 4;
/** `F_DUPFD`, and the copy is closed by `exec`. Source: fcntl(2). */
export const F_DUPFD_CLOEXEC = 1030;
/** Sets the bytes that a pipe holds. Source: fcntl(2). */
export const F_SETPIPE_SZ = 1031;
/** Tells the bytes that a pipe holds. Source: fcntl(2). */
export const F_GETPIPE_SZ = 1032;
/** The descriptor is closed by `exec`. Source: fcntl(2). */
export const FD_CLOEXEC = 1;
/** Opens to read. Source: open(2). */
export const O_RDONLY = 0;
/** Opens to write. Source: open(2). */
export const O_WRONLY = 1;
/** Opens to read and write. Source: open(2). */
export const O_RDWR = 2;
/** The bits of the flags that hold the access mode. Source: open(2). */
export const O_ACCMODE = 3;
/** Creates the file where it does not exist. Source: open(2). */
export const O_CREAT = 0o100;
/** With `O_CREAT`: EEXIST where the file exists. Source: open(2). */
export const O_EXCL = 0o200;
/** Cuts the file to nothing. Source: open(2). */
export const O_TRUNC = 0o1000;
/** Writes always go to the end. Source: open(2). */
export const O_APPEND = 0o2000;
/** Calls that would wait are EAGAIN. Source: open(2). */
export const O_NONBLOCK = 0o4000;
/** Goes around the page cache; of a pipe, keeps writes apart. Source: open(2). */
export const O_DIRECT = 0o40000;
/** ENOTDIR for what is no directory. Source: open(2). */
export const O_DIRECTORY = 0o200000;
/** ELOOP where the last part of the path is a link. Source: open(2). */
export const O_NOFOLLOW = 0o400000;
/** The descriptor is closed by `exec`. Source: open(2). */
export const O_CLOEXEC = 0o2000000;

// Requests of `ioctl`.

/**
 * Tells the bytes that can be read; of datagrams, those of the next one. Source:
 * `asm-generic/ioctls.h`, tcp(7), udp(7).
 */
export const FIONREAD = 0x541b;
/** Sets or clears `O_NONBLOCK`. Source: `asm-generic/ioctls.h`, tcp(7), udp(7). */
export const FIONBIO = 0x5421;
/** The same as `FIONREAD`. Source: `asm-generic/ioctls.h`, tcp(7), udp(7). */
export const SIOCINQ = 0x541b;
/**
 * Tells the bytes that are not sent, or not acknowledged. Source: `asm-generic/ioctls.h`, tcp(7),
 * udp(7).
 */
export const SIOCOUTQ = 0x5411;
/**
 * Tells whether the next byte to read is the one behind the urgent data. Source:
 * `asm-generic/ioctls.h`, tcp(7), udp(7).
 */
export const SIOCATMARK = 0x8905;

// Flags of `splice` and `vmsplice`.

/** Moves pages where it can; a hint without effect. Source: splice(2). */
export const SPLICE_F_MOVE = 1;
/** Does not wait for the pipe. Source: splice(2). */
export const SPLICE_F_NONBLOCK = 2;
/** More is to come: like `MSG_MORE`. Source: splice(2). */
export const SPLICE_F_MORE = 4;
/** In `vmsplice`: the pages are given away. Source: splice(2). */
export const SPLICE_F_GIFT = 8;
