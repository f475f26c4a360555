import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import {
  LoadBalancer,
  type NetError,
  NetworkCapability,
  type StreamSocket,
  type TcpStream,
} from "../../mod.ts";
import { failureOf } from "../faults/fixtures.ts";
import {
  deadAddress,
  greeted,
  onEachRing,
  readLine,
  sequence,
  SequenceCheck,
  settled,
  startFront,
  startServers,
  until,
  within,
} from "./fixtures.ts";
import { scale } from "../support/seed.ts";

/** A backend under the test's own hands, and the balancer in front of it. */
async function startBare(capability: NetworkCapability, idleTimeoutMs?: number) {
  const endpoint = await capability.listen("127.0.0.1:0");
  const front = await startFront({ capability, backends: [endpoint.addr], idleTimeoutMs });
  const accepting = endpoint.accept();
  const client = await capability.connect(front.address);
  const server = await accepting;
  return {
    ...front,
    client,
    server,
    async end(): Promise<void> {
      await Promise.all([client.close(), server.close()]);
      await within("serve() ends", front.balancer[Symbol.asyncDispose]());
      await endpoint[Symbol.asyncDispose]();
    },
  };
}

/** Sends the sequence in pieces of random sizes, then ends the side. */
async function sendSequence(
  stream: TcpStream,
  bytes: number,
  pieceBytes: () => number,
): Promise<void> {
  for (let sent = 0; sent < bytes;) {
    const length = Math.min(bytes - sent, pieceBytes());
    await stream.send(sequence(sent, length));
    sent += length;
  }
  await stream.closeWrite();
}

async function receiveSequence(stream: StreamSocket<Deno.Addr>): Promise<number> {
  const check = new SequenceCheck();
  for await (const lease of stream.receiveMany()) check.take(lease.bytes);
  return check.received;
}

onEachRing("bytes go both ways at once, in any pieces, and none is lost", async (
  capability,
  random,
) => {
  await using endpoint = await capability.listen("127.0.0.1:0");
  await using front = await startFront({ capability, backends: [endpoint.addr] });
  const total = scale(1_000_000, 100_000_000);
  const piece = () => random.chance(0.5) ? random.integer(1, 300) : random.integer(1, 100_000);
  await Promise.all(Array.from({ length: 4 }, async () => {
    const accepting = endpoint.accept();
    const client = await capability.connect(front.address);
    const server = await accepting;
    const [, , there, back] = await Promise.all([
      sendSequence(client, total, piece),
      sendSequence(server, total, piece),
      receiveSequence(server),
      receiveSequence(client),
    ]);
    assertEquals([there, back], [total, total]);
    await Promise.all([client.close(), server.close()]);
  }));
  await settled(front.balancer);
  const [{ bytesIn, bytesOut }] = Object.values(front.balancer.stats().backends);
  assertEquals([bytesIn, bytesOut], [4 * total, 4 * total]);
  await front.balancer.stop({ timeoutMs: 1000 });
  assertEquals((await front.serving).ended, 4);
});

onEachRing("the end of one side leaves the other open", async (capability) => {
  const { client, server, end } = await startBare(capability);
  await client.send(new TextEncoder().encode("ask\n"));
  await client.closeWrite();
  assertEquals(await readLine(server), "ask");
  assertEquals(await server.receive({ timeoutMs: 10_000 }), null);
  await server.send(new TextEncoder().encode("answer\n"));
  assertEquals(await readLine(client), "answer");
  await server.closeWrite();
  assertEquals(await client.receive({ timeoutMs: 10_000 }), null);
  await end();
});

onEachRing("a client that does not read stops its backend, and loses nothing", async (
  capability,
) => {
  const { client, server, balancer, end } = await startBare(capability);
  let sent = 0;
  const piece = 65_536;
  let isStopped = false;
  const sending = (async () => {
    while (!isStopped) {
      await server.send(sequence(sent, piece));
      sent += piece;
    }
    await server.closeWrite();
  })();
  // It stops when the buffers of four sockets are full: nothing moves for a while.
  let [seen, since] = [-1, performance.now()];
  await until("the backend is stopped", () => {
    if (sent !== seen) [seen, since] = [sent, performance.now()];
    return performance.now() - since > 300;
  }, 30_000);
  const held = capability.stats();
  assert(held.leases <= 2, `${held.leases} leases`);
  const [{ bytesOut }] = Object.values(balancer.stats().backends);
  assert(bytesOut <= sent + piece, "the proxy takes no more than was sent");
  isStopped = true;
  const [received] = await Promise.all([receiveSequence(client), sending]);
  assertEquals(received, sent);
  await end();
});

