/**
 * Raw sockets between namespaces: routers, hosts that are not there, other programs beside.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { PingOptions, PingResult } from "../../mod.ts";
import { runProgram } from "../interop/programs.ts";
import { connectNamespaces, Namespace } from "../support/namespaces.ts";
import { commandOf, runInside, testInNamespaces, told } from "./fixtures.ts";
import type { Trick } from "./impostor.ts";

/** Three namespaces in a row: `near`, `router` and `far`. */
interface Row {
  readonly near: Namespace;
  readonly router: Namespace;
  readonly far: Namespace;
}

const FAR = "10.98.2.1";
const FAR6 = "fd98:2::1";

async function withRow(body: (row: Row) => Promise<void>): Promise<void> {
  await using near = await Namespace.create();
  await using router = await Namespace.create();
  await using far = await Namespace.create();
  await connectNamespaces(
    { in: near, device: "out", addresses: ["10.98.1.1/24", "fd98:1::1/64"] },
    { in: router, device: "left", addresses: ["10.98.1.254/24", "fd98:1::fe/64"] },
  );
  await connectNamespaces(
    { in: router, device: "right", addresses: ["10.98.2.254/24", "fd98:2::fe/64"] },
    { in: far, device: "out", addresses: ["10.98.2.1/24", "fd98:2::1/64"] },
  );
  await router.forward();
  // Errors are limited to a few a second, which are soon used up here.
  await router.run("sysctl", "-qw", "net.ipv4.icmp_ratemask=0", "net.ipv6.icmp.ratelimit=0");
  for (const [host, net] of [[near, 1], [far, 2]] as const) {
    await host.ip("route", "add", "default", "via", `10.98.${net}.254`);
    await host.ip("route", "add", "default", "via", `fd98:${net}::fe`);
  }
  // It takes a moment until new interfaces find their neighbours. The router itself is asked first:
  // what it cannot forward it says a few times only.
  await Promise.all([
    runInside(near.under, "reach", "10.98.1.254", "fd98:1::fe"),
    runInside(far.under, "reach", "10.98.2.254", "fd98:2::fe"),
  ]);
  await runInside(near.under, "reach", FAR, FAR6);
  await body({ near, router, far });
}

async function ping(from: Namespace, host: string, options: PingOptions): Promise<PingResult[]> {
  const results = await runInside(from.under, "ping", host, {
    count: 1,
    timeoutMs: 20_000,
    ...options,
  });
  return results as PingResult[];
}

/** Registers a test that is given three namespaces in a row. */
function testRow(name: string, body: (row: Row) => Promise<void>, ...programs: string[]): void {
  testInNamespaces(name, () => withRow(body), ...programs);
}

/** What JSON makes of undefined. */
const NONE = null as unknown as undefined;

testRow("a host behind a router answers, of both families", async ({ near }) => {
  for (const host of [FAR, FAR6]) {
    const results = await ping(near, host, { count: 3, intervalMs: 5 });
    assertEquals(results.map(told), [0, 1, 2].map((at) => [at, host, NONE, 63, 56]));
    for (const { roundTripMs } of results) assert(roundTripMs > 0 && roundTripMs < 1000);
  }
});

testRow("each router on the way tells its address: what traceroute needs", async ({ near }) => {
  const [[first], [second]] = await Promise.all(
    [1, 2].map((timeToLive) => ping(near, FAR, { timeToLive })),
  );
  assertEquals(told(first), [0, "10.98.1.254", "time to live exceeded", NONE, 0]);
  assert(first.roundTripMs > 0);
  assertEquals(told(second), [0, FAR, NONE, 63, 56]);
  const [sixth] = await ping(near, FAR6, { timeToLive: 1 });
  assertEquals(told(sixth), [0, "fd98:1::fe", "hop limit exceeded", NONE, 0]);
  // What is quoted of a fragmented request begins with a fragment header.
  const [large] = await ping(near, FAR6, { timeToLive: 1, bytes: 6_000 });
  assertEquals(told(large), [0, "fd98:1::fe", "hop limit exceeded", NONE, 0]);
});

testRow("routers that know no way say why", async ({ near, router }) => {
  for (const [kind, last] of [["unreachable", 5], ["prohibit", 6], ["blackhole", 7]] as const) {
    await router.ip("route", "add", kind, `10.98.3.${last}`);
    await router.ip("route", "add", kind, `fd98:3::${last}`);
  }
  const answers = [
    ["10.98.3.5", "10.98.1.254", "host unreachable"],
    ["10.98.3.6", "10.98.1.254", "administratively prohibited"],
    ["10.98.4.1", "10.98.1.254", "network unreachable"],
    ["fd98:3::5", "fd98:1::fe", "no route to destination"],
    ["fd98:3::6", "fd98:1::fe", "administratively prohibited"],
  ];
  await Promise.all(answers.map(async ([host, ...expected]) => {
    const [{ from, error }] = await runInside(near.under, "answer", host) as PingResult[];
    assertEquals([from, error], expected, host);
  }));
  const [silent] = await ping(near, "10.98.3.7", { timeoutMs: 200 });
  assertEquals(told(silent), [0, "", "timed out", NONE, 0]);
  // NaN in JSON.
  assertEquals(silent.roundTripMs as unknown, null);
});

