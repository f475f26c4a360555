import { assert, assertEquals } from "@std/assert";
import { deadline } from "@std/async";
import {
  allDescriptors,
  codeOf,
  connectUnix,
  LinePeer,
  PYTHON,
  RIGHTS,
  textOf,
  TYPES,
  unixTest,
  utf8,
} from "./fixtures.ts";
import { Random, scale, SEED } from "../support/seed.ts";
import { hasProgram } from "../support/skip.ts";
import {
  NetworkCapability,
  PartialSendError,
  UnixEndpoint,
  UnixStream,
  WorkerLedger,
} from "../../mod.ts";
import { DescriptorTable } from "../../ring/descriptor_table.ts";

const FDS_MAX = 253;
/** Descriptors that a flooded process may have: far fewer than one message carries. */
const FLOOD_LIMIT = 150;
const FLOOD_MESSAGES = 1000;
const RACE_MESSAGES = scale(3_000, 100_000);

/** Every tenth message carries few descriptors, the others as many as there may be. */
const FLOOD = `import socket,sys,time,errno
l = socket.socket(socket.AF_UNIX, getattr(socket, sys.argv[2]))
l.bind(sys.argv[1])
l.listen()
print("listening")
s, _ = l.accept()
s.recv(1)
for index in range(int(sys.argv[3])):
  fds = [0] * (3 if index % 10 == 0 else 253)
  while True:
    try:
      socket.send_fds(s, [b"x" * 100], fds)
      break
    except OSError as error:
      if error.errno != errno.ETOOMANYREFS: raise
      time.sleep(0.001)
s.close()
sys.stdin.read()`;

for (const type of TYPES) {
  unixTest(`a flood of descriptors over ${type} leaves none, and costs no byte`, async (site) => {
    const script = new URL("./flood_receiver.ts", import.meta.url).pathname;
    const kind = type === "stream" ? "SOCK_STREAM" : "SOCK_SEQPACKET";
    await using sender = LinePeer.python(FLOOD, site.path, kind, String(FLOOD_MESSAGES));
    assertEquals(await sender.line(), "listening");
    const run = [Deno.execPath(), "run", "-A", "--no-check", "--no-config", script];
    const limited = `ulimit -n ${FLOOD_LIMIT} && exec "$@"`;
    await using receiver = LinePeer.start(["sh", "-c", limited, "sh", ...run, site.path, type]);
    const report = JSON.parse(await receiver.line());
    const few = FLOOD_MESSAGES / 10;
    const { received, refused, ...rest } = report;
    assertEquals(refused, FLOOD_MESSAGES - few);
    assertEquals(received, few * 3);
    assertEquals(rest, {
      messages: FLOOD_MESSAGES,
      bytes: FLOOD_MESSAGES * 100,
      left: 0,
      sockets: 0,
      leases: 0,
    });
    assertEquals((await receiver.status).code, 0);
  }, { condition: PYTHON.condition && hasProgram("sh"), reason: "needs python3 and sh" });
}

unixTest("closing, aborting and disposing at random moments leaves no descriptor", async (site) => {
  const random = new Random(SEED);
  console.log(`seed ${SEED}`);
  for (let round = 0; round < 150; round++) {
    const type = TYPES[round % 2];
    const part = site.capability.derive(RIGHTS);
    const endpoint = await UnixEndpoint.create(`unix:${site.path}`, part, { type });
    const accepting = endpoint.accept();
    const client = await UnixStream.connect(`unix:${site.path}`, part, { type });
    const server = await accepting;
    const sending = (async () => {
      for (let index = 0; index < 30; index++) {
        await client.sendFds(utf8("message"), new Array(random.integer(0, 5)).fill(0));
      }
    })().catch(() => {});
    const controller = new AbortController();
    const receiving = (async () => {
      for (;;) {
        const { signal } = controller;
        const timeoutMs = random.integer(0, 3) === 0 ? random.integer(0, 2) : undefined;
        const received = await server.receiveFds({ signal, timeoutMs }).catch((error) => {
          if (error.code === "ETIMEDOUT") return undefined;
          throw error;
        });
        if (received === null) return;
        if (received !== undefined && random.integer(0, 2) > 0) received[Symbol.dispose]();
        else received?.lease.release();
      }
    })().catch(() => {});
    const turns = random.integer(0, 40);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    if (random.integer(0, 1) === 0) await client.send(utf8("x")).catch(() => {});
    const way = random.integer(0, 3);
    if (way === 0) await server.close();
    else if (way === 1) controller.abort(new Error("random"));
    else if (way === 2) await part.revoke("random");
    await part[Symbol.asyncDispose]();
    await Promise.all([sending, receiving]);
  }
  assertEquals(site.capability.stats().sockets, 0);
});

unixTest(
  "no descriptor is lost by aborts at random moments, sent by another process",
  async (site) => {
    const { capability, path } = site;
    const random = new Random(SEED);
    console.log(`seed ${SEED}`);
    const source = `import socket,sys,time
s = socket.socket(socket.AF_UNIX, getattr(socket, sys.argv[2]))
s.connect(sys.argv[1])
for index in range(int(sys.argv[3])):
  if index % 5 == 0: time.sleep(0.0005)
  socket.send_fds(s, [b"%08d" % index], [0] * (1 + index % 3))
s.close()
sys.stdin.read()`;
    for (const type of TYPES) {
      await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability, { type });
      const kind = type === "stream" ? "SOCK_STREAM" : "SOCK_SEQPACKET";
      await using _peer = LinePeer.python(source, path, kind, String(RACE_MESSAGES));
      await using stream = await endpoint.accept();
      let message = 0;
      let aborted = 0;
      for (;;) {
        const controller = new AbortController();
        const receiving = stream.receiveFds({ signal: controller.signal });
        const abort = () => controller.abort(new Error("random"));
        if (random.integer(0, 1) === 0) abort();
        else setImmediate(abort);
        try {
          using received = await receiving;
          if (received === null) break;
          assertEquals(textOf(received.lease.bytes), String(message).padStart(8, "0"));
          assertEquals(received.fds.length, 1 + message % 3);
          message++;
        } catch (error) {
          if ((error as Error).message !== "random") throw error;
          aborted++;
        }
      }
      assertEquals(message, RACE_MESSAGES);
      assert(aborted > 0, "nothing was aborted: the test shows nothing");
    }
  },
  PYTHON,
);

