/**
 * The messages of the file transfer. Numbers are big-endian.
 *
 * ```text
 *   0        2      3      4          8                16
 *   | 0x4d01 | type | 0    | CRC32C   | key            | body ...
 *
 *   sender                                      receiver
 *     | OFFER   own key, size, name, key 0  ->     |     keeps nothing
 *     |                    <- CHALLENGE  token     |
 *     | OFFER   the same, key = token  ->          |     makes a transfer
 *     |                            <- ACK          |
 *     | DATA    block, transmission  ->            |     and so on
 *     | FINISH  SHA-256 of all  ->                 |     compares, renames the file
 *     |                 <- RESULT  SHA-256         |
 *     | BYE  ->                                    |     forgets the transfer
 *     | STOP    why  ->                or          |     either side gives up
 * ```
 *
 * A key is 64 random bits that the _recipient_ of the message has chosen: who has not seen them,
 * because he guesses or forges the source address, cannot take part. The receiver's is a token that
 * it computes from the sender's key and address, so that offers from forged addresses cost it no
 * memory.
 *
 * @module
 */

import { crc32cExcept } from "./crc32c.ts";

/** Bytes of a block, the last one aside: with all headers it fits an Ethernet packet. */
export const BLOCK_BYTES = 1400;
/** Blocks that may be on their way at a time; it bounds the memory of both sides. */
export const WINDOW_BLOCKS = 8192;
/** The most blocks of a file: their numbers have 32 bits. */
export const BLOCKS_MAX = 2 ** 32 - 1;
/** Bytes in front of the data of a DATA message: a multiple of 8, for fast copies. */
export const DATA_HEADER_BYTES = 24;
/** Bytes of a key. */
export const KEY_BYTES = 8;
/** Bytes of a SHA-256. */
export const HASH_BYTES = 32;
/** Bytes of a file's name: what common file systems take. */
export const NAME_BYTES_MAX = 255;

/** What a message is. */
export const Kind = {
  OFFER: 1,
  CHALLENGE: 2,
  DATA: 3,
  ACK: 4,
  FINISH: 5,
  RESULT: 6,
  BYE: 7,
  STOP: 8,
} as const;
/** See {@linkcode Kind}. */
export type Kind = typeof Kind[keyof typeof Kind];

const MAGIC = 0x4d01;
const CHECKSUM_AT = 4;
const KEY_AT = 8;
const BODY_AT = 16;
const OFFER_NAME_AT = BODY_AT + KEY_BYTES + 8;
const ACK_BITMAP_AT = BODY_AT + 16;
const REASON_BYTES_MAX = 300;
const NO_KEY = new Uint8Array(KEY_BYTES);

/** Why a transfer failed. */
export type TransferFailure =
  /** The peer said why it does not want it, or cannot go on. */
  | "stopped"
  /** The peer was silent for too long. */
  | "timed out"
  /** Nobody listens at its address. */
  | "refused"
  /** What was stored is not what was sent. */
  | "damaged"
  /** A file could not be read or written. */
  | "file";

/** A transfer that failed. */
export class TransferError extends Error {
  override readonly name = "TransferError";
  /** What kind of failure it was. */
  readonly code: TransferFailure;

