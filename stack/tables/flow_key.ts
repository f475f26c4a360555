/**
 * The keys by which a stack knows its flows: local and remote address and port, and the protocol.
 *
 * @module
 */

/** Words of an IPv4 flow's key: two addresses, the ports, and protocol and interface. */
export const IPV4_FLOW_WORDS = 4;
/** Words of an IPv6 flow's key. */
export const IPV6_FLOW_WORDS = 10;

/** Words of an IPv6 address. */
const ADDRESS_WORDS = 4;
const PROTOCOL_BITS = 8;

/**
 * Writes the key of an IPv4 flow. Its address and port, or all of it, may be 0: a listening socket.
 *
 * @param key {@linkcode IPV4_FLOW_WORDS} words.
 * @param local The local address.
 * @param remote The remote address.
 * @param ports The ports, the local one in the upper half.
 * @param protocol The protocol's number.
 * @param scope The interface that the addresses belong to, or 0: up to 24 bits.
 */
export function setIpv4Flow(
  key: Int32Array,
  local: number,
  remote: number,
  ports: number,
  protocol: number,
  scope: number,
): void {
  key[0] = local;
  key[1] = remote;
  key[2] = ports;
  key[3] = (scope << PROTOCOL_BITS) | protocol;
}

/**
 * Writes the key of an IPv6 flow; see {@linkcode setIpv4Flow}. Link-local addresses mean something
 * on their own interface only, which is the scope (RFC 4007).
 *
 * @param key {@linkcode IPV6_FLOW_WORDS} words.
 * @param local The local address, four words.
 * @param remote The remote address, four words.
 * @param ports The ports, the local one in the upper half.
 * @param protocol The protocol's number.
 * @param scope The interface that the addresses belong to, or 0: up to 24 bits.
 */
export function setIpv6Flow(
  key: Int32Array,
  local: readonly number[],
  remote: readonly number[],
  ports: number,
  protocol: number,
  scope: number,
): void {
  for (let word = 0; word < ADDRESS_WORDS; word++) {
    key[word] = local[word];
    key[ADDRESS_WORDS + word] = remote[word];
  }
  key[8] = ports;
  key[9] = (scope << PROTOCOL_BITS) | protocol;
}
