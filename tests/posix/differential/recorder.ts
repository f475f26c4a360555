/**
 * Makes calls and writes down what came of them: one line for each.
 *
 * @module
 */

import type { Formatter } from "./format.ts";
import { type CallName, type PosixCalls, rightsOf } from "../../../posix/calls.ts";
import { F_DUPFD, F_DUPFD_CLOEXEC, SCM_RIGHTS, SOL_SOCKET } from "../../../posix/constants/mod.ts";
import { PosixError } from "../../../posix/errors.ts";
import type {
  Accepted,
  AddrInfo,
  Mmsghdr,
  Msghdr,
  NameInfo,
  ReceivedFrom,
  Sockaddr,
} from "../../../posix/types.ts";

/** The calls as C has them: one that fails gives -1, or what stands for it. */
export type RecordedCalls = {
  readonly [Call in CallName]: (
    ...values: Parameters<PosixCalls[Call]>
  ) => ReturnType<PosixCalls[Call]> extends void ? number : ReturnType<PosixCalls[Call]>;
};

const NO_ADDRESS: Sockaddr = { family: 0 };
const NO_ACCEPTED: Accepted = { fd: -1, address: NO_ADDRESS };
const NO_NAMES: NameInfo = { host: "", service: "" };
const NOTHING_RECEIVED: ReceivedFrom = { n: -1, address: null };

/** What stands for -1 where a call gives no number; also the list of calls. */
const FAILED: { readonly [Call in CallName]: unknown } = {
  socket: -1,
  bind: -1,
  listen: -1,
  accept: NO_ACCEPTED,
  accept4: NO_ACCEPTED,
  connect: -1,
  send: -1,
  recv: -1,
  sendto: -1,
  recvfrom: NOTHING_RECEIVED,
  sendmsg: -1,
  recvmsg: -1,
  sendmmsg: -1,
  recvmmsg: -1,
  read: -1,
  write: -1,
  readv: -1,
  writev: -1,
  shutdown: -1,
  close: -1,
  getsockopt: -1,
  setsockopt: -1,
  getsockname: NO_ADDRESS,
  getpeername: NO_ADDRESS,
  socketpair: [-1, -1],
  pipe2: [-1, -1],
  dup: -1,
  dup2: -1,
  dup3: -1,
  fcntl: -1,
  ioctl: -1,
  poll: -1,
  ppoll: -1,
  select: -1,
  epoll_create1: -1,
  epoll_ctl: -1,
  epoll_wait: -1,
  sendfile: -1,
  splice: -1,
  vmsplice: -1,
  open: -1,
  getaddrinfo: [] as AddrInfo[],
  getnameinfo: NO_NAMES,
};

/** Every call. */
export const CALL_NAMES = Object.keys(FAILED) as CallName[];

/** The calls whose numbers are descriptors. */
const OPENING: readonly CallName[] = [
  "socket",
  "dup",
  "dup2",
  "dup3",
  "epoll_create1",
  "open",
];

function isDuplication(command: unknown): boolean {
  return command === F_DUPFD || command === F_DUPFD_CLOEXEC;
}

/** How much of a call is written down. */
export type Detail = "all" | "result" | "nothing";

/** Ends a script at the first line that is not the expected one: what follows could block. */
export class Diverged extends Error {}

/** Records calls. */
export class Recorder {
  /** The lines. */
  readonly trace: string[] = [];
  /** The calls, recorded. */
  readonly calls: RecordedCalls;
  /** What the last call gave: a number, the name of an error, or other text. */
  lastResult = "";
  /** Descriptors that were seen: what is left of them is closed in the end. */
  readonly seen: Set<number> = new Set();
  /** Descriptors that are open, in the order they were opened. */
  readonly open: Set<number> = new Set();
  /** How much of each call is written down. */
  detail: Detail = "all";

  readonly #subject: PosixCalls;
  readonly #formatter: Formatter;
  readonly #expected: readonly string[] | undefined;

  /**
   * @param subject whose calls are made
   * @param expected the lines to come, undefined where none are known
   */
  constructor(subject: PosixCalls, formatter: Formatter, expected?: readonly string[]) {
    this.#subject = subject;
    this.#formatter = formatter;
    this.#expected = expected;
    const entries = CALL_NAMES.map((name) => {
      return [name, (...values: unknown[]) => this.#make(name, values)];
    });
    this.calls = Object.fromEntries(entries) as RecordedCalls;
  }

  /** Writes a line. */
  note(line: string): void {
    const written = this.#formatter.text(line);
    const expected = this.#expected;
    const at = this.trace.push(written) - 1;
    if (expected !== undefined && written !== expected[at]) throw new Diverged(written);
  }

  #make(name: CallName, values: unknown[]): unknown {
    const before = values.map((value) => this.#formatter.value(value));
    let result: unknown;
    try {
      result = (this.#subject[name] as (...values: unknown[]) => unknown)(...values) ?? 0;
      this.lastResult = this.#formatter.value(result);
    } catch (error) {
      result = structuredClone(FAILED[name]);
      this.lastResult = describeError(error, name);
    }
    this.#see(name, result, values);
    if (this.detail === "nothing") return result;
    const after = this.detail === "result" ? [] : this.#changed(name, before, values);
    this.note(`${name}(${before.join(", ")}) = ${this.lastResult}${after.join("")}`);
    return result;
  }

  /** What the call has written into its arguments. */
  #changed(name: CallName, before: readonly string[], values: unknown[]): string[] {
    // Events come in no order that is promised.
    if (name === "epoll_wait" && Array.isArray(values[1])) values = [null, sorted(values[1])];
    return values.flatMap((value, index) => {
      if (typeof value !== "object" || value === null) return [];
      const text = this.#formatter.value(value);
      return text === before[index] ? [] : [` ${text}`];
    });
  }

  #see(name: CallName, result: unknown, values: readonly unknown[]): void {
    const fds: number[] = [];
    const opens = name === "fcntl" ? isDuplication(values[1]) : OPENING.includes(name);
    if (opens) fds.push(result as number);
    if (name === "accept" || name === "accept4") fds.push((result as Accepted).fd);
    if (name === "socketpair" || name === "pipe2") fds.push(...result as number[]);
    if (name === "recvmsg" && result !== -1) fds.push(...rightsIn(values[1] as Msghdr));
    if (name === "recvmmsg" && result !== -1) {
      for (const { hdr } of values[1] as Mmsghdr[]) fds.push(...rightsIn(hdr));
    }
    for (const fd of fds.filter((fd) => fd >= 0)) {
      this.seen.add(fd);
      this.open.add(fd);
    }
    if (name === "close") this.open.delete(values[0] as number);
  }
}

function rightsIn(message: Msghdr): number[] {
  const rights = (message.control ?? []).filter(({ level, type }) => {
    return level === SOL_SOCKET && type === SCM_RIGHTS;
  });
  return rights.flatMap(rightsOf);
}

function sorted<Event extends { data: number }>(events: readonly Event[]): Event[] {
  return [...events].sort((a, b) => a.data - b.data);
}

function describeError(error: unknown, call: CallName): string {
  if (error instanceof PosixError) {
    return error.call === call ? error.code : `${error.code} of ${error.call}`;
  }
  if (error instanceof Error) return `thrown ${error.name}: ${error.message}`;
  return `thrown ${String(error)}`;
}
