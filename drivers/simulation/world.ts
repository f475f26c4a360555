/**
 * A topology of stacks, switches and links, from its description to stacks that run.
 *
 * @module
 */

import {
  addressesOf,
  type Hub,
  IPV4_PREFIX_BITS,
  IPV6_PREFIX_BITS,
  type Link,
  type LinkOptions,
  type NodeKind,
  type NodePlan,
  planAddresses,
  type Switch,
  type SwitchOptions,
  VirtualNetwork,
} from "../../stack/sim/mod.ts";
import { formatIpv4, formatIpv6, formatMac } from "../../stack/wire/mod.ts";
import type { RingDriver } from "../../ring/driver.ts";
import type { MemoryPlan } from "../../ring/memory.ts";
import { StackDriver } from "../stack/driver.ts";
import type { PortSpecifier, StackOptions, StackRouteOptions } from "../stack/options.ts";
import { type OpenedStack, openStackIn } from "../stack/open_stack.ts";
import { SimulationEngine } from "./engine.ts";
import { HostNode } from "./host_node.ts";
import { PipeNode } from "./pipe_node.ts";
import { SimClock } from "./sim_clock.ts";

/** What a world is made of. */
export interface WorldOptions {
  readonly seed: number;
  /** Milliseconds since 1970 when virtual time is 0. */
  readonly epochMs: number;
  /** Virtual milliseconds that a run may take. */
  readonly limitMs: number;
  /** Whether virtual time keeps to real time. */
  readonly isRealTime: boolean;
}

/** What a stack of a world is set up with, beside its place in the topology. */
export type WorldHostOptions = Pick<
  StackOptions,
  "profile" | "sizes" | "congestionControl" | "hosts"
>;

/** A node that has a stack. */
export interface WorldHost {
  readonly name: string;
  readonly kind: "host" | "router";
  readonly options: WorldHostOptions;
  /** Its number in the network. */
  readonly number: number;
  readonly node: HostNode;
  /** By port, each with the length of its prefix; empty until the world has begun. */
  readonly addresses: string[];
  /** Its stack; null until the world has begun, and after it has ended. */
  opened: OpenedStack | null;
}

/** A place for a stack in another thread. */
export interface WorldPipe {
  readonly name: string;
  readonly number: number;
  readonly node: PipeNode;
  /** What the stack is to be set up with; null until the world has begun. */
  options: StackOptions | null;
}

const MICROSECONDS = 1000;
/** Locally administered addresses, RFC 7042 section 2.1: the node, and its port. */
const MAC_BASE = 0x0200_0000_0000;
const MAC_NODE = 0x100;

/** Nodes and links, and later their stacks. */
export class World {
  readonly network: VirtualNetwork;
  readonly engine: SimulationEngine;
  readonly hosts: WorldHost[] = [];
  readonly pipes: WorldPipe[] = [];
  /** Whether it has begun: nothing can be added any more. */
  hasBegun = false;
  readonly #options: WorldOptions;
  readonly #kinds: { readonly name: string; readonly kind: NodeKind }[] = [];
  /** By number in the network: the place in the list above. */
  readonly #places: number[] = [];
  readonly #links: (readonly [number, number])[] = [];

  constructor(options: WorldOptions) {
    this.#options = options;
    this.network = new VirtualNetwork({ seed: options.seed });
    this.engine = new SimulationEngine(this.network, {
      limit: options.limitMs * MICROSECONDS,
      isRealTime: options.isRealTime,
    });
  }

  /** Adds a host, or a router. */
  addHost(name: string, kind: "host" | "router", options: WorldHostOptions): WorldHost {
    const { network, engine } = this;
    const node = new HostNode(engine, network.frames, () => {
      engine.noteActivity();
      network.wake(number);
    });
    const number = network.add(name, node);
    this.#note(name, kind);
    const host = { name, kind, options, number, node, addresses: [], opened: null };
    this.hosts.push(host);
    return host;
  }

  /** Adds a place for a stack in another thread. */
  addPipe(name: string): WorldPipe {
    const node = new PipeNode(this.network.frames);
    const number = this.network.add(name, node);
    this.engine.addPipe(node, number);
    this.#note(name, "host");
    const pipe = { name, number, node, options: null };
    this.pipes.push(pipe);
    return pipe;
  }

  /** Adds a switch. */
  addSwitch(name: string, options: SwitchOptions): Switch {
    const made = this.network.switch(name, options);
    this.#note(name, "bridge");
    return made;
  }

  /** Adds a hub. */
  addHub(name: string): Hub {
    const made = this.network.hub(name);
    this.#note(name, "bridge");
    return made;
  }

  /** Links two nodes. */
  link(first: string, second: string, options: LinkOptions): Link {
    const made = this.network.link(first, second, options);
    this.#links.push([this.#placeOf(first), this.#placeOf(second)]);
    return made;
  }

