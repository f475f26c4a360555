/**
 * What the sending half of a TCP connection costs: a bulk flow of segments of 1448 bytes, written
 * 64 KB at a time, with one acknowledgment for two segments. Names say how many segments a round
 * is: divide by that. Headers, checksums and the receiver are not in it.
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
import { Counters } from "../stack/statistics.ts";
import { SendCounter, Sender, SenderSettings, SERVER_SENDER } from "../stack/tcp/send/mod.ts";
import { Agreement, type CongestionControl, Segment, type SenderHost } from "../stack/tcp/types.ts";
import { OptionBit } from "../stack/wire/tcp_options.ts";

printMachine();

const SEGMENT_BYTES = 1448;
const WRITE_BYTES = 65536;
const ROUND_SEGMENTS = 10_000;
const WINDOW_SEGMENTS = 200;
/** Of so many segments one is lost, where any is. */
const LOSS_INTERVAL = 100;

const control: CongestionControl = {
  name: "fixed",
  window: WINDOW_SEGMENTS * SEGMENT_BYTES,
  threshold: WINDOW_SEGMENTS * SEGMENT_BYTES,
  pacingRate: Infinity,
  ownsRecovery: true,
  onAcknowledgment() {},
  onCongestion() {},
  onRecovered() {},
  onTimeout() {},
  onSpurious() {},
  onRestart() {},
  onSent() {},
  onSegmentSize() {},
};

/** A connection that drops what it is to send, and remembers where that ended. */
class Bed implements SenderHost {
  readonly environment: { -readonly [Name in keyof Environment]: Environment[Name] };
  readonly payloadLimit = SEGMENT_BYTES;
  readonly offloadLimit: number;
  readonly probePayload = 0;
  readonly sender: Sender;
  readonly memory: UserMemory;
  readonly segment = new Segment();
  readonly user: number;
  segments = 0;
  acknowledged = 0;

  constructor(offloadLimit: number) {
    this.offloadLimit = offloadLimit;
    const arena = new PacketArena({
      classes: sizeClasses({ small: 64, medium: 4096, large: 128 }),
      slices: 8192,
    });
    this.environment = {
      arena,
      packets: new PacketTable(arena.capacity),
      timers: new StackTimers({ capacity: 1, resolution: 1000, now: 0 }),
      random: new SeededRandom(1),
      now: 1_000_000,
    };
    const user = arena.take(WRITE_BYTES);
    this.user = arena.start(user);
    const { checksummer } = arena.memory;
    this.memory = {
      copyIn: (packetAt, userAt, bytes) => checksummer.copy(packetAt, userAt, bytes),
      copyOut: () => {},
    };
    const settings = new SenderSettings(
      this.environment,
      new Counters(SendCounter, new Float64Array(Object.keys(SendCounter).length)),
      { ...SERVER_SENDER, bufferBytes: 1 << 20 },
      "fixed",
      () => control,
    );
    this.sender = new Sender(this, settings);
    this.sender.start(0);
    const agreement = new Agreement();
    agreement.hasSack = true;
    agreement.window = 1 << 20;
    agreement.peerWindowScale = 5;
    agreement.rtt = 1000;
    this.sender.agree(agreement);
    this.segment.window = 32768;
  }

  get timestampNow(): number {
    return 0;
  }

  transmit(_sequence: number, _flags: number, payload: number, bytes: number): number {
    if (payload >= 0) this.environment.arena.release(payload);
    this.segments += Math.ceil(bytes / SEGMENT_BYTES);
    return 0;
  }

  transmitProbe(): number {
    throw new Error("there is nothing to probe");
  }

  onProbed(): void {}
  onWritable(): void {}
  onAllAcknowledged(): void {}
  onDoubt(): void {}
  onGiveUp(): void {
    throw new Error("the sender gave up");
  }

  fill(): void {
    let taken = WRITE_BYTES;
    while (taken === WRITE_BYTES) {
      taken = this.sender.write(this.memory, this.user, WRITE_BYTES, 0);
    }
  }

  acknowledge(upTo: number, gap: number): void {
    const { options } = this.segment;
    this.environment.now += 20;
    this.segment.acknowledgment = gap >= 0 ? gap : upTo;
    options.present = 0;
    if (gap >= 0 && ((upTo - gap) | 0) > SEGMENT_BYTES) {
      options.present = OptionBit.SACK;
      options.sackBlocks = 1;
      options.sackEdges[0] = gap + SEGMENT_BYTES;
      options.sackEdges[1] = upTo;
    }
    this.sender.onAcknowledgment(this.segment);
    this.sender.output();
    if (this.sender.isWritable) this.fill();
  }

  /** Sends so many segments. @param isLossy whether every hundredth is lost once */
  run(count: number, isLossy: boolean): void {
    this.fill();
    const end = this.segments + count;
    while (this.segments < end) {
      for (let lost = 0; lost < LOSS_INTERVAL && this.segments < end; lost += 2) {
        this.acknowledged = (this.acknowledged + 2 * SEGMENT_BYTES) | 0;
        const isGap = isLossy && lost >= LOSS_INTERVAL / 2;
        const first = this.acknowledged - (lost - LOSS_INTERVAL / 2 + 2) * SEGMENT_BYTES;
        this.acknowledge(this.acknowledged, isGap ? first | 0 : -1);
      }
      // What filled the gap has arrived.
      if (isLossy) this.acknowledge(this.acknowledged, -1);
    }
  }
}

for (
  const { name, offload, isLossy, group } of [
    { name: "", offload: 0, isLossy: false, group: "no offload" },
    { name: ", 1 % lost", offload: 0, isLossy: true, group: "no offload" },
    { name: ", super-segments", offload: 65160, isLossy: false, group: "offload" },
  ]
) {
  const bed = new Bed(offload);
  Deno.bench({
    name: `${ROUND_SEGMENTS} segments${name}`,
    group,
    fn() {
      bed.run(ROUND_SEGMENTS, isLossy);
    },
  });
}
