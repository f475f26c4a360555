/**
 * Errors of network operations: one class for each error number, recognisable in two ways.
 *
 * A refused connection is a `Deno.errors.ConnectionRefused`, so code written for Deno's own
 * sockets keeps working, and a {@linkcode NetError}, which tells operation, addresses and number.
 * A class cannot extend both; `instanceof NetError` therefore looks for a mark.
 *
 * @module
 */

import { Errno, errnoName, errnoSentence } from "../ring/abi/errno.ts";
import type { Denial } from "../ring/authority/mod.ts";

/** Marks every error made here; registered, so that all copies of this module agree on it. */
const MARK = Symbol.for("millrace.NetError");
const PARTIAL_SEND_MARK = Symbol.for("millrace.PartialSendError");

/** Where an operation took place and what came of it. */
export interface NetErrorContext {
  /** What was done, by the name of the method: `"connect"`, `"accept"`, `"receive"`. */
  readonly operation: string;
  /** The local address, when it is known. */
  readonly local?: string;
  /** The address of the other side, when it is known. */
  readonly remote?: string;
  /** What the message should say beyond the meaning of the number, a fragment of a sentence. */
  readonly detail?: string;
  /** How many bytes had been moved before it failed. */
  readonly bytesTransferred?: number;
  /** The error behind this one. */
  readonly cause?: unknown;
}

/**
 * An error of a network operation. Every error that this library makes for one is an instance,
 * whichever class of `Deno.errors` it extends and whichever copy of the library made it.
 *
 * @example
 * ```ts
 * import { netError, NetError } from "./errors.ts";
 * const error: unknown = netError(111, { operation: "connect", remote: "127.0.0.1:1" });
 * if (!(error instanceof NetError)) throw new Error("unreachable");
 * if (!(error instanceof Deno.errors.ConnectionRefused)) throw new Error("unreachable");
 * console.log(error.code, error.remote); // ECONNREFUSED 127.0.0.1:1
 * ```
 */
export abstract class NetError extends Error {
  /** The name of the error number, such as `"ECONNREFUSED"`. */
  declare readonly code: string;
  /** The error number, positive. Source: errno(3). */
  declare readonly errno: number;
  /** What was done, such as `"connect"`. */
  declare readonly operation: string;
  /** The local address, `""` when it is not known. */
  declare readonly local: string;
  /** The address of the other side, `""` when it is not known. */
  declare readonly remote: string;
  /** How many bytes had been moved before it failed, where that is known. */
  declare readonly bytesTransferred?: number;

  /**
   * Recognises the errors made by this library.
   *
   * @param value Anything.
   * @returns Whether it is one.
   */
  static override [Symbol.hasInstance](value: unknown): value is NetError {
    // A subclass inherits this method, but recognises only what it has made itself.
    if (this !== NetError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return isMarked(value, MARK);
  }
}

/**
 * A send that ended after some of its bytes had been accepted: the write side is ended too,
 * because the peer would take what follows for the rest of this message.
 *
 * @example
 * ```ts
 * import { NetError, PartialSendError } from "./errors.ts";
 * const error: unknown = new PartialSendError({ errno: 125, bytesTransferred: 10 });
 * if (!(error instanceof PartialSendError)) throw new Error("unreachable");
 * if (!(error instanceof NetError)) throw new Error("unreachable");
 * console.log(error.bytesTransferred); // 10
 * ```
 */
export class PartialSendError extends NetError {
  /** The name of the class. */
  override readonly name = "PartialSendError";
  /** How many bytes had been accepted. */
  declare readonly bytesTransferred: number;

  /**
   * Makes the error.
   *
   * @param context What happened: the number is ECANCELED after an abort and ETIMEDOUT after a
   * deadline, `cause` the reason; the operation is `"send"` unless it says otherwise.
   * @throws {RangeError} When the number of bytes is no integer from 0 on, or the number is no
   * error number.
   */
  constructor(
    context: Partial<NetErrorContext> & {
      readonly errno: number;
      readonly bytesTransferred: number;
    },
  ) {
    const { bytesTransferred } = context;
    if (!Number.isSafeInteger(bytesTransferred) || bytesTransferred < 0) {
      throw new RangeError(`bytesTransferred is ${bytesTransferred}, not a whole number from 0 on`);
    }
    const errno = positiveErrno(context.errno);
    const told = {
      operation: "send",
      detail: `${errnoSentence(errno)}; ${bytesTransferred} bytes had been sent and the write ` +
        "side is ended",
      ...context,
    };
    super(messageOf(errno, told), optionsOf(told));
    mark(this, MARK);
    mark(this, PARTIAL_SEND_MARK);
    fill(this, errno, told);
  }

