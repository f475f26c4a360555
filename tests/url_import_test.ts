import { assertEquals, assertMatch } from "@std/assert";
import { ROOT } from "../tools/files.ts";
import { kernelRefusal } from "./support/kernel.ts";
import { skipUnless } from "./support/skip.ts";

/** A consumer that hangs is ended after this time, and the test fails. */
const CONSUMER_LIMIT_MS = 30_000;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ts: "application/typescript; charset=utf-8",
  json: "application/json; charset=utf-8",
  wasm: "application/wasm",
};

/** A checkout served read-only on loopback, as any web server would. */
interface TreeServer extends AsyncDisposable {
  readonly host: string;
  /** Paths that were asked for and could not be served. */
  readonly refused: readonly string[];
}

function serveTree(): TreeServer {
  const refused: string[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      const type = CONTENT_TYPES[pathname.slice(pathname.lastIndexOf(".") + 1)];
      // URL parsing has resolved `..` already, so the path cannot leave the tree.
      const file = new URL(`.${pathname}`, ROOT);
      const body = type && await Deno.readFile(file).catch(() => undefined);
      if (body) return new Response(body, { headers: { "content-type": type } });
      refused.push(pathname);
      return new Response("not here\n", { status: 404 });
    },
  );
  return {
    host: `127.0.0.1:${server.addr.port}`,
    refused,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Somebody else's program: knows the runtime by its URL only. */
function consumerSource(host: string): string {
  return `
import { NetworkCapability, TcpEndpoint } from "http://${host}/mod.ts";

const capability = await NetworkCapability.request();
const endpoint = await TcpEndpoint.create("127.0.0.1:0", capability);
const serving = (async () => {
  for await (const stream of endpoint) {
    for await (const lease of stream.receiveMany()) await stream.send(lease);
    await stream.close();
  }
})();

const client = await Deno.connect({ hostname: "127.0.0.1", port: endpoint.addr.port });
await client.write(new TextEncoder().encode("hello by URL"));
await client.closeWrite();
const echoed = await new Response(client.readable).text();

endpoint.close();
await serving;
console.log(capability.backend.kind + ": " + echoed);
await capability[Symbol.asyncDispose]();
`;
}

interface ConsumerResult {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the consumer in an empty folder with an empty cache, without any configuration. */
async function runConsumer(
  command: "run" | "check",
  host: string,
  ...flags: string[]
): Promise<ConsumerResult> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/main.ts`, consumerSource(host));
    const { code, signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        command,
        "--no-config",
        "--no-npm",
        `--allow-import=${host}`,
        `--reload=http://${host}`,
        ...flags,
        "main.ts",
      ],
      cwd: folder,
      env: { DENO_DIR: `${folder}/cache`, NO_COLOR: "1" },
      stdin: "null",
      signal: AbortSignal.timeout(CONSUMER_LIMIT_MS),
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, signal, stdout: text(stdout), stderr: text(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function assertEchoes(backend: string, ...flags: string[]): Promise<void> {
  await using server = serveTree();
  const result = await runConsumer("run", server.host, "--no-prompt", ...flags);
  assertEquals(result.stdout, `${backend}: hello by URL\n`, result.stderr);
  assertEquals([result.code, result.signal], [0, null], result.stderr);
  assertEquals(server.refused, []);
}

Deno.test("a program that imports mod.ts by URL echoes with --allow-net alone, on host", () =>
  assertEchoes("host", "--allow-net"));

const refusal = kernelRefusal();

Deno.test(
  skipUnless(
    "a program that imports mod.ts by URL echoes with --allow-ffi too, on kernel",
    refusal === undefined,
    refusal ?? "",
  ),
  () => assertEchoes("kernel", "--allow-net", "--allow-ffi"),
);

Deno.test("a program that imports mod.ts by URL passes the type check", async () => {
  await using server = serveTree();
  const { code, stderr } = await runConsumer("check", server.host);
  assertEquals(code, 0, stderr);
  assertMatch(stderr, /Check .*main\.ts/);
  assertEquals(server.refused, []);
});
