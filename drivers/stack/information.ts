/**
 * What a stack tells of itself.
 *
 * @module
 */

/** An address of an interface. */
export interface AddressInfo {
  /** Such as `"192.168.1.10/24"`. */
  readonly address: string;
  /** "tentative", "preferred", "deprecated", "duplicated". RFC 4862 section 2. */
  readonly state: string;
  /** "static", "link-local", "autoconfigured", "temporary". */
  readonly origin: string;
}

/** An interface. */
export interface InterfaceInfo {
  /** Its number, 1 or more. */
  readonly index: number;
  /** Such as "eth0". */
  readonly name: string;
  /** "ethernet", "ip", "loopback". */
  readonly kind: string;
  /** Its address on the link, "" where it has none. */
  readonly mac: string;
  /** The longest packet of IP, in bytes. */
  readonly mtu: number;
  /** Whether it sends and receives. */
  readonly isUp: boolean;
  /** Its addresses, in the order in which they were added. */
  readonly addresses: readonly AddressInfo[];
}

/** A route. */
export interface RouteInfo {
  /** Such as `"10.0.0.0/8"`. */
  readonly destination: string;
  /** The router, null where the destination is on the link. */
  readonly gateway: string | null;
  /** The name of the interface. */
  readonly interface: string;
  /** Less is better. */
  readonly metric: number;
  /** "static", "connected", "advertised". */
  readonly origin: string;
  /** "unicast", or what becomes of packets instead. */
  readonly kind: string;
}

/** What a stack is, and what it has now. */
export interface StackInfo {
  /** Its own name, "" for none. */
  readonly hostname: string;
  /** How long it runs. */
  readonly upMicroseconds: number;
  /** Its interfaces, loopback among them. */
  readonly interfaces: readonly InterfaceInfo[];
  /** Its routes. */
  readonly routes: readonly RouteInfo[];
  /** Packets in use, and how many there are. */
  readonly packets: { readonly used: number; readonly capacity: number };
  /** Of a stack of several shards: what each of them has. */
  readonly shards?: readonly Pick<StackInfo, "packets">[];
}
