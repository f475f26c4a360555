import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import {
  LoadBalancer,
  type LoadBalancerOptions,
  type NetError,
  NetworkCapability,
} from "../../mod.ts";
import { failureOf } from "../faults/fixtures.ts";
import {
  deadAddress,
  greeted,
  NamedServer,
  names,
  onEachRing,
  readLine,
  settled,
  startFront,
  startServers,
  until,
  within,
} from "./fixtures.ts";

function count(found: readonly (string | null)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of found) counts[name ?? "none"] = (counts[name ?? "none"] ?? 0) + 1;
  return counts;
}

async function closeAll(servers: readonly NamedServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
}

onEachRing("clients are spread over the backends, by their weights", async (capability) => {
  const servers = await startServers(capability, "a", "b", "c");
  const [a, b, c] = servers.map(({ address }) => address);
  const front = await startFront({
    capability,
    backends: [a, { address: b, weight: 2, name: "second" }, { address: c }],
  });
  assertEquals(front.balancer.backends.map(({ name }) => name), [a, "second", c]);
  assertEquals(count(await names(capability, front.address, 12)), { a: 3, b: 6, c: 3 });
  await front.balancer.stop({ timeoutMs: 1000 });
  assertEquals((await front.serving).ended, 12);
  await closeAll(servers);
});

onEachRing("least connections fills up those that have few", async (capability) => {
  const servers = await startServers(capability, "a", "b");
  const front = await startFront({
    capability,
    backends: servers.map(({ address }) => address),
    policy: "least-connections",
  });
  const clients = await Promise.all(
    Array.from({ length: 10 }, () => greeted(capability, front.address)),
  );
  assertEquals(count(clients.map(({ name }) => name)), { a: 5, b: 5 });
  for (const { name, stream } of clients) if (name === "a") await stream.close();
  await until("they are gone", () => servers[0].streams.size === 0);
  await until("the balancer sees it", () => front.balancer.stats().clients === 5);
  const more = await Promise.all(
    Array.from({ length: 5 }, () => greeted(capability, front.address)),
  );
  assertEquals(count(more.map(({ name }) => name)), { a: 5 });
  for (const { stream } of [...clients, ...more]) await stream.close();
  await front.balancer.stop({ timeoutMs: 1000 });
  await closeAll(servers);
});

onEachRing("maglev keeps a client's host with its backend, or what the program says", async (
  capability,
) => {
  const servers = await startServers(capability, "a", "b", "c");
  const backends = servers.map(({ address }) => address);
  const front = await startFront({ capability, backends, policy: "maglev" });
  assertEquals(Object.values(count(await names(capability, front.address, 8))), [8]);
  await front.balancer.stop({ timeoutMs: 1000 });
  let session = 0;
  const other = await startFront({
    capability,
    backends,
    policy: "maglev",
    tableSize: 251,
    key: (client) => `${client.remoteName.split(":")[0]} ${session++}`,
  });
  assertEquals(Object.keys(count(await names(capability, other.address, 60))).length, 3);
  await other.balancer.stop({ timeoutMs: 1000 });
  await closeAll(servers);
});

onEachRing("a backend that cannot be reached costs no client, and is left out for a while", async (
  capability,
) => {
  let nowMs = 0;
  const servers = await startServers(capability, "a", "b");
  const dead = await deadAddress(capability);
  const front = await startFront({
    capability,
    backends: [servers[0].address, dead, servers[1].address],
    ejection: { failures: 3, baseMs: 1000 },
    clock: () => nowMs,
  });
  const { balancer } = front;
  const state = () => balancer.stats().backends[dead];
  const served = await names(capability, front.address, 30);
  assertEquals(count(served).none, undefined);
  assertEquals([state().connectFailures, state().ejections, state().condition], [3, 1, "ejected"]);
  assertEquals(balancer.stats().retries, 3);
  nowMs = 999;
  await names(capability, front.address, 6);
  assertEquals(state().connectFailures, 3);
  // On trial: one failure, and it is left out for twice as long.
  nowMs = 1000;
  assertEquals(balancer.backends[1].condition, "up");
  await names(capability, front.address, 6);
  assertEquals([state().connectFailures, state().ejections], [4, 2]);
  nowMs = 2999;
  assertEquals(balancer.backends[1].condition, "ejected");
  // Back at work, it is trusted again.
  nowMs = 3000;
  await using revived = await NamedServer.start("revived", capability, dead);
  assertEquals(count(await names(capability, front.address, 9)), { a: 3, b: 3, revived: 3 });
  assertEquals([revived.accepted, state().condition], [3, "up"]);
  await balancer.stop({ timeoutMs: 1000 });
  await closeAll(servers);
});

