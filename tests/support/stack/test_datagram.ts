/**
 * Datagram sockets of the stack for tests.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import type { IpAddress } from "../../../stack/ip/types.ts";
import {
  type DatagramInfo,
  type DatagramParameters,
  type DatagramStackSocket,
  Ready,
  type UserMemory,
} from "../../../stack/socket.ts";
import { LOOPBACK, TestSocket } from "./test_socket.ts";

const LONGEST_DATAGRAM = 65507;
const MAXIMUM_KEPT = 256;

interface Datagram {
  readonly bytes: Uint8Array;
  readonly port: number;
}

/** A datagram socket. */
export class TestDatagram extends TestSocket implements DatagramStackSocket {
  #received: Datagram[] = [];
  #isClosed = false;
  #isShut = false;

  get available(): number {
    return this.#received[0]?.bytes.length ?? 0;
  }

  takeReport(): null {
    return null;
  }

  readiness(): number {
    const ready = this.error === 0 ? Ready.OUT : Ready.OUT | Ready.ERROR;
    return this.#received.length > 0 || this.#isShut ? ready | Ready.IN : ready;
  }

  bind(address: IpAddress, port: number): number {
    if (this.flow.localPort !== 0) return -Errno.EINVAL;
    if (port !== 0 && this.core.datagrams.has(port)) return -Errno.EADDRINUSE;
    this.flow.local = address;
    this.flow.localPort = port === 0 ? this.core.choosePort(this.core.datagrams) : port;
    this.core.datagrams.set(this.flow.localPort, this);
    return 0;
  }

  connect(address: IpAddress, port: number): number {
    if (this.flow.localPort === 0) this.bind(LOOPBACK, 0);
    this.flow.remote = address;
    this.flow.remotePort = port;
    return 0;
  }

  disconnect(): number {
    this.flow.remote = 0;
    this.flow.remotePort = 0;
    return 0;
  }

  shutdown(): number {
    this.#isShut = true;
    return this.flow.remotePort === 0 ? -Errno.ENOTCONN : 0;
  }

  send(
    memory: UserMemory,
    ranges: Int32Array,
    count: number,
    { address, port }: DatagramParameters,
    _flags: number,
  ): number {
    if (this.error !== 0) return -this.takeError();
    const target = address === null ? this.flow.remotePort : port;
    if (target === 0) return -Errno.EDESTADDRREQ;
    if (this.flow.localPort === 0) this.bind(0, 0);
    const parts: number[] = [];
    const { arena } = this.core.environment;
    for (let index = 0; index < count; index++) {
      const length = ranges[2 * index + 1];
      if (length > arena.largestBytes || length > LONGEST_DATAGRAM) return -Errno.EMSGSIZE;
      memory.copyIn(this.core.staging, ranges[2 * index], length);
      const { staging } = this.core;
      parts.push(...arena.memory.bytes.subarray(staging, staging + length));
    }
    const datagram = { bytes: Uint8Array.from(parts), port: this.flow.localPort };
    this.core.later(() => {
      const receiver = this.core.datagrams.get(target);
      if (receiver !== undefined) return receiver.#take(datagram);
      this.error = Errno.ECONNREFUSED;
      this.owner?.onReady(Ready.ERROR);
    });
    return parts.length;
  }

  receive(
    memory: UserMemory,
    ranges: Int32Array,
    count: number,
    info: DatagramInfo,
    flags: number,
  ): number {
    if (this.error !== 0) return -this.takeError();
    const [datagram] = this.#received;
    if (datagram === undefined) return this.#isShut ? 0 : -Errno.EAGAIN;
    if ((flags & 2) === 0) this.#received.shift();
    const { arena } = this.core.environment;
    const { staging } = this.core;
    Object.assign(info, {
      source: LOOPBACK,
      port: datagram.port,
      destination: LOOPBACK,
      interface: 1,
      timeToLive: 64,
      typeOfService: 0,
      bytes: datagram.bytes.length,
      segmentBytes: 0,
    });
    let copied = 0;
    for (let index = 0; index < count && copied < datagram.bytes.length; index++) {
      const part = Math.min(ranges[2 * index + 1], datagram.bytes.length - copied);
      arena.memory.bytes.set(datagram.bytes.subarray(copied, copied + part), staging);
      memory.copyOut(ranges[2 * index], staging, part);
      copied += part;
    }
    return copied;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.core.open--;
    this.core.datagrams.delete(this.flow.localPort);
  }

  #take(datagram: Datagram): void {
    if (this.#isClosed || this.#received.length === MAXIMUM_KEPT) return;
    this.#received.push(datagram);
    this.owner?.onReady(Ready.IN);
  }
}
