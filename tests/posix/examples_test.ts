import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { serveTree } from "../interop/example_server.ts";
import { LineClient } from "../interop/line_client.ts";
import { runProgram } from "../interop/programs.ts";
import { type BackendKind, REFUSALS } from "../support/backends.ts";
import { resetAfterAnswer } from "../support/reset.ts";
import { hasProgram, skipUnless } from "../support/skip.ts";
import { ExampleServer, runExample } from "./example_program.ts";

const NETCAT = hasProgram("nc") ? undefined : "needs nc";
const CURL = hasProgram("curl") ? undefined : "needs curl";

/** A loop in one thread runs on every backend; several threads and ports that they share do not. */
const LOOPS: readonly BackendKind[] = ["kernel", "host"];
const KERNEL: readonly BackendKind[] = ["kernel"];

/** The echo servers, and how each ends when it is told to. */
const ECHO_SERVERS: readonly (readonly [string, readonly BackendKind[], RegExp])[] = [
  ["thread_per_connection", KERNEL, /^served \d+ connections, cut 0 off\n$/],
  ["thread_pool", KERNEL, /^served \d+ connections\n$/],
  ["poll_server", LOOPS, /^stopped\n$/],
  ["epoll_level", LOOPS, /^stopped\n$/],
  ["epoll_edge", LOOPS, /^served \d+ connections\n$/],
  ["loop_per_core", KERNEL, /^served \d+( \+ \d+)+ connections\n$/],
];

function testExample(
  name: string,
  backends: readonly BackendKind[],
  body: (backend: BackendKind) => Promise<void>,
  missing?: string,
): void {
  for (const backend of backends) {
    const reason = REFUSALS[backend] ?? missing;
    const options = skipUnless(
      `examples/posix/${name} [${backend}]`,
      reason === undefined,
      reason ?? "",
    );
    Deno.test(options, () => body(backend));
  }
}

async function echoOnce(port: number, text: string): Promise<void> {
  using client = await LineClient.connect(port);
  await client.send(`${text}\n`);
  assertEquals(await client.line(), text);
}

for (const [name, backends, ending] of ECHO_SERVERS) {
  testExample(`${name}.ts echoes to nc, which ends its side first`, backends, async (backend) => {
    await using server = await ExampleServer.start(name, backend);
    assertMatch(server.greeting, new RegExp(`${backend} backend$`));
    const input = new Uint8Array(500_000).fill(0x61);
    const args = ["-N", "127.0.0.1", String(server.port)];
    const echoed = await Promise.all([1, 2, 3, 4].map(() => runProgram("nc", args, input)));
    assertEquals(echoed.map((text) => text.length), [1, 2, 3, 4].map(() => input.length));
  }, NETCAT);

  testExample(`${name}.ts serves on when clients reset`, backends, async (backend) => {
    await using server = await ExampleServer.start(name, backend);
    for (let round = 0; round < 3; round++) await resetAfterAnswer(server.port);
    await Promise.all([1, 2, 3, 4].map((client) => echoOnce(server.port, `client ${client}`)));
  });

  testExample(`${name}.ts ends in order when it is told to`, backends, async (backend) => {
    await using server = await ExampleServer.start(name, backend);
    const clients = await Promise.all([1, 2, 3].map(() => LineClient.connect(server.port)));
    for (const client of clients) {
      await client.send("before\n");
      assertEquals(await client.line(), "before");
    }
    const ended = server.end();
    // Its side ends although the clients' have not.
    for (const client of clients) {
      assertEquals(await client.line(), null);
      client[Symbol.dispose]();
    }
    const { code, output, errors } = await ended;
    assertEquals([code, errors], [0, ""]);
    assertMatch(output, ending);
  });

  testExample(`${name}.ts ends by itself after its seconds`, backends, async (backend) => {
    await using server = await ExampleServer.start(name, backend, ["0.5"]);
    const { code, output } = await server.end(null);
    assertEquals(code, 0);
    assertMatch(output, ending);
  });
}

