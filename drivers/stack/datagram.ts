/**
 * A descriptor for a socket whose messages have boundaries: UDP, ping, raw.
 *
 * @module
 */

import { BUFFER_GROUP, type BufferSupply } from "../../ring/buffers.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { MSGHDR, RECVMSG_OUT } from "../../ring/abi/layout.ts";
import { CQE_BUFFER_SHIFT, CqeFlag, IoPrio, Msg, Op, SqeFlag } from "../../ring/abi/opcodes.ts";
import {
  type DatagramParameters,
  type DatagramStackSocket,
  Ready,
  unknownDatagram,
} from "../../stack/socket.ts";
import { prepareReceive } from "../machine/datagram_receive.ts";
import type { Operation } from "../machine/operation.ts";
import { advance, locate, readLong } from "../machine/segments.ts";
import { isMultishotReceive, messageFlags } from "../machine/transfers.ts";
import { ControlWriter } from "./control_messages.ts";
import { StackFile } from "./file.ts";
import type { StackMachine } from "./machine.ts";
import { beginControl, endMessage, writeName } from "./message_writer.ts";
import { readControl } from "./messages.ts";
import { destinationOf, Endpoint, isScoped, readSockaddr, writeSockaddr } from "./names.ts";

/** `MSG_CONFIRM`, `MSG_DONTROUTE`, `MSG_CMSG_CLOEXEC`, `MSG_EOR`. */
const HINTS = 0x800 | 0x4 | 0x40000000 | 0x80;
const MORE = 0x8000;
const KNOWN_SEND_FLAGS = Msg.NOSIGNAL | Msg.DONTWAIT | Msg.WAITALL | MORE | HINTS;
/** `POLLWRNORM`, `POLLWRBAND`. */
const WRITE_NORMAL = 0x100;
const WRITE_BAND = 0x200;
/** The most ranges of one message, as Linux's UIO_MAXIOV. */
const MAXIMUM_RANGES = 1024;
const READABLE = Ready.IN | Ready.ERROR | Ready.READ_HANGUP | Ready.HANGUP;

/** What all datagram files of an isolate write into, one call at a time. */
const ranges = new Int32Array(2 * MAXIMUM_RANGES);
const destination = new Endpoint();
const control = new ControlWriter();
const parameters: DatagramParameters = {
  address: null,
  port: 0,
  scope: 0,
  source: null,
  timeToLive: 0,
  typeOfService: -1,
  segmentBytes: 0,
};
const info = unknownDatagram();

/** A socket of datagrams, and the operations that wait for it. */
export class DatagramFile extends StackFile {
  override readonly socket: DatagramStackSocket;
  /** What it was asked to tell beside its datagrams: bits of `Beside`. */
  beside = 0;
  /** `SOCK_DGRAM` or `SOCK_RAW`. */
  readonly type: number;
  readonly protocol: number;

  /**
   * @param fd its descriptor
   * @param socket which is its own from here on
   */
  constructor(
    machine: StackMachine,
    fd: number,
    family: number,
    socket: DatagramStackSocket,
    type: number,
    protocol: number,
  ) {
    super(machine, fd, family);
    this.socket = socket;
    this.type = type;
    this.protocol = protocol;
    socket.owner = this;
  }

  /** udp(7), as in `datagram_poll` of Linux: what can be written is of every priority. */
  protected override get writeEvents(): number {
    return WRITE_NORMAL | WRITE_BAND;
  }

  /** {@inheritDoc StackFile.send} */
  override send(operation: Operation): void {
    const flags = messageFlags(operation);
    operation.operationFlags = flags;
    const refusal = (flags & Msg.OOB) !== 0 ? Errno.EOPNOTSUPP : this.#sendRefusal(operation);
    if (refusal !== 0) return this.machine.complete(operation, -refusal, 0);
    const header = operation.address;
    const fault = locate(this.machine.memory, operation);
    if (fault < 0) return this.machine.complete(operation, fault, 0);
    // Where its name and control messages are; `addr` walks through its vector.
    if (operation.opcode === Op.SENDMSG) operation.offset = header;
    this.submitSend(operation);
  }

