import { assert, assertEquals } from "@std/assert";
import { SeededRandom } from "../random.ts";
import { ipv6Of } from "../wire/addresses.ts";
import { ETH, IpHarness, OURS, PEER } from "../../tests/support/stack/ip.ts";
import { CachedPath, type Destination, DestinationCache, PathKind } from "./destinations.ts";
import type { IpAddress } from "./types.ts";

const topology = { generation: 1 };

function pathTo(destination: Destination, forSource: IpAddress, mark = 0): CachedPath {
  const link = new IpHarness().link(ETH);
  const parts = { kind: PathKind.UNICAST, link, nextHop: PEER, source: OURS, linkMtu: 1500 };
  return new CachedPath(parts, topology, destination, forSource, mark);
}

function makeCache(capacity: number): { cache: DestinationCache; evicted: IpAddress[] } {
  const evicted: IpAddress[] = [];
  const random = new SeededRandom(1);
  const cache = new DestinationCache(capacity, random, ({ address }) => evicted.push(address));
  return { cache, evicted };
}

Deno.test("a destination is the same for the same address and scope only", () => {
  const { cache } = makeCache(8);
  const address = ipv6Of("fe80::1");
  const one = cache.obtain(address, 1);
  assertEquals(cache.obtain([...address] as const, 1) === one, true);
  assertEquals(cache.obtain(address, 2) === one, false);
  assertEquals([cache.find(address, 3), cache.find(PEER, 0), cache.size], [null, null, 2]);
});

Deno.test("a destination has paths by source and mark, a few of them", () => {
  const { cache } = makeCache(8);
  const destination = cache.obtain(PEER, 0);
  const path = pathTo(destination, OURS);
  destination.keep(path);
  assertEquals(destination.pathFor(OURS, 0) === path, true);
  assertEquals([destination.pathFor(OURS, 1), destination.pathFor(0, 0)], [null, null]);
  const newer = pathTo(destination, OURS);
  destination.keep(newer);
  assertEquals(destination.pathFor(OURS, 0) === newer, true);
  for (let mark = 1; mark < 10; mark++) destination.keep(pathTo(destination, OURS, mark));
  const kept = Array.from({ length: 10 }, (_, mark) => destination.pathFor(OURS, mark));
  assertEquals(kept.filter((one) => one !== null).length, 4);
});

Deno.test("paths are stale once the topology or the destination has changed", () => {
  const { cache } = makeCache(8);
  const destination = cache.obtain(PEER, 0);
  const path = pathTo(destination, OURS);
  assert(path.isValid);
  topology.generation++;
  assert(!path.isValid);
  const next = pathTo(destination, OURS);
  destination.invalidate();
  assertEquals([next.isValid, destination.pathFor(OURS, 0)], [false, null]);
});

Deno.test("who was asked for since the last time stays, the others make room", () => {
  const { cache, evicted } = makeCache(4);
  for (let host = 0; host < 4; host++) cache.obtain(host, 0);
  cache.obtain(0, 0);
  cache.obtain(2, 0);
  cache.obtain(10, 0);
  cache.obtain(11, 0);
  assertEquals(evicted, [1, 3]);
  assertEquals([cache.size, cache.find(0, 0) !== null, cache.find(1, 0)], [4, true, null]);
});

Deno.test("a path is as long as the link takes, or the path MTU", () => {
  const { cache } = makeCache(4);
  const destination = cache.obtain(PEER, 0);
  const path = pathTo(destination, OURS);
  assertEquals(path.mtu, 1500);
  destination.pathMtu = 1400;
  assertEquals(path.mtu, 1400);
  destination.pathMtu = 9000;
  assertEquals(path.mtu, 1500);
});