  /**
   * Recognises the errors of this class, whichever copy of the library made them.
   *
   * @param value Anything.
   * @returns Whether it is one.
   */
  static override [Symbol.hasInstance](value: unknown): value is PartialSendError {
    if (this !== PartialSendError) return Function.prototype[Symbol.hasInstance].call(this, value);
    return isMarked(value, PARTIAL_SEND_MARK);
  }
}

/** An operation that the capability does not allow: also a `Deno.errors.NotCapable`. */
export type NotCapableError = NetError & {
  /** The right that is missing, such as `"connect"`. */
  readonly right: string;
  /** The address, name or path it was needed for, `""` when the right has none. */
  readonly address: string;
};

/** Something that a backend cannot do: also a `Deno.errors.NotSupported`. */
export type UnsupportedError = NetError & {
  /** The kind of the backend, such as `"host"`. */
  readonly backend: string;
  /** What it cannot do, such as `"fastOpen"`. */
  readonly option: string;
};

/** A limit of the capability that was reached. */
export type LimitError = NetError & {
  /** The name of the limit, such as `"sockets"`. */
  readonly limit: string;
  /** The most that the limit allows. */
  readonly maximum: number;
};

type DenoErrorName = keyof typeof Deno.errors;
type ErrorClass = new (message: string, options?: ErrorOptions) => Error;

/** Which class of Deno's stands for a number; the others extend Error. */
const DENO_CLASSES: Readonly<Record<number, DenoErrorName>> = {
  [Errno.EPERM]: "PermissionDenied",
  [Errno.ENOENT]: "NotFound",
  [Errno.EINTR]: "Interrupted",
  [Errno.EBADF]: "BadResource",
  [Errno.EAGAIN]: "WouldBlock",
  [Errno.EACCES]: "PermissionDenied",
  [Errno.EBUSY]: "Busy",
  [Errno.EEXIST]: "AlreadyExists",
  [Errno.ENOTDIR]: "NotADirectory",
  [Errno.EISDIR]: "IsADirectory",
  [Errno.EPIPE]: "BrokenPipe",
  [Errno.ENOSYS]: "NotSupported",
  [Errno.ELOOP]: "FilesystemLoop",
  [Errno.ETIME]: "TimedOut", // what a ring's own timeout ends with, io_uring_prep_timeout(3)
  [Errno.EBADMSG]: "InvalidData",
  [Errno.EILSEQ]: "InvalidData",
  [Errno.ENOTSUP]: "NotSupported",
  [Errno.EADDRINUSE]: "AddrInUse",
  [Errno.EADDRNOTAVAIL]: "AddrNotAvailable",
  [Errno.ENETUNREACH]: "NetworkUnreachable",
  [Errno.ECONNABORTED]: "ConnectionAborted",
  [Errno.ECONNRESET]: "ConnectionReset",
  [Errno.ENOTCONN]: "NotConnected",
  [Errno.ETIMEDOUT]: "TimedOut",
  [Errno.ECONNREFUSED]: "ConnectionRefused",
  [Errno.EHOSTUNREACH]: "NetworkUnreachable",
};

/** Classes that have been needed so far: by number, and NotCapable, which has none of its own. */
const classes = new Map<number | "NotCapable", ErrorClass>();

/**
 * Makes the error for an error number.
 *
 * @param errno The number, positive or, as system calls return it, negative.
 * @param context Where it happened.
 * @returns The error, an instance of the class for the number; its message is a sentence such as
 * `connect to 127.0.0.1:1: ECONNREFUSED: nobody is listening at that address`.
 * @throws {RangeError} When it is no error number.
 *
 * @example
 * ```ts
 * import { netError } from "./errors.ts";
 * const error = netError(-98, { operation: "listen", local: "0.0.0.0:80" });
 * if (!(error instanceof Deno.errors.AddrInUse)) throw new Error("unreachable");
 * console.log(error.message); // listen on 0.0.0.0:80: EADDRINUSE: another socket already ...
 * ```
 */
export function netError(errno: number, context: NetErrorContext): NetError & Error {
  const positive = positiveErrno(errno);
  const Class = classOf(positive);
  return fill(new Class(messageOf(positive, context), optionsOf(context)), positive, context);
}

/**
 * {@linkcode netError} for an operation that completed on the ring: without a stack, which would
 * show the event loop only.
 *
 * @param errno The number, of either sign.
 * @param context Where it happened.
 * @returns The error.
 * @throws {RangeError} When it is no error number.
 */
export function completionError(errno: number, context: NetErrorContext): NetError & Error {
  const frames = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return netError(errno, context);
  } finally {
    Error.stackTraceLimit = frames;
  }
}

