import { assert } from "@std/assert";
import { ProcessorClock } from "./machine.ts";
import { skipUnless } from "../../tests/support/skip.ts";

const NAME = "a thread that ends takes no processor time from the others";
const IS_LINUX = Deno.build.os === "linux";
/** What the thread uses before the clock starts: more than this thread uses afterwards. */
const BUSY_MS = 500;
/** Looks for the thread, 5 ms apart. */
const LOOKS = 2000;

function threads(): number {
  return [...Deno.readDirSync(`/proc/${Deno.pid}/task`)].length;
}

Deno.test(skipUnless(NAME, IS_LINUX, "threads are read from Linux's /proc"), async () => {
  const source = `
    const start = performance.now();
    while (performance.now() - start < ${BUSY_MS});
    self.postMessage("done");
  `;
  const url = `data:text/javascript,${encodeURIComponent(source)}`;
  const worker = new Worker(url, { type: "module" });
  await new Promise((resolve) => worker.onmessage = resolve);
  const before = threads();
  const clock = new ProcessorClock(Deno.pid);
  worker.terminate();
  for (let look = 0; threads() >= before; look++) {
    assert(look < LOOKS, "the thread has not ended");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { used, waited } = clock.elapsed;
  assert(used > 0, `${used} ns`);
  assert(waited >= 0, `${waited} ns`);
});
