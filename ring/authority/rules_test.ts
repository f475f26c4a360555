import { assert, assertEquals, assertFalse, assertStringIncludes, assertThrows } from "@std/assert";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";
import { SocketAddress } from "../abi/address.ts";
import {
  admitsAddress,
  admitsName,
  coversRule,
  type NetworkRule,
  parseFileRule,
  parseRule,
  type Transport,
} from "./rules.ts";

Deno.test("parseRule() makes rules canonical, and canonical rules stay as they are", () => {
  const table: [string, string][] = [
    ["tcp://10.0.0.0/8:443", "tcp://10.0.0.0/8:443"],
    ["tcp://*.Example.COM.:*", "tcp://*.example.com:*"],
    ["udp://[2001:DB8:0::/32]:53", "udp://[2001:db8::/32]:53"],
    ["tcp://[0::1]:8000-8100", "tcp://[::1]:8000-8100"],
    ["tcp://[::1/128]:80", "tcp://[::1]:80"],
    ["tcp://*:*", "tcp://*:*"],
    ["tcp://*:0-65535", "tcp://*:*"],
    ["tcp://*:0080-80", "tcp://*:80"],
    ["tcp://0.0.0.0/0:1", "tcp://0.0.0.0/0:1"],
    ["tcp://[::/0]:1", "tcp://[::/0]:1"],
    ["tcp://127.1:80", "tcp://127.0.0.1:80"],
    ["tcp://2130706433:80", "tcp://127.0.0.1:80"],
    ["tcp://0x7f.1:80", "tcp://127.0.0.1:80"],
    ["tcp://127.0.0.1/32:80", "tcp://127.0.0.1:80"],
    ["tcp://[::ffff:127.0.0.1]:80", "tcp://127.0.0.1:80"],
    ["tcp://[::ffff:10.0.0.0/104]:80", "tcp://10.0.0.0/8:80"],
    ["tcp://[::ffff:0:0/96]:80", "tcp://0.0.0.0/0:80"],
    ["tcp://[fe80::1%eth0]:80", "tcp://[fe80::1%eth0]:80"],
    ["tcp://[fe80::%eth0/10]:80", "tcp://[fe80::%eth0/10]:80"],
    ["tcp://localhost:80", "tcp://localhost:80"],
    ["raw://10.0.0.0/8", "raw://10.0.0.0/8"],
    ["raw://*:*", "raw://*"],
    ["raw://[::1]:*", "raw://[::1]"],
    ["raw://*.example.com", "raw://*.example.com"],
    ["unix:///run/x", "unix:///run/x"],
    ["unix:///run/app/*", "unix:///run/app/*"],
    ["unix:///run/app/**", "unix:///run/app/**"],
    ["unix://@name", "unix://@name"],
    ["unix://@*", "unix://@*"],
    ["unix://*", "unix://*"],
  ];
  for (const [text, canonical] of table) {
    for (const verb of ["connect", "listen"] as const) {
      assertEquals(parseRule(text, verb).text, canonical, text);
      assertEquals(parseRule(canonical, verb), parseRule(text, verb));
    }
  }
});

Deno.test("0.0.0.0 in a rule is loopback for connecting and itself for listening", () => {
  const table: [string, string, string][] = [
    ["tcp://0.0.0.0:80", "tcp://127.0.0.1:80", "tcp://0.0.0.0:80"],
    ["tcp://0:80", "tcp://127.0.0.1:80", "tcp://0.0.0.0:80"],
    ["tcp://[::]:80", "tcp://[::1]:80", "tcp://[::]:80"],
    ["tcp://[::ffff:0.0.0.0]:80", "tcp://127.0.0.1:80", "tcp://0.0.0.0:80"],
    ["tcp://0.0.0.0/32:80", "tcp://127.0.0.1:80", "tcp://0.0.0.0:80"],
    ["tcp://[::ffff:0:0/128]:80", "tcp://127.0.0.1:80", "tcp://0.0.0.0:80"],
    ["tcp://[::%eth0/128]:80", "tcp://[::1]:80", "tcp://[::%eth0]:80"],
  ];
  for (const [text, connect, listen] of table) {
    assertEquals(parseRule(text, "connect").text, connect, text);
    assertEquals(parseRule(text, "listen").text, listen, text);
  }
});

