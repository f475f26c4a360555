/**
 * A stack in a Worker, as a thread that uses it sees it: rings are attached and detached by
 * messages, and a bell wakes the Worker.
 *
 * @module
 */

import type { MessagePort } from "node:worker_threads";
import type { DriverHost, RingDriver } from "../../ring/driver.ts";
import type { LedgerHandle } from "../../ring/descriptor_table.ts";
import type { MemoryPlan } from "../../ring/memory.ts";
import { leaveIfAsked, tableOf } from "../leave.ts";
import { softwareFeatures, supportedOpcodes } from "../machine/opcodes.ts";
import { WorkerDriver } from "../machine/worker_driver.ts";
import { WorkerState, WorkerStatus } from "../machine/worker_status.ts";
import { workerRefusal, WorkerThread } from "../machine/worker_thread.ts";
import type { FeatureMask } from "../options.ts";
import { Bell } from "../port/bell.ts";
import { STACK_OPCODES } from "./opcodes.ts";
import type { StackOptions } from "./options.ts";
import type { ShardPlace } from "./shards/types.ts";
import { allocateRingMemory } from "./user_memory.ts";
import type { StackAnswer, StackRequest, StackWorkerStart } from "./worker_messages.ts";

const KIND = "stack";
const ENTRY = new URL("./worker.ts", import.meta.url);
/** Empty turns of a reactor before it sleeps: an answer of another thread takes some. */
const SPIN_TURNS = 32;

/** What another thread needs to use a stack in a Worker; the port is handed over with it. */
export interface StackHandle {
  /** The way to the Worker. */
  readonly port: MessagePort;
  /** What the Worker sleeps by. */
  readonly bell: SharedArrayBuffer;
  /** Where it says how it fares. */
  readonly status: SharedArrayBuffer;
  /**
   * The ways to the other shards of a stack that has several; each of their ports is handed over,
   * too.
   */
  readonly shards?: readonly StackHandle[];
}

/** How a ring is opened. */
export interface RingRequest {
  readonly plan: MemoryPlan;
  readonly without: FeatureMask;
  readonly why: string;
  readonly ledger?: LedgerHandle;
  /** Ends the thread that blocks, where it is to end. */
  readonly leave?: () => void;
  /** Called when the ring has been closed. */
  readonly onClosed?: () => Promise<void>;
}

/** The way to a stack's Worker. */
interface Channel {
  readonly failure: string | undefined;
  post(message: StackRequest, transfer?: readonly Transferable[]): void;
  ref(): void;
  unref(): void;
}

/** Why no stack's Worker can be started here, "" where one can. */
export function stackWorkerRefusal(): string {
  return workerRefusal(KIND);
}

/** A stack in a Worker. */
export class StackConnection {
  readonly #channel: Channel;
  readonly #bell: Bell;
  readonly #thread: WorkerThread | null;
  readonly #shared: { readonly bell: SharedArrayBuffer; readonly status: SharedArrayBuffer };
  /** Who waits for an answer, by the number of what was asked. */
  readonly #answers = new Map<number, (answer: StackAnswer) => void>();
  readonly #onFailure = new Set<() => void>();
  /** The other shards of its stack: when one of them ends, all do. */
  #siblings: readonly StackConnection[] = [];
  #onShardFailure: () => void = () => {};
  #nextSibling = 0;
  #nextId = 0;
  #isClosed = false;

