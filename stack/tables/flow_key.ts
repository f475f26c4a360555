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
const PORT_BITS = 16;
const PROTOCOL_BITS = 8;

/**
 * Writes the key of an IPv4 flow. Its address and port, or all of it, may be 0: a listening socket.
 *
 * @param key {@linkcode IPV4_FLOW_WORDS} words.
 * @param local The local address.
 * @param localPort The local port.
 * @param remote The remote address.
 * @param remotePort The remote port.
 * @param protocol The protocol's number.
 * @param scope The interface that the addresses belong to, or 0: up to 24 bits.
 */
export function setIpv4Flow(
  key: Int32Array,
  local: number,
  localPort: number,
  remote: number,
  remotePort: number,
  protocol: number,
  scope: number,
): void {
  key[0] = local;
  key[1] = remote;
  key[2] = (localPort << PORT_BITS) | remotePort;
  key[3] = (scope << PROTOCOL_BITS) | protocol;
}

/**
 * Writes the key of an IPv6 flow; see {@linkcode setIpv4Flow}. Link-local addresses mean something
 * on their own interface only, which is the scope (RFC 4007).
 *
 * @param key {@linkcode IPV6_FLOW_WORDS} words.
 * @param local The local address, four words.
 * @param localPort The local port.
 * @param remote The remote address, four words.
 * @param remotePort The remote port.
 * @param protocol The protocol's number.
 * @param scope The interface that the addresses belong to, or 0: up to 24 bits.
 */
export function setIpv6Flow(
  key: Int32Array,
  local: Int32Array,
  localPort: number,
  remote: Int32Array,
  remotePort: number,
  protocol: number,
  scope: number,
): void {
  for (let word = 0; word < ADDRESS_WORDS; word++) {
    key[word] = local[word];
    key[ADDRESS_WORDS + word] = remote[word];
  }
  key[8] = (localPort << PORT_BITS) | remotePort;
  key[9] = (scope << PROTOCOL_BITS) | protocol;
}
