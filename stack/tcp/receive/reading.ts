/**
 * How a program reads: recv(2) with its flags, and the window that grows by it.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import { Msg } from "../../../ring/abi/opcodes.ts";
import type { UserMemory } from "../../socket.ts";
import { ReceiverCounter } from "./counters.ts";
import type { PayloadStore } from "./payload_store.ts";
import type { Receiver } from "./receiver.ts";
import { ReceiverBit } from "./receiver_bits.ts";
import { bytesToMark, forgetMark, isMarkSkipped, UrgentState } from "./urgent.ts";

/** All bytes in order that were not read, the urgent one among them. */
function unread(receiver: Receiver): number {
  const fin = (receiver.bits & ReceiverBit.ENDED) === 0 ? 0 : 1;
  return receiver.receiveNext - fin - receiver.readNext | 0;
}

/** Bytes that can be read before the mark, if there is one ahead: `FIONREAD`. */
export function readableBytes(receiver: Receiver): number {
  const bytes = unread(receiver);
  if (receiver.urgent === null || !isMarkSkipped(receiver)) return bytes;
  const toMark = bytesToMark(receiver);
  if (toMark < 0 || toMark >= bytes) return bytes;
  return toMark === 0 ? bytes - 1 : toMark;
}

/** See `ReceiverPart.read`. */
export function read(
  receiver: Receiver,
  memory: UserMemory,
  at: number,
  bytes: number,
  flags: number,
): number {
  if ((flags & Msg.OOB) !== 0) return readUrgent(receiver, memory, at, bytes, flags);
  const { queue, settings } = receiver;
  const { store, counters } = settings;
  let skip = 0;
  let count = unread(receiver);
  if (receiver.urgent !== null && bytes > 0) {
    const toMark = bytesToMark(receiver);
    // At the mark its byte is left out, unless it is in line; before it reading stops there.
    if (toMark === 0 && count > 0 && isMarkSkipped(receiver)) {
      skip = 1;
      count--;
    } else if (toMark > 0 && toMark < count) {
      count = toMark;
    }
  }
  if (count > bytes) count = bytes;
  if (count > 0 && (flags & Msg.TRUNC) === 0) {
    queue!.copyOut(store, memory, at, skip, count);
  }
  const isPeek = (flags & Msg.PEEK) !== 0;
  if (skip + count > 0 && !isPeek) {
    receiver.dropFront(skip + count);
    counters.add(ReceiverCounter.BYTES_READ, count);
    if (receiver.urgent !== null) forgetMark(receiver);
    tune(receiver);
    if (receiver.queue === null) receiver.acknowledgments.onAllRead();
    updateWindow(receiver);
  }
  if (count > 0 || bytes === 0) return count;
  return (receiver.bits & (ReceiverBit.ENDED | ReceiverBit.SHUT)) !== 0 ? 0 : -Errno.EAGAIN;
}

/** `MSG_OOB`: the urgent byte. */
function readUrgent(
  receiver: Receiver,
  memory: UserMemory,
  at: number,
  bytes: number,
  flags: number,
): number {
  const { urgent, settings } = receiver;
  const isGone = urgent === null || urgent.state === UrgentState.NONE ||
    urgent.state === UrgentState.READ;
  if (isGone || receiver.isUrgentInline) return -Errno.EINVAL;
  if (urgent.state === UrgentState.ARRIVED) {
    const isCopied = bytes > 0 && (flags & Msg.TRUNC) === 0;
    const result = isCopied ? copyByte(settings.store, memory, at, urgent.byte) : 0;
    if (result < 0) return result;
    if ((flags & Msg.PEEK) === 0) urgent.state = UrgentState.READ;
    return bytes > 0 ? 1 : 0;
  }
  return (receiver.bits & (ReceiverBit.ENDED | ReceiverBit.SHUT)) !== 0 ? 0 : -Errno.EAGAIN;
}

/** Copies one byte to the program, by way of a packet: memory of users takes nothing else. */
function copyByte(store: PayloadStore, memory: UserMemory, at: number, byte: number): number {
  const { arena } = store;
  const packet = arena.take(1);
  if (packet < 0) return -Errno.ENOBUFS;
  arena.memory.view.setUint8(arena.start(packet), byte);
  memory.copyOut(at, arena.start(packet), 1);
  arena.release(packet);
  return 0;
}

/** Enlarges the buffer where the program reads as fast as data come. */
function tune(receiver: Receiver): void {
  const { tuning, settings, host } = receiver;
  if (tuning === null) return;
  const { options, counters, store } = settings;
  const wanted = tuning.onRead(host.environment.now, receiver.readNext, host.receiveSegment);
  const isFixed = (receiver.bits & ReceiverBit.FIXED_BUFFER) !== 0;
  const bytes = Math.min(wanted, options.maximumBufferBytes);
  if (isFixed || bytes <= receiver.buffer || store.isShort) return;
  receiver.buffer = bytes;
  counters.add(ReceiverCounter.BUFFERS_ENLARGED);
}

/** Announces a window that has grown so much that a waiting sender should know. */
function updateWindow(receiver: Receiver): void {
  if ((receiver.bits & ReceiverBit.FIN) !== 0) return;
  const { receiveNext, receiveLimit, host, settings, acknowledgments } = receiver;
  const announced = receiveLimit - receiveNext | 0;
  // Linux' rule: at least twice what is known. A sender with room left waits for nothing.
  if (2 * announced > receiver.buffer) return;
  const edge = receiver.nextEdge;
  if (edge === receiveLimit || (edge - receiveNext | 0) < 2 * announced) return;
  settings.counters.add(ReceiverCounter.WINDOW_UPDATES);
  acknowledgments.onEvent(host.environment.now, settings.options);
  host.acknowledge();
}
