/**
 * Connections over TCP.
 *
 * @module
 */

import type { NetworkCapability } from "./capability.ts";
import type { OptionValues } from "./options.ts";
import type { OpOptions } from "./stream_receive.ts";
import { StreamSocket } from "./stream_socket.ts";
import type { AddressInput } from "../ring/abi/address.ts";

/** Options of `connect`: those of sockets, and of the operation. */
export interface ConnectOptions extends Partial<OptionValues>, OpOptions {
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
 * import { NetworkCapability, TcpEndpoint, TcpStream } from "../mod.ts";
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
