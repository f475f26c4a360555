import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  NetworkCapability,
  PartialSendError,
  type RingBuffer,
  type RingOptions,
  type TcpStream,
} from "../../mod.ts";
import { Op } from "../../ring/abi/opcodes.ts";
import {
  type Backend,
  failureOf,
  loopOnce,
  onEachBackend,
  readAll,
  sequence,
  SequenceCheck,
  until,
  within,
  withSite,
} from "./fixtures.ts";
import { HAS_RAW_PEER, RawPeer } from "./raw_peer.ts";
import { type Random, scale } from "../support/seed.ts";

const KERNEL: readonly Backend[] = ["kernel"];
const NEEDS = { backends: KERNEL, condition: HAS_RAW_PEER, reason: "needs Linux's libc" };
/** More than a peer's small receive buffer takes, less than a send buffer. */
const LARGE = 128 * 1024;
const LISTEN = { zeroCopy: true };
/** As a kernel without SEND_ZC. */
const MASKED: RingOptions = { without: { opcodes: [Op.SEND_ZC] } };

/** Copies a piece of the sequence into a buffer. */
function fill(buffer: RingBuffer, start: number): void {
  buffer.bytes.set(sequence(start, buffer.length));
}

/** Sends the sequence by every way there is, in pieces of all sizes. */
async function sendAnyhow(stream: TcpStream, total: number, random: Random): Promise<void> {
  const sends: Promise<unknown>[] = [];
  for (let sent = 0; sent < total;) {
    const size = random.chance(0.5) ? random.integer(1, 1000) : random.integer(1, 300_000);
    const length = Math.min(size, total - sent);
    if (random.chance(0.5)) {
      sends.push(stream.send(sequence(sent, length)));
    } else {
      const buffer = stream.allocBuffer(length);
      fill(buffer, sent);
      const sending = stream.sendZeroCopy(buffer);
      if (random.chance(0.5)) {
        sends.push(sending.finally(() => buffer.release()));
      } else {
        // The operation keeps the memory.
        buffer.release();
        sends.push(sending);
      }
    }
    sent += length;
    if (random.chance(0.3)) await Promise.all(sends.splice(0));
  }
  await Promise.all(sends);
}

for (const [how, ring] of [["SEND_ZC", {}], ["SEND", MASKED]] as const) {
  onEachBackend(
    `what is sent with zeroCopy by ${how} arrives whole and in order`,
    async (backend, random) => {
      await withSite(backend, async ({ endpoint, port }) => {
        for (let round = 0; round < scale(12, 300); round++) {
          const accepting = endpoint.accept();
          using peer = await Deno.connect({ hostname: "127.0.0.1", port });
          await using stream = await accepting;
          assertEquals(await stream.getOption("zeroCopy"), true, "connections inherit it");
          const check = new SequenceCheck();
          const reading = readAll(peer, check);
          const total = random.integer(1, 2_000_000);
          await sendAnyhow(stream, total, random);
          await stream.closeWrite();
          await reading;
          assertEquals(check.received, total);
        }
      }, { ring, listen: LISTEN });
    },
    { backends: KERNEL },
  );
}

onEachBackend(
  "leases are sent on with zeroCopy, and their buffers come back",
  (backend, random) =>
    withSite(backend, async ({ capability, endpoint, port }) => {
      const total = 4_000_000;
      const echoing = (async () => {
        await using stream = await endpoint.accept();
        for await (const lease of stream.receiveMany()) await stream.send(lease);
        await stream.closeWrite();
      })();
      await using client = await capability.connect(`127.0.0.1:${port}`, { zeroCopy: true });
      const check = new SequenceCheck();
      const reading = (async () => {
        for await (const lease of client.receiveMany()) check.takeLease(lease);
      })();
      await sendAnyhow(client, total, random);
      await client.closeWrite();
      await reading;
      await echoing;
      assertEquals(check.received, total);
    }, { ring: { buffers: { count: 64, bytes: 128 * 1024 } }, listen: LISTEN }),
  { backends: KERNEL },
);

