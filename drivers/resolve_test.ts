import { assert, assertEquals } from "@std/assert";
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
import { completeResolve, readName, resolveName, writeResolved } from "./resolve.ts";

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
