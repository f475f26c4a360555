/**
 * Connecting: one address at a time, and names by happy eyeballs (RFC 8305).
 *
 * The system's resolver asks for both families at once and sorts by RFC 6724, as section 4 wants it;
 * its answer is complete when it comes, so there is no Resolution Delay (section 3). No history of
 * earlier connections is kept (section 4 allows one), and no NAT64 address is made (section 7).
 *
 * @module
 */

import { type Authorization, withPort } from "../authorization.ts";
import type { Network } from "../network.ts";
import { Want } from "../network.ts";
import { netError, timedOut } from "../errors.ts";
import type { AnyStream } from "../listener/endpoint_streams.ts";
import { checkTimeout } from "../operation.ts";
import {
  checkKeys,
  checkOptionValues,
  packetFamily,
  setOptions,
  STREAM_OPTIONS,
} from "../options/options.ts";
import {
  announce,
  type Announcement,
  planAnnouncement,
  PROXY_CONNECT_KEYS,
} from "../proxy/proxy_announcement.ts";
import { LEASES_PER_STREAM, requireLeases } from "./stream_socket.ts";
import { type ConnectOptions, TcpStream } from "../tcp/tcp_stream.ts";
import { type UnixConnectOptions, UnixStream } from "../unix/unix_stream.ts";
import { openSocket, requireType } from "../unix/unix_types.ts";
import { resolveName } from "../resolver.ts";
import { isDenial, type NameAdmission } from "../../ring/authority/mod.ts";
import { canonicalize, type SocketAddress } from "../../ring/abi/address.ts";
import { type AddressInput, isHostPort, parseAddress } from "../../ring/abi/address_input.ts";
import type { HostPort } from "../../ring/abi/address_text.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** RFC 8305, section 8: Connection Attempt Delay, in milliseconds. */
const CONNECTION_ATTEMPT_DELAY_MS = 250;
/** Addresses of one name that are tried, at most. */
const ATTEMPTS_MAX = 16;

const KEYS: readonly string[] = [
  ...STREAM_OPTIONS,
  "signal",
  "timeoutMs",
  "leasesPerStream",
  "localAddress",
  ...PROXY_CONNECT_KEYS,
];

const UNIX_KEYS: readonly string[] = [...KEYS, "type"];

/** Connects: a {@linkcode UnixStream} where the address is of a Unix socket. */
export async function connect(
  authorization: Authorization,
  address: AddressInput,
  options: UnixConnectOptions,
): Promise<TcpStream | UnixStream> {
  authorization.requireLive("connect");
  const target = parseAddress(address);
  const isUnix = !isHostPort(target) && target.family === "unix";
  checkKeys("connect", options, isUnix ? UNIX_KEYS : KEYS);
  requireType(options.type);
  checkOptionValues("stream", options);
  checkTimeout("connect", options.timeoutMs);
  requireLeases(options.leasesPerStream);
  const announcement = planAnnouncement(options);
  options.signal?.throwIfAborted();
  const local = options.localAddress === undefined ? null : numericAddress(options.localAddress);
  if (isHostPort(target)) {
    const name = `${target.name}:${target.port}`;
    return await withDeadline(
      authorization,
      options,
      name,
      async (bounded) => {
        const stream = await connectName(authorization, target, local, bounded);
        return await announced(stream, announcement, bounded);
      },
    );
  }
  const remote = canonicalize(target, "destination");
  const transport = remote.family === "unix" ? "unix" : "tcp";
  authorization.requireAddress(transport, "connect", remote);
  return await withDeadline(
    authorization,
    options,
    remote.toString(),
    async (bounded) => {
      const stream = await connectAddress(authorization, remote, local, bounded);
      return await announced(stream, announcement, bounded);
    },
  );
}

/** The stream, once its PROXY header is sent: only of the one attempt that won. */
async function announced(
  stream: TcpStream | UnixStream,
  announcement: Announcement | null,
  { signal }: ConnectOptions,
): Promise<TcpStream | UnixStream> {
  if (announcement === null) return stream;
  await announce(stream as AnyStream, announcement, signal);
  return stream;
}

