import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  allDescriptors,
  codeOf,
  connectUnix,
  LinePeer,
  PYTHON,
  RIGHTS,
  textOf,
  TYPES,
  type UnixPair,
  unixTest,
  utf8,
} from "./fixtures.ts";
import { byteAt, counted } from "../conformance/bytes.ts";
import { NetError, OwnedFd, PartialSendError, UnixEndpoint, UnixStream } from "../../mod.ts";

const FDS_MAX = 253;

/** What a descriptor of this process is: its link under /proc. */
function linkOf(fd: number): string {
  return Deno.readLinkSync(`/proc/self/fd/${fd}`);
}

/** Whether a descriptor is closed to programs that this process starts. */
function isPrivate(fd: number): boolean {
  const info = Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`);
  return (parseInt(/flags:\s+(\d+)/.exec(info)![1], 8) & 0o2000000) !== 0;
}

/** The number of a descriptor that nobody else uses. */
async function ownNumber({ client, server }: UnixPair): Promise<number> {
  await client.sendFds(utf8("x"), [0]);
  using received = (await server.receiveFds())!;
  return received.fds[0].release();
}

unixTest("descriptors pass to Python in their order, over both types", async (site) => {
  const { capability, path } = site;
  const source = `import socket,sys,os,fcntl
s = socket.socket(socket.AF_UNIX, getattr(socket, sys.argv[2]))
s.connect(sys.argv[1])
while True:
  data, fds, flags, _ = socket.recv_fds(s, 100000, 253)
  if not data and not fds: break
  print(len(data), flags, *[os.readlink("/proc/self/fd/%d" % fd) for fd in fds])
  for fd in fds: os.close(fd)`;
  await using listener = await capability.listen("127.0.0.1:0");
  await using other = await capability.listen("127.0.0.1:0");
  for (const type of TYPES) {
    const kind = type === "stream" ? "SOCK_STREAM" : "SOCK_SEQPACKET";
    await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability, { type });
    await using peer = LinePeer.python(source, path, kind);
    await using stream = await endpoint.accept();
    const fds = [listener.fd, other.fd, listener.fd];
    assertEquals(await stream.sendFds([utf8("with "), utf8("three")], fds), 10);
    assertEquals(await peer.line(), ["10", "0", ...fds.map(linkOf)].join(" "));
    await stream.sendFds(utf8("none"), []);
    assertEquals(await peer.line(), "4 0");
    await stream.sendFds(utf8("many"), new Array(FDS_MAX).fill(other.fd));
    const words = (await peer.line()).split(" ");
    assertEquals(words, ["4", "0", ...new Array(FDS_MAX).fill(linkOf(other.fd))]);
  }
}, PYTHON);

unixTest(
  "descriptors come from Python in their order, private, and are closed in the end",
  async (site) => {
    const { capability, path } = site;
    const source = `import socket,sys,os
s = socket.socket(socket.AF_UNIX, getattr(socket, sys.argv[2]))
s.connect(sys.argv[1])
r, w = os.pipe()
os.write(w, b"in the pipe")
socket.send_fds(s, [b"pipe"], [r, w])
s.send(b"plain")
socket.send_fds(s, [b"many"], [r] * 253)
print(os.readlink("/proc/self/fd/%d" % r))
sys.stdin.read()`;
    for (const type of TYPES) {
      const kind = type === "stream" ? "SOCK_STREAM" : "SOCK_SEQPACKET";
      await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability, { type });
      await using peer = LinePeer.python(source, path, kind);
      await using stream = await endpoint.accept();
      const link = await peer.line();
      const { lease, fds } = (await stream.receiveFds())!;
      assertEquals([textOf(lease.bytes), fds.length], ["pipe", 2]);
      lease.release();
      assertEquals(fds.map(({ fd }) => linkOf(fd)), [link, link]);
      assertEquals(fds.map(({ fd }) => isPrivate(fd)), [true, true]);
      assertEquals(Deno.readTextFileSync(`/proc/self/fdinfo/${fds[1].fd}`).includes("pos:"), true);
      assertEquals(capability.stats().sockets, 4);
      await Promise.all(fds.map((fd) => fd.close()));
      assertEquals(fds.map(({ isOpen }) => isOpen), [false, false]);
      using next = (await stream.receiveFds())!;
      // A stream may join bytes without descriptors to those before a boundary, never across one.
      const text = textOf(next.lease.bytes);
      if (text === "plain") {
        assertEquals(next.fds.length, 0);
        using last = (await stream.receiveFds())!;
        assertEquals([textOf(last.lease.bytes), last.fds.length], ["many", FDS_MAX]);
      } else {
        assertEquals([type, text, next.fds.length], ["stream", "plainmany", FDS_MAX]);
      }
    }
  },
  PYTHON,
);

unixTest("what is no list of descriptors is refused by name, and nothing is sent", async (site) => {
  for (const type of TYPES) {
    await using pair = await connectUnix(site, { type });
    const { client, server } = pair;
    const send = (fds: unknown, data: unknown = utf8("x")) => () =>
      client.sendFds(data as Uint8Array, fds as number[]);
    await assertRejects(send(new Array(FDS_MAX + 1).fill(0)), RangeError, "253");
    await assertRejects(send([0, -1]), RangeError, "fds[1]");
    await assertRejects(send([1.5]), RangeError, "fds[0]");
    await assertRejects(send([0, "1"]), TypeError, "fds[1]");
    await assertRejects(send(7), TypeError, "fds");
    await assertRejects(send([0], "text"), TypeError, "data");
    await assertRejects(send([999_999]), Error, "not open");
    assertEquals(await codeOf(client.sendFds(utf8("x"), [999_999])), "EBADF");
    if (type === "stream") {
      await assertRejects(send([0], new Uint8Array(0)), RangeError, "at least 1 byte");
      await client.send(utf8("the first byte"));
      using only = (await server.receiveFds())!;
      assertEquals([textOf(only.lease.bytes), only.fds.length], ["the first byte", 0]);
    } else {
      await client.sendFds(new Uint8Array(0), [0, 1]);
      using only = (await server.receiveFds())!;
      assertEquals([only.lease.length, only.fds.length], [0, 2]);
    }
    await client.close();
    assertEquals(await server.receiveFds(), null);
    assertEquals(await codeOf(client.sendFds(utf8("x"), [0])), "EBADF");
    assertEquals(await codeOf(server.sendFds(utf8("x"), [0])), "EPIPE");
  }
});

unixTest("every other way of receiving has the kernel close descriptors", async (site) => {
  for (const type of TYPES) {
    await using pair = await connectUnix(site, { type });
    const { client, server } = pair;
    const before = allDescriptors().length;
    const send = () => client.sendFds(utf8("x"), [0, 1, 2]);
    await send();
    using first = await server.receive();
    assertEquals(first!.length, 1);
    await send();
    assertEquals(await server.read(new Uint8Array(1)), 1);
    await send();
    for await (const lease of server.receiveMany()) {
      assertEquals(lease.length, 1);
      break;
    }
    await send();
    const reader = server.readable.getReader();
    assertEquals((await reader.read()).value!.length, 1);
    reader.releaseLock();
    assertEquals(allDescriptors().length, before);
    await send();
    using last = (await server.receiveFds())!;
    assertEquals(last.fds.length, 3);
  }
});

unixTest(
  "receiveFds() beside another reader is EBUSY, and gets its own afterwards",
  async (site) => {
    for (const type of TYPES) {
      await using pair = await connectUnix(site, { type });
      const { client, server } = pair;
      const iterator = server.receiveMany();
      const pending = iterator.next();
      assertEquals(await codeOf(server.receiveFds()), "EBUSY");
      await client.send(utf8("for the iteration"));
      assertEquals((await pending).value.length, 17);
      assertEquals(await codeOf(server.receiveFds()), "EBUSY");
      await iterator.return!();
      const waiting = server.receiveFds();
      assertEquals(await codeOf(server.receive()), "EBUSY");
      assertEquals(await codeOf(server.receiveFds()), "EBUSY");
      await client.sendFds(utf8("for receiveFds"), [0]);
      using received = (await waiting)!;
      assertEquals([received.lease.length, received.fds.length], [14, 1]);
      await client.send(utf8("and on"));
      using lease = await server.receive();
      assertEquals(lease!.length, 6);
    }
  },
);

unixTest("a reader of readable that let go takes no descriptors away", async (site) => {
  for (const type of TYPES) {
    await using pair = await connectUnix(site, { type });
    const { client, server } = pair;
    const reader = server.readable.getReader();
    const reading = codeOf(reader.read());
    await client.setOption("sendBufferBytes", 50_000);
    reader.releaseLock();
    assertEquals(await reading !== "none", true);
    const receiving = server.receiveFds();
    await client.sendFds(utf8("x"), [0, 1]);
    using received = (await receiving)!;
    assertEquals([received.lease.length, received.fds.length], [1, 2]);
  }
});

unixTest("descriptors keep their place among other sends, awaited or not", async (site) => {
  await using pair = await connectUnix(site);
  const { client, server } = pair;
  const places: number[] = [];
  const sending: Promise<number>[] = [];
  let position = 0;
  for (let index = 0; index < 200; index++) {
    const length = 1 + (index * 7919) % 5000;
    const data = counted(length, position);
    if (index % 3 === 0) {
      places.push(position);
      sending.push(client.sendFds(data, new Array(1 + index % 5).fill(0)));
    } else {
      sending.push(client.send(data));
    }
    position += length;
  }
  let received = 0;
  let message = 0;
  while (received < position) {
    using next = (await server.receiveFds())!;
    const { bytes } = next.lease;
    for (let index = 0; index < bytes.length; index++) {
      if (bytes[index] !== byteAt(received + index)) throw new Error(`byte ${received + index}`);
    }
    if (next.fds.length > 0) {
      assertEquals(next.fds.length, 1 + (message * 3) % 5);
      const place = places[message++];
      assert(place >= received && place < received + bytes.length, `descriptors of ${place}`);
    }
    received += bytes.length;
  }
  assertEquals(message, places.length);
  await Promise.all(sending);
});

unixTest("what does not leave at once follows, and its descriptors arrive once", async (site) => {
  await using pair = await connectUnix(site);
  const { client, server } = pair;
  const data = counted(3_000_000);
  const sending = client.sendFds(data, [0, 1]);
  data.fill(0);
  const behind = client.send(counted(10, 3_000_000));
  let received = 0;
  let descriptors = 0;
  while (received < 3_000_010) {
    using next = (await server.receiveFds())!;
    const { bytes } = next.lease;
    for (let index = 0; index < bytes.length; index++) {
      if (bytes[index] !== byteAt(received + index)) throw new Error(`byte ${received + index}`);
    }
    if (received === 0) assertEquals(next.fds.length, 2);
    descriptors += next.fds.length;
    received += bytes.length;
  }
  assertEquals([await sending, await behind, descriptors], [3_000_000, 10, 2]);
});

unixTest(
  "a sendFds() that was aborted midway ends the write side, one before its turn does not",
  async (site) => {
    await using pair = await connectUnix(site);
    const { client, server } = pair;
    const controller = new AbortController();
    const sending = client.sendFds(new Uint8Array(5_000_000), [0], { signal: controller.signal });
    const waiting = new AbortController();
    const behind = client.sendFds(utf8("behind"), [0], { signal: waiting.signal });
    const last = client.send(utf8("last"));
    using first = (await server.receiveFds())!;
    assertEquals(first.fds.length, 1);
    waiting.abort(new Error("not yet begun"));
    await assertRejects(() => behind, Error, "not yet begun");
    controller.abort(new Error("midway"));
    const error = await assertRejects(() => sending, PartialSendError);
    assertEquals((error.cause as Error).message, "midway");
    assertEquals(await codeOf(last), "ECANCELED");
    let received = first.lease.length;
    for await (const lease of server.receiveMany()) received += lease.length;
    assertEquals(received, error.bytesTransferred);
  },
);

unixTest(
  "an OwnedFd that is closed while it waits to be sent is sent, then closed",
  async (site) => {
    await using pair = await connectUnix(site);
    const { client, server } = pair;
    await client.sendFds(utf8("x"), [0, 1]);
    const { lease, fds } = (await server.receiveFds())!;
    lease.release();
    const [first, second] = fds;
    const blocking = server.send(new Uint8Array(2_000_000));
    const sending = server.sendFds(utf8("y"), [first]);
    const closing = first.close();
    assertEquals(first.isOpen, false);
    assertEquals(await codeOf(server.sendFds(utf8("z"), [first])), "EBADF");
    const busy = server.sendFds(utf8("z"), [second]);
    assertEquals(await codeOf(Promise.resolve().then(() => second.release())), "EBUSY");
    let received = 0;
    let descriptors = 0;
    while (received < 2_000_002) {
      using next = (await client.receiveFds())!;
      received += next.lease.length;
      descriptors += next.fds.length;
    }
    await Promise.all([blocking, sending, busy, closing]);
    assertEquals(descriptors, 2);
    const number = second.release();
    assertEquals(second.isOpen, false);
    assertEquals(await codeOf(Promise.resolve().then(() => second.fd)), "EBADF");
    await second.close();
    linkOf(number);
    using again = await OwnedFd.adopt(number, site.capability);
    assertEquals(again.fd, number);
  },
);

unixTest("OwnedFd.adopt() proves that the number is open, and needs the right", async (site) => {
  const { capability } = site;
  assertEquals(await codeOf(OwnedFd.adopt(999_999, capability)), "EBADF");
  await assertRejects(() => OwnedFd.adopt(-1, capability), RangeError, "fd");
  await assertRejects(() => OwnedFd.adopt("3" as unknown as number, capability), TypeError, "fd");
  const part = capability.derive({ unix: true });
  await assertRejects(() => OwnedFd.adopt(0, part), Deno.errors.NotCapable);
});

unixTest(
  "descriptors count as sockets: over the limit all of a message are closed",
  async (site) => {
    const { capability, path } = site;
    const rights = { ...RIGHTS, limits: { sockets: 4 } };
    const part = capability.derive(rights);
    await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
    const accepting = endpoint.accept();
    await using client = await UnixStream.connect(`unix:${path}`, part);
    await using server = await accepting;
    const before = allDescriptors().length;
    await server.sendFds(utf8("two"), [0, 1]);
    const held = (await client.receiveFds())!;
    await server.sendFds(utf8("more"), [0, 1, 2]);
    const error = await assertRejects(() => client.receiveFds(), Error, '"sockets"');
    assert(error instanceof NetError && error.code === "EMFILE", error.message);
    using bytes = (await client.receiveFds())!;
    assertEquals([textOf(bytes.lease.bytes), bytes.fds.length], ["more", 0]);
    held[Symbol.dispose]();
    held.fds.forEach((fd) => assertEquals(fd.isOpen, false));
    await server.sendFds(utf8("three"), [0, 1, 2]);
    using three = (await client.receiveFds())!;
    assertEquals(three.fds.length, 3);
    for (const fd of three.fds) await fd.close();
    assertEquals(allDescriptors().length, before);
  },
);

unixTest("receiving descriptors, and sending numbers, needs the right adopt", async (site) => {
  const { capability, path } = site;
  const part = capability.derive({ unix: true, connect: true });
  await using endpoint = await UnixEndpoint.create(`unix:${path}`, capability);
  const accepting = endpoint.accept();
  await using client = await UnixStream.connect(`unix:${path}`, part);
  await using server = await accepting;
  const { denied } = capability.stats();
  const receiving = await assertRejects(() => client.receiveFds(), Deno.errors.NotCapable);
  assertEquals((receiving as { right?: string }).right, "adopt");
  await assertRejects(() => client.sendFds(utf8("x"), [0]), Deno.errors.NotCapable, "adopt");
  assertEquals(capability.stats().denied, denied + 2);
  await using full = await connectUnix({ ...site, path: `${path}2` });
  using owned = await OwnedFd.adopt(await ownNumber(full), capability);
  assertEquals(await client.sendFds(utf8("x"), [owned]), 1);
  using received = (await server.receiveFds())!;
  assertEquals(received.fds.length, 1);
});
