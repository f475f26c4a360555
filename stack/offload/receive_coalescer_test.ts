import { assert, assertEquals } from "@std/assert";
import { makeEnvironment } from "../../tests/support/stack/fake_ip.ts";
import {
  build,
  bytesOf,
  KeepingInput,
  LINK,
  packetOf,
  type Spec,
  USUAL,
} from "../../tests/support/stack/segments.ts";
import { Random, scale, withSeed } from "../../tests/support/seed.ts";
import type { Interface } from "../iface/types.ts";
import type { Environment } from "../environment.ts";
import { sizeClasses, takenPackets, verifyArena } from "../memory/mod.ts";
import { PacketFlag, Segmentation } from "../packet_table.ts";
import { Statistics } from "../statistics.ts";
import { ipv4Of } from "../wire/mod.ts";
import * as tcp from "../wire/tcp.ts";
import { OffloadCounter } from "./counters.ts";
import { MAXIMUM_COALESCED, ReceiveCoalescer } from "./receive_coalescer.ts";
import { SoftwareOffload } from "./software_offload.ts";

const { ACK, PSH, FIN, CWR, ECE, SYN, RST, URG } = tcp.Flag;

function coalescerOf(environment: Environment) {
  const statistics = new Statistics({ offload: OffloadCounter });
  const input = new KeepingInput();
  const { offload } = statistics.groups;
  return {
    input,
    coalescer: new ReceiveCoalescer(environment, offload, input),
    software: new SoftwareOffload(environment, offload),
    counts: () => statistics.snapshot().offload,
  };
}

function offer(coalescer: ReceiveCoalescer, environment: Environment, bytes: Uint8Array): number {
  const packet = packetOf(environment, bytes);
  if (bytes[0] >> 4 === 4) coalescer.receiveIpv4(packet, LINK);
  else coalescer.receiveIpv6(packet, LINK);
  return packet;
}

/** Coalesces packets in one batch. @returns the lengths of the payload that IP sees */
function payloads(specs: readonly Partial<Spec>[]): number[] {
  const environment = makeEnvironment(1, sizeClasses({ small: 400, medium: 400, large: 8 }));
  const { coalescer, input } = coalescerOf(environment);
  for (const spec of specs) offer(coalescer, environment, build(spec));
  coalescer.flush();
  const { memory } = environment.arena;
  const lengths = input.packets.map((packet) => {
    const bytes = bytesOf(environment, packet);
    const network = bytes[0] >> 4 === 4 ? (bytes[0] & 15) * 4 : 40;
    return bytes.length - network -
      tcp.headerBytes(memory, environment.arena.start(packet) + network);
  });
  for (const packet of input.packets) environment.arena.release(packet);
  assertEquals(takenPackets(environment.arena), []);
  verifyArena(environment.arena);
  return lengths;
}

/** Segments of a stream, each of 100 bytes unless something else is said. */
function stream(changes: readonly Partial<Spec>[]): Partial<Spec>[] {
  let sequence = 1000;
  return changes.map((change) => {
    const spec = { sequence, payload: new Uint8Array(100), ...change };
    sequence = sequence + spec.payload.length | 0;
    return spec;
  });
}

const same = (count: number): Partial<Spec>[] => Array.from({ length: count }, () => ({}));

Deno.test("segments of a batch become one, which says how many it stands for", () => {
  for (const isIpv6 of [false, true]) {
    const environment = makeEnvironment();
    const { coalescer, input, counts } = coalescerOf(environment);
    const specs = stream([{}, {}, { payload: new Uint8Array(40) }]).map((one) => ({
      ...one,
      isIpv6,
    }));
    for (const spec of specs) offer(coalescer, environment, build(spec));
    const [packet] = input.packets;
    const { packets, arena } = environment;
    assertEquals(input.packets.length, 1);
    const kind = isIpv6 ? Segmentation.TCP_IPV6 : Segmentation.TCP_IPV4;
    assertEquals([packets.segmentation[packet], packets.segmentBytes[packet]], [kind, 100]);
    const { CHECKSUM_GOOD, CHECKSUM_PARTIAL } = PacketFlag;
    assertEquals(
      packets.flags[packet] & (CHECKSUM_GOOD | CHECKSUM_PARTIAL),
      CHECKSUM_GOOD | CHECKSUM_PARTIAL,
    );
    assertEquals(counts().COALESCED, 2);
    arena.release(packet);
    coalescer.flush();
    assertEquals(takenPackets(arena), []);
  }
});

