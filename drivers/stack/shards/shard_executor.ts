/**
 * The consumer of a ring of a stack of shards: what is in its own stack is done as in a stack of
 * one, what is in the stack of another shard is sent there, and what listens is mirrored there.
 *
 * @module
 */

import { Errno } from "../../../ring/abi/errno.ts";
import { DriverOp, Op } from "../../../ring/abi/opcodes.ts";
import { bufferGroups, type BufferSupply } from "../../../ring/buffers.ts";
import type { Words } from "../../../ring/barrier.ts";
import type { StackCore } from "../../../stack/types.ts";
import type { Clock } from "../../machine/clock.ts";
import { OPCODES } from "../../machine/opcodes.ts";
import type { Operation } from "../../machine/operation.ts";
import { StackExecutor } from "../executor.ts";
import type { StackFile } from "../file.ts";
import type { SocketOption } from "../machine.ts";
import type { StackService } from "../service.ts";
import { StreamFile } from "../stream.ts";
import type { StackRingMemory } from "../user_memory.ts";
import { OwnedListener } from "./owned_listener.ts";
import {
  M_CONNECTION,
  M_FILE,
  M_FLAGS,
  M_KIND,
  M_RESULT,
  M_TOKEN,
  M_TOTAL,
  MessageKind,
  NO_TOKEN,
  readEnds,
} from "./messages.ts";
import type { MessageWriter } from "./message_queue.ts";
import { type RemoteRing, RemoteSocket } from "./remote_socket.ts";
import { isEnd, type ListeningRing, RingListeners, type RingPeers } from "./ring_listeners.ts";
import { allocateBufferHead, SharedBufferSupply } from "./shared_buffers.ts";

/** Operations on a descriptor: where it is in another shard, they are done there. */
const FORWARDED = new Uint8Array(OPCODES);
for (
  const opcode of [
    ...[Op.READ, Op.READV, Op.READ_FIXED, Op.READ_MULTISHOT, Op.RECV, Op.RECVMSG],
    ...[Op.WRITE, Op.WRITEV, Op.WRITE_FIXED, Op.SEND, Op.SENDMSG],
    ...[Op.POLL_ADD, Op.ACCEPT, Op.CONNECT, Op.CLOSE, Op.SHUTDOWN, Op.BIND, Op.LISTEN],
    ...[DriverOp.NAMES, DriverOp.SETSOCKOPT, DriverOp.GETSOCKOPT, DriverOp.IOCTL],
  ]
) FORWARDED[opcode] = 1;

/** What a ring of a stack of shards is made of. */
export interface ShardExecutorParts {
  readonly ring: StackRingMemory;
  /** Its number. */
  readonly number: number;
  readonly core: StackCore;
  readonly service: StackService;
  readonly clock: Clock;
  readonly onPosted: () => void;
  readonly deliver: () => void;
  readonly peers: RingPeers;
}

/** Executes one ring's entries with the sockets of all shards. */
export class ShardExecutor extends StackExecutor implements RemoteRing, ListeningRing {
  override readonly supply: BufferSupply;
  override readonly datagramSupply: BufferSupply;
  readonly number: number;
  readonly #peers: RingPeers;
  readonly #ring: StackRingMemory;
  readonly #heads: readonly [SharedArrayBuffer, SharedArrayBuffer];
  /** Operations that other shards do, by their places in the pool. */
  readonly #pending: (Operation | null)[] = [];
  /** By shard: connections that are being closed without an entry. */
  readonly #closing: number[];
  readonly #listeners: RingListeners;
  #isShared = false;

