/**
 * One bottleneck in virtual time: a link of a rate, with a queue before it and delay behind it, and
 * flows that always have something to send. Only congestion control is real.
 *
 * @module
 */

import type { RandomSource } from "../../../../stack/random.ts";
import type { CongestionControl, RateSample } from "../../../../stack/tcp/types.ts";

const SECOND = 1_000_000;
/** Packets behind a missing one until it counts as lost. */
const REORDERING = 3;

/** What a link is like. */
export interface LinkOptions {
  /** Bytes a second. */
  readonly rate: number;
  /** Microseconds there and back, without the queue. */
  readonly rtt: number;
  /** Bytes that the queue holds. */
  readonly queue: number;
  /** The share of packets that get lost behind the queue. */
  readonly loss?: number;
  /** Bytes of queue from which packets are marked. */
  readonly markAbove?: number;
  readonly random: RandomSource;
}

interface Packet {
  readonly number: number;
  readonly sentAt: number;
  readonly delivered: number;
  readonly deliveredAt: number;
  readonly firstSentAt: number;
  readonly inFlight: number;
  readonly lostBefore: number;
  isLost: boolean;
}

interface Event {
  readonly at: number;
  readonly order: number;
  readonly act: () => void;
}

/** The events to come, the earliest first. */
class Agenda {
  readonly #heap: Event[] = [];
  #order = 0;

  get isEmpty(): boolean {
    return this.#heap.length === 0;
  }

  get next(): number {
    return this.#heap[0].at;
  }

  add(at: number, act: () => void): void {
    const event = { at, order: this.#order++, act };
    let index = this.#heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, this.#heap[parent])) break;
      this.#heap[index] = this.#heap[parent];
      index = parent;
    }
    this.#heap[index] = event;
  }