onEachRing("no more than a share of the backends is left out", async (capability) => {
  const backends = await Promise.all(Array.from({ length: 4 }, () => deadAddress(capability)));
  const balancer = new LoadBalancer({
    capability,
    backends,
    retries: 0,
    ejection: { failures: 1, maxShare: 0.5 },
  });
  for (let attempt = 0; attempt < 12; attempt++) {
    assertEquals((await failureOf(balancer.connect())).code, "ECONNREFUSED");
  }
  const conditions = balancer.backends.map(({ condition }) => condition);
  assertEquals(conditions.filter((condition) => condition === "ejected").length, 2);
  const only = new LoadBalancer({ capability, backends: [backends[0]], ejection: { failures: 1 } });
  await failureOf(only.connect());
  assertEquals(only.backends[0].condition, "up");
  const never = new LoadBalancer({ capability, backends, ejection: false });
  for (let attempt = 0; attempt < 40; attempt++) await failureOf(never.connect());
  assert(never.backends.every(({ condition }) => condition === "up"));
});

onEachRing("a backend that accepts and then fails before it says anything is left out", async (
  capability,
) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.resetAndDestroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const faulty = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const [good] = await startServers(capability, "good");
  const front = await startFront({
    capability,
    backends: [faulty, good.address],
    ejection: { failures: 3 },
  });
  for (let round = 0; round < 12; round++) {
    const client = await capability.connect(front.address);
    await client.send(new Uint8Array(1));
    await client.receive({ timeoutMs: 10_000 }).then((lease) => lease?.release(), () => {});
    await client.close();
  }
  await settled(front.balancer);
  const { ejections, connectFailures, active } = front.balancer.stats().backends[faulty];
  assertEquals([ejections, connectFailures, active], [1, 0, 0]);
  await front.balancer.stop({ timeoutMs: 1000 });
  await new Promise<void>((resolve) => server.close(() => resolve()));
  await good[Symbol.asyncDispose]();
});

onEachRing("backends come and go while clients are served", async (capability) => {
  const servers = await startServers(capability, "a", "b");
  const [a, b] = servers;
  const front = await startFront({ capability, backends: [a.address] });
  const { balancer } = front;
  const old = await greeted(capability, front.address);
  balancer.add({ address: b.address, name: "b" });
  assertThrows(() => balancer.add({ address: b.address, name: "b" }), TypeError, "b");
  const draining = balancer.drain(a.address, { timeoutMs: 10_000 });
  assertEquals(balancer.backends[0].condition, "draining");
  assertEquals(count(await names(capability, front.address, 4)), { b: 4 });
  await old.stream.send(new TextEncoder().encode("still here\n"));
  assertEquals(await readLine(old.stream), "still here");
  await old.stream.close();
  assertEquals(await draining, { finished: 1, cut: 0 });
  assertEquals(balancer.backends.map(({ name }) => name), ["b"]);
  await assertRejects(() => balancer.drain(a.address, { timeoutMs: 0 }), TypeError, a.address);

  const last = await greeted(capability, front.address);
  assertEquals(await balancer.drain("b", { timeoutMs: 20 }), { finished: 0, cut: 1 });
  const end = await last.stream.receive({ timeoutMs: 10_000 }).catch((error) => error.code);
  assert(end === null || end === "ECONNRESET", `${end}`);
  await last.stream.close();
  assertEquals(await names(capability, front.address, 1), [null]);
  balancer.add(a.address);
  assertEquals(await names(capability, front.address, 1), ["a"]);
  await balancer.stop({ timeoutMs: 1000 });
  await closeAll(servers);
});

onEachRing("a backend with as many connections as it may have is passed over", async (
  capability,
) => {
  const servers = await startServers(capability, "a", "b");
  const balancer = new LoadBalancer({
    capability,
    backends: servers.map(({ address, name }) => ({ address, name, maxConnections: 2 })),
  });
  const open = await Promise.all(Array.from({ length: 4 }, () => balancer.connect()));
  assertEquals(count(open.map(({ backend }) => backend.name)), { a: 2, b: 2 });
  assertEquals(balancer.pick(), undefined);
  const full = await failureOf(balancer.connect()) as NetError;
  assertEquals(full.code, "EHOSTUNREACH");
  assert(full.message.includes("2 backends"), full.message);
  await open[0].stream.close();
  await until("there is room", () => balancer.pick() !== undefined);
  assertEquals(balancer.pick()?.name, open[0].backend.name);
  const drained = balancer.drain("a", { timeoutMs: 0 });
  assertEquals((await within("drain()", drained)).cut, 2 - (open[0].backend.name === "a" ? 1 : 0));
  for (const { stream } of open) await stream.close();
  await closeAll(servers);
});

