/**
 * After a test, sockets, pipes and kernel objects are what they were before it, and the
 * runtime's own counters are zero.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { delay } from "@std/async";

/** The counters of `NetworkCapability.stats()` that are zero once everything is closed. */
export interface LeakCounters {
  /** Open sockets. */
  readonly sockets: number;
  /** Operations without their terminal completion. */
  readonly inFlight: number;
  /** Buffers that were lent out and not given back. */
  readonly leases: number;
}

/** How long descriptors and counters may take to settle after a test. */
const SETTLE_DEADLINE_MS = 2_000;

/** How often they are looked at meanwhile. */
const POLL_INTERVAL_MS = 10;

/** Deno opens a socket pair of its own within the first half second of its process. */
const PROCESS_WARM_UP_MS = 750;

/** Descriptors that hold still this long are the baseline. */
const STILL_MS = 50;

/** Links under /proc/self/fd that point to kernel objects, not to files of Deno's cache. */
const KERNEL_OBJECT = /^(?:socket|pipe|anon_inode):/;

const LINUX = Deno.build.os === "linux";

let baseline: Promise<void> | undefined;

/**
 * Waits, once, until Deno itself has opened what it opens late: three sockets at the first
 * `Deno.Command`, another pair up to half a second after its start.
 */
export function settleBaseline(): Promise<void> {
  return baseline ??= settle();
}

async function settle(): Promise<void> {
  if (!LINUX) return;
  await new Deno.Command(Deno.execPath(), { args: ["--version"], stdout: "null" }).output();
  await delay(Math.max(0, PROCESS_WARM_UP_MS - processAgeMs()));
  const deadline = performance.now() + SETTLE_DEADLINE_MS;
  let last = JSON.stringify(countDescriptors());
  let stillSince = performance.now();
  while (performance.now() - stillSince < STILL_MS && performance.now() < deadline) {
    await delay(POLL_INTERVAL_MS);
    const now = JSON.stringify(countDescriptors());
    if (now !== last) stillSince = performance.now();
    last = now;
  }
}

/** Age of this process, not of this test module: one process runs all of them in turn. */
function processAgeMs(): number {
  const uptimeSeconds = Number(Deno.readTextFileSync("/proc/uptime").split(" ")[0]);
  const stat = Deno.readTextFileSync("/proc/self/stat");
  // Field 22 is the start time in ticks of 10 ms; field 2, the name, may hold blanks.
  const startTicks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
  return uptimeSeconds * 1000 - startTicks * 10;
}

/**
 * Counts the open descriptors of this process that stand for kernel objects, by kind:
 * `socket`, `pipe`, `anon_inode:[eventfd]`, `anon_inode:[io_uring]` and so on.
 *
 * @returns The counts in the order of the kinds' names; empty on systems without /proc.
 */
export function countDescriptors(): Record<string, number> {
  const kinds: string[] = [];
  if (LINUX) {
    for (const { name } of Deno.readDirSync("/proc/self/fd")) {
      const link = readDescriptor(name);
      if (KERNEL_OBJECT.test(link)) kinds.push(link.replace(/:\[\d+\]$/, ""));
    }
  }
  const counts: Record<string, number> = {};
  for (const kind of kinds.sort()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

function readDescriptor(name: string): string {
  try {
    return Deno.readLinkSync(`/proc/self/fd/${name}`);
  } catch {
    // The descriptor of the listing itself, or one that another thread has closed meanwhile.
    return "";
  }
}

/**
 * Runs a test and asserts that it leaves nothing behind. What closes late gets up to two
 * seconds. A kind of which fewer are open than before is no leak: an earlier test module's
 * Worker may have ended meanwhile.
 *
 * @param body The test, which closes what it opens.
 * @param counters Reads the runtime's own counters, checked on every system.
 * @throws {AssertionError} If descriptors have grown or a counter is not zero.
 *
 * @example
 * ```ts
 * Deno.test("an echo leaves nothing behind", () => assertNoLeaks(echoOnce));
 * ```
 */
export async function assertNoLeaks(
  body: () => void | Promise<void>,
  counters?: () => LeakCounters,
): Promise<void> {
  await settleBaseline();
  const before = countDescriptors();
  await body();
  const deadline = performance.now() + SETTLE_DEADLINE_MS;
  let left = findLeaks(before, counters);
  while (Object.keys(left).length > 0 && performance.now() < deadline) {
    await delay(POLL_INTERVAL_MS);
    left = findLeaks(before, counters);
  }
  assertEquals(left, {}, "something is still open after the test");
}

function findLeaks(
  before: Record<string, number>,
  counters: (() => LeakCounters) | undefined,
): Record<string, number> {
  const left: Record<string, number> = {};
  for (const [kind, count] of Object.entries(countDescriptors())) {
    const grown = count - (before[kind] ?? 0);
    if (grown > 0) left[kind] = grown;
  }
  if (counters) {
    const { sockets, inFlight, leases } = counters();
    for (const [name, count] of Object.entries({ sockets, inFlight, leases })) {
      if (count !== 0) left[`stats().${name}`] = count;
    }
  }
  return left;
}
