/**
 * What the error numbers of datagram sockets mean to a program.
 *
 * @module
 */

import type { Destination } from "./datagram_destinations.ts";
import type { BatchReport } from "./datagram_jobs.ts";
import { completionError, netError, partialSend, type PartialSendError } from "../errors.ts";
import { Errno } from "../../ring/abi/errno.ts";

/**
 * A batch that was withdrawn, by an abort or a deadline, after some of it had been accepted; the
 * endpoint stays usable.
 */
export type PartialBatchError = PartialSendError & {
  /** What came of the datagrams that had left, and of those that failed by themselves. */
  readonly report: BatchReport;
};

/** Numbers that joined datagrams may fail with where single ones would not. Source: udp(7). */
const ABOUT_JOINING: readonly number[] = [Errno.EIO, Errno.EINVAL, Errno.EMSGSIZE, Errno.ENOTSUP];

/** Whether datagrams that failed joined may pass one by one. */
export function isAboutJoining(errno: number): boolean {
  return ABOUT_JOINING.includes(errno);
}

/** The error of a datagram that the system did not take. */
export function sendError(
  errno: number,
  local: string,
  remote: string,
  destination: Destination,
  bytes: number,
): Error {
  const context = { operation: "send", local, remote };
  return completionError(errno, { ...context, detail: detailOf(errno, destination, bytes) });
}

/** The error of a datagram that is larger than any may be. */
export function tooLarge(
  local: string,
  remote: string,
  destination: Destination,
  bytes: number,
): Error {
  const detail = `${bytes} bytes; a datagram has at most ${destination.bytesMax} there`;
  return netError(Errno.EMSGSIZE, { operation: "send", local, remote, detail });
}

/** The error of a receive whose program holds as many datagrams as it may. */
export function tooManyHeld(held: number, names: { local: string; remote: string }): Error {
  const detail = `the endpoint's program holds ${held} datagrams, its leasesPerEndpoint`;
  return netError(Errno.ENOBUFS, { operation: "receive", ...names, detail });
}

/** The error of a batch that was withdrawn when some of it had left. */
export function abandoned(
  report: BatchReport,
  bytes: number,
  reason: unknown,
  local: string,
): PartialBatchError {
  const detail = `it was given up after ${bytes} bytes; the endpoint can be used on`;
  const error = partialSend(bytes, reason, { operation: "sendBatch", local, detail });
  return Object.assign(error, { report });
}

function detailOf(errno: number, { address, bytesMax }: Destination, bytes: number) {
  if (errno === Errno.EACCES && address?.family === "IPv4") {
    return "for a broadcast address the option broadcast must be set";
  }
  if (errno !== Errno.EMSGSIZE) return undefined;
  if (bytesMax === Infinity) {
    return `${bytes} bytes are more than sendBufferBytes (SO_SNDBUF) allows in one datagram`;
  }
  return `${bytes} bytes do not fit the path, and mtuDiscovery forbids to split them; ` +
    `a datagram there has at most ${bytesMax}`;
}
