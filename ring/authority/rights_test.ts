import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  allowsResolve,
  compileRights,
  findExcess,
  type NetworkRights,
  RULES_MAX,
} from "./rights.ts";

Deno.test("compileRights() makes rights canonical and frozen, grants only what is asked", () => {
  assertEquals(compileRights({}).rights, {
    ...{ tcp: false, udp: false, unix: false, raw: false, connect: false, listen: false },
    ...{ resolve: false, adopt: false, ring: false, files: [], writableFiles: [], limits: {} },
  });
  const asked = {
    tcp: true,
    udp: undefined,
    connect: ["tcp://127.1:80", "tcp://*.Example.com:*"],
    listen: true,
    resolve: ["Example.com."],
    files: ["file:///srv/www/**"],
    limits: { sockets: 5 },
  };
  const { rights } = compileRights(asked);
  assertEquals(rights, {
    ...{ tcp: true, udp: false, unix: false, raw: false, adopt: false, ring: false },
    connect: ["tcp://127.0.0.1:80", "tcp://*.example.com:*"],
    listen: true,
    resolve: ["example.com"],
    files: ["file:///srv/www/**"],
    writableFiles: [],
    limits: { sockets: 5 },
  });
  for (const part of [rights, rights.connect, rights.resolve, rights.files, rights.limits]) {
    assert(Object.isFrozen(part));
  }
  // The text of each layer goes to other threads, and must mean the same there.
  assertEquals(compileRights(rights).rights, rights);
  asked.connect.push("tcp://*:*");
  assertEquals(rights.connect, ["tcp://127.0.0.1:80", "tcp://*.example.com:*"]);
});

Deno.test("compileRights() refuses unknown keys and values of the wrong type", () => {
  const table: [unknown, string][] = [
    [null, "must be an object"],
    [true, "must be an object"],
    [["tcp"], "must be an object"],
    [{ tpc: true }, '"tpc"'],
    [{ tcp: 1 }, "rights.tcp must be a boolean"],
    [{ tcp: "true" }, "rights.tcp must be a boolean"],
    [{ raw: null }, "rights.raw must be a boolean"],
    [{ connect: "tcp://*:*" }, "rights.connect must be a boolean or a list"],
    [{ connect: 1 }, "rights.connect"],
    [{ connect: null }, "rights.connect"],
    [{ listen: [5] }, "rights.listen[0] is no string"],
    [{ listen: ["tcp://*:*", , "tcp://*:*"] }, "rights.listen[1] is no string"],
    [{ listen: ["tcp://*"] }, "(position 7)"],
    [{ resolve: ["*.*"] }, "(position 2)"],
    [{ resolve: ["127.0.0.1"] }, "(position 8)"],
    [{ files: true }, "rights.files"],
    [{ writableFiles: true }, "rights.writableFiles"],
    [{ files: false }, "rights.files"],
    [{ files: ["/srv"] }, "(position 0)"],
    [{ limits: { sockts: 1 } }, '"sockts"'],
    [{ limits: 5 }, "limits must be an object"],
  ];
  for (const [rights, reason] of table) {
    const error = assertThrows(() => compileRights(rights as NetworkRights), TypeError);
    assertStringIncludes(error.message, reason);
  }
  assertThrows(() => compileRights({ limits: { sockets: -1 } }), RangeError, "limits.sockets");
  const many = new Array(RULES_MAX + 1).fill("tcp://*:*");
  assertThrows(() => compileRights({ connect: many }), RangeError, String(RULES_MAX));
});

Deno.test("findExcess() names the first thing that the parent does not grant", () => {
  const parent = compileRights({
    tcp: true,
    connect: ["tcp://10.0.0.0/8:*", "tcp://*.example.com:443"],
    listen: ["tcp://127.0.0.1:*"],
    resolve: ["*.example.com"],
    files: ["file:///srv/**"],
    limits: { sockets: 1 },
  });
  const table: [NetworkRights, string | undefined][] = [
    [{}, undefined],
    [{ tcp: true, connect: ["tcp://10.1.0.0/16:1"], listen: ["tcp://127.0.0.1:80"] }, undefined],
    [{ connect: ["tcp://a.example.com:443"], resolve: ["a.example.com"] }, undefined],
    [{ files: ["file:///srv/www/**", "file:///srv/a"] }, undefined],
    [{ limits: { sockets: 1000 } }, undefined],
    [{ udp: true }, "udp "],
    [{ raw: true, connect: true }, "raw "],
    [{ ring: true }, "ring "],
    [{ adopt: true }, "adopt "],
    [{ connect: true }, "connect *"],
    [{ connect: ["tcp://10.0.0.1:1", "tcp://11.0.0.1:1"] }, "connect tcp://11.0.0.1:1"],
    [{ connect: ["tcp://a.example.com:80"] }, "connect tcp://a.example.com:80"],
    [{ listen: ["tcp://0.0.0.0:80"] }, "listen tcp://0.0.0.0:80"],
    [{ listen: true }, "listen *"],
    [{ resolve: true }, "resolve *"],
    [{ resolve: ["example.com"] }, "resolve example.com"],
    [{ files: ["file:///etc/passwd"] }, "files /etc/passwd"],
  ];
  for (const [rights, wanted] of table) {
    const excess = findExcess(parent, compileRights(rights));
    const text = excess === undefined ? undefined : `${excess.right} ${excess.address}`;
    assertEquals(text, wanted, JSON.stringify(rights));
  }
  const everything = compileRights({ connect: true, listen: true, resolve: true });
  assertEquals(findExcess(everything, everything), undefined);
});

Deno.test("findExcess() errs on the safe side where rules cover another one only together", () => {
  const halves = compileRights({ connect: ["tcp://10.0.0.0/9:*", "tcp://10.128.0.0/9:*"] });
  const whole = compileRights({ connect: ["tcp://10.0.0.0/8:*"] });
  assertEquals(findExcess(halves, whole)?.address, "tcp://10.0.0.0/8:*");
});

Deno.test("allowsResolve() takes patterns, and true for every name", () => {
  const some = compileRights({ resolve: ["example.com", "*.example.org"] });
  assert(allowsResolve(some, "example.com") && allowsResolve(some, "a.example.org"));
  assert(!allowsResolve(some, "a.example.com") && !allowsResolve(some, "example.org"));
  assert(allowsResolve(compileRights({ resolve: true }), "x"));
  assert(!allowsResolve(compileRights({}), "x"));
  assert(allowsResolve(compileRights({ resolve: ["*"] }), "x"));
});
