/**
 * Random sequences of calls, run on libc and on a subject.
 *
 * @module
 */

import fc from "fast-check";
import { LibcCalls } from "./libc.ts";
import {
  choicesOf,
  OPENERS,
  type Operation,
  OPERATIONS,
  type Step,
  World,
} from "./operations/all.ts";
import { differenceOf, runScript } from "./run.ts";
import type { Script } from "./script.ts";
import type { PosixCalls } from "../../../posix/calls.ts";

const OPENERS_MAX = 4;
const STEPS_MAX = 24;
/** One sequence in so many has sockets that block, unless told otherwise. */
const TIMED_ONE_IN = 64;
/** What differs once and not again was the machine's timing, not a difference. */
const ATTEMPTS = 3;

/** A sequence as it is drawn. */
export interface Sequence {
  /** Whether sockets block, with timeouts. */
  readonly isTimed: boolean;
  /** What opens descriptors first, then everything. */
  readonly steps: readonly Step[];
}

/** Which sequences are drawn. */
export interface SequenceOptions {
  /** Names of operations to leave out. */
  readonly without?: readonly string[];
  /** One sequence in so many has sockets that block, for 50 ms at a time. */
  readonly timedOneIn?: number;
}

/** What came of many sequences. */
export interface Outcome {
  /** How many were run. */
  readonly count: number;
  /** How many differed once, but not again. */
  readonly unsteady: number;
  /** The smallest that differs, and how; undefined where none does. */
  readonly failure: string | undefined;
}

function steps(
  operations: Readonly<Record<string, Operation>>,
  without: readonly string[],
): fc.Arbitrary<Step> {
  const drawn = Object.entries(operations).filter(([name]) => !without.includes(name));
  return fc.oneof(
    ...drawn.map(([name, { weight, picks }]) => ({
      weight,
      arbitrary: fc.tuple(...picks.map((pick) => fc.nat(choicesOf(pick) - 1)))
        .map((numbers): Step => [name, ...numbers]),
    })),
  );
}

function sequences(options: SequenceOptions): fc.Arbitrary<Sequence> {
  const { without = [], timedOneIn = TIMED_ONE_IN } = options;
  return fc.record({
    isTimed: fc.nat(timedOneIn - 1).map((number) => number === timedOneIn - 1),
    steps: fc.tuple(
      fc.array(steps(OPENERS, without), { minLength: 1, maxLength: OPENERS_MAX }),
      fc.array(steps(OPERATIONS, without), { minLength: 1, maxLength: STEPS_MAX, size: "max" }),
    ).map(([openers, others]) => [...openers, ...others]),
  });
}

function scriptOf({ isTimed, steps }: Sequence): Script {
  return {
    name: JSON.stringify({ isTimed, steps }),
    body(c, t) {
      const world = new World(c, t, isTimed);
      for (const [name, ...numbers] of steps) {
        const { picks, run } = OPERATIONS[name];
        run(world, ...numbers.map((number, index) => world.resolve(picks[index], number)));
      }
    },
  };
}

/**
 * Runs random sequences until one differs.
 *
 * @param subject whose calls are compared with libc's
 * @param seed the same sequences for the same seed
 * @param count how many
 * @param options which are drawn
 */
export function runSequences(
  subject: PosixCalls,
  seed: number,
  count: number,
  options: SequenceOptions = {},
): Outcome {
  const libc = new LibcCalls();
  let unsteady = 0;
  const compare = (sequence: Sequence): string | undefined => {
    const script = scriptOf(sequence);
    let difference: string | undefined;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const expected = runScript(script, libc);
      difference = differenceOf(expected, runScript(script, subject, expected));
      if (difference !== undefined) continue;
      if (attempt > 0) unsteady++;
      return undefined;
    }
    return difference;
  };
  const property = fc.property(sequences(options), (sequence) => compare(sequence) === undefined);
  const details = fc.check(property, { seed: seed | 0, numRuns: count });
  if (!details.failed) return { count: details.numRuns, unsteady, failure: undefined };
  if (details.counterexample === null) throw new Error(fc.defaultReportMessage(details));
  const smallest = withoutTheNeedless(details.counterexample[0], compare);
  const failure = [
    `seed ${details.seed}, path ${details.counterexamplePath}: ${JSON.stringify(smallest)}`,
    compare(smallest),
  ].join("\n");
  return { count: details.numRuns, unsteady, failure };
}

/** Leaves out every step without which it still differs, which shrinking of arrays does not try. */
function withoutTheNeedless(
  sequence: Sequence,
  compare: (sequence: Sequence) => string | undefined,
): Sequence {
  for (let at = sequence.steps.length - 1; at >= 0; at--) {
    for (const steps of withoutStep(sequence.steps, at)) {
      const fewer = { ...sequence, steps };
      if (compare(fewer) === undefined) continue;
      sequence = fewer;
      break;
    }
  }
  return sequence;
}

/**
 * All steps but one. Without it the number in the last one, which shows the difference, may stand for
 * another descriptor: each other number is tried, too.
 */
function* withoutStep(steps: readonly Step[], at: number): Generator<readonly Step[]> {
  const fewer = steps.toSpliced(at, 1);
  yield fewer;
  if (at === fewer.length) return;
  const [name, , ...others] = fewer.at(-1)!;
  const [pick] = OPERATIONS[name].picks;
  if (pick === undefined) return;
  for (let number = 0; number < choicesOf(pick); number++) {
    yield fewer.with(-1, [name, number, ...others]);
  }
}
