/**
 * The other shards of a stack, as the host of one of them has them: it takes their messages and
 * letters, and hands each to the ring, or to the work for another shard's ring, that it is about.
 *
 * @module
 */

import type { Clock } from "../../machine/clock.ts";
import type { StackExecutor } from "../executor.ts";
import { RingClock } from "../ring_clock.ts";
import type { HostPeers, StackHost } from "../stack_host.ts";
import type { StackRingMemory } from "../user_memory.ts";
import { HomeFiles } from "./home_files.ts";
import {
  type ListenerDescription,
  M_FILE,
  M_KIND,
  M_RESULT,
  M_RING,
  M_TOKEN,
  MessageKind,
  type RingLetter,
  type SendLetter,
  type SharedRing,
} from "./messages.ts";
import { MessageReader, MessageWriter } from "./message_queue.ts";
import { MirroredListener } from "./mirrored_listener.ts";
import type { RingPeers } from "./ring_listeners.ts";
import { ShardExecutor } from "./shard_executor.ts";
import type { ShardPlace, ShardPorts } from "./types.ts";

const KIND_MASK = 0xff;

/** What connects a shard to the others. */
export interface ShardPeersParts {
  readonly place: ShardPlace;
  readonly ports: ShardPorts;
  readonly sendLetter: SendLetter;
  /** Wakes another shard's host. */
  readonly wake: (shard: number) => void;
}

/** What is done for one ring of another shard. */
interface Home {
  readonly files: HomeFiles;
  readonly listeners: Map<number, MirroredListener>;
}

/** The other shards of a stack. */
export class ShardPeers implements RingPeers, HostPeers {
  readonly index: number;
  readonly count: number;
  readonly ports: ShardPorts;
  readonly #parts: ShardPeersParts;
  /** By shard; null for this one. */
  readonly #readers: (MessageReader | null)[] = [];
  readonly #writers: (MessageWriter | null)[] = [];
  readonly #failed: boolean[];
  readonly #executors = new Map<number, ShardExecutor>();
  /** By shard, and by the numbers of its rings. */
  readonly #homes: Map<number, Home>[] = [];
  /** How many rings of this shard listen, by what they listen on. */
  readonly #own = new Map<string, number>();
  #host!: StackHost;
  #clock!: Clock;
  #nextRing = 0;

  /** @param parts what connects it to the others */
  constructor(parts: ShardPeersParts) {
    const { index, count, queues } = parts.place;
    this.index = index;
    this.count = count;
    this.ports = parts.ports;
    this.#parts = parts;
    this.#failed = new Array(count).fill(false);
    for (let other = 0; other < count; other++) {
      const isOwn = other === index;
      this.#readers.push(isOwn ? null : new MessageReader(queues.queues, count, other, index));
      this.#writers.push(isOwn ? null : new MessageWriter(queues.queues, count, index, other));
      this.#homes.push(new Map());
    }
  }

  /** {@inheritDoc HostPeers.attach} */
  attach(host: StackHost): void {
    this.#host = host;
    this.#clock = new RingClock(host.clock, host, 0);
  }

  /** {@inheritDoc HostPeers.createExecutor} */
  createExecutor(ring: StackRingMemory, clock: Clock, onPosted: () => void): StackExecutor {
    const { core, service, deliver } = this.#host;
    const number = this.#nextRing++;
    const executor = new ShardExecutor({
      ...{ ring, number, core, service, clock, onPosted, deliver },
      peers: this,
    });
    this.#executors.set(number, executor);
    return executor;
  }

  /** {@inheritDoc HostPeers.take} */
  take(): number {
    let count = 0;
    for (let from = 0; from < this.count; from++) {
      const reader = this.#readers[from];
      if (reader === null || !reader.hasMessages) continue;
      for (let at = reader.next(); at >= 0; at = reader.next()) {
        this.#dispatch(from, reader, at);
        count++;
      }
      if (reader.release()) this.#parts.wake(from);
    }
    return count;
  }

  /** {@inheritDoc HostPeers.flush} */
  flush(): void {
    for (let to = 0; to < this.count; to++) {
      const writer = this.#writers[to];
      if (writer !== null && writer.flush()) this.#parts.wake(to);
    }
  }

