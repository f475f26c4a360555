import { assert, assertEquals, assertRejects } from "@std/assert";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type FedServer, feed } from "./node_server.ts";
import { runProgram } from "./programs.ts";
import { testOnBackends } from "../support/backends.ts";
import { hasProgram } from "../support/skip.ts";
import type { NetworkCapability } from "../../mod.ts";

const CURL = { condition: hasProgram("curl"), reason: "needs curl" };
const BIG_BYTES = 5_000_000;

/** Answers with what it was asked and how many bytes came with it; "/big" with a long body. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let bytes = 0;
  for await (const chunk of request) bytes += chunk.length;
  if (request.url === "/big") {
    response.end(new Uint8Array(BIG_BYTES).fill(0x62));
  } else if (request.url === "/chunked") {
    for (let count = 0; count < 3; count++) response.write(`part ${count};`);
    response.end();
  } else {
    response.end(`${request.method} ${request.url} ${bytes}`);
  }
}

interface Served extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly fetch: (path: string, init?: RequestInit) => Promise<Response>;
}

async function serve(
  capability: NetworkCapability,
  handler: (request: IncomingMessage, response: ServerResponse) => void = (request, response) => {
    answer(request, response).catch(() => {});
  },
): Promise<Served> {
  const fed: FedServer = await feed(capability, createServer(handler));
  // A client of its own: connections of the global one stay open after the test.
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: 256 });
  const url = `http://127.0.0.1:${fed.port}`;
  return {
    url,
    port: fed.port,
    fetch: (path, init) => fetch(`${url}${path}`, { ...init, client }),
    async [Symbol.asyncDispose](): Promise<void> {
      client.close();
      await fed[Symbol.asyncDispose]();
    },
  };
}

testOnBackends("node:http answers fetch, and keeps the connection", async (capability) => {
  await using server = await serve(capability);
  for (let count = 0; count < 5; count++) {
    assertEquals(await (await server.fetch(`/${count}`)).text(), `GET /${count} 0`);
  }
  assertEquals(capability.stats().accepted, 1);
});

testOnBackends("node:http answers pipelined requests in their order", async (capability) => {
  await using server = await serve(capability);
  using peer = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const paths = Array.from({ length: 50 }, (_, index) => `/${index}`);
  const requests = paths.map((path, index) => {
    const last = index === paths.length - 1 ? "Connection: close\r\n" : "";
    return `GET ${path} HTTP/1.1\r\nHost: here\r\n${last}\r\n`;
  });
  await peer.write(new TextEncoder().encode(requests.join("")));
  const all = await new Response(peer.readable).text();
  assertEquals([...all.matchAll(/GET (\/\d+) 0/g)].map((match) => match[1]), paths);
  assertEquals(capability.stats().accepted, 1);
});

testOnBackends("node:http receives and sends bodies of 5 MB", async (capability) => {
  await using server = await serve(capability);
  const body = new Uint8Array(BIG_BYTES).fill(0x61);
  const posted = await server.fetch("/post", { method: "POST", body });
  assertEquals(await posted.text(), `POST /post ${BIG_BYTES}`);
  const big = await (await server.fetch("/big")).bytes();
  assertEquals(big.length, BIG_BYTES);
  assert(big.every((byte) => byte === 0x62));
});

testOnBackends("node:http takes chunked bodies and sends them", async (capability) => {
  await using server = await serve(capability);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let count = 0; count < 10; count++) controller.enqueue(new Uint8Array(1000));
      controller.close();
    },
  });
  const posted = await server.fetch("/stream", { method: "POST", body });
  assertEquals(await posted.text(), "POST /stream 10000");
  const chunked = await server.fetch("/chunked");
  assertEquals(chunked.headers.get("transfer-encoding"), "chunked");
  assertEquals(await chunked.text(), "part 0;part 1;part 2;");
});

testOnBackends("node:http answers 200 requests at a time", async (capability) => {
  await using server = await serve(capability);
  const texts = await Promise.all(Array.from({ length: 200 }, async (_, index) => {
    const response = await server.fetch(`/${index}`, { method: "POST", body: "x".repeat(index) });
    return await response.text();
  }));
  assertEquals(texts, texts.map((_, index) => `POST /${index} ${index}`));
});

testOnBackends("node:http survives a client that aborts", async (capability) => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  await using server = await serve(capability, (request, response) => {
    if (request.url !== "/endless") return void response.end("still here");
    response.once("close", resolve);
    const write = () => {
      while (!response.destroyed && response.write(new Uint8Array(65536)));
    };
    response.on("drain", write);
    write();
  });
  const aborting = new AbortController();
  const response = await server.fetch("/endless", { signal: aborting.signal });
  const reader = response.body!.getReader();
  await reader.read();
  aborting.abort();
  await assertRejects(async () => {
    while (!(await reader.read()).done);
  });
  await closed;
  assertEquals(await (await server.fetch("/")).text(), "still here");
});

testOnBackends("node:http sees the peer's address and a socket's end", async (capability) => {
  const { promise: ended, resolve } = Promise.withResolvers<unknown[]>();
  await using server = await serve(capability, (request, response) => {
    const { socket } = request;
    once(socket, "close").then(resolve);
    response.setHeader("connection", "close");
    response.end(`${socket.remoteAddress} ${socket.remoteFamily} ${socket.localPort}`);
  });
  const text = await (await server.fetch("/")).text();
  assertEquals(text, `127.0.0.1 IPv4 ${server.port}`);
  assertEquals(await ended, [false]);
});

testOnBackends("node:http answers curl: keep-alive, uploads, HEAD, chunks", async (capability) => {
  await using server = await serve(capability);
  const { url } = server;
  const twice = await runProgram("curl", [
    "-sS",
    `${url}/1`,
    `${url}/2`,
    "-w",
    " %{num_connects};",
  ]);
  assertEquals(twice, "GET /1 0 1;GET /2 0 0;");
  const chunked = ["-H", "Transfer-Encoding: chunked", "--data-binary", "@-"];
  const posted = await runProgram(
    "curl",
    ["-sS", ...chunked, `${url}/up`],
    new Uint8Array(300_000),
  );
  assertEquals(posted, "POST /up 300000");
  const expected = ["-H", "Expect: 100-continue", "--data-binary", "@-", `${url}/continue`];
  const continued = await runProgram("curl", ["-sS", ...expected], new Uint8Array(BIG_BYTES));
  assertEquals(continued, `POST /continue ${BIG_BYTES}`);
  assert((await runProgram("curl", ["-sSI", `${url}/head`])).startsWith("HTTP/1.1 200 OK\r\n"));
  assertEquals((await runProgram("curl", ["-sS", `${url}/big`])).length, BIG_BYTES);
}, CURL);
