/**
 * Bytes that are counted, so that a lost, a doubled or a swapped one is found: the position's own
 * 32-bit words, one after the other.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { TcpStream } from "../../mod.ts";

/** Bytes that strangers write at a time. */
const CHUNK_BYTES = 256 * 1024;

/**
 * More bytes than the buffers of a connection hold on both sides while nobody reads: a receive
 * buffer grows with its reader, so it is the sender's that counts, tcp(7).
 */
export const TOO_MUCH: number = sendBufferBytes() + 4_000_000;

function sendBufferBytes(): number {
  try {
    const limits = Deno.readTextFileSync("/proc/sys/net/ipv4/tcp_wmem").trim().split(/\s+/);
    return Number(limits[2]);
  } catch {
    return 12_000_000;
  }
}

/** @returns The byte at a position of the sequence. */
export function byteAt(position: number): number {
  return ((position >>> 2) >>> ((position & 3) << 3)) & 0xff;
}

/** @returns `length` bytes of the sequence from a position on. */
export function counted(length: number, start = 0): Uint8Array<ArrayBuffer> {
  const lead = start & 3;
  const words = new Uint32Array((length + lead + 3) >>> 2);
  const first = start >>> 2;
  for (let index = 0; index < words.length; index++) words[index] = first + index;
  return new Uint8Array(words.buffer, lead, length);
}

/** Follows the sequence as it arrives. */
export class Counting {
  /** Bytes that have arrived. */
  position = 0;

  /** @throws {AssertionError} at the first byte that does not follow the last */
  take(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length; index++) {
      if (bytes[index] !== byteAt(this.position + index)) {
        assertEquals(
          bytes[index],
          byteAt(this.position + index),
          `the byte at ${this.position + index} is not the one that was sent there`,
        );
      }
    }
    this.position += bytes.length;
  }
}

/** @returns Text as bytes. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Receives exactly `length` bytes, or fewer at the end of the stream. */
export async function receiveExactly(
  stream: TcpStream,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let count = 0;
  while (count < length) {
    const read = await stream.read(bytes.subarray(count));
    if (read === null) break;
    count += read;
  }
  return bytes.subarray(0, count);
}

/** Reads a stranger's connection to its end. */
export async function readToEnd(peer: Deno.Conn): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const chunk = new Uint8Array(65536);
    const count = await peer.read(chunk);
    if (count === null) break;
    chunks.push(chunk.subarray(0, count));
    length += count;
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Reads exactly `length` bytes of a stranger's connection, or fewer at its end. */
export async function readExactly(
  peer: Deno.Conn,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let count = 0;
  while (count < length) {
    const read = await peer.read(bytes.subarray(count));
    if (read === null) break;
    count += read;
  }
  return bytes.subarray(0, count);
}

/** Writes all of it. */
export async function writeAll(peer: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let count = 0;
  while (count < bytes.length) count += await peer.write(bytes.subarray(count));
}

/** Has a stranger write the first `length` bytes of the sequence. */
export async function writeCounted(peer: Deno.Conn, length: number): Promise<void> {
  for (let start = 0; start < length; start += CHUNK_BYTES) {
    await writeAll(peer, counted(Math.min(CHUNK_BYTES, length - start), start));
  }
}

/** Receives to the end of the stream, counting. @returns how many bytes came */
export async function drainCounted(stream: TcpStream): Promise<number> {
  const counting = new Counting();
  for await (const lease of stream.receiveMany()) counting.take(lease.bytes);
  return counting.position;
}
