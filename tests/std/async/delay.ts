/** Options for {@linkcode delay}. */
export interface DelayOptions {
  /** Ends the wait early: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Whether the wait keeps the process alive, which is the default. */
  persistent?: boolean;
}

/**
 * Waits.
 *
 * @param ms How long, in milliseconds; at most 2^31 - 1.
 * @param options A signal, and whether the process stays alive for it.
 * @returns A promise that resolves afterwards.
 */
export function delay(ms: number, options: DelayOptions = {}): Promise<void> {
  const { signal, persistent = true } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
    if (!persistent) Deno.unrefTimer(timer);
  });
}
