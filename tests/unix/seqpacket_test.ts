import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { codeOf, connectUnix, LinePeer, PYTHON, textOf, unixTest, utf8 } from "./fixtures.ts";
import { runProgram } from "../interop/programs.ts";
import { hasProgram } from "../support/skip.ts";
import { Random, SEED } from "../support/seed.ts";
import {
  type Lease,
  NetError,
  type NetworkCapability,
  UnixEndpoint,
  type UnixStream,
} from "../../mod.ts";

const SEQPACKET = { type: "seqpacket" } as const;
/** What a datagram buffer of a default ring holds. */
const RECEIVE_BYTES_MAX = 67_584;

/** Takes one message as text; null at the end. */
async function next(stream: UnixStream): Promise<string | null> {
  using lease = await stream.receive();
  return lease === null ? null : textOf(lease.bytes);
}

/** Accepts a peer in Python, which has `s`, a connected seqpacket socket. */
async function pythonPeer(
  capability: NetworkCapability,
  path: string,
  source: string,
): Promise<{ peer: LinePeer; stream: UnixStream }> {
  await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability, SEQPACKET);
  const peer = LinePeer.python(
    `import socket,sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
${source}`,
    path,
  );
  return { peer, stream: await endpoint.accept() };
}

unixTest("each send() is one message, and an array of parts is one", async (site) => {
  await using pair = await connectUnix(site, SEQPACKET);
  const { client, server } = pair;
  assertEquals([client.type, server.type], ["seqpacket", "seqpacket"]);
  // Not awaited one by one: sends that gather must not be joined.
  const sending = [
    client.send(utf8("one")),
    client.send([utf8("two"), utf8(""), utf8("-parts")]),
    client.send(new Uint8Array(0)),
    client.send([]),
    client.write(utf8("last")),
  ];
  assertEquals(await Promise.all(sending), [3, 9, 0, 0, 4]);
  await client.closeWrite();
  const received: (string | null)[] = [];
  for (let index = 0; index < 7; index++) received.push(await next(server));
  assertEquals(received, ["one", "two-parts", "", "", "last", null, null]);
});

unixTest(
  "an empty message is a lease of 0 bytes, and the end is null, from Python",
  async (site) => {
    const { peer, stream } = await pythonPeer(
      site.capability,
      site.path,
      `for data in [b"", b"a", b"", b"", b"bc"]: s.send(data)
s.close()
print("closed")
sys.stdin.read()`,
    );
    await using _peer = peer;
    await using _stream = stream;
    // All of it, the end included, is there before the first receive.
    assertEquals(await peer.line(), "closed");
    const lengths: number[] = [];
    for await (const lease of stream.receiveMany()) lengths.push(lease.length);
    assertEquals(lengths, [0, 1, 0, 0, 2]);
    assertEquals(await stream.receive(), null);
  },
  PYTHON,
);

unixTest("messages of random lengths keep their bounds both ways, against Python", async (site) => {
  const random = new Random(SEED);
  console.log(`seed ${SEED}`);
  const { peer, stream } = await pythonPeer(
    site.capability,
    site.path,
    `s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400000)
while True:
  data = s.recv(100000)
  if data == b"end": break
  s.send(data[::-1])
s.close()`,
  );
  await using _peer = peer;
  await using _stream = stream;
  const messages = Array.from({ length: 300 }, () => {
    const most = random.integer(0, 9) === 0 ? RECEIVE_BYTES_MAX : 300;
    return new Uint8Array(random.integer(1, most)).map(() => random.integer(0, 255));
  });
  const receiving = (async () => {
    let index = 0;
    for await (const lease of stream.receiveMany()) {
      assertEquals(lease.copy(), messages[index].toReversed(), `message ${index}`);
      index++;
    }
    return index;
  })();
  for (const message of messages) await stream.send(message);
  await stream.send(utf8("end"));
  assertEquals(await receiving, messages.length);
}, PYTHON);

unixTest("socat's seqpacket side gets messages back", async ({ capability, path }) => {
  await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability, SEQPACKET);
  const echoing = (async () => {
    await using stream = await endpoint.accept();
    for await (const lease of stream.receiveMany()) await stream.send(lease);
  })();
  const args = ["-t", "5", "-", `UNIX-CONNECT:${path},type=5`];
  assertEquals(await runProgram("socat", args, utf8("over socat")), "over socat");
  await echoing;
}, { condition: hasProgram("socat"), reason: "needs socat" });

