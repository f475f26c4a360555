/**
 * The sending half of a datagram endpoint: calls are served in their order.
 *
 * @module
 */

import { arrange } from "./datagram_arrange.ts";
import type { Destination, Destinations } from "./datagram_destinations.ts";
import { abandoned, isAboutJoining, sendError } from "./datagram_errors.ts";
import { lengthOf } from "./datagram_draft.ts";
import {
  type BatchReport,
  type DatagramData,
  type DatagramToSend,
  SendJob,
} from "./datagram_jobs.ts";
import type { Outbox, SendRecord } from "./datagram_outbox.ts";
import { type RoundOwner, Rounds } from "./datagram_rounds.ts";
import { badResource, netError, timedOut } from "../errors.ts";
import type { RingBuffer } from "../ring_buffer.ts";
import type { Socket } from "../socket.ts";
import type { OpOptions } from "../operation.ts";
import { Counter } from "../../ring/counters.ts";
import type { DeadlineTarget } from "../../ring/deadlines.ts";
import type { Reactor } from "../../ring/reactor.ts";
import type { AddressInput } from "../../ring/abi/address_input.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** The most bytes of single datagrams that wait: beyond, `send` rejects with ENOBUFS. */
const QUEUE_BYTES_MAX = 64 * 1024 * 1024;

/** What a sender counted. */
export interface SendCounts {
  /** Datagrams that were accepted. */
  sent: number;
  bytes: number;
  /** Datagrams that were not. */
  failed: number;
  /** Messages of several datagrams. */
  joined: number;
}

// The resolvers of a call go from its promise's executor into the record, without a closure.
let parking: SendRecord;
function park(resolve: (bytes: number) => void, reject: (reason: unknown) => void): void {
  parking.resolve = resolve;
  parking.reject = reject;
}

/** The sending half of one datagram endpoint. */
export class DatagramSender implements RoundOwner, DeadlineTarget {
  readonly counts: SendCounts = { sent: 0, bytes: 0, failed: 0, joined: 0 };
  readonly #socket: Socket;
  readonly #reactor: Reactor;
  readonly #destinations: Destinations;
  readonly #rounds: Rounds;
  readonly #outbox: Outbox;
  /** Whether datagrams to the same place leave faster together. */
  readonly #canArrange: boolean;
  readonly #jobs: SendJob[] = [];
  /** Bytes of single datagrams that wait. */
  #queuedBytes = 0;
  /** Jobs at the front that were singles of this round. */
  #requeued = 0;
  #isPumping = false;
  #isClosed = false;
  #closedBy: Error | null = null;
  #idle: (() => void) | null = null;

  /**
   * @param isOrdered whether datagrams arrive in the order in which they are sent
   * @param canJoin whether the system can cut joined datagrams apart
   */
  constructor(socket: Socket, destinations: Destinations, isOrdered: boolean, canJoin: boolean) {
    this.#socket = socket;
    this.#reactor = socket.network.reactor;
    this.#destinations = destinations;
    this.#rounds = new Rounds(socket, destinations, this, isOrdered, canJoin);
    this.#outbox = this.#rounds.outbox;
    this.#canArrange = canJoin && !isOrdered;
  }

