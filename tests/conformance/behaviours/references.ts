/**
 * Whether pending work keeps the process alive: programs that must end by themselves, and programs
 * that must not.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { theme } from "../behaviour.ts";
import { type Context, requestFor } from "../context.ts";
import { type ProcessPeer, startProgram } from "../peers.ts";

const behaviour = theme("keep-alive");

/** A process that lives although it should have ended is killed after this long. */
const LIMIT_MS = 8_000;

function run(t: Context, scenario: string): ProcessPeer {
  return startProgram(t, "alive", [JSON.stringify(requestFor(t.backend)), scenario]);
}

/** Starts a program, and asserts that it ends by itself, without an error. */
async function assertEnds(t: Context, scenario: string): Promise<void> {
  const program = run(t, scenario);
  assertEquals(await program.line(), "ready");
  assertEquals((await program.status).code, 0);
  assertEquals(await program.line(), undefined);
}

/** Starts a program that waits for a connection, and asserts that it waits until there is one. */
async function assertWaits(t: Context, scenario: string): Promise<ProcessPeer> {
  const program = run(t, scenario);
  const port = Number(await program.line());
  assert(port > 0);
  const peer = await Deno.connect({ hostname: "127.0.0.1", port });
  t.defer(() => peer.close());
  assertEquals(await program.line(), "served");
  return program;
}

behaviour(
  "a program ends by itself with an idle capability, endpoint and stream open",
  async (t) => {
    await assertEnds(t, "idle");
  },
  { limitMs: LIMIT_MS },
);

behaviour("a program ends by itself although unreferenced work is pending", async (t) => {
  await assertEnds(t, "unreferenced");
}, { limitMs: LIMIT_MS });

behaviour("a pending accept, and a deadline, keep the process alive until they end", async (t) => {
  const program = await assertWaits(t, "accept");
  assertEquals(await program.line(), "ETIMEDOUT");
  assertEquals((await program.status).code, 0);
}, { limitMs: LIMIT_MS });

behaviour("ref() undoes unref()", async (t) => {
  const program = await assertWaits(t, "referenced again");
  assertEquals((await program.status).code, 0);
}, { limitMs: LIMIT_MS });

behaviour("timers and other work of Deno's go on beside a busy ring", async (t) => {
  const { client, server } = await t.pair();
  let isBusy = true;
  const echo = async () => {
    while (isBusy) {
      await client.send(new Uint8Array(64));
      (await server.receive())!.release();
    }
  };
  const echoing = echo();
  const started = performance.now();
  for (let round = 0; round < 5; round++) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const { peer } = await t.accepted();
    peer.close();
  }
  isBusy = false;
  await echoing;
  assert(performance.now() - started < 5_000, "Deno's own work starved");
});
