/**
 * A stream as Node code wants its sockets: for npm libraries that ask for a `net.Socket`.
 *
 * Node's streams are loaded by the first call, not by importing this module: they cost a program
 * that does not need them about 12 ms of its start.
 *
 * @module
 */

import type { Duplex } from "node:stream";
import { NodeBridge } from "./node_bridge.ts";
import { checkKeys } from "../options/options.ts";
import type { StreamSocket } from "../stream/stream_socket.ts";

/** Options of {@linkcode toNodeSocket}. */
export interface NodeSocketOptions {
  /**
   * Whether the write side stays open when the peer ends its own; false, as in `net.Socket`, ends
   * it then. Servers that answer after a half-close want true.
   */
  readonly allowHalfOpen?: boolean;
}

/**
 * A `Duplex` with what libraries use of `net.Socket`. Errors have Node's shape (`code`, negative
 * `errno`, `syscall`, and the peer's `address` and `port`); their `cause` is the stream's own.
 */
export interface NodeSocket extends Duplex {
  /** The peer's IP address, undefined for a Unix socket. */
  readonly remoteAddress: string | undefined;
  /** The peer's port. */
  readonly remotePort: number | undefined;
  /** "IPv4" or "IPv6". */
  readonly remoteFamily: string | undefined;
  /** The local IP address, undefined for a Unix socket. */
  readonly localAddress: string | undefined;
  /** The local port. */
  readonly localPort: number | undefined;
  /** "IPv4" or "IPv6". */
  readonly localFamily: string | undefined;
  /** Bytes received. */
  readonly bytesRead: number;
  /** Bytes written, those that wait included. */
  readonly bytesWritten: number;
  /** Always false: the stream is connected. */
  readonly connecting: boolean;
  /** Always false: the stream is connected. */
  readonly pending: boolean;
  /** "open", "readOnly", "writeOnly" or "closed". */
  readonly readyState: string;
  /** The idle time of {@linkcode NodeSocket.setTimeout} in milliseconds. */
  readonly timeout: number | undefined;
  /** The local address, family and port. */
  address(): { address?: string; family?: string; port?: number };
  /** Sets `TCP_NODELAY`. */
  setNoDelay(on?: boolean): this;
  /** Sets `SO_KEEPALIVE`; the delay of the first probe stays the system's. */
  setKeepAlive(on?: boolean, initialDelayMs?: number): this;
  /** Emits "timeout" after so many idle milliseconds; 0 is never. */
  setTimeout(timeoutMs: number, callback?: () => void): this;
  /** Ends the socket, and destroys it once everything written has left. */
  destroySoon(): void;
  /** Destroys the socket with a TCP reset; in order where the backend has no `lingerSeconds`. */
  resetAndDestroy(): this;
  /** Lets it keep the process alive. */
  ref(): this;
  /** Lets the process end although it is open. */
  unref(): this;
}

type NodeSocketClass = new (
  stream: StreamSocket<Deno.Addr>,
  isHalfOpenAllowed: boolean,
) => NodeSocket;

/** The class, made when Node's streams are loaded. */
let socketClass: NodeSocketClass | null = null;

/**
 * Wraps a stream for npm libraries that want a `net.Socket`. The socket takes the stream over: it
 * is its only reader from now on, and closes it when both sides have ended or it is destroyed.
 *
 * @param stream an open stream that nobody reads
 * @returns the socket; its chunks are plain Buffers, not views of shared memory
 * @throws {TypeError} when a key of the options is unknown
 *
 * @example
 * ```ts
 * import { NetworkCapability, TcpEndpoint, TcpStream } from "../../mod.ts";
 * import { toNodeSocket } from "./node_socket.ts";
 * await using capability = await NetworkCapability.request();
 * await using endpoint = await TcpEndpoint.create("127.0.0.1:0", capability);
 * const accepting = endpoint.accept();
 * const client = toNodeSocket(await TcpStream.connect(endpoint.addr, capability));
 * await using server = await accepting;
 * client.end("hello");
 * using lease = await server.receive();
 * console.log(lease?.length); // 5
 * ```
 */
