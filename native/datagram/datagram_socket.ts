/**
 * What endpoints of datagrams have in common, over UDP and over Unix sockets.
 *
 * @module
 */

import type { Datagram } from "./datagram.ts";
import { Destinations, UnresolvedName } from "./datagram_destinations.ts";
import type { DatagramInbox } from "./datagram_inbox.ts";
import { DatagramIterator } from "./datagram_iterator.ts";
import type { BatchReport, DatagramData, DatagramToSend } from "./datagram_jobs.ts";
import { DatagramReceiver } from "./datagram_receive.ts";
import { DatagramSender } from "./datagram_send.ts";
import { type DatagramStats, statsOf } from "./datagram_stats.ts";
import type { ReceiveLayout } from "./datagram_template.ts";
import { resolveDestination } from "./datagram_names.ts";
import { badResource, busy, netError } from "../errors.ts";
import type { Network } from "../network.ts";
import { checkOperation, type OpOptions } from "../operation.ts";
import type { SocketKind } from "../options/options.ts";
import { RingBuffer } from "../ring_buffer.ts";
import { Socket, type SocketOwner } from "../socket.ts";
import type { CloseReport } from "../stream/stream_socket.ts";
import { type AddressFamily, canonicalize, type SocketAddress } from "../../ring/abi/address.ts";
import { type AddressInput, isHostPort, parseAddress } from "../../ring/abi/address_input.ts";
import type { HostPort } from "../../ring/abi/address_text.ts";

/** What an endpoint is made of; `bind` makes them. */
export interface DatagramParts {
  readonly network: Network;
  readonly owner: SocketOwner;
  readonly fd: number;
  readonly local: SocketAddress;
  readonly layout: ReceiveLayout;
  /** By which rules destinations are judged, "udp" unless said otherwise. */
  readonly transport?: "udp" | "raw";
  /** Whether the system cuts joined datagrams apart. */
  readonly canJoin: boolean;
}

