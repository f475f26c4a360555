/**
 * Addresses and routes for a whole topology, so that nobody has to write them down.
 *
 * Nodes that reach each other without a router share a segment. Segment n has the prefixes
 * 10.(n / 256).(n % 256).0/24 and fd00:0:0:n::/64; in it, nodes are numbered from 1 on in the order
 * in which they were linked. Every node gets a route to each segment that it is not in, by the way
 * with the fewest routers.
 *
 * @module
 */

import type { Ipv4Address, Ipv6Address } from "../wire/mod.ts";

/** What a node does with frames. */
export type NodeKind =
  /** It has addresses of its own. */
  | "host"
  /** It has, too, and passes packets on from one segment to another. */
  | "router"
  /** It passes frames on within a segment. */
  | "bridge";

/** A node of a topology. */
export interface PlannedNode {
  readonly name: string;
  readonly kind: NodeKind;
}

/** A link between two nodes, by their places in the list. */
export type PlannedLink = readonly [first: number, second: number];

/** What one port of a node is given. */
export interface PortAddresses {
  /** The segment's number. */
  readonly segment: number;
  readonly ipv4: Ipv4Address;
  readonly ipv6: Ipv6Address;
}

/** The way to a segment. */
export interface PlannedRoute {
  /** The segment's number. */
  readonly segment: number;
  /** The port that packets leave by. */
  readonly port: number;
  /** The router's addresses on that link. */
  readonly gateway: PortAddresses;
}

/** What one node is given. */
export interface NodePlan {
  /** By port; empty for bridges. */
  readonly ports: readonly PortAddresses[];
  /** To each segment that it is not in and that can be reached. */
  readonly routes: readonly PlannedRoute[];
}

/** Bits of the prefixes of segments. */
export const IPV4_PREFIX_BITS = 24;
/** See {@linkcode IPV4_PREFIX_BITS}. */
export const IPV6_PREFIX_BITS = 64;
/** More segments, or nodes in one, have no addresses left. */
const MAXIMUM_SEGMENTS = 65536;
/** See {@linkcode MAXIMUM_SEGMENTS}. */
const MAXIMUM_SEGMENT_NODES = 254;

const NETWORK_10 = 0x0a00_0000;
const UNIQUE_LOCAL = 0xfd00_0000 | 0;

/** A node's port in a segment. */
interface Member {
  readonly node: number;
  readonly port: number;
}

/**
 * Plans addresses and routes.
 *
 * @returns a plan for each node, in their order
 * @throws {RangeError} when there are more segments, or nodes in one, than addresses
 */
export function planAddresses(
  nodes: readonly PlannedNode[],
  links: readonly PlannedLink[],
): readonly NodePlan[] {
  const segments = findSegments(nodes, links);
  if (segments.length > MAXIMUM_SEGMENTS) {
    throw new RangeError(`${segments.length} segments: there are ${MAXIMUM_SEGMENTS} at most`);
  }
  const ports = nodes.map((): PortAddresses[] => []);
  for (const [segment, members] of segments.entries()) {
    if (members.length > MAXIMUM_SEGMENT_NODES) {
      const limit = `${MAXIMUM_SEGMENT_NODES} at most`;
      throw new RangeError(
        `a segment has ${members.length} nodes: there are addresses for ${limit}`,
      );
    }
    for (const [nth, { node, port }] of members.entries()) {
      ports[node][port] = addressesOf(segment, nth + 1);
    }
  }
  return nodes.map((_, node) => ({
    ports: ports[node],
    routes: routesOf(node, nodes, ports, segments),
  }));
}

/** The address of a segment's node by its number. */
export function addressesOf(segment: number, number: number): PortAddresses {
  return {
    segment,
    ipv4: (NETWORK_10 + segment * 256 + number) | 0,
    ipv6: [UNIQUE_LOCAL, segment, 0, number],
  };
}

/** Joins the links that bridges join. @returns the members of each segment, in order */
function findSegments(nodes: readonly PlannedNode[], links: readonly PlannedLink[]): Member[][] {
  const group = links.map((_, link) => link);
  const find = (link: number): number => {
    while (group[link] !== link) link = group[link];
    return link;
  };
  const firstOf = new Map<number, number>();
  for (const [link, ends] of links.entries()) {
    for (const node of ends) {
      if (nodes[node].kind !== "bridge") continue;
      const first = firstOf.get(node);
      if (first === undefined) firstOf.set(node, link);
      else join(group, find(first), find(link));
    }
  }
  const portCounts = nodes.map(() => 0);
  const members = new Map<number, Member[]>();
  for (const [link, ends] of links.entries()) {
    const root = find(link);
    const list = members.get(root) ?? [];
    members.set(root, list);
    for (const node of ends) {
      const port = portCounts[node]++;
      if (nodes[node].kind !== "bridge") list.push({ node, port });
    }
  }
  return [...members.values()];
}

/** The group of the older link remains. */
function join(group: number[], one: number, other: number): void {
  if (one < other) group[other] = one;
  else group[one] = other;
}

/** The shortest ways from a node: breadth first, over segments. */
function routesOf(
  node: number,
  nodes: readonly PlannedNode[],
  ports: readonly (readonly PortAddresses[])[],
  segments: readonly (readonly Member[])[],
): PlannedRoute[] {
  const routes: PlannedRoute[] = [];
  const reached = new Set(ports[node].map(({ segment }) => segment));
  const queue: { readonly segment: number; readonly first: PlannedRoute | null }[] = ports[node]
    .map(({ segment }) => ({ segment, first: null }));
  for (const { segment, first } of queue) {
    for (const member of segments[segment]) {
      if (member.node === node || nodes[member.node].kind !== "router") continue;
      const gateway = ports[member.node][member.port];
      for (const next of ports[member.node]) {
        if (reached.has(next.segment)) continue;
        reached.add(next.segment);
        const port = ports[node].findIndex((own) => own.segment === segment);
        const route = first === null
          ? { segment: next.segment, port, gateway }
          : { ...first, segment: next.segment };
        routes.push(route);
        queue.push({ segment: next.segment, first: route });
      }
    }
  }
  return routes;
}
