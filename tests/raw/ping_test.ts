/**
 * `ping` over loopback: what it takes, what it yields, and that nothing of it is left.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  type FeatureMask,
  NetError,
  NetworkCapability,
  type NetworkRights,
  ping,
  type PingOptions,
  type PingResult,
} from "../../mod.ts";
import { runProgram } from "../support/programs.ts";
import { Random, SEED } from "../support/seed.ts";
import { hasProgram, skipUnless } from "../support/skip.ts";
import { rawRefusal, testRaw, told } from "./fixtures.ts";

async function all(results: AsyncIterable<PingResult>): Promise<PingResult[]> {
  const list: PingResult[] = [];
  for await (const result of results) list.push(result);
  return list;
}

testRaw("every request is answered, of both families", async (capability) => {
  for (const host of ["127.0.0.1", "::1"]) {
    const results = await all(ping(host, capability, { count: 3, intervalMs: 1 }));
    assertEquals(results.map(told), [0, 1, 2].map((at) => [at, host, undefined, 64, 56]));
    for (const { roundTripMs } of results) assert(roundTripMs > 0 && roundTripMs < 1000);
  }
});

testRaw("every spelling of an address, and a name, leads to the host", async (capability) => {
  for (const host of ["127.1", "0x7f000001", "0.0.0.0", "::ffff:127.0.0.1", "localhost"]) {
    const [{ from, error }] = await all(ping(host, capability, { count: 1 }));
    assertEquals([error, from === "127.0.0.1" || from === "::1"], [undefined, true], host);
  }
});

testRaw("any number of bytes comes back, up to what IP carries", async (capability) => {
  for (const bytes of [0, 1, 7, 8, 9, 1472, 60_000, 65_507]) {
    for (const host of ["127.0.0.1", "::1"]) {
      const [result] = await all(ping(host, capability, { count: 1, bytes }));
      assertEquals(told(result), [0, host, undefined, 64, bytes], `${host}, ${bytes} bytes`);
    }
  }
});

const OLDER: Readonly<Record<string, FeatureMask>> = {
  "buffer rings": { bufferRing: true },
  "multishot receives": { multishotReceive: true },
};

for (const [lack, without] of Object.entries(OLDER)) {
  testRaw(`a kernel without ${lack} pings, too`, async (capability) => {
    for (const host of ["127.0.0.1", "::1"]) {
      const options = { count: 3, intervalMs: 1, bytes: 5_000 };
      const results = await all(ping(host, capability, options));
      assertEquals(results.map(told), [0, 1, 2].map((at) => [at, host, undefined, 64, 5_000]));
    }
  }, { ring: { without } });
}

testRaw("requests leave in their interval, whatever becomes of them", async (capability) => {
  const begun = performance.now();
  const options = { count: 5, intervalMs: 40 };
  assertEquals((await all(ping("127.0.0.1", capability, options))).length, 5);
  const elapsedMs = performance.now() - begun;
  assert(elapsedMs >= 4 * 40 - 2, `${elapsedMs} ms`);
});

testRaw("all at once are kept apart", async (capability) => {
  const options = { count: 5, intervalMs: 0 };
  const rounds = await Promise.all(
    Array.from({ length: 40 }, () => all(ping("127.0.0.1", capability, options))),
  );
  for (const results of rounds) {
    assertEquals(results.map(({ sequence, error }) => [sequence, error]), [
      [0, undefined],
      [1, undefined],
      [2, undefined],
      [3, undefined],
      [4, undefined],
    ]);
  }
});

testRaw("breaking out stops it", async (capability) => {
  for (let round = 0; round < 20; round++) {
    for await (const { error } of ping("127.0.0.1", capability, { count: 1000, intervalMs: 0 })) {
      assertEquals(error, undefined);
      if (round % 2 === 0) break;
      await ping("127.0.0.1", capability).return?.();
      break;
    }
    assertEquals(capability.stats().sockets, 0);
  }
});

testRaw("an abort rejects with its reason, before, between and in a wait", async (capability) => {
  const reason = new Error("enough");
  const early = ping("127.0.0.1", capability, { signal: AbortSignal.abort(reason) });
  assertEquals(await assertRejects(() => early.next()), reason);
  const between = new AbortController();
  const options = { intervalMs: 1, signal: between.signal };
  const error = await assertRejects(async () => {
    for await (const { sequence } of ping("127.0.0.1", capability, options)) {
      if (sequence === 1) between.abort(reason);
    }
  });
  assertEquals(error, reason);
  const waiting = new AbortController();
  const results = ping("127.0.0.1", capability, { intervalMs: 100_000, signal: waiting.signal });
  await results.next();
  const pending = results.next();
  waiting.abort(reason);
  assertEquals(await assertRejects(() => pending), reason);
  assertEquals(capability.stats().sockets, 0);
});

testRaw("aborts at random moments leave nothing", async (capability) => {
  console.log(`seed ${SEED}`);
  const random = new Random(SEED);
  for (let round = 0; round < 60; round++) {
    const stop = new AbortController();
    const { signal } = stop;
    const results = all(ping("127.0.0.1", capability, { count: 50, intervalMs: 0, signal }));
    setTimeout(() => stop.abort(new Error("enough")), random.float() * 4);
    await results.catch((error: Error) => assertEquals(error.message, "enough"));
    assertEquals(capability.stats().sockets, 0);
  }
});

testRaw("closing the capability ends it", async (capability) => {
  const own = capability.derive({ raw: true, connect: true, listen: true });
  const results = ping("127.0.0.1", own, { intervalMs: 100_000 });
  await results.next();
  const pending = results.next();
  await own[Symbol.asyncDispose]();
  const error = await assertRejects(() => pending, NetError);
  assertEquals(error.code, "EBADF");
});

testRaw("revoking ends it with the reason", async (capability) => {
  const own = capability.derive({ raw: true, connect: true, listen: true });
  const results = ping("127.0.0.1", own, { intervalMs: 100_000 });
  await results.next();
  const pending = results.next();
  const reason = new Error("no more");
  await own.revoke(reason);
  const error = await assertRejects(() => pending, Deno.errors.NotCapable);
  assertEquals(error.cause, reason);
});

testRaw("it needs raw, listen, connect, and resolve for a name", async (capability) => {
  const lacking: [NetworkRights, string, string][] = [
    [{ connect: true, listen: true }, "127.0.0.1", "raw"],
    [{ raw: true, connect: true }, "127.0.0.1", "listen"],
    [{ raw: true, listen: true }, "127.0.0.1", "connect"],
    [{ raw: true, listen: true, connect: ["raw://10.0.0.0/8"] }, "127.0.0.1", "connect"],
    [{ raw: true, listen: true, connect: ["udp://127.0.0.1:*"] }, "127.0.0.1", "connect"],
    [{ raw: true, connect: true, listen: ["raw://127.0.0.1"] }, "127.0.0.1", "listen"],
    [{ raw: true, connect: true, listen: ["raw://0.0.0.0"] }, "::1", "listen"],
    [{ raw: true, connect: true, listen: true }, "localhost", "resolve"],
  ];
  for (const [rights, host, right] of lacking) {
    const own = capability.derive(rights);
    const error = await assertRejects(() => all(ping(host, own)), Deno.errors.NotCapable);
    assertEquals((error as Error & { right: string }).right, right, JSON.stringify(rights));
  }
  const enough = capability.derive({
    raw: true,
    connect: ["raw://127.0.0.0/8"],
    listen: ["raw://0.0.0.0"],
  });
  const [{ error }] = await all(ping("127.0.0.1", enough, { count: 1 }));
  assertEquals(error, undefined);
});

testRaw("bad arguments are told at once, by name", (capability) => {
  const bad: [unknown, PingOptions, string][] = [
    [5, {}, "host"],
    ["::1", { count: 0 }, "count"],
    ["::1", { count: 65537 }, "count"],
    ["::1", { count: 1.5 }, "count"],
    ["::1", { intervalMs: -1 }, "intervalMs"],
    ["::1", { timeoutMs: NaN }, "timeoutMs"],
    ["::1", { bytes: 65508 }, "bytes"],
    ["::1", { timeToLive: 0 }, "timeToLive"],
    ["::1", { timeToLive: 256 }, "timeToLive"],
    ["::1", { ttl: 5 } as PingOptions, "ttl"],
  ];
  for (const [host, options, name] of bad) {
    const error = assertThrows(() => ping(host as string, capability, options), Error, name);
    assert(error instanceof TypeError || error instanceof RangeError);
  }
  return Promise.resolve();
});

testRaw("a name that does not exist is ENOENT", async (capability) => {
  const error = await assertRejects(() => all(ping("nowhere.invalid", capability)), NetError);
  assert(error.code === "ENOENT" || error.code === "EAGAIN", error.message);
});

testRaw("replies that do not fit the ring's buffers are refused before", async (capability) => {
  assertEquals((await all(ping("127.0.0.1", capability, { count: 1, bytes: 500 }))).length, 1);
  const asking = all(ping("127.0.0.1", capability, { bytes: 2000 }));
  await assertRejects(() => asking, RangeError, "bytes must be at most");
}, { ring: { datagramBuffers: { bytes: 2048 } } });

Deno.test({
  ...skipUnless(
    "without CAP_NET_RAW it is EPERM, which names the privilege",
    rawRefusal() === undefined && hasProgram("setpriv"),
    rawRefusal() ?? "needs setpriv",
  ),
  fn: async () => {
    const { stdout, stderr } = await runProgram(
      `
      import { NetError, NetworkCapability, ping } from "MOD";
      const rights = { raw: true, connect: true, listen: true };
      await using capability = await NetworkCapability.request({ backend: "kernel", rights });
      try {
        await ping("127.0.0.1", capability).next();
      } catch (error) {
        const { PermissionDenied } = Deno.errors;
        console.log(error.code, error instanceof NetError && error instanceof PermissionDenied);
        console.log(error.message, capability.stats().sockets);
      }
    `,
      { under: ["setpriv", "--bounding-set=-net_raw"] },
    );
    const [first, second] = stdout.split("\n");
    assertEquals(first, "EPERM true", stderr);
    assert(/CAP_NET_RAW.* 0$/.test(second), second);
  },
});

Deno.test("the host backend says that it has no raw sockets", async () => {
  const rights = { raw: true, connect: true, listen: true };
  await using capability = await NetworkCapability.request({ backend: "host", rights });
  const error = await assertRejects(() => all(ping("127.0.0.1", capability)), NetError);
  assertInstanceOf(error, Deno.errors.NotSupported);
  assertEquals([error.code, error.operation], ["ENOTSUP", "open"]);
  assert(/host/.test(error.message) && /raw sockets/.test(error.message), error.message);
  assertEquals(capability.stats().sockets, 0);
});
