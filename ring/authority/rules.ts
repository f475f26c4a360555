/**
 * Rules: which addresses a capability may connect to or listen on.
 *
 * ```text
 * rule   = ( "tcp" | "udp" ) "://" host ":" ports
 *        | "raw://" host [ ":*" ]
 *        | "unix://" ( "*" | "@*" | "@" name | path | directory "/*" | directory "/**" )
 * host   = "*" | ipv4 [ "/" bits ] | "[" ipv6 [ "%" zone ] [ "/" bits ] "]"
 *        | name | "*." name
 * ports  = "*" | port [ "-" port ]
 * ```
 *
 * A rule is judged on canonical addresses (see `canonicalize`), and is made canonical itself when
 * it is parsed: an IPv4-mapped address in it becomes IPv4 and, where the rule is for connecting,
 * `0.0.0.0` and `[::]` become loopback, because that is where such a connection goes. To listen on
 * every interface needs a rule that holds `0.0.0.0` or `[::]` itself (that address, `0.0.0.0/0`,
 * `[::/0]` or `*`); no rule for loopback or for a network grants it. A socket on `[::]` takes IPv4
 * connections too unless it is `ipv6Only`, and a rule for `[::]` grants that.
 *
 * @module
 */

import { canonicalize, SocketAddress, UNIX_PATH_MAX } from "../abi/address.ts";
import { type HostProblem, inspectHost } from "../abi/ip_text.ts";
import { PORT_MAX } from "../abi/port.ts";
import {
  coversName,
  formatNamePattern,
  matchesName,
  type NamePattern,
  readNamePattern,
} from "./names.ts";
import {
  coversPath,
  formatPathPattern,
  matchesPath,
  normalizePath,
  type PathPattern,
  readPathPattern,
} from "./paths.ts";

/** The text of a rule, such as `"tcp://10.0.0.0/8:443"` or `"unix:///run/app/*"`. */
export type Rule = string;

/** What kind of socket a rule is about. */
export type Transport = "tcp" | "udp" | "unix" | "raw";

/** What a rule allows: to connect (and send) to an address, or to listen on (and bind) it. */
export type Verb = "connect" | "listen";

/** A network: all addresses of a family that share their first bits. */
export interface NetworkPattern {
  /** Marks a network. */
  readonly kind: "network";
  /** The family of its addresses. */
  readonly family: "IPv4" | "IPv6";
  /** Its first address, 4 or 16 bytes in network order. */
  readonly bytes: Uint8Array;
  /** How many leading bits its addresses share. */
  readonly prefix: number;
  /** The zone its addresses must have, `""` for any. */
  readonly scope: string;
}

/** The hosts that a rule stands for. */
export type HostPattern =
  | { readonly kind: "any" }
  | { readonly kind: "names"; readonly names: NamePattern }
  | NetworkPattern;

/** The unix sockets that a rule stands for. */
export type UnixPattern =
  | { readonly kind: "any" }
  | { readonly kind: "abstract" }
  | { readonly kind: "abstract-name"; readonly name: string }
  | { readonly kind: "paths"; readonly paths: PathPattern };

/** A compiled rule for addresses of the internet. */
export interface InternetRule {
  /** The kind of socket. */
  readonly transport: "tcp" | "udp" | "raw";
  /** The canonical text. */
  readonly text: Rule;
  /** The hosts. */
  readonly host: HostPattern;
  /** The lowest port. */
  readonly low: number;
  /** The highest port. */
  readonly high: number;
}

/** A compiled rule for unix sockets. */
export interface UnixRule {
  /** The kind of socket. */
  readonly transport: "unix";
  /** The canonical text. */
  readonly text: Rule;
  /** The sockets. */
  readonly unix: UnixPattern;
}

/** A compiled rule. */
export type NetworkRule = InternetRule | UnixRule;

const QUOTE_MAX = 120;