  /** {@inheritDoc StackFile.receive} */
  override receive(operation: Operation): void {
    const flags = messageFlags(operation);
    operation.operationFlags = flags;
    const { memory } = this.machine;
    const result = prepareReceive(memory, operation, flags & ~Msg.ERRQUEUE);
    if (result >= 0 && (flags & Msg.ERRQUEUE) !== 0) return this.#receiveReport(operation);
    // As read(2) has it, nothing is read when nothing is wanted; recv(2) takes a datagram.
    const isNothing = operation.total === 0 && isPlainRead(operation);
    if (result < 0 || isNothing) return this.machine.complete(operation, result, 0);
    this.submitReceive(operation);
  }

  /** {@inheritDoc StackFile.serveSend} */
  protected override serveSend(operation: Operation): boolean {
    const { user } = this.machine;
    const fault = this.#readParameters(operation);
    if (fault < 0) {
      this.finish(operation, fault, 0);
      return true;
    }
    const { address, room, vector, vectors } = operation;
    const count = gatherRanges(this.machine, operation, operation.total);
    const flags = operation.operationFlags & MORE;
    this.isCalling = true;
    const sent = this.socket.send(user, ranges, count, parameters, flags);
    this.isCalling = false;
    if (sent === -Errno.EAGAIN) {
      Object.assign(operation, { address, room, vector, vectors });
      return false;
    }
    this.finish(operation, sent, 0);
    return true;
  }

  /** {@inheritDoc StackFile.serveReceive} */
  protected override serveReceive(operation: Operation): boolean {
    const isMultishot = isMultishotReceive(operation);
    for (;;) {
      if ((this.socket.readiness() & READABLE) === 0) return false;
      const selects = (operation.flags & SqeFlag.BUFFER_SELECT) !== 0;
      const isOver = selects
        ? this.#serveBuffer(operation, isMultishot)
        : this.#servePlain(operation);
      if (isOver !== null) return isOver;
    }
  }

