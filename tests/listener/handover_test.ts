import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { REFUSALS } from "../support/backends.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import { scale } from "../support/seed.ts";
import { hasProgram, skipUnless } from "../support/skip.ts";
import {
  handOver,
  type HandoverOptions,
  type ListenOptions,
  NetError,
  NetworkCapability,
  type NetworkRights,
  receiveHandover,
  TcpEndpoint,
  UnixEndpoint,
  UnixStream,
} from "../../mod.ts";

const RIGHTS: NetworkRights = { tcp: true, unix: true, listen: true, connect: true, adopt: true };
/** In each a client may knock just as the old owner's accept is cancelled. */
const HANDOVERS = scale(150, 2000);
const DRAIN_MS = 20_000;
const SMALL = { entries: 64, buffers: { count: 16, bytes: 4096 } };

/** What a test is given: two processes' worth of capabilities, connected by a Unix socket. */
interface Stage {
  readonly old: NetworkCapability;
  readonly fresh: NetworkCapability;
  /** The old one's end. */
  readonly toFresh: UnixStream;
  /** The new one's end. */
  readonly toOld: UnixStream;
  readonly folder: string;
}

/** What a test needs beside two capabilities. */
interface HandoverNeeds {
  readonly freshRights?: NetworkRights;
  readonly needs?: { readonly condition: boolean; readonly reason: string };
}

const NOTHING = { condition: true, reason: "" };

/** Two capabilities stand for two processes: nothing passes between them but the connection. */
function testHandover(
  name: string,
  body: (stage: Stage) => Promise<void>,
  { freshRights = RIGHTS, needs = NOTHING }: HandoverNeeds = {},
): void {
  const { condition, reason } = needs;
  const canRun = REFUSALS.kernel === undefined && condition;
  const options = skipUnless(name, canRun, REFUSALS.kernel ?? reason);
  Deno.test(options, async () => {
    const folder = await Deno.makeTempDir();
    let [old, fresh]: NetworkCapability[] = [];
    await assertNoLeaks(async () => {
      const request = (rights: NetworkRights) =>
        NetworkCapability.request({ backend: "kernel", rights, ring: SMALL });
      old = await request(RIGHTS);
      fresh = await request(freshRights);
      try {
        const control = await UnixEndpoint.create(`unix:${folder}/control`, old);
        const accepting = control.accept();
        const toOld = await UnixStream.connect(control.addr, fresh);
        const toFresh = await accepting;
        await control[Symbol.asyncDispose]();
        await body({ old, fresh, toFresh, toOld, folder });
      } finally {
        await old[Symbol.asyncDispose]();
        await fresh[Symbol.asyncDispose]();
      }
    }, () => {
      const [one, two] = [old.stats(), fresh.stats()];
      return {
        sockets: one.sockets + two.sockets,
        inFlight: one.inFlight + two.inFlight,
        leases: one.leases + two.leases,
      };
    });
    await Deno.remove(folder, { recursive: true });
  });
}

async function connectTo({ addr }: TcpEndpoint): Promise<Deno.TcpConn> {
  return await Deno.connect({ hostname: "127.0.0.1", port: addr.port });
}

function codeOf(error: unknown): string {
  assert(error instanceof NetError, String(error));
  return error.code;
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => assert(false, "it did not reject"), (error) => error);
}

testHandover("an endpoint goes to another process, which accepts from then on", async (stage) => {
  const { old, fresh, toFresh, toOld } = stage;
  const endpoint = await TcpEndpoint.create("127.0.0.1:0", old);
  const [[taken]] = await Promise.all([
    receiveHandover(toOld, fresh),
    endpoint.handOver(toFresh),
  ]) as unknown as [[TcpEndpoint]];
  assertInstanceOf(taken, TcpEndpoint);
  assertEquals(taken.addr, endpoint.addr);
  assertEquals(codeOf(await rejection(endpoint.accept())), "EBADF");
  assertEquals(await endpoint.drain({ timeoutMs: 1000 }), { drained: 0, terminated: 0 });
  const accepting = taken.accept();
  using peer = await connectTo(taken);
  const stream = await accepting;
  assertEquals(stream.remoteAddr.port, peer.localAddr.port);
});

testHandover("connections that nobody accepted yet go with the endpoint", async (stage) => {
  const { old, fresh, toFresh, toOld } = stage;
  const endpoint = await TcpEndpoint.create("127.0.0.1:0", old);
  endpoint.pause();
  const peers = await Promise.all([0, 1, 2].map(() => connectTo(endpoint)));
  const [[taken]] = await Promise.all([receiveHandover(toOld, fresh), endpoint.handOver(toFresh)]);
  await endpoint.drain({ timeoutMs: 1000 });
  const ports = new Set<number>();
  for (const _ of peers) ports.add((await (taken as TcpEndpoint).accept()).remoteAddr.port);
  assertEquals(ports, new Set(peers.map(({ localAddr }) => localAddr.port)));
  peers.forEach((peer) => peer.close());
});

