/**
 * An echo server with one thread and level-triggered `epoll`: the kernel keeps the list of
 * descriptors and tells those that are ready, as long as they are.
 *
 * ```sh
 * deno run --allow-net --allow-ffi examples/posix/epoll_level.ts 7777
 * ```
 *
 * Arguments: a port or an address, and the seconds to serve; for ever unless given. Without
 * `--allow-ffi` it runs on plain Deno, whose calls a Worker makes: that takes `--allow-read`.
 *
 * What is not read now is told again, so each event may do little: one read and one write. What a
 * connection waits for has to be kept up to date: `EPOLLOUT` that nobody wants would be told for
 * ever. At the end it stops accepting, ends its side of every connection, and waits until the
 * clients have ended theirs, within a limit.
 *
 * @module
 */

import { NetworkCapability } from "../../mod.ts";
import { type EpollEvent, Posix } from "../../posix/mod.ts";
import { EchoConnection } from "./echo_connection.ts";
import { Step } from "./step.ts";
import { greet, listen, orInterrupted, readArguments, Stop, tryAccept } from "./support.ts";

const EVENTS_MAX = 256;
/** Connections accepted in a row, so that the others get their turn. */
const ACCEPTS_MAX = 64;
/** How often deadlines are looked at, in milliseconds; so long is a full table left alone, too. */
const SWEEP_MS = 250;

/** The loop. */
class Server {
  readonly #posix: Posix;
  readonly #epoll: number;
  readonly #events: EpollEvent[] = [];
  readonly #connections: Map<number, EchoConnection> = new Map();
  #listener: number;
  #isListening = true;
  #sweptAt = performance.now();

  constructor(posix: Posix, listener: number) {
    this.#posix = posix;
    this.#listener = listener;
    this.#epoll = posix.epoll_create1(posix.EPOLL_CLOEXEC);
    this.#watch(posix.EPOLL_CTL_ADD, listener, posix.EPOLLIN);
  }

  get isIdle(): boolean {
    return this.#connections.size === 0;
  }

  /** Waits for events, and does what they ask for. */
  turn(timeoutMs: number): void {
    const posix = this.#posix;
    const count = orInterrupted(() => {
      return posix.epoll_wait(this.#epoll, this.#events, EVENTS_MAX, timeoutMs);
    });
    for (let index = 0; index < count; index++) {
      const { data: fd } = this.#events[index];
      if (fd === this.#listener) {
        this.#acceptSome();
        continue;
      }
      // A descriptor that was closed during this turn may have an event in it all the same.
      const connection = this.#connections.get(fd);
      if (connection !== undefined) this.#serve(connection);
    }
    this.#sweep();
  }

  /** Stops accepting, and lets every connection end. */
  finish(): void {
    this.#posix.close(this.#listener);
    this.#listener = -1;
    for (const connection of this.#connections.values()) connection.finish();
  }

  close(): void {
    this.#posix.close(this.#epoll);
  }

  #serve(connection: EchoConnection): void {
    const { EPOLL_CTL_MOD, EPOLLIN, EPOLLOUT } = this.#posix;
    const { wantsWrite: before } = connection;
    if (connection.step() === Step.ENDED) return this.#end(connection);
    const { wantsWrite: now } = connection;
    if (now !== before) this.#watch(EPOLL_CTL_MOD, connection.fd, now ? EPOLLOUT : EPOLLIN);
  }

  #acceptSome(): void {
    const posix = this.#posix;
    for (let count = 0; count < ACCEPTS_MAX; count++) {
      const fd = tryAccept(posix, this.#listener, posix.SOCK_NONBLOCK);
      if (fd === "full") this.#listen(false);
      if (typeof fd === "string") return;
      this.#connections.set(fd, new EchoConnection(posix, fd));
      this.#watch(posix.EPOLL_CTL_ADD, fd, posix.EPOLLIN);
    }
  }

  /** Without descriptors left, the listener would be ready for ever. */
  #listen(on: boolean): void {
    const { EPOLL_CTL_MOD, EPOLLIN } = this.#posix;
    this.#isListening = on;
    this.#watch(EPOLL_CTL_MOD, this.#listener, on ? EPOLLIN : 0);
  }

  #sweep(): void {
    const now = performance.now();
    if (now - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = now;
    for (const connection of this.#connections.values()) {
      if (now > connection.deadlineMs) this.#end(connection);
    }
    if (!this.#isListening && this.#listener >= 0) this.#listen(true);
  }

  /** Closing takes it out of the epoll, too. */
  #end(connection: EchoConnection): void {
    this.#connections.delete(connection.fd);
    connection.close();
  }

  #watch(operation: number, fd: number, events: number): void {
    this.#posix.epoll_ctl(this.#epoll, operation, fd, { events, data: fd });
  }
}

const { address, seconds } = readArguments(Deno.args);
await using capability = await NetworkCapability.request();
await using posix = Posix.open(capability);
using stop = new Stop(seconds);
const listener = listen(posix, address, { nonblocking: true });
greet("level-triggered epoll", posix, listener, capability);
const server = new Server(posix, listener);
while (!stop.isRequested) {
  server.turn(stop.waitMs);
  await stop.look();
}
server.finish();
while (!server.isIdle) server.turn(100);
server.close();
console.log("stopped");
