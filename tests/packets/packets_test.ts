import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { NetError } from "../../native/errors.ts";
import { ZeroCopyBuffer } from "../../native/packet/zero_copy_buffer.ts";
import { scale, SEED, withSeed } from "../support/seed.ts";
import {
  LONGEST_BYTES,
  type PopManner,
  pushAll,
  type PushManner,
  type SideReport,
  type SideTask,
} from "./sides.ts";

/** Both sides wait again and again: few slots, and an arena for about two of the longest. */
const SHORT = { slots: 16, inlineBytes: 120, arenaBytes: 128 * 1024 };
/** A wake-up that was lost shows after 100 ms; one that came has come by then. */
const PROMPT_MS = 60;

interface Side extends Disposable {
  readonly worker: Worker;
  /** What it saw, once it is through. */
  readonly report: Promise<SideReport>;
}

/** Starts a side in a Worker that may do nothing at all. */
function start(task: SideTask): Side {
  const worker = new Worker(import.meta.resolve("./side_worker.ts"), {
    type: "module",
    deno: { permissions: { env: true } },
  });
  worker.postMessage(task);
  const report = new Promise<SideReport>((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      if (data.failure === undefined) resolve(data);
      else reject(new Error(`${task.side}: ${data.failure}`));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`${task.side}: ${event.message}`));
    };
  });
  return { worker, report, [Symbol.dispose]: () => worker.terminate() };
}

const WAYS: readonly (readonly [PushManner, PopManner])[] = [
  ["push", "popMany"],
  ["pushSync", "popSync"],
  ["reserve", "popBatch"],
  ["burst", "pop"],
  ["pushSync", "popMany"],
  ["push", "popSync"],
];

for (const [push, pop] of WAYS) {
  Deno.test(
    `what one Worker puts in by ${push}() another has from ${pop}(), whole and in order`,
    withSeed(async () => {
      const { handle } = ZeroCopyBuffer.create(SHORT);
      const count = scale(3000, 100_000);
      using producer = start({ handle, side: push, count, seed: SEED });
      using consumer = start({ handle, side: pop, count, seed: SEED });
      const [pushed, popped] = await Promise.all([producer.report, consumer.report]);
      assertEquals(popped, pushed);
      assertEquals(pushed.packets, count);
    }),
  );
}

// Workers that block are not among these: Deno ends no Worker that does not come back to its event
// loop. Whoever wants it to end closes the buffer.

Deno.test(
  "a producer that is terminated leaves its consumer to its deadline, at random moments",
  withSeed(async (random) => {
    for (let round = 0; round < scale(4, 50); round++) {
      const buffer = ZeroCopyBuffer.create(SHORT);
      const { handle } = buffer;
      const side = random.pick(["push", "burst", "reserve"] as const);
      using producer = start({ handle, side, count: 2 ** 30, seed: SEED });
      producer.report.catch(() => {});
      const last = random.integer(1, 2000);
      let taken = 0;
      for await (const packet of buffer) {
        assert(packet.length <= LONGEST_BYTES);
        if (++taken === last) break;
      }
      producer.worker.terminate();
      // What it had published is still whole; then nothing comes, and nobody says so.
      const error = await assertRejects(async () => {
        for await (const packet of buffer.popMany({ timeoutMs: 120 })) taken += packet.length && 1;
      });
      assert(error instanceof Deno.errors.TimedOut, String(error));
      const signal = AbortSignal.timeout(5);
      assertEquals(await buffer.pop({ signal }).catch((reason) => reason), signal.reason);
      buffer.close();
    }
  }),
);

Deno.test(
  "a consumer that is terminated leaves its producer to its deadline",
  withSeed(async (random) => {
    for (let round = 0; round < scale(4, 50); round++) {
      const buffer = ZeroCopyBuffer.create(SHORT);
      const side = random.pick(["pop", "popMany", "popBatch"] as const);
      using consumer = start({ handle: buffer.handle, side, count: 0, seed: SEED });
      consumer.report.catch(() => {});
      const last = random.integer(1, 2000);
      for (let pushed = 0; pushed < last; pushed++) await buffer.push(random.bytes(pushed % 500));
      consumer.worker.terminate();
      const error = await assertRejects(async () => {
        for (;;) await buffer.push(new Uint8Array(500), { timeoutMs: 120 });
      });
      assert(error instanceof Deno.errors.TimedOut, String(error));
      const signal = AbortSignal.timeout(5);
      const reserved = buffer.reserve(LONGEST_BYTES, { signal });
      assertEquals(await reserved.catch((reason) => reason), signal.reason);
      buffer.close();
    }
  }),
);

