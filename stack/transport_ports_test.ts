import { assert, assertEquals, assertThrows } from "@std/assert";
import { Errno } from "../ring/abi/errno.ts";
import type { IpAddress } from "./ip/types.ts";
import { SeededRandom } from "./random.ts";
import { BindingFlag, TransportPorts } from "./transport_ports.ts";
import { ipv4Of, ipv6Of } from "./wire/mod.ts";

const { REUSE_ADDRESS, REUSE_PORT, IPV6_ONLY, LISTENING } = BindingFlag;

const LOCAL = ipv4Of("10.0.0.1");
const REMOTE = ipv4Of("10.0.0.2");
const NOBODY = { isTaken: () => false };

function tableOf(kind: "datagram" | "stream", capacity: number = 64, seed: number = 1) {
  return new TransportPorts({ kind, capacity, random: new SeededRandom(seed) });
}

/** What sockets were bound to when Linux 6.18 was asked which two of them go together. */
const KINDS: readonly (readonly [IpAddress, number])[] = [
  [0, 0],
  [ipv4Of("127.0.0.1"), 0],
  [ipv4Of("127.0.0.2"), 0],
  [ipv6Of("::"), 0],
  [ipv6Of("::1"), 0],
  [ipv6Of("::ffff:0.0.0.0"), 0],
  [ipv6Of("::ffff:127.0.0.1"), 0],
  [ipv6Of("::"), IPV6_ONLY],
  [ipv6Of("::1"), IPV6_ONLY],
];

/** Linux: `x` where the addresses overlap; the first socket's kind is the row. */
const OVERLAPS = [
  "xxxx.xx..",
  "xx.x.xx..",
  "x.xx.x...",
  "xxxxxxxxx",
  "...xx..xx",
  "xxxx.xx..",
  "xx.x.xx..",
  "...xx..xx",
  "...xx..xx",
];

/** Linux: which flags go together where addresses overlap, a bit for each pair. */
const BOUND = 0x0537;
const LISTENS = 0x0033;

function goesTogether(pattern: number, first: number, second: number): boolean {
  return (pattern >> (15 - (first * 4 + second)) & 1) === 1;
}

function flagsOf(bits: number): number {
  return ((bits & 1) !== 0 ? REUSE_ADDRESS : 0) | ((bits & 2) !== 0 ? REUSE_PORT : 0);
}

function checkGolden(kind: "datagram" | "stream", listens: boolean, pattern: number) {
  for (const [row, [one, oneFlags]] of KINDS.entries()) {
    for (const [column, [other, otherFlags]] of KINDS.entries()) {
      for (let pair = 0; pair < 16; pair++) {
        const [first, second] = [pair >> 2, pair & 3];
        const ports = tableOf(kind);
        let a = ports.bind(one, 80, 0, oneFlags | flagsOf(first));
        assert(a >= 0);
        if (listens) a = ports.change(a, oneFlags | flagsOf(first) | LISTENING);
        assert(a >= 0);
        let b = ports.bind(other, 80, 0, otherFlags | flagsOf(second));
        if (listens && b >= 0) b = ports.change(b, otherFlags | flagsOf(second) | LISTENING);
        const expected = OVERLAPS[row][column] === "." || goesTogether(pattern, first, second);
        assertEquals(b >= 0, expected, `${row} ${column} ${first} ${second}`);
        if (b < 0) assertEquals(b, -Errno.EADDRINUSE);
      }
    }
  }
}

Deno.test("sockets of UDP go together exactly where they do on Linux", () => {
  checkGolden("datagram", false, BOUND);
});

Deno.test("sockets of TCP go together exactly where they do on Linux", () => {
  checkGolden("stream", false, BOUND);
});

Deno.test("listeners of TCP go together exactly where they do on Linux", () => {
  checkGolden("stream", true, LISTENS);
});

Deno.test("bindings to different interfaces do not conflict, one to none does with all", () => {
  const ports = tableOf("datagram");
  assert(ports.bind(0, 53, 1, 0) >= 0);
  assert(ports.bind(0, 53, 2, 0) >= 0);
  assertEquals(ports.bind(0, 53, 2, 0), -Errno.EADDRINUSE);
  assertEquals(ports.bind(LOCAL, 53, 0, 0), -Errno.EADDRINUSE);
});

