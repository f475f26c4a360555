import { assert, assertEquals } from "@std/assert";
import { runProgram } from "../tests/support/programs.ts";
import { RingMemory } from "../ring/memory.ts";
import { Errno } from "../ring/abi/errno.ts";
import { AF_INET, AF_INET6, decodeSockaddr } from "../ring/abi/sockaddr.ts";
import {
  W_ADDRESS,
  W_FILE_INDEX,
  W_LENGTH,
  W_OFFSET,
  W_OPERATION_FLAGS,
} from "../ring/abi/layout.ts";
import { ResolveFlag } from "../ring/abi/opcodes.ts";
import {
  completeResolve,
  completeReverse,
  readName,
  resolveName,
  reverseName,
  writeResolved,
} from "./resolve.ts";

function memory(): RingMemory {
  return RingMemory.create({
    entries: 8,
    completions: 16,
    slots: 64,
    bufferCount: 0,
    bufferBytes: 64,
    datagramCount: 0,
    datagramBytes: 1024,
    arenaBytes: 8192,
  });
}

Deno.test("a name of the hosts file has its address", async () => {
  assertEquals(await resolveName("localhost", AF_INET), { addresses: ["127.0.0.1"] });
});

Deno.test("an address is its own answer, if it has the family", async () => {
  assertEquals(await resolveName("192.0.2.1", 0), { addresses: ["192.0.2.1"] });
  assertEquals(await resolveName("::1", AF_INET6), { addresses: ["::1"] });
});

Deno.test("a name that does not exist is ENOENT, or the resolver is not there", async () => {
  const outcome = await resolveName("millrace.invalid", 0);
  assert("errno" in outcome);
  assert(outcome.errno === Errno.ENOENT || outcome.errno === Errno.EAGAIN);
});

Deno.test("many lookups wait for each other, and all end", async () => {
  const names = Array.from({ length: 100 }, () => resolveName("localhost", AF_INET));
  for (const outcome of await Promise.all(names)) assert("addresses" in outcome);
});

Deno.test("answers are cut to the room there is", () => {
  const ring = memory();
  const offset = ring.at.arena;
  const outcome = { addresses: ["192.0.2.1", "2001:db8::1", "192.0.2.3"] };
  assertEquals(writeResolved(ring, { offset, capacityBytes: 60 }, outcome), 2);
  assertEquals(decodeSockaddr(ring.bytes, offset, 16).host, "192.0.2.1");
  assertEquals(decodeSockaddr(ring.bytes, offset + 28, 28).host, "2001:db8::1");
  assertEquals(writeResolved(ring, { offset, capacityBytes: 280 }, { addresses: [] }), -2);
  assertEquals(writeResolved(ring, { offset, capacityBytes: 280 }, { errno: 11 }), -11);
});

Deno.test("names are read within the memory, and within limits", () => {
  const ring = memory();
  const offset = ring.at.arena;
  ring.bytes.set(new TextEncoder().encode("example.com"), offset);
  assertEquals(readName(ring, offset, 11), "example.com");
  assertEquals(readName(ring, offset, 12), -Errno.EINVAL);
  assertEquals(readName(ring, offset, 0), -Errno.EINVAL);
  assertEquals(readName(ring, offset, 300), -Errno.ENAMETOOLONG);
  assertEquals(readName(ring, ring.bytes.length - 4, 8), -Errno.EFAULT);
});

Deno.test("completeResolve() executes an entry", async () => {
  const ring = memory();
  const offset = ring.at.arena;
  ring.bytes.set(new TextEncoder().encode("localhost"), offset);
  const entry = new Int32Array(16);
  entry[W_ADDRESS] = offset;
  entry[W_LENGTH] = 9;
  entry[W_OFFSET] = offset + 256;
  entry[W_FILE_INDEX] = 280;
  entry[W_OPERATION_FLAGS] = AF_INET;
  const run = () => new Promise<number>((done) => completeResolve(ring, entry, 0, done));
  const running = run();
  // The entry is free as soon as the call has returned.
  entry.fill(0);
  assertEquals(await running, 1);
  assertEquals(decodeSockaddr(ring.bytes, offset + 256, 16).host, "127.0.0.1");
  assertEquals(await run(), -Errno.EINVAL);
});

