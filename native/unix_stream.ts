/**
 * Connections over Unix sockets.
 *
 * @module
 */

import type { NetworkCapability } from "./capability.ts";
import { StreamSocket } from "./stream_socket.ts";
import type { ConnectOptions } from "./tcp_stream.ts";
import type { UnixAddressInput } from "../ring/abi/address.ts";

/**
 * A connection over a Unix socket. Usable wherever a `Deno.Conn` is.
 *
 * @example
 * ```ts
 * import { NetworkCapability, UnixEndpoint, UnixStream } from "../mod.ts";
 * await using capability = await NetworkCapability.request();
 * const path = await Deno.makeTempDir() + "/socket";
 * await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
 * const accepting = endpoint.accept();
 * await using client = await UnixStream.connect(endpoint.addr, capability);
 * await using server = await accepting;
 * await client.send(new TextEncoder().encode("hello"));
 * using lease = await server.receive();
 * console.log(lease?.length); // 5
 * ```
 */
export class UnixStream extends StreamSocket<Deno.UnixAddr> {
  /**
   * Connects to a Unix socket.
   *
   * @param address `"unix:/path"`, `"unix:@abstract"`, or a `Deno.UnixAddr`
   * @param capability must hold `unix` and `connect` for the path
   * @throws {NetError} ENOENT, ECONNREFUSED, EACCES ...
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   * @throws {TypeError} when the address is malformed
   */
  static connect(
    address: UnixAddressInput,
    capability: NetworkCapability,
    options?: ConnectOptions,
  ): Promise<UnixStream> {
    return capability.connect(address, options);
  }
}
