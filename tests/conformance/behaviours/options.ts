/**
 * Socket options, and the keys of options objects.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { theme } from "../behaviour.ts";
import { assertNetError, freePort } from "../expect.ts";
import { NetworkCapability, type OptionName, type OptionValues } from "../../../mod.ts";

const behaviour = theme("options");

behaviour("noDelay is on unless said otherwise", async (t) => {
  const { client } = await t.pair();
  assertEquals(await client.getOption("noDelay"), true);
  const other = await t.pair({ connect: { noDelay: false } });
  assertEquals(await other.client.getOption("noDelay"), false);
});

behaviour("noDelay and keepAlive read back as they were set", async (t) => {
  const { client, server } = await t.pair();
  for (const stream of [client, server]) {
    for (const name of ["noDelay", "keepAlive"] as const) {
      for (const value of [true, false, true]) {
        await stream.setOption(name, value);
        assertEquals(await stream.getOption(name), value, name);
      }
    }
  }
});

behaviour("keepAlive with numbers reads back as it was set", async (t) => {
  const { client, server } = await t.pair();
  const numbers = { idleSeconds: 60, intervalSeconds: 7, count: 4 };
  for (const stream of [client, server]) {
    await stream.setOption("keepAlive", numbers);
    assertEquals(await stream.getOption("keepAlive"), numbers);
    await stream.setOption("keepAlive", false);
    assertEquals(await stream.getOption("keepAlive"), false);
    // Turned on again without numbers, it has those that it had.
    await stream.setOption("keepAlive", true);
    assertEquals(await stream.getOption("keepAlive"), numbers);
  }
});

behaviour("options of TCP and IP read back as they were set", async (t) => {
  const { client, server } = await t.pair();
  const values: Partial<OptionValues> = {
    cork: true,
    userTimeoutMs: 12_345,
    notSentLowWaterBytes: 65_536,
    congestionControl: "reno",
    timeToLive: 33,
    typeOfService: 0xb8,
    mtuDiscovery: "dont",
    priority: 5,
    zeroCopy: true,
    device: "",
    busyPollMicroseconds: 0,
  };
  for (const stream of [client, server]) {
    for (const [name, value] of Object.entries(values) as [OptionName, boolean][]) {
      await stream.setOption(name, value);
      assertEquals(await stream.getOption(name), value, name);
    }
    await stream.setOption("cork", false);
    assertEquals(await stream.getOption("cork"), false);
    for (const way of ["want", "do", "dont", "probe"] as const) {
      await stream.setOption("mtuDiscovery", way);
      assertEquals(await stream.getOption("mtuDiscovery"), way);
    }
  }
});

behaviour("options of an IPv6 connection have names of their own", async (t) => {
  const endpoint = await t.capability.listen("[::1]:0", { hopLimit: 9, trafficClass: 0x20 });
  t.defer(() => endpoint[Symbol.asyncDispose]());
  const accepting = endpoint.accept();
  const client = await t.connect(endpoint.addr, { hopLimit: 33, trafficClass: 0xb8 });
  const server = await accepting;
  t.defer(() => server.close());
  assertEquals(await client.getOption("hopLimit"), 33);
  assertEquals(await client.getOption("trafficClass"), 0xb8);
  assertEquals(await endpoint.getOption("ipv6Only"), true);
  await server.setOption("mtuDiscovery", "do");
  assertEquals(await server.getOption("mtuDiscovery"), "do");
});

behaviour(
  "an option of the other address family is EINVAL and names its counterpart",
  async (t) => {
    const { client, endpoint } = await t.pair();
    for (
      const [name, value, twin] of [
        ["hopLimit", 9, "timeToLive"],
        ["trafficClass", 0, "typeOfService"],
      ] as const
    ) {
      for (const socket of [client, endpoint]) {
        const error = await assertRejects(() => socket.setOption(name, value), Error, twin);
        assertNetError(error, { code: "EINVAL", operation: "setOption" });
        await assertRejects(() => socket.getOption(name), Error, twin);
      }
    }
    const error = await assertRejects(() => t.capability.connect(endpoint.addr, { hopLimit: 9 }));
    assertNetError(error, { code: "EINVAL", operation: "connect" });
    assertEquals(t.capability.stats().sockets, 3);
  },
);

behaviour("an option that this kind of socket has not is ENOTSUP", async (t) => {
  const { client, endpoint } = await t.pair();
  const calls: (() => Promise<unknown>)[] = [
    () => client.setOption("packetInfo", true),
    () => client.getOption("deferAcceptSeconds"),
    () => endpoint.setOption("quickAck", true),
    () => endpoint.getOption("packetInfo"),
  ];
  for (const call of calls) {
    const error = await assertRejects(call, Deno.errors.NotSupported, t.capability.backend.kind);
    assertNetError(error, { code: "ENOTSUP" });
  }
});

behaviour("a listener reads its options, and connections inherit them", async (t) => {
  const { server, endpoint } = await t.pair({ listen: { noDelay: false, keepAlive: true } });
  assertEquals(await endpoint.getOption("noDelay"), false);
  assertEquals(await endpoint.getOption("keepAlive"), true);
  assertEquals(await endpoint.getOption("reuseAddress"), true);
  assertEquals(await server.getOption("noDelay"), false);
  assertEquals(await server.getOption("keepAlive"), true);
  await endpoint.setOption("noDelay", true);
  assertEquals(await endpoint.getOption("noDelay"), true);
  await endpoint[Symbol.asyncDispose]();
  const error = await assertRejects(() => endpoint.getOption("noDelay"));
  assertNetError(error, { code: "EBADF", operation: "getOption" });
});

behaviour("options of TCP and IP can be given to listen() and connect()", async (t) => {
  const keepAlive = { idleSeconds: 30, intervalSeconds: 3, count: 2 };
  const { client, server, endpoint } = await t.pair({
    listen: { keepAlive, deferAcceptSeconds: 0, fastOpen: 0, userTimeoutMs: 1000, timeToLive: 20 },
    connect: { maxSegmentBytes: 1000, cork: false, congestionControl: "reno", priority: 3 },
  });
  assertEquals(await endpoint.getOption("deferAcceptSeconds"), 0);
  assertEquals(await endpoint.getOption("timeToLive"), 20);
  assertEquals(await server.getOption("keepAlive"), keepAlive);
  assertEquals(await server.getOption("userTimeoutMs"), 1000);
  assertEquals(await client.getOption("congestionControl"), "reno");
  assertEquals(await client.getOption("priority"), 3);
  // What both ends announced, less the 12 bytes that timestamps take.
  const segment = await server.getOption("maxSegmentBytes");
  assert(segment > 900 && segment <= 1000, `${segment}`);
});

behaviour("what counts when a connection is made is EINVAL later", async (t) => {
  const { client } = await t.pair();
  for (
    const [name, value] of [["maxSegmentBytes", 1000], ["fastOpen", 1], ["incomingCpu", 0]] as const
  ) {
    const error = await assertRejects(() => client.setOption(name, value), Error, name);
    assertNetError(error, { code: "EINVAL", operation: "setOption" });
  }
});

behaviour("info() tells what became of bytes and segments", async (t) => {
  const { client, server } = await t.pair();
  const before = await client.info();
  assertEquals([before.state, before.bytesReceived], ["established", 0]);
  await client.send(new Uint8Array(5000));
  for (let count = 0; count < 5000;) {
    using lease = await server.receive();
    count += lease!.length;
  }
  await server.send(new Uint8Array(300));
  (await client.receive())!.release();
  const [sender, receiver] = [await client.info(), await server.info()];
  assertEquals(sender.bytesSent, 5000);
  // The SYN counts as one byte.
  assertEquals(sender.bytesAcked, 5001);
  assertEquals(sender.bytesReceived, 300);
  assertEquals(receiver.bytesReceived, 5000);
  assert(sender.segmentsOut! >= before.segmentsOut! + 1, `${sender.segmentsOut}`);
  assert(sender.rttMicroseconds > 0 && sender.congestionWindowSegments > 0);
  assertEquals(sender.features, receiver.features);
  await server.close();
  assertEquals(await client.receive(), null);
  assertEquals((await client.info()).state, "close-wait");
  await client.close();
  const error = await assertRejects(() => client.info());
  assertNetError(error, { code: "EBADF", operation: "info" });
});

behaviour("setNoDelay() and setKeepAlive() set without waiting", async (t) => {
  const { client } = await t.pair();
  client.setNoDelay(false);
  client.setKeepAlive();
  assertEquals(await client.getOption("noDelay"), false);
  assertEquals(await client.getOption("keepAlive"), true);
});

behaviour("lingerSeconds reads back as it was set", async (t) => {
  const { client } = await t.pair();
  assertEquals(await client.getOption("lingerSeconds"), null);
  for (const seconds of [0, 5, null]) {
    await client.setOption("lingerSeconds", seconds);
    assertEquals(await client.getOption("lingerSeconds"), seconds);
  }
});

behaviour("receiveBufferBytes and sendBufferBytes are at least what was set", async (t) => {
  const { client } = await t.pair();
  for (const name of ["receiveBufferBytes", "sendBufferBytes"] as const) {
    await client.setOption(name, 20_000);
    const found = await client.getOption(name);
    assert(found >= 20_000 && found <= 80_000, `${name} is ${found}`);
  }
});

behaviour("lingerSeconds of 0 resets the connection at close", async (t) => {
  const { client, server } = await t.pair({ connect: { lingerSeconds: 0 } });
  await client.close();
  assertNetError(await assertRejects(() => server.receive()), { code: "ECONNRESET" });
});

behaviour("options that count at bind time reject with EINVAL when set later", async (t) => {
  const { client, endpoint } = await t.pair();
  for (const socket of [client, endpoint]) {
    for (const name of ["reuseAddress", "reusePort"] as const) {
      const error = await assertRejects(() => socket.setOption(name, true), Error, name);
      assertNetError(error, { code: "EINVAL", operation: "setOption" });
    }
  }
});

behaviour("reusePort lets two endpoints share a port", async (t) => {
  const first = await t.listen({ reusePort: true });
  const second = await t.capability.listen(first.addr, { reusePort: true });
  t.defer(() => second.close());
  assertEquals(second.addr, first.addr);
  const third = await assertRejects(() => t.capability.listen(first.addr));
  assertNetError(third, { code: "EADDRINUSE" });
});

behaviour("a backlog is taken, and an impossible one is a RangeError", async (t) => {
  const endpoint = await t.listen({ backlog: 5 });
  const accepting = endpoint.accept();
  await t.connect(endpoint.addr);
  await (await accepting).close();
  for (const backlog of [0, -1, 1.5, 65536, NaN]) {
    await assertRejects(
      () => t.capability.listen("127.0.0.1:0", { backlog }),
      RangeError,
      "backlog",
    );
  }
});

behaviour("an option that does not exist is a TypeError that names it", async (t) => {
  const { client, endpoint } = await t.pair();
  const name = "warpSpeed" as OptionName;
  await assertRejects(() => client.setOption(name, true), TypeError, "warpSpeed");
  await assertRejects(() => client.getOption(name), TypeError, "warpSpeed");
  await assertRejects(() => endpoint.setOption(name, true), TypeError, "warpSpeed");
  const inherited = "toString" as OptionName;
  await assertRejects(() => client.setOption(inherited, true), TypeError, "toString");
});

behaviour("an option's value of the wrong type or range names the option", async (t) => {
  const { client } = await t.pair();
  const set = (name: string, value: unknown) =>
    assertRejects(() => client.setOption(name as "noDelay", value as boolean), Error, name);
  assertInstanceOf(await set("noDelay", "yes"), TypeError);
  assertInstanceOf(await set("noDelay", undefined), TypeError);
  for (const value of [-1, 1.5, 40_000, NaN, Infinity]) {
    assertInstanceOf(await set("lingerSeconds", value), RangeError);
  }
  assertInstanceOf(await set("receiveBufferBytes", 0), RangeError);
  assertInstanceOf(await set("sendBufferBytes", "64k"), TypeError);
  await assertRejects(
    () => t.capability.connect("127.0.0.1:1", { noDelay: 1 as unknown as boolean }),
    Error,
    "noDelay",
  );
});

behaviour("an unknown key of any options object is a TypeError that names it", async (t) => {
  const { client, endpoint } = await t.pair();
  // deno-lint-ignore no-explicit-any -- the type system forbids what is tested here
  const wrong = { timeoutMS: 5 } as any;
  const calls: (() => Promise<unknown>)[] = [
    () => t.capability.listen("127.0.0.1:0", wrong),
    () => t.capability.connect("127.0.0.1:1", wrong),
    () => t.capability.resolve("localhost", wrong),
    () => NetworkCapability.request(wrong),
    () => NetworkCapability.request({ ring: wrong }),
    () => NetworkCapability.request({ ring: { buffers: wrong } }),
    () => NetworkCapability.request({ rights: wrong }),
    () => NetworkCapability.request({ rights: { limits: wrong } }),
    () => endpoint.accept(wrong),
    () => client.receive(wrong),
    () => client.read(new Uint8Array(1), wrong),
    () => client.send(new Uint8Array(1), wrong),
    () => Promise.resolve().then(() => client.receiveMany(wrong)),
    () => Promise.resolve().then(() => t.capability.derive(wrong)),
  ];
  for (const call of calls) await assertRejects(call, TypeError, "timeoutMS", String(call));
});

behaviour("a backend that does not exist is a TypeError", async () => {
  const backend = "carrier pigeon" as "host";
  await assertRejects(() => NetworkCapability.request({ backend }), TypeError, "carrier pigeon");
});

behaviour("sizes of a ring that cannot be are RangeErrors that name them", async (t) => {
  const request = (ring: Record<string, unknown>) => () =>
    NetworkCapability.request({ ...t.backend.request, ring });
  await assertRejects(request({ entries: 100 }), RangeError, "entries");
  await assertRejects(request({ entries: 65536 }), RangeError, "entries");
  await assertRejects(request({ entries: 64, completions: 32 }), RangeError, "completions");
  await assertRejects(request({ slots: 1 }), RangeError, "slots");
  await assertRejects(request({ buffers: { count: 3 } }), RangeError, "buffers.count");
  await assertRejects(request({ buffers: { bytes: 1 } }), RangeError, "buffers.bytes");
  await assertRejects(request({ arenaBytes: 5000 }), RangeError, "arenaBytes");
});

behaviour("allocBuffer() of an impossible size is a RangeError", async (t) => {
  const { client } = await t.pair();
  for (const bytes of [0, -1, 1.5, NaN, 2 ** 31]) {
    assertThrows(() => client.allocBuffer(bytes), RangeError, "allocBuffer");
  }
  using buffer = client.allocBuffer(1);
  assertEquals(buffer.length, 1);
});

behaviour("the backend says what it is", (t) => {
  assertEquals(t.capability.backend.kind, t.backend.request.backend);
  assertEquals(typeof t.capability.backend.why, "string");
});

behaviour("a failed listen() leaves no socket", async (t) => {
  const endpoint = await t.listen();
  const before = t.capability.stats().sockets;
  for (let round = 0; round < 10; round++) {
    await assertRejects(() => t.capability.listen(endpoint.addr));
  }
  assertEquals(t.capability.stats().sockets, before);
  assert(freePort() > 0);
});