Deno.test("malformed rules are TypeErrors that name the rule and the position", () => {
  const table: [string, number, string][] = [
    ["", 0, "does not start with"],
    ["10.0.0.0/8:443", 0, "does not start with"],
    ["http://x:80", 0, "does not start with"],
    ["TCP://x:80", 0, "does not start with"],
    ["tcp:/x:80", 0, "does not start with"],
    ["tcp://", 6, "port is missing"],
    ["tcp://10.0.0.0/8", 16, 'write ":*"'],
    ["tcp://example.com", 17, "port is missing"],
    ["tcp://[::1]", 11, "port is missing"],
    ["tcp://:80", 6, "host is empty"],
    ["tcp://x:", 8, "ports are written"],
    ["tcp://x:http", 8, "ports are written"],
    ["tcp://x:80-", 8, "ports are written"],
    ["tcp://x:-80", 8, "ports are written"],
    ["tcp://x:80,81", 8, "ports are written"],
    ["tcp://x:80/path", 8, "ports are written"],
    ["tcp://x: 80", 8, "ports are written"],
    ["tcp://x:65536", 8, "larger than 65535"],
    ["tcp://x:1-65536", 10, "larger than 65535"],
    ["tcp://x:90-80", 11, "ends before it starts"],
    ["tcp://10.0.0.0/33:443", 15, "larger than 32"],
    ["tcp://[::/129]:443", 10, "larger than 128"],
    ["tcp://10.0.0.0/:443", 15, "a prefix length is a number"],
    ["tcp://10.0.0.0/-1:443", 15, "a prefix length is a number"],
    ["tcp://10.0.0.0/8/8:443", 15, "a prefix length is a number"],
    ["tcp://10.0.0.1/8:443", 6, '"10.0.0.0/8"'],
    ["tcp://[2001:db8::1/32]:443", 7, '"2001:db8::/32"'],
    ["tcp://192.168/16:443", 6, "four decimal parts"],
    ["tcp://010.0.0.0/8:443", 6, "four decimal parts"],
    ["tcp://example.com/8:443", 6, "no number"],
    ["tcp://*/8:443", 6, "no number"],
    ["tcp://[10.0.0.0/8]:443", 6 + 1, "brackets are for IPv6"],
    ["tcp://[::1:443", 14, 'closing "]"'],
    ["tcp://[::1]443", 11, "port is missing"],
    ["tcp://[]:443", 7, "no number"],
    ["tcp://[::g]:443", 9, "no group"],
    ["tcp://::1:443", 6, "in brackets"],
    ["tcp://2001:db8::/32:443", 10, "in brackets"],
    ["tcp://256.0.0.1:443", 14, "end in a number"],
    ["tcp://1.2.3.4.5:443", 14, "end in a number"],
    ["tcp://*.*.com:443", 8, "whole labels"],
    ["tcp://a*.com:443", 7, "whole labels"],
    ["tcp://a..b:443", 8, "empty"],
    ["tcp://user@host:443", 10, "cannot have the character"],
    ["raw://*:80", 8, "no ports"],
    ["raw://", 6, "host is empty"],
    ["unix://", 7, "slash"],
    ["unix://run/x", 7, "slash"],
    ["unix:///", 7, "empty"],
    ["unix:///run/../x", 12, '".."'],
    ["unix:///run/*/x", 12, "whole last part"],
    ["unix://@a*", 9, "in full"],
    ["unix:///" + "a".repeat(107), 7, "at most 107"],
    ["unix://@" + "a".repeat(108), 7, "at most 107"],
    ["unix:///\ud800", 7, "surrogate"],
  ];
  for (const [text, position, reason] of table) {
    for (const verb of ["connect", "listen"] as const) {
      const error = assertThrows(() => parseRule(text, verb), TypeError, undefined, text);
      assertStringIncludes(error.message, JSON.stringify(text.slice(0, 100)).slice(0, -1));
      assertStringIncludes(error.message, reason, text);
      assertStringIncludes(error.message, `(position ${position})`, text);
    }
  }
  assertThrows(() => parseRule(5 as unknown as string, "connect"), TypeError, "string");
});

