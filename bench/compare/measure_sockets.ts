/** Measurements of datagrams and files: who counts what, and what must add up. */
import { randomFile } from "./compile.ts";
import {
  GRACE_MS,
  type Outcome,
  parseMeasurement,
  perThing,
  runLoad,
  watched,
} from "./load_runs.ts";
import type { Options } from "./options.ts";
import type { Server, Stage } from "./peers.ts";
import { RunningProcess } from "./processes.ts";
import type { Load, Measurement, PeerName } from "./row.ts";

type ReceiveLoad = Extract<Load, { kind: "udpReceive" }>;
type SendLoad = Extract<Load, { kind: "udpSend" }>;
type FileLoad = Extract<Load, { kind: "file" }>;

/** The load goes on a little longer than the receiver counts. */
const MARGIN_SECONDS = 0.3;
const REPORT_MS = 10_000;
/** The most datagrams that one dropped message of the kernel's can have been. */
const SEGMENTS_MAX = 128;

/**
 * Measures a peer that receives. It counts by its own clock, from the first datagram on, while
 * the load sends without asking.
 *
 * @throws {Error} if it fails, or counted bytes that are not whole datagrams
 */
export async function measureReceived(
  stage: Stage,
  peer: PeerName,
  load: ReceiveLoad,
  options: Options,
): Promise<Outcome> {
  const { seconds, warmupSeconds: warmup } = options;
  const { bytes, senders: sockets, mode } = load;
  const server = await stage.start(peer, "udpReceive", {
    options: { bytes, seconds, warmup, gro: mode === "joined" ? 1 : 0 },
  });
  try {
    const whole = warmup + seconds + MARGIN_SECONDS;
    const offered = await watched(
      server,
      () =>
        runLoad(stage, "udp_send", { port: server.place, bytes, sockets, mode, seconds: whole }),
    );
    const counted = parseMeasurement(await server.process.line(REPORT_MS));
    if (counted.bytes !== counted.datagrams * bytes) {
      throw new Error(`${counted.bytes} bytes in ${counted.datagrams} datagrams of ${bytes}`);
    }
    const all = counted.datagramsPerSecond * offered.activeSeconds;
    const measurement = perThing(offered, all, "serverMicrosecondsPerMessage");
    const takenShare = counted.datagramsPerSecond / offered.offeredPerSecond;
    return {
      measurement: { ...measurement, ...counted, takenShare },
      remark: server.process.errorText,
    };
  } finally {
    await server.process.stop();
  }
}

/**
 * Measures a peer that sends to a sink, which counts too: what was sent is what arrived and what
 * the kernel dropped there.
 *
 * @throws {Error} if either fails, or their counts do not agree
 */
export async function measureSent(
  stage: Stage,
  peer: PeerName,
  load: SendLoad,
  options: Options,
): Promise<Outcome> {
  const { bytes, ports, memory } = load;
  const sink = new RunningProcess(stage.load("udp_sink", { bytes, ports }), true);
  try {
    const listening = await sink.line(REPORT_MS);
    const server = await stage.start(peer, "udpSend", {
      options: {
        bytes,
        ports: listening.replace("listening ", ""),
        memory,
        seconds: options.seconds,
        warmup: options.warmupSeconds,
      },
    });
    try {
      const measurement = await measureSender(server, sink, options);
      return { measurement, remark: server.process.errorText };
    } finally {
      await server.process.stop();
    }
  } finally {
    await sink.stop();
  }
}

async function measureSender(
  server: Server,
  sink: RunningProcess,
  options: Options,
): Promise<Measurement> {
  const longest = (options.warmupSeconds + options.seconds) * 1000 + GRACE_MS;
  const sent = await watched(
    server,
    async () => parseMeasurement(await server.process.line(longest)),
  );
  await sink.write("report");
  const { arrived, droppedMessages, loadBusy } = parseMeasurement(await sink.line(REPORT_MS));
  const lost = sent.allMessages - arrived;
  if (lost < droppedMessages || lost > droppedMessages * SEGMENTS_MAX) {
    const counts = `${sent.allMessages} sent, ${arrived} arrived, ${droppedMessages} dropped`;
    throw new Error(`the counts of sender and sink do not agree: ${counts}`);
  }
  const measurement = perThing(sent, sent.allMessages, "serverMicrosecondsPerMessage");
  return { ...measurement, loadBusy, lostShare: lost / sent.allMessages };
}

/**
 * Measures a peer that sends a file to whoever connects. After the counted time one transfer is
 * compared with the file, byte for byte.
 *
 * @throws {Error} if the bytes that arrive are not those of the file
 */
export async function measureFile(
  stage: Stage,
  peer: PeerName,
  load: FileLoad,
  options: Options,
): Promise<Outcome> {
  const file = await randomFile(load.bytes);
  const server = await stage.start(peer, "file", { options: { file }, grants: { read: file } });
  try {
    const result = await watched(server, () =>
      runLoad(stage, "file_sink", {
        port: server.place,
        bytes: load.bytes,
        verify: file,
        seconds: options.seconds,
        warmup: options.warmupSeconds,
      }));
    const spent = perThing(result, result.allTransfers * 1000, "serverMillisecondsPerTransfer");
    return { measurement: spent, remark: server.process.errorText };
  } finally {
    await server.process.stop();
  }
}
