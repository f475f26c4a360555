/**
 * Every access to a shared-memory word that another thread (or the kernel) also touches.
 *
 * Order is that of liburing's `barrier.h`: whoever owns a word publishes it with
 * {@linkcode storeRelease} after its plain writes, and whoever does not own it reads it with
 * {@linkcode loadAcquire} before its plain reads. JavaScript's atomics are sequentially consistent,
 * which is stronger than needed, except in {@linkcode raiseFlag}: there the store must be ordered
 * before the re-check that follows it (store buffering), or a wake-up could be lost.
 *
 * No other file names `Atomics`.
 *
 * @module
 */

/** A 32-bit view of ring memory: shared for software consumers, plain for mapped kernel rings. */
export type Words = Int32Array<ArrayBufferLike>;

/** A 16-bit view of ring memory. */
export type HalfWords = Uint16Array<ArrayBufferLike>;

/** The longest time, in milliseconds, that any thread parks without looking again. */
export const MAXIMUM_PARK_MS = 100;

/** Reads a word that the other side publishes; later plain reads see what it wrote before. */
export function loadAcquire(words: Words, index: number): number {
  return Atomics.load(words, index);
}

/** Publishes a word; earlier plain writes are visible to whoever reads it with an acquire. */
export function storeRelease(words: Words, index: number, value: number): void {
  Atomics.store(words, index, value);
}

/** Publishes a 16-bit word: the tail of a provided-buffer ring. */
export function storeReleaseHalf(words: HalfWords, index: number, value: number): void {
  Atomics.store(words, index, value);
}

/** Reads a 16-bit word that the other side publishes. */
export function loadAcquireHalf(words: HalfWords, index: number): number {
  return Atomics.load(words, index);
}

/** Sets bits in a word both sides write, and orders the store before every later load. */
export function raiseFlag(words: Words, index: number, bits: number): void {
  Atomics.or(words, index, bits);
}

/** Clears bits in a word both sides write. */
export function lowerFlag(words: Words, index: number, bits: number): void {
  Atomics.and(words, index, ~bits);
}

/** Adds to a shared counter. @returns its value before */
export function addCounter(words: Words, index: number, amount: number): number {
  return Atomics.add(words, index, amount);
}

/** Replaces a word if it still holds `expected`. @returns what it held */
export function compareExchange(
  words: Words,
  index: number,
  expected: number,
  replacement: number,
): number {
  return Atomics.compareExchange(words, index, expected, replacement);
}

/**
 * Blocks the calling thread until the word is notified or changes, at most
 * {@linkcode MAXIMUM_PARK_MS}: a longer park could not be ended by `Worker.terminate()`.
 *
 * @param timeoutMs upper bound in milliseconds, 0 to 100
 * @returns false when the time ran out
 */
export function park(words: Words, index: number, expected: number, timeoutMs: number): boolean {
  return Atomics.wait(words, index, expected, Math.min(timeoutMs, MAXIMUM_PARK_MS)) !== "timed-out";
}

/** Wakes one thread that parks on the word. */
export function wake(words: Words, index: number): void {
  Atomics.notify(words, index, 1);
}

/** Wakes everybody who parks on the word. */
export function wakeAll(words: Words, index: number): void {
  Atomics.notify(words, index);
}

/**
 * Waits without blocking until the word is notified or no longer holds `expected`.
 *
 * @param timeoutMs upper bound in milliseconds; bounded because a wake-up may come late
 * @returns null when the word has already changed
 */
export function parkAsync(
  words: Words,
  index: number,
  expected: number,
  timeoutMs: number,
): Promise<unknown> | null {
  const outcome = Atomics.waitAsync(words, index, expected, Math.min(timeoutMs, MAXIMUM_PARK_MS));
  return outcome.async ? outcome.value : null;
}
