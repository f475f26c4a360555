import { assert, assertEquals } from "@std/assert";
import { onEachBackend, sequence, SequenceCheck, within } from "./fixtures.ts";
import { hasProgram } from "../support/skip.ts";

/** Descriptors that the server may have. */
const LIMIT = 150;
/** More than it can hold. */
const CLIENTS = 300;

async function* linesOf(process: Deno.ChildProcess): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

function start(backend: string): Deno.ChildProcess {
  const script = new URL("./emfile_server.ts", import.meta.url).pathname;
  const run = [Deno.execPath(), "run", "-A", "--no-check", script, backend];
  return new Deno.Command("sh", {
    args: ["-c", `ulimit -n ${LIMIT} && exec "$@"`, "sh", ...run],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
}

async function echoOnce(client: Deno.Conn): Promise<void> {
  const check = new SequenceCheck();
  await client.write(sequence(0, 100));
  const into = new Uint8Array(100);
  while (check.received < 100) {
    const count = await client.read(into);
    assert(count !== null, "the connection was ended");
    check.take(into.subarray(0, count));
  }
}

onEachBackend(
  "a server without descriptors pauses accepting, keeps what it has, and resumes",
  async (backend) => {
    const server = start(backend);
    const lines = linesOf(server);
    const next = async (): Promise<string> => {
      const { value } = await within("the server's next line", lines.next(), 20_000);
      assert(value !== undefined, "the server has ended");
      return value;
    };
    try {
      const port = Number(await next());
      const clients = await Promise.all(
        Array.from({ length: CLIENTS }, () => Deno.connect({ hostname: "127.0.0.1", port })),
      );
      assertEquals(await next(), "exhausted");
      // Those that it has it goes on serving.
      await within("an echo while exhausted", echoOnce(clients[0]));
      for (const client of clients.slice(1, 250)) client.close();
      // The last ones were waiting: each is accepted once there is room.
      const last = [clients[0], ...clients.slice(250)];
      await within("the last ones", Promise.all(last.map(echoOnce)), 20_000);
      for (const client of last) client.close();
      await server.stdin.close();
      const { accepted, exhausted, ...left } = JSON.parse(await next());
      assertEquals(accepted, CLIENTS);
      assert(exhausted > 0);
      assertEquals(left, { sockets: 0, inFlight: 0, leases: 0 });
      assertEquals((await within("its end", server.status)).code, 0);
    } finally {
      try {
        server.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await server.status;
    }
  },
  { condition: hasProgram("sh"), reason: "needs a shell to lower the limit" },
);
