import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readAddress, readResolvedAddress } from "./address_text.ts";

Deno.test("readAddress() tells numeric addresses, names and unix paths apart", () => {
  const ipv4 = { family: "IPv4", bytes: new Uint8Array([127, 0, 0, 1]), host: "127.0.0.1" };
  assertEquals<unknown>(readAddress("127.1:80"), { host: { ...ipv4, scope: "" }, port: 80 });
  const bytes = new Uint8Array(16);
  bytes[15] = 1;
  const ipv6 = { family: "IPv6", bytes, host: "::1", scope: "lo" };
  assertEquals<unknown>(readAddress("[0::1%lo]:0"), { host: ipv6, port: 0 });
  assertEquals<unknown>(readAddress("Example.COM.:443"), { name: "example.com", port: 443 });
  // Whether a path can be one is for the address to judge.
  assertEquals<unknown>(readAddress("unix:/a\0b"), { path: "/a\0b" });
});

Deno.test("readResolvedAddress() takes what readAddress() takes, but no names", () => {
  for (const text of ["127.1:80", "[::1]:80", "unix:@x"]) {
    assertEquals<unknown>(readResolvedAddress(text), readAddress(text));
  }
  const complaint = '"a.example:80": a name must be resolved first';
  assertThrows(() => readResolvedAddress("a.example:80"), TypeError, complaint);
});

Deno.test("malformed addresses are TypeErrors that name the text and the position", () => {
  const table: [string, number, string][] = [
    ["", 0, "port is missing"],
    ["127.0.0.1", 9, "port is missing"],
    ["example.com", 11, "port is missing"],
    ["127.0.0.1:", 10, "port is empty"],
    ["127.0.0.1:http", 10, "a port is a number"],
    ["127.0.0.1:8o", 11, "a port is a number"],
    ["127.0.0.1:-1", 10, "a port is a number"],
    ["127.0.0.1: 80", 10, "a port is a number"],
    ["127.0.0.1:80 ", 12, "a port is a number"],
    ["127.0.0.1:0x50", 11, "a port is a number"],
    [":8080", 0, '"0.0.0.0:8080"'],
    [":", 1, "port is empty"],
    ["*:80", 0, '"0.0.0.0"'],
    ["::1:80", 0, "brackets"],
    ["::1", 0, "brackets"],
    ["fe80::1%eth0:80", 4, "brackets"],
    ["[::1", 4, 'closing "]"'],
    ["[::1]", 5, "port is missing"],
    ["[::1]80", 5, "port is missing"],
    ["[]:80", 1, "host is empty"],
    ["[127.0.0.1]:80", 1, "brackets are for IPv6"],
    ["[localhost]:80", 1, "brackets are for IPv6"],
    ["[:::]:80", 2, "only once"],
    ["[1::2::3]:80", 5, "only once"],
    ["[:1::2]:80", 1, "no group"],
    ["[1:2:3]:80", 6, "8 groups"],
    ["[1:2:3:4:5:6:7:8:9]:80", 1, "too many groups"],
    ["[1:2:3:4::5:6:7:8]:80", 1, "too many groups"],
    ["[12345::]:80", 1, "no group"],
    ["[::g]:80", 3, "no group"],
    ["[1:2:]:80", 5, "no group"],
    ["[::1.2.3]:80", 3, "four decimal numbers"],
    ["[::1.2.3.256]:80", 9, "larger than 255"],
    ["[::ffff:0x7f.0.0.1]:80", 8, "four decimal numbers"],
    ["[::ffff:127.0.0.01]:80", 8, "four decimal numbers"],
    ["[1.2.3.4::]:80", 1, "no group"],
    ["[::1.2.3.4:1]:80", 3, "no group"],
    ["[fe80::1%]:80", 9, "zone is empty"],
    ["[fe80::1%eth 0]:80", 12, "zone cannot have"],
    ["[fe80::1%a/b]:80", 10, "zone cannot have"],
    ["[fe80::1%a%b]:80", 10, "zone cannot have"],
    ["[fe80::1%abcdefghijklmnop]:80", 24, "at most 15"],
    ["[fe80::1%4294967296]:80", 9, "larger than"],
    ["256.0.0.1:80", 0, "larger than 255"],
    ["1.2.3.256:80", 6, "larger than 255"],
    ["1.2.65536:80", 4, "larger than 65535"],
    ["1.16777216:80", 2, "larger than 16777215"],
    ["4294967296:80", 0, "larger than 4294967295"],
    ["1.2.3.4.5:80", 7, "at most four parts"],
    ["1.2.3.08:80", 6, "no number"],
    ["0x:80", 0, "no number"],
    ["0xg.1:80", 4, "end in a number"],
    ["127.0.0.1.:80", 9, "at most four parts"],
    ["example.1:80", 8, "end in a number"],
    ["example.0x1:80", 8, "end in a number"],
    ["exa mple.com:80", 3, "cannot have the character"],
    ["1.2.3.4 :80", 7, "cannot have the character"],
    ["b\u00fccher.example:80", 1, "xn--"],
    ["\uff11\uff12\uff17.1:80", 0, "cannot have the character"],
    ["a..b:80", 2, "label of the name is empty"],
    [".a:80", 0, "label of the name is empty"],
    ["-a.b:80", 0, "starts with a hyphen"],
    ["b.a-:80", 3, "ends with a hyphen"],
    ["unix:", 5, "path is empty"],
  ];
  for (const [text, position, reason] of table) {
    const error = assertThrows(() => readAddress(text), TypeError, undefined, text);
    assertStringIncludes(error.message, JSON.stringify(text));
    assertStringIncludes(error.message, reason, text);
    assertStringIncludes(error.message, `(position ${position})`, text);
  }
});
