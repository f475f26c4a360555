import { assert, assertEquals } from "@std/assert";
import { readCapture } from "../../../stack/capture/mod.ts";
import { ipv6Of } from "../../../stack/wire/addresses.ts";
import { complement, pseudoIpv4At, pseudoIpv6At } from "../../../stack/wire/checksum.ts";
import { Fault } from "../../../stack/wire/fault.ts";
import * as ipv4 from "../../../stack/wire/ipv4.ts";
import * as ipv6 from "../../../stack/wire/ipv6.ts";
import { Protocol } from "../../../stack/wire/numbers.ts";
import * as tcp from "../../../stack/wire/tcp.ts";
import * as udp from "../../../stack/wire/udp.ts";
import { scale, withSeed } from "../../support/seed.ts";
import { FrameDraft, IP_AT } from "./frame_draft.ts";
import { MUTATIONS } from "./mutations.ts";
import { FrameRecorder } from "./recorder.ts";
import { writePacket } from "./scene.ts";

const SOURCE_6 = ipv6Of("fd00::1");
const TARGET_6 = ipv6Of("fd00::2");
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
    draft.spoil(draft.bytes(), 0);
    assertEquals(verify(draft), Fault.TCP_CHECKSUM);
  }
});

/** A datagram of 8 + 42 bytes over IPv6, with a right checksum. */
function datagram(draft: FrameDraft, extension: readonly number[] = []): void {
  const said = { source: SOURCE_6, destination: TARGET_6, protocol: Protocol.UDP, hops: 64 };
  writePacket(draft, 0x0200_0000_0002, { ...said, extension }, (packets, at) => {
    udp.emit(packets, at, { sourcePort: 1, destinationPort: 2, length: 50 });
    packets.bytes.fill(7, at + udp.HEADER_BYTES, at + 50);
    return 50;
  });
}

/** Whether the sum of a datagram is right, as its receiver takes it. */
function isSummed({ packets, summer }: FrameDraft, at: number): boolean {
  const bytes = udp.datagramLength(packets, at);
  return complement(summer.sum(at, bytes) + pseudoIpv6At(packets, IP_AT, Protocol.UDP, bytes)) ===
    0;
}

Deno.test("a datagram is spoiled as far as it says that it goes", () => {
  const draft = new FrameDraft();
  datagram(draft);
  const seen = draft.bytes();
  const at = draft.transportAt;
  assert(isSummed(draft, at));
  draft.packets.view.setUint16(at + 4, 30);
  // By chance the shorter one is right.
  draft.repair();
  assert(isSummed(draft, at));
  draft.spoil(seen, 0);
  assertEquals(udp.datagramLength(draft.packets, at), 30);
  assert(!isSummed(draft, at));
});

Deno.test("a datagram behind a fragment header that makes it whole is spoiled", () => {
  const draft = new FrameDraft();
  datagram(draft, [Protocol.UDP, 0, 0, 0, 0, 0, 0, 1]);
  draft.packets.view.setUint8(IP_AT + 6, Protocol.FRAGMENT);
  draft.repair();
  const at = draft.transportAt;
  assertEquals([draft.protocol, isSummed(draft, at)], [Protocol.UDP, true]);
  draft.spoil(draft.bytes(), 0);
  assert(!isSummed(draft, at));
});

/** The fragment of a datagram that begins at a place, 16 bytes of it. */
function fragment(draft: FrameDraft, offset: number): void {
  datagram(draft);
  const { bytes, view } = draft.packets;
  const at = IP_AT + ipv6.HEADER_BYTES;
  bytes.copyWithin(at + 8, at + offset, at + offset + 16);
  bytes.set([Protocol.UDP, 0, 0, offset | 1, 0, 0, 0, 99], at);
  view.setUint8(IP_AT + 6, Protocol.FRAGMENT);
  draft.length = at + 8 + 16;
  draft.fitLengths();
}

Deno.test("a fragment of IPv6 in its place spoils the sum of its packet, by 1", () => {
  const draft = new FrameDraft();
  for (const offset of [0, 16]) {
    fragment(draft, offset);
    const seen = draft.bytes();
    const dataAt = draft.fragmentAt + 8;
    const before = draft.summer.sum(dataAt, 16);
    // The sum of these bytes stays what it was.
    draft.packets.bytes[dataAt + 8] += 5;
    draft.packets.bytes[dataAt + 10] -= 5;
    assertEquals(draft.summer.sum(dataAt, 16), before);
    draft.spoil(seen, 1000);
    assertEquals(draft.summer.sum(dataAt, 16) % 0xffff, (before + 1) % 0xffff);
    assertEquals(draft.packets.view.getUint32(draft.fragmentAt + 4), 99);
  }
});

Deno.test("any other fragment of IPv6 belongs to a packet of its own", () => {
  const draft = new FrameDraft();
  const changes: ((draft: FrameDraft) => void)[] = [
    // Elsewhere, another one's, shorter, and with another length of all.
    ({ packets: { view }, fragmentAt }) => view.setUint16(fragmentAt + 2, 25),
    ({ packets: { view } }) => view.setUint8(IP_AT + 30, 8),
    (shorter) => {
      shorter.length -= 8;
      shorter.fitLengths();
    },
    ({ packets: { view }, fragmentAt }) => view.setUint16(fragmentAt + 12, 30),
  ];
  for (const change of changes) {
    fragment(draft, 0);
    const seen = draft.bytes();
    change(draft);
    draft.spoil(seen, 1000);
    assertEquals(draft.packets.view.getUint32(draft.fragmentAt + 4), 1000);
  }
});

Deno.test("a fragment of IPv4 is spoiled by its header", () => {
  const draft = new FrameDraft();
  segment(draft);
  draft.packets.view.setUint16(IP_AT + 6, 0x2000);
  for (let service = 0; service < 256; service++) {
    draft.packets.view.setUint8(IP_AT + 1, service);
    draft.spoil(draft.bytes(), 0);
    assertEquals(ipv4.verify(draft.packets, IP_AT), Fault.IPV4_CHECKSUM);
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
      draft.spoil(before, round);
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
