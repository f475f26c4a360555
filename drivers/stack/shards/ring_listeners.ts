/**
 * The listening sockets of one ring of a stack of shards: LISTEN has the other shards listen as well,
 * and completes once they do; CLOSE and SHUTDOWN complete once none listens any more.
 *
 * @module
 */

import { Op, Shut } from "../../../ring/abi/opcodes.ts";
import { type Machine, uncancellable } from "../../machine/machine.ts";
import type { FileTable } from "../../machine/file_table.ts";
import type { Operation } from "../../machine/operation.ts";
import type { StackFile } from "../file.ts";
import { type StreamFile, StreamState } from "../stream.ts";
import { type Mirrors, OwnedListener } from "./owned_listener.ts";
import {
  type ListenerDescription,
  M_FILE,
  M_KIND,
  M_RING,
  MessageKind,
  type RingLetter,
} from "./messages.ts";
import type { SocketOption } from "../machine.ts";
import type { MessageWriter } from "./message_queue.ts";
import type { RemoteSocket } from "./remote_socket.ts";

/** The other shards, as a ring sees them. */
export interface RingPeers {
  readonly index: number;
  readonly count: number;
  hasFailed(shard: number): boolean;
  writerTo(shard: number): MessageWriter;
  sendLetter(to: number, letter: RingLetter): void;
  /** Notes that a ring of this shard listens: mirrors of the same address make way. */
  opened(listener: ListenerDescription): void;
  /** Notes that it listens no more: mirrors of the same address take its place. */
  closed(listener: ListenerDescription): void;
  /** Forgets a ring that was closed. */
  forget(ring: number): void;
}

/** The ring that listens. */
export interface ListeningRing extends Machine {
  /** Its number. */
  readonly number: number;
  readonly files: FileTable<StackFile>;
  deliver(): void;
  /** Has the other shards work in the ring's memory, before they are told anything else of it. */
  share(): void;
}

/** A LISTEN that waits for the other shards. */
interface Opening {
  readonly operation: Operation;
  readonly file: StreamFile;
  readonly listener: OwnedListener;
  /** The shards that have not answered. */
  readonly left: Set<number>;
  result: number;
}

/** The end of a listener, which is over when no shard listens any more. */
interface Ending {
  /** The CLOSE or SHUTDOWN that waits for it. */
  operation: Operation | null;
  readonly left: Set<number>;
}

/** What one ring listens on. */
export class RingListeners implements Mirrors {
  readonly #ring: ListeningRing;
  readonly #peers: RingPeers;
  readonly #listeners = new Map<number, OwnedListener>();
  readonly #openings = new Map<number, Opening>();
  readonly #endings = new Map<number, Ending>();
  readonly #options = new WeakMap<StreamFile, Map<string, SocketOption>>();
  #nextId = 0;

  /** @param ring whose they are */
  constructor(ring: ListeningRing, peers: RingPeers) {
    this.#ring = ring;
    this.#peers = peers;
  }

  /** LISTEN. */
  listen(file: StreamFile, operation: Operation): void {
    const ring = this.#ring;
    ring.deliver();
    const result = file.listen(operation.length);
    const { socket } = file;
    const isMirrored = socket instanceof OwnedListener && socket.isMirrored;
    if (result !== 0 || isMirrored) return ring.complete(operation, result, 0);
    const id = this.#nextId++;
    let listener: OwnedListener | null = null;
    file.interpose((own) => {
      const inner = own instanceof OwnedListener ? own.own : own;
      return listener = new OwnedListener(inner, this, id);
    });
    this.#open(operation, file, listener!);
  }

  /** CLOSE or SHUTDOWN of a listener that other shards mirror. */
  close(file: StreamFile, { id }: OwnedListener, operation: Operation): void {
    const ring = this.#ring;
    // Whoever is about to connect hears of the end.
    ring.deliver();
    let result = 0;
    if (operation.opcode === Op.CLOSE) {
      ring.files.delete(operation.fd);
      file.close();
    } else {
      result = file.shutdown(operation.length);
    }
    const ending = this.#endings.get(id);
    if (ending === undefined) return ring.complete(operation, result, 0);
    ending.operation = operation;
    this.#await(operation);
    if (ending.left.size === 0) this.#ended(id, ending);
  }

  /** Takes a connection that another shard has for a listener. */
  onConnection(id: number, connection: RemoteSocket): void {
    const listener = this.#listeners.get(id);
    if (listener === undefined) connection.abort();
    else listener.add(connection);
  }

