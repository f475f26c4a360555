import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  NOTHING_SAID,
  type ProxyHeader,
  type ProxyHeaderOutcome,
  type ProxyTlv,
  ProxyTlvType,
} from "./proxy_header.ts";
import {
  PROXY_HEADER_BYTES_MAX,
  type ProxyVersions,
  readProxyHeader,
  writeProxyHeader,
} from "./proxy_protocol.ts";
import { V1_BYTES_MAX } from "./proxy_v1.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { scale, SEED, withSeed } from "../../tests/support/seed.ts";

const encoder = new TextEncoder();
const VERSIONS: readonly ProxyVersions[] = ["v1", "v2", "any"];
// deno-fmt-ignore
const SIGNATURE = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a];

function read(bytes: Uint8Array | string, versions: ProxyVersions = "any"): ProxyHeaderOutcome {
  const taken = typeof bytes === "string" ? encoder.encode(bytes) : bytes;
  return readProxyHeader(taken, taken.length, versions);
}

function headerOf(outcome: ProxyHeaderOutcome): ProxyHeader {
  assert(outcome !== null && "header" in outcome, JSON.stringify(outcome));
  return outcome.header;
}

function reasonOf(outcome: ProxyHeaderOutcome): string {
  assert(outcome !== null && "reason" in outcome, JSON.stringify(outcome));
  return outcome.reason;
}

/** Version 2, from its parts. */
function binary(versionCommand: number, family: number, block: readonly number[]): Uint8Array {
  const length = [block.length >> 8, block.length & 0xff];
  return new Uint8Array([...SIGNATURE, versionCommand, family, ...length, ...block]);
}

/** Addresses of two hosts and ports 1 and 2. */
const IPV4_BLOCK = [192, 0, 2, 1, 198, 51, 100, 2, 0, 1, 0, 2];

Deno.test("a line of version 1 says where the client is", () => {
  const line = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\n";
  const outcome = read(line, "v1");
  const { version, command, transport, source, destination } = headerOf(outcome);
  assertEquals([version, command, transport], [1, "proxy", "stream"]);
  assertEquals([String(source), String(destination)], ["192.168.0.1:56324", "192.168.0.11:443"]);
  assertEquals((outcome as { length: number }).length, line.indexOf("GET"));
  const six = headerOf(read("PROXY TCP6 2001:db8::1 ::FFFF:1.2.3.4 0 65535\r\n"));
  assertEquals([String(six.source), String(six.destination)], [
    "[2001:db8::1]:0",
    "[::ffff:1.2.3.4]:65535",
  ]);
});

Deno.test("the longest lines of version 1 are read", () => {
  const longest = "ffff:".repeat(7) + "ffff";
  for (
    const line of [
      "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
      `PROXY TCP6 ${longest} ${longest} 65535 65535\r\n`,
      "PROXY UNKNOWN\r\n",
      `PROXY UNKNOWN ${longest} ${longest} 65535 65535\r\n`,
    ]
  ) {
    assertEquals((read(line) as { length: number }).length, line.length);
  }
  assertEquals(`PROXY UNKNOWN ${longest} ${longest} 65535 65535\r\n`.length, V1_BYTES_MAX);
});

Deno.test("UNKNOWN says nothing, whatever follows it in the line", () => {
  for (const rest of ["", " ", " anything \x01 at all", " 1.2.3.4 5.6.7.8 1 2"]) {
    const { source, destination, transport } = headerOf(read(`PROXY UNKNOWN${rest}\r\n`, "v1"));
    assertEquals([source, destination, transport], [null, null, "unspecified"]);
  }
});

Deno.test("lines that only resemble version 1 are refused", () => {
  const refused = [
    "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\n",
    "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\r\n",
    "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443 \r\n",
    "PROXY  TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
    "PROXY TCP4  192.168.0.1 192.168.0.11 56324 443\r\n",
    "PROXY TCP4 192.168.0.01 192.168.0.11 56324 443\r\n",
    "PROXY TCP4 192.168.0.256 192.168.0.11 56324 443\r\n",
    "PROXY TCP4 192.168.1 192.168.0.11 56324 443\r\n",
    "PROXY TCP4 0x7f.0.0.1 192.168.0.11 56324 443\r\n",
    "PROXY TCP4 ::1 ::1 56324 443\r\n",
    "PROXY TCP6 127.0.0.1 127.0.0.1 56324 443\r\n",
    "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    "PROXY TCP6 [::1] ::1 1 2\r\n",
    "PROXY TCP6 ::1::2 ::1 1 2\r\n",
    "PROXY TCP4 192.168.0.1 192.168.0.11 56324 65536\r\n",
    "PROXY TCP4 192.168.0.1 192.168.0.11 056324 443\r\n",
    "PROXY TCP4 192.168.0.1 192.168.0.11 -1 443\r\n",
    "PROXY TCP4 192.168.0.1 192.168.0.11 +1 443\r\n",
    "PROXY TCP4 192.168.0.1 192.168.0.11 443\r\n",
    "PROXY TCP4 example.com 192.168.0.11 1 443\r\n",
    "PROXY UDP4 192.168.0.1 192.168.0.11 1 443\r\n",
    "PROXY tcp4 192.168.0.1 192.168.0.11 1 443\r\n",
    "PROXY UNKNOWNX\r\n",
    "PROXY \r\n",
    "proxy TCP4 192.168.0.1 192.168.0.11 1 443\r\n",
    "GET / HTTP/1.1\r\n",
    `PROXY UNKNOWN ${"x".repeat(V1_BYTES_MAX)}\r\n`,
  ];
  for (const line of refused) reasonOf(read(line, "v1"));
});

