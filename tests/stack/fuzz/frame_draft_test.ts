import { assert, assertEquals } from "@std/assert";
import { readCapture } from "../../../stack/capture/mod.ts";
import { pseudoIpv4At } from "../../../stack/wire/checksum.ts";
import { Fault } from "../../../stack/wire/fault.ts";
import * as ipv4 from "../../../stack/wire/ipv4.ts";
import { Protocol } from "../../../stack/wire/numbers.ts";
import * as tcp from "../../../stack/wire/tcp.ts";
import { scale, withSeed } from "../../support/seed.ts";
import { FrameDraft, IP_AT } from "./frame_draft.ts";
import { MUTATIONS } from "./mutations.ts";
import { FrameRecorder } from "./recorder.ts";
import { writePacket } from "./scene.ts";

const TCP_AT = IP_AT + ipv4.HEADER_BYTES;

/** A segment of 30 bytes over IPv4. */
function segment(draft: FrameDraft): void {
  const said = { source: 0x0a000001, destination: 0x0a000002, protocol: Protocol.TCP, hops: 64 };
  writePacket(draft, 0x0200_0000_0002, said, (packets, at) => {
    tcp.put(packets, at, 1000, 80, 5, 6, tcp.HEADER_BYTES, tcp.Flag.ACK, 7, 0);
    packets.bytes.fill(9, at + tcp.HEADER_BYTES, at + tcp.HEADER_BYTES + 30);
    return tcp.HEADER_BYTES + 30;
  });
}

function verify({ packets, summer, end }: FrameDraft): number {
  const bytes = end - TCP_AT;
  return tcp.verify(summer, TCP_AT, bytes, pseudoIpv4At(packets, IP_AT, Protocol.TCP, bytes));
}

Deno.test("repaired packets get past all checksums, and spoiled ones do not", () => {
  const draft = new FrameDraft();
  for (let value = 0; value < 0x10000; value += 0x33) {
    segment(draft);
    draft.packets.view.setUint16(TCP_AT + 14, value);
    draft.repair();
    assertEquals(verify(draft), Fault.NONE);
    assertEquals(ipv4.verify(draft.packets, IP_AT), Fault.NONE);
    draft.spoil();
    assertEquals(verify(draft), Fault.TCP_CHECKSUM);
  }
});

Deno.test(
  "whatever mutations make of a packet, it is in its memory and can be spoiled",
  withSeed((random) => {
    const draft = new FrameDraft();
    const names = Object.keys(MUTATIONS);
    const changed = new Set<string>();
    for (let round = scale(5000, 100_000); round > 0; round--) {
      segment(draft);
      const before = draft.bytes();
      const name = random.pick(names);
      if (!MUTATIONS[name](draft, random)) continue;
      draft.repair();
      draft.spoil();
      const after = draft.bytes();
      if (after.length !== before.length || after.some((byte, at) => byte !== before[at])) {
        changed.add(name);
      }
      if (draft.protocol === Protocol.TCP && draft.hasChecksum && draft.version === 4) {
        const { transportAt, end, summer, packets } = draft;
        const pseudo = pseudoIpv4At(packets, IP_AT, Protocol.TCP, end - transportAt);
        assert(tcp.verify(summer, transportAt, end - transportAt, pseudo) !== Fault.NONE, name);
      }
    }
    assertEquals([...changed].sort(), names.sort());
  }),
);

Deno.test("a recorder has the newest frames, in their order", () => {
  const recorder = new FrameRecorder();
  for (let nth = 0; nth < 5000; nth++) {
    recorder.add(nth, nth & 1, Uint8Array.of(nth >> 8, nth), `the ${nth}th`);
  }
  const { packets } = readCapture(recorder.capture(["one", "other"], "a test"));
  assertEquals(packets.length, 4096);
  assertEquals([...packets[0].bytes], [904 >> 8, 904 & 255]);
  assertEquals([...packets[4095].bytes], [4999 >> 8, 4999 & 255]);
});
