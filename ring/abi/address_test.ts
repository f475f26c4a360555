import { assert, assertEquals, assertFalse, assertStrictEquals, assertThrows } from "@std/assert";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";
import { canonicalize, SocketAddress } from "./address.ts";
import { parseAddress } from "./address_input.ts";
import { canonicalizeHost } from "./ip_text.ts";

const LOOPBACK_SPELLINGS = [
  "127.0.0.1",
  "127.1",
  "127.0.1",
  "2130706433",
  "0x7f000001",
  "0X7F000001",
  "0x7f.1",
  "0x7f.0x1",
  "0x7f.0.0.0x1",
  "0x7F.0X00.0x0.0x01",
  "0177.1",
  "0177.0.0.1",
  "0177.0.01",
  "00177.0.0.1",
  "017700000001",
  "127.0x0.0.01",
  "127.0x000001",
  "0x0000007f.1",
];

Deno.test("SocketAddress.parse() takes every spelling of 127.0.0.1 to the same address", () => {
  for (const spelling of LOOPBACK_SPELLINGS) {
    const address = SocketAddress.parse(`${spelling}:80`);
    assertEquals(address.toString(), "127.0.0.1:80", spelling);
    assertEquals([...address.bytes], [127, 0, 0, 1], spelling);
    assert(address.isLoopback, spelling);
    assert(address.equals(SocketAddress.ipv4([127, 0, 0, 1], 80)), spelling);
  }
});

const MAPPED_SPELLINGS = [
  "::ffff:127.0.0.1",
  "::FFFF:127.0.0.1",
  "::ffff:7f00:1",
  "::ffff:7f00:0001",
  "0:0:0:0:0:ffff:7f00:1",
  "0::ffff:7f00:1",
  "::0:ffff:7f00:1",
  "0:0:0:0:0:ffff:127.0.0.1",
  "0000:0000:0000:0000:0000:ffff:7f00:0001",
  "0::0:ffff:127.0.0.1",
];

Deno.test("canonicalize() turns every spelling of a mapped loopback into 127.0.0.1", () => {
  for (const spelling of MAPPED_SPELLINGS) {
    const address = SocketAddress.parse(`[${spelling}]:80`);
    assertEquals(address.family, "IPv6");
    assertEquals(address.toString(), "[::ffff:127.0.0.1]:80", spelling);
    assert(address.isIPv4Mapped && address.isLoopback && !address.isPublic, spelling);
    for (const use of ["listen", "destination"] as const) {
      assertEquals(canonicalize(address, use).toString(), "127.0.0.1:80", spelling);
    }
  }
});

Deno.test("canonicalize() makes loopback of an unspecified destination, not of a listener", () => {
  const table: [string, string, string][] = [
    ["0.0.0.0:80", "127.0.0.1:80", "0.0.0.0:80"],
    ["0:80", "127.0.0.1:80", "0.0.0.0:80"],
    ["0x0:80", "127.0.0.1:80", "0.0.0.0:80"],
    ["0.0:80", "127.0.0.1:80", "0.0.0.0:80"],
    ["00000.0x0:80", "127.0.0.1:80", "0.0.0.0:80"],
    ["[::]:80", "[::1]:80", "[::]:80"],
    ["[0:0::0:0]:80", "[::1]:80", "[::]:80"],
    ["[::%eth0]:80", "[::1]:80", "[::%eth0]:80"],
    ["[::0.0.0.0]:80", "[::1]:80", "[::]:80"],
    ["[::ffff:0.0.0.0]:80", "127.0.0.1:80", "0.0.0.0:80"],
    ["[::ffff:0:0]:80", "127.0.0.1:80", "0.0.0.0:80"],
    ["[::ffff:10.1.2.3%7]:80", "10.1.2.3:80", "10.1.2.3:80"],
    ["10.1.2.3:80", "10.1.2.3:80", "10.1.2.3:80"],
    ["[2001:db8::1]:80", "[2001:db8::1]:80", "[2001:db8::1]:80"],
    ["unix:/run/x", "unix:/run/x", "unix:/run/x"],
  ];
  for (const [text, destination, listen] of table) {
    const address = SocketAddress.parse(text);
    assertEquals(canonicalize(address, "destination").toString(), destination, text);
    assertEquals(canonicalize(address, "listen").toString(), listen, text);
  }
  const plain = SocketAddress.parse("10.1.2.3:80");
  assertStrictEquals(canonicalize(plain, "destination"), plain);
});

