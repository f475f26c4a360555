/**
 * What a packet costs on its way through `stack/wire/`, in shared memory as the stack has it. Each
 * measured call handles {@linkcode PACKETS} packets, so divide by that.
 *
 * A packet is looked at as a stack does it: the check of each layer, then the fields that decide
 * what becomes of it, which go into a table. Checksums are a group of their own.
 *
 * @module
 */

import { PlainChecksummer, pseudoIpv4, pseudoIpv6At } from "../stack/wire/checksum.ts";
import * as ethernet from "../stack/wire/ethernet.ts";
import * as ipv4 from "../stack/wire/ipv4.ts";
import * as ipv6 from "../stack/wire/ipv6.ts";
import * as chain from "../stack/wire/ipv6_chain.ts";
import { EtherType, Protocol } from "../stack/wire/numbers.ts";
import { PacketBytes } from "../stack/wire/packet_bytes.ts";
import * as tcp from "../stack/wire/tcp.ts";
import * as tcpOptions from "../stack/wire/tcp_options.ts";
import { OptionBit, TcpOptions } from "../stack/wire/tcp_options.ts";
import { write } from "../stack/wire/tcp_options_write.ts";
import * as udp from "../stack/wire/udp.ts";
import { printMachine } from "./support.ts";

printMachine();

/** How many packets a measured call handles. */
const PACKETS = 1000;
/**
 * A packet begins this far behind the one before it: some more than a power of two, else all
 * headers would fall into the same lines of the cache.
 */
const SLOT_BYTES = 2048 + 64;
/** So few that their headers stay in the cache: what is measured is the code. */
const SLOTS = 16;
const MEMORY_PAGES = 2;
/** The first byte of a frame in its slot: behind it headers lie at whole words. */
const FRAME_AT = 2;
const PAYLOAD = 100;
const [FROM, TO] = [0x0a000001, 0x0a000002];

/** Two of them, so that the code cannot be compiled for the addresses of one. */
const memories = [0, 1].map(() => {
  const memory = new WebAssembly.Memory({
    initial: MEMORY_PAGES,
    maximum: MEMORY_PAGES,
    shared: true,
  });
  return new PacketBytes(memory.buffer);
});
const [tcpPackets, udpPackets] = memories;
const options = new TcpOptions();
const found = new chain.Ipv6Chain();
/** What is read goes here, as it would go into a table. */
const sink = new Int32Array(16);

function frameAt(packet: number): number {
  return (packet & SLOTS - 1) * SLOT_BYTES + FRAME_AT;
}

function writeTcp(packets: PacketBytes, at: number, sequence: number): number {
  const ip = at + ethernet.put(packets, at, 2, sequence, 2, 1, EtherType.IPV4);
  const tcpAt = ip + ipv4.put(packets, ip, 0, 52 + PAYLOAD, 1, false, 64, 6, FROM, TO);
  options.present = OptionBit.TIMESTAMPS;
  options.timestampValue = sequence;
  const header = tcp.HEADER_BYTES + write(packets, tcpAt, options);
  tcp.put(packets, tcpAt, 80, 4000, sequence, 1, header, tcp.Flag.ACK, 65535, 0);
  return tcpAt;
}

function writeUdp(packets: PacketBytes, at: number, port: number): number {
  const ip = at + ethernet.put(packets, at, 2, port, 2, 1, EtherType.IPV6);
  const length = udp.HEADER_BYTES + PAYLOAD;
  const udpAt = ip + ipv6.put(packets, ip, 0, 0, length, Protocol.UDP, 64);
  const from = ipv6.sourceAt(ip);
  for (let word = 0; word < 32; word += 4) packets.view.setInt32(from + word, port);
  udp.put(packets, udpAt, 53, port & 0xffff | 1, length);
  return udpAt;
}

/** The checks and the fields of a segment. @returns whether it is good */
function readTcp(packets: PacketBytes, at: number, length: number): boolean {
  if (ethernet.check(packets, at, length) !== 0) return false;
  if (ethernet.type(packets, at) !== EtherType.IPV4) return false;
  const ip = at + ethernet.HEADER_BYTES;
  if (ipv4.check(packets, ip, length - ethernet.HEADER_BYTES) !== 0) return false;
  if (ipv4.protocol(packets, ip) !== Protocol.TCP) return false;
  const tcpAt = ip + ipv4.headerBytes(packets, ip);
  const segment = ipv4.totalLength(packets, ip) - (tcpAt - ip);
  if (tcp.check(packets, tcpAt, segment) !== 0) return false;
  const header = tcp.headerBytes(packets, tcpAt);
  tcpOptions.scan(packets, tcpAt, header, options);
  sink[0] = ipv4.source(packets, ip);
  sink[1] = ipv4.destination(packets, ip);
  sink[2] = tcp.ports(packets, tcpAt);
  sink[3] = tcp.sequence(packets, tcpAt);
  sink[4] = tcp.acknowledgment(packets, tcpAt);
  sink[5] = tcp.flags(packets, tcpAt);
  sink[6] = tcp.window(packets, tcpAt);
  sink[7] = segment - header;
  return true;
}