Deno.test("bytes that cannot become a header are refused at the first that differs", () => {
  reasonOf(read("G"));
  reasonOf(read("PROXX"));
  reasonOf(read(new Uint8Array([0x0d, 0x0a, 0x0d, 0x0b])));
  assertEquals(read("P"), null);
  assertEquals(read("PROXY "), null);
  assertEquals(read("\r\n\r\n\0\r\nQUIT"), null);
  assertEquals(read(""), null);
});

Deno.test("a version that is not asked for is refused", () => {
  const line = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n";
  const bytes = binary(0x21, 0x11, IPV4_BLOCK);
  reasonOf(read(line, "v2"));
  reasonOf(read(bytes, "v1"));
  assertEquals(headerOf(read(line, "any")).version, 1);
  assertEquals(headerOf(read(bytes, "any")).version, 2);
});

Deno.test("a header of version 2 says where the client is, and how it is connected", () => {
  for (const [family, transport] of [[0x11, "stream"], [0x12, "datagram"]] as const) {
    const header = headerOf(read(binary(0x21, family, IPV4_BLOCK), "v2"));
    assertEquals([header.version, header.command, header.transport], [2, "proxy", transport]);
    assertEquals(String(header.source), "192.0.2.1:1");
    assertEquals(String(header.destination), "198.51.100.2:2");
  }
  const block = [...new Array(15).fill(0), 1, 0x20, ...new Array(15).fill(1), 1, 187, 255, 255];
  const six = headerOf(read(binary(0x21, 0x21, block)));
  assertEquals(String(six.source), "[::1]:443");
  assertEquals(six.destination!.port, 65535);
});

Deno.test("a header of version 2 can name Unix sockets", () => {
  const path = [...encoder.encode("/run/x"), ...new Array(102).fill(0)];
  const abstract = [0, ...encoder.encode("name"), ...new Array(103).fill(0)];
  const header = headerOf(read(binary(0x21, 0x31, [...path, ...abstract])));
  assertEquals(String(header.source), "unix:/run/x");
  assertEquals(String(header.destination), "unix:@name");
  const unnamed = headerOf(read(binary(0x21, 0x32, new Array(216).fill(0))));
  assertEquals([unnamed.source!.host, unnamed.transport], ["", "datagram"]);
  const full = headerOf(read(binary(0x21, 0x31, new Array(216).fill(0x61))));
  assertEquals(full.source!.byteLength, 108);
});

Deno.test("LOCAL means the connection itself, whatever else the header has", () => {
  for (const family of [0x00, 0x11, 0xff]) {
    const outcome = read(binary(0x20, family, [9, 9, 9]));
    assertEquals(headerOf(outcome), { version: 2, command: "local", ...NOTHING_SAID });
    assertEquals((outcome as { length: number }).length, 19);
  }
});

Deno.test("an unspecified family or transport says nothing", () => {
  for (const family of [0x00, 0x01, 0x10, 0x20]) {
    const { source, transport } = headerOf(read(binary(0x21, family, new Array(40).fill(7))));
    assertEquals([source, transport], [null, "unspecified"]);
  }
});

Deno.test("values of version 2 that are not assigned are refused", () => {
  reasonOf(read(binary(0x11, 0x11, IPV4_BLOCK)));
  reasonOf(read(binary(0x31, 0x11, IPV4_BLOCK)));
  reasonOf(read(binary(0x22, 0x11, IPV4_BLOCK)));
  reasonOf(read(binary(0x21, 0x41, IPV4_BLOCK)));
  reasonOf(read(binary(0x21, 0x13, IPV4_BLOCK)));
});

