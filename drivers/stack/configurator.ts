/**
 * The control API of a running stack: interfaces, addresses, routes, statistics, by requests that
 * JSON can say. Whoever asks is in this isolate, or in another thread at the other end of a ring.
 *
 * @module
 */

import { Errno, errnoName } from "../../ring/abi/errno.ts";
import type { IpAddress } from "../../stack/ip/types.ts";
import type { AutoconfigurationOptions } from "../../stack/iface/autoconfiguration.ts";
import type { StackEvent } from "../../stack/iface/events.ts";
import { formatAddress } from "../../stack/iface/ip_address.ts";
import type { LinkInterface } from "../../stack/iface/link_interface.ts";
import { AddressState } from "../../stack/iface/types.ts";
import type { RouteDescription } from "../../stack/route/route_table.ts";
import type { CustomProtocolHandler } from "../../stack/raw/mod.ts";
import type { Stack } from "../../stack/stack.ts";
import { formatMac, isGroupMac, macOf } from "../../stack/wire/addresses.ts";
import { openPort } from "../port/open.ts";
import { importDefault } from "./import_default.ts";
import {
  checkInterfaceOptions,
  checkRouteOptions,
  type StackInterfaceOptions,
  type StackRouteOptions,
} from "./options.ts";
import { formatPrefix, parsePrefix, requireAddress } from "./prefixes.ts";
import type { EventListener } from "./service.ts";
import type { StackHost } from "./stack_host.ts";
import { type StackCaptureOptions, StackCaptures } from "./stack_captures.ts";
import type { AddressInfo, InterfaceInfo, RouteInfo, StackInfo } from "./information.ts";

/** A transport protocol of a program's: as an object, or as the default export of a module. */
interface ProtocolRequest {
  readonly number: number;
  readonly handler?: CustomProtocolHandler;
  /** The module's URL. */
  readonly module?: string;
}

const ANY: readonly IpAddress[] = [0, [0, 0, 0, 0]];
const STATE_NAMES = Object.fromEntries(
  Object.entries(AddressState).map(([name, number]) => [number, name.toLowerCase()]),
);
const LONGEST_NAME = 15;
/** A locally administered unicast address: IEEE 802 section 8.2. */
const LOCAL_MAC = 0x02;

/** Answers requests of the control API. */
type Commands = Readonly<Record<string, (argument: never) => unknown>>;

