import { assert, assertEquals, assertMatch } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { ROOT } from "../tools/files.ts";
import { type ExampleServer, FLAGS, serveTree, startExample } from "./interop/example_server.ts";
import { LineClient } from "./interop/line_client.ts";
import { runProgram } from "./interop/programs.ts";
import { type BackendKind, REFUSALS } from "./support/backends.ts";
import { resetAfterAnswer } from "./support/reset.ts";
import { hasProgram, isRoot, skipUnless } from "./support/skip.ts";

/** The demo promises to be over before. */
const DEMO_LIMIT_MS = 15_000;

const NETCAT = hasProgram("nc") ? undefined : "needs nc";

/** Registers a test against a server of `examples/`, on both backends. */
function testServer(
  example: string,
  name: string,
  body: (server: ExampleServer, backend: BackendKind) => Promise<void>,
  missing?: string,
): void {
  for (const [backend, refusal] of Object.entries(REFUSALS) as [BackendKind, string?][]) {
    const reason = refusal ?? missing;
    const title = `examples/${example}.ts ${name} [${backend}]`;
    Deno.test(skipUnless(title, reason === undefined, reason ?? ""), async () => {
      await using server = await startExample(example, backend);
      assertMatch(server.greeting, new RegExp(`${backend} backend$`));
      await body(server, backend);
    });
  }
}

function runExample(
  backend: BackendKind,
  name: string,
  args: string[],
  input = "",
): Promise<string> {
  const file = new URL(`examples/${name}.ts`, ROOT).href;
  const flags = ["run", "--no-prompt", "--no-config", ...FLAGS[backend]];
  return runProgram(Deno.execPath(), [...flags, file, ...args], new TextEncoder().encode(input));
}

async function exchange(port: number, text: string): Promise<string> {
  using client = await LineClient.connect(port);
  const [answer] = await Promise.all([client.text(), client.send(text)]);
  return answer;
}

testServer("echo_server", "echoes to nc, which ends its side first", async ({ port }) => {
  const input = new Uint8Array(200_000).fill(0x61);
  const echoed = await runProgram("nc", ["-N", "127.0.0.1", String(port)], input);
  assertEquals(echoed.length, input.length);
}, NETCAT);

testServer("echo_server", "echoes to examples/echo_client.ts", async ({ port }, backend) => {
  const address = `127.0.0.1:${port}`;
  const output = await runExample(backend, "echo_client", [address, "hello", "world"]);
  assertMatch(output, /^hello {2}\(\d+ us\)\nworld {2}\(\d+ us\)\n$/);
  const text = "line one\nline two\n".repeat(5_000);
  assertEquals(await runExample(backend, "echo_client", [address], text), text);
});

testServer("echo_server", "serves on when a client resets", async ({ port }) => {
  await resetAfterAnswer(port);
  using client = await LineClient.connect(port);
  await client.send("still there\n");
  assertEquals(await client.line(), "still there");
});

Deno.test("examples/echo_client.ts says in one sentence that nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const error = await runExample("host", "echo_client", [`127.0.0.1:${port}`, "x"]).catch(String);
  assertMatch(error, /connect to 127\.0\.0\.1:\d+: ECONNREFUSED: [^\n]+\n$/);
});

/** Joins a chat under a name. */
async function join(port: number, name: string): Promise<LineClient> {
  const client = await LineClient.connect(port);
  assertEquals(await client.line(), "Welcome! What is your name?");
  await client.send(`${name}\n`);
  await client.until(new RegExp(`^\\* here are: .*${name}`));
  return client;
}

testServer("chat_server", "carries lines, names, joins and leaves", async ({ port }) => {
  using ann = await join(port, "ann");
  using bob = await join(port, "bob");
  assertEquals(await ann.line(), "* bob has joined");
  await bob.send("hel");
  await bob.send("lo\r\n\n");
  assertEquals(await ann.line(), "bob: hello");
  await bob.send("\x1b[31mred\x07 ünï\n");
  assertEquals(await ann.line(), "bob: [31mred ünï");
  await bob.send("/nick ann\n/nick two words\n/nick Bobby\n/dance\n/who\n");
  assertMatch((await bob.line())!, /^ann is here already/);
  assertMatch((await bob.line())!, /^A name has 1 to 20/);
  assertEquals(await bob.line(), "* bob is now Bobby");
  assertMatch((await bob.line())!, /^\* the commands are/);
  assertEquals(await bob.line(), "* here are: ann, Bobby");
  assertEquals(await ann.line(), "* bob is now Bobby");
  await bob.send("/quit\n");
  assertEquals(await bob.line(), null);
  assertEquals(await ann.line(), "* Bobby has left");
  using eve = await join(port, "eve");
  await eve.send("x".repeat(2_000));
  await ann.until(/^\* eve sent a line that is too long$/);
});

