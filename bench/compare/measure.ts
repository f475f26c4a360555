/**
 * One measurement: a fresh server, a load against it, numbers out, both ended.
 *
 * Every peer gets a fresh process for every round of every row, so that none carries heap or
 * compiled code from one load to the next, and the first seconds of each load are not counted,
 * so that every compiler has settled on the very connections that are counted then.
 */
import {
  GRACE_MS,
  type Outcome,
  parseMeasurement,
  perThing,
  runLoad,
  runWatched,
} from "./load_runs.ts";
import { openFilesMax, ProcessorClock, residentBytes } from "./machine.ts";
import { measureFile, measureReceived, measureSent } from "./measure_sockets.ts";
import type { Options } from "./options.ts";
import type { ProgramOptions, Server, Stage } from "./peers.ts";
import { pause, RunningProcess } from "./processes.ts";
import type { Load, Measurement, PeerName } from "./row.ts";
const SETTLE_MS = 1500;
const REPORT_MS = 10_000;
const WARM_CONNECTIONS = 64;
const WARM_SECONDS = 0.5;
const SPARE_FILES = 512;

type EchoLoad = Extract<Load, { kind: "echo" }>;
type IdleConnectionsLoad = Extract<Load, { kind: "idleConnections" }>;
type ListeningLoad = Exclude<Load, { kind: "udpReceive" | "udpSend" | "file" }>;

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
  switch (load.kind) {
    case "udpReceive":
      return await measureReceived(stage, peer, load, options);
    case "udpSend":
      return await measureSent(stage, peer, load, options);
    case "file":
      return await measureFile(stage, peer, load, options);
    default:
      return await measureListening(stage, peer, load, options);
  }
}

async function measureListening(
  stage: Stage,
  peer: PeerName,
  load: ListeningLoad,
  options: Options,
): Promise<Outcome> {
  const isEcho = load.kind === "echo";
  const path = isEcho && load.unix ? unixPath() : undefined;
  const server = await stage.start(peer, "echo", {
    options: path === undefined ? {} : { path },
    grants: { unix: path },
    fetchProbe: isEcho && load.fetch === true,
  });
  try {
    const measurement = await measureServer(stage, server, load, options);
    return { measurement, remark: server.process.errorText };
  } finally {
    await server.process.stop();
    if (path !== undefined) await Deno.remove(path);
  }
}

function measureServer(
  stage: Stage,
  server: Server,
  load: ListeningLoad,
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

/** A path that nothing has yet, short enough for every address. */
function unixPath(): string {
  const name = `millrace-compare-${crypto.randomUUID().slice(0, 13)}.socket`;
  return `${Deno.env.get("TMPDIR") ?? "/tmp"}/${name}`;
}

/** Where the server listens, as an option of every load program. */
function whereIs({ place }: Server): ProgramOptions {
  return place.startsWith("/") ? { path: place } : { port: place };
}

async function measureEcho(
  stage: Stage,
  server: Server,
  load: EchoLoad,
  options: Options,
): Promise<Measurement> {
  const result = await runWatched(stage, server, "echo_load", {
    ...whereIs(server),
    connections: load.connections,
    bytes: load.bytes,
    seconds: options.seconds,
    warmup: options.warmupSeconds,
    spin: load.spin ? 1 : 0,
  });
  return perThing(result, result.allMessages, "serverMicrosecondsPerMessage");
}

async function measureStorm(
  stage: Stage,
  server: Server,
  parallel: number,
  options: Options,
): Promise<Measurement> {
  const result = await runWatched(stage, server, "storm", {
    ...whereIs(server),
    parallel,
    seconds: options.seconds,
    warmup: options.warmupSeconds,
  });
  return perThing(result, result.allConnections, "serverMicrosecondsPerConnection");
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

async function warmUp(stage: Stage, server: Server): Promise<void> {
  await runLoad(stage, "echo_load", {
    ...whereIs(server),
    connections: WARM_CONNECTIONS,
    seconds: WARM_SECONDS,
  });
}

async function measureIdleProcessor(
  stage: Stage,
  server: Server,
  options: Options,
): Promise<Measurement> {
  await warmUp(stage, server);
  const holder = await holdConnections(stage, server, 1);
  try {
    await pause(SETTLE_MS);
    const start = performance.now();
    const clock = new ProcessorClock(server.process.pid);
    await pause(options.idleSeconds * 1000);
    const used = clock.elapsed.used / 1e6;
    return { cpuMillisecondsPer10s: used * 10_000 / (performance.now() - start) };
  } finally {
    await holder.stop();
  }
}

/**
 * What a connection adds to a server that is warm: the memory of a compiler at work, 9 MB of V8's,
 * is no connection's. The room for young objects that V8 takes while it accepts ten thousand is.
 */
async function measureIdleConnections(
  stage: Stage,
  server: Server,
  load: IdleConnectionsLoad,
): Promise<Measurement> {
  const files = openFilesMax();
  if (files < load.many + SPARE_FILES) {
    throw new Error(`the hard limit of open files, ${files}, is too low for ${load.many}`);
  }
  await warmUp(stage, server);
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
  const holder = new RunningProcess(
    stage.load("idle", { ...whereIs(server), connections }),
    true,
  );
  try {
    const line = await holder.line(GRACE_MS);
    if (line !== `ready ${connections}`) throw new Error(`idle said ${JSON.stringify(line)}`);
    return holder;
  } catch (error) {
    await holder.stop();
    throw error;
  }
}
