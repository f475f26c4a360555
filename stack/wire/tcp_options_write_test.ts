import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Fault } from "./fault.ts";
import { PacketBytes } from "./packet_bytes.ts";
import { OptionBit, scan, TcpOptions } from "./tcp_options.ts";
import { write, writtenBytes } from "./tcp_options_write.ts";
import { bits, bytesOfSome, word } from "../../tests/support/stack/wire/arbitraries.ts";
import { golden, goldens } from "../../tests/support/stack/wire/golden.ts";
import { scale, SEED } from "../../tests/support/seed.ts";

Deno.test("the options of golden segments are written as the kernel does it", () => {
  const options = new TcpOptions();
  for (const tshark of goldens("tcp")) {
    if (tshark.has("tcp.options.mptcp.subtype")) continue;
    const { packets, bytes, name } = tshark;
    const at = tshark.at("tcp.srcport");
    const header = tshark.number("tcp.hdr_len");
    assertEquals(scan(packets, at, header, options), Fault.NONE);
    assertEquals(writtenBytes(options), header - 20, name);
    packets.bytes.fill(0xa5, at + 20, at + header);
    assertEquals(write(packets, at, options), header - 20, name);
    assertEquals(packets.bytes, bytes, name);
  }
  assert(golden("tcp_syn_plain").number("tcp.hdr_len") === 32);
});

/** Options, of which any may be absent, and counters in an order that can be sent. */
const options: fc.Arbitrary<TcpOptions> = fc.record({
  present: bits(8),
  maximumSegment: bits(16),
  windowScale: fc.integer({ min: 0, max: 14 }),
  timestampValue: word,
  timestampEcho: word,
  edges: fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 4 }),
  cookie: bytesOfSome(0, 4, 8, 16),
  userTimeout: bits(16),
  counters: fc.array(bits(24), { maxLength: 3 }),
  first: fc.constantFrom(0, 1),
}).map(({ edges, cookie, counters, first, ...fields }) => {
  const options = Object.assign(new TcpOptions(), fields);
  options.sackBlocks = edges.length;
  options.sackEdges.set(edges.flat());
  options.cookieBytes = cookie.length;
  options.cookie.set(cookie);
  const [one = -1, ce = -1, other = -1] = counters;
  options.ecnBytesCe = ce;
  [options.ecnBytes0, options.ecnBytes1] = first === 0 ? [one, other] : [other, one];
  return options;
});

/** What counts of options: the fields that are present. */
function meaning(options: TcpOptions): unknown[] {
  const { present } = options;
  const when = (bit: number, ...values: unknown[]) => (present & bit) === 0 ? [] : values;
  return [
    present,
    ...when(OptionBit.MAXIMUM_SEGMENT, options.maximumSegment),
    ...when(OptionBit.WINDOW_SCALE, options.windowScale),
    ...when(OptionBit.TIMESTAMPS, options.timestampValue, options.timestampEcho),
    ...when(OptionBit.SACK, ...options.sackEdges.subarray(0, 2 * options.sackBlocks)),
    ...when(OptionBit.FAST_OPEN, options.cookie.slice(0, options.cookieBytes).toHex()),
    ...when(OptionBit.USER_TIMEOUT, options.userTimeout),
    ...when(OptionBit.ACCURATE_ECN, options.ecnBytes0, options.ecnBytesCe, options.ecnBytes1),
  ];
}

Deno.test("what is written is read back, in whole words, and writes every byte", () => {
  let fitted = 0;
  fc.assert(
    fc.property(options, fc.nat(3), (options, at) => {
      const bytes = writtenBytes(options);
      const packets = PacketBytes.copyOf(Array(80).fill(0xff));
      if (bytes > 40) {
        assertThrows(() => write(packets, at, options), RangeError, `${bytes} bytes`);
        assert(packets.bytes.every((byte) => byte === 0xff), "nothing was written");
        return;
      }
      fitted++;
      assertEquals(write(packets, at, options), bytes);
      assertEquals(bytes % 4, 0);
      const zeros = PacketBytes.copyOf(Array(80).fill(0));
      write(zeros, at, options);
      const [from, to] = [at + 20, at + 20 + bytes];
      assertEquals(zeros.bytes.slice(from, to), packets.bytes.slice(from, to));
      assert(packets.bytes.subarray(to).every((byte) => byte === 0xff), "nothing behind them");
      const read = new TcpOptions();
      assertEquals(scan(packets, at, 20 + bytes, read), Fault.NONE);
      assertEquals(meaning(read), meaning(options));
    }),
    { seed: SEED, numRuns: scale(2000, 100_000) },
  );
  assert(fitted > 200);
});

Deno.test("counters that no order has are refused", () => {
  const packets = new PacketBytes(new ArrayBuffer(64));
  const options = new TcpOptions();
  options.present = OptionBit.ACCURATE_ECN;
  options.ecnBytesCe = 1;
  assertThrows(() => write(packets, 0, options), RangeError, "second");
  Object.assign(options, { ecnBytesCe: -1, ecnBytes0: 1, ecnBytes1: 1 });
  assertThrows(() => write(packets, 0, options), RangeError, "second");
});
