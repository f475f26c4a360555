/**
 * Datagrams over Unix sockets.
 *
 * @module
 */

import type { NetworkCapability } from "../capability.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import type { DatagramOptionName, OptionValue } from "../options/options.ts";
import type { BindOptions } from "./udp_open.ts";
import type { UnixAddressInput } from "../../ring/abi/address.ts";

/**
 * A Unix socket of datagrams: none is lost or reordered, and a receiver that does not read stops its
 * senders.
 *
 * @example
 * ```ts
 * import { NetworkCapability, UnixDatagramEndpoint } from "../../mod.ts";
 * await using capability = await NetworkCapability.request();
 * if (capability.backend.kind === "kernel") {
 *   await using server = await UnixDatagramEndpoint.bind("unix:", capability);
 *   await using client = await UnixDatagramEndpoint.bind("unix:", capability);
 *   await client.send(new TextEncoder().encode("hello"), server.addr);
 *   using datagram = await server.receive();
 *   console.log(datagram.length); // 5
 * }
 * ```
 */
export class UnixDatagramEndpoint extends DatagramSocket<Deno.UnixAddr> {
  /**
   * Binds a socket.
   *
   * @param address `"unix:/path"`, `"unix:@abstract"`, a `Deno.UnixAddr`, or `"unix:"` for an
   * abstract name that the system chooses. The file of a path is left in place by `close()`
   * @param capability must hold `unix` and `listen` for the path
   * @throws {NetError} EADDRINUSE, EACCES, ENOENT, EMFILE, ENOTSUP where the backend has none
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   * @throws {TypeError} when address or options are malformed, naming value and position
   */
  static override bind(
    address: UnixAddressInput,
    capability: NetworkCapability,
    options?: BindOptions,
  ): Promise<UnixDatagramEndpoint> {
    return capability.bind(address, options);
  }

  /** Sets an option: see {@linkcode Socket.setOption}. */
  override setOption<K extends DatagramOptionName>(name: K, value: OptionValue<K>): Promise<void> {
    return super.setOption(name, value);
  }

  /** Reads an option: see {@linkcode Socket.getOption}. */
  override getOption<K extends DatagramOptionName>(name: K): Promise<OptionValue<K>> {
    return super.getOption(name) as Promise<OptionValue<K>>;
  }
}
