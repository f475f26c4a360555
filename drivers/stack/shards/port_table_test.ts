import { assert, assertEquals, assertThrows } from "@std/assert";
import { Errno } from "../../../ring/abi/errno.ts";
import { BindingFlag } from "../../../stack/binding_flag.ts";
import { NOBODY, SEVERAL } from "../../../stack/steering/mod.ts";
import { Protocol } from "../../../stack/wire/numbers.ts";
import { withSeed } from "../../../tests/support/seed.ts";
import { type PortSpace, PortTable } from "./port_table.ts";

const { REUSE_ADDRESS, REUSE_PORT, LISTENING, FOR_CONNECTION, SHARED, UNCLAIMED } = BindingFlag;
const { TCP, UDP } = Protocol;
const IN_USE = -Errno.EADDRINUSE;

function tableOf(space: PortSpace, shards = 3) {
  const buffer = PortTable.allocate();
  // Each shard has a table of its own over the same memory, as in threads of their own.
  const claims = Array.from(
    { length: shards },
    (_, shard) => new PortTable(buffer).claimsOf(space, shard),
  );
  return { table: new PortTable(buffer), claims, buffer };
}

Deno.test("a port is the shard's that claimed it, until that gives it up", () => {
  const { table, claims: [one, other] } = tableOf("udp");
  assertEquals(table.holderOf(UDP, 53), NOBODY);
  assertEquals(other.claim(53, 0), 0);
  assertEquals(table.holderOf(UDP, 53), 1);
  assertEquals(table.holderOf(TCP, 53), NOBODY);
  assertEquals(one.claim(53, 0), IN_USE);
  assertEquals(one.claim(53, REUSE_ADDRESS | REUSE_PORT), IN_USE);
  // What one stack has at a port is its own matter.
  assertEquals(other.claim(53, 0), 0);
  other.release(53, 0);
  assertEquals(table.holderOf(UDP, 53), 1);
  other.release(53, 0);
  assertEquals(table.holderOf(UDP, 53), NOBODY);
  assertEquals(one.claim(53, 0), 0);
  assertEquals(table.holderOf(UDP, 53), 0);
});

Deno.test("shards share a port that all of its holders share", () => {
  const { table, claims: [one, other, third] } = tableOf("udp");
  assertEquals([one, other].map((claims) => claims.claim(9, REUSE_PORT)), [0, 0]);
  assertEquals(table.holderOf(UDP, 9), SEVERAL);
  assertEquals(third.claim(9, REUSE_ADDRESS), IN_USE);
  const chosen = new Set<number>();
  for (let hash = -50; hash < 50; hash++) {
    const shard = table.choose(UDP, 9, hash);
    assertEquals(table.choose(UDP, 9, hash), shard);
    chosen.add(shard);
  }
  assertEquals([...chosen].sort(), [0, 1]);
  one.release(9, REUSE_PORT);
  assertEquals(table.holderOf(UDP, 9), 1);
  assertEquals(third.claim(9, REUSE_PORT), 0);
  other.release(9, REUSE_PORT);
  assertEquals(table.holderOf(UDP, 9), 2);
  third.release(9, REUSE_PORT);
  assertEquals([table.holderOf(UDP, 9), table.choose(UDP, 9, 1)], [NOBODY, NOBODY]);
});

Deno.test("what a holder allows may change, and counts once it is alone", () => {
  const { claims: [one, other] } = tableOf("udp");
  assertEquals(one.claim(9, 0), 0);
  assertEquals(other.claim(9, REUSE_PORT), IN_USE);
  one.change(9, 0, REUSE_PORT);
  assertEquals(other.claim(9, REUSE_PORT), 0);
  other.change(9, REUSE_PORT, 0);
  assertEquals(one.claim(9, REUSE_PORT), IN_USE);
});

Deno.test("connections share ports that nobody asked for", () => {
  const { table, claims: [one, other, third] } = tableOf("tcp");
  assertEquals([one, other].map((claims) => claims.claim(40000, FOR_CONNECTION)), [0, 0]);
  assertEquals(table.holderOf(TCP, 40000), SEVERAL);
  // Connections live where they hash to.
  assertEquals(table.choose(TCP, 40000, 7), NOBODY);
  assertEquals(third.claim(40000, 0), IN_USE);
  assertEquals(one.claim(40000, 0), IN_USE);
  other.release(40000, FOR_CONNECTION);
  assertEquals(table.holderOf(TCP, 40000), 0);
  // This stack's own table judges what only it has.
  assertEquals(one.claim(40000, 0), 0);
  assertEquals(other.claim(40000, FOR_CONNECTION), IN_USE);
  one.release(40000, 0);
  one.release(40000, FOR_CONNECTION);
  assertEquals(table.holderOf(TCP, 40000), NOBODY);
});

