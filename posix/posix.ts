/**
 * The classic socket calls, over any backend.
 *
 * @module
 */

import { CALLS } from "./call_table.ts";
import type { CallName, PosixCalls, PromisedCalls } from "./calls.ts";
import * as constants from "./constants/mod.ts";
import { Core, Parked } from "./core.ts";
import { Descriptors, type TableHandle } from "./descriptors.ts";
import type { Engine } from "./engine.ts";
import { openEngine } from "./open_engine.ts";
import * as inet from "./names/inet.ts";
import { strerror } from "./strerror.ts";
import { PosixError } from "./errors.ts";
import type { NetworkCapability } from "../native/capability.ts";
import { Errno } from "../ring/abi/errno.ts";

/** The most numbers of a table, however many the system allows. */
const TABLE_MOST = 1 << 20;

/** What {@linkcode Posix.open} takes. */
export interface PosixOptions {
  /** The table of another thread, from {@linkcode Posix.table}: on the kernel backend. */
  readonly table?: TableHandle;
}

/** The constants, with the values of Linux on x86-64 on every backend. */
export type PosixConstants = Readonly<Omit<typeof constants, never>>;

/**
 * The calls that `man 2 socket` knows, on descriptors of a table of their own. They block the
 * calling thread, be it a Worker's or the main one; `promises` are the same calls for programs on
 * the event loop. Failures throw a {@linkcode PosixError}; the constants are properties, too.
 *
 * Permissions: those of the capability's backend. What the capability denies is EACCES, whose
 * `cause` is the `Deno.errors.NotCapable`.
 *
 * @example
 * ```ts
 * import { NetworkCapability } from "../mod.ts";
 * import { AF_INET, Posix, SOCK_STREAM } from "./mod.ts";
 * await using capability = await NetworkCapability.request();
 * await using posix = Posix.open(capability);
 * const listener = posix.socket(AF_INET, SOCK_STREAM);
 * posix.bind(listener, { family: AF_INET, address: "127.0.0.1", port: 0 });
 * posix.listen(listener);
 * const client = posix.socket(AF_INET, SOCK_STREAM);
 * posix.connect(client, posix.getsockname(listener));
 * const { fd } = posix.accept(listener);
 * posix.send(client, new TextEncoder().encode("hello"));
 * const buffer = new Uint8Array(16);
 * const n = posix.recv(fd, buffer);
 * console.log(new TextDecoder().decode(buffer.subarray(0, n))); // hello
 * for (const each of [fd, client, listener]) posix.close(each);
 * ```
 */
export class Posix implements AsyncDisposable {
  /** The same calls, none of which blocks. */
  readonly promises: PromisedCalls;
  readonly #core: Core;
  readonly #ownsTable: boolean;
  #ending: Promise<void> | null = null;

  private constructor(core: Core, ownsTable: boolean) {
    this.#core = core;
    this.#ownsTable = ownsTable;
    this.promises = promisesOf(core);
  }

  /**
   * Makes a table of descriptors.
   *
   * @param capability who may do what; its backend carries the calls out
   * @throws {PosixError} ENOTSUP when the backend's descriptors cannot be shared, as `table` asks
   */
  static open(capability: NetworkCapability, options: PosixOptions = {}): Posix {
    const { table } = options;
    const engine = openEngine(capability, table === undefined);
    if (table !== undefined && !engine.isShareable) {
      engine.dispose();
      throw new PosixError(Errno.EOPNOTSUPP, "open", { cause: notShared() });
    }
    const descriptors = table === undefined
      ? Descriptors.create(maximumOf(capability, engine))
      : Descriptors.attach(table);
    return new Posix(new Core(capability, engine, descriptors), table === undefined);
  }

