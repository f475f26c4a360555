import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readCapture } from "../../../stack/capture/mod.ts";
import {
  InvariantChecker,
  InvariantError,
  type LinkOptions,
  VirtualNetwork,
} from "../../../stack/sim/mod.ts";
import { tcp } from "../../../stack/wire/mod.ts";
import { addHost, frameOf } from "./nodes.ts";
import { segmentFrame, type TestSegment } from "./segments.ts";

const { SYN, ACK, FIN, RST } = tcp.Flag;

/** Who sends a segment: the client or the server. */
type Line = readonly ["client" | "server", TestSegment];

const CLIENT = 1000;
const SERVER = 0x7fff_fff0;

const HANDSHAKE: readonly Line[] = [
  ["client", {
    flags: SYN,
    sequence: CLIENT,
    options: [{ option: "maximum-segment", bytes: 100 }, { option: "window-scale", shift: 2 }],
  }],
  ["server", {
    flags: SYN | ACK,
    sequence: SERVER,
    acknowledgment: CLIENT + 1,
    window: 50,
    options: [{ option: "maximum-segment", bytes: 20 }, { option: "window-scale", shift: 1 }],
  }],
  ["client", { flags: ACK, sequence: CLIENT + 1, acknowledgment: SERVER + 1, window: 100 }],
];

/** Sends segments, one a millisecond. @returns the rules that were broken */
function brokenRules(lines: readonly Line[], options: LinkOptions = {}): string[] {
  const network = new VirtualNetwork({ seed: 9 });
  const hosts = { client: addHost(network, "client"), server: addHost(network, "server") };
  network.link("client", "server", options);
  const checker = new InvariantChecker(network);
  for (const [nth, [from, segment]] of [...HANDSHAKE, ...lines].entries()) {
    hosts[from].send(1000 * nth, segmentFrame(segment, from === "client"));
  }
  network.runWhile();
  checker.checkReturned();
  assertEquals(checker.flows.segments, HANDSHAKE.length + lines.length);
  return checker.violations.list.map(({ rule }) => rule);
}

/** A segment with payload from the client, whose first byte has a number counted from its SYN. */
function data(at: number, payload: string, more: Partial<TestSegment> = {}): Line {
  const acknowledgment = SERVER + 1;
  return ["client", { flags: ACK, sequence: CLIENT + at, acknowledgment, payload, ...more }];
}

/** An acknowledgment from the server, counted likewise. */
function reply(at: number, window: number, more: Partial<TestSegment> = {}): Line {
  const acknowledgment = CLIENT + at;
  return ["server", { flags: ACK, sequence: SERVER + 1, acknowledgment, window, ...more }];
}

Deno.test("an honest connection breaks no rule", () => {
  assertEquals(
    brokenRules([
      data(1, "hello"),
      data(1, "hello, w"), // It is sent again, with more.
      reply(9, 21),
      data(9, "x".repeat(20)),
      reply(29, 11),
      data(29, "orld"),
      reply(33, 9),
      data(33, "", { flags: ACK | FIN }),
      reply(34, 9, { flags: ACK | FIN }),
      data(34, "", { acknowledgment: SERVER + 2 }),
      ["client", { flags: RST, sequence: 5 }],
      ["client", { flags: ACK, sequence: 77 }], // After a reset nothing is judged.
    ]),
    [],
  );
});

Deno.test("bytes that are sent again are the same", () => {
  assertEquals(brokenRules([data(1, "hello"), data(3, "lXo")]), ["streams equal"]);
});

Deno.test("a sender leaves no numbers out, and sends nothing behind its FIN", () => {
  assertEquals(brokenRules([data(2, "a")]), ["sequence numbers"]);
  assertEquals(brokenRules([data(1, "ab", { flags: ACK | FIN }), data(4, "c")]), [
    "sequence numbers",
  ]);
});

Deno.test("a sender keeps to the window that it knows of, but for a probe of one byte", () => {
  // 50 bytes, not scaled: it came with the SYN.
  const full = [data(1, "x".repeat(20)), data(21, "x".repeat(20)), data(41, "x".repeat(10))];
  assertEquals(brokenRules([...full, data(51, "p")]), []);
  assertEquals(brokenRules([...full, data(51, "pp")]), ["windows"]);
  assertEquals(brokenRules([...full, reply(51, 1), data(51, "pp")]), []);
});

