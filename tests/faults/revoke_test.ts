import { assert, assertEquals } from "@std/assert";
import { type NetworkCapability, TcpStream } from "../../mod.ts";
import { failureOf, onEachBackend, sequence, serveEcho, within, withSite } from "./fixtures.ts";
import { HAS_RAW_PEER, RawPeer } from "./raw_peer.ts";

const NEEDS = { condition: HAS_RAW_PEER, reason: "needs Linux's libc" };
const REASON = new Error("the operator said so");

function assertRevoked(error: Error): void {
  assert(error instanceof Deno.errors.NotCapable, String(error));
  assertEquals(error.cause, REASON);
}

/** Sends and receives until it fails. @returns what it failed with */
function flood(stream: TcpStream): Promise<Error>[] {
  const sending = async (): Promise<void> => {
    const bytes = sequence(0, 10_000);
    while (true) await stream.send(bytes);
  };
  const receiving = async (): Promise<void> => {
    for await (const _lease of stream.receiveMany());
    throw new Error("the end of the stream");
  };
  return [failureOf(sending()), failureOf(receiving())];
}

async function connectMany(
  capability: NetworkCapability,
  port: number,
  count: number,
): Promise<TcpStream[]> {
  const connecting = Array.from(
    { length: count },
    () => TcpStream.connect(`127.0.0.1:${port}`, capability),
  );
  return await Promise.all(connecting);
}

onEachBackend(
  "a capability revoked under full load ends everything and leaves nothing",
  (backend) =>
    withSite(backend, async ({ capability, endpoint, port }) => {
      const serving = serveEcho(endpoint).catch((error) => error);
      const streams = await connectMany(capability, port, 50);
      const failures = streams.flatMap(flood);
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
      const report = await within("the revocation", capability.revoke(REASON));
      assert(report.sockets >= 51, `${report.sockets} sockets`);
      const stats = capability.stats();
      assertEquals([stats.sockets, stats.inFlight, stats.bufferBytes], [0, 0, 0]);
      for (const failure of failures) assertRevoked(await within("an operation", failure));
      for (const stream of streams) assertRevoked((await stream.closed).reason!);
      assertRevoked(await within("the endpoint", serving) as Error);
      assertRevoked(await failureOf(TcpStream.connect(`127.0.0.1:${port}`, capability)));
    }),
);

onEachBackend(
  "a derived capability is revoked under full load, and its siblings go on",
  (backend) =>
    withSite(backend, async ({ capability, endpoint, port }) => {
      const serving = serveEcho(endpoint);
      const guest = capability.derive({ tcp: true, connect: true });
      const streams = await connectMany(guest, port, 20);
      const failures = streams.flatMap(flood);
      const [sibling] = await connectMany(capability, port, 1);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      await within("the revocation", guest.revoke(REASON));
      for (const failure of failures) assertRevoked(await within("an operation", failure));
      await sibling.send(sequence(0, 100));
      using lease = await within("the sibling's echo", sibling.receive());
      assertEquals(lease?.copy(), sequence(0, 100));
      await sibling.close();
      await endpoint[Symbol.asyncDispose]();
      await serving;
    }),
);

onEachBackend(
  "revoking ends accepts, sends to peers that do not read, and paused endpoints",
  (backend) =>
    withSite(backend, async ({ capability, endpoint, port }) => {
      const accepting = endpoint.accept();
      using _peer = RawPeer.connect(port, 4096);
      const stream = await accepting;
      const sending = failureOf(stream.send(new Uint8Array(32 * 1024 * 1024)));
      const waiting = failureOf(endpoint.accept());
      const paused = await capability.listen("127.0.0.1:0");
      paused.pause();
      using _other = RawPeer.connect(paused.addr.port);
      await within("the revocation", capability.revoke(REASON));
      assertRevoked(await within("the accept", waiting));
      const error = await within("the send", sending);
      assert(error instanceof Deno.errors.NotCapable, String(error));
    }),
  NEEDS,
);

onEachBackend(
  "revoking ends connects under way at once",
  (backend) =>
    withSite(backend, async ({ capability }) => {
      // The queue of connections is full, and connecting to it goes unanswered.
      const full = await capability.listen("127.0.0.1:0", { backlog: 1 });
      full.pause();
      const address = `127.0.0.1:${full.addr.port}`;
      const outcomes = Array.from(
        { length: 8 },
        () => TcpStream.connect(address, capability).then(() => null, (error: Error) => error),
      );
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
      await within("the revocation", capability.revoke(REASON), 5000);
      const failures = await within("the connects", Promise.all(outcomes), 5000);
      const ended = failures.filter((error) => error !== null);
      if (backend === "kernel") assert(ended.length > 0, "all connects were answered");
      for (const error of ended) assertRevoked(error);
    }),
);
