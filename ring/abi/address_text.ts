/**
 * The text of a socket address: a numeric host or a name with a port, or a unix path.
 *
 * It is read into plain data: what an address is made of, before there is one. Whatever ends in a
 * number and is no spelling of a numeric host is an error, never a name: a resolver further down
 * might read it as an address that no rule of authority has seen.
 *
 * @module
 */

import { hostNameProblem, normalizeHostName } from "./host_name.ts";
import { type CanonicalHost, endsInNumber, inspectHost } from "./ip_text.ts";
import { PORT_MAX } from "./port.ts";
import { describe, quote } from "./quote.ts";

/** A DNS name and a port: an address that is still to be resolved. */
export interface HostPort {
  /** The name in lower case, without a trailing dot. */
  readonly name: string;
  /** The port, 0 to 65535. */
  readonly port: number;
}

/** What the text of a numeric address says. */
export interface NumericParts {
  /** The address without its port. */
  readonly host: CanonicalHost;
  /** The port, 0 to 65535. */
  readonly port: number;
}

/** What the text of a unix address says. */
export interface UnixParts {
  /** The path in the file system, or `@name` for an abstract socket. */
  readonly path: string;
}

/**
 * Reads the text of an address.
 *
 * @param text Such as `"127.0.0.1:80"`, `"[fe80::1%eth0]:80"`, `"name.example:80"`, `"unix:@name"`.
 * @returns What it names; a unix path is not yet checked.
 * @throws {TypeError} When it is no address; it names the text and the position.
 * @throws {RangeError} When the port is larger than 65535.
 */
export function readAddress(text: string): NumericParts | UnixParts | HostPort {
  if (typeof text !== "string") {
    throw new TypeError(`an address must be a string, not ${describe(text)}`);
  }
  if (text.startsWith("unix:")) {
    if (text.length === 5) fail(text, 5, "the path is empty");
    return { path: text.slice(5) };
  }
  if (text.startsWith("[")) {
    const close = text.indexOf("]");
    if (close < 0) fail(text, text.length, 'a closing "]" is missing');
    if (text[close + 1] !== ":") {
      fail(text, close + 1, 'a port is missing, write ":" and a number after "]"');
    }
    return readHost(text, 1, close, true, readPort(text, close + 2));
  }
  const colon = text.lastIndexOf(":");
  if (colon < 0) fail(text, text.length, 'a port is missing, write ":" and a number');
  if (colon === 0 && /^:\d+$/.test(text)) {
    fail(text, 0, `a host is missing, write "0.0.0.0${text}" for every interface`);
  }
  if (text.indexOf(":") !== colon) {
    fail(text, text.indexOf(":"), "an IPv6 address is written in brackets, as in [::1]:80");
  }
  return readHost(text, 0, colon, false, readPort(text, colon + 1));
}

/**
 * Reads the text of an address that needs no resolver.
 *
 * @param text The text.
 * @returns What it names; a unix path is not yet checked.
 * @throws {TypeError} When it is no address or has a name; it names the text and the position.
 * @throws {RangeError} When the port is larger than 65535.
 */
export function readResolvedAddress(text: string): NumericParts | UnixParts {
  const read = readAddress(text);
  if (!("name" in read)) return read;
  fail(text, 0, "a name must be resolved first, only numeric addresses can be parsed");
}

/**
 * Reads text[from, to) as a host: a numeric one if it can be, else a name.
 *
 * @param text What the host is part of, for the message.
 * @param from Where the host starts.
 * @param to Where it ends.
 * @param ipv6 Whether it can only be an IPv6 address: it has brackets or a colon.
 * @param port The port that belongs to it.
 * @returns Host and port.
 * @throws {TypeError} When it is neither; it names the text and the position.
 */
export function readHost(
  text: string,
  from: number,
  to: number,
  ipv6: boolean,
  port: number,
): NumericParts | HostPort {
  const part = text.slice(from, to);
  if (part === "") fail(text, from, "the host is empty");
  if (ipv6) {
    const host = part.includes(":")
      ? inspectHost(part)
      : { position: 0, reason: "brackets are for IPv6 addresses only" };
    if ("reason" in host) fail(text, from + host.position, host.reason);
    return { host, port };
  }
  const host = inspectHost(part);
  if (!("reason" in host)) return { host, port };
  if (part === "*") fail(text, from, 'write "0.0.0.0" or "[::]" for every interface');
  // For 1.2.3.256 the complaint of the IPv4 reader is the useful one.
  if (endsInNumber(part) && /^[0-9][0-9a-fA-FxX.]*$/.test(part)) {
    fail(text, from + host.position, host.reason);
  }
  const problem = hostNameProblem(part);
  if (problem !== undefined) fail(text, from + problem.position, problem.reason);
  return { name: normalizeHostName(part), port };
}

function readPort(text: string, from: number): number {
  const digits = text.slice(from);
  if (digits === "") fail(text, from, "the port is empty");
  const strange = digits.search(/[^0-9]/);
  if (strange >= 0) {
    fail(text, from + strange, `a port is a number, not ${quote(digits)}`);
  }
  const port = Number(digits);
  if (port > PORT_MAX) {
    throw new RangeError(
      `address ${quote(text)}: the port is larger than ${PORT_MAX} (position ${from})`,
    );
  }
  return port;
}

function fail(text: string, position: number, reason: string): never {
  throw new TypeError(`address ${quote(text)}: ${reason} (position ${position})`);
}
