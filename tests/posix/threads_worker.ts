/**
 * A Worker that makes the calls it is told to, blocking, and tells how they went.
 *
 * @module
 */

/// <reference lib="deno.worker" />
import { NetworkCapability } from "../../mod.ts";
import { Posix, PosixError, type TableHandle } from "../../posix/mod.ts";
import { BLOCKING } from "./blocking_calls.ts";
import type { BackendName } from "../../native/ring_options.ts";
import type { LedgerHandle } from "../../ring/descriptor_table.ts";

/** What the Worker is started with. */
export interface ThreadStart {
  readonly ledger: LedgerHandle;
  readonly backend: BackendName;
  /** The table to use; without one it has its own. */
  readonly table?: TableHandle;
}

/** One call: its name and its arguments. */
export interface ThreadCall {
  readonly id: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

/** How a call went. */
export interface ThreadAnswer {
  readonly id: number;
  /** What it gave, unless it failed. */
  readonly value?: unknown;
  /** The name of the error that it failed with. */
  readonly code?: string;
  /** The arguments, into which it may have written. */
  readonly args: readonly unknown[];
  readonly elapsedMs: number;
}

let posix: Posix | null = null;
let capability: NetworkCapability | null = null;

function callByName(posix: Posix, name: string, args: readonly unknown[]): unknown {
  const extra = EXTRA[name] as ((posix: Posix, ...args: unknown[]) => unknown) | undefined;
  if (extra !== undefined) return extra(posix, ...args);
  return (posix as unknown as Record<string, (...args: unknown[]) => unknown>)[name](...args);
}

/** Calls that are more than one. */
const EXTRA: Readonly<Record<string, (posix: Posix, ...args: never[]) => unknown>> = {
  /** Reads some bytes and sends them back, each plus one. @returns how many, 0 at the end */
  transform(posix: Posix, fd: number): number {
    const buffer = new Uint8Array(4096);
    const count = posix.recv(fd, buffer);
    const answer = buffer.subarray(0, count).map((byte) => byte + 1);
    for (let sent = 0; sent < count;) sent += posix.send(fd, answer.subarray(sent));
    return count;
  },
  /** Accepts and closes until the listener is closed. @returns the ports of those that came */
  acceptAll(posix: Posix, listener: number): number[] {
    const ports: number[] = [];
    while (true) {
      try {
        const { fd, address } = posix.accept(listener);
        ports.push(address.port!);
        posix.close(fd);
      } catch (error) {
        if (error instanceof PosixError && error.code === "EBADF") return ports;
        throw error;
      }
    }
  },
  /** Makes a call that blocks, on descriptors of its own. */
  blockOn(posix: Posix, name: string): unknown {
    return callByName(posix, name, BLOCKING[name](posix).args);
  },
  /** Fills a socket's buffers, then blocks for room. */
  sendForEver(posix: Posix, fd: number): number {
    const data = new Uint8Array(1 << 20);
    while (posix.send(fd, data) > 0);
    return 0;
  },
};

self.onmessage = async ({ data }: MessageEvent<ThreadStart | ThreadCall | "end">) => {
  if (data === "end") {
    await posix?.[Symbol.asyncDispose]();
    await capability?.[Symbol.asyncDispose]();
    self.postMessage("ended");
    return;
  }
  if ("ledger" in data) {
    const { ledger, table, backend } = data;
    capability = await NetworkCapability.request({ backend, ledger });
    posix = Posix.open(capability, table === undefined ? {} : { table });
    self.postMessage("ready");
    return;
  }
  const { id, name, args } = data;
  self.postMessage(id);
  const began = performance.now();
  const answer = (rest: object): void => {
    const elapsedMs = performance.now() - began;
    self.postMessage({ id, args, elapsedMs, ...rest } satisfies ThreadAnswer);
  };
  try {
    answer({ value: callByName(posix!, name, args) });
  } catch (error) {
    answer({ code: error instanceof PosixError ? error.code : String(error) });
  }
};
