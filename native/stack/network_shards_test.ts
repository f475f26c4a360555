import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  counts,
  RING,
  SHARDS,
  steerTo,
  type Stream,
  talk,
  testShards,
  usable,
} from "../../tests/support/stack/shards.ts";
import { RawEndpoint } from "../raw/raw.ts";
import { NetError } from "../errors.ts";
import { NetworkStack } from "./mod.ts";

testShards("connections live where their flows hash, and one ring accepts them", async (pair) => {
  const { many, one } = pair;
  await Promise.all([usable(many), usable(one)]);
  const server = many.capability({ ring: RING });
  const client = one.capability({ ring: RING });
  for (const address of ["10.0.0.1:80", "[fd00::1]:80"]) {
    await using endpoint = await server.listen(address);
    const talks = Array.from({ length: 16 }, async () => {
      const accepting = endpoint.accept();
      await talk(await client.connect(address), await accepting, 10_000);
    });
    // Whoever accepts gets any of them.
    await Promise.all(talks.slice(0, 1));
    await Promise.all(talks);
  }
  const statistics = await many.statistics();
  const opened = counts(statistics, "tcp", "PASSIVE_OPENS");
  assertEquals(opened.reduce((one, other) => one + other), 32);
  assert(opened.every((count) => count > 0), `${opened}`);
  assertEquals((statistics.tcp as Record<string, number>).PASSIVE_OPENS, 32);
  assert(statistics.steering!.directed.every((count) => count > 0));
  assertEquals((await many.info()).shards!.length, SHARDS);
});

testShards("every shard connects by itself, and its answers come back to it", async (pair) => {
  const { many, one } = pair;
  await using endpoint = await one.capability({ ring: RING }).listen("10.0.0.2:80");
  for (let shard = 0; shard < SHARDS; shard++) {
    const client = many.capability({ ring: RING, shard });
    for (let round = 0; round < 3; round++) {
      const accepting = endpoint.accept();
      await talk(await client.connect("10.0.0.2:80"), await accepting, 5000);
    }
  }
  const opened = counts(await many.statistics(), "tcp", "ACTIVE_OPENS");
  assertEquals(opened, new Array(SHARDS).fill(3));
});

testShards(
  "datagrams find the shard that has their port, and leave from every shard",
  async (pair) => {
    const { many, one } = pair;
    const peer = await one.capability({ ring: RING }).bind("10.0.0.2:53");
    for (let shard = 0; shard < SHARDS; shard++) {
      const capability = many.capability({ ring: RING, shard });
      const socket = await capability.bind(`10.0.0.1:${7000 + shard}`);
      for (let round = 0; round < 4; round++) {
        await peer.send(Uint8Array.of(shard, round), `10.0.0.1:${7000 + shard}`);
        using question = await socket.receive();
        assertEquals([...question.bytes], [shard, round]);
        await socket.send(Uint8Array.of(round), question.remoteAddr);
        using answer = await peer.receive();
        assertEquals([...answer.bytes], [round]);
      }
      const taken = await assertRejects(() =>
        many.capability({ ring: RING, shard: (shard + 1) % SHARDS }).bind(
          `10.0.0.1:${7000 + shard}`,
        )
      );
      assert(taken instanceof NetError && taken.code === "EADDRINUSE", `${taken}`);
      await socket.close();
    }
  },
);

testShards("a shard reaches what listens on another one by its own addresses", async ({ many }) => {
  const server = many.capability({ ring: RING, shard: 1 });
  await using endpoint = await server.listen("127.0.0.1:80");
  for (let shard = 0; shard < SHARDS; shard++) {
    const client = many.capability({ ring: RING, shard });
    const accepting = endpoint.accept();
    await talk(await client.connect("127.0.0.1:80"), await accepting, 100_000);
  }
});