Deno.test("what is held goes on at the end of the batch, and not before", () => {
  const environment = makeEnvironment();
  const { coalescer, input } = coalescerOf(environment);
  const packet = offer(coalescer, environment, build({}));
  assertEquals(input.packets, []);
  coalescer.flush();
  assertEquals(input.packets, [packet]);
  assertEquals(environment.packets.segmentation[packet], Segmentation.NONE);
  coalescer.flush();
  assertEquals(input.packets, [packet]);
  environment.arena.release(packet);
});

Deno.test("segments that differ in anything a receiver could see stay apart", () => {
  assertEquals(payloads(stream(same(5))), [500]);
  const differ: readonly Partial<Spec>[] = [
    { acknowledgment: 8 },
    { window: 501 },
    { flags: ACK | ECE },
    { flags: ACK | tcp.Flag.AE },
    { typeOfService: 3 },
    { hops: 63 },
    { mayFragment: true },
    { options: Uint8Array.of(1, 1, 1, 1) },
    { identification: 9 },
  ];
  for (const change of differ) {
    assertEquals(payloads(stream([{}, {}, change])), [200, 100], JSON.stringify(change));
  }
  for (
    const change of [{ sourcePort: 1 }, { destinationPort: 1 }, { source: ipv4Of("10.0.0.9") }]
  ) {
    assertEquals(payloads(stream([{}, {}, change])).toSorted(), [100, 200]);
  }
});

Deno.test("timestamps that go on keep segments apart, equal ones do not", () => {
  const stamp = (value: number) => Uint8Array.of(1, 1, 8, 10, 0, 0, 0, value, 0, 0, 0, 1);
  const one = { options: stamp(1) };
  assertEquals(payloads(stream([one, one, { options: stamp(2) }])), [200, 100]);
});

Deno.test("a gap, a repetition and a longer segment end what was held", () => {
  assertEquals(payloads([...stream(same(2)), { sequence: 1300 }]), [200, 100]);
  assertEquals(payloads([...stream(same(2)), { sequence: 1000 }]), [200, 100]);
  assertEquals(payloads(stream([{}, { payload: new Uint8Array(101) }])), [100, 101]);
  assertEquals(payloads(stream([{}, { payload: new Uint8Array(99) }, {}])), [199, 100]);
});

Deno.test("acknowledgments alone pass at once, behind what was held of their flow", () => {
  assertEquals(payloads(stream([{}, { payload: new Uint8Array(0) }, {}])), [100, 0, 100]);
});

Deno.test("PSH and FIN end a packet and are kept, and other flags are never mixed in", () => {
  for (const flags of [ACK | PSH, ACK | FIN, ACK | FIN | PSH]) {
    assertEquals(payloads(stream([{}, {}, { flags }, {}])), [300, 100]);
  }
  for (const flags of [ACK | SYN, ACK | RST, ACK | URG]) {
    assertEquals(payloads(stream([{ flags }, {}, { flags }])), [100, 100, 100]);
    assertEquals(payloads(stream([{ flags }, { flags }])), [100, 100]);
  }
});

Deno.test("marks of congestion are not lost: packets with different ones stay apart", () => {
  assertEquals(
    payloads(stream([{ typeOfService: 2 }, { typeOfService: 2 }, { typeOfService: 3 }])),
    [
      200,
      100,
    ],
  );
});

Deno.test("CWR may be in the first segment, or in all of them", () => {
  const cwr = { flags: ACK | CWR };
  assertEquals(payloads(stream([cwr, {}, {}])), [300]);
  assertEquals(payloads(stream([cwr, cwr, cwr])), [300]);
  assertEquals(payloads(stream([cwr, cwr, {}])), [200, 100]);
  assertEquals(payloads(stream([cwr, {}, cwr])), [200, 100]);
  assertEquals(payloads(stream([{}, cwr, {}])), [100, 200]);
});