testExample("thread_pool.ts has more clients than threads wait", KERNEL, async (backend) => {
  await using server = await ExampleServer.start("thread_pool", backend);
  const first = await Promise.all(
    Array.from({ length: 8 }, () => LineClient.connect(server.port)),
  );
  for (const client of first) {
    await client.send("first\n");
    assertEquals(await client.line(), "first");
  }
  using late = await LineClient.connect(server.port);
  await late.send("late\n");
  let isServed = false;
  const answer = late.line().then((line) => {
    isServed = true;
    return line;
  });
  await first[0].send("still served\n");
  assertEquals(await first[0].line(), "still served");
  assertEquals(isServed, false);
  for (const client of first) client[Symbol.dispose]();
  assertEquals(await answer, "late");
});

testExample("epoll_edge.ts says in one line that its port is taken", LOOPS, async (backend) => {
  await using server = await ExampleServer.start("epoll_edge", backend);
  const address = `127.0.0.1:${server.port}`;
  const error = await runExample("epoll_edge", backend, [address]).catch(String);
  assertMatch(error, /bind: Address already in use/);
  assertMatch(await runExample("epoll_edge", backend, ["a", "b", "c"]).catch(String), /usage/);
});

testExample("epoll_level.ts runs by URL", KERNEL, async (backend) => {
  await using tree = serveTree();
  await using server = await ExampleServer.start("epoll_level", backend, [], tree.base);
  await echoOnce(server.port, "by URL");
});

testExample("udp_echo.ts echoes to nc, and ends in order", LOOPS, async (backend) => {
  await using server = await ExampleServer.start("udp_echo", backend);
  const args = ["-u", "-w1", "127.0.0.1", String(server.port)];
  assertEquals(await runProgram("nc", args, new TextEncoder().encode("hello")), "hello");
  const { code, output, errors } = await server.end("SIGINT");
  assertEquals([code, errors, output], [0, "", "echoed 1, lost 0\n"]);
}, NETCAT);

testExample("nonblocking_connect.ts takes whoever answers", LOOPS, async (backend) => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = String(listener.addr.port);
  const said = await runExample("nonblocking_connect", backend, ["127.0.0.1", port]);
  assertMatch(said, new RegExp(`^connected to 127\\.0\\.0\\.1:${port} in [\\d.]+ ms\n$`));
  // Of both addresses of the name only one has a listener.
  const local = await runExample("nonblocking_connect", backend, ["localhost", port]);
  assertMatch(local, new RegExp(`^connected to 127\\.0\\.0\\.1:${port} in`, "m"));
});

testExample("nonblocking_connect.ts says that nobody answers", LOOPS, async (backend) => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const run = (...args: string[]) => runExample("nonblocking_connect", backend, args);
  await assertRejects(() => run("127.0.0.1", String(port)), Error, "nobody answered in");
  await assertRejects(() => run("127.0.0.1"), Error, "usage: nonblocking_connect.ts");
});

testExample("robust_client.ts tries again until it is served", LOOPS, async (backend) => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    // One that ends at once, one that ends within a line, one that answers.
    (await listener.accept()).close();
    const second = await listener.accept();
    await second.write(new TextEncoder().encode("hel"));
    second.close();
    using third = await listener.accept();
    const buffer = new Uint8Array(100);
    const count = await third.read(buffer);
    await third.write(buffer.subarray(0, count!));
    await third.read(buffer);
  })();
  const address = `127.0.0.1:${listener.addr.port}`;
  assertEquals(await runExample("robust_client", backend, [address, "hello"]), "hello\n");
  await serving;
});

