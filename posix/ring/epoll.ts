/**
 * `epoll` over watches: each file of the interest list has a watch that tells of edges, and those
 * that have told something are candidates. Before a candidate is reported it is looked at, since
 * what it told may be over; one that is reported and level-triggered stays a candidate.
 *
 * ```text
 *               an edge                      looked at: nothing there
 *   quiet ------------------> candidate ----------------------------------> quiet
 *     ^                          |  ^
 *     |  reported (EPOLLET)      |  | reported (level-triggered): last in line again
 *     +--------------------------+--+
 *   reported (EPOLLONESHOT): disabled until EPOLL_CTL_MOD
 * ```
 *
 * Source: epoll(7), `fs/eventpoll.c`.
 *
 * @module
 */

import type { EpollSet, Outcome } from "../engine.ts";
import type { BlockingRing } from "./blocking_ring.ts";
import { EpollLook } from "./epoll_look.ts";
import { EpollWait } from "./epoll_wait.ts";
import { EpollWatch } from "./epoll_watch.ts";
import { OpenFile, type ReleaseListener } from "./open_file.ts";
import { ALWAYS, type Watch, WatchMode, type WatchSink } from "./watch.ts";
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLWAKEUP,
  FIONBIO,
  O_RDWR,
} from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

/** What may go with EPOLLEXCLUSIVE. Source: `EPOLLEXCLUSIVE_OK_BITS`. */
const EXCLUSIVE_BITS: number = EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP |
  EPOLLET | EPOLLEXCLUSIVE;
/** The bits that are no events. */
const PRIVATE_BITS: number = EPOLLET | EPOLLONESHOT | EPOLLEXCLUSIVE | EPOLLWAKEUP;
/** `EP_MAX_NESTS`. */
const NESTS_MAX = 4;

/** Whoever wants to know that an epoll has a new candidate. */
export interface CandidateListener {
  /** Told of every edge. */
  onCandidate(interest: Interest, events: number): void;
  /** Told when the epoll is closed. */
  onEnd(): void;
}

/** One entry of an interest list. */
export class Interest implements WatchSink {
  readonly file: OpenFile;
  readonly handle: number;
  events = 0;
  data = 0;
  readonly #epoll: Epoll;
  #watch: Watch | null = null;

  constructor(epoll: Epoll, file: OpenFile, handle: number) {
    this.#epoll = epoll;
    this.file = file;
    this.handle = handle;
  }

  /** The events that it is about, 0 while it is disabled. */
  get wanted(): number {
    const events = this.events & ~PRIVATE_BITS;
    return events === 0 ? 0 : events | ALWAYS;
  }

  /** Whether it has ended with its report. */
  get isOneShot(): boolean {
    return (this.events & EPOLLONESHOT) !== 0;
  }

  /** Whether it is reported at edges only. */
  get isEdge(): boolean {
    return (this.events & EPOLLET) !== 0;
  }

  /** Begins to watch. @returns 0 or `-errno` */
  arm(events: number, data: number): number {
    this.#watch?.cancel();
    this.#watch = null;
    this.events = events;
    this.data = data;
    const watch = this.file.watch(WatchMode.EDGES, this.wanted, this);
    if (watch === null) return -Errno.ENOMEM;
    this.#watch = watch;
    return 0;
  }

  /** Ends its watch. */
  disarm(): void {
    this.#watch?.cancel();
    this.#watch = null;
  }

  /** Disables it, until it is armed again. */
  disable(): void {
    this.disarm();
    this.events &= PRIVATE_BITS;
  }

  /** {@inheritDoc WatchSink.onEvents} */
  onEvents(events: number): void {
    this.#epoll.note(this, events);
  }
}

/** An epoll instance. */
export class Epoll extends OpenFile implements ReleaseListener {
  /** Those that have told something, in the order in which they are to be reported. */
  readonly candidates: Set<Interest> = new Set();
  /** Whoever waits. */
  readonly followers: Set<CandidateListener> = new Set();
  readonly #ring: BlockingRing;
  readonly #interests: Map<OpenFile, Map<number, Interest>> = new Map();

  constructor(ring: BlockingRing) {
    super(O_RDWR);
    this.#ring = ring;
  }

