import { assert, assertEquals, assertThrows } from "@std/assert";
import { RateLimiter, type RateLimiterOptions } from "./rate_limiter.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { hashWords } from "../../ring/abi/sip_hash.ts";
import { type Random, scale, withSeed } from "../../tests/support/seed.ts";

/** A limiter on virtual time. */
class Bench {
  nowMs = 0;
  readonly limiter: RateLimiter;

  constructor(options: RateLimiterOptions) {
    this.limiter = new RateLimiter({ clock: () => this.nowMs, ...options });
  }

  /** How many of `attempts` an address is granted. */
  granted(address: string | SocketAddress, attempts: number): number {
    let count = 0;
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (this.limiter.tryConsume(address)) count++;
    }
    return count;
  }
}

/** The plain idea of a token bucket, to compare with. */
class PlainBuckets {
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>();
  readonly #perSecond: number;
  readonly #burst: number;

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  take(key: string, amount: number, nowMs: number): boolean {
    const bucket = this.#buckets.get(key) ?? { tokens: this.#burst, atMs: nowMs };
    this.#buckets.set(key, bucket);
    const grown = bucket.tokens + (nowMs - bucket.atMs) * this.#perSecond / 1000;
    bucket.tokens = Math.min(this.#burst, grown);
    bucket.atMs = nowMs;
    if (bucket.tokens < amount - 1e-6) return false;
    bucket.tokens -= amount;
    return true;
  }
}

function ipv4(value: number): SocketAddress {
  return SocketAddress.ipv4(
    [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255],
    9,
  );
}

/** The /64 with this number within 2001:db8::/32, and any host in it. */
function ipv6(network: number, random: Random): SocketAddress {
  const prefix = [0x20, 0x01, 0x0d, 0xb8];
  for (let shift = 24; shift >= 0; shift -= 8) prefix.push((network >>> shift) & 255);
  return SocketAddress.ipv6([...prefix, ...random.bytes(8)], random.integer(0, 65535));
}

Deno.test("a bucket holds its burst and refills at its rate", () => {
  const bench = new Bench({ perSecond: 3, burst: 6 });
  assertEquals(bench.granted("192.0.2.1", 10), 6);
  bench.nowMs = 333;
  assertEquals(bench.granted("192.0.2.1", 10), 0);
  bench.nowMs = 334;
  assertEquals(bench.granted("192.0.2.1", 10), 1);
  bench.nowMs = 1_000_000;
  assertEquals(bench.granted("192.0.2.1", 10), 6);
  assertEquals(bench.granted("192.0.2.2", 10), 6);
});

Deno.test("an amount is taken whole or not at all", () => {
  const { limiter } = new Bench({ perSecond: 100, burst: 1000 });
  assertEquals(limiter.tryConsume("192.0.2.1", 600), true);
  assertEquals(limiter.tryConsume("192.0.2.1", 600), false);
  assertEquals(limiter.tryConsume("192.0.2.1", 400), true);
  assertEquals(limiter.tryConsume("192.0.2.1", 0), true);
  assertEquals(limiter.tryConsume("192.0.2.2", 1001), false);
  assertEquals(limiter.stats(), {
    allowed: 3,
    refused: 2,
    shared: 0,
    entries: 1,
    capacity: 131072,
  });
});

Deno.test("IPv6 counts by /64, and mapped addresses are IPv4", () => {
  const bench = new Bench({ perSecond: 1, burst: 4 });
  const spellings = ["[2001:db8::1]:80", "2001:db8::ffff:1", "2001:db8:0:0:1::", "2001:DB8::1%2"];
  for (const spelling of spellings) assertEquals(bench.granted(spelling, 1), 1);
  assertEquals(bench.granted("2001:db8::1", 1), 0);
  assertEquals(bench.granted("2001:db8:0:1::1", 1), 1);
  for (
    const spelling of ["192.0.2.1:80", "::ffff:192.0.2.1", "[::ffff:c000:201]:1", "3221225985"]
  ) {
    assertEquals(bench.granted(spelling, 1), 1);
  }
  assertEquals(bench.granted("192.0.2.1", 1), 0);
  const { limiter } = bench;
  assertEquals(limiter.tryConsume({ transport: "tcp", hostname: "192.0.2.1", port: 1 }), false);
  assertEquals(limiter.tryConsume({ hostname: "2001:db8::2", port: 1 }), false);
});

Deno.test("an IPv4 address never shares the bucket of an IPv6 prefix with the same bits", () => {
  const bench = new Bench({ perSecond: 1, burst: 1, ipv6Prefix: 32, seed: [1, 2] });
  assertEquals(bench.granted("32.1.13.184", 2), 1);
  assertEquals(bench.granted("2001:db8::", 2), 1);
});

Deno.test("prefixes are what they are set to", () => {
  const bench = new Bench({ perSecond: 1, burst: 1, ipv4Prefix: 24, ipv6Prefix: 56 });
  assertEquals(bench.granted("192.0.2.1", 1) + bench.granted("192.0.2.255", 1), 1);
  assertEquals(bench.granted("192.0.3.1", 1), 1);
  assertEquals(bench.granted("2001:db8:0:1ff::", 1) + bench.granted("2001:db8:0:100::", 1), 1);
  assertEquals(bench.granted("2001:db8:0:200::", 1), 1);
  const all = new Bench({ perSecond: 1, burst: 3, ipv4Prefix: 0, ipv6Prefix: 0 });
  assertEquals(all.granted("1.2.3.4", 2) + all.granted("200.2.3.4", 2), 3);
  assertEquals(all.granted("::1", 2) + all.granted("fe80::1", 2), 3);
  const whole = new Bench({ perSecond: 1, burst: 1, ipv6Prefix: 128 });
  assertEquals(whole.granted("::1", 2) + whole.granted("::2", 2) + whole.granted("1::2", 2), 3);
});

Deno.test("peers of Unix sockets share one bucket", () => {
  const bench = new Bench({ perSecond: 1, burst: 3 });
  assertEquals(bench.granted(SocketAddress.unix(""), 2), 2);
  assertEquals(bench.granted("unix:/run/x", 2), 1);
});

Deno.test(
  "tryConsumeBytes() and tryConsume() take from the same buckets",
  withSeed((random) => {
    const { limiter } = new Bench({ perSecond: 1, burst: 2 });
    for (let round = 0; round < 500; round++) {
      const address = random.chance(0.5) ? ipv4(random.uint32()) : ipv6(random.uint32(), random);
      const bytes = random.bytes(40);
      const offset = random.integer(0, 40 - address.byteLength);
      address.copyBytes(bytes, offset);
      assert(limiter.tryConsumeBytes(bytes, offset, address.byteLength));
      assert(limiter.tryConsume(address));
      assert(!limiter.tryConsumeBytes(bytes, offset, address.byteLength));
    }
    const mapped = SocketAddress.parse("[::ffff:9.9.9.9]:1").bytes;
    assert(limiter.tryConsumeBytes(mapped, 0, 16) && limiter.tryConsumeBytes(mapped, 12, 4));
    assert(!limiter.tryConsume("9.9.9.9"));
  }),
);

Deno.test(
  "below its capacity it decides as plain buckets in a Map do",
  withSeed((random) => {
    const [perSecond, burst] = [random.integer(1, 50), random.integer(1, 20)];
    const bench = new Bench({ perSecond, burst, maxEntries: 4096 });
    const plain = new PlainBuckets(perSecond, burst);
    const addresses = Array.from(
      { length: 1000 },
      (_, index) => index % 2 === 0 ? ipv4(random.uint32()) : ipv6(random.uint32(), random),
    );
    for (let step = 0; step < scale(100_000, 2_000_000); step++) {
      if (random.chance(0.1)) bench.nowMs += random.integer(0, 40);
      const address = random.pick(addresses);
      const amount = random.chance(0.9) ? 1 : random.integer(0, burst + 1);
      const expected = plain.take(address.host, amount, bench.nowMs);
      assertEquals(bench.limiter.tryConsume(address, amount), expected, `step ${step}`);
    }
    assertEquals(bench.limiter.stats().shared, 0);
  }),
);

Deno.test(
  "with as many addresses as maxEntries at once, nearly all have buckets of their own",
  withSeed((random) => {
    for (const maxEntries of [1000, 4096, 40_000]) {
      const { limiter } = new Bench({ perSecond: 1, burst: 1, maxEntries });
      for (let count = 0; count < maxEntries; count++) limiter.tryConsume(ipv4(random.uint32()));
      assert(limiter.stats().shared < maxEntries * 0.07, `${limiter.stats().shared}`);
    }
  }),
);

Deno.test(
  "a flood gets no more than the rates of its buckets, however many addresses it has",
  withSeed((random) => {
    const [perSecond, burst, seconds] = [2, 5, 20];
    const bench = new Bench({ perSecond, burst, maxEntries: 1024 });
    const { capacity } = bench.limiter.stats();
    const buckets = capacity + capacity / 16;
    let granted = 0;
    const attempts = scale(400_000, 4_000_000);
    for (let attempt = 0; attempt < attempts; attempt++) {
      bench.nowMs = seconds * 1000 * attempt / attempts;
      if (bench.limiter.tryConsume(ipv4(random.uint32()))) granted++;
    }
    assert(granted <= buckets * (burst + perSecond * seconds), `${granted} of ${attempts}`);
    assert(bench.limiter.stats().entries <= capacity);
  }),
);

Deno.test(
  "a flood does not refill the bucket of who has spent it",
  withSeed((random) => {
    const bench = new Bench({ perSecond: 1, burst: 10, maxEntries: 64 });
    assertEquals(bench.granted("192.0.2.1", 20), 10);
    for (let count = 0; count < 50_000; count++) bench.limiter.tryConsume(ipv4(random.uint32()));
    assertEquals(bench.granted("192.0.2.1", 20), 0);
    bench.nowMs = 3000;
    assertEquals(bench.granted("192.0.2.1", 20), 3);
  }),
);

Deno.test(
  "whoever has more /64s than there are entries does not take the tokens of other networks",
  withSeed((random) => {
    const bench = new Bench({ perSecond: 1, burst: 5, maxEntries: 4096 });
    let served = 0;
    const newcomers = 2000;
    for (let second = 0; second < newcomers / 100; second++) {
      bench.nowMs = second * 1000;
      // One /48 has 65536 of them: 2001:db8:0::/48. Each is used up.
      for (let network = 0; network < 20_000; network++) {
        bench.limiter.tryConsume(ipv6(network, random), 5);
      }
      // Newcomers come from everywhere, once each.
      for (let count = 0; count < 100; count++) {
        if (bench.limiter.tryConsume(ipv4(random.uint32()))) served++;
      }
    }
    assert(bench.limiter.stats().shared > 0);
    assert(served > newcomers * 0.95, `${served} of ${newcomers} newcomers`);
  }),
);

Deno.test(
  "addresses that were chosen to fall together under one seed are spread by another",
  withSeed((random) => {
    const [low, high] = [7, 8];
    const options = { perSecond: 1, burst: 1, maxEntries: 1024 };
    const { capacity } = new RateLimiter(options).stats();
    const sets = capacity / 16;
    const chosen: SocketAddress[] = [];
    while (chosen.length < 64) {
      const value = random.uint32() | 0;
      const hash = hashWords({ low, high }, new Int32Array([value]), 1) >>> 0;
      if (Math.floor(hash / 2 ** 32 * sets) === 5) chosen.push(ipv4(value));
    }
    const sharedWith = (seed?: readonly [number, number]): number => {
      const { limiter } = new Bench({ ...options, seed });
      for (const address of chosen) limiter.tryConsume(address);
      return limiter.stats().shared;
    };
    assertEquals(sharedWith([low, high]), chosen.length - 16);
    assertEquals(sharedWith(), 0);
  }),
);

Deno.test("a clock that goes back takes nothing and gives nothing", () => {
  const bench = new Bench({ perSecond: 1, burst: 2 });
  bench.nowMs = 5000;
  assertEquals(bench.granted("192.0.2.1", 3), 2);
  bench.nowMs = 1000;
  assertEquals(bench.granted("192.0.2.1", 3), 0);
  bench.nowMs = 6000;
  assertEquals(bench.granted("192.0.2.1", 3), 1);
});

Deno.test("on the real clock tokens come back", async () => {
  const limiter = new RateLimiter({ perSecond: 1000, burst: 1 });
  assertEquals(limiter.tryConsume("192.0.2.1"), true);
  const deadline = performance.now() + 5000;
  while (!limiter.tryConsume("192.0.2.1")) {
    assert(performance.now() < deadline, "no token came back");
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
});

Deno.test("what is no address, amount or option is refused by name", () => {
  const { limiter } = new Bench({ perSecond: 1 });
  assertThrows(() => limiter.tryConsume("example.com:80"), TypeError, '"example.com" is a name');
  assertThrows(() => limiter.tryConsume("1.2.3.256"), TypeError);
  assertThrows(() => limiter.tryConsume("192.0.2.1", -1), RangeError, "amount");
  assertThrows(() => limiter.tryConsume("192.0.2.1", NaN), RangeError, "amount");
  const bytes = new Uint8Array(16);
  assertThrows(() => limiter.tryConsumeBytes(bytes, 0, 5), RangeError, "no address");
  assertThrows(() => limiter.tryConsumeBytes(bytes, 1, 16), RangeError, "no address");
  assertThrows(() => limiter.tryConsumeBytes(bytes, -1, 4), RangeError, "no address");
  const wrong: [Record<string, unknown>, string][] = [
    [{ perSecond: 0 }, "perSecond"],
    [{ perSecond: "1" }, "perSecond"],
    [{ perSecond: Infinity }, "perSecond"],
    [{ perSecond: 1, burst: 0 }, "burst"],
    [{ perSecond: 1, ipv4Prefix: 33 }, "ipv4Prefix"],
    [{ perSecond: 1, ipv6Prefix: 64.5 }, "ipv6Prefix"],
    [{ perSecond: 1, maxEntries: 1 }, "maxEntries"],
    [{ perSecond: 1, seed: [1, 2 ** 33] }, "seed"],
    [{ perSecond: 1, clock: 5 }, "clock"],
    [{ perSecond: 1, rate: 5 }, '"rate"'],
  ];
  for (const [options, named] of wrong) {
    const error = assertThrows(() => new RateLimiter(options as unknown as RateLimiterOptions));
    assert(error instanceof TypeError || error instanceof RangeError);
    assert(error.message.includes(named), error.message);
  }
});
