/**
 * What opens sockets for a capability works with: the backend, the books of the capability, and the
 * judgement of addresses.
 *
 * @module
 */

import { netError, notCapable } from "./errors.ts";
import type { Network } from "./network.ts";
import { resolveName } from "./resolver.ts";
import type { Scope } from "./scope.ts";
import { canonicalize, SocketAddress } from "../ring/abi/address.ts";
import { type AddressInput, isHostPort, parseAddress } from "../ring/abi/address_input.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "../ring/abi/sockaddr.ts";
import {
  type Denial,
  type FlagRight,
  isDenial,
  type Transport,
  type Verb,
} from "../ring/authority/mod.ts";
import { Counter } from "../ring/counters.ts";

/** The authority of one capability over one backend. */
export class Authorization {
  readonly network: Network;
  readonly scope: Scope;

  constructor(network: Network, scope: Scope) {
    this.network = network;
    this.scope = scope;
  }

  /** Proves that the capability was not withdrawn. */
  requireLive(operation: string): void {
    const { revokedBy } = this.scope;
    if (revokedBy === null) return;
    throw notCapable({ right: "revoked", address: "" }, operation, revokedBy.cause);
  }

  /** Proves that a right without an address is held. */
  requireRight(right: FlagRight, operation: string): void {
    this.requireLive(operation);
    const denial = this.scope.authority.has(right);
    if (denial !== null) throw this.denied(denial, operation);
  }

  /** Proves that an address may be used; it must be canonical. */
  requireAddress(
    transport: Transport,
    verb: Verb,
    address: SocketAddress,
    operation: string = verb,
  ): void {
    const denial = this.scope.authority.check(transport, verb, address);
    if (denial !== null) throw this.denied(denial, operation);
  }

  /** Counts a denial. @returns its error */
  denied(denial: Pick<Denial, "right" | "address">, operation: string): Error {
    this.countDenial();
    return notCapable(denial, operation);
  }

  /** Counts a request that the capability did not allow. */
  countDenial(): void {
    this.network.reactor.counters.add(Counter.denied, 1);
  }

  /** Takes one of the sockets that the capability may have. @throws {NetError} EMFILE at the limit */
  takeSocket(operation: string): void {
    const reached = this.scope.acquire("sockets", 1, operation);
    if (reached !== null) throw reached;
  }

  /** Gives it back; sockets that came to be do that when they are closed. */
  returnSocket(): void {
    this.scope.release("sockets", 1);
  }

  /**
   * The address to bind: a name is resolved, and the rules judge what it stands for.
   *
   * @param transport "tcp" or "udp"; an address of a Unix socket is judged as "unix"
   */
  async localAddress(input: AddressInput, transport: "tcp" | "udp"): Promise<SocketAddress> {
    const target = parseAddress(input);
    if (isHostPort(target)) {
      const { authority } = this.scope;
      const admission = authority.admitName(transport, "listen", target.name, target.port);
      if (isDenial(admission)) throw this.denied(admission, "listen");
      const found = await resolveName(this.network, target.name, {});
      const local = withPort(found[0], target.port);
      const denial = admission.check(local);
      if (denial !== null) throw this.denied(denial, "listen");
      return local;
    }
    const local = canonicalize(target, "listen");
    this.requireAddress(local.family === "unix" ? "unix" : transport, "listen", local);
    return local;
  }
}

/** The `domain` of `socket(2)` for an address. */
export function domainOf(address: SocketAddress): number {
  if (address.family === "unix") return AF_UNIX;
  return address.family === "IPv4" ? AF_INET : AF_INET6;
}

/** The same host with a port, as a destination. */
export function withPort(address: SocketAddress, port: number): SocketAddress {
  const { bytes } = address;
  const named = address.family === "IPv4"
    ? SocketAddress.ipv4(bytes, port)
    : SocketAddress.ipv6(bytes, port, address.scope);
  return canonicalize(named, "destination");
}

/** Proves that a call's result is no error. @throws {NetError} with the local address */
export function requireSuccess(result: number, operation: string, local: SocketAddress): void {
  if (result < 0) throw netError(result, { operation, local: local.toString() });
}

/** Proves that an option is an integer within its range. */
export function requireInteger(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} must be an integer from ${least} to ${most}, not ${value}`);
  }
  return value;
}
