/**
 * One direction of a proxied connection: what arrives from one stream leaves through the other,
 * out of the memory it arrived in.
 *
 * ```text
 *             take()             hold: more than HIGH bytes wait        sent(), few bytes wait
 *  FLOWING ---------> FLOWING ------------------------------> HELD ---------------------------+
 *     ^                                                                                       |
 *     +---------------------------------------------------------------------------------------+
 *  FLOWING, HELD --the target fails--> DISCARDING     what still comes is dropped
 *  any --the source ends or fails--> ENDED            after the target has been told
 * ```
 *
 * Leases come within the turn that received them, and no promise is made for any of them: that is
 * a tenth of what a small message costs a proxy.
 *
 * @module
 */

import type { AnyStream } from "../listener/endpoint_streams.ts";
import type { BufferLease } from "../lease.ts";
import { type LeaseSink, Reader } from "../stream/stream_receive.ts";
import type { SendReceipt, SendSide } from "../stream/stream_send.ts";

/** Bytes that may wait for the target before the source rests. */
const HIGH_BYTES = 64 * 1024;
/** Bytes that may still wait when it goes on. */
const LOW_BYTES = 16 * 1024;
/** Leases in a row that found nothing waiting, after which receiving may run ahead again. */
const SMOOTH_LEASES = 64;

const State = { FLOWING: 0, HELD: 1, DISCARDING: 2, ENDED: 3 } as const;
type State = typeof State[keyof typeof State];

/** Whoever is told what becomes of a relay. */
export interface RelayOwner {
  /** The first bytes are there; told in the midst of a turn, and must not send. */
  relayBegan(relay: Relay): void;
  /** The source has ended, and the target was told after all bytes. */
  relayEnded(relay: Relay): void;
  /** The target takes no more; what the source still sends is dropped. */
  relayTargetFailed(relay: Relay, reason: unknown): void;
  /** The source failed. */
  relaySourceFailed(relay: Relay, reason: unknown): void;
}

/** One direction. */
export class Relay implements LeaseSink, SendReceipt {
  /** {@inheritDoc LeaseSink.runsAhead} */
  runsAhead = true;
  /** Bytes that came. */
  bytes = 0;
  /** Grows with everything that happens: who does not see it grow may call it idle. */
  activity = 0;
  /** {@inheritDoc SendReceipt.sent} */
  readonly sent: (bytes: number) => void;
  /** {@inheritDoc SendReceipt.failed} */
  readonly failed: (reason: unknown) => void;
  readonly #from: AnyStream;
  readonly #to: AnyStream;
  readonly #sending: SendSide;
  readonly #owner: RelayOwner;
  #state: State = State.FLOWING;
  #smooth = 0;

  /** @param from must have no other reader, and `to` no other sender */
  constructor(from: AnyStream, to: AnyStream, owner: RelayOwner) {
    this.#from = from;
    this.#to = to;
    this.#sending = to.sending;
    this.#owner = owner;
    this.sent = () => this.#onSent();
    this.failed = (reason) => this.#onFailed(reason);
  }

  /** Whether nothing more comes. */
  get isEnded(): boolean {
    return this.#state === State.ENDED;
  }

  /** Whether the target has failed. */
  get isDiscarding(): boolean {
    return this.#state === State.DISCARDING;
  }

  /**
   * Begins.
   *
   * @throws {NetError} EBUSY beside another reader, ENOBUFS when no operation may begin
   */
  start(): void {
    this.#from.enterReader("forward", Reader.MANY, undefined);
    this.#from.receiving.flow(this);
  }

  /** {@inheritDoc LeaseSink.take} */
  take(lease: BufferLease): void {
    if (this.bytes === 0) this.#owner.relayBegan(this);
    this.bytes += lease.size;
    this.activity++;
    if (this.#state === State.DISCARDING) {
      lease.release();
      return;
    }
    const sending = this.#sending;
    if (!this.runsAhead) this.#noteSmoothness(sending.queuedBytes);
    sending.forward(lease, this);
    lease.release();
    if (sending.queuedBytes > HIGH_BYTES) this.#hold();
  }

  /** {@inheritDoc LeaseSink.end} */
  end(reason: unknown): void {
    const isDiscarding = this.#state === State.DISCARDING;
    this.#state = State.ENDED;
    if (reason !== null) {
      queueMicrotask(() => this.#owner.relaySourceFailed(this, reason));
      return;
    }
    const told = isDiscarding ? Promise.resolve() : this.#to.closeWrite();
    // A target that cannot be told is gone: the other direction shows it.
    told.catch(() => {}).then(() => this.#owner.relayEnded(this));
  }

  #hold(): void {
    if (this.#state !== State.FLOWING) return;
    this.#state = State.HELD;
    // A reader that was slow once may be so again: one lease at a time, until it proves itself.
    this.runsAhead = false;
    this.#smooth = 0;
    this.#from.receiving.hold();
  }

  #noteSmoothness(waitingBytes: number): void {
    if (waitingBytes > 0) this.#smooth = 0;
    else if (++this.#smooth === SMOOTH_LEASES) this.runsAhead = true;
  }

  #onSent(): void {
    this.activity++;
    if (this.#state !== State.HELD || this.#sending.queuedBytes > LOW_BYTES) return;
    this.#state = State.FLOWING;
    queueMicrotask(this.#proceed);
  }

  readonly #proceed = (): void => {
    if (this.#state === State.FLOWING || this.#state === State.DISCARDING) {
      this.#from.receiving.proceed();
    }
  };

  #onFailed(reason: unknown): void {
    if (this.#state === State.DISCARDING || this.#state === State.ENDED) return;
    this.#state = State.DISCARDING;
    queueMicrotask(() => {
      this.#proceed();
      this.#owner.relayTargetFailed(this, reason);
    });
  }
}
