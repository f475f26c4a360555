import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { scale, withSeed } from "../../tests/support/seed.ts";
import { SocketAddress } from "./address.ts";
import { type AddressInput, isHostPort, parseAddress } from "./address_input.ts";
import { hostNameProblem, normalizeHostName } from "./host_name.ts";
import { inspectHost } from "./ip_text.ts";

Deno.test("ports out of range are RangeErrors", () => {
  for (const port of ["65536", "99999", "1".repeat(400)]) {
    for (const host of ["127.0.0.1", "[::1]", "example.com"]) {
      assertThrows(() => parseAddress(`${host}:${port}`), RangeError, "larger than 65535");
    }
  }
  for (const port of [-1, 65536, 1.5, NaN, Infinity]) {
    assertThrows(() => parseAddress({ hostname: "127.0.0.1", port }), RangeError, String(port));
    assertThrows(() => SocketAddress.ipv4([1, 2, 3, 4], port), RangeError);
    assertThrows(() => SocketAddress.ipv6(new Uint8Array(16), port), RangeError);
  }
  assertEquals(SocketAddress.parse("1.2.3.4:65535").port, 65535);
  assertEquals(SocketAddress.parse("1.2.3.4:0").port, 0);
  assertEquals(SocketAddress.parse("1.2.3.4:0080").port, 80);
});

Deno.test("parseAddress() gives names in lower case without their trailing dot", () => {
  const table: [string, string][] = [
    ["localhost:80", "localhost"],
    ["Example.COM.:443", "example.com"],
    ["_http._tcp.example.com:1", "_http._tcp.example.com"],
    ["xn--bcher-kva.example:1", "xn--bcher-kva.example"],
    ["1a:1", "1a"],
    ["1.2.3.4.example:1", "1.2.3.4.example"],
    ["0x7f.example:1", "0x7f.example"],
    ["a--b.c:1", "a--b.c"],
    [`${"a".repeat(63)}.b:1`, `${"a".repeat(63)}.b`],
    [`${"a.".repeat(126)}b:1`, `${"a.".repeat(126)}b`],
  ];
  for (const [text, name] of table) {
    const parsed = parseAddress(text);
    assert(isHostPort(parsed), text);
    assertEquals(parsed.name, name);
    assertThrows(() => SocketAddress.parse(text), TypeError, "resolved first");
  }
  assertThrows(() => parseAddress(`${"a".repeat(64)}:1`), TypeError, "more than 63");
  assertThrows(() => parseAddress(`${"a.".repeat(126)}bb:1`), TypeError, "at most 253");
  assertThrows(() => normalizeHostName(""), TypeError, "empty");
  assertThrows(() => normalizeHostName("127.0.0.1"), TypeError, "end in a number");
  assertEquals(hostNameProblem("ok.example"), undefined);
  assertEquals(hostNameProblem("a.b_!")?.position, 4);
});

Deno.test("parseAddress() takes Deno's address objects and passes addresses through", () => {
  const table: [AddressInput, string][] = [
    [{ hostname: "127.1", port: 80 }, "127.0.0.1:80"],
    [{ transport: "udp", hostname: "::1", port: 80 }, "[::1]:80"],
    [{ transport: "tcp", hostname: "[::1]", port: 80 }, "[::1]:80"],
    [{ hostname: "fe80::1%eth0", port: 80 }, "[fe80::1%eth0]:80"],
    [{ transport: "unix", path: "/run/x" }, "unix:/run/x"],
    [{ transport: "unixpacket", path: "@x" }, "unix:@x"],
  ];
  for (const [input, text] of table) assertEquals(parseAddress(input).toString(), text);
  const address = SocketAddress.parse("1.2.3.4:5");
  assertStrictEquals(parseAddress(address), address);
  const net: Deno.NetAddr = { transport: "tcp", hostname: "Example.com", port: 5 };
  assertEquals(parseAddress(net), { name: "example.com", port: 5 });
  const unix: Deno.UnixAddr = { transport: "unix", path: "/x" };
  assertEquals(parseAddress(unix).toString(), "unix:/x");
});

Deno.test("parseAddress() refuses objects that say something it does not understand", () => {
  const table: [unknown, string][] = [
    [null, "null"],
    [undefined, "undefined"],
    [80, "number"],
    [{}, "hostname"],
    [{ hostname: "", port: 1 }, "host is empty"],
    [{ hostname: "[]", port: 1 }, "host is empty"],
    [{ hostname: "1.2.3.4" }, "port must be a number"],
    [{ hostname: "1.2.3.4", port: "80" }, "port must be a number"],
    [{ hostname: "1.2.3.4", port: 80, backlog: 5 }, '"backlog"'],
    [{ transport: "vsock", hostname: "1.2.3.4", port: 80 }, '"vsock"'],
    [{ transport: "unix", path: "" }, "empty"],
    [{ transport: "unix" }, "must be a string"],
    [{ transport: "unix", path: "/x", port: 1 }, '"port"'],
    [{ hostname: "1.2.3.4:80", port: 80 }, "no group"],
  ];
  for (const [input, reason] of table) {
    const error = assertThrows(() => parseAddress(input as AddressInput), TypeError);
    assertStringIncludes(error.message, reason);
  }
});

Deno.test(
  "random garbage throws TypeError or RangeError and nothing else",
  withSeed((random) => {
    const alphabet = [..."0123456789abcdefxX.:[]%/@*-_ unix\0\u00e9ffff", "\ud800"];
    let parsed = 0;
    for (let round = 0; round < scale(50_000, 1_000_000); round++) {
      const length = random.integer(0, 23);
      let text = "";
      for (let i = 0; i < length; i++) text += random.pick(alphabet);
      if (random.chance(0.5)) text += `:${random.integer(0, 69999)}`;
      try {
        const value = parseAddress(text);
        parsed++;
        if (!isHostPort(value)) assert(SocketAddress.parse(value.toString()).equals(value), text);
      } catch (error) {
        assert(error instanceof TypeError || error instanceof RangeError, `${text}: ${error}`);
      }
      const host = inspectHost(text);
      if ("reason" in host) assert(host.position >= 0 && host.position <= text.length, text);
    }
    assert(parsed > 100, `only ${parsed} of the texts were addresses`);
  }),
);

Deno.test("very long input is refused quickly and is cut in the message", () => {
  for (const text of ["1".repeat(1e6), "a.".repeat(5e5), ":".repeat(1e6), "[" + ":1".repeat(5e5)]) {
    for (const suffix of ["", ":80", "]:80"]) {
      const error = assertThrows(() => parseAddress(text + suffix), Error);
      assert(error instanceof TypeError || error instanceof RangeError);
      assert(error.message.length < 1000, error.message.slice(0, 200));
    }
  }
});
