import { assert, assertEquals } from "@std/assert";
import { PartialSendError, TcpStream } from "../../mod.ts";
import {
  failureOf,
  loopOnce,
  onEachBackend,
  readAll,
  sequence,
  SequenceCheck,
  serveEcho,
  type Site,
  until,
  within,
  withSite,
} from "./fixtures.ts";
import { startSource } from "./source_process.ts";
import { type Random, scale } from "../support/seed.ts";

/** Small buffers make many operations of few bytes. */
const SMALL = { ring: { buffers: { count: 64, bytes: 256 } } };

class Stop extends Error {}

/** Aborts after a random while: at once, within microtasks, or as the event loop comes round. */
function abortSometime(random: Random): AbortSignal {
  const controller = new AbortController();
  const abort = () => controller.abort(new Stop());
  const when = random.float();
  if (when < 0.3) {
    let left = random.integer(0, 12);
    const step = () => left-- > 0 ? queueMicrotask(step) : abort();
    queueMicrotask(step);
  } else if (when < 0.8) {
    let left = random.integer(0, 6);
    const step = () => left-- > 0 ? setImmediate(step) : abort();
    setImmediate(step);
  } else {
    setTimeout(abort, random.integer(0, 2));
  }
  return controller.signal;
}

/** One attempt to receive. @returns false at the end of the stream */
type Attempt = (
  stream: TcpStream,
  check: SequenceCheck,
  random: Random,
  signal: AbortSignal | undefined,
) => Promise<boolean>;

const attempts: Readonly<Record<string, Attempt>> = {
  "receive()": async (stream, check, _random, signal) => {
    const lease = await stream.receive({ signal });
    if (lease !== null) check.takeLease(lease);
    return lease !== null;
  },
  "receiveMany()": async (stream, check, random, signal) => {
    for await (const lease of stream.receiveMany({ signal })) {
      check.take(lease.bytes);
      if (random.chance(0.2)) return true;
    }
    return false;
  },
  "read()": async (stream, check, random, signal) => {
    const into = new Uint8Array(random.integer(1, 5000));
    const count = await stream.read(into, { signal });
    if (count !== null) check.take(into.subarray(0, count));
    return count !== null;
  },
  "recvZeroCopy()": async (stream, check, random, signal) => {
    const into = stream.allocBuffer(random.integer(1, 5000));
    try {
      const count = await stream.recvZeroCopy(into, { signal });
      check.take(into.bytes.subarray(0, count));
      return count > 0;
    } finally {
      into.release();
    }
  },
};

/** Receives to the end although most attempts are aborted. @returns how many were */
async function receiveThrough(
  stream: TcpStream,
  check: SequenceCheck,
  random: Random,
  pick: () => Attempt,
): Promise<number> {
  let aborted = 0;
  for (;;) {
    try {
      const signal = random.chance(0.8) ? abortSometime(random) : undefined;
      if (!await pick()(stream, check, random, signal)) return aborted;
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      aborted++;
    }
  }
}

async function raceWithData(site: Site, random: Random, pick: () => Attempt): Promise<void> {
  const bytes = scale(300_000, 20_000_000);
  const connections = 2;
  let aborted = 0;
  const source = await startSource(site.port, connections, bytes);
  for (let count = 0; count < connections; count++) {
    const stream = await site.endpoint.accept();
    const check = new SequenceCheck();
    const receiving = receiveThrough(stream, check, random, pick);
    aborted += await within("all bytes", receiving, scale(30_000, 1_800_000));
    assertEquals(check.received, bytes);
    await stream.close();
  }
  assert(aborted > 0, "nothing was aborted");
  await source.ended;
}

for (const [name, attempt] of Object.entries(attempts)) {
  onEachBackend(
    `aborting ${name} at random moments loses no byte`,
    (backend, random) =>
      withSite(backend, (site) => raceWithData(site, random, () => attempt), SMALL),
  );
}

onEachBackend("aborting all kinds of receives in turn loses no byte", (backend, random) => {
  const pick = () => random.pick(Object.values(attempts));
  return withSite(backend, (site) => raceWithData(site, random, pick), SMALL);
});

onEachBackend(
  "deadlines that race with data lose no byte",
  (backend, random) =>
    withSite(backend, async ({ endpoint, port }) => {
      const bytes = scale(100_000, 5_000_000);
      const source = await startSource(port, 1, bytes);
      const stream = await endpoint.accept();
      const check = new SequenceCheck();
      for (let isOpen = true; isOpen;) {
        try {
          const lease = await stream.receive({ timeoutMs: random.pick([0, 0, 0.1, 1, 50]) });
          if (lease !== null) check.takeLease(lease);
          isOpen = lease !== null;
        } catch (error) {
          assert(error instanceof Deno.errors.TimedOut, String(error));
        }
      }
      assertEquals(check.received, bytes);
      await stream.close();
      await source.ended;
    }, SMALL),
);

