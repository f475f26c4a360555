/**
 * The numbers that name protocols, from IANA's registries.
 *
 * @module
 */

/** What an Ethernet frame carries: IANA's "IEEE 802 Numbers". */
export const EtherType = {
  IPV4: 0x0800,
  ARP: 0x0806,
  /** A customer's VLAN tag, IEEE 802.1Q. */
  VLAN: 0x8100,
  IPV6: 0x86dd,
  /** A provider's VLAN tag, IEEE 802.1ad. */
  PROVIDER_VLAN: 0x88a8,
} as const;

/** What an IP packet carries: IANA's "Assigned Internet Protocol Numbers". */
export const Protocol = {
  /** Hop-by-hop options of IPv6. */
  HOP_BY_HOP: 0,
  ICMPV4: 1,
  IGMP: 2,
  TCP: 6,
  UDP: 17,
  /** The routing header of IPv6. */
  ROUTING: 43,
  /** The fragment header of IPv6. */
  FRAGMENT: 44,
  ICMPV6: 58,
  /** Nothing follows, RFC 8200 section 4.7. */
  NONE: 59,
  /** Destination options of IPv6. */
  DESTINATION_OPTIONS: 60,
} as const;
