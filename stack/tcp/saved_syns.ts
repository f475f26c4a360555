/**
 * The headers of SYNs that listeners were told to keep: tcp(7), `TCP_SAVE_SYN`. Few connections
 * have any, so these are kept beside connections and not in them.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { InterfaceTable } from "../iface/types.ts";
import { PacketFlag } from "../packet_table.ts";
import * as ethernet from "../wire/ethernet.ts";
import type { Segment } from "./types.ts";

/** How much of a SYN is kept: values of `TCP_SAVE_SYN`. */
export const SaveSyn = {
  NOTHING: 0,
  /** The headers of IP and TCP. */
  NETWORK: 1,
  /** That of Ethernet as well, where the SYN came by a frame. */
  LINK: 2,
} as const;

/** What never had a header of Ethernet, or has none in front of it any more. */
const WITHOUT_FRAME = PacketFlag.LOOPED | PacketFlag.REASSEMBLED;

/** What was kept, by connection. */
export class SavedSyns {
  readonly #headers = new WeakMap<object, Uint8Array>();

  /** Keeps the headers of the SYN that a connection began with. */
  keep(connection: object, headers: Uint8Array): void {
    this.#headers.set(connection, headers);
  }

  /** The headers of a connection's SYN; null where none were kept, or somebody has taken them. */
  of(connection: object): Uint8Array | null {
    return this.#headers.get(connection) ?? null;
  }

  /** Forgets those of a connection: they are given once. */
  forget(connection: object): void {
    this.#headers.delete(connection);
  }
}

/**
 * Copies the headers of a segment out of its packet.
 *
 * @param isWithLink whether that of Ethernet is wanted, too
 */
export function copyHeaders(
  { arena, packets }: Environment,
  interfaces: InterfaceTable,
  { packet, payloadOffset }: Segment,
  isWithLink: boolean,
): Uint8Array {
  const start = arena.start(packet);
  const isFramed = isWithLink && (packets.flags[packet] & WITHOUT_FRAME) === 0 &&
    interfaces.get(packets.interface[packet])?.kind === "ethernet";
  // What IP was given without is still in front of it.
  const linkBytes = isFramed && arena.headroom(packet) >= ethernet.HEADER_BYTES
    ? ethernet.HEADER_BYTES
    : 0;
  return arena.memory.bytes.slice(start - linkBytes, start + payloadOffset);
}