Deno.test("parseFileRule() reads file:// and an absolute pattern", () => {
  assertEquals(parseFileRule("file:///srv/www/**"), { kind: "below", path: "/srv/www" });
  assertEquals(parseFileRule("file:///a%20b"), { kind: "path", path: "/a%20b" });
  assertThrows(() => parseFileRule("/srv/www"), TypeError, "(position 0)");
  assertThrows(() => parseFileRule("file://srv/www"), TypeError, "(position 7)");
  assertThrows(() => parseFileRule("file:///srv/../x"), TypeError, "(position 12)");
  assertThrows(() => parseFileRule(undefined as unknown as string), TypeError, "string");
});

/** Rules, and addresses that they do and do not admit. */
const ADMITS: [string, string[], string[]][] = [
  [
    "tcp://10.0.0.0/8:443",
    ["10.0.0.0:443", "10.255.255.255:443"],
    ["11.0.0.0:443", "9.255.255.255:443", "10.0.0.1:444", "[::a00:1]:443", "unix:/x"],
  ],
  ["tcp://10.1.128.0/17:1", ["10.1.128.0:1", "10.1.255.255:1"], ["10.1.127.255:1", "10.2.128.0:1"]],
  ["tcp://1.2.3.4:5-7", ["1.2.3.4:5", "1.2.3.4:7"], ["1.2.3.4:4", "1.2.3.4:8", "1.2.3.5:5"]],
  ["tcp://*:80", ["1.2.3.4:80", "[2001:db8::1]:80", "0.0.0.0:80"], ["1.2.3.4:81", "unix:/x"]],
  ["tcp://0.0.0.0/0:*", ["0.0.0.0:0", "255.255.255.255:65535"], ["[::]:80"]],
  ["tcp://[::/0]:*", ["[::]:0", "[ffff::]:65535"], ["0.0.0.0:80"]],
  ["tcp://[fe80::1]:1", ["[fe80::1]:1", "[fe80::1%eth0]:1"], ["[fe80::2]:1"]],
  ["tcp://[fe80::1%eth0]:1", ["[fe80::1%eth0]:1"], ["[fe80::1]:1", "[fe80::1%eth1]:1"]],
  ["tcp://[fe80::%eth0/10]:1", ["[febf::9%eth0]:1"], ["[fec0::1%eth0]:1", "[fe80::1%2]:1"]],
  ["tcp://*.example.com:*", [], ["1.2.3.4:80"]],
  ["tcp://1.2.3.4:0", ["1.2.3.4:0"], ["1.2.3.4:1"]],
  ["tcp://1.2.3.4:1-65535", ["1.2.3.4:1"], ["1.2.3.4:0"]],
];

Deno.test("a rule admits the addresses of its networks and ports, and no others", () => {
  for (const [text, inside, outside] of ADMITS) {
    const rule = parseRule(text, "listen");
    for (const address of inside) {
      assert(admitsAddress(rule, "tcp", SocketAddress.parse(address)), `${text} ${address}`);
      assertFalse(admitsAddress(rule, "udp", SocketAddress.parse(address)), text);
    }
    for (const address of outside) {
      assertFalse(admitsAddress(rule, "tcp", SocketAddress.parse(address)), `${text} ${address}`);
    }
  }
  const raw = parseRule("raw://10.0.0.0/8", "connect");
  assert(admitsAddress(raw, "raw", SocketAddress.parse("10.0.0.1:1")));
  assertFalse(admitsAddress(raw, "raw", SocketAddress.parse("11.0.0.1:1")));
  const any = parseRule("raw://*", "connect");
  assertFalse(admitsAddress(any, "raw", SocketAddress.parse("unix:/x")));
});

