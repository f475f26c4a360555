import { assert, assertEquals, assertMatch } from "@std/assert";
import { ROOT } from "../../tools/files.ts";
import { REFUSALS } from "../support/backends.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import { skipUnless } from "../support/skip.ts";

const RESTARTS = 5;
const CLIENTS = 4;
/** Requests that have to be answered between two restarts. */
const REQUESTS_BETWEEN = 100;
/** On a machine with other work to do, starting a process may take half a minute. */
const PROCESS_LIMIT_MS = 300_000;
const REQUEST_LIMIT_MS = 60_000;
const REQUEST = new TextEncoder().encode("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");

/** One process of examples/restart_server.ts. */
class Server {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<string>;
  #text = "";

  constructor(address: string, path: string) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--no-config",
        "--no-check",
        "--allow-net",
        "--allow-ffi",
        new URL("examples/restart_server.ts", ROOT).href,
        address,
        path,
      ],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(PROCESS_LIMIT_MS),
    }).spawn();
    this.#reader = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#errors = new Response(this.#child.stderr).text();
  }

  /** The next line that it prints. */
  async line(): Promise<string> {
    while (!this.#text.includes("\n")) {
      const { value } = await this.#reader.read();
      if (value === undefined) throw new Error(`it ended: ${this.#text}${await this.#errors}`);
      this.#text += value;
    }
    const [line] = this.#text.split("\n", 1);
    this.#text = this.#text.slice(line.length + 1);
    return line;
  }

  /** Waits for its end. @returns its last line, and what it complained about */
  async ended(): Promise<{ line: string; code: number; errors: string }> {
    const line = await this.line();
    await this.#reader.cancel();
    const { code } = await this.#child.status;
    return { line, code, errors: await this.#errors };
  }

  /** Kills it. @returns what it complained about, and how it ended where it had */
  async kill(): Promise<string> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#reader.cancel();
    const { code, signal } = await this.#child.status;
    const errors = await this.#errors;
    return signal === "SIGKILL" ? errors : `ended with ${signal ?? code}: ${errors}`;
  }
}

/** One short connection. @returns the number of the process that served it */
async function request(port: number): Promise<number> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  // A connection that nobody serves would be waited for without end.
  const limit = setTimeout(() => connection.closeWrite(), REQUEST_LIMIT_MS);
  try {
    return await exchange(connection);
  } finally {
    clearTimeout(limit);
  }
}

async function exchange(connection: Deno.TcpConn): Promise<number> {
  await connection.write(REQUEST);
  const bytes = new Uint8Array(1024);
  let text = "";
  const decoder = new TextDecoder();
  for (;;) {
    const count = await connection.read(bytes);
    if (count === null) break;
    text += decoder.decode(bytes.subarray(0, count), { stream: true });
  }
  const match = /^HTTP\/1\.1 200 OK\r\n[^]*served by process (\d+)\n$/.exec(text);
  if (match === null) throw new Error(`it was not served: ${JSON.stringify(text)}`);
  return Number(match[1]);
}

/** Clients that come one connection after the other. */
class Load {
  readonly pids: Set<number> = new Set();
  readonly failures: string[] = [];
  count = 0;
  #isOver = false;
  readonly #clients: Promise<void>[];
  readonly #awaited: { readonly count: number; readonly resolve: () => void }[] = [];

  constructor(port: number) {
    this.#clients = Array.from({ length: CLIENTS }, () => this.#run(port));
  }

  /** Waits until so many more requests were answered. */
  async more(count: number): Promise<void> {
    const awaited = new Promise<void>((resolve) => {
      this.#awaited.push({ count: this.count + count, resolve });
    });
    await Promise.race([awaited, Promise.all(this.#clients)]);
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  /** Runs until it is over; the first failure ends it, too. */
  async #run(port: number): Promise<void> {
    while (!this.#isOver) {
      try {
        this.pids.add(await request(port));
      } catch (error) {
        this.failures.push(String(error));
        this.#isOver = true;
      }
      this.count++;
      while (this.#awaited.length > 0 && this.#awaited[0].count <= this.count) {
        this.#awaited.shift()!.resolve();
      }
    }
  }
}

async function restartUnderLoad(): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/control`;
  let server = new Server("127.0.0.1:0", path);
  let load: Load | null = null;
  try {
    const port = Number(
      /^process \d+ serves on 127\.0\.0\.1:(\d+)$/.exec(await server.line())?.[1],
    );
    assert(port > 0);
    load = new Load(port);
    await load.more(REQUESTS_BETWEEN);
    for (let restart = 0; restart < RESTARTS; restart++) {
      const before = server;
      server = new Server(`127.0.0.1:${port}`, path);
      assertMatch(await server.line(), /^process \d+ serves on 127\.0\.0\.1:\d+$/);
      const { line, code, errors } = await before.ended();
      assertMatch(line, /^process \d+ ends: \d+ connections drained, 0 cut$/);
      assertEquals([code, errors], [0, ""]);
      await load.more(REQUESTS_BETWEEN);
    }
    await load.end();
    assertEquals(await server.kill(), "");
    assertEquals(load.failures, [], `of ${load.count} connections`);
    assertEquals(load.pids.size, RESTARTS + 1, "a process served nobody");
  } finally {
    await load?.end();
    await server.kill();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test(
  skipUnless(
    `${RESTARTS} restarts under load: no connection is refused, reset or left unserved`,
    REFUSALS.kernel === undefined,
    REFUSALS.kernel ?? "",
  ),
  () => assertNoLeaks(restartUnderLoad),
);
