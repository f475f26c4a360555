/**
 * Workers that make calls, for tests with several threads.
 *
 * @module
 */

import { deadline } from "@std/async";
import { WorkerLedger } from "../../mod.ts";
import type { BackendName } from "../../native/ring_options.ts";
import type { TableHandle } from "../../posix/mod.ts";
import type { ThreadAnswer, ThreadCall, ThreadStart } from "./threads_worker.ts";

/** A call that takes longer blocks for ever. */
const LIMIT_MS = 10_000;

/** A call under way. */
export interface Begun {
  /** Waits for its end. */
  answer(): Promise<ThreadAnswer>;
}

/** A Worker. */
export class Thread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #ledger = new WorkerLedger({
    ring: { entries: 64, slots: 64, buffers: { count: 16, bytes: 4096 }, arenaBytes: 65536 },
  });
  readonly #answers: Map<number, (answer: ThreadAnswer) => void> = new Map();
  readonly #begun: Map<number, () => void> = new Map();
  #onWord: (word: string) => void = () => {};
  #next = 0;
  #isTerminated = false;

  private constructor() {
    const module = new URL("./threads_worker.ts", import.meta.url);
    this.#worker = new Worker(module, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<string | number | ThreadAnswer>) => {
      if (typeof data === "string") this.#onWord(data);
      else if (typeof data === "number") this.#begun.get(data)?.();
      else this.#answers.get(data.id)?.(data);
    };
  }

  /** Starts one. @param table the table to use; without one it has its own */
  static async start(table?: TableHandle, backend: BackendName = "kernel"): Promise<Thread> {
    const thread = new Thread();
    const start: ThreadStart = { ledger: thread.#ledger.handle, backend, table };
    await thread.#tell(start);
    return thread;
  }

  /** Makes a call there. @returns how it went */
  call(name: string, ...args: unknown[]): Promise<ThreadAnswer> {
    return deadline(this.#post(name, args).answer, LIMIT_MS);
  }

  /** The same, but resolves as soon as the Worker has begun; it may not end at all. */
  async begin(name: string, ...args: unknown[]): Promise<Begun> {
    const { begun, answer } = this.#post(name, args);
    await deadline(begun, LIMIT_MS);
    return { answer: () => deadline(answer, LIMIT_MS) };
  }

  /** Terminates it wherever it stands, and closes what it left. */
  async terminate(): Promise<void> {
    this.#isTerminated = true;
    this.#worker.terminate();
    await this.#ledger.reap();
  }

  /** Ends it in order, unless it was terminated. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isTerminated) await this.#tell("end");
    await this.terminate();
  }

  #post(
    name: string,
    args: readonly unknown[],
  ): { begun: Promise<void>; answer: Promise<ThreadAnswer> } {
    const id = this.#next++;
    const begun = new Promise<void>((resolve) => this.#begun.set(id, resolve));
    const answer = new Promise<ThreadAnswer>((resolve) => this.#answers.set(id, resolve));
    this.#worker.postMessage({ id, name, args } satisfies ThreadCall);
    return { begun, answer };
  }

  async #tell(message: ThreadStart | "end"): Promise<void> {
    const said = new Promise<string>((resolve) => this.#onWord = resolve);
    this.#worker.postMessage(message);
    await deadline(said, LIMIT_MS);
  }
}
