import { assert, assertEquals, assertRejects } from "@std/assert";
import { pooledMap } from "@std/async";
import { runProgram } from "./programs.ts";
import { RawPeer } from "./raw_peer.ts";
import { testOnBackends } from "../support/backends.ts";
import { hasProgram } from "../support/skip.ts";
import { NetError, type NetworkCapability, type TcpEndpoint, type TcpStream } from "../../mod.ts";

const NETCAT = { condition: hasProgram("nc"), reason: "needs nc" };
const SOCAT = { condition: hasProgram("socat"), reason: "needs socat" };
const PYTHON = { condition: hasProgram("python3"), reason: "needs python3" };

const CONNECTIONS = 1_000;
const MEBIBYTE = 1024 * 1024;

/** An echo server in the process of the test. */
interface EchoServer extends AsyncDisposable {
  readonly endpoint: TcpEndpoint;
  readonly port: number;
  /** The codes of the errors that connections ended with. */
  readonly failures: string[];
}

async function serveEcho(capability: NetworkCapability): Promise<EchoServer> {
  const endpoint = await capability.listen("127.0.0.1:0");
  const failures: string[] = [];
  const running = new Set<Promise<void>>();
  const accepting = (async () => {
    for await (const stream of endpoint) {
      const echoing = echo(stream).catch((error) => {
        failures.push(error instanceof NetError ? error.code : String(error));
      });
      running.add(echoing);
      echoing.finally(() => running.delete(echoing));
    }
  })();
  return {
    endpoint,
    port: endpoint.addr.port,
    failures,
    async [Symbol.asyncDispose](): Promise<void> {
      await endpoint[Symbol.asyncDispose]();
      await accepting;
      await Promise.all(running);
    },
  };
}

async function echo(stream: TcpStream): Promise<void> {
  await using held = stream;
  for await (const lease of held.receiveMany()) await held.send(lease);
}

function counting(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map((_, index) => 0x20 + index % 90);
}

testOnBackends("nc -N gets all back that it sent before its end", async (capability) => {
  await using server = await serveEcho(capability);
  for (const length of [0, 1, 100_000, 3_000_000]) {
    const input = counting(length);
    const output = await runProgram("nc", ["-N", "127.0.0.1", String(server.port)], input);
    assertEquals(output.length, length);
    assert(output === new TextDecoder().decode(input), `${length} bytes came back different`);
  }
  assertEquals(server.failures, []);
}, NETCAT);

testOnBackends("socat half-closes and reads on", async (capability) => {
  await using server = await serveEcho(capability);
  const input = counting(1_000_000);
  const output = await runProgram("socat", ["-t10", "-", `TCP:127.0.0.1:${server.port}`], input);
  assert(output === new TextDecoder().decode(input));
  assertEquals(server.failures, []);
}, SOCAT);

