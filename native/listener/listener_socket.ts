/**
 * Endpoints of every kind: sockets that accept connections.
 *
 * @module
 */

import type { AcceptStats } from "./accept_stats.ts";
import { Acceptor, type EndpointParts, type StreamMaker } from "./acceptor.ts";
import { checkDrain, drain, type Drainable, type DrainOptions, type DrainReport } from "./drain.ts";
import { badResource, unsupported } from "../errors.ts";
import { duplicateDescriptor, handOver, type HandoverKind } from "../process/handover.ts";
import type { ListenOptionName, OptionValue, SocketKind } from "../options/options.ts";
import type { Scope } from "../scope.ts";
import { Socket } from "../socket.ts";
import { checkOperation, type OpOptions } from "../operation.ts";
import type { StreamSocket } from "../stream/stream_socket.ts";
import type { OwnedFd } from "../unix/unix_descriptors.ts";
import type { UnixStream } from "../unix/unix_stream.ts";
import type { AddressFamily, SocketAddress } from "../../ring/abi/address.ts";

/** What listening sockets of every kind have in common. */
export abstract class ListenerSocket<A extends Deno.Addr, S extends StreamSocket<A>> extends Socket
  implements AsyncIterable<S>, AsyncDisposable, Disposable {
  readonly #local: SocketAddress;
  readonly #acceptor: Acceptor<S>;
  readonly #scope: Scope;
  #isStopped = false;
  /** While its descriptor is being duplicated: it must not be closed meanwhile. */
  #duplicating: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  /** @ignore Made by `create` and by capabilities. */
  constructor(parts: EndpointParts, make: StreamMaker<S>) {
    super(parts.network, parts.scope, parts.fd);
    this.#local = parts.local;
    this.#scope = parts.scope;
    this.#acceptor = new Acceptor<S>(parts, this, make);
  }

  /** The address it listens on. */
  get addr(): A {
    return this.#local.toDenoAddr("tcp") as A;
  }

  /** The address it listens on as text. */
  get localName(): string {
    return this.#local.toString();
  }

  /** Always "": a listener has no peer. */
  get remoteName(): string {
    return "";
  }

  /**
   * The descriptor, for the expert layer.
   *
   * @throws {NetError} ENOTSUP on backends whose descriptors are not the system's
   */
  get fd(): number {
    if (this.network.kind !== "kernel") {
      throw unsupported(this.network.kind, "descriptors (endpoint.fd)", "fd");
    }
    this.requireOpen("fd");
    return this.descriptor;
  }

  /**
   * Accepts the next connection.
   *
   * @throws {NetError} EBADF when the endpoint is or gets closed, or is drained and nothing is left
   * to accept; ETIMEDOUT at the deadline
   */
  async accept(options?: OpOptions): Promise<S> {
    if (options !== undefined) checkOperation("accept", options);
    options?.signal?.throwIfAborted();
    const stream = await this.#acceptor.next(options);
    if (stream === null) throw this.#closedError("accept");
    return stream;
  }

  /** Delivers nothing more until {@linkcode ListenerSocket.resume}; what was accepted is held. */
  pause(): void {
    this.#acceptor.pause();
  }

  /** Delivers again, first what was held. */
  resume(): void {
    this.#acceptor.resume();
  }

  /** Sets an option of the listener: see {@linkcode Socket.setOption}. */
  override setOption<K extends ListenOptionName>(name: K, value: OptionValue<K>): Promise<void> {
    return super.setOption(name, value);
  }

  /** Reads an option of the listener: see {@linkcode Socket.getOption}. */
  override getOption<K extends ListenOptionName>(name: K): Promise<OptionValue<K>> {
    return super.getOption(name) as Promise<OptionValue<K>>;
  }

  /** @ignore Which options it has. */
  get kind(): SocketKind {
    return "listener";
  }

  /** @ignore The family of its packets. */
  get family(): AddressFamily {
    return this.#local.family;
  }

  /** @ignore Throws EBADF when its descriptor is closed. */
  requireOpen(operation: string): void {
    if (this.#closing !== null || this.#isStopped) throw this.#closedError(operation);
  }

  /** What it has accepted, and what stood in its way. */
  stats(): AcceptStats {
    return this.#acceptor.stats();
  }

  /**
   * Accepts nothing more, waits until every stream it gave is closed, then closes the endpoint; at
   * the deadline, streams that are left are ended.
   *
   * The listening socket is closed at once, so that new connections are refused. Connections that
   * were accepted before are still handed out, and iterations end after the last of them; those
   * that nobody takes are ended at the deadline. Once more waits for the same streams, with a
   * deadline of its own.
   *
   * @param options `timeoutMs` in milliseconds; aborting `signal` gives up waiting and ends nothing
   * @returns when no stream is open any more
   * @throws {NotCapable} when the capability is revoked meanwhile
   *
   * @example
   * ```ts
   * import { NetworkCapability, TcpEndpoint } from "../../mod.ts";
   * await using capability = await NetworkCapability.request();
   * const endpoint = await TcpEndpoint.create("127.0.0.1:0", capability);
   * console.log(await endpoint.drain({ timeoutMs: 1000 })); // { drained: 0, terminated: 0 }
   * ```
   */
  async drain(options: DrainOptions): Promise<DrainReport> {
    checkDrain(options);
    return await drain(this.#drainable, options);
  }

  /**
   * Hands the endpoint over to another process at the end of a Unix connection, which takes it with
   * {@linkcode receiveHandover}. Until that process has acknowledged, this one goes on accepting;
   * then it accepts no more, and what it had accepted is served by it: `drain()` it.
   *
   * @param stream to the process that is to have it; its capability must hold `adopt`
   * @param options `timeoutMs` in milliseconds
   * @throws {NetError} ECONNABORTED when the other side did not take it, with its reason; ENOTSUP
   * on `host`; the endpoint then goes on accepting, as it does after an abort or a deadline
   * @throws {Deno.errors.NotCapable} without the right `adopt`
   */
  handOver(stream: UnixStream, options?: OpOptions): Promise<void> {
    return handOver([this], stream, options);
  }

  /** @ignore Duplicates its descriptor, while it is certain whose it is. */
  async duplicate(operation: string): Promise<OwnedFd> {
    this.requireOpen(operation);
    const { network, descriptor } = this;
    const duplicating = duplicateDescriptor(network, this.#scope, descriptor, operation);
    this.#duplicating = duplicating.then(() => {}, () => {});
    return await duplicating;
  }

  /** @ignore Accepts nothing more, and leaves the address to whoever has it now. */
  handedOver(): Promise<void> {
    this.keepAddress();
    return this.stop(true);
  }

  /** @ignore What kind of endpoint it is. */
  get handoverKind(): HandoverKind {
    return this.#local.family === "unix" ? "unix" : "tcp";
  }

  /**
   * Accepts nothing more; what came is still handed out.
   *
   * @ignore
   *
   * @param isShared whether another process goes on accepting from the same socket
   */
  async stop(isShared = false): Promise<void> {
    this.#isStopped = true;
    await this.#release();
    await this.#acceptor.stop(isShared);
  }

  /** Closes the endpoint; accepted streams live on. Once more is a no-op. */
  close(): void {
    this.terminate(undefined);
  }

  /** @ignore Ends it with a reason; capabilities do that when they are revoked. */
  terminate(reason: Error | undefined): Promise<void> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  /** Accepts until the endpoint is closed; breaking out closes it. */
  [Symbol.asyncIterator](): AsyncIterableIterator<S> {
    const iterator: AsyncIterableIterator<S> = {
      [Symbol.asyncIterator]: () => iterator,
      next: async () => {
        if (this.#closing !== null && this.#acceptor.closedBy === undefined) {
          return { done: true, value: undefined };
        }
        const stream = await this.#acceptor.next(undefined);
        if (stream === null) return { done: true, value: undefined };
        return { done: false, value: stream };
      },
      return: async () => {
        await this.terminate(undefined);
        return { done: true, value: undefined };
      },
    };
    return iterator;
  }

  /** Closes the endpoint. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes the endpoint. @returns when its descriptor is closed */
  [Symbol.asyncDispose](): Promise<void> {
    return this.terminate(undefined);
  }

  async #close(reason: Error | undefined): Promise<void> {
    // Ordinarily nothing has to be waited for, and nothing is.
    const releasing = this.#release();
    if (releasing !== null) await releasing;
    await this.#acceptor.close(reason);
    this.owner.forget(this);
  }

  /** What has to happen before the descriptor is closed. @returns null for nothing */
  #release(): Promise<unknown> | null {
    const releasing = this.releaseAddress();
    if (releasing === null) return this.#duplicating;
    return Promise.all([releasing, this.#duplicating]);
  }

  /** @ignore What has to be done while the socket is still open. @returns null for nothing */
  protected releaseAddress(): Promise<void> | null {
    return null;
  }

  /** @ignore Leaves the address to others when the socket is closed. */
  protected keepAddress(): void {}

  get #drainable(): Drainable {
    const { network, localName } = this;
    const acceptor = this.#acceptor;
    return {
      network,
      localName,
      streams: acceptor.streams,
      get closedBy() {
        return acceptor.closedBy;
      },
      stop: () => this.stop(),
      finish: () => this.terminate(undefined),
    };
  }

  #closedError(operation: string): Error {
    const { closedBy } = this.#acceptor;
    if (closedBy !== undefined) return closedBy;
    const what = this.#closing === null ? "accepts nothing more" : "is closed";
    return badResource(operation, `the endpoint ${what}`, { local: this.localName });
  }
}