Deno.test("the canonical name of a name without aliases is the name itself", async () => {
  const outcome = await resolveName("localhost", AF_INET | ResolveFlag.CANONICAL);
  assertEquals(outcome, { name: "localhost" });
  const unknown = await resolveName("millrace.invalid", ResolveFlag.CANONICAL);
  assertEquals(unknown, { name: "millrace.invalid" });
  assertEquals(await resolveName("localhost", 99 | ResolveFlag.CANONICAL), {
    errno: Errno.EAFNOSUPPORT,
  });
});

Deno.test("an address of the hosts file has its name, one of nobody has none", async () => {
  assertEquals(await reverseName("127.0.0.1"), "localhost");
  const nobody = await reverseName("192.0.2.77");
  assert(nobody === Errno.ENOENT || nobody === Errno.EAGAIN, String(nobody));
  assert(typeof await reverseName("no address") === "number");
});

Deno.test("without a grant a lookup is EACCES, and nobody is asked", async () => {
  const program = `
    import { resolveName, reverseName } from "ROOT/drivers/resolve.ts";
    console.log(JSON.stringify([
      await resolveName("localhost", 0),
      await resolveName("localhost", 1 << 16),
      await reverseName("127.0.0.1"),
      await reverseName("::1"),
    ]));
  `;
  const none = await runProgram(program, { flags: ["--no-prompt"] });
  assertEquals(JSON.parse(none.stdout), [{ errno: 13 }, { errno: 13 }, 13, 13]);
  const flags = ["--no-prompt", "--allow-net=localhost,127.0.0.1,[::1]"];
  const some = JSON.parse((await runProgram(program, { flags })).stdout);
  assert("addresses" in some[0]);
  // Nothing but the name is granted: neither the hosts file nor a server of the DNS.
  assertEquals(some.slice(1, 3), [{ name: "localhost" }, "localhost"]);
  assert(some[3] !== 13, "an IPv6 address is granted in brackets");
});

Deno.test("a name that finds no room is ENAMETOOLONG", () => {
  const ring = memory();
  const offset = ring.at.arena;
  assertEquals(writeResolved(ring, { offset, capacityBytes: 9 }, { name: "localhost" }), 9);
  assertEquals(new TextDecoder().decode(ring.bytes.slice(offset, offset + 9)), "localhost");
  const short = { offset, capacityBytes: 8 };
  assertEquals(writeResolved(ring, short, { name: "localhost" }), -Errno.ENAMETOOLONG);
});

Deno.test("completeReverse() executes an entry", async () => {
  const ring = memory();
  const offset = ring.at.arena;
  ring.bytes.set([127, 0, 0, 1], offset);
  const entry = new Int32Array(16);
  const run = (length: number, room: number, at = offset) => {
    entry[W_ADDRESS] = at;
    entry[W_LENGTH] = length;
    entry[W_OFFSET] = offset + 64;
    entry[W_FILE_INDEX] = room;
    return new Promise<number>((done) => completeReverse(ring, entry, 0, done));
  };
  const running = run(4, 64);
  // The entry is free as soon as the call has returned.
  entry.fill(0);
  assertEquals(await running, 9);
  assertEquals(new TextDecoder().decode(ring.bytes.slice(offset + 64, offset + 73)), "localhost");
  assertEquals(await run(4, 8), -Errno.ENAMETOOLONG);
  assertEquals(await run(5, 64), -Errno.EINVAL);
  assertEquals(await run(16, 64, ring.bytes.length - 8), -Errno.EFAULT);
  const unspecified = await run(16, 64, offset + 128);
  assert(unspecified === -Errno.ENOENT || unspecified === -Errno.EAGAIN, String(unspecified));
});
