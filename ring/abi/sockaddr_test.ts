import { assert, assertEquals, assertThrows } from "@std/assert";
import { scale, withSeed } from "../../tests/support/seed.ts";
import { SocketAddress } from "./address.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  AF_UNSPEC,
  decodeSockaddr,
  encodeSockaddr,
  SOCKADDR_IN6_SIZE,
  SOCKADDR_IN_SIZE,
  SOCKADDR_MAX,
  SOCKADDR_UN_SIZE,
} from "./sockaddr.ts";

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Encodes into memory full of ones: what is not written on purpose would show. */
function encode(text: string, scopeIndex?: (zone: string) => number): string {
  const into = new Uint8Array(SOCKADDR_MAX + 16).fill(0xff);
  const length = encodeSockaddr(SocketAddress.parse(text), into, 8, scopeIndex);
  assert(into.subarray(0, 8).every((byte) => byte === 0xff), "wrote in front of its place");
  assert(into.subarray(8 + length).every((byte) => byte === 0xff), "wrote past its length");
  return hex(into.subarray(8, 8 + length));
}

/** Addresses and the bytes that a C program on x86-64 has for them. */
const GOLDEN: [string, string][] = [
  ["127.0.0.1:80", "02000050" + "7f000001" + "0000000000000000"],
  ["192.168.1.2:65535", "0200ffff" + "c0a80102" + "0000000000000000"],
  ["0.0.0.0:0", "02000000" + "00000000" + "0000000000000000"],
  [
    "[2001:db8::1]:443",
    "0a0001bb" + "00000000" + "20010db8000000000000000000000001" + "00000000",
  ],
  ["[fe80::1%3]:8080", "0a001f90" + "00000000" + "fe800000000000000000000000000001" + "03000000"],
  [
    "[fe80::1%4294967295]:1",
    "0a000001" + "00000000" + "fe800000000000000000000000000001" + "ffffffff",
  ],
  ["unix:/run/x", "0100" + "2f72756e2f78" + "00"],
  ["unix:@ab", "0100" + "00" + "6162"],
  ["unix:@", "0100" + "00"],
  ["unix:/\u00e9", "0100" + "2fc3a9" + "00"],
];

Deno.test("encodeSockaddr() writes the bytes of the kernel's structures", () => {
  for (const [text, bytes] of GOLDEN) assertEquals(encode(text), bytes, text);
});

Deno.test("decodeSockaddr() reads the bytes of the kernel's structures", () => {
  for (const [text, bytes] of GOLDEN) {
    const pairs = bytes.match(/../g) ?? [];
    const from = Uint8Array.from([9, 9, 9, ...pairs.map((pair) => parseInt(pair, 16)), 9, 9]);
    const address = decodeSockaddr(from, 3, pairs.length);
    assertEquals(address.toString(), text);
    assert(address.equals(SocketAddress.parse(text)), text);
  }
});

Deno.test("the sizes and families are those of the kernel's headers", () => {
  assertEquals([SOCKADDR_IN_SIZE, SOCKADDR_IN6_SIZE, SOCKADDR_UN_SIZE], [16, 28, 110]);
  assertEquals([AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6], [0, 1, 2, 10]);
  assert(SOCKADDR_MAX >= SOCKADDR_UN_SIZE && SOCKADDR_MAX % 8 === 0);
});

Deno.test("encodeSockaddr() looks up a zone that is a name", () => {
  const asked: string[] = [];
  const bytes = encode("[fe80::1%eth0]:80", (zone) => {
    asked.push(zone);
    return 0x01020304;
  });
  assertEquals(bytes.slice(-8), "04030201");
  assertEquals(asked, ["eth0"]);
  assertThrows(() => encode("[fe80::1%eth0]:80"), RangeError, "eth0");
  assertThrows(() => encode("[fe80::1%eth0]:80", () => 0), RangeError, "no interface");
  assertThrows(() => encode("[fe80::1%eth0]:80", () => NaN), RangeError, "no interface");
});

Deno.test("encodeSockaddr() writes nothing when the zone is unknown or there is no room", () => {
  const into = new Uint8Array(SOCKADDR_MAX).fill(7);
  const zoned = SocketAddress.parse("[fe80::1%eth0]:80");
  assertThrows(() => encodeSockaddr(zoned, into, 0, () => 0), RangeError);
  for (const text of ["1.2.3.4:5", "[::1]:5", "unix:/run/x"]) {
    const address = SocketAddress.parse(text);
    for (const offset of [SOCKADDR_MAX - 8, SOCKADDR_MAX, -1, 0.5, NaN]) {
      assertThrows(() => encodeSockaddr(address, into, offset), RangeError);
    }
  }
  assert(into.every((byte) => byte === 7));
});