Deno.test("unix rules tell paths, abstract names and unnamed sockets apart", () => {
  const bytes = (...values: number[]): SocketAddress => SocketAddress.unixFromBytes(values);
  const path = SocketAddress.unix("/run/app/x");
  const deep = SocketAddress.unix("/run/app/y/x");
  const untidy = SocketAddress.unix("/run//./app/x");
  const upwards = SocketAddress.unix("/run/app/../x");
  const relative = SocketAddress.unix("app/x");
  const abstract = SocketAddress.unix("@name");
  const longer = bytes(0, 110, 97, 109, 101, 0);
  const file = bytes(64, 110, 97, 109, 101); // a relative file that is called "@name"
  const broken = bytes(47, 114, 117, 110, 47, 97, 112, 112, 47, 0xff);
  const replaced = SocketAddress.unix("/run/app/\ufffd");
  const slashed = SocketAddress.unix("@/run/app/x"); // an abstract name that looks like a path
  const unnamed = SocketAddress.unix("");
  const everything = [
    ...[path, deep, untidy, upwards, relative, abstract, longer, slashed],
    ...[file, broken, replaced, unnamed],
  ];
  const table: [string, SocketAddress[]][] = [
    ["unix://*", everything],
    ["unix:///run/app/x", [path, untidy]],
    ["unix:///run/app/*", [path, untidy, replaced]],
    ["unix:///run/**", [path, deep, untidy, replaced]],
    ["unix:///run/app/\ufffd", [replaced]],
    ["unix:///x", []],
    ["unix://@name", [abstract]],
    ["unix://@*", [abstract, longer, slashed]],
    ["unix://@/run/app/x", [slashed]],
  ];
  for (const [text, admitted] of table) {
    const rule = parseRule(text, "connect");
    for (const address of everything) {
      const wanted = admitted.includes(address);
      assertEquals(admitsAddress(rule, "unix", address), wanted, `${text} ${address}`);
      assertFalse(admitsAddress(rule, "tcp", address));
    }
    assertFalse(admitsAddress(rule, "unix", SocketAddress.parse("1.2.3.4:5")));
  }
});

Deno.test("a rule says what it thinks of a name before it is resolved", () => {
  const table: [string, ReturnType<typeof admitsName>][] = [
    ["tcp://*:*", "any"],
    ["tcp://*:80", "any"],
    ["tcp://*:81", undefined],
    ["udp://*:80", undefined],
    ["tcp://a.example.com:80", "name"],
    ["tcp://*.example.com:80", "name"],
    ["tcp://*.example.com:81", undefined],
    ["tcp://example.com:80", undefined],
    ["tcp://10.0.0.0/8:80", "network"],
    ["tcp://10.0.0.0/8:81", undefined],
    ["unix://*", undefined],
  ];
  for (const [text, wanted] of table) {
    assertEquals(admitsName(parseRule(text, "connect"), "tcp", "a.example.com", 80), wanted, text);
  }
  assertEquals(admitsName(parseRule("raw://*.com", "connect"), "raw", "a.com", 7), "name");
});

Deno.test("coversRule() needs the same transport and everything inside", () => {
  const covers = (parent: string, child: string): boolean =>
    coversRule(parseRule(parent, "connect"), parseRule(child, "connect"));
  const yes: [string, string][] = [
    ["tcp://*:*", "tcp://10.0.0.0/8:443"],
    ["tcp://*:*", "tcp://*.example.com:1-2"],
    ["tcp://10.0.0.0/8:*", "tcp://10.1.0.0/16:443"],
    ["tcp://10.0.0.0/8:1-9", "tcp://10.0.0.0/8:2-9"],
    ["tcp://0.0.0.0/0:*", "tcp://[::ffff:10.0.0.0/104]:1"],
    ["tcp://*.example.com:*", "tcp://*.a.example.com:1"],
    ["tcp://*.example.com:*", "tcp://a.example.com:1"],
    ["tcp://[fe80::/10]:*", "tcp://[fe80::1%eth0]:1"],
    ["tcp://127.0.0.1:80", "tcp://0.0.0.0:80"],
    ["raw://*", "raw://10.0.0.0/8"],
    ["unix://*", "unix://@x"],
    ["unix://*", "unix:///**"],
    ["unix://@*", "unix://@x"],
    ["unix:///run/**", "unix:///run/app/*"],
  ];
  const no: [string, string][] = [
    ["tcp://*:80", "tcp://*:*"],
    ["udp://*:*", "tcp://1.2.3.4:5"],
    ["tcp://10.1.0.0/16:*", "tcp://10.0.0.0/8:443"],
    ["tcp://10.0.0.0/8:2-9", "tcp://10.0.0.0/8:1-9"],
    ["tcp://0.0.0.0/0:*", "tcp://[2001:db8::/32]:1"],
    ["tcp://0.0.0.0/0:*", "tcp://*:1"],
    ["tcp://0.0.0.0/0:*", "tcp://example.com:1"],
    ["tcp://*.example.com:*", "tcp://1.2.3.4:1"],
    ["tcp://*.example.com:*", "tcp://example.com:1"],
    ["tcp://*.example.com:*", "tcp://*:1"],
    ["tcp://[fe80::1%eth0]:*", "tcp://[fe80::1]:1"],
    ["tcp://[fe80::1%eth0]:*", "tcp://[fe80::1%eth1]:1"],
    ["unix://@*", "unix:///x"],
    ["unix:///**", "unix://@x"],
    ["unix://@x", "unix://@*"],
    ["unix:///run/*", "unix://*"],
    ["unix://*", "tcp://*:*"],
    ["tcp://*:*", "unix://*"],
  ];
  for (const [parent, child] of yes) assert(covers(parent, child), `${parent} over ${child}`);
  for (const [parent, child] of no) assertFalse(covers(parent, child), `${parent} over ${child}`);
});

