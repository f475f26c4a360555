/**
 * What can be wrong with a packet: one number for each way, small and without gaps, so that a stack
 * counts its drops in an array.
 *
 * @module
 */

/** Ways in which packets are bad. The names begin with the protocol whose rule is broken. */
export const Fault = {
  /** Nothing is wrong. */
  NONE: 0,

  /** Shorter than a header. */
  FRAME_TOO_SHORT: 1,
  /** A group as the source. */
  FRAME_SOURCE_IS_GROUP: 2,
  /** A length where the type should be, as in frames of IEEE 802.3. */
  FRAME_NOT_ETHERNET_II: 3,
  /** Cut off within a tag. */
  FRAME_TAG_TOO_SHORT: 4,
  /** More than two tags. */
  FRAME_TOO_MANY_TAGS: 5,

  /** Shorter than a packet. */
  ARP_TOO_SHORT: 6,
  /** For another kind of link. */
  ARP_HARDWARE: 7,
  /** For another protocol than IPv4. */
  ARP_PROTOCOL: 8,
  /** Addresses of other lengths than those of Ethernet and IPv4. */
  ARP_LENGTHS: 9,
  /** Neither a request nor a reply. */
  ARP_OPERATION: 10,
  /** A group as the sender. */
  ARP_SENDER_IS_GROUP: 11,

  /** Shorter than a header. */
  IPV4_TOO_SHORT: 12,
  /** Of another version. */
  IPV4_VERSION: 13,
  /** A header of less than 20 bytes. */
  IPV4_HEADER_LENGTH: 14,
  /** Shorter in all than its header. */
  IPV4_TOTAL_LENGTH: 15,
  /** Not all of it is there. */
  IPV4_TRUNCATED: 16,
  IPV4_CHECKSUM: 17,
  /** From a group, or from everybody. */
  IPV4_SOURCE: 18,
  /** A fragment before others that is empty or no multiple of 8 bytes. */
  IPV4_FRAGMENT_LENGTH: 19,
  /** A fragment of a packet that would be too long. */
  IPV4_FRAGMENT_OVERFLOW: 20,
  /** An option that is cut off or not as long as its type says. */
  IPV4_OPTION_LENGTH: 21,
  /** An option that points at none of its own places. */
  IPV4_OPTION_POINTER: 22,
  /** A second source route. */
  IPV4_OPTION_REPEATED: 23,

  /** Shorter than a header. */
  IPV6_TOO_SHORT: 24,
  /** Of another version. */
  IPV6_VERSION: 25,
  /** Not all of it is there. */
  IPV6_TRUNCATED: 26,
  /** From a group. */
  IPV6_SOURCE: 27,
  /** An extension header that is cut off. */
  IPV6_EXTENSION_TRUNCATED: 28,
  /** More extension headers than a packet may have. */
  IPV6_TOO_MANY_EXTENSIONS: 29,
  /** Hop-by-hop options in another place than the first: ICMP code `NEXT_HEADER`. */
  IPV6_HOP_BY_HOP_NOT_FIRST: 30,
  /** A routing header that leads on, of a type that is not known: ICMP code `FIELD`. */
  IPV6_ROUTING_UNRECOGNIZED: 31,
  /** An option that is cut off or not as long as its type says. */
  IPV6_OPTION_LENGTH: 32,
  /** More options than a header may have. */
  IPV6_TOO_MANY_OPTIONS: 33,
  /** More padding than anything needs. */
  IPV6_PADDING: 34,
  /** An unknown option that asks to drop the packet in silence. */
  IPV6_OPTION_DISCARD: 35,
  /** An unknown option that asks for an error: ICMP code `OPTION`. */
  IPV6_OPTION_UNRECOGNIZED: 36,
  /** A fragment of a fragment. */
  IPV6_FRAGMENT_NESTED: 37,
  /** A fragment without bytes. */
  IPV6_FRAGMENT_EMPTY: 38,
  /** A fragment before others that is no multiple of 8 bytes: ICMP code `FIELD`. */
  IPV6_FRAGMENT_LENGTH: 39,
  /** A fragment of a packet that would be too long: ICMP code `FIELD`. */
  IPV6_FRAGMENT_OVERFLOW: 40,
  /** A first fragment that has not got all headers: ICMP code `CHAIN_INCOMPLETE`. */
  IPV6_CHAIN_INCOMPLETE: 41,

  /** Shorter than its header. */
  ICMPV4_TOO_SHORT: 42,
  ICMPV4_CHECKSUM: 43,
  /** Of a type that is not known. */
  ICMPV4_TYPE: 44,
  /** A code that its type has not got. */
  ICMPV4_CODE: 45,
  /** An error without the header of the packet that it is about, and 8 bytes more. */
  ICMPV4_QUOTE: 46,

  /** Shorter than its header. */
  ICMPV6_TOO_SHORT: 47,
  ICMPV6_CHECKSUM: 48,
  /** No error, and of a type that is not known. */
  ICMPV6_TYPE: 49,
  /** A code that its type has not got. */
  ICMPV6_CODE: 50,
  /** An error without the header of the packet that it is about. */
  ICMPV6_QUOTE: 51,

  /** Shorter than its type says. */
  NDP_TOO_SHORT: 52,
  /** No message of neighbour discovery. */
  NDP_TYPE: 53,
  /** Another code than 0. */
  NDP_CODE: 54,
  /** It passed a router. */
  NDP_HOP_LIMIT: 55,
  /** From an address that may not send it. */
  NDP_SOURCE: 56,
  /** To, or about, an address that it may not name as destination. */
  NDP_DESTINATION: 57,
  /** About a group, or a redirect to who is no neighbour. */
  NDP_TARGET: 58,
  /** From nobody, but with a link-layer address. */
  NDP_SOURCE_LINK_LAYER: 59,
  /** An answer to everybody. */
  NDP_SOLICITED_TO_GROUP: 60,
  /** An option that is cut off, or of no length. */
  NDP_OPTION_LENGTH: 61,
  /** More options than a message may have. */
  NDP_TOO_MANY_OPTIONS: 62,

  /** Shorter than its type says. */
  MLD_TOO_SHORT: 63,
  /** No message of listener discovery. */
  MLD_TYPE: 64,
  /** It may have passed a router. */
  MLD_HOP_LIMIT: 65,
  /** Without a router alert. */
  MLD_ROUTER_ALERT: 66,
  /** From an address that is not of the link. */
  MLD_SOURCE: 67,
  /** About something that is no group. */
  MLD_GROUP: 68,
  /** Too long for version 1, too short for version 2. */
  MLD_QUERY_LENGTH: 69,
  /** Fewer sources than it says. */
  MLD_SOURCES_TRUNCATED: 70,
  /** Fewer records than it says. */
  MLD_RECORDS_TRUNCATED: 71,
  /** More records than a report may have. */
  MLD_TOO_MANY_RECORDS: 72,

  /** Shorter than its header. */
  IGMP_TOO_SHORT: 73,
  IGMP_CHECKSUM: 74,
  /** Of a type that is not known. */
  IGMP_TYPE: 75,
  /** A query of version 2 or 3 without a router alert. */
  IGMP_ROUTER_ALERT: 76,
  /** About something that is no group. */
  IGMP_GROUP: 77,
  /** Too long for version 2, too short for version 3. */
  IGMP_QUERY_LENGTH: 78,
  /** Fewer sources than it says. */
  IGMP_SOURCES_TRUNCATED: 79,
  /** Fewer records than it says. */
  IGMP_RECORDS_TRUNCATED: 80,
  /** More records than a report may have. */
  IGMP_TOO_MANY_RECORDS: 81,

  /** Shorter than its header. */
  UDP_TOO_SHORT: 82,
  /** A length below that of the header, or above that of the packet. */
  UDP_LENGTH: 83,
  UDP_CHECKSUM: 84,
  /** Without a checksum where one must be: over IPv6. */
  UDP_NO_CHECKSUM: 85,
  /** To port 0. */
  UDP_PORT_ZERO: 86,

  /** Shorter than its header. */
  TCP_TOO_SHORT: 87,
  /** A header of less than 20 bytes, or longer than the segment. */
  TCP_HEADER_LENGTH: 88,
  TCP_CHECKSUM: 89,
  /** From or to port 0. */
  TCP_PORT_ZERO: 90,
  /** An option that is cut off. */
  TCP_OPTION_LENGTH: 91,
} as const;

/** One of {@linkcode Fault}. */
export type Fault = typeof Fault[keyof typeof Fault];

const NAMES: readonly string[] = Object.keys(Fault);

/** How many faults there are: so many counters a table of them has. */
export const FAULT_COUNT: number = NAMES.length;

/** The name of a fault, such as `TCP_CHECKSUM`. */
export function faultName(fault: number): string {
  return NAMES[fault] ?? `fault ${fault}`;
}