Deno.test("decodeSockaddr() takes unnamed, cut and oversized unix addresses", () => {
  const unix = (path: number[], length = path.length): SocketAddress => {
    const from = new Uint8Array(SOCKADDR_MAX + 16);
    from.set([1, 0, ...path]);
    return decodeSockaddr(from, 0, 2 + length);
  };
  assertEquals(unix([]).host, "");
  assertEquals(decodeSockaddr(new Uint8Array(0), 0, 0).host, "");
  assertEquals(unix([]).family, "unix");
  assertEquals(unix([47, 97]).host, "/a");
  assertEquals(unix([47, 97, 0]).host, "/a");
  assertEquals(unix([47, 97, 0, 98, 98], 108).host, "/a");
  assertEquals(unix(new Array(108).fill(97)).byteLength, 108);
  assertEquals(unix(new Array(108).fill(97), 112).byteLength, 108);
  const abstract = unix([0, 97, 0, 98]);
  assert(abstract.isAbstract);
  assertEquals([...abstract.bytes], [0, 97, 0, 98]);
  assertEquals([...unix([47, 0xff]).bytes], [47, 0xff]);
});

Deno.test("a path that fills sun_path survives although no NUL follows it", () => {
  const full = SocketAddress.unixFromBytes(new Uint8Array(108).fill(97));
  const into = new Uint8Array(SOCKADDR_MAX);
  assertEquals(encodeSockaddr(full, into, 0), SOCKADDR_UN_SIZE);
  assert(decodeSockaddr(into, 0, SOCKADDR_UN_SIZE).equals(full));
});

Deno.test("decodeSockaddr() refuses short lengths and unknown families", () => {
  const from = new Uint8Array(SOCKADDR_MAX);
  const refuse = (family: number, length: number): void => {
    from[0] = family;
    assertThrows(() => decodeSockaddr(from, 0, length), RangeError);
  };
  refuse(AF_INET, 1);
  refuse(AF_INET, 7);
  refuse(AF_INET6, 23);
  refuse(AF_INET, SOCKADDR_MAX + 1);
  refuse(AF_INET, -1);
  refuse(AF_INET, 8.5);
  assertThrows(() => decodeSockaddr(from, -1, 16), RangeError);
  for (const family of [0, 3, 4, 16, 17, 255]) {
    from[0] = family;
    assertThrows(() => decodeSockaddr(from, 0, 16), TypeError, `family ${family}`);
  }
  // RFC 2133's IPv6 address without a scope, which Linux still takes.
  from.fill(0);
  from[0] = AF_INET6;
  from[23] = 1;
  assertEquals(decodeSockaddr(from, 0, 24).toString(), "[::1]:0");
});

Deno.test("addresses in shared memory are copied out of it", () => {
  const shared = new Uint8Array(new SharedArrayBuffer(64));
  encodeSockaddr(SocketAddress.parse("10.0.0.1:80"), shared, 16);
  const address = decodeSockaddr(shared, 16, 16);
  encodeSockaddr(SocketAddress.parse("127.0.0.1:80"), shared, 16);
  assertEquals(address.toString(), "10.0.0.1:80");
  shared.set([1, 0, 47, 97, 0], 0);
  assertEquals(decodeSockaddr(shared, 0, 5).host, "/a");
});

Deno.test(
  "random bytes decode to an address that encodes back, or are refused",
  withSeed((random) => {
    const families = [AF_INET, AF_INET6, AF_UNIX, AF_UNIX, 3];
    const again = new Uint8Array(SOCKADDR_MAX);
    for (let round = 0; round < scale(20_000, 500_000); round++) {
      const from = random.bytes(SOCKADDR_MAX);
      from.set([random.pick(families), 0]);
      const length = random.integer(0, SOCKADDR_MAX);
      try {
        const address = decodeSockaddr(from, 0, length);
        const written = encodeSockaddr(address, again, 0);
        assert(decodeSockaddr(again, 0, written).equals(address), address.toString());
      } catch (error) {
        assert(error instanceof TypeError || error instanceof RangeError, `${error}`);
      }
    }
  }),
);
