import { assert, assertEquals } from "@std/assert";
import { NetError, TcpStream } from "../../mod.ts";
import {
  assertServes,
  echo,
  failureOf,
  onEachBackend,
  sequence,
  serveEcho,
  type Site,
  within,
  withSite,
} from "./fixtures.ts";
import { HAS_RAW_PEER, RawPeer } from "./raw_peer.ts";

const NEEDS = { condition: HAS_RAW_PEER, reason: "needs Linux's libc" };

/** What a connection that the peer has reset may fail with, in sending. */
const SEND_ENDS: readonly (string | undefined)[] = ["ECONNRESET", "EPIPE"];

interface Pair {
  readonly peer: RawPeer;
  readonly stream: TcpStream;
}

async function pair({ endpoint, port }: Site): Promise<Pair> {
  const accepting = endpoint.accept();
  const peer = RawPeer.connect(port);
  return { peer, stream: await accepting };
}

async function assertStillServes({ endpoint, port }: Site): Promise<void> {
  const accepting = endpoint.accept();
  const serving = accepting.then(echo);
  await within("an echo after the fault", assertServes(port));
  await serving;
}

function assertReset(error: Error & { code?: string }): void {
  assertEquals(error.code, "ECONNRESET");
  assert(error instanceof Deno.errors.ConnectionReset, error.name);
  assert(error instanceof NetError);
}

onEachBackend(
  "a peer that resets in answer to a connect refuses it",
  (backend) =>
    withSite(backend, async ({ capability, endpoint, port }) => {
      endpoint.close();
      await endpoint[Symbol.asyncDispose]();
      const error = await failureOf(TcpStream.connect(`127.0.0.1:${port}`, capability));
      assertEquals(error.code, "ECONNREFUSED");
      assert(error instanceof Deno.errors.ConnectionRefused);
    }),
  NEEDS,
);

onEachBackend(
  "peers that reset before they are accepted do not end the endpoint",
  (backend) =>
    withSite(backend, async (site) => {
      const { endpoint, port } = site;
      endpoint.pause();
      for (let count = 0; count < 100; count++) RawPeer.connect(port).reset();
      const serving = serveEcho(endpoint);
      endpoint.resume();
      await within("an echo after the resets", assertServes(port));
      // All but the last were gone before they could be greeted, or at once after it.
      const { accepted, vanished } = endpoint.stats();
      assert(accepted >= 1 && accepted + vanished <= 101, `${accepted} and ${vanished}`);
      await endpoint[Symbol.asyncDispose]();
      await serving;
    }),
  NEEDS,
);

onEachBackend(
  "a peer that resets before it is read is found out by the first receive",
  (backend) =>
    withSite(backend, async (site) => {
      const { peer, stream } = await pair(site);
      peer.reset();
      assertReset(await failureOf(within("receive", stream.receive())));
      assertReset(await failureOf(stream.receive()));
      await stream.close();
      await assertStillServes(site);
    }),
  NEEDS,
);

onEachBackend(
  "a peer that resets while it is read ends receive() and receiveMany()",
  (backend) =>
    withSite(backend, async (site) => {
      for (const isMany of [false, true]) {
        const { peer, stream } = await pair(site);
        const many = stream.receiveMany();
        const next = async (): Promise<void> => {
          if (isMany) await many.next();
          else (await stream.receive())?.release();
        };
        const first = next();
        peer.send(sequence(0, 100));
        await within("the first bytes", first);
        const waiting = failureOf(next());
        peer.reset();
        assertReset(await within("the reset", waiting));
        await stream.close();
      }
      await assertStillServes(site);
    }),
  NEEDS,
);

onEachBackend(
  "a peer that resets while it is sent a large buffer ends every send",
  (backend) =>
    withSite(backend, async (site) => {
      const { peer, stream } = await pair(site);
      const large = new Uint8Array(32 * 1024 * 1024);
      const sends = [large, large.subarray(0, 100), large.subarray(0, 1e6)].map((bytes) =>
        failureOf(stream.send(bytes))
      );
      // It has been sent something, so the first send is under way.
      const into = new Uint8Array(65536);
      while (peer.receive(into) < 0) await new Promise((resolve) => setImmediate(resolve));
      peer.reset();
      for (const sending of sends) {
        const error = await within("a send", sending);
        assert(SEND_ENDS.includes(error.code), error.message);
      }
      const late = await failureOf(stream.send(new Uint8Array(1)));
      assert(SEND_ENDS.includes(late.code), late.message);
      await stream.close();
      await assertStillServes(site);
    }),
  NEEDS,
);

onEachBackend(
  "a peer that resets after our half-close ends receive()",
  (backend) =>
    withSite(backend, async (site) => {
      const { peer, stream } = await pair(site);
      await stream.closeWrite();
      const waiting = failureOf(stream.receive());
      assertEquals(peer.receive(new Uint8Array(1)), 0);
      peer.reset();
      assertReset(await within("the reset", waiting));
      await stream.close();
      await assertStillServes(site);
    }),
  NEEDS,
);

onEachBackend(
  "a peer that resets after its half-close ends send()",
  (backend) =>
    withSite(backend, async (site) => {
      const { peer, stream } = await pair(site);
      peer.send(sequence(0, 10));
      peer.shutdownWrite();
      using lease = await stream.receive();
      assertEquals(lease?.length, 10);
      assertEquals(await within("the end", stream.receive()), null);
      const sending = failureOf(stream.send(new Uint8Array(32 * 1024 * 1024)));
      peer.reset();
      const error = await within("the send", sending);
      assert(SEND_ENDS.includes(error.code), error.message);
      await stream.close();
      await assertStillServes(site);
    }),
  NEEDS,
);

onEachBackend(
  "peers that reset at random moments under load leave nothing behind",
  (backend, random) =>
    withSite(backend, async (site) => {
      const { endpoint, port } = site;
      const serving = serveEcho(endpoint);
      const bytes = sequence(0, 20_000);
      const into = new Uint8Array(65536);
      for (let round = 0; round < 20; round++) {
        const peers = Array.from({ length: 10 }, () => RawPeer.connect(port));
        while (peers.length > 0) {
          const peer = random.pick(peers);
          peer.send(bytes.subarray(0, random.integer(1, bytes.length)));
          if (random.chance(0.5)) peer.receive(into);
          if (random.chance(0.2)) await new Promise((resolve) => setImmediate(resolve));
          if (random.chance(0.3)) peers.splice(peers.indexOf(peer), 1)[0].reset();
        }
      }
      await within("an echo after the resets", assertServes(port));
      await endpoint[Symbol.asyncDispose]();
      await serving;
    }),
  NEEDS,
);
