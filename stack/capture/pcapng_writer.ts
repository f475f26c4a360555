/**
 * Writes captures as pcapng, which Wireshark reads from files and, while it is written, from pipes.
 *
 * The writer makes bytes and hands them to a sink, block by block: a file, a pipe, or an array. Each
 * block is complete, so that whoever reads a pipe never waits for the rest of one.
 * Source: draft-ietf-opsawg-pcapng, "PCAP Next Generation (pcapng) Capture File Format".
 *
 * @module
 */

import { ByteWriter } from "./byte_writer.ts";
import {
  BlockType,
  BYTE_ORDER_MAGIC,
  InterfaceOption,
  LinkType,
  NameRecord,
  Option,
  PacketOption,
  SectionOption,
  StatisticsOption,
} from "./pcapng_numbers.ts";

/** Where a capture goes. */
export interface CaptureSink {
  /**
   * Takes bytes: one whole block.
   *
   * @param bytes which are the writer's again when this returns
   */
  write(bytes: Uint8Array): void;
}

/** An option that only those understand who have the same enterprise number. */
export interface CustomOption {
  /** The number that IANA gave: a "Private Enterprise Number". */
  readonly enterprise: number;
  /** What it says: text, or bytes. */
  readonly value: string | Uint8Array;
  /** Whether tools may copy it to other files; true. */
  readonly copies?: boolean;
}

/** What a capture says about itself. */
export interface SectionOptions {
  readonly hardware?: string;
  readonly system?: string;
  readonly application?: string;
  readonly comments?: readonly string[];
  readonly custom?: readonly CustomOption[];
  /** Digits behind the second: 6 for microseconds, 9 for nanoseconds; 6. */
  readonly timeDigits?: 6 | 9;
}

/** What a capture says about an interface. */
export interface InterfaceDescription {
  readonly name?: string;
  readonly description?: string;
  /** One of {@linkcode LinkType}; Ethernet. */
  readonly linkType?: number;
  /** Bytes of a packet that are kept, 0 for all; 0. */
  readonly snapBytes?: number;
  /** Its 6 bytes. */
  readonly mac?: Uint8Array;
  /** 4 bytes of the address, and 4 of its mask. */
  readonly ipv4?: Uint8Array;
  /** 16 bytes of the address, and 1 of the prefix's length. */
  readonly ipv6?: Uint8Array;
  /** Bits a second. */
  readonly speed?: number;
  /** The filter that was used, as text. */
  readonly filter?: string;
  readonly comments?: readonly string[];
  readonly custom?: readonly CustomOption[];
}

/** What a capture says about a packet beside its bytes. */
export interface PacketNotes {
  /** One of {@linkcode Direction}. */
  readonly direction?: number;
  /** Packets that were lost between the one before and this one. */
  readonly dropped?: number;
  readonly comments?: readonly string[];
  readonly custom?: readonly CustomOption[];
}

/** What was counted at an interface. */
export interface InterfaceStatistics {
  /** Microseconds; not given where it is not known, as all of these. */
  readonly startTime?: number;
  readonly endTime?: number;
  readonly received?: number;
  readonly dropped?: number;
  readonly accepted?: number;
  readonly systemDropped?: number;
  readonly delivered?: number;
  readonly comments?: readonly string[];
}

const RANGE = 2 ** 32;
const HALF = 2 ** 16;
const MICROSECONDS = 1_000_000;
const MAJOR = 1;
const MINOR = 0;
/** The length of a section that is not known yet, and never will be: section 4.1. */
const UNKNOWN_LENGTH = 0xffffffff;
const BLOCK_HEAD_BYTES = 8;
const LONGEST_TEXT = 0xffff;

const encoder = new TextEncoder();

/** Writes one section of a capture. */
export class PcapngWriter {
  readonly #sink: CaptureSink;
  readonly #block = new ByteWriter();
  readonly #digits: 6 | 9;
  readonly #snaps: number[] = [];