onEachRing("a client's reset reaches its backend, and a backend's its client", async (
  capability,
  _random,
  backend,
) => {
  const { port, sockets, close } = await startNodeServer();
  const front = await startFront({ capability, backends: [`127.0.0.1:${port}`] });
  const frontPort = front.endpoint.addr.port;
  const client = await nodeClient(frontPort);
  const server = await sockets.next();
  const failed = failureOfSocket(server);
  client.resetAndDestroy();
  assertEquals(await failed, backend === "kernel" ? "ECONNRESET" : "end");

  const second = await nodeClient(frontPort);
  const its = await sockets.next();
  // Until a byte is through, the proxy may still be connecting.
  second.write("x");
  await new Promise<void>((resolve) => its.once("data", () => resolve()));
  const broken = failureOfSocket(second);
  its.resetAndDestroy();
  assertEquals(await broken, backend === "kernel" ? "ECONNRESET" : "end");
  await settled(front.balancer);
  await front.balancer.stop({ timeoutMs: 0 });
  assertEquals(await front.serving, { ended: 0, failed: 2, idle: 0, cut: 0, refused: 0 });
  await close();
});

onEachRing("what a backend said before it went away arrives, although its client sends on", async (
  capability,
) => {
  const { client, server, end } = await startBare(capability);
  // Little enough to be on its way at once: a close with unread bytes gives up what is not.
  const answer = 20_000;
  const chatter = (async () => {
    try {
      while (true) await client.send(new Uint8Array(1000), { timeoutMs: 10_000 });
    } catch {
      // The backend is gone, and the client is told at last.
    }
  })();
  await until("the backend has unread bytes", () => capability.stats().bytesReceived > 0);
  await server.send(sequence(0, answer));
  await server.close();
  const check = new SequenceCheck();
  try {
    for await (const lease of client.receiveMany()) check.take(lease.bytes);
  } catch (error) {
    assertEquals((error as NetError).code, "ECONNRESET");
  }
  assertEquals(check.received, answer);
  await client.close();
  await chatter;
  await end();
});

onEachRing(
  "a client that sends on although its backend stopped reading gets the whole answer",
  async (
    capability,
  ) => {
    const { client, server, end } = await startBare(capability);
    const answer = 3_000_000;
    const question = client.send(new Uint8Array(20_000_000));
    question.catch(() => {});
    const answering = sendSequence(server, answer, () => 50_000);
    assertEquals(await receiveSequence(client), answer);
    await answering;
    await client.close();
    await end();
  },
);

onEachRing("a connection over which nothing moves is ended, and one in use is not", async (
  capability,
) => {
  const idleTimeoutMs = 200;
  const { client, server, balancer, serving, end } = await startBare(capability, idleTimeoutMs);
  const start = performance.now();
  // One direction in use is enough.
  while (performance.now() - start < 4 * idleTimeoutMs) {
    await server.send(new Uint8Array(1));
    (await client.receive({ timeoutMs: 10_000 }))!.release();
    await new Promise((resolve) => setTimeout(resolve, idleTimeoutMs / 10));
  }
  assertEquals(balancer.stats().clients, 1);
  const idleSince = performance.now();
  const ended = await client.receive({ timeoutMs: 10_000 }).catch((error) => error.code);
  assert(ended === null || ended === "ECONNRESET", `${ended}`);
  assert(performance.now() - idleSince >= idleTimeoutMs * 0.8);
  await end();
  assertEquals((await serving).idle, 1);
});

