/**
 * Socket options: what C passes as a pointer to a struct, as numbers and objects.
 *
 * @module
 */

import type { Bytes } from "../calls.ts";
import type { Core, Step } from "../core.ts";
import type { OptionValue } from "../types.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { lengthOf } from "./arguments.ts";

const INT_BYTES = 4;

/** Room for an int. */
class IntRoom {
  readonly view: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(INT_BYTES));
  readonly bytes: Uint8Array<ArrayBuffer> = new Uint8Array(this.view.buffer);
}

/** One that no call uses now. */
let spareInt: IntRoom | null = null;

/** `getsockopt(2)`. */
export function getsockopt(
  core: Core,
  fd: number,
  level: number,
  name: number,
  value?: Bytes,
  length?: number,
): Step<number> {
  const handle = core.handle("getsockopt", fd);
  if (value === undefined) return getInt(core, handle, level, name);
  if (length !== undefined && length < 0) core.fail("getsockopt", Errno.EINVAL);
  const room = lengthOf(core, "getsockopt", value, length);
  // Typed arrays over explicit memory: small ones move, and a backend may keep this one.
  const own = new Uint8Array(new ArrayBuffer(Math.max(1, room)));
  const outcome = core.engine.getOption(handle, level, name, own, room);
  return core.step("getsockopt", -1, outcome, (written) => {
    if (value === null && written > 0) core.fail("getsockopt", Errno.EFAULT);
    value?.set(own.subarray(0, Math.min(written, room)));
    return written;
  });
}

function getInt(
  core: Core,
  handle: number,
  level: number,
  name: number,
): Step<number> {
  // A backend that answers later keeps it until then.
  const room = spareInt ?? new IntRoom();
  spareInt = null;
  room.view.setInt32(0, 0, true);
  const outcome = core.engine.getOption(handle, level, name, room.bytes, INT_BYTES);
  return core.step("getsockopt", -1, outcome, (written) => {
    spareInt = room;
    // Some options of one byte answer with one byte.
    return written >= INT_BYTES ? room.view.getInt32(0, true) : room.bytes[0];
  });
}

/** `setsockopt(2)`. */
export function setsockopt(
  core: Core,
  fd: number,
  level: number,
  name: number,
  value: OptionValue | null,
  length?: number,
): Step<void> {
  const handle = core.handle("setsockopt", fd);
  const bytes = value === null ? null : encodeOption(value);
  const used = length ?? bytes?.byteLength ?? 0;
  if (!Number.isInteger(used) || used < 0) core.fail("setsockopt", Errno.EINVAL);
  if (bytes !== null && used > bytes.byteLength) core.fail("setsockopt", Errno.EFAULT);
  const outcome = core.engine.setOption(handle, level, name, bytes, used);
  return core.step("setsockopt", -1, outcome, () => {});
}

/** An option's value as C's struct. Source: socket(7). */
function encodeOption(value: OptionValue): Uint8Array<ArrayBufferLike> {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "object" && "sec" in value) {
    const view = new DataView(new ArrayBuffer(16));
    view.setBigInt64(0, BigInt(Math.trunc(value.sec)), true);
    view.setBigInt64(8, BigInt(Math.trunc(value.usec)), true);
    return new Uint8Array(view.buffer);
  }
  const isLinger = typeof value === "object";
  const view = new DataView(new ArrayBuffer(isLinger ? 8 : INT_BYTES));
  view.setInt32(0, isLinger ? value.onoff : Number(value), true);
  if (isLinger) view.setInt32(4, value.linger, true);
  return new Uint8Array(view.buffer);
}
