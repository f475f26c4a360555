import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { readPacket } from "./ip_header.ts";
import { SEED } from "../../tests/support/seed.ts";

/** A packet of IPv4 with `options` and some payload. */
function packet4(options: number[], payload: number[]): Uint8Array<ArrayBuffer> {
  const head = [0x45 + options.length / 4, 0, 0, 0, 0, 0, 0, 0, 9, 17, 0, 0];
  return new Uint8Array([...head, 10, 0, 0, 1, 10, 0, 0, 2, ...options, ...payload]);
}

/** A packet of IPv6 whose payload begins with the header that `next` says. */
function packet6(next: number, rest: number[]): Uint8Array<ArrayBuffer> {
  const [source, destination] = [1, 2].map((last) => [...new Array(15).fill(0), last]);
  return new Uint8Array([0x60, 0, 0, 0, 0, 0, next, 8, ...source, ...destination, ...rest]);
}

Deno.test("an IPv4 packet has addresses, options and a payload", () => {
  const read = readPacket(packet4([1, 1, 1, 0], [7, 8]));
  assert(read !== undefined);
  assertEquals([read.isIPv6, read.protocol, read.timeToLive], [false, 17, 9]);
  assertEquals([[...read.source], [...read.destination]], [[10, 0, 0, 1], [10, 0, 0, 2]]);
  assertEquals([[...read.options], [...read.payload]], [[1, 1, 1, 0], [7, 8]]);
});

Deno.test("fragments but the first have no payload to look at", () => {
  const first = packet4([], [7]);
  first[6] = 0x20;
  assertEquals([...readPacket(first)!.payload], [7]);
  const second = packet4([], [7]);
  second[7] = 1;
  assertEquals(readPacket(second), undefined);
  assertEquals([...readPacket(packet6(44, [17, 0, 0, 1, 0, 0, 0, 9, 7]))!.payload], [7]);
  assertEquals(readPacket(packet6(44, [17, 0, 0, 9, 0, 0, 0, 9, 7])), undefined);
});

Deno.test("the payload of an IPv6 packet lies behind its extension headers", () => {
  const options = [44, 1, ...new Array(14).fill(0)];
  const fragment = [58, 0, 0, 1, 0, 0, 0, 9];
  const read = readPacket(packet6(60, [...options, ...fragment, 128, 0]));
  assertEquals([read!.protocol, ...read!.payload], [58, 128, 0]);
  assertEquals([...read!.destination].at(-1), 2);
});

Deno.test("what is cut off within its headers is no packet", () => {
  const whole = packet6(60, [58, 1, ...new Array(14).fill(0)]);
  for (let length = 0; length < whole.length; length++) {
    assertEquals(readPacket(whole.subarray(0, length)), undefined, `${length} bytes`);
  }
  assertEquals(readPacket(packet4([], []).subarray(0, 19)), undefined);
  assertEquals(readPacket(packet4([1, 1, 1, 1], []).subarray(0, 22)), undefined);
  const short = packet4([], []);
  short[0] = 0x44;
  assertEquals(readPacket(short), undefined);
});

Deno.test("whatever arrives is a packet or none, and never throws", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 120 }),
      fc.constantFrom(0x45, 0x4f, 0x60),
      (bytes, b) => {
        if (bytes.length > 0) bytes[0] = b;
        const read = readPacket(bytes);
        if (read !== undefined) assert(read.payload.length <= bytes.length - 20);
      },
    ),
    { seed: SEED, numRuns: 5000 },
  );
});

Deno.test("extension headers without end are nobody's", () => {
  const endless = new Array(20).fill([60, 0, 0, 0, 0, 0, 0, 0]).flat();
  assertEquals(readPacket(packet6(60, endless)), undefined);
});
