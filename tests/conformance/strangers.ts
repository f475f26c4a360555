/**
 * Peers that are strangers to the backend under test: on the network that it is on.
 *
 * @module
 */

import { connectResettable, type Resettable } from "./resettable.ts";
import { type ProcessPeer, silentListener, startProgram } from "./peers.ts";
import { readCounted, writeCounted } from "./programs/counted.ts";
import type { Context } from "./context.ts";
import { Raw } from "./raw.ts";
import { Op, SockOpt } from "../../ring/abi/opcodes.ts";
import type { NetworkCapability, TcpEndpoint, TcpStream } from "../../mod.ts";
import { SocketAddress } from "../../mod.ts";

/** Ways to be a stranger. All addresses are on loopback. */
export interface Strangers {
  /** Connects to a port. */
  connect(port: number): Promise<Deno.TcpConn>;
  /** Listens on a free port. */
  listen(): Promise<Deno.TcpListener>;
  /** Connects, and can reset the connection. */
  resettable(port: number): Promise<Resettable>;
  /** A listener that is full. @returns its address */
  silentListener(): Promise<string>;
  /** Connects to a port and writes the counted sequence: see `programs/counted.ts`. */
  source(port: number, length: number, seed: number): void;
  /** Listens, and reads the counted sequence: its first line is its port. */
  sink(seed: number): Printer;
}

/** A stranger that prints lines. */
export type Printer = Pick<ProcessPeer, "line">;

/** Strangers by Deno's own sockets, over the system's network. */
export class SystemStrangers implements Strangers {
  readonly #t: Context;

  constructor(t: Context) {
    this.#t = t;
  }

  connect(port: number): Promise<Deno.TcpConn> {
    return Deno.connect({ hostname: "127.0.0.1", port });
  }

  listen(): Promise<Deno.TcpListener> {
    return Promise.resolve(Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  }

  resettable(port: number): Promise<Resettable> {
    return connectResettable(port);
  }

  silentListener(): Promise<string> {
    return Promise.resolve(silentListener(this.#t));
  }

  source(port: number, length: number, seed: number): void {
    startProgram(this.#t, "source", [port, length, seed].map(String));
  }

  sink(seed: number): Printer {
    return startProgram(this.#t, "sink", [String(seed)]);
  }
}

/** Connections that fill a queue of one, and some. */
const FILLING_CONNECTIONS = 4;

/** Strangers by another ring on the same stack, whose network nobody else is on. */
export class NeighbourStrangers implements Strangers {
  readonly #t: Context;
  readonly #capability: NetworkCapability;

  /** @param capability the other ring's */
  constructor(t: Context, capability: NetworkCapability) {
    this.#t = t;
    this.#capability = capability;
  }

  async connect(port: number): Promise<Deno.TcpConn> {
    return asConn(await this.#capability.connect(`127.0.0.1:${port}`));
  }

  async listen(): Promise<Deno.TcpListener> {
    return asListener(await this.#capability.listen("127.0.0.1:0"));
  }

  async resettable(port: number): Promise<Resettable> {
    const stream = await this.#capability.connect(`127.0.0.1:${port}`, { lingerSeconds: 0 });
    return { reset: () => stream.close() };
  }

  async silentListener(): Promise<string> {
    const raw = new Raw({ capability: this.#capability, defer: (end) => this.#t.defer(end) });
    const fd = await raw.socket();
    const isBound = await raw.bind(fd, SocketAddress.parse("127.0.0.1:0"));
    const isListening = await raw.run(Op.LISTEN, { fd, length: 0 });
    const names = await raw.names(fd, 1);
    if (isBound !== 0 || isListening !== 0 || typeof names === "number") throw new Error("none");
    const fillers: Promise<number>[] = [];
    for (let count = 0; count < FILLING_CONNECTIONS; count++) {
      const client = await raw.socket();
      await raw.setOption(client, SockOpt.SOL_SOCKET, SockOpt.SO_KEEPALIVE, 0);
      const { pointer, length } = raw.sockaddr(SocketAddress.parse(names.local));
      const connecting = raw.start(Op.CONNECT, { fd: client, pointer, offset: length });
      fillers.push(connecting.result());
      this.#t.defer(() => raw.close(client).then(() => connecting.last()));
    }
    // Once one of them is in, the queue is full.
    await Promise.race(fillers);
    return names.local;
  }

  source(port: number, length: number, seed: number): void {
    this.connect(port).then((connection) => {
      this.#t.defer(() => connection.close());
      return writeCounted(connection, length, seed);
    }).catch(() => {});
  }

  sink(seed: number): Printer {
    const lines = new Lines();
    this.listen().then((listener) => {
      this.#t.defer(() => listener.close());
      lines.print(listener.addr.port);
      return readCounted(() => listener.accept(), seed, (line) => lines.print(line));
    }).catch(() => {});
    return lines;
  }
}

/** Lines that somebody prints, and somebody else awaits. */
class Lines implements Printer {
  readonly #lines: string[] = [];
  #waiting: (() => void) | null = null;

  print(line: string | number): void {
    this.#lines.push(String(line));
    this.#waiting?.();
  }

  async line(): Promise<string | undefined> {
    while (this.#lines.length === 0) {
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
    return this.#lines.shift();
  }
}

/** Streams and listeners of this library are usable where Deno's are. */
function asConn(stream: TcpStream): Deno.TcpConn {
  return stream as unknown as Deno.TcpConn;
}

function asListener(endpoint: TcpEndpoint): Deno.TcpListener {
  return {
    addr: endpoint.addr,
    accept: async () => asConn(await endpoint.accept()),
    close: () => endpoint.close(),
  } as unknown as Deno.TcpListener;
}