unixTest(
  "a message that is larger than the buffers is EMSGSIZE, never a shorter one",
  async (site) => {
    await using pair = await connectUnix(site, SEQPACKET);
    const { client, server } = pair;
    for (const excess of [0, 1]) await client.send(new Uint8Array(RECEIVE_BYTES_MAX + excess));
    await client.send(utf8("after"));
    using whole = await server.receive();
    assertEquals(whole!.length, RECEIVE_BYTES_MAX);
    const error = await assertRejects(() => server.receive(), Error);
    assert(error instanceof NetError && error.code === "EMSGSIZE", error.message);
    for (const part of ["67585 bytes", "67584", "ring.datagramBuffers"]) {
      assert(error.message.includes(part), error.message);
    }
    assertEquals(await next(server), "after");
  },
);

unixTest(
  "receiveMany() ends with EMSGSIZE at a message that is too large, and goes on",
  async (site) => {
    await using pair = await connectUnix(site, SEQPACKET);
    const { client, server } = pair;
    await client.send(utf8("fits"));
    await client.send(new Uint8Array(3_000));
    await client.send(utf8("fits too"));
    await client.closeWrite();
    const taken: number[] = [];
    const take = async () => {
      for await (const lease of server.receiveMany()) taken.push(lease.length);
    };
    assertEquals(await codeOf(take()), "EMSGSIZE");
    await take();
    assertEquals(taken, [4, 8]);
  },
  { ring: { datagramBuffers: { count: 4, bytes: 2048 } } },
);

unixTest(
  "a message that is too large to send is EMSGSIZE with the limit, and the stream goes on",
  async (site) => {
    await using pair = await connectUnix(site, SEQPACKET);
    const { client, server } = pair;
    await client.setOption("sendBufferBytes", 20_000);
    // Linux doubles what is set, and takes 32 bytes off: unix_dgram_sendmsg in af_unix.c.
    const most = 40_000 - 32;
    const error = await assertRejects(() => client.send(new Uint8Array(most + 1)), Error);
    assert(error instanceof NetError && error.code === "EMSGSIZE", error.message);
    for (const part of [String(most + 1), String(most), "sendBufferBytes"]) {
      assert(error.message.includes(part), error.message);
    }
    assertEquals(await client.send(new Uint8Array(most)), most);
    using lease = await server.receive();
    assertEquals(lease!.length, most);
    const large = await assertRejects(() => client.send(new Uint8Array(64 * 1024 * 1024)), Error);
    assert(large.message.includes("ring.arenaBytes"), large.message);
  },
);

unixTest(
  "read() takes whole messages, and leaves one that does not fit for who has room",
  async (site) => {
    await using pair = await connectUnix(site, SEQPACKET);
    const { client, server } = pair;
    for (const text of ["first", "", "a longer one", "x"]) await client.send(utf8(text));
    await client.closeWrite();
    const small = new Uint8Array(5);
    assertEquals(await server.read(small), 5);
    assertEquals(textOf(small), "first");
    assertEquals(await server.read(small), 0);
    const error = await assertRejects(() => server.read(small), Error, "12 bytes");
    assertEquals((error as NetError).code, "EMSGSIZE");
    assertEquals(await codeOf(server.read(small)), "EMSGSIZE");
    const large = new Uint8Array(100);
    assertEquals(await server.read(large), 12);
    assertEquals(textOf(large.subarray(0, 12)), "a longer one");
    assertEquals(await server.read(small), 1);
    assertEquals(await server.read(small), null);
  },
);

unixTest(
  "readable has one chunk for each message, writable sends one for each chunk",
  async (site) => {
    await using pair = await connectUnix(site, SEQPACKET);
    const { client, server } = pair;
    const messages = [5, 0, RECEIVE_BYTES_MAX, 1].map((length) =>
      new Uint8Array(length).fill(length)
    );
    const writing = (async () => {
      const writer = client.writable.getWriter();
      for (const message of messages) await writer.write(message);
      await writer.close();
    })();
    const chunks: number[] = [];
    for await (const chunk of server.readable) chunks.push(chunk.length);
    assertEquals(chunks, messages.map(({ length }) => length));
    await writing;
  },
);

unixTest("leases are echoed, and sendZeroCopy() sends its memory as one message", async (site) => {
  await using pair = await connectUnix(site, SEQPACKET);
  const { client, server } = pair;
  await client.send(utf8("lease"));
  const lease = (await server.receive())!;
  const echoed = server.send(lease);
  lease.release();
  await echoed;
  assertEquals(await next(client), "lease");
  using buffer = client.allocBuffer(1000);
  buffer.bytes.fill(7);
  assertEquals(await client.sendZeroCopy(buffer), 1000);
  using received = await server.receive();
  assertEquals(received!.copy(), new Uint8Array(1000).fill(7));
});

