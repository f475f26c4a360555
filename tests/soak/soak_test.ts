import { assert, assertEquals } from "@std/assert";
import type { SoakReport } from "./report.ts";
import { onEachBackend } from "../faults/fixtures.ts";
import { LONG, scale, SEED } from "../support/seed.ts";
import { stdFlags } from "../../tools/std.ts";

/** The scaled-down run is a hundredth of the whole: ten thousand connections for ten minutes. */
const USERS = scale(250, 10_000);
const DURATION_MS = scale(4_000, 600_000);
/** Longer than any of both processes may take. */
const LIMIT_MS = DURATION_MS + scale(60_000, 300_000);

/** Memory may differ this much between the second quarter and the last: a collector's whim. */
const MEMORY_SHARE = LONG ? 1.1 : 1.5;
const MEMORY_SLACK_BYTES = 48 * 1024 * 1024;

async function start(script: string, ...args: string[]): Promise<Deno.ChildProcess> {
  const path = new URL(script, import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", ...await stdFlags(), path, ...args],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
}

/** Reads what a process prints, line by line. */
async function* linesOf(process: Deno.ChildProcess): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

async function nextLine(lines: AsyncGenerator<string, undefined>, who: string): Promise<string> {
  const { value } = await lines.next();
  assert(value !== undefined, `${who} ended without a word`);
  return value;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

function assertClean(who: string, { stats, leaked, memory }: SoakReport): void {
  const { sockets, inFlight, leases, bufferBytes, lateCompletions } = stats;
  assertEquals({ sockets, inFlight, leases, bufferBytes }, {
    sockets: 0,
    inFlight: 0,
    leases: 0,
    bufferBytes: 0,
  }, who);
  assertEquals(lateCompletions, 0, `${who}: completions nobody waited for`);
  assertEquals(leaked, {}, `${who}: descriptors are still open`);
  const quarter = memory.length >> 2;
  const early = median(memory.slice(quarter, quarter * 2));
  const late = median(memory.slice(quarter * 3));
  const megabytes = [early, late].map((bytes) => Math.round(bytes / 1048576));
  console.log(`${who}: ${megabytes.join(" MB, later ")} MB resident`);
  assert(late <= early * MEMORY_SHARE + MEMORY_SLACK_BYTES, `${who}: memory grows`);
}

async function soak(backend: string): Promise<void> {
  const server = await start("./server.ts", backend);
  const serverLines = linesOf(server);
  const port = await nextLine(serverLines, "the server");
  const args = [port, USERS, DURATION_MS, SEED].map(String);
  const client = await start("./client.ts", backend, ...args);
  const processes = [server, client];
  const timer = setTimeout(() => processes.forEach((child) => child.kill("SIGKILL")), LIMIT_MS);
  try {
    await client.stdin.close();
    const clientReport: SoakReport = JSON.parse(await nextLine(linesOf(client), "the client"));
    await server.stdin.close();
    const serverReport: SoakReport = JSON.parse(await nextLine(serverLines, "the server"));
    console.log(JSON.stringify({ ...clientReport.counts, ...serverReport.counts }));
    assertClean("the client", clientReport);
    assertClean("the server", serverReport);
    assertEquals(serverReport.counts.accepted, clientReport.counts.connections);
    assert(clientReport.counts.peak >= USERS / 2, "too few connections were open at once");
    const codes = await Promise.all(processes.map((child) => child.status));
    assertEquals(codes.map(({ code }) => code), [0, 0]);
  } finally {
    clearTimeout(timer);
    await Promise.all(processes.map(async (child) => {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await child.status;
    }));
  }
}

onEachBackend(
  `a soak of ${USERS} users for ${DURATION_MS / 1000} seconds leaves nothing and grows nowhere`,
  (backend) => soak(backend),
  { limitMs: LIMIT_MS + 30_000 },
);
