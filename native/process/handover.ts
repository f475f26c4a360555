/**
 * Handing endpoints over: the listening sockets of a process go to its successor over a Unix
 * socket, so that a server is restarted without a refused connection.
 *
 * ```text
 *  predecessor                                successor
 *      | -- one line, with the descriptors ------> |  adopts them
 *      |    both accept                            |
 *      | <-- one line: taken, or why not --------- |
 *    stops accepting, drains                       |
 * ```
 *
 * @module
 */

import { netError, timedOut } from "../errors.ts";
import type { ListenerSocket } from "../listener/listener_socket.ts";
import { checkOperation, type OpOptions } from "../operation.ts";
import type { StreamSocket } from "../stream/stream_socket.ts";
import { OwnedFd, requireDescriptors } from "../unix/unix_descriptors.ts";
import type { UnixStream } from "../unix/unix_stream.ts";
import type { Network } from "../network.ts";
import type { Scope } from "../scope.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SCM_MAX_FD } from "../../ring/abi/opcodes.ts";

/** `F_DUPFD_CLOEXEC` of `fcntl(2)`. */
const F_DUPFD_CLOEXEC = 1030;
const VERSION = 1;
/** The most bytes of a line: more is no handover. */
const LINE_BYTES_MAX = 65536;
const NEWLINE = 0x0a;

/** What the predecessor says. */
export interface HandoverOffer {
  readonly millrace: "handover";
  readonly version: typeof VERSION;
  /** One for each descriptor, in their order. */
  readonly endpoints: readonly { readonly kind: HandoverKind; readonly address: string }[];
}

/** What the successor says. */
export interface HandoverAnswer {
  readonly millrace: "handover";
  readonly taken: boolean;
  /** Why it was not taken, a sentence. */
  readonly reason?: string;
}

/** What kind of endpoint it is. */
export type HandoverKind = "tcp" | "unix";

/**
 * Hands endpoints over to another process at the end of a Unix connection, which takes them with
 * {@linkcode receiveHandover}. Until that process has acknowledged, this one goes on accepting;
 * then it accepts no more, and what it had accepted is served by it: `drain()` it.
 *
 * Nothing but this must use the connection meanwhile.
 *
 * @param endpoints at most 253
 * @param stream to the process that is to have them; its capability must hold `adopt`
 * @throws {NetError} ECONNABORTED when the other side did not take them, with its reason; ENOTSUP
 * on `host`; the endpoints then go on accepting, as they do after an abort or a deadline
 * @throws {Deno.errors.NotCapable} without the right `adopt`
 * @throws {RangeError} with no endpoint or too many
 */
export async function handOver(
  endpoints: readonly ListenerSocket<Deno.Addr, StreamSocket<Deno.Addr>>[],
  stream: UnixStream,
  options: OpOptions = {},
): Promise<void> {
  checkOperation("handOver", options);
  requireDescriptors(stream.network, "handing over endpoints", "handOver");
  if (endpoints.length === 0 || endpoints.length > SCM_MAX_FD) {
    throw new RangeError(`handOver: 1 to ${SCM_MAX_FD} endpoints, not ${endpoints.length}`);
  }
  for (const endpoint of endpoints) endpoint.requireOpen("handOver");
  const budget = new Budget(stream, "handOver", options);
  const offer: HandoverOffer = {
    millrace: "handover",
    version: VERSION,
    endpoints: endpoints.map(({ handoverKind, localName }) => {
      return { kind: handoverKind, address: localName };
    }),
  };
  const duplicates: OwnedFd[] = [];
  try {
    for (const endpoint of endpoints) duplicates.push(await endpoint.duplicate("handOver"));
    await stream.sendFds(encodeLine(offer), duplicates, budget.left());
  } finally {
    await Promise.all(duplicates.map((duplicate) => duplicate.close()));
  }
  const answer = readAnswer(await readLine(stream, null, budget));
  if (answer?.taken !== true) {
    const why = answer === null ? "the other side did not answer" : answer.reason ?? "no reason";
    const detail = `the endpoints were not taken: ${why}`;
    throw netError(Errno.ECONNABORTED, { operation: "handOver", ...namesOf(stream), detail });
  }
  await Promise.all(endpoints.map((endpoint) => endpoint.handedOver()));
}

