/**
 * How an isolate that owns a kernel ring sleeps: by the wake channel where loopback may be used,
 * else by a read of the eventfd on a thread of the runtime's pool.
 *
 * @module
 */

import { EFD_CLOEXEC, lastErrno, type Libc } from "./libc.ts";
import { openWakeChannel } from "./wake_channel.ts";

/** Puts an isolate to sleep until its ring's eventfd is signalled. */
export interface Sleeper {
  /** The eventfd for the main ring to signal. */
  readonly eventFd: number;
  /** Why it is not the wake channel, else "". */
  readonly why: string;
  /** Watches the eventfd, once; the callback given at creation says when it was signalled. */
  arm(): void;
  /** Whether the process must stay alive while it waits. */
  keepAlive(alive: boolean): void;
  /** Calls back after the event loop polled its own sockets. */
  breathe(): void;
  /** Closes everything; nothing calls back any more. */
  close(): void;
  /** Descriptors that outlive a terminated Worker. */
  readonly descriptors: readonly number[];
}

/** How often an unreferenced ring without a wake channel is looked at, in milliseconds. */
const UNREFERENCED_POLL_MS = 10;

const NO_CHANNEL = "without the wake channel (grant --allow-net=127.0.0.1): " +
  "sleeping costs a thread, and an unreferenced ring is polled";

/** Sleeps in `read(eventfd)` on another thread, which pins the process while it lasts. */
class BlockingSleeper implements Sleeper {
  readonly eventFd: number;
  readonly why: string;
  readonly descriptors: readonly number[];
  readonly #libc: Libc;
  readonly #woken: () => void;
  readonly #count = new Uint8Array(new ArrayBuffer(8));
  readonly #one = new Uint8Array(new ArrayBuffer(8));
  #reading = false;
  #armed = false;
  #alive = false;
  #closed = false;
  #poll: ReturnType<typeof setTimeout> | undefined;

  constructor(libc: Libc, eventFd: number, why: string, woken: () => void) {
    this.#libc = libc;
    this.#woken = woken;
    this.#one[0] = 1;
    this.eventFd = eventFd;
    this.why = why;
    this.descriptors = [eventFd];
  }

  arm(): void {
    this.#armed = true;
    this.#wait();
  }

  keepAlive(alive: boolean): void {
    if (alive === this.#alive) return;
    this.#alive = alive;
    // Ends the read that pins the process; its callback looks again and waits the other way.
    if (!alive && this.#reading) this.#ring();
    else if (alive && this.#armed) this.#wait();
  }

  breathe(): void {
    const timer = setTimeout(this.#woken, 0);
    if (!this.#alive) Deno.unrefTimer(timer);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#poll);
    // The descriptor is closed by whoever is last: a read in flight must not see it reused.
    if (this.#reading) this.#ring();
    else this.#libc.close(this.eventFd);
  }

  #wait(): void {
    if (this.#reading) return;
    if (!this.#alive) {
      clearTimeout(this.#poll);
      this.#poll = setTimeout(this.#woken, UNREFERENCED_POLL_MS);
      Deno.unrefTimer(this.#poll);
      return;
    }
    this.#reading = true;
    this.#libc.read_blocking(this.eventFd, this.#count, 8n).then(this.#onRead, this.#onRead);
  }

  #ring(): void {
    this.#libc.write(this.eventFd, this.#one, 8n);
  }

  readonly #onRead = (): void => {
    this.#reading = false;
    this.#armed = false;
    if (this.#closed) this.#libc.close(this.eventFd);
    else this.#woken();
  };
}

function mayUseLoopback(): boolean {
  const host = { name: "net", host: "127.0.0.1" } as const;
  return Deno.permissions.querySync(host).state === "granted";
}

/**
 * Opens the best sleeper there is.
 *
 * @param woken called when the eventfd was signalled, or after {@linkcode Sleeper.breathe}
 * @param channel false to do without the wake channel
 */
export async function openSleeper(
  libc: Libc,
  channel: boolean,
  woken: () => void,
): Promise<Sleeper> {
  const eventFd = libc.eventfd(0, EFD_CLOEXEC);
  if (eventFd < 0) throw new Error(`eventfd: errno ${lastErrno()}`);
  if (!channel || !mayUseLoopback()) return new BlockingSleeper(libc, eventFd, NO_CHANNEL, woken);
  try {
    return await openWakeChannel(libc, eventFd, woken);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return new BlockingSleeper(libc, eventFd, `${NO_CHANNEL} (${reason})`, woken);
  }
}