/** The checks and the fields of a datagram. @returns whether it is good */
function readUdp(packets: PacketBytes, at: number, length: number): boolean {
  if (ethernet.check(packets, at, length) !== 0) return false;
  if (ethernet.type(packets, at) !== EtherType.IPV6) return false;
  const ip = at + ethernet.HEADER_BYTES;
  if (ipv6.check(packets, ip, length - ethernet.HEADER_BYTES) !== 0) return false;
  if (chain.walk(packets, ip, found) !== 0) return false;
  if (found.protocol !== Protocol.UDP) return false;
  if (udp.check(packets, found.payloadAt, found.payloadBytes) !== 0) return false;
  for (let word = 0; word < 4; word++) {
    sink[word] = ipv6.sourceWord(packets, ip, word);
    sink[4 + word] = ipv6.destinationWord(packets, ip, word);
  }
  sink[8] = udp.sourcePort(packets, found.payloadAt);
  sink[9] = udp.destinationPort(packets, found.payloadAt);
  sink[10] = udp.datagramLength(packets, found.payloadAt);
  return true;
}

for (let packet = 0; packet < SLOTS; packet++) {
  writeTcp(tcpPackets, frameAt(packet), packet);
  writeUdp(udpPackets, frameAt(packet), packet);
}

const TCP_BYTES = 14 + 52 + PAYLOAD;
const UDP_BYTES = 14 + 48 + PAYLOAD;

Deno.bench(`${PACKETS} × TCP over IPv4 with timestamps, check and read`, { group: "read" }, () => {
  let good = 0;
  for (let i = 0; i < PACKETS; i++) if (readTcp(tcpPackets, frameAt(i), TCP_BYTES)) good++;
  if (good !== PACKETS) throw new Error(`${good} packets are good`);
});

Deno.bench(`${PACKETS} × UDP over IPv6, check and read`, { group: "read" }, () => {
  let good = 0;
  for (let i = 0; i < PACKETS; i++) if (readUdp(udpPackets, frameAt(i), UDP_BYTES)) good++;
  if (good !== PACKETS) throw new Error(`${good} packets are good`);
});

Deno.bench(`${PACKETS} × checksum of an IPv4 header`, { group: "read" }, () => {
  let good = 0;
  for (let i = 0; i < PACKETS; i++) if (ipv4.verify(tcpPackets, frameAt(i) + 14) === 0) good++;
  if (good !== PACKETS) throw new Error(`${good} packets are good`);
});

Deno.bench(`${PACKETS} × TCP over IPv4, parse() to objects`, { group: "read" }, () => {
  for (let i = 0; i < PACKETS; i++) {
    ipv4.parse(tcpPackets, frameAt(i) + 14);
    tcp.parse(tcpPackets, frameAt(i) + 34);
  }
});

Deno.bench(`${PACKETS} × TCP over IPv4 with timestamps`, { group: "write" }, () => {
  for (let i = 0; i < PACKETS; i++) writeTcp(tcpPackets, frameAt(i), i);
});

Deno.bench(`${PACKETS} × UDP over IPv6`, { group: "write" }, () => {
  for (let i = 0; i < PACKETS; i++) writeUdp(udpPackets, frameAt(i), i);
});

const tcpMeanings = [0, 1, 2, 3].map((sequence) => ({
  ip: { ...ipv4.parse(tcpPackets, frameAt(0) + 14), identification: sequence },
  tcp: { ...tcp.parse(tcpPackets, frameAt(0) + 34), sequence },
}));

Deno.bench(`${PACKETS} × TCP over IPv4, emit() of objects`, { group: "write" }, () => {
  for (let i = 0; i < PACKETS; i++) {
    const { ip, tcp: segment } = tcpMeanings[i & 3];
    ipv4.emit(tcpPackets, frameAt(i) + 14, ip);
    tcp.emit(tcpPackets, frameAt(i) + 34, segment);
  }
});

const summer = new PlainChecksummer(udpPackets);

for (const bytes of [64, 1500, 65536]) {
  const count = bytes > 2000 ? 10 : PACKETS;
  Deno.bench(`${count} × checksum of ${bytes} B`, { group: "checksum" }, () => {
    for (let i = 0; i < count; i++) sink[11] ^= summer.sum((i & 255) * 64, bytes);
  });
  Deno.bench(`${count} × checksum of ${bytes} B at an odd offset`, { group: "checksum" }, () => {
    for (let i = 0; i < count; i++) sink[11] ^= summer.sum((i & 255) * 64 + 1, bytes);
  });
}

Deno.bench(`${PACKETS} × pseudo header of IPv4`, { group: "checksum" }, () => {
  for (let i = 0; i < PACKETS; i++) sink[12] ^= pseudoIpv4(FROM, i, Protocol.TCP, PAYLOAD);
});

Deno.bench(`${PACKETS} × pseudo header of IPv6 in memory`, { group: "checksum" }, () => {
  for (let i = 0; i < PACKETS; i++) {
    sink[12] ^= pseudoIpv6At(udpPackets, frameAt(i) + 14, Protocol.UDP, PAYLOAD);
  }
});
