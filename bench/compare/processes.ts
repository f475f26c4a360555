/**
 * Child processes of the comparison. Every one is registered before anything else can happen to
 * it and is ended by its process id: when its work is done, when something fails, and when this
 * program is interrupted. All waiting is bounded.
 */

const running = new Set<Deno.ChildProcess>();
const LINE_BYTES_MAX = 64 * 1024;
const STDERR_BYTES_KEPT = 4096;

/** A process that is running, with its standard streams as text. */
export class RunningProcess {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array> | null;
  readonly #output: ReadableStreamDefaultReader<string>;
  readonly #errors: Promise<void>;
  #errorText = "";
  #unread = "";

  /**
   * Starts a program.
   *
   * @param command the program and its arguments
   * @param input whether its standard input stays open for `write`
   */
  constructor(command: readonly string[], input = false) {
    this.#child = new Deno.Command(command[0], {
      args: command.slice(1),
      env: { NO_COLOR: "1" },
      stdin: input ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    running.add(this.#child);
    this.#input = input ? this.#child.stdin.getWriter() : null;
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    this.#errors = this.#readErrors();
  }

  /** The process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The end of what it wrote to standard error. */
  get errorText(): string {
    return this.#errorText.trim();
  }

  /** Writes one line to its standard input. */
  async write(line: string): Promise<void> {
    await this.#input?.write(new TextEncoder().encode(`${line}\n`));
  }

  /**
   * The next line of its standard output.
   *
   * @param timeoutMs longest wait, in milliseconds
   * @throws {Error} if it ends or the time is over first, with what it wrote to standard error
   */
  async line(timeoutMs: number): Promise<string> {
    const expired = Promise.withResolvers<null>();
    const timer = setTimeout(() => expired.resolve(null), timeoutMs);
    try {
      while (!this.#unread.includes("\n")) {
        const part = await Promise.race([this.#output.read(), expired.promise]);
        if (part === null) throw this.#failure(`no answer in ${timeoutMs} ms`);
        if (part.done) {
          await Promise.race([this.#errors, expired.promise]);
          throw this.#failure("ended early");
        }
        this.#unread += part.value;
        if (this.#unread.length > LINE_BYTES_MAX) throw this.#failure("endless line");
      }
    } finally {
      clearTimeout(timer);
    }
    const end = this.#unread.indexOf("\n");
    const line = this.#unread.slice(0, end);
    this.#unread = this.#unread.slice(end + 1);
    return line;
  }

  /** Ends it now and waits until it is gone. */
  async stop(): Promise<void> {
    end(this.#child);
    await this.#child.status;
    running.delete(this.#child);
    await Promise.allSettled([this.#output.cancel(), this.#input?.abort(), this.#errors]);
  }

  #failure(what: string): Error {
    return new Error(this.errorText === "" ? what : `${what}: ${gist(this.errorText)}`);
  }

  async #readErrors(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.#errorText = (this.#errorText + text).slice(-STDERR_BYTES_KEPT);
    }
  }
}

/**
 * Runs a program to its end.
 *
 * @returns the first line of its standard output
 * @throws {Error} if it fails, cannot start, or takes longer than `timeoutMs`
 */
export async function runForLine(command: readonly string[], timeoutMs: number): Promise<string> {
  const child = new RunningProcess(command);
  try {
    return await child.line(timeoutMs);
  } finally {
    await child.stop();
  }
}

/**
 * Runs a program to its end, whatever it prints.
 *
 * @throws {Error} with the last lines of its standard error, if it fails, cannot start, or takes
 * longer than `timeoutMs`
 */
export async function runToEnd(command: readonly string[], timeoutMs: number): Promise<void> {
  const child = new Deno.Command(command[0], {
    args: command.slice(1),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  running.add(child);
  const timer = setTimeout(() => end(child), timeoutMs);
  try {
    const { success, stderr } = await child.output();
    if (!success) throw new Error(`${command[0]}: ${new TextDecoder().decode(stderr).trim()}`);
  } finally {
    clearTimeout(timer);
    running.delete(child);
  }
}

/** Ends every process that still runs; synchronous, so that it also works on the way out. */
export function endAll(): void {
  for (const child of running) end(child);
}

/** Ends everything when this program is interrupted, and then this program. */
export function endAllOnInterrupt(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, () => {
      endAll();
      console.error(`ended by ${signal}`);
      Deno.exit(130);
    });
  }
}

/** Waits. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function end(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** The line of an error text that says most: the one marked as error, else the last. */
function gist(text: string): string {
  const lines = text.split("\n");
  return lines.find((line) => line.startsWith("error")) ?? lines[lines.length - 1];
}