onEachRing("connect() ends at its deadline and at an abort, and counts nothing then", async (
  capability,
) => {
  await using server = (await startServers(capability, "a"))[0];
  const dead = await deadAddress(capability);
  const balancer = new LoadBalancer({ capability, backends: [dead, server.address] });
  const { stream, backend } = await balancer.connect({ timeoutMs: 5000 });
  assertEquals(await readLine(stream as never), "a");
  assertEquals([backend.name, backend.stats().active], [server.address, 1]);
  await stream.close();
  await until("it is counted no more", () => backend.stats().active === 0);
  const aborted = AbortSignal.abort(new RangeError("enough"));
  await assertRejects(() => balancer.connect({ signal: aborted }), RangeError, "enough");
  assertEquals(balancer.backends.map((each) => each.stats().active), [0, 0]);
  const both = new LoadBalancer({ capability, backends: [dead, await deadAddress(capability)] });
  const failure = await failureOf(both.connect());
  assertEquals(failure.code, "ECONNREFUSED");
  assert(failure.cause instanceof AggregateError && failure.cause.errors.length === 2);
  const denied = new LoadBalancer({
    capability: capability.derive({ tcp: true }),
    backends: [dead],
  });
  const refusal = await failureOf(denied.connect());
  assert(refusal instanceof Deno.errors.NotCapable);
  assertEquals(denied.backends[0].stats().connectFailures, 0, "that is no fault of the backend");
});

onEachRing("a program that picks for itself can tell how it went", async (capability) => {
  const balancer = new LoadBalancer({
    capability,
    backends: ["192.0.2.1:80", "192.0.2.2:80", "example.com:80"],
    ejection: { failures: 2 },
  });
  const picked = [1, 2, 3, 4].map(() => balancer.pick()!);
  const expected = ["192.0.2.1:80", "192.0.2.2:80", "example.com:80", "192.0.2.1:80"];
  assertEquals(picked.map(({ name }) => name), expected);
  balancer.report(picked[0], "failure");
  balancer.report(picked[0], "success");
  balancer.report(picked[0], "failure");
  assertEquals(picked[0].condition, "up");
  balancer.report(picked[0], "failure");
  assertEquals(picked[0].condition, "ejected");
  const rest = [1, 2, 3, 4].map(() => balancer.pick()!.name);
  assert(!rest.includes("192.0.2.1:80"));
  await balancer.stop({ timeoutMs: 0 });
});

Deno.test("options that cannot be are refused by name", async () => {
  await using capability = await NetworkCapability.request({ backend: "host" });
  const base = { capability, backends: ["127.0.0.1:1"] };
  const wrong: [Record<string, unknown>, string][] = [
    [{ policy: "random" }, "random"],
    [{ retries: 17 }, "retries"],
    [{ connectTimeoutMs: 0 }, "connectTimeoutMs"],
    [{ idleTimeoutMs: -1 }, "idleTimeoutMs"],
    [{ maxConnections: 0 }, "maxConnections"],
    [{ ejection: { failures: 0 } }, "failures"],
    [{ policy: "maglev", tableSize: 100 }, "prime"],
    [{ backends: ["127.0.0.1:1", "127.0.0.1:1"] }, "127.0.0.1:1"],
    [{ backends: [{ address: "127.0.0.1:1", weight: 0 }] }, "weight"],
    [{ backends: [{ address: "127.0.0.1:1", maxConnections: 0 }] }, "maxConnections"],
    [{ backends: [{ address: "127.0.0.1:1", name: "" }] }, "name"],
    [{ backends: [{ address: "127.0.0.1:1", share: 1 }] }, '"share"'],
    [{ backends: ["127.0.0.1"] }, "port"],
    [{ color: "red" }, '"color"'],
  ];
  for (const [options, named] of wrong) {
    const make = () => new LoadBalancer({ ...base, ...options } as LoadBalancerOptions);
    const error = assertThrows(make) as Error;
    assert(error instanceof TypeError || error instanceof RangeError);
    assert(error.message.includes(named), error.message);
  }
  const balancer = new LoadBalancer({ ...base, policy: "maglev" });
  assertThrows(() => balancer.pick(), TypeError, "key");
  assertEquals(balancer.pick("key")?.name, "127.0.0.1:1");
});