  take(): Event {
    const first = this.#heap[0];
    const last = this.#heap.pop()!;
    const { length } = this.#heap;
    if (length === 0) return first;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(this.#heap[child + 1], this.#heap[child])) child++;
      if (!isBefore(this.#heap[child], last)) break;
      this.#heap[index] = this.#heap[child];
      index = child;
    }
    this.#heap[index] = last;
    return first;
  }
}

function isBefore(one: Event, other: Event): boolean {
  return one.at < other.at || one.at === other.at && one.order < other.order;
}

/** The link, and the time. */
export class Link {
  readonly options: LinkOptions;
  now = 0;
  readonly #agenda = new Agenda();
  /** When the last packet in the queue will have left. */
  #busyUntil = 0;
  /** The rate may change on the way. */
  rate: number;
  dropped = 0;
  /** The longest queue that there was, in bytes, since somebody set it to 0. */
  peakQueue = 0;

  constructor(options: LinkOptions) {
    this.options = options;
    this.rate = options.rate;
  }

  at(time: number, act: () => void): void {
    this.#agenda.add(time, act);
  }

  /** Bytes in the queue now. */
  get queued(): number {
    return Math.max(0, this.#busyUntil - this.now) * this.rate / SECOND;
  }

  /** @param arrive is called once the acknowledgment is back, with whether it was marked */
  send(bytes: number, arrive: (isMarked: boolean) => void): void {
    const { queue, rtt, loss = 0, markAbove = Infinity, random } = this.options;
    const { queued } = this;
    if (queued + bytes > queue) {
      this.dropped++;
      return;
    }
    this.peakQueue = Math.max(this.peakQueue, queued + bytes);
    const isMarked = queued > markAbove;
    this.#busyUntil = Math.max(this.now, this.#busyUntil) + bytes * SECOND / this.rate;
    if (loss > 0 && random.uint32() / 2 ** 32 < loss) return;
    this.at(this.#busyUntil + rtt, () => arrive(isMarked));
  }

  /** Lets so many microseconds pass. */
  run(duration: number): void {
    const until = this.now + duration;
    while (!this.#agenda.isEmpty && this.#agenda.next <= until) {
      const { at, act } = this.#agenda.take();
      this.now = at;
      act();
    }
    this.now = until;
  }
}

/** A sender that never runs out of data, over a link. */
export class GreedyFlow {
  readonly control: CongestionControl;
  readonly #link: Link;
  readonly #segment: number;
  #packets: Packet[] = [];
  #next = 0;
  delivered = 0;
  #deliveredAt = 0;
  #firstSentAt = 0;
  inFlight = 0;
  lost = 0;
  smoothedRtt = -1;
  minimumRtt = -1;
  #recoveryEnd = -1;
  #nextRound = 0;
  #peak = 0;
  #isBlocked = false;
  #pacedUntil = 0;
  #isWaiting = false;
  #lastProgress = 0;
  rounds = 0;
  /** Called after each acknowledgment. */
  onSample: ((sample: RateSample) => void) | null = null;
  /** False stops it. */
  isSending = true;

  constructor(link: Link, control: CongestionControl, segment: number) {
    this.#link = link;
    this.control = control;
    this.#segment = segment;
  }

  /** Begins to send, so many microseconds from now. */
  start(delay = 0): void {
    this.#link.at(this.#link.now + delay, () => {
      this.#lastProgress = this.#link.now;
      this.output();
      this.#watch();
    });
  }

  /** The retransmission timer, coarsely. */
  #watch(): void {
    const link = this.#link;
    const rto = Math.max(SECOND, 4 * this.smoothedRtt);
    link.at(link.now + 100_000, () => {
      if (this.#packets.length > 0 && link.now - this.#lastProgress > rto) {
        this.#lastProgress = link.now;
        this.control.onTimeout(link.now, this.inFlight, true);
        for (const packet of this.#packets) packet.isLost = true;
        this.lost += this.inFlight;
        this.inFlight = 0;
        this.#packets = [];
        this.#recoveryEnd = -1;
        this.output();
      }
      if (this.isSending) this.#watch();
    });
  }

  output(): void {
    const link = this.#link;
    this.#isBlocked = false;
    while (this.isSending) {
      if (this.inFlight + this.#segment > Math.max(this.control.window, this.#segment)) {
        this.#isBlocked = true;
        return;
      }
      const { pacingRate } = this.control;
      if (pacingRate !== Infinity && link.now < this.#pacedUntil) {
        if (this.#isWaiting) return;
        this.#isWaiting = true;
        link.at(this.#pacedUntil, () => {
          this.#isWaiting = false;
          this.output();
        });
        return;
      }
      this.#pacedUntil = Math.max(link.now, this.#pacedUntil) +
        this.#segment * SECOND / pacingRate;
      this.#send();
    }
  }

  #send(): void {
    const link = this.#link;
    if (this.inFlight === 0) this.#firstSentAt = this.#deliveredAt = link.now;
    this.inFlight += this.#segment;
    this.#peak = Math.max(this.#peak, this.inFlight);
    const packet: Packet = {
      number: this.#next++,
      sentAt: link.now,
      delivered: this.delivered,
      deliveredAt: this.#deliveredAt,
      firstSentAt: this.#firstSentAt,
      inFlight: this.inFlight,
      lostBefore: this.lost,
      isLost: false,
    };
    this.#packets.push(packet);
    this.control.onSent(link.now, this.#segment, this.inFlight, false);
    link.send(this.#segment, (isMarked) => this.#acknowledge(packet, isMarked));
  }

  #acknowledge(packet: Packet, isMarked: boolean): void {
    const { now } = this.#link;
    if (packet.isLost) return;
    const priorInFlight = this.inFlight;
    this.#lastProgress = now;
    const lost = this.#loseBefore(packet);
    this.#packets.splice(this.#packets.indexOf(packet), 1);
    this.inFlight -= this.#segment;
    this.delivered += this.#segment;
    const rtt = now - packet.sentAt;
    this.minimumRtt = this.minimumRtt < 0 ? rtt : Math.min(this.minimumRtt, rtt);
    this.smoothedRtt = this.smoothedRtt < 0 ? rtt : this.smoothedRtt * 7 / 8 + rtt / 8;
    this.#deliveredAt = now;
    this.#firstSentAt = packet.sentAt;
    const isRoundStart = packet.delivered >= this.#nextRound;
    if (isRoundStart) {
      this.#nextRound = this.delivered;
      this.rounds++;
    }
    if (this.#recoveryEnd >= 0 && packet.number >= this.#recoveryEnd) {
      this.#recoveryEnd = -1;
      this.control.onRecovered(now, this.inFlight);
    }
    if ((lost > 0 || isMarked) && this.#recoveryEnd < 0) {
      this.#recoveryEnd = this.#next;
      this.control.onCongestion(now, priorInFlight, lost === 0);
    }
    const interval = Math.max(packet.sentAt - packet.firstSentAt, now - packet.deliveredAt);
    const sample: RateSample = {
      now,
      acknowledgedBytes: this.#segment,
      lostBytes: lost,
      priorInFlight,
      inFlight: this.inFlight,
      rtt,
      smoothedRtt: this.smoothedRtt,
      minimumRtt: this.minimumRtt,
      deliveredBytes: this.delivered - packet.delivered,
      interval: interval >= this.minimumRtt ? interval : -1,
      totalDelivered: this.delivered,
      priorDelivered: packet.delivered,
      inFlightAtSend: packet.inFlight,
      lostSinceSend: this.lost - packet.lostBefore,
      isApplicationLimited: false,
      isRoundStart,
      markedBytes: isMarked ? this.#segment : 0,
      isWindowLimited: this.#isBlocked || this.control.window <= 2 * this.#peak,
      acknowledgment: packet.number + 1,
      sendNext: this.#next,
      isRecovering: this.#recoveryEnd >= 0,
    };
    if (isRoundStart) this.#peak = this.inFlight;
    this.control.onAcknowledgment(sample);
    this.onSample?.(sample);
    this.output();
  }

  /** Packets that were sent long before one that has arrived are lost. @returns bytes */
  #loseBefore(packet: Packet): number {
    let lost = 0;
    while (this.#packets.length > 0 && this.#packets[0].number < packet.number - REORDERING) {
      this.#packets.shift()!.isLost = true;
      lost += this.#segment;
    }
    this.inFlight -= lost;
    this.lost += lost;
    return lost;
  }
}

/** Jain's index of fairness: 1 where all have the same. */
export function fairness(shares: readonly number[]): number {
  const sum = shares.reduce((total, share) => total + share, 0);
  const squares = shares.reduce((total, share) => total + share * share, 0);
  return sum * sum / (shares.length * squares);
}
