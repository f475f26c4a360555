/**
 * What happens when the process has no descriptor left.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { theme } from "../behaviour.ts";
import { closeQuietly } from "../close_quietly.ts";
import type { Context } from "../context.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import { Descriptors } from "../descriptors.ts";

const behaviour = theme("descriptors");

behaviour("accept() survives EMFILE: it pauses, counts, and resumes", async (t) => {
  await Descriptors.ready();
  const endpoint = await t.listen();
  const first = endpoint.accept();
  await connect(t, endpoint.addr.port);
  await (await first).close();
  const descriptors = new Descriptors();
  t.defer(() => descriptors.end());
  endpoint.pause();
  const accepting = endpoint.accept();
  await t.barrier();
  // The stranger takes the last descriptor, so there is none for the accepted end. An accept that
  // is armed already would have the limit of then.
  descriptors.exhaust(1);
  endpoint.resume();
  const peer = await connect(t, endpoint.addr.port);
  while (endpoint.stats().exhausted === 0) await new Promise((done) => setTimeout(done, 1));
  descriptors.end();
  const stream = await accepting;
  assertEquals(stream.remoteAddr.port, peer.localAddr.port);
  await stream.close();
  // And it goes on after that.
  const again = endpoint.accept();
  await connect(t, endpoint.addr.port);
  await (await again).close();
});

behaviour(
  "connect() and listen() without a descriptor left reject with EMFILE and leave nothing",
  async (t) => {
    await Descriptors.ready();
    const endpoint = await t.listen();
    const before = t.capability.stats().sockets;
    const descriptors = new Descriptors();
    t.defer(() => descriptors.end());
    descriptors.exhaust(0);
    assertNetError(await reasonOf(t.capability.connect(endpoint.addr)), { code: "EMFILE" });
    assertNetError(await reasonOf(t.capability.listen("127.0.0.1:0")), { code: "EMFILE" });
    descriptors.end();
    assertEquals(t.capability.stats().sockets, before);
    const accepting = endpoint.accept();
    const stream = await t.connect(endpoint.addr);
    assert(stream.localAddr.port > 0);
    await (await accepting).close();
  },
);

async function connect(t: Context, port: number): Promise<Deno.TcpConn> {
  const peer = await t.strangers.connect(port);
  t.defer(() => closeQuietly(peer));
  return peer;
}
