import { assert, assertEquals, assertThrows } from "@std/assert";
import { scale, withSeed } from "../../tests/support/seed.ts";
import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_PACKET,
  AF_UNIX,
  AF_UNSPEC,
} from "../constants/sockets.ts";
import { PosixError } from "../errors.ts";
import type { Sockaddr } from "../types.ts";
import { inet_ntop } from "./inet.ts";
import { decodeName, encodeName } from "./sockaddr.ts";

const ROOM = 128;

/** Encodes into memory full of ones: what is not written on purpose would show. */
function encode(address: Sockaddr): string {
  const into = new Uint8Array(ROOM).fill(0xff);
  const length = encodeName(address, into);
  assert(into.subarray(length + 1).every((byte) => byte === 0xff), "wrote past its length");
  return into.subarray(0, length).toHex();
}

function decode(hex: string, length = hex.length / 2): Sockaddr | null {
  const bytes = new Uint8Array(ROOM).fill(0xff);
  bytes.set(Uint8Array.fromHex(hex));
  return decodeName(bytes, length);
}

/** Addresses and the bytes that a C program on x86-64 has for them. */
const GOLDEN: readonly [Sockaddr, string][] = [
  [{ family: AF_INET, address: "127.0.0.1", port: 80 }, "02000050" + "7f000001" + "0".repeat(16)],
  [
    { family: AF_INET, address: "255.254.253.252", port: 65535 },
    "0200ffff" + "fffefdfc" + "0".repeat(16),
  ],
  [
    { family: AF_INET6, address: "2001:db8::1", port: 443, flowinfo: 0, scopeId: 0 },
    "0a0001bb" + "00000000" + "20010db8000000000000000000000001" + "00000000",
  ],
  [
    { family: AF_INET6, address: "fe80::1", port: 1, flowinfo: 0x0abcdef1, scopeId: 0xfffefdfc },
    "0a000001" + "0abcdef1" + "fe800000000000000000000000000001" + "fcfdfeff",
  ],
  [
    { family: AF_INET6, address: "::ffff:1.2.3.4", port: 0, flowinfo: 0xffffffff, scopeId: 3 },
    "0a000000" + "ffffffff" + "00000000000000000000ffff01020304" + "03000000",
  ],
  [{ family: AF_UNIX, path: "" }, "0100"],
  [{ family: AF_UNIX, path: "/run/x" }, "0100" + "2f72756e2f78" + "00"],
  [{ family: AF_UNIX, path: "/\u00e9" }, "0100" + "2fc3a9" + "00"],
  [{ family: AF_UNIX, path: "\0" }, "0100" + "00"],
  [{ family: AF_UNIX, path: "\0ab\0c" }, "0100" + "0061620063"],
  [{ family: AF_UNIX, path: "\ufeffbom" }, "0100" + "efbbbf626f6d" + "00"],
  [{ family: AF_UNSPEC, data: new Uint8Array(14) }, "0000" + "0".repeat(28)],
  [{ family: AF_PACKET, data: new Uint8Array([1, 2, 3]) }, "1100" + "010203"],
  [{ family: 0xabcd, data: new Uint8Array(0) }, "cdab"],
];

Deno.test("addresses have the bytes of C's structures, both ways", () => {
  for (const [address, bytes] of GOLDEN) {
    assertEquals(encode(address), bytes, JSON.stringify(address));
    assertEquals(decode(bytes), address);
  }
});

Deno.test("fields that are missing are zero, as in a struct that was cleared", () => {
  assertEquals(encode({ family: AF_INET }), "02000000" + "0".repeat(24));
  assertEquals(encode({ family: AF_INET6 }), "0a000000" + "0".repeat(48));
  assertEquals(encode({ family: AF_INET6, port: 5 }), "0a000005" + "0".repeat(48));
  assertEquals(encode({ family: AF_UNIX }), "0100");
  assertEquals(encode({ family: AF_UNSPEC }), "0000" + "0".repeat(28));
  assertEquals(encode({ family: AF_NETLINK }), "1000" + "0".repeat(28));
});

Deno.test("a path of 108 bytes has no NUL, a longer one is EINVAL", () => {
  const full = "a".repeat(108);
  assertEquals(encode({ family: AF_UNIX, path: full }), "0100" + "61".repeat(108));
  assertEquals(
    encode({ family: AF_UNIX, path: "a".repeat(107) }),
    "0100" + "61".repeat(107) + "00",
  );
  assertEquals(decode("0100" + "61".repeat(108)), { family: AF_UNIX, path: full });
  // Linux tells 111 bytes then, of which the last is a NUL of its own.
  assertEquals(decode("0100" + "61".repeat(108) + "00"), { family: AF_UNIX, path: full });
  for (const path of ["a".repeat(109), "\u00e9".repeat(55), "\0" + "a".repeat(108)]) {
    const error = assertThrows(() => encode({ family: AF_UNIX, path }), PosixError);
    assertEquals(error.code, "EINVAL");
  }
});