  /** @param parts what it is made of */
  constructor(parts: ShardExecutorParts) {
    const { ring, core, service, clock, onPosted, deliver, peers } = parts;
    super(ring, core, service, clock, onPosted, deliver);
    const [streams, datagrams] = bufferGroups(ring.memory);
    this.#heads = [allocateBufferHead(), allocateBufferHead()];
    this.supply = new SharedBufferSupply(ring.memory, streams, this.#heads[0]);
    this.datagramSupply = new SharedBufferSupply(ring.memory, datagrams, this.#heads[1]);
    this.number = parts.number;
    this.#ring = ring;
    this.#peers = peers;
    this.#closing = new Array(peers.count).fill(0);
    this.#listeners = new RingListeners(this, peers);
  }

  /** {@inheritDoc RemoteRing.hasFailed} */
  hasFailed(shard: number): boolean {
    return this.#peers.hasFailed(shard);
  }

  /** {@inheritDoc RemoteRing.writerTo} */
  writerTo(shard: number): MessageWriter {
    return this.#peers.writerTo(shard);
  }

  /** {@inheritDoc RemoteRing.forwarded} */
  forwarded(operation: Operation, owner: RemoteSocket): void {
    this.#pending[operation.id] = operation;
    if (operation.opcode === Op.CLOSE) this.outstanding++;
    this.park(operation, owner);
  }

  /** {@inheritDoc RemoteRing.lost} */
  lost(operation: Operation): void {
    const isClose = operation.opcode === Op.CLOSE;
    this.#settle(operation, isClose ? 0 : -Errno.ECONNABORTED, 0);
  }

  /** {@inheritDoc RemoteRing.closing} */
  closing(shard: number): void {
    this.#closing[shard]++;
    this.outstanding++;
  }

  /** Takes what another shard says about this ring. */
  hear(from: number, words: Words, at: number): void {
    switch (words[at + M_KIND]) {
      case MessageKind.RESULT:
        return this.#onResult(from, words, at);
      case MessageKind.MORE: {
        const operation = this.#pending[words[at + M_TOKEN]];
        if (operation) this.more(operation, words[at + M_RESULT], words[at + M_FLAGS]);
        return;
      }
      case MessageKind.CONNECTION:
        return this.#onConnection(from, words, at);
      case MessageKind.LISTENING:
        return this.#listeners.onListening(from, words[at + M_FILE], words[at + M_RESULT]);
    }
  }

  /** A shard does no more: what it was to do ends, and its connections are lost. */
  lose(shard: number): void {
    for (const operation of this.#pending) {
      if (operation?.owner instanceof RemoteSocket && operation.owner.home === shard) {
        this.lost(operation);
      }
    }
    this.#listeners.lose(shard);
    this.outstanding -= this.#closing[shard];
    this.#closing[shard] = 0;
  }

  /** {@inheritDoc ListeningRing.share} */
  share(): void {
    if (this.#isShared) return;
    this.#isShared = true;
    const shared = { handle: this.#ring.handle, heads: this.#heads };
    this.#listeners.tellAll({ type: "ring", ring: this.number, shared });
  }

  /** {@inheritDoc StackExecutor.close} */
  override async close(): Promise<void> {
    await super.close();
    this.#peers.forget(this.number);
    if (this.#isShared) this.#listeners.tellAll({ type: "end", ring: this.number });
  }

  /** {@inheritDoc StackMachine.optionSet} */
  override optionSet(file: StackFile, option: SocketOption): void {
    if (file instanceof StreamFile) this.#listeners.noteOption(file, option);
  }

  protected override execute(operation: Operation): void {
    if (FORWARDED[operation.opcode] === 0) return super.execute(operation);
    const file = this.files.get(operation.fd);
    if (file === undefined) return super.execute(operation);
    const { socket } = file;
    if (socket instanceof RemoteSocket) return this.#forward(socket, operation);
    if (socket instanceof OwnedListener && socket.isMirrored && isEnd(operation)) {
      return this.#listeners.close(file as StreamFile, socket, operation);
    }
    if (operation.opcode === Op.LISTEN && file instanceof StreamFile) {
      return this.#listeners.listen(file, operation);
    }
    super.execute(operation);
  }

  #forward(socket: RemoteSocket, operation: Operation): void {
    if (socket.isClosing) return this.complete(operation, -Errno.EBADF, 0);
    const isListener = operation.opcode === Op.LISTEN || operation.opcode === Op.ACCEPT;
    // A connection's descriptor does not begin to listen somewhere else.
    if (isListener) return this.complete(operation, -Errno.EINVAL, 0);
    socket.forward(operation);
  }

  #onResult(from: number, words: Words, at: number): void {
    const token = words[at + M_TOKEN];
    if (token === NO_TOKEN) {
      this.#closing[from]--;
      this.outstanding--;
      return;
    }
    const operation = this.#pending[token];
    if (!operation) return;
    operation.total = words[at + M_TOTAL] >>> 0;
    this.#settle(operation, words[at + M_RESULT], words[at + M_FLAGS]);
  }

  /** Completes what another shard has done. */
  #settle(operation: Operation, result: number, flags: number): void {
    this.#pending[operation.id] = null;
    if (operation.opcode === Op.CLOSE) this.#closed(operation, result);
    this.complete(operation, result, flags);
  }

  #closed({ fd, owner }: Operation, result: number): void {
    this.outstanding--;
    const file = this.files.get(fd);
    if (!(owner instanceof RemoteSocket) || file?.socket !== owner) return;
    if (result === 0) this.files.delete(fd);
    else owner.isClosing = false;
  }

  #onConnection(from: number, words: Words, at: number): void {
    const connection = new RemoteSocket(this, from, words[at + M_CONNECTION]);
    readEnds(connection.flow, words, at);
    this.#listeners.onConnection(words[at + M_FILE], connection);
  }
}