testHandover("connections that were accepted are served by the old process", async (stage) => {
  const { old, fresh, toFresh, toOld } = stage;
  const endpoint = await TcpEndpoint.create("127.0.0.1:0", old);
  const accepting = endpoint.accept();
  using first = await connectTo(endpoint);
  const stream = await accepting;
  await Promise.all([receiveHandover(toOld, fresh), endpoint.handOver(toFresh)]);
  const draining = endpoint.drain({ timeoutMs: 10_000 });
  await first.write(new Uint8Array(3));
  using lease = await stream.receive();
  assertEquals(lease?.length, 3);
  await stream.close();
  assertEquals(await draining, { drained: 1, terminated: 0 });
});

testHandover("several endpoints go together, Unix ones with their files", async (stage) => {
  const { old, fresh, toFresh, toOld, folder } = stage;
  const tcp = await TcpEndpoint.create("127.0.0.1:0", old);
  const unix = await UnixEndpoint.create(`unix:${folder}/socket`, old);
  const [taken] = await Promise.all([
    receiveHandover(toOld, fresh, { maxConnections: 1 }),
    handOver([tcp, unix], toFresh),
  ]);
  assertEquals(taken.map(({ localName }) => localName), [tcp.localName, unix.localName]);
  await Promise.all([tcp.drain({ timeoutMs: 0 }), unix.drain({ timeoutMs: 0 })]);
  const accepting = taken[1].accept();
  const client = await UnixStream.connect(`unix:${folder}/socket`, fresh);
  await accepting;
  await client.close();
  assertEquals(taken[1].stats().accepted, 1);
});

testHandover("what cannot be taken stays, and its process is told why", async (stage) => {
  const { old, fresh, toFresh, toOld } = stage;
  const endpoint = await TcpEndpoint.create("127.0.0.1:0", old);
  const taking = rejection(receiveHandover(toOld, fresh));
  const error = await rejection(endpoint.handOver(toFresh));
  assertEquals(codeOf(error), "ECONNABORTED");
  assert((error as Error).message.includes("listen"), String(error));
  assertInstanceOf(await taking, Deno.errors.NotCapable);
  const accepting = endpoint.accept();
  using _peer = await connectTo(endpoint);
  await (await accepting).close();
}, { freshRights: { ...RIGHTS, listen: ["unix://*"] } });

testHandover("receiving endpoints needs the right adopt", async (stage) => {
  const { fresh, toOld } = stage;
  assertInstanceOf(await rejection(receiveHandover(toOld, fresh)), Deno.errors.NotCapable);
}, { freshRights: { ...RIGHTS, adopt: false } });

testHandover("an endpoint that is not taken in time goes on accepting", async (stage) => {
  const { old, toFresh, toOld } = stage;
  const endpoint = await TcpEndpoint.create("127.0.0.1:0", old);
  assertEquals(codeOf(await rejection(endpoint.handOver(toFresh, { timeoutMs: 5 }))), "ETIMEDOUT");
  const signal = AbortSignal.abort("never mind");
  assertEquals(await rejection(endpoint.handOver(toFresh, { signal })), "never mind");
  const handing = rejection(endpoint.handOver(toFresh));
  await toOld.close();
  assert(["ECONNABORTED", "ECONNRESET", "EPIPE"].includes(codeOf(await handing)));
  const accepting = endpoint.accept();
  using _peer = await connectTo(endpoint);
  await (await accepting).close();
});

testHandover("an answer that is none is as good as no", async (stage) => {
  const { old, toFresh, toOld } = stage;
  const endpoint = await TcpEndpoint.create("127.0.0.1:0", old);
  for (const answer of ["yes\n", "{}\n", '{"millrace":"handover"}\n', "null\n"]) {
    const handing = rejection(endpoint.handOver(toFresh));
    await toOld.send(new TextEncoder().encode(answer));
    assertEquals(codeOf(await handing), "ECONNABORTED");
  }
  const handing = rejection(endpoint.handOver(toFresh));
  await toOld.send(new Uint8Array(70_000).fill(0x20));
  assertEquals(codeOf(await handing), "ECONNABORTED");
  assertEquals(endpoint.stats().accepted, 0);
});

testHandover("what is no handover is refused, and its descriptors are closed", async (stage) => {
  const { old, fresh, toFresh, toOld } = stage;
  const endpoint = await TcpEndpoint.create("127.0.0.1:0", old);
  const offer = (endpoints: unknown, version = 1) =>
    JSON.stringify({ millrace: "handover", version, endpoints }) + "\n";
  const tcp = { kind: "tcp", address: endpoint.localName };
  const lines = [
    "\n",
    "{}\n",
    offer([]),
    offer([tcp], 2),
    offer([tcp, tcp]),
    offer([{ kind: "udp", address: "" }]),
    offer("tcp"),
    offer([null]),
  ];
  for (const line of lines) {
    const taking = rejection(receiveHandover(toOld, fresh));
    await toFresh.sendFds(new TextEncoder().encode(line), [endpoint.fd]);
    assertEquals(codeOf(await taking), "ECONNABORTED", line);
  }
  // A descriptor that is no listening socket of the kind that was said.
  const taking = rejection(receiveHandover(toOld, fresh));
  const line = offer([{ kind: "unix", address: "unix:/x" }]);
  await toFresh.sendFds(new TextEncoder().encode(line), [endpoint.fd]);
  assertEquals(codeOf(await taking), "EINVAL");
});