onEachRing("an abort cuts every connection, and serve() rejects with its reason", async (
  capability,
) => {
  await using server = (await startServers(capability, "a"))[0];
  const controller = new AbortController();
  const front = await startFront({ capability, backends: [server.address] }, controller.signal);
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => greeted(capability, front.address)),
  );
  controller.abort(new RangeError("enough"));
  await assertRejects(() => front.serving, RangeError, "enough");
  assertEquals(front.balancer.stats().clients, 0);
  for (const { stream } of clients) {
    const end = await stream.receive({ timeoutMs: 10_000 }).catch((error: NetError) => error.code);
    assert(end === null || end === "ECONNRESET", `${end}`);
    await stream.close();
  }
  const refused = await failureOf(capability.connect(front.address));
  assertEquals(refused.code, "ECONNREFUSED");
  const late = front.balancer.serve(front.endpoint, { signal: controller.signal });
  await assertRejects(() => late, RangeError, "enough");
});

onEachRing("stop() lets clients finish, and cuts those that do not in time", async (
  capability,
) => {
  await using server = (await startServers(capability, "a"))[0];
  const front = await startFront({ capability, backends: [server.address] });
  const quick = await greeted(capability, front.address);
  const slow = await greeted(capability, front.address);
  const stopping = front.balancer.stop({ timeoutMs: 500 });
  const late = await failureOf(capability.connect(front.address));
  assert(late.code === "ECONNREFUSED" || late.code === "ECONNRESET", `${late.code}`);
  await quick.stream.send(new TextEncoder().encode("bye\n"));
  assertEquals(await readLine(quick.stream), "bye");
  await quick.stream.close();
  assertEquals(await stopping, { finished: 1, cut: 1 });
  const end = await slow.stream.receive({ timeoutMs: 10_000 }).catch((error) => error.code);
  assert(end === null || end === "ECONNRESET", `${end}`);
  await slow.stream.close();
  const report = await front.serving;
  assertEquals([report.ended, report.cut], [1, 1]);
  const again = await capability.listen("127.0.0.1:0");
  const failure = await failureOf(front.balancer.serve(again));
  assertEquals(failure.code, "EBADF");
  await again[Symbol.asyncDispose]();
});

onEachRing("clients beyond maxConnections wait to be accepted", async (capability) => {
  await using server = (await startServers(capability, "a"))[0];
  await using front = await startFront({
    capability,
    backends: [server.address],
    maxConnections: 2,
  });
  const first = await greeted(capability, front.address);
  const second = await greeted(capability, front.address);
  const third = await capability.connect(front.address);
  const waited = await third.receive({ timeoutMs: 200 }).catch((error) => error.code);
  assertEquals(waited, "ETIMEDOUT");
  assertEquals(front.balancer.stats().clients, 2);
  await first.stream.close();
  assertEquals(await readLine(third), "a");
  await Promise.all([second.stream.close(), third.close()]);
});

onEachRing("an endpoint may be on another ring than the backends", async (capability, random) => {
  await using other = await NetworkCapability.request({ backend: "host" });
  await using endpoint = await other.listen("127.0.0.1:0");
  await using server = await capability.listen("127.0.0.1:0");
  await using balancer = new LoadBalancer({ capability, backends: [server.addr] });
  balancer.serve(endpoint);
  const accepting = server.accept();
  const client = await capability.connect(endpoint.addr);
  const stream = await accepting;
  const total = 2_000_000;
  const piece = () => random.integer(1, 50_000);
  const [, , there, back] = await Promise.all([
    sendSequence(client, total, piece),
    sendSequence(stream, total, piece),
    receiveSequence(stream),
    receiveSequence(client),
  ]);
  assertEquals([there, back], [total, total]);
  await Promise.all([client.close(), stream.close()]);
});

onEachRing("Unix sockets may be in front and behind", async (capability) => {
  const folder = await Deno.makeTempDir();
  const back = await capability.listen(`unix:${folder}/back`);
  const front = await capability.listen(`unix:${folder}/front`);
  const balancer = new LoadBalancer({
    capability,
    backends: [`unix:${folder}/back`],
    policy: "maglev",
  });
  const serving = balancer.serve(front);
  const accepting = back.accept();
  const client = await capability.connect(`unix:${folder}/front`);
  const server = await accepting;
  await client.send(sequence(0, 1000));
  await client.closeWrite();
  assertEquals(await receiveSequence(server), 1000);
  await server.send(sequence(0, 2000));
  await server.close();
  assertEquals(await receiveSequence(client), 2000);
  await client.close();
  await balancer.stop({ timeoutMs: 1000 });
  assertEquals((await serving).ended, 1);
  assertEquals(Object.keys(balancer.stats().backends), [`unix:${folder}/back`]);
  await back[Symbol.asyncDispose]();
  await Deno.remove(folder, { recursive: true });
});