/** Duplicates a descriptor into the books of a capability. */
export async function duplicateDescriptor(
  network: Network,
  scope: Scope,
  fd: number,
  operation: string,
): Promise<OwnedFd> {
  requireDescriptors(network, "handing over endpoints", operation);
  const reached = scope.acquire("sockets", 1, operation);
  if (reached !== null) throw reached;
  const note = (_slot: number, duplicate: number) => {
    if (duplicate >= 0) network.opened(duplicate);
  };
  const result = await network.control(fd, F_DUPFD_CLOEXEC, 0, operation, note).catch((error) => {
    scope.release("sockets", 1);
    throw error;
  });
  if (result >= 0) return new OwnedFd({ network, owner: scope }, result);
  scope.release("sockets", 1);
  throw netError(result, { operation });
}

/** The time that an operation of several steps has. */
export class Budget {
  readonly #stream: StreamSocket<Deno.Addr>;
  readonly #operation: string;
  readonly #options: OpOptions;
  readonly #untilMs: number;

  /** @param stream whose ring's time it is */
  constructor(stream: StreamSocket<Deno.Addr>, operation: string, options: OpOptions) {
    options.signal?.throwIfAborted();
    this.#stream = stream;
    this.#operation = operation;
    this.#options = options;
    this.#untilMs = this.#now + (options.timeoutMs ?? Infinity);
  }

  /** Options for the next step. @throws {NetError} ETIMEDOUT when nothing is left */
  left(): OpOptions {
    const { signal, timeoutMs } = this.#options;
    signal?.throwIfAborted();
    if (timeoutMs === undefined) return { signal };
    const leftMs = this.#untilMs - this.#now;
    if (leftMs > 0) return { signal, timeoutMs: leftMs };
    throw timedOut(this.#operation, { ...namesOf(this.#stream), timeoutMs });
  }

  get #now(): number {
    return this.#stream.network.reactor.driver.now();
  }
}

/** A message as a line. */
export function encodeLine(message: HandoverOffer | HandoverAnswer): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(message)}\n`);
}

/**
 * Reads to the end of a line.
 *
 * @param first what came of it already
 * @returns null when the stream ends before, or the line is too long
 */
export async function readLine(
  stream: UnixStream,
  first: Uint8Array | null,
  budget: Budget,
): Promise<string | null> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (let piece = first;; piece = null) {
    using lease = piece === null ? await stream.receive(budget.left()) : null;
    const part = piece ?? lease?.bytes;
    if (part === undefined) return null;
    bytes += part.length;
    if (bytes > LINE_BYTES_MAX) return null;
    const end = part.indexOf(NEWLINE);
    text += decoder.decode(end < 0 ? part : part.subarray(0, end), { stream: end < 0 });
    if (end >= 0) return text;
  }
}

/** @returns null when it is no offer */
export function readOffer(line: string | null): HandoverOffer | null {
  const message = parseMessage(line) as Partial<HandoverOffer> | null;
  if (message?.version !== VERSION || !Array.isArray(message.endpoints)) return null;
  const kinds = message.endpoints.map((endpoint: { kind?: unknown } | null) => endpoint?.kind);
  const isKnown = kinds.every((kind) => kind === "tcp" || kind === "unix");
  return isKnown ? message as HandoverOffer : null;
}

function readAnswer(line: string | null): HandoverAnswer | null {
  const message = parseMessage(line) as Partial<HandoverAnswer> | null;
  return typeof message?.taken === "boolean" ? message as HandoverAnswer : null;
}

function parseMessage(line: string | null): { readonly millrace: "handover" } | null {
  if (line === null) return null;
  try {
    const message = JSON.parse(line);
    return message?.millrace === "handover" ? message : null;
  } catch {
    return null;
  }
}

function namesOf({ localName, remoteName }: StreamSocket<Deno.Addr>): {
  local: string;
  remote: string;
} {
  return { local: localName, remote: remoteName };
}