onEachBackend(
  "sendZeroCopy() waits until its memory is free, and a deadline ends the wait, not the stream",
  (backend) =>
    withSite(backend, async ({ endpoint, port }) => {
      const accepting = endpoint.accept();
      using peer = RawPeer.connect(port, 4096);
      await using stream = await accepting;
      await stream.setOption("sendBufferBytes", 1_000_000);
      using buffer = stream.allocBuffer(LARGE);
      fill(buffer, 0);
      // All of it is accepted, but not all of it is acknowledged.
      assertEquals(await stream.sendZeroCopy(buffer, { timeoutMs: 100 }), LARGE);
      assert(buffer.isSending);
      assertThrows(() => buffer.bytes, TypeError, "still sends");
      for (
        const failing of [stream.sendZeroCopy(buffer), stream.recvZeroCopy(buffer)]
      ) assertEquals((await failureOf(failing)).code, "EBUSY");
      const second = stream.send(sequence(LARGE, 1000));
      const check = new SequenceCheck();
      const into = new Uint8Array(65536);
      await until("the bytes", () => {
        const count = peer.receive(into);
        if (count > 0) check.take(into.subarray(0, count));
        return check.received === LARGE + 1000;
      });
      assertEquals(await second, 1000);
      await until("the notification", () => !buffer.isSending);
      fill(buffer, LARGE + 1000);
      assertEquals(await stream.sendZeroCopy(buffer.slice(0, 1000)), 1000);
    }, { listen: LISTEN }),
  NEEDS,
);

onEachBackend(
  "closing a stream whose peer takes nothing gives its memory back",
  async (backend) => {
    const home = await NetworkCapability.request({ backend });
    const endpoint = await home.listen("127.0.0.1:0", LISTEN);
    const accepting = endpoint.accept();
    using _peer = RawPeer.connect(endpoint.addr.port, 4096);
    const stream = await accepting;
    await stream.setOption("sendBufferBytes", 1_000_000);
    // Shorter than the library's own limit, which is heeded.
    await stream.setOption("userTimeoutMs", 1500);
    const buffer = stream.allocBuffer(LARGE);
    const sending = failureOf(stream.sendZeroCopy(buffer));
    const copied = stream.send(new Uint8Array(LARGE));
    await copied;
    await within("the close", stream.close(), 1000);
    assertEquals((await sending).code, "EBADF");
    assert(buffer.isSending && home.stats().inFlight > 0);
    buffer.release();
    // The peer's window stays shut: only the time limit ends it.
    await within("the end of the ring", home[Symbol.asyncDispose](), 20_000);
    assertEquals([home.stats().bufferBytes, home.stats().inFlight], [0, 0]);
  },
  NEEDS,
);

onEachBackend(
  "revoking a capability ends sendZeroCopy() that waits for its memory",
  (backend) =>
    withSite(backend, async ({ capability, endpoint, port }) => {
      const accepting = endpoint.accept();
      using _peer = RawPeer.connect(port, 4096);
      const stream = await accepting;
      await stream.setOption("sendBufferBytes", 1_000_000);
      using buffer = stream.allocBuffer(LARGE);
      const sending = failureOf(stream.sendZeroCopy(buffer));
      // Behind it in line: once this is accepted, that is.
      await stream.send(new Uint8Array(1));
      await within("the revocation", capability.revoke(new Error("enough")));
      const error = await sending;
      assert(error instanceof Deno.errors.NotCapable, String(error));
      assert(!buffer.isSending, "nothing is left");
    }, { listen: LISTEN }),
  NEEDS,
);

onEachBackend(
  "what sendZeroCopy() says it sent is what arrives, aborted at random moments",
  async (backend, random) => {
    await withSite(backend, async ({ capability, endpoint, port }) => {
      for (let round = 0; round < scale(15, 400); round++) {
        const accepting = endpoint.accept();
        using peer = await Deno.connect({ hostname: "127.0.0.1", port });
        const stream = await accepting;
        const check = new SequenceCheck();
        const reading = readAll(peer, check);
        let sent = 0;
        for (let turn = 0; turn < 20; turn++) {
          using buffer = stream.allocBuffer(random.integer(1, 500_000));
          fill(buffer, sent);
          const controller = new AbortController();
          const sending = stream.sendZeroCopy(buffer, { signal: controller.signal });
          for (let wait = random.integer(0, 20); wait > 0; wait--) await loopOnce();
          controller.abort();
          const outcome = await sending.catch((error) => error);
          if (outcome instanceof PartialSendError) {
            sent += outcome.bytesTransferred;
            break;
          }
          if (typeof outcome === "number") sent += outcome;
          else assertEquals(outcome, controller.signal.reason);
        }
        await stream.closeWrite().catch(() => {});
        await reading;
        assertEquals(check.received, sent);
        await stream.close();
      }
      await until("the notifications", () => capability.stats().bufferBytes === 0);
    }, { listen: LISTEN });
  },
  { backends: KERNEL },
);