/**
 * Parses a rule for connecting or listening.
 *
 * @param text The rule.
 * @param verb What the rule is for: the meaning of `0.0.0.0` and `[::]` depends on it.
 * @returns The compiled rule.
 * @throws {TypeError} When the rule is malformed; it names the rule and the position.
 *
 * @example
 * ```ts
 * import { parseRule } from "./rules.ts";
 * const rule = parseRule("tcp://[2001:DB8:0::/32]:53-53", "connect");
 * if (rule.text !== "tcp://[2001:db8::/32]:53") throw new Error("unreachable");
 * ```
 */
export function parseRule(text: Rule, verb: Verb): NetworkRule {
  if (typeof text !== "string") throw new TypeError("a rule must be a string");
  const colon = text.indexOf("://");
  const scheme = colon < 0 ? "" : text.slice(0, colon);
  if (scheme === "unix") return parseUnixRule(text);
  if (scheme !== "tcp" && scheme !== "udp" && scheme !== "raw") {
    failRule(text, 0, 'it does not start with "tcp://", "udp://", "unix://" or "raw://"');
  }
  const start = colon + 3;
  const bracketed = text[start] === "[";
  const hostEnd = bracketed ? closingBracket(text, start) + 1 : text.lastIndexOf(":");
  const hasPort = hostEnd >= start && hostEnd < text.length;
  if (!hasPort && scheme !== "raw") {
    failRule(text, text.length, 'the port is missing, write ":*" for every port');
  }
  const end = hasPort ? hostEnd : text.length;
  const host = bracketed
    ? readNetwork(text, start + 1, end - 1, true, verb)
    : readPlainHost(text, start, end, verb);
  const ports = hasPort ? readPorts(text, end) : { low: 0, high: PORT_MAX };
  if (scheme === "raw") {
    if (ports.low !== 0 || ports.high !== PORT_MAX) {
      failRule(text, end + 1, "a raw socket has no ports");
    }
    return { transport: scheme, text: `raw://${formatHost(host)}`, host, ...ports };
  }
  const canonical = `${scheme}://${formatHost(host)}:${formatPorts(ports.low, ports.high)}`;
  return { transport: scheme, text: canonical, host, ...ports };
}

/**
 * Parses a rule for files.
 *
 * @param text The rule: `"file:///srv/www/**"`, the path character for character.
 * @returns The compiled pattern.
 * @throws {TypeError} When the rule is malformed; it names the rule and the position.
 */
export function parseFileRule(text: Rule): PathPattern {
  if (typeof text !== "string") throw new TypeError("a rule must be a string");
  const start = "file://".length;
  if (!text.startsWith("file://")) failRule(text, 0, 'it does not start with "file://"');
  const pattern = readPathPattern(text.slice(start));
  if ("reason" in pattern) failRule(text, start + pattern.position, pattern.reason);
  return pattern;
}

/**
 * Decides whether a rule admits an address.
 *
 * Name rules admit no address by themselves: a name is matched before it is resolved.
 *
 * @param rule The rule.
 * @param transport The kind of socket.
 * @param address A canonical address: `canonicalize` has been applied for the verb of the rule.
 * @returns Whether the rule admits it.
 */
export function admitsAddress(
  rule: NetworkRule,
  transport: Transport,
  address: SocketAddress,
): boolean {
  if (rule.transport !== transport) return false;
  if (rule.transport === "unix") return matchesUnix(rule.unix, address);
  // A raw socket has no ports; the field may hold a protocol number and does not count.
  if (transport !== "raw" && (address.port < rule.low || address.port > rule.high)) return false;
  if (rule.host.kind === "any") return address.family !== "unix";
  return rule.host.kind === "network" && inNetwork(rule.host, address);
}

