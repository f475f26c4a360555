/**
 * What the senders of one stack share: options, counters, records, and objects that are used again.
 *
 * @module
 */

import type { Environment } from "../../environment.ts";
import type { Counters } from "../../statistics.ts";
import type { CongestionControl } from "../types.ts";
import type { SendCounter } from "./counters.ts";
import { Delivery } from "./delivery.ts";
import { Flight } from "./flight.ts";
import { SendRecords } from "./records.ts";

/** What senders are told; times are in microseconds. */
export interface SenderOptions {
  /** Bytes of a send buffer at first, and as far as autotuning lets it grow. */
  readonly bufferBytes: number;
  /** See {@linkcode bufferBytes}. */
  readonly maximumBufferBytes: number;
  /** Records of what is on its way, for all connections together. */
  readonly maximumRecords: number;
  /** The RTO before there is any measurement: RFC 6298 section 2.1. */
  readonly initialRto: number;
  /** The least by which the RTO is longer than the round trip. */
  readonly minimumRto: number;
  /** The longest RTO, and the longest time between two probes of a closed window. */
  readonly maximumRto: number;
  /** G of RFC 6298: how late timers may be. */
  readonly granularity: number;
  /** Timeouts in a row that put the way in doubt (R1), and end the connection (R2). */
  readonly doubtRetries: number;
  /** See {@linkcode doubtRetries}. */
  readonly giveUpRetries: number;
  /** How losses are found where there is SACK: by time (RFC 8985), or by counting (RFC 6675). */
  readonly lossDetection: "rack" | "sack";
  /** How late an acknowledgment of a single segment may come: TLP.max_ack_delay. */
  readonly maximumAcknowledgmentDelay: number;
  /** How long the least round trip is remembered: RACK.min_RTT. */
  readonly minimumRttWindow: number;
  /** Which small segments Nagle waits for: any data, or small segments only (Minshall). */
  readonly nagle: "classic" | "minshall";
  /** How long a segment that is not full is held back by a cork. */
  readonly corkTime: number;
  /** How much time's worth of bytes may leave at once where there is pacing. */
  readonly pacingQuantum: number;
  /** After how long what the layers below refused is tried again. */
  readonly retryTime: number;
}

/** For servers: windows of megabytes. */
export const SERVER_SENDER: SenderOptions = {
  bufferBytes: 65536,
  maximumBufferBytes: 4 << 20,
  maximumRecords: 1 << 20,
  initialRto: 1_000_000,
  minimumRto: 200_000,
  maximumRto: 120_000_000,
  granularity: 1000,
  doubtRetries: 3,
  giveUpRetries: 15,
  lossDetection: "rack",
  maximumAcknowledgmentDelay: 200_000,
  minimumRttWindow: 300_000_000,
  nagle: "minshall",
  corkTime: 200_000,
  pacingQuantum: 1000,
  retryTime: 10_000,
};

/** For 32 connections with buffers of 8 KB. */
export const SMALL_SENDER: SenderOptions = {
  ...SERVER_SENDER,
  bufferBytes: 8192,
  maximumBufferBytes: 8192,
  maximumRecords: 1024,
};

/** Makes the congestion control of a name, or null where there is none of that name. */
export type MakeCongestionControl = (
  name: string,
  segmentBytes: number,
  environment: Environment,
) => CongestionControl | null;

/** Congestion controls that are kept for the next ones: those of one batch of short messages. */
const MAXIMUM_SPARES = 256;

/** What the senders of one stack share. */
export class SenderSettings {
  readonly options: SenderOptions;
  readonly counters: Counters<typeof SendCounter>;
  readonly environment: Environment;
  /** The name of the congestion control that connections begin with. */
  readonly congestionControl: string;
  readonly makeCongestionControl: MakeCongestionControl;
  readonly records: SendRecords;
  /** What the acknowledgment delivers that is being dealt with. */
  readonly delivery: Delivery = new Delivery();
  readonly #idle: Flight[] = [];
  /** Congestion controls as they were made, all of one kind for one length of segments. */
  readonly #spares: CongestionControl[] = [];
  #spareName = "";
  #spareSegment = 0;

  /**
   * Makes what senders share.
   *
   * @param environment the stack's
   * @param counters what is counted
   * @param options limits and times
   * @param congestionControl the name of what connections begin with
   * @param makeCongestionControl makes one by name
   */
  constructor(
    environment: Environment,
    counters: Counters<typeof SendCounter>,
    options: SenderOptions,
    congestionControl: string,
    makeCongestionControl: MakeCongestionControl,
  ) {
    this.environment = environment;
    this.counters = counters;
    this.options = options;
    this.congestionControl = congestionControl;
    this.makeCongestionControl = makeCongestionControl;
    this.records = new SendRecords(options.maximumRecords);
  }

  /** Takes a congestion control that begins; null where there is none of that name. */
  takeControl(name: string, segmentBytes: number): CongestionControl | null {
    if (this.#spareSegment === segmentBytes && this.#spareName === name) {
      const spare = this.#spares.pop();
      if (spare !== undefined) return spare;
    }
    return this.makeCongestionControl(name, segmentBytes, this.environment);
  }

  /**
   * A connection has nothing to send any more.
   *
   * @returns whether its congestion control is taken back: one that is as new can be anybody's
   */
  takesBack(control: CongestionControl): boolean {
    const segmentBytes = control.onQuiet?.() ?? 0;
    if (segmentBytes === 0) return false;
    if (segmentBytes !== this.#spareSegment || control.name !== this.#spareName) {
      this.#spares.length = 0;
      this.#spareSegment = segmentBytes;
      this.#spareName = control.name;
    }
    if (this.#spares.length < MAXIMUM_SPARES) this.#spares.push(control);
    return true;
  }

  /** Takes what a connection with something to send needs. */
  takeFlight(): Flight {
    return this.#idle.pop() ?? new Flight(this.environment.arena, this.records);
  }

  /** Gives it back. There are never more than there were busy connections at once. */
  giveFlight(flight: Flight): void {
    flight.clear();
    this.#idle.push(flight);
  }
}