Deno.test("SocketAddress writes IPv6 as RFC 5952 does", () => {
  const table: [string, string][] = [
    ["2001:db8::1", "2001:db8::1"],
    ["2001:0DB8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"], // 4.2.2: a single zero group stays
    ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"], // 4.2.3: the longest run
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"], // the first of equals
    ["0:0:1::", "0:0:1::"],
    ["1:0:0:0:0:0:0:0", "1::"],
    ["::", "::"],
    ["::1", "::1"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
    ["::1.2.3.4", "::102:304"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
    ["1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"],
    ["::ffff:1:2", "::ffff:0.1.0.2"],
    ["::ffff:0:1.2.3.4", "::ffff:0:102:304"],
    ["ABCD:EF01::", "abcd:ef01::"],
  ];
  for (const [text, canonical] of table) {
    const address = SocketAddress.parse(`[${text}]:1`);
    assertEquals(address.host, canonical, text);
    assertEquals(canonicalizeHost(text)?.host, canonical, text);
  }
});

Deno.test("SocketAddress keeps the zone of an IPv6 address", () => {
  const table: [string, string, string][] = [
    ["[fe80::1%eth0]:80", "eth0", "[fe80::1%eth0]:80"],
    ["[FE80::1%Eth0.100]:80", "Eth0.100", "[fe80::1%Eth0.100]:80"],
    ["[fe80::1%2]:80", "2", "[fe80::1%2]:80"],
    ["[fe80::1%002]:80", "2", "[fe80::1%2]:80"],
    ["[fe80::1%0]:80", "", "[fe80::1]:80"],
    ["[fe80::1%4294967295]:80", "4294967295", "[fe80::1%4294967295]:80"],
    ["[fe80::1%wlp0s20f3-v_1]:0", "wlp0s20f3-v_1", "[fe80::1%wlp0s20f3-v_1]:0"],
  ];
  for (const [text, scope, canonical] of table) {
    const address = SocketAddress.parse(text);
    assertEquals(address.scope, scope, text);
    assertEquals(address.toString(), canonical, text);
    assertEquals(address.host, "fe80::1");
  }
  assertFalse(
    SocketAddress.parse("[fe80::1%1]:1").equals(SocketAddress.parse("[fe80::1%2]:1")),
  );
});

Deno.test("unix addresses have at most 107 bytes, no NUL, and tell paths from names", () => {
  assertEquals(SocketAddress.parse("unix:/run/x").host, "/run/x");
  assertEquals([...SocketAddress.unix("@ab").bytes], [0, 97, 98]);
  assert(SocketAddress.unix("@ab").isAbstract);
  assertFalse(SocketAddress.unix("./@ab").isAbstract);
  assertEquals(SocketAddress.unix("").toString(), "unix:");
  assertEquals(SocketAddress.unix("/" + "a".repeat(106)).byteLength, 107);
  assertEquals(SocketAddress.unix("@" + "a".repeat(107)).byteLength, 108);
  assertThrows(() => SocketAddress.unix("/" + "a".repeat(107)), RangeError, "108 bytes");
  assertThrows(() => SocketAddress.unix("@" + "a".repeat(108)), RangeError, "108 bytes");
  assertThrows(() => SocketAddress.unix("/" + "\u00e9".repeat(54)), RangeError, "109 bytes");
  assertThrows(() => SocketAddress.unix("/a\0b"), TypeError, "position 2");
  assertThrows(() => SocketAddress.unix("\0name"), TypeError, "@name");
  assertThrows(() => SocketAddress.unix("/\ud800"), TypeError, "surrogate");
  assertThrows(() => SocketAddress.parse("unix:/a\0b"), TypeError, "NUL");
  assertEquals(SocketAddress.unix("/\ufeffx").host, "/\ufeffx");
  assertEquals(SocketAddress.unixFromBytes([0xef, 0xbb, 0xbf, 0x61]).host, "\ufeffa");
  assertEquals(SocketAddress.unixFromBytes(new Uint8Array(108).fill(97)).byteLength, 108);
  assertThrows(() => SocketAddress.unixFromBytes(new Uint8Array(109).fill(97)), RangeError);
  // A file named "@x" and the abstract name "x" look alike but are not the same address.
  const file = SocketAddress.unixFromBytes([64, 120]);
  assertFalse(file.equals(SocketAddress.unix("@x")));
});

Deno.test("the bytes of an address cannot be changed from outside", () => {
  const source = new Uint8Array([10, 0, 0, 1]);
  const address = SocketAddress.ipv4(source, 80);
  source[0] = 127;
  address.bytes[0] = 127;
  assertEquals(address.toString(), "10.0.0.1:80");
  assertEquals([...address.bytes], [10, 0, 0, 1]);
  assertEquals(address.byteAt(0), 10);
  assertEquals(address.byteAt(4), 0);
  const Forged = SocketAddress as unknown as new (...values: unknown[]) => SocketAddress;
  assertThrows(() => new Forged(Symbol(), "IPv4", "1.2.3.4", 1, "", source), TypeError);
  assertThrows(() => SocketAddress.ipv4([1, 2, 3], 80), RangeError, "4 bytes");
  assertThrows(() => SocketAddress.ipv4([1, 2, 3, 256], 80), RangeError, "byte 3");
  assertThrows(() => SocketAddress.ipv6([1, 2, 3], 80), RangeError, "16 bytes");
  assertThrows(() => SocketAddress.ipv6(new Uint8Array(16), 80, "a b"), TypeError, "position 1");
});

Deno.test("toDenoAddr() gives objects that Deno takes and that parse back", () => {
  const net: Deno.Addr = SocketAddress.parse("1.2.3.4:5").toDenoAddr("udp");
  assertEquals(net, { transport: "udp", hostname: "1.2.3.4", port: 5 });
  for (const text of ["1.2.3.4:5", "[::1]:5", "[fe80::1%lo]:5", "unix:/x", "unix:@x"]) {
    const address = SocketAddress.parse(text);
    assert(address.equals(parseAddress(address.toDenoAddr()) as SocketAddress), text);
    assertEquals(JSON.stringify(address), JSON.stringify(text));
  }
});

/** One row: an address and the one getter that is true for it, `""` for none. */
const CLASSES: [string, string][] = [
  ["127.0.0.0", "isLoopback"],
  ["127.255.255.255", "isLoopback"],
  ["128.0.0.0", "isPublic"],
  ["0.0.0.0", "isUnspecified"],
  ["0.0.0.1", ""],
  ["10.0.0.0", "isPrivate"],
  ["10.255.255.255", "isPrivate"],
  ["11.0.0.0", "isPublic"],
  ["172.15.255.255", "isPublic"],
  ["172.16.0.0", "isPrivate"],
  ["172.31.255.255", "isPrivate"],
  ["172.32.0.0", "isPublic"],
  ["192.168.0.0", "isPrivate"],
  ["192.167.255.255", "isPublic"],
  ["192.169.0.0", "isPublic"],
  ["100.63.255.255", "isPublic"],
  ["100.64.0.0", ""],
  ["100.127.255.255", ""],
  ["100.128.0.0", "isPublic"],
  ["169.254.169.254", "isLinkLocal"],
  ["169.253.0.1", "isPublic"],
  ["192.0.0.8", ""],
  ["192.0.0.9", "isPublic"],
  ["192.0.2.1", ""],
  ["192.0.1.1", "isPublic"],
  ["192.88.99.1", ""],
  ["198.17.255.255", "isPublic"],
  ["198.18.0.0", ""],
  ["198.19.255.255", ""],
  ["198.20.0.0", "isPublic"],
  ["198.51.100.1", ""],
  ["203.0.113.1", ""],
  ["223.255.255.255", "isPublic"],
  ["224.0.0.1", "isMulticast"],
  ["239.255.255.255", "isMulticast"],
  ["240.0.0.1", ""],
  ["255.255.255.255", ""],
  ["8.8.8.8", "isPublic"],
  ["::", "isUnspecified"],
  ["::1", "isLoopback"],
  ["::2", ""],
  ["::127.0.0.1", ""],
  ["::8.8.8.8", ""],
  ["::ffff:8.8.8.8", "isPublic"],
  ["::ffff:10.0.0.1", "isPrivate"],
  ["::ffff:0.0.0.0", "isUnspecified"],
  ["::ffff:169.254.169.254", "isLinkLocal"],
  ["::ffff:224.0.0.1", "isMulticast"],
  ["64:ff9b::8.8.8.8", "isPublic"],
  ["64:ff9b::10.0.0.1", ""],
  ["64:ff9b::127.0.0.1", ""],
  ["64:ff9b:1::8.8.8.8", ""],
  ["100::1", ""],
  ["2001::1", ""],
  ["2001:1::1", "isPublic"],
  ["2001:1::4", ""],
  ["2001:2::1", ""],
  ["2001:3::1", "isPublic"],
  ["2001:4:112::1", "isPublic"],
  ["2001:4:113::1", ""],
  ["2001:10::1", ""],
  ["2001:2f::1", "isPublic"],
  ["2001:30::1", "isPublic"],
  ["2001:200::1", "isPublic"],
  ["2001:db8::1", ""],
  ["2001:4860:4860::8888", "isPublic"],
  ["2002:808:808::1", "isPublic"],
  ["2002:7f00:1::1", ""],
  ["2002:a00:1::1", ""],
  ["3fff::1", ""],
  ["3fff:fff::1", ""],
  ["3fff:1000::1", "isPublic"],
  ["4000::1", ""],
  ["5f00::1", ""],
  ["fbff::1", ""],
  ["fc00::1", "isPrivate"],
  ["fdff::1", "isPrivate"],
  ["fe00::1", ""],
  ["fe80::1", "isLinkLocal"],
  ["febf::1", "isLinkLocal"],
  ["fec0::1", ""],
  ["ff02::1", "isMulticast"],
];

Deno.test("every address belongs to at most one class, as IANA's registries say", () => {
  const getters = [
    "isLoopback",
    "isUnspecified",
    "isPrivate",
    "isPublic",
    "isMulticast",
    "isLinkLocal",
  ] as const;
  for (const [host, wanted] of CLASSES) {
    const address = parseAddress({ hostname: host, port: 1 });
    assert(address instanceof SocketAddress, host);
    assertEquals(getters.filter((getter) => address[getter]).join(), wanted, host);
  }
  const unix = SocketAddress.unix("/x");
  for (const getter of getters) assertFalse(unix[getter], getter);
});

function randomAddress(random: Random): SocketAddress {
  const port = random.integer(0, 65535);
  const kind = random.integer(0, 3);
  if (kind === 0) {
    return SocketAddress.ipv4(Uint8Array.from({ length: 4 }, () => random.integer(0, 255)), port);
  }
  if (kind === 3) {
    const length = 1 + random.integer(0, 105);
    const path = Array.from({ length }, () => String.fromCharCode(33 + random.integer(0, 93))).join(
      "",
    );
    return SocketAddress.unix((random.chance(0.5) ? "/" : "@") + path);
  }
  // Zeros in most places, so that every shape of "::" comes up.
  const bytes = Uint8Array.from(
    { length: 16 },
    () => random.integer(0, 2) === 0 ? random.integer(0, 255) : 0,
  );
  if (random.integer(0, 3) === 0) bytes.set([0xff, 0xff], 10);
  const zones = ["", "1", "eth0", "4294967295", "a.b-c_d"];
  return SocketAddress.ipv6(bytes, port, random.pick(zones));
}

Deno.test(
  "random addresses survive being written and parsed",
  withSeed((random) => {
    for (let round = 0; round < scale(20_000, 500_000); round++) {
      const address = randomAddress(random);
      const again = SocketAddress.parse(address.toString());
      assert(again.equals(address), address.toString());
      assertEquals(again.toString(), address.toString());
      for (const use of ["listen", "destination"] as const) {
        const once = canonicalize(address, use);
        assertStrictEquals(canonicalize(once, use), once);
      }
    }
  }),
);
