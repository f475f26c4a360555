/**
 * Telling a service manager how the service is: `sd_notify(3)`, without its library.
 *
 * @module
 */

import type { Authorization } from "../authorization.ts";
import { NetworkCapability } from "../capability.ts";
import { isForThisProcess, readNumber, readVariable } from "./environment.ts";
import { netError, timedOut, unsupported } from "../errors.ts";
import { checkTimeout, type OpOptions } from "../operation.ts";
import { checkKeys } from "../options/options.ts";
import type { RingOptions } from "../ring_options.ts";
import type { Deadline, DeadlineTarget } from "../../ring/deadlines.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { W_ADDRESS, W_LENGTH, W_OPERATION_FLAGS } from "../../ring/abi/layout.ts";
import { Msg, Op, Poll, Sock } from "../../ring/abi/opcodes.ts";
import { AF_UNIX } from "../../ring/abi/sockaddr.ts";

const NOTIFY_SOCKET = "NOTIFY_SOCKET";
const NOTIFY_KEYS: readonly string[] = ["capability", "signal", "timeoutMs"];
const WATCHDOG_KEYS: readonly string[] = ["capability"];
const MICROSECONDS = 1000;
/** Messages in the time that the supervisor allows between two. */
const PINGS = 2;
/** Bytes of one message; systemd reads no more. */
const STATE_BYTES_MAX = 4096;
/** A ring for one datagram at a time. */
const RING: RingOptions = {
  entries: 8,
  slots: 64,
  buffers: { count: 1, bytes: 64 },
  datagramBuffers: { count: 0 },
  arenaBytes: 16384,
};

const encoder = new TextEncoder();

/** What {@linkcode notifySupervisor} takes. */
export interface NotifyOptions extends OpOptions {
  /**
   * Under which the message is sent: it must hold `unix` and `connect` for the supervisor's socket.
   * Without one, a capability for nothing else is made, and closed again.
   */
  readonly capability?: NetworkCapability;
}

/** What {@linkcode startWatchdog} takes. */
export interface WatchdogOptions {
  /** As {@linkcode NotifyOptions.capability}; without one, one is kept until `stop()`. */
  readonly capability?: NetworkCapability;
}

/**
 * Tells the supervisor something, in the words of `sd_notify(3)`: `READY=1`, `STOPPING=1`,
 * `STATUS=...`, `MAINPID=...`, `WATCHDOG=1`; several in lines.
 *
 * Permissions: `--allow-env=NOTIFY_SOCKET`, and those of the backend; nothing prompts.
 *
 * @param state lines of `KEY=value`, at most 4096 bytes together
 * @param options `timeoutMs` is the deadline in milliseconds
 * @returns false when there is no supervisor to tell: `NOTIFY_SOCKET` is not set
 * @throws {NetError} EACCES without the permission, ECONNREFUSED and ENOENT when the supervisor is
 * gone, ENOTSUP where the backend has no Unix datagrams, EAFNOSUPPORT for an address that is no
 * path
 * @throws {Deno.errors.NotCapable} when the given capability does not allow it
 * @throws {TypeError} for a line that is no `KEY=value`
 * @throws {RangeError} when it is too long
 *
 * @example
 * ```ts
 * import { notifySupervisor } from "../../mod.ts";
 * const isSupervised = await notifySupervisor("READY=1\nSTATUS=serving");
 * console.log(isSupervised); // false outside of a service
 * ```
 */
export async function notifySupervisor(
  state: string,
  options: NotifyOptions = {},
): Promise<boolean> {
  checkKeys("notifySupervisor", options, NOTIFY_KEYS);
  checkTimeout("notifySupervisor", options.timeoutMs);
  const bytes = encodeState(state);
  options.signal?.throwIfAborted();
  const address = supervisorAddress();
  if (address === null) return false;
  if (options.capability !== undefined) {
    await send(options.capability.authorization, address, bytes, options);
    return true;
  }
  await using capability = await ownCapability();
  await send(capability.authorization, address, bytes, options);
  return true;
}

/**
 * How often the supervisor wants to hear `WATCHDOG=1`. Source: `sd_watchdog_enabled(3)`.
 *
 * Permissions: `--allow-env=WATCHDOG_USEC,WATCHDOG_PID`.
 *
 * @returns milliseconds after which it takes the service for dead; null when it does not watch it
 * @throws {NetError} EACCES without the permission, EINVAL when a variable is no number
 *
 * @example
 * ```ts
 * import { watchdogIntervalMs } from "../../mod.ts";
 * console.log(watchdogIntervalMs()); // null outside of a service with WatchdogSec=
 * ```
 */
export function watchdogIntervalMs(): number | null {
  const microseconds = readNumber("WATCHDOG_USEC", "watchdogIntervalMs");
  if (microseconds === undefined) return null;
  if (microseconds === 0) {
    const detail = "WATCHDOG_USEC is 0";
    throw netError(Errno.EINVAL, { operation: "watchdogIntervalMs", detail });
  }
  if (!isForThisProcess("WATCHDOG_PID", "watchdogIntervalMs")) return null;
  return microseconds / MICROSECONDS;
}

