/**
 * A connection that is in the stack of another shard, as the ring that accepted it has it: what is
 * asked of its descriptor is done there, in the ring's own memory, and the results come back.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import { Op } from "../../../ring/abi/opcodes.ts";
import { Flow } from "../../../stack/ip/types.ts";
import type { SocketOwner, StreamStackSocket } from "../../../stack/socket.ts";
import type { Operation } from "../../machine/operation.ts";
import type { PollOwner } from "../../machine/polls.ts";
import { M_EVENTS, M_FILE, M_KIND, M_POLL_LENGTH, M_RING, M_TOKEN } from "./messages.ts";
import { MessageKind, NO_TOKEN, writeOperation } from "./messages.ts";
import type { MessageWriter } from "./message_queue.ts";

/** What the connections of other shards see of the ring that has them. */
export interface RemoteRing {
  /** The ring's number. */
  readonly number: number;
  /** Whether a shard does no more. */
  hasFailed(shard: number): boolean;
  /** The queue to a shard. */
  writerTo(shard: number): MessageWriter;
  /** Notes an operation that another shard does. */
  forwarded(operation: Operation, owner: RemoteSocket): void;
  /** Completes an operation on a descriptor whose shard does no more. */
  lost(operation: Operation): void;
  /** Notes that a shard closes what no entry asked to close. */
  closing(shard: number): void;
}

/** A connection of another shard. Nothing is done here: sockets of no other kind are sent words. */
export class RemoteSocket implements StreamStackSocket, PollOwner {
  owner: SocketOwner | null = null;
  readonly flow: Flow = new Flow();
  readonly available = 0;
  readonly isAtMark = false;
  readonly unacknowledged = 0;
  /** Where it is. */
  readonly home: number;
  /** Its number there. */
  readonly file: number;
  /** Whether CLOSE is on its way: the descriptor is good for nothing any more. */
  isClosing = false;
  readonly #ring: RemoteRing;

  /**
   * @param home the shard that it is in
   * @param file its number there
   */
  constructor(ring: RemoteRing, home: number, file: number) {
    this.#ring = ring;
    this.home = home;
    this.file = file;
  }

  /** Has an operation done where the connection is. */
  forward(operation: Operation): void {
    const ring = this.#ring;
    ring.forwarded(operation, this);
    if (ring.hasFailed(this.home)) return ring.lost(operation);
    if (operation.opcode === Op.CLOSE) this.isClosing = true;
    const writer = ring.writerTo(this.home);
    const { message } = writer;
    writeOperation(message, operation);
    message[M_RING] = ring.number;
    message[M_FILE] = this.file;
    message[M_TOKEN] = operation.id;
    writer.send();
  }

  /** {@inheritDoc OperationOwner.cancel} */
  cancel(operation: Operation): number {
    // It completes as cancelled once the home has heard of it, or else with what it has done.
    this.#say(MessageKind.CANCEL, operation.id);
    return 0;
  }

  /** {@inheritDoc PollOwner.update} */
  update(operation: Operation, events: number): void {
    operation.operationFlags = events;
    if (this.#ring.hasFailed(this.home)) return;
    const { message } = this.#ring.writerTo(this.home);
    message[M_EVENTS] = events;
    message[M_POLL_LENGTH] = operation.length;
    this.#say(MessageKind.UPDATE, operation.id);
  }

  /** {@inheritDoc StackSocket.close} */
  close(): void {
    // A CLOSE that is on its way already ends it.
    if (this.isClosing || this.#ring.hasFailed(this.home)) return;
    this.isClosing = true;
    this.#ring.closing(this.home);
    this.#say(MessageKind.OPERATION | Op.CLOSE << 8, NO_TOKEN);
  }

  /** {@inheritDoc StreamStackSocket.abort} */
  abort(): void {
    this.isClosing = true;
    this.#say(MessageKind.ABORT, NO_TOKEN);
  }

  /** It was accepted: what is ready is asked of its home. */
  readiness(): number {
    return 0;
  }

  /** {@inheritDoc StackSocket.takeError} */
  takeError(): number {
    return 0;
  }

  /** {@inheritDoc StackSocket.bind} */
  bind(): number {
    return -Errno.EOPNOTSUPP;
  }

  /** {@inheritDoc StackSocket.connect} */
  connect(): number {
    return -Errno.EOPNOTSUPP;
  }

  /** {@inheritDoc StackSocket.shutdown} */
  shutdown(): number {
    return -Errno.EOPNOTSUPP;
  }

  /** {@inheritDoc StackSocket.setOption} */
  setOption(): number {
    return -Errno.EOPNOTSUPP;
  }

  /** {@inheritDoc StackSocket.getOption} */
  getOption(): number {
    return -Errno.EOPNOTSUPP;
  }

  /** {@inheritDoc StreamStackSocket.listen} */
  listen(): number {
    return -Errno.EOPNOTSUPP;
  }

  /** {@inheritDoc StreamStackSocket.accept} */
  accept(): number {
    return -Errno.EOPNOTSUPP;
  }

  /** {@inheritDoc StreamStackSocket.send} */
  send(): number {
    return -Errno.EOPNOTSUPP;
  }

  /** {@inheritDoc StreamStackSocket.receive} */
  receive(): number {
    return -Errno.EOPNOTSUPP;
  }

  #say(head: number, token: number): void {
    if (this.#ring.hasFailed(this.home)) return;
    const writer = this.#ring.writerTo(this.home);
    const { message } = writer;
    message[M_KIND] = head;
    message[M_RING] = this.#ring.number;
    message[M_FILE] = this.file;
    message[M_TOKEN] = token;
    writer.send();
  }
}
