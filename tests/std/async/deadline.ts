/** Options for {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Ends the wait early: the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Waits for a promise, but not for ever.
 *
 * @param p The promise.
 * @param ms How long to wait at most, in milliseconds.
 * @param options A signal.
 * @returns What the promise resolves to.
 * @throws {DOMException} With the name `TimeoutError` when the time is over.
 */
export async function deadline<T>(
  p: Promise<T>,
  ms: number,
  options: DeadlineOptions = {},
): Promise<T> {
  options.signal?.throwIfAborted();
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const abort = () => reject(options.signal?.reason);
  options.signal?.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(
    () => reject(new DOMException("Signal timed out.", "TimeoutError")),
    ms,
  );
  try {
    return await Promise.race([p, stopped]);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", abort);
  }
}
