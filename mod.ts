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
export type { DrainOptions, DrainReport } from "./native/drain.ts";
export { handOver } from "./native/handover.ts";
export { type HandoverOptions, receiveHandover } from "./native/receive_handover.ts";
export type { ListenOptions } from "./native/listen_options.ts";
export { ListenerSocket } from "./native/listener_socket.ts";
export { UnixEndpoint, type UnixListenOptions } from "./native/unix_endpoint.ts";
export { type ReceivedFds, type UnixConnectOptions, UnixStream } from "./native/unix_stream.ts";
export type { UnixPathOptions } from "./native/unix_path.ts";
export type { UnixSocketType } from "./native/unix_types.ts";
export type { PeerCredentials } from "./native/unix_credentials.ts";
export { OwnedFd } from "./native/unix_descriptors.ts";
export type { AdoptListenOptions, AdoptOptions } from "./native/adopt.ts";
export { type SystemdEndpoint, systemdListeners, type SystemdOptions } from "./native/systemd.ts";
export {
  type NotifyOptions,
  notifySupervisor,
  startWatchdog,
  Watchdog,
  watchdogIntervalMs,
  type WatchdogOptions,
} from "./native/supervisor.ts";
export type { AcceptStats } from "./native/accept_stats.ts";
export {
  type ProxyHeader,
  type ProxyTlv,
  ProxyTlvType,
  type ProxyTransport,
} from "./native/proxy_header.ts";
export type { ProxyConnectOptions } from "./native/proxy_announcement.ts";
export type { ProxyVersions } from "./native/proxy_protocol.ts";
export type { ProxyInfo } from "./native/proxy_reader.ts";
export { type ConnectOptions, TcpStream } from "./native/tcp_stream.ts";
export { type CloseReport, StreamSocket } from "./native/stream_socket.ts";
export type { SendFileOptions } from "./native/send_file.ts";
export type { ReceiveFileOptions } from "./native/receive_file.ts";
export type { WriteMode } from "./native/file.ts";
export { UdpEndpoint } from "./native/udp.ts";
export { UnixDatagramEndpoint } from "./native/datagram_unix.ts";
export type { DatagramSocket } from "./native/datagram_socket.ts";
export type { DatagramStats } from "./native/datagram_stats.ts";
export type { Datagram } from "./native/datagram.ts";
export type {
  BatchFailure,
  BatchReport,
  DatagramData,
  DatagramToSend,
} from "./native/datagram_jobs.ts";
export { BatchedSender, type BatchedSenderOptions } from "./native/batched_sender.ts";
export type { PartialBatchError } from "./native/datagram_errors.ts";
export type { JoinOptions, Membership } from "./native/udp_membership.ts";
export type { BindOptions } from "./native/udp_open.ts";
export type { Socket } from "./native/socket.ts";
export type { Lease } from "./native/lease.ts";
export { RingBuffer } from "./native/ring_buffer.ts";
export type { OpOptions } from "./native/stream_receive.ts";
export type { SendOptions } from "./native/stream_send.ts";
export type {
  AnyOptionName,
  AnyOptionValues,
  DatagramOnlyValues,
  DatagramOptionName,
  DatagramOptionValues,
  KeepAlive,
  ListenOptionName,
  ListenOptionValues,
  MtuDiscovery,
  OptionName,
  OptionValue,
  OptionValues,
  SocketKind,
  StreamOptionValues,
} from "./native/options.ts";
export type {
  CongestionState,
  FastOpenFailure,
  TcpFeatures,
  TcpInfo,
  TcpState,
} from "./native/tcp_info.ts";
export type { ResolveOptions } from "./native/resolver.ts";
export type { BackendName, FeatureMask, RingOptions } from "./native/ring_options.ts";
export { RawEndpoint, type RawOptions } from "./native/raw.ts";
export { ping, type PingOptions, type PingResult } from "./native/ping.ts";
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
  type AddressLimiter,
  RateLimiter,
  type RateLimiterOptions,
  type RateLimiterStats,
} from "./native/rate_limiter.ts";
export { Maglev, type MaglevBackend } from "./native/maglev.ts";
export {
  type BalancedConnection,
  type BalancedConnectOptions,
  type BalancerDrainReport,
  LoadBalancer,
  type LoadBalancerStats,
} from "./native/load_balancer.ts";
export type { LoadBalancerOptions } from "./native/balancer_options.ts";
export type {
  Backend,
  BackendCondition,
  BackendOptions,
  BackendStats,
} from "./native/balancer_backend.ts";
export type { BalancerPolicy } from "./native/balancer_policies.ts";
export type { EjectionOptions } from "./native/balancer_health.ts";
export type { ClientSource, ServeReport } from "./native/balancer_serving.ts";
export { ConnectionPool } from "./native/connection_pool.ts";
export type { ConnectionPoolStats, PoolDrainReport } from "./native/pool_stats.ts";
export type { ConnectionPoolOptions } from "./native/pool_options.ts";
export { PooledStream } from "./native/pooled_stream.ts";
export {
  type Packet,
  type PacketHandle,
  type PacketPlan,
  type PacketReservation,
  type PacketStats,
  ZeroCopyBuffer,
  type ZeroCopyBufferOptions,
} from "./native/zero_copy_buffer.ts";
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
