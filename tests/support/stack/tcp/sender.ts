/**
 * A sender of TCP without a connection: its host writes down what is sent, and the test says what
 * is acknowledged.
 *
 * @module
 */

import type { Environment } from "../../../../stack/environment.ts";
import { chainLength, CheckedPacketArena, sizeClasses } from "../../../../stack/memory/mod.ts";
import { PacketTable } from "../../../../stack/packet_table.ts";
import { SeededRandom } from "../../../../stack/random.ts";
import type { UserMemory } from "../../../../stack/socket.ts";
import { StackTimers } from "../../../../stack/stack_timers.ts";
import { Counters } from "../../../../stack/statistics.ts";
import { makeCongestionControl } from "../../../../stack/tcp/congestion/mod.ts";
import {
  SendCounter,
  Sender,
  type SenderOptions,
  SenderSettings,
  SERVER_SENDER,
} from "../../../../stack/tcp/send/mod.ts";
import {
  Agreement,
  type CongestionControl,
  type RateSample,
  Segment,
  type SenderHost,
} from "../../../../stack/tcp/types.ts";
import { Flag } from "../../../../stack/wire/tcp.ts";
import { OptionBit } from "../../../../stack/wire/tcp_options.ts";

/** A segment that was sent. */
export interface SentSegment {
  /** When, in microseconds. */
  readonly at: number;
  readonly sequence: number;
  readonly flags: number;
  readonly bytes: Uint8Array;
  readonly segmentBytes: number;
  readonly isRetransmission: boolean;
  /** What its timestamp shows. */
  readonly timestamp: number;
}

/** A congestion control whose window is what the test sets, and which writes down what it hears. */
export class FixedWindow implements CongestionControl {
  readonly name = "fixed";
  window: number;
  threshold = Infinity;
  pacingRate = Infinity;
  ownsRecovery = false;
  readonly heard: string[] = [];
  readonly samples: RateSample[] = [];
  /** What the window was before the last reduction. */
  #before = 0;
  #segment: number;
  /** Whether it reacts as Reno does, and slow-starts behind a timeout. */
  isReno = false;

  constructor(window: number, segment: number) {
    this.window = window;
    this.#segment = segment;
  }

  onAcknowledgment(sample: RateSample): void {
    this.samples.push({ ...sample });
    if (!this.isReno || !sample.isWindowLimited) return;
    if (this.window < this.threshold) this.window += sample.acknowledgedBytes;
    else this.window += this.#segment * sample.acknowledgedBytes / this.window;
  }

