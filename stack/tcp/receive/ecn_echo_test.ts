import { assert, assertEquals } from "@std/assert";
import { ReceiverRig, streamBytes } from "../../../tests/support/stack/tcp/receiver.ts";
import { PacketBytes } from "../../wire/packet_bytes.ts";
import { Flag } from "../../wire/tcp.ts";
import { MAX_OPTIONS_BYTES, OptionBit } from "../../wire/tcp_options.ts";
import { write, writtenBytes } from "../../wire/tcp_options_write.ts";
import { Agreement, Ecn, Segment } from "../types.ts";
import { EcnEcho } from "./ecn_echo.ts";

const { ECE, CWR, AE } = Flag;
const CE = 3;
const ECT_0 = 2;
const ECT_1 = 1;
const FULL = 1000;

function makeEcho(ecn: Ecn): EcnEcho {
  return new EcnEcho(Object.assign(new Agreement(), { ecn }));
}

function segmentOf(ecn: number, payloadBytes = FULL, flags = 0, count = 1): Segment {
  return Object.assign(new Segment(), { ecn, payloadBytes, flags, count });
}

/** A segment arrives at a connection that uses ECN. */
function arrive(rig: ReceiverRig, ecn: number, flags = 0): void {
  const at = rig.receiver.receiveNext - rig.first | 0;
  const segment = rig.segment(at, streamBytes(at, FULL), { ecn, flags })!;
  rig.receiver.onEcn(segment);
  rig.receiver.onPayload(segment);
  rig.arena.release(segment.packet);
  rig.answer();
}

// covers RFC 3168 6.1.3 MUST
Deno.test("ECE is set from a mark on, until CWR comes; a mark with CWR sets it again", () => {
  const echo = makeEcho(Ecn.CLASSIC);
  echo.onSegment(segmentOf(ECT_0));
  assertEquals(echo.flags(), 0);
  assert(echo.onSegment(segmentOf(CE)), "the first mark is told at once");
  assert(!echo.onSegment(segmentOf(CE)));
  echo.onSegment(segmentOf(ECT_0));
  assertEquals(echo.flags(), ECE);
  echo.onSegment(segmentOf(ECT_0, FULL, CWR));
  assertEquals(echo.flags(), 0);
  echo.onSegment(segmentOf(CE));
  echo.onSegment(segmentOf(CE, FULL, CWR));
  assertEquals(echo.flags(), ECE);
});

// covers RFC 9768 3.2.1 MUST
Deno.test("accurate ECN counts marked packets, coalesced or without payload", () => {
  const echo = makeEcho(Ecn.ACCURATE);
  // It begins with 5.
  assertEquals(echo.flags(), AE | ECE);
  echo.onSegment(segmentOf(CE, 3 * FULL, 0, 2));
  assertEquals(echo.flags(), AE | CWR | ECE);
  echo.onSegment(segmentOf(CE, 0));
  assertEquals(echo.flags(), 0);
  echo.onSegment(segmentOf(ECT_0));
  assertEquals(echo.flags(), 0);
});

// covers RFC 9768 3.2.2.5.1 MUST
Deno.test("the first mark is told at once, then every second, and the third without data", () => {
  const echo = makeEcho(Ecn.ACCURATE);
  echo.onSegment(segmentOf(ECT_0));
  assert(echo.onSegment(segmentOf(CE)));
  echo.onSent();
  assert(!echo.onSegment(segmentOf(CE)));
  assert(echo.onSegment(segmentOf(CE)));
  echo.onSent();
  assert(!echo.onSegment(segmentOf(ECT_0)));
  assert(echo.onSegment(segmentOf(CE)));
  echo.onSent();
  assertEquals([0, 0, 0].map(() => echo.onSegment(segmentOf(CE, 0))), [false, false, true]);
});

Deno.test("counters of bytes begin with one, none and one, and count payload by codepoint", () => {
  const rig = new ReceiverRig({ agreement: { ecn: Ecn.ACCURATE } });
  arrive(rig, ECT_0);
  let { options } = rig.last;
  assertEquals([options.ecnBytes0, options.ecnBytesCe, options.ecnBytes1], [FULL + 1, -1, -1]);
  arrive(rig, CE);
  ({ options } = rig.last);
  assertEquals([options.ecnBytes0, options.ecnBytesCe, options.ecnBytes1], [FULL + 1, FULL, -1]);
  arrive(rig, ECT_1);
  ({ options } = rig.last);
  assertEquals([options.ecnBytes0, options.ecnBytesCe, options.ecnBytes1], [
    FULL + 1,
    FULL,
    FULL + 1,
  ]);
  // Nothing has grown: no option.
  rig.acknowledge();
  assertEquals(rig.last.options.present & OptionBit.ACCURATE_ECN, 0);
  rig.close();
});

Deno.test("a path that marks with ECT(1) only has the option that begins with that", () => {
  const rig = new ReceiverRig({ agreement: { ecn: Ecn.ACCURATE } });
  arrive(rig, ECT_1);
  const { options } = rig.last;
  assertEquals([options.ecnBytes0, options.ecnBytesCe, options.ecnBytes1], [-1, -1, FULL + 1]);
  rig.close();
});

// covers RFC 9768 3.2.3.3 MUST
Deno.test("two blocks of SACK come first, and no counter that grew is cut off", () => {
  const rig = new ReceiverRig({ agreement: { ecn: Ecn.ACCURATE } });
  for (const ecn of [ECT_0, CE]) arrive(rig, ecn);
  rig.isAnswering = false;
  for (const at of [5000, 9000, 13_000]) {
    rig.arrive(at, streamBytes(at, FULL));
  }
  const counting = (ecn: number) => {
    const segment = rig.segment(17_000, streamBytes(0, FULL), { ecn })!;
    rig.receiver.onEcn(segment);
    rig.arena.release(segment.packet);
  };
  counting(CE);
  rig.acknowledge();
  assertEquals(rig.last.blocks.length, 2);
  assert(rig.last.options.ecnBytesCe > 0);
  counting(ECT_1);
  rig.acknowledge();
  assertEquals(rig.last.blocks.length, 3);
  assertEquals(rig.last.options.present & OptionBit.ACCURATE_ECN, 0);
  rig.close();
});

Deno.test("the bytes of options are those that are written, whatever there is to tell", () => {
  const packets = new PacketBytes(new ArrayBuffer(128));
  for (const hasTimestamps of [true, false]) {
    for (let ranges = 0; ranges < 5; ranges++) {
      for (const codepoints of [[], [ECT_0], [CE], [ECT_1], [ECT_0, CE], [ECT_0, CE, ECT_1]]) {
        const agreement = { ecn: Ecn.ACCURATE, hasTimestamps };
        const rig = new ReceiverRig({ agreement });
        rig.isAnswering = false;
        for (let range = 0; range < ranges; range++) {
          const at = 20_000 + 4000 * range;
          rig.arrive(at, streamBytes(at, FULL));
        }
        for (const ecn of codepoints) arrive(rig, ecn);
        const expected = rig.receiver.optionBytes;
        rig.acknowledge();
        const { options } = rig.last;
        if (hasTimestamps) options.present |= OptionBit.TIMESTAMPS;
        const base = hasTimestamps ? 12 : 0;
        assertEquals(writtenBytes(options) - base, expected);
        assert(write(packets, 0, options) <= MAX_OPTIONS_BYTES);
        rig.close();
      }
    }
  }
});
