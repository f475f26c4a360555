/**
 * What a shard does for a ring of another shard: it has the connections that the ring accepted and
 * that are in this shard's stack, carries out what is asked of them in the ring's own memory, and
 * sends the results back. Links, timeouts and completions are the owner's.
 *
 * @module
 */

import { Op, SqeFlag } from "../../../ring/abi/opcodes.ts";
import { bufferGroups } from "../../../ring/buffers.ts";
import type { Words } from "../../../ring/barrier.ts";
import type { RingMemory } from "../../../ring/memory.ts";
import type { StreamStackSocket, UserMemory } from "../../../stack/socket.ts";
import type { StackCore } from "../../../stack/types.ts";
import type { Clock } from "../../machine/clock.ts";
import { FileTable } from "../../machine/file_table.ts";
import {
  type Operation,
  OperationIndex,
  type OperationOwner,
  OperationPool,
} from "../../machine/operation.ts";
import { Polls } from "../../machine/polls.ts";
import { RegularFiles } from "../../machine/regular_files.ts";
import { Timeouts } from "../../machine/timeouts.ts";
import type { StackFile } from "../file.ts";
import { HANDLERS } from "../handlers.ts";
import type { SocketOption, StackMachine } from "../machine.ts";
import type { StackService } from "../service.ts";
import { StreamFile, StreamState } from "../stream.ts";
import { attachRingMemory, createUserMemory } from "../user_memory.ts";
import {
  M_EVENTS,
  M_FILE,
  M_FLAGS,
  M_KIND,
  M_POLL_LENGTH,
  M_RESULT,
  M_RING,
  M_TOKEN,
  M_TOTAL,
  MessageKind,
  NO_TOKEN,
  readOperation,
  type SharedRing,
} from "./messages.ts";
import type { MessageWriter } from "./message_queue.ts";
import { SharedBufferSupply } from "./shared_buffers.ts";

/** The flags of an entry that are its owner's matter. */
const OWNERS_FLAGS = SqeFlag.IO_LINK | SqeFlag.IO_HARDLINK | SqeFlag.IO_DRAIN |
  SqeFlag.CQE_SKIP_SUCCESS;

/** What a shard lends to those that work for other shards' rings. */
export interface HomeParts {
  readonly core: StackCore;
  readonly service: StackService;
  readonly clock: Clock;
  readonly deliver: () => void;
  /** The queue to the shard that owns the ring. */
  readonly writer: MessageWriter;
}

/** The connections of one ring of another shard. */
export class HomeFiles implements StackMachine {
  readonly memory: RingMemory;
  readonly supply: SharedBufferSupply;
  readonly datagramSupply: SharedBufferSupply;
  readonly user: UserMemory;
  readonly core: StackCore;
  readonly service: StackService;
  readonly deliver: () => void;
  readonly files: FileTable<StackFile> = new FileTable<StackFile>();
  readonly regularFiles: RegularFiles = new RegularFiles(this);
  readonly index: OperationIndex = new OperationIndex();
  readonly timeouts: Timeouts;
  outstanding = 0;
  readonly #ring: number;
  readonly #writer: MessageWriter;
  readonly #operations = new OperationPool();
  /** Operations under way, by their numbers with the owner. */
  readonly #pending: (Operation | null)[] = [];

