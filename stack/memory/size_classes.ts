/**
 * The sizes that packets come in.
 *
 * @module
 */

/** Packets of one size. */
export interface SizeClass {
  /** Bytes that a packet has room for behind its headroom. */
  readonly roomBytes: number;
  /** How many packets there are. */
  readonly count: number;
  /** Whether a packet of the next larger size is taken where none of this one is left. */
  readonly borrows?: boolean;
}

/**
 * Bytes in front of a packet's data, for the headers of the layers below: the longest of IPv6 with
 * extension headers that a stack writes itself, Ethernet with two VLAN tags, and the 12 bytes of
 * `struct virtio_net_hdr_mrg_rxbuf`. Two cache lines, so that data starts at one.
 */
export const HEADROOM_BYTES = 128;

/** The usual sizes, in bytes behind the headroom. */
export const Room = {
  /** Headers alone: acknowledgements, ARP, neighbour discovery, most of ICMP. */
  SMALL: 128,
  /** A frame of Ethernet. With the headroom it is 2048 bytes: half a page, a chunk of AF_XDP. */
  MEDIUM: 2048 - HEADROOM_BYTES,
  /** The longest packet of IP, 65535 bytes, and the headers of its frame. */
  LARGE: 65536 + 64,
} as const;

/**
 * Makes the usual sizes. A small packet may borrow a medium one; a medium one never takes a large
 * one, since a flood of short frames could else take all of those.
 *
 * @param counts How many packets there are of each size.
 */
export function sizeClasses(
  counts: { readonly small: number; readonly medium: number; readonly large: number },
): readonly SizeClass[] {
  return [
    { roomBytes: Room.SMALL, count: counts.small, borrows: true },
    { roomBytes: Room.MEDIUM, count: counts.medium },
    { roomBytes: Room.LARGE, count: counts.large },
  ];
}
