/**
 * What a RECVMSG is told about the room for names and control messages, and what one that takes a
 * single message leaves where.
 *
 * ```text
 *  multishot, in the buffer:   header | name | control | payload
 *  single, in scratch bytes:   msghdr | vector | name | control       and the payload in the buffer
 * ```
 *
 * @module
 */

import type { Message } from "./datagram.ts";
import type { DatagramFilter } from "./datagram_inbox.ts";
import type { Reactor } from "../../ring/reactor.ts";
import { Scratch } from "../../ring/slots.ts";
import { controlSpace } from "../../ring/abi/control.ts";
import { MSGHDR, RECVMSG_OUT } from "../../ring/abi/layout.ts";
import { putLong } from "../../ring/abi/long.ts";
import { Msg } from "../../ring/abi/opcodes.ts";

/** `struct io_uring_recvmsg_out` in front of every message. */
export const HEADER_BYTES: number = RECVMSG_OUT.SIZE;

/** The room for what may come beside a datagram: UDP_GRO, PKTINFO, TTL, TOS, SO_RXQ_OVFL. */
const CONTROL_ROOM: number = 4 * controlSpace(4) + controlSpace(20);

/** Bytes of UDP payload that the kernel may join to one message. */
const JOINED_BYTES_MAX = 65535;

/** Rooms for a sockaddr by family, each a multiple of 8. */
export const NAME_ROOMS: Readonly<Record<"IPv4" | "IPv6" | "unix", number>> = {
  IPv4: 16,
  IPv6: 32,
  unix: 112,
};

/** The processor copies large datagrams a third faster to the beginning of a cache line. */
const PAYLOAD_ALIGNMENT = 64;

const VECTOR = MSGHDR.SIZE;
/** Where the name of a single message is in scratch bytes. */
const NAME = VECTOR + 24;

/** How an endpoint receives. */
export interface ReceiveLayout {
  /** Bytes for a sockaddr. */
  readonly nameRoom: number;
  /** The port that it is bound to. */
  readonly localPort: number;
  /** The most datagrams that its program may hold. */
  readonly leasesMax: number;
  /** What is asked before a datagram is delivered, null for nothing. */
  readonly filter: DatagramFilter | null;
}

if (NAME + NAME_ROOMS.IPv6 + CONTROL_ROOM > Scratch.DESCRIPTORS) {
  throw new Error("scratch: control");
}

/** Whether buffers are large enough for the largest message that the kernel may join. */
export function fitsJoined(bufferBytes: number): boolean {
  return bufferBytes >= payloadOffsetOf(NAME_ROOMS.IPv6) + JOINED_BYTES_MAX;
}

/** Where the payload begins in a message. */
export function payloadOffsetOf(nameRoom: number): number {
  const least = HEADER_BYTES + nameRoom + controlRoomOf(nameRoom);
  return Math.ceil(least / PAYLOAD_ALIGNMENT) * PAYLOAD_ALIGNMENT;
}

/** The room for control messages: those of Unix sockets have none, but long names. */
function controlRoomOf(nameRoom: number): number {
  return nameRoom > NAME_ROOMS.IPv6 ? 0 : CONTROL_ROOM;
}

/** Writes the msghdr of a receive into the slot's scratch bytes. @returns its offset */
export function writeTemplate(
  reactor: Reactor,
  slot: number,
  nameRoom: number,
  isMultishot: boolean,
): number {
  const { memory } = reactor;
  const { words } = memory;
  const header = reactor.scratchOf(slot) + Scratch.MSGHDR;
  words.fill(0, header >> 2, (header + NAME) >> 2);
  words[(header + MSGHDR.NAME_LENGTH) >> 2] = nameRoom;
  const most = payloadOffsetOf(nameRoom) - HEADER_BYTES - nameRoom;
  words[(header + MSGHDR.CONTROL_LENGTH) >> 2] = isMultishot ? most : controlRoomOf(nameRoom);
  if (isMultishot) return header;
  putLong(words, header + MSGHDR.NAME, memory.base + header + NAME);
  putLong(words, header + MSGHDR.CONTROL, memory.base + header + NAME + nameRoom);
  return header;
}

/**
 * Puts a message of a single receive together on the heap, as a multishot one would have put it
 * into the buffer, and gives the buffer back.
 *
 * @param id of the buffer, -1 where an empty datagram took none
 */
export function singleMessage(
  reactor: Reactor,
  message: Message,
  id: number,
  result: number,
  slot: number,
): void {
  const { memory, datagramBuffers } = reactor;
  const { bytes, words } = memory;
  const { home } = message;
  const header = reactor.scratchOf(slot) + Scratch.MSGHDR;
  const payload = Math.min(result, datagramBuffers.bytes);
  const heap = new Uint8Array(home.payloadOffset + payload);
  const named = home.nameRoom + controlRoomOf(home.nameRoom);
  heap.set(bytes.subarray(header + NAME, header + NAME + named), HEADER_BYTES);
  if (id >= 0) {
    const from = datagramBuffers.offsetOf(id);
    heap.set(bytes.subarray(from, from + payload), home.payloadOffset);
    datagramBuffers.release(id);
  }
  message.id = -1;
  message.heap = heap;
  message.origin = 0;
  message.nameLength = Math.min(words[(header + MSGHDR.NAME_LENGTH) >> 2], home.nameRoom);
  message.controlLength = words[(header + MSGHDR.CONTROL_LENGTH) >> 2];
  message.bytes = payload;
  message.isTruncated = (words[(header + MSGHDR.FLAGS) >> 2] & Msg.TRUNC) !== 0;
  message.segment = payload;
  message.count = 1;
}
