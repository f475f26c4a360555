/**
 * One client of a server that has a thread for it: calls that block, with deadlines.
 *
 * @module
 */

import { type Posix, PosixError } from "../../posix/mod.ts";

/** Seconds that a client may say nothing, and that it may take no bytes. */
const IDLE_SECONDS = 30;
const STALL_SECONDS = 10;
/** Seconds that it has to end its side after this one has. */
const DRAIN_SECONDS = 2;
const BUFFER_BYTES = 16384;

/**
 * Echoes until the client ends its side, or somebody shuts the connection down. Closing it is left
 * to the caller.
 *
 * @throws {PosixError} what the connection ended with, if not in order
 */
export function echoUntilEnd(posix: Posix, fd: number): void {
  setDeadline(posix, fd, posix.SO_RCVTIMEO, IDLE_SECONDS);
  setDeadline(posix, fd, posix.SO_SNDTIMEO, STALL_SECONDS);
  posix.setsockopt(fd, posix.IPPROTO_TCP, posix.TCP_NODELAY, 1);
  const buffer = new Uint8Array(BUFFER_BYTES);
  while (true) {
    const count = posix.recv(fd, buffer);
    if (count === 0 || !sendAll(posix, fd, buffer.subarray(0, count))) break;
  }
  drain(posix, fd, buffer);
}

/** @returns false when this side has been shut down */
function sendAll(posix: Posix, fd: number, data: Uint8Array): boolean {
  for (let sent = 0; sent < data.length;) {
    try {
      sent += posix.send(fd, data.subarray(sent), posix.MSG_NOSIGNAL);
    } catch (error) {
      if (error instanceof PosixError && error.code === "EPIPE") return false;
      throw error;
    }
  }
  return true;
}

/**
 * Says that nothing more comes and waits for the other side to say so. To close while bytes of the
 * client's are unread would reset the connection, and the client might lose the last answer.
 */
function drain(posix: Posix, fd: number, buffer: Uint8Array): void {
  try {
    posix.shutdown(fd, posix.SHUT_WR);
    setDeadline(posix, fd, posix.SO_RCVTIMEO, DRAIN_SECONDS);
    const until = performance.now() + DRAIN_SECONDS * 1000;
    while (posix.recv(fd, buffer) > 0 && performance.now() < until);
  } catch (error) {
    const isOver = error instanceof PosixError &&
      ["EAGAIN", "ENOTCONN", "ECONNRESET"].includes(error.code);
    if (!isOver) throw error;
  }
}

function setDeadline(posix: Posix, fd: number, option: number, sec: number): void {
  posix.setsockopt(fd, posix.SOL_SOCKET, option, { sec, usec: 0 });
}