  #sendRefusal(operation: Operation): number {
    const isUnknown = (operation.operationFlags & ~KNOWN_SEND_FLAGS) !== 0 ||
      (operation.ioprio & ~IoPrio.POLL_FIRST) !== 0 ||
      (operation.flags & SqeFlag.BUFFER_SELECT) !== 0;
    return isUnknown ? Errno.EINVAL : 0;
  }

  /** Reads what a send says about its datagram. @returns 0 or `-errno` */
  #readParameters(operation: Operation): number {
    const { memory } = this.machine;
    parameters.address = null;
    parameters.port = 0;
    parameters.scope = 0;
    parameters.source = null;
    parameters.timeToLive = 0;
    parameters.typeOfService = -1;
    parameters.segmentBytes = 0;
    let name = 0;
    let length = 0;
    if (operation.opcode === Op.SENDMSG) {
      const header = operation.offset;
      name = readLong(memory, header + MSGHDR.NAME);
      length = memory.words[(header + MSGHDR.NAME_LENGTH) >> 2];
      const fault = readControl(memory, header, parameters);
      if (fault < 0) return fault;
    } else if (operation.opcode === Op.SEND) {
      // io_uring_prep_send_set_addr(3): `addr2`, and its length in the low half of `file_index`.
      name = operation.offset;
      length = operation.fileIndex & 0xffff;
    }
    if (name === 0) return 0;
    const fault = readSockaddr(memory, name, length, this.family, true, destination);
    if (fault < 0) return fault;
    parameters.address = destinationOf(destination.address);
    parameters.port = destination.port;
    if (destination.scope !== 0) parameters.scope = destination.scope;
    return 0;
  }

  /** Fills the operation's own memory. @returns whether it has completed, null to try again */
  #servePlain(operation: Operation): boolean | null {
    const { address, room, vector, vectors } = operation;
    const count = gatherRanges(this.machine, operation, operation.total);
    const copied = this.#take(operation, count);
    if (copied === -Errno.EAGAIN) {
      Object.assign(operation, { address, room, vector, vectors });
      return false;
    }
    // Linux: who does not wait is not told that it was shut, only who does.
    const isShut = copied === 0 && info.port < 0 && info.bytes === 0;
    const isHasty = (operation.operationFlags & Msg.DONTWAIT) !== 0;
    if (copied < 0 || isShut && isHasty) {
      this.finish(operation, copied < 0 ? copied : -Errno.EAGAIN, 0);
      return true;
    }
    if (operation.opcode === Op.RECVMSG) this.#describeMessage(operation, copied);
    this.finish(operation, this.#reported(operation, copied), 0);
    return true;
  }

  /** Fills a provided buffer. @returns whether it has completed, null when there may be more */
  #serveBuffer(operation: Operation, isMultishot: boolean): boolean | null {
    const { machine } = this;
    const hasHeader = isMultishot && operation.opcode === Op.RECVMSG;
    // An empty datagram, or an error, takes a buffer only where a header goes with it.
    const isEmpty = this.socket.available === 0;
    if (isEmpty && !hasHeader) return this.#serveEmpty(operation);
    const hasError = (this.socket.readiness() & Ready.IN) === 0;
    if (hasError) return this.#serveEmpty(operation);
    const supply = operation.bufferGroup === BUFFER_GROUP ? machine.supply : machine.datagramSupply;
    if (!supply.take()) {
      this.finish(operation, -Errno.ENOBUFS, 0);
      return true;
    }
    const flags = CqeFlag.BUFFER | (supply.id << CQE_BUFFER_SHIFT);
    const before = hasHeader ? RECVMSG_OUT.SIZE + operation.room + operation.vector : 0;
    const { total } = operation;
    const capacity = total > 0 ? Math.min(total, supply.bytes) : supply.bytes;
    ranges[0] = supply.offset + before;
    ranges[1] = Math.max(0, capacity - before);
    const copied = this.#take(operation, 1);
    if (copied < 0) {
      this.finish(operation, copied, flags);
      return true;
    }
    const result = hasHeader
      ? this.#writeMessage(operation, supply, before, copied)
      : this.#finishPlainBuffer(operation, copied);
    if (!isMultishot || info.bytes === 0) {
      // Linux ends a multishot receive at an empty datagram.
      this.finish(operation, result, flags);
      return true;
    }
    machine.more(operation, result, flags);
    return null;
  }

  #finishPlainBuffer(operation: Operation, copied: number): number {
    if (operation.opcode === Op.RECVMSG) this.#describeMessage(operation, copied);
    return this.#reported(operation, copied);
  }

  #serveEmpty(operation: Operation): boolean | null {
    const copied = this.#take(operation, 0);
    if (copied === -Errno.EAGAIN) return false;
    if (copied >= 0 && operation.opcode === Op.RECVMSG) this.#describeMessage(operation, copied);
    this.finish(operation, copied, 0);
    return true;
  }

  /** `MSG_ERRQUEUE`, which never waits: the oldest report of an error. */
  #receiveReport(operation: Operation): void {
    const { machine, family, beside } = this;
    // Reports have no room in provided buffers.
    const selects = (operation.flags & SqeFlag.BUFFER_SELECT) !== 0;
    const report = selects ? null : this.socket.takeReport();
    if (report === null) {
      return machine.complete(operation, selects ? -Errno.EINVAL : -Errno.EAGAIN, 0);
    }
    const { memory } = machine;
    const { payload } = report;
    const count = gatherRanges(machine, operation, operation.total);
    let copied = 0;
    for (let range = 0; range < count; range++) {
      const part = payload.subarray(copied, copied + ranges[2 * range + 1]);
      memory.bytes.set(part, ranges[2 * range]);
      copied += part.length;
    }
    if (operation.opcode === Op.RECVMSG) {
      const { address, port, packet } = report;
      writeName(memory, operation.offset, family, address, port, packet?.interface ?? 0);
      beginControl(memory, operation.offset, control);
      if (packet !== null) control.describe(beside, packet, 0);
      control.report(family, report);
      const truncated = (copied < payload.length ? Msg.TRUNC : 0) |
        (control.isTruncated ? Msg.CTRUNC : 0);
      endMessage(memory, operation.offset, control, Msg.ERRQUEUE | truncated);
    }
    machine.complete(operation, copied, 0);
  }

  /** Takes a datagram into `ranges`, and what is known of it into `info`. */
  #take(operation: Operation, count: number): number {
    const flags = operation.operationFlags & Msg.PEEK;
    info.bytes = 0;
    info.port = -1;
    this.isCalling = true;
    const copied = this.socket.receive(this.machine.user, ranges, count, info, flags);
    this.isCalling = false;
    return copied;
  }

  #reported(operation: Operation, copied: number): number {
    return (operation.operationFlags & Msg.TRUNC) !== 0 ? info.bytes : copied;
  }

  /** Writes what came with a datagram into the `msghdr` of a RECVMSG, as recvmsg(2) does. */
  #describeMessage(operation: Operation, copied: number): void {
    const { memory } = this.machine;
    const hasOne = info.port >= 0;
    // Its place was noted when the operation was prepared: `addr` walks through the vector.
    const header = operation.offset;
    const source = hasOne ? info.source : null;
    writeName(memory, header, this.family, source, info.port, info.interface);
    beginControl(memory, header, control);
    if (hasOne) control.describe(this.beside, info, 0);
    endMessage(memory, header, control, this.#messageFlags(copied));
  }

  #messageFlags(copied: number): number {
    return (copied < info.bytes ? Msg.TRUNC : 0) | (control.isTruncated ? Msg.CTRUNC : 0);
  }

  #writeSource(at: number, room: number): number {
    const { source, port, interface: index } = info;
    const zone = isScoped(source) ? index : 0;
    return writeSockaddr(this.machine.memory.bytes, at, room, this.family, source, port, zone);
  }

  /**
   * Fills the front of a provided buffer as `io_uring_prep_recvmsg_multishot(3)` describes: a
   * header, the name, and control messages, each with the room that the `msghdr` asked for.
   *
   * @returns the bytes of the buffer that count
   */
  #writeMessage(
    operation: Operation,
    { offset }: BufferSupply,
    before: number,
    copied: number,
  ): number {
    const { bytes } = this.machine.memory;
    const name = offset + RECVMSG_OUT.SIZE;
    const nameLength = this.#writeSource(name, operation.room);
    control.begin(bytes, name + operation.room, operation.vector);
    control.describe(this.beside, info, 0);
    putNumber(bytes, offset + RECVMSG_OUT.NAME_LENGTH, nameLength);
    putNumber(bytes, offset + RECVMSG_OUT.CONTROL_LENGTH, control.length);
    putNumber(bytes, offset + RECVMSG_OUT.PAYLOAD_LENGTH, this.#reported(operation, copied));
    putNumber(bytes, offset + RECVMSG_OUT.FLAGS, this.#messageFlags(copied));
    return before + copied;
  }
}

/** Puts the ranges of an operation, as far as they count, into `ranges`. @returns how many */
function gatherRanges({ memory }: StackMachine, operation: Operation, total: number): number {
  let left = total;
  let count = 0;
  while (left > 0) {
    const room = Math.min(left, advance(memory, operation));
    ranges[2 * count] = operation.address;
    ranges[2 * count + 1] = room;
    count++;
    operation.address += room;
    operation.room -= room;
    left -= room;
  }
  return count;
}

function isPlainRead({ opcode, flags }: Operation): boolean {
  if ((flags & SqeFlag.BUFFER_SELECT) !== 0) return false;
  return opcode === Op.READ || opcode === Op.READV || opcode === Op.READ_FIXED;
}

/** Provided buffers may begin anywhere, so that their header is none of whole words. */
function putNumber(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = (value >>> 8) & 0xff;
  bytes[at + 2] = (value >>> 16) & 0xff;
  bytes[at + 3] = value >>> 24;
}