onEachBackend(
  "aborting accepts at random moments loses no connection",
  (backend, random) =>
    withSite(backend, async ({ capability, endpoint, port }) => {
      const connections = scale(60, 2000);
      const source = await startSource(port, connections, 100);
      let accepted = 0;
      let aborted = 0;
      while (accepted < connections) {
        try {
          const stream = await endpoint.accept({ signal: abortSometime(random) });
          accepted++;
          const check = new SequenceCheck();
          for await (const lease of stream.receiveMany()) check.take(lease.bytes);
          assertEquals(check.received, 100);
          await stream.close();
        } catch (error) {
          if (!(error instanceof Stop)) throw error;
          aborted++;
        }
      }
      assert(aborted > 0, "nothing was aborted");
      await source.ended;
      assertEquals(capability.stats().sockets, 1, "only the endpoint is left");
    }),
);

onEachBackend(
  "closing an endpoint while peers connect leaks no descriptor",
  (backend, random) =>
    withSite(backend, async ({ capability }) => {
      for (let round = 0; round < scale(20, 500); round++) {
        const endpoint = await capability.listen("127.0.0.1:0");
        const { port } = endpoint.addr;
        const peers = Array.from({ length: 8 }, async () => {
          const client = await Deno.connect({ hostname: "127.0.0.1", port });
          client.close();
        });
        for (let turns = random.integer(0, 5); turns > 0; turns--) await loopOnce();
        if (random.chance(0.5)) await failureOf(endpoint.accept({ signal: AbortSignal.abort() }));
        await endpoint[Symbol.asyncDispose]();
        await Promise.allSettled(peers);
      }
      await until("one socket is left", () => capability.stats().sockets === 1);
    }),
);

onEachBackend("revoking while peers connect leaks no descriptor", async (backend, random) => {
  for (let round = 0; round < scale(8, 200); round++) {
    await withSite(backend, async ({ capability, endpoint, port }) => {
      const serving = serveEcho(endpoint).catch(() => {});
      const peers = Array.from({ length: 8 }, async () => {
        const client = await Deno.connect({ hostname: "127.0.0.1", port });
        client.close();
      });
      for (let turns = random.integer(0, 5); turns > 0; turns--) await loopOnce();
      await within("the revocation", capability.revoke());
      await Promise.allSettled([...peers, serving]);
    });
  }
});

onEachBackend(
  "aborting connects at random moments leaks no descriptor",
  (backend, random) =>
    withSite(backend, async ({ capability, endpoint, port }) => {
      const serving = serveEcho(endpoint);
      let connected = 0;
      let aborted = 0;
      for (let round = 0; round < scale(150, 5000); round++) {
        try {
          const signal = abortSometime(random);
          const stream = await TcpStream.connect(`127.0.0.1:${port}`, capability, { signal });
          connected++;
          await stream.close();
        } catch (error) {
          assert(error instanceof Stop, String(error));
          aborted++;
        }
      }
      assert(connected > 0 && aborted > 0, `${connected} connected, ${aborted} aborted`);
      await until("the server's ends are closed", () => capability.stats().sockets === 1);
      await endpoint[Symbol.asyncDispose]();
      await serving;
    }),
);

/** Sends until it is aborted, and reads what the peer got of it. @returns whether it was cut */
async function sendAborted({ endpoint, port }: Site, random: Random): Promise<boolean> {
  const accepting = endpoint.accept();
  const client = await Deno.connect({ hostname: "127.0.0.1", port });
  const stream = await accepting;
  const bytes = sequence(0, random.integer(1, 6_000_000));
  let isPartial = false;
  const sent = await stream.send(bytes, { signal: abortSometime(random) }).catch((error) => {
    if (!(error instanceof PartialSendError)) {
      assert(error instanceof Stop, String(error));
      return 0;
    }
    assert(error.cause instanceof Stop);
    isPartial = true;
    return error.bytesTransferred;
  });
  if (!isPartial) await stream.closeWrite();
  const check = new SequenceCheck();
  await within("what was sent", readAll(client, check));
  assertEquals(check.received, sent);
  client.close();
  await stream.close();
  return isPartial;
}

onEachBackend(
  "an aborted send has sent a whole prefix, and says how long it is",
  (backend, random) =>
    withSite(backend, async (site) => {
      let partial = 0;
      for (let round = 0; round < scale(20, 500); round++) {
        if (await sendAborted(site, random)) partial++;
      }
      console.log(`${partial} sends were partial`);
    }),
);
