import { assert, assertEquals } from "@std/assert";
import { NetError, TcpStream } from "../../mod.ts";
import {
  assertServes,
  failureOf,
  onEachBackend,
  sequence,
  SequenceCheck,
  serveEcho,
  within,
  withSite,
} from "./fixtures.ts";

const TINY = { entries: 8, completions: 16 };

onEachBackend(
  "a completion queue that overflows loses nothing: many connections at once",
  (backend) =>
    withSite(backend, async ({ capability, endpoint, port }) => {
      const serving = serveEcho(endpoint);
      const clients = Array.from({ length: 150 }, async (_, index) => {
        const stream = await TcpStream.connect(`127.0.0.1:${port}`, capability);
        const check = new SequenceCheck();
        const bytes = 1000 + index * 50;
        const reading = (async () => {
          for await (const lease of stream.receiveMany()) check.take(lease.bytes);
        })();
        for (let sent = 0; sent < bytes; sent += 50) await stream.send(sequence(sent, 50));
        await stream.closeWrite();
        await reading;
        assertEquals(check.received, bytes);
        await stream.close();
      });
      await within("all echoes", Promise.all(clients), 30_000);
      await endpoint[Symbol.asyncDispose]();
      await serving;
      assertEquals(capability.stats().lateCompletions, 0);
    }, { ring: TINY }),
);

onEachBackend(
  "operations beyond the ring's slots are refused by name, and it recovers",
  (backend) =>
    withSite(backend, async ({ endpoint, port }) => {
      const clients: Deno.Conn[] = [];
      const streams: TcpStream[] = [];
      for (let count = 0; count < 40; count++) {
        const accepting = endpoint.accept();
        clients.push(await Deno.connect({ hostname: "127.0.0.1", port }));
        streams.push(await accepting);
      }
      const outcomes = streams.map((stream) =>
        stream.receive().then((lease) => {
          lease?.release();
          return null;
        }, (error) => error as Error & { code?: string })
      );
      for (const [index, client] of clients.entries()) await client.write(sequence(index, 10));
      const refused = (await within("the receives", Promise.all(outcomes))).filter((e) =>
        e !== null
      );
      assert(refused.length > 0 && refused.length < 40, `${refused.length} were refused`);
      for (const error of refused) {
        assert(error instanceof NetError);
        assertEquals([error.code, error.operation], ["ENOBUFS", "receive"]);
        assert(error.message.includes('"inFlight"'), error.message);
      }
      // Whoever was refused may ask again: its bytes are still there.
      for (const [index, stream] of streams.entries()) {
        await clients[index].write(sequence(0, 1));
        const lease = await within("a receive afterwards", stream.receive());
        assert(lease !== null);
        lease.release();
      }
      for (const stream of streams) await stream.close();
      for (const client of clients) client.close();
      const serving = serveEcho(endpoint);
      await within("an echo afterwards", assertServes(port));
      await endpoint[Symbol.asyncDispose]();
      await serving;
    }, { ring: { slots: 32 } }),
);

onEachBackend(
  "sends beyond the ring's slots are refused, and the stream can still send",
  (backend) =>
    withSite(backend, async ({ endpoint, port }) => {
      const clients: Deno.Conn[] = [];
      const streams: TcpStream[] = [];
      for (let count = 0; count < 40; count++) {
        const accepting = endpoint.accept();
        clients.push(await Deno.connect({ hostname: "127.0.0.1", port }));
        streams.push(await accepting);
      }
      const outcomes = await within(
        "the sends",
        Promise.all(
          streams.map((stream) =>
            stream.send(sequence(0, 100)).then(() => null, (e) => e as Error)
          ),
        ),
      );
      const refused = outcomes.filter((error) => error !== null);
      for (const error of refused) {
        assert(error instanceof NetError);
        assertEquals(error.code, "ENOBUFS");
        assert(error.message.includes('"inFlight"'), error.message);
      }
      for (const stream of streams) {
        assertEquals(await within("a send afterwards", stream.send(sequence(0, 100))), 100);
        await stream.close();
      }
      for (const client of clients) client.close();
    }, { ring: { slots: 32 } }),
);

onEachBackend(
  "closing more streams at once than there are slots closes every descriptor",
  (backend) =>
    withSite(backend, async ({ endpoint, port }) => {
      const clients: Deno.Conn[] = [];
      const streams: TcpStream[] = [];
      for (let count = 0; count < 120; count++) {
        const accepting = endpoint.accept();
        clients.push(await Deno.connect({ hostname: "127.0.0.1", port }));
        streams.push(await accepting);
      }
      const receives = streams.map((stream) => failureOf(stream.receive()));
      await within("the closes", Promise.all(streams.map((stream) => stream.close())));
      await Promise.all(receives);
      for (const client of clients) {
        const count = await within(
          "the peer's end",
          client.read(new Uint8Array(1)).catch(() => null),
        );
        assertEquals(count, null);
        client.close();
      }
    }, { ring: { slots: 32 } }),
);
