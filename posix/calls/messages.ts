/**
 * Messages with addresses and control data, one and many.
 *
 * @module
 */

import {
  MSG_CMSG_CLOEXEC,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_OOB,
  MSG_WAITFORONE,
  SO_ERROR,
  SOL_SOCKET,
} from "../constants/mod.ts";
import type { Core, Step } from "../core.ts";
import { andThen, emptyName, type Name, type Outcome, type RawMessage } from "../engine.ts";
import { PosixError } from "../errors.ts";
import { decodeName } from "../names/sockaddr.ts";
import type { Mmsghdr, Msghdr, Timespec } from "../types.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { nameOf, requireSocket } from "./arguments.ts";
import { decodeControl, encodeControl } from "./control_data.ts";

/** Messages of one call, at most. Source: sendmmsg(2), `UIO_MAXIOV`. */
const MESSAGES_MAX = 1024;

/** `sendmsg(2)`. */
export function sendmsg(core: Core, fd: number, message: Msghdr, flags = 0): Step<number> {
  return core.count("sendmsg", fd, sendOne(core, "sendmsg", fd, message, flags));
}

/** `recvmsg(2)`. */
export function recvmsg(core: Core, fd: number, message: Msghdr, flags = 0): Step<number> {
  return core.count("recvmsg", fd, receiveOne(core, "recvmsg", fd, message, flags));
}

/** `sendmmsg(2)`. */
export function sendmmsg(core: Core, fd: number, messages: Mmsghdr[], flags = 0): Step<number> {
  core.handle("sendmmsg", fd);
  requireSocket(core, "sendmmsg", fd);
  const count = Math.min(messages.length, MESSAGES_MAX);
  const from = (index: number): Outcome => {
    if (index >= count) return index;
    return andThen(
      attempt(() => {
        return sendOne(core, "sendmmsg", fd, messages[index].hdr, flags);
      }),
      (sent) => {
        // What was sent before is sent: the error is told when the rest is tried again.
        if (sent < 0) return index > 0 ? index : sent;
        messages[index].len = sent;
        return from(index + 1);
      },
    );
  };
  return core.count("sendmmsg", fd, from(0));
}

/** `recvmmsg(2)`. */
export function recvmmsg(
  core: Core,
  fd: number,
  messages: Mmsghdr[],
  flags = 0,
  timeout: Timespec | null = null,
): Step<number> {
  if (timeout !== null && !isTimespec(timeout)) core.fail("recvmmsg", Errno.EINVAL);
  const handle = core.handle("recvmmsg", fd);
  requireSocket(core, "recvmmsg", fd);
  const until = timeout === null
    ? Infinity
    : performance.now() + timeout.sec * 1000 + timeout.nsec / 1e6;
  const count = Math.min(messages.length, MESSAGES_MAX);
  const from = (index: number, own: number): Outcome => {
    if (index >= count) return index;
    return andThen(
      attempt(() => {
        return receiveOne(core, "recvmmsg", fd, messages[index].hdr, own & ~MSG_WAITFORONE);
      }),
      (received) => {
        if (received < 0) return index > 0 ? index : received;
        messages[index].len = received;
        if (((messages[index].hdr.flags ?? 0) & MSG_OOB) !== 0) return index + 1;
        // Looked at after a message only, as Linux does: recvmmsg(2), BUGS.
        if (performance.now() >= until) return index + 1;
        return from(index + 1, (flags & MSG_WAITFORONE) === 0 ? own : own | MSG_DONTWAIT);
      },
    );
  };
  const begin = (error: number): Outcome => error === 0 ? from(0, flags) : error;
  const isErrorQueue = (flags & MSG_ERRQUEUE) !== 0;
  const outcome = isErrorQueue ? from(0, flags) : andThen(takeError(core, handle), begin);
  return core.count("recvmmsg", fd, outcome);
}

/** An error that waits at the socket comes before messages here. @returns `-errno` or 0 */
function takeError(core: Core, handle: number): Outcome {
  const value = new DataView(new ArrayBuffer(4));
  const bytes = new Uint8Array(value.buffer);
  const outcome = core.engine.getOption(handle, SOL_SOCKET, SO_ERROR, bytes, bytes.length);
  return andThen(outcome, (result) => result < 0 ? result : -value.getInt32(0, true));
}

/** Errors of arguments count as the message's own. */
function attempt(make: () => Outcome): Outcome {
  try {
    return make();
  } catch (error) {
    if (error instanceof PosixError) return -error.errno;
    throw error;
  }
}

function sendOne(core: Core, call: string, fd: number, message: Msghdr, flags: number): Outcome {
  const handle = core.handle(call, fd);
  const address = message.name ?? null;
  let name: Name | null = null;
  if (address !== null) {
    requireSocket(core, call, fd);
    const given = nameOf(core, call, address, message.namelen);
    core.authority.requirePeer(call, core.descriptors.kind(fd), given, true);
    name = { bytes: given.bytes.slice(), length: given.length };
  }
  const pieces = message.control ?? [];
  const control = pieces.length === 0 ? null : encodeControl(core, pieces);
  const raw: RawMessage = {
    name,
    iov: message.iov,
    control,
    controlLength: control?.length ?? 0,
    flags: 0,
  };
  return core.engine.sendMessage(handle, raw, flags);
}

function receiveOne(core: Core, call: string, fd: number, message: Msghdr, flags: number): Outcome {
  const handle = core.handle(call, fd);
  const wantsName = message.namelen !== 0;
  const name = wantsName ? emptyName() : null;
  if (name !== null) {
    name.length = Math.min(message.namelen ?? name.bytes.length, name.bytes.length);
  }
  const nameRoom = name?.length;
  const room = message.controllen ?? 0;
  const control = room === 0 ? null : new Uint8Array(new ArrayBuffer(room));
  const raw: RawMessage = { name, iov: message.iov, control, controlLength: room, flags: 0 };
  return andThen(core.engine.receiveMessage(handle, raw, flags), (received) => {
    if (received < 0) return received;
    message.control = decodeControl(core, raw, (flags & MSG_CMSG_CLOEXEC) !== 0);
    message.controllen = raw.controlLength;
    message.flags = raw.flags & (~MSG_CMSG_CLOEXEC | flags);
    if (name !== null) {
      message.name = decodeName(name.bytes.subarray(0, nameRoom), name.length);
      message.namelen = name.length;
    }
    return received;
  });
}

/** Whether a time is one that Linux takes. */
export function isTimespec({ sec, nsec }: Timespec): boolean {
  return sec >= 0 && nsec >= 0 && nsec < 1e9;
}