/**
 * Sends `WATCHDOG=1` at once and then twice in each interval, for as long as the ring's event loop
 * turns. It does not keep the process alive.
 *
 * Permissions: `--allow-env=WATCHDOG_USEC,WATCHDOG_PID,NOTIFY_SOCKET`, and those of the backend.
 *
 * @returns what stops it; null when no supervisor watches
 * @throws {NetError} when the first message cannot be sent, as {@linkcode notifySupervisor}
 *
 * @example
 * ```ts
 * import { startWatchdog } from "../../mod.ts";
 * await using watchdog = await startWatchdog();
 * console.log(watchdog); // null outside of a service with WatchdogSec=
 * ```
 */
export async function startWatchdog(options: WatchdogOptions = {}): Promise<Watchdog | null> {
  checkKeys("startWatchdog", options, WATCHDOG_KEYS);
  const intervalMs = watchdogIntervalMs();
  const address = intervalMs === null ? null : supervisorAddress();
  if (intervalMs === null || address === null) return null;
  const isOwn = options.capability === undefined;
  const capability = options.capability ?? await ownCapability();
  const watchdog = new Watchdog({ capability, isOwn, address, intervalMs });
  try {
    await watchdog.ping();
  } catch (error) {
    await watchdog.stop();
    throw error;
  }
  return watchdog;
}

interface WatchdogParts {
  readonly capability: NetworkCapability;
  readonly isOwn: boolean;
  readonly address: SocketAddress;
  readonly intervalMs: number;
}

/** Tells a supervisor in time that the service is alive. Made by {@linkcode startWatchdog}. */
export class Watchdog implements AsyncDisposable {
  /** Milliseconds without a message after which the supervisor takes the service for dead. */
  readonly intervalMs: number;
  readonly #parts: WatchdogParts;
  readonly #state = encodeState("WATCHDOG=1");
  readonly #abort = new AbortController();
  readonly #target: DeadlineTarget = { onDeadline: () => this.#onDeadline() };
  #pings = 0;
  #failures = 0;
  #lastError: unknown = undefined;
  #deadline: Deadline | null = null;
  #sending: Promise<void> = Promise.resolve();
  #stopping: Promise<void> | null = null;

  /** @ignore Made by {@linkcode startWatchdog}. */
  constructor(parts: WatchdogParts) {
    this.#parts = parts;
    this.intervalMs = parts.intervalMs;
    this.#schedule();
  }

  /** Messages that were sent. */
  get pings(): number {
    return this.#pings;
  }

  /** Messages that could not be sent; the next one is tried all the same. */
  get failures(): number {
    return this.#failures;
  }

