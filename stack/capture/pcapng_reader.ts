/**
 * Reads captures that are pcapng, of either byte order: for tests, and for whoever replays one.
 *
 * @module
 */

import {
  BlockType,
  BYTE_ORDER_MAGIC,
  InterfaceOption,
  Option,
  PacketOption,
} from "./pcapng_numbers.ts";

/** An interface, as a capture describes it. */
export interface CapturedInterface {
  readonly linkType: number;
  readonly snapBytes: number;
  readonly name: string;
  /** Units of time in a second. */
  readonly resolution: bigint;
  readonly options: readonly RawOption[];
}

/** A packet of a capture. */
export interface CapturedPacket {
  /** The interface's number. */
  readonly interface: number;
  /** Nanoseconds. */
  readonly time: bigint;
  readonly bytes: Uint8Array;
  /** Its length before it was cut. */
  readonly length: number;
  readonly direction: number;
  readonly comments: readonly string[];
  readonly options: readonly RawOption[];
}

/** Any other block. */
export interface CapturedBlock {
  readonly type: number;
  readonly body: Uint8Array;
}

/** An option, as it stands there. */
export interface RawOption {
  readonly code: number;
  readonly value: Uint8Array;
}

/** A capture of one section or more; interfaces are numbered through. */
export interface Capture {
  readonly interfaces: readonly CapturedInterface[];
  readonly packets: readonly CapturedPacket[];
  readonly others: readonly CapturedBlock[];
  /** Comments of the sections. */
  readonly comments: readonly string[];
}

const SMALLEST_BLOCK = 12;
const SECTION_BYTES = 16;
const INTERFACE_BYTES = 8;
const PACKET_BYTES = 20;
const NANOSECONDS = 1_000_000_000n;

const decoder = new TextDecoder();

/** Where a block is, and how to read it. */
interface Block {
  readonly type: number;
  readonly view: DataView;
  readonly isLittle: boolean;
}

/**
 * Reads a capture.
 *
 * @throws {RangeError} where it is cut off or is no pcapng, naming the offset
 */
export function readCapture(bytes: Uint8Array): Capture {
  const interfaces: CapturedInterface[] = [];
  const packets: CapturedPacket[] = [];
  const others: CapturedBlock[] = [];
  const comments: string[] = [];
  let base = 0;
  for (const block of blocksOf(bytes)) {
    switch (block.type) {
      case BlockType.SECTION:
        base = interfaces.length;
        comments.push(...commentsOf(optionsOf(block, SECTION_BYTES)));
        break;
      case BlockType.INTERFACE:
        interfaces.push(readInterface(block));
        break;
      case BlockType.PACKET:
        packets.push(readPacket(block, interfaces, base));
        break;
      default:
        others.push({ type: block.type, body: viewBytes(block.view, 0, block.view.byteLength) });
    }
  }
  return { interfaces, packets, others, comments };
}

function* blocksOf(bytes: Uint8Array): Generator<Block> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let isLittle = true;
  for (let at = 0; at < bytes.length;) {
    if (at + SMALLEST_BLOCK > bytes.length) throw broken(at, "it is cut off");
    const type = view.getUint32(at, isLittle);
    if (type === BlockType.SECTION) {
      isLittle = view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC;
      if (view.getUint32(at + 8, isLittle) !== BYTE_ORDER_MAGIC) {
        throw broken(at, "it is no pcapng");
      }
    } else if (at === 0) {
      throw broken(at, "it does not begin with a section");
    }
    const length = view.getUint32(at + 4, isLittle);
    if (length < SMALLEST_BLOCK || length % 4 !== 0 || at + length > bytes.length) {
      throw broken(at, `a block of ${length} bytes`);
    }
    if (view.getUint32(at + length - 4, isLittle) !== length) throw broken(at, "lengths differ");
    const body = new DataView(bytes.buffer, bytes.byteOffset + at + 8, length - SMALLEST_BLOCK);
    yield { type, view: body, isLittle };
    at += length;
  }
}

function readInterface(block: Block): CapturedInterface {
  const { view, isLittle } = block;
  const options = optionsOf(block, INTERFACE_BYTES);
  const name = options.find(({ code }) => code === InterfaceOption.NAME);
  const resolution = options.find(({ code }) => code === InterfaceOption.RESOLUTION)?.value[0] ?? 6;
  const isBinary = (resolution & 0x80) !== 0;
  return {
    linkType: view.getUint16(0, isLittle),
    snapBytes: view.getUint32(4, isLittle),
    name: name === undefined ? "" : decoder.decode(name.value),
    resolution: isBinary ? 1n << BigInt(resolution & 0x7f) : 10n ** BigInt(resolution),
    options,
  };
}

function readPacket(
  block: Block,
  interfaces: readonly CapturedInterface[],
  base: number,
): CapturedPacket {
  const { view, isLittle } = block;
  const port = base + view.getUint32(0, isLittle);
  const time = BigInt(view.getUint32(4, isLittle)) << 32n | BigInt(view.getUint32(8, isLittle));
  const kept = view.getUint32(12, isLittle);
  const options = optionsOf(block, PACKET_BYTES + ((kept + 3) & ~3));
  const flags = options.find(({ code }) => code === PacketOption.FLAGS);
  return {
    interface: port,
    time: time * NANOSECONDS / interfaces[port].resolution,
    bytes: viewBytes(view, PACKET_BYTES, kept),
    length: view.getUint32(16, isLittle),
    direction: flags === undefined ? 0 : flags.value[isLittle ? 0 : 3] & 3,
    comments: commentsOf(options),
    options,
  };
}

function optionsOf({ view, isLittle }: Block, from: number): RawOption[] {
  const options: RawOption[] = [];
  for (let at = from; at + 4 <= view.byteLength;) {
    const code = view.getUint16(at, isLittle);
    const length = view.getUint16(at + 2, isLittle);
    if (code === Option.END) break;
    options.push({ code, value: viewBytes(view, at + 4, length) });
    at += 4 + ((length + 3) & ~3);
  }
  return options;
}

function commentsOf(options: readonly RawOption[]): string[] {
  const comments = options.filter(({ code }) => code === Option.COMMENT);
  return comments.map(({ value }) => decoder.decode(value));
}

function viewBytes(view: DataView, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length).slice();
}

function broken(at: number, what: string): RangeError {
  return new RangeError(`no capture at offset ${at}: ${what}`);
}
