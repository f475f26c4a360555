/**
 * Endpoints of Unix sockets.
 *
 * @module
 */

import type { EndpointParts } from "./acceptor.ts";
import type { NetworkCapability } from "./capability.ts";
import { ListenerSocket, type ListenOptions } from "./listener_socket.ts";
import { UnixStream } from "./unix_stream.ts";
import type { UnixAddressInput } from "../ring/abi/address.ts";

/**
 * A listening Unix socket. Usable wherever a `Deno.Listener` is.
 *
 * @example
 * ```ts
 * import { NetworkCapability, UnixEndpoint } from "../mod.ts";
 * await using capability = await NetworkCapability.request();
 * const path = await Deno.makeTempDir() + "/socket";
 * await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
 * console.log(endpoint.addr.path === path); // true
 * ```
 */
export class UnixEndpoint extends ListenerSocket<Deno.UnixAddr, UnixStream> {
  /** @ignore Made by {@linkcode UnixEndpoint.create} and by capabilities. */
  constructor(parts: EndpointParts) {
    super(parts, (stream) => new UnixStream(stream));
  }

  /**
   * Listens on a Unix socket.
   *
   * @param address `"unix:/path"`, `"unix:@abstract"`, or a `Deno.UnixAddr`
   * @param capability must hold `unix` and `listen` for the path
   * @throws {NetError} EADDRINUSE, EACCES, ENOENT ...
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   * @throws {TypeError} when the address is malformed
   */
  static create(
    address: UnixAddressInput,
    capability: NetworkCapability,
    options?: ListenOptions,
  ): Promise<UnixEndpoint> {
    return capability.listen(address, options);
  }
}
