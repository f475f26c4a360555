import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  ConnectionPool,
  type ConnectionPoolOptions,
  type NetError,
  NetworkCapability,
  type PooledStream,
} from "../../mod.ts";
import { failureOf } from "../faults/fixtures.ts";
import {
  deadAddress,
  loopOnce,
  NamedServer,
  onEachRing,
  startServers,
  until,
  within,
} from "./fixtures.ts";
import { type Random, scale } from "../support/seed.ts";

const encoder = new TextEncoder();

/** Reads the name that a server says to each new connection. */
async function nameOf(stream: PooledStream): Promise<string> {
  return await lineOf(stream);
}

async function lineOf(stream: PooledStream): Promise<string> {
  let text = "";
  const byte = new Uint8Array(1);
  while (await stream.read(byte, { timeoutMs: 10_000 }) !== null && byte[0] !== 10) {
    text += String.fromCharCode(byte[0]);
  }
  return text;
}

/** One exchange, after which the connection is as it was. */
async function exchange(stream: PooledStream): Promise<void> {
  if (!stream.isReused) await nameOf(stream);
  await stream.send(encoder.encode("ping\n"));
  assertEquals(await lineOf(stream), "ping");
}

onEachRing("a connection that was given back is lent again", async (capability) => {
  await using server = (await startServers(capability, "a"))[0];
  await using pool = new ConnectionPool({ capability });
  for (let round = 0; round < 5; round++) {
    await using stream = await pool.acquire(server.address);
    assertEquals(stream.isReused, round > 0);
    await exchange(stream);
  }
  assertEquals(server.accepted, 1);
  const { connects, reuses, open, idle, lent, hosts } = pool.stats();
  assertEquals({ connects, reuses, open, idle, lent, hosts }, {
    connects: 1,
    reuses: 4,
    open: 1,
    idle: 1,
    lent: 0,
    hosts: 1,
  });
  // Idle connections do not keep a process alive; whoever waits does.
  assertEquals(capability.network.reactor.references, references(server));
});

/** What the server's own waits hold: one accept, and one receive for each connection. */
function references(server: NamedServer): number {
  return 1 + server.streams.size;
}

onEachRing("who waits is served in the order of asking, and never more at a time", async (
  capability,
  random,
) => {
  await using server = (await startServers(capability, "a"))[0];
  await using pool = new ConnectionPool({ capability, maxPerHost: 3 });
  const order: number[] = [];
  let most = 0;
  await Promise.all(Array.from({ length: 40 }, async (_, index) => {
    const stream = await pool.acquire(server.address);
    order.push(index);
    most = Math.max(most, pool.stats().open + pool.stats().connecting);
    await exchange(stream);
    for (let turns = random.integer(0, 5); turns > 0; turns--) await loopOnce();
    if (random.chance(0.3)) await stream.discard();
    else await stream.release();
  }));
  assertEquals(order, Array.from({ length: 40 }, (_, index) => index));
  assertEquals(most, 3);
  assert(server.accepted >= 3);
});

onEachRing(
  "resting connections make room in the total, and the oldest waiter is next",
  async (
    capability,
  ) => {
    const servers = await startServers(capability, "a", "b", "c");
    await using pool = new ConnectionPool({ capability, maxPerHost: 2, maxTotal: 2 });
    const [a, b, c] = servers.map(({ address }) => address);
    await pool.use(a, nameOf);
    await pool.use(b, nameOf);
    assertEquals(pool.stats().idle, 2);
    const first = await within("room is made", pool.acquire(c));
    assertEquals(await nameOf(first), "c");
    assertEquals(pool.stats().open, 2);
    const second = await pool.acquire(c);
    assertEquals(await nameOf(second), "c");
    // The one for b was there before the one for c, although c's connections come back first.
    const waitingForB = pool.acquire(b);
    const waitingForC = pool.acquire(c);
    await first.release();
    const third = await within("the older one is served", waitingForB);
    assertEquals([await nameOf(third), pool.stats().waiting], ["b", 1]);
    await second.release();
    const streams = [third, await within("the younger one is served", waitingForC)];
    assertEquals(streams[1].isReused, true);
    assert(pool.stats().open <= 2);
    for (const stream of streams) await stream.release();
    await pool.close();
    for (const server of servers) await server[Symbol.asyncDispose]();
  },
);

onEachRing("a connection that its peer ended while it rested is not lent", async (capability) => {
  await using server = (await startServers(capability, "a"))[0];
  await using pool = new ConnectionPool({ capability });
  await pool.use(server.address, exchange);
  for (const stream of server.streams) await stream.close();
  await until("the pool notices", () => pool.stats().open === 0);
  assertEquals(pool.stats().spoiled, 1);
  await pool.use(server.address, exchange);
  assertEquals(server.accepted, 2);
});

