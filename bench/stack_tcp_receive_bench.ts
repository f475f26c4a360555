/**
 * What receiving costs each segment: in order and read at once, in bursts, tiny ones, and around a
 * loss; what congestion control costs each acknowledgment; and what an idle receiver takes. Where a
 * name says how many, divide by that.
 *
 * @module
 */

import { printMachine } from "./support.ts";
import type { Environment } from "../stack/environment.ts";
import { PacketArena, sizeClasses } from "../stack/memory/mod.ts";
import { PacketTable } from "../stack/packet_table.ts";
import { SeededRandom } from "../stack/random.ts";
import type { UserMemory } from "../stack/socket.ts";
import { StackTimers } from "../stack/stack_timers.ts";
import { Statistics } from "../stack/statistics.ts";
import { CONGESTION_CONTROLS, makeCongestionControl } from "../stack/tcp/congestion/mod.ts";
import { Receiver, ReceiverCounter, ReceiverSettings } from "../stack/tcp/receive/mod.ts";
import { Agreement, type RateSample, type ReceiverHost, Segment } from "../stack/tcp/types.ts";

printMachine();

/** Calls for each run: the clock that measures costs more than one. */
const BATCH = 1000;
const HEADERS = 66;
const FULL = 1448;
const USER_BYTES = 65536;

const arena = new PacketArena({ classes: sizeClasses({ small: 4096, medium: 4096, large: 16 }) });
const userAt = 0;
const environment: Environment & { now: number } = {
  arena,
  packets: new PacketTable(arena.capacity),
  timers: new StackTimers({ capacity: 16, resolution: 1000, now: 0 }),
  random: new SeededRandom(1),
  now: 1_000_000,
};
const { checksummer } = arena.memory;
const user = new Uint8Array(USER_BYTES);
const memory: UserMemory = {
  copyIn: (packetAt, at, bytes) => arena.memory.bytes.set(user.subarray(at, at + bytes), packetAt),
  copyOut: (at, packetAt, bytes) => {
    // As a ring's arena is copied to: by WebAssembly, here within one memory.
    checksummer.copy(packetAt, packetAt, bytes);
    void at;
  },
};

const { receiver: counters } = new Statistics({ receiver: ReceiverCounter }).groups;
const settings = new ReceiverSettings(arena, counters, { maximumBufferBytes: 1 << 20 });

class Host implements ReceiverHost {
  readonly environment = environment;
  readonly receiveSegment = FULL;
  timestampNow = 1;
  readonly receiver: Receiver = new Receiver(this, settings);

  constructor() {
    this.receiver.start(0);
    const agreed = { hasSack: true, hasTimestamps: true, windowScale: 7 };
    this.receiver.agree(Object.assign(new Agreement(), agreed));
  }

  acknowledge(): void {
    const { receiver } = this;
    if (receiver.optionBytes > 0) receiver.addOptions(segment.options);
    receiver.takeWindow();
    receiver.onAcknowledgmentSent(false);
  }

  onReadable(): void {}
  onEnd(): void {}
  onUrgent(): void {}
}

const segment = new Segment();
segment.payloadOffset = HEADERS;

function arrive(host: Host, sequence: number, bytes: number): void {
  const packet = arena.take(HEADERS + bytes);
  segment.packet = packet;
  segment.sequence = sequence;
  segment.payloadBytes = bytes;
  host.receiver.onPayload(segment);
  arena.release(packet);
  if (host.receiver.isAcknowledgmentDue) host.acknowledge();
}

/** Segments in order; every so many of them the program reads what there is. */
function inOrder(bytes: number, perRead: number): () => void {
  const host = new Host();
  return () => {
    for (let count = 1; count <= BATCH; count++) {
      arrive(host, host.receiver.receiveNext, bytes);
      if (count % perRead === 0) host.receiver.read(memory, userAt, USER_BYTES, 0);
    }
    environment.now += 1000;
  };
}

/** Every tenth segment comes behind the nine that follow it. */
function withLosses(): () => void {
  const host = new Host();
  return () => {
    for (let count = 0; count < BATCH; count += 10) {
      const first = host.receiver.receiveNext;
      for (let number = 1; number < 10; number++) arrive(host, first + number * FULL | 0, FULL);
      arrive(host, first, FULL);
      host.receiver.read(memory, userAt, USER_BYTES, 0);
    }
    environment.now += 1000;
  };
}

function takeAndRelease(): void {
  for (let count = 0; count < BATCH; count++) arena.release(arena.take(HEADERS + FULL));
}

const runs: Record<string, () => void> = {
  "a packet is taken and released": takeAndRelease,
  "1448 bytes in order, each read": inOrder(FULL, 1),
  "1448 bytes in order, read by 10": inOrder(FULL, 10),
  "64 bytes in order, each read": inOrder(64, 1),
  "64 bytes in order, read by 10": inOrder(64, 10),
  "1448 bytes, every tenth late": withLosses(),
};
for (const [name, fn] of Object.entries(runs)) {
  Deno.bench({ name: `${BATCH} x ${name}`, group: "receive", baseline: fn === takeAndRelease, fn });
}

const sample: RateSample = {
  now: 0,
  acknowledgedBytes: 2 * FULL,
  lostBytes: 0,
  priorInFlight: 100 * FULL,
  inFlight: 98 * FULL,
  rtt: 50_000,
  smoothedRtt: 50_000,
  minimumRtt: 50_000,
  deliveredBytes: 100 * FULL,
  interval: 50_000,
  totalDelivered: 0,
  priorDelivered: 0,
  inFlightAtSend: 100 * FULL,
  lostSinceSend: 0,
  isApplicationLimited: false,
  isRoundStart: false,
  markedBytes: 0,
  isWindowLimited: true,
  acknowledgment: 0,
  sendNext: 0,
  isRecovering: false,
};

for (const name of CONGESTION_CONTROLS) {
  const control = makeCongestionControl(name, FULL, environment)!;
  control.onCongestion(0, 100 * FULL, false);
  control.onRecovered(0, 0);
  Deno.bench({
    name: `${BATCH} x ${name}, an acknowledgment`,
    group: "congestion control",
    fn() {
      for (let count = 0; count < BATCH; count++) {
        sample.now += 1000;
        sample.totalDelivered += 2 * FULL;
        sample.priorDelivered = sample.totalDelivered - 100 * FULL;
        control.onAcknowledgment(sample);
        control.onSent(sample.now, 2 * FULL, 100 * FULL, false);
      }
    },
  });
}

const IDLE = 20_000;
const before = Deno.memoryUsage().heapUsed;
const idle = Array.from({ length: IDLE }, () => new Host());
const each = (Deno.memoryUsage().heapUsed - before) / IDLE;
for (const host of idle) {
  arrive(host, 0, FULL);
  host.receiver.read(memory, userAt, USER_BYTES, 0);
}
const used = (Deno.memoryUsage().heapUsed - before) / IDLE;
console.log(`an idle receiver takes about ${Math.round(each)} bytes with its host,`);
console.log(`and ${Math.round(used)} once it has received something`);
