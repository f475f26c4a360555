/**
 * Raw endpoints over loopback.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type AddressInput,
  NetError,
  type NetworkCapability,
  RawEndpoint,
  type RawOptions,
  SocketAddress,
} from "../../mod.ts";
import { emitEchoRequest } from "../../native/raw/icmp.ts";
import { readPacket } from "../../native/raw/ip_header.ts";
import { RIGHTS, testRaw } from "./fixtures.ts";

/** RFC 3692 gives it to experiments. */
const PROTOCOL = 253;
const HOST = "127.0.0.1";

function bytesOf(...bytes: number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}

/** A packet of IPv4; lengths and checksums are the system's business. */
function packet(fields: {
  from?: readonly number[];
  to?: readonly number[];
  options?: readonly number[];
  payload?: readonly number[];
}): Uint8Array<ArrayBuffer> {
  const { from = [0, 0, 0, 0], to = [127, 0, 0, 1], options = [], payload = [1] } = fields;
  const length = 5 + options.length / 4;
  const head = [0x40 | length, 0, 0, 0, 0, 0, 0, 0, 64, PROTOCOL, 0, 0, ...from, ...to];
  return bytesOf(...head, ...options, ...payload);
}

function open(capability: NetworkCapability, options: RawOptions = {}): Promise<RawEndpoint> {
  return RawEndpoint.open(PROTOCOL, capability, { localAddress: HOST, ...options });
}

async function received(raw: RawEndpoint): Promise<Uint8Array> {
  using message = await raw.receive({ timeoutMs: 10_000 });
  return readPacket(message.copy())!.payload;
}

testRaw("a message arrives behind the header of IPv4", async (capability) => {
  await using raw = await open(capability);
  assertEquals([raw.localName, raw.addr.port], ["127.0.0.1:0", 0]);
  assertEquals(await raw.send(bytesOf(1, 2, 3), HOST), 3);
  using message = await raw.receive();
  assertEquals([message.length, message.remoteName], [23, "127.0.0.1:0"]);
  assertEquals([...readPacket(message.copy())!.payload], [1, 2, 3]);
});

testRaw("of IPv6 there is no header", async (capability) => {
  await using raw = await RawEndpoint.open(PROTOCOL, capability, {
    family: "IPv6",
    receiveTimeToLive: true,
    receiveTrafficClass: true,
    packetInfo: true,
    hopLimit: 7,
    trafficClass: 0x20,
  });
  await raw.send(bytesOf(1, 2, 3), "::1");
  using message = await raw.receive();
  assertEquals([...message.copy()], [1, 2, 3]);
  assertEquals([message.timeToLive, message.trafficClass], [7, 0x20]);
  assertEquals([message.remoteAddr.hostname, message.localAddr!.hostname], ["::1", "::1"]);
});

testRaw("only what is sent to the local address arrives", async (capability) => {
  await using one = await open(capability);
  await using other = await open(capability, { localAddress: "127.0.0.2" });
  await one.send(bytesOf(1), "127.0.0.2");
  await other.send(bytesOf(2), "127.0.0.1");
  assertEquals([[...await received(one)], [...await received(other)]], [[2], [1]]);
});

testRaw("addresses have no ports, and names are not resolved", async (capability) => {
  await using raw = await open(capability);
  const good: AddressInput[] = [
    HOST,
    "127.0.0.1:0",
    SocketAddress.parse("127.0.0.1:0"),
    { transport: "udp", hostname: HOST, port: 0 },
  ];
  for (const to of good) await raw.send(bytesOf(1), to);
  for (let count = 0; count < good.length; count++) await received(raw);
  for (const to of ["127.0.0.1:80", "localhost:0", "localhost", "unix:/x", "[::1]:1"]) {
    await assertRejects(() => raw.send(bytesOf(1), to), TypeError);
    await assertRejects(() => raw.connect(to), TypeError);
    const { failed } = await raw.sendBatch([{ data: bytesOf(1), to }]);
    assert(failed[0].error instanceof TypeError, to);
  }
});

testRaw("a connected one hears its peer alone, and needs no address", async (capability) => {
  await using raw = await open(capability);
  await using peer = await open(capability, { localAddress: "127.0.0.2" });
  await using stranger = await open(capability, { localAddress: "127.0.0.3" });
  await raw.connect("127.0.0.2");
  assertEquals(raw.remoteName, "127.0.0.2:0");
  await stranger.send(bytesOf(3), HOST);
  await peer.send(bytesOf(2), HOST);
  assertEquals([...await received(raw)], [2]);
  await raw.send(bytesOf(1));
  assertEquals([...await received(peer)], [1]);
});

testRaw("a batch is sent, and what fails of it is named", async (capability) => {
  await using raw = await open(capability);
  const report = await raw.sendBatch([
    { data: bytesOf(1), to: HOST },
    { data: bytesOf(2), to: "localhost" },
    { data: new Uint8Array(70_000), to: HOST },
    { data: bytesOf(4), to: HOST },
  ]);
  assertEquals([report.sent, report.failed.map(({ index }) => index)], [2, [1, 2]]);
  assertEquals((report.failed[1].error as NetError).code, "EMSGSIZE");
  assertEquals([...await received(raw), ...await received(raw)], [1, 4]);
});