  /**
   * Writes what every capture begins with.
   *
   * @param sink where it goes
   * @param options what it says about itself
   *
   * @example
   * ```ts
   * const blocks: Uint8Array[] = [];
   * const writer = new PcapngWriter({ write: (bytes) => void blocks.push(bytes.slice()) });
   * const eth0 = writer.addInterface({ name: "eth0" });
   * writer.packet(eth0, 1_000_000, new Uint8Array(60));
   * blocks.length; // 3
   * ```
   */
  constructor(sink: CaptureSink, options: SectionOptions = {}) {
    this.#sink = sink;
    this.#digits = options.timeDigits ?? 6;
    const block = this.#begin(BlockType.SECTION);
    block.uint32(BYTE_ORDER_MAGIC);
    block.uint16(MAJOR);
    block.uint16(MINOR);
    block.uint32(UNKNOWN_LENGTH);
    block.uint32(UNKNOWN_LENGTH);
    this.#text(SectionOption.HARDWARE, options.hardware);
    this.#text(SectionOption.SYSTEM, options.system);
    this.#text(SectionOption.APPLICATION, options.application);
    this.#end(options);
  }

  /**
   * Describes an interface; packets refer to it.
   *
   * @returns its number
   */
  addInterface(description: InterfaceDescription = {}): number {
    const { snapBytes = 0, speed } = description;
    const block = this.#begin(BlockType.INTERFACE);
    block.uint16(description.linkType ?? LinkType.ETHERNET);
    block.uint16(0);
    block.uint32(snapBytes);
    this.#text(InterfaceOption.NAME, description.name);
    this.#text(InterfaceOption.DESCRIPTION, description.description);
    this.#option(InterfaceOption.IPV4, description.ipv4);
    this.#option(InterfaceOption.IPV6, description.ipv6);
    this.#option(InterfaceOption.MAC, description.mac);
    if (speed !== undefined && speed !== Infinity) this.#count(InterfaceOption.SPEED, speed);
    this.#option(InterfaceOption.RESOLUTION, Uint8Array.of(this.#digits));
    if (description.filter !== undefined) {
      // The first byte says that a text follows.
      const filter = encoder.encode(`\0${description.filter}`);
      this.#option(InterfaceOption.FILTER, filter);
    }
    this.#end(description);
    return this.#snaps.push(snapBytes) - 1;
  }

  /**
   * Writes a packet.
   *
   * @param port the interface's number
   * @param time microseconds since 1970, or since whenever time began; fractions count where time
   * has 9 digits
   * @param bytes all of it, or its beginning
   * @param notes what is said about it
   * @param length its length, where `bytes` is only the beginning
   * @throws {RangeError} when there is no such interface
   */
  packet(
    port: number,
    time: number,
    bytes: Uint8Array,
    notes: PacketNotes = NO_NOTES,
    length: number = bytes.length,
  ): void {
    const snap = this.#snaps[port];
    if (snap === undefined) throw new RangeError(`there is no interface ${port}`);
    const kept = snap > 0 && bytes.length > snap ? bytes.subarray(0, snap) : bytes;
    const block = this.#begin(BlockType.PACKET);
    block.uint32(port);
    this.#time(time);
    block.uint32(kept.length);
    block.uint32(length);
    block.padded(kept);
    if (notes.direction !== undefined && notes.direction !== 0) {
      this.#head(PacketOption.FLAGS, 4);
      block.uint32(notes.direction);
    }
    if (notes.dropped !== undefined) this.#count(PacketOption.DROP_COUNT, notes.dropped);
    this.#end(notes);
  }

  /**
   * Names addresses, which Wireshark then shows.
   *
   * @param names each with an address of 4 or 16 bytes
   */
  names(names: readonly { readonly address: Uint8Array; readonly name: string }[]): void {
    const block = this.#begin(BlockType.NAMES);
    for (const { address, name } of names) {
      const text = encoder.encode(`${name}\0`);
      const record = new Uint8Array(address.length + text.length);
      record.set(address);
      record.set(text, address.length);
      block.uint16(address.length === 4 ? NameRecord.IPV4 : NameRecord.IPV6);
      block.uint16(record.length);
      block.padded(record);
    }
    block.uint16(NameRecord.END);
    block.uint16(0);
    this.#end({});
  }

