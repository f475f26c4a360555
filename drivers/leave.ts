/**
 * How a Worker ends that blocks: `Worker.terminate()` reaches only one that comes back to its event
 * loop.
 *
 * @module
 */

import { DescriptorTable, type LedgerHandle } from "../ring/descriptor_table.ts";

/**
 * Ends this Worker where its parent asked for it, by its ledger: nothing after this call runs.
 *
 * @param table the ledger's, null where there is none
 */
export function leaveIfAsked(table: DescriptorTable | null): void {
  if (table === null || !table.isAskedToLeave) return;
  // Deno stops a Worker that closes itself at once, which no code of the program's can catch.
  (globalThis as { close?: () => void }).close?.();
}

/** The table of a ledger, null without one. */
export function tableOf(ledger: LedgerHandle | undefined): DescriptorTable | null {
  return ledger === undefined ? null : new DescriptorTable(ledger.table);
}