testServer("chat_server", "drops who reads too slowly, and nobody else", async ({ port }) => {
  using _slow = await join(port, "slow");
  using talker = await join(port, "talker");
  using listener = await join(port, "listener");
  const dropped = listener.until(/^\* slow reads too slowly and was dropped$/);
  const line = `${"blah ".repeat(190)}\n`;
  let isDropped = false;
  dropped.finally(() => isDropped = true);
  // The kernel's buffers for the slow one come first, some megabytes.
  for (let count = 0; count < 40_000 && !isDropped; count++) await talker.send(line);
  await dropped;
  await talker.send("are you there\n");
  await listener.until(/^talker: are you there$/);
  await talker.send("/who\n");
  await talker.until(/^\* here are: talker, listener$/);
});

testServer("chat_server", "takes nc as its client", async ({ port }) => {
  using ann = await join(port, "ann");
  const said = runProgram(
    "nc",
    ["-N", "127.0.0.1", String(port)],
    new TextEncoder().encode("visitor\nhi all\n"),
  );
  await ann.until(/^visitor: hi all$/);
  await ann.until(/^\* visitor has left$/);
  assertMatch(await said, /^Welcome! What is your name\?\n\* visitor has joined\n\* here are: /);
}, NETCAT);

testServer("http_server", "answers every request with its status", async ({ port }) => {
  const host = "Host: here\r\n";
  const cases: readonly [string, string, RegExp?][] = [
    ["GET / HTTP/1.0\r\n\r\n", "200 OK", /Try \/hello/],
    ["\r\n\r\nGET /hello?name=%C3%BC+x HTTP/1.0\n\n", "200 OK", /Hello, ü x!/],
    [`GET http://here/hello HTTP/1.1\r\n${host}\r\n`, "200 OK", /Hello, world!/],
    ["POST /echo HTTP/1.0\r\nContent-Length: 5\r\n\r\nabcde", "200 OK", /\r\n\r\nabcde$/],
    ["HEAD /hello HTTP/1.0\r\n\r\n", "200 OK", /content-length: 14\r\n[^]*\r\n\r\n$/],
    ["HEAD /nope HTTP/1.0\r\n\r\n", "404 Not Found", /\r\n\r\n$/],
    ["GET /nope HTTP/1.0\r\n\r\n", "404 Not Found"],
    ["GET /constructor HTTP/1.0\r\n\r\n", "404 Not Found"],
    ["POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n", "405 Method Not Allowed", /allow: GET, HEAD/],
    ["GET /echo HTTP/1.0\r\n\r\n", "405 Method Not Allowed", /allow: POST/],
    ["DELETE / HTTP/1.0\r\n\r\n", "501 Not Implemented"],
    ["get / HTTP/1.0\r\n\r\n", "501 Not Implemented"],
    ["GET / HTTP/2.0\r\n\r\n", "505 HTTP Version Not Supported"],
    ["GET / HTTP/1.1\r\n\r\n", "400 Bad Request", /Host is missing/],
    ["GET /\r\n\r\n", "400 Bad Request"],
    ["GET  / HTTP/1.0\r\n\r\n", "400 Bad Request"],
    ["GET nowhere HTTP/1.0\r\n\r\n", "400 Bad Request"],
    ["GET /%zz HTTP/1.0\r\n\r\n", "400 Bad Request"],
    ["GET / HTTP/1.0\r\nno colon\r\n\r\n", "400 Bad Request"],
    ["GET / HTTP/1.0\r\nname : value\r\n\r\n", "400 Bad Request"],
    ["GET / HTTP/1.0\r\na: b\r\n folded\r\n\r\n", "400 Bad Request"],
    ["POST /echo HTTP/1.0\r\n\r\n", "400 Bad Request", /Content-Length/],
    ["POST /echo HTTP/1.0\r\nContent-Length: -1\r\n\r\n", "400 Bad Request"],
    [
      "POST /echo HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "400 Bad Request",
    ],
    ["POST /echo HTTP/1.0\r\nContent-Length: 1048577\r\n\r\n", "413 Content Too Large"],
    [`POST /echo HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`, "501 Not Implemented"],
    [`GET /${"a".repeat(9_000)} HTTP/1.0\r\n\r\n`, "414 URI Too Long"],
    ["a".repeat(9_000), "414 URI Too Long"],
    [`GET / HTTP/1.0\r\n${"name: value\r\n".repeat(3_000)}\r\n`, "431 Request Header"],
    [`GET / HTTP/1.0\r\nname: ${"v".repeat(40_000)}`, "431 Request Header"],
  ];
  for (const [request, status, pattern] of cases) {
    const response = await exchange(port, request);
    assertEquals(response.slice(0, 9 + status.length), `HTTP/1.0 ${status}`, request.slice(0, 80));
    if (pattern !== undefined) assertMatch(response, pattern);
    assertMatch(response, /\r\nconnection: close\r\n\r\n/);
  }
});

