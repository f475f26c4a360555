/**
 * Endpoints: sockets that accept connections.
 *
 * @module
 */

import { Acceptor, type AcceptStats, type EndpointParts } from "./acceptor.ts";
import type { NetworkCapability } from "./capability.ts";
import { badResource, unsupported } from "./errors.ts";
import {
  type ListenOptionName,
  type OptionValue,
  type OptionValues,
  setOption,
} from "./options.ts";
import { Socket } from "./socket.ts";
import type { OpOptions } from "./stream_receive.ts";
import { checkOperation, type TcpStream } from "./tcp_stream.ts";
import type { AddressInput, SocketAddress } from "../ring/abi/address.ts";

/** Options of `listen`. */
export interface ListenOptions extends Partial<OptionValues> {
  /** Connections that may wait to be accepted, 1 to 65535; the system may allow fewer. */
  readonly backlog?: number;
  /** The most leases a program may hold of one accepted stream; 64 unless said otherwise. */
  readonly leasesPerStream?: number;
}

/**
 * A listening socket. Usable wherever a `Deno.Listener` (for TCP: a `Deno.TcpListener`) is.
 *
 * Errors of single connections never end it: when descriptors run out accepting pauses and resumes,
 * and a peer that is gone before it can be greeted is dropped and counted.
 *
 * @example
 * ```ts
 * import { NetworkCapability, TcpEndpoint } from "../mod.ts";
 * await using capability = await NetworkCapability.request();
 * await using endpoint = await TcpEndpoint.create("127.0.0.1:0", capability);
 * console.log(endpoint.addr.port > 0); // true
 * ```
 */
export class TcpEndpoint<A extends Deno.Addr = Deno.NetAddr> extends Socket
  implements AsyncIterable<TcpStream<A>>, AsyncDisposable, Disposable {
  readonly #local: SocketAddress;
  readonly #acceptor: Acceptor<A>;
  #closing: Promise<void> | null = null;

  /** @ignore Made by {@linkcode TcpEndpoint.create} and by capabilities. */
  constructor(parts: EndpointParts) {
    super(parts.network, parts.scope, parts.fd);
    this.#local = parts.local;
    this.#acceptor = new Acceptor<A>(parts, this);
  }

  /**
   * Listens on an address.
   *
   * @param address `"0.0.0.0:8080"`, `"[::1]:0"` (port 0: any free one), `"localhost:8080"`, a
   * `Deno.NetAddr` or a {@linkcode SocketAddress}
   * @param capability must hold `tcp` and `listen` for the address
   * @throws {NetError} EADDRINUSE, EADDRNOTAVAIL, EACCES ...
   * @throws {Deno.errors.NotCapable} when the capability does not allow it
   * @throws {TypeError} when address or options are malformed, naming value and position
   */
  static create(
    address: AddressInput,
    capability: NetworkCapability,
    options?: ListenOptions,
  ): Promise<TcpEndpoint> {
    return capability.listen(address, options);
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
  async accept(options?: OpOptions): Promise<TcpStream<A>> {
    if (options !== undefined) checkOperation("accept", options);
    options?.signal?.throwIfAborted();
    const stream = await this.#acceptor.next(options);
    if (stream === null) throw this.#closedError();
    return stream;
  }

  /** Delivers nothing more until {@linkcode TcpEndpoint.resume}; what was accepted is held. */
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
  [Symbol.asyncIterator](): AsyncIterableIterator<TcpStream<A>> {
    const iterator: AsyncIterableIterator<TcpStream<A>> = {
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

/** An endpoint on a Unix socket. */
export type UnixEndpoint = TcpEndpoint<Deno.UnixAddr>;
