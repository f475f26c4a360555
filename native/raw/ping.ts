/**
 * Echo: asks a host to send bytes back, and tells how long it took (RFC 792, RFC 4443).
 *
 * @module
 */

import type { NetworkCapability } from "../capability.ts";
import type { Datagram } from "../datagram/datagram.ts";
import { NAME_ROOMS, payloadOffsetOf } from "../datagram/datagram_template.ts";
import { badResource, NetError, netError } from "../errors.ts";
import { requireInteger } from "../authorization.ts";
import {
  ANSWERS,
  type Echo,
  ECHO_HEADER_BYTES,
  type EchoMessage,
  emitEchoRequest,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  parseEcho,
} from "./icmp.ts";
import { readPacket } from "./ip_header.ts";
import { checkKeys } from "../options/options.ts";
import { checkOperation, type OpOptions } from "../operation.ts";
import { RawEndpoint } from "./raw.ts";
import { hostAddress } from "./raw_open.ts";
import { canonicalize, type SocketAddress } from "../../ring/abi/address.ts";
import { canonicalizeHost } from "../../ring/abi/ip_text.ts";
import { Errno, errnoSentence } from "../../ring/abi/errno.ts";
import type { Deadline } from "../../ring/deadlines.ts";

/**
 * What {@linkcode ping} takes; `timeoutMs` is how long it waits for each reply, 1000 by default.
 */
export interface PingOptions extends OpOptions {
  /** Requests to send, 1 to 65536; 4 unless said otherwise. */
  readonly count?: number;
  /** Milliseconds from one request to the next, 0 or more; 1000. */
  readonly intervalMs?: number;
  /** Bytes of data in a request, 0 to 65507; 56. */
  readonly bytes?: number;
  /** Routers that a request may pass, 1 to 255; the system's default. */
  readonly timeToLive?: number;
}

/** What became of one request. */
export interface PingResult {
  /** Which request, from 0 on. */
  readonly sequence: number;
  /** Who answered: the host, or a router; `""` when nobody did. */
  readonly from: string;
  /** Milliseconds from request to answer, NaN when there was none. */
  readonly roundTripMs: number;
  /** Bytes of data that came back; 0 when no reply did. */
  readonly bytes: number;
  /** How many routers the reply might still have passed; undefined when none came. */
  readonly timeToLive: number | undefined;
  /** Why there was no reply: "timed out", "host unreachable" ...; undefined when there was one. */
  readonly error: string | undefined;
}

const KEYS: readonly string[] = [
  "count",
  "intervalMs",
  "bytes",
  "timeToLive",
  "signal",
  "timeoutMs",
];
const COUNT_MAX = 65536;
/** What IPv4 leaves: its length has 16 bits, and counts both headers. */
const BYTES_MAX = 65535 - 20 - ECHO_HEADER_BYTES;
const IPV4_HEADER_BYTES_MAX = 60;
const INTERVAL_MAX_MS = 2 ** 31;
const HOPS_MAX = 255;
/** Bytes at the start of the data that only this ping knows: identifiers may coincide. */
const MARK_BYTES = 8;
/** The deadline of the next request; others are those of requests without an answer. */
const TAG_SEND = -1;
/** What keeps a request from leaving now, and may be otherwise for the next one. */
const PASSING: readonly number[] = [
  Errno.ENETUNREACH,
  Errno.EHOSTUNREACH,
  Errno.ENETDOWN,
  Errno.EHOSTDOWN,
  Errno.ENOBUFS,
  // A packet filter's answer.
  Errno.EPERM,
];

/**
 * Sends echo requests to a host, one after the other, and yields what became of each, in the order
 * in which that is known. Breaking out stops it. What keeps a single request from getting through
 * is told in its result; the next one is sent all the same.
 *
 * Only on the kernel backend, and the process needs CAP_NET_RAW.
 *
 * @param host an address, or a name, which is resolved first
 * @param capability must hold `raw`, `listen` for `raw://0.0.0.0` (or `raw://[::]`) and `connect`
 * for the host, and `resolve` for a name
 * @throws {NetError} EPERM without the privilege, ENOTSUP on other backends, ENOENT for a name that
 * does not exist
 * @throws {Deno.errors.NotCapable} when the capability does not allow it
 * @throws {TypeError} or {RangeError} at once, for bad arguments
 *
 * @example
 * ```ts
 * import { NetworkCapability, ping } from "../../mod.ts";
 * const rights = { raw: true, connect: true, listen: true };
 * await using capability = await NetworkCapability.request({ rights });
 * try {
 *   for await (const result of ping("127.0.0.1", capability, { count: 1 })) {
 *     console.log(result.from, result.error ?? "answered");
 *   }
 * } catch (error) {
 *   const { PermissionDenied, NotSupported } = Deno.errors;
 *   if (!(error instanceof PermissionDenied || error instanceof NotSupported)) throw error;
 *   console.log(error.message);
 * }
 * ```
 */
