/**
 * Rights: what a user asks for, checked and compiled into a layer of an authority.
 *
 * @module
 */

import { type Limits, parseLimits } from "./limits.ts";
import {
  coversName,
  formatNamePattern,
  matchesName,
  type NamePattern,
  readNamePattern,
} from "./names.ts";
import { coversPath, formatPathPattern, type PathPattern } from "./paths.ts";
import { coversRule, type NetworkRule, parseFileRule, parseRule, type Rule } from "./rules.ts";

/** What a capability may do; whatever is left out is not granted. */
export interface NetworkRights {
  /** TCP sockets. */
  readonly tcp?: boolean;
  /** UDP sockets. */
  readonly udp?: boolean;
  /** Unix sockets. */
  readonly unix?: boolean;
  /** Raw sockets: ICMP, own IP headers, packets. */
  readonly raw?: boolean;
  /** Connecting and sending: everywhere, nowhere, or where a rule says so. */
  readonly connect?: boolean | readonly Rule[];
  /** Listening and binding: everywhere, nowhere, or where a rule says so. */
  readonly listen?: boolean | readonly Rule[];
  /** Resolving names: `"example.com"`, `"*.example.com"`, or `true` for all. */
  readonly resolve?: boolean | readonly string[];
  /** Taking over descriptors that were opened elsewhere. */
  readonly adopt?: boolean;
  /** Filling submission queue entries directly: on the kernel backend equal to `--allow-ffi`. */
  readonly ring?: boolean;
  /** Files that may be sent: `"file:///srv/www/**"`. */
  readonly files?: readonly Rule[];
  /** Files that may be written with what is received: `"file:///srv/upload/*"`. */
  readonly writableFiles?: readonly Rule[];
  /** Limits, which hold beside those of every layer below. */
  readonly limits?: Limits;
}

/** The rights that are simply held or not. */
export type FlagRight = "tcp" | "udp" | "unix" | "raw" | "adopt" | "ring";

/** One layer of an authority: rights that have been checked and compiled. */
export interface Layer {
  /** The rights in canonical form, frozen. */
  readonly rights: NetworkRights;
  /** The rules for connecting, `true` for everywhere. */
  readonly connect: true | readonly NetworkRule[];
  /** The rules for listening, `true` for everywhere. */
  readonly listen: true | readonly NetworkRule[];
  /** The patterns for resolving, `true` for every name. */
  readonly resolve: true | readonly NamePattern[];
  /** The patterns for files that may be sent. */
  readonly files: readonly PathPattern[];
  /** The patterns for files that may be written. */
  readonly writableFiles: readonly PathPattern[];
  /** The limits of this layer alone. */
  readonly limits: Limits;
}

/** The first thing that a layer asks for and another one does not grant. */
export interface Excess {
  /** The right, such as `"connect"`. */
  readonly right: string;
  /** The rule, name or path that is not covered, `""` when the right has none. */
  readonly address: string;
}

/** The most rules that one list may have: every check walks through all of them. */
export const RULES_MAX = 4096;

const FLAGS: readonly FlagRight[] = ["tcp", "udp", "unix", "raw", "adopt", "ring"];
const KEYS: readonly string[] = [
  ...FLAGS,
  "connect",
  "listen",
  "resolve",
  "files",
  "writableFiles",
  "limits",
];

/**
 * Checks the rights that a user wrote and compiles them.
 *
 * @param rights The rights.
 * @returns The layer; later changes to the object do not reach it.
 * @throws {TypeError} When a key is unknown, a value has the wrong type, or a rule is malformed.
 * @throws {RangeError} When a limit is no integer from 0 on, or there are too many rules.
 */
export function compileRights(rights: NetworkRights): Layer {
  if (typeof rights !== "object" || rights === null || Array.isArray(rights)) {
    throw new TypeError("rights must be an object");
  }
  for (const key of Object.keys(rights)) {
    if (!KEYS.includes(key)) throw new TypeError(`rights has no key ${JSON.stringify(key)}`);
  }
  const connect = compileList("connect", rights.connect, (rule) => parseRule(rule, "connect"));
  const listen = compileList("listen", rights.listen, (rule) => parseRule(rule, "listen"));
  const resolve = compileList("resolve", rights.resolve, parseNamePattern);
  const files = compileFiles("files", rights.files);
  const writableFiles = compileFiles("writableFiles", rights.writableFiles);
  const limits = parseLimits(rights.limits ?? {});
  const textOf = (rule: NetworkRule): Rule => rule.text;
  const canonical: NetworkRights = {
    tcp: flag(rights, "tcp"),
    udp: flag(rights, "udp"),
    unix: flag(rights, "unix"),
    raw: flag(rights, "raw"),
    connect: formatList(connect, textOf),
    listen: formatList(listen, textOf),
    resolve: formatList(resolve, formatNamePattern),
    adopt: flag(rights, "adopt"),
    ring: flag(rights, "ring"),
    files: formatFiles(files),
    writableFiles: formatFiles(writableFiles),
    limits,
  };
  const lists = { connect, listen, resolve, files, writableFiles };
  return { rights: Object.freeze(canonical), ...lists, limits };
}