testRow("a host that is not there is unreachable, says its router", async ({ near, router }) => {
  for (const family of ["ipv4", "ipv6"]) {
    await router.run("sysctl", "-qw", `net.${family}.neigh.right.retrans_time_ms=50`);
  }
  const options = { count: 2, intervalMs: 1, timeoutMs: 20_000 };
  for (
    const [host, from, error] of [
      ["10.98.2.77", "10.98.1.254", "host unreachable"],
      ["fd98:2::77", "fd98:1::fe", "address unreachable"],
    ]
  ) {
    const results = await ping(near, host, options);
    assertEquals(results.map((each) => [each.from, each.error]), [[from, error], [
      from,
      error,
    ]]);
  }
});

testInNamespaces("without a route requests do not leave, and the next one is tried", async () => {
  await using alone = await Namespace.create();
  const results = await ping(alone, FAR, { count: 2, intervalMs: 1 });
  assertEquals(results.map(({ from }) => from), ["", ""]);
  for (const { error } of results) assertMatch(error!, /no route to that network/);
});

testRow("60 000 bytes travel in fragments", async ({ near, far }) => {
  await using capture = await Capture.start(far, "out", "ip[6:2] & 0x1fff != 0");
  const [result] = await ping(near, FAR, { bytes: 60_000 });
  assertEquals(told(result), [0, FAR, NONE, 63, 60_000]);
  await capture.line(/offset 1480/);
  const [sixth] = await ping(near, FAR6, { bytes: 60_000 });
  assertEquals(told(sixth), [0, FAR6, NONE, 63, 60_000]);
}, "tcpdump");

testRow("a narrow link is told once, and then fragments fit it", async ({ near, router, far }) => {
  await router.ip("link", "set", "right", "mtu", "1300");
  await far.ip("link", "set", "out", "mtu", "1300");
  for (
    const [host, error] of [[FAR, "fragmentation needed"], [FAR6, "packet too big"]] as const
  ) {
    const results = await ping(near, host, { bytes: 1400, count: 3, intervalMs: 50 });
    assertEquals(results.map((each) => each.error), [error, NONE, NONE]);
    assertEquals(results.map(({ bytes }) => bytes), [0, 1400, 1400]);
  }
});

/** Pings loopback in a namespace where an impostor answers. */
async function pingTricked(trick: Trick, options: PingOptions): Promise<PingResult[]> {
  await using namespace = await Namespace.create();
  await namespace.run("sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all=1");
  const results = await runInside(namespace.under, "pingImpostor", trick, "127.0.0.1", options);
  return results as PingResult[];
}

testInNamespaces("replies to others are not mistaken, nor damaged ones", async () => {
  const results = await pingTricked("foreign", { count: 3, intervalMs: 20, timeoutMs: 300 });
  assertEquals(results.map(({ error }) => error), ["timed out", "timed out", "timed out"]);
});

testInNamespaces("a late reply is none, and not that of the next request", async () => {
  const results = await pingTricked("late", { count: 4, intervalMs: 150, timeoutMs: 60 });
  assertEquals(results.map(({ sequence, error }) => [sequence, error]), [
    [0, "timed out"],
    [1, "timed out"],
    [2, "timed out"],
    [3, "timed out"],
  ]);
});

testInNamespaces("a reply counts once, however often it comes", async () => {
  const results = await pingTricked("thrice", { count: 4, intervalMs: 5 });
  assertEquals(
    results.map(({ sequence, error }) => [sequence, error]),
    [0, 1, 2, 3].map((at) => [
      at,
      NONE,
    ]),
  );
});

testInNamespaces("results come in the order of the replies", async () => {
  const results = await pingTricked("swapped", { count: 4, intervalMs: 30, timeoutMs: 5_000 });
  assertEquals(results.map(({ sequence }) => sequence), [1, 0, 3, 2]);
});

testInNamespaces("the system's ping beside it disturbs nobody", async () => {
  await using namespace = await Namespace.create();
  const [command, ...args] = namespace.under;
  const [said, results] = await Promise.all([
    runProgram(command, [...args, "ping", "-i", "0.01", "-c", "100", "127.0.0.1"]),
    ping(namespace, "127.0.0.1", { count: 50, intervalMs: 20 }),
  ]);
  assertMatch(said, /100 packets transmitted, 100 received, 0% packet loss/);
  assertEquals(results.map(({ sequence }) => sequence), results.map((_, index) => index));
  assertEquals(results.filter(({ error }) => error !== NONE), []);
  assertEquals(results.length, 50);
}, "ping");

