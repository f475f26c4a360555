/**
 * Reads PROXY headers at the front of accepted connections, of trusted proxies only.
 *
 * Each connection is read by itself, so that a slow header holds up nobody else; how many may be
 * under way, how long each may take and how long it may be are bounded.
 *
 * @module
 */

import type { AnyStream } from "../listener/endpoint_streams.ts";
import type { Network } from "../network.ts";
import type { ProxyHeader } from "./proxy_header.ts";
import { PROXY_HEADER_BYTES_MAX, type ProxyVersions, readProxyHeader } from "./proxy_protocol.ts";
import type { TrustedProxies } from "./trusted_proxies.ts";
import type { SocketAddress } from "../../ring/abi/address.ts";

/** What an endpoint expects of its proxies. */
export interface ProxyPlan {
  readonly versions: ProxyVersions;
  readonly trusted: TrustedProxies;
  /** The longest that a header may take from its connection's acceptance, in milliseconds. */
  readonly headerTimeoutMs: number;
}

/** "at least 3 seconds to cover a TCP retransmit", section 2 of the specification. */
export const HEADER_TIMEOUT_MS = 5_000;
/** Headers under way before accepting pauses. */
const PENDING_MOST = 1024;
/** Bytes for the first pieces of a header; most are shorter. */
const PIECES_BYTES = 256;

/** What a stream's PROXY header said, and who sent it. */
export interface ProxyInfo extends ProxyHeader {
  /** The proxy: the address of the connection itself. */
  readonly peer: SocketAddress;
}

interface HeaderRead {
  readonly header: ProxyHeader;
  /** Bytes that came behind it in the same piece. */
  readonly left: number;
}

/** Who is told what became of the connections. */
export interface ProxyReaderOwner<S> {
  /**
   * A header is complete.
   *
   * @param left bytes that came behind it, which are the client's
   */
  onHeader(stream: S, header: ProxyHeader, left: number): void;
  /** A connection has to be refused; it is being closed. */
  onRefusal(): void;
  /** Nothing of a connection is left here. */
  onSettled(): void;
}

/** Reads the headers of one endpoint's connections. */
export class ProxyReader<S extends AnyStream> {
  readonly #network: Network;
  readonly #plan: ProxyPlan;
  readonly #owner: ProxyReaderOwner<S>;
  readonly #pending: Set<S> = new Set();

  constructor(network: Network, plan: ProxyPlan, owner: ProxyReaderOwner<S>) {
    this.#network = network;
    this.#plan = plan;
    this.#owner = owner;
  }

  /** Headers under way. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Whether no further header may be awaited now. */
  get isFull(): boolean {
    return this.#pending.size >= PENDING_MOST;
  }

  /** Whether a peer may say whom it speaks for. */
  trusts(peer: SocketAddress): boolean {
    return this.#plan.trusted.has(peer);
  }

  /** Begins to read the header of a connection. */
  async begin(stream: S): Promise<void> {
    this.#pending.add(stream);
    // Nobody awaits it, so it does not keep the process alive.
    stream.unref();
    let read: HeaderRead | null = null;
    try {
      read = await this.#read(stream);
    } catch {
      // Too slow, reset, or out of a limit: all the same to the one who is refused.
    }
    stream.ref();
    if (read !== null && !stream.isClosing) {
      this.#pending.delete(stream);
      this.#owner.onHeader(stream, read.header, read.left);
    } else {
      // One that somebody else has ended was not refused.
      if (!stream.isClosing) this.#owner.onRefusal();
      await stream.reset(undefined);
      this.#pending.delete(stream);
    }
    this.#owner.onSettled();
  }

  /** Gives up what is under way. */
  close(): void {
    for (const stream of this.#pending) stream.terminate(undefined);
  }

  /** @returns null when there is no header */
  async #read(stream: S): Promise<HeaderRead | null> {
    const { driver } = this.#network.reactor;
    const { versions, headerTimeoutMs } = this.#plan;
    const untilMs = driver.now() + headerTimeoutMs;
    /** The pieces that came before, end to end; null while there is none. */
    let pieces: Uint8Array<ArrayBuffer> | null = null;
    let length = 0;
    for (;;) {
      const timeoutMs = untilMs - driver.now();
      if (timeoutMs <= 0) return null;
      const lease = await stream.receiving.take({ timeoutMs });
      if (lease === null) return null;
      const before = length;
      const size = Math.min(lease.size, PROXY_HEADER_BYTES_MAX - length);
      let bytes = lease.bytes;
      if (pieces !== null) {
        pieces = withRoom(pieces, length + size);
        lease.copyTo(pieces, length, size);
        bytes = pieces;
      }
      length += size;
      const outcome = readProxyHeader(bytes, length, versions);
      if (outcome !== null && "header" in outcome) {
        const left = lease.size - (outcome.length - before);
        stream.receiving.putBack(lease, lease.size - left);
        return { header: outcome.header, left };
      }
      if (outcome !== null) {
        lease.release();
        return null;
      }
      if (pieces === null) {
        pieces = withRoom(new Uint8Array(PIECES_BYTES), length);
        lease.copyTo(pieces, 0, length);
      }
      lease.release();
    }
  }
}

/** The bytes, in an array that has room for `length`. */
function withRoom(bytes: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  if (length <= bytes.length) return bytes;
  const larger = new Uint8Array(
    Math.min(PROXY_HEADER_BYTES_MAX, Math.max(length, bytes.length * 4)),
  );
  larger.set(bytes);
  return larger;
}
