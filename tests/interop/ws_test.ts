import { assertEquals, assertInstanceOf } from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { WebSocket, WebSocketServer } from "ws";
import { type FedServer, feed } from "./node_server.ts";
import { testOnBackends } from "../support/backends.ts";
import { toNodeSocket } from "../../native/node/node_socket.ts";
import type { NetworkCapability } from "../../mod.ts";

const BIG_BYTES = 1_000_000;

interface Close {
  readonly code: number;
  readonly reason: string;
}

/** A WebSocket server that echoes, over connections of this library. */
interface EchoServer extends FedServer {
  /** The sockets it accepted, in their order. */
  readonly accepted: WebSocket[];
}

async function serveEcho(capability: NetworkCapability): Promise<EchoServer> {
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true });
  const accepted: WebSocket[] = [];
  server.on("upgrade", (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, (webSocket: WebSocket) => {
      accepted.push(webSocket);
      webSocket.on("message", (data: Uint8Array, isBinary: boolean) => {
        webSocket.send(data, { binary: isBinary });
      });
      webSocket.on("error", () => {});
    });
  });
  const fed = await feed(capability, server);
  return { ...fed, accepted, [Symbol.asyncDispose]: () => fed[Symbol.asyncDispose]() };
}

/** A client of `npm:ws` over a stream of this library. */
async function connect(capability: NetworkCapability, port: number): Promise<WebSocket> {
  const socket = toNodeSocket(await capability.connect(`127.0.0.1:${port}`));
  const createConnection = () => socket as unknown as Socket;
  const client = new WebSocket(`ws://127.0.0.1:${port}/`, { createConnection });
  await once(client, "open");
  return client;
}

async function closeOf(webSocket: WebSocket): Promise<Close> {
  const [code, reason] = await once(webSocket, "close");
  return { code, reason: String(reason) };
}

testOnBackends("npm:ws exchanges text and binary messages of all sizes", async (capability) => {
  await using server = await serveEcho(capability);
  const client = await connect(capability, server.port);
  client.send("grüße");
  assertEquals((await once(client, "message")).map(String), ["grüße", "false"]);
  for (const size of [0, 1, 125, 126, 65_535, 65_536, BIG_BYTES]) {
    const data = Buffer.alloc(size, 7);
    client.send(data);
    const [echoed, isBinary] = await once(client, "message");
    assertEquals(isBinary, true);
    assertEquals(data.equals(echoed), true, `${size} bytes came back different`);
  }
  const closed = closeOf(client);
  client.close();
  assertEquals(await closed, { code: 1005, reason: "" });
});

testOnBackends("npm:ws keeps the order of many messages", async (capability) => {
  await using server = await serveEcho(capability);
  const client = await connect(capability, server.port);
  const received: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  client.on("message", (data: Uint8Array) => {
    received.push(Number(String(data)));
    if (received.length === 2000) resolve();
  });
  for (let count = 0; count < 2000; count++) client.send(String(count));
  await promise;
  assertEquals(received, received.map((_, index) => index));
  const closed = closeOf(client);
  client.terminate();
  await closed;
});

testOnBackends("npm:ws pings, and the pong brings the payload back", async (capability) => {
  await using server = await serveEcho(capability);
  const client = await connect(capability, server.port);
  client.ping("are you there");
  assertEquals((await once(client, "pong")).map(String), ["are you there"]);
  const pong = once(server.accepted[0], "pong");
  server.accepted[0].ping("and you");
  assertEquals((await pong).map(String), ["and you"]);
  const closed = closeOf(client);
  client.close();
  await closed;
});

testOnBackends("npm:ws carries close codes both ways", async (capability) => {
  await using server = await serveEcho(capability);
  const first = await connect(capability, server.port);
  const closedThere = closeOf(server.accepted[0]);
  const closedHere = closeOf(first);
  first.close(4001, "from the client");
  const expected = { code: 4001, reason: "from the client" };
  assertEquals([await closedHere, await closedThere], [expected, expected]);
  const second = await connect(capability, server.port);
  const closed = closeOf(second);
  server.accepted[1].close(1001, "from the server");
  assertEquals(await closed, { code: 1001, reason: "from the server" });
});

testOnBackends("npm:ws reports an abrupt end as 1006", async (capability) => {
  await using server = await serveEcho(capability);
  const client = await connect(capability, server.port);
  const closedThere = closeOf(server.accepted[0]);
  const closedHere = closeOf(client);
  client.terminate();
  assertEquals((await closedHere).code, 1006);
  assertEquals((await closedThere).code, 1006);
});

testOnBackends("npm:ws refuses what is no WebSocket server, with an error", async (capability) => {
  await using server = await feed(
    capability,
    createServer((_request, response) => void response.writeHead(200).end("no")),
  );
  const socket = toNodeSocket(await capability.connect(`127.0.0.1:${server.port}`));
  const client = new WebSocket(`ws://127.0.0.1:${server.port}/`, {
    createConnection: () => socket as unknown as Socket,
  });
  const [error] = await once(client, "error");
  assertInstanceOf(error, Error);
  assertEquals(error.message, "Unexpected server response: 200");
});

testOnBackends("the platform's own WebSocket talks to npm:ws", async (capability) => {
  await using server = await serveEcho(capability);
  const client = new globalThis.WebSocket(`ws://127.0.0.1:${server.port}/`);
  await new Promise((resolve) => client.onopen = resolve);
  client.send("hello");
  const { data } = await new Promise<MessageEvent>((resolve) => client.onmessage = resolve);
  assertEquals(data, "hello");
  const closed = new Promise<CloseEvent>((resolve) => client.onclose = resolve);
  client.close(4000, "bye");
  assertEquals((await closed).code, 4000);
});