testRaw("messageTypes lets no others in", async (capability) => {
  const localAddress = "127.0.0.9";
  await using raw = await RawEndpoint.open(1, capability, { localAddress, messageTypes: [0] });
  const echo = { identifier: 1, sequence: 2, data: bytesOf(5) };
  // The request itself, of type 8, arrives at the socket too; the system answers with type 0.
  await raw.send(emitEchoRequest(echo, false), localAddress);
  assertEquals((await received(raw))[0], 0);
  assertEquals(raw.stats().received, 1);
  const ipv6 = { family: "IPv6", messageTypes: [129] } as const;
  await using raw6 = await RawEndpoint.open(58, capability, ipv6);
  await raw6.send(emitEchoRequest(echo, true), "::1");
  using message = await raw6.receive();
  assertEquals([message.bytes[0], raw6.stats().received], [129, 1]);
});

testRaw("a header of the program's own is sent as it is", async (capability) => {
  await using raw = await open(capability);
  await using sender = await open(capability, { headerIncluded: true });
  await sender.send(packet({ from: [127, 0, 0, 77], payload: [9] }), HOST);
  using message = await raw.receive();
  assertEquals(message.remoteAddr.hostname, "127.0.0.77");
  const { sent } = await sender.sendBatch([
    { data: packet({ payload: [1] }), to: HOST },
    { data: packet({ payload: [2] }), to: HOST },
  ]);
  assertEquals(sent, 2);
  assertEquals([...await received(raw), ...await received(raw)], [1, 2]);
});

testRaw("protocol 255 sends with headers, and receives nothing", async (capability) => {
  await using raw = await open(capability);
  await using sender = await RawEndpoint.open(255, capability);
  await sender.send(packet({ payload: [5] }), HOST);
  assertEquals([...await received(raw)], [5]);
  assertEquals(sender.stats().received, 0);
  await assertRejects(() => sender.send(bytesOf(1, 2, 3), HOST), TypeError, "header of IPv4");
  const without = { headerIncluded: false };
  await assertRejects(() => RawEndpoint.open(255, capability, without), RangeError, "255");
});

testRaw("headers are judged by the same rules as addresses", async (capability) => {
  const rules = capability.derive({
    raw: true,
    connect: ["raw://127.0.0.1"],
    listen: ["raw://127.0.0.1"],
  });
  await using raw = await open(capability);
  await using sender = await open(rules, { headerIncluded: true });
  const forged: [Uint8Array<ArrayBuffer>, string][] = [
    [packet({ to: [127, 0, 0, 2] }), "connect"],
    [packet({ to: [8, 8, 8, 8] }), "connect"],
    [packet({ from: [127, 0, 0, 2] }), "listen"],
  ];
  for (const [data, right] of forged) {
    const error = await assertRejects(() => sender.send(data, HOST), Deno.errors.NotCapable);
    assertEquals((error as Error & { right: string }).right, right);
  }
  const routed = packet({ options: [131, 7, 4, 8, 8, 8, 8, 0] });
  await assertRejects(() => sender.send(routed, HOST), TypeError, "source route");
  const hidden = packet({ options: [1, 7, 3, 4, 137, 3, 4, 0] });
  await assertRejects(() => sender.send(hidden, HOST), TypeError, "source route");
  const denied = await assertRejects(() => sender.send(packet({}), "127.0.0.2"));
  assert(denied instanceof Deno.errors.NotCapable);
  const batch = [...forged.map(([data]) => data), packet({ payload: [7] }), routed];
  const report = await sender.sendBatch(batch.map((data) => ({ data, to: HOST })));
  assertEquals([report.sent, report.failed.map(({ index }) => index)], [1, [0, 1, 2, 4]]);
  // Nothing but the one arrived.
  await sender.send(packet({ from: [127, 0, 0, 1], payload: [8] }), HOST);
  assertEquals([...await received(raw), ...await received(raw)], [7, 8]);
  assertEquals(rules.stats().denied >= 7, true);
});

testRaw("what is judged cannot be changed afterwards", async (capability) => {
  const rules = capability.derive({
    raw: true,
    connect: ["raw://127.0.0.1"],
    listen: ["raw://127.0.0.1"],
  });
  await using elsewhere = await open(capability, { localAddress: "127.0.0.2" });
  await using raw = await open(capability);
  await using sender = await open(rules, { headerIncluded: true });
  const batch = Array.from({ length: 600 }, () => ({ data: packet({}), to: HOST }));
  const sending = sender.sendBatch(batch);
  for (const { data } of batch) data[19] = 2;
  assertEquals((await sending).sent, 600);
  await received(raw);
  await elsewhere.send(bytesOf(6), "127.0.0.2");
  assertEquals([...await received(elsewhere)], [6]);
});