  constructor(code: TransferFailure, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** What is offered. */
export interface Offer {
  /** The sender's key. */
  readonly key: Uint8Array;
  /** Bytes of the file. */
  readonly size: number;
  /** What the sender calls it. */
  readonly name: string;
}

/** What a receiver tells about a transfer. */
export interface Acknowledgement {
  /** All blocks below it have arrived. */
  readonly next: number;
  /** Blocks below it may be sent. */
  readonly edge: number;
  /** Behind the latest transmission that has arrived; 0 before any has. */
  readonly reached: number;
  /** DATA messages that brought nothing new. */
  readonly duplicates: number;
  /** Bit `n` (the lowest bit of a byte first) stands for block `next + n`. */
  readonly bitmap: Uint8Array;
}

/** A message that was checked. */
export interface Message {
  readonly kind: Kind;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** How many blocks a file has. */
export function blocksOf(size: number): number {
  return Math.ceil(size / BLOCK_BYTES);
}

/** Bytes of one block of a file. */
export function bytesOfBlock(block: number, size: number): number {
  return Math.min(BLOCK_BYTES, size - block * BLOCK_BYTES);
}

/**
 * Checks that bytes are a message: the magic, the checksum, a length that fits the type.
 *
 * @returns The message, which refers to the bytes; undefined when they are none.
 */
export function readMessage(bytes: Uint8Array): Message | undefined {
  if (bytes.length < BODY_AT) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const kind = bytes[2] as Kind;
  const least = LEAST_BYTES[kind];
  if (view.getUint16(0) !== MAGIC || least === undefined || bytes.length < least) return undefined;
  if (view.getUint32(CHECKSUM_AT) !== crc32cExcept(bytes, CHECKSUM_AT)) return undefined;
  return { kind, bytes, view };
}

const LEAST_BYTES: Readonly<Partial<Record<number, number>>> = {
  [Kind.OFFER]: OFFER_NAME_AT,
  [Kind.CHALLENGE]: BODY_AT + KEY_BYTES,
  [Kind.DATA]: DATA_HEADER_BYTES + 1,
  [Kind.ACK]: ACK_BITMAP_AT,
  [Kind.FINISH]: BODY_AT + HASH_BYTES,
  [Kind.RESULT]: BODY_AT + HASH_BYTES,
  [Kind.BYE]: BODY_AT,
  [Kind.STOP]: BODY_AT,
};

/** Whether a message is for whoever chose this key. */
export function hasKey({ bytes }: Message, key: Uint8Array): boolean {
  let difference = 0;
  for (let index = 0; index < KEY_BYTES; index++) difference |= bytes[KEY_AT + index] ^ key[index];
  return difference === 0;
}

/** The key of a message as text, to look it up. */
export function keyText(bytes: Uint8Array, at = KEY_AT): string {
  let text = "";
  for (let index = at; index < at + KEY_BYTES; index++) text += String.fromCharCode(bytes[index]);
  return text;
}

function begin(kind: Kind, key: Uint8Array, bodyBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(BODY_AT + bodyBytes);
  bytes[0] = MAGIC >>> 8;
  bytes[1] = MAGIC & 0xff;
  bytes[2] = kind;
  bytes.set(key, KEY_AT);
  return bytes;
}

/** Writes the checksum. @returns The same bytes. */
export function seal(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(CHECKSUM_AT, crc32cExcept(bytes, CHECKSUM_AT));
  return bytes;
}

/** @param token What the receiver's challenge said, null before there was one. */
export function writeOffer(token: Uint8Array | null, offer: Offer): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(offer.name);
  const bytes = begin(Kind.OFFER, token ?? NO_KEY, KEY_BYTES + 8 + name.length);
  const view = new DataView(bytes.buffer);
  bytes.set(offer.key, BODY_AT);
  view.setBigUint64(BODY_AT + KEY_BYTES, BigInt(offer.size));
  bytes.set(name, OFFER_NAME_AT);
  return seal(bytes);
}

/** @returns undefined when the size is impossible or the name is no text. */
export function readOffer({ bytes, view }: Message): Offer | undefined {
  const size = Number(view.getBigUint64(BODY_AT + KEY_BYTES));
  if (blocksOf(size) > BLOCKS_MAX || bytes.length > OFFER_NAME_AT + NAME_BYTES_MAX) {
    return undefined;
  }
  try {
    const name = new TextDecoder("utf-8", { fatal: true }).decode(bytes.slice(OFFER_NAME_AT));
    return { key: bytes.slice(BODY_AT, BODY_AT + KEY_BYTES), size, name };
  } catch {
    return undefined;
  }
}

/** @param key The sender's. */
export function writeChallenge(key: Uint8Array, token: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = begin(Kind.CHALLENGE, key, KEY_BYTES);
  bytes.set(token, BODY_AT);
  return seal(bytes);
}

/** @returns The token. */
export function readChallenge({ bytes }: Message): Uint8Array<ArrayBuffer> {
  return bytes.slice(BODY_AT, BODY_AT + KEY_BYTES);
}

/**
 * Writes the header of a DATA message in front of its block.
 *
 * @param bytes The whole message, the block already in its place.
 */
export function sealData(
  bytes: Uint8Array<ArrayBuffer>,
  token: Uint8Array,
  block: number,
  transmission: number,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(0, (MAGIC << 16 | Kind.DATA << 8) >>> 0);
  bytes.set(token, KEY_AT);
  view.setUint32(BODY_AT, block);
  view.setUint32(BODY_AT + 4, transmission);
  seal(bytes);
}

/** The block of a DATA message. */
export function blockOf({ view }: Message): number {
  return view.getUint32(BODY_AT);
}

/** The transmission of a DATA message. */
export function transmissionOf({ view }: Message): number {
  return view.getUint32(BODY_AT + 4);
}

/** @param key The sender's. */
export function writeAck(key: Uint8Array, ack: Acknowledgement): Uint8Array<ArrayBuffer> {
  const bytes = begin(Kind.ACK, key, 16 + ack.bitmap.length);
  const view = new DataView(bytes.buffer);
  const numbers = [ack.next, ack.edge, ack.reached, ack.duplicates];
  for (const [index, number] of numbers.entries()) view.setUint32(BODY_AT + 4 * index, number);
  bytes.set(ack.bitmap, ACK_BITMAP_AT);
  return seal(bytes);
}

/** Reads an ACK. */
export function readAck({ bytes, view }: Message): Acknowledgement {
  return {
    next: view.getUint32(BODY_AT),
    edge: view.getUint32(BODY_AT + 4),
    reached: view.getUint32(BODY_AT + 8),
    duplicates: view.getUint32(BODY_AT + 12),
    bitmap: bytes.subarray(ACK_BITMAP_AT),
  };
}

/** FINISH for the receiver, or RESULT for the sender. */
export function writeHash(
  kind: typeof Kind.FINISH | typeof Kind.RESULT,
  key: Uint8Array,
  hash: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const bytes = begin(kind, key, HASH_BYTES);
  bytes.set(hash, BODY_AT);
  return seal(bytes);
}

/** The hash of a FINISH or RESULT. */
export function hashOf({ bytes }: Message): Uint8Array<ArrayBuffer> {
  return bytes.slice(BODY_AT, BODY_AT + HASH_BYTES);
}

/** BYE. */
export function writeBye(token: Uint8Array): Uint8Array<ArrayBuffer> {
  return seal(begin(Kind.BYE, token, 0));
}

/** STOP, for either side. */
export function writeStop(key: Uint8Array, reason: string): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(reason).subarray(0, REASON_BYTES_MAX);
  const bytes = begin(Kind.STOP, key, text.length);
  bytes.set(text, BODY_AT);
  return seal(bytes);
}

/** Why the peer stopped, without what would play with a terminal. */
export function reasonOf({ bytes }: Message): string {
  const text = new TextDecoder().decode(bytes.slice(BODY_AT, BODY_AT + REASON_BYTES_MAX));
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "");
}

/** Whether two hashes are the same. */
export function isSameHash(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** A hash as people write it. */
export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
