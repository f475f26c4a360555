import { assert, assertEquals } from "@std/assert";
import {
  ETH,
  FakeIp,
  FakeUser,
  int,
  OTHER,
  OTHER_6,
  OWN,
  OWN_6,
} from "../../tests/support/stack/fake_ip.ts";
import { build, packetOf } from "../../tests/support/stack/segments.ts";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { takenPackets, verifyArena } from "../memory/mod.ts";
import { PacketFlag, Segmentation } from "../packet_table.ts";
import { Statistics } from "../statistics.ts";
import { ipv4Of, ipv6Of } from "../wire/mod.ts";
import { UdpCounter } from "./counters.ts";
import { Udp } from "./udp.ts";
import type { UdpSocket } from "./udp_socket.ts";

function world() {
  const ip = new FakeIp();
  const statistics = new Statistics({ udp: UdpCounter });
  const protocol = new Udp({ context: ip.context, icmp: ip, counters: statistics.groups.udp });
  return { ip, protocol, user: new FakeUser(ip.environment), statistics };
}

/** A datagram with bytes that are wrong, perhaps in several pieces. */
function randomDatagram(random: Random, ip: FakeIp): number {
  const { arena, packets } = ip.environment;
  const isIpv6 = random.chance(0.5);
  const bytes = build({
    isIpv6,
    protocol: 17,
    sourcePort: random.integer(1, 3),
    destinationPort: random.integer(50, 55),
    payload: random.bytes(random.integer(0, 300)),
  });
  const header = isIpv6 ? 40 : 20;
  const isGroup = random.chance(0.2);
  if (isGroup) bytes[isIpv6 ? 24 : 16] = isIpv6 ? 0xff : 239;
  for (let flip = random.integer(0, 2); flip > 0; flip--) {
    bytes[random.integer(header, bytes.length - 1)] = random.integer(0, 255);
  }
  const whole = random.chance(0.1)
    ? bytes.subarray(0, random.integer(header, bytes.length))
    : bytes;
  const cut = random.chance(0.5) ? whole.length : random.integer(header, whole.length);
  const first = packetOf(ip.environment, whole.subarray(0, cut));
  if (cut < whole.length) arena.append(first, packetOf(ip.environment, whole.subarray(cut)));
  packets.interface[first] = ETH;
  packets.transport[first] = arena.start(first) + header;
  if (random.chance(0.5)) packets.flags[first] = PacketFlag.CHECKSUM_GOOD;
  if (random.chance(0.1)) {
    packets.segmentation[first] = Segmentation.UDP;
    packets.segmentBytes[first] = random.integer(1, 200);
  }
  return first;
}

function openSockets(protocol: Udp, random: Random): UdpSocket[] {
  return [50, 51, 52, 53].map((port, at) => {
    const socket = protocol.socket(at % 2 === 0 ? "ipv6" : "ipv4");
    assert(typeof socket !== "number");
    socket.setOption(SockOpt.SOL_SOCKET, SockOpt.SO_RCVBUF, int(20_000));
    socket.setOption(SockOpt.IPPROTO_UDP, SockOpt.UDP_GRO, int(random.integer(0, 1)));
    socket.bind(at % 2 === 0 ? ipv6Of("::") : 0, port, 0);
    return socket;
  });
}

Deno.test(
  "whatever arrives is delivered or counted, and nothing of it is kept in the end",
  withSeed((random) => {
    const { ip, protocol, user, statistics } = world();
    const { arena, packets } = ip.environment;
    const sockets = openSockets(protocol, random);
    let received = 0;
    for (let turn = 0; turn < scale(20_000, 1_000_000); turn++) {
      const packet = randomDatagram(random, ip);
      const isIpv6 = arena.memory.view.getUint8(arena.start(packet)) >> 4 === 6;
      const isGroup = arena.memory.view.getUint8(arena.start(packet) + (isIpv6 ? 24 : 16)) >= 0xe0;
      const group = isIpv6 ? ipv6Of("ff15::7") : ipv4Of("239.0.0.1");
      const own = isIpv6 ? OWN_6 : OWN;
      packets.network[packet] = arena.start(packet);
      protocol.receive(packet, isIpv6 ? OTHER_6 : OTHER, isGroup ? group : own);
      if (!random.chance(0.3)) continue;
      for (const socket of sockets) {
        for (;;) {
          const { available } = socket;
          const got = user.receive(socket);
          if (typeof got === "number") break;
          assertEquals(got.data.length, available);
          received++;
        }
      }
    }
    assert(received > 100);
    const counts = statistics.snapshot().udp;
    const sum = Object.values(counts).reduce((total, count) => total + count, 0);
    assert(sum - counts.COALESCED - counts.COPIED >= scale(20_000, 1_000_000));
    for (const socket of sockets) socket.close();
    assertEquals(takenPackets(arena), []);
    verifyArena(arena);
  }),
);

Deno.test(
  "no option, whatever its value, does more than be refused",
  withSeed((random) => {
    const { ip, protocol } = world();
    const levels = [0, 1, 6, 17, 41, 58, 255];
    for (let turn = 0; turn < scale(20_000, 500_000); turn++) {
      const socket = protocol.socket(random.chance(0.5) ? "ipv4" : "ipv6");
      assert(typeof socket !== "number");
      for (let count = 0; count < 5; count++) {
        const [level, name] = [random.pick(levels), random.integer(0, 110)];
        const value = random.chance(0.5)
          ? int(random.integer(0, 5))
          : random.bytes(random.integer(0, 270));
        const result = socket.setOption(level, name, value);
        assert(Number.isInteger(result) && result <= 0);
        const read = socket.getOption(level, name);
        assert(typeof read !== "number" || read < 0);
      }
      socket.close();
    }
    assertEquals(takenPackets(ip.environment.arena), []);
  }),
);
