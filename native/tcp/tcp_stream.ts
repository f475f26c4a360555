/**
 * Connections over TCP.
 *
 * @module
 */

import { adoptConnection, type AdoptOptions, TCP_CONNECTION } from "../process/adopt.ts";
import type { NetworkCapability } from "../capability.ts";
import type { StreamOptionValues } from "../options/options.ts";
import type { ProxyConnectOptions } from "../proxy/proxy_announcement.ts";
import type { OpOptions } from "../operation.ts";
import { StreamSocket } from "../stream/stream_socket.ts";
import { readTcpInfo, type TcpInfo } from "./tcp_info.ts";
import type { OwnedFd } from "../unix/unix_descriptors.ts";
import type { AddressInput } from "../../ring/abi/address_input.ts";

/** Options of `connect`: those of sockets, and of the operation. */
export interface ConnectOptions
  extends Partial<StreamOptionValues>, OpOptions, ProxyConnectOptions {
  /** The most leases a program may hold of this stream at a time; 64 unless said otherwise. */
  readonly leasesPerStream?: number;
  /** The local address to connect from; port 0 for any. */
  readonly localAddress?: AddressInput;
}

/**
 * A connection. Usable wherever a `Deno.Conn` (for TCP: a `Deno.TcpConn`) is.
 *
 * Reading is by leases: {@linkcode TcpStream.receiveMany} is the primary way, and the fastest. One
 * reader at a time: a second one, or a reader beside a locked `readable`, gets EBUSY.
 *
 * @example
 * ```ts
 * import { NetworkCapability, TcpEndpoint, TcpStream } from "../../mod.ts";
 * await using capability = await NetworkCapability.request();
 * await using endpoint = await TcpEndpoint.create("127.0.0.1:0", capability);
 * const accepting = endpoint.accept();
 * await using client = await TcpStream.connect(endpoint.addr, capability);
 * await using server = await accepting;
 * await client.send(new TextEncoder().encode("hello"));
 * using lease = await server.receive();
 * console.log(lease?.length); // 5
 * ```
 */
export class TcpStream<A extends Deno.Addr = Deno.NetAddr> extends StreamSocket<A> {
  /**
   * Connects to an address, or to a name by happy eyeballs (RFC 8305).
   *
   * @param address `"192.0.2.1:80"`, `"[2001:db8::1]:80"`, `"example.com:80"`, `"unix:/path"`, a
   * `Deno.NetAddr`, a `Deno.UnixAddr` or a {@linkcode SocketAddress}
   * @param capability must hold `tcp` and `connect` for the address
   * @throws {NetError} ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH ... with both addresses
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   * @throws {TypeError} when the address is malformed, naming value and position
   */
  static connect(
    address: AddressInput,
    capability: NetworkCapability,
    options?: ConnectOptions,
  ): Promise<TcpStream> {
    return capability.connect(address, options);
  }

  /**
   * Takes over a TCP connection by its descriptor: from then on this stream closes it. The socket's
   * options stay as they are, but for `O_NONBLOCK`, which is taken off.
   *
   * @param fd the number, or an object whose ownership passes to the stream
   * @param capability must hold `adopt` and `tcp`, and `listen` for the socket's own address or
   * `connect` for its peer's
   * @throws {NetError} EBADF, ENOTSOCK, EINVAL naming what the descriptor is instead, ENOTSUP on
   * `host`; the descriptor then stays the caller's
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   */
  static async adopt(
    fd: number | OwnedFd,
    capability: NetworkCapability,
    options: AdoptOptions = {},
  ): Promise<TcpStream> {
    return new TcpStream(await adoptConnection(capability, fd, TCP_CONNECTION, options));
  }

  /**
   * What the system knows about the connection, now: its state, round-trip times, congestion window,
   * counters of bytes, segments and retransmissions. Source: `TCP_INFO` of `tcp(7)`.
   *
   * @throws {NetError} ENOTSUP on the host backend
   *
   * @example
   * ```ts
   * import { NetworkCapability, TcpEndpoint, TcpStream } from "../../mod.ts";
   * await using capability = await NetworkCapability.request();
   * await using endpoint = await TcpEndpoint.create("127.0.0.1:0", capability);
   * await using stream = await TcpStream.connect(endpoint.addr, capability);
   * if (capability.backend.kind === "kernel") {
   *   const { state, rttMicroseconds } = await stream.info();
   *   console.log(state, rttMicroseconds > 0); // established true
   * }
   * ```
   */
  async info(): Promise<TcpInfo> {
    this.requireOpen("info");
    return await readTcpInfo(this);
  }

  /** Sets `noDelay`, without waiting, as `Deno.TcpConn` does. */
  setNoDelay(on = true): void {
    this.requireOpen("setNoDelay");
    this.setOption("noDelay", on).catch(() => {});
  }

  /** Sets `keepAlive`, without waiting, as `Deno.TcpConn` does. */
  setKeepAlive(on = true): void {
    this.requireOpen("setKeepAlive");
    this.setOption("keepAlive", on).catch(() => {});
  }
}
