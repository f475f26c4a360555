/**
 * The ring itself: what one operation costs from submission to completion, and what the ways to be
 * told of it add. Each measured call is a batch of NOPs, so divide by the count in its name.
 *
 * @module
 */

import { BACKENDS, open, printMachine } from "./support.ts";
import { IoUring } from "../native/io_uring/io_uring.ts";
import { Reactor } from "../ring/reactor.ts";
import { openDriver } from "../drivers/mod.ts";
import { planOf } from "../native/ring_options.ts";
import { Op } from "../ring/abi/opcodes.ts";
import type { CompletionTarget } from "../ring/slots.ts";

/** Operations of one batch: as many as a busy turn of a server has. */
const BATCH = 256;

printMachine();

/** Whoever is told by a function: the floor. */
class Callback implements CompletionTarget {
  left = 0;
  done: () => void = () => {};

  onCompletion(): void {
    if (--this.left === 0) this.done();
  }
}

/** Whoever is told by a promise, whose resolver is the operation's own. */
class PromiseTarget implements CompletionTarget {
  resolve: (result: number) => void = () => {};

  onCompletion(_tag: number, result: number): void {
    this.resolve(result);
  }
}

/** Whoever iterates over results. */
class Iteration implements CompletionTarget, AsyncIterableIterator<number> {
  #results: number[] = [];
  #resolve: ((result: IteratorResult<number>) => void) | null = null;

  onCompletion(_tag: number, result: number): void {
    const resolve = this.#resolve;
    this.#resolve = null;
    if (resolve === null) this.#results.push(result);
    else resolve({ done: false, value: result });
  }

  next(): Promise<IteratorResult<number>> {
    if (this.#results.length > 0) {
      return Promise.resolve({ done: false, value: this.#results.shift()! });
    }
    return new Promise((resolve) => this.#resolve = resolve);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

async function openReactor(backend: string): Promise<Reactor> {
  const { plan, without } = planOf({ entries: 1024, buffers: { count: 16, bytes: 4096 } });
  const outcome = await openDriver({ backend: backend as "kernel", plan, worker: false, without });
  if ("refusal" in outcome) throw new Error(outcome.refusal);
  const reactor = new Reactor(outcome.driver);
  // Deno ends a bench whose event loop has nothing left; the process it ends itself.
  reactor.reference();
  return reactor;
}

function submit(reactor: Reactor, target: CompletionTarget): void {
  reactor.entry(Op.NOP, -1, reactor.slots.take(target, 0));
}

for (const backend of BACKENDS) {
  const reactor = await openReactor(backend);
  const callback = new Callback();

  Deno.bench({
    name: `${BATCH} NOPs, callback (${backend})`,
    group: `per operation, ${backend}`,
    baseline: true,
    async fn() {
      await new Promise<void>((resolve) => {
        callback.done = resolve;
        callback.left = BATCH;
        for (let count = 0; count < BATCH; count++) submit(reactor, callback);
      });
    },
  });

  Deno.bench({
    name: `${BATCH} NOPs, promise (${backend})`,
    group: `per operation, ${backend}`,
    async fn() {
      const all: Promise<number>[] = [];
      for (let count = 0; count < BATCH; count++) {
        const target = new PromiseTarget();
        all.push(new Promise((resolve) => target.resolve = resolve));
        submit(reactor, target);
      }
      for (const operation of all) await operation;
    },
  });

  Deno.bench({
    name: `${BATCH} NOPs, iterator (${backend})`,
    group: `per operation, ${backend}`,
    async fn() {
      const iteration = new Iteration();
      for (let count = 0; count < BATCH; count++) submit(reactor, iteration);
      let left = BATCH;
      for await (const _ of iteration) if (--left === 0) break;
    },
  });

  Deno.bench({
    name: `one NOP there and back (${backend})`,
    group: "round trip",
    baseline: backend === BACKENDS[0],
    async fn() {
      await new Promise<void>((resolve) => {
        callback.done = resolve;
        callback.left = 1;
        submit(reactor, callback);
      });
    },
  });

  const ring = await IoUring.create(BATCH, { capability: await open(backend) });

  Deno.bench({
    name: `one NOP there and back, IoUring (${backend})`,
    group: "round trip",
    async fn() {
      ring.prepare();
      await ring.waitCqes(1);
    },
  });

  Deno.bench({
    name: `${BATCH} NOPs, IoUring (${backend})`,
    group: `per operation, ${backend}`,
    async fn() {
      for (let count = 0; count < BATCH; count++) ring.prepare();
      await ring.waitCqes(BATCH);
    },
  });
}
