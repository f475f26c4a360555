/**
 * An echo server with a thread for each connection: the main thread accepts, a Worker serves.
 *
 * ```sh
 * deno run --allow-net --allow-ffi --allow-read examples/posix/thread_per_connection.ts 7777
 * ```
 *
 * Arguments: a port or an address, and the seconds to serve; for ever unless given. Needs the
 * kernel backend, whose descriptors mean the same in every thread. A Worker takes some ten
 * milliseconds to start and some megabytes: this is for few connections that do much.
 *
 * At the end it stops accepting, shuts the connections down, waits until they are drained, and
 * terminates what is left.
 *
 * @module
 */

import { NetworkCapability, WorkerLedger } from "../../mod.ts";
import { Posix, PosixError } from "../../posix/mod.ts";
import { greet, listen, readArguments, report, SMALL_RING, Stop, tryAccept } from "./support.ts";
import type { ConnectionNews, ConnectionStart } from "./thread_per_connection_worker.ts";

const THREADS_MAX = 32;
/** How long clients may take to end their side after this one has, in milliseconds. */
const GRACE_MS = 3000;

/** The threads at work, each with its connection. */
class Threads {
  readonly #posix: Posix;
  readonly #ends: Map<number, Promise<void>> = new Map();
  #next = 0;
  readonly #connections: Map<number, number> = new Map();

  constructor(posix: Posix) {
    this.#posix = posix;
  }

  get isFull(): boolean {
    return this.#ends.size >= THREADS_MAX;
  }

  /** Starts a thread, to which the connection belongs from now on. */
  start(fd: number): void {
    const id = this.#next++;
    this.#connections.set(id, fd);
    this.#ends.set(id, this.#run(id, fd));
  }

  /** Waits until a thread has ended. */
  async oneEnded(): Promise<void> {
    await Promise.race(this.#ends.values());
  }

  /** Ends all of them. @returns how many had to be cut off */
  async stop(): Promise<number> {
    this.#shutdownAll(this.#posix.SHUT_WR);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#shutdownAll(this.#posix.SHUT_RDWR);
    }, GRACE_MS);
    const all = [...this.#ends.values()];
    let cut = 0;
    await Promise.all(all.map(async (end) => {
      await end;
      if (isLate) cut++;
    }));
    clearTimeout(timer);
    return cut;
  }

  async #run(id: number, fd: number): Promise<void> {
    // What it takes to clean up after a thread that ends out of turn.
    const ledger = new WorkerLedger({ ring: SMALL_RING });
    const module = new URL("./thread_per_connection_worker.ts", import.meta.url);
    const worker = new Worker(module, { type: "module" });
    const start: ConnectionStart = { table: this.#posix.table, fd, ledger: ledger.handle };
    let isTaken = false;
    await new Promise<void>((resolve) => {
      worker.onmessage = ({ data }: MessageEvent<ConnectionNews>) => {
        isTaken = true;
        if (data === "ended") resolve();
      };
      worker.onerror = (event) => {
        event.preventDefault();
        report(event.message);
        resolve();
      };
      worker.postMessage(start);
    });
    worker.terminate();
    // Once taken it is the thread's to close, and its number may be another connection's by now.
    if (!isTaken) this.#posix.close(fd);
    await ledger.reap();
    this.#connections.delete(id);
    this.#ends.delete(id);
  }

  /** What a thread waits for on its connection, it gets an answer to at once. */
  #shutdownAll(how: number): void {
    for (const fd of this.#connections.values()) {
      try {
        this.#posix.shutdown(fd, how);
      } catch (error) {
        // The client, or the thread itself, was faster.
        if (!(error instanceof PosixError)) throw error;
      }
    }
  }
}

const { address, seconds } = readArguments(Deno.args);
await using capability = await NetworkCapability.request({ backend: "kernel" });
await using posix = Posix.open(capability);
using stop = new Stop(seconds);
const threads = new Threads(posix);

const listener = listen(posix, address);
greet("a thread for each connection", posix, listener, capability);
let served = 0;
while (!stop.isRequested) {
  // A blocking accept, which gives up now and then: EAGAIN.
  const waitMs = Math.max(1, stop.waitMs);
  posix.setsockopt(listener, posix.SOL_SOCKET, posix.SO_RCVTIMEO, { sec: 0, usec: waitMs * 1000 });
  const fd = tryAccept(posix, listener, 0);
  if (typeof fd === "number") {
    served++;
    threads.start(fd);
  }
  // The others wait in the listener's queue.
  if (fd === "full" || threads.isFull) await threads.oneEnded();
  await stop.look();
}
posix.close(listener);
const cut = await threads.stop();
console.log(`served ${served} connections, cut ${cut} off`);
