import { assert, assertEquals } from "@std/assert";
import type { IdleCost } from "../../bench/stack_idle_bench.ts";

/** Bytes that an idle connection may take, tables and timer included. */
const LIMIT = 1024;
/** Enough that what the heap has grown by for other reasons is little for each. */
const CONNECTIONS = 20_000;
/** That little. */
const NOISE = 64;

Deno.test("an idle connection that has echoed a message takes a kilobyte at most", async () => {
  for (const bytes of [64, 20_000]) {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", "--v8-flags=--expose-gc"],
        ...["bench/stack_idle_bench.ts", `${CONNECTIONS}`, `${bytes}`, "--json"],
      ],
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const { objects, arrays }: IdleCost = JSON.parse(new TextDecoder().decode(stdout));
    assert(objects > 0 && arrays > 0);
    const total = Math.round(objects + arrays);
    assert(total <= LIMIT + NOISE, `${total} bytes behind a message of ${bytes}`);
  }
});