onEachRing("a connection whose peer spoke while it rested is not lent", async (capability) => {
  await using server = (await startServers(capability, "a"))[0];
  await using pool = new ConnectionPool({ capability });
  await pool.use(server.address, exchange);
  for (const stream of server.streams) await stream.send(encoder.encode("late answer\n"));
  await until("the pool notices", () => pool.stats().open === 0);
  await pool.use(server.address, async (stream) => assertEquals(await nameOf(stream), "a"));
  assertEquals([server.accepted, pool.stats().spoiled], [2, 1]);
});

onEachRing("what was not read of an answer does not reach the next user", async (capability) => {
  await using server = (await startServers(capability, "a"))[0];
  await using pool = new ConnectionPool({ capability, maxPerHost: 1 });
  for (let round = 0; round < 10; round++) {
    await using stream = await pool.acquire(server.address);
    assertEquals(await nameOf(stream), "a");
    await stream.send(encoder.encode("one\ntwo\n"));
    assertEquals(await lineOf(stream), "one");
  }
  assertEquals(server.accepted, 10);
});

onEachRing(
  "a connection is unfit after an operation that failed, and with a send under way",
  async (
    capability,
  ) => {
    await using server = (await startServers(capability, "a"))[0];
    await using pool = new ConnectionPool({ capability });
    const late = await pool.acquire(server.address);
    await nameOf(late);
    await assertRejects(() => late.receive({ timeoutMs: 1 }));
    await late.release();
    assertEquals(pool.stats().discarded, 1);

    const busy = await pool.acquire(server.address);
    assertEquals(busy.isReused, false);
    busy.send(new Uint8Array(10_000_000)).catch(() => {});
    await busy.release();
    assertEquals(pool.stats().discarded, 2);

    const read = await pool.acquire(server.address);
    assertEquals(read.isReused, false);
    await nameOf(read);
    const reading = read.receive();
    reading.catch(() => {});
    await read.release();
    await until("the pool notices the reader", () => pool.stats().open === 0);
    assertEquals((await failureOf(reading)).code, "EBADF");
  },
);

onEachRing("what was given back can be used no more by who had it", async (capability) => {
  await using server = (await startServers(capability, "a"))[0];
  await using pool = new ConnectionPool({ capability });
  const stream = await pool.acquire(server.address);
  await exchange(stream);
  await stream.release();
  await stream.release();
  await stream.discard();
  for (
    const use of [
      () => stream.send(new Uint8Array(1)),
      () => stream.write(new Uint8Array(1)),
      () => stream.receive(),
      () => stream.receiveMany(),
      () => stream.read(new Uint8Array(1)),
      () => stream.stream,
    ]
  ) {
    const error = assertThrows(use) as NetError;
    assertEquals(error.code, "EBADF");
  }
  assertEquals(pool.stats().idle, 1);
});

onEachRing("use() gives back what went well, and closes what did not", async (capability) => {
  await using server = (await startServers(capability, "a"))[0];
  await using pool = new ConnectionPool({ capability });
  assertEquals(await pool.use(server.address, (stream) => nameOf(stream)), "a");
  assertEquals(pool.stats().idle, 1);
  const failing = pool.use(server.address, () => {
    throw new RangeError("in the midst of it");
  });
  await assertRejects(() => failing, RangeError, "in the midst of it");
  assertEquals([pool.stats().open, pool.stats().discarded], [0, 1]);
});

onEachRing("a connection that rests too long is closed", async (capability) => {
  await using server = (await startServers(capability, "a"))[0];
  await using pool = new ConnectionPool({ capability, idleTimeoutMs: 50 });
  await pool.use(server.address, exchange);
  assertEquals(pool.stats().idle, 1);
  await until("it is closed", () => pool.stats().open === 0);
  const { expired, hosts } = pool.stats();
  assertEquals([expired, hosts], [1, 0]);
  await until("its peer sees it", () => server.streams.size === 0);
});

