/**
 * `IoUring`: rings of a program's own, on every backend.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { theme } from "../behaviour.ts";
import { readExactly, utf8 } from "../bytes.ts";
import { closeQuietly } from "../close_quietly.ts";
import type { Context } from "../context.ts";
import { assertNetError, reasonOf } from "../expect.ts";
import { type FeatureMask, IoUring, SocketAddress } from "../../../mod.ts";
import { CqeFlag, Op, Sock } from "../../../ring/abi/opcodes.ts";
import { AF_INET, encodeSockaddr } from "../../../ring/abi/sockaddr.ts";

const behaviour = theme("IoUring");
/** User data of the operations below. */
const MAKE = 1;
const ACCEPT = 2;
const READ = 3;
const WRITE = 4;
const CLOSE = 5;

async function open(t: Context, entries = 16): Promise<IoUring> {
  const rights = { tcp: true, connect: true, listen: true, ring: true };
  const capability = await t.request({ rights });
  const without: FeatureMask | undefined = t.backend.request.ring?.without;
  const options = { arenaBytes: 1024 * 1024, ...(without === undefined ? {} : { without }) };
  const ring = await IoUring.create(entries, { capability, ...options });
  t.defer(() => ring.close());
  return ring;
}

/** Submits one operation and waits for it alone. */
async function run(
  ring: IoUring,
  fill: (entry: NonNullable<ReturnType<IoUring["prepare"]>>) => void,
) {
  const entry = ring.prepare()!;
  entry.userData = MAKE;
  fill(entry);
  ring.submit();
  const [completion] = await ring.waitCqes(1);
  assertEquals(completion.userData, MAKE);
  return completion.result;
}

/** A socket that listens on a port of loopback. */
async function listen(ring: IoUring): Promise<{ fd: number; port: number }> {
  using name = ring.allocBuffer(128);
  for (;;) {
    // Driver operations are not to be had here, so the port is chosen beforehand.
    const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = probe.addr;
    probe.close();
    const fd = await run(ring, (entry) => {
      entry.opcode = Op.SOCKET;
      entry.fd = AF_INET;
      entry.offset = Sock.STREAM | Sock.CLOEXEC;
    });
    const length = encodeSockaddr(SocketAddress.parse(`127.0.0.1:${port}`), name.bytes, 0);
    const bound = await run(ring, (entry) => {
      entry.opcode = Op.BIND;
      entry.fd = fd;
      entry.address = ring.addressOf(name);
      entry.offset = length;
    });
    const listening = bound < 0 ? bound : await run(ring, (entry) => {
      entry.opcode = Op.LISTEN;
      entry.fd = fd;
      entry.length = 16;
    });
    if (listening === 0) return { fd, port };
    await close(ring, fd);
  }
}

async function close(ring: IoUring, fd: number): Promise<void> {
  ring.submitClose(fd, CLOSE);
  ring.submit();
  await ring.waitCqes(1);
}

behaviour("a ring needs the right ring", async (t) => {
  const error = await reasonOf(IoUring.create(8, { capability: t.capability }));
  assertInstanceOf(error, Deno.errors.NotCapable);
  assertEquals((error as unknown as { right: string }).right, "ring");
});

behaviour("prepare() hands out every entry, then none until submit()", async (t) => {
  const ring = await open(t, 8);
  for (let round = 0; round < 3; round++) {
    for (let index = 0; index < 8; index++) {
      const entry = ring.prepare()!;
      entry.opcode = Op.NOP;
      entry.userData = round * 8 + index;
    }
    assertEquals(ring.prepare(), undefined);
    assertEquals(ring.submit(), 8);
    const seen = new Set<number>();
    while (seen.size < 8) {
      for (const { userData, result } of await ring.waitCqes(1)) {
        assertEquals(result, 0);
        seen.add(userData);
      }
    }
    assertEquals(seen, new Set(Array.from({ length: 8 }, (_, index) => round * 8 + index)));
  }
});

behaviour("waitCqes() past its time answers what is there", async (t) => {
  const ring = await open(t);
  assertEquals(await ring.waitCqes(1, { timeoutMs: 5 }), []);
  ring.submitTimeout(60_000, 7);
  ring.submit();
  assertEquals(await ring.waitCqes(1, { timeoutMs: 5 }), []);
  assertEquals(await ring.waitCqes(0), []);
  ring.submitCancel(7, 8);
  ring.submit();
  const completions = [...await ring.waitCqes(2)];
  assertEquals(completions.map(({ userData }) => userData).sort(), [7, 8]);
});

behaviour("the classic loop: multishot accept, registered buffers, user data", async (t) => {
  const ring = await open(t);
  const pool = ring.registerBuffers(4, 1024);
  const { fd, port } = await listen(ring);
  ring.submitMultishotAccept(fd, ACCEPT);
  ring.submit();
  const peer = await t.strangers.connect(port);
  t.defer(() => closeQuietly(peer));
  const buffer = pool.take()!;
  let connection = -1;
  await peer.write(utf8("classic"));
  for (let isOpen = true; isOpen;) {
    for (const { userData, result, flags } of await ring.waitCqes(1)) {
      if (userData === ACCEPT && (flags & CqeFlag.MORE) !== 0) {
        connection = result;
        ring.submitRead(connection, buffer, {}, READ);
      } else if (userData === READ && result > 0) {
        ring.submitWrite(connection, buffer, { length: result }, WRITE);
      } else if (userData === WRITE) {
        assertEquals(await readExactly(peer, result), utf8("classic"));
        peer.close();
        ring.submitRead(connection, buffer, {}, READ);
      } else if (userData === READ) {
        assertEquals(result, 0);
        isOpen = false;
      }
    }
    ring.submit();
  }
  pool.give(buffer);
  ring.submitCancel(ACCEPT, 99);
  ring.submit();
  await ring.waitCqes(2);
  await close(ring, connection);
  await close(ring, fd);
});

behaviour("close() ends a ring with operations in flight, once and again", async (t) => {
  const ring = await open(t);
  ring.submitTimeout(60_000, 1);
  ring.submit();
  const waiting = reasonOf(ring.waitCqes(1));
  await Promise.all([ring.close(), ring.close()]);
  assertNetError(await waiting, { code: "EBADF" });
  assertNetError(await reasonOf(ring.waitCqes(1)), { code: "EBADF" });
});

behaviour("endpoint.fd is the descriptor for rings of one's own", async (t) => {
  const endpoint = await t.listen();
  const { fd } = endpoint;
  assert(Number.isInteger(fd) && fd > 2, `${fd}`);
  const ring = await open(t);
  ring.submitMultishotAccept(fd, ACCEPT);
  ring.submit();
  const peer = await t.strangers.connect(endpoint.addr.port);
  t.defer(() => closeQuietly(peer));
  const [{ userData, result }] = await ring.waitCqes(1);
  assertEquals(userData, ACCEPT);
  assert(result > 2, `${result}`);
  await close(ring, result);
  ring.submitCancel(ACCEPT, 99);
  ring.submit();
  await ring.waitCqes(2);
});
