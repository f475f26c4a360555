import { assertEquals } from "@std/assert";
import { kernelRefusal } from "../../tests/support/kernel.ts";
import { runProgram } from "../../tests/support/programs.ts";
import { SEED } from "../../tests/support/seed.ts";
import { skipUnless } from "../../tests/support/skip.ts";

const REFUSAL = kernelRefusal();

/**
 * Rings, their capabilities and all that hangs on them become unreachable while the kernel still
 * has operations on their memory; what other memory there is must stay as it was written.
 */
const PROGRAM = `
  import { NetworkCapability } from "MOD";
  import { IoUring } from "ROOT/native/io_uring/io_uring.ts";
  import { Random } from "ROOT/tests/support/seed.ts";
  const random = new Random(Number(Deno.env.get("MILLRACE_SEED")));
  const rights = { tcp: true, listen: true, connect: true, ring: true };
  const ring = { entries: 64, arenaBytes: 1 << 20, buffers: { count: 16, bytes: 4096 } };

  const capability = await NetworkCapability.request({ backend: "kernel", rights, ring });
  const endpoint = await capability.listen("127.0.0.1:0");
  (async () => {
    for await (const stream of endpoint) {
      (async () => {
        for await (const lease of stream.receiveMany()) await stream.send(lease);
        await stream.close();
      })();
    }
  })();

  // Forgotten with reads in flight: the peers send into them later.
  const peers = [];
  async function forget() {
    const own = await NetworkCapability.request({ backend: "kernel", rights, ring });
    const uring = await IoUring.create(8, { capability: own, arenaBytes: 1 << 16 });
    const listener = await own.listen("127.0.0.1:0");
    const peer = await capability.connect(listener.addr);
    const accepted = await listener.accept();
    const pool = uring.registerBuffers(1, 4096);
    uring.submitRead(accepted.descriptor, pool.take(), {}, 1);
    uring.submit();
    peers.push(peer);
    const other = await capability.connect(listener.addr);
    (await listener.accept()).unref();
    peers.push(other);
  }
  for (let count = 0; count < 6; count++) await forget();

  const client = await capability.connect(endpoint.addr);
  const held = [];
  for (let round = 0; round < 40; round++) {
    const fresh = new Uint8Array(new SharedArrayBuffer(1 << 18));
    if (!fresh.every((byte) => byte === 0)) throw new Error("fresh memory is not empty");
    fresh.fill(round + 1);
    held.push({ bytes: fresh, value: round + 1 });
    gc();
    const sent = random.bytes(random.integer(1, 20000));
    const sending = client.send(sent);
    let at = 0;
    while (at < sent.length) {
      const lease = await client.receive();
      gc();
      for (const byte of lease.bytes) if (byte !== sent[at++]) throw new Error("byte " + at);
      lease.release();
    }
    await sending;
    if (round % 5 === 0) await peers[(round / 5) % peers.length].send(random.bytes(4096));
    for (const { bytes, value } of held) {
      if (!bytes.every((byte) => byte === value)) throw new Error("memory of round " + value);
    }
    if (held.length > 8) held.shift();
  }
  console.log("intact");
  Deno.exit(0);
`;

Deno.test(
  skipUnless(
    "memory stays intact when garbage is collected while rings are in flight",
    REFUSAL === undefined,
    REFUSAL ?? "",
  ),
  async () => {
    console.log(`seed ${SEED}`);
    const { stdout, stderr, code } = await runProgram(PROGRAM, {
      flags: ["-A", "--v8-flags=--expose-gc"],
      env: { MILLRACE_SEED: String(SEED) },
    });
    assertEquals([code, stdout.trim()], [0, "intact"], stderr);
  },
);
