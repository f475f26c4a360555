/**
 * Vectors and messages as the kernel reads them, with absolute addresses.
 *
 * @module
 */

import type { RawMessage } from "../engine.ts";
import type { SystemCalls } from "../../ring/system_calls.ts";
import { IOVEC, MSGHDR } from "../../ring/abi/layout.ts";

/**
 * A typed array of fewer bytes may live on V8's heap, where it moves: its bytes go through memory
 * that stays.
 */
const MOVABLE_BYTES = 64;
/** `IOV_MAX` of `limits.h`. */
export const IOV_MAX = 1024;

type Bytes = Uint8Array<ArrayBufferLike>;

/** A `struct iovec[]` and what stands in for buffers that could move. */
export class Vector {
  /** The vector's bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
  readonly #standIns: { readonly stable: Bytes; readonly buffer: Bytes }[] = [];

  constructor(calls: SystemCalls, iov: readonly Bytes[]) {
    this.count = iov.length;
    const view = new DataView(new ArrayBuffer(Math.max(1, iov.length) * IOVEC.SIZE));
    this.bytes = new Uint8Array(view.buffer);
    for (let index = 0; index < iov.length; index++) {
      let buffer = iov[index];
      const length = buffer.byteLength;
      if (length > 0 && length <= MOVABLE_BYTES) {
        const stable = new Uint8Array(new ArrayBuffer(MOVABLE_BYTES * 2));
        // Where it is written to, what the call leaves alone must come back as it was.
        stable.set(buffer);
        this.#standIns.push({ stable, buffer });
        buffer = stable;
      }
      const at = index * IOVEC.SIZE;
      view.setBigUint64(at + IOVEC.BASE, length === 0 ? 0n : calls.addressOf(buffer), true);
      view.setBigUint64(at + IOVEC.LENGTH, BigInt(length), true);
    }
  }

  /** Brings what was written to stand-ins to where it belongs. */
  settle(): void {
    for (const { stable, buffer } of this.#standIns) {
      buffer.set(stable.subarray(0, buffer.byteLength));
    }
  }
}

/** A `struct msghdr`, and everything it points at. */
export class MessageHeader {
  /** The header's bytes. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;
  readonly #vector: Vector;
  readonly #message: RawMessage;

  constructor(calls: SystemCalls, message: RawMessage) {
    this.#message = message;
    this.#vector = new Vector(calls, message.iov);
    this.#view = new DataView(new ArrayBuffer(MSGHDR.SIZE));
    this.bytes = new Uint8Array(this.#view.buffer);
    const { name, control } = message;
    const view = this.#view;
    if (name !== null) view.setBigUint64(MSGHDR.NAME, calls.addressOf(name.bytes), true);
    view.setUint32(MSGHDR.NAME_LENGTH, name === null ? 0 : name.length, true);
    view.setBigUint64(MSGHDR.IOV, calls.addressOf(this.#vector.bytes), true);
    view.setBigUint64(MSGHDR.IOV_LENGTH, BigInt(message.iov.length), true);
    if (control !== null) view.setBigUint64(MSGHDR.CONTROL, calls.addressOf(control), true);
    const controlLength = control === null ? 0 : message.controlLength;
    view.setBigUint64(MSGHDR.CONTROL_LENGTH, BigInt(controlLength), true);
  }

  /** Takes what a receive wrote. */
  settle(): void {
    const view = this.#view;
    const message = this.#message;
    this.#vector.settle();
    if (message.name !== null) message.name.length = view.getUint32(MSGHDR.NAME_LENGTH, true);
    message.controlLength = Number(view.getBigUint64(MSGHDR.CONTROL_LENGTH, true));
    message.flags = view.getInt32(MSGHDR.FLAGS, true);
  }

  /** Resets the lengths that a receive before this one wrote. */
  again(nameRoom: number, controlRoom: number): void {
    this.#view.setUint32(MSGHDR.NAME_LENGTH, nameRoom, true);
    this.#view.setBigUint64(MSGHDR.CONTROL_LENGTH, BigInt(controlRoom), true);
  }
}
