/**
 * Datagrams over Unix sockets.
 *
 * @module
 */

import type { NetworkCapability } from "../capability.ts";
import { type DatagramParts, DatagramSocket } from "./datagram_socket.ts";
import { UNIX_DATAGRAM_SOCKET } from "../process/adopt.ts";
import type { OwnedFd } from "../unix/unix_descriptors.ts";
import type { DatagramOptionName, OptionValue } from "../options/options.ts";
import { adoptDatagrams } from "./datagram_adopt.ts";
import type { AdoptDatagramOptions, BindOptions } from "./datagram_options.ts";
import type { UnixAddressInput } from "../../ring/abi/address_input.ts";

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

  /**
   * Takes over a Unix socket of datagrams that was opened elsewhere: inherited, or received. What it is connected to, it stays
   * connected to.
   *
   * @param fd its number, or an object whose ownership ends here
   * @param capability must hold `adopt`, `unix`, and `listen` for the address it is bound to, and
   * `connect` for the one that it is connected to
   * @throws {NetError} EBADF, ENOTSOCK, EINVAL naming what the descriptor is instead, ENOTSUP on
   * `host`; the descriptor then stays the caller's
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   */
  static adopt(
    fd: number | OwnedFd,
    capability: NetworkCapability,
    options: AdoptDatagramOptions = {},
  ): Promise<UnixDatagramEndpoint> {
    const make = (parts: DatagramParts): UnixDatagramEndpoint => new UnixDatagramEndpoint(parts);
    return adoptDatagrams(capability, fd, UNIX_DATAGRAM_SOCKET, options, make);
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
