/**
 * The same calls on libc's own sockets and on `posix/`, on each of its backends: results, errors,
 * readiness and bytes are equal. `differential/main.ts` shows single scripts.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { DIFFERENCES, listed, mustDiffer, whyDifferent } from "./differential/differences.ts";
import { runSequences } from "./differential/generator.ts";
import { LibcCalls } from "./differential/libc.ts";
import { CALL_NAMES } from "./differential/recorder.ts";
import { complaintsOf, differenceOf, runScript } from "./differential/run.ts";
import { GROUPS, SCRIPTS, scriptsOf } from "./differential/scripts/all.ts";
import { type Subject, SUBJECTS } from "./differential/subjects.ts";
import { endOneWorker, startWatchdog, stopWatchdog } from "./differential/watchdog.ts";
import type { PosixCalls } from "../../posix/calls.ts";
import { PosixError } from "../../posix/errors.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import { scale, SEED, withSeed } from "../support/seed.ts";
import { skipUnless } from "../support/skip.ts";

const SCRIPTS_MIN = 300;
const SEQUENCES = scale(1_000, 100_000);
const SELF_SEQUENCES = 300;
/** Of so many sequences one may differ once by the machine's timing: a port that is drawn twice. */
const UNSTEADY_ONE_IN = 100;
const DOCUMENT = new URL("../../docs/posix.md", import.meta.url);

const libcRefusal = Deno.build.os === "linux" ? undefined : `libc's oracle is Linux's`;
const expected = new Map<string, readonly string[]>();
let libc: LibcCalls | undefined;

Deno.test.beforeAll(async () => {
  if (libcRefusal !== undefined) return;
  libc = new LibcCalls();
  await startWatchdog();
});
Deno.test.afterAll(stopWatchdog);

function testOnLinux(name: string, body: () => void | Promise<void>): void {
  const options = skipUnless(name, libcRefusal === undefined, libcRefusal ?? "");
  Deno.test(options, () => assertNoLeaks(body));
}

/** What libc comes to; each script is run once for all subjects. */
function expectedOf(script: (typeof SCRIPTS)[number]): readonly string[] {
  let trace = expected.get(script.name);
  if (trace === undefined) expected.set(script.name, trace = runScript(script, libc!));
  return trace;
}

/** Fails with every complaint there is, not the first only. */
function report(complaints: readonly string[]): void {
  if (complaints.length > 0) throw new Error(complaints.join("\n\n"));
}

testOnLinux("every script comes to what it says, and to the same again, on libc", () => {
  const second = new LibcCalls();
  report(SCRIPTS.flatMap((script) => {
    const trace = expectedOf(script);
    const difference = differenceOf(trace, runScript(script, second, trace));
    const wrong = [...complaintsOf(trace), ...difference === undefined ? [] : [difference]];
    return wrong.length > 0 ? [[script.name, ...wrong].join("\n")] : [];
  }));
});

testOnLinux("there are enough scripts, and every call is in one", () => {
  assert(SCRIPTS.length >= SCRIPTS_MIN, `${SCRIPTS.length} scripts`);
  assertEquals(new Set(SCRIPTS.map(({ name }) => name)).size, SCRIPTS.length);
  const lines = SCRIPTS.flatMap(expectedOf);
  const made = CALL_NAMES.filter((call) => lines.some((line) => line.startsWith(`${call}(`)));
  assertEquals(made, CALL_NAMES);
});

testOnLinux(
  "random sequences come to the same again on libc",
  withSeedOf(() => {
    const { failure, unsteady, count } = runSequences(new LibcCalls(), SEED, SELF_SEQUENCES);
    assertEquals(failure, undefined);
    assert(unsteady <= 1 + count / UNSTEADY_ONE_IN, `${unsteady} of ${count} were unsteady`);
  }),
);

