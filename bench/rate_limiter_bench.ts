/**
 * What a rate limiter costs each accept or datagram: one address over and over, many addresses
 * whose entries do not fit into a cache, and a flood of more than it has entries for.
 *
 * @module
 */

import { printMachine } from "./support.ts";
import { RateLimiter, SocketAddress } from "../mod.ts";

printMachine();

/** A power of two, so that an index is a mask away. */
const ADDRESSES = 1 << 16;
/** Requests for each run of a bench: the clock that measures costs more than one. */
const BATCH = 1000;
const GENEROUS = { perSecond: 1e6, burst: 1e6 };

const addresses4 = Array.from({ length: ADDRESSES }, (_, index) => {
  const bytes = [10, (index * 7) >>> 16 & 255, (index * 7) >>> 8 & 255, (index * 7) & 255];
  return SocketAddress.ipv4(bytes, 1000);
});
const addresses6 = Array.from({ length: ADDRESSES }, (_, index) => {
  const prefix = [0x20, 0x01, 0x0d, 0xb8, index >>> 24, (index >>> 16) & 255, (index >>> 8) & 255];
  return SocketAddress.ipv6([...prefix, index & 255, 0, 0, 0, 0, 0, 0, 0, 1], 1000);
});

let next = 0;

function bench(name: string, group: string, limiter: RateLimiter, take: () => unknown): void {
  for (let warm = 0; warm < ADDRESSES; warm++) take();
  Deno.bench({
    name: `${name}: ${BATCH} requests`,
    group,
    fn() {
      for (let count = 0; count < BATCH; count++) take();
    },
  });
  if (limiter.stats().allowed === 0) {
    throw new Error("a bench that is always refused shows nothing");
  }
}

for (
  const [family, list] of [["IPv4", addresses4], ["IPv6", addresses6]] as const
) {
  const one = new RateLimiter(GENEROUS);
  bench(`one ${family} address`, family, one, () => one.tryConsume(list[0]));
  const many = new RateLimiter(GENEROUS);
  bench(`${ADDRESSES} ${family} addresses`, family, many, () => {
    next = (next + 1) & (ADDRESSES - 1);
    return many.tryConsume(list[next]);
  });
  const flooded = new RateLimiter({ perSecond: 1, burst: 10, maxEntries: 1024 });
  bench(`a flood of ${family} addresses`, family, flooded, () => {
    next = (next + 1) & (ADDRESSES - 1);
    return flooded.tryConsume(list[next]);
  });
}

const bytes = addresses4[0].bytes;
const limiter = new RateLimiter(GENEROUS);
bench("from bytes", "other ways", limiter, () => limiter.tryConsumeBytes(bytes, 0, 4));
const untimed = new RateLimiter({ ...GENEROUS, clock: () => 1 });
bench("without reading a clock", "other ways", untimed, () => untimed.tryConsume(addresses4[0]));
const text = new RateLimiter(GENEROUS);
bench("from text", "other ways", text, () => text.tryConsume("10.0.0.1:1000"));