Deno.test("identifications follow one another, or are all one where nobody may fragment", () => {
  const ids = (...list: number[]) => list.map((identification) => ({ identification }));
  assertEquals(payloads(stream(ids(5, 6, 7))), [300]);
  assertEquals(payloads(stream(ids(65535, 65536))), [200]);
  assertEquals(payloads(stream(ids(5, 5, 5))), [300]);
  assertEquals(payloads(stream(ids(5, 5, 6))), [200, 100]);
  assertEquals(payloads(stream(ids(5, 6, 5))), [200, 100]);
  const open = ids(5, 5).map((one) => ({ ...one, mayFragment: true }));
  assertEquals(payloads(stream(open)), [100, 100]);
});

Deno.test("no more become one than the chain, or the length of a packet, may have", () => {
  assertEquals(payloads(stream(same(MAXIMUM_COALESCED + 3))), [MAXIMUM_COALESCED * 100, 300]);
  const long = Array.from({ length: 50 }, () => ({ payload: new Uint8Array(1448) }));
  const [first, second] = payloads(stream(long));
  assertEquals(first % 1448, 0);
  assert(first + 40 <= 65535 && first + 1448 + 40 > 65535);
  assertEquals(first + second, 50 * 1448);
});

// covers RFC 1122 3.2.1.2 MUST
Deno.test("a wrong checksum is never coalesced, nor believed", () => {
  const environment = makeEnvironment();
  const { coalescer, input, counts } = coalescerOf(environment);
  const [one, two] = stream(same(2)).map(build);
  two[60] ^= 1;
  const good = offer(coalescer, environment, one);
  const bad = offer(coalescer, environment, two);
  coalescer.flush();
  assertEquals(input.packets, [good, bad]);
  assertEquals(environment.packets.flags[bad] & PacketFlag.CHECKSUM_GOOD, 0);
  assertEquals(counts().BAD_CHECKSUM, 2);
  const header = build(stream(same(1))[0]);
  header[11] ^= 1;
  const worse = offer(coalescer, environment, header);
  assertEquals(input.packets, [good, bad, worse]);
  for (const packet of input.packets) environment.arena.release(packet);
});

Deno.test("padding of frames is not payload", () => {
  const environment = makeEnvironment();
  const { coalescer, input } = coalescerOf(environment);
  const specs = stream([{ payload: new Uint8Array(3) }, { payload: new Uint8Array(3) }]);
  for (const spec of specs) {
    coalescer.receiveIpv4(packetOf(environment, build(spec), 6), LINK);
  }
  coalescer.flush();
  assertEquals(input.packets.map((packet) => bytesOf(environment, packet).length), [46]);
  environment.arena.release(input.packets[0]);
});

Deno.test("what is not plain TCP passes at once", () => {
  const environment = makeEnvironment();
  const { coalescer, input } = coalescerOf(environment);
  const { arena, packets } = environment;
  const pass = (bytes: Uint8Array, prepare = (_packet: number) => {}) => {
    const packet = packetOf(environment, bytes);
    prepare(packet);
    coalescer.receiveIpv4(packet, LINK);
    assertEquals(input.packets.pop(), packet);
    arena.release(packet);
  };
  pass(build({ protocol: 17 }));
  pass(build({}).subarray(0, 12));
  pass(build({}).subarray(0, 50));
  const fragment = build({});
  fragment[6] = 0x20;
  pass(fragment);
  const options = build({});
  options[0] = 0x46;
  pass(options);
  pass(build({}), (packet) => packets.flags[packet] = PacketFlag.LINK_BROADCAST);
  pass(build({}), (packet) => packets.segmentation[packet] = Segmentation.TCP_IPV4);
  const kept: number[] = [];
  pass(build({}), (packet) => kept.push(arena.slice(packet, 0, 10)));
  for (const slice of kept) arena.release(slice);
});

Deno.test("interfaces are not mixed", () => {
  const environment = makeEnvironment();
  const { coalescer, input } = coalescerOf(environment);
  const other = { index: 2, name: "eth1" } as unknown as Interface;
  const [one, two] = stream(same(2)).map((spec) => packetOf(environment, build(spec)));
  coalescer.receiveIpv4(one, LINK);
  coalescer.receiveIpv4(two, other);
  coalescer.flush();
  assertEquals(input.packets, [one, two]);
  for (const packet of input.packets) environment.arena.release(packet);
});

/** A flow that sends segments as senders do, and now and then otherwise. */
class RandomFlow {
  #sequence: number;
  #identification: number;
  readonly #random: Random;
  readonly #base: Partial<Spec>;
  readonly #isFixed: boolean;

