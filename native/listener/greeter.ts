/**
 * Greeting: what comes between an accepted descriptor and a stream. Its addresses are asked for,
 * its PROXY header is read, and what is not to be served is turned away.
 *
 * @module
 */

import type { AcceptCounts } from "./accept_stats.ts";
import type { EndpointParts, StreamMaker } from "./acceptor.ts";
import { type CompactAddress, expand } from "../compact_address.ts";
import type { EndpointStreams } from "./endpoint_streams.ts";
import { type SocketNames, Want } from "../network.ts";
import type { ProxyHeader } from "../proxy/proxy_header.ts";
import { ProxyReader, type ProxyReaderOwner } from "../proxy/proxy_reader.ts";
import type { StreamSocket } from "../stream/stream_socket.ts";
import { DriverOp, SockOpt } from "../../ring/abi/opcodes.ts";
import { Counter } from "../../ring/counters.ts";
import type { CompletionTarget } from "../../ring/slots.ts";

const TAG_NAMES = 0;
const TAG_RESET = 1;
const TAG_SHIFT = 1;
/** `struct linger`: on, and 0 seconds. */
const LINGER_NONE = Int32Array.of(1, 0);

/** Who is told what became of connections. */
export interface GreeterOwner<S> {
  /** @param received bytes of it that came already */
  onStream(stream: S, received: number): void;
  /** One connection less is being greeted. */
  onGreeted(): void;
}

/** Greets the connections of one endpoint. */
export class Greeter<S extends StreamSocket<Deno.Addr>>
  implements CompletionTarget, ProxyReaderOwner<S> {
  readonly #parts: EndpointParts;
  readonly #streams: EndpointStreams;
  readonly #counts: AcceptCounts;
  readonly #make: StreamMaker<S>;
  readonly #owner: GreeterOwner<S>;
  readonly #headers: ProxyReader<S> | null;
  readonly #want: number;
  /** Connections whose addresses are asked for, or that are being reset. */
  #pending = 0;
  #isClosed = false;

  /**
   * @param streams where connections are counted
   * @param make makes the streams
   */
  constructor(
    parts: EndpointParts,
    streams: EndpointStreams,
    counts: AcceptCounts,
    make: StreamMaker<S>,
    owner: GreeterOwner<S>,
  ) {
    const { network, local, plan } = parts;
    this.#parts = parts;
    this.#streams = streams;
    this.#counts = counts;
    this.#make = make;
    this.#owner = owner;
    this.#headers = plan.proxy === null ? null : new ProxyReader(network, plan.proxy, this);
    // A connection to a wildcard address has a local address of its own.
    this.#want = local.isUnspecified ? Want.BOTH : Want.PEER;
  }

  /** Whether no further connection may be greeted now. */
  get isFull(): boolean {
    return this.#headers !== null && this.#headers.isFull;
  }

  /** Whether every connection that came is a stream, or is gone. */
  get isSettled(): boolean {
    return this.#pending === 0;
  }

  /** Whether PROXY headers are under way. */
  get hasHeaders(): boolean {
    return this.#headers !== null && this.#headers.pending > 0;
  }

  /** Greets a connection: its addresses are asked for at once, before it can be gone. */
  greet(fd: number): void {
    const { network } = this.#parts;
    const { reactor } = network;
    network.opened(fd);
    this.#streams.enter();
    const slot = this.#isClosed ? -1 : reactor.slots.take(this, fd << TAG_SHIFT | TAG_NAMES);
    if (slot < 0) {
      if (!this.#isClosed) this.#refuse();
      this.#discard(fd);
      return;
    }
    this.#pending++;
    const at = reactor.entry(DriverOp.NAMES, fd, slot);
    network.fillNames(at, slot, this.#want);
  }

  /** Lets nothing more become a stream. */
  close(): void {
    this.#isClosed = true;
    this.#headers?.close();
  }

  /** {@inheritDoc CompletionTarget.onCompletion} */
  onCompletion(tag: number, result: number, _flags: number, slot: number): void {
    const fd = tag >> TAG_SHIFT;
    this.#pending--;
    if ((tag & 1) === TAG_NAMES) this.#named(fd, result, slot);
    else this.#discard(fd);
    this.#owner.onGreeted();
  }

  /** {@inheritDoc ProxyReaderOwner.onHeader} */
  onHeader(stream: S, header: ProxyHeader, left: number): void {
    stream.setProxy(header);
    if (this.#admits(stream.client)) this.#owner.onStream(stream, left);
    else stream.reset(undefined);
  }

  /** {@inheritDoc ProxyReaderOwner.onRefusal} */
  onRefusal(): void {
    this.#counts.refusedByProxyHeader++;
    this.#countRefusal();
  }

  /** {@inheritDoc ProxyReaderOwner.onSettled} */
  onSettled(): void {
    this.#owner.onGreeted();
  }

  #named(fd: number, result: number, slot: number): void {
    if (result < 0) this.#counts.vanished++;
    if (result < 0 || this.#isClosed) return this.#discard(fd);
    const { network, local, scope } = this.#parts;
    const names = network.readNames(slot, this.#want);
    const remote = names.peer ?? local;
    if (this.#headers !== null && !this.#headers.trusts(expand(remote))) {
      this.onRefusal();
      return this.#reset(fd);
    }
    if (this.#headers === null && !this.#admits(remote)) return this.#reset(fd);
    if (scope.acquire("sockets", 1, "accept") !== null) {
      this.#refuse();
      return this.#discard(fd);
    }
    const stream = this.#open(fd, names, remote);
    if (this.#headers === null) this.#owner.onStream(stream, 0);
    else this.#headers.begin(stream);
  }

  #open(fd: number, names: SocketNames, remote: CompactAddress): S {
    const { network, local, plan } = this.#parts;
    return this.#make({
      network,
      owner: this.#streams,
      fd,
      local: names.local ?? local,
      remote,
      leasesPerStream: plan.leasesPerStream,
    });
  }

  /** Whether the rate limiter lets a client in. */
  #admits(client: CompactAddress): boolean {
    const { rateLimiter } = this.#parts.plan;
    if (rateLimiter === null) return true;
    try {
      if (rateLimiter.tryConsume(expand(client), 1)) return true;
    } catch (error) {
      // Who cannot be judged is refused; the error is the program's, which is told as of any other.
      reportError(error);
    }
    this.#counts.refusedByRateLimiter++;
    this.#countRefusal();
    return false;
  }

  /** Counts a connection that a limit of the capability stands against. */
  #refuse(): void {
    this.#counts.refused++;
    this.#countRefusal();
  }

  #countRefusal(): void {
    this.#parts.network.reactor.counters.add(Counter.refused, 1);
  }

  #discard(fd: number): void {
    this.#parts.network.discard(fd);
    this.#streams.leave();
  }

  /** Closes a connection so that the peer gets a reset, where the backend can. */
  #reset(fd: number): void {
    const { network } = this.#parts;
    const { reactor } = network;
    const slot = reactor.slots.take(this, fd << TAG_SHIFT | TAG_RESET);
    if (slot < 0) return this.#discard(fd);
    this.#pending++;
    const at = reactor.entry(DriverOp.SETSOCKOPT, fd, slot);
    reactor.memory.words.set(LINGER_NONE, reactor.scratchOf(slot) >> 2);
    const { SOL_SOCKET, SO_LINGER } = SockOpt;
    network.fillOption(at, slot, SOL_SOCKET, SO_LINGER, LINGER_NONE.byteLength);
  }
}