  /** A shard has done what it was told about a listener: first to listen, then not to. */
  onListening(from: number, id: number, result: number): void {
    const opening = this.#openings.get(id);
    if (opening?.left.delete(from)) {
      if (opening.result === 0) opening.result = result;
      if (opening.left.size === 0) this.#opened(id, opening);
      return;
    }
    const ending = this.#endings.get(id);
    if (ending?.left.delete(from) && ending.left.size === 0) this.#ended(id, ending);
  }

  /** A shard does no more: nobody waits for it, and its connections are lost. */
  lose(shard: number): void {
    for (const listener of this.#listeners.values()) listener.lose(shard);
    for (const id of [...this.#openings.keys()]) this.onListening(shard, id, 0);
    for (const id of [...this.#endings.keys()]) this.onListening(shard, id, 0);
  }

  /** Keeps an option in mind, for mirrors that are to be or are there. */
  noteOption(file: StreamFile, option: SocketOption): void {
    if (file.state !== StreamState.CREATED && file.state !== StreamState.LISTENING) return;
    const options = this.#options.get(file) ?? new Map<string, SocketOption>();
    this.#options.set(file, options);
    options.set(`${option.level} ${option.name}`, option);
    const { socket } = file;
    if (!(socket instanceof OwnedListener) || !socket.isMirrored) return;
    this.tellAll({ type: "change", ring: this.#ring.number, id: socket.id, option });
  }

  /** Sends a letter to every other shard. */
  tellAll(letter: RingLetter): void {
    const { index, count } = this.#peers;
    for (let shard = 0; shard < count; shard++) {
      if (shard !== index) this.#peers.sendLetter(shard, letter);
    }
  }

  /** {@inheritDoc Mirrors.taken} */
  taken(listener: OwnedListener, home: number): void {
    if (this.#peers.hasFailed(home)) return;
    const writer = this.#peers.writerTo(home);
    const { message } = writer;
    message[M_KIND] = MessageKind.TAKEN;
    message[M_RING] = this.#ring.number;
    message[M_FILE] = listener.id;
    writer.send();
  }

  /** {@inheritDoc Mirrors.changed} */
  changed(listener: OwnedListener, backlog: number): void {
    this.tellAll({ type: "change", ring: this.#ring.number, id: listener.id, backlog });
  }

  /** {@inheritDoc Mirrors.end} */
  end(listener: OwnedListener): void {
    this.#listeners.delete(listener.id);
    this.#peers.closed(listener.description!);
    this.#endings.set(listener.id, { operation: null, left: this.#others() });
    this.tellAll({ type: "unlisten", ring: this.#ring.number, id: listener.id });
  }

  #open(operation: Operation, file: StreamFile, listener: OwnedListener): void {
    const { id } = listener;
    const { local: address, localPort: port, scope } = listener.flow;
    const options = [...this.#options.get(file)?.values() ?? []];
    const { family } = file;
    const { length: backlog } = operation;
    const description = { id, family, address, port, scope, backlog, options };
    listener.isMirrored = true;
    listener.description = description;
    this.#peers.opened(description);
    this.#listeners.set(id, listener);
    const opening = { operation, file, listener, left: this.#others(), result: 0 };
    this.#openings.set(id, opening);
    this.#await(operation);
    this.#ring.share();
    this.tellAll({ type: "listen", ring: this.#ring.number, listener: description });
    if (opening.left.size === 0) this.#opened(id, opening);
  }

  #opened(id: number, { operation, file, listener, result }: Opening): void {
    this.#openings.delete(id);
    if (result !== 0 && listener.isMirrored) file.shutdown(Shut.RD);
    this.#completeAwaited(operation, result);
  }

  #ended(id: number, { operation }: Ending): void {
    this.#endings.delete(id);
    if (operation !== null) this.#completeAwaited(operation, 0);
  }

  /** The ring is not closed before the other shards have answered. */
  #await(operation: Operation): void {
    this.#ring.outstanding++;
    this.#ring.park(operation, uncancellable);
  }

  #completeAwaited(operation: Operation, result: number): void {
    this.#ring.outstanding--;
    this.#ring.complete(operation, result, 0);
  }

  /** The shards that are asked for something, and answer. */
  #others(): Set<number> {
    const { index, count } = this.#peers;
    const others = new Set<number>();
    for (let shard = 0; shard < count; shard++) {
      if (shard !== index && !this.#peers.hasFailed(shard)) others.add(shard);
    }
    return others;
  }
}

/** Whether an operation on a listener is its end. */
export function isEnd({ opcode, length: how, fileIndex }: Operation): boolean {
  if (opcode === Op.CLOSE) return fileIndex === 0;
  return opcode === Op.SHUTDOWN && (how === Shut.RD || how === Shut.RDWR);
}
