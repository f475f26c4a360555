/**
 * A user of sockets, with memory of its own.
 *
 * @module
 */

import type { Environment } from "../../../stack/environment.ts";
import type {
  DatagramInfo,
  DatagramParameters,
  DatagramStackSocket,
} from "../../../stack/socket.ts";
import { TestUserMemory } from "./user_memory.ts";

/** A user with memory of its own. */
export class FakeUser extends TestUserMemory {
  constructor(environment: Environment) {
    super(environment.arena.memory, new Uint8Array(1 << 17));
  }

  /** Sends bytes. @returns what the socket answers */
  send(
    socket: DatagramStackSocket,
    data: Uint8Array | string | number,
    to: Partial<DatagramParameters> = {},
    flags = 0,
  ): number {
    const bytes = bytesOf(data);
    this.bytes.set(bytes);
    // Three ranges, so that the seams between them are met.
    const cut = Math.floor(bytes.length / 3);
    const ranges = Int32Array.of(0, cut, cut, 0, cut, bytes.length - cut);
    return socket.send(this, ranges, 3, { ...PLAIN, ...to }, flags);
  }

  /** Receives one datagram. @returns its bytes, or `-errno` */
  receive(
    socket: DatagramStackSocket,
    flags = 0,
    room = 100_000,
  ): { data: Uint8Array; info: DatagramInfo } | number {
    const info: DatagramInfo = {
      source: 0,
      port: -1,
      destination: 0,
      interface: -1,
      timeToLive: -1,
      typeOfService: -1,
      bytes: -1,
      segmentBytes: -1,
    };
    const first = Math.min(room, 7);
    const ranges = Int32Array.of(0, first, first, room - first);
    const count = socket.receive(this, ranges, 2, info, flags);
    return count < 0 ? count : { data: this.bytes.slice(0, count), info };
  }

  /** Receives text. */
  text(socket: DatagramStackSocket, flags = 0): string | number {
    const got = this.receive(socket, flags);
    return typeof got === "number" ? got : new TextDecoder().decode(got.data);
  }
}

function bytesOf(data: Uint8Array | string | number): Uint8Array {
  if (typeof data === "string") return new TextEncoder().encode(data);
  if (typeof data !== "number") return data;
  return Uint8Array.from({ length: data }, (_, at) => at * 7 + (at >> 8));
}

/** Says nothing beyond the socket's options. */
export const PLAIN: DatagramParameters = {
  address: null,
  port: 0,
  scope: 0,
  source: null,
  timeToLive: 0,
  typeOfService: -1,
  segmentBytes: 0,
};

/** The bytes of `number` that a test sends. */
export function pattern(length: number): Uint8Array {
  return bytesOf(length);
}

/** An int as setsockopt(2) takes it. */
export function int(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8, value >> 16, value >> 24);
}