/**
 * Decides what a rule says about a name before it is resolved.
 *
 * @param rule The rule.
 * @param transport The kind of socket.
 * @param name A name from `normalizeHostName`.
 * @param port The port, 0 to 65535.
 * @returns `"any"`: admitted wherever it leads; `"name"`: admitted by name; `"network"`: only some
 * addresses are admitted, whatever they are called; `undefined`: the rule has nothing to say.
 */
export function admitsName(
  rule: NetworkRule,
  transport: Transport,
  name: string,
  port: number,
): "any" | "name" | "network" | undefined {
  if (rule.transport !== transport || rule.transport === "unix") return undefined;
  if (transport !== "raw" && (port < rule.low || port > rule.high)) return undefined;
  if (rule.host.kind !== "names") return rule.host.kind;
  return matchesName(rule.host.names, name) ? "name" : undefined;
}

/**
 * Decides whether one rule admits everything that another one admits.
 *
 * Between two rules this is exact for ports, networks, names and paths, with one exception on the
 * safe side: networks never cover names or the other way round, since where a name leads is not
 * known. Callers compare rules one to one, so two rules that cover a third only together, such as
 * two halves of a network or of a port range, are taken not to cover it.
 *
 * @param parent The rule that should be the wider one.
 * @param child The rule that should be the narrower one.
 * @returns Whether `parent` surely admits all that `child` admits.
 */
export function coversRule(parent: NetworkRule, child: NetworkRule): boolean {
  if (parent.transport === "unix" || child.transport === "unix") {
    return parent.transport === "unix" && child.transport === "unix" &&
      coversUnix(parent.unix, child.unix);
  }
  if (parent.transport !== child.transport) return false;
  if (child.low < parent.low || child.high > parent.high) return false;
  if (parent.host.kind === "any") return true;
  if (parent.host.kind === "names") {
    return child.host.kind === "names" && coversName(parent.host.names, child.host.names);
  }
  return child.host.kind === "network" && coversNetwork(parent.host, child.host);
}

// ---- Hosts and ports ------------------------------------------------------------------------

function closingBracket(text: string, start: number): number {
  const close = text.indexOf("]", start);
  if (close < 0) failRule(text, text.length, 'a closing "]" is missing');
  return close;
}

function readPlainHost(text: string, from: number, to: number, verb: Verb): HostPattern {
  const part = text.slice(from, to);
  if (part === "") failRule(text, from, 'the host is empty, write "*" for every host');
  if (part === "*") return { kind: "any" };
  if (part.includes(":")) {
    failRule(text, from + part.indexOf(":"), "an IPv6 address is written in brackets");
  }
  if (part.includes("/")) return readNetwork(text, from, to, false, verb);
  if (!("reason" in inspectHost(part))) return readNetwork(text, from, to, false, verb);
  const names = readNamePattern(part);
  if ("reason" in names) failRule(text, from + names.position, names.reason);
  return { kind: "names", names };
}

/** Reads text[from, to) as an address with or without a prefix length. */
function readNetwork(
  text: string,
  from: number,
  to: number,
  ipv6: boolean,
  verb: Verb,
): NetworkPattern {
  const part = text.slice(from, to);
  const slash = part.indexOf("/");
  const hostText = slash < 0 ? part : part.slice(0, slash);
  const host = inspectHost(hostText);
  if ("reason" in host) failRule(text, from + host.position, host.reason);
  if ((host.family === "IPv6") !== ipv6) failRule(text, from, "brackets are for IPv6 addresses");
  const bits = host.bytes.length * 8;
  if (slash < 0) return single(host.bytes, host.scope, verb);
  // 192.168/16 would be 192.0.0.168 to inet_aton(3): a prefix asks for the plain form.
  if (!ipv6 && hostText !== host.host) {
    failRule(text, from, "an address with a prefix length is written in four decimal parts");
  }
  const prefixText = part.slice(slash + 1);
  const position = from + slash + 1;
  if (!/^[0-9]{1,3}$/.test(prefixText)) {
    failRule(text, position, "a prefix length is a number");
  }
  const prefix = Number(prefixText);
  if (prefix > bits) failRule(text, position, `the prefix length is larger than ${bits}`);
  const first = host.bytes.map((byte, index) => byte & maskByte(prefix, index));
  if (first.some((byte, index) => byte !== host.bytes[index])) {
    const start = ipv6 ? SocketAddress.ipv6(first, 0).host : SocketAddress.ipv4(first, 0).host;
    failRule(text, from, `it has bits beyond its prefix, write "${start}/${prefix}"`);
  }
  if (prefix === bits) return single(host.bytes, host.scope, verb);
  // ::ffff:10.0.0.0/104 is 10.0.0.0/8 in disguise, and only IPv4 addresses reach the rules.
  if (ipv6 && prefix >= 96 && SocketAddress.ipv6(first, 0).isIPv4Mapped) {
    return network("IPv4", first.slice(12), prefix - 96, "");
  }
  return network(host.family, first, prefix, host.scope);
}

