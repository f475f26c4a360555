/**
 * What puts an isolate that owns a kernel ring to sleep, whichever way it does.
 *
 * @module
 */

import type { Descriptors } from "./descriptors.ts";

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
}

/** What a sleeper is made with. */
export interface SleeperOptions {
  readonly descriptors: Descriptors;
  /** False to do without the wake channel. */
  readonly hasChannel: boolean;
  /** Called when the eventfd was signalled, or after {@linkcode Sleeper.breathe}. */
  readonly woken: () => void;
  /** Eight bytes that another thread may write to; they must outlive this isolate. */
  readonly inbox: Uint8Array<ArrayBuffer>;
  /** Memory for the small ring that wakes, null to allocate it. */
  readonly wakeMemory: SharedArrayBuffer | null;
}
