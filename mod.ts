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
export { TcpEndpoint } from "./native/tcp/tcp_endpoint.ts";
export type { DrainOptions, DrainReport } from "./native/listener/drain.ts";
export { handOver } from "./native/process/handover.ts";
export { type HandoverOptions, receiveHandover } from "./native/process/receive_handover.ts";
export type { ListenOptions } from "./native/listener/listen_options.ts";
export { ListenerSocket } from "./native/listener/listener_socket.ts";
export { UnixEndpoint, type UnixListenOptions } from "./native/unix/unix_endpoint.ts";
export {
  type ReceivedFds,
  type UnixConnectOptions,
  UnixStream,
} from "./native/unix/unix_stream.ts";
export type { UnixPathOptions } from "./native/unix/unix_path.ts";
export type { UnixSocketType } from "./native/unix/unix_types.ts";
export type { PeerCredentials } from "./native/unix/unix_credentials.ts";
export { OwnedFd } from "./native/unix/unix_descriptors.ts";
export type { AdoptListenOptions, AdoptOptions } from "./native/process/adopt.ts";
export {
  type SystemdEndpoint,
  systemdListeners,
  type SystemdOptions,
} from "./native/process/systemd.ts";
export {
  type NotifyOptions,
  notifySupervisor,
  startWatchdog,
  Watchdog,
  watchdogIntervalMs,
  type WatchdogOptions,
} from "./native/process/supervisor.ts";
export type { AcceptStats } from "./native/listener/accept_stats.ts";
export {
  type ProxyHeader,
  type ProxyTlv,
  ProxyTlvType,
  type ProxyTransport,
} from "./native/proxy/proxy_header.ts";
export type { ProxyConnectOptions } from "./native/proxy/proxy_announcement.ts";
export type { ProxyVersions } from "./native/proxy/proxy_protocol.ts";
export type { ProxyInfo } from "./native/proxy/proxy_reader.ts";
export { type ConnectOptions, TcpStream } from "./native/tcp/tcp_stream.ts";
export type { ConnectedSocket } from "./native/stream/connected_socket.ts";
export { type CloseReport, StreamSocket } from "./native/stream/stream_socket.ts";
export type { SendFileOptions } from "./native/stream/send_file.ts";
export type { ReceiveFileOptions } from "./native/stream/receive_file.ts";
export type { WriteMode } from "./native/stream/file.ts";
export { UdpEndpoint } from "./native/datagram/udp.ts";
export { UnixDatagramEndpoint } from "./native/datagram/datagram_unix.ts";
export type { DatagramSocket } from "./native/datagram/datagram_socket.ts";
export type { DatagramStats } from "./native/datagram/datagram_stats.ts";
export type { Datagram } from "./native/datagram/datagram.ts";
export type {
  BatchFailure,
  BatchReport,
  DatagramData,
  DatagramToSend,
} from "./native/datagram/datagram_jobs.ts";
export { BatchedSender, type BatchedSenderOptions } from "./native/datagram/batched_sender.ts";
export type { PartialBatchError } from "./native/datagram/datagram_errors.ts";
export type { JoinOptions, Membership } from "./native/datagram/udp_membership.ts";
export type { AdoptDatagramOptions, BindOptions } from "./native/datagram/datagram_options.ts";
export type { Socket } from "./native/socket.ts";
export type { Lease } from "./native/lease.ts";
export { RingBuffer } from "./native/ring_buffer.ts";
export type { OpOptions } from "./native/operation.ts";
export type { SendOptions } from "./native/stream/stream_send.ts";
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
} from "./native/options/options.ts";
export type {
  CongestionState,
  FastOpenFailure,
  TcpFeatures,
  TcpInfo,
  TcpState,
} from "./native/tcp/tcp_info.ts";
export type { ResolveOptions } from "./native/resolver.ts";
export type { BackendName, FeatureMask, RingOptions } from "./native/ring_options.ts";
export { RawEndpoint, type RawOptions } from "./native/raw/raw.ts";
export { ping, type PingOptions, type PingResult } from "./native/raw/ping.ts";
export {
  type AddressInfo,
  createPipe,
  type InterfaceInfo,
  NetworkInterface,
  NetworkStack,
  type PipeHandle,
  type PipeOptions,
  type PortSpecifier,
  type RouteInfo,
  RoutingTable,
  type StackCapabilityOptions,
  type StackCaptureOptions,
  type StackCounters,
  type StackEventInfo,
  type StackEventIterator,
  type StackHandle,
  type StackInfo,
  type StackInterfaceOptions,
  type StackOptions,
  type StackRouteOptions,
  type StackStatistics,
} from "./native/stack/mod.ts";
export type { LocalPort, StackProfile, StackSizeChoices } from "./native/stack/mod.ts";
export type {
  CustomProtocolHandler,
  IcmpReport,
  PacketAction,
  PacketView,
  SteeredPacket,
  Steering,
  SteeringRule,
  SteeringStatistics,
} from "./native/stack/mod.ts";
export { NetError, PartialSendError } from "./native/errors.ts";
export {
  type NodeSocket,
  type NodeSocketOptions,
  toNodeSocket,
} from "./native/node/node_socket.ts";
export {
  type BufferPool,
  type Completion,
  IoUring,
  type IoUringOptions,
  type IoUringStats,
  type Submission,
  type TransferOptions,
} from "./native/io_uring/io_uring.ts";
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
} from "./native/limits/rate_limiter.ts";
export { Maglev, type MaglevBackend } from "./native/balance/maglev.ts";
export {
  type BalancedConnection,
  type BalancedConnectOptions,
  type BalancerDrainReport,
  LoadBalancer,
  type LoadBalancerStats,
} from "./native/balance/load_balancer.ts";
export type { LoadBalancerOptions } from "./native/balance/balancer_options.ts";
export type {
  Backend,
  BackendCondition,
  BackendOptions,
  BackendStats,
} from "./native/balance/balancer_backend.ts";
export type { BalancerPolicy } from "./native/balance/balancer_policies.ts";
export type { EjectionOptions } from "./native/balance/balancer_health.ts";
export type { ClientSource, ServeReport } from "./native/balance/balancer_serving.ts";
export { Simulation } from "./native/simulation/simulation.ts";
export { SimulationError, type SimulationFailure } from "./native/simulation/simulation_error.ts";
export type {
  BurstLoss,
  CaptureEnd,
  CaptureFilterOptions,
  CaptureSink,
  DirectionOptions,
  LinkCounters,
  LinkOptions,
  LinkStatistics,
  QueueOptions,
  SimulatedHostOptions,
  SimulationCaptureOptions,
  SimulationOptions,
  SwitchOptions,
} from "./native/simulation/simulation_options.ts";
export { SimulatedHost, SimulatedPipe } from "./native/simulation/simulated_host.ts";
export { SimulatedLink } from "./native/simulation/simulated_link.ts";
export { ConnectionPool } from "./native/pool/connection_pool.ts";
export type { ConnectionPoolStats, PoolDrainReport } from "./native/pool/pool_stats.ts";
export type { ConnectionPoolOptions } from "./native/pool/pool_options.ts";
export { PooledStream } from "./native/pool/pooled_stream.ts";
export {
  type Packet,
  type PacketHandle,
  type PacketPlan,
  type PacketReservation,
  type PacketStats,
  ZeroCopyBuffer,
  type ZeroCopyBufferOptions,
} from "./native/packet/zero_copy_buffer.ts";
export { type AddressFamily, SocketAddress } from "./ring/abi/address.ts";
export type {
  AddressInput,
  NetAddressObject,
  UnixAddressInput,
  UnixAddressObject,
} from "./ring/abi/address_input.ts";
export type { HostPort } from "./ring/abi/address_text.ts";
export type { Limits, NetworkRights, Rule } from "./ring/authority/mod.ts";