  /** Gives everybody addresses and routes, and makes the stacks. */
  begin(): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    const plans = planAddresses(this.#kinds, this.#links);
    const names = this.#namesOf(plans);
    for (const host of this.hosts) {
      const plan = plans[this.#placeOf(host.name)];
      host.addresses.push(...addressTexts(plan));
      this.#build(host, plan, names);
    }
    for (const pipe of this.pipes) {
      const plan = plans[this.#placeOf(pipe.name)];
      const { name, number, node: { handles } } = pipe;
      pipe.options = optionsOf({ name, number, isForwarding: false }, plan, handles, names);
    }
  }

  /**
   * Opens a ring of a host's stack.
   *
   * @param plan the sizes of the ring
   */
  openRing({ node, opened }: WorldHost, plan: MemoryPlan): RingDriver {
    if (opened === null) throw new Error("a ring is opened before its stack");
    const why = "simulated";
    const driver = new StackDriver({ host: opened.host, plan, without: {}, why });
    node.rings.push(driver.main);
    return driver;
  }

  /** Ends all stacks; their rings must be closed. */
  async end(): Promise<void> {
    for (const host of this.hosts) {
      const { opened } = host;
      host.opened = null;
      await opened?.close();
      host.node.host = null;
    }
    for (const { node } of this.pipes) node.close();
  }

  #note(name: string, kind: NodeKind): void {
    this.#places[this.network.nodeNumber(name)] = this.#kinds.push({ name, kind }) - 1;
  }

  #placeOf(name: string): number {
    return this.#places[this.network.nodeNumber(name)];
  }

  /** Everybody knows everybody by name. */
  #namesOf(plans: readonly NodePlan[]): Record<string, string[]> {
    const names: Record<string, string[]> = {};
    for (const { name } of [...this.hosts, ...this.pipes]) {
      const { ports } = plans[this.#placeOf(name)];
      names[name] = ports.flatMap(({ ipv4, ipv6 }) => [formatIpv4(ipv4), formatIpv6(ipv6)]);
    }
    return names;
  }

  #build(host: WorldHost, plan: NodePlan, names: Record<string, string[]>): void {
    const { network, engine } = this;
    const { number, node } = host;
    const clock = new SimClock(
      network.clock,
      this.#options.epochMs,
      () => network.reconsider(number),
      (run) => engine.defer(run),
    );
    const isForwarding = host.kind === "router";
    const planned = optionsOf({ name: host.name, number, isForwarding }, plan, node.ports, names);
    const options = {
      ...host.options,
      ...planned,
      hosts: { ...planned.hosts, ...host.options.hosts },
    };
    host.opened = openStackIn(options, {
      clock,
      onWake: () => {
        engine.noteActivity();
        network.wake(number);
      },
      random: network.randomOf(number),
      // Nobody else has the addresses that are given here: programs need not wait for them.
      detectionTransmits: 0,
    });
    node.host = host.opened.host;
    network.wake(number);
  }
}

/** What a stack is set up with by its place in the topology. */
function optionsOf(
  place: { readonly name: string; readonly number: number; readonly isForwarding: boolean },
  plan: NodePlan,
  ports: readonly PortSpecifier[],
  hosts: Record<string, string[]>,
): StackOptions {
  return {
    hostname: place.name,
    hosts,
    ports: plan.ports.map((addresses, port) => ({
      port: ports[port],
      name: `eth${port}`,
      mac: formatMac(MAC_BASE + place.number * MAC_NODE + port),
      addresses: addressTexts({ ports: [addresses] }),
      autoconfigure: false,
      forwarding: place.isForwarding,
    })),
    routes: routesOf(plan),
  };
}

function addressTexts({ ports }: Pick<NodePlan, "ports">): string[] {
  return ports.flatMap(({ ipv4, ipv6 }) => [
    `${formatIpv4(ipv4)}/${IPV4_PREFIX_BITS}`,
    `${formatIpv6(ipv6)}/${IPV6_PREFIX_BITS}`,
  ]);
}

function routesOf({ routes }: NodePlan): StackRouteOptions[] {
  return routes.flatMap(({ segment, port, gateway }) => {
    const { ipv4, ipv6 } = addressesOf(segment, 0);
    const via = { interface: `eth${port}` };
    return [
      {
        destination: `${formatIpv4(ipv4)}/${IPV4_PREFIX_BITS}`,
        gateway: formatIpv4(gateway.ipv4),
        ...via,
      },
      {
        destination: `${formatIpv6(ipv6)}/${IPV6_PREFIX_BITS}`,
        gateway: formatIpv6(gateway.ipv6),
        ...via,
      },
    ];
  });
}