  /** Why the last one of them could not, undefined without one. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** Sends one message now. @throws {NetError} as {@linkcode notifySupervisor} */
  async ping(): Promise<void> {
    const { capability, address } = this.#parts;
    // One that hangs must not hold the next one up.
    const options = { signal: this.#abort.signal, timeoutMs: this.intervalMs / PINGS };
    try {
      await send(capability.authorization, address, this.#state, options);
      this.#pings++;
    } catch (error) {
      this.#failures++;
      this.#lastError = error;
      throw error;
    }
  }

  /** Sends nothing more; once more is a no-op. @returns when nothing of it is left */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Stops it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** The time for the next message has come. */
  #onDeadline(): void {
    this.#deadline = null;
    if (this.#parts.capability.authorization.scope.revokedBy !== null) return;
    this.#schedule();
    this.#sending = this.ping().catch(() => {});
  }

  #schedule(): void {
    const { reactor } = this.#parts.capability.network;
    this.#deadline = reactor.armDeadline(this.intervalMs / PINGS, this.#target, 0);
  }

  async #stop(): Promise<void> {
    const { capability, isOwn } = this.#parts;
    if (this.#deadline !== null) capability.network.reactor.disarmDeadline(this.#deadline);
    this.#deadline = null;
    this.#abort.abort();
    await this.#sending;
    if (isOwn) await capability[Symbol.asyncDispose]();
  }
}

function encodeState(state: string): Uint8Array {
  if (typeof state !== "string") {
    throw new TypeError(`notifySupervisor: the state must be a string, not ${String(state)}`);
  }
  state.split("\n").forEach((line, index, lines) => {
    if (line === "" && index === lines.length - 1 && index > 0) return;
    if (/^[^=\0]+=[^\0]*$/.test(line)) return;
    const shown = JSON.stringify(line);
    throw new TypeError(`notifySupervisor: line ${index + 1} is no KEY=value: ${shown}`);
  });
  const bytes = encoder.encode(state);
  if (bytes.length <= STATE_BYTES_MAX) return bytes;
  throw new RangeError(
    `notifySupervisor: a state has at most ${STATE_BYTES_MAX} bytes, not ${bytes.length}`,
  );
}

function supervisorAddress(): SocketAddress | null {
  const name = readVariable(NOTIFY_SOCKET, "notifySupervisor") ?? "";
  if (name === "") return null;
  if (name.startsWith("/") || (name.startsWith("@") && name.length > 1)) {
    return SocketAddress.unix(name);
  }
  const detail = `${NOTIFY_SOCKET} is ${JSON.stringify(name)}, neither a path nor an abstract name`;
  throw netError(Errno.EAFNOSUPPORT, { operation: "notifySupervisor", detail });
}

/** A capability for nothing but the supervisor's socket. */
function ownCapability(): Promise<NetworkCapability> {
  const rights = { unix: true, connect: true };
  return NetworkCapability.request({ rights, ring: RING });
}

/** Sends one datagram from a socket of its own. */
async function send(
  authorization: Authorization,
  address: SocketAddress,
  bytes: Uint8Array,
  options: OpOptions,
): Promise<void> {
  authorization.requireLive("notifySupervisor");
  authorization.requireAddress("unix", "connect", address, "notifySupervisor");
  const controller = new AbortController();
  const { signal } = options;
  const onAbort = () => controller.abort(signal!.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  try {
    const bounded = { ...options, signal: controller.signal };
    await authorization.scope.track(
      sendDatagram(authorization, address, bytes, bounded, controller),
      controller,
    );
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

async function sendDatagram(
  authorization: Authorization,
  address: SocketAddress,
  bytes: Uint8Array,
  { signal, timeoutMs }: OpOptions,
  controller: AbortController,
): Promise<void> {
  const { network } = authorization;
  const { reactor } = network;
  const remote = address.toString();
  const late = { onDeadline: () => controller.abort(timedOut("notifySupervisor", { timeoutMs })) };
  authorization.takeSocket("notifySupervisor");
  let fd = -1;
  let deadline: Deadline | null = null;
  const block = reactor.arena.take(bytes.length);
  try {
    const context = { operation: "notifySupervisor", remote };
    if (block < 0) throw netError(Errno.ENOBUFS, context);
    fd = await network.socket(AF_UNIX, Sock.DGRAM | Sock.CLOEXEC, "notifySupervisor");
    if (fd === -Errno.ENOTSUP) {
      throw unsupported(network.kind, "datagrams over Unix sockets", "notifySupervisor");
    }
    if (fd < 0) throw netError(fd, context);
    if (timeoutMs !== undefined) deadline = reactor.armDeadline(timeoutMs, late, 0);
    const connected = await abortable(authorization, signal!, network.connect(fd, address));
    if (connected < 0) throw netError(connected, context);
    reactor.memory.bytes.set(bytes, block);
    await sendWhole(authorization, fd, block, bytes.length, signal!, context);
  } finally {
    if (deadline !== null) reactor.disarmDeadline(deadline);
    if (fd >= 0) await network.close(fd);
    if (block >= 0) reactor.giveArena(block);
    authorization.returnSocket();
  }
}

/**
 * Sends one datagram, when there is room for it. A SEND that waits for room by itself would be tried
 * again after Linux has taken its bytes, and send none: `unix_dgram_sendmsg` copies them before it
 * finds the receiver's queue full.
 */
async function sendWhole(
  authorization: Authorization,
  fd: number,
  offset: number,
  length: number,
  signal: AbortSignal,
  context: { readonly operation: string; readonly remote: string },
): Promise<void> {
  const { network } = authorization;
  const { reactor } = network;
  for (;;) {
    const sending = network.start(Op.SEND, fd, (_reactor, at) => {
      reactor.setLong(at + W_ADDRESS, reactor.baseOf(Op.SEND) + offset);
      reactor.entries[at + W_LENGTH] = length;
      reactor.entries[at + W_OPERATION_FLAGS] = Msg.NOSIGNAL | Msg.DONTWAIT;
    });
    const sent = await abortable(authorization, signal, sending);
    if (sent >= 0) return;
    if (sent !== -Errno.EAGAIN) throw netError(sent, context);
    const polling = network.start(Op.POLL_ADD, fd, (_reactor, at) => {
      reactor.entries[at + W_OPERATION_FLAGS] = Poll.OUT;
    });
    const ready = await abortable(authorization, signal, polling);
    if (ready < 0) throw netError(ready, context);
  }
}

/** Awaits an operation, which an abort cancels. @throws the signal's reason when that won */
async function abortable(
  { network }: Authorization,
  signal: AbortSignal,
  operation: { readonly slot: number; readonly done: Promise<number> },
): Promise<number> {
  if (operation.slot < 0) throw network.inFlightExceeded("notifySupervisor");
  const cancel = () => {
    if (operation.slot >= 0) network.reactor.cancel(operation.slot);
  };
  signal.addEventListener("abort", cancel, { once: true });
  if (signal.aborted) cancel();
  network.reactor.reference();
  const result = await operation.done;
  network.reactor.dereference();
  signal.removeEventListener("abort", cancel);
  if (result < 0 && signal.aborted) throw signal.reason;
  return result;
}
