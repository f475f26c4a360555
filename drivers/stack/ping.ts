/**
 * PING: one echo request, and how long its answer took.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { AF_INET, AF_INET6 } from "../../ring/abi/sockaddr.ts";
import {
  type DatagramParameters,
  type DatagramStackSocket,
  Ready,
  type SocketOwner,
  unknownDatagram,
  type UserMemory,
} from "../../stack/socket.ts";
import type { PacketMemory } from "../../stack/memory/mod.ts";
import type { Operation, OperationOwner } from "../machine/operation.ts";
import type { StackMachine } from "./machine.ts";
import { destinationOf, Endpoint, familyAt, familyOf, readSockaddr } from "./names.ts";

/** An echo request's header: type, code, checksum, identifier, sequence. RFC 792, RFC 4443. */
const HEADER_BYTES = 8;
const SEQUENCE = 6;
const ECHO_REQUEST = 8;
const ECHO_REQUEST6 = 128;
const MAXIMUM_DATA = 65000;

/** Memory of this module's own, beside that of packets. */
class OwnMemory implements UserMemory {
  readonly bytes: Uint8Array;
  readonly #packets: PacketMemory;

  constructor(packets: PacketMemory, length: number) {
    this.#packets = packets;
    this.bytes = new Uint8Array(length);
  }

  copyIn(packetAt: number, userAt: number, bytes: number): void {
    this.#packets.bytes.set(this.bytes.subarray(userAt, userAt + bytes), packetAt);
  }

  copyOut(userAt: number, packetAt: number, bytes: number): void {
    this.bytes.set(this.#packets.bytes.subarray(packetAt, packetAt + bytes), userAt);
  }
}

/** An echo request whose answer is awaited. */
class Echo implements OperationOwner, SocketOwner {
  readonly #machine: StackMachine;
  readonly #operation: Operation;
  readonly #socket: DatagramStackSocket;
  readonly #memory: OwnMemory;
  readonly #ranges: Int32Array;
  #sentAt = 0;

  constructor(
    machine: StackMachine,
    operation: Operation,
    socket: DatagramStackSocket,
    memory: OwnMemory,
  ) {
    this.#machine = machine;
    this.#operation = operation;
    this.#socket = socket;
    this.#memory = memory;
    this.#ranges = Int32Array.of(0, memory.bytes.length);
  }

  start(parameters: DatagramParameters): void {
    this.#machine.park(this.#operation, this);
    this.#sentAt = this.#machine.core.environment.now;
    this.#socket.owner = this;
    const sent = this.#socket.send(this.#memory, this.#ranges, 1, parameters, 0);
    if (sent < 0) this.#finish(sent);
  }

  onReady(ready: number): void {
    if ((ready & (Ready.IN | Ready.ERROR)) === 0) return;
    const info = unknownDatagram();
    const received = this.#socket.receive(this.#memory, this.#ranges, 1, info, 0);
    if (received === -Errno.EAGAIN) return;
    this.#finish(received < 0 ? received : this.#machine.core.environment.now - this.#sentAt);
  }

  cancel(): number {
    this.#finish(-Errno.ECANCELED);
    return 0;
  }

  #finish(result: number): void {
    this.#socket.owner = null;
    this.#socket.close();
    this.#machine.complete(this.#operation, result, 0);
  }
}

/** PING: sockaddr at `addr`, its length in `off`; bytes of data in `len`, hops in the flags. */
export function ping(machine: StackMachine, operation: Operation): void {
  const refusal = startPing(machine, operation);
  if (refusal !== 0) machine.complete(operation, refusal, 0);
}

function startPing(machine: StackMachine, operation: Operation): number {
  const { address, offset: length, length: dataBytes, operationFlags: hops } = operation;
  const { memory, core } = machine;
  if (dataBytes < 0 || dataBytes > MAXIMUM_DATA) return -Errno.EMSGSIZE;
  if (hops < 0 || hops > 255) return -Errno.EINVAL;
  const family = familyAt(memory, address, length);
  if (family !== AF_INET && family !== AF_INET6) return -Errno.EAFNOSUPPORT;
  const to = new Endpoint();
  const fault = readSockaddr(memory, address, length, family, false, to);
  if (fault !== 0) return fault;
  const isIpv4 = typeof to.address === "number";
  const socket = core.pingSocket(isIpv4 ? "ipv4" : familyOf(family));
  if (typeof socket === "number") return socket;
  const own = new OwnMemory(core.environment.arena.memory, HEADER_BYTES + dataBytes);
  own.bytes[0] = isIpv4 ? ECHO_REQUEST : ECHO_REQUEST6;
  own.bytes[SEQUENCE + 1] = 1;
  new Echo(machine, operation, socket, own).start({
    address: destinationOf(to.address),
    port: 0,
    scope: to.scope,
    source: null,
    timeToLive: hops,
    typeOfService: -1,
    segmentBytes: 0,
  });
  return 0;
}