testExample("robust_client.ts gives up in the end, or at once", LOOPS, async (backend) => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${listener.addr.port}`;
  listener.close();
  const run = (...args: string[]) => runExample("robust_client", backend, args).catch(String);
  const said = await run(address, "hello", "3");
  assertMatch(said, /attempt 1: .*again in \d+ ms\nattempt 2: .*\nconnect: Connection refused\n$/);
  assertMatch(await run("nowhere", "hello"), /ended with 1: [^\n]*nowhere[^\n]*\n$/);
  assertMatch(await run(address), /usage: robust_client\.ts/);
});

/** Runs the file server over a folder with a few files in it. */
async function withFiles(
  backend: BackendKind,
  body: (server: ExampleServer, big: Uint8Array) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const big = new Uint8Array(3_000_001);
    for (let at = 0; at < big.length; at += 65536) {
      crypto.getRandomValues(big.subarray(at, at + 65536));
    }
    await Deno.mkdir(`${folder}/www/sub`, { recursive: true });
    await Deno.writeFile(`${folder}/www/big.bin`, big);
    await Deno.writeTextFile(`${folder}/www/index.html`, "<p>home</p>");
    await Deno.writeTextFile(`${folder}/www/empty.txt`, "");
    await Deno.writeTextFile(`${folder}/secret.txt`, "secret");
    await Deno.symlink(`${folder}/secret.txt`, `${folder}/www/link.txt`);
    await using server = await ExampleServer.start("http_files", backend, ["0", `${folder}/www`]);
    await body(server, big);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

testExample(
  "http_files.ts gives files to curl",
  LOOPS,
  (backend) =>
    withFiles(backend, async ({ port }, big) => {
      const folder = await Deno.makeTempDir();
      try {
        const url = `http://127.0.0.1:${port}`;
        const names = ["a", "b", "c", "d"];
        const downloads = names.flatMap((name) => ["-o", `${folder}/${name}`, `${url}/big.bin`]);
        // One after the other over one connection, then all at once.
        await runProgram("curl", ["-sS", ...downloads]);
        for (const name of names) assertEquals(await Deno.readFile(`${folder}/${name}`), big);
        await runProgram("curl", ["-sS", "--parallel", "--http1.0", ...downloads]);
        for (const name of names) assertEquals(await Deno.readFile(`${folder}/${name}`), big);
        const status = (path: string, ...args: string[]) =>
          runProgram("curl", ["-sS", "-o", "-", "-w", " %{http_code}", ...args, `${url}${path}`]);
        assertEquals(await status("/"), "<p>home</p> 200");
        assertEquals(await status("/empty.txt"), " 200");
        assertEquals(await status("/sub"), "404 Not Found\n 404");
        assertEquals(await status("/nope"), "404 Not Found\n 404");
        assertEquals(await status("/link.txt"), "403 Forbidden\n 403");
        assertEquals(await status("/../secret.txt", "--path-as-is"), "400 Bad Request\n 400");
        assertEquals(await status("/", "-d", "body"), "501 Not Implemented\n 501");
        assertMatch(await status("/big.bin", "-I"), /Content-Length: 3000001\r\n[^]* 200$/);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }),
  CURL,
);

testExample(
  "http_files.ts answers pipelined requests in order",
  LOOPS,
  (backend) =>
    withFiles(backend, async ({ port }, big) => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port });
      const keep = "Connection: keep-alive\r\n\r\n";
      const paths = ["/index.html", "/big.bin", "/nope", "/empty.txt"];
      const requests = paths.map((path) => `GET ${path} HTTP/1.0\r\n${keep}`).join("");
      const sent = `${requests.repeat(20)}GET / HTTP/1.0\r\n\r\n`;
      assertEquals(await connection.write(new TextEncoder().encode(sent)), sent.length);
      const answer = await new Response(connection.readable).bytes();
      const text = new TextDecoder("latin1").decode(answer);
      const lengths = [
        ...text.matchAll(/HTTP\/1\.0 (\d+) [^\r]*\r\n[^]*?Content-Length: (\d+)\r\n/g),
      ]
        .map(([, status, length]) => `${status} ${length}`);
      const round = ["200 11", "200 3000001", "404 14", "200 0"];
      assertEquals(lengths, [...Array.from({ length: 20 }, () => round).flat(), "200 11"]);
      const at = text.indexOf("3000001\r\nConnection: keep-alive\r\n\r\n") + 35;
      assert(answer.subarray(at, at + big.length).every((byte, index) => byte === big[index]));
    }),
);
