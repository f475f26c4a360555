/**
 * Deno's datagram sockets by way of `node:dgram`, the only ones that need no flag. The module is
 * loaded when the first datagram socket is made: a program without any does not pay for it.
 *
 * @module
 */

import type { Socket as NodeSocket } from "node:dgram";
import { errnoOf } from "../machine/errors.ts";

/** Whoever wants what a socket receives. */
export interface DatagramSink {
  /** Takes a datagram; `bytes` are the caller's from now on. */
  onDatagram(bytes: Uint8Array<ArrayBuffer>, host: string, port: number): void;
  /** Takes the errno of a receive that failed. */
  onReceiveError(errno: number): void;
}

/** What counts when a socket is bound. */
export interface BindOptions {
  readonly isIPv6: boolean;
  readonly reuseAddress: boolean;
  readonly ipv6Only: boolean;
}

type Lookup = (
  host: string,
  family: unknown,
  callback: (error: null, address: string, family: number) => void,
) => void;

let dgram: typeof import("node:dgram") | null = null;

/** Whether {@linkcode openDatagramPort} may be called. */
export function areDatagramsLoaded(): boolean {
  return dgram !== null;
}

/** Loads Node's module, once. */
export async function loadDatagrams(): Promise<void> {
  dgram ??= await import("node:dgram");
}

/** Addresses are numeric here: looking them up would take a turn of the event loop. */
function lookUp(isIPv6: boolean): Lookup {
  return (host, _family, callback) => callback(null, host, isIPv6 ? 6 : 4);
}

/**
 * Makes a socket and binds it; it receives from then on.
 *
 * @param host a numeric address
 * @param port 0 for any that is free
 * @param sink takes what it receives
 * @returns the socket, or `-errno`
 */
export function openDatagramPort(
  options: BindOptions,
  host: string,
  port: number,
  sink: DatagramSink,
): DatagramPort | number {
  const { isIPv6, reuseAddress, ipv6Only } = options;
  const socket = dgram!.createSocket({
    type: isIPv6 ? "udp6" : "udp4",
    reuseAddr: reuseAddress,
    ipv6Only,
    lookup: lookUp(isIPv6),
  });
  // What the ring waits for keeps the process alive, not what Deno waits for.
  socket.unref();
  // With a lookup that answers at once, binding has succeeded or failed when bind() returns.
  let errno = 0;
  let isBound = false;
  socket.on("error", (error) => {
    errno = errnoOf(error);
    if (isBound) sink.onReceiveError(errno);
  });
  socket.once("listening", () => isBound = true);
  try {
    socket.bind({ address: host, port, exclusive: true });
  } catch (error) {
    errno = errnoOf(error);
  }
  if (isBound) return new DatagramPort(socket, sink);
  socket.close();
  return errno === 0 ? -errnoOf(null) : -errno;
}

/** A bound socket of Node's. */
export class DatagramPort {
  /** Where it is bound. */
  readonly host: string;
  /** See {@linkcode DatagramPort.host}. */
  readonly port: number;
  readonly #socket: NodeSocket;

  /** @param socket a bound one */
  constructor(socket: NodeSocket, sink: DatagramSink) {
    const { address, port } = socket.address();
    this.#socket = socket;
    this.host = address;
    this.port = port;
    socket.on("message", (bytes, { address, port }) => {
      try {
        sink.onDatagram(bytes as Uint8Array<ArrayBuffer>, address, port);
      } catch (error) {
        // Deno swallows what a listener throws.
        queueMicrotask(() => {
          throw error;
        });
      }
    });
  }

  /**
   * Sends one datagram made of `parts`, whose memory must stay as it is until `done`.
   *
   * @param done is told what went wrong, if anything, never before this returns
   */
  send(
    parts: readonly Uint8Array[],
    host: string,
    port: number,
    done: (error: unknown) => void,
  ): void {
    const message = parts.length === 1 ? parts[0] : parts;
    try {
      this.#socket.send(message, port, host, done);
    } catch (error) {
      queueMicrotask(() => done(error));
    }
  }

  /** Changes the socket. @returns 0 or `-errno` */
  configure(change: (socket: NodeSocket) => unknown): number {
    try {
      change(this.#socket);
      return 0;
    } catch (error) {
      return -errnoOf(error);
    }
  }

  /** Closes the socket. @param released called when its address is free */
  close(released: () => void): void {
    this.#socket.close();
    // Deno lets go of the socket when it looks at its pending receive again: a turn of the event
    // loop later, as timers go. Its "close" event can come much later.
    Deno.unrefTimer(setTimeout(released, 0));
  }
}
