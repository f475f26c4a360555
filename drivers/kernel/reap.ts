/**
 * Closes what a terminated Worker's ring left open.
 *
 * @module
 */

import { aliasOf, type Libc, openLibc } from "./libc.ts";
import {
  DescriptorTable,
  type LedgerHandle,
  LedgerState,
  type MappedRegion,
} from "../../ring/descriptor_table.ts";
import type { Words } from "../../ring/barrier.ts";

/** What was closed. */
export interface ReapReport {
  /** Rings: the Worker's, and the small one it slept by. */
  readonly rings: number;
  /** Sockets and everything else that was recorded. */
  readonly descriptors: number;
  /** Connections and sockets in completions that the Worker had not taken. */
  readonly arrived: number;
}

/** Nothing was left. */
const NOTHING_REAPED: ReapReport = { rings: 0, descriptors: 0, arrived: 0 };

/** Milliseconds that a Worker's thread may take to end. */
const THREAD_END_MS = 5000;
const THREAD_POLL_MS = 1;

/**
 * Waits for the end of the Worker's thread and closes what it left.
 *
 * @returns what was closed, or null when the thread does not end
 */
export async function reapDescriptors(handle: LedgerHandle): Promise<ReapReport | null> {
  const table = new DescriptorTable(handle.table);
  if (table.state !== LedgerState.OPEN) return NOTHING_REAPED;
  const libc = openLibc();
  // A thread of the Worker's pool may be blocked on it, and the Worker's thread waits for that one.
  const { eventFd } = table;
  if (eventFd >= 0) libc.write(eventFd, new Uint8Array(new BigUint64Array([1n]).buffer), 8n);
  table.askToLeave(true);
  if (!await hasEnded(libc, table.thread)) {
    table.askToLeave(false);
    return null;
  }
  // It may have come to its orderly end meanwhile.
  if (table.state !== LedgerState.OPEN) return NOTHING_REAPED;
  return await closeAll(libc, table, handle);
}

async function hasEnded(libc: Libc, thread: number): Promise<boolean> {
  const deadline = performance.now() + THREAD_END_MS;
  // Signal 0 only asks whether the thread is there.
  while (libc.tgkill(Deno.pid, thread, 0) === 0) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, THREAD_POLL_MS));
  }
  return true;
}

async function closeAll(
  libc: Libc,
  table: DescriptorTable,
  handle: LedgerHandle,
): Promise<ReapReport> {
  const memory: Words = new Int32Array(handle.ring.buffer, 0, handle.ring.buffer.byteLength >> 2);
  const mapped = table.mapped();
  const [queues, entries] = mapped.length === 2 ? mapped.map(viewOf) : [memory, memory];
  const { arrived, closing } = table.unnoted(memory, queues, entries);
  const rings = table.rings();
  const ends = table.ends();
  const left = new Set([...table.descriptors(), ...closing]);
  const fresh = arrived.filter((fd) => !left.has(fd));
  for (const fd of [...rings, ...ends]) left.delete(fd);
  // The rings go first: while one lives, operations hold files. A mapping holds its ring, too.
  for (const fd of rings) libc.close(fd);
  for (const { address, bytes } of mapped) libc.munmap(pointerTo(address), BigInt(bytes));
  for (const fd of [...left, ...fresh]) libc.close(fd);
  // The kernel dismantles them behind our back; until then sockets live and memory is in use.
  for (const fd of ends) {
    await libc.read_blocking(fd, new Uint8Array(new ArrayBuffer(8)), 1n);
    libc.close(fd);
  }
  table.end(LedgerState.REAPED);
  return { rings: rings.length, descriptors: left.size, arrived: fresh.length };
}

function pointerTo(address: number): NonNullable<Deno.PointerValue> {
  return Deno.UnsafePointer.create(BigInt(address))!;
}

function viewOf({ address, bytes }: MappedRegion): Words {
  return new Int32Array(aliasOf(pointerTo(address), bytes & ~3));
}
