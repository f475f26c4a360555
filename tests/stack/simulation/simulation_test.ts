import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type NetworkCapability,
  type SimulatedHost,
  Simulation,
  SimulationError,
  TcpEndpoint,
  TcpStream,
  UdpEndpoint,
} from "../../../mod.ts";
import { readCapture } from "../../../stack/capture/mod.ts";
import { MemorySink } from "../../../stack/capture/mod.ts";

/** Two hosts, and a router between them that has a slow link on one side. */
async function makePair(seed: number, loss = 0): Promise<{
  readonly simulation: Simulation;
  readonly alice: SimulatedHost;
  readonly bob: SimulatedHost;
}> {
  const simulation = await Simulation.create({ seed, failureFile: null });
  const alice = simulation.host("alice");
  const bob = simulation.host("bob");
  simulation.router("router");
  simulation.link("alice", "router", { bandwidth: "10Mbit/s", delayMs: 20, loss });
  simulation.link("router", "bob");
  return { simulation, alice, bob };
}

/** Sends bytes back until the other side ends. */
async function echo(capability: NetworkCapability): Promise<void> {
  await using endpoint = await TcpEndpoint.create("0.0.0.0:7", capability);
  await using stream = await endpoint.accept();
  for await (const lease of stream.receiveMany()) await stream.send(lease);
  await stream.closeWrite();
}

/** @returns what comes back */
async function exchange(capability: NetworkCapability, data: Uint8Array): Promise<Uint8Array> {
  await using stream = await TcpStream.connect("bob:7", capability);
  const received: number[] = [];
  const receiving = (async () => {
    for await (const lease of stream.receiveMany()) received.push(...lease.bytes);
  })();
  await stream.send(data);
  await stream.closeWrite();
  await receiving;
  return Uint8Array.from(received);
}

async function runEcho(seed: number, loss: number): Promise<string> {
  const { simulation, alice, bob } = await makePair(seed, loss);
  const data = Uint8Array.from({ length: 100_000 }, (_, at) => at * 31);
  await simulation.run(async () => {
    const [back] = await Promise.all([exchange(alice.capability, data), echo(bob.capability)]);
    assertEquals(back, data);
  });
  await simulation.close();
  return simulation.hash;
}

Deno.test("programs on two simulated hosts talk over a lossy link, and nothing is left", async () => {
  await runEcho(11, 0.03);
});

Deno.test("programs on a simulation run the same way again with the same seed", async () => {
  const first = await runEcho(5, 0.02);
  assertEquals(await runEcho(5, 0.02), first);
  assertNotEquals(await runEcho(6, 0.02), first);
});

Deno.test("deadlines of operations follow virtual time", async () => {
  const { simulation, alice, bob } = await makePair(1);
  const started = performance.now();
  await simulation.run(async () => {
    await using endpoint = await TcpEndpoint.create("0.0.0.0:7", bob.capability);
    await using stream = await TcpStream.connect("bob:7", alice.capability);
    await using accepted = await endpoint.accept();
    const before = simulation.now;
    await assertRejects(() => accepted.receive({ timeoutMs: 600_000 }), Deno.errors.TimedOut);
    assert(Math.abs(simulation.now - before - 600_000) < 1, `${simulation.now - before}`);
    stream.close();
  });
  await simulation.close();
  assert(performance.now() - started < 60_000);
});

Deno.test("datagrams cross a simulated network, and are answered", async () => {
  const { simulation, alice, bob } = await makePair(1);
  await simulation.run(async () => {
    await using server = await UdpEndpoint.bind("0.0.0.0:53", bob.capability);
    await using client = await UdpEndpoint.bind("0.0.0.0:0", alice.capability);
    await client.send(new TextEncoder().encode("who?"), `${bob.address}:53`);
    using query = await server.receive();
    await server.send(query.copy(), query.remoteAddr);
    using answer = await client.receive();
    assertEquals(new TextDecoder().decode(answer.copy()), "who?");
  });
  await simulation.close();
});