onEachRing("a health check decides who is lent again, in its time", async (capability) => {
  await using server = (await startServers(capability, "a"))[0];
  const verdicts = {
    yes: true,
    no: false,
    throws: new Error("cannot tell"),
    hangs: new Promise<boolean>(() => {}),
  };
  let verdict: keyof typeof verdicts = "yes";
  const checked: boolean[] = [];
  await using pool = new ConnectionPool({
    capability,
    healthCheckTimeoutMs: 50,
    healthCheck(stream) {
      checked.push(stream.remoteName === server.address);
      const answer = verdicts[verdict];
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  await pool.use(server.address, exchange);
  assertEquals(checked, [], "a new connection is not asked about");
  for (const [index, name] of (["yes", "no", "throws", "hangs"] as const).entries()) {
    verdict = name;
    await pool.use(server.address, async (stream) => {
      assertEquals(stream.isReused, name === "yes", name);
      await exchange(stream);
    });
    assertEquals(checked.length, index + 1);
  }
  assertEquals([pool.stats().unhealthy, server.accepted], [3, 4]);
});

onEachRing("close() does not wait for a health check that hangs", async (capability) => {
  await using server = (await startServers(capability, "a"))[0];
  const pool = new ConnectionPool({
    capability,
    healthCheckTimeoutMs: 60_000,
    healthCheck: async (stream) => await stream.receive() === null,
  });
  await pool.use(server.address, exchange);
  const ended = failureOf(pool.acquire(server.address));
  await until("it is being checked", () => pool.stats().idle === 0);
  await within("close()", pool.close());
  assertEquals((await ended).code, "EBADF");
});

onEachRing("a health check may speak with the peer", async (capability) => {
  await using server = (await startServers(capability, "a"))[0];
  await using pool = new ConnectionPool({
    capability,
    async healthCheck(stream) {
      await stream.send(encoder.encode("?"));
      using answer = await stream.receive({ timeoutMs: 10_000 });
      return answer?.length === 1;
    },
  });
  for (let round = 0; round < 3; round++) await pool.use(server.address, exchange);
  assertEquals([server.accepted, pool.stats().reuses], [1, 2]);
});

onEachRing("who waits is told that connecting failed, each for itself", async (capability) => {
  await using pool = new ConnectionPool({ capability, maxPerHost: 2 });
  const address = await deadAddress(capability);
  const failures = await Promise.all(
    Array.from({ length: 5 }, () => failureOf(pool.acquire(address))),
  );
  assertEquals(failures.map(({ code }) => code), Array(5).fill("ECONNREFUSED"));
  assertEquals([pool.stats().hosts, pool.stats().connectFailures], [0, 5]);
  await using server = await NamedServer.start("a", capability, address);
  await pool.use(server.address, exchange);
});

onEachRing("waiting ends at the deadline, at an abort, and at the end of the pool", async (
  capability,
) => {
  await using server = (await startServers(capability, "a"))[0];
  const pool = new ConnectionPool({ capability, maxPerHost: 1, maxWaiting: 3 });
  const held = await pool.acquire(server.address);
  const controller = new AbortController();
  const aborted = pool.acquire(server.address, { signal: controller.signal });
  const late = pool.acquire(server.address, { timeoutMs: 20 });
  const last = pool.acquire(server.address);
  const many = await failureOf(pool.acquire(server.address));
  assertEquals(many.code, "ENOBUFS");
  assert(many.message.includes("maxWaiting"), many.message);
  controller.abort(new RangeError("enough"));
  await assertRejects(() => aborted, RangeError, "enough");
  await assertRejects(
    () => pool.acquire(server.address, { signal: controller.signal }),
    RangeError,
  );
  assertEquals((await failureOf(late)).code, "ETIMEDOUT");
  const ended = failureOf(last);
  await within("close()", pool.close());
  assertEquals((await ended).code, "EBADF");
  assertEquals((await failureOf(pool.acquire(server.address))).code, "EBADF");
  assertEquals((await failureOf(held.receive())).code, "EBADF");
  await held.release();
  const { open, waiting, lent } = pool.stats();
  assertEquals([open, waiting, lent], [0, 0, 0]);
});

onEachRing("drain() waits for what is lent, and closes the rest when the time is over", async (
  capability,
) => {
  await using server = (await startServers(capability, "a"))[0];
  const pool = new ConnectionPool({ capability });
  const prompt = await pool.acquire(server.address);
  const slow = await pool.acquire(server.address);
  await (await pool.acquire(server.address)).release();
  const draining = pool.drain({ timeoutMs: 300 });
  await until("what rests is closed", () => pool.stats().open === 2);
  await exchange(prompt);
  await prompt.release();
  assertEquals(await draining, { returned: 1, cut: 1 });
  assertEquals((await failureOf(slow.receive())).code, "EBADF");
  const other = new ConnectionPool({ capability });
  const only = await other.acquire(server.address);
  const drained = other.drain({ timeoutMs: 10_000 });
  await only.release();
  assertEquals(await drained, { returned: 1, cut: 0 });
});

onEachRing("a capability that is revoked takes its pool with it", async (capability) => {
  await using server = (await startServers(capability, "a"))[0];
  const own = capability.derive({ tcp: true, connect: true });
  await using pool = new ConnectionPool({ capability: own, maxPerHost: 2 });
  const [lent, given] = [await pool.acquire(server.address), await pool.acquire(server.address)];
  await given.release();
  await own.revoke();
  await until("all are gone", () => pool.stats().open === 0);
  await lent.release();
  const denied = await failureOf(pool.acquire(server.address));
  assert(denied instanceof Deno.errors.NotCapable, `${denied}`);
});

/** Aborts after a random while: at once, within microtasks, or as the event loop comes round. */
function abortSometime(random: Random): AbortSignal {
  const controller = new AbortController();
  let left = random.integer(0, 12);
  const later = random.pick([queueMicrotask, setImmediate, setImmediate]);
  const step = () => left-- > 0 ? later(step) : controller.abort(new RangeError("enough"));
  later(step);
  return controller.signal;
}

onEachRing("acquire() that is aborted at random moments loses no connection and leaks none", async (
  capability,
  random,
) => {
  const servers = await startServers(capability, "a", "b");
  const dead = await deadAddress(capability);
  const options: ConnectionPoolOptions = {
    capability,
    maxPerHost: random.integer(1, 4),
    maxTotal: random.integer(1, 6),
    idleTimeoutMs: random.pick([1, 5, 60_000]),
    healthCheck: random.pick([undefined, () => random.chance(0.8)]),
  };
  const pool = new ConnectionPool(options);
  let served = 0;
  const visit = async () => {
    const address = random.chance(0.1) ? dead : random.pick(servers).address;
    const isHasty = random.chance(0.5);
    const stream = await pool.acquire(address, {
      signal: isHasty ? abortSometime(random) : undefined,
      timeoutMs: random.chance(0.1) ? random.integer(0, 3) : undefined,
    });
    served++;
    const { open, connecting } = pool.stats();
    assert(open + connecting <= options.maxTotal!, `${open} open, ${connecting} connecting`);
    try {
      if (random.chance(0.9)) await exchange(stream);
      else if (random.chance(0.5)) await loopOnce();
    } finally {
      if (random.chance(0.2)) await stream.discard();
      else await stream.release();
    }
  };
  const visiting = new Set<Promise<void>>();
  for (let round = 0; round < scale(1000, 50_000); round++) {
    const visited: Promise<void> = visit().catch((error: NetError) => {
      const isExpected = error instanceof RangeError ||
        ["ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "EPIPE"].includes(error.code);
      assert(
        isExpected || error.name === "AssertionError" && error.message.includes("ping"),
        `${error}`,
      );
    }).finally(() => visiting.delete(visited));
    visiting.add(visited);
    if (random.chance(0.02)) { for (const stream of random.pick(servers).streams) stream.close(); }
    if (visiting.size > 20) await Promise.race(visiting);
  }
  await within("everybody is served or told", Promise.all(visiting), 30_000);
  assert(served > 0);
  const { waiting, lent, connecting } = pool.stats();
  assertEquals([waiting, lent, connecting], [0, 0, 0]);
  // It has lost none of its room.
  await Promise.all(servers.map(({ address }) => pool.use(address, exchange)));
  await pool.close();
  for (const server of servers) await server[Symbol.asyncDispose]();
});

Deno.test("options that cannot be are refused by name", async () => {
  await using capability = await NetworkCapability.request({ backend: "host" });
  const wrong: [Record<string, unknown>, string][] = [
    [{ maxPerHost: 0 }, "maxPerHost"],
    [{ maxTotal: 1.5 }, "maxTotal"],
    [{ maxWaiting: -1 }, "maxWaiting"],
    [{ idleTimeoutMs: 0 }, "idleTimeoutMs"],
    [{ healthCheck: true }, "healthCheck"],
    [{ size: 5 }, '"size"'],
  ];
  for (const [options, named] of wrong) {
    const error = assertThrows(() => new ConnectionPool({ capability, ...options })) as Error;
    assert(error instanceof TypeError || error instanceof RangeError);
    assert(error.message.includes(named), error.message);
  }
  const pool = new ConnectionPool({ capability });
  await assertRejects(() => pool.acquire("nowhere"), TypeError, "port");
  const extra = { patience: 1 } as Record<string, number>;
  await assertRejects(() => pool.acquire("127.0.0.1:1", extra), TypeError, "patience");
});
