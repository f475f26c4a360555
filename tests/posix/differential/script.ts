/**
 * Scripts: short programs of calls that are run against libc and against a subject, and must come
 * to the same.
 *
 * @module
 */

import { formatBytes, formatEvents, Formatter } from "./format.ts";
import { type RecordedCalls, Recorder } from "./recorder.ts";
import type { PosixCalls } from "../../../posix/calls.ts";
import {
  AF_INET,
  AF_UNIX,
  FIONREAD,
  POLLIN,
  SO_LINGER,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
} from "../../../posix/constants/mod.ts";
import type { Sockaddr } from "../../../posix/types.ts";

/** What a script is: calls, and helpers around them. */
export type ScriptBody = (c: RecordedCalls, t: ScriptContext) => void;

/** Programs by name: a sentence each. */
export type Scripts = Readonly<Record<string, ScriptBody>>;

/** A program of calls. */
export interface Script {
  /** A sentence. */
  readonly name: string;
  /** The program. */
  readonly body: ScriptBody;
}

/** How long the kernel may take to deliver on loopback. */
const SETTLE_DEADLINE_MS = 3_000;
/** Of those, how long one call waits. */
const SETTLE_SLICE_MS = 50;
/** What a wait of 50 ms may take, where the clock of the kernel ticks every 4 ms. */
const WAITED_MIN_MS = 40;
const WAITED_MAX_MS = 2_000;

/** IPv4's loopback address, by default with a port that the kernel chooses. */
export function loopback(port = 0): Sockaddr {
  return { family: AF_INET, address: "127.0.0.1", port };
}

/** Text as bytes. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Room to receive into, filled so that what was not written shows. */
export function room(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).fill(0xaa);
}

/** Ints as bytes. */
export function ints(...values: number[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Int32Array(values).buffer);
}

/** A pattern of bytes that does not repeat soon. */
export function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => index * 7 + (index >> 8) & 0xff);
}

/** Helpers of one run of a script. */
export class ScriptContext {
  /** The calls, recorded. */
  readonly calls: RecordedCalls;
  readonly #subject: PosixCalls;
  readonly #recorder: Recorder;
  readonly #id = crypto.getRandomValues(new Uint32Array(1))[0].toString(16).padStart(8, "0");
  #directory: string | undefined;

