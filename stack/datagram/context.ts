/**
 * What sockets of datagrams of all protocols share: the parts of the stack that they use, and how
 * much they may take.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { AddressTable, Groups, InterfaceTable } from "../iface/types.ts";
import type { IpOutput } from "../ip/types.ts";
import type { StackShard } from "../steering/stack_shard.ts";
import { QueueColumns } from "./receive_queue.ts";
import { SendBudget } from "./send_budget.ts";

/** How much sockets of datagrams take. */
export interface DatagramOptionsOfStack {
  /** Sockets of each kind: UDP, raw, ping. */
  readonly sockets: number;
  /** `SO_RCVBUF` where none is set: `net.core.rmem_default`. */
  readonly receiveBufferBytes: number;
  /** The most that `SO_RCVBUF` can be set to, before it is doubled: `net.core.rmem_max`. */
  readonly maximumReceiveBufferBytes: number;
  /** `SO_SNDBUF` where none is set: `net.core.wmem_default`. */
  readonly sendBufferBytes: number;
  /** The most that `SO_SNDBUF` can be set to, before it is doubled: `net.core.wmem_max`. */
  readonly maximumSendBufferBytes: number;
}

/** As Linux has it. */
export const DEFAULT_DATAGRAM_OPTIONS: DatagramOptionsOfStack = {
  sockets: 1024,
  receiveBufferBytes: 212_992,
  maximumReceiveBufferBytes: 212_992,
  sendBufferBytes: 212_992,
  maximumSendBufferBytes: 212_992,
};

/** For many programs on much memory. */
export const SERVER_DATAGRAM_OPTIONS: DatagramOptionsOfStack = {
  sockets: 65_536,
  receiveBufferBytes: 212_992,
  maximumReceiveBufferBytes: 8 << 20,
  sendBufferBytes: 212_992,
  maximumSendBufferBytes: 8 << 20,
};

/** For little memory. */
export const SMALL_DATAGRAM_OPTIONS: DatagramOptionsOfStack = {
  sockets: 16,
  receiveBufferBytes: 8192,
  maximumReceiveBufferBytes: 8192,
  sendBufferBytes: 8192,
  maximumSendBufferBytes: 8192,
};

/** What the sockets are given. */
export interface DatagramParts {
  readonly environment: Environment;
  readonly output: IpOutput;
  readonly interfaces: InterfaceTable;
  readonly addresses: AddressTable;
  readonly groups: Groups;
  readonly options: DatagramOptionsOfStack;
  /** Which of several shards of a host the stack is; null, or missing, where it is all of it. */
  readonly shard?: StackShard | null;
}

/** What all of them share: one for each stack. */
export class DatagramContext {
  readonly environment: Environment;
  readonly output: IpOutput;
  readonly interfaces: InterfaceTable;
  readonly addresses: AddressTable;
  readonly groups: Groups;
  readonly options: DatagramOptionsOfStack;
  /** Which of several shards of a host the stack is; null where it is all of it. */
  readonly shard: StackShard | null;
  /** The queues of all sockets. */
  readonly columns: QueueColumns;
  /** Which sockets have sent as much as they may for now. */
  readonly budget: SendBudget;
  #cookies = 0;

  /** A number that no other socket has: `SO_COOKIE`. */
  nextCookie(): number {
    return ++this.#cookies;
  }

  /** Puts the parts together. */
  constructor(parts: DatagramParts) {
    this.environment = parts.environment;
    this.output = parts.output;
    this.interfaces = parts.interfaces;
    this.addresses = parts.addresses;
    this.groups = parts.groups;
    this.options = parts.options;
    this.shard = parts.shard ?? null;
    this.columns = new QueueColumns(parts.environment.arena, parts.environment.packets);
    this.budget = new SendBudget(parts.environment);
  }
}