Deno.test("a port that is listened at is spread as long as a connection is left of it", () => {
  const { table, claims: [one, other] } = tableOf("tcp");
  assertEquals(one.claim(80, REUSE_ADDRESS), 0);
  assertEquals(other.claim(80, REUSE_ADDRESS | UNCLAIMED), 0);
  assertEquals(table.holderOf(TCP, 80), 0);
  one.change(80, REUSE_ADDRESS, REUSE_ADDRESS | LISTENING);
  other.change(80, REUSE_ADDRESS | UNCLAIMED, REUSE_ADDRESS | UNCLAIMED | LISTENING);
  assertEquals(table.holderOf(TCP, 80), SEVERAL);
  assertEquals(other.claim(80, REUSE_ADDRESS), IN_USE);
  for (const claims of [one, other]) assertEquals(claims.claim(80, REUSE_ADDRESS | SHARED), 0);
  one.release(80, REUSE_ADDRESS | LISTENING);
  other.release(80, REUSE_ADDRESS | UNCLAIMED | LISTENING);
  assertEquals(table.holderOf(TCP, 80), SEVERAL);
  // A server that starts again finds connections of the one before it, as on one stack.
  assertEquals(one.claim(80, 0), IN_USE);
  assertEquals(one.claim(80, REUSE_ADDRESS), 0);
  one.release(80, REUSE_ADDRESS);
  one.release(80, REUSE_ADDRESS | SHARED);
  assertEquals(table.holderOf(TCP, 80), 1);
  other.release(80, REUSE_ADDRESS | SHARED);
  assertEquals(table.holderOf(TCP, 80), NOBODY);
});

Deno.test("a port is spread while any of its shards listens", () => {
  const { table, claims: [one, other] } = tableOf("tcp");
  const listening = REUSE_PORT | LISTENING;
  for (const claims of [one, other]) {
    assertEquals(claims.claim(80, REUSE_PORT), 0);
    claims.change(80, REUSE_PORT, listening);
  }
  // A second socket of a shard is no second shard.
  assertEquals(one.claim(80, listening), 0);
  one.release(80, listening);
  one.change(80, listening, REUSE_PORT);
  one.release(80, REUSE_PORT);
  assertEquals(table.holderOf(TCP, 80), SEVERAL);
  other.release(80, listening);
  assertEquals(table.holderOf(TCP, 80), NOBODY);
});

Deno.test("what is bound within a suspension is known by the claims", () => {
  const { claims: [claims] } = tableOf("tcp");
  assertEquals(claims.isSuspended, false);
  assertEquals(claims.suspended(() => claims.suspended(() => claims.isSuspended)), true);
  assertThrows(() =>
    claims.suspended(() => {
      throw new Error("a call that fails");
    })
  );
  assertEquals(claims.isSuspended, false);
});

Deno.test("64 shards have places, and the last one is one of them", () => {
  const { table, claims } = tableOf("udp", 64);
  assertEquals(claims[63].claim(1, REUSE_PORT), 0);
  assertEquals(table.holderOf(UDP, 1), 63);
  assertEquals(claims[32].claim(1, REUSE_PORT), 0);
  assertEquals([0, 1].map((hash) => table.choose(UDP, 1, hash)), [32, 63]);
  assertEquals(claims[31].claim(1, REUSE_PORT), 0);
  claims[32].release(1, REUSE_PORT);
  claims[63].release(1, REUSE_PORT);
  assertEquals(table.holderOf(UDP, 1), 31);
  assertThrows(() => new PortTable(new SharedArrayBuffer(64)), RangeError);
});

Deno.test(
  "no two shards ever have a port that they do not share",
  withSeed((random) => {
    const { table, claims } = tableOf("udp", 3);
    const held: { shard: number; port: number; flags: number }[] = [];
    for (let turn = 0; turn < 5000; turn++) {
      const shard = random.integer(0, 2);
      const port = random.integer(1, 3);
      const flags = random.pick([0, REUSE_ADDRESS, REUSE_PORT, REUSE_ADDRESS | REUSE_PORT]);
      if (held.length > 0 && random.chance(0.5)) {
        const [gone] = held.splice(random.integer(0, held.length - 1), 1);
        claims[gone.shard].release(gone.port, gone.flags);
      } else if (claims[shard].claim(port, flags) === 0) held.push({ shard, port, flags });
      for (const at of [1, 2, 3]) {
        const here = held.filter((one) => one.port === at);
        const shards = new Set(here.map((one) => one.shard));
        const holder = table.holderOf(UDP, at);
        assertEquals(holder, shards.size === 0 ? NOBODY : shards.size > 1 ? SEVERAL : holder);
        if (shards.size === 1) assert(shards.has(holder));
        if (shards.size < 2) continue;
        for (const one of here) {
          const others = here.filter((other) => other.shard !== one.shard);
          assert(others.every((other) => (other.flags & one.flags) !== 0), `turn ${turn}`);
        }
        assert(shards.has(table.choose(UDP, at, turn)));
      }
    }
  }),
);