Deno.test("a header of version 2 too short for its addresses is refused before they come", () => {
  const bytes = binary(0x21, 0x11, IPV4_BLOCK.slice(0, 11));
  assertEquals(reasonOf(read(bytes.subarray(0, 16))), "it is too short for its addresses");
});

Deno.test("a header of version 2 that is too long is refused before it comes", () => {
  for (const length of [PROXY_HEADER_BYTES_MAX - 15, 65535]) {
    const bytes = binary(0x21, 0x11, []);
    bytes[14] = length >> 8;
    bytes[15] = length & 0xff;
    assert(reasonOf(read(bytes)).includes("more than"));
  }
});

Deno.test("TLVs are handed out, padding is not, and what is cut off is refused", () => {
  const alpn = [ProxyTlvType.ALPN, 0, 2, 0x68, 0x32];
  const noop = [0x04, 0, 3, 1, 2, 3];
  const empty = [0xe0, 0, 0];
  const { tlvs } = headerOf(read(binary(0x21, 0x11, [...IPV4_BLOCK, ...alpn, ...noop, ...empty])));
  assertEquals(tlvs, [
    { type: ProxyTlvType.ALPN, value: encoder.encode("h2") },
    { type: 0xe0, value: new Uint8Array(0) },
  ]);
  for (let cut = 1; cut < alpn.length; cut++) {
    reasonOf(read(binary(0x21, 0x11, [...IPV4_BLOCK, ...alpn.slice(0, cut)])));
  }
});

Deno.test("a checksum is checked: a header with any bit turned over is refused", () => {
  const header: ProxyHeader = {
    version: 2,
    command: "proxy",
    transport: "stream",
    source: SocketAddress.parse("192.0.2.1:1"),
    destination: SocketAddress.parse("198.51.100.2:2"),
    tlvs: [{ type: ProxyTlvType.AUTHORITY, value: encoder.encode("example.com") }],
  };
  const bytes = writeProxyHeader(header, true);
  assertEquals(headerOf(read(bytes)), header);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const turned = bytes.slice();
    turned[bit >> 3] ^= 1 << (bit & 7);
    const outcome = read(turned);
    // LOCAL and UNSPEC say nothing, so nothing of them is believed; a longer one is waited for; and
    // what is no checksum any more checks nothing.
    const isSilent = outcome === null || "header" in outcome && outcome.header.source === null;
    const isOther = bit >> 3 === bytes.length - 7;
    assert(isSilent || isOther || "reason" in outcome, `bit ${bit}`);
  }
});

Deno.test("two checksums, and one of the wrong size, are refused", () => {
  const crc = [0x03, 0, 4, 0, 0, 0, 0];
  reasonOf(read(binary(0x21, 0x11, [...IPV4_BLOCK, ...crc, ...crc])));
  assertEquals(
    reasonOf(read(binary(0x21, 0x11, [...IPV4_BLOCK, 0x03, 0, 3, 0, 0, 0]))),
    "its checksum is wrong",
  );
});

Deno.test("headers that cannot be written are refused, with the reason", () => {
  const [four, six] = [SocketAddress.parse("1.2.3.4:5"), SocketAddress.parse("[::1]:5")];
  const unix = SocketAddress.parse("unix:/x");
  const header = { command: "proxy", transport: "stream", tlvs: [] } as const;
  const tlvs = [{ type: 1, value: new Uint8Array(1) }];
  for (const version of [1, 2] as const) {
    const mixed = { ...header, version, source: four, destination: six };
    assertThrows(() => writeProxyHeader(mixed), TypeError, "1.2.3.4:5 and [::1]:5");
  }
  const v1 = { ...header, version: 1 } as const;
  assertThrows(() => writeProxyHeader({ ...v1, source: unix, destination: unix }), TypeError);
  assertThrows(() => writeProxyHeader({ ...v1, source: four, destination: four, tlvs }), TypeError);
  const local = { version: 2, command: "local", ...NOTHING_SAID } as const;
  assertThrows(() => writeProxyHeader({ ...local, tlvs }), TypeError);
  const long = [{ type: 1, value: new Uint8Array(PROXY_HEADER_BYTES_MAX) }];
  const v2 = { ...header, version: 2, source: four, destination: four, tlvs: long } as const;
  assertThrows(() => writeProxyHeader(v2), RangeError, "at most 8192 bytes");
});

