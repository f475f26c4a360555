/**
 * What datagrams, segmentation, coalescing and steering cost in the stack, without any link.
 * `deno bench -A bench/stack_datagram_bench.ts`
 *
 * @module
 */

import { printMachine } from "./support.ts";
import { DatagramContext, DEFAULT_DATAGRAM_OPTIONS } from "../stack/datagram/context.ts";
import type { Environment } from "../stack/environment.ts";
import type { Interface, IpInput } from "../stack/iface/types.ts";
import type { Flow, IpAddress, IpOutput, IpParameters, Path } from "../stack/ip/types.ts";
import { PacketArena, sizeClasses } from "../stack/memory/mod.ts";
import { OffloadCounter, ReceiveCoalescer, SoftwareOffload } from "../stack/offload/mod.ts";
import { PacketFlag, PacketTable, Segmentation } from "../stack/packet_table.ts";
import { SeededRandom } from "../stack/random.ts";
import { type DatagramParameters, unknownDatagram } from "../stack/socket.ts";
import { StackTimers } from "../stack/stack_timers.ts";
import { Statistics } from "../stack/statistics.ts";
import { FlowDirector, ToeplitzHash, VERIFICATION_KEY } from "../stack/steering/mod.ts";
import { Udp, UdpCounter, type UdpSocket } from "../stack/udp/mod.ts";
import { ipv4Of } from "../stack/wire/mod.ts";
import * as ipv4 from "../stack/wire/ipv4.ts";
import * as tcp from "../stack/wire/tcp.ts";
import * as udp from "../stack/wire/udp.ts";
import { pseudoIpv4 } from "../stack/wire/checksum.ts";

printMachine();

const ROUNDS = 1000;
const OWN = ipv4Of("10.0.0.1");
const OTHER = ipv4Of("10.0.0.2");
const MSS = 1448;
const BATCH = 40;

const arena = new PacketArena({ classes: sizeClasses({ small: 4096, medium: 2048, large: 64 }) });
const environment: Environment & { now: number } = {
  arena,
  packets: new PacketTable(arena.capacity),
  timers: new StackTimers({ capacity: 64, resolution: 1, now: 0 }),
  random: new SeededRandom(1),
  now: 0,
};
const { packets } = environment;
const { memory } = arena;

/** Sends nowhere: what is left is what a socket costs. */
const output: IpOutput = {
  route(flow: Flow): number {
    const path: Path = {
      interface: 2,
      mtu: 1500,
      offloadBytes: 65535,
      isLocal: false,
      isValid: true,
    };
    flow.local = OWN;
    flow.path = path;
    return 0;
  },
  send(_flow: Flow, packet: number, _protocol: number, _parameters: IpParameters): number {
    arena.release(packet);
    return 0;
  },
};

const nobody = (): never => {
  throw new Error("nobody asks for that here");
};
const statistics = new Statistics({ udp: UdpCounter, offload: OffloadCounter });
const context = new DatagramContext({
  environment,
  output,
  interfaces: {
    size: 0,
    get: () => undefined,
    named: () => undefined,
    list: () => [],
    loopback: undefined,
  },
  addresses: {
    isLocal: () => true,
    stateOf: () => 2,
    interfaceOf: () => 2,
    isBroadcast: (address) => address === -1,
    selectSource: nobody,
    isOnLink: () => true,
  },
  groups: { isMember: () => false, hasGroup: () => false, newMember: nobody },
  options: { ...DEFAULT_DATAGRAM_OPTIONS, sendBufferBytes: 2 ** 30, receiveBufferBytes: 2 ** 30 },
});
const protocol = new Udp({
  context,
  icmp: { portUnreachable: nobody },
  counters: statistics.groups.udp,
});

function socketAt(port: number): UdpSocket {
  const socket = protocol.socket("ipv4");
  if (typeof socket === "number") throw new Error("no socket");
  socket.bind(0, port, 0);
  return socket;
}

