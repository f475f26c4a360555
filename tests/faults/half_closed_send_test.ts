import { assert, assertEquals } from "@std/assert";
import { PartialSendError } from "../../mod.ts";
import { failureOf, onEachBackend, until, within, withSite } from "./fixtures.ts";
import { scale } from "../support/seed.ts";

// Linux tries a send over and over while its peer has ended its side and takes no bytes, and does
// not find it when it is to cancel it at such a moment.

/** More than the buffers of two sockets hold. */
const BYTES = new Uint8Array(20_000_000);

onEachBackend("a send to a peer that has ended its side and does not read can be given up", (
  backend,
  random,
) =>
  withSite(backend, async ({ capability, endpoint }) => {
    for (let round = 0; round < scale(10, 500); round++) {
      const accepting = endpoint.accept();
      const stream = await capability.connect(endpoint.addr);
      const peer = await accepting;
      const way = random.pick(["abort", "deadline", "close"] as const);
      const controller = new AbortController();
      const timeoutMs = way === "deadline" ? random.integer(1, 30) : undefined;
      const failing = failureOf(
        stream.send(BYTES, { signal: controller.signal, timeoutMs }),
      );
      // Partial progress first, so that there is something to try again; a deadline may come first.
      const receiving = peer.receive();
      const first = await Promise.race([receiving.then((lease) => lease?.release()), failing]);
      if (first instanceof Error && !(first instanceof PartialSendError)) {
        assertEquals([way, first.code], ["deadline", "ETIMEDOUT"]);
        await Promise.all([stream.close(), receiving]);
        await peer.close();
        continue;
      }
      await receiving;
      await peer.closeWrite();
      assertEquals(await stream.receive(), null);
      if (random.chance(0.5)) await new Promise((resolve) => setTimeout(resolve, 3));
      if (way === "abort") controller.abort(new RangeError("enough"));
      if (way === "close") await within("close()", stream.close());
      const failure = await within("the send", failing);
      if (way === "close") assertEquals(failure.code, "EBADF");
      else if (way === "abort") {
        assert(failure instanceof PartialSendError || failure instanceof RangeError);
      } else assertEquals(failure.code, "ETIMEDOUT");
      await Promise.all([within("close()", stream.close()), peer.close()]);
      await until("both are closed", () => capability.stats().sockets === 1);
    }
  }));

onEachBackend("a file for a peer that has ended its side and does not read can be given up", async (
  backend,
  random,
) => {
  const path = await Deno.realPath(await Deno.makeTempFile());
  await Deno.writeFile(path, BYTES);
  // At a rate, however high, all of a file is copied.
  const limits = { sendBytesPerSecond: 1e12 };
  const rights = { tcp: true, connect: true, listen: true, files: [`file://${path}`], limits };
  await withSite(backend, async ({ capability, endpoint }) => {
    for (let round = 0; round < scale(30, 500); round++) {
      const accepting = endpoint.accept();
      const stream = await capability.connect(endpoint.addr);
      const peer = await accepting;
      const controller = new AbortController();
      const failing = failureOf(stream.sendFile(path, { signal: controller.signal }));
      (await peer.receive())!.release();
      await peer.closeWrite();
      assertEquals(await stream.receive(), null);
      if (random.chance(0.5)) await new Promise((resolve) => setTimeout(resolve, 3));
      controller.abort(new RangeError("enough"));
      assert(await within("the file", failing) instanceof PartialSendError);
      await Promise.all([within("close()", stream.close()), peer.close()]);
    }
  }, { rights });
  await Deno.remove(path);
});
