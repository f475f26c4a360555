/**
 * Patterns for absolute paths, of unix sockets and of files: a path, `/dir/*` for what lies
 * directly in a directory, or `/dir/**` for what lies anywhere below it.
 *
 * Paths are compared as text. A path with a `..` in it matches nothing: where it leads depends on
 * symbolic links, which only the operating system can follow. For the same reason whoever may
 * place symbolic links inside a directory decides what a pattern for that directory admits.
 *
 * @module
 */

import type { HostProblem } from "../abi/ip_text.ts";

/** A compiled pattern for absolute paths. */
export interface PathPattern {
  /** Whether it stands for one path, for the entries of a directory, or for all below it. */
  readonly kind: "path" | "entries" | "below";
  /** The path, or the directory without a trailing slash (so `""` is the root). */
  readonly path: string;
}

/**
 * Reads a pattern for absolute paths; the characters stand for themselves, nothing is decoded.
 *
 * @param text The pattern: `"/run/x"`, `"/run/app/*"` or `"/srv/www/**"`.
 * @returns The pattern, or what is wrong with it and where.
 */
export function readPathPattern(text: string): PathPattern | HostProblem {
  if (!text.startsWith("/")) return { position: 0, reason: "the path does not start with a slash" };
  const nul = text.indexOf("\0");
  if (nul >= 0) return { position: nul, reason: "the path has a NUL in it" };
  if (text === "/") return { position: 0, reason: 'the path is empty, write "/**" for all of it' };
  const segments = text.split("/");
  let position = 1;
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i];
    const last = i === segments.length - 1;
    if (segment === "") return { position, reason: "a part of the path is empty" };
    if (segment === "." || segment === "..") {
      return { position, reason: `the path has the part "${segment}"` };
    }
    if (segment.includes("*") && !(last && (segment === "*" || segment === "**"))) {
      const star = position + segment.indexOf("*");
      return { position: star, reason: '"*" and "**" stand only for the whole last part' };
    }
    position += segment.length + 1;
  }
  const end = segments[segments.length - 1];
  if (end === "*") return { kind: "entries", path: text.slice(0, -2) };
  if (end === "**") return { kind: "below", path: text.slice(0, -3) };
  return { kind: "path", path: text };
}

/**
 * Writes a pattern for paths in its canonical form.
 *
 * @param pattern The pattern.
 * @returns The text that {@linkcode readPathPattern} reads back.
 */
export function formatPathPattern(pattern: PathPattern): string {
  if (pattern.kind === "path") return pattern.path;
  return `${pattern.path}/${pattern.kind === "entries" ? "*" : "**"}`;
}

/**
 * Brings an absolute path into the form in which paths are compared: without empty parts and `.`.
 *
 * @param path The path.
 * @returns The path, or `undefined` when it is not absolute, has a `..` or a NUL in it.
 */
export function normalizePath(path: string): string | undefined {
  if (!path.startsWith("/") || path.includes("\0")) return undefined;
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return parts.includes("..") ? undefined : `/${parts.join("/")}`;
}

/**
 * Matches a path against a pattern.
 *
 * @param pattern The pattern.
 * @param path A path from {@linkcode normalizePath}.
 * @returns Whether the pattern stands for the path.
 */
export function matchesPath(pattern: PathPattern, path: string): boolean {
  if (pattern.kind === "path") return path === pattern.path;
  if (!isInside(path, pattern.path)) return false;
  return pattern.kind === "below" || path.indexOf("/", pattern.path.length + 1) < 0;
}

/**
 * Decides whether one pattern stands for everything that another one stands for. This is exact.
 *
 * @param parent The pattern that should be the wider one.
 * @param child The pattern that should be the narrower one.
 * @returns Whether every path that `child` matches is matched by `parent`.
 */
export function coversPath(parent: PathPattern, child: PathPattern): boolean {
  if (child.kind === "path") return matchesPath(parent, child.path);
  if (parent.kind === "path") return false;
  if (parent.kind === "entries") return child.kind === "entries" && child.path === parent.path;
  return child.path === parent.path || isInside(child.path, parent.path);
}

function isInside(path: string, directory: string): boolean {
  return path.length > directory.length + 1 && path[directory.length] === "/" &&
    path.startsWith(directory);
}