  onCongestion(_now: number, flight: number, isMark: boolean): void {
    this.heard.push(isMark ? "mark" : "loss");
    this.#before = this.window;
    this.threshold = Math.max(flight / 2, 2 * this.#segment);
    this.window = this.threshold;
  }

  onRecovered(): void {
    this.heard.push("recovered");
    this.window = this.threshold;
  }

  onTimeout(_now: number, flight: number, isFirst: boolean): void {
    this.heard.push(isFirst ? "timeout" : "timeout again");
    if (isFirst) {
      this.#before = this.window;
      this.threshold = Math.max(flight / 2, 2 * this.#segment);
    }
    this.window = this.#segment;
    this.isReno = true;
  }

  onSpurious(): void {
    this.heard.push("spurious");
    this.window = Math.max(this.window, this.#before);
    this.threshold = Infinity;
  }

  onRestart(_now: number, idle: number): void {
    this.heard.push(`restart after ${idle}`);
  }

  onSent(): void {}

  onSegmentSize(bytes: number): void {
    this.heard.push(`segments of ${bytes}`);
    this.#segment = bytes;
  }
}

/** What a bed is made of. */
export interface SenderBedOptions {
  readonly iss?: number;
  readonly segment?: number;
  readonly offload?: number;
  readonly window?: number;
  readonly peerWindow?: number;
  readonly hasSack?: boolean;
  readonly hasTimestamps?: boolean;
  readonly ecn?: Agreement["ecn"];
  readonly rtt?: number;
  readonly isSynLost?: boolean;
  readonly packets?: { readonly small: number; readonly medium: number; readonly large: number };
  readonly options?: Partial<SenderOptions>;
  readonly mayAgree?: boolean;
  /** The name of a congestion control of the stack, rather than the fixed window. */
  readonly congestionControl?: string;
}

/** A sender, and everything around it. */
export class SenderBed implements SenderHost {
  readonly environment: { -readonly [Name in keyof Environment]: Environment[Name] };
  readonly arena: CheckedPacketArena;
  readonly settings: SenderSettings;
  readonly sender: Sender;
  readonly control: FixedWindow;
  readonly sent: SentSegment[] = [];
  readonly heard: string[] = [];
  /** What user memory looks like: byte n of the stream is `byteAt(n)`. */
  readonly memory: UserMemory;
  readonly agreement = new Agreement();
  readonly iss: number;
  payloadLimit: number;
  offloadLimit: number;
  probePayload = 0;
  /** What `transmit` answers next. */
  refusal = 0;
  written = 0;
  readonly #segment = new Segment();
  readonly #peerSequence = 1000;
  #window: number;

  constructor(options: SenderBedOptions = {}) {
    this.iss = options.iss ?? 1;
    this.payloadLimit = options.segment ?? 1000;
    this.offloadLimit = options.offload ?? 0;
    const packets = options.packets ?? { small: 64, medium: 512, large: 16 };
    this.arena = new CheckedPacketArena({ classes: sizeClasses(packets), slices: 8192 });
    this.environment = {
      arena: this.arena,
      packets: new PacketTable(this.arena.capacity),
      timers: new StackTimers({ capacity: 1, resolution: 1, now: 0 }),
      random: new SeededRandom(1),
      now: 1_000_000,
    };
    this.control = new FixedWindow(options.window ?? 10 * this.payloadLimit, this.payloadLimit);
    this.settings = new SenderSettings(
      this.environment,
      new Counters(SendCounter, new Float64Array(Object.keys(SendCounter).length)),
      { ...SERVER_SENDER, granularity: 1, bufferBytes: 1 << 20, ...options.options },
      options.congestionControl ?? "fixed",
      (name, bytes, environment) =>
        name === "fixed" ? this.control : makeCongestionControl(name, bytes, environment),
    );
    const bytes = this.arena.memory.bytes;
    this.memory = {
      copyIn: (packetAt, userAt, count) => {
        for (let nth = 0; nth < count; nth++) bytes[packetAt + nth] = byteAt(userAt + nth);
      },
      copyOut: () => {
        throw new Error("a sender copies nothing out");
      },
    };
    this.sender = new Sender(this, this.settings);
    this.sender.start(this.iss);
    this.#window = options.peerWindow ?? 65535;
    const { agreement } = this;
    agreement.peerWindowScale = 0;
    agreement.hasSack = options.hasSack ?? true;
    agreement.hasTimestamps = options.hasTimestamps ?? false;
    agreement.ecn = options.ecn ?? 0;
    agreement.window = this.#window;
    agreement.sequence = this.#peerSequence;
    agreement.acknowledgment = this.iss;
    agreement.rtt = options.rtt ?? 100_000;
    agreement.isSynLost = options.isSynLost ?? false;
    if (options.mayAgree !== false) this.sender.agree(agreement);
  }

  get timestampNow(): number {
    return Math.floor(this.environment.now / 1000) | 0;
  }

  /** How often something was counted. */
  count(counter: typeof SendCounter[keyof typeof SendCounter]): number {
    return this.settings.counters.values[counter];
  }

  transmit(
    sequence: number,
    flags: number,
    payload: number,
    bytes: number,
    segmentBytes: number,
    isRetransmission: boolean,
  ): number {
    const { arena } = this;
    if (bytes !== (payload < 0 ? 0 : chainLength(arena, payload))) throw new Error("bytes differ");
    const copy = new Uint8Array(bytes);
    for (let at = payload, to = 0; at >= 0; at = arena.next(at)) {
      const start = arena.start(at);
      copy.set(arena.memory.bytes.subarray(start, start + arena.length(at)), to);
      to += arena.length(at);
    }
    if (payload >= 0) arena.release(payload);
    if (this.refusal !== 0) return this.refusal;
    this.sent.push({
      at: this.environment.now,
      sequence,
      flags,
      bytes: copy,
      segmentBytes,
      isRetransmission,
      timestamp: this.timestampNow,
    });
    return 0;
  }

  transmitProbe(sequence: number, flags: number, payload: number, bytes: number): number {
    return this.transmit(sequence, flags, payload, bytes, 0, false);
  }

  onProbed(bytes: number, isDelivered: boolean): void {
    this.heard.push(`probe of ${bytes} ${isDelivered ? "arrived" : "lost"}`);
    this.probePayload = 0;
  }

  onWritable(): void {
    this.heard.push("writable");
  }

  onAllAcknowledged(): void {
    this.heard.push("all acknowledged");
  }

  onDoubt(): void {
    this.heard.push("doubt");
  }

  onGiveUp(errno: number): void {
    this.heard.push(`give up ${errno}`);
    this.sender.stop();
  }

  /** Writes the next bytes of the stream. @returns how many were taken */
  write(bytes: number, flags = 0): number {
    const taken = this.sender.write(this.memory, this.written, bytes, flags);
    if (taken > 0) this.written += taken;
    return taken;
  }

  /** What was sent since the last call, as `[offset in the stream, bytes]`. */
  take(): [number, number][] {
    return this.takeSent().map((one) => [(one.sequence - this.iss) | 0, one.bytes.length]);
  }

  /** What was sent since the last call. */
  takeSent(): SentSegment[] {
    return this.sent.splice(0);
  }

  /** Time passes, and nothing happens. */
  pass(microseconds: number): void {
    this.environment.now += microseconds;
  }

  /** Time passes up to the next deadline, which fires. @returns how long that was */
  fire(): number {
    const wait = this.sender.nextDeadline() - this.environment.now;
    if (!(wait < Infinity)) throw new Error("no timer is armed");
    this.pass(Math.max(0, wait));
    this.sender.onDeadline();
    return wait;
  }

  /**
   * An acknowledgment arrives, and what it allows is sent.
   *
   * @param upTo an offset in the stream
   * @param sack the edges of blocks, as offsets
   */
  acknowledge(
    upTo: number,
    sack: readonly (readonly [number, number])[] = [],
    more: {
      window?: number;
      flags?: number;
      echo?: number;
      sequence?: number;
      bytes?: number;
      markedBytes?: number;
    } = {},
  ): void {
    this.deliver(upTo, sack, more);
    this.sender.output();
  }

  /** An acknowledgment arrives, and nothing is sent. */
  deliver(
    upTo: number,
    sack: readonly (readonly [number, number])[] = [],
    more: {
      window?: number;
      flags?: number;
      echo?: number;
      sequence?: number;
      bytes?: number;
      markedBytes?: number;
    } = {},
  ): void {
    const segment = this.#segment;
    const { options } = segment;
    segment.acknowledgment = (this.iss + upTo) | 0;
    segment.sequence = more.sequence ?? this.#peerSequence;
    segment.payloadBytes = more.bytes ?? 0;
    segment.flags = Flag.ACK | (more.flags ?? 0);
    if (more.window !== undefined) this.#window = more.window;
    segment.window = this.#window;
    options.present = 0;
    if (sack.length > 0) {
      options.present |= OptionBit.SACK;
      options.sackBlocks = sack.length;
      sack.forEach(([left, right], nth) => {
        options.sackEdges[2 * nth] = this.iss + left;
        options.sackEdges[2 * nth + 1] = this.iss + right;
      });
    }
    if (more.echo !== undefined) {
      options.present |= OptionBit.TIMESTAMPS;
      options.timestampEcho = more.echo;
    }
    if (more.markedBytes !== undefined) {
      options.present |= OptionBit.ACCURATE_ECN;
      options.ecnBytesCe = more.markedBytes;
    }
    this.sender.onAcknowledgment(segment);
  }
}

/** The byte of a stream at an offset: every offset below 2^24 has another neighbourhood. */
export function byteAt(offset: number): number {
  return (offset ^ offset >>> 8 ^ offset >>> 16) & 0xff;
}

/** Whether bytes are those of the stream from an offset on. */
export function areBytesAt(bytes: Uint8Array, offset: number): boolean {
  return bytes.every((byte, nth) => byte === byteAt(offset + nth));
}
