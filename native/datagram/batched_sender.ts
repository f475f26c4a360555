/**
 * Sends that gather into batches by themselves.
 *
 * @module
 */

import { lengthOf } from "./datagram_draft.ts";
import type { DatagramData, DatagramToSend } from "./datagram_jobs.ts";
import type { DatagramSocket } from "./datagram_socket.ts";
import { badResource, netError } from "../errors.ts";
import { checkKeys } from "../options/options.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import type { AddressInput } from "../../ring/abi/address_input.ts";
import { Errno } from "../../ring/abi/errno.ts";
import type { Deadline } from "../../ring/deadlines.ts";

/** What {@linkcode BatchedSender} takes. */
export interface BatchedSenderOptions {
  /** Datagrams that make a batch leave, 1 to 65536; 64. */
  readonly maxBatch?: number;
  /** Milliseconds that a datagram waits for others at most, 0 to 60000; 1. */
  readonly maxDelayMs?: number;
  /** Datagrams that may wait, those of batches under way among them; 64 batches. */
  readonly maxPending?: number;
}

/** One datagram that waits, and whoever waits for it. */
interface Pending extends DatagramToSend {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

const KEYS: readonly string[] = ["maxBatch", "maxDelayMs", "maxPending"];
const BATCH = 64;
const BATCH_MAX = 65536;
const DELAY_MS = 1;
const DELAY_MS_MAX = 60_000;
const PENDING_BATCHES = 64;
const PENDING_MAX = 2 ** 24;

/**
 * Gathers datagrams into batches, for programs that send them one by one: a batch leaves when it is
 * full, when its first datagram has waited long enough, or when it is flushed. While a batch is under
 * way the next one fills, however large, so that a slow system makes for larger batches.
 *
 * @example
 * ```ts
 * import { BatchedSender, NetworkCapability, UdpEndpoint } from "../../mod.ts";
 * await using capability = await NetworkCapability.request();
 * await using udp = await UdpEndpoint.bind("127.0.0.1:0", capability);
 * await using sender = new BatchedSender(udp, { maxBatch: 32, maxDelayMs: 2 });
 * const text = new TextEncoder();
 * const sent = ["a", "b", "c"].map((each) => sender.send(text.encode(each), udp.addr));
 * await sender.flush();
 * await Promise.all(sent);
 * ```
 */
export class BatchedSender implements AsyncDisposable {
  readonly #endpoint: DatagramSocket<Deno.Addr>;
  readonly #maxBatch: number;
  readonly #maxDelayMs: number;
  readonly #maxPending: number;
  #pending: Pending[] = [];
  #underWay: Promise<void> | null = null;
  /** Datagrams of the batch under way. */
  #leaving = 0;
  #deadline: Deadline | null = null;
  #isClosed = false;

  /**
   * Makes one for an endpoint.
   *
   * @param endpoint what sends; closing this does not close it
   * @throws {TypeError} for an unknown key
   * @throws {RangeError} for a number out of its range, naming it
   */
  constructor(endpoint: DatagramSocket<Deno.Addr>, options: BatchedSenderOptions = {}) {
    checkKeys("BatchedSender", options, KEYS);
    this.#endpoint = endpoint;
    this.#maxBatch = requireInteger("maxBatch", options.maxBatch ?? BATCH, 1, BATCH_MAX);
    const delay = options.maxDelayMs ?? DELAY_MS;
    if (!(typeof delay === "number" && delay >= 0 && delay <= DELAY_MS_MAX)) {
      throw new RangeError(`BatchedSender: maxDelayMs must be 0 to ${DELAY_MS_MAX}, not ${delay}`);
    }
    this.#maxDelayMs = delay;
    const most = options.maxPending ?? this.#maxBatch * PENDING_BATCHES;
    this.#maxPending = requireInteger("maxPending", most, this.#maxBatch, PENDING_MAX);
    // Nobody else would tell those who wait.
    endpoint.closed.then(() => {
      if (this.#pending.length > 0 && this.#underWay === null) this.#leave();
    });
  }

  /** Datagrams that were not accepted yet. */
  get pending(): number {
    return this.#pending.length + this.#leaving;
  }

  /**
   * Queues a datagram; its bytes are copied before this returns.
   *
   * @param to where to; left out on a connected endpoint
   * @returns when the system has accepted it
   * @throws {NetError} ENOBUFS when `maxPending` datagrams wait, and what `sendBatch` reports
   */
  send(data: DatagramData, to?: AddressInput): Promise<void> {
    try {
      if (this.#isClosed) throw badResource("send", "the batched sender is closed");
      if (this.pending >= this.#maxPending) throw this.#full();
      lengthOf(data);
    } catch (error) {
      return Promise.reject(error);
    }
    const copy = data instanceof Uint8Array ? data.slice() : data.bytes.slice();
    const promise = new Promise<void>((resolve, reject) => {
      this.#pending.push({ data: copy, to: settled(to), resolve, reject });
    });
    if (this.#underWay === null) {
      if (this.#pending.length >= this.#maxBatch) this.#leave();
      else this.#deadline ??= this.#arm();
    }
    return promise;
  }

  /** Sends what waits now. @returns when all of it was accepted, or failed */
  async flush(): Promise<void> {
    const last = this.#pending.at(-1);
    if (this.#underWay === null && last !== undefined) this.#leave();
    // What waits leaves with the next batch, behind the one under way.
    while (this.#underWay !== null) {
      const isWaiting = last !== undefined && this.#pending.includes(last);
      await this.#underWay;
      if (!isWaiting) return;
    }
  }

  /** Sends what waits, and takes nothing more; the endpoint stays open. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.flush();
  }

  /** Sends what waits, and takes nothing more. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #arm(): Deadline {
    // The datagram is somebody's work: the process stays alive for it.
    this.#endpoint.network.reactor.reference();
    const target = { onDeadline: () => this.#leave() };
    return this.#endpoint.network.reactor.armDeadline(this.#maxDelayMs, target, 0);
  }

  #disarm(): void {
    if (this.#deadline === null) return;
    const { reactor } = this.#endpoint.network;
    reactor.disarmDeadline(this.#deadline);
    reactor.dereference();
    this.#deadline = null;
  }

  #leave(): void {
    this.#disarm();
    const batch = this.#pending;
    this.#pending = [];
    this.#leaving = batch.length;
    this.#underWay = this.#send(batch);
  }

  async #send(batch: readonly Pending[]): Promise<void> {
    try {
      const { failed } = await this.#endpoint.sendBatch(batch);
      for (const { index, error } of failed) batch[index].reject(error);
      for (const { resolve } of batch) resolve();
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    this.#underWay = null;
    this.#leaving = 0;
    if (this.#pending.length > 0) this.#leave();
  }

  #full(): Error {
    const detail = `${this.pending} datagrams wait, as many as maxPending allows`;
    return netError(Errno.ENOBUFS, { operation: "send", local: this.#endpoint.localName, detail });
  }
}

function requireInteger(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`BatchedSender: ${name} must be ${least} to ${most}, not ${value}`);
}

/** An address that the program cannot change any more. */
function settled(to: AddressInput | undefined): AddressInput | undefined {
  if (typeof to !== "object" || to instanceof SocketAddress || Object.isFrozen(to)) return to;
  return { ...to };
}