  /** Writes what was counted at an interface, at a time. */
  statistics(port: number, time: number, counted: InterfaceStatistics): void {
    const block = this.#begin(BlockType.STATISTICS);
    block.uint32(port);
    this.#time(time);
    for (
      const [code, at] of [
        [StatisticsOption.START, counted.startTime],
        [StatisticsOption.END, counted.endTime],
      ]
    ) {
      if (code === undefined || at === undefined) continue;
      this.#head(code, 8);
      this.#time(at);
    }
    this.#count(StatisticsOption.RECEIVED, counted.received);
    this.#count(StatisticsOption.DROPPED, counted.dropped);
    this.#count(StatisticsOption.ACCEPTED, counted.accepted);
    this.#count(StatisticsOption.SYSTEM_DROPPED, counted.systemDropped);
    this.#count(StatisticsOption.DELIVERED, counted.delivered);
    this.#end(counted);
  }

  #begin(type: number): ByteWriter {
    this.#block.clear();
    this.#block.uint32(type);
    this.#block.uint32(0);
    return this.#block;
  }

  /** Ends the options, fills in the length, and hands the block over. */
  #end(
    { comments = [], custom = [] }: {
      readonly comments?: readonly string[];
      readonly custom?: readonly CustomOption[];
    },
  ): void {
    for (const comment of comments) this.#text(Option.COMMENT, comment);
    for (const option of custom) this.#custom(option);
    this.#head(Option.END, 0);
    const length = this.#block.length + 4;
    this.#block.uint32(length);
    this.#block.patch(BLOCK_HEAD_BYTES - 4, length);
    this.#sink.write(this.#block.written());
  }

  #head(code: number, length: number): void {
    this.#block.uint16(code);
    this.#block.uint16(length);
  }

  #option(code: number, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return;
    this.#head(code, bytes.length);
    this.#block.padded(bytes);
  }

  #text(code: number, text: string | undefined): void {
    if (text !== undefined) this.#option(code, encodeText(text, LONGEST_TEXT));
  }

  #custom({ enterprise, value, copies = true }: CustomOption): void {
    const isText = typeof value === "string";
    const bytes = isText ? encodeText(value, LONGEST_TEXT - 4) : value;
    const [text, binary] = copies
      ? [Option.CUSTOM_TEXT, Option.CUSTOM_BYTES]
      : [Option.CUSTOM_TEXT_HERE, Option.CUSTOM_BYTES_HERE];
    this.#head(isText ? text : binary, bytes.length + 4);
    this.#block.uint32(enterprise);
    this.#block.padded(bytes);
  }

  /** A number of 64 bits. */
  #count(code: number, value: number | undefined): void {
    if (value === undefined) return;
    this.#head(code, 8);
    this.#block.uint32(value % RANGE);
    this.#block.uint32(Math.floor(value / RANGE));
  }

  /** The upper and the lower half of a time, in this order. Nanoseconds since 1970 take 61 bits. */
  #time(microseconds: number): void {
    const seconds = Math.floor(microseconds / MICROSECONDS);
    const scale = 10 ** this.#digits;
    const rest = Math.floor((microseconds - seconds * MICROSECONDS) * (scale / MICROSECONDS));
    // Seconds are cut in two, so that no product has more than 53 bits.
    const upper = Math.floor(seconds / HALF) * scale;
    const lower = (seconds % HALF) * scale + rest + (upper % HALF) * HALF;
    this.#block.uint32(Math.floor(upper / HALF) + Math.floor(lower / RANGE));
    this.#block.uint32(lower % RANGE);
  }
}

const NO_NOTES: PacketNotes = {};

/** As many whole characters as an option has room for. */
function encodeText(text: string, most: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(most, text.length * 3));
  const { written } = encoder.encodeInto(text, bytes);
  return bytes.subarray(0, written);
}
