/**
 * A receiver of TCP with a connection around it that only notes what it is told.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Environment } from "../../../../stack/environment.ts";
import { CheckedPacketArena, takenPackets } from "../../../../stack/memory/mod.ts";
import { PacketTable } from "../../../../stack/packet_table.ts";
import { SeededRandom } from "../../../../stack/random.ts";
import type { UserMemory } from "../../../../stack/socket.ts";
import { StackTimers } from "../../../../stack/stack_timers.ts";
import { Statistics } from "../../../../stack/statistics.ts";
import { ReceiverCounter } from "../../../../stack/tcp/receive/counters.ts";
import type { ReceiverOptions } from "../../../../stack/tcp/receive/options.ts";
import { Receiver } from "../../../../stack/tcp/receive/receiver.ts";
import { ReceiverSettings } from "../../../../stack/tcp/receive/settings.ts";
import { Agreement, type ReceiverHost, Segment } from "../../../../stack/tcp/types.ts";
import { OptionBit, TcpOptions } from "../../../../stack/wire/tcp_options.ts";

/** Bytes of headers in front of each payload: Ethernet, IPv4, TCP with timestamps. */
const HEADERS = 14 + 20 + 32;
const USER_BYTES = 1 << 20;

/** What a segment says beside its payload. */
export interface SegmentFields {
  readonly count?: number;
  readonly flags?: number;
  readonly ecn?: number;
  readonly urgentPointer?: number;
  readonly timestampEcho?: number;
  /** The lengths of the packets that the payload is spread over; one packet. */
  readonly parts?: readonly number[];
}

/** A segment without payload that was sent. */
export interface SentAcknowledgment {
  /** When, in microseconds. */
  readonly at: number;
  /** The acknowledgment and the window's edge, as offsets from the first byte. */
  readonly next: number;
  readonly edge: number;
  /** The blocks of its SACK option, as offsets. */
  readonly blocks: readonly (readonly [number, number])[];
  readonly flags: number;
  readonly options: TcpOptions;
}

/** What a rig is made of. */
export interface ReceiverRigOptions {
  readonly options?: Partial<ReceiverOptions>;
  readonly agreement?: Partial<Agreement>;
  /** The number of the first byte. */
  readonly sequence?: number;
  readonly receiveSegment?: number;
  readonly classes?: readonly { roomBytes: number; count: number; borrows?: boolean }[];
  readonly slices?: number;
  /** Where memory of the rig comes from, if others share it. */
  readonly shared?: ReceiverRig;
}

/** A receiver, its connection, and whoever reads. */
export class ReceiverRig implements ReceiverHost {
  readonly arena: CheckedPacketArena;
  readonly environment: Environment & { now: number };
  readonly settings: ReceiverSettings;
  readonly statistics: Statistics<{ receiver: typeof ReceiverCounter }>;
  readonly receiver: Receiver;
  readonly first: number;
  receiveSegment: number;
  timestampNow = 1000;
  /** What was sent, and what it was told. */
  readonly sent: SentAcknowledgment[] = [];
  readable = 0;
  ends = 0;
  urgents = 0;
  /** Whether segments are acknowledged as `isAcknowledgmentDue` says. */
  isAnswering = true;
  readonly #user = new Uint8Array(USER_BYTES);
  readonly userMemory: UserMemory;

  constructor(rig: ReceiverRigOptions = {}) {
    const classes = rig.classes ?? [
      { roomBytes: 128, count: 256, borrows: true },
      { roomBytes: 1920, count: 512 },
      { roomBytes: 65600, count: 8 },
    ];
    const { shared } = rig;
    this.arena = shared?.arena ?? new CheckedPacketArena({ classes, slices: rig.slices ?? 512 });
    this.environment = shared?.environment ?? {
      arena: this.arena,
      packets: new PacketTable(this.arena.capacity),
      timers: new StackTimers({ capacity: 16, resolution: 1000, now: 0 }),
      random: new SeededRandom(1),
      now: 5_000_000,
    };
    this.statistics = shared?.statistics ?? new Statistics({ receiver: ReceiverCounter });
    const { receiver: counters } = this.statistics.groups;
    this.settings = shared?.settings ?? new ReceiverSettings(this.arena, counters, rig.options);
    this.receiveSegment = rig.receiveSegment ?? 1448;
    this.first = rig.sequence ?? -1000 | 0;
    this.receiver = new Receiver(this, this.settings);
    this.receiver.start(this.first);
    const agreed = { hasSack: true, hasTimestamps: true, windowScale: 7, ...rig.agreement };
    this.receiver.agree(Object.assign(new Agreement(), agreed));
    this.userMemory = {
      copyIn: () => {
        throw new Error("a receiver does not read the memory of users");
      },
      copyOut: (userAt, packetAt, bytes) => {
        const source = this.arena.memory.bytes.subarray(packetAt, packetAt + bytes);
        this.#user.set(source, userAt);
      },
    };
  }