  /** {@inheritDoc HostPeers.hasMessages} */
  hasMessages(): boolean {
    for (let other = 0; other < this.count; other++) {
      if (other === this.index) continue;
      if (this.#readers[other]!.hasMessages || this.#writers[other]!.canGoOn) return true;
    }
    return false;
  }

  /** {@inheritDoc RingPeers.hasFailed} */
  hasFailed(shard: number): boolean {
    return this.#failed[shard];
  }

  /** {@inheritDoc RingPeers.writerTo} */
  writerTo(shard: number): MessageWriter {
    return this.#writers[shard]!;
  }

  /** {@inheritDoc RingPeers.sendLetter} */
  sendLetter(to: number, letter: RingLetter): void {
    if (!this.#failed[to]) this.#parts.sendLetter(to, letter);
  }

  /** {@inheritDoc RingPeers.opened} */
  opened(listener: ListenerDescription): void {
    const key = keyOf(listener);
    const count = this.#own.get(key) ?? 0;
    this.#own.set(key, count + 1);
    if (count === 0) this.#mirrorsOf(key).forEach((mirror) => mirror.pause());
  }

  /** {@inheritDoc RingPeers.closed} */
  closed(listener: ListenerDescription): void {
    const key = keyOf(listener);
    const count = this.#own.get(key)! - 1;
    if (count > 0) return void this.#own.set(key, count);
    this.#own.delete(key);
    this.#mirrorsOf(key).forEach((mirror) => mirror.open());
  }

  /** {@inheritDoc RingPeers.forget} */
  forget(ring: number): void {
    this.#executors.delete(ring);
  }

  /** A shard does no more: whoever waits for it is told, and its rings are gone. */
  fail(shard: number): void {
    if (this.#failed[shard] || shard === this.index) return;
    this.#failed[shard] = true;
    for (const executor of [...this.#executors.values()]) executor.lose(shard);
    for (const ring of [...this.#homes[shard].keys()]) this.#end(shard, ring);
    this.#host.wake();
  }

  /** Reads a letter of another shard. */
  hear(from: number, letter: RingLetter): void {
    if (this.#failed[from]) return;
    const { core, clock } = this.#host;
    core.setTime(clock.now());
    switch (letter.type) {
      case "ring":
        this.#homes[from].set(letter.ring, this.#openHome(from, letter.ring, letter.shared));
        break;
      case "listen":
        this.#listen(from, letter.ring, letter.listener);
        break;
      case "unlisten": {
        const home = this.#homes[from].get(letter.ring);
        home?.listeners.get(letter.id)?.close();
        home?.listeners.delete(letter.id);
        this.#tellListening(from, letter.ring, letter.id, 0);
        break;
      }
      case "change":
        this.#homes[from].get(letter.ring)?.listeners.get(letter.id)
          ?.change(letter.backlog, letter.option);
        break;
      case "end":
        this.#end(from, letter.ring);
    }
    this.#host.wake();
  }

  #mirrorsOf(key: string): MirroredListener[] {
    return this.#homes.flatMap((homes) => [...homes.values()])
      .flatMap(({ listeners }) => [...listeners.values()])
      .filter(({ description }) => keyOf(description) === key);
  }

  #openHome(from: number, ring: number, shared: SharedRing): Home {
    const { core, service, deliver } = this.#host;
    const writer = this.#writers[from]!;
    const clock = this.#clock;
    const files = new HomeFiles(ring, shared, { core, service, deliver, clock, writer });
    return { files, listeners: new Map() };
  }

  #listen(from: number, ring: number, description: ListenerDescription): void {
    const { core } = this.#host;
    const { files, listeners } = this.#homes[from].get(ring)!;
    const writer = this.#writers[from]!;
    const { ports } = this;
    const listener = new MirroredListener({ core, ports, ring, files, writer }, description);
    // Connections go to the ring of this shard that listens itself.
    const result = this.#own.has(keyOf(description)) ? 0 : listener.open();
    if (result === 0) listeners.set(description.id, listener);
    this.#tellListening(from, ring, description.id, result);
  }

  #tellListening(to: number, ring: number, id: number, result: number): void {
    const writer = this.#writers[to]!;
    const { message } = writer;
    message[M_KIND] = MessageKind.LISTENING;
    message[M_RING] = ring;
    message[M_FILE] = id;
    message[M_RESULT] = result;
    writer.send();
  }

  #end(from: number, ring: number): void {
    const home = this.#homes[from].get(ring);
    if (home === undefined) return;
    this.#homes[from].delete(ring);
    for (const listener of home.listeners.values()) listener.close();
    home.files.end();
  }

  #dispatch(from: number, { words }: MessageReader, at: number): void {
    const kind = words[at + M_KIND] & KIND_MASK;
    const ring = words[at + M_RING];
    if (kind >= MessageKind.RESULT) {
      this.#executors.get(ring)?.hear(from, words, at);
      return;
    }
    const home = this.#homes[from].get(ring);
    // What comes after the end of its ring is about what ended with it.
    if (home === undefined) return;
    const { files, listeners } = home;
    switch (kind) {
      case MessageKind.OPERATION:
        return files.begin(words, at);
      case MessageKind.CANCEL:
        return files.cancel(words[at + M_TOKEN]);
      case MessageKind.UPDATE:
        return files.update(words, at);
      case MessageKind.ABORT:
        return files.abort(words[at + M_FILE]);
      case MessageKind.TAKEN:
        listeners.get(words[at + M_FILE])?.taken();
    }
  }
}

/** What listeners have in common that may take each other's connections. */
function keyOf({ family, address, port, scope }: ListenerDescription): string {
  return `${family} ${port} ${scope} ${address}`;
}