const receiver = socketAt(53);
const sender = socketAt(4000);
const user = {
  at: memory.bytes.length - 65536,
  copyIn(packetAt: number, userAt: number, bytes: number): void {
    memory.checksummer.copy(packetAt, userAt, bytes);
  },
  copyOut(userAt: number, packetAt: number, bytes: number): void {
    memory.checksummer.copy(userAt, packetAt, bytes);
  },
};
const parameters: DatagramParameters = {
  address: OTHER,
  port: 53,
  scope: 0,
  source: null,
  timeToLive: 0,
  typeOfService: -1,
  segmentBytes: 0,
};
const info = unknownDatagram();

function sendMany(bytes: number, segmentBytes: number, count: number): void {
  environment.now++;
  parameters.segmentBytes = segmentBytes;
  const ranges = Int32Array.of(user.at, bytes);
  for (let round = 0; round < count; round++) {
    if (sender.send(user, ranges, 1, parameters, 0) !== bytes) throw new Error("not sent");
  }
}

/** A datagram as it comes from a link. */
function datagram(bytes: number, flags: number): number {
  const total = ipv4.HEADER_BYTES + udp.HEADER_BYTES + bytes;
  const packet = arena.take(total);
  const at = arena.start(packet);
  const transport = at + ipv4.HEADER_BYTES;
  ipv4.put(memory, at, 0, total, 1, true, 64, 17, OTHER, OWN);
  udp.put(memory, transport, 4000, 53, total - ipv4.HEADER_BYTES);
  if ((flags & PacketFlag.CHECKSUM_GOOD) === 0) {
    const sum = pseudoIpv4(OTHER, OWN, 17, total - ipv4.HEADER_BYTES);
    udp.seal(memory.checksummer, memory, transport, sum);
  } else udp.putChecksum(memory, transport, 1);
  packets.clear(packet);
  packets.flags[packet] = flags;
  packets.interface[packet] = 2;
  packets.network[packet] = at;
  packets.transport[packet] = transport;
  return packet;
}

function receiveMany(bytes: number, flags: number): void {
  const ranges = Int32Array.of(user.at, 2048);
  for (let round = 0; round < ROUNDS; round++) {
    protocol.receive(datagram(bytes, flags), OTHER, OWN);
    if (receiver.receive(user, ranges, 1, info, 0) !== bytes) throw new Error("not received");
  }
}

const offload = new SoftwareOffload(environment, statistics.groups.offload);
const releasing = { takeSegment: (packet: number) => arena.release(packet) };

/** A long packet of TCP, its payload in one piece. */
function longPacket(bytes: number): number {
  const headers = ipv4.HEADER_BYTES + tcp.HEADER_BYTES;
  const packet = arena.take(headers + bytes);
  const at = arena.start(packet);
  ipv4.put(memory, at, 0, headers + bytes, 1, false, 64, 6, OTHER, OWN);
  tcp.put(memory, at + ipv4.HEADER_BYTES, 1, 2, 3, 4, tcp.HEADER_BYTES, tcp.Flag.ACK, 500, 0);
  packets.clear(packet);
  packets.flags[packet] = PacketFlag.CHECKSUM_PARTIAL;
  packets.segmentation[packet] = Segmentation.TCP_IPV4;
  packets.segmentBytes[packet] = MSS;
  packets.network[packet] = at;
  packets.transport[packet] = at + ipv4.HEADER_BYTES;
  return packet;
}

const sealing = {
  takeSegment(packet: number): void {
    offload.completeChecksum(packet);
    arena.release(packet);
  },
};

const link = { index: 2, name: "eth0" } as unknown as Interface;
const swallow: IpInput = {
  receiveIpv4: (packet: number) => arena.release(packet),
  receiveIpv6: (packet: number) => arena.release(packet),
};
const coalescer = new ReceiveCoalescer(environment, statistics.groups.offload, swallow);

function segmentOf(sequence: number, flags: number): number {
  const headers = ipv4.HEADER_BYTES + tcp.HEADER_BYTES;
  const packet = arena.take(headers + MSS);
  const at = arena.start(packet);
  ipv4.put(memory, at, 0, headers + MSS, 0, false, 64, 6, OTHER, OWN);
  const transport = at + ipv4.HEADER_BYTES;
  tcp.put(memory, transport, 1, 2, sequence, 4, tcp.HEADER_BYTES, tcp.Flag.ACK, 500, 0);
  packets.clear(packet);
  packets.flags[packet] = flags;
  if (flags === 0) {
    const sum = pseudoIpv4(OTHER, OWN, 6, tcp.HEADER_BYTES + MSS);
    tcp.seal(memory.checksummer, memory, transport, tcp.HEADER_BYTES + MSS, sum);
  }
  return packet;
}

