/**
 * Names of services: the machine's own table where it may be read, else the well-known ones.
 *
 * @module
 */

import { WELL_KNOWN_SERVICES } from "./well_known_services.ts";

/** A table of services, for both directions. Source: services(5). */
export interface Services {
  /** `getservbyname(3)`. @returns the port, 0 to 65535, or -1 when there is no such service */
  portOf(name: string, protocol: string): number;
  /** `getservbyport(3)`. @returns the official name, or null when the port has none */
  nameOf(port: number, protocol: string): string | null;
}

/** Where the table of a machine is. Source: services(5). */
const SERVICES_PATH = "/etc/services";
const PORT_MAX = 65535;

/**
 * Reads a table of services.
 *
 * @param text lines of a name, a port with a protocol and aliases; `#` starts a comment, and what
 * is no such line is passed over. Where two lines fit, the first one counts. Source: services(5)
 *
 * @example
 * ```ts
 * import { parseServices } from "./services.ts";
 * const services = parseServices("http 80/tcp www # WorldWideWeb");
 * if (services.portOf("www", "tcp") !== 80) throw new Error("unreachable");
 * if (services.nameOf(80, "tcp") !== "http") throw new Error("unreachable");
 * ```
 */
export function parseServices(text: string): Services {
  const ports = new Map<string, number>();
  const names = new Map<string, string>();
  for (const line of text.split("\n")) {
    const fields = line.split("#", 1)[0].split(/\s+/).filter((field) => field !== "");
    const place = /^(\d{1,5})\/(\S+)$/.exec(fields[1] ?? "");
    if (place === null || Number(place[1]) > PORT_MAX) continue;
    const port = Number(place[1]);
    const protocol = place[2];
    const byPort = `${protocol}/${port}`;
    if (!names.has(byPort)) names.set(byPort, fields[0]);
    for (const name of [fields[0], ...fields.slice(2)]) {
      const byName = `${protocol}/${name}`;
      if (!ports.has(byName)) ports.set(byName, port);
    }
  }
  return {
    portOf: (name, protocol) => ports.get(`${protocol}/${name}`) ?? -1,
    nameOf: (port, protocol) => names.get(`${protocol}/${port}`) ?? null,
  };
}

let wellKnown: Services | null = null;

/** The services that nearly every machine knows by the same names. */
export function wellKnownServices(): Services {
  return wellKnown ??= parseServices(WELL_KNOWN_SERVICES);
}

/** What was read of the machine's table, and of which version of the file. */
let own: { readonly services: Services; readonly version: string } | null = null;

/**
 * The services of this machine: `/etc/services` where the program was granted to read it (nobody
 * is ever asked), else {@linkcode wellKnownServices}. The next call sees a change of the file.
 */
export function systemServices(): Services {
  try {
    const descriptor = { name: "read", path: SERVICES_PATH } as const;
    if (Deno.permissions.querySync(descriptor).state !== "granted") return wellKnownServices();
    const { mtime, size } = Deno.statSync(SERVICES_PATH);
    const version = `${mtime?.getTime()} ${size}`;
    if (own?.version !== version) {
      own = { services: parseServices(Deno.readTextFileSync(SERVICES_PATH)), version };
    }
    return own.services;
  } catch {
    // No such file: not every system has one.
    return wellKnownServices();
  }
}