Deno.test("a window that is lost on the way is not known to the sender", () => {
  const lines = [data(1, "x".repeat(20)), reply(21, 1000), data(21, "x".repeat(20))];
  const more = [data(41, "x".repeat(20))];
  assertEquals(brokenRules([...lines, ...more]), []);
  // All but the first one of the server's segments are lost.
  const network = new VirtualNetwork({ seed: 1 });
  const client = addHost(network, "client");
  const server = addHost(network, "server");
  const link = network.link("client", "server");
  const checker = new InvariantChecker(network);
  for (const [nth, [from, segment]] of [...HANDSHAKE, ...lines, ...more].entries()) {
    const host = from === "client" ? client : server;
    host.send(1000 * nth, segmentFrame(segment, from === "client"));
  }
  network.runUntil(2500);
  link.set({ back: { loss: 1 } });
  network.runWhile();
  assertEquals(checker.violations.list.map(({ rule }) => rule), ["windows"]);
});

Deno.test("a segment is no longer than the other end takes", () => {
  assertEquals(brokenRules([data(1, "x".repeat(21))]), ["segment size"]);
});

Deno.test("acknowledgments do not go back, and tell of nothing that never came", () => {
  const sent = data(1, "hello");
  assertEquals(brokenRules([sent, reply(6, 100), reply(5, 101)]), ["acknowledgments"]);
  assertEquals(brokenRules([sent, reply(7, 100)]), ["acknowledgments"]);
});

Deno.test("a window does not shrink, but for rounding", () => {
  const sent = data(1, "hello");
  // A unit is two bytes.
  assertEquals(brokenRules([sent, reply(4, 100), reply(5, 99)]), []);
  assertEquals(brokenRules([sent, reply(4, 100), reply(5, 98)]), ["windows"]);
});

Deno.test("the clock of timestamps does not go back", () => {
  const stamped = (value: number): Partial<TestSegment> => ({
    options: [{ option: "timestamps", value, echo: 0 }],
  });
  const later = data(2, "b", stamped(5));
  assertEquals(brokenRules([data(1, "a", stamped(5)), later]), []);
  assertEquals(brokenRules([data(1, "a", stamped(6)), later]), ["timestamps"]);
});

Deno.test("what an end sends is well-formed; what the link does to it is not its fault", () => {
  const network = new VirtualNetwork({ seed: 2 });
  const client = addHost(network, "client");
  const server = addHost(network, "server");
  const link = network.link("client", "server", { there: { corrupt: 1 } });
  const checker = new InvariantChecker(network);
  for (const [nth, [from, segment]] of HANDSHAKE.entries()) {
    const host = from === "client" ? client : server;
    host.send(1000 * nth, segmentFrame(segment, from === "client"));
  }
  network.runWhile();
  checker.assertGood();
  link.set({ there: {} });
  client.send(10_000, segmentFrame({ flags: ACK, sequence: 1, isBroken: true }, true));
  network.runWhile();
  const [violation] = checker.violations.list;
  assertEquals(violation.rule, "well-formed");
  assertStringIncludes(violation.what, "client sends a frame: its checksum is wrong");
});

Deno.test("packets that do not come back are found, and a failure tells its seed", () => {
  const network = new VirtualNetwork({ seed: 77 });
  const a = addHost(network, "a");
  addHost(network, "b");
  network.link("a", "b", { delayMs: 1 });
  const checker = new InvariantChecker(network, { verifyInterval: 1 });
  a.send(0, frameOf(1));
  network.runWhile();
  checker.checkReturned();
  checker.assertGood();
  const lost = network.frames.arena.take(10);
  checker.checkReturned();
  const error = assertThrows(() => checker.assertGood(), InvariantError, "seed 77");
  assertStringIncludes(error.message, "1 packets of the network did not come back");
  const { comments, packets } = readCapture(checker.capture());
  assertEquals([comments, packets.length], [["seed 77"], 2]);
  checker[Symbol.dispose]();
  network.frames.arena.release(lost);
});

Deno.test("an arena whose books are wrong is found while the network runs", () => {
  const network = new VirtualNetwork({ seed: 1 });
  const a = addHost(network, "a");
  addHost(network, "b");
  network.link("a", "b");
  const checker = new InvariantChecker(network, { verifyInterval: 1 });
  network.frames.arena.used[0]++;
  a.send(0, frameOf(1));
  network.runWhile();
  assert(checker.violations.count > 0);
  assertEquals(checker.violations.list[0].rule, "buffers returned");
});
