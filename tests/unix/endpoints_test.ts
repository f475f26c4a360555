import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  codeOf,
  connectUnix,
  LinePeer,
  PYTHON,
  textOf,
  TYPES,
  type UnixSite,
  unixTest,
  utf8,
} from "./fixtures.ts";
import { runProgram } from "../interop/programs.ts";
import { hasProgram } from "../support/skip.ts";
import {
  NetError,
  SocketAddress,
  UnixEndpoint,
  type UnixSocketType,
  UnixStream,
} from "../../mod.ts";

const SOCAT = { condition: hasProgram("socat"), reason: "needs socat" };
const NETCAT = { condition: hasProgram("nc"), reason: "needs nc" };

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** Leaves a socket file that nobody has bound, as a process that dies does. */
async function leaveStale({ capability, path }: UnixSite, type = "stream"): Promise<void> {
  if (type === "datagram") {
    await using _socket = await capability.bind(`unix:${path}`);
    return;
  }
  const options = { type: type as UnixSocketType, removeAtClose: false };
  await using _endpoint = await capability.listen(`unix:${path}`, options);
}

async function echo(endpoint: UnixEndpoint): Promise<void> {
  for await (const stream of endpoint) {
    for await (const lease of stream.receiveMany()) await stream.send(lease);
    await stream.close();
  }
}

unixTest("nc -U and socat get their bytes back, over a path and an abstract name", async (site) => {
  const { capability, path } = site;
  const name = `millrace-${crypto.randomUUID()}`;
  const data = new Uint8Array(300_000).map((_, index) => 0x20 + index % 90);
  const peers: [string, [string, string[]][]][] = [
    [`unix:${path}`, [
      ["nc", ["-N", "-U", path]],
      ["socat", ["-t", "5", "-", `UNIX-CONNECT:${path}`]],
    ]],
    [`unix:@${name}`, [["socat", ["-t", "5", "-", `ABSTRACT-CONNECT:${name}`]]]],
  ];
  for (const [address, programs] of peers) {
    await using endpoint = await UnixEndpoint.create(address as `unix:${string}`, capability);
    const echoing = echo(endpoint);
    for (const [program, args] of programs) {
      assertEquals((await runProgram(program, args, data)).length, data.length, program);
    }
    endpoint.close();
    await echoing;
  }
}, { condition: SOCAT.condition && NETCAT.condition, reason: "needs nc and socat" });

unixTest(
  "a client reaches socat and Deno.listen, and Deno.connect reaches an endpoint",
  async (site) => {
    const { capability, path } = site;
    {
      using listener = Deno.listen({ transport: "unix", path });
      const accepting = listener.accept();
      await using client = await UnixStream.connect(`unix:${path}`, capability);
      using conn = await accepting;
      await client.send(utf8("to Deno"));
      const into = new Uint8Array(20);
      assertEquals(textOf(into.subarray(0, (await conn.read(into))!)), "to Deno");
      assertEquals(client.remoteAddr, { transport: "unix", path });
    }
    await Deno.remove(path).catch(() => {});
    await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
    using conn = await Deno.connect({ transport: "unix", path });
    await using stream = await endpoint.accept();
    await conn.write(utf8("from Deno"));
    await conn.closeWrite();
    using lease = await stream.receive();
    assertEquals(textOf(lease!.bytes), "from Deno");
    assertEquals(await stream.receive(), null);
  },
);

unixTest(
  "a path of 107 bytes works, and a longer one is a RangeError that names the limit",
  async (site) => {
    const { capability, folder } = site;
    const path = `${folder}/${"x".repeat(107 - folder.length - 1)}`;
    await using pair = await connectUnix({ ...site, path });
    assertEquals(pair.client.remoteAddr.path, path);
    for (
      const call of [
        () => capability.listen(`unix:${path}y`),
        () => capability.connect(`unix:${path}y`),
        () => capability.connect({ transport: "unix", path: `${path}y` }),
      ]
    ) {
      await assertRejects(call, RangeError, "107");
    }
  },
);

unixTest("an endpoint removes its file when it closes, unless it was told not to", async (site) => {
  const { capability, path } = site;
  const first = await UnixEndpoint.create(`unix:${path}`, capability);
  assertEquals(first.removeAtClose, true);
  await first[Symbol.asyncDispose]();
  assertEquals(await exists(path), false);
  const second = await UnixEndpoint.create(`unix:${path}`, capability, { removeAtClose: false });
  await second[Symbol.asyncDispose]();
  assertEquals(await exists(path), true);
  await Deno.remove(path);
  const third = await UnixEndpoint.create(`unix:${path}`, capability);
  third.removeAtClose = false;
  await third[Symbol.asyncDispose]();
  assertEquals(await exists(path), true);
  await Deno.remove(path);
  const drained = await UnixEndpoint.create(`unix:${path}`, capability);
  await drained.drain({ timeoutMs: 1000 });
  assertEquals(await exists(path), false);
  const abstract = await UnixEndpoint.create(`unix:@${crypto.randomUUID()}`, capability);
  assertEquals(abstract.removeAtClose, false);
});