  /**
   * The table, for another Worker to open: post it there. From then on descriptors of either are
   * descriptors of both; each is closed by `close`, or when the capability it was made under ends.
   *
   * @throws {PosixError} ENOTSUP when the backend's descriptors cannot be shared: on `host`
   */
  get table(): TableHandle {
    const { descriptors, engine } = this.#core;
    if (!engine.isShareable) {
      throw new PosixError(Errno.EOPNOTSUPP, "table", { cause: notShared() });
    }
    return descriptors.share();
  }

  /** The number of the last error that a call of this thread failed with, 0 before the first. */
  get errno(): number {
    return this.#core.errno;
  }

  /** @ignore What its calls work with. */
  get core(): Core {
    return this.#core;
  }

  /** `perror(3)`: writes the last error to the standard error. @param prefix goes before it */
  perror(prefix: string): void {
    const text = strerror(this.#core.errno);
    console.error(prefix === "" ? text : `${prefix}: ${text}`);
  }

  /** Closes every descriptor that was made here. @returns when nothing is left */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#ending ??= this.#end();
  }

  async #end(): Promise<void> {
    await this.#core.closeAll();
    if (this.#ownsTable) await this.#core.closeRest();
    await this.#core.engine.dispose();
  }
}

/** Calls, constants and functions of names are members of {@linkcode Posix}. */
export interface Posix extends PosixCalls, PosixConstants, InetFunctions {}

/** Functions that need no backend. */
export type InetFunctions =
  & Readonly<
    Pick<
      typeof inet,
      | "htonl"
      | "htons"
      | "inet_addr"
      | "inet_aton"
      | "inet_ntoa"
      | "inet_ntop"
      | "inet_pton"
      | "ntohl"
      | "ntohs"
    >
  >
  & { readonly strerror: typeof strerror };

function notShared(): Error {
  return new Error("only on the kernel backend descriptors mean the same in every thread");
}

/** As many as the system and the capability allow: the smaller. */
function maximumOf(capability: NetworkCapability, engine: Engine): number {
  const { sockets } = capability.rights.limits ?? {};
  return Math.min(engine.descriptorsMax, sockets ?? Infinity, TABLE_MOST);
}

// deno-lint-ignore no-explicit-any -- each takes what its own name says
type AnyBody = (core: Core, ...values: any[]) => unknown;

const NAMES = Object.keys(CALLS) as CallName[];

/** Six is what the call with the most arguments takes: no list is made of them. */
for (const name of NAMES) {
  const body = CALLS[name] as AnyBody;
  const call = function (
    this: Posix,
    a: unknown,
    b: unknown,
    c: unknown,
    d: unknown,
    e: unknown,
    f: unknown,
  ): unknown {
    const { core } = this;
    try {
      const step = body(core, a, b, c, d, e, f);
      return step instanceof Parked ? step.block() : step;
    } catch (error) {
      throw core.noted(error);
    }
  };
  Object.defineProperty(Posix.prototype, name, { value: call, configurable: true, writable: true });
}

for (const source of [constants, pureFunctions()]) {
  for (const [name, value] of Object.entries(source)) {
    Object.defineProperty(Posix.prototype, name, { value, configurable: true });
  }
}

function pureFunctions(): Record<string, unknown> {
  const { htonl, htons, inet_addr, inet_aton, inet_ntoa, inet_ntop, inet_pton, ntohl, ntohs } =
    inet;
  return {
    htonl,
    htons,
    inet_addr,
    inet_aton,
    inet_ntoa,
    inet_ntop,
    inet_pton,
    ntohl,
    ntohs,
    strerror,
  };
}

function promisesOf(core: Core): PromisedCalls {
  const promises: Record<string, unknown> = {};
  for (const name of NAMES) {
    const body = CALLS[name] as AnyBody;
    promises[name] = async (...values: unknown[]): Promise<unknown> => {
      try {
        const step = body(core, ...values);
        return step instanceof Parked ? await step.later() : step;
      } catch (error) {
        throw core.noted(error);
      }
    };
  }
  return promises as unknown as PromisedCalls;
}