/** The network of one address, which is made canonical for the verb. */
function single(bytes: Uint8Array, scope: string, verb: Verb): NetworkPattern {
  const written = bytes.length === 4
    ? SocketAddress.ipv4(bytes, 0)
    : SocketAddress.ipv6(bytes, 0, scope);
  const address = canonicalize(written, verb === "connect" ? "destination" : "listen");
  const family = address.family === "IPv4" ? "IPv4" : "IPv6";
  return network(family, address.bytes, address.byteLength * 8, address.scope);
}

function network(
  family: "IPv4" | "IPv6",
  bytes: Uint8Array,
  prefix: number,
  scope: string,
): NetworkPattern {
  return { kind: "network", family, bytes, prefix, scope };
}

/** The bits of byte `index` that a prefix of `prefix` bits holds. */
function maskByte(prefix: number, index: number): number {
  const held = Math.min(8, Math.max(0, prefix - index * 8));
  return 0xff << (8 - held) & 0xff;
}

function inNetwork(pattern: NetworkPattern, address: SocketAddress): boolean {
  if (pattern.family !== address.family) return false;
  if (pattern.scope !== "" && pattern.scope !== address.scope) return false;
  for (let index = 0; index * 8 < pattern.prefix; index++) {
    const mask = maskByte(pattern.prefix, index);
    if ((address.byteAt(index) & mask) !== pattern.bytes[index]) return false;
  }
  return true;
}

function coversNetwork(parent: NetworkPattern, child: NetworkPattern): boolean {
  if (parent.family !== child.family || parent.prefix > child.prefix) return false;
  if (parent.scope !== "" && parent.scope !== child.scope) return false;
  for (let index = 0; index * 8 < parent.prefix; index++) {
    const mask = maskByte(parent.prefix, index);
    if ((child.bytes[index] & mask) !== parent.bytes[index]) return false;
  }
  return true;
}

/** Reads ":ports" from `at`, where the colon has to be, to the end. */
function readPorts(text: string, at: number): { low: number; high: number } {
  if (text[at] !== ":") failRule(text, at, 'the port is missing, write ":*" for every port');
  const ports = text.slice(at + 1);
  if (ports === "*") return { low: 0, high: PORT_MAX };
  const match = /^([0-9]+)(?:-([0-9]+))?$/.exec(ports);
  if (match === null) {
    failRule(text, at + 1, 'ports are written "*", "80" or "8000-8100"');
  }
  const low = Number(match[1]);
  const high = match[2] === undefined ? low : Number(match[2]);
  if (low > PORT_MAX) failRule(text, at + 1, `the port is larger than ${PORT_MAX}`);
  const second = at + 1 + match[1].length + 1;
  if (high > PORT_MAX) failRule(text, second, `the port is larger than ${PORT_MAX}`);
  if (high < low) failRule(text, second, "the range of ports ends before it starts");
  return { low, high };
}

