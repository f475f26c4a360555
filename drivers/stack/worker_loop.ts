/**
 * A stack's Worker: it serves rings of many programs, and sleeps until one of them, a frame or a
 * deadline wakes it.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { MessagePort } from "node:worker_threads";
import { CLOSE_MESSAGE, CLOSED_MESSAGE, READY_MESSAGE } from "../machine/worker_messages.ts";
import type { WorkerStatus } from "../machine/worker_status.ts";
import { Bell } from "../port/bell.ts";
import { SystemClock } from "./clock.ts";
import type { StackExecutor } from "./executor.ts";
import { closeStack, openStack } from "./open_stack.ts";
import type { ServedStack } from "./shards/in_worker.ts";
import type { StackHost } from "./stack_host.ts";
import { attachRingMemory } from "./user_memory.ts";
import type { StackAnswer, StackRequest, StackWorkerStart } from "./worker_messages.ts";

/** How long it looks for more before it sleeps, in microseconds. */
const SPIN_MICROSECONDS = 50;
/** A deadline that is nearer than this is awaited without sleeping: timers would come too late. */
const NEAR_MICROSECONDS = 300;
/** Looks between two of the clock, which costs more than a look. */
const LOOKS = 16;
/** How long it may run before its event loop has a turn, in microseconds. */
const BUSY_MICROSECONDS = 5000;

/** Whoever sends requests: the parent, or the other end of a channel. */
interface Client {
  on(event: "message", listener: (message: unknown) => void): unknown;
  postMessage(message: StackAnswer): void;
}

/**
 * Runs a stack until the parent says to close.
 *
 * @param port to the parent
 * @param start what the parent gave
 * @param status where to say that it runs
 */
export async function runStack(
  port: MessagePort,
  start: StackWorkerStart,
  status: WorkerStatus,
): Promise<void> {
  const bell = Bell.of(start.bell);
  const clock = new SystemClock();
  const loop = new WorkerLoop(clock, bell);
  const opened = await open(start, clock, () => loop.wake());
  loop.start(opened.host);
  const closing = Promise.withResolvers<void>();
  port.on("message", (message) => {
    if (message === CLOSE_MESSAGE) closing.resolve();
  });
  serve(port, opened, loop);
  status.run();
  port.postMessage(READY_MESSAGE);
  await closing.promise;
  await closeStack(opened);
  opened.shard?.channels.close();
  await loop.close();
  port.postMessage(CLOSED_MESSAGE);
}

async function open(
  { options, shard }: StackWorkerStart,
  clock: SystemClock,
  onWake: () => void,
): Promise<ServedStack> {
  if (shard !== undefined) {
    // Who is alone loads nothing of it.
    const { openShardInWorker } = await import("./shards/in_worker.ts");
    return openShardInWorker(options, shard, clock, onWake);
  }
  const opened = openStack(options, clock, onWake);
  const { configurator } = opened;
  return { ...opened, shard: null, control: (request) => configurator.control(request) };
}

/** Does what a client asks for. */
function serve(client: Client, opened: ServedStack, loop: WorkerLoop): void {
  const rings = new Map<number, StackExecutor>();
  const { host } = opened;
  client.on("message", (message) => {
    if (typeof message !== "object" || message === null) return;
    const request = message as StackRequest;
    switch (request.type) {
      case "attach": {
        const aheadMs = performance.timeOrigin - request.timeOrigin;
        const ring = attachRingMemory(request.ring);
        rings.set(request.id, host.attach(ring, () => {}, aheadMs));
        loop.wake();
        return;
      }
      case "detach": {
        const executor = rings.get(request.id);
        rings.delete(request.id);
        const answer: StackAnswer = { type: "detached", id: request.id };
        if (executor === undefined) return client.postMessage(answer);
        host.detach(executor).then(() => client.postMessage(answer));
        loop.wake();
        return;
      }
      case "control":
        controlled(opened, request.id, request.request).then((answer) => {
          client.postMessage(answer);
          loop.wake();
        });
        return;
      case "client":
        return serve(request.port, opened, loop);
      case "shards":
        return opened.shard?.channels.connect(request.ports);
      case "failed":
        opened.shard?.channels.fail(request.shard);
        return opened.shard?.peers.fail(request.shard);
      case "detachAll":
        rings.clear();
        host.closeRings().then(() => client.postMessage({ type: "detached", id: request.id }));
        return loop.wake();
    }
  });
}

async function controlled(opened: ServedStack, id: number, request: unknown): Promise<StackAnswer> {
  try {
    return { type: "controlled", id, answer: await opened.control(request) };
  } catch (error) {
    const refusal = error instanceof Error ? error.message : String(error);
    return { type: "controlled", id, refusal };
  }
}

/** Runs a stack while there is something to do, and sleeps by a bell. */
class WorkerLoop {
  readonly #clock: SystemClock;
  readonly #bell: Bell;
  readonly #onBell = (): void => this.wake();
  #host: StackHost | null = null;
  #isRunning = false;
  #isYielding = false;

  /** @param bell what the clients ring */
  constructor(clock: SystemClock, bell: Bell) {
    this.#clock = clock;
    this.#bell = bell;
  }

  start(host: StackHost): void {
    this.#host = host;
    this.wake();
  }

  async close(): Promise<void> {
    this.#host = null;
    await this.#bell.close();
  }

  /** Runs until there is nothing to do for a while. */
  wake(): void {
    const host = this.#host;
    if (host === null || this.#isRunning || this.#isYielding) return;
    this.#isRunning = true;
    this.#bell.clear();
    const yieldAt = this.#clock.now() + BUSY_MICROSECONDS;
    let isBusy = true;
    while (isBusy) {
      host.run();
      isBusy = this.#spin(host);
      if (isBusy && this.#clock.now() > yieldAt) {
        this.#isRunning = false;
        return this.#yield();
      }
    }
    this.#isRunning = false;
    this.#sleep(host);
  }

  /** Looks for more for a moment. @returns whether there is some */
  #spin(host: StackHost): boolean {
    if (host.hasWork()) return true;
    host.noteIdle();
    const started = this.#clock.now();
    const deadline = host.nextDeadline();
    const isNear = deadline - started < NEAR_MICROSECONDS;
    const end = isNear ? deadline : started + SPIN_MICROSECONDS;
    for (;;) {
      for (let look = 0; look < LOOKS; look++) if (host.hasWork()) return true;
      if (this.#clock.now() >= end) return isNear;
    }
  }

  /** Lets messages and timers in. */
  #yield(): void {
    this.#isYielding = true;
    setImmediate(() => {
      this.#isYielding = false;
      this.wake();
    });
  }

  #sleep(host: StackHost): void {
    this.#bell.set();
    if (host.hasWork()) return this.#yield();
    this.#bell.sleep(this.#onBell);
  }
}
