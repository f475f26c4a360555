/**
 * What tests look at in captured packets: `pcap` files of Ethernet frames with TCP or UDP in them.
 * Sources: the `pcap` format (pcap-savefile(5)), RFC 791, RFC 8200, RFC 9293.
 *
 * @module
 */

/** One TCP segment or UDP datagram. */
export interface Packet {
  /** When it was captured, in microseconds since the epoch. */
  readonly atMicroseconds: number;
  readonly version: 4 | 6;
  /** TTL or hop limit. */
  readonly hops: number;
  /** The byte of DSCP and ECN. */
  readonly trafficClass: number;
  /** The DF bit; IPv6 has none. */
  readonly isWhole: boolean;
  readonly protocol: "tcp" | "udp";
  readonly fromPort: number;
  readonly toPort: number;
  /** Sequence number of a segment, 0 for a datagram. */
  readonly sequence: number;
  /** Letters of the flags that are set: S, A, F, R, P. */
  readonly flags: string;
  /** Options by kind; empty for a datagram. */
  readonly options: ReadonlyMap<number, Uint8Array>;
  /** Bytes after the header. */
  readonly length: number;
}

/** Kinds of TCP options. */
export const TcpOption = { MAX_SEGMENT: 2, WINDOW_SCALE: 3, FAST_OPEN: 34 } as const;

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const LINK_ETHERNET = 1;
const ETHERNET_BYTES = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const IPV6_BYTES = 40;
const UDP_BYTES = 8;
const FLAGS = "FSRPA";

/** Takes a `pcap` file in pieces as they come. */
export class PcapReader {
  #rest = new Uint8Array();
  #isBegun = false;

  /** @returns the packets that are whole by now and are TCP or UDP */
  take(bytes: Uint8Array): Packet[] {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const view = new DataView(all.buffer);
    let at = 0;
    if (!this.#isBegun && all.length >= FILE_HEADER_BYTES) {
      const [magic, link] = [view.getUint32(0, true), view.getUint32(20, true)];
      if (magic !== MAGIC_MICROSECONDS || link !== LINK_ETHERNET) {
        throw new Error(`a capture begins with ${magic.toString(16)}, link type ${link}`);
      }
      this.#isBegun = true;
      at = FILE_HEADER_BYTES;
    }
    const packets: Packet[] = [];
    while (this.#isBegun && at + RECORD_HEADER_BYTES <= all.length) {
      const length = view.getUint32(at + 8, true);
      const from = at + RECORD_HEADER_BYTES;
      if (from + length > all.length) break;
      const time = view.getUint32(at, true) * 1e6 + view.getUint32(at + 4, true);
      const packet = readFrame(all.subarray(from, from + length), time);
      if (packet !== null) packets.push(packet);
      at = from + length;
    }
    this.#rest = all.slice(at);
    return packets;
  }
}

function readFrame(frame: Uint8Array, time: number): Packet | null {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const type = view.getUint16(12);
  const packet = frame.subarray(ETHERNET_BYTES);
  if (type === ETHERTYPE_IPV4) return readIpv4(packet, time);
  if (type === ETHERTYPE_IPV6) return readIpv6(packet, time);
  return null;
}

function readIpv4(packet: Uint8Array, atMicroseconds: number): Packet | null {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const headerBytes = (packet[0] & 0xf) * 4;
  const payload = packet.subarray(headerBytes, view.getUint16(2));
  return readTransport(packet[9], payload, {
    atMicroseconds,
    version: 4,
    hops: packet[8],
    trafficClass: packet[1],
    isWhole: (view.getUint16(6) & 0x4000) !== 0,
  });
}

function readIpv6(packet: Uint8Array, atMicroseconds: number): Packet | null {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const payload = packet.subarray(IPV6_BYTES, IPV6_BYTES + view.getUint16(4));
  return readTransport(packet[6], payload, {
    atMicroseconds,
    version: 6,
    hops: packet[7],
    trafficClass: view.getUint16(0) >> 4 & 0xff,
    isWhole: false,
  });
}

type Network = Pick<
  Packet,
  "atMicroseconds" | "version" | "hops" | "trafficClass" | "isWhole"
>;

function readTransport(protocol: number, payload: Uint8Array, network: Network): Packet | null {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (protocol !== PROTOCOL_TCP && protocol !== PROTOCOL_UDP) return null;
  const ports = { fromPort: view.getUint16(0), toPort: view.getUint16(2) };
  if (protocol === PROTOCOL_UDP) {
    const length = payload.length - UDP_BYTES;
    return {
      ...network,
      ...ports,
      protocol: "udp",
      sequence: 0,
      flags: "",
      options: new Map(),
      length,
    };
  }
  const headerBytes = (payload[12] >> 4) * 4;
  const flags = [...FLAGS].filter((_, bit) => (payload[13] & (1 << bit)) !== 0).join("");
  return {
    ...network,
    ...ports,
    protocol: "tcp",
    sequence: view.getUint32(4),
    flags,
    options: readOptions(payload.subarray(20, headerBytes)),
    length: payload.length - headerBytes,
  };
}

function readOptions(bytes: Uint8Array): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  for (let at = 0; at < bytes.length && bytes[at] !== 0;) {
    if (bytes[at] === 1) {
      at++;
      continue;
    }
    const length = Math.max(bytes[at + 1], 2);
    options.set(bytes[at], bytes.slice(at + 2, at + length));
    at += length;
  }
  return options;
}

/** Whether it opens a connection. */
export function isSyn({ flags }: Packet): boolean {
  return flags === "S";
}

/** Whether it answers a SYN. */
export function isSynAck({ flags }: Packet): boolean {
  return flags === "SA";
}

/** Recognises the data that leaves for a port. */
export function dataTo(port: number): (packet: Packet) => boolean {
  return ({ toPort, length, flags }) => toPort === port && length > 0 && !flags.includes("S");
}