testServer("http_server", "understands requests cut at any byte", async ({ port }) => {
  const request =
    "POST /echo HTTP/1.0\r\nContent-Type: a/b\r\nContent-Length: 10\r\n\r\n0123456789";
  const whole = withoutDate(await exchange(port, request));
  assertMatch(whole, /^HTTP\/1.0 200 OK\r\n[^]*content-type: a\/b\r\n[^]*0123456789$/);
  await Promise.all(
    Array.from({ length: request.length - 1 }, async (_, index) => {
      using client = await LineClient.connect(port);
      client.connection.setNoDelay(true);
      await client.send(request.slice(0, index + 1));
      // Another exchange on the same server: the first part has been read by then.
      await exchange(port, "HEAD / HTTP/1.0\r\n\r\n");
      await client.send(request.slice(index + 1));
      const response = await client.text();
      assertEquals(withoutDate(response), whole, `cut at ${index + 1}`);
    }),
  );
  using bytewise = await LineClient.connect(port);
  bytewise.connection.setNoDelay(true);
  for (const byte of request) await bytewise.send(byte);
  const status = await bytewise.line();
  assertEquals(status, "HTTP/1.0 200 OK\r");
});

function withoutDate(response: string): string {
  return response.replace(/date: [^\r]*/, "date");
}

testServer("http_server", "answers 408 to who is too slow", async ({ port }) => {
  using client = await LineClient.connect(port);
  await client.send("GET / HT");
  assertEquals(await client.line(), "HTTP/1.0 408 Request Timeout\r");
});

testServer("http_server", "answers fetch, 100 at a time", async ({ port }) => {
  using client = Deno.createHttpClient({});
  const texts = await Promise.all(Array.from({ length: 100 }, async (_, index) => {
    const url = `http://127.0.0.1:${port}/hello?name=${index}`;
    return await (await fetch(url, { client })).text();
  }));
  assertEquals(texts, texts.map((_, index) => `Hello, ${index}!\n`));
});

testServer("load_balancer", "spreads clients over its backends, and echoes", async ({ port }) => {
  const seen = new Set<string | null>();
  for (let client = 0; client < 6; client++) {
    using connection = await LineClient.connect(port);
    seen.add(await connection.line());
    await connection.send(`client ${client}\n`);
    assertEquals(await connection.line(), `client ${client}`);
  }
  assertEquals([...seen].toSorted(), ["blue", "green", "red"]);
});