/** The address to connect from; which rules would a name be judged by? */
function numericAddress(input: AddressInput): SocketAddress {
  const address = parseAddress(input);
  if (!isHostPort(address)) return address;
  throw new TypeError(`localAddress must be an address, not the name "${address.name}"`);
}

/** Connects to one address that is already admitted. */
async function connectAddress(
  authorization: Authorization,
  remote: SocketAddress,
  local: SocketAddress | null,
  options: UnixConnectOptions,
): Promise<TcpStream | UnixStream> {
  const { network, scope } = authorization;
  authorization.takeSocket("connect");
  let fd = -1;
  try {
    fd = await openSocket(network, remote, options.type, "connect");
    if (fd < 0) throw netError(fd, { operation: "connect", remote: remote.toString() });
    await prepare(network, fd, remote, local, options);
    await establish(network, fd, remote, options.signal);
    const names = await network.names(fd, Want.LOCAL);
    if (typeof names === "number") {
      throw netError(names, { operation: "connect", remote: remote.toString() });
    }
    if (scope.revokedBy !== null) throw scope.revokedBy;
    const parts = {
      network,
      owner: scope,
      fd,
      local: names.local!,
      remote,
      leasesPerStream: options.leasesPerStream ?? LEASES_PER_STREAM,
      type: options.type,
    };
    return remote.family === "unix" ? new UnixStream(parts) : new TcpStream<Deno.NetAddr>(parts);
  } catch (error) {
    if (fd >= 0) await network.close(fd);
    authorization.returnSocket();
    throw error;
  }
}

async function prepare(
  network: Network,
  fd: number,
  remote: SocketAddress,
  local: SocketAddress | null,
  options: ConnectOptions,
): Promise<void> {
  const values = { noDelay: remote.family === "unix" ? undefined : true, ...options };
  const target = {
    network,
    descriptor: fd,
    kind: "stream",
    family: packetFamily(remote),
    remoteName: remote.toString(),
  } as const;
  await setOptions(target, values, "connect");
  if (local === null) return;
  const bound = await network.bind(fd, local);
  if (bound < 0) {
    const names = { local: local.toString(), remote: remote.toString() };
    throw netError(bound, { operation: "connect", ...names });
  }
}

/** `connect(2)`; an abort cancels it, and loses to a connection that was made meanwhile. */
async function establish(
  network: Network,
  fd: number,
  remote: SocketAddress,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  const operation = network.connect(fd, remote);
  if (operation.slot < 0) throw network.inFlightExceeded("connect");
  network.reactor.reference();
  const cancel = () => {
    if (operation.slot >= 0) network.reactor.cancel(operation.slot);
  };
  signal?.addEventListener("abort", cancel, { once: true });
  const result = await operation.done;
  signal?.removeEventListener("abort", cancel);
  network.reactor.dereference();
  if (result >= 0) return;
  if (signal?.aborted === true) throw signal.reason;
  throw netError(result, { operation: "connect", remote: remote.toString() });
}

/** Runs `connect` under the deadline and the signal of its options, and under the capability. */
async function withDeadline<Result>(
  { network, scope }: Authorization,
  options: UnixConnectOptions,
  remote: string,
  connect: (options: UnixConnectOptions) => Promise<Result>,
): Promise<Result> {
  const { timeoutMs, signal } = options;
  if (signal?.aborted === true) throw signal.reason;
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const deadline = timeoutMs === undefined ? null : network.reactor.armDeadline(timeoutMs, {
    onDeadline: () => controller.abort(timedOut("connect", { remote, timeoutMs })),
  }, 0);
  try {
    return await scope.track(connect({ ...options, signal: controller.signal }), controller);
  } finally {
    if (deadline !== null) network.reactor.disarmDeadline(deadline);
    signal?.removeEventListener("abort", onAbort);
  }
}

/** Connects to a name: resolves it, then races its addresses. */
async function connectName(
  authorization: Authorization,
  target: HostPort,
  local: SocketAddress | null,
  options: ConnectOptions,
): Promise<TcpStream | UnixStream> {
  const { network, scope } = authorization;
  const admission = scope.authority.admitName("tcp", "connect", target.name, target.port);
  if (isDenial(admission)) throw authorization.denied(admission, "connect");
  const resolved = await resolveName(network, target.name, { signal: options.signal });
  const addresses = interleave(resolved).map((address) => withPort(address, target.port));
  // From an IPv4 address only IPv4 addresses can be reached.
  const reachable = addresses.filter(({ family }) => local === null || family === local.family);
  const candidates = reachable.length > 0 ? reachable : addresses;
  const admitted = admit(authorization, candidates, admission);
  return await race(authorization, `${target.name}:${target.port}`, admitted, local, options);
}

