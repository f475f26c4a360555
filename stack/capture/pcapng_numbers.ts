/**
 * The numbers of pcapng: draft-ietf-opsawg-pcapng, sections 3 and 4.
 *
 * @module
 */

/** Blocks, section 11.1. */
export const BlockType = {
  INTERFACE: 0x00000001,
  NAMES: 0x00000004,
  STATISTICS: 0x00000005,
  PACKET: 0x00000006,
  SECTION: 0x0a0d0d0a,
} as const;

/** What tells the byte order of a section, section 4.1. */
export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Options of every block, section 3.5. */
export const Option = {
  END: 0,
  COMMENT: 1,
  /** Custom ones with a text, and with bytes, that tools may copy to other files. */
  CUSTOM_TEXT: 2988,
  CUSTOM_BYTES: 2989,
  /** Custom ones that they may not. */
  CUSTOM_TEXT_HERE: 19372,
  CUSTOM_BYTES_HERE: 19373,
} as const;

/** Options of section header blocks, section 4.1. */
export const SectionOption = { HARDWARE: 2, SYSTEM: 3, APPLICATION: 4 } as const;

/** Options of interface description blocks, section 4.2. */
export const InterfaceOption = {
  NAME: 2,
  DESCRIPTION: 3,
  IPV4: 4,
  IPV6: 5,
  MAC: 6,
  SPEED: 8,
  RESOLUTION: 9,
  FILTER: 11,
  SYSTEM: 12,
  TIME_OFFSET: 14,
} as const;

/** Options of enhanced packet blocks, section 4.3. */
export const PacketOption = { FLAGS: 2, HASH: 3, DROP_COUNT: 4, PACKET_ID: 5, QUEUE: 6 } as const;

/** Options of interface statistics blocks, section 4.6. */
export const StatisticsOption = {
  START: 2,
  END: 3,
  RECEIVED: 4,
  DROPPED: 5,
  ACCEPTED: 6,
  SYSTEM_DROPPED: 7,
  DELIVERED: 8,
} as const;

/** Records of name resolution blocks, section 4.5. */
export const NameRecord = { END: 0, IPV4: 1, IPV6: 2 } as const;

/** What a capture has in front of its packets: the link types of tcpdump.org. */
export const LinkType = {
  ETHERNET: 1,
  /** Packets of IP, of either version, without a frame. */
  RAW: 101,
} as const;

/** Which way a packet went, for {@linkcode PacketOption.FLAGS}. */
export const Direction = { UNKNOWN: 0, INBOUND: 1, OUTBOUND: 2 } as const;