  /** @param ring the ring's number with its owner */
  constructor(ring: number, shared: SharedRing, parts: HomeParts) {
    const { memory, handle } = attachRingMemory(shared.handle);
    this.#ring = ring;
    this.#writer = parts.writer;
    this.memory = memory;
    this.core = parts.core;
    this.service = parts.service;
    this.deliver = parts.deliver;
    const [streams, datagrams] = bufferGroups(memory);
    this.supply = new SharedBufferSupply(memory, streams, shared.heads[0]);
    this.datagramSupply = new SharedBufferSupply(memory, datagrams, shared.heads[1]);
    this.user = createUserMemory({ memory, handle }, parts.core.environment.arena.memory);
    this.timeouts = new Timeouts(this, this.#operations, parts.clock);
  }

  /** {@inheritDoc ControlMachine.inFlight} */
  get inFlight(): number {
    return this.#operations.size;
  }

  /** {@inheritDoc ControlMachine.pollsOf} */
  pollsOf(fd: number): Polls | null {
    return this.files.get(fd)?.polls ?? null;
  }

  /** {@inheritDoc StackMachine.optionSet} Those of a connection are nobody else's. */
  optionSet(_file: StackFile, _option: SocketOption): void {}

  /** Takes a connection. @returns its number, or -1 where there is none left */
  add(family: number, socket: StreamStackSocket): number {
    const number = this.files.lowest();
    if (number < 0) return number;
    const file = new StreamFile(this, number, family, socket);
    file.state = StreamState.CONNECTED;
    this.files.set(number, file);
    return number;
  }

  /** Begins the operation of a message. */
  begin(words: Words, at: number): void {
    if (words[at + M_TOKEN] === NO_TOKEN) return this.#close(words[at + M_FILE]);
    const operation = this.#operations.take();
    readOperation(operation, words, at);
    operation.flags &= ~OWNERS_FLAGS;
    this.#pending[operation.userLow] = operation;
    HANDLERS[operation.opcode]!(this, operation);
  }

  /** Cancels an operation, unless it has completed. */
  cancel(token: number): void {
    const operation = this.#pending[token];
    operation?.owner?.cancel(operation);
  }

  /** Has a poll wait for other events, unless it has completed. */
  update(words: Words, at: number): void {
    const operation = this.#pending[words[at + M_TOKEN]];
    if (!operation || !(operation.owner instanceof Polls)) return;
    operation.length = words[at + M_POLL_LENGTH];
    operation.owner.update(operation, words[at + M_EVENTS]);
  }

  /** Resets a connection. */
  abort(number: number): void {
    const file = this.files.get(number);
    if (file === undefined) return;
    (file as StreamFile).socket.abort();
    this.files.delete(number);
    file.close();
  }

  /** The ring is no more: what it has closed is gone by now, what it never accepted is reset. */
  end(): void {
    this.files.forEach((file) => this.abort(file.fd));
  }

  /** {@inheritDoc Machine.park} */
  park(operation: Operation, owner: OperationOwner): void {
    operation.owner = owner;
    this.index.add(operation);
  }

  /** {@inheritDoc Machine.complete} */
  complete(operation: Operation, result: number, flags: number): void {
    if (operation.owner !== null) {
      operation.owner = null;
      this.index.remove(operation);
    }
    if (operation.userLow !== NO_TOKEN) this.#pending[operation.userLow] = null;
    this.#tell(MessageKind.RESULT, operation, result, flags);
    this.drop(operation);
  }

  /** {@inheritDoc Machine.more} */
  more(operation: Operation, result: number, flags: number): void {
    this.#tell(MessageKind.MORE, operation, result, flags);
  }

  /** {@inheritDoc ControlMachine.drop} */
  drop(operation: Operation): void {
    this.#operations.give(operation);
  }

  /** Closes what the owner has closed without an entry. */
  #close(number: number): void {
    const operation = this.#operations.take();
    Object.assign(operation, { opcode: Op.CLOSE, flags: 0, fd: number, fileIndex: 0 });
    operation.userLow = NO_TOKEN;
    HANDLERS[Op.CLOSE]!(this, operation);
  }

  #tell(kind: number, operation: Operation, result: number, flags: number): void {
    const { message } = this.#writer;
    message[M_KIND] = kind;
    message[M_RING] = this.#ring;
    message[M_TOKEN] = operation.userLow;
    message[M_RESULT] = result;
    message[M_FLAGS] = flags;
    message[M_TOTAL] = operation.total;
    this.#writer.send();
  }
}
