/**
 * What a stack is to its surroundings: a driver that feeds it frames and lets programs use its
 * sockets, or a simulator.
 *
 * @module
 */

import type { Environment } from "./environment.ts";
import type { FrameQueue } from "./frame_queue.ts";
import type { DatagramStackSocket, StreamStackSocket } from "./socket.ts";

/** Families of sockets. */
export type SocketFamily = "ipv4" | "ipv6";

/** A stack, as whoever drives it sees it. */
export interface StackCore {
  /** Its packets and its clock. */
  readonly environment: Environment;
  /** Frames that are to be sent. Whoever takes one out releases its packet. */
  readonly output: FrameQueue;
  /**
   * Goes on to a time: fires the timers that are due, takes the frames that were received, and
   * delivers what goes to the stack itself. Owners of sockets are called meanwhile.
   *
   * @param now the time in microseconds, never less than before
   * @param input frames that were received, each with the interface that they came in by; all are
   * taken, and their packets belong to the stack
   * @returns when to call it again at the latest, in microseconds: Infinity if only frames or calls
   * to sockets can change anything, `now` if there is more to do at once
   */
  step(now: number, input: FrameQueue): number;
  /**
   * Sets the clock without doing anything, before sockets are called from outside of a step.
   *
   * @param now the time in microseconds, never less than before
   */
  setTime(now: number): void;
  /** Whether sockets were used since the last step in a way that needs one at once. */
  readonly wantsStep: boolean;
  /** When to call {@linkcode step} at the latest, as it would return now. */
  nextDeadline(): number;
  /** Makes a TCP socket. @returns it, or `-errno`: ENFILE, EAFNOSUPPORT */
  streamSocket(family: SocketFamily): StreamStackSocket | number;
  /** Makes a UDP socket. @returns it, or `-errno` */
  datagramSocket(family: SocketFamily): DatagramStackSocket | number;
  /**
   * Makes a socket for ICMP echo without headers, as Linux' "ping sockets".
   *
   * @returns it, or `-errno`
   */
  pingSocket(family: SocketFamily): DatagramStackSocket | number;
  /** Makes a raw socket. @returns it, or `-errno` */
  rawSocket(family: SocketFamily, protocol: number): DatagramStackSocket | number;
}