testOnBackends("a client talks to a server of socat", async (capability) => {
  const peer = new Deno.Command("socat", {
    args: ["-d", "-d", "TCP-LISTEN:0,bind=127.0.0.1", "EXEC:cat"],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let log = "";
  const reader = peer.stderr.pipeThrough(new TextDecoderStream()).getReader();
  const listening = /listening on .*127\.0\.0\.1:(\d+)/;
  while (!listening.test(log)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`socat does not listen: ${log}`);
    log += value;
  }
  const stream = await capability.connect(`127.0.0.1:${listening.exec(log)![1]}`);
  const input = counting(300_000);
  const sending = stream.send(input).then(() => stream.closeWrite());
  let received = 0;
  for await (const lease of stream.receiveMany()) {
    for (const byte of lease.bytes) assert(byte === input[received++]);
  }
  await sending;
  assertEquals(received, input.length);
  await stream.close();
  while (!(await reader.read()).done);
  assert((await peer.status).success);
}, SOCAT);

testOnBackends(`${CONNECTIONS} foreign connections are open at a time`, async (capability) => {
  await using server = await serveEcho(capability);
  const peers: Deno.TcpConn[] = [];
  try {
    const address = { hostname: "127.0.0.1", port: server.port };
    const open = Array.from({ length: CONNECTIONS });
    for await (const peer of pooledMap(100, open, () => Deno.connect(address))) peers.push(peer);
    // Every one speaks, then every one is answered: none of them is lost in the crowd.
    await Promise.all(peers.map((peer, index) => peer.write(new Uint8Array(64).fill(index))));
    await Promise.all(peers.map(async (peer, index) => {
      const into = new Uint8Array(64);
      for (let count = 0; count < 64;) count += (await peer.read(into.subarray(count)))!;
      assert(into.every((byte) => byte === (index & 0xff)), `connection ${index}`);
    }));
    assertEquals(capability.stats().sockets, CONNECTIONS + 1);
    assertEquals(server.endpoint.stats().accepted, CONNECTIONS);
  } finally {
    for (const peer of peers) peer.close();
  }
  assertEquals(server.failures, []);
});

/** What a stream's user does while, or after, the peer resets it. */
interface ResetState {
  readonly name: string;
  /** Brings the connection into the state. @returns what fails because of the reset */
  readonly enter: (stream: TcpStream, peer: RawPeer) => Promise<() => Promise<unknown>>;
}

async function drain(stream: TcpStream): Promise<void> {
  for await (const lease of stream.receiveMany()) assert(lease.length > 0);
}

const RESET_STATES: readonly ResetState[] = [
  {
    name: "while receive() waits",
    enter: (stream) => {
      const receiving = stream.receive();
      return Promise.resolve(() => receiving);
    },
  },
  {
    name: "between two leases of receiveMany()",
    enter: async (stream, peer) => {
      await peer.do("send", 10);
      const leases = stream.receiveMany();
      assertEquals((await leases.next()).value?.length, 10);
      const next = leases.next();
      return () => next;
    },
  },
  {
    name: "while send() waits for a peer that does not read",
    enter: (stream) => {
      const sending = stream.send(new Uint8Array(64 * MEBIBYTE));
      return Promise.resolve(() => sending);
    },
  },
  {
    name: "with bytes that the peer has not read",
    enter: async (stream) => {
      await stream.send(new Uint8Array(1000));
      return () => drain(stream);
    },
  },
  {
    name: "after the peer's end",
    enter: async (stream, peer) => {
      await peer.do("end");
      assertEquals(await stream.receive(), null);
      return async () => {
        while (true) await stream.send(new Uint8Array(1000));
      };
    },
  },
  {
    name: "after the end of this side",
    enter: async (stream, peer) => {
      await stream.closeWrite();
      assertEquals(await peer.do("receive", 1), 0);
      return () => drain(stream);
    },
  },
  {
    name: "while readable is read",
    enter: (stream) => {
      const reading = stream.readable.getReader().read();
      return Promise.resolve(() => reading);
    },
  },
];

for (const { name, enter } of RESET_STATES) {
  testOnBackends(`a reset ${name} is one clear error`, async (capability) => {
    await using endpoint = await capability.listen("127.0.0.1:0");
    const accepting = endpoint.accept();
    await using peer = await RawPeer.connect(endpoint.addr.port);
    await using stream = await accepting;
    const operation = await enter(stream, peer);
    const failing = assertRejects(operation);
    await peer.do("reset");
    const error = await failing;
    assert(error instanceof NetError, `${error}`);
    assert(["ECONNRESET", "EPIPE"].includes(error.code), error.code);
    // The endpoint does not care.
    const next = endpoint.accept();
    using client = await Deno.connect({ hostname: "127.0.0.1", port: endpoint.addr.port });
    await client.write(new Uint8Array(1));
    await using other = await next;
    using lease = await other.receive();
    assertEquals(lease?.length, 1);
  }, PYTHON);
}

testOnBackends("a reset before accept() takes nobody else along", async (capability) => {
  await using endpoint = await capability.listen("127.0.0.1:0");
  endpoint.pause();
  await using peer = await RawPeer.connect(endpoint.addr.port);
  await peer.do("reset");
  using client = await Deno.connect({ hostname: "127.0.0.1", port: endpoint.addr.port });
  await client.write(new TextEncoder().encode("me"));
  endpoint.resume();
  const texts: string[] = [];
  while (texts.length === 0) {
    await using stream = await endpoint.accept();
    // The one that is gone may be delivered as the dead connection it is, or counted and dropped.
    using lease = await stream.receive().catch(() => null);
    if (lease !== null) texts.push(new TextDecoder().decode(lease.bytes));
  }
  assertEquals(texts, ["me"]);
}, PYTHON);

testOnBackends(
  "a server that resets at once is an error of the client's stream",
  async (capability) => {
    await using peer = RawPeer.start();
    const port = await peer.do("listen");
    await using stream = await capability.connect(`127.0.0.1:${port}`);
    await peer.do("accept");
    const receiving = assertRejects(() => stream.receive(), Deno.errors.ConnectionReset);
    await peer.do("reset");
    await receiving;
  },
  PYTHON,
);

testOnBackends("100 peers that stop reading hold back their senders only", async (capability) => {
  await using endpoint = await capability.listen("127.0.0.1:0");
  const { port } = endpoint.addr;
  const peers: Deno.TcpConn[] = [];
  const senders: Promise<unknown>[] = [];
  const streams: TcpStream[] = [];
  const chunk = new Uint8Array(64 * 1024);
  let moved = 0;
  const send = async (stream: TcpStream) => {
    while (true) moved += await stream.send(chunk);
  };
  try {
    for (let index = 0; index < 100; index++) {
      const accepting = endpoint.accept();
      // Deno's own peers: they are connected, and nothing reads.
      peers.push(await Deno.connect({ hostname: "127.0.0.1", port }));
      const stream = await accepting;
      streams.push(stream);
      senders.push(send(stream).catch(() => {}));
    }
    for (let last = -1; last !== moved;) {
      last = moved;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    // One chunk of each waits here; the rest of what moved is in the kernel's buffers.
    const { bufferBytes } = capability.stats();
    assert(bufferBytes <= 100 * chunk.length, `${bufferBytes} bytes are held`);
    const accepting = endpoint.accept();
    await using client = await capability.connect(endpoint.addr);
    await using server = await accepting;
    await client.send(new Uint8Array(10));
    using lease = await server.receive({ timeoutMs: 5_000 });
    assertEquals(lease?.length, 10);
  } finally {
    await Promise.all(streams.map((stream) => stream.close()));
    await Promise.all(senders);
    for (const peer of peers) peer.close();
  }
});
