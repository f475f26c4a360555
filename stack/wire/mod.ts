/**
 * The wire formats of TCP/IP over Ethernet: bytes, checked views and meanings.
 *
 * @module
 */

export * from "./addresses.ts";
export * as arp from "./arp.ts";
export * as checksum from "./checksum.ts";
export type { Checksummer } from "./checksum.ts";
export * as ethernet from "./ethernet.ts";
export { Fault, FAULT_COUNT, faultName } from "./fault.ts";
export { type GroupRecord, RecordType } from "./group_records.ts";
export * as icmpv4 from "./icmpv4.ts";
export * as icmpv6 from "./icmpv6.ts";
export * as igmp from "./igmp.ts";
export * as ipv4 from "./ipv4.ts";
export * as ipv4Options from "./ipv4_options.ts";
export * as ipv6 from "./ipv6.ts";
export * as ipv6Chain from "./ipv6_chain.ts";
export * as ipv6Extensions from "./ipv6_extensions.ts";
export { Cast, MacFilter, type MacFilterOptions } from "./mac_filter.ts";
export * as mld from "./mld.ts";
export * as ndp from "./ndp.ts";
export * as ndpOptions from "./ndp_options.ts";
export { EtherType, Protocol } from "./numbers.ts";
export { PacketBytes } from "./packet_bytes.ts";
export * as tcp from "./tcp.ts";
export * as tcpOptionList from "./tcp_option_list.ts";
export * as tcpOptions from "./tcp_options.ts";
export * as tcpOptionsWrite from "./tcp_options_write.ts";
export * as udp from "./udp.ts";
