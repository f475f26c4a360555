/**
 * Ports of TCP and UDP.
 *
 * @module
 */

import { describe } from "./quote.ts";

/** The largest port. Source: RFC 9293 section 3.1, RFC 768. */
export const PORT_MAX = 65535;

/**
 * Checks what the API was given as a port.
 *
 * @param port The port.
 * @throws {TypeError} When it is no number.
 * @throws {RangeError} When it is not a whole number from 0 to 65535.
 */
export function assertPort(port: number): void {
  if (typeof port !== "number") {
    throw new TypeError(`port must be a number, not ${describe(port)}`);
  }
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) {
    throw new RangeError(`port ${port} is not a whole number from 0 to ${PORT_MAX}`);
  }
}
