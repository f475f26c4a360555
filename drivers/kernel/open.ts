/**
 * Opens a kernel ring, or says in a plain sentence why not.
 *
 * @module
 */

import type { DriverOptions, DriverOutcome } from "../options.ts";
import { Descriptors } from "./descriptors.ts";
import { KernelDriver } from "./driver.ts";
import { type Libc, openLibc } from "./libc.ts";
import {
  BEST_ATTEMPTS,
  explainSetup,
  isRecentEnough,
  type KernelRing,
  locate,
  probeOpcodes,
  registerBufferRings,
  startRing,
} from "./setup.ts";
import { openSleeper } from "./open_sleeper.ts";
import { DescriptorTable, LedgerState } from "../../ring/descriptor_table.ts";
import { RingMemory } from "../../ring/memory.ts";
import { Errno, errnoName } from "../../ring/abi/errno.ts";
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
  const { plan, ledger } = options;
  const table = ledger === undefined ? null : new DescriptorTable(ledger.table);
  if (table !== null && !table.open(libc.gettid())) {
    return { refusal: "io_uring: the ledger was used before" };
  }
  const descriptors = new Descriptors(libc, table);
  const memory = ledger === undefined
    ? RingMemory.create(plan, locate)
    : RingMemory.adopt(ledger.ring.buffer, plan, locate);
  try {
    const ring = startRing(libc, memory, BEST_ATTEMPTS, options.without);
    if (typeof ring === "number") return refuse(table, explainSetup(-ring));
    table?.noteRing(ring.fd);
    return await complete(descriptors, memory, ring, options);
  } catch (error) {
    return refuse(table, `io_uring: ${(error as Error).message}`);
  }
}

function refuse(table: DescriptorTable | null, refusal: string): DriverOutcome {
  table?.end(LedgerState.CLOSED);
  return { refusal };
}

async function complete(
  descriptors: Descriptors,
  memory: RingMemory,
  ring: KernelRing,
  options: DriverOptions,
): Promise<DriverOutcome> {
  const { without, plan, ledger } = options;
  const { libc, table } = descriptors;
  const supported = probeOpcodes(libc, ring.fd, without);
  const giveUp = (refusal: string): DriverOutcome => {
    descriptors.close(ring.fd);
    ring.unmap();
    return refuse(table, refusal);
  };
  if (!isRecentEnough(ring.features, supported)) {
    return giveUp("io_uring: this kernel's is older than Linux 6.1's");
  }
  let bufferRing = plan.bufferCount > 0;
  if (bufferRing) {
    const registered = without.bufferRing === true
      ? -Errno.EINVAL
      : registerBufferRings(libc, ring.fd, memory);
    if (registered < 0) {
      if (supported[Op.PROVIDE_BUFFERS] !== 1) {
        return giveUp(`io_uring: provided buffers: ${errnoName(-registered)}`);
      }
      bufferRing = false;
    }
  }
  const { geometry, mapped } = ring;
  table?.noteGeometry({ geometry, scratch: memory.at.scratch, slots: plan.slots, mapped });
  const driver = await KernelDriver.open({
    descriptors,
    memory,
    ring,
    supported,
    features: {
      multishotAccept: without.multishotAccept !== true,
      multishotReceive: without.multishotReceive !== true,
      bufferRing,
    },
    hasFiles: without.directDescriptors !== true,
    openSleeper: (woken) =>
      openSleeper({
        descriptors,
        hasChannel: without.wakeChannel !== true,
        woken,
        inbox: inboxOf(memory),
        wakeMemory: ledger?.wake.buffer ?? null,
      }),
  });
  return { driver };
}

/** The last bytes of the control page: they live as long as the ring's memory. */
function inboxOf(memory: RingMemory): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(memory.buffer, memory.at.rings - 16, 8);
  // FFI takes views of shared memory too, which its types do not say.
  return bytes as Uint8Array<ArrayBufferLike> as Uint8Array<ArrayBuffer>;
}