/** The addresses that the admission allows; none is a denial. */
function admit(
  authorization: Authorization,
  addresses: SocketAddress[],
  admission: NameAdmission,
): SocketAddress[] {
  const admitted = addresses.filter((address) => admission.allows(address));
  if (admitted.length === 0 && addresses.length > 0) {
    throw authorization.denied(admission.check(addresses[0])!, "connect");
  }
  return admitted.slice(0, ATTEMPTS_MAX);
}

/**
 * RFC 8305, section 4: "the address families should be interleaved", beginning with the family that
 * the resolver put first.
 */
export function interleave(addresses: readonly SocketAddress[]): SocketAddress[] {
  if (addresses.length === 0) return [];
  const first = addresses.filter(({ family }) => family === addresses[0].family);
  const second = addresses.filter(({ family }) => family !== addresses[0].family);
  const mixed: SocketAddress[] = [];
  for (let index = 0; index < Math.max(first.length, second.length); index++) {
    if (index < first.length) mixed.push(first[index]);
    if (index < second.length) mixed.push(second[index]);
  }
  return mixed;
}

/**
 * Starts one attempt after the other, the next when the last one failed or after the Connection
 * Attempt Delay; the first connection wins and the others are cancelled.
 */
function race(
  authorization: Authorization,
  remote: string,
  addresses: readonly SocketAddress[],
  local: SocketAddress | null,
  options: ConnectOptions,
): Promise<TcpStream | UnixStream> {
  const { reactor } = authorization.network;
  const controller = new AbortController();
  const signal = options.signal === undefined
    ? controller.signal
    : AbortSignal.any([controller.signal, options.signal]);
  const failures: unknown[] = [];
  let next = 0;
  let pending = 0;
  let isWon = false;
  let timer: ReturnType<typeof reactor.armDeadline> | null = null;
  return new Promise<TcpStream | UnixStream>((resolve, reject) => {
    reactor.reference();
    const settle = (conclude: () => void) => {
      if (timer !== null) reactor.disarmDeadline(timer);
      timer = null;
      reactor.dereference();
      conclude();
    };
    const attempt = (): void => {
      if (timer !== null) reactor.disarmDeadline(timer);
      timer = null;
      if (isWon || next >= addresses.length || signal.aborted) return;
      const address = addresses[next++];
      pending++;
      if (next < addresses.length) {
        timer = reactor.armDeadline(CONNECTION_ATTEMPT_DELAY_MS, { onDeadline: attempt }, 0);
      }
      connectAddress(authorization, address, local, { ...options, signal }).then(won, lost);
    };
    const won = (stream: TcpStream | UnixStream): void => {
      pending--;
      if (isWon) {
        stream.close();
        return;
      }
      isWon = true;
      settle(() => resolve(stream));
      controller.abort();
    };
    const lost = (error: unknown): void => {
      pending--;
      if (isWon) return;
      failures.push(error);
      if (next < addresses.length && !signal.aborted) attempt();
      else if (pending === 0) settle(() => reject(allFailed(remote, failures, options.signal)));
    };
    attempt();
    if (pending === 0) settle(() => reject(allFailed(remote, failures, options.signal)));
  });
}

/** The error of a race nobody won: the last attempt's, with all of them as cause. */
function allFailed(
  remote: string,
  failures: readonly unknown[],
  signal: AbortSignal | undefined,
): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (failures.length === 1) return failures[0];
  const last = failures.at(-1) as { errno?: number } | undefined;
  const cause = new AggregateError(failures, `${failures.length} addresses failed`);
  const detail = failures.length === 0
    ? "the name has no address"
    : `none of its ${failures.length} addresses answered`;
  const errno = last?.errno ?? Errno.EHOSTUNREACH;
  return netError(errno, { operation: "connect", remote, detail, cause });
}
