import { assert, assertEquals } from "@std/assert";
import { NetError, type TcpStream } from "../../mod.ts";
import {
  failureOf,
  onEachBackend,
  readAll,
  sequence,
  SequenceCheck,
  serveEcho,
  type Site,
  until,
  within,
  withSite,
  writeAll,
} from "./fixtures.ts";

/** Echoes over many plain connections at once. */
async function echoOverMany(port: number, connections: number, bytes: number): Promise<void> {
  const echoes = Array.from({ length: connections }, async () => {
    using client = await Deno.connect({ hostname: "127.0.0.1", port });
    const check = new SequenceCheck();
    const reading = readAll(client, check);
    await writeAll(client, sequence(0, bytes));
    await client.closeWrite();
    await reading;
    assertEquals(check.received, bytes);
  });
  await Promise.all(echoes);
}

async function pairs({ endpoint, port }: Site, count: number): Promise<[Deno.Conn, TcpStream][]> {
  const made: [Deno.Conn, TcpStream][] = [];
  for (let index = 0; index < count; index++) {
    const accepting = endpoint.accept();
    const client = await Deno.connect({ hostname: "127.0.0.1", port });
    made.push([client, await accepting]);
  }
  return made;
}

for (const count of [1, 4]) {
  onEachBackend(
    `100 streams on a pool of ${count} buffers all come to their end`,
    (backend) =>
      withSite(backend, async ({ endpoint, port }) => {
        const serving = serveEcho(endpoint);
        await within("the echoes", echoOverMany(port, 100, 5000), 30_000);
        await endpoint[Symbol.asyncDispose]();
        await serving;
      }, { ring: { buffers: { count, bytes: 512 } } }),
  );
}

onEachBackend(
  "a hoarder of leases errs by name, and no other stream starves",
  (backend) =>
    withSite(backend, async (site) => {
      const [[client, hoarder]] = await pairs(site, 1);
      const writing = writeAll(client, sequence(0, 4000)).catch(() => {});
      const held = [];
      for (let count = 0; count < 5; count++) held.push((await hoarder.receive())!);
      const error = await failureOf(hoarder.receive());
      assert(error instanceof NetError);
      assertEquals([error.code, error.operation], ["ENOBUFS", "receive"]);
      assert(error.message.includes("5 leases"), error.message);
      assert(error.message.includes("leasesPerStream"), error.message);
      assertEquals(site.capability.stats().leases, 5);
      const many = hoarder.receiveMany();
      assertEquals((await failureOf(many.next())).code, "ENOBUFS");
      const serving = serveEcho(site.endpoint);
      await within("the others", echoOverMany(site.port, 20, 5000));
      // What it held is whole, and once it gives something back it goes on where it stopped.
      const check = new SequenceCheck();
      for (const lease of held) check.takeLease(lease);
      while (check.received < 4000) check.takeLease((await within("more", hoarder.receive()))!);
      await writing;
      client.close();
      await hoarder.close();
      await site.endpoint[Symbol.asyncDispose]();
      await serving;
    }, { listen: { leasesPerStream: 5 }, ring: { buffers: { count: 8, bytes: 64 } } }),
);

onEachBackend(
  "100 stalled streams with data queued starve no other",
  (backend) =>
    withSite(backend, async (site) => {
      const stalled = await pairs(site, 100);
      const checks = stalled.map(() => new SequenceCheck());
      const writes = stalled.map(([client]) => writeAll(client, sequence(0, 20_000)));
      const iterators = stalled.map(([, stream]) => stream.receiveMany());
      // Each takes one lease and asks for no more, while bytes keep arriving.
      for (const [index, iterator] of iterators.entries()) {
        const { value } = await within("the first lease", iterator.next());
        checks[index].take(value.bytes);
      }
      const serving = serveEcho(site.endpoint);
      await within("the others", echoOverMany(site.port, 20, 20_000), 20_000);
      // And none of what was queued is lost.
      for (const [client] of stalled) client.closeWrite();
      for (const [index, iterator] of iterators.entries()) {
        for await (const lease of iterator) checks[index].take(lease.bytes);
        assertEquals(checks[index].received, 20_000);
      }
      await Promise.all(writes);
      for (const [client, stream] of stalled) {
        client.close();
        await stream.close();
      }
      await site.endpoint[Symbol.asyncDispose]();
      await serving;
    }, { ring: { buffers: { count: 64, bytes: 1024 } } }),
);

onEachBackend(
  "leases held by many streams that end are all given back",
  (backend) =>
    withSite(backend, async (site) => {
      const made = await pairs(site, 50);
      const leases = [];
      for (const [client, stream] of made) {
        await client.write(sequence(0, 100));
        leases.push((await stream.receive())!);
      }
      assertEquals(site.capability.stats().leases, 50);
      for (const [client, stream] of made) {
        client.close();
        await stream.close();
      }
      for (const lease of leases) {
        assertEquals(lease.copy(), sequence(0, 100), "a lease outlives its stream");
        lease.release();
      }
      await until("no lease is held", () => site.capability.stats().leases === 0);
    }, { ring: { buffers: { count: 8, bytes: 256 } } }),
);
