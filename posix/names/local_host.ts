/**
 * What calls about names have to know of the machine they run on: its name, its interfaces, its
 * services.
 *
 * @module
 */

import { AF_INET, AF_INET6 } from "../../ring/abi/sockaddr.ts";
import { inet_pton } from "./inet.ts";
import { type Services, systemServices } from "./services.ts";

/** Which families this machine has an address of, besides loopback. */
export interface ConfiguredFamilies {
  /** Whether it has an IPv4 address other than 127.0.0.1. */
  readonly ipv4: boolean;
  /** Whether it has an IPv6 address other than `::1`. */
  readonly ipv6: boolean;
}

/** The machine, as `getaddrinfo` and `getnameinfo` ask for it; a backend may know better. */
export interface LocalHost {
  /** `getservbyname` and `getservbyport`. */
  readonly services: Services;
  /** `gethostname(2)`; null where it is not told. */
  hostName(): string | null;
  /** `if_nametoindex(3)`. @returns the index, or 0 when there is no such interface */
  interfaceIndex(name: string): number;
  /** `if_indextoname(3)`. @returns the name, or null when there is no such interface */
  interfaceName(index: number): string | null;
  /** For `AI_ADDRCONFIG`; null where nobody knows, which leaves nothing out. */
  configuredFamilies(): ConfiguredFamilies | null;
  /** Bits of the network that an address of this machine is in; undefined where nobody knows. */
  prefixBits(address: Uint8Array): number | undefined;
}

/**
 * The machine as far as Deno was granted to tell of it, with `--allow-sys` and `--allow-read`.
 * Nobody is ever asked for a permission: what is not granted is not known.
 */
export function systemHost(): LocalHost {
  return {
    get services() {
      return systemServices();
    },
    hostName: () => isGranted("hostname") ? Deno.hostname() : null,
    interfaceIndex,
    interfaceName: (index) =>
      linkLocal().find(({ scopeid }) => scopeid === index)?.name ?? nameOfKernel(index),
    configuredFamilies,
    prefixBits,
  };
}

function isGranted(kind: "hostname" | "networkInterfaces"): boolean {
  try {
    return Deno.permissions.querySync({ name: "sys", kind }).state === "granted";
  } catch {
    return false;
  }
}

function interfaces(): Deno.NetworkInterfaceInfo[] {
  return isGranted("networkInterfaces") ? Deno.networkInterfaces() : [];
}

/** Only a link-local address tells the index of its interface. */
function linkLocal(): Deno.NetworkInterfaceInfo[] {
  return interfaces().filter(({ scopeid }) => scopeid !== null && scopeid > 0);
}

function interfaceIndex(name: string): number {
  const known = linkLocal().find((entry) => entry.name === name);
  return known?.scopeid ?? indexOfKernel(name);
}

/** Linux's own list, which Deno shows to programs that may do everything. */
const KERNEL_LIST = "/sys/class/net";

function indexOfKernel(name: string): number {
  if (name === "" || name === "." || name === ".." || name.includes("/")) return 0;
  try {
    if (!mayReadList()) return 0;
    return Number(Deno.readTextFileSync(`${KERNEL_LIST}/${name}/ifindex`));
  } catch {
    return 0;
  }
}

function nameOfKernel(index: number): string | null {
  try {
    if (!mayReadList()) return null;
    for (const { name } of Deno.readDirSync(KERNEL_LIST)) {
      if (indexOfKernel(name) === index) return name;
    }
  } catch {
    // No such list: not Linux, or Deno does not show it.
  }
  return null;
}

function mayReadList(): boolean {
  return Deno.permissions.querySync({ name: "read", path: KERNEL_LIST }).state === "granted";
}

function configuredFamilies(): ConfiguredFamilies | null {
  if (!isGranted("networkInterfaces")) return null;
  const all = interfaces();
  return {
    ipv4: all.some(({ family, address }) => family === "IPv4" && address !== "127.0.0.1"),
    ipv6: all.some(({ family, address }) => family === "IPv6" && address !== "::1"),
  };
}

function prefixBits(address: Uint8Array): number | undefined {
  const family = address.length === 4 ? AF_INET : AF_INET6;
  for (const { family: own, address: text, cidr } of interfaces()) {
    if (own !== (family === AF_INET ? "IPv4" : "IPv6")) continue;
    const bytes = inet_pton(family, text);
    if (bytes === null || !bytes.every((byte, index) => byte === address[index])) continue;
    return Number(cidr.slice(cidr.indexOf("/") + 1));
  }
  return undefined;
}
