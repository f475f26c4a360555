/**
 * What scripts are run on, beside libc.
 *
 * @module
 */

import { NetworkCapability } from "../../../native/capability.ts";
import type { PosixCalls } from "../../../posix/calls.ts";
import { Posix } from "../../../posix/mod.ts";
import { openPromised } from "./promised.ts";
import { kernelRefusal } from "../../support/kernel.ts";

/** Calls that are ready to be made. */
export interface OpenSubject {
  /** The calls. */
  readonly calls: PosixCalls;
  /** Ends them. */
  close(): Promise<void>;
}

/** Something that makes the calls. */
export interface Subject {
  /** Its name. */
  readonly name: string;
  /** Why it cannot run here, undefined where it can. */
  readonly refusal: string | undefined;
  /** One random sequence of so many is run: its calls take longer. */
  readonly oneIn?: number;
  /** Whether it only runs scripts: it differs too often for sequences to say more than that. */
  readonly isScripted?: boolean;
  /** Operations that are left out of its random sequences; `docs/posix.md` says why. */
  readonly without?: readonly string[];
  /** Starts it. */
  open(): Promise<OpenSubject>;
}

/** Everything: what is denied is tested elsewhere. */
function rights() {
  return {
    tcp: true,
    udp: true,
    unix: true,
    connect: true,
    listen: true,
    resolve: true,
    adopt: true,
    raw: true,
    files: ["file:///**"],
    writableFiles: ["file:///**"],
  };
}

/** Opens a backend with every right. */
export async function openBackend(
  backend: "kernel" | "host" | "stack",
): Promise<{ posix: Posix; close(): Promise<void> }> {
  const capability = await NetworkCapability.request({ backend, rights: rights() });
  const posix = Posix.open(capability);
  return {
    posix,
    async close() {
      await posix[Symbol.asyncDispose]();
      await capability[Symbol.asyncDispose]();
    },
  };
}

async function open(backend: "kernel" | "host" | "stack"): Promise<OpenSubject> {
  const { posix, close } = await openBackend(backend);
  return { calls: posix, close };
}

/** Each kind of backend, and each way to make calls. */
export const SUBJECTS: readonly Subject[] = [
  { name: "kernel", refusal: kernelRefusal(), open: () => open("kernel") },
  {
    name: "kernel, promises",
    refusal: kernelRefusal(),
    oneIn: 10,
    open: () => openPromised("kernel"),
  },
  { name: "host", refusal: undefined, isScripted: true, open: () => open("host") },
  { name: "stack", refusal: undefined, isScripted: true, open: () => open("stack") },
];
