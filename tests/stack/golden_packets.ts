/**
 * Which packets of the traffic of `golden_traffic.ts` are golden: of each the first one that its
 * filter lets through, as the client's interface sees it.
 *
 * @module
 */

/** A packet that is taken. */
export interface GoldenPacket {
  /** What it is, in words. */
  readonly what: string;
  /** A display filter of tshark. */
  readonly filter: string;
}

/** Every golden packet, by the name of its file. */
export const GOLDEN: Readonly<Record<string, GoldenPacket>> = {
  arp_request: {
    what: "An ARP request",
    filter: "arp.opcode == 1 && arp.dst.proto_ipv4 == 10.1.0.1",
  },
  arp_reply: { what: "An ARP reply", filter: "arp.opcode == 2 && arp.src.proto_ipv4 == 10.1.0.1" },
  arp_announcement: {
    what: "An ARP announcement of arp_notify",
    filter: "arp.isgratuitous && arp.src.proto_ipv4 == 10.1.0.2",
  },
  icmpv4_echo: {
    what: "An echo request of ping",
    filter: "icmp.type == 8 && icmp.ident == 0x1001",
  },
  icmpv4_echo_reply: { what: "An echo reply", filter: "icmp.type == 0 && icmp.ident == 0x1001" },
  ipv4_record_route: {
    what: "A reply with a record route",
    filter: "icmp.type == 0 && ip.opt.type == 7",
  },
  ipv4_timestamp: {
    what: "A reply with timestamps",
    filter: "icmp.type == 0 && ip.opt.type == 68",
  },
  ipv4_fragment_first: {
    what: "A first fragment",
    filter: "ip.flags.mf == 1 && ip.frag_offset == 0",
  },
  ipv4_fragment_middle: {
    what: "A middle fragment",
    filter: "ip.flags.mf == 1 && ip.frag_offset > 0",
  },
  ipv4_fragment_last: { what: "A last fragment", filter: "ip.flags.mf == 0 && ip.frag_offset > 0" },
  icmpv4_port_unreachable: {
    what: "A closed UDP port",
    filter: "icmp.type == 3 && icmp.code == 3",
  },
  icmpv4_fragmentation_needed: {
    what: "A packet too long for the next hop",
    filter: "icmp.type == 3 && icmp.code == 4",
  },
  icmpv4_host_unreachable: {
    what: "A host that is not there",
    filter: "icmp.type == 3 && icmp.code == 1",
  },
  icmpv4_network_unreachable: { what: "No route", filter: "icmp.type == 3 && !(icmp.code > 0)" },
  icmpv4_protocol_unreachable: {
    what: "No such protocol",
    filter: "icmp.type == 3 && icmp.code == 2",
  },
  icmpv4_prohibited: {
    what: "A packet that a filter rejects",
    filter: "icmp.type == 3 && icmp.code == 13",
  },
  icmpv4_time_exceeded: {
    what: "A time to live of 1",
    filter: "icmp.type == 11 && icmp.code == 0",
  },
  icmpv4_parameter_problem: { what: "A bad option", filter: "icmp.type == 12" },
  icmpv4_redirect: { what: "A better next hop", filter: "icmp.type == 5" },
  icmpv4_timestamp_reply: { what: "A timestamp reply", filter: "icmp.type == 14" },
  udp_ipv4: { what: "A datagram over IPv4", filter: "ip && udp.dstport == 7001 && !icmp" },
  udp_ipv4_no_checksum: {
    what: "A datagram without checksum",
    filter: "ip && udp.dstport == 7002 && !icmp",
  },
  udp_ipv6: { what: "A datagram over IPv6", filter: "ipv6 && udp.dstport == 7001 && !icmpv6" },
  ipv6_destination_options: {
    what: "A datagram behind destination options",
    filter: "ipv6.dstopts && udp.dstport == 7003 && !icmpv6",
  },
  ipv6_hop_by_hop: {
    what: "A datagram behind hop-by-hop options",
    filter: "ipv6.hopopts && udp.dstport == 7004 && !icmpv6",
  },
  ipv6_routing: {
    what: "A datagram behind a segment routing header",
    filter: "ipv6.routing && udp.dstport == 7005 && !icmpv6",
  },
  ipv6_fragment_first: {
    what: "A first fragment",
    filter: "ipv6.fraghdr.offset == 0 && ipv6.fraghdr.more == 1",
  },
  ipv6_fragment_last: {
    what: "A last fragment",
    filter: "ipv6.fraghdr.offset > 0 && ipv6.fraghdr.more == 0",
  },
  icmpv6_echo_request: {
    what: "An echo request of ping",
    filter: "icmpv6.type == 128 && !ipv6.fraghdr",
  },
  icmpv6_echo_reply: { what: "An echo reply", filter: "icmpv6.type == 129 && !ipv6.fraghdr" },
  icmpv6_port_unreachable: {
    what: "A closed UDP port",
    filter: "icmpv6.type == 1 && icmpv6.code == 4",
  },
  icmpv6_no_route: { what: "No route", filter: "icmpv6.type == 1 && !(icmpv6.code > 0)" },
  icmpv6_address_unreachable: {
    what: "No such host",
    filter: "icmpv6.type == 1 && icmpv6.code == 3",
  },
  icmpv6_prohibited: {
    what: "A packet that a filter rejects",
    filter: "icmpv6.type == 1 && icmpv6.code == 1",
  },
  icmpv6_packet_too_big: { what: "A packet too big for the next hop", filter: "icmpv6.type == 2" },
  icmpv6_time_exceeded: { what: "A hop limit of 1", filter: "icmpv6.type == 3" },
  icmpv6_parameter_problem: { what: "No such protocol", filter: "icmpv6.type == 4" },
  ndp_detection: {
    what: "A solicitation that detects duplicates",
    filter: "icmpv6.type == 135 && ipv6.src == ::",
  },
  ndp_neighbor_solicitation: {
    what: "A neighbour solicitation",
    filter: "icmpv6.type == 135 && icmpv6.nd.ns.target_address == fd00:1::1 && ipv6.src != ::",
  },
  ndp_neighbor_advertisement: {
    what: "A neighbour advertisement",
    filter:
      "icmpv6.type == 136 && icmpv6.nd.na.flag.s == 1 && icmpv6.nd.na.target_address == fd00:1::1",
  },
  ndp_unsolicited_advertisement: {
    what: "An advertisement of ndisc_notify",
    filter: "icmpv6.type == 136 && icmpv6.nd.na.flag.s == 0",
  },
  ndp_router_solicitation: { what: "A router solicitation", filter: "icmpv6.type == 133" },
  ndp_router_advertisement: {
    what: "A router advertisement of radvd",
    filter: "icmpv6.type == 134",
  },
  ndp_redirect: { what: "A better next hop", filter: "icmpv6.type == 137" },
  mldv2_query: {
    what: "A query of a bridge",
    filter: "icmpv6.type == 130 && icmpv6.mld.nb_sources",
  },
  mldv2_report: {
    what: "A report of joins, with sources",
    filter: "icmpv6.type == 143 && icmpv6.mldr.mar.source_address",
  },
  mldv1_query: {
    what: "A query of a bridge",
    filter: "icmpv6.type == 130 && !icmpv6.mld.nb_sources",
  },
  mldv1_report: { what: "A report of version 1", filter: "icmpv6.type == 131" },
  mldv1_done: { what: "A done of version 1", filter: "icmpv6.type == 132" },
  igmpv3_query: { what: "A query of a bridge", filter: "igmp.type == 0x11 && igmp.version == 3" },
  igmpv3_report: {
    what: "A report of joins, with sources",
    filter: "igmp.type == 0x22 && igmp.num_src > 0",
  },
  igmpv2_query: { what: "A query of a bridge", filter: "igmp.type == 0x11 && igmp.version == 2" },
  igmpv2_report: { what: "A report of version 2", filter: "igmp.type == 0x16" },
  igmpv2_leave: { what: "A leave of version 2", filter: "igmp.type == 0x17" },
  igmpv1_report: { what: "A report of version 1", filter: "igmp.type == 0x12" },
  tcp_syn: { what: "A SYN", filter: "ip && tcp.srcport == 5001 && tcp.flags == 0x002" },
  tcp_syn_ack: { what: "Its answer", filter: "ip && tcp.dstport == 5001 && tcp.flags == 0x012" },
  tcp_ack: {
    what: "The third of the handshake",
    filter: "ip && tcp.srcport == 5001 && tcp.flags == 0x010",
  },
  tcp_data: { what: "Data", filter: "ip && tcp.srcport == 5001 && tcp.flags == 0x018" },
  tcp_fin: { what: "An end", filter: "ip && tcp.srcport == 5001 && tcp.flags.fin == 1" },
  tcp_urgent: { what: "Urgent data", filter: "tcp.flags.urg == 1" },
  tcp_reset: { what: "A closed port", filter: "ip && tcp.flags.reset == 1 && tcp.dstport == 5002" },
  tcp_syn_plain: {
    what: "A SYN without timestamps",
    filter: "tcp.srcport == 5003 && tcp.flags == 0x002",
  },
  tcp_syn_ecn: {
    what: "A SYN that asks for ECN",
    filter: "tcp.srcport == 5004 && tcp.flags.syn == 1",
  },
  tcp_sack: {
    what: "An acknowledgment with SACK",
    filter: "tcp.dstport == 5005 && tcp.options.sack_le",
  },
  tcp_cookie_request: {
    what: "A SYN that asks for a cookie",
    filter: "tcp.srcport == 5006 && tcp.flags.syn == 1",
  },
  tcp_cookie: {
    what: "An answer with a cookie",
    filter: "tcp.dstport == 5006 && tcp.flags.syn == 1",
  },
  tcp_fast_open: {
    what: "A SYN with cookie and data",
    filter: "tcp.srcport == 5007 && tcp.flags.syn == 1",
  },
  tcp_mptcp: { what: "A SYN of MPTCP", filter: "tcp.srcport == 5008 && tcp.flags == 0x002" },
  tcp_syn_ipv6: {
    what: "A SYN over IPv6",
    filter: "ipv6 && tcp.srcport == 5009 && tcp.flags == 0x002",
  },
  tcp_data_ipv6: {
    what: "Data over IPv6",
    filter: "ipv6 && tcp.srcport == 5009 && tcp.flags == 0x018",
  },
};
