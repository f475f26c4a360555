import { assert, assertEquals } from "@std/assert";
import { NetworkCapability, type TcpStream } from "../../mod.ts";
import { Session } from "../../native/balance/balancer_session.ts";
import { connectPair } from "../support/backends.ts";
import { onEachRing, sequence, SequenceCheck, until, within } from "./fixtures.ts";

/** What a relay may hold: its bound, and what one turn of the ring brings beyond. */
const HELD_MAX_BYTES = 64 * 1024 + 32 * 16 * 1024;

onEachRing("what waits for a slow reader is bounded, and leases leave in place", async (
  capability,
) => {
  const front = await connectPair(capability);
  const back = await connectPair(capability);
  const session = new Session(front.server, back.client);
  const [client, server] = [front.client, back.server];
  let sent = 0;
  const filling = (async () => {
    // Until somebody stops it.
    while (sent < 200_000_000) {
      await server.send(sequence(sent, 65_536), { timeoutMs: 400 });
      sent += 65_536;
    }
  })();
  let most = 0;
  let isStopped = false;
  filling.catch(() => isStopped = true);
  await until("the backend is stopped", () => {
    most = Math.max(most, front.server.sending.queuedBytes);
    return isStopped;
  }, 60_000);
  assert(most > 0 && most <= HELD_MAX_BYTES, `${most} bytes waited`);
  // Nothing was copied: only what the backend's own send has in the arena is there.
  assertEquals(front.server.receiving.isArmed, true);
  const check = new SequenceCheck();
  const total = session.bytesToClient;
  while (check.received < total) check.takeLease((await client.receive({ timeoutMs: 10_000 }))!);
  await Promise.all([client.close(), server.close()]);
  await within("the session ends", session.done);
});

onEachRing("a lease of another ring is copied, not mistaken for one's own", async (
  capability,
  random,
) => {
  for (
    const backend of ["host", capability.backend.kind === "kernel" ? "kernel" : "host"] as const
  ) {
    await using other = await NetworkCapability.request({ backend });
    const here = await connectPair(capability);
    const there = await connectPair(other);
    const check = new SequenceCheck();
    let sent = 0;
    for (let round = 0; round < 20; round++) {
      const bytes = random.integer(1, 10_000);
      await there.client.send(sequence(sent, bytes));
      sent += bytes;
      for (let left = bytes; left > 0;) {
        const lease = await there.server.receive();
        left -= lease!.length;
        const sending = here.client.send(round % 2 === 0 ? lease! : [lease!]);
        lease!.release();
        await sending;
      }
      while (check.received < sent) check.takeLease((await here.server.receive())!);
    }
    await closeAll([here.client, here.server, there.client, there.server]);
  }
});

async function closeAll(streams: readonly TcpStream[]): Promise<void> {
  await Promise.all(streams.map((stream) => stream.close()));
}