testShards("what nobody accepted is reset when its listener closes", async (pair) => {
  const { many, one, worker } = pair;
  const server = many.capability({ ring: RING, shard: 0 });
  const client = one.capability({ ring: RING });
  for (let shard = 0; shard < SHARDS; shard++) {
    await steerTo(many, worker, shard);
    const endpoint = await server.listen("10.0.0.1:80");
    const streams = [await client.connect("10.0.0.1:80"), await client.connect("10.0.0.1:80")];
    await endpoint[Symbol.asyncDispose]();
    for (const stream of streams) {
      const error = await assertRejects(() => stream.receive());
      assert(error instanceof NetError && error.code === "ECONNRESET", `${error}`);
      await stream.close();
    }
    const refused = await assertRejects(() => client.connect("10.0.0.1:80"));
    assert(refused instanceof NetError && refused.code === "ECONNREFUSED", `${refused}`);
  }
});

testShards("what waits on a connection of another shard ends, and loses nothing", async (pair) => {
  const { many, one, worker } = pair;
  await steerTo(many, worker, 2);
  await using endpoint = await many.capability({ ring: RING, shard: 0 }).listen("10.0.0.1:80");
  const accepting = endpoint.accept();
  const client = await one.capability({ ring: RING }).connect("10.0.0.1:80");
  const server = await accepting;
  const late = await assertRejects(() => server.receive({ timeoutMs: 20 }));
  assert(late instanceof NetError && late.code === "ETIMEDOUT", `${late}`);
  const controller = new AbortController();
  const { signal } = controller;
  const receiving = assertRejects(() => server.receive({ signal }), Error, "enough");
  controller.abort(new Error("enough"));
  await receiving;
  await client.send(Uint8Array.of(1, 2, 3));
  using lease = (await server.receive())!;
  assertEquals([...lease.bytes], [1, 2, 3]);
  const last = assertRejects(() => server.receive());
  await server.close();
  await last;
  assertEquals(await client.receive(), null);
  await client.close();
});

testShards("a multishot receive goes on with few buffers, whatever the shard", async (pair) => {
  const { many, one } = pair;
  const ring = { ...RING, buffers: { count: 4, bytes: 1024 } };
  await using endpoint = await many.capability({ ring, shard: 1 }).listen("10.0.0.1:80");
  const client = one.capability({ ring: RING });
  const talks = Array.from({ length: 6 }, async () => {
    const stream = await client.connect("10.0.0.1:80");
    const server = await endpoint.accept();
    await talk(stream, server, 100_000);
  });
  await Promise.all(talks);
});

testShards("a ring closes with its connections on other shards", async ({ many, one }) => {
  const server = many.capability({ ring: RING, shard: 0 });
  const endpoint = await server.listen("10.0.0.1:80");
  const client = one.capability({ ring: RING });
  const streams: Stream[] = [];
  for (let count = 0; count < 8; count++) {
    const accepting = endpoint.accept();
    streams.push(await client.connect("10.0.0.1:80"));
    const accepted = await accepting;
    await accepted.send(Uint8Array.of(count));
    // It waits for what never comes.
    accepted.receive().catch(() => {});
  }
  await server[Symbol.asyncDispose]();
  for (const [count, stream] of streams.entries()) {
    using lease = (await stream.receive())!;
    assertEquals([...lease.bytes], [count]);
    assertEquals(await stream.receive(), null);
    await stream.close();
  }
});

testShards("options and names of a connection are those of the shard it is in", async (pair) => {
  const { many, one, worker } = pair;
  await steerTo(many, worker, 1);
  const capability = many.capability({ ring: RING, shard: 0 });
  const keepAlive = { idleSeconds: 77, intervalSeconds: 7, count: 3 };
  await using endpoint = await capability.listen("10.0.0.1:80", { keepAlive });
  const accepting = endpoint.accept();
  const client = await one.capability({ ring: RING }).connect("10.0.0.1:80");
  const server = await accepting;
  assertEquals(server.remoteAddr, client.localAddr);
  assertEquals(server.localAddr, client.remoteAddr);
  assertEquals(await server.getOption("keepAlive"), keepAlive);
  await server.setOption("userTimeoutMs", 4321);
  assertEquals(await server.getOption("userTimeoutMs"), 4321);
  await talk(client, server, 1000);
});

