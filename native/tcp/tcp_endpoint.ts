/**
 * Endpoints of TCP: sockets that accept connections.
 *
 * @module
 */

import type { EndpointParts } from "../listener/acceptor.ts";
import { adoptListener, type AdoptListenOptions, TCP_LISTENER } from "../process/adopt.ts";
import type { NetworkCapability } from "../capability.ts";
import type { ListenOptions } from "../listener/listen_options.ts";
import { ListenerSocket } from "../listener/listener_socket.ts";
import { TcpStream } from "./tcp_stream.ts";
import type { OwnedFd } from "../unix/unix_descriptors.ts";
import type { AddressInput } from "../../ring/abi/address_input.ts";

/**
 * A listening socket. Usable wherever a `Deno.Listener` (for TCP: a `Deno.TcpListener`) is.
 *
 * Errors of single connections never end it: when descriptors run out accepting pauses and resumes,
 * and a peer that is gone before it can be greeted is dropped and counted.
 *
 * @example
 * ```ts
 * import { NetworkCapability, TcpEndpoint } from "../../mod.ts";
 * await using capability = await NetworkCapability.request();
 * await using endpoint = await TcpEndpoint.create("127.0.0.1:0", capability);
 * console.log(endpoint.addr.port > 0); // true
 * ```
 */
export class TcpEndpoint<A extends Deno.Addr = Deno.NetAddr>
  extends ListenerSocket<A, TcpStream<A>> {
  /** @ignore Made by {@linkcode TcpEndpoint.create} and by capabilities. */
  constructor(parts: EndpointParts) {
    super(parts, (stream) => new TcpStream<A>(stream));
  }

  /**
   * Listens on an address.
   *
   * @param address `"0.0.0.0:8080"`, `"[::1]:0"` (port 0: any free one), `"localhost:8080"`, a
   * `Deno.NetAddr` or a {@linkcode SocketAddress}
   * @param capability must hold `tcp` and `listen` for the address
   * @throws {NetError} EADDRINUSE, EADDRNOTAVAIL, EACCES ...
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   * @throws {TypeError} when address or options are malformed, naming value and position
   */
  static create(
    address: AddressInput,
    capability: NetworkCapability,
    options?: ListenOptions,
  ): Promise<TcpEndpoint> {
    return capability.listen(address, options);
  }

  /**
   * Takes over a listening TCP socket by its descriptor: from then on this endpoint closes it. The
   * socket's options stay as they are, but for `O_NONBLOCK`, which is taken off.
   *
   * @param fd the number, or an object whose ownership passes to the endpoint
   * @param capability must hold `adopt`, `tcp`, and `listen` for the address it is bound to
   * @throws {NetError} EBADF, ENOTSOCK, EINVAL naming what the descriptor is instead, ENOTSUP on
   * `host`; the descriptor then stays the caller's
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   */
  static async adopt(
    fd: number | OwnedFd,
    capability: NetworkCapability,
    options: AdoptListenOptions = {},
  ): Promise<TcpEndpoint> {
    return new TcpEndpoint(await adoptListener(capability, fd, TCP_LISTENER, options));
  }
}
