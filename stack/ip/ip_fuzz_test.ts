import { assert, assertEquals } from "@std/assert";
import { SECOND } from "../environment.ts";
import { ipv6Of } from "../wire/addresses.ts";
import {
  ETH,
  FAR_6,
  IpHarness,
  OTHER_ETH,
  OTHER_PEER,
  pattern,
  PEER_LINK,
} from "../../tests/support/stack/ip.ts";
import {
  icmpv4Message,
  icmpv6Message,
  ipv4Fragment,
  ipv4Packet,
  ipv6Fragment,
  ipv6Packet,
  ourIpv4Packet,
  ourIpv6Packet,
} from "../../tests/support/stack/ip_packets.ts";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { PacketBytes } from "../wire/packet_bytes.ts";
import { REASSEMBLY } from "./reassembly.ts";

const DATA = pattern(200);
const LONG = pattern(2600);
const GROUP = ipv6Of("ff02::1:2");

/** Packets of every kind that IP treats in a way of its own. */
const SEEDS: readonly Uint8Array[] = [
  ipv4Packet(DATA),
  ipv6Packet(DATA),
  ipv4Packet(DATA, { protocol: 77 }),
  ipv6Packet(DATA, { protocol: 77 }),
  ipv4Packet(DATA, { options: [{ option: "record-route", pointer: 4, addresses: [1, 2] }] }),
  ipv4Packet(DATA, { options: [{ option: "router-alert", value: 0 }] }),
  ipv4Packet(DATA, { destination: OTHER_PEER }),
  ipv4Packet(DATA, { destination: OTHER_PEER, timeToLive: 1 }),
  ipv6Packet(DATA, { destination: FAR_6 }),
  ipv6Packet(DATA, { destination: GROUP }),
  ipv4Packet(icmpv4Message(8, 0, 1, DATA), { protocol: 1 }),
  ipv6Packet(icmpv6Message(128, 0, 1, DATA), { protocol: 58 }),
  ipv4Packet(icmpv4Message(3, 4, 1300, ourIpv4Packet(DATA)), { protocol: 1 }),
  ipv4Packet(icmpv4Message(5, 1, 7, ourIpv4Packet(DATA)), { protocol: 1 }),
  ipv4Packet(icmpv4Message(13, 0, 7, new Uint8Array(12)), { protocol: 1 }),
  ipv6Packet(icmpv6Message(2, 0, 1300, ourIpv6Packet(DATA)), { protocol: 58 }),
  ipv6Packet(icmpv6Message(1, 4, 0, ourIpv6Packet(DATA)), { protocol: 58 }),
  ipv6Packet(icmpv6Message(135, 0, 0, DATA), { protocol: 58, source: PEER_LINK }),
  ipv4Packet(icmpv4Message(0x11, 0, 0, new Uint8Array(0)), { protocol: 2 }),
  ipv6Packet(DATA, {
    extensions: [
      { header: "hop-by-hop", options: [{ type: 5, data: Uint8Array.of(0, 0) }] },
      { header: "destination", options: [{ type: 0x1e, data: pattern(9) }] },
      { header: "routing", type: 3, segmentsLeft: 0, data: new Uint8Array(4) },
    ],
  }),
  ...[[0, 800], [800, 1600], [1600, 2600], [792, 900]].flatMap(([offset, end]) => [
    ipv4Fragment(LONG, offset, end),
    ipv6Fragment(LONG, offset, end),
  ]),
];

/** Changes a packet in some places; the checksum of IPv4 is made good again, mostly. */
function mutate(seed: Uint8Array, random: Random): Uint8Array {
  let bytes = Uint8Array.from(seed);
  for (let count = random.integer(0, 4); count > 0; count--) {
    const isHeader = random.integer(0, 3) > 0;
    const at = random.integer(0, Math.min(isHeader ? 63 : Infinity, bytes.length - 1));
    bytes[at] = random.integer(0, 1) === 0 ? random.integer(0, 255) : bytes[at] ^ 1 << at % 8;
  }
  if (random.integer(0, 9) === 0) bytes = bytes.slice(0, random.integer(1, bytes.length));
  if (random.integer(0, 9) === 0) bytes = Uint8Array.from([...bytes, ...pattern(7)]);
  const header = (bytes[0] & 15) << 2;
  if (bytes[0] >> 4 === 4 && header >= 20 && bytes.length >= header && random.integer(0, 9) > 0) {
    const packets = PacketBytes.copyOf(bytes);
    ipv4.seal(packets, 0);
    bytes = packets.bytes as Uint8Array<ArrayBuffer>;
  }
  return bytes;
}

