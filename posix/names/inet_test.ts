import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";
import { openLibcNames } from "../../tests/support/libc_names.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "../constants/sockets.ts";
import { INADDR_LOOPBACK, INADDR_NONE } from "../constants/names.ts";
import { PosixError } from "../errors.ts";
import {
  htonl,
  htons,
  inet_addr,
  inet_aton,
  inet_ntoa,
  inet_ntop,
  inet_pton,
  ntohl,
  ntohs,
  readWholeIpv4,
} from "./inet.ts";

const libc = openLibcNames();

/** Texts at the borders of what is legal, for either family. */
const EDGES: readonly string[] = [
  ..." |.|:|::|:::|0|00|1|255|256|a|g|%|-1|+1|1.|.1|1..2|1.2.3|1.2.3.|1.2.3.4|1.2.3.4.|1.2.3.4.5"
    .split("|"),
  ..."01.2.3.4|1.2.3.04|0.0.0.0|00.0.0.0|255.255.255.255|256.0.0.0|1.2.3.256|1.2.3.4x|1.2.3.4 "
    .split("|"),
  ..."1.2.3.4 junk|1.2.3.4\tjunk| 1.2.3.4|127.1|127.0.1|127.65536|127.16777215|127.16777216"
    .split("|"),
  ..."2130706433|4294967295|4294967296|99999999999999999999|0x7f.1|0X7F000001|0x|0x.1|0xg|0x7f."
    .split("|"),
  ..."0177.0.0.1|08.0.0.1|0377.0377.0377.0377|0400.0.0.1|1.0x|1.2.3.0x10|00000000000001.2.3.4"
    .split("|"),
  ..."::1|1::|1::2|::1::|1::2::3|1:2:3:4:5:6:7:8|1:2:3:4:5:6:7:8:9|1:2:3:4:5:6:7::|::2:3:4:5:6:7:8"
    .split("|"),
  ..."1:2:3:4::5:6:7:8|1:2:3:4:5:6:7|12345::|1:|:1|::1:|fe80::1%1|::ffff:1.2.3.4|::1.2.3.4"
    .split("|"),
  ..."::1.2.3|::1.2.3.4.5|::1.2.3.4:5|::01.2.3.4|1:2:3:4:5:6:1.2.3.4|1:2:3:4:5:6:7:1.2.3.4"
    .split("|"),
  ..."1:2:3:4:5:6::1.2.3.4|ABCD:EF01::|abcd:ef01::|g::|::00001|::0001|0:0:0:0:0:0:0:0|[::1]"
    .split("|"),
  "",
  "1.2.3.4::",
  "::256.1.1.1",
  "::-1",
  "1.::2",
  "1.2.3.4\n",
  "1.2.3.4\v",
  "1.2.3.4\u00a0",
  "\u0661.2.3.4",
];

/** Compared as text: assertEquals() takes too long for so many. */
function same(actual: unknown, expected: unknown, input: string): void {
  if (String(actual) !== String(expected)) assertEquals(actual, expected, JSON.stringify(input));
}

function comparePton(text: string): void {
  same(inet_pton(AF_INET, text), libc.inet_pton(AF_INET, text), text);
  same(inet_pton(AF_INET6, text), libc.inet_pton(AF_INET6, text), text);
}

function compareAton(text: string): void {
  same(inet_aton(text), libc.inet_aton(text), text);
  same(inet_addr(text), libc.inet_addr(text), text);
}

Deno.test("texts at the borders of what is legal are read as glibc reads them", () => {
  for (const text of EDGES) {
    comparePton(text);
    compareAton(text);
  }
});

/** Mostly legal text: an address with now and then something wrong. */
function randomText(random: Random): string {
  const numbers = [
    "0",
    "1",
    "9",
    "10",
    "99",
    "127",
    "255",
    "256",
    "0x1f",
    "017",
    "08",
    "",
    "65535",
  ];
  const groups = ["0", "1", "f", "ff", "abc", "0001", "ffff", "12345", "", "FE80", "g"];
  const parts: string[] = [];
  const isColons = random.chance(0.6);
  const count = isColons ? random.integer(1, 9) : random.integer(1, 5);
  for (let index = 0; index < count; index++) parts.push(random.pick(isColons ? groups : numbers));
  let text = parts.join(isColons ? ":" : ".");
  if (isColons && random.chance(0.4)) text = text.replace(/:[^:]*/, "::");
  if (isColons && random.chance(0.2)) text += ":1.2.3." + random.pick(numbers);
  if (random.chance(0.1)) {
    const at = random.integer(0, text.length);
    text = text.slice(0, at) + random.pick([..." .:%x0f-"]) + text.slice(at);
  }
  return text;
}