export function ping(
  host: string,
  capability: NetworkCapability,
  options: PingOptions = {},
): AsyncIterableIterator<PingResult> {
  if (typeof host !== "string") throw new TypeError(`host must be text, not ${String(host)}`);
  checkKeys("ping", options, KEYS);
  const { count = 4, intervalMs = 1000, bytes = 56, timeoutMs = 1000, timeToLive } = options;
  requireInteger("count", count, 1, COUNT_MAX);
  requireInteger("bytes", bytes, 0, BYTES_MAX);
  requireInteger("intervalMs", intervalMs, 0, INTERVAL_MAX_MS);
  requireInteger("timeoutMs", timeoutMs, 0, INTERVAL_MAX_MS);
  if (timeToLive !== undefined) requireInteger("timeToLive", timeToLive, 1, HOPS_MAX);
  const { signal } = options;
  checkOperation("ping", { signal });
  return run(host, capability, { count, intervalMs, bytes, timeoutMs, timeToLive, signal });
}

interface Settings extends PingOptions {
  readonly count: number;
  readonly intervalMs: number;
  readonly bytes: number;
  readonly timeoutMs: number;
}

async function* run(
  host: string,
  capability: NetworkCapability,
  settings: Settings,
): AsyncIterableIterator<PingResult> {
  const { signal, timeToLive } = settings;
  signal?.throwIfAborted();
  const address = await addressOf(host, capability, signal);
  const { family } = address;
  const isIPv6 = family === "IPv6";
  const hops = isIPv6 ? { hopLimit: timeToLive } : { timeToLive };
  await using raw = await RawEndpoint.open(isIPv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, capability, {
    family,
    receiveTimeToLive: true,
    messageTypes: ANSWERS[family],
    ...(timeToLive === undefined ? {} : hops),
  });
  signal?.throwIfAborted();
  requireRoom(raw, family, settings.bytes);
  yield* new Round(raw, address, settings).run();
}

async function addressOf(
  host: string,
  capability: NetworkCapability,
  signal: AbortSignal | undefined,
): Promise<SocketAddress & { readonly family: "IPv4" | "IPv6" }> {
  const isAddress = canonicalizeHost(host) !== undefined;
  const found = isAddress
    ? hostAddress("host", host)
    : (await capability.resolve(host, { signal }))[0];
  if (found === undefined) {
    const detail = `the name ${host} has no address`;
    throw netError(Errno.ENOENT, { operation: "ping", remote: host, detail });
  }
  return canonicalize(found, "destination") as SocketAddress & { family: "IPv4" | "IPv6" };
}

/** Proves that replies fit the ring's buffers, all headers among them. */
function requireRoom({ network }: RawEndpoint, family: "IPv4" | "IPv6", bytes: number): void {
  const { datagramBytes } = network.reactor.memory.plan;
  const headers = ECHO_HEADER_BYTES + (family === "IPv4" ? IPV4_HEADER_BYTES_MAX : 0);
  const most = datagramBytes - payloadOffsetOf(NAME_ROOMS[family]) - headers;
  if (bytes <= most) return;
  throw new RangeError(`bytes must be at most ${most} with ring.datagramBuffers.bytes as it is`);
}

/** Requests that were sent and what became of them. */
class Round {
  readonly #raw: RawEndpoint;
  readonly #address: SocketAddress;
  readonly #isIPv6: boolean;
  readonly #destination: ArrayLike<number>;
  readonly #settings: Settings;
  readonly #identifier: number;
  readonly #data: Uint8Array;
  /** When the requests without an answer were sent, and what ends the wait for each. */
  readonly #pending = new Map<number, { readonly sentAt: number; readonly deadline: Deadline }>();
  readonly #results: PingResult[] = [];
  #sent = 0;
  #timer: Deadline | null = null;
  #failure: { readonly reason: unknown } | null = null;
  #wake: (() => void) | null = null;
  #isEnded = false;

  constructor(raw: RawEndpoint, address: SocketAddress, settings: Settings) {
    this.#raw = raw;
    this.#address = address;
    this.#isIPv6 = address.family === "IPv6";
    this.#destination = address.bytes;
    this.#settings = settings;
    this.#identifier = crypto.getRandomValues(new Uint16Array(1))[0];
    const data = new Uint8Array(settings.bytes).map((_, index) => index);
    crypto.getRandomValues(data.subarray(0, MARK_BYTES));
    this.#data = data;
  }

