/**
 * Sockets with two ends: who is at each of them, by their addresses or by what a proxy says.
 *
 * @module
 */

import { type CompactAddress, expand } from "../compact_address.ts";
import type { Network } from "../network.ts";
import { packetFamily } from "../options/options.ts";
import type { ProxyHeader } from "../proxy/proxy_header.ts";
import type { ProxyInfo } from "../proxy/proxy_reader.ts";
import { Socket, type SocketOwner } from "../socket.ts";
import type { AddressFamily } from "../../ring/abi/address.ts";

/** What a socket with two ends is made of. */
export interface ConnectionParts {
  readonly network: Network;
  readonly owner: SocketOwner;
  readonly fd: number;
  readonly local: CompactAddress;
  readonly remote: CompactAddress;
}

/** A socket with two ends. */
export abstract class ConnectedSocket<A extends Deno.Addr> extends Socket {
  readonly #local: CompactAddress;
  readonly #remote: CompactAddress;
  /** What a PROXY header said, where one came. */
  #proxy: ProxyInfo | null = null;

  /** @ignore Made by `connect` and by endpoints. */
  constructor({ network, owner, fd, local, remote }: ConnectionParts) {
    super(network, owner, fd);
    this.#local = local;
    this.#remote = remote;
  }

  /** The address of this end. */
  get localAddr(): A {
    return expand(this.#local).toDenoAddr("tcp") as A;
  }

  /**
   * The address of the other end; behind a proxy whose PROXY header was taken that of the client,
   * where it is of the same kind as the stream's own: of the internet, or of a Unix socket.
   */
  get remoteAddr(): A {
    return expand(this.client).toDenoAddr("tcp") as A;
  }

  /**
   * What the PROXY header in front of the stream said; null where none was asked for.
   *
   * @example
   * ```ts
   * import { NetworkCapability, TcpEndpoint, TcpStream } from "../../mod.ts";
   * await using capability = await NetworkCapability.request();
   * await using endpoint = await TcpEndpoint.create("127.0.0.1:0", capability, {
   *   proxyProtocol: "v2",
   *   trustedProxies: ["127.0.0.0/8"],
   * });
   * const accepting = endpoint.accept();
   * await using _proxy = await TcpStream.connect(endpoint.addr, capability, {
   *   proxyProtocol: "v2",
   *   proxySource: "192.0.2.7:1234",
   * });
   * await using stream = await accepting;
   * console.log(stream.remoteAddr.hostname, stream.proxy?.peer.host); // 192.0.2.7 127.0.0.1
   * ```
   */
  get proxy(): ProxyInfo | null {
    return this.#proxy;
  }

  /** The address of this end as text. */
  get localName(): string {
    return expand(this.#local).toString();
  }

  /** The address of the other end as text, as {@linkcode ConnectedSocket.remoteAddr} has it. */
  get remoteName(): string {
    return expand(this.client).toString();
  }

  /** @ignore The address of this end. */
  get local(): CompactAddress {
    return this.#local;
  }

  /** @ignore Where the client is: the other end, or who is behind it. */
  get client(): CompactAddress {
    const source = this.#proxy === null ? null : this.#proxy.source;
    if (source === null) return this.#remote;
    const peer = expand(this.#remote);
    return (source.family === "unix") === (peer.family === "unix") ? source : peer;
  }

  /** @ignore Takes what a trusted proxy says about the stream. */
  setProxy(header: ProxyHeader): void {
    this.#proxy = Object.freeze({ ...header, peer: expand(this.#remote) });
  }

  /** @ignore The family of its packets. */
  get family(): AddressFamily {
    return packetFamily(expand(this.#remote));
  }
}