const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const ports = fc.integer({ min: 0, max: 65535 });
const ipv4 = fc.tuple(bytesOf(4), ports).map(([bytes, port]) => SocketAddress.ipv4(bytes, port));
const ipv6 = fc.tuple(
  fc.oneof(
    bytesOf(16),
    bytesOf(4).map((tail) => new Uint8Array([...new Array(10).fill(0), 255, 255, ...tail])),
    fc.array(fc.constantFrom(0, 1), { minLength: 16, maxLength: 16 }),
  ),
  ports,
).map(([bytes, port]) => SocketAddress.ipv6(bytes, port));
/** No NUL within, as in `sun_path`; a path may fill it, an abstract name has one byte less. */
const name = fc.uint8Array({ min: 1, minLength: 1, maxLength: 107 });
const unix = fc.oneof(
  name.map((bytes) => SocketAddress.unixFromBytes(bytes)),
  name.map((bytes) => SocketAddress.unixFromBytes([0, ...bytes])),
  fc.constant(SocketAddress.unixFromBytes([])),
);
const tlv: fc.Arbitrary<ProxyTlv> = fc.record({
  type: fc.integer({ min: 0, max: 255 }).filter((type) => type !== 3 && type !== 4),
  value: fc.uint8Array({ maxLength: 300 }),
});

const said = (version: 1 | 2, pair: fc.Arbitrary<SocketAddress>) =>
  fc.record({
    version: fc.constant(version),
    command: fc.constant("proxy" as const),
    transport: version === 1
      ? fc.constant("stream" as const)
      : fc.constantFrom("stream" as const, "datagram" as const),
    source: pair,
    destination: pair,
    tlvs: version === 1 ? fc.constant([]) : fc.array(tlv, { maxLength: 8 }),
  });
const headers: fc.Arbitrary<ProxyHeader> = fc.oneof(
  said(1, ipv4),
  said(1, ipv6),
  said(2, ipv4),
  said(2, ipv6),
  said(2, unix),
  fc.constantFrom<ProxyHeader>(
    { version: 1, command: "proxy", ...NOTHING_SAID },
    { version: 2, command: "proxy", ...NOTHING_SAID },
    { version: 2, command: "local", ...NOTHING_SAID },
  ),
);

/** What can be compared: addresses by their bytes, as text of them need not be faithful. */
function comparable({ source, destination, ...rest }: ProxyHeader): unknown {
  const address = (value: SocketAddress | null) =>
    value === null ? null : { ...value, bytes: [...value.bytes] };
  const tlvs = rest.tlvs.map(({ type, value }) => ({ type, value: [...value] }));
  return { ...rest, tlvs, source: address(source), destination: address(destination) };
}

Deno.test(
  "what was written is read back, whatever follows, and not a byte earlier",
  withSeed(() => {
    fc.assert(
      fc.property(headers, fc.boolean(), fc.uint8Array({ maxLength: 20 }), (header, sum, rest) => {
        const bytes = writeProxyHeader(header, sum);
        const whole = new Uint8Array([...bytes, ...rest]);
        const outcome = read(whole);
        assertEquals(comparable(headerOf(outcome)), comparable(header));
        assertEquals((outcome as { length: number }).length, bytes.length);
        for (let length = 0; length < bytes.length; length++) {
          assertEquals(readProxyHeader(whole, length, "any"), null);
        }
      }),
      { seed: SEED | 0, numRuns: scale(300, 5_000) },
    );
  }),
);

/** Bytes that begin like a header, or are one with some of them changed. */
const noise = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  fc.uint8Array({ maxLength: 400 }).map((bytes) => new Uint8Array([...SIGNATURE, ...bytes])),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => {
    return new Uint8Array([...SIGNATURE, 0x21, 0x11, 0, bytes.length, ...bytes]);
  }),
  fc.string({ maxLength: 120 }).map((text) => encoder.encode(`PROXY ${text}\r\n`)),
  fc.tuple(headers, fc.boolean(), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }))
    .map(([header, sum, changes]) => {
      const bytes = writeProxyHeader(header, sum);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return bytes;
    }),
);

Deno.test(
  "random bytes never crash the reader, and it always comes to an end",
  withSeed(() => {
    fc.assert(
      fc.property(noise, fc.constantFrom(...VERSIONS), (bytes, versions) => {
        let decided = false;
        for (let length = 0; length <= bytes.length; length++) {
          const outcome = readProxyHeader(bytes, length, versions);
          // Once it is decided, more bytes do not change it.
          if (decided) assert(outcome !== null);
          if (outcome === null) continue;
          decided = true;
          if ("header" in outcome) assert(outcome.length <= length);
        }
        // However long the rest may be, it is decided within the most bytes that are taken.
        const padded = new Uint8Array(PROXY_HEADER_BYTES_MAX);
        padded.set(bytes.subarray(0, PROXY_HEADER_BYTES_MAX));
        assert(readProxyHeader(padded, padded.length, versions) !== null || bytes.length === 0);
      }),
      { seed: SEED | 0, numRuns: scale(2_000, 100_000) },
    );
  }),
);