  async *run(): AsyncIterableIterator<PingResult> {
    const { count, signal } = this.#settings;
    const onAbort = () => this.#fail(signal!.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const listening = this.#listen();
    try {
      this.#send();
      for (let yielded = 0; yielded < count;) {
        if (this.#failure !== null) throw this.#failure.reason;
        const result = this.#results.shift();
        if (result !== undefined) {
          yielded++;
          yield result;
          continue;
        }
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      signal?.removeEventListener("abort", onAbort);
      this.#end();
      await this.#raw.close();
      await listening;
    }
  }

  /** {@inheritDoc DeadlineTarget.onDeadline} */
  onDeadline(tag: number): void {
    if (tag === TAG_SEND) {
      this.#timer = null;
      this.#send();
    } else this.#settle(tag, unanswered("timed out"));
  }

  /** Stops the clocks. */
  #end(): void {
    const { reactor } = this.#raw.network;
    this.#isEnded = true;
    if (this.#timer !== null) reactor.disarmDeadline(this.#timer);
    this.#timer = null;
    for (const { deadline } of this.#pending.values()) reactor.disarmDeadline(deadline);
    this.#pending.clear();
  }

  #send(): void {
    const { count, intervalMs, timeoutMs } = this.#settings;
    const { reactor } = this.#raw.network;
    const sequence = this.#sent++;
    const echo = { identifier: this.#identifier, sequence, data: this.#data };
    const deadline = reactor.armDeadline(timeoutMs, this, sequence);
    this.#pending.set(sequence, { sentAt: reactor.driver.now(), deadline });
    this.#raw.send(emitEchoRequest(echo, this.#isIPv6), this.#address)
      .catch((error) => this.#notSent(sequence, error));
    if (this.#sent === count) return;
    this.#timer = reactor.armDeadline(intervalMs, this, TAG_SEND);
  }

  #notSent(sequence: number, error: unknown): void {
    const isPassing = error instanceof NetError && PASSING.includes(error.errno) &&
      !(error instanceof Deno.errors.NotCapable);
    if (isPassing) this.#settle(sequence, unanswered(errnoSentence(error.errno)));
    else this.#fail(error);
  }

  async #listen(): Promise<void> {
    try {
      for await (const batch of this.#raw.receiveMany()) {
        for (const datagram of batch) this.#take(datagram);
      }
      // The capability was closed: nothing else would end the wait.
      this.#fail(badResource("ping", "the capability is closed", { remote: this.#address.host }));
    } catch (error) {
      this.#fail(error);
    }
  }

  #take(datagram: Datagram): void {
    const { bytes } = datagram;
    // Of IPv4 the header is there, too.
    const message = this.#isIPv6 ? bytes : readPacket(bytes)?.payload;
    const echo = message === undefined ? undefined : parseEcho(message, this.#isIPv6);
    if (echo === undefined) return;
    const sequence = this.#sequenceOf(echo);
    if (sequence < 0) return;
    const from = datagram.remoteAddr.hostname;
    if (echo.kind === "error") {
      this.#settle(sequence, { ...unanswered(echo.reason), from });
      return;
    }
    const { timeToLive } = datagram;
    this.#settle(sequence, { from, bytes: echo.data.length, timeToLive, error: undefined });
  }

  /** The request that a message answers, -1 when it is none of ours. */
  #sequenceOf(message: EchoMessage): number {
    if (message.kind === "error") {
      const { request, destination } = message;
      // Another program's request to another host may have our identifier.
      const isOurs = isSame(destination, this.#destination) && this.#isOurs(request, false);
      return isOurs ? request.sequence : -1;
    }
    return message.kind === "reply" && this.#isOurs(message, true) ? message.sequence : -1;
  }

  /**
   * Whether a request, or what came back of one, is ours.
   *
   * @param isWhole whether all of it has to be there: what is quoted may be cut off
   */
  #isOurs({ identifier, sequence, data }: Echo, isWhole: boolean): boolean {
    if (identifier !== this.#identifier || !this.#pending.has(sequence)) return false;
    if (isWhole && data.length !== this.#data.length) return false;
    const marked = Math.min(MARK_BYTES, data.length, this.#data.length);
    return isSame(data.subarray(0, marked), this.#data.subarray(0, marked));
  }

  #settle(sequence: number, result: Omit<PingResult, "sequence" | "roundTripMs">): void {
    const pending = this.#pending.get(sequence);
    if (pending === undefined) return;
    const { reactor } = this.#raw.network;
    this.#pending.delete(sequence);
    reactor.disarmDeadline(pending.deadline);
    const roundTripMs = result.from === "" ? NaN : reactor.driver.now() - pending.sentAt;
    this.#results.push({ sequence, roundTripMs, ...result });
    this.#wake?.();
  }

  #fail(reason: unknown): void {
    if (this.#isEnded) return;
    this.#failure ??= { reason };
    this.#wake?.();
  }
}

function unanswered(error: string): Omit<PingResult, "sequence" | "roundTripMs"> {
  return { from: "", bytes: 0, timeToLive: undefined, error };
}

function isSame(one: ArrayLike<number>, other: ArrayLike<number>): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
}
