/**
 * Ports by what is said of them.
 *
 * @module
 */

import { PipePort } from "./pipe.ts";
import type { PipeHandle } from "./pipe_handle.ts";
import type { Port } from "./port.ts";

/**
 * Makes a port of the end of a link; one that is a port already is taken as it is.
 *
 * @throws {TypeError} for what is neither
 */
export function openPort(specifier: PipeHandle | Pick<Port, "kind" | "mtu">): Port {
  if (typeof specifier !== "object" || specifier === null) {
    throw new TypeError(`${String(specifier)} is no port`);
  }
  if (specifier.kind === "pipe") return new PipePort(specifier);
  if (isPort(specifier)) return specifier;
  throw new TypeError(`there are no ports of the kind ${String(specifier.kind)}`);
}

function isPort(specifier: object): specifier is Port {
  return "receive" in specifier && typeof specifier.receive === "function";
}