Deno.test("hosts are found by name and have addresses of both families", async () => {
  const { simulation, alice, bob } = await makePair(1);
  assertEquals(alice.addresses, []);
  await simulation.run(async () => {
    assertEquals(alice.addresses, ["10.0.0.1", "fd00::1"]);
    assertEquals(bob.address, "10.0.1.2");
    const found = await alice.capability.resolve("bob");
    assertEquals(found.map(String), ["10.0.1.2:0", "[fd00:0:0:1::2]:0"]);
    await using endpoint = await TcpEndpoint.create("[::]:7", bob.capability);
    await using stream = await TcpStream.connect("[fd00:0:0:1::2]:7", alice.capability);
    await using accepted = await endpoint.accept();
    assertEquals(accepted.remoteAddr.hostname, "fd00::1");
    stream.close();
  });
  await simulation.close();
});

Deno.test("programs sleep in virtual time, and wake up in order", async () => {
  const simulation = await Simulation.create({ seed: 1 });
  const order: string[] = [];
  const started = performance.now();
  await simulation.run(async () => {
    const sleeper = async (name: string, milliseconds: number) => {
      await simulation.sleep(milliseconds);
      order.push(`${name} ${simulation.now}`);
    };
    await Promise.all([
      sleeper("c", 3_600_000),
      sleeper("a", 1000),
      sleeper("b", 1000),
      sleeper("z", 0),
    ]);
  });
  assertEquals(order, ["z 0", "a 1000", "b 1000", "c 3600000"]);
  assert(performance.now() - started < 10_000);
  await simulation.close();
});

Deno.test("a sleep ends with its signal's reason", async () => {
  const simulation = await Simulation.create({ seed: 1 });
  await simulation.run(async () => {
    const controller = new AbortController();
    const sleeping = simulation.sleep(60_000, { signal: controller.signal });
    await simulation.sleep(10);
    controller.abort(new Error("enough"));
    await assertRejects(() => sleeping, Error, "enough");
    assertEquals(simulation.now, 10);
  });
  await simulation.close();
});

Deno.test("time stands still while something external is awaited", async () => {
  const simulation = await Simulation.create({ seed: 1 });
  await simulation.run(async () => {
    let hasWoken = false;
    const sleeping = simulation.sleep(1).then(() => hasWoken = true);
    const file = await simulation.external(Deno.readTextFile(new URL(import.meta.url)));
    assert(file.length > 0);
    assertEquals([simulation.now, hasWoken], [0, false]);
    await sleeping;
    assertEquals(simulation.now, 1);
  });
  await simulation.close();
});

Deno.test("programs that wait for nothing are told so", async () => {
  const simulation = await Simulation.create({ seed: 3, failureFile: null });
  const error = await assertRejects(
    () => simulation.run(() => new Promise<void>(() => {})),
    SimulationError,
    "seed 3: run: programs wait, and nothing will ever happen",
  );
  assertEquals([error.code, error.seed], ["STALLED", 3]);
  await simulation.close();
});

Deno.test("a run that takes too long fails", async () => {
  const simulation = await Simulation.create({ seed: 3, limitMs: 5000, failureFile: null });
  const error = await assertRejects(
    () => simulation.run(() => simulation.sleep(6000)),
    SimulationError,
  );
  assertEquals(error.code, "LIMIT");
  await simulation.close();
});

Deno.test("a link can be cut and mended while programs use it", async () => {
  const simulation = await Simulation.create({ seed: 4 });
  const alice = simulation.host("alice");
  const bob = simulation.host("bob");
  const link = simulation.link("alice", "bob", { delayMs: 5 });
  await simulation.run(async () => {
    const served = echo(bob.capability);
    await using stream = await TcpStream.connect("bob:7", alice.capability);
    link.down();
    await stream.send(new Uint8Array(1000));
    await simulation.sleep(3000);
    assertEquals(link.isUp, false);
    link.up();
    const before = simulation.now;
    let bytes = 0;
    while (bytes < 1000) {
      using lease = await stream.receive();
      bytes += lease!.length;
    }
    assert(simulation.now > before);
    assert(link.statistics().there.DROPPED_DOWN > 0);
    await stream.closeWrite();
    await served;
  });
  await simulation.close();
});