unixTest("an endpoint leaves a file alone that is not its own any more", async (site) => {
  const { capability, path } = site;
  const first = await UnixEndpoint.create(`unix:${path}`, capability);
  await Deno.remove(path);
  await using _second = await UnixEndpoint.create(`unix:${path}`, capability);
  await first[Symbol.asyncDispose]();
  assertEquals(await exists(path), true);
  await using _client = await UnixStream.connect(`unix:${path}`, capability);
});

unixTest("closing the capability removes the files of its endpoints", async (site) => {
  const part = site.capability.derive({ unix: true, listen: true });
  await UnixEndpoint.create(`unix:${site.path}`, part);
  await part.revoke("over");
  assertEquals(await exists(site.path), false);
});

unixTest("a file that is there is EADDRINUSE, and stays", async (site) => {
  const { capability, path } = site;
  await leaveStale(site);
  const error = await assertRejects(() => capability.listen(`unix:${path}`));
  assert(error instanceof NetError);
  assertInstanceOf(error, Deno.errors.AddrInUse);
  assertEquals([error.code, error.operation, error.local], [
    "EADDRINUSE",
    "listen",
    `unix:${path}`,
  ]);
  assertEquals(await exists(path), true);
});

unixTest(
  "replaceStale takes the place of a socket that nobody has bound, of any type",
  async (site) => {
    const { capability, path } = site;
    for (const left of ["stream", "datagram", "seqpacket"]) {
      for (const type of TYPES) {
        await leaveStale(site, left);
        const options = { type, replaceStale: true };
        await using _endpoint = await UnixEndpoint.create(`unix:${path}`, capability, options);
        await using _client = await UnixStream.connect(`unix:${path}`, capability, { type });
        assertEquals([...Deno.readDirSync(site.folder)].length, 1, "nothing is left beside it");
      }
    }
  },
);

unixTest("replaceStale takes nobody's place who has it bound", async (site) => {
  const { capability, path } = site;
  const source = `import socket,sys
s = socket.socket(socket.AF_UNIX, getattr(socket, sys.argv[2]))
s.bind(sys.argv[1])
if sys.argv[3] == "listen": s.listen()
print("bound")
sys.stdin.read()`;
  for (
    const [type, state] of [
      ["SOCK_STREAM", "listen"],
      ["SOCK_SEQPACKET", "listen"],
      ["SOCK_STREAM", "bound"],
      ["SOCK_DGRAM", "bound"],
    ]
  ) {
    {
      await using peer = LinePeer.python(source, path, type, state);
      assertEquals(await peer.line(), "bound");
      const opening = capability.listen(`unix:${path}`, { replaceStale: true });
      const error = await assertRejects(() => opening, Deno.errors.AddrInUse);
      assertEquals(error.message.includes("somebody serves it"), true, error.message);
      assertEquals([...Deno.readDirSync(site.folder)].map(({ name }) => name), ["socket"]);
    }
    await Deno.remove(path);
  }
}, PYTHON);

unixTest("replaceStale leaves files alone that are no sockets", async (site) => {
  const { capability, folder, path } = site;
  await Deno.writeTextFile(path, "precious");
  await Deno.symlink(`${folder}/nowhere`, `${folder}/link`);
  await Deno.mkdir(`${folder}/folder`);
  for (const name of ["socket", "link", "folder"]) {
    const opening = capability.listen(`unix:${folder}/${name}`, { replaceStale: true });
    const error = await assertRejects(() => opening, Deno.errors.AddrInUse);
    assertEquals(error.message.includes("no socket"), true, error.message);
  }
  assertEquals(await Deno.readTextFile(path), "precious");
  assertEquals([...Deno.readDirSync(folder)].length, 3);
});

unixTest(
  "of many that replace a stale file at once one serves, and clients reach it",
  async (site) => {
    const { capability, path } = site;
    for (let round = 0; round < 20; round++) {
      await leaveStale(site);
      const attempts = await Promise.allSettled(
        Array.from(
          { length: 8 },
          () => UnixEndpoint.create(`unix:${path}`, capability, { replaceStale: true }),
        ),
      );
      const won = attempts.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
      for (const one of attempts) {
        if (one.status === "rejected") assertEquals(one.reason.code, "EADDRINUSE");
      }
      assertEquals(won.length, 1);
      const accepting = won[0].accept();
      await using _client = await UnixStream.connect(`unix:${path}`, capability);
      await using _server = await accepting;
      await won[0][Symbol.asyncDispose]();
      assertEquals([...Deno.readDirSync(site.folder)].length, 0);
    }
  },
);

unixTest("mode is the file's, whatever the umask", async (site) => {
  const { capability, path } = site;
  const umask = Deno.umask(0o027);
  try {
    for (const mode of [0o600, 0o660, 0o666, 0o777, 0o000]) {
      await using _endpoint = await UnixEndpoint.create(`unix:${path}`, capability, { mode });
      assertEquals((await Deno.lstat(path)).mode! & 0o777, mode);
    }
    await using _endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
    assertEquals((await Deno.lstat(path)).mode! & 0o777, 0o750);
  } finally {
    Deno.umask(umask);
  }
});

