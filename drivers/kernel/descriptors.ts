/**
 * Descriptors that a driver opens for itself, recorded where a ledger is kept: noted as soon as
 * they are open, forgotten before they are closed.
 *
 * @module
 */

import type { Libc } from "./libc.ts";
import type { DescriptorTable } from "../../ring/descriptor_table.ts";

/** Opens nothing, but sees to it that what is open is known. */
export class Descriptors {
  readonly libc: Libc;
  /** The ledger's table, null where nobody reaps. */
  readonly table: DescriptorTable | null;

  constructor(libc: Libc, table: DescriptorTable | null) {
    this.libc = libc;
    this.table = table;
  }

  /** Notes what a call returned, if it is a descriptor. @returns it */
  keep(fd: number): number {
    if (fd >= 0) this.table?.note(fd);
    return fd;
  }

  /** Closes a descriptor. */
  close(fd: number): void {
    this.table?.clear(fd);
    this.libc.close(fd);
  }
}
