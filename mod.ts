/**
 * Millrace: an async networking runtime for Deno. io_uring's queues in shared memory are its core;
 * what consumes them is the Linux kernel, or plain Deno.
 *
 * @example
 * ```ts
 * import { NetworkCapability, TcpEndpoint } from "./mod.ts";
 * await using capability = await NetworkCapability.request();
 * await using endpoint = await TcpEndpoint.create("127.0.0.1:0", capability);
 * console.log(`listening on ${endpoint.addr.hostname}:${endpoint.addr.port}`);
 * ```
 *
 * @module
 */

export {
  type CapabilityRequest,
  NetworkCapability,
  type NetworkStats,
  type RevokeReport,
} from "./native/capability.ts";
export { TcpEndpoint } from "./native/tcp_endpoint.ts";
export { ListenerSocket, type ListenOptions } from "./native/listener_socket.ts";
export { UnixEndpoint } from "./native/unix_endpoint.ts";
export { UnixStream } from "./native/unix_stream.ts";
export type { AcceptStats } from "./native/acceptor.ts";
export { type ConnectOptions, TcpStream } from "./native/tcp_stream.ts";
export { type CloseReport, StreamSocket } from "./native/stream_socket.ts";
export type { Socket } from "./native/socket.ts";
export type { Lease } from "./native/lease.ts";
export { RingBuffer } from "./native/ring_buffer.ts";
export type { OpOptions } from "./native/stream_receive.ts";
export type { SendOptions } from "./native/stream_send.ts";
export type { ListenOptionName, OptionName, OptionValue, OptionValues } from "./native/options.ts";
export type { ResolveOptions } from "./native/resolver.ts";
export type { BackendName, FeatureMask, RingOptions } from "./native/ring_options.ts";
export { NetError, PartialSendError } from "./native/errors.ts";
export { type NodeSocket, type NodeSocketOptions, toNodeSocket } from "./native/node_socket.ts";
export {
  type BufferPool,
  type Completion,
  IoUring,
  type IoUringOptions,
  type IoUringStats,
  type Submission,
  type TransferOptions,
} from "./native/io_uring.ts";
export {
  type LedgerHandle,
  type ReapReport,
  WorkerLedger,
  type WorkerLedgerOptions,
} from "./native/worker_ledger.ts";
export {
  type AddressFamily,
  type AddressInput,
  type HostPort,
  type NetAddressObject,
  SocketAddress,
  type UnixAddressInput,
  type UnixAddressObject,
} from "./ring/abi/address.ts";
export type { Limits, NetworkRights, Rule } from "./ring/authority/mod.ts";