  /**
   * @param subject whose calls are made
   * @param expected the lines to come, undefined where none are known
   */
  constructor(subject: PosixCalls, expected?: readonly string[]) {
    this.#subject = subject;
    const directory = this.#directoryName();
    this.#recorder = new Recorder(
      subject,
      new Formatter([[directory, "$DIRECTORY"], [this.#id, "$ID"]]),
      expected,
    );
    this.calls = this.#recorder.calls;
  }

  /** The lines so far. */
  get trace(): readonly string[] {
    return this.#recorder.trace;
  }

  /** Descriptors that are open, in the order they were opened. */
  get openFds(): number[] {
    return [...this.#recorder.open];
  }

  /** Says what the last call must have come to: a number, or the name of an error. */
  expect(result: number | string): void {
    const got = this.#recorder.lastResult;
    if (got !== String(result)) this.#recorder.note(`!! expected ${result}, got ${got}`);
  }

  /** Records a value. */
  note(label: string, value: unknown): void {
    const text = value instanceof Uint8Array ? formatBytes(value) : String(value);
    this.#recorder.note(`${label}: ${text}`);
  }

  /** Runs calls of which only results are recorded: what they write differs from run to run. */
  masked<Result>(calls: () => Result): Result {
    return this.#detailed("result", calls);
  }

  /** Runs calls that are not recorded. */
  quietly<Result>(calls: () => Result): Result {
    return this.#detailed("nothing", calls);
  }

  #detailed<Result>(detail: "result" | "nothing", calls: () => Result): Result {
    const before = this.#recorder.detail;
    this.#recorder.detail = detail;
    try {
      return calls();
    } finally {
      this.#recorder.detail = before;
    }
  }

  /** Runs a call that waits 50 ms, and records whether it did. */
  waits<Result>(call: () => Result): Result {
    return this.#timed(call, (ms) => ms >= WAITED_MIN_MS && ms < WAITED_MAX_MS, "waited");
  }

  /** Runs a call that must not wait, and records whether it did. */
  isPrompt<Result>(call: () => Result): Result {
    return this.#timed(call, (ms) => ms < WAITED_MAX_MS, "prompt");
  }

  #timed<Result>(call: () => Result, isRight: (ms: number) => boolean, label: string): Result {
    const start = performance.now();
    const result = call();
    const ms = performance.now() - start;
    this.#recorder.note(isRight(ms) ? label : `!! not ${label}: ${ms} ms`);
    return result;
  }

  /** Waits until a descriptor has these events, which the kernel delivers at its own pace. */
  settle(fd: number, events: number = POLLIN): void {
    const entry = { fd, events, revents: 0 };
    this.#until(`${formatEvents(events)} of ${fd}`, () => {
      this.#subject.poll([entry], SETTLE_SLICE_MS);
      return entry.revents !== 0;
    });
  }

  /** Waits until so many bytes can be read. */
  settleBytes(fd: number, count: number): void {
    this.#until(`${count} bytes of ${fd}`, () => {
      return this.#subject.ioctl(fd, FIONREAD) >= count || pause();
    });
  }

  /** Waits for anything else. @param isThere may make calls; they are not recorded */
  settleUntil(what: string, isThere: (subject: RecordedCalls) => boolean): void {
    this.#until(what, () => this.quietly(() => isThere(this.calls)) || pause());
  }

  #until(what: string, isThere: () => boolean): void {
    const deadline = performance.now() + SETTLE_DEADLINE_MS;
    let complaint = "";
    try {
      while (complaint === "" && !isThere()) {
        if (performance.now() > deadline) complaint = `!! not settled: ${what}`;
      }
    } catch (error) {
      complaint = `!! not settled: ${what}: ${error}`;
    }
    if (complaint !== "") this.#recorder.note(complaint);
  }

  /** A path for a Unix socket or a file, in a directory of this run. */
  path(name: string): string {
    if (this.#directory === undefined) {
      this.#directory = this.#directoryName();
      Deno.mkdirSync(this.#directory);
    }
    return `${this.#directory}/${name}`;
  }

  #directoryName(): string {
    return `/tmp/millrace-${this.#id}`;
  }

  /** The address of a path. */
  unixAddress(name: string): Sockaddr {
    return { family: AF_UNIX, path: this.path(name) };
  }

  /** An abstract address. */
  abstractAddress(name: string): Sockaddr {
    return { family: AF_UNIX, path: `\0${name}-${this.#id}` };
  }

  /** A file with contents. @returns its path */
  file(name: string, contents: Uint8Array): string {
    const path = this.path(name);
    Deno.writeFileSync(path, contents);
    return path;
  }

  /** A listener on loopback, or elsewhere. */
  listener(
    { address = loopback(), type = SOCK_STREAM, backlog = 8 }: {
      address?: Sockaddr;
      type?: number;
      backlog?: number;
    } = {},
  ): { fd: number; address: Sockaddr } {
    const fd = this.calls.socket(address.family, type);
    this.calls.bind(fd, address);
    this.calls.listen(fd, backlog);
    return { fd, address: this.calls.getsockname(fd) };
  }

  /** A TCP connection, or one elsewhere. @returns the end that connected, the accepted one */
  streamPair(address: Sockaddr = loopback()): [client: number, server: number] {
    const listener = this.listener({ address });
    const client = this.calls.socket(address.family, SOCK_STREAM);
    this.calls.connect(client, listener.address);
    const { fd } = this.calls.accept(listener.fd);
    this.calls.close(listener.fd);
    return [client, fd];
  }

  /** A bound datagram socket. */
  datagram(address: Sockaddr = loopback(), flags = 0): { fd: number; address: Sockaddr } {
    const fd = this.calls.socket(address.family, SOCK_DGRAM | flags);
    this.calls.bind(fd, address);
    return { fd, address: this.calls.getsockname(fd) };
  }

  /** An address at which nobody listens; it stays taken, so that nobody will. */
  deadAddress(type = SOCK_STREAM): Sockaddr {
    const fd = this.calls.socket(AF_INET, type);
    this.calls.bind(fd, loopback());
    const address = this.calls.getsockname(fd);
    // A datagram socket would take what is sent to it; a stream that does not listen refuses.
    if (type === SOCK_DGRAM) this.calls.close(fd);
    return address;
  }

  /** Closes and removes what the script has left. */
  cleanUp(): void {
    for (const fd of this.#recorder.seen) {
      // A reset leaves no connection in TIME_WAIT to take ports from those who come after.
      ignore(() => this.#subject.setsockopt(fd, SOL_SOCKET, SO_LINGER, { onoff: 1, linger: 0 }));
      ignore(() => this.#subject.close(fd));
    }
    if (this.#directory !== undefined) Deno.removeSync(this.#directory, { recursive: true });
    const fd = this.#subject.epoll_create1();
    this.#subject.close(fd);
    if (fd !== 3) throw new Error(`descriptors below ${fd} are still open after all were closed`);
  }
}

function ignore(call: () => void): void {
  try {
    call();
  } catch {
    // EBADF or ENOTSOCK: there was nothing to do.
  }
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4));

/** Lets the kernel do its work. @returns false, to go on waiting */
function pause(): false {
  Atomics.wait(PAUSE, 0, 0, 1);
  return false;
}