Deno.test("a path ends at its first NUL, an abstract name does not", () => {
  assertEquals(encode({ family: AF_UNIX, path: "/a\0b" }), "0100" + "2f61" + "00");
  assertEquals(decode("0100" + "2f61" + "0062"), { family: AF_UNIX, path: "/a" });
  assertEquals(decode("0100" + "006100"), { family: AF_UNIX, path: "\0a\0" });
});

Deno.test("a name that is no UTF-8 keeps its bytes", () => {
  for (const hex of ["0100" + "2fff", "0100" + "00ff00fe", "0100" + "2f" + "c3"]) {
    const address = decode(hex)!;
    assert(address.path!.includes("\ufffd"));
    assertEquals(encode(address), hex);
  }
  assertEquals(decode("0100" + "efbfbd"), { family: AF_UNIX, path: "\ufffd" });
});

Deno.test("an address that was cut off shows its bytes", () => {
  assertEquals(decode("0200" + "0050" + "7f0000"), {
    family: AF_INET,
    data: Uint8Array.fromHex("00507f0000"),
  });
  assertEquals(decode("0a00" + "0050"), { family: AF_INET6, data: Uint8Array.fromHex("0050") });
  assertEquals(decode("02"), { family: AF_INET, data: new Uint8Array(0) });
  assertEquals(decode("0100", 0), null);
  assertEquals(decodeName(new Uint8Array(0), 16), null);
  // RFC 2133's struct without a scope, which Linux still takes.
  assertEquals(decode("0a000001" + "00000000" + "0".repeat(31) + "1")?.scopeId, 0);
  // The length is that of the address, the bytes are those that there was room for.
  assertEquals(decodeName(Uint8Array.fromHex("02000050" + "7f000001"), 16), {
    family: AF_INET,
    address: "127.0.0.1",
    port: 80,
  });
});

Deno.test("what does not fit its field is EINVAL, and names the call", () => {
  const wrong: Sockaddr[] = [
    { family: AF_INET, address: "" },
    { family: AF_INET, address: "localhost" },
    { family: AF_INET, address: "127.1" },
    { family: AF_INET, address: "::1" },
    { family: AF_INET, address: "1.2.3.4", port: 65536 },
    { family: AF_INET, address: "1.2.3.4", port: -1 },
    { family: AF_INET, address: "1.2.3.4", port: 0.5 },
    { family: AF_INET, address: "1.2.3.4", port: NaN },
    { family: AF_INET, address: 5 as unknown as string },
    { family: AF_INET6, address: "1.2.3.4" },
    { family: AF_INET6, address: "fe80::1%1" },
    { family: AF_INET6, address: "::1", port: 65536 },
    { family: AF_INET6, address: "::1", flowinfo: 2 ** 32 },
    { family: AF_INET6, address: "::1", scopeId: -1 },
    { family: AF_UNIX, path: "\ud800" },
    { family: AF_UNIX, path: 5 as unknown as string },
    { family: 65536 },
    { family: -1 },
    { family: 1.5 },
    { family: AF_PACKET, data: new Uint8Array(ROOM - 1) },
  ];
  for (const address of wrong) {
    const run = () => encodeName(address, new Uint8Array(ROOM), "bind");
    const error = assertThrows(run, PosixError, "bind: Invalid argument");
    assertEquals([error.code, error.call], ["EINVAL", "bind"]);
    // What failed must not be remembered as what was read.
    assertThrows(run, PosixError);
  }
  assertEquals(encode({ family: AF_INET, address: "1.2.3.4" }).slice(8, 16), "01020304");
});

Deno.test(
  "random addresses come back, whatever was remembered before",
  withSeed((random) => {
    const bytes = new Uint8Array(new SharedArrayBuffer(ROOM));
    const known: Uint8Array<ArrayBuffer>[] = [random.bytes(16), random.bytes(16)];
    for (let round = 0; round < scale(5_000, 200_000); round++) {
      const raw = random.chance(0.5) ? random.pick(known) : random.bytes(16);
      const port = random.integer(0, 65535);
      const isIpv4 = random.chance(0.5);
      const family = isIpv4 ? AF_INET : AF_INET6;
      const text = inet_ntop(family, raw);
      const length = encodeName({ family, address: text, port, scopeId: 7 }, bytes);
      const found = decodeName(bytes, length)!;
      assert(found.address === text && found.port === port, `${text} became ${found.address}`);
      if (!isIpv4) assert(found.scopeId === 7 && found.flowinfo === 0);
    }
  }),
);
