/**
 * The driver Worker's loop: consume, and sleep until there is more.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { MessagePort } from "node:worker_threads";
import { MAXIMUM_PARK_MS } from "../../ring/barrier.ts";
import { layRing } from "../../ring/geometry.ts";
import { RingMemory } from "../../ring/memory.ts";
import { Executor } from "./executor.ts";
import { PlainRounds, PolledRounds } from "./rounds.ts";
import { CLOSE_MESSAGE, CLOSED_MESSAGE, READY_MESSAGE } from "../machine/worker_messages.ts";
import type { WorkerStatus } from "../machine/worker_status.ts";
import type { WorkerStart } from "./worker_start.ts";

/** A parent that never stops submitting must not keep this thread from its sockets. */
const YIELD_BATCHES = 64;

/**
 * Consumes the ring until the parent says to close.
 *
 * @param port to the parent
 * @param start what the parent gave
 * @param status where to say that the ring is consumed
 */
export async function consumeRing(
  port: MessagePort,
  start: WorkerStart,
  status: WorkerStatus,
): Promise<void> {
  const memory = RingMemory.attach(start.memory);
  const rounds = start.isPrivate ? new PolledRounds() : new PlainRounds();
  const executor = new Executor(memory, layRing(memory), () => {}, rounds, start.timeOrigin);
  // The parent decides what keeps the process alive: this whole thread does not.
  executor.setAlive(true);
  let isClosing = false;
  port.on("message", (message) => {
    if (message === CLOSE_MESSAGE) isClosing = true;
  });
  status.run();
  port.postMessage(READY_MESSAGE);
  for (let batches = 0; !isClosing;) {
    if (executor.consume() === 0) await executor.consumer.sleep(MAXIMUM_PARK_MS);
    else if (++batches % YIELD_BATCHES === 0) await new Promise<void>((go) => setImmediate(go));
  }
  await executor.close();
  port.postMessage(CLOSED_MESSAGE);
}
