import { assertEquals } from "@std/assert";
import { WorkerLedger } from "../worker_ledger.ts";
import { kernelRefusal } from "../../tests/support/kernel.ts";
import { skipUnless } from "../../tests/support/skip.ts";
import type { RingWorkerStart } from "../../tests/support/uring_worker.ts";
import { assertNoWorkerLeaks } from "../../tests/support/workers.ts";

const REFUSAL = kernelRefusal();
const WORKERS = 3;
const COUNT = 1000;
const ENTRIES = 16;
const RING = { entries: ENTRIES, arenaBytes: 1 << 16, buffers: { count: 16, bytes: 4096 } };

/** Runs Workers with two rings each at once. @returns how many rings were left to reap */
async function runWorkers(backend: RingWorkerStart["backend"]): Promise<number> {
  const url = new URL("../../tests/support/uring_worker.ts", import.meta.url);
  const rings = await Promise.all(Array.from({ length: WORKERS }, async () => {
    const ledgers = [new WorkerLedger({ ring: RING }), new WorkerLedger({ ring: RING })] as const;
    const worker = new Worker(url, { type: "module" });
    const sum = await new Promise<number>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
      const handles = [ledgers[0].handle, ledgers[1].handle];
      worker.postMessage({ backend, ledgers: handles, entries: ENTRIES, count: COUNT });
    });
    assertEquals(sum, COUNT * (COUNT + 1) / 2);
    worker.terminate();
    const reports = await Promise.all(ledgers.map((ledger) => ledger.reap()));
    return reports.reduce((total, report) => total + report.rings, 0);
  }));
  return rings.reduce((total, count) => total + count, 0);
}

Deno.test(
  skipUnless(
    "several Workers have two rings each, and leave none when they are terminated (kernel)",
    REFUSAL === undefined,
    REFUSAL ?? "",
  ),
  () => assertNoWorkerLeaks(async () => assertEquals(await runWorkers("kernel"), WORKERS * 4)),
);

Deno.test("several Workers have two rings each (host)", async () => {
  assertEquals(await runWorkers("host"), 0);
});