/** libc with one error exchanged for another. */
function wrongLibc(): PosixCalls {
  return new Proxy(new LibcCalls(), {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member !== "function") return member;
      return (...values: unknown[]) => {
        try {
          return member.apply(target, values);
        } catch (error) {
          const isVictim = error instanceof PosixError && error.errno === Errno.EPIPE;
          throw isVictim ? new PosixError(Errno.ECONNRESET, error.call) : error;
        }
      };
    },
  });
}

testOnLinux("a subject that is wrong in one error is found by scripts", () => {
  const wrong = wrongLibc();
  const found = scriptsOf("shutdown").filter((script) => {
    const trace = expectedOf(script);
    return differenceOf(trace, runScript(script, wrong, trace)) !== undefined;
  });
  const names = found.map(({ name }) => name);
  assert(names.includes("shutdown: SHUT_RDWR ends both ways"), names.join(", "));
  assert(!names.includes("shutdown: ending twice is fine while the connection lives"));
});

testOnLinux(
  "a subject that is wrong in one error is found by a short sequence",
  withSeedOf(() => {
    const { failure } = runSequences(wrongLibc(), SEED, SELF_SEQUENCES);
    assertMatch(failure ?? "", /libc: .* = EPIPE/);
    const { steps } = JSON.parse(/\{.*\}$/m.exec(failure!)![0]) as { steps: unknown[] };
    assert(steps.length <= 5, failure);
  }),
);

testOnLinux("what differs is told in the documentation, and is a script", async () => {
  if (DIFFERENCES.length === 0) return;
  const text = (await Deno.readTextFile(DOCUMENT)).replaceAll(/\s+/g, " ");
  for (const difference of DIFFERENCES) {
    assert(listed(difference).length > 0);
    assert(text.includes(difference.why), `docs/posix.md does not say "${difference.why}"`);
  }
});

/** Prints the seed. */
function withSeedOf(body: () => void): () => Promise<void> {
  return () => withSeed(body)({ name: "sequences of calls" } as Deno.TestContext);
}

for (const subject of SUBJECTS) {
  const refusal = libcRefusal ?? subject.refusal;
  const test = (name: string, body: () => Promise<void>) => {
    const options = skipUnless(`${subject.name}: ${name}`, refusal === undefined, refusal ?? "");
    Deno.test(options, async () => {
      await endOneWorker();
      await assertNoLeaks(body);
    });
  };
  for (const group of Object.keys(GROUPS)) {
    test(`scripts of "${group}" come to what libc comes to`, () => compareGroup(subject, group));
  }
  if (subject.isScripted === true) continue;
  test(
    "random sequences come to what libc comes to",
    () => withSubject(subject, (calls) => withSeedOf(() => compareSequences(subject, calls))()),
  );
}

async function withSubject(
  subject: Subject,
  body: (calls: PosixCalls) => void | Promise<void>,
): Promise<void> {
  const { calls, close } = await subject.open();
  try {
    await body(calls);
  } finally {
    await close();
  }
}

function compareGroup(subject: Subject, group: string): Promise<void> {
  return withSubject(subject, (calls) => {
    report(
      scriptsOf(group).flatMap((script) => {
        const trace = expectedOf(script);
        const difference = differenceOf(trace, runScript(script, calls, trace));
        const why = whyDifferent(subject.name, script.name);
        if (difference !== undefined && why !== undefined) return [];
        if (difference !== undefined) return [`${script.name}\n${difference}`];
        const isListed = mustDiffer(subject.name, script.name);
        return isListed ? [`${script.name}: the same, but "${why}"`] : [];
      }),
    );
  });
}

function compareSequences({ without, oneIn = 1 }: Subject, calls: PosixCalls): void {
  const { failure, unsteady, count } = runSequences(calls, SEED, SEQUENCES / oneIn, { without });
  assertEquals(failure, undefined);
  assert(unsteady <= 1 + count / UNSTEADY_ONE_IN, `${unsteady} of ${count} were unsteady`);
}
