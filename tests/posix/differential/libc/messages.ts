/**
 * The oracle's calls with messages: buffers, names and control data in one.
 *
 * @module
 */

import { DataCalls } from "./data.ts";
import { NULL, type Room } from "./memory.ts";
import { readSockaddr, STORAGE_BYTES } from "./structs.ts";
import { rightsOf } from "../../../../posix/calls.ts";
import { SCM_RIGHTS, SOL_SOCKET } from "../../../../posix/constants/mod.ts";
import type { Cmsg, Mmsghdr, Msghdr, Timespec } from "../../../../posix/types.ts";

const MSGHDR_BYTES = 56;
const MMSGHDR_BYTES = 64;
const CMSGHDR_BYTES = 16;

/** Where the fields of `struct msghdr` lie. */
const Field = { name: 0, namelen: 8, iov: 16, iovlen: 24, control: 32, controllen: 40, flags: 48 };

function aligned(length: number): number {
  return (length + 7) & ~7;
}

/** Messages. */
export class MessageCalls extends DataCalls {
  /** `sendmsg(2)`. */
  sendmsg(fd: number, message: Msghdr, flags = 0): number {
    this.memory.reset();
    const header = this.memory.room(MSGHDR_BYTES);
    this.#writeToSend(header.view, message);
    const result = this.call.sendmsg(this.kernelFd(fd), header.address, flags | 0);
    return this.check("sendmsg", result);
  }

  /** `recvmsg(2)`. */
  recvmsg(fd: number, message: Msghdr, flags = 0): number {
    this.memory.reset();
    const header = this.memory.room(MSGHDR_BYTES);
    const read = this.#writeToReceive(header.view, message);
    const result = this.call.recvmsg(this.kernelFd(fd), header.address, flags | 0);
    const n = this.check("recvmsg", result);
    read();
    return n;
  }

  /** `sendmmsg(2)`. */
  sendmmsg(fd: number, messages: Mmsghdr[], flags = 0): number {
    this.memory.reset();
    const table = this.memory.room(messages.length * MMSGHDR_BYTES);
    messages.forEach(({ hdr }, index) => this.#writeToSend(element(table, index), hdr));
    const kernelFd = this.kernelFd(fd);
    const result = this.call.sendmmsg(kernelFd, table.address, messages.length, flags | 0);
    const count = this.check("sendmmsg", result);
    for (let index = 0; index < count; index++) {
      messages[index].len = element(table, index).getUint32(MSGHDR_BYTES, true);
    }
    return count;
  }

  /** `recvmmsg(2)`. */
  recvmmsg(fd: number, messages: Mmsghdr[], flags = 0, timeout: Timespec | null = null): number {
    this.memory.reset();
    const table = this.memory.room(messages.length * MMSGHDR_BYTES);
    const reads = messages.map(({ hdr }, at) => this.#writeToReceive(element(table, at), hdr));
    const result = this.call.recvmmsg(
      this.kernelFd(fd),
      table.address,
      messages.length,
      flags | 0,
      this.timespec(timeout),
    );
    const count = this.check("recvmmsg", result);
    for (let index = 0; index < count; index++) {
      messages[index].len = element(table, index).getUint32(MSGHDR_BYTES, true);
      reads[index]();
    }
    return count;
  }

  /** A `struct timespec`, NULL for null. */
  protected timespec(time: Timespec | null): bigint {
    if (time === null) return NULL;
    const room = this.memory.room(16);
    room.view.setBigInt64(0, BigInt(time.sec), true);
    room.view.setBigInt64(8, BigInt(time.nsec), true);
    return room.address;
  }

  #writeToSend(header: DataView, message: Msghdr): void {
    const name = this.name(message.name, message.namelen, 0);
    const control = this.memory.put(this.#controlBytes(message.control ?? []));
    const length = message.control?.reduce((sum, { data }) => sum + space(data.length), 0) ?? 0;
    this.#write(header, name, message, { address: length === 0 ? NULL : control, length });
  }

  #writeToReceive(header: DataView, message: Msghdr): () => void {
    const name = this.memory.room(STORAGE_BYTES);
    const namelen = message.namelen ?? STORAGE_BYTES;
    const control = this.memory.room(message.controllen ?? 0);
    const { copyBack } = this.#write(
      header,
      { address: namelen === 0 ? NULL : name.address, length: namelen },
      message,
      {
        address: control.bytes.length === 0 ? NULL : control.address,
        length: control.bytes.length,
      },
    );
    return () => {
      copyBack();
      if (namelen !== 0) {
        message.namelen = header.getUint32(Field.namelen, true);
        message.name = readSockaddr(name.bytes.subarray(0, namelen), message.namelen);
      }
      message.controllen = Number(header.getBigUint64(Field.controllen, true));
      message.control = this.#readControl(control, message.controllen);
      message.flags = header.getInt32(Field.flags, true);
    };
  }

  #write(
    header: DataView,
    name: { address: bigint; length: number },
    message: Msghdr,
    control: { address: bigint; length: number },
  ) {
    const vector = this.vector(message.iov);
    header.setBigUint64(Field.name, name.address, true);
    header.setUint32(Field.namelen, name.length, true);
    header.setBigUint64(Field.iov, vector.address, true);
    header.setBigUint64(Field.iovlen, BigInt(vector.count), true);
    header.setBigUint64(Field.control, control.address, true);
    header.setBigUint64(Field.controllen, BigInt(control.length), true);
    return vector;
  }

  #controlBytes(control: readonly Cmsg[]): Uint8Array {
    const bytes = new Uint8Array(control.reduce((sum, { data }) => sum + space(data.length), 0));
    const view = new DataView(bytes.buffer);
    let at = 0;
    for (const message of control) {
      view.setBigUint64(at, BigInt(CMSGHDR_BYTES + message.data.length), true);
      view.setInt32(at + 8, message.level, true);
      view.setInt32(at + 12, message.type, true);
      bytes.set(message.data, at + CMSGHDR_BYTES);
      if (isRights(message)) {
        rightsOf(message).forEach((fd, index) =>
          view.setInt32(at + CMSGHDR_BYTES + index * 4, this.kernelFd(fd), true)
        );
      }
      at += space(message.data.length);
    }
    return bytes;
  }

  #readControl(control: Room, used: number): Cmsg[] {
    const messages: Cmsg[] = [];
    for (let at = 0; at + CMSGHDR_BYTES <= used;) {
      const length = Number(control.view.getBigUint64(at, true));
      if (length < CMSGHDR_BYTES) break;
      const end = Math.min(at + length, used);
      const message = {
        level: control.view.getInt32(at + 8, true),
        type: control.view.getInt32(at + 12, true),
        data: control.bytes.slice(at + CMSGHDR_BYTES, end),
      };
      if (isRights(message)) this.#numberRights(message);
      messages.push(message);
      at += aligned(length);
    }
    return messages;
  }

  #numberRights(message: Cmsg): void {
    const view = new DataView(message.data.buffer);
    rightsOf(message).forEach((kernelFd, index) =>
      view.setInt32(index * 4, this.number(kernelFd), true)
    );
  }
}

function element(table: Room, index: number): DataView {
  return new DataView(
    table.bytes.buffer,
    table.bytes.byteOffset + index * MMSGHDR_BYTES,
    MMSGHDR_BYTES,
  );
}

/** `CMSG_SPACE`. */
function space(length: number): number {
  return CMSGHDR_BYTES + aligned(length);
}

function isRights({ level, type }: Cmsg): boolean {
  return level === SOL_SOCKET && type === SCM_RIGHTS;
}
