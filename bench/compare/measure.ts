/**
 * One measurement: a fresh server, a load against it, numbers out, both ended.
 *
 * Every peer gets a fresh process for every round of every row, so that none carries heap or
 * compiled code from one load to the next, and the first seconds of each load are not counted,
 * so that every compiler has settled on the very connections that are counted then.
 */
import { openFilesMax, processorTime, residentBytes } from "./machine.ts";
import type { Options } from "./options.ts";
import type { Server, Stage } from "./peers.ts";
import { pause, runForLine, RunningProcess } from "./processes.ts";
import type { Load, Measurement, PeerName } from "./rows.ts";

const GRACE_MS = 20_000;
const SETTLE_MS = 1500;
const REPORT_MS = 10_000;
const WARM_CONNECTIONS = 64;
const WARM_SECONDS = 0.5;
const SPARE_FILES = 512;

type EchoLoad = Extract<Load, { kind: "echo" }>;
type IdleConnectionsLoad = Extract<Load, { kind: "idleConnections" }>;

/** What one measurement gave, and what the server said about itself. */
export interface Outcome {
  readonly measurement: Measurement;
  readonly remark: string;
}

/**
 * Measures one peer once.
 *
 * @throws {Error} if the server does not start, answers wrongly or stops answering
 */
export async function measure(
  stage: Stage,
  peer: PeerName,
  load: Load,
  options: Options,
): Promise<Outcome> {
  const server = await stage.start(peer, load.kind === "echo" && load.fetch === true);
  try {
    const measurement = await measureServer(stage, server, load, options);
    return { measurement, remark: server.process.errorText };
  } finally {
    await server.process.stop();
  }
}

function measureServer(
  stage: Stage,
  server: Server,
  load: Load,
  options: Options,
): Promise<Measurement> {
  switch (load.kind) {
    case "echo":
      return load.fetch
        ? measureFetch(stage, server, load, options)
        : measureEcho(stage, server, load, options);
    case "storm":
      return measureStorm(stage, server, load.parallel, options);
    case "idleCpu":
      return measureIdleProcessor(stage, server, options);
    case "idleConnections":
      return measureIdleConnections(stage, server, load);
  }
}

async function measureEcho(
  stage: Stage,
  server: Server,
  load: EchoLoad,
  options: Options,
): Promise<Measurement> {
  const result = await runWatched(stage, server, "echo_load", {
    connections: load.connections,
    bytes: load.bytes,
    seconds: options.seconds,
    warmup: options.warmupSeconds,
    spin: load.spin ? 1 : 0,
  });
  const { serverMicroseconds, ...rest } = result;
  return { ...rest, serverMicrosecondsPerMessage: serverMicroseconds / result.allMessages };
}

async function measureStorm(
  stage: Stage,
  server: Server,
  parallel: number,
  options: Options,
): Promise<Measurement> {
  const result = await runWatched(stage, server, "storm", {
    parallel,
    seconds: options.seconds,
    warmup: options.warmupSeconds,
  });
  const { serverMicroseconds, ...rest } = result;
  return { ...rest, serverMicrosecondsPerConnection: serverMicroseconds / result.allConnections };
}

/** Runs a load and adds what it cost the server, and how long others kept it from its core. */
async function runWatched(
  stage: Stage,
  server: Server,
  program: "echo_load" | "storm",
  values: Record<string, number>,
): Promise<Measurement> {
  const { pid } = server.process;
  const before = processorTime(pid);
  const result = await runLoad(stage, program, { port: server.port, ...values });
  const after = processorTime(pid);
  const used = (after.used - before.used) / 1e9;
  return {
    ...result,
    serverMicroseconds: used * 1e6,
    serverBusy: used / result.activeSeconds,
    serverWaited: (after.waited - before.waited) / 1e9 / result.activeSeconds,
  };
}

/** The probe begins anew once the load is warm, and reports while it is still at work. */
async function measureFetch(
  stage: Stage,
  server: Server,
  load: EchoLoad,
  options: Options,
): Promise<Measurement> {
  const margin = options.warmupSeconds / 2;
  const echo = measureEcho(stage, server, load, {
    ...options,
    seconds: options.seconds + 2 * margin,
  });
  const probe = async (): Promise<Measurement> => {
    await pause((options.warmupSeconds + margin) * 1000);
    await server.process.write("begin");
    await pause(options.seconds * 1000);
    await server.process.write("report");
    return parseMeasurement(await server.process.line(REPORT_MS));
  };
  const [echoed, fetched] = await Promise.all([echo, probe()]);
  if (fetched.fetches < 1) throw new Error("no fetch finished while the server was busy");
  return { ...echoed, ...fetched };
}

async function measureIdleProcessor(
  stage: Stage,
  server: Server,
  options: Options,
): Promise<Measurement> {
  await runLoad(stage, "echo_load", {
    port: server.port,
    connections: WARM_CONNECTIONS,
    seconds: WARM_SECONDS,
  });
  const holder = await holdConnections(stage, server, 1);
  try {
    await pause(SETTLE_MS);
    const start = performance.now();
    const before = processorTime(server.process.pid);
    await pause(options.idleSeconds * 1000);
    const used = (processorTime(server.process.pid).used - before.used) / 1e6;
    return { cpuMillisecondsPer10s: used * 10_000 / (performance.now() - start) };
  } finally {
    await holder.stop();
  }
}

async function measureIdleConnections(
  stage: Stage,
  server: Server,
  load: IdleConnectionsLoad,
): Promise<Measurement> {
  const files = openFilesMax();
  if (files < load.many + SPARE_FILES) {
    throw new Error(`the hard limit of open files, ${files}, is too low for ${load.many}`);
  }
  await pause(SETTLE_MS);
  const residentAt = async (): Promise<number> => {
    await pause(SETTLE_MS);
    return residentBytes(server.process.pid);
  };
  const holders = [await holdConnections(stage, server, load.few)];
  try {
    const few = await residentAt();
    holders.push(await holdConnections(stage, server, load.many - load.few));
    const many = await residentAt();
    return {
      bytesPerConnection: (many - few) / (load.many - load.few),
      residentMegabytesFew: few / 1e6,
      residentMegabytesMany: many / 1e6,
    };
  } finally {
    await Promise.all(holders.map((holder) => holder.stop()));
  }
}

async function holdConnections(
  stage: Stage,
  server: Server,
  connections: number,
): Promise<RunningProcess> {
  const holder = new RunningProcess(stage.load("idle", { port: server.port, connections }), true);
  try {
    const line = await holder.line(GRACE_MS);
    if (line !== `ready ${connections}`) throw new Error(`idle said ${JSON.stringify(line)}`);
    return holder;
  } catch (error) {
    await holder.stop();
    throw error;
  }
}

async function runLoad(
  stage: Stage,
  program: "echo_load" | "storm",
  values: Record<string, number>,
): Promise<Measurement> {
  const seconds = (values.seconds ?? 0) + (values.warmup ?? 0);
  return parseMeasurement(
    await runForLine(stage.load(program, values), seconds * 1000 + GRACE_MS),
  );
}

function parseMeasurement(line: string): Measurement {
  const value: unknown = JSON.parse(line);
  const numbers = Object.entries(value as Record<string, unknown>);
  if (numbers.some(([, number]) => typeof number !== "number")) {
    throw new TypeError(`not a measurement: ${line}`);
  }
  return Object.fromEntries(numbers) as Measurement;
}