Deno.test(
  "no packet makes IP throw, lose memory, or keep more than it may",
  withSeed((random) => {
    const reassembly = { ...REASSEMBLY, packets: 8, fragments: 40, bytes: 20_000 };
    const harness = new IpHarness({ reassembly, destinations: 32 }, 3);
    harness.groups.push({ interface: ETH, group: GROUP });
    harness.link(OTHER_ETH).isForwarding = true;
    harness.ip.echoListener = {
      onEchoReply: (packet) => harness.environment.arena.release(packet),
      onError: () => {},
    };
    for (let round = 0; round < scale(20_000, 1_000_000); round++) {
      const bytes = mutate(SEEDS[random.integer(0, SEEDS.length - 1)], random);
      const segments = random.integer(0, 3) === 0
        ? [random.integer(1, 60), random.integer(1, 100), random.integer(1, 300)]
        : [];
      const on = random.integer(ETH, OTHER_ETH);
      harness.give(bytes, { on, segments, flags: random.integer(0, 7) === 0 ? 1 << 2 : 0 });
      harness.loop();
      harness.sent.length = 0;
      harness.messages.length = 0;
      harness.redirects.length = 0;
      harness.protocol.delivered.length = 0;
      harness.protocol.errors.length = 0;
      const { packets, fragments, bytes: kept } = harness.ip.reassembling;
      assert(packets <= 8 && fragments <= 40 && kept <= 20_000);
      if (round % 1000 === 0) harness.advance(random.integer(0, 40) * SECOND);
    }
    harness.advance(100 * SECOND);
    assertEquals(harness.ip.reassembling, { packets: 0, fragments: 0, bytes: 0 });
    harness.assertClean();
    // Honest packets get through as before.
    harness.give(ipv4Packet(DATA));
    harness.give(ipv6Packet(DATA));
    assertEquals(harness.protocol.delivered.map(({ payload }) => payload), [DATA, DATA]);
    harness.assertClean();
  }),
);

Deno.test(
  "when memory runs out, nothing is lost",
  withSeed((random) => {
    const harness = new IpHarness({}, 3, 24);
    for (const index of [ETH, OTHER_ETH]) harness.link(index).isForwarding = true;
    harness.link(OTHER_ETH).mtu = 300;
    const { arena } = harness.environment;
    const hoard: number[] = [];
    for (let round = 0; round < scale(5000, 200_000); round++) {
      // What others take and give back meanwhile.
      for (let count = random.integer(0, 40); count > 0; count--) {
        const isMore = hoard.length < 900 && random.integer(0, 2) > 0;
        const packet = isMore ? arena.take(random.integer(0, 1) === 0 ? 50 : 1500) : -1;
        if (packet >= 0) hoard.push(packet);
        else if (hoard.length > 30) {
          arena.release(hoard.splice(random.integer(0, hoard.length - 1), 1)[0]);
        }
      }
      const bytes = mutate(SEEDS[random.integer(0, SEEDS.length - 1)], random);
      if (arena.used[1] > 500 || arena.used[0] > 500) continue;
      harness.give(bytes, { segments: random.integer(0, 1) === 0 ? [30, 300] : [] });
      harness.loop();
      harness.sent.length = 0;
      harness.messages.length = 0;
      harness.protocol.delivered.length = 0;
      harness.protocol.errors.length = 0;
    }
    for (const packet of hoard) arena.release(packet);
    harness.ip.clear();
    harness.assertClean();
  }),
);