/** The common half of endpoints of datagrams. */
export abstract class DatagramSocket<A extends Deno.Addr> extends Socket
  implements AsyncDisposable, Disposable {
  /** @ignore The address it is bound to. */
  protected readonly local: SocketAddress;
  /** @ignore Where it sends to. */
  protected readonly destinations: Destinations;
  /** @ignore Its receiving half. */
  protected readonly receiver: DatagramReceiver;
  /** @ignore Its sending half. */
  protected readonly sender: DatagramSender;
  #addr: A | null = null;
  #remote: SocketAddress | null = null;
  #closing: Promise<void> | null = null;
  #closed: PromiseWithResolvers<CloseReport> | null = null;
  #report: CloseReport | null = null;

  /** @ignore Made by `bind` and by capabilities. */
  constructor(parts: DatagramParts) {
    super(parts.network, parts.owner, parts.fd);
    const { local } = parts;
    this.local = local;
    this.destinations = new Destinations(this, local.family, parts.transport ?? "udp");
    this.receiver = new DatagramReceiver(this, parts.layout);
    const isOrdered = local.family === "unix";
    this.sender = new DatagramSender(this, this.destinations, isOrdered, parts.canJoin);
  }

  /** The address it is bound to. */
  get addr(): A {
    this.#addr ??= Object.freeze(this.local.toDenoAddr("udp")) as A;
    return this.#addr;
  }

  /** The address it is bound to, as text. */
  get localName(): string {
    return this.local.toString();
  }

  /** The address it is connected to, as text; `""` while it is not. */
  get remoteName(): string {
    return this.#remote === null ? "" : this.#remote.toString();
  }

  /** Resolves when the endpoint is closed, with the reason; never rejects. */
  get closed(): Promise<CloseReport> {
    this.#closed ??= Promise.withResolvers<CloseReport>();
    if (this.#report !== null) this.#closed.resolve(this.#report);
    return this.#closed.promise;
  }

  /** @ignore Which options it has. */
  get kind(): SocketKind {
    return "datagram";
  }

  /** @ignore The family of its packets. */
  get family(): AddressFamily {
    return this.local.family;
  }

  /**
   * Receives one datagram. Those that came with it wait for the next call; whoever receives many is
   * much faster with {@linkcode DatagramSocket.receiveMany}.
   *
   * @param options `timeoutMs` is the deadline in milliseconds
   * @returns a datagram, for the program to release
   * @throws {NetError} EBUSY beside another reader, ENOBUFS with too many datagrams held,
   * ECONNREFUSED and other answers of ICMP to what a connected endpoint sent, ETIMEDOUT, EBADF after
   * `close()`
   */
  async receive(options?: OpOptions): Promise<Datagram<A>> {
    this.enterReader("receive", options);
    try {
      return await this.receiver.next(options) as Datagram<Deno.Addr> as Datagram<A>;
    } finally {
      this.receiver.hasReader = false;
    }
  }

  /**
   * Receives until the endpoint is closed, everything that a turn brought as one batch. A batch ends
   * when the next one is asked for, and its objects are used again: keep a datagram with `retain()`.
   *
   * An error of the network (ECONNREFUSED on a connected endpoint, say) rejects one `next()`; the
   * endpoint and the iterator go on.
   *
   * @param options `timeoutMs` is idle time in milliseconds, counted while it waits
   */
  receiveMany(options?: OpOptions): AsyncIterableIterator<readonly Datagram<A>[]> {
    if (options !== undefined) checkOperation("receiveMany", options);
    const iterator = new DatagramIterator(this.receiver, this, options);
    return iterator as AsyncIterableIterator<
      readonly Datagram<Deno.Addr>[]
    > as AsyncIterableIterator<readonly Datagram<A>[]>;
  }

  /**
   * Sends one datagram. The bytes of an array are copied, and those of a lease pinned, before it
   * returns. Many datagrams leave much faster with {@linkcode DatagramSocket.sendBatch}.
   *
   * @param to where to; left out on a connected endpoint. A name is resolved for this call
   * @returns how many bytes there were, once the system has accepted them
   * @throws {NetError} EMSGSIZE for more bytes than a datagram has, EDESTADDRREQ without an address,
   * EACCES to a broadcast address without the option `broadcast`, ECONNREFUSED and other answers to
   * what a connected endpoint sent before, ENETUNREACH, ENOBUFS with 64 MiB queued, EBADF
   * @throws {Deno.errors.NotCapable} when the capability does not allow the destination
   */
  send(data: DatagramData, to?: AddressInput, options?: OpOptions): Promise<number> {
    try {
      if (options !== undefined) checkOperation("send", options);
      return this.sender.send(data, to, options, null);
    } catch (error) {
      if (!(error instanceof UnresolvedName)) return Promise.reject(error);
      const copy = data instanceof Uint8Array ? data.slice() : data.bytes.slice();
      return this.#sendToName(error.target, copy, options ?? {});
    }
  }

  /**
   * Connects the socket: it sends there unless it is told otherwise, receives from there alone, and
   * is told when the network answers with an error. Again with another address changes the peer.
   *
   * @param address must be allowed by `connect`; a name is resolved first
   * @throws {NetError} ENETUNREACH, EAFNOSUPPORT for an address of another family, ECONNREFUSED for
   * a Unix socket that nobody has bound, EBADF
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   */
  async connect(address: AddressInput, options: OpOptions = {}): Promise<void> {
    checkOperation("connect", options);
    this.requireOpen("connect");
    const target = parseAddress(address);
    if (isHostPort(target)) {
      const remote = await resolveDestination(this, target, "connect", options);
      await this.#connectTo(remote, options.signal);
      return;
    }
    const remote = canonicalize(target, "destination");
    const { denial } = this.destinations.of(remote);
    if (denial !== null) throw this.destinations.denied(denial, "connect");
    await this.#connectTo(remote, options.signal);
  }

  /**
   * Sends many datagrams, in their order, in as few operations as possible: those that follow one
   * another to the same address with the same size leave joined, where the system can (`UDP_SEGMENT`).
   *
   * The batch and its bytes must not change until the promise settles. What is wrong with a single
   * datagram (a denied or malformed address, too many bytes, an error of the system) does not keep
   * the others from being sent.
   *
   * @returns how many were accepted, and which were not, and why
   * @throws {TypeError} when the batch is no array
   * @throws {NetError} EBADF after `close()`; a {@linkcode PartialBatchError} when an abort or a
   * deadline came after some datagrams had left
   */
  sendBatch(batch: readonly DatagramToSend[], options?: OpOptions): Promise<BatchReport> {
    try {
      if (options !== undefined) checkOperation("sendBatch", options);
      if (!Array.isArray(batch)) throw new TypeError("sendBatch: the batch must be an array");
      return this.sender.sendBatch(batch, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Sends bytes cut into datagrams of one size; the last one may be shorter. It is the fastest way to
   * send: nothing is done for each datagram.
   *
   * The bytes must not change until the promise settles; those of a {@linkcode RingBuffer} leave from
   * where they are.
   *
   * @param segmentBytes bytes of each datagram, 1 to 65507
   * @param to where to; left out on a connected endpoint
   * @returns how many datagrams were accepted, and which were not, and why
   * @throws {NetError} and what else `sendBatch` and `send` do, for what concerns all of them
   */
  sendSegments(
    data: Uint8Array | RingBuffer,
    segmentBytes: number,
    to?: AddressInput,
    options?: OpOptions,
  ): Promise<BatchReport> {
    try {
      if (options !== undefined) checkOperation("sendSegments", options);
      if (!Number.isInteger(segmentBytes) || segmentBytes < 1) {
        throw new RangeError(`sendSegments: segmentBytes must be 1 or more, not ${segmentBytes}`);
      }
      const isOurs = data instanceof RingBuffer && data.isOf(this.network.reactor);
      if (!(data instanceof Uint8Array) && !isOurs) {
        throw new TypeError(
          "sendSegments: the data must be an array or this endpoint's allocBuffer()",
        );
      }
      return this.sender.sendSegments(data, segmentBytes, to, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Takes memory in the ring, whose slices `send` and `sendBatch` send in place: it must not change
   * until they are through.
   *
   * @param bytes 1 to the largest block of the ring's arena
   * @throws {NetError} ENOBUFS when the arena has no such block free
   */
  allocBuffer(bytes: number): RingBuffer {
    return RingBuffer.allocate(this, bytes);
  }

  /** What it did, and what stood in its way. */
  stats(): DatagramStats {
    return statsOf(this.receiver.inbox, this.sender);
  }

  /**
   * Closes the endpoint; once more is a no-op. Datagrams whose `send` has not resolved are given up.
   *
   * @returns when the descriptor is closed
   */
  close(): Promise<void> {
    return this.terminate(undefined);
  }

  /** @ignore Ends everything with a reason; capabilities do that when they are revoked. */
  terminate(reason: Error | undefined): Promise<void> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  /** Closes the endpoint. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the endpoint. @returns when the descriptor is closed */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @ignore What it has received. */
  get inbox(): DatagramInbox {
    return this.receiver.inbox;
  }

  /** @ignore Proves that it is open. */
  requireOpen(operation: string): void {
    if (this.#closing === null) return;
    const context = { local: this.localName, cause: this.#report?.reason };
    throw badResource(operation, "the endpoint is closed", context);
  }

  /** @ignore Proves that this reader is the only one, and takes its place. */
  enterReader(operation: string, options: OpOptions | undefined): void {
    if (options !== undefined) checkOperation(operation, options);
    this.requireOpen(operation);
    if (this.receiver.hasReader) {
      throw busy(operation, "somebody else is reading the endpoint", { local: this.localName });
    }
    this.receiver.hasReader = true;
  }

  /** Resolves a name for one call, then sends. */
  async #sendToName(
    target: HostPort,
    data: Uint8Array,
    options: OpOptions,
  ): Promise<number> {
    const { reactor } = this.network;
    const begun = reactor.driver.now();
    const address = await resolveDestination(this, target, "send", options);
    this.requireOpen("send");
    const { signal, timeoutMs } = options;
    const left = timeoutMs === undefined
      ? {}
      : { timeoutMs: Math.max(0, timeoutMs - (reactor.driver.now() - begun)) };
    const destination = this.destinations.admitted(address);
    return await this.sender.send(data, undefined, { signal, ...left }, destination);
  }

  /** Connects to an address that was judged. */
  async #connectTo(address: SocketAddress, signal: AbortSignal | undefined): Promise<void> {
    const fitting = this.destinations.fit(address);
    signal?.throwIfAborted();
    this.requireOpen("connect");
    // It asks nobody: there is nothing to wait for, and nothing to abort.
    const operation = this.network.connect(this.descriptor, fitting);
    if (operation.slot < 0) throw this.network.inFlightExceeded("connect");
    this.network.reactor.reference();
    const result = await operation.done;
    this.network.reactor.dereference();
    if (result < 0) {
      const context = { local: this.localName, remote: address.toString() };
      throw netError(result, { operation: "connect", ...context });
    }
    this.#remote = address;
    this.destinations.connect(fitting);
  }

  async #close(reason: Error | undefined): Promise<void> {
    const { network, descriptor } = this;
    const why = reason ?? null;
    const receiving = this.receiver.terminate(why);
    const sending = this.sender.terminate(why);
    // Whoever awaits the close is alive until it is done.
    network.reactor.reference();
    // The cancellations are ahead of it in the queue; the kernel keeps the file until they are in.
    await network.close(descriptor);
    if (receiving !== null) await receiving;
    if (sending !== null) await sending;
    network.reactor.dereference();
    this.owner.forget(this);
    this.#report = { reason };
    this.#closed?.resolve(this.#report);
  }
}