unixTest("what has no meaning for messages is ENOTSUP", async (site) => {
  await using pair = await connectUnix(site, SEQPACKET);
  const { client } = pair;
  using buffer = client.allocBuffer(10);
  assertEquals(await codeOf(client.recvZeroCopy(buffer)), "ENOTSUP");
  assertEquals(await codeOf(client.sendFile("/etc/hostname")), "ENOTSUP");
  const options = { type: "seqpacket", proxyProtocol: "v1", trustedProxies: ["unix:"] } as const;
  const listening = () => site.capability.listen(`unix:${site.path}`, options);
  await assertRejects(listening, TypeError, "proxyProtocol");
});

unixTest("seqpacket without buffers for messages is refused by name", async (site) => {
  const { capability, path } = site;
  for (
    const opening of [
      capability.listen(`unix:${path}`, SEQPACKET),
      capability.connect(`unix:${path}`, SEQPACKET),
    ]
  ) {
    const error = await assertRejects(() => opening, Error, "ring.datagramBuffers.count");
    assertEquals((error as NetError).code, "ENOBUFS");
  }
}, { ring: { datagramBuffers: { count: 0 } } });

unixTest(
  "a full peer holds a message back: a deadline and an abort take it back whole",
  async (site) => {
    await using pair = await connectUnix(site, SEQPACKET);
    const { client, server } = pair;
    let sent = 0;
    const message = new Uint8Array(10_000);
    for (;;) {
      const code = await codeOf(client.send(message, { timeoutMs: 20 }));
      if (code === "ETIMEDOUT") break;
      assertEquals(code, "none");
      sent++;
    }
    const controller = new AbortController();
    const aborted = client.send(message, { signal: controller.signal });
    const behind = client.send(utf8("behind"));
    controller.abort(new Error("changed my mind"));
    await assertRejects(() => aborted, Error, "changed my mind");
    for (let index = 0; index < sent; index++) {
      using lease = await server.receive();
      assertEquals(lease!.length, message.length);
    }
    assertEquals(await behind, 6);
    assertEquals(await next(server), "behind");
  },
);

unixTest(
  "a receive past its deadline, an aborted one and one of a closed stream end",
  async (site) => {
    await using pair = await connectUnix(site, SEQPACKET);
    const { client, server } = pair;
    assertEquals(await codeOf(server.receive({ timeoutMs: 5 })), "ETIMEDOUT");
    const controller = new AbortController();
    const receiving = server.receive({ signal: controller.signal });
    controller.abort(new Error("enough"));
    await assertRejects(() => receiving, Error, "enough");
    await client.send(utf8("still there"));
    assertEquals(await next(server), "still there");
    const waiting = codeOf(server.receive());
    assertEquals(await codeOf(server.receive()), "EBUSY");
    await server.close();
    assertEquals(await waiting, "EBADF");
    assertEquals(await codeOf(client.send(utf8("x"))), "EPIPE");
    const closing = codeOf(client.send(utf8("x")));
    await client.close();
    assert(["EPIPE", "EBADF"].includes(await closing));
  },
);

unixTest("close() ends sends that wait, and gives everything back", async (site) => {
  await using pair = await connectUnix(site, SEQPACKET);
  const { client } = pair;
  const codes = Array.from({ length: 200 }, () => codeOf(client.send(new Uint8Array(20_000))));
  await client.send(utf8("x"), { timeoutMs: 20 }).catch(() => {});
  await client.close();
  const ended = (await Promise.all(codes)).filter((code) => code === "EBADF");
  assert(ended.length > 100, `${ended.length} were ended by the close`);
});

unixTest("messages arrive whole while buffers are scarce and leases are kept", async (site) => {
  await using pair = await connectUnix(site, SEQPACKET);
  const { client, server } = pair;
  const held: Lease[] = [];
  for (let index = 0; index < 12; index++) {
    await client.send(utf8(`message ${index}`));
    held.push((await server.receive())!);
  }
  assertEquals(held.map(({ bytes }) => textOf(bytes)), held.map((_, index) => `message ${index}`));
  held.forEach((lease) => lease.release());
  assertThrows(() => held[0].bytes, TypeError);
}, { ring: { datagramBuffers: { count: 4, bytes: 1024 } } });

unixTest("sends wait for a full arena, and all messages arrive", async (site) => {
  const pairs = [];
  for (let index = 0; index < 4; index++) {
    pairs.push(await connectUnix({ ...site, path: `${site.path}${index}` }, SEQPACKET));
  }
  await Promise.all(pairs.map(async ({ client, server }) => {
    const receiving = (async () => {
      let bytes = 0;
      for await (const lease of server.receiveMany()) bytes += lease.length;
      return bytes;
    })();
    const sends = Array.from({ length: 60 }, () => client.send(new Uint8Array(30_000)));
    await Promise.all(sends);
    await client.closeWrite();
    assertEquals(await receiving, 60 * 30_000);
  }));
  for (const pair of pairs) await pair[Symbol.asyncDispose]();
}, { ring: { arenaBytes: 64 * 1024 } });
