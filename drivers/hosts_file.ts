/**
 * The hosts file, for what Deno's resolver does not tell of it: the canonical name of an alias.
 *
 * @module
 */

import { readIpv4, readIpv6 } from "../ring/abi/ip_text.ts";

/** Where it is. Source: hosts(5). */
const HOSTS_PATH = "/etc/hosts";

/**
 * Finds the canonical name that a table of hosts has for a name: the first one of the first line
 * that lists it, as glibc has it.
 *
 * @param text lines of an address, a canonical name and aliases; `#` starts a comment
 * @param name compared without regard to case
 * @param family 4 or 6 for lines of that family only, 0 for any
 * @returns the canonical name, or null where no line lists the name. Source: hosts(5)
 */
export function canonicalInHosts(text: string, name: string, family: 0 | 4 | 6): string | null {
  const wanted = name.toLowerCase();
  for (const line of text.split("\n")) {
    const [address, ...names] = line.split("#", 1)[0].split(/\s+/).filter((word) => word !== "");
    if (!names.some((listed) => listed.toLowerCase() === wanted)) continue;
    const found = familyOf(address);
    if (found !== 0 && (family === 0 || family === found)) return names[0];
  }
  return null;
}

/** 4 or 6, or 0 for text that is no address. */
function familyOf(text: string): 0 | 4 | 6 {
  const bare = text.split("%", 1)[0];
  if (bare.includes(":")) return readIpv6(bare) instanceof Uint8Array ? 6 : 0;
  return readIpv4(bare) instanceof Uint8Array ? 4 : 0;
}

/** The hosts file, or null where it may not be read or is not there; nobody is asked. */
export async function readHostsFile(): Promise<string | null> {
  try {
    const { state } = Deno.permissions.querySync({ name: "read", path: HOSTS_PATH });
    return state === "granted" ? await Deno.readTextFile(HOSTS_PATH) : null;
  } catch {
    return null;
  }
}