testRaw("rights are asked for, and each destination is judged", async (capability) => {
  const none = capability.derive({ connect: true, listen: true });
  await assertRejects(() => open(none), Deno.errors.NotCapable, "raw");
  const other = capability.derive({ raw: true, connect: true, listen: ["raw://10.0.0.1"] });
  await assertRejects(() => open(other), Deno.errors.NotCapable, "listen");
  // A rule for loopback is no rule for everything.
  const loopback = capability.derive({ raw: true, listen: ["raw://127.0.0.0/8"] });
  await assertRejects(() => RawEndpoint.open(PROTOCOL, loopback), Deno.errors.NotCapable);
  const rules = { raw: true, connect: ["raw://127.0.0.1"], listen: ["raw://127.0.0.0/8"] };
  await using raw = await open(capability.derive(rules));
  await raw.send(bytesOf(1), HOST);
  await assertRejects(() => raw.send(bytesOf(1), "127.0.0.2"), Deno.errors.NotCapable);
  await assertRejects(() => raw.connect("127.0.0.2"), Deno.errors.NotCapable);
  const { failed } = await raw.sendBatch([{ data: bytesOf(1), to: "10.0.0.1" }]);
  assert(failed[0].error instanceof Deno.errors.NotCapable);
});

testRaw("bad arguments are told by name", async (capability) => {
  const bad: [number, RawOptions, string][] = [
    [0, {}, "protocol"],
    [256, {}, "protocol"],
    [1.5, {}, "protocol"],
    [PROTOCOL, { family: "IPX" as "IPv4" }, "family"],
    [PROTOCOL, { family: "IPv6", localAddress: HOST }, "localAddress"],
    [PROTOCOL, { localAddress: "localhost" }, "localAddress"],
    [PROTOCOL, { localAddress: "127.0.0.1:0" }, "localAddress"],
    [PROTOCOL, { headerIncluded: 1 as unknown as boolean }, "headerIncluded"],
    [PROTOCOL, { receiveTimeToLive: "yes" as unknown as boolean }, "receiveTimeToLive"],
    [PROTOCOL, { leasesPerEndpoint: 0 }, "leasesPerEndpoint"],
    [PROTOCOL, { messageTypes: [0] }, "messageTypes"],
    [1, { messageTypes: 0 as unknown as number[] }, "messageTypes"],
    [1, { messageTypes: [0, 32] }, "messageTypes[1]"],
    [1, { family: "IPv6", messageTypes: [0] }, "messageTypes"],
    [PROTOCOL, { ttl: 5 } as RawOptions, "ttl"],
    [PROTOCOL, { timeToLive: 300 }, "timeToLive"],
  ];
  for (const [protocol, options, name] of bad) {
    const opening = RawEndpoint.open(protocol, capability, options);
    const error = await assertRejects(() => opening, Error, name);
    assert(error instanceof TypeError || error instanceof RangeError, name);
  }
  const absent = RawEndpoint.open(PROTOCOL, capability, { localAddress: "192.0.2.1" });
  assertEquals((await assertRejects(() => absent, NetError)).code, "EADDRNOTAVAIL");
  const header6 = { family: "IPv6", headerIncluded: true } as const;
  const error = await assertRejects(
    () => RawEndpoint.open(PROTOCOL, capability, header6),
    NetError,
  );
  assertEquals(error.code, "ENOTSUP");
  const raw6 = await assertRejects(() => RawEndpoint.open(255, capability, { family: "IPv6" }));
  assertEquals((raw6 as NetError).code, "ENOTSUP");
  assertEquals(capability.stats().sockets, 0);
});

testRaw("the limit sockets counts raw ones", async (capability) => {
  await using _raw = await open(capability);
  const error = await assertRejects(() => open(capability), NetError, "sockets");
  assertEquals(error.code, "EMFILE");
}, { rights: { ...RIGHTS, limits: { sockets: 1 } } });

testRaw("closing ends who receives, and revoking too", async (capability) => {
  const raw = await open(capability);
  const receiving = raw.receive();
  await raw.close();
  assertEquals((await assertRejects(() => receiving, NetError)).code, "EBADF");
  const own = capability.derive({ raw: true, connect: true, listen: true });
  const other = await open(own);
  const waiting = other.receive();
  await own.revoke(new Error("no more"));
  await assertRejects(() => waiting, Deno.errors.NotCapable);
  await other.closed;
});

testRaw("options are set and read back", async (capability) => {
  await using raw = await open(capability, { timeToLive: 9, receiveBufferBytes: 100_000 });
  assertEquals(await raw.getOption("timeToLive"), 9);
  await raw.setOption("timeToLive", 10);
  assertEquals(await raw.getOption("timeToLive"), 10);
  assert(await raw.getOption("receiveBufferBytes") >= 100_000);
  await assertRejects(() => raw.getOption("hopLimit"), NetError, "timeToLive");
});
