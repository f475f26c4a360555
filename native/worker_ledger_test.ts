import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { delay } from "@std/async";
import { NetworkCapability } from "./capability.ts";
import { WorkerLedger } from "./worker_ledger.ts";
import type { LedgerWorkerStart } from "../tests/support/ledger_worker.ts";
import { kernelRefusal } from "../tests/support/kernel.ts";
import { scale, withSeed } from "../tests/support/seed.ts";
import { skipUnless } from "../tests/support/skip.ts";
import { assertNoWorkerLeaks } from "../tests/support/workers.ts";

const REFUSAL = kernelRefusal();
const RING = { entries: 128, arenaBytes: 1 << 20, buffers: { count: 64, bytes: 4096 } };
const PATTERN = 0x5eed5eed;
const NOTHING = { rings: 0, descriptors: 0, arrived: 0 };

interface Started {
  readonly worker: Worker;
  readonly port: number;
}

async function start(
  ledger: WorkerLedger,
  message: Partial<LedgerWorkerStart>,
): Promise<Started> {
  const url = new URL("../tests/support/ledger_worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  const port = await new Promise<number>((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    const { handle } = ledger;
    worker.postMessage({
      backend: "kernel",
      ledger: handle,
      mode: "park",
      without: {},
      ...message,
    });
  });
  return { worker, port };
}

function testKernel(name: string, body: () => Promise<void>): void {
  const options = skipUnless(name, REFUSAL === undefined, REFUSAL ?? "");
  Deno.test(options, () => assertNoWorkerLeaks(body));
}

testKernel("a Worker terminated while parked leaves nothing after reap()", async () => {
  const ledger = new WorkerLedger({ ring: RING });
  const { worker, port } = await start(ledger, {});
  // Not taken by the Worker, perhaps, when it is terminated.
  using _client = await Deno.connect({ port });
  worker.terminate();
  const reaping = ledger.reap();
  const report = await reaping;
  assertEquals(report.rings, 2);
  // The listener, the eventfd, the wake channel's end, and the connection if it had arrived.
  assert(report.descriptors + report.arrived >= 3);
  assertEquals(await ledger.reap(), report);
  await assertRejects(() => Deno.connect({ port }), Deno.errors.ConnectionRefused);
});

const MASKS = [
  {},
  { wakeChannel: true },
  { noMmap: true },
  { deferTaskrun: true },
  { bufferRing: true, multishotAccept: true, multishotReceive: true },
];

Deno.test({
  ...skipUnless(
    "Workers terminated at random under load leave nothing, and memory is intact",
    REFUSAL === undefined,
    REFUSAL ?? "",
  ),
  fn: withSeed(async (random) => {
    await assertNoWorkerLeaks(async () => {
      const guard = new Int32Array(new SharedArrayBuffer(1 << 20)).fill(PATTERN);
      for (let round = 0; round < scale(50, 500); round++) {
        const ledger = new WorkerLedger({ ring: RING });
        const without = MASKS[round % MASKS.length];
        const mode = random.chance(0.2) ? "park" : "load";
        const { worker } = await start(ledger, { mode, without });
        await delay(random.integer(0, 20));
        worker.terminate();
        const report = await ledger.reap();
        assertEquals(report.rings, without === MASKS[1] ? 1 : 2, `round ${round}`);
        // Memory that is somebody else's, before and after, is untouched.
        assert(guard.every((word) => word === PATTERN), `round ${round}`);
        const fresh = new Int32Array(new SharedArrayBuffer(1 << 20));
        assert(fresh.every((word) => word === 0), `round ${round}`);
      }
    });
  }),
});

testKernel("a descriptor number that was used again is left alone", async () => {
  const ledger = new WorkerLedger({ ring: RING });
  const { worker } = await start(ledger, { mode: "close" });
  // These take the numbers that the Worker has just closed.
  const listeners = Array.from({ length: 8 }, () => Deno.listen({ port: 0 }));
  worker.terminate();
  assertEquals(await ledger.reap(), NOTHING);
  for (const listener of listeners) {
    using _client = await Deno.connect({ port: (listener.addr as Deno.NetAddr).port });
    (await listener.accept()).close();
    listener.close();
  }
});

testKernel("reap() before the Worker is dead says so, and may be called again", async () => {
  const ledger = new WorkerLedger({ ring: RING });
  const { worker } = await start(ledger, {});
  await assertRejects(() => ledger.reap(), Deno.errors.Busy, "alive");
  worker.terminate();
  assertEquals((await ledger.reap()).rings, 2);
});

Deno.test("a host Worker's sockets are closed by Deno: there is nothing to reap", async () => {
  await assertNoWorkerLeaks(async () => {
    const ledger = new WorkerLedger({ ring: RING });
    const { worker, port } = await start(ledger, { backend: "host", mode: "load" });
    worker.terminate();
    assertEquals(await ledger.reap(), NOTHING);
    for (let isOpen = true; isOpen;) {
      try {
        (await Deno.connect({ port })).close();
      } catch {
        isOpen = false;
      }
    }
  });
});

Deno.test("a ledger that no Worker used is reaped at once", async () => {
  assertEquals(await new WorkerLedger({ ring: RING }).reap(), NOTHING);
});

testKernel("a ledger serves one capability", async () => {
  const ledger = new WorkerLedger({ ring: RING });
  const request = { backend: "kernel", ledger: ledger.handle } as const;
  {
    await using _capability = await NetworkCapability.request(request);
    await assertRejects(() => NetworkCapability.request(request), Error, "used before");
  }
  assertEquals(await ledger.reap(), NOTHING);
});

Deno.test("bad ledgers and sizes beside one are named", async () => {
  assertThrows(() => new WorkerLedger({ ring: { entries: 3 } }), RangeError, "entries");
  const { handle } = new WorkerLedger({ ring: RING });
  const both = { ledger: handle, ring: { entries: 64 } };
  await assertRejects(() => NetworkCapability.request(both), TypeError, "ring.entries");
  const odd = { ledger: {} as typeof handle };
  await assertRejects(() => NetworkCapability.request(odd), TypeError, "WorkerLedger");
});
