/**
 * Endpoints of every kind: sockets that accept connections.
 *
 * @module
 */

import { Acceptor, type AcceptStats, type EndpointParts, type StreamMaker } from "./acceptor.ts";
import { badResource, unsupported } from "./errors.ts";
import {
  type ListenOptionName,
  type OptionValue,
  type OptionValues,
  setOption,
} from "./options.ts";
import { Socket } from "./socket.ts";
import type { OpOptions } from "./stream_receive.ts";
import { checkOperation } from "./operation.ts";
import type { StreamSocket } from "./stream_socket.ts";
import type { SocketAddress } from "../ring/abi/address.ts";

/** Options of `listen`. */
export interface ListenOptions extends Partial<OptionValues> {
  /** Connections that may wait to be accepted, 1 to 65535; the system may allow fewer. */
  readonly backlog?: number;
  /** The most leases a program may hold of one accepted stream; 64 unless said otherwise. */
  readonly leasesPerStream?: number;
}

/** What listening sockets of every kind have in common. */
export abstract class ListenerSocket<A extends Deno.Addr, S extends StreamSocket<A>> extends Socket
  implements AsyncIterable<S>, AsyncDisposable, Disposable {
  readonly #local: SocketAddress;
  readonly #acceptor: Acceptor<S>;
  #closing: Promise<void> | null = null;

  /** @ignore Made by `create` and by capabilities. */
  constructor(parts: EndpointParts, make: StreamMaker<S>) {
    super(parts.network, parts.scope, parts.fd);
    this.#local = parts.local;
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
    return this.descriptor;
  }

  /**
   * Accepts the next connection.
   *
   * @throws {NetError} EBADF when the endpoint is or gets closed, ETIMEDOUT at the deadline
   */
  async accept(options?: OpOptions): Promise<S> {
    if (options !== undefined) checkOperation("accept", options);
    options?.signal?.throwIfAborted();
    const stream = await this.#acceptor.next(options);
    if (stream === null) throw this.#closedError();
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

  /** Sets an option of the listener. */
  async setOption<K extends ListenOptionName>(name: K, value: OptionValue<K>): Promise<void> {
    if (this.#closing !== null) throw this.#closedError();
    await setOption(this.network, this.descriptor, name, value, true);
  }

  /** What it has accepted, and what stood in its way. */
  stats(): AcceptStats {
    return this.#acceptor.stats();
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
    await this.#acceptor.close(reason);
    this.owner.forget(this);
  }

  #closedError(): Error {
    const context = { local: this.localName, cause: this.#acceptor.closedBy };
    return this.#acceptor.closedBy ?? badResource("accept", "the endpoint is closed", context);
  }
}