/** Changes and shows a running stack. */
export class Configurator {
  readonly #stack: Stack;
  readonly #listeners = new Set<EventListener>();
  readonly #hostname: string;
  readonly #startedAt: number;
  #host!: StackHost;
  #captures: StackCaptures | null = null;
  readonly #commands: Commands = {
    beginCapture: (options: StackCaptureOptions) => this.#needCaptures().begin(options),
    endCapture: ({ id }: { id: number }) => this.#needCaptures().end(id),
    info: () => this.info(),
    statistics: () => this.statistics(),
    addInterface: (options: StackInterfaceOptions) => this.addInterface(options),
    removeInterface: ({ name }: { name: string }) => this.removeInterface(name),
    setUp: ({ name, isUp }: { name: string; isUp: boolean }) => this.setUp(name, isUp),
    setMtu: ({ name, mtu }: { name: string; mtu: number }) =>
      check(this.#stack.links.setMtu(this.#link(name).index, mtu), `mtu ${mtu} of ${name}`),
    setForwarding: ({ name, isForwarding }: { name: string; isForwarding: boolean }) =>
      check(this.#stack.links.setForwarding(this.#link(name).index, isForwarding), name),
    addAddress: ({ name, address }: { name: string; address: string }) =>
      this.addAddress(name, address),
    removeAddress: ({ name, address }: { name: string; address: string }) =>
      this.removeAddress(name, address),
    setAddress: ({ name, address }: { name: string; address: string }) =>
      this.setAddress(name, address),
    addRoute: (route: StackRouteOptions) => this.addRoute(route),
    removeRoute: (route: StackRouteOptions) => this.removeRoute(route),
    routes: () => this.routes(),
    registerProtocol: (request: ProtocolRequest) => this.registerProtocol(request),
  };

  /**
   * @param stack what is changed
   * @param hostname its own name
   */
  constructor(stack: Stack, hostname: string) {
    this.#stack = stack;
    this.#hostname = hostname;
    this.#startedAt = stack.environment.now;
  }

  /** Says who serves ports. */
  attach(host: StackHost): void {
    this.#host = host;
  }

  /** Tells of an event. */
  onEvent(event: StackEvent): void {
    if (this.#listeners.size === 0) return;
    const told = this.#describe(event);
    for (const listener of this.#listeners) listener(told);
  }

  /** Has a listener told of what happens. @returns what ends it */
  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Answers a request: `{ command, ... }`.
   *
   * @throws {Error} whose message says what is wrong with it
   */
  control(request: unknown): unknown {
    const { command, ...argument } = request as { command?: unknown };
    if (typeof command !== "string" || !Object.hasOwn(this.#commands, command)) {
      throw new TypeError(`a stack has no command ${String(command)}`);
    }
    const answer = this.#commands[command](argument as never);
    // What was changed may have something to send.
    this.#host.wake();
    return answer;
  }

  /** Ends what still goes on. */
  close(): void {
    this.#captures?.close();
  }

  #needCaptures(): StackCaptures {
    return this.#captures ??= new StackCaptures(this.#stack, this.#host.clock);
  }

  /** The addresses that packets are received for, loopback's last. */
  ownAddresses(): readonly IpAddress[] {
    const { links } = this.#stack;
    const loopback = links.loopback?.index ?? 0;
    const usable = links.addresses.list().filter(({ state }) => state === AddressState.PREFERRED);
    const outer = usable.filter((entry) => entry.interface !== loopback);
    return (outer.length > 0 ? outer : usable).map(({ address }) => address);
  }

  /** The index of an interface, 0 where there is none of that name. */
  interfaceIndex(name: string): number {
    return this.#stack.links.named(name)?.index ?? 0;
  }

  /** Adds an interface over a port, up, with its addresses and routers. */
  addInterface(options: StackInterfaceOptions): InterfaceInfo {
    checkInterfaceOptions(options);
    const { links } = this.#stack;
    const name = options.name ?? this.#freeName();
    if (name === "" || name.length > LONGEST_NAME || /[\s/]/.test(name)) {
      throw new TypeError(`${JSON.stringify(name)} cannot be the name of an interface`);
    }
    const addresses = (options.addresses ?? []).map(parsePrefix);
    const gateways = [options.gateway ?? []].flat().map(requireAddress);
    const port = openPort(options.port);
    const mac = port.kind === "ip" ? 0 : this.#macOf(options.mac);
    const link = links.addInterface({
      name,
      kind: port.kind,
      mac,
      mtu: options.mtu ?? port.mtu,
      offload: port.offload,
      isForwarding: options.forwarding ?? false,
      autoconfiguration: { mode: modeOf(options.autoconfigure ?? true) },
    });
    if (typeof link === "number") throw failure(link, `interface ${name}`);
    const { index } = link;
    this.#host.addPort(index, port);
    links.setUp(index, true);
    for (const { address, length } of addresses) {
      check(links.addAddress(index, address, length), formatPrefix(address, length));
    }
    for (const gateway of gateways) this.#addGateway(index, gateway);
    return this.#describeInterface(link);
  }

  /** Removes an interface, and lets go of its port. */
  removeInterface(name: string): null {
    const { index } = this.#link(name);
    check(this.#stack.links.removeInterface(index), name);
    this.#host.removePort(index);
    return null;
  }

  /** Sets an interface up or down. */
  setUp(name: string, isUp: boolean): null {
    return check(this.#stack.links.setUp(this.#link(name).index, isUp), name);
  }

  /** Adds an address to an interface. */
  addAddress(name: string, text: string): null {
    const { address, length } = parsePrefix(text);
    return check(this.#stack.links.addAddress(this.#link(name).index, address, length), text);
  }

  /** Removes an address. */
  removeAddress(name: string, text: string): null {
    const { address } = parsePrefix(text);
    return check(this.#stack.links.removeAddress(this.#link(name).index, address), text);
  }

  /** Gives an interface an address in place of those of the same family that people set. */
  setAddress(name: string, text: string): null {
    const { address, length } = parsePrefix(text);
    const { links } = this.#stack;
    const { index } = this.#link(name);
    const isIpv4 = typeof address === "number";
    const old = links.addresses.list(index).filter((entry) =>
      entry.origin === "static" && (typeof entry.address === "number") === isIpv4 &&
      formatAddress(entry.address) !== formatAddress(address)
    );
    const result = links.addAddress(index, address, length);
    if (result !== -Errno.EEXIST) check(result, text);
    for (const entry of old) links.removeAddress(index, entry.address);
    return null;
  }

  /** Adds a route. */
  addRoute(route: StackRouteOptions): null {
    return check(this.#stack.links.routes.add(this.#routeOf(route)), route.destination);
  }

  /** Removes a route. */
  removeRoute(route: StackRouteOptions): null {
    return check(this.#stack.links.routes.remove(this.#routeOf(route)), route.destination);
  }

  /** All routes. */
  routes(): readonly RouteInfo[] {
    return this.#stack.links.routes.list().map((route) => ({
      destination: formatPrefix(route.destination, route.prefixLength),
      gateway: route.gateway === null ? null : formatAddress(route.gateway),
      interface: this.#stack.links.get(route.interface)?.name ?? "",
      metric: route.metric,
      origin: route.origin,
      kind: route.kind,
    }));
  }

  /** Registers a transport protocol of a program's. */
  async registerProtocol({ number, handler, module }: ProtocolRequest): Promise<null> {
    const given = handler ?? await importDefault(String(module));
    if (typeof (given as CustomProtocolHandler | null)?.processPacket !== "function") {
      throw new TypeError(`the handler of protocol ${number} has no processPacket`);
    }
    this.#stack.customProtocols.register(number, given as CustomProtocolHandler);
    return null;
  }

  /** What the stack is, and what it has now. */
  info(): StackInfo {
    const { links, environment } = this.#stack;
    const { arena } = environment;
    return {
      hostname: this.#hostname,
      upMicroseconds: environment.now - this.#startedAt,
      interfaces: links.list().map((link) => this.#describeInterface(link)),
      routes: this.routes(),
      packets: { used: arena.usedCount, capacity: arena.capacity },
    };
  }

  /** What the stack did, and every packet that it dropped, by reason. */
  statistics(): unknown {
    const { links, counters } = this.#stack;
    const ports = Object.fromEntries(
      links.list().map(({ index, name }) => [name, this.#host.portStatistics(index)]),
    );
    return { ...counters.snapshot(), ports };
  }

  #link(name: string): LinkInterface {
    const link = this.#stack.links.named(name);
    if (link === undefined) throw new TypeError(`there is no interface ${JSON.stringify(name)}`);
    return link;
  }

  #freeName(): string {
    let number = 0;
    while (this.#stack.links.named(`eth${number}`) !== undefined) number++;
    return `eth${number}`;
  }

  #macOf(text: string | undefined): number {
    if (text !== undefined) {
      const mac = macOf(text);
      if (mac === 0 || isGroupMac(mac)) throw new TypeError(`${text} is no address of a station`);
      return mac;
    }
    const { random } = this.#stack.environment;
    return (LOCAL_MAC * 256 + (random.uint32() & 0xff)) * 2 ** 32 + random.uint32();
  }

  #addGateway(index: number, gateway: IpAddress): void {
    const destination = typeof gateway === "number" ? ANY[0] : ANY[1];
    const route = { destination, prefixLength: 0, interface: index, gateway };
    check(this.#stack.links.routes.add(route), `gateway ${formatAddress(gateway)}`);
  }

  #routeOf(route: StackRouteOptions): RouteDescription {
    checkRouteOptions(route);
    const { address, length } = parsePrefix(route.destination);
    const gateway = route.gateway === undefined ? null : requireAddress(route.gateway);
    const named = route.interface === undefined ? 0 : this.#link(route.interface).index;
    const index = named === 0 && gateway !== null ? this.#interfaceOf(gateway) : named;
    if (index === 0) {
      throw new TypeError(`the route to ${route.destination} needs an interface, or a neighbour`);
    }
    return {
      destination: address,
      prefixLength: length,
      interface: index,
      gateway,
      metric: route.metric ?? 0,
    };
  }

  /** The interface whose link an address is on, 0 for none. */
  #interfaceOf(address: IpAddress): number {
    const { links } = this.#stack;
    const found = links.list().find(({ index }) => links.addresses.isOnLink(address, index));
    return found?.index ?? 0;
  }

  #describeInterface(link: LinkInterface): InterfaceInfo {
    const { index, name, kind, mac, mtu, isUp } = link;
    const { links } = this.#stack;
    const addresses = links.addresses.list(index).map((entry): AddressInfo => ({
      address: formatPrefix(entry.address, entry.prefixLength),
      state: STATE_NAMES[entry.state],
      origin: entry.origin,
    }));
    return { index, name, kind, mac: mac === 0 ? "" : formatMac(mac), mtu, isUp, addresses };
  }

  /** An event as JSON can say it, with names instead of numbers. */
  #describe(event: StackEvent): Record<string, unknown> {
    const told: Record<string, unknown> = { ...event };
    told.interface = this.#stack.links.get(event.interface)?.name ?? event.interface;
    if ("address" in event) told.address = formatAddress(event.address);
    if ("mac" in event) told.mac = event.mac === 0 ? "" : formatMac(event.mac);
    if ("router" in event) told.router = formatAddress(event.router);
    if ("servers" in event) told.servers = event.servers.map(formatAddress);
    if (typeof told.state === "number") told.state = STATE_NAMES[told.state];
    return told;
  }
}

/** RFC 4291 section 2.1: every interface has an address of the link, whatever else it has. */
function modeOf(autoconfigure: boolean): AutoconfigurationOptions["mode"] {
  return autoconfigure ? "full" : "link-local";
}

function failure(result: number, what: string): Error {
  return new Error(`${what}: ${errnoName(-result)}`);
}

function check(result: number, what: string): null {
  if (result < 0) throw failure(result, what);
  return null;
}
