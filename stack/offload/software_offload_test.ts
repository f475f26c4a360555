import { assert, assertEquals } from "@std/assert";
import { makeEnvironment } from "../../tests/support/stack/fake_ip.ts";
import {
  build,
  bytesOf,
  isSound,
  packetOf,
  type Spec,
} from "../../tests/support/stack/segments.ts";
import { Random, withSeed } from "../../tests/support/seed.ts";
import { Errno } from "../../ring/abi/errno.ts";
import type { Environment } from "../environment.ts";
import { sizeClasses, takenPackets, verifyArena } from "../memory/mod.ts";
import { PacketFlag, Segmentation } from "../packet_table.ts";
import { Statistics } from "../statistics.ts";
import { pseudoIpv4At, pseudoIpv6At } from "../wire/checksum.ts";
import { PacketBytes } from "../wire/mod.ts";
import * as tcp from "../wire/tcp.ts";
import { OffloadCounter } from "./counters.ts";
import { SoftwareOffload } from "./software_offload.ts";

const { ACK, PSH, FIN, CWR, ECE } = tcp.Flag;

function offloadOf(environment: Environment) {
  const statistics = new Statistics({ offload: OffloadCounter });
  const offload = new SoftwareOffload(environment, statistics.groups.offload);
  return { offload, counts: () => statistics.snapshot().offload };
}

/** Puts a packet into an arena, with a partial checksum, in pieces of a length. */
function partialOf(environment: Environment, spec: Partial<Spec>, piece = 1 << 20): number {
  const { arena, packets } = environment;
  const bytes = build(spec);
  const scratch = PacketBytes.copyOf(bytes);
  const isIpv6 = spec.isIpv6 === true;
  const network = isIpv6 ? 40 : 20;
  const protocol = spec.protocol ?? 6;
  const pseudo = (isIpv6 ? pseudoIpv6At : pseudoIpv4At)(
    scratch,
    0,
    protocol,
    bytes.length - network,
  );
  scratch.view.setUint16(network + (protocol === 6 ? 16 : 6), pseudo);
  const headers = network +
    (protocol === 6 ? tcp.headerBytes(scratch, network) : 8);
  const cut = headers + Math.min(piece, bytes.length - headers);
  const first = packetOf(environment, scratch.bytes.subarray(0, cut));
  packets.flags[first] = PacketFlag.CHECKSUM_PARTIAL;
  for (let at = cut; at < bytes.length; at += piece) {
    arena.append(first, packetOf(environment, scratch.bytes.subarray(at, at + piece)));
  }
  return first;
}

/** Takes a packet apart. @returns the bytes of its segments, with complete checksums */
function segment(environment: Environment, packet: number): Uint8Array[] {
  const { offload } = offloadOf(environment);
  const taken: Uint8Array[] = [];
  const result = offload.segment(packet, {
    takeSegment: (part) => {
      assertEquals(environment.packets.segmentation[part], Segmentation.NONE);
      offload.completeChecksum(part);
      assertEquals(environment.packets.flags[part] & PacketFlag.CHECKSUM_PARTIAL, 0);
      taken.push(bytesOf(environment, part));
      environment.arena.release(part);
    },
  });
  assertEquals(result, 0);
  return taken;
}

/** What the segments of a packet should be, made one by one. */
function reference(spec: Spec, step: number, isEcn: boolean, isFixed: boolean): Uint8Array[] {
  const parts: Uint8Array[] = [];
  const { payload } = spec;
  for (let offset = 0; offset === 0 || offset < payload.length; offset += step) {
    const isLast = offset + step >= payload.length;
    let { flags } = spec;
    if (!isLast) flags &= ~(FIN | PSH);
    if (isEcn && offset > 0) flags &= ~CWR;
    parts.push(build({
      ...spec,
      flags,
      sequence: spec.sequence + offset | 0,
      identification: spec.identification + (isFixed ? 0 : parts.length),
      payload: payload.subarray(offset, offset + step),
    }));
  }
  return parts;
}

