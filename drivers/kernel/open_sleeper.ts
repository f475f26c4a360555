/**
 * How an isolate that owns a kernel ring sleeps: by the wake channel where loopback may be used,
 * else by a read of the eventfd on a thread of the runtime's pool.
 *
 * @module
 */

import type { Descriptors } from "./descriptors.ts";
import { EFD_CLOEXEC, lastErrno, type Libc } from "./libc.ts";
import type { Sleeper, SleeperOptions } from "./sleeper.ts";
import { openWakeChannel } from "./wake_channel.ts";
import { Poll } from "../../ring/abi/opcodes.ts";

/** How often an unreferenced ring without a wake channel is looked at, in milliseconds. */
const UNREFERENCED_POLL_MS = 10;

const NO_CHANNEL = "without the wake channel (grant --allow-net=127.0.0.1): " +
  "sleeping costs a thread, and an unreferenced ring is polled";

/** Sleeps in `read(eventfd)` on another thread, which pins the process while it lasts. */
class BlockingSleeper implements Sleeper {
  readonly eventFd: number;
  readonly why: string;
  readonly #descriptors: Descriptors;
  readonly #libc: Libc;
  readonly #woken: () => void;
  readonly #count: Uint8Array<ArrayBuffer>;
  readonly #one = new Uint8Array(new ArrayBuffer(8));
  #reading = false;
  #armed = false;
  #alive = false;
  #closed = false;
  #poll: ReturnType<typeof setTimeout> | undefined;
  #breath: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SleeperOptions, eventFd: number, why: string) {
    const { descriptors, woken, inbox } = options;
    this.#descriptors = descriptors;
    this.#libc = descriptors.libc;
    this.#count = inbox;
    this.#woken = woken;
    this.#one[0] = 1;
    this.eventFd = eventFd;
    this.why = why;
  }

  arm(): void {
    this.#armed = true;
    this.#wait();
  }

  keepAlive(alive: boolean): void {
    if (alive === this.#alive) return;
    this.#alive = alive;
    if (this.#breath !== undefined) {
      if (alive) Deno.refTimer(this.#breath);
      else Deno.unrefTimer(this.#breath);
    }
    // Ends the read that pins the process; its callback looks again and waits the other way.
    if (!alive && this.#reading) this.#ring();
    else if (alive && this.#armed) this.#wait();
  }

  breathe(): void {
    this.#breath = setTimeout(this.#onBreath, 0);
    if (!this.#alive) Deno.unrefTimer(this.#breath);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#poll);
    clearTimeout(this.#breath);
    // The descriptor is closed by whoever is last: a read in flight must not see it reused.
    if (this.#reading) this.#ring();
    else this.#descriptors.close(this.eventFd);
  }

  #wait(): void {
    if (this.#reading) return;
    clearTimeout(this.#poll);
    if (!this.#alive) {
      this.#poll = setTimeout(this.#onPoll, UNREFERENCED_POLL_MS);
      Deno.unrefTimer(this.#poll);
      return;
    }
    this.#reading = true;
    this.#libc.read_blocking(this.eventFd, this.#count, 8n).then(this.#onRead, this.#onRead);
  }

  #ring(): void {
    this.#libc.write(this.eventFd, this.#one, 8n);
  }

  readonly #onBreath = (): void => {
    this.#breath = undefined;
    this.#woken();
  };

  readonly #onPoll = (): void => {
    const wanted = new Int32Array([this.eventFd, Poll.IN]);
    if (this.#libc.poll(new Uint8Array(wanted.buffer), 1n, 0) <= 0) return this.#wait();
    this.#libc.read(this.eventFd, this.#count, 8n);
    this.#armed = false;
    this.#woken();
  };

  readonly #onRead = (): void => {
    this.#reading = false;
    this.#armed = false;
    if (this.#closed) this.#descriptors.close(this.eventFd);
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
 * @throws {Error} when no eventfd is to be had
 */
export async function openSleeper(options: SleeperOptions): Promise<Sleeper> {
  const { descriptors } = options;
  const eventFd = descriptors.keep(descriptors.libc.eventfd(0, EFD_CLOEXEC));
  if (eventFd < 0) throw new Error(`eventfd: errno ${lastErrno()}`);
  descriptors.table?.noteEvent(eventFd);
  if (!options.hasChannel || !mayUseLoopback()) {
    return new BlockingSleeper(options, eventFd, NO_CHANNEL);
  }
  try {
    return await openWakeChannel(options, eventFd);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return new BlockingSleeper(options, eventFd, `${NO_CHANNEL} (${reason})`);
  }
}