function formatHost(host: HostPattern): string {
  if (host.kind === "any") return "*";
  if (host.kind === "names") return formatNamePattern(host.names);
  const whole = host.prefix === host.bytes.length * 8;
  const bits = whole ? "" : `/${host.prefix}`;
  if (host.family === "IPv4") return SocketAddress.ipv4(host.bytes, 0).host + bits;
  const zone = host.scope === "" ? "" : `%${host.scope}`;
  return `[${SocketAddress.ipv6(host.bytes, 0).host}${zone}${bits}]`;
}

function formatPorts(low: number, high: number): string {
  if (low === 0 && high === PORT_MAX) return "*";
  return low === high ? String(low) : `${low}-${high}`;
}

// ---- Unix sockets ---------------------------------------------------------------------------

function parseUnixRule(text: string): UnixRule {
  const start = "unix://".length;
  const rest = text.slice(start);
  if (rest === "*") return { transport: "unix", text, unix: { kind: "any" } };
  if (rest === "@*") return { transport: "unix", text, unix: { kind: "abstract" } };
  if (rest.startsWith("@")) {
    const name = rest.slice(1);
    const star = name.search(/[*\0]/);
    if (star >= 0) failRule(text, start + 1 + star, "an abstract name is written in full");
    assertUnixLength(text, start, name);
    return { transport: "unix", text, unix: { kind: "abstract-name", name } };
  }
  const paths = readPathPattern(rest);
  if ("reason" in paths) failRule(text, start + paths.position, paths.reason);
  if (paths.kind === "path") assertUnixLength(text, start, paths.path);
  const canonical = `unix://${formatPathPattern(paths)}`;
  return { transport: "unix", text: canonical, unix: { kind: "paths", paths } };
}

function assertUnixLength(text: string, position: number, path: string): void {
  if (!path.isWellFormed()) failRule(text, position, "it has half of a surrogate pair");
  const length = new TextEncoder().encode(path).length;
  if (length > UNIX_PATH_MAX) {
    failRule(text, position, `a unix path has at most ${UNIX_PATH_MAX} bytes, not ${length}`);
  }
}

function matchesUnix(pattern: UnixPattern, address: SocketAddress): boolean {
  if (address.family !== "unix") return false;
  if (pattern.kind === "any") return true;
  if (pattern.kind === "abstract") return address.isAbstract;
  // Bytes that are no UTF-8 have no faithful text: only the rules above can admit them.
  const text = faithfulText(address);
  if (text === undefined) return false;
  if (pattern.kind === "abstract-name") return address.isAbstract && text === pattern.name;
  if (address.isAbstract) return false;
  const path = normalizePath(text);
  return path !== undefined && matchesPath(pattern.paths, path);
}

/** The path or the abstract name as text, if that text stands for exactly these bytes. */
function faithfulText(address: SocketAddress): string | undefined {
  const text = address.isAbstract ? address.host.slice(1) : address.host;
  const skipped = address.isAbstract ? 1 : 0;
  const bytes = new TextEncoder().encode(text);
  if (bytes.length !== address.byteLength - skipped) return undefined;
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== address.byteAt(i + skipped)) return undefined;
  }
  return text;
}

function coversUnix(parent: UnixPattern, child: UnixPattern): boolean {
  if (parent.kind === "any") return true;
  if (parent.kind === "abstract") {
    return child.kind === "abstract" || child.kind === "abstract-name";
  }
  if (parent.kind === "abstract-name") {
    return child.kind === "abstract-name" && child.name === parent.name;
  }
  return child.kind === "paths" && coversPath(parent.paths, child.paths);
}

// ---- Complaints -----------------------------------------------------------------------------

function failRule(text: string, position: number, reason: HostProblem["reason"]): never {
  const shown = text.length > QUOTE_MAX ? `${text.slice(0, QUOTE_MAX)}...` : text;
  throw new TypeError(`rule ${JSON.stringify(shown)}: ${reason} (position ${position})`);
}