Deno.test(
  "random texts are read as glibc reads them",
  withSeed((random) => {
    let legal = 0;
    for (let round = 0; round < scale(5_000, 500_000); round++) {
      const text = randomText(random);
      comparePton(text);
      compareAton(text);
      if (inet_pton(AF_INET6, text) !== null || inet_aton(text) !== null) legal++;
    }
    assert(legal > 300, `${legal} of them were addresses`);
  }),
);

Deno.test(
  "addresses are printed as glibc prints them, and read back",
  withSeed((random) => {
    for (let round = 0; round < scale(5_000, 500_000); round++) {
      const bytes = random.bytes(16);
      // Runs of zeros are what makes a difference.
      for (let group = 0; group < 16; group += 2) {
        if (random.chance(0.6)) bytes.fill(0, group, group + random.integer(1, 2));
      }
      if (random.chance(0.2)) bytes.fill(0, 0, 10).fill(255, 10, 12);
      if (random.chance(0.2)) bytes.fill(0, 0, 12);
      const text = inet_ntop(AF_INET6, bytes);
      same(text, libc.inet_ntop(AF_INET6, bytes), text);
      same(inet_pton(AF_INET6, text), bytes, text);
      const four = bytes.slice(12);
      const dotted = inet_ntop(AF_INET, four);
      same(dotted, libc.inet_ntop(AF_INET, four), dotted);
      same(inet_ntoa(four), dotted, dotted);
      same(inet_ntoa(inet_addr(dotted)), dotted, dotted);
      same(inet_pton(AF_INET, dotted), four, dotted);
    }
  }),
);

Deno.test("the forms with an IPv4 address inside are glibc's own", () => {
  for (
    const text of [
      "::1.2.3.4",
      "::ffff:1.2.3.4",
      "::",
      "::1",
      "::ffff",
      "::0.1.0.0",
      "::ffff:0:0:1",
    ]
  ) {
    assertEquals(inet_ntop(AF_INET6, inet_pton(AF_INET6, text)!), text);
  }
});

Deno.test("readWholeIpv4() takes nothing after the address", () => {
  assertEquals(readWholeIpv4("127.1"), new Uint8Array([127, 0, 0, 1]));
  for (const text of ["127.1 ", "127.1 x", "", "127.1x"]) assertEquals(readWholeIpv4(text), null);
});

Deno.test("other families are EAFNOSUPPORT, and too few bytes EFAULT", () => {
  const code = (run: () => unknown) => assertThrows(run, PosixError).code;
  assertEquals(code(() => inet_pton(AF_UNIX, "1.2.3.4")), "EAFNOSUPPORT");
  assertEquals(code(() => inet_ntop(AF_UNIX, new Uint8Array(16))), "EAFNOSUPPORT");
  assertEquals(code(() => inet_ntop(AF_INET6, new Uint8Array(15))), "EFAULT");
  assertEquals(code(() => inet_ntoa(new Uint8Array(3))), "EFAULT");
});

Deno.test("byte order is that of a little-endian machine", () => {
  assertEquals(htonl(INADDR_LOOPBACK), inet_addr("127.0.0.1"));
  assertEquals(inet_ntoa(htonl(INADDR_LOOPBACK)), "127.0.0.1");
  assertEquals(inet_addr("nothing"), INADDR_NONE);
  assertEquals([htons(0x1234), ntohs(0x3412), htons(80)], [0x3412, 0x1234, 0x5000]);
  assertEquals([htonl(0x12345678), ntohl(0xff000000)], [0x78563412, 0xff]);
  for (const value of [0, 1, 0x80, 0xffff, 0x12345678, 0xfffffffe, 0x80000000]) {
    assertEquals(htonl(value), libc.htonl(value));
    assertEquals(htons(value & 0xffff), libc.htons(value & 0xffff));
    assertEquals(ntohl(htonl(value)), value);
  }
});
