/**
 * What a stack knows of its packets beside their bytes: one column for each property, indexed by
 * the packet's number in the arena. A packet that was just taken has whatever the one before it
 * left: {@linkcode PacketTable.clear} is the first thing done with it.
 *
 * The columns about offloads mean what `struct virtio_net_hdr` means (virtio 1.2 section 5.1.6), so
 * that ports with such a header pass them on as they are.
 *
 * @module
 */

/** What is known of a packet: bits of {@linkcode PacketTable.flags}. */
export const PacketFlag = {
  /** Its transport checksum is known to be good: nobody need sum it up. */
  CHECKSUM_GOOD: 1 << 0,
  /** Its transport checksum is the sum of the pseudo header only: whoever sends it completes it. */
  CHECKSUM_PARTIAL: 1 << 1,
  /** Its frame was for everybody on the link. */
  LINK_BROADCAST: 1 << 2,
  /** Its frame was for a group. */
  LINK_MULTICAST: 1 << 3,
  /** It never left the stack. */
  LOOPED: 1 << 4,
  /** It arrived in fragments. */
  REASSEMBLED: 1 << 5,
  /** It is on its way through: neither from here nor for here. */
  FORWARDED: 1 << 6,
  /** The packets of IPv4 that it stands for had one identification, not one after the other. */
  FIXED_IDENTIFICATION: 1 << 7,
} as const;

/** How a packet that is longer than its link's MTU is to be taken apart: `VIRTIO_NET_HDR_GSO_*`. */
export const Segmentation = { NONE: 0, TCP_IPV4: 1, UDP: 5, TCP_IPV6: 4, ECN: 0x80 } as const;

/** The columns. */
export class PacketTable {
  /** The index of the interface that it came in by, or leaves by. */
  readonly interface: Int32Array;
  /** Where its network header is: an offset in memory. */
  readonly network: Int32Array;
  /** Where its transport header is: an offset in memory. */
  readonly transport: Int32Array;
  /** Bits of {@linkcode PacketFlag}. */
  readonly flags: Int32Array;
  /** One of {@linkcode Segmentation}. */
  readonly segmentation: Int32Array;
  /** Payload bytes of each segment that it stands for; 0 where it stands for itself. */
  readonly segmentBytes: Int32Array;

  /** @param capacity how many packets the arena has */
  constructor(capacity: number) {
    this.interface = new Int32Array(capacity);
    this.network = new Int32Array(capacity);
    this.transport = new Int32Array(capacity);
    this.flags = new Int32Array(capacity);
    this.segmentation = new Int32Array(capacity);
    this.segmentBytes = new Int32Array(capacity);
  }

  /** Forgets what was known of the packet that had this number before. */
  clear(packet: number): void {
    this.flags[packet] = 0;
    this.segmentation[packet] = 0;
    this.segmentBytes[packet] = 0;
  }

  /** Copies what is known of a packet to another one of the same bytes. */
  copy(from: number, to: number): void {
    this.interface[to] = this.interface[from];
    this.network[to] = this.network[from];
    this.transport[to] = this.transport[from];
    this.flags[to] = this.flags[from];
    this.segmentation[to] = this.segmentation[from];
    this.segmentBytes[to] = this.segmentBytes[from];
  }
}
