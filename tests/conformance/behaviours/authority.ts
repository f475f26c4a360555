/**
 * Authority: rights, limits, and their withdrawal.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { theme } from "../behaviour.ts";
import { counted, receiveExactly, TOO_MUCH, utf8 } from "../bytes.ts";
import { assertNetError, freePort, reasonOf } from "../expect.ts";
import { NetError, type NetworkRights, type Rule } from "../../../mod.ts";

const behaviour = theme("authority");

const LOOPBACK: NetworkRights = {
  tcp: true,
  connect: ["tcp://127.0.0.0/8:*"],
  listen: ["tcp://127.0.0.1:*"],
};

function assertDenied(error: unknown, right: string, operation: string): void {
  assertInstanceOf(error, Deno.errors.NotCapable);
  assertNetErrorWithoutCode(error, operation);
  assertEquals((error as unknown as { right: string }).right, right);
}

function assertNetErrorWithoutCode(error: unknown, operation: string): void {
  assertInstanceOf(error, NetError);
  assertEquals(error.code, "EACCES");
  assertEquals(error.operation, operation);
}

behaviour(
  "a right that was not granted is NotCapable, with the right and the address",
  async (t) => {
    const endpoint = await t.listen();
    const remote = `127.0.0.1:${endpoint.addr.port}`;
    const denied: (readonly [NetworkRights, string])[] = [
      [{}, "tcp"],
      [{ tcp: true }, "connect"],
      [{ tcp: true, connect: ["tcp://10.0.0.0/8:*"] }, "connect"],
      [{ tcp: true, connect: [`tcp://127.0.0.1:${endpoint.addr.port + 1}`] }, "connect"],
      [{ tcp: true, connect: ["tcp://*.example.com:*"] }, "connect"],
    ];
    for (const [rights, right] of denied) {
      const error = await assertRejects(() => t.capability.derive(rights).connect(remote));
      assertDenied(error, right, "connect");
      assertEquals((error as unknown as { address: string }).address.includes(remote), true);
    }
    assertEquals(t.gained("denied"), denied.length);
  },
);

behaviour("what a rule admits works, under a derived capability", async (t) => {
  const derived = t.capability.derive(LOOPBACK);
  const { client, server } = await t.pair({}, derived);
  await client.send(utf8("allowed"));
  assertEquals(await receiveExactly(server, 7), utf8("allowed"));
  const error = await assertRejects(() => derived.listen("0.0.0.0:0"));
  assertDenied(error, "listen", "listen");
});

behaviour("no spelling of an address goes around a rule", async (t) => {
  const derived = t.capability.derive({ tcp: true, connect: ["tcp://10.0.0.0/8:*"] });
  const spellings = [
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::1]",
  ];
  for (const spelling of spellings) {
    const error = await assertRejects(() => derived.connect(`${spelling}:1`), Error, "", spelling);
    assertDenied(error, "connect", "connect");
  }
});

behaviour("every layer must allow", async (t) => {
  const endpoint = await t.listen();
  const outer = t.capability.derive({ tcp: true, connect: ["tcp://127.0.0.0/8:*"], listen: true });
  const inner = outer.derive({ tcp: true, connect: ["tcp://127.0.0.1:*"] });
  const accepting = endpoint.accept();
  const stream = await inner.connect(endpoint.addr);
  await stream.close();
  await (await accepting).close();
  assertDenied(await reasonOf(inner.connect("127.0.0.2:1")), "connect", "connect");
  assertDenied(await reasonOf(inner.listen("127.0.0.1:0")), "listen", "listen");
  assertNetError(await reasonOf(outer.connect(`127.0.0.2:${freePort()}`)), {
    code: "ECONNREFUSED",
  });
});

behaviour("deriving more than there is throws NotCapable", (t) => {
  const derived = t.capability.derive(LOOPBACK);
  const excess: NetworkRights[] = [
    { tcp: true, udp: true },
    { tcp: true, connect: true },
    { tcp: true, connect: ["tcp://0.0.0.0/0:*"] },
    { tcp: true, listen: ["tcp://127.0.0.0/8:*"] },
    { raw: true },
    { ring: true },
    { files: ["file:///**"] },
  ];
  for (const rights of excess) {
    assertThrows(() => derived.derive(rights), Deno.errors.NotCapable, "", JSON.stringify(rights));
  }
});

behaviour("a malformed rule is a TypeError with the position", (t) => {
  for (
    const rule of ["tcp//x:1", "tcp://", "tcp://1.2.3.4/33:*", "tcp://x:port", "ftp://x:1", ""]
  ) {
    const derive = () => t.capability.derive({ tcp: true, connect: [rule as Rule] });
    assertThrows(derive, TypeError, "position", rule);
  }
});

behaviour("rights say what may be done", (t) => {
  assertEquals(t.capability.rights.tcp, true);
  assertEquals(t.capability.rights.ring ?? false, false);
  assertEquals(t.capability.rights.raw ?? false, false);
  const { rights } = t.capability.derive(LOOPBACK);
  assertEquals(rights.connect, ["tcp://127.0.0.0/8:*"]);
  assertEquals(rights.udp ?? false, false);
});

behaviour("a name is judged before it is resolved", async (t) => {
  const derived = t.capability.derive({ tcp: true, connect: ["tcp://127.0.0.1:*"], resolve: [] });
  const error = await assertRejects(() => derived.connect("does-not-exist.invalid:80"));
  assertInstanceOf(error, Deno.errors.NotCapable);
  assertInstanceOf(await reasonOf(derived.resolve("localhost")), Deno.errors.NotCapable);
});

behaviour("a rule that names localhost leads to loopback", async (t) => {
  const endpoint = await t.listen();
  const derived = t.capability.derive({ tcp: true, connect: ["tcp://localhost:*"] });
  const accepting = endpoint.accept();
  const stream = await derived.connect(`localhost:${endpoint.addr.port}`);
  await stream.close();
  await (await accepting).close();
  assertDenied(await reasonOf(derived.connect(endpoint.addr)), "connect", "connect");
});

behaviour(
  "a name rule admits public addresses only, unless a network rule admits them too",
  async (t) => {
    const endpoint = await t.listen();
    const name = Deno.hostname();
    const found = await t.capability.resolve(name, { family: "IPv4" }).catch(() => []);
    // Only where the hosts file names this machine is there a name that leads to loopback.
    if (found[0]?.host !== "127.0.0.1") return;
    const remote = `${name}:${endpoint.addr.port}`;
    const byName = t.capability.derive({ tcp: true, connect: [`tcp://${name}:*`] });
    assertInstanceOf(await reasonOf(byName.connect(remote)), Deno.errors.NotCapable);
    const rules: Rule[] = [`tcp://${name}:*`, "tcp://127.0.0.0/8:*"];
    const accepting = endpoint.accept();
    const stream = await t.capability.derive({ tcp: true, connect: rules }).connect(remote);
    await stream.close();
    await (await accepting).close();
  },
);

behaviour(
  "revoke() ends what is in flight with NotCapable, and its cause is the reason",
  async (t) => {
    const derived = t.capability.derive({ tcp: true, connect: true, listen: true });
    const { client, server, endpoint } = await t.pair({}, derived);
    const pending = [
      client.receive(),
      client.send(counted(TOO_MUCH)),
      endpoint.accept(),
      endpoint[Symbol.asyncIterator]().next(),
    ].map(reasonOf);
    await t.barrier();
    const reason = new Error("contract ended");
    const report = await derived.revoke(reason);
    assertEquals(report.sockets, 3);
    assertInstanceOf((await server.closed).reason, Deno.errors.NotCapable);
    for (const [index, outcome] of pending.entries()) {
      const error = await outcome;
      assertInstanceOf(error, Deno.errors.NotCapable, `operation ${index}`);
      assertInstanceOf(error, NetError);
      assertStrictEquals(error.cause, reason);
    }
    const { reason: why } = await client.closed;
    assertInstanceOf(why, Deno.errors.NotCapable);
    assertStrictEquals(why.cause, reason);
  },
);

behaviour("after revoke() nothing begins, and nothing is left", async (t) => {
  const derived = t.capability.derive({ tcp: true, connect: true, listen: true });
  const below = derived.derive({ tcp: true, listen: true });
  const endpoint = await below.listen("127.0.0.1:0");
  const before = t.capability.stats().sockets;
  await derived.revoke("over");
  assertEquals(t.capability.stats().sockets, before - 1);
  for (const capability of [derived, below]) {
    const error = await assertRejects(() => capability.listen("127.0.0.1:0"));
    assertInstanceOf(error, Deno.errors.NotCapable);
    assertInstanceOf(await reasonOf(capability.connect(endpoint.addr)), Deno.errors.NotCapable);
    assertThrows(() => capability.derive({}), Deno.errors.NotCapable);
  }
  assertEquals(await derived.revoke(), { sockets: 1 }, "the same report, once more");
  await (await t.listen())[Symbol.asyncDispose]();
});

behaviour("revoke() under full load ends everything and leaves nothing", async (t) => {
  const derived = t.capability.derive({ tcp: true, connect: true, listen: true });
  const endpoint = await t.listen({}, derived);
  const outcomes: Promise<unknown>[] = [];
  outcomes.push(reasonOf((async () => {
    for await (const stream of endpoint) {
      outcomes.push(reasonOf((async () => {
        for await (const lease of stream.receiveMany()) await stream.send(lease);
      })()));
    }
  })()));
  let moved = 0;
  const clients = await Promise.all(
    Array.from({ length: 16 }, () => derived.connect(endpoint.addr)),
  );
  const loads = clients.flatMap((client) => [
    reasonOf((async () => {
      for (;;) await client.send(counted(5000));
    })()),
    reasonOf((async () => {
      for await (const lease of client.receiveMany()) moved += lease.length;
    })()),
  ]);
  while (moved < 2_000_000) await new Promise((resolve) => setTimeout(resolve, 0));
  const before = t.capability.stats();
  await derived.revoke(new Error("enough"));
  const { sockets, inFlight, leases, bufferBytes } = t.capability.stats();
  assertEquals({ sockets, inFlight, leases, bufferBytes }, {
    sockets: 0,
    inFlight: 0,
    leases: 0,
    bufferBytes: 0,
  });
  assert(before.sockets > 16);
  for (const error of await Promise.all([...loads, ...outcomes])) {
    assertInstanceOf(error, Deno.errors.NotCapable);
  }
});

behaviour(
  "a connect() that is under way when its capability is revoked leaves nothing",
  async (t) => {
    const endpoint = await t.listen();
    for (let round = 0; round < 20; round++) {
      const derived = t.capability.derive({ tcp: true, connect: true });
      const connecting = reasonOf(derived.connect(endpoint.addr));
      const hops = t.random.integer(0, 30);
      for (let hop = 0; hop < hops; hop++) await null;
      await derived.revoke("too late");
      const error = await connecting;
      if (error !== undefined) assertInstanceOf(error, Deno.errors.NotCapable);
    }
    endpoint.close();
  },
);