Deno.test("two sockets that were bound before may not both listen at one port", () => {
  const ports = tableOf("stream");
  const one = ports.bind(0, 80, 0, REUSE_ADDRESS);
  const other = ports.bind(0, 80, 0, REUSE_ADDRESS);
  assertEquals(one, other);
  const listener = ports.change(one, REUSE_ADDRESS | LISTENING);
  assert(listener >= 0 && listener !== other);
  assertEquals(ports.change(other, REUSE_ADDRESS | LISTENING), -Errno.EADDRINUSE);
  assertEquals(ports.change(other, REUSE_ADDRESS), other);
  ports.release(listener);
  assert(ports.change(other, REUSE_ADDRESS | LISTENING) >= 0);
});

Deno.test("a listener that listens again does not conflict with itself", () => {
  const ports = tableOf("stream");
  const listener = ports.change(ports.bind(0, 80, 0, 0), LISTENING);
  assertEquals(ports.change(listener, LISTENING), listener);
});

Deno.test("connections of a listener share one binding, and keep its port in use after it", () => {
  const ports = tableOf("stream", 2);
  const listener = ports.change(ports.bind(0, 80, 0, 0), LISTENING);
  const connections = Array.from({ length: 1000 }, () => ports.share(listener, LOCAL));
  assertEquals(new Set(connections).size, 1);
  assertEquals(ports.holders(connections[0]), 1000);
  assertEquals(ports.port(connections[0]), 80);
  ports.release(listener);
  assertEquals(ports.bind(0, 80, 0, REUSE_ADDRESS), -Errno.EADDRINUSE);
  for (const connection of connections) ports.release(connection);
  assertEquals(ports.size, 0);
  assert(ports.bind(0, 80, 0, 0) >= 0);
});

Deno.test("connections of a listener that reuses addresses let the next listener begin", () => {
  const ports = tableOf("stream");
  const flags = REUSE_ADDRESS;
  const listener = ports.change(ports.bind(0, 80, 0, flags), flags | LISTENING);
  const connection = ports.share(listener, LOCAL);
  assertEquals(ports.bind(0, 80, 0, flags), -Errno.EADDRINUSE);
  ports.release(listener);
  const next = ports.bind(0, 80, 0, flags);
  assert(ports.change(next, flags | LISTENING) >= 0);
  assert(ports.holders(connection) === 1);
});

Deno.test("a full table answers ENOBUFS, and a binding given up makes room", () => {
  const ports = tableOf("datagram", 2);
  const first = ports.bind(0, 1, 0, 0);
  assert(ports.bind(0, 2, 0, 0) >= 0);
  assertEquals(ports.bind(0, 3, 0, 0), -Errno.ENOBUFS);
  ports.release(first);
  assert(ports.bind(0, 3, 0, 0) >= 0);
});

// covers RFC 6056 3.3.1 SHOULD
Deno.test("ports that nobody asked for are inside the range, all different and in no order", () => {
  const ports = tableOf("datagram", 1000);
  const chosen: number[] = [];
  for (let count = 0; count < 1000; count++) {
    const binding = ports.bindEphemeral(0, 0, REUSE_ADDRESS | REUSE_PORT);
    assert(binding >= 0);
    chosen.push(ports.port(binding));
  }
  assertEquals(new Set(chosen).size, 1000);
  assert(chosen.every((port) => port >= 32768 && port <= 60999));
  const steps = chosen.slice(1).filter((port, at) => Math.abs(port - chosen[at]) === 1);
  assert(steps.length < 20, `${steps.length} of 999 ports follow the one before`);
  const other = tableOf("datagram", 4, 2);
  assert(other.port(other.bindEphemeral(0, 0, 0)) !== chosen[0]);
});

