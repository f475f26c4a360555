import { assert, assertEquals } from "@std/assert";
import { interleave } from "./connect.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { type BackendKind, REFUSALS } from "../../tests/support/backends.ts";
import { type Outcome, SETUP } from "../../tests/support/connect_program.ts";
import { hasProgram, isRoot, skipUnless } from "../../tests/support/skip.ts";

/** RFC 8305, section 8: Connection Attempt Delay. */
const DELAY_MS = 250;
/** A busy machine is late, but never early. */
const LATE_MS = 1_500;
const PROGRAM_LIMIT_MS = 30_000;

const PROGRAM = new URL("../../tests/support/connect_program.ts", import.meta.url).pathname;

function addresses(...texts: string[]): SocketAddress[] {
  return texts.map((text) => SocketAddress.parse(text.includes(":") ? `[${text}]:0` : `${text}:0`));
}

function interleaved(...texts: string[]): string[] {
  return interleave(addresses(...texts)).map((address) => address.toString().replace(/:0$/, ""));
}

Deno.test("interleave() alternates between the families, the resolver's first one first", () => {
  assertEquals(
    interleaved("2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2"),
    ["[2001:db8::1]", "192.0.2.1", "[2001:db8::2]", "192.0.2.2"],
  );
  assertEquals(
    interleaved("192.0.2.1", "192.0.2.2", "2001:db8::1"),
    ["192.0.2.1", "[2001:db8::1]", "192.0.2.2"],
  );
});

Deno.test("interleave() keeps the order within a family, and every address", () => {
  assertEquals(
    interleaved("2001:db8::3", "192.0.2.1", "2001:db8::1", "2001:db8::2"),
    ["[2001:db8::3]", "192.0.2.1", "[2001:db8::1]", "[2001:db8::2]"],
  );
  assertEquals(interleaved("192.0.2.3", "192.0.2.1"), ["192.0.2.3", "192.0.2.1"]);
  assertEquals(interleaved("2001:db8::1"), ["[2001:db8::1]"]);
  assertEquals(interleave([]), []);
});

/** Runs all scenarios in namespaces of network and mounts. */
async function runScenarios(backend: BackendKind): Promise<Map<string, Outcome>> {
  const run = 'exec "$0" run -A --no-config --no-check "$1" "$2"';
  const { code, stdout, stderr } = await new Deno.Command("unshare", {
    args: ["-n", "-m", "sh", "-c", `${SETUP}\n${run}`, Deno.execPath(), PROGRAM, backend],
    stdin: "null",
    signal: AbortSignal.timeout(PROGRAM_LIMIT_MS),
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals(code, 0, text(stderr));
  const outcomes = text(stdout).trim().split("\n").map((line): Outcome => JSON.parse(line));
  return new Map(outcomes.map((outcome) => [outcome.scenario, outcome]));
}

/** Whether this process may make a network of its own. */
function namespaceRefusal(): string | undefined {
  if (Deno.build.os !== "linux") return "needs Linux";
  if (!isRoot()) return "needs root";
  const missing = ["unshare", "ip", "mount"].filter((program) => !hasProgram(program));
  if (missing.length > 0) return `needs ${missing.join(", ")}`;
  const { code } = new Deno.Command("unshare", {
    args: ["-n", "-m", "sh", "-c", SETUP],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return code === 0 ? undefined : "this machine makes no namespaces with a veth pair";
}

const missing = namespaceRefusal();

for (const [backend, refusal] of Object.entries(REFUSALS)) {
  const reason = refusal ?? missing;
  const options = skipUnless(
    `names with several addresses are raced, RFC 8305 [${backend}]`,
    reason === undefined,
    reason ?? "",
  );
  Deno.test(options, async (t) => {
    const outcomes = await runScenarios(backend as BackendKind);
    const step = (name: string, scenario: string, check: (outcome: Outcome) => void) =>
      t.step(name, () => {
        const outcome = outcomes.get(scenario)!;
        assertEquals(outcome.sockets, 0, `${scenario} leaves sockets`);
        check(outcome);
      });

    await step("a black hole costs one attempt delay", "black hole first", (outcome) => {
      assertEquals(outcome.remote, "192.0.2.1");
      assertBetween(outcome.elapsedMs, DELAY_MS, DELAY_MS + LATE_MS);
    });
    await step("two of them cost at most two", "two black holes first", (outcome) => {
      assertEquals(outcome.remote, "192.0.2.1");
      assertBetween(outcome.elapsedMs, DELAY_MS, 2 * DELAY_MS + LATE_MS);
    });
    await step("a refused address falls through at once", "refused first", (outcome) => {
      assertEquals(outcome.remote, "192.0.2.1");
      assertBetween(outcome.elapsedMs, 0, DELAY_MS - 1);
    });
    await step("localhost reaches a listener on one family", "localhost", (outcome) => {
      assertEquals(outcome.remote, "127.0.0.1");
    });
    await step("a deadline ends the race", "deadline", (outcome) => {
      assertEquals(outcome.error, "ETIMEDOUT");
      assertBetween(outcome.elapsedMs, 400, 400 + LATE_MS);
    });
    await step("an abort ends the race with its reason", "abort", (outcome) => {
      assertEquals(outcome.error, "TimeoutError");
      assertBetween(outcome.elapsedMs, 390, 400 + LATE_MS);
    });
    await step("an abort before the start opens nothing", "aborted before", (outcome) => {
      assertEquals(outcome.error, "AbortError");
    });
    await step("when all fail, the cause tells of each", "all refused", (outcome) => {
      assertEquals(outcome.error, "ECONNREFUSED");
      assertEquals(outcome.causes, ["ECONNREFUSED", "ECONNREFUSED"]);
    });
  });
}

function assertBetween(value: number, least: number, most: number): void {
  assert(value >= least && value <= most, `${value} ms is not within ${least} to ${most} ms`);
}
