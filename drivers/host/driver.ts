/**
 * The host driver in the isolate of its program.
 *
 * @module
 */

import type { RingDriver } from "../../ring/driver.ts";
import { type MemoryPlan, RingMemory } from "../../ring/memory.ts";
import type { DescriptorTable } from "../../ring/descriptor_table.ts";
import { leaveIfAsked, tableOf } from "../leave.ts";
import { LocalDriver } from "../machine/local_driver.ts";
import { SOFTWARE_OPCODES, softwareFeatures, supportedOpcodes } from "../machine/opcodes.ts";
import type { DriverOptions } from "../options.ts";
import { Executor } from "./executor.ts";
import { PlainRounds } from "./rounds.ts";
import { HostWorkerDriver } from "./worker_driver.ts";

/** Executes entries in the isolate that submits them, by Deno's own API. */
export class HostDriver extends LocalDriver {
  protected override readonly executor: Executor;
  readonly #table: DescriptorTable | null;

  /** @param options the sizes of the ring, and what to do without */
  constructor(options: DriverOptions) {
    super({
      kind: "host",
      why: options.why,
      memory: RingMemory.create(options.plan),
      supported: supportedOpcodes(SOFTWARE_OPCODES, options.without.opcodes),
      features: softwareFeatures(options.without),
      spinTurns: 0,
    });
    this.#table = tableOf(options.ledger);
    const { memory, main } = this;
    this.executor = new Executor(memory, main, () => this.posted(), new PlainRounds());
  }

  /** {@inheritDoc RingDriver.openPrivate} */
  override openPrivate(plan: MemoryPlan): RingDriver {
    return HostWorkerDriver.beginPrivate(plan, this);
  }

  /** {@inheritDoc RingDriver.leaveIfAsked} */
  leaveIfAsked(): void {
    leaveIfAsked(this.#table);
  }

  /** {@inheritDoc RingDriver.enter} */
  override enter(pending: number): number {
    this.executor.consume();
    return pending;
  }

  /** {@inheritDoc RingDriver.keepAlive} */
  override keepAlive(alive: boolean): void {
    this.executor.setAlive(alive);
    super.keepAlive(alive);
  }

  /** {@inheritDoc LocalDriver.end} */
  protected override end(): Promise<void> {
    return this.executor.close();
  }
}
