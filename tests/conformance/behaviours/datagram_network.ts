/**
 * What datagrams have to do with the network: groups, errors of ICMP, what is told beside the bytes.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { theme } from "../behaviour.ts";
import { utf8 } from "../bytes.ts";
import { bound, LOST_MS, take, takeOne } from "../datagram_endpoints.ts";
import { assertNetError, reasonOf } from "../expect.ts";

const behaviour = theme("datagrams and the network");

const GROUP = "239.77.1.2";
const LOOPBACK = "127.0.0.1";

behaviour("join() hears a group, and leave() ends it", async (t) => {
  const server = await t.capability.bind("0.0.0.0:0");
  t.defer(() => server.close());
  const client = await bound(t);
  await client.setOption("multicastInterface", LOOPBACK);
  const to = `${GROUP}:${server.addr.port}`;
  await using membership = await server.join(GROUP, { interface: LOOPBACK });
  assertEquals([membership.group, membership.source], [GROUP, ""]);
  await client.send(utf8("to all"), to);
  assertEquals(await takeOne(server), utf8("to all"));
  const twice = await assertRejects(() => server.join(GROUP, { interface: LOOPBACK }));
  assertNetError(twice, { code: "EADDRINUSE", operation: "join", local: server.localName });
  await membership.leave();
  await membership.leave();
  await client.send(utf8("left"), to);
  await client.send(utf8("direct"), `127.0.0.1:${server.addr.port}`);
  assertEquals(await takeOne(server), utf8("direct"));
});

behaviour("join() with a source hears that sender alone", async (t) => {
  const server = await t.capability.bind("0.0.0.0:0");
  t.defer(() => server.close());
  const client = await bound(t);
  await client.setOption("multicastInterface", LOOPBACK);
  const to = `${GROUP}:${server.addr.port}`;
  const other = { interface: LOOPBACK, source: "127.0.0.9" };
  await using _stranger = await server.join(GROUP, other);
  await client.send(utf8("not heard"), to);
  await using ours = await server.join(GROUP, { interface: LOOPBACK, source: LOOPBACK });
  assertEquals(ours.source, LOOPBACK);
  await client.send(utf8("heard"), to);
  assertEquals(await takeOne(server), utf8("heard"));
});

behaviour("joining a group is judged, and its arguments are looked at", async (t) => {
  const derived = t.capability.derive({ udp: true, listen: ["udp://0.0.0.0:*"], connect: true });
  const server = await derived.bind("0.0.0.0:0");
  t.defer(() => server.close());
  const error = await assertRejects(() => server.join(GROUP), Deno.errors.NotCapable);
  assertEquals((error as unknown as { right: string }).right, "listen");
  const free = await t.capability.bind("0.0.0.0:0");
  t.defer(() => free.close());
  await assertRejects(() => free.join("example.com"), TypeError, "example.com");
  await assertRejects(() => free.join(GROUP, { source: "::1" }), TypeError, "::1");
  await assertRejects(() => free.join(GROUP, { interface: -1 }), RangeError, "-1");
  await assertRejects(() => free.join(GROUP, { interfaces: 1 } as object), TypeError, "interfaces");
  assertInstanceOf(await reasonOf(free.join("192.0.2.1")), Error);
});

behaviour("a connected endpoint is told that nobody is there, and lives on", async (t) => {
  const gone = await bound(t);
  const client = await bound(t);
  await gone.close();
  await client.connect(gone.localName);
  await client.send(utf8("anybody?"));
  const refused = await assertRejects(() => client.receive({ timeoutMs: LOST_MS }));
  assertNetError(refused, {
    code: "ECONNREFUSED",
    operation: "receive",
    local: client.localName,
    remote: gone.localName,
  });
  assertInstanceOf(refused, Deno.errors.ConnectionRefused);
  const batches = client.receiveMany({ timeoutMs: LOST_MS });
  const waiting = batches.next();
  await client.send(utf8("anybody?"));
  assertNetError(await reasonOf(waiting), { code: "ECONNREFUSED" });
  const server = await t.capability.bind(gone.localName);
  t.defer(() => server.close());
  await client.send(utf8("you?"));
  assertEquals(await takeOne(server), utf8("you?"));
  await server.send(utf8("me"), client.addr);
  assertEquals((await batches.next()).value[0].copy(), utf8("me"));
  await batches.return!();
});

behaviour("what comes beside a datagram is told when it was asked for", async (t) => {
  const options = { packetInfo: true, receiveTimeToLive: true, receiveTrafficClass: true };
  const server = await t.capability.bind("0.0.0.0:0", options);
  t.defer(() => server.close());
  const client = await bound(t, { timeToLive: 7, typeOfService: 0b101110_01 });
  const { port } = server.addr;
  await client.send(utf8("x"), `127.0.0.5:${port}`);
  using datagram = await server.receive({ timeoutMs: LOST_MS });
  assertEquals(datagram.localAddr, { transport: "udp", hostname: "127.0.0.5", port });
  assert(datagram.interfaceIndex! > 0);
  assertEquals(datagram.timeToLive, 7);
  assertEquals(datagram.trafficClass, 0b101110_01);
  assertEquals(datagram.congestion, 1);
  const plain = await bound(t);
  await client.send(utf8("y"), plain.addr);
  using other = await plain.receive({ timeoutMs: LOST_MS });
  const { localAddr, interfaceIndex, timeToLive, trafficClass, congestion } = other;
  const told = [localAddr, interfaceIndex, timeToLive, trafficClass, congestion];
  assertEquals(told, Array(5).fill(undefined));
});

behaviour("what comes beside a datagram of IPv6 is told, too", async (t) => {
  const options = { packetInfo: true, receiveTimeToLive: true, receiveTrafficClass: true };
  const server = await t.capability.bind("[::]:0", options);
  t.defer(() => server.close());
  const client = await t.capability.bind("[::1]:0", { hopLimit: 9, trafficClass: 0b110 });
  t.defer(() => client.close());
  const { port } = server.addr;
  await client.send(utf8("x"), `[::1]:${port}`);
  using datagram = await server.receive({ timeoutMs: LOST_MS });
  assertEquals(datagram.localAddr, { transport: "udp", hostname: "::1", port });
  const { timeToLive, trafficClass, congestion } = datagram;
  assertEquals([timeToLive, trafficClass, congestion], [9, 6, 2]);
  const four = await bound(t, { timeToLive: 5, typeOfService: 3 });
  await four.send(utf8("mapped"), `127.0.0.1:${port}`);
  using mapped = await server.receive({ timeoutMs: LOST_MS });
  assertEquals(mapped.localAddr?.hostname, "::ffff:127.0.0.1");
  assertEquals([mapped.timeToLive, mapped.trafficClass, mapped.congestion], [5, 3, 3]);
});

behaviour("a datagram that does not fit the ring's buffers is marked as truncated", async (t) => {
  const [server, client] = [await bound(t), await bound(t)];
  await client.send(new Uint8Array(2000).fill(7), server.addr);
  await client.send(utf8("whole"), server.addr);
  const batches = server.receiveMany({ timeoutMs: LOST_MS });
  const seen: [number, boolean][] = [];
  while (seen.length < 2) {
    for (const datagram of (await batches.next()).value) {
      seen.push([datagram.length, datagram.truncated]);
    }
  }
  await batches.return!();
  assertEquals(seen[0][1], true);
  assert(seen[0][0] > 500 && seen[0][0] < 2000, String(seen[0][0]));
  assertEquals(seen[1], [5, false]);
  assertEquals(server.stats().truncated, 1);
}, { ring: { datagramBuffers: { bytes: 1024 } } });

behaviour("reusePort lets endpoints share a port, and together they hear everything", async (t) => {
  const first = await bound(t, { reusePort: true });
  const second = await t.capability.bind(first.addr, { reusePort: true });
  t.defer(() => second.close());
  const senders = await Promise.all(Array.from({ length: 16 }, () => bound(t)));
  for (const sender of senders) await sender.send(utf8("x"), first.addr);
  const reading = [first, second].map(async (endpoint) => {
    const names: string[] = [];
    try {
      for await (const batch of endpoint.receiveMany()) {
        for (const datagram of batch) names.push(datagram.remoteName);
      }
    } catch {
      // It ends by being closed.
    }
    return names;
  });
  while (first.stats().received + second.stats().received < 16) await t.barrier();
  await Promise.all([first.close(), second.close()]);
  const heard = (await Promise.all(reading)).flat().sort();
  assertEquals(heard, senders.map((each) => each.localName).sort());
});

behaviour("a broadcast needs the option broadcast, and says so", async (t) => {
  const client = await bound(t);
  const error = await assertRejects(() => client.send(utf8("x"), "255.255.255.255:9"));
  assertNetError(error, { code: "EACCES", operation: "send", remote: "255.255.255.255:9" });
  assert(String(error).includes("broadcast"), String(error));
  await client.setOption("broadcast", true);
  assertEquals(await client.getOption("broadcast"), true);
  // The interface may have nowhere to broadcast to; what is gone is the lack of permission.
  const other = await reasonOf(client.send(utf8("x"), "255.255.255.255:9"));
  assert(other === undefined || (other as { code: string }).code !== "EACCES", String(other));
});

behaviour("datagrams of many senders keep theirs", async (t) => {
  const server = await bound(t);
  const senders = await Promise.all(Array.from({ length: 20 }, () => bound(t)));
  for (const [index, sender] of senders.entries()) {
    await sender.send(Uint8Array.of(index), server.addr);
  }
  const taken = await take(server, 20);
  for (const { bytes, from } of taken) assertEquals(from, senders[bytes[0]].localName);
  assertEquals(new Set(taken.map(({ from }) => from)).size, 20);
});