onEachRing("a client for whom there is no backend is told, and counted", async (capability) => {
  const front = await startFront({ capability, backends: [await deadAddress(capability)] });
  const client = await capability.connect(front.address);
  const end = await client.receive({ timeoutMs: 10_000 }).catch((error) => error.code);
  assert(end === null || end === "ECONNRESET", `${end}`);
  await client.close();
  await front.balancer.stop({ timeoutMs: 0 });
  assertEquals((await front.serving).refused, 1);
});

onEachRing("revoking the capability ends everything", async (capability) => {
  await using server = (await startServers(capability, "a"))[0];
  const own = capability.derive({ tcp: true, connect: true, listen: true });
  const front = await startFront({ capability: own, backends: [server.address] });
  const clients = await Promise.all(
    Array.from({ length: 10 }, () => greeted(capability, front.address)),
  );
  await own.revoke(new Error("enough"));
  const failure = await within("serve() ends", failureOf(front.serving));
  assert(failure instanceof Deno.errors.NotCapable, `${failure}`);
  assertEquals(front.balancer.stats().clients, 0);
  for (const { stream } of clients) await stream.close();
});

onEachRing(
  "clients and backends that come and go at random leave nothing, and no wrong byte",
  async (capability, random) => {
    const servers = await startServers(capability, "a", "b", "c");
    const front = await startFront({
      capability,
      backends: servers.map(({ address }) => address),
      policy: random.pick(["round-robin", "least-connections", "maglev"] as const),
      idleTimeoutMs: 5000,
    });
    const rounds = scale(150, 5000);
    const visit = async () => {
      const stream = await capability.connect(front.address);
      try {
        const name = await readLine(stream);
        if (name === null || random.chance(0.1)) return;
        const total = random.integer(1, 200_000);
        const sending = sendSequence(stream, total, () => random.integer(1, 30_000));
        sending.catch(() => {});
        const check = new SequenceCheck();
        for await (const lease of stream.receiveMany()) {
          check.take(lease.bytes);
          if (random.chance(0.02)) return;
        }
      } finally {
        if (random.chance(0.3)) await stream.setOption("lingerSeconds", 0).catch(() => {});
        await stream.close();
      }
    };
    const visiting: Promise<void>[] = [];
    for (let round = 0; round < rounds; round++) {
      visiting.push(visit().catch(() => {}));
      if (random.chance(0.1)) {
        const { streams } = random.pick(servers);
        for (const stream of streams) if (random.chance(0.5)) stream.close();
      }
      if (visiting.length >= 30) await visiting.shift();
    }
    await Promise.all(visiting);
    await front.balancer.stop({ timeoutMs: random.pick([0, 1, 1000]) });
    const { ended, failed, cut, idle, refused } = await front.serving;
    assertEquals(ended + failed + cut + idle + refused, rounds);
    for (const server of servers) await server[Symbol.asyncDispose]();
  },
);

async function startNodeServer() {
  const waiting: Socket[] = [];
  const wanted: ((socket: Socket) => void)[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    const want = wanted.shift();
    if (want === undefined) waiting.push(socket);
    else want(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const next = () =>
    new Promise<Socket>((resolve) => {
      const socket = waiting.shift();
      if (socket === undefined) wanted.push(resolve);
      else resolve(socket);
    });
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return { port, sockets: { next }, close };
}

async function nodeClient(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  return socket;
}

/** What a socket of Node's is told of its end. */
function failureOfSocket(socket: Socket): Promise<string> {
  return within(
    "the socket ends",
    new Promise<string>((resolve) => {
      socket.once("error", (error: Error & { code?: string }) => resolve(error.code ?? "error"));
      socket.once("end", () => {
        socket.destroy();
        resolve("end");
      });
      socket.resume();
    }),
  );
}
