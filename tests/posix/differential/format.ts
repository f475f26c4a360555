/**
 * Arguments and results as text that is the same on both sides: what a run draws for itself (ports,
 * paths, generated names) has a symbol instead.
 *
 * @module
 */

import { AF_INET, AF_INET6, AF_UNIX } from "../../../posix/constants/mod.ts";
import { FdSet } from "../../../posix/fd_set.ts";
import type { EpollEvent, Pollfd, Sockaddr } from "../../../posix/types.ts";

/** Longer byte strings are told by length and hash. */
const SHOWN_BYTES_MAX = 96;
/** Equal bytes from here on are told by their number. */
const RUN_MIN = 4;

/** The ports that the kernel chooses from. */
const EPHEMERAL_FILE = "/proc/sys/net/ipv4/ip_local_port_range";
let ephemeral: readonly number[] | undefined;

const EVENT_NAMES: readonly (readonly [number, string])[] = [
  [0x1, "IN"],
  [0x2, "PRI"],
  [0x4, "OUT"],
  [0x8, "ERR"],
  [0x10, "HUP"],
  [0x20, "NVAL"],
  [0x40, "RDNORM"],
  [0x80, "RDBAND"],
  [0x100, "WRNORM"],
  [0x200, "WRBAND"],
  [0x400, "MSG"],
  [0x2000, "RDHUP"],
  [0x10000000, "EXCLUSIVE"],
  [0x20000000, "WAKEUP"],
  [0x40000000, "ONESHOT"],
  [0x80000000, "ET"],
];

/** Names of the events of `poll` and `epoll`. */
export function formatEvents(events: number): string {
  const names = EVENT_NAMES.filter(([bit]) => (events & bit) !== 0).map(([, name]) => name);
  return names.join("|") || "0";
}

/** Bytes: printable ones quoted, equal ones counted, long strings hashed. */
export function formatBytes(bytes: Uint8Array): string {
  if (bytes.length > SHOWN_BYTES_MAX) return `<${bytes.length} bytes ${hash(bytes)}>`;
  const parts: string[] = [];
  let quoted = "";
  const flush = () => {
    if (quoted !== "") parts.push(JSON.stringify(quoted));
    quoted = "";
  };
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at];
    let run = 1;
    while (bytes[at + run] === byte) run++;
    if (run >= RUN_MIN) {
      flush();
      parts.push(`${hex(byte)}*${run}`);
      at += run;
      continue;
    }
    if (byte >= 0x20 && byte < 0x7f) {
      quoted += String.fromCharCode(byte);
    } else {
      flush();
      parts.push(hex(byte));
    }
    at++;
  }
  flush();
  return `<${parts.join(" ")}>`;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

/** FNV-1a. */
function hash(bytes: Uint8Array): string {
  let state = 0x811c9dc5;
  for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193);
  return (state >>> 0).toString(16).padStart(8, "0");
}

/** Symbols of one run, and all that is written with them. */
export class Formatter {
  readonly #replacements: readonly (readonly [string, string])[];
  readonly #ports = new Map<number, string>();
  readonly #names = new Map<string, string>();

  /** @param replacements texts of this run and their symbols, longest first */
  constructor(replacements: readonly (readonly [string, string])[]) {
    this.#replacements = replacements;
  }

  /** A value of any shape that calls take or give. */
  value(value: unknown): string {
    if (value instanceof Uint8Array) return formatBytes(value);
    if (value instanceof FdSet) return `{${[...value].join(" ")}}`;
    if (Array.isArray(value)) return `[${value.map((item) => this.value(item)).join(", ")}]`;
    if (typeof value === "string") return this.text(JSON.stringify(value));
    if (value === null) return "NULL";
    if (typeof value !== "object") return String(value);
    if ("revents" in value) return formatPollfd(value as Pollfd);
    if ("events" in value && "data" in value) return formatEpollEvent(value as EpollEvent);
    if ("family" in value && !("socktype" in value)) return this.sockaddr(value as Sockaddr);
    const fields = Object.entries(value).filter(([, field]) => field !== undefined)
      .map(([name, field]) => `${name}: ${this.value(field)}`);
    return `{ ${fields.sort().join(", ")} }`;
  }

  /** Text in which what belongs to this run has its symbol. */
  text(text: string): string {
    for (const [own, symbol] of this.#replacements) text = text.replaceAll(own, symbol);
    return text;
  }

  /** A sockaddr. */
  sockaddr(name: Sockaddr): string {
    const { family, address, port, flowinfo, scopeId, path, data } = name;
    if (family === AF_UNIX && path !== undefined) return `unix ${this.#path(path)}`;
    const extra = (flowinfo ? ` flow ${flowinfo}` : "") + (scopeId ? ` scope ${scopeId}` : "");
    if (address !== undefined || port !== undefined) {
      const kind = family === AF_INET ? "" : family === AF_INET6 ? "inet6 " : `family ${family} `;
      return `${kind}${address}:${this.port(port ?? 0)}${extra}`;
    }
    return `family ${family}${data ? ` ${formatBytes(data)}` : ""}`;
  }

  #path(path: string): string {
    if (path === "") return "unnamed";
    if (!path.startsWith("\0")) return this.text(path);
    if (!/^\0[0-9a-f]{5}$/.test(path)) return `@${this.text(path.slice(1))}`;
    return symbol(this.#names, path, "@auto");
  }

  /** A port; one that the kernel chose as a symbol, in the order they turned up. */
  port(port: number): string {
    ephemeral ??= Deno.readTextFileSync(EPHEMERAL_FILE).trim().split(/\s+/).map(Number);
    const [low, high] = ephemeral;
    return port >= low && port <= high ? symbol(this.#ports, port, "P") : String(port);
  }
}

function symbol<Key>(symbols: Map<Key, string>, key: Key, prefix: string): string {
  let found = symbols.get(key);
  if (found === undefined) symbols.set(key, found = `${prefix}${symbols.size + 1}`);
  return found;
}

function formatPollfd({ fd, events, revents }: Pollfd): string {
  return `${fd}:${formatEvents(events)}=>${formatEvents(revents)}`;
}

function formatEpollEvent({ events, data }: EpollEvent): string {
  return `${data}:${formatEvents(events)}`;
}