const NOW = Promise.resolve();

/**
 * Rejects with the {@linkcode completionError} of an operation, from a microtask of its own.
 *
 * V8 walks the stack for each error that is made, whatever `Error.stackTraceLimit` says: Deno asks
 * it to, for errors that nobody catches. That is 3 us within a turn of the event loop and 1 us in a
 * microtask, where the stack is short. A server under a storm of resets makes tens of thousands of
 * these a second.
 *
 * @param reject Whom to tell.
 * @param errno The number, of either sign.
 * @param context Where it happened.
 * @throws {RangeError} When it is no error number.
 */
export function rejectCompletion(
  reject: (reason: NetError & Error) => void,
  errno: number,
  context: NetErrorContext,
): void {
  const positive = positiveErrno(errno);
  const Class = classOf(positive);
  const message = messageOf(positive, context);
  const options = optionsOf(context);
  // Each call in between would be a frame more to walk.
  NOW.then(() => {
    const frames = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    const error = new Class(message, options);
    Error.stackTraceLimit = frames;
    reject(fill(error, positive, context));
  });
}

/**
 * Makes the error for an operation that the capability does not allow.
 *
 * @param denial What is missing: the answer of an authority, or its AuthorityDenied.
 * @param operation What was attempted, such as `"connect"`.
 * @param cause The error behind it: the reason of a revocation, say.
 * @returns A `Deno.errors.NotCapable` that is a NetError with the number EACCES too.
 */
export function notCapable(
  denial: Pick<Denial, "right" | "address">,
  operation: string,
  cause?: unknown,
): NotCapableError {
  const { right, address } = denial;
  const subject = address === "" ? "" : ` for ${address}`;
  const context = {
    operation,
    detail: `the capability does not grant "${right}"${subject}`,
    cause,
  };
  const Class = cachedClass("NotCapable", "NotCapable", "NotCapable");
  // The number is for code that thinks in errnos; the message is better without it.
  const error = new Class(`${operation}: ${context.detail}`, optionsOf(context));
  return Object.assign(fill(error, Errno.EACCES, context), { right, address });
}

/**
 * Makes the error for something that a backend cannot do.
 *
 * @param backend The kind of the backend, such as `"host"`.
 * @param what What it cannot do, such as the name of an option.
 * @param operation What was attempted, such as `"setOption"`.
 * @returns An error with the number ENOTSUP.
 */
export function unsupported(backend: string, what: string, operation: string): UnsupportedError {
  const detail = `the ${backend} backend does not support ${what}`;
  return Object.assign(netError(Errno.ENOTSUP, { operation, detail }), { backend, option: what });
}

/**
 * Makes the error for an operation on something that is closed.
 *
 * @param operation What was attempted, such as `"receive"`.
 * @param what What is in the way, a fragment of a sentence such as `"the stream is closed"`.
 * @param context Addresses and cause, when they are known.
 * @returns An error with the number EBADF, a `Deno.errors.BadResource`.
 */
export function badResource(
  operation: string,
  what: string,
  context: Partial<NetErrorContext> = {},
): NetError & Error {
  return netError(Errno.EBADF, { ...context, operation, detail: what });
}

/**
 * Makes the error for a deadline that passed.
 *
 * @param operation What was under way, such as `"connect"`.
 * @param context Addresses and cause, and the time it was given in milliseconds, as far as known.
 * @returns An error with the number ETIMEDOUT, a `Deno.errors.TimedOut`.
 */
export function timedOut(
  operation: string,
  context: Partial<NetErrorContext> & { readonly timeoutMs?: number } = {},
): NetError & Error {
  const { timeoutMs } = context;
  const detail = timeoutMs === undefined
    ? "the deadline passed before it finished"
    : `it did not finish within ${timeoutMs} ms`;
  return netError(Errno.ETIMEDOUT, { detail, ...context, operation });
}

/**
 * Makes the error for a send that was given up after some of its bytes had been accepted.
 *
 * @param bytesTransferred How many bytes had been accepted.
 * @param reason Why it was given up: a signal's reason, or the error of the deadline.
 * @param context Addresses, and the operation unless it is `"send"`.
 * @returns An error with the number ETIMEDOUT after a deadline, else ECANCELED.
 */