function compileFiles(key: string, rules: readonly Rule[] | undefined): readonly PathPattern[] {
  const files = compileList(key, rules, parseFileRule);
  if (files === true || rules as unknown === false) {
    throw new TypeError(`rights.${key} must be a list of rules, there is no boolean for it`);
  }
  return files;
}

function formatFiles(files: readonly PathPattern[]): readonly Rule[] {
  return Object.freeze(files.map((path) => `file://${formatPathPattern(path)}`));
}

/**
 * Finds out whether a layer asks for more than another one grants.
 *
 * Every flag, rule, pattern and file of the child has to be covered by one of the parent; `true`
 * is covered by `true` alone. Limits are no part of this: the smallest of all layers holds, so a
 * larger one gives nothing. The answer errs on the safe side only: see `coversRule`.
 *
 * @param parent The layer that grants.
 * @param child The layer that asks.
 * @returns The first thing that is not granted, or `undefined` when all of it is.
 */
export function findExcess(parent: Layer, child: Layer): Excess | undefined {
  for (const right of FLAGS) {
    if (child.rights[right] === true && parent.rights[right] !== true) {
      return { right, address: "" };
    }
  }
  const textOf = (rule: NetworkRule): string => rule.text;
  return excessOf("connect", parent.connect, child.connect, coversRule, textOf) ??
    excessOf("listen", parent.listen, child.listen, coversRule, textOf) ??
    excessOf("resolve", parent.resolve, child.resolve, coversName, formatNamePattern) ??
    excessOf("files", parent.files, child.files, coversPath, formatPathPattern) ??
    excessOf(
      "writableFiles",
      parent.writableFiles,
      child.writableFiles,
      coversPath,
      formatPathPattern,
    );
}

/**
 * Decides whether a layer allows to resolve a name.
 *
 * @param layer The layer.
 * @param name A name from `normalizeHostName`.
 * @returns Whether it does.
 */
export function allowsResolve(layer: Layer, name: string): boolean {
  return layer.resolve === true || layer.resolve.some((pattern) => matchesName(pattern, name));
}

function parseNamePattern(text: string): NamePattern {
  const pattern = readNamePattern(text);
  if (!("reason" in pattern)) return pattern;
  throw new TypeError(
    `rule ${JSON.stringify(text.slice(0, 300))}: ${pattern.reason} (position ${pattern.position})`,
  );
}

function flag(rights: NetworkRights, right: FlagRight): boolean {
  const value: unknown = rights[right];
  if (value === undefined) return false;
  // A truthy string must not grant anything by accident.
  if (typeof value !== "boolean") throw new TypeError(`rights.${right} must be a boolean`);
  return value;
}

function compileList<T>(
  right: string,
  value: boolean | readonly string[] | undefined,
  parse: (text: string) => T,
): true | readonly T[] {
  if (value === undefined || value === false) return [];
  if (value === true) return true;
  if (!Array.isArray(value)) {
    throw new TypeError(`rights.${right} must be a boolean or a list of rules`);
  }
  if (value.length > RULES_MAX) {
    throw new RangeError(`rights.${right} has ${value.length} rules, the most is ${RULES_MAX}`);
  }
  return Array.from(value, (text: unknown, index) => {
    if (typeof text !== "string") throw new TypeError(`rights.${right}[${index}] is no string`);
    return parse(text);
  });
}

function formatList<T>(
  list: true | readonly T[],
  format: (item: T) => string,
): boolean | readonly string[] {
  if (list === true) return true;
  return list.length === 0 ? false : Object.freeze(list.map(format));
}

function excessOf<T>(
  right: string,
  parent: true | readonly T[],
  child: true | readonly T[],
  covers: (parent: T, child: T) => boolean,
  format: (item: T) => string,
): Excess | undefined {
  if (parent === true) return undefined;
  if (child === true) return { right, address: "*" };
  for (const wanted of child) {
    if (!parent.some((granted) => covers(granted, wanted))) {
      return { right, address: format(wanted) };
    }
  }
  return undefined;
}