unixTest("options that make no sense are refused by name", async ({ capability, path }) => {
  const listen = (options: object, address = `unix:${path}`) => () =>
    UnixEndpoint.create(address as `unix:${string}`, capability, options);
  await assertRejects(listen({ mode: 0o1000 }), RangeError, "mode");
  await assertRejects(listen({ mode: "rwx" }), RangeError, "mode");
  await assertRejects(listen({ replaceStale: 1 }), TypeError, "replaceStale");
  await assertRejects(listen({ removeAtClose: "no" }), TypeError, "removeAtClose");
  await assertRejects(listen({ type: "datagram" }), TypeError, "type");
  await assertRejects(listen({ unlink: true }), TypeError, "unlink");
  for (const options of [{ mode: 0o600 }, { replaceStale: true }, { removeAtClose: false }]) {
    const error = await assertRejects(listen(options, `unix:@${crypto.randomUUID()}`), Error);
    assert(error instanceof NetError && error.code === "EINVAL", error.message);
    assert(error.message.includes(Object.keys(options)[0]), error.message);
  }
  for (const options of [{ mode: 0o600 }, { type: "stream" }] as object[]) {
    const opening = () => capability.listen("127.0.0.1:0", options);
    await assertRejects(opening, TypeError, Object.keys(options)[0]);
  }
  const options: object = { type: "stream" };
  await assertRejects(() => capability.connect("127.0.0.1:1", options), TypeError, "type");
  assertThrows(() => SocketAddress.unix("x".repeat(108)), RangeError, "107");
});

unixTest(
  "a failed listen leaves neither a socket nor a file",
  async ({ capability, folder, path }) => {
    assertEquals(await codeOf(capability.listen(`unix:${folder}/none/socket`)), "ENOENT");
    assertEquals(
      await codeOf(capability.listen(`unix:${folder}/none/socket`, { replaceStale: true })),
      "ENOENT",
    );
    await Deno.writeTextFile(`${folder}/file`, "");
    assertEquals(await codeOf(capability.listen(`unix:${folder}/file/socket`)), "ENOTDIR");
    assertEquals(await codeOf(capability.connect(`unix:${path}`)), "ENOENT");
    assertEquals(await codeOf(capability.connect(`unix:${folder}/file`)), "ECONNREFUSED");
    assertEquals(capability.stats().sockets, 0);
  },
);

unixTest("sockets of the other type are refused with EPROTOTYPE", async (site) => {
  const { capability, path } = site;
  for (const type of TYPES) {
    await using _endpoint = await UnixEndpoint.create(`unix:${path}`, capability, { type });
    const other = type === "stream" ? "seqpacket" : "stream";
    const connecting = capability.connect(`unix:${path}`, { type: other });
    assertEquals(await codeOf(connecting), "EPROTOTYPE");
  }
});

unixTest("rules judge paths and abstract names, however they are spelt", async (site) => {
  const { capability, folder } = site;
  await Deno.mkdir(`${folder}/in`);
  await Deno.mkdir(`${folder}/out`);
  const name = crypto.randomUUID();
  const rules = [`unix://${folder}/in/*`, `unix://@${name}`] as const;
  const part = capability.derive({ unix: true, listen: [...rules], connect: [...rules] });
  for (const address of [`unix:${folder}/in/a`, `unix:${folder}//in/./b`, `unix:@${name}`]) {
    await using endpoint = await part.listen(address as `unix:${string}`);
    const accepting = endpoint.accept();
    await using _client = await part.connect(address as `unix:${string}`);
    await using _server = await accepting;
  }
  for (
    const path of [`${folder}/out/a`, `${folder}/out/../in/a`, `${folder}/in/x/y`, `@${name}x`]
  ) {
    const listening = assertRejects(() => part.listen(`unix:${path}`), Deno.errors.NotCapable);
    assertEquals((await listening as { right?: string }).right, "listen");
    const connecting = assertRejects(() => part.connect(`unix:${path}`), Deno.errors.NotCapable);
    assertEquals((await connecting as { right?: string }).right, "connect");
  }
});

unixTest("peerCredentials() tells process, user and group of the other end", async (site) => {
  const { capability, path } = site;
  const source = `import socket,sys,os
os.setgid(int(sys.argv[3])); os.setuid(int(sys.argv[2]))
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
print(os.getpid())
sys.stdin.read()`;
  const isRoot = Deno.uid() === 0;
  const [uid, gid] = isRoot ? [12345, 54321] : [Deno.uid()!, Deno.gid()!];
  await Deno.chmod(site.folder, 0o755);
  await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability, { mode: 0o666 });
  await using peer = LinePeer.python(source, path, String(uid), String(gid));
  await using stream = await endpoint.accept();
  assertEquals(await stream.peerCredentials(), { pid: Number(await peer.line()), uid, gid });
  await using client = await UnixStream.connect(`unix:${path}`, capability);
  const own = { pid: Deno.pid, uid: Deno.uid()!, gid: Deno.gid()! };
  assertEquals(await client.peerCredentials(), own);
  await client.close();
  assertEquals(await codeOf(client.peerCredentials()), "EBADF");
}, PYTHON);
