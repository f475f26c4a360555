import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { emitEchoRequest, internetChecksum, parseEcho } from "./icmp.ts";
import { SEED } from "../../tests/support/seed.ts";

const octets = fc.uint8Array({ maxLength: 200 });

Deno.test("a request reads back as it was written, and its checksum is right", () => {
  fc.assert(
    fc.property(
      fc.nat(65535),
      fc.nat(65535),
      octets,
      fc.boolean(),
      (id, sequence, data, isIPv6) => {
        const bytes = emitEchoRequest({ identifier: id, sequence, data }, isIPv6);
        if (!isIPv6) assertEquals(internetChecksum(bytes), 0);
        const echo = parseEcho(bytes, isIPv6);
        assert(echo?.kind === "request");
        assertEquals([echo.identifier, echo.sequence], [id, sequence]);
        assertEquals([...echo.data], [...data]);
      },
    ),
    { seed: SEED },
  );
});

Deno.test("a request has the bytes that RFC 792 shows", () => {
  const data = new Uint8Array([1, 2, 3, 4]);
  const bytes = emitEchoRequest({ identifier: 0x1234, sequence: 1, data }, false);
  assertEquals([...bytes], [8, 0, 0xe1, 0xc4, 0x12, 0x34, 0, 1, 1, 2, 3, 4]);
});

Deno.test("whatever arrives is read or ignored, and never throws", () => {
  fc.assert(
    fc.property(octets, fc.boolean(), (bytes, isIPv6) => {
      parseEcho(bytes, isIPv6);
      // Errors, too: with a right checksum.
      const error = new Uint8Array([isIPv6 ? 3 : 11, 0, 0, 0, 0, 0, 0, 0, ...bytes]);
      const checksum = internetChecksum(error);
      error.set([checksum >>> 8, checksum & 0xff], 2);
      parseEcho(error, isIPv6);
    }),
    { seed: SEED, numRuns: 5000 },
  );
});

Deno.test("an error tells which request it is about, however short it quotes it", () => {
  const request = emitEchoRequest({ identifier: 7, sequence: 9, data: new Uint8Array(56) }, false);
  const header = new Uint8Array(20);
  header[0] = 0x45;
  header[9] = 1;
  header.set([192, 0, 2, 1], 16);
  for (const quoted of [8, 20, 64]) {
    const bytes = new Uint8Array(8 + 20 + quoted);
    bytes.set([11, 0]);
    bytes.set(header, 8);
    bytes.set(request.subarray(0, quoted), 28);
    const checksum = internetChecksum(bytes);
    bytes.set([checksum >>> 8, checksum & 0xff], 2);
    const message = parseEcho(bytes, false);
    assert(message?.kind === "error");
    assertEquals(message.reason, "time to live exceeded");
    assertEquals([message.request.identifier, message.request.sequence], [7, 9]);
    assertEquals([...message.destination], [192, 0, 2, 1]);
    bytes[28] = 0;
    assertEquals(parseEcho(bytes, false), undefined);
  }
});

Deno.test("errors of ICMPv6 have reasons of their own", () => {
  const request = emitEchoRequest({ identifier: 1, sequence: 2, data: new Uint8Array(8) }, true);
  const header = new Uint8Array(40);
  header[0] = 0x60;
  header[6] = 58;
  const reasons: [number, number, string][] = [
    [1, 0, "no route to destination"],
    [1, 3, "address unreachable"],
    [1, 9, "destination unreachable, code 9"],
    [2, 0, "packet too big"],
    [3, 0, "hop limit exceeded"],
    [3, 1, "fragments did not arrive in time"],
    [4, 0, "parameter problem"],
  ];
  for (const [type, code, reason] of reasons) {
    const bytes = new Uint8Array([type, code, 0, 0, 0, 0, 0, 0, ...header, ...request]);
    const message = parseEcho(bytes, true);
    assert(message?.kind === "error");
    assertEquals(message.reason, reason);
    assertEquals(message.request.sequence, 2);
  }
  assertEquals(parseEcho(new Uint8Array([134, 0, 0, 0, 0, 0, 0, 0]), true), undefined);
});

Deno.test("an error about a fragmented request of ICMPv6 is about it all the same", () => {
  const request = emitEchoRequest({ identifier: 1, sequence: 2, data: new Uint8Array(8) }, true);
  const header = new Uint8Array(40);
  header[0] = 0x60;
  header[6] = 44;
  const fragment = [58, 0, 0, 1, 0, 0, 0, 9];
  const bytes = new Uint8Array([3, 0, 0, 0, 0, 0, 0, 0, ...header, ...fragment, ...request]);
  const message = parseEcho(bytes, true);
  assert(message?.kind === "error");
  assertEquals(message.request.sequence, 2);
});

Deno.test("an error of one family does not quote a packet of the other", () => {
  const request = emitEchoRequest({ identifier: 1, sequence: 2, data: new Uint8Array(8) }, false);
  const header = new Uint8Array(20);
  header[0] = 0x45;
  header[9] = 1;
  const bytes = new Uint8Array([3, 0, 0, 0, 0, 0, 0, 0, ...header, ...request]);
  assertEquals(parseEcho(bytes, true), undefined);
});
