/**
 * Tables with a fixed number of entries.
 *
 * @module
 */

export { IPV4_FLOW_WORDS, IPV6_FLOW_WORDS, setIpv4Flow, setIpv6Flow } from "./flow_key.ts";
export {
  KeyTable,
  type KeyTableOptions,
  type KeyTableStatistics,
  MAXIMUM_ENTRIES,
  MAXIMUM_VALUE,
} from "./key_table.ts";
export { MAXIMUM_ROUTES, PrefixTable, type PrefixTableOptions } from "./prefix_table.ts";
export type { AddressWords } from "./prefix_trie.ts";