for (const [backend, refusal] of Object.entries(REFUSALS) as [BackendKind, string?][]) {
  const title = `examples/udp_file_transfer sends a file [${backend}]`;
  Deno.test(skipUnless(title, refusal === undefined, refusal ?? ""), async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.mkdir(`${folder}/inbox`);
      const bytes = crypto.getRandomValues(new Uint8Array(50_000));
      await Deno.writeFile(`${folder}/file.bin`, bytes);
      const program = new URL("examples/udp_file_transfer/main.ts", ROOT).href;
      const flags = ["run", "--no-prompt", "--no-config", "--allow-read", ...FLAGS[backend]];
      const receiver = new Deno.Command(Deno.execPath(), {
        args: [...flags, "--allow-write", program, "receive", "--once", "127.0.0.1:0", "inbox"],
        cwd: folder,
        stdin: "null",
        stdout: "piped",
      }).spawn();
      const lines = receiver.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const { value: greeting } = await lines.read();
      assertMatch(greeting!, new RegExp(`^receiving files at 127.*, ${backend} backend\n$`));
      const to = /127\.0\.0\.1:\d+/.exec(greeting!)![0];
      const args = [...flags, program, "send", `${folder}/file.bin`, to];
      const sent = await runProgram(Deno.execPath(), args);
      assertMatch(
        sent,
        /^sent file\.bin: 50000 bytes in [\d.]+ s, [\d.]+ MB\/s\n.*SHA-256 \w{64}\n$/,
      );
      const { value: report } = await lines.read();
      assertMatch(report!, /^127\.0\.0\.1:\d+: inbox\/file\.bin, 50000 bytes in /);
      assertEquals((await receiver.status).code, 0);
      await lines.cancel();
      assertEquals(await Deno.readFile(`${folder}/inbox/file.bin`), bytes);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("examples/udp_file_transfer says how it is used, and what is wrong", async () => {
  const run = (...args: string[]) =>
    runExample("host", "udp_file_transfer/main", args).catch(String);
  for (const args of [[], ["send", "x"], ["fetch", "a", "b"], ["send", "a", "b", "--fast"]]) {
    assertMatch(await run(...args), /ended with 2: usage: main\.ts send/);
  }
  assertMatch(await run("receive", "nowhere", "a"), /ended with 1: [^\n]*nowhere[^\n]*\n$/);
});

const NO_RAW = REFUSALS.kernel ?? (isRoot() ? undefined : "needs root");

Deno.test(
  skipUnless("examples/ping.ts asks and counts", NO_RAW === undefined, NO_RAW ?? ""),
  async () => {
    const output = await runExample("kernel", "ping", [
      "-c",
      "3",
      "-i",
      "0.01",
      "-s",
      "100",
      "::1",
    ]);
    const reply = "108 bytes from ::1: icmp_seq=\\d ttl=64 time=[\\d.]+ ms\n";
    assertMatch(output, new RegExp(`^PING ::1: 100 bytes of data\n(${reply}){3}\n`));
    assertMatch(output, /\n3 packets transmitted, 3 received, 0% packet loss, time \d+ms\n/);
    assertMatch(output, /\nrtt min\/avg\/max\/mdev = [\d.]+\/[\d.]+\/[\d.]+\/[\d.]+ ms\n$/);
  },
);

Deno.test("examples/ping.ts says in one sentence what is wrong", async () => {
  const run = (...args: string[]) => runExample("host", "ping", args).catch(String);
  assertMatch(await run("::1"), /ended with 2: ping: open: ENOTSUP: [^\n]*raw sockets\n$/);
  assertMatch(await run("-c", "0", "::1"), /ended with 2: ping: count must be [^\n]+\n$/);
  assertMatch(await run("-x", "::1"), /ended with 2: usage: ping\.ts/);
});

Deno.test("two examples run by URL", async () => {
  await using tree = serveTree();
  await using echo = await startExample("echo_server", "host", tree.base);
  using client = await LineClient.connect(echo.port);
  await client.send("by URL\n");
  assertEquals(await client.line(), "by URL");
  await using http = await startExample("http_server", "host", tree.base);
  assertMatch(await exchange(http.port, "GET /hello HTTP/1.0\r\n\r\n"), /Hello, world!/);
});

Deno.test("deno task demo runs with its own flags and ends with a table in time", async () => {
  const words = config.tasks.demo.split(" ");
  assertEquals(words[0], "deno");
  const start = performance.now();
  const output = await runProgram(Deno.execPath(), [
    ...words.slice(1, 2),
    "--no-prompt",
    ...words.slice(2),
  ]);
  const elapsedMs = performance.now() - start;
  assert(elapsedMs < DEMO_LIMIT_MS, `the demo took ${Math.round(elapsedMs)} ms`);
  assertMatch(output, /messages\/s +p50 +p99 +p99\.9/);
  for (const name of ["host backend", "Deno.listen"]) {
    assertMatch(
      output,
      new RegExp(`${name.replace(".", "\\.")} +━+ +[\\d,]+ +\\d[^]*\\d\\.\\d\\d x`),
    );
  }
  if (REFUSALS.kernel === undefined) assertMatch(output, /Millrace on kernel backend/);
  else assertMatch(output, /Skipped: kernel backend/);
  assertMatch(output, /[\d,]+ messages went out, and each came back as it was sent\./);
});

Deno.test("the demo without --allow-ffi skips the kernel loudly", async () => {
  const output = await runExample("host", "demo", []);
  assertMatch(output, /Millrace on host backend/);
  assertMatch(output, /Skipped: kernel backend: .*--allow-ffi is not granted/);
});

testServer("udp_echo", "echoes to nc", async ({ port }) => {
  const args = ["-u", "-w1", "127.0.0.1", String(port)];
  const echoed = await runProgram("nc", args, new TextEncoder().encode("hello"));
  assertEquals(echoed, "hello");
}, NETCAT);

Deno.test("examples/sharded_server.ts spreads its connections over shards", async () => {
  const file = new URL("examples/sharded_server.ts", ROOT).href;
  const flags = ["run", "--no-prompt", "--no-config", "--allow-read"];
  const run = (...args: string[]) => runProgram(Deno.execPath(), [...flags, file, ...args]);
  const output = await run("--shards", "2", "--clients", "40");
  assertMatch(output, /^40 of 40 clients had their message back\n/);
  const counts = [...output.matchAll(/^shard \d had (\d+) connections$/gm)].map(([, n]) =>
    Number(n)
  );
  assertEquals([counts.length, counts[0] + counts[1]], [2, 40]);
  assert(counts.every((count) => count > 0), output);
  assertMatch(await run("--shards", "none").catch(String), /ended with 2: usage: sharded_server/);
});