/** A random rule over 10.0.0.0/24 and four ports: a world small enough to try all of it. */
function randomRule(random: Random): NetworkRule {
  const prefix = random.integer(24, 32);
  const last = random.integer(0, 255) & 0xff << (32 - prefix) & 0xff;
  const host = random.chance(0.1) ? "*" : `10.0.0.${last}/${prefix}`;
  const low = random.integer(0, 3);
  const ports = random.chance(0.2) ? "*" : `${low}-${random.integer(low, 3)}`;
  return parseRule(`${random.chance(0.9) ? "tcp" : "udp"}://${host}:${ports}`, "listen");
}

Deno.test(
  "coversRule() agrees with trying every address of a small world",
  withSeed((random) => {
    const addresses = Array.from(
      { length: 256 * 4 },
      (_, index) => SocketAddress.ipv4([10, 0, 0, index >> 2], index & 3),
    );
    // One outside of the networks and one beyond the ports, for the rules with a star.
    addresses.push(SocketAddress.ipv4([11, 0, 0, 0], 0), SocketAddress.ipv4([10, 0, 0, 0], 9));
    addresses.push(SocketAddress.ipv4([11, 0, 0, 0], 3), SocketAddress.ipv4([11, 0, 0, 0], 2));
    addresses.push(SocketAddress.ipv4([11, 0, 0, 0], 1));
    for (const last of [0, 255]) addresses.push(SocketAddress.ipv4([10, 0, 0, last], 65535));
    const transports: Transport[] = ["tcp", "udp"];
    let covered = 0;
    for (let round = 0; round < scale(2_000, 100_000); round++) {
      const parent = randomRule(random);
      const child = randomRule(random);
      // A star port admits 9 and 65535 wherever its host does; the samples above hold some.
      const included = transports.every((transport) =>
        addresses.every((address) =>
          !admitsAddress(child, transport, address) || admitsAddress(parent, transport, address)
        )
      );
      const covers = coversRule(parent, child);
      const text = `${parent.text} over ${child.text}`;
      if (covers) assert(included, text);
      const starPorts = child.transport !== "unix" && child.high > 3;
      if (!starPorts) assertEquals(covers, included, text);
      if (covers) covered++;
    }
    assert(covered > 20, `only ${covered} rounds had a rule that covers another`);
  }),
);

Deno.test(
  "random garbage is a TypeError and nothing else",
  withSeed((random) => {
    const alphabet = [..."0123456789abfx.:[]%/@*-_ \0\u00e9"];
    const starts = [
      "tcp://",
      "udp://[",
      "unix://",
      "unix:///",
      "raw://",
      "tcp://*",
      "tcp://0.0.0.0/",
      "",
    ];
    let parsed = 0;
    for (let round = 0; round < scale(50_000, 1_000_000); round++) {
      let text = random.pick(starts);
      const length = random.integer(0, 12);
      for (let i = 0; i < length; i++) text += random.pick(alphabet);
      if (random.chance(0.5)) text += random.pick([":80", ":*", "/8:*", "]:1-2", "/**"]);
      try {
        const verb = random.pick(["connect", "listen"] as const);
        const rule = parseRule(text, verb);
        parsed++;
        // Rules travel to other threads as text: they must not mean something else there.
        assertEquals(parseRule(rule.text, verb), rule);
        assert(coversRule(rule, rule), rule.text);
      } catch (error) {
        assert(error instanceof TypeError, `${text}: ${error}`);
      }
    }
    assert(parsed > 100, `only ${parsed} of the texts were rules`);
  }),
);