  /** {@inheritDoc OpenFile.isRemote} */
  override get isRemote(): boolean {
    for (const file of this.#interests.keys()) if (file.isRemote) return true;
    return false;
  }

  /** `epoll_ctl(2)`. */
  change(operation: number, file: OpenFile, handle: number, events: number, data: number): Outcome {
    if (!file.isPollable) return -Errno.EPERM;
    if (file === this) return -Errno.EINVAL;
    const isExclusive = (events & EPOLLEXCLUSIVE) !== 0 && operation !== EPOLL_CTL_DEL;
    if (isExclusive) {
      const isFine = operation === EPOLL_CTL_ADD && !(file instanceof Epoll) &&
        (events & ~EXCLUSIVE_BITS) === 0;
      if (!isFine) return -Errno.EINVAL;
    }
    if (operation === EPOLL_CTL_ADD && file instanceof Epoll && this.#isTooDeep(file)) {
      return -Errno.ELOOP;
    }
    const known = this.#interests.get(file)?.get(handle);
    switch (operation) {
      case EPOLL_CTL_ADD:
        return known === undefined ? this.#add(file, handle, events, data) : -Errno.EEXIST;
      case EPOLL_CTL_MOD:
        return known === undefined ? -Errno.ENOENT : this.#modify(known, events, data);
      case EPOLL_CTL_DEL:
        if (known === undefined) return -Errno.ENOENT;
        this.#remove(known);
        return 0;
      default:
        return -Errno.EINVAL;
    }
  }

  #add(file: OpenFile, handle: number, events: number, data: number): number {
    const interest = new Interest(this, file, handle);
    const result = interest.arm(events | ALWAYS, data);
    if (result < 0) return result;
    const handles = this.#interests.get(file) ?? new Map<number, Interest>();
    this.#interests.set(file, handles.set(handle, interest));
    file.listeners.add(this);
    return 0;
  }

  #modify(interest: Interest, events: number, data: number): number {
    if ((interest.events & EPOLLEXCLUSIVE) !== 0) return -Errno.EINVAL;
    this.candidates.delete(interest);
    return interest.arm(events | ALWAYS, data);
  }

  #remove(interest: Interest): void {
    const { file, handle } = interest;
    interest.disarm();
    this.candidates.delete(interest);
    const handles = this.#interests.get(file);
    handles?.delete(handle);
    if (handles?.size !== 0) return;
    this.#interests.delete(file);
    file.listeners.delete(this);
  }

  /** {@inheritDoc ReleaseListener.onRelease} */
  onRelease(file: OpenFile): void {
    for (const interest of [...this.#interests.get(file)?.values() ?? []]) this.#remove(interest);
  }

  /** Takes an edge. */
  note(interest: Interest, events: number): void {
    if (interest.wanted === 0) return;
    this.candidates.add(interest);
    for (const follower of [...this.followers]) follower.onCandidate(interest, events);
  }

  /** `epoll_wait(2)`. */
  wait(into: EpollSet, maxevents: number, timeoutMs: number): Outcome {
    return new EpollWait(this.#ring, this, into, maxevents, timeoutMs).outcome;
  }

  /** Looks at its candidates. @param done is told which have events, and which */
  look(done: (found: Map<Interest, number>) => void): EpollLook {
    return new EpollLook([...this.candidates], done);
  }

  /** Notes that a candidate was reported. */
  report(interest: Interest): void {
    this.candidates.delete(interest);
    if (interest.isOneShot) interest.disable();
    else if (!interest.isEdge) this.candidates.add(interest);
  }

  /** {@inheritDoc OpenFile.watch} */
  watch(mode: WatchMode, events: number, sink: WatchSink): Watch {
    return new EpollWatch(this, mode, events, sink);
  }

  /** {@inheritDoc OpenFile.ioctl} */
  override ioctl(request: number, argument: number): Outcome {
    return request === FIONBIO ? super.ioctl(request, argument) : -Errno.EINVAL;
  }

  protected override end(): Outcome {
    for (const handles of [...this.#interests.values()]) {
      for (const interest of [...handles.values()]) this.#remove(interest);
    }
    for (const follower of [...this.followers]) follower.onEnd();
    return 0;
  }

  /** Whether `file` may not be added: for a loop, or for nesting too deep. */
  #isTooDeep(file: Epoll): boolean {
    const below = file.#depth(this, 0);
    return below < 0 || below + 1 + this.#height(0) > NESTS_MAX;
  }

  /** Levels of epolls under it, -1 for a loop through `root`. */
  #depth(root: Epoll, level: number): number {
    if (this === root || level > NESTS_MAX) return -1;
    let depth = 0;
    for (const file of this.#interests.keys()) {
      if (!(file instanceof Epoll)) continue;
      const below = file.#depth(root, level + 1);
      if (below < 0) return -1;
      depth = Math.max(depth, below + 1);
    }
    return depth;
  }

  /** Levels of epolls that it is in. */
  #height(level: number): number {
    let height = 0;
    if (level > NESTS_MAX) return height;
    for (const listener of this.listeners) {
      if (listener instanceof Epoll) height = Math.max(height, listener.#height(level + 1) + 1);
    }
    return height;
  }
}
