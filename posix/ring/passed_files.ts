/**
 * Files in messages: `SCM_RIGHTS` between sockets of one engine.
 *
 * @module
 */

import type { RawMessage } from "../engine.ts";
import type { FileTable } from "./file_table.ts";
import type { OpenFile } from "./open_file.ts";
import { MSG_CTRUNC, SCM_RIGHTS, SOL_SOCKET } from "../constants/mod.ts";
import { CMSGHDR } from "../../ring/abi/layout.ts";
import { SCM_MAX_FD } from "../../ring/abi/opcodes.ts";
import { Errno } from "../../ring/abi/errno.ts";

const ALIGNMENT = 8;
const HANDLE_BYTES = 4;

/** The files that a message to be sent names by their handles, or `-errno`. */
export function filesOf(table: FileTable, message: RawMessage): OpenFile[] | number {
  const { control } = message;
  const files: OpenFile[] = [];
  if (control === null) return files;
  const view = new DataView(control.buffer, control.byteOffset, control.byteLength);
  const end = Math.min(message.controlLength, control.byteLength);
  for (let at = 0; at + CMSGHDR.SIZE <= end;) {
    const length = view.getUint32(at + CMSGHDR.LENGTH, true);
    if (length < CMSGHDR.SIZE || at + length > end) return -Errno.EINVAL;
    const level = view.getInt32(at + CMSGHDR.LEVEL, true);
    const type = view.getInt32(at + CMSGHDR.TYPE, true);
    // Control data of other levels is passed over; of this one nothing else can be passed on.
    if (level === SOL_SOCKET && type !== SCM_RIGHTS) return -Errno.EINVAL;
    if (level === SOL_SOCKET) {
      for (let place = at + CMSGHDR.SIZE; place + HANDLE_BYTES <= at + length;) {
        const file = table.get(view.getInt32(place, true));
        if (file === undefined) return -Errno.EBADF;
        files.push(file);
        place += HANDLE_BYTES;
      }
    }
    at += (length + ALIGNMENT - 1) & -ALIGNMENT;
  }
  return files.length > SCM_MAX_FD ? -Errno.EINVAL : files;
}

/**
 * Gives files that came handles, as many as there is room for, and lets go of the others.
 *
 * @param isCopy whether the message keeps them, too
 */
export function writeFiles(
  table: FileTable,
  message: RawMessage,
  room: number,
  files: readonly OpenFile[],
  isCopy: boolean,
): void {
  const { control } = message;
  const places = Math.floor(Math.max(0, room - CMSGHDR.SIZE) / HANDLE_BYTES);
  const fitting = control === null ? 0 : Math.min(places, files.length);
  const handles: number[] = [];
  for (const file of files) {
    // Each handle needs a reference of its own, where the message keeps the one it has.
    if (isCopy) file.references++;
    const handle = handles.length < fitting ? table.add(file) : -1;
    if (handle >= 0) handles.push(handle);
    else file.release();
  }
  if (handles.length < files.length) message.flags |= MSG_CTRUNC;
  if (control === null || handles.length === 0) return;
  const view = new DataView(control.buffer, control.byteOffset, control.byteLength);
  const length = CMSGHDR.SIZE + handles.length * HANDLE_BYTES;
  view.setUint32(CMSGHDR.LENGTH, length, true);
  view.setUint32(CMSGHDR.LENGTH + 4, 0, true);
  view.setInt32(CMSGHDR.LEVEL, SOL_SOCKET, true);
  view.setInt32(CMSGHDR.TYPE, SCM_RIGHTS, true);
  handles.forEach((handle, index) => {
    view.setInt32(CMSGHDR.SIZE + index * HANDLE_BYTES, handle, true);
  });
  message.controlLength = Math.min(room, (length + ALIGNMENT - 1) & -ALIGNMENT);
}