  constructor(random: Random, port: number) {
    this.#random = random;
    this.#sequence = random.uint32() | 0;
    this.#identification = random.integer(0, 65535);
    this.#isFixed = random.chance(0.5);
    this.#base = {
      isIpv6: random.chance(0.5),
      sourcePort: port,
      options: random.bytes(4 * random.integer(0, 3)),
      mayFragment: random.chance(0.3),
    };
  }

  next(): Spec {
    const random = this.#random;
    const isOdd = random.chance(0.15);
    const length = isOdd ? random.integer(0, 300) : 200;
    let flags: number = ACK;
    if (random.chance(0.1)) flags |= random.uint32() & (PSH | CWR | ECE);
    if (random.chance(0.03)) flags |= random.uint32() & (FIN | SYN | RST | URG);
    const spec: Spec = {
      ...USUAL,
      ...this.#base,
      flags,
      sequence: this.#sequence,
      identification: this.#identification,
      window: random.chance(0.05) ? 9 : 500,
      typeOfService: random.chance(0.05) ? 3 : 2,
      payload: random.bytes(length),
    };
    if (!random.chance(0.03)) this.#sequence = this.#sequence + length | 0;
    if (!this.#isFixed) this.#identification = this.#identification + 1 & 0xffff;
    return spec;
  }
}

Deno.test(
  "what was coalesced is taken apart into the very same packets, in the order of each flow",
  withSeed((seed) => {
    const random = new Random(seed.uint32());
    const environment = makeEnvironment(1, sizeClasses({ small: 800, medium: 300, large: 8 }));
    let coalesced = 0;
    for (let turn = 0; turn < scale(60, 2000); turn++) {
      const { coalescer, input, software, counts } = coalescerOf(environment);
      const flows = Array.from({ length: 5 }, (_, at) => new RandomFlow(random, 1000 + at));
      const before = flows.map((): Uint8Array[] => []);
      for (let count = 0; count < 100; count++) {
        const at = random.integer(0, 4);
        const bytes = build(flows[at].next());
        before[at].push(bytes);
        offer(coalescer, environment, bytes);
        if (random.chance(0.03)) coalescer.flush();
      }
      coalescer.flush();
      coalesced += counts().COALESCED;
      const after = flows.map((): Uint8Array[] => []);
      const keep = (packet: number) => {
        if ((environment.packets.flags[packet] & PacketFlag.CHECKSUM_PARTIAL) !== 0) {
          software.completeChecksum(packet);
        }
        const bytes = bytesOf(environment, packet);
        const network = bytes[0] >> 4 === 4 ? 20 : 40;
        after[(bytes[network] << 8 | bytes[network + 1]) - 1000].push(bytes);
        environment.arena.release(packet);
      };
      for (const packet of input.packets) {
        if (environment.packets.segmentation[packet] === Segmentation.NONE) keep(packet);
        else assertEquals(software.segment(packet, { takeSegment: keep }), 0);
      }
      assertEquals(after, before);
      assertEquals(takenPackets(environment.arena), []);
    }
    assert(coalesced > 1000, `${coalesced} were coalesced`);
  }),
);

Deno.test(
  "whatever bytes arrive, they leave again",
  withSeed((seed) => {
    const random = new Random(seed.uint32());
    const environment = makeEnvironment();
    const { coalescer, input } = coalescerOf(environment);
    let total = 0;
    for (let turn = 0; turn < scale(20_000, 1_000_000); turn++) {
      const bytes = random.chance(0.2)
        ? random.bytes(random.integer(1, 90))
        : build({ isIpv6: random.chance(0.5), sequence: random.integer(1, 3) * 100 });
      for (let flip = random.integer(0, 3); flip > 0; flip--) {
        bytes[random.integer(0, bytes.length - 1)] = random.integer(0, 255);
      }
      const packet = packetOf(environment, bytes);
      if (random.chance(0.5)) coalescer.receiveIpv4(packet, LINK);
      else coalescer.receiveIpv6(packet, LINK);
      if (turn % 20 === 19) coalescer.flush();
      total += input.packets.length;
      for (const left of input.packets.splice(0)) environment.arena.release(left);
    }
    coalescer.flush();
    for (const left of input.packets.splice(0)) environment.arena.release(left);
    assert(total > 1000);
    assertEquals(takenPackets(environment.arena), []);
  }),
);
