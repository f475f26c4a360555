/**
 * Events and flags of `poll`, `select` and `epoll`, with Linux's values on every backend.
 *
 * @module
 */

// Events of `poll`.

/** There is something to read. Source: poll(2). */
export const POLLIN = 1;
/** There is something urgent, such as out-of-band data. Source: poll(2). */
export const POLLPRI = 2;
/** There is room to write. Source: poll(2). */
export const POLLOUT = 4;
/** An error; always told of. Source: poll(2). */
export const POLLERR = 8;
/** The peer hung up; always told of. Source: poll(2). */
export const POLLHUP = 0x10;
/** The descriptor is not open; always told of. Source: poll(2). */
export const POLLNVAL = 0x20;
/** The same as `POLLIN`. Source: poll(2). */
export const POLLRDNORM = 0x40;
/** There is priority data to read; sockets do not use it. Source: poll(2). */
export const POLLRDBAND = 0x80;
/** The same as `POLLOUT`. Source: poll(2). */
export const POLLWRNORM = 0x100;
/** Priority data may be written. Source: poll(2). */
export const POLLWRBAND = 0x200;
/** The peer closed its side of a stream, or all of it. Source: poll(2). */
export const POLLRDHUP = 0x2000;

// Flags, operations and events of `epoll`.

/** The new descriptor is closed by `exec`. Source: epoll_create1(2). */
export const EPOLL_CLOEXEC = 0x80000;
/** Adds a descriptor. Source: epoll_ctl(2). */
export const EPOLL_CTL_ADD = 1;
/** Removes a descriptor. Source: epoll_ctl(2). */
export const EPOLL_CTL_DEL = 2;
/** Changes the events and the data word of a descriptor. Source: epoll_ctl(2). */
export const EPOLL_CTL_MOD = 3;
/** There is something to read. Source: epoll_ctl(2). */
export const EPOLLIN = 1;
/** There is something urgent, such as out-of-band data. Source: epoll_ctl(2). */
export const EPOLLPRI = 2;
/** There is room to write. Source: epoll_ctl(2). */
export const EPOLLOUT = 4;
/** An error; always told of. Source: epoll_ctl(2). */
export const EPOLLERR = 8;
/** The peer hung up; always told of. Source: epoll_ctl(2). */
export const EPOLLHUP = 0x10;
/** The same as `EPOLLIN`. Source: epoll_ctl(2). */
export const EPOLLRDNORM = 0x40;
/** There is priority data to read; sockets do not use it. Source: epoll_ctl(2). */
export const EPOLLRDBAND = 0x80;
/** The same as `EPOLLOUT`. Source: epoll_ctl(2). */
export const EPOLLWRNORM = 0x100;
/** Priority data may be written. Source: epoll_ctl(2). */
export const EPOLLWRBAND = 0x200;
/** Ignored. Source: epoll_ctl(2). */
export const EPOLLMSG = 0x400;
/** The peer closed its side of a stream, or all of it. Source: epoll_ctl(2). */
export const EPOLLRDHUP = 0x2000;
/** Of several epolls that wait for the descriptor, not all are woken. Source: epoll_ctl(2). */
export const EPOLLEXCLUSIVE = 0x10000000;
/** Keeps the system from suspending while the event is handled. Source: epoll_ctl(2). */
export const EPOLLWAKEUP = 0x20000000;
/** One event, then none until `EPOLL_CTL_MOD`. Source: epoll_ctl(2). */
export const EPOLLONESHOT = 0x40000000;
/** Edge triggered: told of changes, not of what stays as it is. Source: epoll_ctl(2). */
export const EPOLLET = 0x80000000;

// The size of an fd set, in descriptors.

/** Descriptors that an fd set has bits for: 0 to one less. Source: select(2). */
export const FD_SETSIZE = 1024;