unixTest("descriptors that nobody received are closed with the stream", async (site) => {
  await using pair = await connectUnix(site);
  const before = allDescriptors().length;
  for (let index = 0; index < 20; index++) {
    await pair.client.sendFds(utf8("x"), new Array(FDS_MAX).fill(0));
  }
  await pair.server.close();
  assertEquals(allDescriptors().length, before - 1);
});

unixTest(
  "a capability that ends closes the descriptors that were received under it",
  async (site) => {
    const { capability, path } = site;
    await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
    for (const end of ["revoke", "dispose"]) {
      const part = capability.derive(RIGHTS);
      const accepting = endpoint.accept();
      const client = await UnixStream.connect(`unix:${path}`, part);
      await using server = await accepting;
      await server.sendFds(utf8("x"), [0, 1, 2]);
      const { lease, fds } = (await client.receiveFds())!;
      lease.release();
      const pending = codeOf(client.receiveFds());
      if (end === "revoke") {
        assertEquals((await part.revoke("over")).sockets, 4);
        assertEquals(await pending, "EACCES");
      } else {
        await part[Symbol.asyncDispose]();
        assertEquals(await pending, "EBADF");
      }
      assertEquals(fds.map(({ isOpen }) => isOpen), [false, false, false]);
      await fds[0].close();
    }
  },
);

unixTest(
  "credentials and processes that a socket is set to pass along are no descriptors",
  async (site) => {
    const { capability, path } = site;
    // SO_PASSCRED and, from Linux 6.5 on, SO_PASSPIDFD: a descriptor with each message.
    const source = `import socket,sys,array
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
for kind in [socket.SOCK_STREAM, socket.SOCK_SEQPACKET]:
  a, b = socket.socketpair(socket.AF_UNIX, kind)
  b.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
  try: b.setsockopt(socket.SOL_SOCKET, 76, 1)
  except OSError: pass
  socket.send_fds(s, [b"socket"], [b.fileno()])
  for data in [b"one", b"two"]: socket.send_fds(a, [data], [0, 0])
  for data in [b"three", b"four"]: a.send(data)
  a.close()
sys.stdin.read()`;
    await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
    await using peer = LinePeer.python(source, path);
    await using carrier = await endpoint.accept();
    for (const type of TYPES) {
      const carried = (await carrier.receiveFds())!;
      carried.lease.release();
      await using stream = await UnixStream.adopt(carried.fds[0], capability);
      assertEquals(stream.type, type);
      const before = allDescriptors().length;
      let descriptors = 0;
      let bytes = 0;
      for (let index = 0; index < 2; index++) {
        using received = (await stream.receiveFds())!;
        descriptors += received.fds.length;
        bytes += received.lease.length;
      }
      for await (const lease of stream.receiveMany()) bytes += lease.length;
      assertEquals([descriptors, bytes], [4, 15]);
      await stream.send(utf8("x")).catch(() => {});
      assertEquals(allDescriptors().length, before);
    }
    assert(peer.pid > 0);
  },
  PYTHON,
);

unixTest("a Worker's ledger knows the descriptors that it received", async ({ path }) => {
  const ledger = new WorkerLedger({ ring: { entries: 64, arenaBytes: 1 << 20 } });
  const table = new DescriptorTable(ledger.handle.table);
  const { handle } = ledger;
  await using capability = await NetworkCapability.request({
    backend: "kernel",
    rights: RIGHTS,
    ledger: handle,
  });
  await using pair = await connectUnix({ capability, folder: "", path });
  await pair.client.sendFds(utf8("x"), [0, 1]);
  const { lease, fds } = (await pair.server.receiveFds())!;
  lease.release();
  const [first, second] = fds.map(({ fd }) => fd);
  assertEquals([table.has(first), table.has(second)], [true, true]);
  await fds[0].close();
  assertEquals(table.has(first), false);
  fds[1].release();
  assertEquals(table.has(second), false);
  const stream = await codeOf(UnixStream.adopt(second, capability));
  assertEquals(stream, "ENOTSOCK");
  using last = await (await import("../../mod.ts")).OwnedFd.adopt(second, capability);
  assertEquals(table.has(last.fd), true);
});

// Linux tries such a send over and over, and does not find it to cancel it at such a moment.
unixTest("descriptors for a peer that has ended its side and does not read can be given up", async (
  site,
) => {
  for (let round = 0; round < scale(30, 500); round++) {
    await using pair = await connectUnix(site);
    const { client, server } = pair;
    const controller = new AbortController();
    // More than the buffers of two sockets hold.
    const sending = client.sendFds(new Uint8Array(20_000_000), [], { signal: controller.signal });
    const failing = sending.then(() => null, (error: unknown) => error);
    (await server.receive())!.release();
    await server.closeWrite();
    assertEquals(await client.receive(), null);
    if (round % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 3));
    controller.abort(new RangeError("enough"));
    assert(await deadline(failing, 10_000) instanceof PartialSendError);
  }
});
