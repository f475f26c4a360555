/**
 * A thread that looks on: a call that never returns blocks the one it was made on, which could not
 * say which script it was.
 *
 * @module
 */

const NAME_BYTES_MAX = 1024;
/** A script that runs so long hangs. */
const LIMIT_SECONDS = 60;

/** What the looking thread is told. */
export interface WatchOrder {
  /** One int, the number of the script; 0 between scripts. Then the length of its name. */
  readonly state: Int32Array;
  /** Its name. */
  readonly name: Uint8Array;
  /** How long one script may run. */
  readonly limitSeconds: number;
}

let order: WatchOrder | undefined;
let worker: Worker | undefined;
let scripts = 0;

/** Says that a script begins. @returns what says that it has ended */
export function watch(name: string): Disposable {
  order ??= {
    state: new Int32Array(new SharedArrayBuffer(8)),
    name: new Uint8Array(new SharedArrayBuffer(NAME_BYTES_MAX)),
    limitSeconds: LIMIT_SECONDS,
  };
  const bytes = new TextEncoder().encode(name).subarray(0, NAME_BYTES_MAX);
  const { state } = order;
  order.name.set(bytes);
  Atomics.store(state, 1, bytes.length);
  Atomics.store(state, 0, ++scripts);
  return { [Symbol.dispose]: () => Atomics.store(state, 0, 0) };
}

/** Starts the thread. */
export async function startWatchdog(): Promise<void> {
  using _made = watch("");
  worker = await start();
}

/**
 * Starts a thread that ends at once. Of the last Worker that has ended Deno keeps two descriptors
 * for a while, which are to be there before a test counts any.
 */
export async function endOneWorker(): Promise<void> {
  (await start()).terminate();
}

async function start(): Promise<Worker> {
  const started = new Worker(new URL("./watchdog_worker.ts", import.meta.url), { type: "module" });
  const isReady = Promise.withResolvers<void>();
  started.onmessage = () => isReady.resolve();
  started.postMessage(order);
  await isReady.promise;
  return started;
}

/** Ends the thread. */
export function stopWatchdog(): void {
  worker?.terminate();
  worker = undefined;
}