export function partialSend(
  bytesTransferred: number,
  reason: unknown,
  context: Partial<NetErrorContext>,
): PartialSendError {
  const isDeadline = (reason as { readonly errno?: number } | null)?.errno === Errno.ETIMEDOUT;
  const errno = isDeadline ? Errno.ETIMEDOUT : Errno.ECANCELED;
  return new PartialSendError({ ...context, errno, bytesTransferred, cause: reason });
}

/**
 * Makes the error for a second user of something that has one at a time.
 *
 * @param operation What was attempted, such as `"receive"`.
 * @param detail Who is in the way, a fragment of a sentence.
 * @param context Addresses and cause, when they are known.
 * @returns An error with the number EBUSY, a `Deno.errors.Busy`.
 */
export function busy(
  operation: string,
  detail: string,
  context: Partial<NetErrorContext> = {},
): NetError & Error {
  return netError(Errno.EBUSY, { ...context, operation, detail });
}

/**
 * Makes the error for a limit of the capability that was reached.
 *
 * @param limit The name of the limit, such as `"sockets"`.
 * @param maximum The most that it allows.
 * @param errno EMFILE for sockets, ENOBUFS for the others; either sign.
 * @param operation What was attempted, such as `"connect"`.
 * @param context Addresses and cause, when they are known.
 * @returns An error with that number that names the limit.
 * @throws {RangeError} When it is no error number.
 */
export function limitExceeded(
  limit: string,
  maximum: number,
  errno: number,
  operation: string,
  context: Partial<NetErrorContext> = {},
): LimitError {
  const detail = `the limit "${limit}" of the capability, ${maximum}, is reached`;
  return Object.assign(netError(errno, { detail, ...context, operation }), { limit, maximum });
}

/** The class for a number: made when it is first needed, then always the same one. */
function classOf(errno: number): ErrorClass {
  const base = DENO_CLASSES[errno];
  return cachedClass(errno, base, base ?? errnoName(errno));
}

function cachedClass(
  key: number | "NotCapable",
  base: DenoErrorName | undefined,
  name: string,
): ErrorClass {
  const known = classes.get(key);
  if (known !== undefined) return known;
  // An older Deno may lack one of its classes: the error is then a plain one with the same name.
  const Base: ErrorClass = (base === undefined ? undefined : Deno.errors[base]) ?? Error;
  const Class: ErrorClass = class extends Base {};
  mark(Class.prototype, MARK);
  Object.defineProperty(Class, "name", { value: name, configurable: true });
  Object.defineProperty(Class.prototype, "name", {
    value: name,
    configurable: true,
    writable: true,
  });
  classes.set(key, Class);
  return Class;
}

/** Adds the fields of a NetError, in the order in which they are printed. */
function fill(error: Error, errno: number, context: NetErrorContext): NetError {
  const fields = error as unknown as Record<string, unknown>;
  fields.code = errnoName(errno);
  fields.errno = errno;
  fields.operation = context.operation;
  fields.local = context.local ?? "";
  fields.remote = context.remote ?? "";
  const { bytesTransferred } = context;
  if (bytesTransferred !== undefined) fields.bytesTransferred = bytesTransferred;
  return error as NetError;
}

function mark(error: Error, symbol: symbol): void {
  Object.defineProperty(error, symbol, { value: true });
}

function isMarked(value: unknown, symbol: symbol): boolean {
  return typeof value === "object" && value !== null &&
    (value as Readonly<Record<symbol, unknown>>)[symbol] === true;
}

function messageOf(errno: number, context: NetErrorContext): string {
  const detail = context.detail ?? errnoSentence(errno);
  return `${whereOf(context)}: ${errnoName(errno)}: ${detail}`;
}

/** "connect to 127.0.0.1:80", "receive from 127.0.0.1:80", "accept on 0.0.0.0:80". */
function whereOf({ operation, local = "", remote = "" }: NetErrorContext): string {
  if (remote === "") return local === "" ? operation : `${operation} on ${local}`;
  if (/^(connect|send|write|ping)/.test(operation)) return `${operation} to ${remote}`;
  if (/^(receive|recv|read|peek)/.test(operation)) return `${operation} from ${remote}`;
  return `${operation} with ${remote}`;
}

function optionsOf(context: NetErrorContext): ErrorOptions | undefined {
  return context.cause === undefined ? undefined : { cause: context.cause };
}

function positiveErrno(errno: number): number {
  // 4095 is MAX_ERRNO of Linux: a system call that returns less has not failed.
  const positive = Math.abs(errno);
  if (!Number.isInteger(positive) || positive === 0 || positive > 4095) {
    throw new RangeError(`${errno} is no error number`);
  }
  return positive;
}
