/**
 * A Worker that consumes rings, from the side of whoever started it: whether it runs, why not, and
 * how it is ended.
 *
 * @module
 */

import process from "node:process";
import type { Worker } from "node:worker_threads";
import { CLOSE_MESSAGE, CLOSED_MESSAGE, READY_MESSAGE } from "./worker_messages.ts";
import { WorkerState, WorkerStatus } from "./worker_status.ts";

const HERE = new URL("./worker_thread.ts", import.meta.url);
/** How long the Worker may take to close its sockets before it is ended anyway. */
const CLOSE_LIMIT_MS = 5000;
/** How long it may take to start: one whose module cannot be loaded tells only the event loop. */
const START_LIMIT_MS = 10_000;

/** Why a driver Worker cannot be started here, "" where it can. @param kind the backend's name */
export function workerRefusal(kind: string): string {
  const root = new URL("../../", HERE);
  if (root.protocol !== "file:") return "";
  const { state } = Deno.permissions.querySync({ name: "read", path: root });
  return state === "granted" ? "" : `${kind}: a driver Worker needs --allow-read=${root.pathname}`;
}

/** A Worker that consumes rings. */
export class WorkerThread {
  /** Why the Worker did not start, "" once it runs. */
  readonly started: Promise<string>;
  /** Called once it is known that nobody consumes any more. */
  onFailure: (() => void) | null = null;
  /** Called for every message that is not about its start or end. */
  onMessage: ((message: unknown) => void) | null = null;
  readonly #kind: string;
  readonly #worker: Worker;
  readonly #status: WorkerStatus;
  readonly #startedAt: number = performance.now();
  #hasStarted = false;
  #isClosing = false;
  #failure: string | undefined;

  /**
   * Starts a Worker, without waiting for it: a thread that blocks can do so.
   *
   * @param kind the backend's name
   * @param entry the Worker's module
   * @param dataOf what the Worker is given, which has the status in it
   */
  constructor(kind: string, entry: URL, dataOf: (status: SharedArrayBuffer) => unknown) {
    // Loaded when it is asked for, and at once: `import()` would need the event loop.
    const { Worker } = process.getBuiltinModule("node:worker_threads");
    this.#kind = kind;
    this.#status = new WorkerStatus();
    const worker = new Worker(asWorkerUrl(entry), { workerData: dataOf(this.#status.buffer) });
    this.#worker = worker;
    this.started = new Promise((resolve) => {
      worker.on("error", (error) => {
        this.#fail(String(error));
        resolve(this.#failure!);
      });
      worker.on("exit", () => {
        if (!this.#isClosing) this.#fail("it has ended");
        resolve(this.#failure ?? "");
      });
      worker.once("message", (message) => {
        if (message !== READY_MESSAGE) this.#fail(`unexpected message ${message}`);
        else worker.on("message", (next) => this.onMessage?.(next));
        resolve(this.#failure ?? "");
      });
    });
  }

  /** Why nothing is consumed, undefined while it is, or may yet be. */
  get failure(): string | undefined {
    if (this.#failure !== undefined) return this.#failure;
    const { state } = this.#status;
    if (state === WorkerState.FAILED) {
      this.#note(this.#status.reason);
    } else if (state === WorkerState.RUNNING) {
      this.#hasStarted = true;
    } else if (performance.now() - this.#startedAt > START_LIMIT_MS) {
      this.#note(`it does not run after ${START_LIMIT_MS} ms`);
    }
    return this.#failure;
  }

  /** Says that it shall not keep the process alive. */
  unref(): void {
    this.#worker.unref();
  }

  /** Says that it shall. */
  ref(): void {
    this.#worker.ref();
  }

  /** Sends it a message. @param transfer what is handed over with it */
  post(message: unknown, transfer: readonly Transferable[] = []): void {
    // Both are MessagePorts and ArrayBuffers; their declarations do not know of each other.
    this.#worker.postMessage(message, transfer as unknown as Parameters<Worker["postMessage"]>[1]);
  }

  /** Has it close what it holds, and ends it. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.failure === undefined) await this.#closeSockets();
    await this.#worker.terminate();
  }

  /** Has the Worker close its sockets: ending it would leave them to the garbage collector. */
  async #closeSockets(): Promise<void> {
    const worker = this.#worker;
    worker.ref();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSE_LIMIT_MS);
      const settle = () => {
        clearTimeout(timer);
        resolve();
      };
      worker.on("message", (message) => {
        if (message === CLOSED_MESSAGE) settle();
      });
      worker.on("exit", settle);
      worker.postMessage(CLOSE_MESSAGE);
    });
  }

  #fail(reason: string): void {
    this.#note(reason);
    this.onFailure?.();
  }

  #note(reason: string): void {
    const what = this.#hasStarted ? "has ended" : "did not start";
    this.#failure ??= `${this.#kind}: the driver Worker ${what}: ${reason}`;
  }
}

/** Deno starts such Workers from files and data URLs only, but those may import anything. */
function asWorkerUrl(entry: URL): URL {
  if (entry.protocol === "file:" || entry.protocol === "data:") return entry;
  const source = `import ${JSON.stringify(entry.href)};`;
  return new URL(`data:text/javascript,${encodeURIComponent(source)}`);
}