Deno.test("a Worker that blocks is let go by closing the buffer", async () => {
  for (const side of ["pushSync", "popSync"] as const) {
    const buffer = ZeroCopyBuffer.create(SHORT);
    using blocked = start({ handle: buffer.handle, side, count: 100, seed: SEED });
    const report = blocked.report.catch((error) => error as Error);
    if (side === "pushSync") {
      (await buffer.pop())!.release();
      buffer.close();
      assertStringIncludes(String(await report), "EPIPE");
    } else {
      await buffer.push(new Uint8Array(5));
      buffer.close();
      assertEquals((await report as SideReport).bytes, 5);
    }
  }
});

Deno.test("a wait that was given up does not take the call from one that blocks", async () => {
  const buffer = ZeroCopyBuffer.create(SHORT);
  const { handle } = buffer;
  const source = `
    import { ZeroCopyBuffer } from ${JSON.stringify(import.meta.resolve("../../mod.ts"))};
    self.postMessage("ready");
    self.onmessage = async ({ data }) => {
      const buffer = ZeroCopyBuffer.attach(data);
      for (let left = 8; left > 0; left--) {
        await new Promise((resolve) => setTimeout(resolve, 25));
        const now = new Float64Array([performance.timeOrigin + performance.now()]);
        await buffer.push(new Uint8Array(now.buffer));
      }
    };`;
  const url = `data:text/javascript,${encodeURIComponent(source)}`;
  const worker = new Worker(url, { type: "module" });
  // Its modules may take longer to check and load than any deadline below.
  await new Promise((resolve) => worker.onmessage = resolve);
  worker.postMessage(handle);
  let fastestMs = Infinity;
  for (let left = 8; left > 0; left--) {
    const controller = new AbortController();
    const aborted = buffer.pop({ signal: controller.signal }).catch(() => {});
    controller.abort();
    await aborted;
    using packet = buffer.popSync(10_000);
    const [sentAt] = new Float64Array(packet!.copy().buffer);
    fastestMs = Math.min(fastestMs, performance.timeOrigin + performance.now() - sentAt);
  }
  worker.terminate();
  assert(fastestMs < PROMPT_MS, `the fastest took ${fastestMs} ms`);
});

/** What an honest side may be told, whatever the other one wrote. */
const HONEST_CODES = ["EBADMSG", "ETIMEDOUT", "EPIPE", "EBUSY"];

Deno.test(
  "a guest that writes over all of the memory harms nobody but itself",
  withSeed(async (random) => {
    const codes = new Set<string>();
    for (let round = 0; round < scale(6, 100); round++) {
      const buffer = ZeroCopyBuffer.create(SHORT);
      const { handle } = buffer;
      const seed = random.uint32();
      const isProducer = random.chance(0.5);
      const side = isProducer ? "popMany" : "push";
      using honest = start({ handle, side, count: 2 ** 30, seed });
      honest.report.catch(() => {});
      using guest = start({ handle, side: "scribble", count: 200_000, seed });
      const error = await assertRejects(async () => {
        for (let turn = 0; turn < 1_000_000; turn++) {
          if (isProducer) {
            await buffer.push(random.bytes(random.integer(0, 1000)), { timeoutMs: 300 });
            continue;
          }
          using packet = await buffer.pop({ timeoutMs: 300 });
          if (packet === null) throw new NotThere();
          assert(packet.length >= 0 && packet.length <= SHORT.arenaBytes);
          assertEquals(packet.copy().length, packet.length);
        }
        throw new NotThere();
      });
      if (!(error instanceof NotThere)) {
        assert(error instanceof NetError, String(error));
        codes.add(error.code);
      }
      await guest.report;
      buffer.close();
    }
    assertEquals([...codes].filter((code) => !HONEST_CODES.includes(code)), []);
    assert(codes.has("EBADMSG"), `only ${[...codes]}`);
  }),
);

/** The end came, or never an error: a forged word may say so. */
class NotThere extends Error {}

Deno.test("one thread may be both sides", async () => {
  const buffer = ZeroCopyBuffer.create({ slots: 4096, arenaBytes: 1 << 22 });
  const pushed = pushAll(buffer, "burst", 0, SEED);
  await pushed;
  assert(buffer.isClosed);
  const both = ZeroCopyBuffer.create(SHORT);
  const consumer = ZeroCopyBuffer.attach(both.handle);
  const pushing = pushAll(both, "push", 500, SEED);
  let bytes = 0;
  for await (const packet of consumer) bytes += packet.length;
  assertEquals(bytes, (await pushing).bytes);
});
