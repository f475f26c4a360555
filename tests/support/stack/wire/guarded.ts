/**
 * Packet memory that throws when anything outside of a window is read.
 *
 * @module
 */

import { PacketBytes } from "../../../../stack/wire/packet_bytes.ts";

/** Reads outside of the window end here. */
export class OutOfWindow extends Error {}

function guard(window: Window, at: number, bytes: number): void {
  if (at < window.from || at + bytes > window.to || bytes < 0) {
    const { from, to } = window;
    throw new OutOfWindow(`${bytes} bytes at ${at} are read, the packet is ${from} to ${to}`);
  }
}

interface Window {
  readonly from: number;
  readonly to: number;
}

/** A view whose getters, every one of them, look at the window first. */
function guardedView(buffer: ArrayBuffer, window: Window): DataView {
  const view = new DataView(buffer);
  for (const name of GETTERS) {
    const get = DataView.prototype[name] as (at: number, isLittle?: boolean) => number | bigint;
    const bytes = parseInt(name.replace(/\D+/, "")) / 8;
    Object.defineProperty(view, name, {
      value(at: number, isLittle?: boolean) {
        guard(window, at, bytes);
        return get.call(view, at, isLittle);
      },
    });
  }
  return view;
}

const GETTERS = Object.getOwnPropertyNames(DataView.prototype)
  .filter((name) => name.startsWith("get")) as (keyof DataView & `get${string}`)[];

class GuardedBytes extends Uint8Array {
  readonly #window: Window;

  constructor(buffer: ArrayBuffer, window: Window) {
    super(buffer);
    this.#window = window;
  }

  override subarray(from: number, to: number): Uint8Array<ArrayBuffer> {
    guard(this.#window, from, to - from);
    return new Uint8Array(this.buffer as ArrayBuffer, from, to - from);
  }
}

/**
 * Puts bytes amid others of which none may be read.
 *
 * @param bytes The window.
 * @param at How many bytes lie before it.
 * @returns The memory.
 */
export function guardedPackets(bytes: Uint8Array, at: number): PacketBytes {
  const buffer = new ArrayBuffer(at + bytes.length + 64);
  const packets = new PacketBytes(buffer);
  packets.bytes.fill(0xa5).set(bytes, at);
  const window = { from: at, to: at + bytes.length };
  const fields = {
    view: guardedView(buffer, window),
    bytes: new GuardedBytes(buffer, window),
  };
  return Object.defineProperties(packets, {
    view: { value: fields.view },
    bytes: { value: fields.bytes },
  });
}
