/**
 * Control data between objects and the bytes of cmsg(3), and descriptors in it between the numbers
 * of the table and the backend's handles.
 *
 * @module
 */

import { kindOf } from "../authority.ts";
import {
  FD_CLOEXEC,
  MSG_CTRUNC,
  SCM_RIGHTS,
  SO_DOMAIN,
  SO_PROTOCOL,
  SO_TYPE,
  SOL_SOCKET,
} from "../constants/mod.ts";
import { Kind } from "../authority.ts";
import type { Core } from "../core.ts";
import type { RawMessage } from "../engine.ts";
import type { Cmsg } from "../types.ts";
import { CMSGHDR } from "../../ring/abi/layout.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** Control data starts at a multiple of this. Source: cmsg(3), `CMSG_ALIGN`. */
const ALIGNMENT = 8;
const FD_BYTES = 4;

/** `CMSG_SPACE`: bytes that a piece with so many bytes of data takes. */
function cmsgSpace(dataBytes: number): number {
  return align(CMSGHDR.SIZE) + align(dataBytes);
}

/** Lays control data out. */
export function encodeControl(core: Core, pieces: readonly Cmsg[]): Uint8Array<ArrayBuffer> {
  let bytes = 0;
  for (const { data } of pieces) bytes += cmsgSpace(data.byteLength);
  const control = new Uint8Array(new ArrayBuffer(bytes));
  const view = new DataView(control.buffer);
  let at = 0;
  for (const { level, type, data } of pieces) {
    view.setUint32(at + CMSGHDR.LENGTH, CMSGHDR.SIZE + data.byteLength, true);
    view.setInt32(at + CMSGHDR.LEVEL, level, true);
    view.setInt32(at + CMSGHDR.TYPE, type, true);
    control.set(data, at + CMSGHDR.SIZE);
    if (level === SOL_SOCKET && type === SCM_RIGHTS) {
      for (let fd = 0; fd + FD_BYTES <= data.byteLength; fd += FD_BYTES) {
        const place = at + CMSGHDR.SIZE + fd;
        // What is not open is for the backend to refuse: only Unix sockets look at it.
        view.setInt32(place, core.descriptors.handle(view.getInt32(place, true)), true);
      }
    }
    at += cmsgSpace(data.byteLength);
  }
  return control;
}

/**
 * Reads what a receive left; descriptors get numbers, or are closed where they may not be kept.
 *
 * @param closeOnExec whether those numbers are `FD_CLOEXEC`
 */
export function decodeControl(core: Core, message: RawMessage, closeOnExec: boolean): Cmsg[] {
  const pieces: Cmsg[] = [];
  const { control } = message;
  if (control === null) return pieces;
  const view = new DataView(control.buffer, control.byteOffset, control.byteLength);
  const end = Math.min(message.controlLength, control.byteLength);
  for (let at = 0; at + CMSGHDR.SIZE <= end;) {
    const length = view.getUint32(at + CMSGHDR.LENGTH, true);
    if (length < CMSGHDR.SIZE || at + length > end) break;
    const level = view.getInt32(at + CMSGHDR.LEVEL, true);
    const type = view.getInt32(at + CMSGHDR.TYPE, true);
    let data = control.slice(at + CMSGHDR.SIZE, at + length);
    if (level === SOL_SOCKET && type === SCM_RIGHTS) {
      data = installAll(core, message, data, closeOnExec ? FD_CLOEXEC : 0);
    }
    if (data.length > 0 || length === CMSGHDR.SIZE) pieces.push({ level, type, data });
    at += align(length);
  }
  return pieces;
}

/** As where the kernel itself finds no room for them: what is missing is `MSG_CTRUNC`. */
function installAll(
  core: Core,
  message: RawMessage,
  handles: Uint8Array<ArrayBuffer>,
  flags: number,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(handles.buffer);
  let kept = 0;
  for (let at = 0; at + FD_BYTES <= handles.length; at += FD_BYTES) {
    const handle = view.getInt32(at, true);
    core.engine.received(handle);
    const fd = installOne(core, handle, flags);
    if (fd < 0) {
      const closed = core.engine.close(handle);
      if (typeof closed !== "number") closed.later();
      message.flags |= MSG_CTRUNC;
      continue;
    }
    view.setInt32(kept, fd, true);
    kept += FD_BYTES;
  }
  return handles.subarray(0, kept);
}

function installOne(core: Core, handle: number, flags: number): number {
  if (!core.authority.mayAdopt) return -Errno.EACCES;
  try {
    core.reserve("recvmsg");
  } catch {
    return -Errno.EMFILE;
  }
  return core.install("recvmsg", handle, flags, kindOfReceived(core, handle));
}

/** What came in a message may be of any kind; the backend that has messages tells at once. */
function kindOfReceived(core: Core, handle: number): number {
  const domain = intOption(core, handle, SO_DOMAIN);
  if (domain < 0) return Kind.OTHER;
  return kindOf(domain, intOption(core, handle, SO_TYPE), intOption(core, handle, SO_PROTOCOL));
}

function intOption(core: Core, handle: number, name: number): number {
  const value = new DataView(new ArrayBuffer(4));
  const bytes = new Uint8Array(value.buffer);
  const outcome = core.engine.getOption(handle, SOL_SOCKET, name, bytes, 4);
  const result = typeof outcome === "number" ? outcome : outcome.block();
  return result < 0 ? result : value.getInt32(0, true);
}

function align(bytes: number): number {
  return (bytes + ALIGNMENT - 1) & -ALIGNMENT;
}
