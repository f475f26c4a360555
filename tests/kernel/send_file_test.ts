import { assert, assertEquals } from "@std/assert";
import { type FeatureMask, NetworkCapability, type TcpStream } from "../../mod.ts";
import { DriverOp } from "../../ring/abi/opcodes.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import { type Random, scale, withSeed } from "../support/seed.ts";
import { skipUnless } from "../support/skip.ts";

// The ways that a file takes: a copy first, then sendfile(2) of what is in memory, and splicing of
// what has to be read.

const REFUSAL = kernelRefusal();
/** Several chains of links, and no whole number of pages. */
const FILE_BYTES = 24 * 1024 * 1024 + 4321;
const WAYS: Readonly<Record<string, FeatureMask>> = {
  "as it likes": {},
  "without sendfile": { opcodes: [DriverOp.SENDFILE] },
};

/** A file whose every word is its place, so that nothing can be out of it. */
async function makeFile(): Promise<string> {
  const path = await Deno.realPath(await Deno.makeTempFile());
  const words = new Uint32Array(Math.ceil(FILE_BYTES / 4)).map((_, index) => index);
  await Deno.writeFile(path, new Uint8Array(words.buffer, 0, FILE_BYTES));
  return path;
}

/** Has the system forget what it has of a file in memory, where that is not its only place. */
async function forget(path: string): Promise<void> {
  const file = await Deno.open(path);
  await file.sync();
  file.close();
  const args = [`if=${path}`, "iflag=nocache", "count=0", "status=none"];
  assert((await new Deno.Command("dd", { args }).output()).success);
}

/** Reads to the end, at times slowly, and checks every byte. @returns how many there were */
async function readFrom(stream: TcpStream, offset: number, random: Random): Promise<number> {
  let at = offset;
  for await (const lease of stream.receiveMany()) {
    for (const byte of lease.bytes) {
      const expected = ((at >> 2) >>> ((at & 3) << 3)) & 0xff;
      if (byte !== expected) assertEquals(byte, expected, `byte ${at}`);
      at++;
    }
    if (random.chance(0.01)) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return at - offset;
}

for (const [way, without] of Object.entries(WAYS)) {
  const name = `files of any part arrive whole, in memory or not, ${way}`;
  Deno.test(
    skipUnless(name, REFUSAL === undefined, REFUSAL ?? ""),
    withSeed((random) =>
      assertNoLeaks(async () => {
        const path = await makeFile();
        await using capability = await NetworkCapability.request({
          backend: "kernel",
          ring: { without },
          rights: { tcp: true, connect: true, listen: true, files: [`file://${path}`] },
        });
        await using endpoint = await capability.listen("127.0.0.1:0");
        const sendPart = async (): Promise<void> => {
          const offset = random.chance(0.3) ? 0 : random.integer(0, FILE_BYTES);
          const left = FILE_BYTES - offset;
          const length = random.chance(0.5) ? undefined : random.integer(0, 2 * left);
          const accepting = endpoint.accept();
          const client = await capability.connect(endpoint.addr);
          const server = await accepting;
          const reading = readFrom(client, offset, random);
          const expected = Math.min(left, length ?? left);
          assertEquals(await server.sendFile(path, { offset, length }), expected);
          await server.closeWrite();
          assertEquals(await reading, expected);
          await Promise.all([server.close(), client.close()]);
        };
        for (let round = 0; round < scale(3, 50); round++) {
          if (random.chance(0.5)) await forget(path);
          // Several at a time: each is given less of a turn.
          await Promise.all(Array.from({ length: random.integer(1, 4) }, sendPart));
        }
        assertEquals(capability.stats().leases, 0);
        await Deno.remove(path);
      })
    ),
  );
}

/** A file that tells no size; the test is about what is beyond the first piece, which is copied. */
const SIZELESS = "/proc/kallsyms";
const SIZELESS_BYTES_LEAST = 1 << 20;

async function sizelessRefusal(): Promise<string | undefined> {
  const bytes = await Deno.readFile(SIZELESS).catch(() => new Uint8Array());
  return bytes.length > SIZELESS_BYTES_LEAST ? REFUSAL : `${SIZELESS} is not there, or short`;
}

const refusal = await sizelessRefusal();
Deno.test(
  skipUnless("a file that tells no size is sent to its end", refusal === undefined, refusal ?? ""),
  () =>
    assertNoLeaks(async () => {
      const { length } = await Deno.readFile(SIZELESS);
      await using capability = await NetworkCapability.request({
        backend: "kernel",
        rights: { tcp: true, connect: true, listen: true, files: [`file://${SIZELESS}`] },
      });
      await using endpoint = await capability.listen("127.0.0.1:0");
      const accepting = endpoint.accept();
      await using client = await capability.connect(endpoint.addr);
      await using server = await accepting;
      let received = 0;
      const reading = (async () => {
        for await (const lease of client.receiveMany()) received += lease.length;
      })();
      assertEquals(await server.sendFile(SIZELESS), length);
      await server.closeWrite();
      await reading;
      assertEquals(received, length);
    }),
);
