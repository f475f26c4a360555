import { assert } from "@std/assert";
import { Turns } from "./turns.ts";

/** Deno looks for I/O each 61st time that its event loop comes round; twice is enough. */
const MOST_TURNS = 16 * 61 * 2 + 16;
const ROUND_TRIPS = 4;
/** How long a turn with something to do takes at least. */
const TURN_MS = 0.005;

Deno.test("a chain of turns lets Deno's own I/O and timers in", async () => {
  let count = 0;
  let isOver = false;
  const over = Promise.withResolvers<void>();
  const turns: Turns = new Turns(() => {
    count++;
    for (const end = performance.now() + TURN_MS; performance.now() < end;);
    if (isOver) over.resolve();
    else turns.defer();
  });
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = listener.accept();
  using client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using server = await accepting;
  turns.defer();
  for (let trip = 0; trip < ROUND_TRIPS; trip++) {
    const before = count;
    const reading = server.read(new Uint8Array(1));
    await client.write(Uint8Array.of(trip));
    await reading;
    assert(count - before <= MOST_TURNS, `the bytes came after ${count - before} turns`);
  }
  await new Promise((resolve) => setTimeout(resolve, 0));
  isOver = true;
  await over.promise;
});
