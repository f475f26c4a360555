/**
 * UDP endpoints.
 *
 * @module
 */

import type { NetworkCapability } from "../capability.ts";
import { type DatagramParts, DatagramSocket } from "./datagram_socket.ts";
import { UDP_SOCKET } from "../process/adopt.ts";
import type { OwnedFd } from "../unix/unix_descriptors.ts";
import type { DatagramOptionName, OptionValue } from "../options/options.ts";
import { joinGroup, type JoinOptions, type Membership } from "./udp_membership.ts";
import { adoptDatagrams } from "./datagram_adopt.ts";
import type { AdoptDatagramOptions, BindOptions } from "./datagram_options.ts";
import type { AddressInput } from "../../ring/abi/address_input.ts";

/**
 * A UDP socket.
 *
 * Each destination is judged by the rules of the capability: sending needs `udp` and `connect` for
 * it, binding and joining a group `udp` and `listen`.
 *
 * @example
 * ```ts
 * import { NetworkCapability, UdpEndpoint } from "../../mod.ts";
 * await using capability = await NetworkCapability.request();
 * await using server = await UdpEndpoint.bind("127.0.0.1:0", capability);
 * await using client = await UdpEndpoint.bind("127.0.0.1:0", capability);
 * await client.send(new TextEncoder().encode("hello"), server.addr);
 * using datagram = await server.receive();
 * console.log(datagram.length, datagram.remoteName === client.localName); // 5 true
 * ```
 */
export class UdpEndpoint extends DatagramSocket<Deno.NetAddr> {
  /**
   * Binds a socket.
   *
   * @param address `"0.0.0.0:53"`, `"[::]:0"` (port 0: any free one), `"localhost:0"`, a
   * `Deno.NetAddr` or a {@linkcode SocketAddress}
   * @param capability must hold `udp` and `listen` for the address
   * @throws {NetError} EADDRINUSE, EADDRNOTAVAIL, EACCES, EMFILE, ENOTSUP for an option
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   * @throws {TypeError} when address or options are malformed, naming value and position
   */
  static override bind(
    address: AddressInput,
    capability: NetworkCapability,
    options?: BindOptions,
  ): Promise<UdpEndpoint> {
    return capability.bind(address, options);
  }

  /**
   * Takes over a UDP socket that was opened elsewhere: inherited, or received. What it is connected to, it stays
   * connected to.
   *
   * @param fd its number, or an object whose ownership ends here
   * @param capability must hold `adopt`, `udp`, and `listen` for the address it is bound to, and
   * `connect` for the one that it is connected to
   * @throws {NetError} EBADF, ENOTSOCK, EINVAL naming what the descriptor is instead, ENOTSUP on
   * `host`; the descriptor then stays the caller's
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   */
  static adopt(
    fd: number | OwnedFd,
    capability: NetworkCapability,
    options: AdoptDatagramOptions = {},
  ): Promise<UdpEndpoint> {
    const make = (parts: DatagramParts): UdpEndpoint => new UdpEndpoint(parts);
    return adoptDatagrams(capability, fd, UDP_SOCKET, options, make);
  }

  /**
   * Joins a multicast group: what is sent to it, to the port that the endpoint is bound to, arrives.
   * Once a group was joined, the endpoint hears no groups that only others on this host joined.
   *
   * @param group such as `"239.1.2.3"`, `"ff02::123"` or `"ff02::123%eth0"`
   * @returns the membership, for {@linkcode Membership.leave}; `close()` ends it, too
   * @throws {NetError} EADDRINUSE when it is joined already, ENODEV for an interface that does not
   * exist, EINVAL when the address is no group, ENOBUFS with too many groups, ENOTSUP
   * @throws {Deno.errors.NotCapable} when the capability does not allow to listen on the group's
   * address with the endpoint's port
   */
  join(group: string, options: JoinOptions = {}): Promise<Membership> {
    return joinGroup(this, group, this.local.port, options);
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