testHandover("an endpoint closed while it is handed over closes in order", async (stage) => {
  const { old, fresh, toFresh, toOld } = stage;
  const endpoint = await TcpEndpoint.create("127.0.0.1:0", old);
  const handing = endpoint.handOver(toFresh);
  endpoint.close();
  const [[taken]] = await Promise.all([receiveHandover(toOld, fresh), handing]);
  const accepting = taken.accept();
  using _peer = await connectTo(taken as TcpEndpoint);
  await accepting;
});

testHandover("options of a handover are checked", async (stage) => {
  const { old, fresh, toFresh, toOld } = stage;
  const endpoint = await TcpEndpoint.create("127.0.0.1:0", old);
  await assertRejects(() => handOver([], toFresh), RangeError, "1 to 253 endpoints");
  const many = new Array(254).fill(endpoint);
  await assertRejects(() => handOver(many, toFresh), RangeError, "not 254");
  const options = { after: 1 } as HandoverOptions;
  await assertRejects(() => receiveHandover(toOld, fresh, options), TypeError, '"after"');
  const backlog = { backlog: 5 } as ListenOptions;
  await assertRejects(() => receiveHandover(toOld, fresh, backlog), TypeError, '"backlog"');
  await assertRejects(() => receiveHandover(toOld, fresh, { maxConnections: 0 }), RangeError);
  await endpoint[Symbol.asyncDispose]();
  assertEquals(codeOf(await rejection(endpoint.handOver(toFresh))), "EBADF");
});

Deno.test("handing over and taking over are ENOTSUP on host, by name", () =>
  assertNoLeaks(async () => {
    const folder = await Deno.makeTempDir();
    await using capability = await NetworkCapability.request({ backend: "host", rights: RIGHTS });
    await using endpoint = await TcpEndpoint.create("127.0.0.1:0", capability);
    await using control = await UnixEndpoint.create(`unix:${folder}/control`, capability);
    const accepting = control.accept();
    await using client = await UnixStream.connect(control.addr, capability);
    await using server = await accepting;
    for (const attempt of [endpoint.handOver(server), receiveHandover(client, capability)]) {
      const error = await rejection(attempt);
      assertEquals(codeOf(error), "ENOTSUP");
      assert((error as Error).message.includes("the host backend"), String(error));
    }
    await Deno.remove(folder, { recursive: true });
  }));

/** Connects once after the other, to be served each time: nobody else would wake who missed it. */
const KNOCKER = `import socket,sys,threading
over = threading.Event()
served = 0
def listen():
  sys.stdin.read()
  over.set()
threading.Thread(target=listen).start()
while not over.is_set():
  with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20) as peer:
    assert len(peer.recv(1)) == 1, "nobody accepted it"
  served += 1
print(served)`;

/** Has one client knock until `during` is over. @returns how often it was served */
async function knockDuring(port: number, during: () => Promise<void>): Promise<number> {
  const child = new Deno.Command("python3", {
    args: ["-c", KNOCKER, String(port)],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = child.output();
  try {
    await during();
  } finally {
    await child.stdin.close();
  }
  const { stdout, stderr } = await output;
  assertEquals(new TextDecoder().decode(stderr), "");
  return Number(new TextDecoder().decode(stdout));
}

async function greetAll(endpoint: TcpEndpoint, onGreeted = () => {}): Promise<void> {
  for await (const stream of endpoint) {
    await stream.send(new Uint8Array([1]));
    onGreeted();
    // So long nobody looks at the ring, as on a machine with other work to do.
    for (const until = performance.now() + 1; performance.now() < until;);
    await stream.close();
  }
}

testHandover("handed to and fro under load, an endpoint loses nobody", async (stage) => {
  const { old, fresh, toFresh, toOld } = stage;
  let endpoint = await TcpEndpoint.create("127.0.0.1:0", old);
  const knocked = Promise.withResolvers<void>();
  const serving = [greetAll(endpoint, knocked.resolve)];
  const served = await knockDuring(endpoint.addr.port, async () => {
    // The client takes a while to start, and under load longer than all the handovers.
    await knocked.promise;
    for (let rounds = 0; rounds < HANDOVERS; rounds++) {
      const isBack = rounds % 2 === 1;
      const [from, to] = isBack ? [toOld, toFresh] : [toFresh, toOld];
      const handing = endpoint.handOver(from);
      const [taken] = await receiveHandover(to, isBack ? old : fresh) as [TcpEndpoint];
      // It accepts before the old owner has stopped, as another process would.
      serving.push(greetAll(taken));
      await handing;
      await endpoint.drain({ timeoutMs: DRAIN_MS });
      endpoint = taken;
    }
  });
  assert(served > 0);
  await endpoint[Symbol.asyncDispose]();
  await Promise.all(serving);
}, { needs: { condition: hasProgram("python3"), reason: "needs python3" } });
