/**
 * The classic socket calls over the same queues: for programmers who know `man 2 socket`.
 *
 * @example
 * ```ts
 * import { NetworkCapability } from "../mod.ts";
 * import { Posix } from "./mod.ts";
 * await using capability = await NetworkCapability.request();
 * await using posix = Posix.open(capability);
 * const [reader, writer] = posix.pipe2();
 * posix.write(writer, new Uint8Array([1, 2, 3]));
 * console.log(posix.read(reader, new Uint8Array(8))); // 3
 * ```
 *
 * @module
 */

export { type InetFunctions, Posix, type PosixConstants, type PosixOptions } from "./posix.ts";
export type { Bytes, CallName, PosixCalls, PromisedCalls } from "./calls.ts";
export { rightsOf } from "./calls.ts";
export type { TableHandle } from "./descriptors.ts";
export { PosixError } from "./errors.ts";
export { FD_CLR, FD_ISSET, FD_SET, FD_ZERO, FdSet } from "./fd_set.ts";
export {
  type AcceptedSocket,
  Socket,
  type SocketFamily,
  type SocketOptions,
  type SocketType,
} from "./socket.ts";
export { formatSockaddr, type SocketAddressInput, toSockaddr } from "./socket_address.ts";
export type { SocketKeepAlive, SocketOptionName, SocketOptionValues } from "./socket_options.ts";
export { strerror } from "./strerror.ts";
export {
  htonl,
  htons,
  inet_addr,
  inet_aton,
  inet_ntoa,
  inet_ntop,
  inet_pton,
  ntohl,
  ntohs,
} from "./names/inet.ts";
export type {
  Accepted,
  AddrInfo,
  AddrInfoHints,
  Cmsg,
  EpollEvent,
  Linger,
  Mmsghdr,
  Msghdr,
  NameInfo,
  OptionValue,
  Pollfd,
  ReceivedFrom,
  Sockaddr,
  Timespec,
  Timeval,
} from "./types.ts";
export * from "./constants/mod.ts";