Deno.test("a range that is used up answers EADDRINUSE, and is used to its last port", () => {
  const ports = new TransportPorts({
    kind: "datagram",
    capacity: 16,
    random: new SeededRandom(3),
    firstEphemeral: 40000,
    lastEphemeral: 40007,
  });
  const chosen = Array.from({ length: 8 }, () => ports.port(ports.bindEphemeral(0, 0, 0)));
  assertEquals(chosen.toSorted(), [40000, 40001, 40002, 40003, 40004, 40005, 40006, 40007]);
  assertEquals(ports.bindEphemeral(0, 0, 0), -Errno.EADDRINUSE);
  assert(ports.bindEphemeral(ipv6Of("::1"), 0, 0) >= 0);
});

// covers RFC 6056 3.3.4 SHOULD
Deno.test("connections to one place get port after port, from where nobody can guess", () => {
  const firsts = new Set<number>();
  for (let seed = 1; seed <= 20; seed++) {
    const ports = tableOf("stream", 16, seed);
    const portOf = (remote: number) =>
      ports.port(ports.bindConnection(LOCAL, remote, 80, 0, 0, NOBODY));
    const first = portOf(REMOTE);
    assertEquals(portOf(REMOTE), first === 60999 ? 32768 : first + 1);
    assert(Math.abs(portOf(REMOTE + 1) - first) > 1);
    firsts.add(first);
  }
  assert(firsts.size > 15);
});

Deno.test("connections pass over ports that are taken, and over those of bindings", () => {
  const random = new SeededRandom(4);
  const range = { firstEphemeral: 50000, lastEphemeral: 50003 };
  const ports = new TransportPorts({ kind: "stream", capacity: 16, random, ...range });
  ports.bind(ipv6Of("::1"), 50001, 0, REUSE_ADDRESS);
  const taken = new Set([50000]);
  const check = { isTaken: (port: number) => taken.has(port) };
  const chosen = new Set<number>();
  for (let left = 0; left < 2; left++) {
    const port = ports.port(ports.bindConnection(LOCAL, REMOTE, 80, 0, 0, check));
    chosen.add(port);
    taken.add(port);
  }
  assertEquals([...chosen].toSorted(), [50002, 50003]);
  assertEquals(ports.bindConnection(LOCAL, REMOTE, 80, 0, 0, check), -Errno.EADDRNOTAVAIL);
  assert(ports.bindConnection(LOCAL, REMOTE, 81, 0, 0, NOBODY) >= 0);
});

Deno.test("a port of connections cannot be asked for while they last", () => {
  const ports = tableOf("stream");
  const one = ports.bindConnection(LOCAL, REMOTE, 80, 0, 0, NOBODY);
  const port = ports.port(one);
  assertEquals(ports.bind(0, port, 0, 0), -Errno.EADDRINUSE);
  ports.release(one);
  assert(ports.bind(0, port, 0, 0) >= 0);
});

Deno.test("a range without ports is refused", () => {
  const random = new SeededRandom(1);
  const make = () => new TransportPorts({ kind: "stream", capacity: 1, random, firstEphemeral: 0 });
  assertThrows(make, RangeError, "no port");
});

Deno.test("random binds and releases leave a table that agrees with a list", () => {
  const random = new SeededRandom(11);
  const ports = tableOf("datagram", 24);
  const held: { binding: number; port: number; address: number }[] = [];
  for (let turn = 0; turn < 20000; turn++) {
    if (random.uint32() % 2 === 0 && held.length > 0) {
      const [gone] = held.splice(random.uint32() % held.length, 1);
      ports.release(gone.binding);
      continue;
    }
    const port = 1 + random.uint32() % 40;
    const address = random.uint32() % 3;
    const conflict = held.some((other) =>
      other.port === port && (other.address === address || other.address === 0 || address === 0)
    );
    const binding = ports.bind(address, port, 0, 0);
    if (conflict) assertEquals(binding, -Errno.EADDRINUSE);
    else if (held.length === 24) assertEquals(binding, -Errno.ENOBUFS);
    else {
      assertEquals(ports.port(binding), port);
      held.push({ binding, port, address });
    }
    assertEquals(ports.size, held.length);
  }
});
