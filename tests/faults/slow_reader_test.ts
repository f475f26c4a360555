import { assert, assertEquals } from "@std/assert";
import { PartialSendError } from "../../mod.ts";
import {
  assertServes,
  echo,
  failureOf,
  loopOnce,
  onEachBackend,
  sequence,
  SequenceCheck,
  until,
  within,
  withSite,
} from "./fixtures.ts";
import { HAS_RAW_PEER, RawPeer } from "./raw_peer.ts";

const NEEDS = { condition: HAS_RAW_PEER, reason: "needs Linux's libc" };
const ARENA_BYTES = 1024 * 1024;
const RING = { arenaBytes: ARENA_BYTES };
const MEGABYTE = 1024 * 1024;

onEachBackend(
  "a peer that reads nothing is given up at the send's deadline",
  (backend) =>
    withSite(backend, async ({ capability, endpoint, port }) => {
      const accepting = endpoint.accept();
      using _peer = RawPeer.connect(port, 4096);
      const stream = await accepting;
      const sending = failureOf(stream.send(new Uint8Array(16 * MEGABYTE), { timeoutMs: 150 }));
      const error = await within("the deadline", sending);
      assert(error instanceof PartialSendError, String(error));
      assertEquals([error.code, error.operation], ["ETIMEDOUT", "send"]);
      assert(error.bytesTransferred > 0 && error.bytesTransferred < 16 * MEGABYTE);
      // The rest can never follow: the write side is ended, and holds nothing any more.
      await failureOf(stream.send(new Uint8Array(1)));
      assertEquals(capability.stats().bufferBytes, 0);
      await stream.close();
    }, { ring: RING }),
  NEEDS,
);

onEachBackend(
  "slow readers hold a bounded part of the ring, and others are served",
  (backend) =>
    withSite(backend, async ({ capability, endpoint, port }) => {
      const peers: RawPeer[] = [];
      const sends: Promise<unknown>[] = [];
      for (let count = 0; count < 20; count++) {
        const accepting = endpoint.accept();
        peers.push(RawPeer.connect(port, 4096));
        const stream = await accepting;
        // Two and a half megabytes wait for each: far more than the arena has.
        for (let part = 0; part < 5; part++) {
          const sending = stream.send(new Uint8Array(MEGABYTE / 2), { timeoutMs: 400 });
          sends.push(sending.catch((error) => error));
        }
        sends.push(sends.at(-1)!.then(() => stream.close()));
      }
      for (let turn = 0; turn < 50; turn++) {
        await loopOnce();
        const { bufferBytes } = capability.stats();
        assert(bufferBytes <= ARENA_BYTES, `${bufferBytes} bytes of the ring are held`);
      }
      const accepting = endpoint.accept();
      const serving = accepting.then(echo);
      await within("an echo beside slow readers", assertServes(port, 100_000));
      await serving;
      await within("the deadlines", Promise.all(sends));
      for (const peer of peers) peer.close();
    }, { ring: RING }),
  NEEDS,
);

onEachBackend(
  "a reader that wakes up late gets every byte, through a tiny arena",
  (backend, random) =>
    withSite(backend, async ({ endpoint, port }) => {
      const accepting = endpoint.accept();
      using peer = RawPeer.connect(port, 4096);
      const stream = await accepting;
      const total = 3 * MEGABYTE;
      const sends: Promise<number>[] = [];
      for (let sent = 0; sent < total;) {
        const length = Math.min(total - sent, random.integer(1, 400_000));
        sends.push(stream.send(sequence(sent, length)));
        sent += length;
      }
      const check = new SequenceCheck();
      const into = new Uint8Array(65536);
      const take = () => {
        for (let count = peer.receive(into); count > 0; count = peer.receive(into)) {
          check.take(into.subarray(0, count));
        }
        return check.received === total;
      };
      await until("every byte", take, 20_000);
      await within("the sends", Promise.all(sends));
      await stream.close();
    }, { ring: { arenaBytes: 65536 } }),
  NEEDS,
);