function batch(flags: number): void {
  for (let count = 0; count < BATCH; count++) {
    coalescer.receiveIpv4(segmentOf(count * MSS, flags), link);
  }
  coalescer.flush();
}

Deno.bench(`UDP send, 64 bytes, ${ROUNDS} datagrams`, () => sendMany(64, 0, ROUNDS));
Deno.bench(`UDP send, 1400 bytes, ${ROUNDS} datagrams`, () => sendMany(1400, 0, ROUNDS));
Deno.bench(`UDP send, UDP_SEGMENT, ${ROUNDS} datagrams of 1400 bytes in 25 calls`, () => {
  sendMany(40 * 1400, 1400, 25);
});
Deno.bench(`UDP receive, 64 bytes, ${ROUNDS} datagrams, building them included`, () => {
  receiveMany(64, PacketFlag.CHECKSUM_GOOD);
});
Deno.bench(`UDP receive, 1400 bytes, ${ROUNDS} datagrams, building them included`, () => {
  receiveMany(1400, PacketFlag.CHECKSUM_GOOD);
});
Deno.bench(
  `UDP receive, 1400 bytes, ${ROUNDS} datagrams, with checksums to make and verify`,
  () => {
    receiveMany(1400, 0);
  },
);
Deno.bench(`building ${ROUNDS} datagrams of 64 bytes`, () => {
  for (let round = 0; round < ROUNDS; round++) {
    arena.release(datagram(64, PacketFlag.CHECKSUM_GOOD));
  }
});
Deno.bench(`segmentation of ${BATCH * MSS} bytes into ${BATCH}`, () => {
  offload.segment(longPacket(BATCH * MSS), releasing);
});
Deno.bench(`segmentation of ${BATCH * MSS} bytes into ${BATCH}, with checksums`, () => {
  offload.segment(longPacket(BATCH * MSS), sealing);
});
Deno.bench(`coalescing ${BATCH} segments, sums known, building them included`, () => {
  batch(PacketFlag.CHECKSUM_GOOD);
});
Deno.bench(`coalescing ${BATCH} segments, with sums to make and verify`, () => batch(0));
Deno.bench(`building ${BATCH} segments, sums known`, () => {
  for (let count = 0; count < BATCH; count++) {
    arena.release(segmentOf(count, PacketFlag.CHECKSUM_GOOD));
  }
});

const toeplitz = new ToeplitzHash(VERIFICATION_KEY);
const director = new FlowDirector({ shards: 8, hash: toeplitz });
const words = Int32Array.of(OTHER, OWN, 4000 << 16 | 53, 1, 2, 3, 4, 5, 6);
const steered = segmentOf(1, PacketFlag.CHECKSUM_GOOD);
const source: IpAddress = OTHER;

Deno.bench(`Toeplitz hash of IPv4 and ports, ${ROUNDS}`, () => {
  let sum = 0;
  for (let round = 0; round < ROUNDS; round++) {
    words[2] = round;
    sum ^= toeplitz.hash(words, 3);
  }
  if (sum === source) throw new Error("what is not used is not computed");
});
Deno.bench(`Toeplitz hash of IPv6 and ports, ${ROUNDS}`, () => {
  let sum = 0;
  for (let round = 0; round < ROUNDS; round++) {
    words[8] = round;
    sum ^= toeplitz.hash(words, 9);
  }
  if (sum === source) throw new Error("what is not used is not computed");
});
Deno.bench(`steering of packets of IPv4, ${ROUNDS}`, () => {
  let sum = 0;
  for (let round = 0; round < ROUNDS; round++) {
    sum += director.directPacket(memory, arena.start(steered), arena.length(steered));
  }
  if (sum < 0) throw new Error("a packet without a shard");
});