  get now(): number {
    return this.environment.now;
  }

  /** Lets time pass, and deadlines with it. */
  advance(microseconds: number): void {
    const until = this.environment.now + microseconds;
    for (;;) {
      const deadline = this.receiver.nextDeadline();
      if (deadline > until) break;
      this.environment.now = Math.max(this.environment.now, deadline);
      this.receiver.onDeadline();
    }
    this.environment.now = until;
  }

  /** What counters show. */
  count(name: keyof typeof ReceiverCounter): number {
    return this.statistics.groups.receiver.values[ReceiverCounter[name]];
  }

  /** Makes a segment as it would arrive. @returns null when the arena has nothing left */
  segment(offset: number, payload: Uint8Array, fields: SegmentFields = {}): Segment | null {
    const segment = new Segment();
    const parts = fields.parts ?? [payload.length];
    let [first, last, done] = [-1, -1, 0];
    for (const part of parts) {
      const before = first < 0 ? HEADERS : 0;
      const packet = this.arena.take(before + part);
      if (packet < 0) {
        if (first >= 0) this.arena.release(first);
        return null;
      }
      this.arena.memory.bytes.set(
        payload.subarray(done, done + part),
        this.arena.start(packet) + before,
      );
      done += part;
      if (first < 0) first = packet;
      else this.arena.append(last, packet);
      last = packet;
    }
    segment.packet = first;
    segment.payloadOffset = HEADERS;
    segment.payloadBytes = payload.length;
    segment.sequence = this.first + offset | 0;
    segment.count = fields.count ?? 1;
    segment.flags = fields.flags ?? 0;
    segment.ecn = fields.ecn ?? 0;
    segment.urgentPointer = fields.urgentPointer ?? 0;
    segment.options.timestampEcho = fields.timestampEcho ?? this.timestampNow;
    return segment;
  }

  /** A segment arrives, and is acknowledged if that is due. @returns whether there was a packet */
  arrive(offset: number, payload: Uint8Array, fields: SegmentFields = {}): boolean {
    const segment = this.segment(offset, payload, fields);
    if (segment === null) return false;
    this.receiver.onPayload(segment);
    this.arena.release(segment.packet);
    this.answer();
    return true;
  }

  /** A FIN arrives. */
  fin(offset: number): void {
    this.receiver.onFin(this.first + offset | 0);
    this.answer();
  }

  /** Sends an acknowledgment if it is due. */
  answer(): void {
    if (this.isAnswering && this.receiver.isAcknowledgmentDue) this.acknowledge();
  }

  /** See `ReceiverHost`; also what data that leave carry. */
  acknowledge(hasData = false): void {
    const { receiver } = this;
    const options = new TcpOptions();
    const { optionBytes } = receiver;
    if (optionBytes > 0) receiver.addOptions(options);
    const flags = receiver.ecnFlags();
    const next = receiver.receiveNext - this.first | 0;
    const field = receiver.takeWindow();
    const blocks: [number, number][] = [];
    if ((options.present & OptionBit.SACK) !== 0) {
      for (let block = 0; block < options.sackBlocks; block++) {
        const left = options.sackEdges[2 * block] - this.first | 0;
        blocks.push([left, options.sackEdges[2 * block + 1] - this.first | 0]);
      }
    }
    const edge = next + field * 2 ** receiver.windowScale;
    this.sent.push({ at: this.now, next, edge, blocks, flags, options });
    receiver.onAcknowledgmentSent(hasData);
  }

  /** The segment that was sent last. */
  get last(): SentAcknowledgment {
    return this.sent[this.sent.length - 1];
  }

  /** How many were sent since the last call. */
  takeSent(): number {
    return this.sent.splice(0).length;
  }

  onReadable(): void {
    this.readable++;
  }

  onEnd(): void {
    this.ends++;
  }

  onUrgent(): void {
    this.urgents++;
  }

  /** Reads. @returns the bytes, or what `read` says when that is none */
  read(bytes: number, flags = 0): Uint8Array | number {
    const result = this.receiver.read(this.userMemory, 0, bytes, flags);
    return result > 0 ? this.#user.slice(0, result) : result;
  }

  /** Stops the receiver: nothing may be left of its memory. */
  close(): void {
    this.receiver.stop();
    assertEquals(takenPackets(this.arena), [], "packets are leaked");
  }
}

/** Bytes that tell where in the stream they are. */
export function streamBytes(offset: number, bytes: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: bytes }, (_, index) => {
    const at = offset + index;
    return at ^ at >> 8 ^ at >> 16;
  });
}