function randomSpec(random: Random, longest: number): Spec {
  const isIpv6 = random.chance(0.5);
  const protocol = random.chance(0.6) ? 6 : 17;
  return {
    isIpv6,
    protocol,
    sourcePort: random.integer(1, 65535),
    destinationPort: random.integer(1, 65535),
    sequence: random.uint32() | 0,
    acknowledgment: random.uint32() | 0,
    flags: ACK | random.uint32() & (FIN | PSH | CWR | ECE),
    window: random.integer(0, 65535),
    options: random.bytes(4 * random.integer(0, 10)),
    payload: random.bytes(random.integer(1, longest)),
    typeOfService: random.integer(0, 255),
    hops: random.integer(1, 255),
    identification: random.integer(0, 65535),
    mayFragment: random.chance(0.5),
  };
}

Deno.test(
  "segments are what a sender would have made of each of them",
  withSeed((seed) => {
    const random = new Random(seed.uint32());
    const environment = makeEnvironment(1, sizeClasses({ small: 400, medium: 200, large: 8 }));
    for (let turn = 0; turn < 300; turn++) {
      const spec = randomSpec(random, 9000);
      const step = random.integer(Math.ceil(spec.payload.length / 100), 1460);
      const isEcn = spec.protocol === 6 && random.chance(0.5);
      const isFixed = random.chance(0.3);
      const packet = partialOf(environment, spec, random.integer(70, 1500));
      const kind = spec.protocol === 17
        ? Segmentation.UDP
        : spec.isIpv6
        ? Segmentation.TCP_IPV6
        : Segmentation.TCP_IPV4;
      environment.packets.segmentation[packet] = isEcn ? kind | Segmentation.ECN : kind;
      environment.packets.segmentBytes[packet] = step;
      if (isFixed) environment.packets.flags[packet] |= PacketFlag.FIXED_IDENTIFICATION;
      const parts = segment(environment, packet);
      assertEquals(parts, reference(spec, step, isEcn, isFixed));
      assert(parts.every(isSound));
      assertEquals(takenPackets(environment.arena), []);
    }
    verifyArena(environment.arena);
  }),
);

// covers RFC 3168 6.1.2 SHOULD
Deno.test("CWR is in the first segment only where ECN is classic, else in all of them", () => {
  const environment = makeEnvironment();
  const spec = { flags: ACK | CWR | PSH, payload: new Uint8Array(250) };
  const flagsOf = (kind: number) => {
    const packet = partialOf(environment, spec);
    environment.packets.segmentation[packet] = kind;
    environment.packets.segmentBytes[packet] = 100;
    return segment(environment, packet).map((bytes) => bytes[33]);
  };
  const { TCP_IPV4, ECN } = Segmentation;
  assertEquals(flagsOf(TCP_IPV4 | ECN), [ACK | CWR, ACK, ACK | PSH]);
  assertEquals(flagsOf(TCP_IPV4), [ACK | CWR, ACK | CWR, ACK | CWR | PSH]);
});

Deno.test("payload is not copied: segments show the memory of the packet", () => {
  const environment = makeEnvironment();
  const { arena, packets } = environment;
  const packet = partialOf(environment, { payload: new Uint8Array(1200).fill(5) });
  packets.segmentation[packet] = Segmentation.TCP_IPV4;
  packets.segmentBytes[packet] = 500;
  const starts: number[] = [];
  const at = arena.start(packet);
  offloadOf(environment).offload.segment(packet, {
    takeSegment: (part) => {
      starts.push(arena.start(arena.next(part)) - at);
      arena.release(part);
    },
  });
  assertEquals(starts, [40, 540, 1040]);
});

Deno.test("a partial checksum is completed, over one segment or many", () => {
  const environment = makeEnvironment();
  const { offload, counts } = offloadOf(environment);
  for (const isIpv6 of [false, true]) {
    for (const protocol of [6, 17] as const) {
      for (const piece of [7, 100, 5000]) {
        const payload = Uint8Array.from({ length: 777 }, (_, at) => at * 31);
        const spec = { isIpv6, protocol, payload };
        const packet = partialOf(environment, spec, piece);
        offload.completeChecksum(packet);
        assertEquals(bytesOf(environment, packet), build(spec));
        environment.arena.release(packet);
      }
    }
  }
  assertEquals(counts().CHECKSUMS, 12);
});

