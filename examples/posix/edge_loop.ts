/**
 * An event loop over edge-triggered `epoll`.
 *
 * An edge is told once: when something becomes possible that was not. So whoever hears of one goes
 * on until a call says EAGAIN, or remembers that there is more to do. And what a connection waits
 * for never has to be changed.
 *
 * @module
 */

import type { EpollEvent, Posix } from "../../posix/mod.ts";
import { Step } from "./step.ts";
import { orInterrupted, tryAccept } from "./support.ts";

const EVENTS_MAX = 256;
/** Steps of one connection in a row, so that one that never stops sending starves nobody. */
const STEPS_MAX = 16;
/** Connections accepted in a row. */
const ACCEPTS_MAX = 64;
/** How often deadlines are looked at, in milliseconds; so long is a full table left alone, too. */
const SWEEP_MS = 250;

/** What the loop asks of a connection. */
export interface LoopConnection {
  /** Its descriptor, with `O_NONBLOCK`. */
  readonly fd: number;
  /** When it has taken too long, on the clock of `performance.now()`. */
  readonly deadlineMs: number;
  /** Moves some bytes, if they can be moved now. */
  step(): Step;
  /** Ends it in order: what has begun goes out, then this side ends, then the other side may. */
  finish(): void;
  /** Closes it. */
  close(): void;
}

/** The loop. It ends by {@linkcode EdgeLoop.finish}, turns until it is idle, and `close`. */
export class EdgeLoop {
  /** Connections accepted so far. */
  accepted = 0;
  readonly #posix: Posix;
  readonly #connect: (fd: number) => LoopConnection;
  readonly #epoll: number;
  readonly #events: EpollEvent[] = [];
  readonly #connections: Map<number, LoopConnection> = new Map();
  /** Those that stopped before EAGAIN said so. */
  #unfinished: Set<LoopConnection> = new Set();
  #listener: number;
  #mayAccept = false;
  #sweptAt = performance.now();

  /**
   * @param listener with `O_NONBLOCK`; it belongs to the loop from now on
   * @param connect makes what serves a client of its descriptor
   */
  constructor(posix: Posix, listener: number, connect: (fd: number) => LoopConnection) {
    this.#posix = posix;
    this.#connect = connect;
    this.#listener = listener;
    this.#epoll = posix.epoll_create1(posix.EPOLL_CLOEXEC);
    this.#watch(listener, posix.EPOLLIN);
  }

  /** Whether there are no connections. */
  get isIdle(): boolean {
    return this.#connections.size === 0;
  }

  /** Waits for events, unless there is something left to do, and does what they ask for. */
  turn(timeoutMs: number): void {
    const posix = this.#posix;
    const waitMs = this.#unfinished.size > 0 || this.#mayAccept ? 0 : timeoutMs;
    const count = orInterrupted(() => {
      return posix.epoll_wait(this.#epoll, this.#events, EVENTS_MAX, waitMs);
    });
    const unfinished = this.#unfinished;
    this.#unfinished = new Set();
    for (let index = 0; index < count; index++) {
      const { data: fd } = this.#events[index];
      if (fd === this.#listener) {
        this.#mayAccept = true;
        continue;
      }
      const connection = this.#connections.get(fd);
      if (connection === undefined) continue;
      unfinished.delete(connection);
      this.#serve(connection);
    }
    for (const connection of unfinished) this.#serve(connection);
    // At the end, since a new connection may get the number of one that ended.
    if (this.#mayAccept) this.#acceptSome();
    this.#sweep();
  }

  /** Stops accepting, and lets every connection end. */
  finish(): void {
    if (this.#listener >= 0) this.#posix.close(this.#listener);
    this.#listener = -1;
    this.#mayAccept = false;
    for (const connection of this.#connections.values()) connection.finish();
  }

  /** Closes everything. */
  close(): void {
    this.finish();
    for (const connection of this.#connections.values()) this.#end(connection);
    this.#posix.close(this.#epoll);
  }

  #serve(connection: LoopConnection): void {
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      switch (connection.step()) {
        case Step.READ_BLOCKED:
        case Step.WRITE_BLOCKED:
          return;
        case Step.ENDED:
          return this.#end(connection);
      }
    }
    this.#unfinished.add(connection);
  }

  #acceptSome(): void {
    const posix = this.#posix;
    const { EPOLLIN, EPOLLOUT, EPOLLRDHUP, SOCK_NONBLOCK } = posix;
    for (let count = 0; count < ACCEPTS_MAX; count++) {
      const fd = tryAccept(posix, this.#listener, SOCK_NONBLOCK);
      if (typeof fd === "string") {
        // When the table is full the sweep tries again.
        this.#mayAccept = false;
        return;
      }
      this.accepted++;
      this.#connections.set(fd, this.#connect(fd));
      this.#watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    }
  }

  #sweep(): void {
    const now = performance.now();
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    for (const connection of this.#connections.values()) {
      if (now > connection.deadlineMs) this.#end(connection);
    }
    if (this.#listener >= 0) this.#mayAccept = true;
  }

  /** Closing takes it out of the epoll, too. */
  #end(connection: LoopConnection): void {
    this.#connections.delete(connection.fd);
    this.#unfinished.delete(connection);
    connection.close();
  }

  #watch(fd: number, events: number): void {
    const { EPOLL_CTL_ADD, EPOLLET } = this.#posix;
    this.#posix.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, { events: events | EPOLLET, data: fd });
  }
}