export function toNodeSocket<A extends Deno.Addr = Deno.NetAddr>(
  stream: StreamSocket<A>,
  options: NodeSocketOptions = {},
): NodeSocket {
  checkKeys("toNodeSocket", options, ["allowHalfOpen"]);
  socketClass ??= defineClass(process.getBuiltinModule("node:stream").Duplex);
  // A stream is only read here, so its kind of address does not matter.
  const anyStream = stream as unknown as StreamSocket<Deno.Addr>;
  return new socketClass(anyStream, options.allowHalfOpen ?? false);
}

const bridges = new WeakMap<object, NodeBridge>();

function bridgeOf(socket: object): NodeBridge {
  return bridges.get(socket)!;
}

/** What Node's streams call, and nothing else: the rest is in {@linkcode MEMBERS}. */
function defineClass(Base: typeof Duplex): NodeSocketClass {
  class Socket extends Base {
    readonly #bridge: NodeBridge;

    constructor(stream: StreamSocket<Deno.Addr>, isHalfOpenAllowed: boolean) {
      // "close" carries whether there was an error: the bridge emits it.
      super({ allowHalfOpen: isHalfOpenAllowed, emitClose: false, autoDestroy: true });
      this.#bridge = new NodeBridge(stream, this);
      bridges.set(this, this.#bridge);
      // As net.Socket does: an end or a reset is noticed although nobody listens for data yet.
      this.read(0);
    }

    override _read(): void {
      this.#bridge.read();
    }

    override _write(chunk: Uint8Array, _: string, callback: (error?: Error) => void): void {
      this.#bridge.write([chunk], callback);
    }

    override _writev(chunks: { chunk: Uint8Array }[], callback: (error?: Error) => void): void {
      this.#bridge.write(chunks.map(({ chunk }) => chunk), callback);
    }

    override _final(callback: (error?: Error) => void): void {
      this.#bridge.end(callback);
    }

    override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
      this.#bridge.destroy(error, callback);
    }
  }
  Object.defineProperties(Socket.prototype, Object.getOwnPropertyDescriptors(MEMBERS));
  return Socket as unknown as NodeSocketClass;
}

/** The members of `net.Socket` that a Duplex lacks. */
const MEMBERS: Omit<NodeSocket, keyof Duplex> & ThisType<NodeSocket> = {
  get remoteAddress() {
    return bridgeOf(this).remote.address;
  },
  get remotePort() {
    return bridgeOf(this).remote.port;
  },
  get remoteFamily() {
    return bridgeOf(this).remote.family;
  },
  get localAddress() {
    return bridgeOf(this).local.address;
  },
  get localPort() {
    return bridgeOf(this).local.port;
  },
  get localFamily() {
    return bridgeOf(this).local.family;
  },
  get bytesRead() {
    return bridgeOf(this).bytesRead;
  },
  get bytesWritten() {
    return bridgeOf(this).bytesWritten;
  },
  connecting: false,
  pending: false,
  get readyState() {
    return bridgeOf(this).readyState;
  },
  get timeout() {
    return bridgeOf(this).timeoutMs;
  },
  address() {
    return { ...bridgeOf(this).local };
  },
  setNoDelay(on = true) {
    bridgeOf(this).setOption("noDelay", on);
    return this;
  },
  setKeepAlive(on = false) {
    bridgeOf(this).setOption("keepAlive", on);
    return this;
  },
  setTimeout(timeoutMs, callback) {
    bridgeOf(this).setTimeout(timeoutMs, callback);
    return this;
  },
  destroySoon() {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  },
  resetAndDestroy() {
    bridgeOf(this).isReset = true;
    this.destroy();
    return this;
  },
  ref() {
    bridgeOf(this).stream.ref();
    return this;
  },
  unref() {
    bridgeOf(this).stream.unref();
    return this;
  },
};
