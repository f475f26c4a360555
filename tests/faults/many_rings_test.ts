import { assert, assertEquals } from "@std/assert";
import { NetworkCapability, TcpStream } from "../../mod.ts";
import {
  assertServes,
  type Backend,
  BACKENDS,
  onEachBackend,
  sequence,
  SequenceCheck,
  serveEcho,
  within,
  withSite,
} from "./fixtures.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { assertNoWorkerLeaks } from "../support/workers.ts";
import type { EchoWorkerMessage } from "./echo_worker.ts";

onEachBackend(
  "two rings in one process talk to each other",
  (backend) =>
    withSite(backend, async ({ endpoint, port }) => {
      const serving = serveEcho(endpoint);
      const others = kernelRefusal() === undefined ? BACKENDS : ["host" as const];
      for (const other of others) {
        await using capability = await NetworkCapability.request({ backend: other });
        const streams = Array.from({ length: 10 }, async () => {
          const stream = await TcpStream.connect(`127.0.0.1:${port}`, capability);
          const check = new SequenceCheck();
          const sending = stream.send(sequence(0, 100_000)).then(() => stream.closeWrite());
          for await (const lease of stream.receiveMany()) check.take(lease.bytes);
          await sending;
          assertEquals(check.received, 100_000);
          await stream.close();
        });
        await within("the echoes", Promise.all(streams));
        const { sockets, inFlight, leases } = capability.stats();
        assertEquals([sockets, inFlight, leases], [0, 0, 0]);
      }
      await endpoint[Symbol.asyncDispose]();
      await serving;
    }),
);

onEachBackend("closing one of two rings leaves the other alone", async (backend) => {
  await withSite(backend, async ({ endpoint, port }) => {
    const serving = serveEcho(endpoint);
    const other = await NetworkCapability.request({ backend });
    const otherEndpoint = await other.listen("127.0.0.1:0");
    const otherServing = serveEcho(otherEndpoint);
    await assertServes(otherEndpoint.addr.port);
    await other[Symbol.asyncDispose]();
    await otherServing;
    await assertServes(port, 50_000);
    await endpoint[Symbol.asyncDispose]();
    await serving;
  });
});

/** The next message of a Worker; an error of its own is one of ours. */
function nextMessage(worker: Worker): Promise<EchoWorkerMessage> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  });
}

/** Has every Worker do something, and awaits what each says. */
function tellAll(workers: Worker[], message: unknown): Promise<EchoWorkerMessage[]> {
  const answers = workers.map(nextMessage);
  for (const worker of workers) worker.postMessage(message);
  return within(`the answers to ${JSON.stringify(message)}`, Promise.all(answers), 30_000);
}

async function echoOnWorkers(backend: Backend): Promise<void> {
  const workers = Array.from(
    { length: 4 },
    () => new Worker(import.meta.resolve("./echo_worker.ts"), { type: "module" }),
  );
  try {
    const ports = (await tellAll(workers, { backend })).map(({ port }) => port!);
    const echoes = ports.flatMap((port) =>
      Array.from({ length: 8 }, () => assertServes(port, 20_000))
    );
    await within("the echoes", Promise.all(echoes));
    for (const { stats } of await tellAll(workers, "end")) {
      assert(stats !== undefined);
      assertEquals([stats.sockets, stats.inFlight, stats.leases], [0, 0, 0]);
      assertEquals(stats.accepted, 8);
    }
  } finally {
    for (const worker of workers) worker.terminate();
  }
}

onEachBackend(
  "a ring in each of several Workers: all echo, all end, nothing is left",
  (backend) => assertNoWorkerLeaks(() => echoOnWorkers(backend)),
);