/** What `tcpdump` says about packets. */
class Capture implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #text = "";

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  static async start(namespace: Namespace, device: string, filter: string): Promise<Capture> {
    const [command, ...args] = namespace.under;
    const options = ["tcpdump", "-i", device, "-n", "-vv", "-l", "--immediate-mode"];
    const process = new Deno.Command(command, {
      args: [...args, ...options, ...filter.split(" ")],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    Capture.#listen(process.stderr, resolve).then(reject);
    await promise;
    return new Capture(process);
  }

  /** Reads what tcpdump says to its end: it would not survive that nobody does. */
  static async #listen(stderr: ReadableStream<Uint8Array>, begun: () => void): Promise<Error> {
    let said = "";
    const decoder = new TextDecoder();
    for await (const bytes of stderr) {
      said += decoder.decode(bytes);
      if (said.includes("listening on")) begun();
    }
    return new Error(`tcpdump: ${said}`);
  }

  /** Waits until it has said something. @returns All that it said. */
  async line(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#text)) {
      const { done, value } = await this.#lines.read();
      assert(!done, `tcpdump ended: ${this.#text}`);
      this.#text += value;
    }
    return this.#text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    while (!(await this.#lines.read()).done);
    await this.#process.status;
  }
}

testInNamespaces("the checksums are right, says tcpdump", async () => {
  await using namespace = await Namespace.create();
  await using capture = await Capture.start(namespace, "lo", "icmp or icmp6");
  for (const bytes of [56, 0, 1, 1001]) await ping(namespace, "127.0.0.1", { bytes });
  await ping(namespace, "::1", { bytes: 333 });
  const said = await capture.line(/icmp6 sum ok\] ICMP6, echo reply/);
  assertMatch(said, /ICMP echo request, id \d+, seq 0, length 64\n/);
  assertMatch(said, /ICMP echo request, id \d+, seq 0, length 1009\n/);
  assertMatch(said, /\[icmp6 sum ok\] ICMP6, echo request/);
  // It writes "(wrong icmp cksum ...)" behind requests whose checksum is wrong.
  assert(!/wrong|bad/.test(said), said);
}, "tcpdump");

/** Receives in one namespace what another one sends. @returns The messages. */
async function carry(
  receiving: readonly [Namespace, number, object],
  sending: readonly [Namespace, number, object, string, number[]],
): Promise<{ from: string; timeToLive: number; trafficClass: number; bytes: number[] }> {
  const [receiver, ...receiverArgs] = receiving;
  const [command, ...args] = await commandOf(receiver.under, "receive", [...receiverArgs, 1]);
  const process = new Deno.Command(command, { args, stdin: "null", stdout: "piped" }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const read = async () => {
    const { done, value } = await lines.read();
    assert(!done, `the receiver ended: ${text}`);
    text += value;
  };
  while (!text.includes('"ready"\n')) await read();
  const [sender, ...senderArgs] = sending;
  assertEquals(await runInside(sender.under, "send", ...senderArgs), []);
  while (text.split("\n").length < 3) await read();
  await lines.cancel();
  await process.status;
  return JSON.parse(text.split("\n")[1]);
}

testRow("a protocol of one's own passes a router", async ({ near, far }) => {
  const bytes = [1, 2, 3, 4, 5];
  const ipv4 = await carry(
    [far, 253, { receiveTimeToLive: true, receiveTrafficClass: true }],
    [near, 253, { timeToLive: 9, typeOfService: 0x20 }, FAR, bytes],
  );
  // Behind the header of IPv4.
  assertEquals([ipv4.from, ipv4.timeToLive, ipv4.trafficClass], ["10.98.1.1", 8, 0x20]);
  assertEquals([ipv4.bytes.length, ...ipv4.bytes.slice(20)], [25, ...bytes]);
  const options = { family: "IPv6", receiveTimeToLive: true, receiveTrafficClass: true };
  const ipv6 = await carry(
    [far, 253, options],
    [near, 253, { family: "IPv6", hopLimit: 7, trafficClass: 0x20 }, FAR6, bytes],
  );
  assertEquals(ipv6, { from: "fd98:1::1", timeToLive: 6, trafficClass: 0x20, bytes });
});

testRow("a packet with a header of the program's own arrives as it is", async ({ near, far }) => {
  const source = [10, 98, 1, 42];
  // Version, length of the header; the system fills in lengths and checksums.
  const header = [0x45, 0x10, 0, 0, 0x12, 0x34, 0, 0, 33, 253, 0, 0, ...source, 10, 98, 2, 1];
  const { from, bytes } = await carry(
    [far, 253, {}],
    [near, 255, { headerIncluded: true }, FAR, [...header, 7, 8, 9]],
  );
  assertEquals(from, "10.98.1.42");
  assertEquals(bytes.slice(4, 6), [0x12, 0x34]);
  assertEquals([bytes[8], ...bytes.slice(20)], [32, 7, 8, 9]);
});
