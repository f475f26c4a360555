/**
 * How large the tables of links, routes and groups are. Each of them is a bound that no peer can
 * make memory or time grow beyond.
 *
 * @module
 */

/** The sizes of tables, and the rates, of links. */
export interface LinkOptions {
  /** Interfaces. */
  readonly interfaces: number;
  /** Addresses of each family, on all interfaces together. */
  readonly addresses: number;
  /** Groups that the filter of an interface tells apart. */
  readonly macGroups: number;
  /** Neighbours of each family. */
  readonly neighbours: number;
  /** Packets that wait for one neighbour's address. RFC 4861 section 7.2.2 asks for one. */
  readonly pendingPackets: number;
  /** Packets that wait for all neighbours of a family together. */
  readonly pendingPacketsTotal: number;
  /** Requests and solicitations to groups that are sent within a second, of each family. */
  readonly solicitationsPerSecond: number;
  /** Answers to requests and solicitations that are sent within a second, of each family. */
  readonly answersPerSecond: number;
  /** Routes of each family, in all tables together. */
  readonly routes: number;
  /** Tables of routes. */
  readonly routeTables: number;
  /** Rules that choose among the tables. */
  readonly routeRules: number;
  /** Destinations that were redirected to a better router. */
  readonly redirects: number;
  /** Routers that an interface knows from advertisements. */
  readonly routers: number;
  /** Prefixes that an interface knows from advertisements. */
  readonly prefixes: number;
  /** Routes that an interface knows from advertisements (RFC 4191). */
  readonly advertisedRoutes: number;
  /** Addresses that an interface makes itself. */
  readonly autoconfiguredAddresses: number;
  /** Servers of DNS that an interface knows from advertisements. RFC 8106 asks for three. */
  readonly dnsServers: number;
  /** Groups of both families, on all interfaces together. */
  readonly groups: number;
  /** Groups that one socket joins at most. */
  readonly groupsPerMember: number;
  /** Sources in a filter. */
  readonly sourcesPerGroup: number;
  /** Packets of the loopback interface that wait for their delivery. */
  readonly loopedPackets: number;
}

/** The usual sizes. */
export const DEFAULT_LINK_OPTIONS: LinkOptions = {
  interfaces: 64,
  addresses: 256,
  macGroups: 64,
  neighbours: 1024,
  pendingPackets: 16,
  pendingPacketsTotal: 1024,
  solicitationsPerSecond: 256,
  answersPerSecond: 1024,
  routes: 1024,
  routeTables: 16,
  routeRules: 64,
  redirects: 64,
  routers: 8,
  prefixes: 16,
  advertisedRoutes: 16,
  autoconfiguredAddresses: 16,
  dnsServers: 8,
  groups: 256,
  groupsPerMember: 20,
  sourcesPerGroup: 64,
  loopedPackets: 1024,
};

/** Sizes for little memory. */
export const SMALL_LINK_OPTIONS: LinkOptions = {
  interfaces: 4,
  addresses: 16,
  macGroups: 16,
  neighbours: 32,
  pendingPackets: 3,
  pendingPacketsTotal: 32,
  solicitationsPerSecond: 32,
  answersPerSecond: 64,
  routes: 32,
  routeTables: 4,
  routeRules: 8,
  redirects: 8,
  routers: 2,
  prefixes: 4,
  advertisedRoutes: 4,
  autoconfiguredAddresses: 6,
  dnsServers: 3,
  groups: 32,
  groupsPerMember: 8,
  sourcesPerGroup: 16,
  loopedPackets: 64,
};

/** Sizes for many peers on the link, and many routes. */
export const SERVER_LINK_OPTIONS: LinkOptions = {
  ...DEFAULT_LINK_OPTIONS,
  interfaces: 256,
  addresses: 4096,
  macGroups: 256,
  neighbours: 16384,
  pendingPacketsTotal: 8192,
  solicitationsPerSecond: 4096,
  answersPerSecond: 16384,
  routes: 65536,
  routeTables: 64,
  routeRules: 256,
  redirects: 1024,
  groups: 4096,
  groupsPerMember: 256,
  sourcesPerGroup: 256,
  loopedPackets: 4096,
};
