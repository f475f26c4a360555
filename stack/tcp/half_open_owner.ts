/**
 * What half-open connections need of their listener.
 *
 * @module
 */

import type { IpAddress } from "../ip/types.ts";
import type { Configuration } from "./configuration.ts";
import type { ConnectionQueue } from "./connection.ts";

/** A listener, as half-open connections see it. */
export interface HalfOpenOwner extends ConnectionQueue {
  /** What its socket's options say. */
  readonly configuration: Configuration;
  /** How many half-open connections it has. */
  halfOpen: number;
  /** Whether one more connection may wait to be accepted; counted if not. */
  hasRoom(): boolean;
  /** Takes a hold on its port for a connection. @returns the binding, or -1 */
  shareBinding(address: IpAddress): number;
}
