/**
 * Stream sockets of the stack for tests.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import type { IpAddress } from "../../../stack/ip/types.ts";
import { Ready, type StreamStackSocket, type UserMemory } from "../../../stack/socket.ts";
import { LOOPBACK, TestSocket } from "./test_socket.ts";

/** Bytes that a stream takes before it has no room. */
export const TEST_BUFFER_BYTES = 65536;

/** A stream socket. */
export class TestStream extends TestSocket implements StreamStackSocket {
  #peer: TestStream | null = null;
  #backlog: TestStream[] = [];
  #limit = 0;
  #isListening = false;
  #isConnecting = false;
  /** Whether an attempt has ended that nobody was told the end of. */
  #hasOutcome = false;
  #isConnected = false;
  #isClosed = false;
  #hasEnded = false;
  #isShut = false;
  #received = new Uint8Array(0);
  /** Bytes on their way to the peer, or not read by it. */
  #inFlight = 0;

  get available(): number {
    return this.#received.length;
  }

  readonly isAtMark = false;

  get unacknowledged(): number {
    return this.#inFlight;
  }

  readiness(): number {
    let ready = this.error === 0 ? 0 : Ready.ERROR;
    if (this.#isListening) return ready | (this.#backlog.length > 0 ? Ready.IN : 0);
    if (!this.#isConnected && !this.#hasEnded) {
      return this.#isConnecting ? ready : ready | Ready.OUT | Ready.HANGUP;
    }
    if (this.#received.length > 0 || this.#hasEnded) ready |= Ready.IN;
    if (this.#hasEnded) ready |= Ready.READ_HANGUP;
    if (this.#isShut || this.#inFlight < TEST_BUFFER_BYTES) ready |= Ready.OUT;
    if (this.#hasEnded && this.#isShut) ready |= Ready.HANGUP;
    return ready;
  }

  bind(address: IpAddress, port: number): number {
    if (this.flow.localPort !== 0) return -Errno.EINVAL;
    if (port !== 0 && this.core.listeners.has(port)) return -Errno.EADDRINUSE;
    this.flow.local = address;
    this.flow.localPort = port === 0 ? this.core.choosePort(this.core.listeners) : port;
    return 0;
  }

  listen(backlog: number): number {
    if (this.#isConnected) return -Errno.EINVAL;
    if (this.flow.localPort === 0) this.bind(0, 0);
    this.#limit = Math.max(1, backlog);
    this.#isListening = true;
    this.core.listeners.set(this.flow.localPort, this);
    return 0;
  }

  accept(): StreamStackSocket | number {
    if (!this.#isListening) return -Errno.EINVAL;
    return this.#backlog.shift() ?? -Errno.EAGAIN;
  }

  connect(address: IpAddress, port: number): number {
    if (this.#isConnecting) return -Errno.EALREADY;
    if (this.#hasOutcome) {
      // Asked again, it says how the attempt has ended.
      this.#hasOutcome = false;
      return -this.takeError();
    }
    if (this.#isConnected) return -Errno.EISCONN;
    if (this.flow.localPort === 0) this.bind(0, 0);
    this.flow.local = LOOPBACK;
    this.flow.remote = address;
    this.flow.remotePort = port;
    this.#isConnecting = true;
    this.core.later(() => this.#arrive(port));
    return -Errno.EINPROGRESS;
  }

  send(memory: UserMemory, at: number, bytes: number, _flags: number): number {
    if (this.error !== 0) return -this.takeError();
    if (this.#isShut || !this.#isConnected) return -Errno.EPIPE;
    const count = Math.min(bytes, TEST_BUFFER_BYTES - this.#inFlight);
    if (count === 0) return -Errno.EAGAIN;
    const { arena } = this.core.environment;
    const sent = new Uint8Array(count);
    for (let from = 0; from < count; from += arena.largestBytes) {
      const part = Math.min(arena.largestBytes, count - from);
      memory.copyIn(this.core.staging, at + from, part);
      const { staging } = this.core;
      sent.set(arena.memory.bytes.subarray(staging, staging + part), from);
    }
    this.#inFlight += count;
    const peer = this.#peer!;
    this.core.later(() => peer.#take(sent));
    return count;
  }

  receive(memory: UserMemory, at: number, bytes: number, flags: number): number {
    if (this.error !== 0 && this.#received.length === 0) return -this.takeError();
    if (this.#received.length === 0) {
      return this.#hasEnded ? 0 : this.#isConnected ? -Errno.EAGAIN : -Errno.ENOTCONN;
    }
    const { arena } = this.core.environment;
    const { staging } = this.core;
    const count = Math.min(bytes, this.#received.length, arena.largestBytes);
    arena.memory.bytes.set(this.#received.subarray(0, count), staging);
    memory.copyOut(at, staging, count);
    if ((flags & 2) !== 0) return count;
    this.#received = this.#received.slice(count);
    const peer = this.#peer;
    if (peer === null) return count;
    this.core.later(() => {
      const wasFull = peer.#inFlight === TEST_BUFFER_BYTES;
      peer.#inFlight -= count;
      if (wasFull) peer.owner?.onReady(Ready.OUT);
    });
    return count;
  }

  shutdown(how: number): number {
    if (this.#isListening) {
      this.#isListening = false;
      this.core.listeners.delete(this.flow.localPort);
      return 0;
    }
    if (!this.#isConnected) return -Errno.ENOTCONN;
    if (how !== 1) this.#hasEnded = true;
    if (how !== 0) this.#finish();
    return 0;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.core.open--;
    if (this.#isListening) this.core.listeners.delete(this.flow.localPort);
    if (this.#received.length > 0) this.abort();
    else this.#finish();
  }

  abort(): void {
    const peer = this.#peer;
    this.#isShut = true;
    if (peer !== null) this.core.later(() => peer.#reset());
  }

  #finish(): void {
    if (this.#isShut) return;
    this.#isShut = true;
    const peer = this.#peer;
    if (peer === null) return;
    this.core.later(() => {
      peer.#hasEnded = true;
      peer.owner?.onReady(Ready.IN | Ready.READ_HANGUP);
    });
  }

  #take(sent: Uint8Array): void {
    if (this.#isClosed) return void this.#peer!.#reset();
    const joined = new Uint8Array(this.#received.length + sent.length);
    joined.set(this.#received);
    joined.set(sent, this.#received.length);
    this.#received = joined;
    this.owner?.onReady(Ready.IN);
  }

  #reset(): void {
    this.error = Errno.ECONNRESET;
    this.#hasEnded = true;
    this.#isShut = true;
    this.owner?.onReady(Ready.IN | Ready.OUT | Ready.ERROR | Ready.HANGUP);
  }

  /** A connection arrives at its listener. */
  #arrive(port: number): void {
    this.#isConnecting = false;
    this.#hasOutcome = true;
    if (this.#isClosed) return;
    const listener = this.core.listeners.get(port);
    if (listener === undefined || listener.#backlog.length === listener.#limit) {
      this.error = Errno.ECONNREFUSED;
      this.owner?.onReady(Ready.OUT | Ready.ERROR | Ready.HANGUP);
      return;
    }
    const other = new TestStream(this.core);
    Object.assign(other.flow, {
      local: LOOPBACK,
      localPort: port,
      remote: LOOPBACK,
      remotePort: this.flow.localPort,
    });
    for (const [one, two] of [[this, other], [other, this]] as const) {
      one.#isConnected = true;
      one.#peer = two;
    }
    listener.#backlog.push(other);
    this.owner?.onReady(Ready.OUT);
    listener.owner?.onReady(Ready.IN);
  }
}