// covers RFC 8200 8.1 MUST
Deno.test("a checksum of UDP that comes to 0 is sent as its other zero", () => {
  const environment = makeEnvironment();
  const { offload } = offloadOf(environment);
  const spec = { protocol: 17, payload: new Uint8Array(2) } as const;
  const plain = new DataView(build(spec).buffer).getUint16(26);
  // Whatever the sum is: a payload that makes up for it.
  const payload = Uint8Array.of(plain >> 8, plain);
  const packet = partialOf(environment, { ...spec, payload });
  offload.completeChecksum(packet);
  assertEquals(bytesOf(environment, packet).slice(26, 28), Uint8Array.of(0xff, 0xff));
  environment.arena.release(packet);
});

Deno.test("the checksum behind extension headers of IPv6 is found", () => {
  const environment = makeEnvironment();
  const { offload, counts } = offloadOf(environment);
  const bytes = build({ isIpv6: true, protocol: 17, payload: new Uint8Array(20).fill(9) });
  const options = Uint8Array.of(17, 0, 1, 4, 0, 0, 0, 0);
  const long = new Uint8Array([...bytes.subarray(0, 40), ...options, ...bytes.subarray(40)]);
  long[5] += 8;
  long[6] = 60;
  const packet = packetOf(environment, long);
  const { packets, arena } = environment;
  const expected = long.slice();
  packets.transport[packet] += 8;
  packets.flags[packet] = PacketFlag.CHECKSUM_PARTIAL;
  const pseudo = pseudoIpv6At(PacketBytes.copyOf(bytes), 0, 17, 28);
  arena.memory.view.setUint16(packets.transport[packet] + 6, pseudo);
  offload.completeChecksum(packet);
  assertEquals(bytesOf(environment, packet), expected);
  assertEquals(counts().DROPPED_MALFORMED, 0);
  arena.release(packet);
});

Deno.test("when packets run out, what was made is kept and all else is released", () => {
  // Whoever is told of an error takes all of it for unsent: there is none once a part has left.
  for (const [left, result] of [[4, 0], [1, 0], [0, -Errno.ENOBUFS]] as const) {
    const environment = makeEnvironment(1, sizeClasses({ small: 3, medium: 1, large: 1 }));
    const { arena, packets } = environment;
    const { offload, counts } = offloadOf(environment);
    const packet = partialOf(environment, { payload: new Uint8Array(5000) });
    packets.segmentation[packet] = Segmentation.TCP_IPV4;
    packets.segmentBytes[packet] = 1000;
    const taken = Array.from({ length: 4 - left }, () => arena.take(100));
    const parts: number[] = [];
    const sink = { takeSegment: (part: number) => parts.push(part) };
    assertEquals(offload.segment(packet, sink), result);
    assertEquals(parts.length, left);
    assertEquals(counts().DROPPED_NO_PACKET, 1);
    for (const part of [...parts, ...taken]) arena.release(part);
    assertEquals(takenPackets(arena), []);
  }
});

Deno.test("what its columns do not fit is refused", () => {
  const environment = makeEnvironment();
  const { arena, packets } = environment;
  const { offload, counts } = offloadOf(environment);
  const sink = { takeSegment: () => assert(false) };
  const none = partialOf(environment, {});
  packets.segmentation[none] = Segmentation.TCP_IPV4;
  packets.segmentBytes[none] = 0;
  assertEquals(offload.segment(none, sink), -Errno.EINVAL);
  const short = packetOf(environment, build({}).subarray(0, 30));
  packets.segmentation[short] = Segmentation.TCP_IPV4;
  packets.segmentBytes[short] = 10;
  assertEquals(offload.segment(short, sink), -Errno.EINVAL);
  assertEquals(counts().DROPPED_MALFORMED, 2);
  assertEquals(takenPackets(arena), []);
});