  /** Sends one datagram. @returns its length, once it is accepted */
  send(
    data: DatagramData,
    to: AddressInput | undefined,
    options: OpOptions | undefined,
    admitted: Destination | null,
  ): Promise<number> {
    if (this.#isClosed) return Promise.reject(this.#closedError());
    if (options?.signal?.aborted === true) return Promise.reject(options.signal.reason);
    const destination = admitted ?? this.#destinations.of(to);
    const bytes = lengthOf(data);
    const refusal = this.#rounds.refusalOf(destination, bytes);
    if (refusal !== null) return Promise.reject(refusal);
    if (options === undefined && this.#jobs.length === 0 && this.#rounds.isFree) {
      const sending = this.#sendNow(data, destination, bytes);
      if (sending !== null) return sending;
    }
    if (this.#queuedBytes >= QUEUE_BYTES_MAX) return Promise.reject(this.#queueFull());
    const copy = data instanceof Uint8Array ? data.slice() : data.bytes.slice();
    this.#queuedBytes += bytes;
    const job = new SendJob([{ data: copy }], destination, true);
    job.cleanUp = () => this.#queuedBytes -= bytes;
    return this.#begin(job, options) as Promise<number>;
  }

  /** Sends many datagrams. @returns how many were accepted, and why the others were not */
  sendBatch(
    items: readonly DatagramToSend[],
    options: OpOptions | undefined,
  ): Promise<BatchReport> {
    if (this.#isClosed) return Promise.reject(this.#closedError());
    if (options?.signal?.aborted === true) return Promise.reject(options.signal.reason);
    const arrangement = this.#canArrange ? arrange(items, this.#destinations) : null;
    const job = new SendJob(items, null, false, arrangement);
    return this.#begin(job, options) as Promise<BatchReport>;
  }

  /** Sends bytes cut into datagrams. @returns how many were accepted, and why others were not */
  sendSegments(
    data: Uint8Array | RingBuffer,
    segment: number,
    to: AddressInput | undefined,
    options: OpOptions | undefined,
  ): Promise<BatchReport> {
    if (this.#isClosed) return Promise.reject(this.#closedError());
    if (options?.signal?.aborted === true) return Promise.reject(options.signal.reason);
    const destination = this.#destinations.of(to);
    const refusal = this.#rounds.refusalOf(destination, segment);
    if (refusal !== null) return Promise.reject(refusal);
    const slab = { data, bytes: lengthOf(data), segment };
    return this.#begin(new SendJob([], destination, false, null, slab), options) as Promise<
      BatchReport
    >;
  }

  /**
   * Ends the side.
   *
   * @param reason what pending sends reject with, null for an ordinary close
   * @returns when nothing of it is in flight, null when nothing is now
   */
  terminate(reason: Error | null): Promise<void> | null {
    this.#isClosed = true;
    this.#closedBy = reason;
    const waiting = this.#rounds.close();
    for (const job of [...this.#jobs]) this.#withdraw(job, this.#closedError());
    this.#outbox.cancel(null);
    if (this.#outbox.inFlight === 0) return waiting;
    const idle = new Promise<void>((resolve) => this.#idle = resolve);
    return waiting === null ? idle : idle.then(() => waiting);
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(tag: number, result: number): void {
    const outbox = this.#outbox;
    const record = outbox.at(tag);
    outbox.inFlight--;
    const { job } = record;
    if (result >= 0) this.#count(record);
    else if (result === -Errno.EAGAIN && !this.#isClosed) {
      this.#rounds.awaitRoom(record);
      if (job === null) this.#requeue(record);
    }
    outbox.free(record);
    if (job === null) this.#singleEnded(record, result);
    else this.#messageEnded(record, job, result);
    outbox.give(record);
    if (outbox.inFlight > 0) return;
    if (this.#jobs.length > 0) this.pump();
    if (outbox.inFlight > 0 || this.#idle === null) return;
    this.#idle();
    this.#idle = null;
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(_tag: number): void {
    // The one that fired has left the heap.
    const due = this.#jobs.find(({ deadline }) => deadline !== null && deadline.place < 0);
    if (due === undefined) return;
    due.deadline = null;
    this.#withdraw(due, timedOut("send", this.#rounds.names(due.destination)));
  }

  /** {@inheritDoc RoundOwner.pump} Puts what is first in line into the ring. */
  pump(): void {
    const rounds = this.#rounds;
    if (rounds.isHeldUp || this.#isPumping) return;
    this.#requeued = 0;
    this.#isPumping = true;
    rounds.beginChain();
    // Jobs without work wait for operations in flight, or are done.
    for (let at = 0; at < this.#jobs.length;) {
      const job = this.#jobs[at];
      while (job.hasWork && rounds.mayBegin() && rounds.next(job));
      if (job.hasWork) break;
      if (job.inFlight > 0) at++;
      else this.#conclude(job);
    }
    rounds.endChain();
    this.#isPumping = false;
  }

  /** {@inheritDoc RoundOwner.fail} */
  fail(job: SendJob, index: number, error: unknown): void {
    this.counts.failed++;
    job.fail(index, error);
  }

  #sendNow(data: DatagramData, destination: Destination, bytes: number): Promise<number> | null {
    const refusal = this.#socket.admit("send");
    if (refusal !== null) return Promise.reject(refusal);
    const record = this.#rounds.submitSingle([{ data }], destination, bytes);
    if (record === null) {
      if (this.#socket.owner.isCounted) this.#socket.owner.release("inFlight", 1);
      return null;
    }
    this.#socket.beginWait();
    parking = record;
    return new Promise<number>(park);
  }

  #begin(job: SendJob, options: OpOptions | undefined): Promise<number | BatchReport> {
    const refusal = this.#socket.admit("send");
    if (refusal !== null) {
      job.cleanUp?.();
      return Promise.reject(refusal);
    }
    this.#socket.beginWait();
    const promise = new Promise<number | BatchReport>((resolve, reject) => {
      job.resolve = resolve;
      job.reject = reject;
    });
    if (options !== undefined) this.#guard(job, options);
    this.#jobs.push(job);
    this.pump();
    return promise;
  }

  #guard(job: SendJob, options: OpOptions): void {
    const { signal, timeoutMs } = options;
    if (timeoutMs !== undefined) job.deadline = this.#reactor.armDeadline(timeoutMs, this, 0);
    if (signal === undefined) return;
    const onAbort = () => this.#withdraw(job, signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    const before = job.cleanUp;
    job.cleanUp = () => {
      before?.();
      signal.removeEventListener("abort", onAbort);
    };
  }

  #count(record: SendRecord): void {
    const { counts } = this;
    counts.sent += record.count;
    counts.bytes += record.bytes;
    if (record.count > 1) counts.joined++;
    this.#rounds.progressed();
    const { counters } = this.#reactor;
    counters.add(Counter.sends, 1);
    counters.add(Counter.bytesSent, record.bytes);
  }

  /** Makes a call that waits of a single datagram for which there was no room. */
  #requeue(record: SendRecord): void {
    const items = [{ data: this.#outbox.copy(record) }];
    const job = new SendJob(items, record.destination, true);
    job.resolve = record.resolve as SendJob["resolve"];
    job.reject = record.reject!;
    record.resolve = null;
    // It was before all that wait, and behind those of its round that came back before it.
    this.#jobs.splice(this.#requeued++, 0, job);
  }

  #singleEnded(record: SendRecord, result: number): void {
    // One that waits for room goes on as a job.
    if (record.resolve === null) return;
    this.#socket.endWait();
    if (result >= 0) {
      record.resolve(record.bytes);
      return;
    }
    this.counts.failed++;
    const isEnded = this.#isClosed && result === -Errno.ECANCELED;
    record.reject!(isEnded ? this.#closedError() : this.#errorOf(record, -result));
  }

  #messageEnded(record: SendRecord, job: SendJob, result: number): void {
    job.inFlight--;
    if (result >= 0) {
      job.sent += record.count;
      job.bytes += record.bytes;
    } else {
      this.#messageFailed(record, job, -result);
    }
    if (job.inFlight === 0 && !job.hasWork) this.#conclude(job);
  }

  #messageFailed(record: SendRecord, job: SendJob, errno: number): void {
    const { first, count } = record;
    if (errno === Errno.ECANCELED || errno === Errno.EAGAIN || errno === Errno.EINTR) {
      // Withdrawn, or linked to one that failed.
      job.retry(first, count, false);
      return;
    }
    if (count > 1 && isAboutJoining(errno)) {
      const isSingle = !this.#rounds.unjoin(record, errno);
      job.retry(first, count, isSingle);
      return;
    }
    // The error may have been that of an earlier datagram: those behind the first have another go.
    this.fail(job, first, this.#errorOf(record, errno));
    job.retry(first + 1, count - 1, false);
  }

  /** Withdraws a job: at once when nothing of it is in flight, else when that has ended. */
  #withdraw(job: SendJob, reason: unknown): void {
    if (job.hasReason) return;
    job.reason = reason;
    job.hasReason = true;
    if (job.inFlight > 0) this.#outbox.cancel(job);
    else this.#conclude(job);
  }

  /** Nothing of a job is left to be done. */
  #conclude(job: SendJob): void {
    const place = this.#jobs.indexOf(job);
    if (place === 0) this.#jobs.shift();
    else if (place > 0) this.#jobs.splice(place, 1);
    job.cleanUp?.();
    if (job.deadline !== null) this.#reactor.disarmDeadline(job.deadline);
    job.deadline = null;
    this.#socket.endWait();
    const isWithdrawn = job.hasReason && job.sent + job.failed.length < job.total;
    if (isWithdrawn && (job.sent === 0 || this.#isClosed)) job.reject(job.reason);
    else if (isWithdrawn) {
      job.reject(abandoned(job.report(), job.bytes, job.reason, this.#socket.localName));
    } else if (!job.isSingle) job.resolve(job.report());
    else if (job.failed.length > 0) job.reject(job.failed[0].error);
    else job.resolve(job.bytes);
  }

  #errorOf(record: SendRecord, errno: number): Error {
    const { local, remote } = this.#rounds.names(record.destination);
    return sendError(errno, local, remote, record.destination!, record.bytes);
  }

  #queueFull(): Error {
    const detail = `${this.#queuedBytes} bytes wait in the endpoint's queue, its most`;
    return netError(Errno.ENOBUFS, { operation: "send", ...this.#rounds.names(null), detail });
  }

  #closedError(): Error {
    return this.#closedBy ??
      badResource("send", "the endpoint is closed", this.#rounds.names(null));
  }
}
