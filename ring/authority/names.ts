/**
 * Patterns for DNS names: a name, `*.name` for everything below it, or `*` for every name.
 *
 * @module
 */

import { hostNameProblem, normalizeHostName } from "../abi/host_name.ts";
import type { HostProblem } from "../abi/ip_text.ts";

/** A compiled pattern for names. */
export interface NamePattern {
  /** Whether it stands for one name, for the names below one, or for all. */
  readonly kind: "name" | "below" | "any";
  /** The name in lower case without a trailing dot, `""` for every name. */
  readonly name: string;
}

/**
 * Reads a pattern for names.
 *
 * @param text The pattern: `"example.com"`, `"*.example.com"` or `"*"`.
 * @returns The pattern, or what is wrong with it and where.
 */
export function readNamePattern(text: string): NamePattern | HostProblem {
  if (text === "*") return { kind: "any", name: "" };
  const below = text.startsWith("*.");
  const name = below ? text.slice(2) : text;
  const star = name.indexOf("*");
  const start = below ? 2 : 0;
  if (star >= 0) {
    return { position: start + star, reason: '"*" stands only for whole labels at the start' };
  }
  const problem = hostNameProblem(name);
  if (problem !== undefined) {
    return { position: start + problem.position, reason: problem.reason };
  }
  return { kind: below ? "below" : "name", name: normalizeHostName(name) };
}

/**
 * Writes a pattern for names in its canonical form.
 *
 * @param pattern The pattern.
 * @returns The text that {@linkcode readNamePattern} reads back.
 */
export function formatNamePattern(pattern: NamePattern): string {
  if (pattern.kind === "any") return "*";
  return pattern.kind === "below" ? `*.${pattern.name}` : pattern.name;
}

/**
 * Matches a name against a pattern. `*.example.com` matches `sub.example.com` and
 * `a.b.example.com`, but not `example.com` itself.
 *
 * @param pattern The pattern.
 * @param name A name from `normalizeHostName`.
 * @returns Whether the pattern stands for the name.
 */
export function matchesName(pattern: NamePattern, name: string): boolean {
  if (pattern.kind === "any") return true;
  if (pattern.kind === "name") return name === pattern.name;
  return isBelow(name, pattern.name);
}

/**
 * Decides whether one pattern stands for everything that another one stands for. This is exact.
 *
 * @param parent The pattern that should be the wider one.
 * @param child The pattern that should be the narrower one.
 * @returns Whether every name that `child` matches is matched by `parent`.
 */
export function coversName(parent: NamePattern, child: NamePattern): boolean {
  if (parent.kind === "any") return true;
  if (child.kind === "any") return false;
  if (child.kind === "name") return matchesName(parent, child.name);
  return parent.kind === "below" &&
    (child.name === parent.name || isBelow(child.name, parent.name));
}

/**
 * Tells the names that always mean the machine itself.
 *
 * @param name A name from `normalizeHostName`.
 * @returns Whether it is `localhost` or ends in `.localhost`. Source: RFC 6761 section 6.3.
 */
export function isLocalName(name: string): boolean {
  return name === "localhost" || isBelow(name, "localhost");
}

function isBelow(name: string, zone: string): boolean {
  return name.length > zone.length + 1 && name.endsWith(zone) &&
    name[name.length - zone.length - 1] === ".";
}
