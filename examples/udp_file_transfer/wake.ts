/**
 * A loop's alarm: it sleeps until something happens, or until a time has passed.
 *
 * @module
 */

/** Wakes one sleeper; what happens while nobody sleeps wakes the next one at once. */
export class Wake {
  #isPending = false;
  #resolve: (() => void) | null = null;

  /** Something happened. */
  now(): void {
    this.#isPending = true;
    this.#resolve?.();
  }

  /** Sleeps. @param limitMs Wakes after that by itself. */
  async sleep(limitMs: number): Promise<void> {
    if (!this.#isPending) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
        timer = setTimeout(resolve, limitMs);
      });
      clearTimeout(timer);
      this.#resolve = null;
    }
    this.#isPending = false;
  }
}
