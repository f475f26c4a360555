import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  BlockType,
  Direction,
  LinkType,
  Option,
  PcapngWriter,
  readCapture,
  type SectionOptions,
} from "./mod.ts";

/** A writer, and all that it wrote. */
function record(options: SectionOptions = {}): {
  readonly writer: PcapngWriter;
  readonly bytes: () => Uint8Array;
} {
  const blocks: Uint8Array[] = [];
  const writer = new PcapngWriter({ write: (bytes) => void blocks.push(bytes.slice()) }, options);
  return { writer, bytes: () => Uint8Array.from(blocks.flatMap((block) => [...block])) };
}

Deno.test("a capture begins with the bytes that the specification asks for", () => {
  const { writer, bytes } = record();
  writer.addInterface();
  // deno-fmt-ignore
  assertEquals([...bytes()], [
    0x0a, 0x0d, 0x0d, 0x0a, 32, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0,
    255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 32, 0, 0, 0,
    1, 0, 0, 0, 32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
    9, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0,
  ]);
});

Deno.test("a reader finds what a writer wrote", () => {
  const { writer, bytes } = record({ application: "test", comments: ["seed 7"] });
  const one = writer.addInterface({ name: "one", speed: 10_000_000, mac: new Uint8Array(6) });
  const other = writer.addInterface({ name: "other", linkType: LinkType.RAW, snapBytes: 3 });
  writer.packet(one, 1_500_000, Uint8Array.of(1, 2, 3, 4, 5), {
    direction: Direction.OUTBOUND,
    comments: ["first", "zweiter Ü"],
  });
  writer.packet(other, 2_000_001, Uint8Array.of(6, 7, 8, 9));
  writer.statistics(one, 3_000_000, { startTime: 0, endTime: 3_000_000, received: 1, dropped: 2 });
  const capture = readCapture(bytes());
  assertEquals(capture.comments, ["seed 7"]);
  assertEquals(capture.interfaces.map(({ name }) => name), ["one", "other"]);
  assertEquals(capture.interfaces.map(({ linkType }) => linkType), [1, 101]);
  const [first, second] = capture.packets;
  assertEquals([first.interface, first.time, first.length], [0, 1_500_000_000n, 5]);
  assertEquals([...first.bytes], [1, 2, 3, 4, 5]);
  assertEquals(first.direction, Direction.OUTBOUND);
  assertEquals(first.comments, ["first", "zweiter Ü"]);
  assertEquals([second.interface, second.time, second.length], [1, 2_000_001_000n, 4]);
  assertEquals([...second.bytes], [6, 7, 8]);
  assertEquals(capture.others.map(({ type }) => type), [BlockType.STATISTICS]);
});

Deno.test("times have fractions of a microsecond where they have nine digits", () => {
  const { writer, bytes } = record({ timeDigits: 9 });
  const port = writer.addInterface();
  // A time of our days: more nanoseconds than a double counts.
  for (const time of [0, 0.25, 1_763_000_000_000_000.5, 4_294_967_295_999_999]) {
    writer.packet(port, time, new Uint8Array(1));
  }
  assertEquals(readCapture(bytes()).packets.map(({ time }) => time), [
    0n,
    250n,
    1_763_000_000_000_000_500n,
    4_294_967_295_999_999_000n,
  ]);
});

Deno.test("custom options carry the number of the enterprise, and text or bytes", () => {
  const { writer, bytes } = record();
  const port = writer.addInterface();
  writer.packet(port, 0, new Uint8Array(2), {
    custom: [
      { enterprise: 32473, value: "text" },
      { enterprise: 32473, value: Uint8Array.of(1, 2, 3), copies: false },
    ],
  });
  const [packet] = readCapture(bytes()).packets;
  assertEquals(packet.options.map(({ code }) => code), [
    Option.CUSTOM_TEXT,
    Option.CUSTOM_BYTES_HERE,
  ]);
  const [text, binary] = packet.options.map(({ value }) => [...value]);
  assertEquals(text, [0xd9, 0x7e, 0, 0, 0x74, 0x65, 0x78, 0x74]);
  assertEquals(binary, [0xd9, 0x7e, 0, 0, 1, 2, 3]);
});

Deno.test("a packet belongs to an interface that was described", () => {
  const { writer } = record();
  assertThrows(() => writer.packet(0, 0, new Uint8Array(1)), RangeError, "no interface 0");
});

Deno.test("a comment that is too long is cut between characters", () => {
  const { writer, bytes } = record();
  const port = writer.addInterface();
  writer.packet(port, 0, new Uint8Array(1), { comments: ["é".repeat(40_000)] });
  const [comment] = readCapture(bytes()).packets[0].comments;
  assertEquals(comment, "é".repeat(32_767));
});

Deno.test("a reader says where a capture is broken", () => {
  const { writer, bytes } = record();
  writer.addInterface();
  const whole = bytes();
  assertThrows(() => readCapture(whole.subarray(0, 50)), RangeError, "offset 32");
  assertThrows(() => readCapture(whole.subarray(32)), RangeError, "begin with a section");
  const wrong = whole.slice();
  wrong[28] = 33;
  assertThrows(() => readCapture(wrong), RangeError, "lengths differ");
});

Deno.test("a reader reads captures of the other byte order", () => {
  const block = (type: number, body: number[]) => {
    const bytes = new Uint8Array(12 + body.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, type);
    view.setUint32(4, bytes.length);
    bytes.set(body, 8);
    view.setUint32(bytes.length - 4, bytes.length);
    return [...bytes];
  };
  const capture = readCapture(Uint8Array.from([
    ...block(BlockType.SECTION, [0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0, ...Array(8).fill(255)]),
    ...block(BlockType.INTERFACE, [0, 1, 0, 0, 0, 0, 0, 0]),
    ...block(BlockType.PACKET, [
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      9,
      0,
      0,
      0,
      1,
      0,
      0,
      0,
      1,
      5,
      0,
      0,
      0,
    ]),
  ]));
  assert(capture.packets.length === 1);
  assertEquals([capture.packets[0].time, [...capture.packets[0].bytes]], [9000n, [5]]);
});
