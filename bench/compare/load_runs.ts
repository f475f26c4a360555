/** Runs of a load: its numbers, what it cost the server, and how both are read. */
import { ProcessorClock } from "./machine.ts";
import type { ProgramOptions, Server, Stage } from "./peers.ts";
import type { CProgram } from "./compile.ts";
import { runForLine } from "./processes.ts";
import type { Measurement } from "./row.ts";

/** How long a load may take beyond its own time. */
export const GRACE_MS = 20_000;

/** What one measurement gave, and what the server said about itself. */
export interface Outcome {
  readonly measurement: Measurement;
  readonly remark: string;
}

/**
 * Runs a load to its end.
 *
 * @returns the numbers of its one line
 * @throws {Error} if it fails or takes too long
 */
export async function runLoad(
  stage: Stage,
  program: CProgram,
  values: ProgramOptions,
): Promise<Measurement> {
  const seconds = Number(values.seconds ?? 0) + Number(values.warmup ?? 0);
  return parseMeasurement(
    await runForLine(stage.load(program, values), seconds * 1000 + GRACE_MS),
  );
}

/** Runs a load and adds what it cost the server, and how long others kept it from its core. */
export async function runWatched(
  stage: Stage,
  server: Server,
  program: CProgram,
  values: ProgramOptions,
): Promise<Measurement> {
  return await watched(server, () => runLoad(stage, program, values));
}

/** Adds to a measurement what the server's process used while it was taken. */
export async function watched(
  server: Server,
  take: () => Promise<Measurement>,
): Promise<Measurement> {
  const clock = new ProcessorClock(server.process.pid);
  const result = await take();
  const { used, waited } = clock.elapsed;
  return {
    ...result,
    serverMicroseconds: used / 1e3,
    serverBusy: used / 1e9 / result.activeSeconds,
    serverWaited: waited / 1e9 / result.activeSeconds,
  };
}

/** Turns the server's time into its time for one of the `things` that were done. */
export function perThing(result: Measurement, things: number, metric: string): Measurement {
  const { serverMicroseconds, ...rest } = result;
  return { ...rest, [metric]: serverMicroseconds / things };
}

/**
 * Reads a line of JSON that a program printed.
 *
 * @throws {TypeError} if it is anything but numbers by name
 */
export function parseMeasurement(line: string): Measurement {
  const value: unknown = JSON.parse(line);
  const numbers = Object.entries(value as Record<string, unknown>);
  if (numbers.some(([, number]) => typeof number !== "number")) {
    throw new TypeError(`not a measurement: ${line}`);
  }
  return Object.fromEntries(numbers) as Measurement;
}