Deno.test("a simulation is captured as a whole", async () => {
  const { simulation, alice, bob } = await makePair(8);
  const sink = new MemorySink();
  const capture = await simulation.capture(sink, { filter: { protocol: "tcp", port: 7 } });
  await simulation.run(async () => {
    await Promise.all([exchange(alice.capability, new Uint8Array(5000)), echo(bob.capability)]);
  });
  capture[Symbol.dispose]();
  const { interfaces, packets, comments } = readCapture(sink.bytes());
  assertEquals(comments, ["seed 8"]);
  assertEquals(interfaces.map(({ name }) => name), ["alice:0", "router:0", "router:1", "bob:0"]);
  assert(packets.length > 20);
  // Behind 14 bytes of Ethernet and 20 of IP.
  assert(packets.every(({ bytes }) => bytes[23] === 6));
  await simulation.close();
});

Deno.test("a simulation has its order: build, run, close", async () => {
  const { simulation, alice } = await makePair(1);
  assertThrows(() => alice.capability, SimulationError, "has not begun");
  assertThrows(() => alice.address, SimulationError, "has not begun");
  await simulation.run(() => {});
  assertThrows(() => simulation.host("carol"), SimulationError, "nothing can be added");
  assertThrows(() => simulation.link("alice", "bob"), SimulationError);
  await simulation.close();
  await simulation.close();
  assertThrows(() => alice.capability, SimulationError, "is closed");
  await assertRejects(() => simulation.run(() => {}), SimulationError, "is closed");
});

Deno.test("options of simulations are checked, and named", async () => {
  await assertRejects(() => Simulation.create({ sed: 1 } as never), TypeError, "sed");
  await assertRejects(() => Simulation.create({ limitMs: -1 }), RangeError, "-1");
  const simulation = await Simulation.create({ seed: 1 });
  assertThrows(() => simulation.host("a", { size: 1 } as never), TypeError, "size");
  simulation.host("a");
  assertThrows(() => simulation.host("a"), TypeError, '"a"');
  assertThrows(() => simulation.link("a", "nobody"), TypeError, '"nobody"');
  await simulation.close();
});

/** Waits for a message. */
function heard(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
  });
}

Deno.test("a stack in a Worker is on the simulated network, in real time", async () => {
  const simulation = await Simulation.create({ seed: 1, realTime: true, failureFile: null });
  const alice = simulation.host("alice");
  const far = simulation.pipe("far");
  assertThrows(() => far.options, SimulationError, "has not begun");
  simulation.link("alice", "far", { delayMs: 5, loss: 0.01 });
  simulation.begin();
  const worker = new Worker(new URL("pipe_worker.ts", import.meta.url), { type: "module" });
  const data = Uint8Array.from({ length: 20_000 }, (_, at) => at * 13);
  await simulation.run(async () => {
    const ready = heard(worker);
    worker.postMessage(far.options);
    assertEquals(await ready, "ready");
    const done = heard(worker);
    await using stream = await TcpStream.connect("far:7", alice.capability);
    const before = performance.now();
    const received: number[] = [];
    const receiving = (async () => {
      for await (const lease of stream.receiveMany()) received.push(...lease.bytes);
    })();
    await stream.send(data);
    await stream.closeWrite();
    await receiving;
    assertEquals(Uint8Array.from(received), data);
    // There and back, at least once.
    assert(performance.now() - before >= 10);
    worker.postMessage("end");
    assertEquals(await done, "done");
  });
  await simulation.close();
});

Deno.test("other threads are for simulations in real time", async () => {
  const simulation = await Simulation.create({ seed: 1 });
  assertThrows(() => simulation.pipe("far"), SimulationError, "realTime");
  await simulation.close();
});

Deno.test("a run that fails leaves a capture of its newest packets", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const failureFile = `${folder}/failed.pcapng`;
    const simulation = await Simulation.create({ seed: 21, failureFile });
    const alice = simulation.host("alice");
    const bob = simulation.host("bob");
    simulation.link("alice", "bob");
    await assertRejects(
      () =>
        simulation.run(async () => {
          await Promise.all([exchange(alice.capability, new Uint8Array(9)), echo(bob.capability)]);
          throw new Error("on purpose");
        }),
      Error,
      "on purpose",
    );
    await simulation.close();
    const { packets, comments } = readCapture(await Deno.readFile(failureFile));
    assertEquals(comments, ["seed 21"]);
    assert(packets.length > 10);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