  private constructor(
    channel: Channel,
    thread: WorkerThread | null,
    shared: { bell: SharedArrayBuffer; status: SharedArrayBuffer },
  ) {
    this.#channel = channel;
    this.#thread = thread;
    this.#shared = shared;
    this.#bell = Bell.of(shared.bell);
    if (thread === null) return;
    thread.onMessage = (message) => this.#hear(message);
    thread.onFailure = () => {
      this.#onEnd();
      for (const sibling of this.#siblings) sibling.#onEnd();
      this.#onShardFailure();
    };
  }

  /**
   * Says which other shards its stack has.
   *
   * @param onFailure called when its own Worker has ended
   */
  join(siblings: readonly StackConnection[], onFailure: () => void): void {
    this.#siblings = siblings;
    this.#onShardFailure = onFailure;
  }

  /** Nobody answers any more: whoever waits is told. */
  #onEnd(): void {
    for (const tell of this.#onFailure) tell();
    for (const [id, resolve] of this.#answers) resolve({ type: "detached", id });
    this.#answers.clear();
  }

  /** Starts a stack in a Worker of its own, without waiting for it. */
  static start(options: StackOptions, shard?: ShardPlace): StackConnection {
    const bell = shard?.queues.bells[shard.index] ?? Bell.allocate();
    let status = new SharedArrayBuffer(0);
    const thread = new WorkerThread(KIND, ENTRY, (buffer): StackWorkerStart => {
      status = buffer;
      return { options, status: buffer, bell, shard };
    });
    return new StackConnection(thread, thread, { bell, status });
  }

  /** Uses a stack that another thread started. */
  static attach({ port, bell, status }: StackHandle): StackConnection {
    const state = new WorkerStatus(status);
    const channel: Channel = {
      get failure() {
        return state.state === WorkerState.FAILED ? `${KIND}: ${state.reason}` : undefined;
      },
      post: (message, transfer = []) =>
        port.postMessage(message, transfer as Parameters<MessagePort["postMessage"]>[1]),
      ref: () => void port.ref(),
      unref: () => void port.unref(),
    };
    const connection = new StackConnection(channel, null, { bell, status });
    port.on("message", (message) => connection.#hear(message));
    port.unref();
    return connection;
  }

  /** Why the Worker did not start, "" once it runs. */
  get started(): Promise<string> {
    return this.#thread?.started ?? Promise.resolve(this.#channel.failure ?? "");
  }

  /** Why nothing is consumed any more, undefined while it is. */
  get failure(): string | undefined {
    if (this.#isClosed) return `${KIND}: it was closed`;
    const { failure } = this.#channel;
    return failure !== undefined || this.#siblings.length === 0 ? failure : this.#siblingFailure();
  }

  /** The shard that serves the next ring beside those of this one. */
  get next(): StackConnection {
    const { length } = this.#siblings;
    return length === 0 ? this : this.#siblings[this.#nextSibling++ % length];
  }

  #siblingFailure(): string | undefined {
    return this.#siblings.find((sibling) => sibling.ownFailure !== undefined)?.ownFailure;
  }

  /** Whether this thread has started it. */
  get isOwner(): boolean {
    return this.#thread !== null;
  }

  /** Why its own Worker does no more, whatever has become of the others. */
  get ownFailure(): string | undefined {
    return this.#channel.failure;
  }

  /** Tells the Worker something that it does not answer. */
  tell(message: StackRequest, transfer: readonly Transferable[] = []): void {
    this.#channel.post(message, transfer);
    this.#bell.ring();
  }

  /** Has the Worker close every ring. */
  async detachAll(): Promise<void> {
    const id = this.#nextId++;
    await this.#answered(id, { type: "detachAll", id });
  }

  /** What to post to another thread, its port among what is transferred. */
  async handle(): Promise<StackHandle> {
    const { MessageChannel } = await import("node:worker_threads");
    const { port1, port2 } = new MessageChannel();
    this.tell({ type: "client", port: port1 }, [port1 as unknown as Transferable]);
    return { ...this.#shared, port: port2 };
  }

  /** Says that it shall not keep the process alive. */
  unref(): void {
    if (this.#answers.size === 0) this.#channel.unref();
  }

  /** Opens a ring, which takes entries at once. */
  openRing(request: RingRequest): StackRingDriver {
    return new StackRingDriver(this, request);
  }

  /** Ends the stack, where this thread has started it. */
  async close(): Promise<void> {
    this.#bell.ring();
    await this.#thread?.close();
    if (this.#thread === null || this.failure !== undefined) return;
    // Rings beside the one that it was closed with, as that of socket calls, end with it.
    this.#isClosed = true;
    this.#onEnd();
  }

  /** Has the Worker serve a ring. @returns the ring's number */
  attachRing(ring: ReturnType<typeof allocateRingMemory>, onFailure: () => void): number {
    const id = this.#nextId++;
    this.#onFailure.add(onFailure);
    const { timeOrigin } = performance;
    this.#channel.post({ type: "attach", id, ring: ring.handle, timeOrigin });
    this.#bell.ring();
    return id;
  }

  /** Has it close what a ring has open. */
  async detachRing(id: number, onFailure: () => void): Promise<void> {
    this.#onFailure.delete(onFailure);
    if (this.failure !== undefined) return;
    await this.#answered(id, { type: "detach", id });
  }

  /** Has the stack answer a request. @throws {Error} with its words, when it refuses it */
  async control(request: unknown): Promise<unknown> {
    if (this.failure !== undefined) throw new Error(this.failure);
    const id = this.#nextId++;
    const answer = await this.#answered(id, { type: "control", id, request });
    if (answer.type === "controlled" && answer.refusal === undefined) return answer.answer;
    throw new Error(answer.type === "controlled" ? answer.refusal : this.failure);
  }

  /** Posts a request, and keeps the process alive until every such one is answered. */
  async #answered(id: number, message: StackRequest): Promise<StackAnswer> {
    const answered = Promise.withResolvers<StackAnswer>();
    this.#answers.set(id, answered.resolve);
    this.#channel.ref();
    this.#channel.post(message);
    this.#bell.ring();
    const answer = await answered.promise;
    if (this.#answers.size === 0) this.#channel.unref();
    return answer;
  }

  /** Wakes the Worker if it sleeps. */
  ring(): void {
    this.#bell.ring();
  }

  #hear(message: unknown): void {
    if (typeof message !== "object" || message === null) return;
    const answer = message as StackAnswer;
    const resolve = this.#answers.get(answer.id);
    this.#answers.delete(answer.id);
    resolve?.(answer);
  }
}

/** A ring of a stack in a Worker. */
export class StackRingDriver extends WorkerDriver {
  readonly #connection: StackConnection;

  /** @param request how it is opened */
  constructor(connection: StackConnection, request: RingRequest) {
    const { plan, without, why } = request;
    const table = tableOf(request.ledger);
    const ring = allocateRingMemory(plan);
    let onFailure = () => {};
    const tell = () => onFailure();
    const id = connection.attachRing(ring, tell);
    super({
      kind: KIND,
      why,
      memory: ring.memory,
      supported: supportedOpcodes(STACK_OPCODES, without.opcodes),
      features: softwareFeatures(without),
      consumer: {
        get failure() {
          return connection.failure;
        },
        bind: (callback) => onFailure = callback,
        wake: () => connection.ring(),
        close: async () => {
          await connection.detachRing(id, tell);
          await request.onClosed?.();
        },
      },
      spinTurns: SPIN_TURNS,
      leaveIfAsked: request.leave ?? (() => leaveIfAsked(table)),
      openPrivate: (privatePlan: MemoryPlan): RingDriver =>
        connection.openRing({
          plan: privatePlan,
          without: {},
          why: "",
          leave: () => this.leaveIfAsked(),
        }),
    });
    this.#connection = connection;
  }

  /** Opens another ring on the same stack, which is closed first. */
  openSibling(plan: MemoryPlan): StackRingDriver {
    return this.#connection.next.openRing({ plan, without: {}, why: "" });
  }

  /** {@inheritDoc RingDriver.start} */
  override start(host: DriverHost): void {
    super.start(host);
    // What keeps the process alive is the work that is pending, not the thread that waits for it.
    this.#connection.unref();
  }
}
