/**
 * Stacks, switches and links in a few lines, with addresses and routes of their own accord.
 *
 * ```ts
 * const net = new StackTopology({ seed: 1 });
 * net.host("a");
 * net.router("r");
 * net.host("b");
 * net.link("a", "r", { bandwidth: "10Mbit/s", delayMs: 20, loss: 0.01 });
 * net.link("r", "b");
 * net.build();
 * net.network.runFor(1000);
 * ```
 *
 * @module
 */

import { PacketArena, sizeClasses } from "../memory/mod.ts";
import { Stack, type StackParts } from "../stack.ts";
import {
  addressesOf,
  IPV4_PREFIX_BITS,
  IPV6_PREFIX_BITS,
  type NodeKind,
  type NodePlan,
  planAddresses,
  type PlannedNode,
} from "./addressing.ts";
import type { Link } from "./link.ts";
import type { LinkOptions } from "./link_options.ts";
import { VirtualNetwork, type VirtualNetworkOptions } from "./network.ts";
import type { SimNode } from "./node.ts";
import { StackNode } from "./stack_node.ts";
import type { SwitchOptions } from "./switch.ts";

/** What a topology is made of. */
export interface StackTopologyOptions extends VirtualNetworkOptions {
  /** Whether stacks have the network's packets, so that frames are not copied; true. */
  readonly sharesPackets?: boolean;
}

/** What one stack is made of; `memory` is for packets of its own. */
export type StackHostParts = Omit<StackParts, "random" | "now" | "arena">;

/** A stack and its place in the network. */
export interface StackHostNode {
  readonly name: string;
  /** Its number in the network. */
  readonly number: number;
  readonly stack: Stack;
  readonly node: StackNode;
  /** By port: its addresses. */
  readonly plan: NodePlan;
}

/** A stack that will be made. */
interface Planned extends PlannedNode {
  readonly parts: StackHostParts;
  /** What stands in the network until then, and hands everything on. */
  readonly place: Place;
}

/** Packets of a network that stacks share: their buffers are in it, too. */
const SHARED_PACKETS = { small: 65536, medium: 65536, large: 256 } as const;
/** Locally administered addresses, RFC 7042 section 2.1: the node, and its port. */
const MAC_BASE = 0x0200_0000_0000;
const MAC_NODE = 0x100;

/** A node whose stack is not made yet. */
class Place implements SimNode {
  node: StackNode | null = null;
  readonly mtus: number[] = [];

  onPort(_port: number, mtu: number): void {
    this.mtus.push(mtu);
  }

  nextDeadline(): number {
    return this.node === null ? Infinity : this.node.nextDeadline();
  }

  step(...step: Parameters<SimNode["step"]>): void {
    this.node?.step(...step);
  }
}

/** A network of stacks. */
export class StackTopology {
  readonly network: VirtualNetwork;
  /** By name; empty until everything is built. */
  readonly hosts: Map<string, StackHostNode> = new Map();
  readonly #shares: boolean;
  readonly #nodes: (PlannedNode | Planned)[] = [];
  /** By name: the place in the list above. */
  readonly #places = new Map<string, number>();
  readonly #links: (readonly [number, number])[] = [];

  /** Makes a topology without nodes. */
  constructor(options: StackTopologyOptions) {
    this.#shares = options.sharesPackets ?? true;
    const classes = sizeClasses(SHARED_PACKETS);
    const { arena = this.#shares ? new PacketArena({ classes }) : undefined } = options;
    this.network = new VirtualNetwork({ ...options, arena });
  }

  /** Adds a host. */
  host(name: string, parts: StackHostParts = {}): void {
    this.#addStack(name, "host", parts);
  }

  /** Adds a router: a stack that forwards. */
  router(name: string, parts: StackHostParts = {}): void {
    this.#addStack(name, "router", parts);
  }

  /** Adds a switch. */
  switch(name: string, options: SwitchOptions = {}): void {
    this.network.switch(name, options);
    this.#note({ name, kind: "bridge" });
  }

  /** Adds a hub. */
  hub(name: string): void {
    this.network.hub(name);
    this.#note({ name, kind: "bridge" });
  }

  /** Links two nodes. */
  link(first: string, second: string, options: LinkOptions = {}): Link {
    const link = this.network.link(first, second, options);
    this.#links.push([this.#places.get(first)!, this.#places.get(second)!]);
    return link;
  }

  /** Makes the stacks, with their addresses and routes. */
  build(): void {
    const plans = planAddresses(this.#nodes, this.#links);
    for (const [nth, node] of this.#nodes.entries()) {
      if ("place" in node) this.#build(node, plans[nth]);
    }
  }

  /** A stack by its name. @throws {TypeError} when there is none, or nothing is built yet */
  get(name: string): StackHostNode {
    const host = this.hosts.get(name);
    if (host === undefined) throw new TypeError(`there is no stack ${JSON.stringify(name)}`);
    return host;
  }

  #addStack(name: string, kind: NodeKind, parts: StackHostParts): void {
    const place = new Place();
    this.network.add(name, place);
    this.#note({ name, kind, parts, place });
  }

  #note(node: PlannedNode | Planned): void {
    this.#places.set(node.name, this.#nodes.push(node) - 1);
  }

  #build({ name, kind, parts, place }: Planned, plan: NodePlan): void {
    const { network } = this;
    const number = network.nodeNumber(name);
    const stack = new Stack({
      detectionTransmits: 0,
      ...parts,
      random: network.randomOf(number),
      now: network.now,
      ...(this.#shares ? { arena: network.frames.arena } : {}),
    });
    stack.links.addLoopback();
    const node = new StackNode(stack, network.frames);
    for (const port of plan.ports.keys()) {
      node.addInterface(addInterface(stack, port, {
        mac: MAC_BASE + number * MAC_NODE + port,
        mtu: place.mtus[port],
        isForwarding: kind === "router",
      }, plan));
    }
    addRoutes(stack, plan, node);
    place.node = node;
    this.hosts.set(name, { name, number, stack, node, plan });
    network.wake(number);
  }
}

/** What is different between interfaces. */
interface Difference {
  readonly mac: number;
  readonly mtu: number;
  readonly isForwarding: boolean;
}

/** @returns the index of the interface */
function addInterface(stack: Stack, port: number, own: Difference, plan: NodePlan): number {
  const link = stack.links.addInterface({ name: `eth${port}`, kind: "ethernet", ...own });
  if (typeof link === "number") throw new Error(`eth${port} is refused: errno ${-link}`);
  const { ipv4, ipv6 } = plan.ports[port];
  stack.links.setUp(link.index, true);
  expectDone(stack.links.addAddress(link.index, ipv4, IPV4_PREFIX_BITS), "an address of IPv4");
  expectDone(stack.links.addAddress(link.index, ipv6, IPV6_PREFIX_BITS), "an address of IPv6");
  return link.index;
}

function addRoutes(stack: Stack, plan: NodePlan, node: StackNode): void {
  for (const { segment, port, gateway } of plan.routes) {
    const to = addressesOf(segment, 0);
    const index = node.interfaceOf(port);
    const ways = [
      { destination: to.ipv4, prefixLength: IPV4_PREFIX_BITS, gateway: gateway.ipv4 },
      { destination: to.ipv6, prefixLength: IPV6_PREFIX_BITS, gateway: gateway.ipv6 },
    ];
    for (const way of ways) {
      expectDone(stack.links.routes.add({ ...way, interface: index }), "a route");
    }
  }
}

function expectDone(result: number, what: string): void {
  if (result < 0) throw new Error(`${what} is refused: errno ${-result}`);
}
