import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import {
  Flow,
  type IcmpError,
  type IpAddress,
  type IpParameters,
  type TransportProtocol,
} from "../../stack/ip/types.ts";
import { chainLength, copyOut } from "../../stack/memory/mod.ts";
import { StackTopology } from "../../stack/sim/stack_topology.ts";
import type { Stack } from "../../stack/stack.ts";
import { IPV6_ANY } from "../../stack/wire/addresses.ts";
import { PLAIN, TEST_PROTOCOL } from "../support/stack/ip.ts";
import { pattern } from "../support/stack/fake_ip.ts";

/** The link in the middle takes less than those at the ends. */
const NARROW = 1300;

/** A protocol at one end that notes what comes. */
class Echo implements TransportProtocol {
  readonly protocol = TEST_PROTOCOL;
  readonly received: Uint8Array[] = [];
  readonly errors: IcmpError[] = [];

  constructor(readonly stack: Stack) {
    stack.ip.register(this);
  }

  receive(packet: number, source: IpAddress, destination: IpAddress): void {
    const { arena, packets } = this.stack.environment;
    const header = packets.transport[packet] - arena.start(packet);
    const bytes = chainLength(arena, packet) - header;
    const copy = arena.take(bytes);
    copyOut(arena, packet, header, bytes, arena.start(copy));
    const at = arena.start(copy);
    this.received.push(new Uint8Array(arena.memory.bytes.slice(at, at + bytes)));
    arena.release(copy);
    arena.release(packet);
    assert(source !== destination);
  }

  onError(error: IcmpError): void {
    this.errors.push({ ...error });
  }

  /** Sends bytes. @returns what IP answers */
  send(remote: IpAddress, data: Uint8Array, parameters: Partial<IpParameters> = {}): number {
    const { arena, packets } = this.stack.environment;
    const packet = arena.take(data.length);
    packets.clear(packet);
    arena.memory.bytes.set(data, arena.start(packet));
    const local = typeof remote === "number" ? 0 : IPV6_ANY;
    const flow = Object.assign(new Flow(), { remote, local });
    return this.stack.ip.send(flow, packet, this.protocol, { ...PLAIN, ...parameters });
  }
}

/** alice -- east -- west -- bob, where the routers' link is narrow. */
class World {
  readonly topology = new StackTopology({ seed: 1 });
  readonly alice: Echo;
  readonly bob: Echo;
  /** Where the ends are: of either family. */
  readonly places: readonly (readonly [IpAddress, IpAddress])[];

  constructor() {
    const { topology } = this;
    topology.host("alice");
    topology.router("east");
    topology.router("west");
    topology.host("bob");
    topology.link("alice", "east");
    topology.link("east", "west", { mtu: NARROW });
    topology.link("west", "bob");
    topology.build();
    this.alice = new Echo(topology.get("alice").stack);
    this.bob = new Echo(topology.get("bob").stack);
    const [one, other] = ["alice", "bob"].map((name) => topology.get(name).plan.ports[0]);
    this.places = [[one.ipv4, other.ipv4], [one.ipv6, other.ipv6]];
  }

  /** Lets time pass. */
  run(milliseconds = 5000): void {
    const { network } = this.topology;
    for (const name of ["alice", "bob"]) network.wake(network.nodeNumber(name));
    network.runFor(milliseconds);
  }

  /** Asserts that nothing waits for fragments any more. */
  end(): void {
    for (const { stack } of this.topology.hosts.values()) {
      assertEquals(stack.ip.reassembling, { packets: 0, fragments: 0, bytes: 0 });
    }
  }
}

Deno.test("packets of every length cross two routers, in fragments where need be", () => {
  const world = new World();
  for (const [, bob] of world.places) {
    for (const length of [1, 500, 1240, 1281, 1480, 1481, 5000, 20_000]) {
      const data = pattern(length);
      // The first long one may be lost to path MTU discovery.
      world.alice.send(bob, data, { fragmentation: "wanted" });
      world.run();
      world.alice.send(bob, data, { fragmentation: "wanted" });
      world.run();
      assertEquals(world.bob.received.at(-1), data, `${length} bytes`);
    }
    world.bob.received.length = 0;
  }
  world.end();
});

Deno.test("routers take apart what they may: nothing of that is lost", () => {
  const world = new World();
  const [[, bob]] = world.places;
  const data = pattern(4000);
  world.alice.send(bob, data, { fragmentation: "allowed" });
  world.run();
  assertEquals(world.bob.received, [data]);
  assertEquals(world.alice.errors, []);
  world.end();
});

Deno.test("the path MTU is found, and packets of that length arrive", () => {
  const world = new World();
  for (const [, bob] of world.places) {
    const headers = typeof bob === "number" ? 20 : 40;
    const long = pattern(1500 - headers);
    assertEquals(world.alice.send(bob, long, { fragmentation: "forbidden" }), 0);
    world.run();
    const error = world.alice.errors.pop()!;
    assertEquals([error.errno, error.info], [Errno.EMSGSIZE, NARROW]);
    assertEquals(world.alice.send(bob, long, { fragmentation: "forbidden" }), -Errno.EMSGSIZE);
    const fitting = pattern(NARROW - headers);
    assertEquals(world.alice.send(bob, fitting, { fragmentation: "forbidden" }), 0);
    world.run();
    assertEquals(world.bob.received.pop(), fitting);
  }
  assertEquals(world.bob.received, []);
  world.end();
});

Deno.test("hop by hop, the routers on the way tell who they are", () => {
  const world = new World();
  const { topology } = world;
  for (const [index, [, bob]] of world.places.entries()) {
    const family = index === 0 ? "ipv4" : "ipv6";
    const ways: IpAddress[] = [];
    for (let timeToLive = 1; timeToLive <= 2; timeToLive++) {
      world.alice.send(bob, pattern(40), { timeToLive });
      world.run();
      const error = world.alice.errors.pop()!;
      assertEquals([error.errno, error.isHard], [Errno.EHOSTUNREACH, false]);
      ways.push(error.from);
    }
    const routers = ["east", "west"].map((name) => topology.get(name).plan.ports[0][family]);
    assertEquals(ways, routers);
    world.alice.send(bob, pattern(40), { timeToLive: 3 });
    world.run();
    assertEquals(world.bob.received.length, index + 1);
  }
  world.end();
});

Deno.test("a protocol that the other end does not know is an error at this end", () => {
  const world = new World();
  const [[, bob4], [, bob6]] = world.places;
  const stack = world.topology.get("bob").stack;
  assertEquals(stack.ip.unregister(TEST_PROTOCOL), true);
  for (const [bob, errno] of [[bob4, Errno.ENOPROTOOPT], [bob6, Errno.EPROTO]] as const) {
    world.alice.send(bob, pattern(40));
    world.run();
    const error = world.alice.errors.pop()!;
    assertEquals([error.errno, error.isHard, error.from], [errno, true, bob]);
  }
  world.end();
});

Deno.test("a host that is not there is told by the last router", () => {
  const world = new World();
  const { alice } = world;
  for (const [index, [, bob]] of world.places.entries()) {
    const nobody: IpAddress = typeof bob === "number"
      ? bob + 50
      : [bob[0], bob[1], bob[2], bob[3] + 0x5000];
    alice.send(nobody, pattern(40));
    world.run(10_000);
    const error = alice.errors.pop()!;
    assertEquals(error.errno, Errno.EHOSTUNREACH);
    const west = world.topology.get("west").plan.ports[0];
    assertEquals(error.from, index === 0 ? west.ipv4 : west.ipv6);
  }
  world.end();
});
