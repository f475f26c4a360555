/**
 * Flags, errors and lengths of name calls, with Linux's values on every backend.
 *
 * @module
 */

// Flags of `getaddrinfo` and `getnameinfo`.

/** Without a name: the address to bind to, not that of loopback. Source: getaddrinfo(3). */
export const AI_PASSIVE = 1;
/** Asks for the canonical name as well. Source: getaddrinfo(3). */
export const AI_CANONNAME = 2;
/** The host is an address: nobody is asked. Source: getaddrinfo(3). */
export const AI_NUMERICHOST = 4;
/** IPv4-mapped addresses, where IPv6 is asked for and there is none. Source: getaddrinfo(3). */
export const AI_V4MAPPED = 8;
/** With `AI_V4MAPPED`: those too where there is IPv6. Source: getaddrinfo(3). */
export const AI_ALL = 0x10;
/** Only families that this machine has an address of. Source: getaddrinfo(3). */
export const AI_ADDRCONFIG = 0x20;
/** The name may be in any script; its ASCII form is looked up. Source: getaddrinfo(3). */
export const AI_IDN = 0x40;
/** The canonical name is shown in its own script. Source: getaddrinfo(3). */
export const AI_CANONIDN = 0x80;
/** The service is a number. Source: getaddrinfo(3). */
export const AI_NUMERICSERV = 0x400;
/** The address, not a name. Source: getnameinfo(3). */
export const NI_NUMERICHOST = 1;
/** The port, not a name. Source: getnameinfo(3). */
export const NI_NUMERICSERV = 2;
/** Names of this machine's domain without the domain. Source: getnameinfo(3). */
export const NI_NOFQDN = 4;
/** An error where there is no name. Source: getnameinfo(3). */
export const NI_NAMEREQD = 8;
/**
 * The service is one of datagrams: few ports differ from those of streams. Source: getnameinfo(3).
 */
export const NI_DGRAM = 0x10;
/** The name is shown in its own script. Source: getnameinfo(3). */
export const NI_IDN = 0x20;
/** Room for a host, in bytes, that C's programs make. Source: getnameinfo(3). */
export const NI_MAXHOST = 1025;
/** Room for a service, in bytes, that C's programs make. Source: getnameinfo(3). */
export const NI_MAXSERV = 32;

// Errors of `getaddrinfo`.

/** Unknown flags, or `AI_CANONNAME` without a name. Source: getaddrinfo(3). */
export const EAI_BADFLAGS: number = -1;
/** No such name or service, or neither was given. Source: getaddrinfo(3). */
export const EAI_NONAME: number = -2;
/** The resolver failed for now. Source: getaddrinfo(3). */
export const EAI_AGAIN: number = -3;
/** The resolver failed for good. Source: getaddrinfo(3). */
export const EAI_FAIL: number = -4;
/** The name exists and has no addresses. Source: getaddrinfo(3). */
export const EAI_NODATA: number = -5;
/** The family is not known. Source: getaddrinfo(3). */
export const EAI_FAMILY: number = -6;
/** The type, or the protocol with it, is not known. Source: getaddrinfo(3). */
export const EAI_SOCKTYPE: number = -7;
/** The service does not exist for the type. Source: getaddrinfo(3). */
export const EAI_SERVICE: number = -8;
/** The address is not one of the family. Source: getaddrinfo(3). */
export const EAI_ADDRFAMILY: number = -9;
/** Out of memory. Source: getaddrinfo(3). */
export const EAI_MEMORY: number = -10;
/** Another error, which is the `cause`. Source: getaddrinfo(3). */
export const EAI_SYSTEM: number = -11;
/** C's buffer is too small; not an error of these calls. Source: getnameinfo(3). */
export const EAI_OVERFLOW: number = -12;
/** The name cannot be written in ASCII. Source: getaddrinfo(3). */
export const EAI_IDN_ENCODE: number = -105;

// Lengths of addresses as text.

/** Room for an IPv4 address, in bytes, with its NUL. Source: inet_ntop(3). */
export const INET_ADDRSTRLEN = 16;
/** Room for an IPv6 address, in bytes, with its NUL. Source: inet_ntop(3). */
export const INET6_ADDRSTRLEN = 46;

// Special addresses of IPv4, in host byte order.

/** 0.0.0.0: every address of this machine. Source: ip(7). */
export const INADDR_ANY = 0;
/** 127.0.0.1: this machine. Source: ip(7). */
export const INADDR_LOOPBACK = 0x7f000001;
/** 255.255.255.255: every host of the link. Source: ip(7). */
export const INADDR_BROADCAST = 0xffffffff;
/** What `inet_addr` gives for text that is no address. Source: ip(7). */
export const INADDR_NONE = 0xffffffff;
