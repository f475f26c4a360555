/**
 * Opens a kernel ring, or says in a plain sentence why not.
 *
 * @module
 */

import type { DriverOptions, DriverOutcome } from "../options.ts";
import { KernelDriver } from "./driver.ts";
import { type Libc, openLibc } from "./libc.ts";
import {
  BEST_ATTEMPTS,
  explainSetup,
  isRecentEnough,
  type KernelRing,
  locate,
  probeOpcodes,
  registerBufferRing,
  startRing,
} from "./setup.ts";
import { openSleeper } from "./sleeper.ts";
import { RingMemory } from "../../ring/memory.ts";
import { errnoName } from "../../ring/abi/errno.ts";
import { Op } from "../../ring/abi/opcodes.ts";

function mayUseFfi(): boolean {
  return Deno.permissions.querySync({ name: "ffi" }).state === "granted";
}

/**
 * Starts Linux io_uring as a ring's consumer. Never prompts: without `--allow-ffi` it refuses.
 *
 * @returns the driver, or why it cannot start
 */
export async function openKernelDriver(options: DriverOptions): Promise<DriverOutcome> {
  if (Deno.build.os !== "linux") return { refusal: `io_uring: ${Deno.build.os} has none` };
  if (!mayUseFfi()) return { refusal: "io_uring: --allow-ffi is not granted" };
  let libc: Libc;
  try {
    libc = openLibc();
  } catch (error) {
    return { refusal: `io_uring: libc.so.6 cannot be opened: ${(error as Error).message}` };
  }
  const memory = RingMemory.create(options.plan, locate);
  const ring = startRing(libc, memory, BEST_ATTEMPTS, options.without);
  if (typeof ring === "number") return { refusal: explainSetup(-ring) };
  try {
    return await complete(libc, memory, ring, options);
  } catch (error) {
    return { refusal: `io_uring: ${(error as Error).message}` };
  }
}

async function complete(
  libc: Libc,
  memory: RingMemory,
  ring: KernelRing,
  options: DriverOptions,
): Promise<DriverOutcome> {
  const { without, plan } = options;
  const supported = probeOpcodes(libc, ring.fd, without);
  const refuse = (refusal: string): DriverOutcome => {
    libc.close(ring.fd);
    ring.unmap();
    return { refusal };
  };
  if (!isRecentEnough(ring.features, supported)) {
    return refuse("io_uring: this kernel's is older than Linux 6.1's");
  }
  let bufferRing = plan.bufferCount > 0 && without.bufferRing !== true;
  if (bufferRing) {
    const registered = registerBufferRing(libc, ring.fd, memory);
    if (registered < 0) {
      if (supported[Op.PROVIDE_BUFFERS] !== 1) {
        return refuse(`io_uring: provided buffers: ${errnoName(-registered)}`);
      }
      bufferRing = false;
    }
  }
  const driver = await KernelDriver.open({
    libc,
    memory,
    ring,
    supported,
    features: {
      multishotAccept: without.multishotAccept !== true,
      multishotReceive: without.multishotReceive !== true,
      bufferRing,
    },
    openSleeper: (woken) => openSleeper(libc, without.wakeChannel !== true, woken),
  });
  return { driver };
}
