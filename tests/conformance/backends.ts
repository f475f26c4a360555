/**
 * The backends that the suite runs against. A new one joins by one entry here.
 *
 * @module
 */

import type { BehaviourBody } from "./behaviour.ts";
import type { Context } from "./context.ts";
import { STACK_BACKENDS } from "./stack_backend.ts";
import type { Strangers } from "./strangers.ts";
import { HOST_DEVIATIONS, SKIPPING_DEVIATIONS } from "./deviations.ts";
import { kernelRefusal } from "../support/kernel.ts";
import type { CapabilityRequest, FeatureMask, NetworkCapability } from "../../mod.ts";
import { DriverOp, Op } from "../../ring/abi/opcodes.ts";

/** A behaviour that a backend documents as its own: the one place where exceptions are marked. */
export interface Deviation {
  /** Why, as `docs/semantics.md` says it. */
  readonly why: string;
  /** What it does instead; left out where nothing of it can be done. */
  readonly outcome?: BehaviourBody;
}

/** One column of the matrix. */
export interface Backend {
  /** The name in front of its tests. */
  readonly name: string;
  /** What a capability on it is asked for with. */
  readonly request: Pick<CapabilityRequest, "backend" | "worker" | "ring" | "stack">;
  /** Whether opening one takes so long that behaviours share it where they can. */
  readonly isShared?: boolean;
  /** Strangers on its network; without it, those are Deno's own sockets. */
  readonly strangers?: (t: Context) => Strangers;
  /** Opens a capability on the network of another one; without it, all are on the system's. */
  readonly beside?: (
    capability: NetworkCapability,
    request: CapabilityRequest,
  ) => NetworkCapability;
  /** Why it cannot run here; undefined where it can. */
  readonly refusal: () => string | undefined;
  /** By the name of the behaviour. */
  readonly deviations: Readonly<Record<string, Deviation>>;
}

let refusal: string | undefined | null = null;

function kernelRefusalOnce(): string | undefined {
  if (refusal === null) refusal = kernelRefusal();
  return refusal;
}

/** The kernel backend, made to do without what an older kernel lacks. */
function kernel(name: string, without?: FeatureMask): Backend {
  return {
    name,
    request: { backend: "kernel", ring: without === undefined ? {} : { without } },
    refusal: kernelRefusalOnce,
    deviations: without?.bufferRing === true ? SKIPPING_DEVIATIONS : {},
  };
}

/** All backends, in the order of the matrix's columns. */
export const BACKENDS: readonly Backend[] = [
  kernel("kernel"),
  kernel("kernel without noMmap", { noMmap: true }),
  kernel("kernel without deferTaskrun", { deferTaskrun: true }),
  kernel("kernel without multishotReceive", { multishotReceive: true }),
  kernel("kernel without multishotAccept", { multishotAccept: true }),
  kernel("kernel without bufferRing", { bufferRing: true }),
  kernel("kernel without wakeChannel", { wakeChannel: true }),
  kernel("kernel without BIND and LISTEN", { opcodes: [Op.BIND, Op.LISTEN] }),
  kernel("kernel as plain as Linux 6.1", {
    noMmap: true,
    deferTaskrun: true,
    multishotReceive: true,
    multishotAccept: true,
    bufferRing: true,
    directDescriptors: true,
    wakeChannel: true,
    opcodes: [Op.BIND, Op.LISTEN, DriverOp.SENDFILE],
  }),
  {
    name: "host",
    request: { backend: "host" },
    refusal: () => undefined,
    deviations: HOST_DEVIATIONS,
  },
  {
    name: "host in a Worker",
    request: { backend: "host", worker: true },
    isShared: true,
    refusal: () => undefined,
    deviations: HOST_DEVIATIONS,
  },
  ...STACK_BACKENDS,
];
