/**
 * Ports: where the frames of an interface come from, and where they go.
 *
 * @module
 */

import type { Environment } from "../../stack/environment.ts";
import type { FrameQueue } from "../../stack/frame_queue.ts";
import type { PortOffload } from "../../stack/iface/types.ts";

/** What a port has done so far. */
export interface PortStatistics {
  /** Frames that arrived, and their bytes. */
  readonly receivedFrames: number;
  readonly receivedBytes: number;
  /** Frames that were sent, and their bytes. */
  readonly sentFrames: number;
  readonly sentBytes: number;
  /** Frames that were to be sent and found no room. */
  readonly droppedFrames: number;
  /** Frames that arrived when there was no packet for them. */
  readonly missedFrames: number;
}

/** One end of a link. */
export interface Port {
  /** What it carries. */
  readonly kind: "ethernet" | "ip";
  /** The longest packet of IP that it carries whole, in bytes. */
  readonly mtu: number;
  /** What it does for the stack. */
  readonly offload: PortOffload;
  /**
   * Begins to serve a stack.
   *
   * @param environment whose packets it takes and releases
   */
  open(environment: Environment): void;
  /**
   * Takes frames that have arrived.
   *
   * @param interfaceIndex what they are put into the queue with
   * @param into where they go
   * @param most how many at most
   * @returns how many came
   */
  receive(interfaceIndex: number, into: FrameQueue, most: number): number;
  /** Sends a frame, and releases its packet; one that finds no room is dropped and counted. */
  send(packet: number): void;
  /** Says that no more frames are sent for now: whoever waits for them is told. */
  flush(): void;
  /** Whether frames have arrived. */
  hasFrames(): boolean;
  /**
   * Has `wake` called, once, when frames have arrived. It may be called without any.
   *
   * @returns false when there are some already
   */
  sleep(wake: () => void): boolean;
  /** Says that nobody sleeps any more. */
  awake(): void;
  /** What it has done so far. */
  statistics(): PortStatistics;
  /** Lets go of what it holds. */
  close(): void;
}

/** Counts what a port does. */
export class PortCounters implements PortStatistics {
  receivedFrames = 0;
  receivedBytes = 0;
  sentFrames = 0;
  sentBytes = 0;
  droppedFrames = 0;
  missedFrames = 0;

  /** What they show now. */
  snapshot(): PortStatistics {
    return { ...this };
  }
}
