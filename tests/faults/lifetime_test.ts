import { assert, assertEquals } from "@std/assert";
import { type Backend, onEachBackend } from "./fixtures.ts";

/** What each program says before it ends by itself. */
const ENDING: Readonly<Record<string, readonly string[]>> = {
  "a capability alone": ["done"],
  "an endpoint nobody accepts from": ["done"],
  "an open pair that nobody waits for": ["done"],
  "an accept that waits, unreferenced": ["done"],
  "a receive that waits, unreferenced": ["done"],
  "a receive that waits, unreferenced meanwhile": ["done"],
  "a receive with a deadline": ["ETIMEDOUT", "done"],
  "an abandoned iterator": ["done"],
  "closes that are awaited": ["EBADF", "done"],
  "a refused connect": ["ECONNREFUSED", "done"],
  "a capability that is closed": ["done"],
  "an echo after a long silence": ["3", "done"],
};

/** Those that wait for somebody, and must be there when somebody comes. */
const STAYING: readonly string[] = [
  "an accept that waits",
  "a receive that waits",
  "a receive that waits, referenced again",
];

/** A program that ought to end has this long. */
const END_MS = 20_000;
/** One that ought to stay is still there after it said all it had to say, and this long. */
const STAY_MS = 400;

function start(program: string, backend: Backend): Deno.ChildProcess {
  const script = new URL("./lifetime_programs.ts", import.meta.url).pathname;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, program, backend],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

async function assertEnds(program: string, backend: Backend): Promise<void> {
  const child = start(program, backend);
  const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
  const { code, signal, stdout, stderr } = await child.output();
  clearTimeout(timer);
  const decoder = new TextDecoder();
  const said = decoder.decode(stdout).trim().split("\n");
  const context = `${program}: ${decoder.decode(stderr)}`;
  assertEquals([said, code, signal], [ENDING[program], 0, null], context);
}

async function assertStays(program: string, backend: Backend): Promise<void> {
  const child = start(program, backend);
  const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assertEquals(new TextDecoder().decode(value).trim(), "done", program);
  let hasEnded = false;
  const ended = child.status.then(() => void (hasEnded = true));
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, STAY_MS))]);
  assert(!hasEnded, `${program}: it ended`);
  child.kill("SIGKILL");
  await ended;
  clearTimeout(timer);
  await reader.cancel();
  await child.stderr.cancel();
}

/** Runs a few at a time: each is a process that starts a runtime. */
async function runAll(jobs: (() => Promise<void>)[]): Promise<void> {
  const run = async (): Promise<void> => {
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) await job();
  };
  await Promise.all([run(), run(), run()]);
}

onEachBackend("a process ends by itself once nothing of it waits", async (backend) => {
  await runAll(Object.keys(ENDING).map((program) => () => assertEnds(program, backend)));
});

onEachBackend("a process stays while something of it waits", async (backend) => {
  await runAll(STAYING.map((program) => () => assertStays(program, backend)));
});
