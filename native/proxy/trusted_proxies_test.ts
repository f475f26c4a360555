import { assert, assertEquals, assertThrows } from "@std/assert";
import { TrustedProxies } from "./trusted_proxies.ts";
import { SocketAddress } from "../../ring/abi/address.ts";

function has(network: string, host: string): boolean {
  const text = host.includes(":") ? `[${host}]:1` : `${host}:1`;
  const address = host.startsWith("unix:") ? host : text;
  return new TrustedProxies([network]).has(SocketAddress.parse(address));
}

Deno.test("a network holds its own hosts and no others", () => {
  const cases: readonly [string, string, boolean][] = [
    ["10.0.0.0/8", "10.255.255.255", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["10.0.0.0/8", "9.255.255.255", false],
    ["192.0.2.128/25", "192.0.2.128", true],
    ["192.0.2.128/25", "192.0.2.127", false],
    ["192.0.2.7", "192.0.2.7", true],
    ["192.0.2.7", "192.0.2.6", false],
    ["0.0.0.0/0", "203.0.113.1", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["2001:db8::/33", "2001:db8:7fff::", true],
    ["2001:db8::/33", "2001:db8:8000::", false],
    ["::1", "::1", true],
    ["::/0", "fe80::1%eth0", true],
    ["::/0", "127.0.0.1", false],
  ];
  for (const [network, host, expected] of cases) {
    assertEquals(has(network, host), expected, `${network} ${host}`);
  }
});

Deno.test("an IPv4-mapped address is the IPv4 address, in the list and in the question", () => {
  assert(has("10.0.0.0/8", "::ffff:10.1.2.3"));
  assert(has("::ffff:10.0.0.0/104", "10.1.2.3"));
  assert(has("::ffff:10.0.0.0/104", "::ffff:10.1.2.3"));
  assert(!has("::ffff:10.0.0.0/104", "11.0.0.0"));
  assert(!has("::/0", "::ffff:10.1.2.3"));
});

Deno.test("peers of Unix sockets are trusted by unix: and by nothing else", () => {
  assert(has("unix:", "unix:/run/x"));
  assert(!has("0.0.0.0/0", "unix:/run/x"));
  assert(!has("::/0", "unix:@name"));
  assert(!has("unix:", "127.0.0.1"));
});

Deno.test("any network of the list will do, and an empty list trusts nobody", () => {
  const trusted = new TrustedProxies(["10.0.0.0/8", "unix:", "::1"]);
  assert(trusted.has(SocketAddress.parse("[::1]:80")));
  assert(trusted.has(SocketAddress.parse("10.0.0.1:80")));
  assert(!new TrustedProxies([]).has(SocketAddress.parse("127.0.0.1:80")));
});

Deno.test("a network that is malformed is a TypeError that names it and its place", () => {
  const malformed = [
    "10.0.0.1/8",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/8:80",
    "10.1",
    "0x7f.0.0.1",
    "::/129",
    "::1/127",
    "[::1]",
    "fe80::1%eth0",
    "example.com",
    "*",
    "",
  ];
  for (const network of malformed) {
    const error = assertThrows(() => new TrustedProxies(["::1", network]), TypeError);
    assert(error.message.startsWith(`trustedProxies[1], ${JSON.stringify(network)}: `));
  }
  assertThrows(() => new TrustedProxies([1 as unknown as string]), TypeError, "trustedProxies[0]");
  assertThrows(() => new TrustedProxies("::1" as unknown as string[]), TypeError, "an array");
  assertThrows(() => new TrustedProxies(new Array(4097).fill("::1")), RangeError, "4096");
});