testShards(
  "shards with listeners of their own on one port keep their connections",
  async (pair) => {
    const { many, one } = pair;
    const client = one.capability({ ring: RING });
    const open = (shard: number) =>
      many.capability({ ring: RING, shard }).listen("10.0.0.1:80", { reusePort: true });
    const endpoints = [await open(0), await open(1)];
    const accepted = endpoints.map(async (endpoint) => {
      let count = 0;
      for await (const stream of endpoint) {
        count++;
        await stream.close();
      }
      return count;
    });
    const connect = async (rounds: number) => {
      for (let round = 0; round < rounds; round++) {
        const stream = await client.connect("10.0.0.1:80");
        assertEquals(await stream.receive(), null);
        await stream.close();
      }
      return counts(await many.statistics(), "tcp", "PASSIVE_OPENS");
    };
    const opened = await connect(24);
    await endpoints[1][Symbol.asyncDispose]();
    // Those of the shard that has none are anybody's.
    const own = await accepted[1];
    assert(own >= opened[1] && own <= opened[1] + opened[2], `${own} of ${opened}`);
    // That none of so many hashes to it is a chance of one in two million.
    const later = await connect(36);
    await endpoints[0][Symbol.asyncDispose]();
    assertEquals(await accepted[0] + own, 60);
    assert(later[1] > opened[1], `${later}`);
  },
);

testShards("a rule says where packets go, and one that fails is counted", async (pair) => {
  const { many, one, worker } = pair;
  await using endpoint = await many.capability({ ring: RING, shard: 0 }).listen("10.0.0.1:80");
  const client = one.capability({ ring: RING });
  for (const shard of [2, 1]) {
    await steerTo(many, worker, shard);
    const accepting = endpoint.accept();
    await talk(await client.connect("10.0.0.1:80"), await accepting, 1000);
    const opened = counts(await many.statistics(), "tcp", "PASSIVE_OPENS");
    assertEquals(opened[shard], 1);
  }
  await steerTo(many, worker, SHARDS);
  const accepting = endpoint.accept();
  await talk(await client.connect("10.0.0.1:80"), await accepting, 1000);
  assert((await many.statistics()).steering!.ruleFailures > 0);
  await many.configureFlowDirector(null);
});

testShards("a program's own protocol is answered by every shard", async ({ many, one, worker }) => {
  const text = "export default { processPacket: () => ({ reply: Uint8Array.of(42) }) }";
  const handler = worker
    ? new URL(`data:text/javascript,${text}`)
    : { processPacket: () => ({ reply: Uint8Array.of(42) }) };
  await many.registerTransportProtocol(253, handler);
  const wrong = await assertRejects(() => many.registerTransportProtocol(253, handler));
  assert(wrong instanceof NetError && wrong.code === "EINVAL", `${wrong}`);
  const rights = { raw: true, connect: true, listen: true };
  const raw = await RawEndpoint.open(253, one.capability({ ring: RING, rights }));
  for (let shard = 0; shard < SHARDS; shard++) {
    await steerTo(many, worker, shard);
    await raw.send(Uint8Array.of(1), "10.0.0.1");
    using answer = await raw.receive();
    assertEquals(answer.bytes.at(-1), 42);
  }
  await raw.close();
});

testShards("a capture has what each shard sends and receives", async ({ many, one, worker }) => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/capture.pcapng`;
  await using endpoint = await many.capability({ ring: RING, shard: 0 }).listen("10.0.0.1:80");
  const client = one.capability({ ring: RING });
  await steerTo(many, worker, 1);
  const capture = await many.capture(path);
  const accepting = endpoint.accept();
  await talk(await client.connect("10.0.0.1:80"), await accepting, 10_000);
  await capture[Symbol.asyncDispose]();
  const sizes = [path, `${path}.1`, `${path}.2`].map((file) => Deno.statSync(file).size);
  await Deno.remove(folder, { recursive: true });
  assert(sizes[1] > 10_000 && sizes[0] < 5000 && sizes[2] < 5000, `${sizes}`);
});

testShards("another thread uses the shards by their handle", async ({ many, one, worker }) => {
  if (!worker) return void await assertRejects(() => many.handle(), Error, "worker is false");
  await using other = await NetworkStack.attach(await many.handle());
  const server = other.capability({ ring: RING, shard: 2 });
  await using endpoint = await server.listen("10.0.0.1:80");
  const client = one.capability({ ring: RING });
  for (let round = 0; round < 4; round++) {
    const accepting = endpoint.accept();
    await talk(await client.connect("10.0.0.1:80"), await accepting, 1000);
  }
});
