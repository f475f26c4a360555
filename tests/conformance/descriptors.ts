/**
 * Leaves this process without descriptors for a while. Deno panics when that happens in the first
 * second and a half of its life; the suite has been running for longer by then.
 *
 * @module
 */

/** `getrlimit(2)`. */
const RLIMIT_NOFILE = 7;
const PROCESS_AGE_MS = 2_000;
const startedAt = performance.now();

/** Lowers the limit of open files until {@linkcode Descriptors.end}. */
export class Descriptors {
  readonly #libc = Deno.dlopen("libc.so.6", {
    // int getrlimit(int resource, struct rlimit *limit)
    getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
    // int setrlimit(int resource, const struct rlimit *limit)
    setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
    // int dup(int fd)
    dup: { parameters: ["i32"], result: "i32" },
    // int close(int fd)
    close: { parameters: ["i32"], result: "i32" },
  });
  readonly #before = new BigUint64Array(new ArrayBuffer(16));
  #fillers: number[] = [];
  #isLowered = false;

  /** @returns after the process is old enough */
  static async ready(): Promise<void> {
    const age = performance.now() - startedAt;
    if (age < PROCESS_AGE_MS) await new Promise((done) => setTimeout(done, PROCESS_AGE_MS - age));
  }

  /** Takes all descriptors but `left`. */
  exhaust(left: number): void {
    const { getrlimit, setrlimit, dup, close } = this.#libc.symbols;
    getrlimit(RLIMIT_NOFILE, bytesOf(this.#before));
    this.#isLowered = true;
    // The highest one in use bounds the limit; what is free below it is filled up.
    let highest = 0;
    for (const { name } of Deno.readDirSync("/proc/self/fd")) {
      highest = Math.max(highest, Number(name));
    }
    const lowered = new BigUint64Array(new ArrayBuffer(16));
    lowered.set([BigInt(highest + 1 + left), this.#before[1]]);
    setrlimit(RLIMIT_NOFILE, bytesOf(lowered));
    for (let fd = dup(0); fd >= 0; fd = dup(0)) this.#fillers.push(fd);
    for (let index = 0; index < left; index++) close(this.#fillers.pop()!);
  }

  /** Gives them back; once more is a no-op. */
  end(): void {
    if (!this.#isLowered) return;
    this.#isLowered = false;
    this.#libc.symbols.setrlimit(RLIMIT_NOFILE, bytesOf(this.#before));
    for (const fd of this.#fillers.splice(0)) this.#libc.symbols.close(fd);
    this.#libc.close();
  }
}

function bytesOf(words: BigUint64Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(words.buffer);
}
