/**
 * How a stack is set up: interfaces over ports, addresses, routes, names, sizes.
 *
 * @module
 */

import type { PipeHandle } from "../port/pipe_handle.ts";
import { MAXIMUM_SHARDS } from "../../stack/steering/flow_director.ts";
import { PROFILES, type StackProfile } from "../../stack/profiles.ts";

/** A port of the isolate that the stack runs in, such as one of a simulation. */
export interface LocalPort {
  /** What it carries: frames of Ethernet, or packets of IP. */
  readonly kind: "ethernet" | "ip";
  /** The longest packet of IP that it carries whole, in bytes. */
  readonly mtu: number;
}

/** Where an interface's frames go: the end of a pipe, or, in the same isolate, any port. */
export type PortSpecifier = PipeHandle | LocalPort;

/** An interface of a stack. */
export interface StackInterfaceOptions {
  /** What it is connected to. */
  readonly port: PortSpecifier;
  /** Its name, at most 15 characters; `eth0`, `eth1` ... in their order. */
  readonly name?: string;
  /** Its address on the link, such as `"02:00:00:00:00:01"`; one at random. */
  readonly mac?: string;
  /** The longest packet of IP, in bytes; the port's. */
  readonly mtu?: number;
  /** Addresses with the lengths of their prefixes, such as `"192.168.1.10/24"`. */
  readonly addresses?: readonly string[];
  /** Routers that lead everywhere else, one of each family at most. */
  readonly gateway?: string | readonly string[];
  /**
   * Whether it hears routers and makes addresses of IPv6 of what they advertise (RFC 4862), beside
   * that of the link; true.
   */
  readonly autoconfigure?: boolean;
  /** Whether packets that arrive here may be passed on; false. */
  readonly forwarding?: boolean;
}

/** A route. */
export interface StackRouteOptions {
  /** Where it leads, such as `"10.0.0.0/8"` or `"::/0"`. */
  readonly destination: string;
  /** The router, where the destination is not on the link. */
  readonly gateway?: string;
  /** The name of the interface; needed without a gateway. */
  readonly interface?: string;
  /** Less is better; 0. */
  readonly metric?: number;
}

/** Numbers that differ from a profile's, by part and name, such as `{ tcp: { connections: 100 } }`. */
export type StackSizeChoices = Readonly<
  Record<string, number | Readonly<Record<string, unknown>>>
>;

/** How a stack is set up; without any of it, it has loopback only. */
export interface StackOptions {
  /** Its interfaces, beside loopback. */
  readonly ports?: readonly StackInterfaceOptions[];
  /** Routes, beside those of addresses and gateways. */
  readonly routes?: readonly StackRouteOptions[];
  /** Names and their addresses, as a hosts file has them; there are no others. */
  readonly hosts?: Readonly<Record<string, string | readonly string[]>>;
  /** Its own name: that of all its addresses. */
  readonly hostname?: string;
  /** How much it can hold: 32 connections with 8 KB, some thousands, or a hundred thousand. */
  readonly profile?: StackProfile;
  /** Sizes that differ from the profile's. */
  readonly sizes?: StackSizeChoices;
  /** Whether it runs in a Worker of its own; true. */
  readonly worker?: boolean;
  /** The congestion control of connections that ask for none; "cubic". */
  readonly congestionControl?: "cubic" | "reno" | "bbr";
  /**
   * How many shards it has, 1 to 64: stacks that share nothing, each in a Worker of its own (or all
   * in this isolate, with `worker: false`), between which flows are spread; 1.
   */
  readonly shards?: number;
}

const KEYS: Readonly<Record<string, readonly string[]>> = {
  "stack": [
    "ports",
    "routes",
    "hosts",
    "hostname",
    "profile",
    "sizes",
    "worker",
    "congestionControl",
    "shards",
  ],
  "stack.ports[]": [
    "port",
    "name",
    "mac",
    "mtu",
    "addresses",
    "gateway",
    "autoconfigure",
    "forwarding",
  ],
  "stack.routes[]": ["destination", "gateway", "interface", "metric"],
};

/**
 * Proves that options have no key that means nothing.
 *
 * @throws {TypeError} naming it
 */
export function checkStackOptions(options: StackOptions): void {
  checkKeys("stack", options);
  for (const port of options.ports ?? []) checkInterfaceOptions(port);
  for (const route of options.routes ?? []) checkRouteOptions(route);
  const { profile = "default", shards = 1 } = options;
  if (!(Number.isInteger(shards) && shards >= 1 && shards <= MAXIMUM_SHARDS)) {
    throw new TypeError(`stack.shards must be 1 to ${MAXIMUM_SHARDS}, not ${shards}`);
  }
  if (!Object.hasOwn(PROFILES, profile)) {
    throw new TypeError(`stack.profile must be small, default or server, not ${profile}`);
  }
  checkSizes(options.sizes ?? {}, profile);
}

/** Proves that an interface's options have no key that means nothing. @throws {TypeError} */
export function checkInterfaceOptions(options: StackInterfaceOptions): void {
  checkKeys("stack.ports[]", options);
}

/** Proves that a route's options have no key that means nothing. @throws {TypeError} */
export function checkRouteOptions(options: StackRouteOptions): void {
  checkKeys("stack.routes[]", options);
}

function checkSizes(sizes: StackSizeChoices, profile: StackProfile): void {
  const known = PROFILES[profile] as unknown as Record<string, unknown>;
  for (const [part, choice] of Object.entries(sizes)) {
    if (!Object.hasOwn(known, part)) throw new TypeError(`stack.sizes has no part ${part}`);
    if (typeof choice !== typeof known[part]) {
      throw new TypeError(`stack.sizes.${part} must be a ${typeof known[part]}, as in the profile`);
    }
    if (typeof choice === "number") continue;
    const numbers = known[part] as Record<string, unknown>;
    const stranger = Object.keys(choice).find((name) => !Object.hasOwn(numbers, name));
    if (stranger !== undefined) throw new TypeError(`stack.sizes.${part} has no ${stranger}`);
  }
}

function checkKeys(where: string, options: object): void {
  const stranger = Object.keys(options).find((key) => !KEYS[where].includes(key));
  if (stranger !== undefined) throw new TypeError(`${where} has no option ${stranger}`);
}
