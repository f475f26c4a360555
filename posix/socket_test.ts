import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { AF_UNIX, MSG_DONTWAIT, MSG_PEEK, POLLOUT } from "./constants/mod.ts";
import { PosixError } from "./errors.ts";
import { Posix } from "./posix.ts";
import { Socket, type SocketFamily, type SocketType } from "./socket.ts";
import { formatSockaddr, toSockaddr } from "./socket_address.ts";
import { SOCKET_OPTIONS, type SocketOptionName } from "./socket_options.ts";
import { NetworkCapability } from "../native/capability.ts";
import { kernelRefusal } from "../tests/support/kernel.ts";
import { assertNoLeaks } from "../tests/support/leaks.ts";
import { isRoot, skipUnless } from "../tests/support/skip.ts";

const REFUSAL = kernelRefusal();
const NO_ROOT = REFUSAL ?? (isRoot() ? undefined : "needs root");

function testSocket(
  name: string,
  body: (posix: Posix, capability: NetworkCapability) => void | Promise<void>,
  refusal = REFUSAL,
): void {
  Deno.test(skipUnless(name, refusal === undefined, refusal ?? ""), async () => {
    let counters: NetworkCapability | undefined;
    await assertNoLeaks(async () => {
      await using capability = await NetworkCapability.request({
        backend: "kernel",
        rights: { tcp: true, udp: true, unix: true, raw: true, connect: true, listen: true },
      });
      counters = capability;
      await using posix = Posix.open(capability);
      await body(posix, capability);
    }, () => counters!.stats());
  });
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function receiveText(socket: Socket, flags = 0): string {
  const buffer = new Uint8Array(100);
  return new TextDecoder().decode(buffer.subarray(0, socket.recv(buffer, flags)));
}

/** A connection over loopback, both ends of which are closed by `using`. */
function connected(posix: Posix, address = "127.0.0.1:0", family: SocketFamily = "IPv4") {
  using listener = Socket.create("stream", posix, { family });
  listener.bind(address);
  listener.listen(1);
  const client = Socket.create("stream", posix, { family });
  client.connect(listener.localAddress);
  const { socket, address: peer } = listener.accept();
  return {
    client,
    server: socket,
    peer,
    [Symbol.dispose]() {
      client.close();
      socket.close();
    },
  };
}

function codeOf(call: () => unknown): string {
  return assertThrows(call, PosixError).code;
}

testSocket("a Socket connects, sends, receives, and ends one direction at a time", (posix) => {
  using pair = connected(posix);
  const { client, server, peer } = pair;
  assertEquals(peer, client.localAddress);
  assertEquals(client.peerAddress, server.localAddress);
  assertEquals(client.send(encode("question")), 8);
  assertEquals(receiveText(server, MSG_PEEK), "question");
  assertEquals(receiveText(server), "question");
  client.shutdown("write");
  assertEquals(server.recv(new Uint8Array(1)), 0);
  server.send(encode("answer"));
  assertEquals(receiveText(client), "answer");
  server.shutdown("both");
  assertEquals(codeOf(() => server.send(encode("more"))), "EPIPE");
});

for (const [family, address] of [["IPv6", "[::1]:0"], ["unix", "unix:@socket-test"]] as const) {
  testSocket(`a Socket of ${family} takes its addresses as text`, (posix) => {
    using pair = connected(posix, address, family);
    pair.client.send(encode("hello"));
    assertEquals(receiveText(pair.server), "hello");
  });
}

testSocket("datagrams go to an address as text, and tell where they are from", (posix) => {
  using receiver = Socket.create("datagram", posix);
  using sender = Socket.create("datagram", posix);
  receiver.bind("127.0.0.1:0");
  sender.bind("127.0.0.1:0");
  const to = formatSockaddr(receiver.localAddress);
  assertEquals(sender.sendTo(encode("one"), to), 3);
  assertEquals(receiver.recvFrom(new Uint8Array(10)), { n: 3, address: sender.localAddress });
  sender.connect(to);
  sender.send(encode("two"));
  assertEquals(receiver.recvFrom(new Uint8Array(10), MSG_DONTWAIT).n, 3);
});

testSocket("a seqpacket socket is a Unix socket, and keeps messages apart", (posix) => {
  using listener = Socket.create("seqpacket", posix);
  listener.bind("unix:@socket-test-records");
  listener.listen();
  using client = Socket.create("seqpacket", posix);
  client.connect(listener.localAddress);
  using server = listener.accept().socket;
  client.send(encode("one"));
  client.send(encode("two"));
  assertEquals([receiveText(server), receiveText(server)], ["one", "two"]);
});

testSocket("a raw socket is one of ICMP unless told otherwise", (posix) => {
  for (const [family, protocol] of [["IPv4", 1], ["IPv6", 58]] as const) {
    using socket = Socket.create("raw", posix, { family });
    assertEquals(posix.getsockopt(socket.fd, posix.SOL_SOCKET, posix.SO_PROTOCOL), protocol);
  }
}, NO_ROOT);

testSocket("a timeout ends a call with EAGAIN, and null takes it away", (posix) => {
  using pair = connected(posix);
  const { server } = pair;
  server.setTimeout(20.5);
  assertEquals(server.getOption("sendTimeoutMs"), server.getOption("receiveTimeoutMs"));
  const since = performance.now();
  assertEquals(codeOf(() => server.recv(new Uint8Array(1))), "EAGAIN");
  assert(performance.now() - since >= 19);
  server.setTimeout(null);
  assertEquals(server.getOption("receiveTimeoutMs"), null);
  for (const wrong of [0, -1, NaN, Infinity]) {
    assertThrows(() => server.setTimeout(wrong), TypeError, "milliseconds above 0");
  }
});

testSocket("without blocking, a connect is finished by poll and takeError", (posix) => {
  using gone = Socket.create("stream", posix);
  gone.bind("127.0.0.1:0");
  const nobody = gone.localAddress;
  using client = Socket.create("stream", posix);
  assertEquals(client.isNonblocking, false);
  client.setNonblocking(true);
  assertEquals(client.isNonblocking, true);
  // Loopback may refuse at once.
  const code = codeOf(() => client.connect(nobody));
  if (code === "EINPROGRESS") {
    posix.poll([{ fd: client.fd, events: POLLOUT, revents: 0 }], 5000);
    assertEquals(client.takeError()?.code, "ECONNREFUSED");
  } else {
    assertEquals(code, "ECONNREFUSED");
  }
  assertEquals(client.takeError(), null);
  client.setNonblocking(false);
  assertEquals(client.isNonblocking, false);
});

testSocket("every option can be read on a socket that has it", (posix) => {
  using stream = Socket.create("stream", posix);
  using stream6 = Socket.create("stream", posix, { family: "IPv6" });
  using datagram = Socket.create("datagram", posix);
  using datagram6 = Socket.create("datagram", posix, { family: "IPv6" });
  for (const name of Object.keys(SOCKET_OPTIONS) as SocketOptionName[]) {
    const read = [stream, stream6, datagram, datagram6].map((socket) => {
      try {
        return socket.getOption(name);
      } catch (error) {
        assertInstanceOf(error, PosixError, name);
        return undefined;
      }
    });
    assert(read.some((value) => value !== undefined), `${name} can be read nowhere`);
  }
});

testSocket("options read back as they were set", (posix) => {
  using stream = Socket.create("stream", posix);
  using stream6 = Socket.create("stream", posix, { family: "IPv6" });
  using datagram6 = Socket.create("datagram", posix, { family: "IPv6" });
  using datagram = Socket.create("datagram", posix);
  function check<Name extends SocketOptionName>(socket: Socket, name: Name, ...values: unknown[]) {
    for (const value of values) {
      socket.setOption(name, value as never);
      assertEquals(socket.getOption(name) as unknown, value, name);
    }
  }
  check(stream, "reuseAddress", true, false);
  check(stream, "noDelay", true, false);
  check(stream, "keepAlive", { idleSeconds: 7, intervalSeconds: 3, count: 2 }, false);
  check(stream, "lingerSeconds", 5, 0, null);
  check(stream, "receiveTimeoutMs", 1500, null);
  check(stream, "userTimeoutMs", 1234, 0);
  check(stream, "timeToLive", 9);
  check(stream, "typeOfService", 0x10);
  check(stream, "mtuDiscovery", "do", "probe", "dont", "want");
  check(stream, "congestionControl", "reno");
  check(stream, "device", "lo", "");
  check(stream6, "hopLimit", 9);
  check(stream6, "trafficClass", 0x20);
  check(stream6, "ipv6Only", true, false);
  check(stream6, "mtuDiscovery", "do", "want");
  check(datagram, "broadcast", true, false);
  check(datagram, "packetInfo", true, false);
  check(datagram, "receiveErrors", true, false);
  check(datagram, "multicastLoop", false, true);
  check(datagram, "multicastTimeToLive", 3);
  check(datagram, "multicastInterface", "127.0.0.1");
  check(datagram6, "packetInfo", true, false);
  check(datagram6, "multicastLoop", false, true);
  check(datagram6, "multicastHops", 3);
  check(datagram6, "multicastInterface", 1);
  stream.setOption("keepAlive", true);
  assertEquals(stream.getOption("keepAlive"), { idleSeconds: 7, intervalSeconds: 3, count: 2 });
  assertEquals(codeOf(() => stream.setOption("timeToLive", 999)), "EINVAL");
});

testSocket("wrong types, families, options and values are TypeErrors that name them", (posix) => {
  assertThrows(() => Socket.create("tcp" as SocketType, posix), TypeError, '"tcp"');
  assertThrows(() => Socket.create("stream", posix, { family: "x" as never }), TypeError, '"x"');
  const misspelt = { familly: "IPv6" } as never;
  assertThrows(() => Socket.create("stream", posix, misspelt), TypeError, '"familly"');
  using socket = Socket.create("stream", posix);
  assertThrows(() => socket.setOption("toString" as never, 1 as never), TypeError, '"toString"');
  assertThrows(() => socket.getOption("nodelay" as never), TypeError, '"nodelay"');
  assertThrows(() => socket.setOption("noDelay", 1 as never), TypeError, "noDelay must be");
  const partial = { idleSeconds: 1 } as never;
  assertThrows(() => socket.setOption("keepAlive", partial), TypeError, "keepAlive must be");
  assertThrows(() => socket.shutdown("all" as never), TypeError, '"all"');
  assertThrows(() => socket.bind("localhost:80"), TypeError, "resolved first");
  assertThrows(() => socket.bind("127.0.0.1"), TypeError, "port");
});

testSocket("a closed Socket is closed once, and answers with EBADF", (posix) => {
  const socket = Socket.create("stream", posix);
  const { fd } = socket;
  socket.close();
  assertEquals(socket.fd, -1);
  using other = Socket.create("stream", posix);
  assertEquals(other.fd, fd);
  // The number has another owner now.
  socket.close();
  socket[Symbol.dispose]();
  assertEquals(codeOf(() => socket.send(encode("x"))), "EBADF");
  assertEquals(other.localAddress.port, 0);
});

testSocket("a descriptor leaves one object and enters another", (posix) => {
  using pair = connected(posix);
  const fd = pair.server.release();
  assertEquals(codeOf(() => pair.server.recv(new Uint8Array(1))), "EBADF");
  using again = Socket.from(fd, posix);
  pair.client.send(encode("still open"));
  assertEquals(receiveText(again), "still open");
});

testSocket("a table of its own lasts as long as the sockets in it", async (_, capability) => {
  const restricted = capability.derive({ tcp: true, listen: ["tcp://127.0.0.1:*"], connect: true });
  const listener = Socket.createWithCapability(restricted, "stream");
  listener.bind("127.0.0.1:0");
  listener.listen();
  const client = Socket.createWithCapability(restricted, "stream");
  assert(listener.posix !== client.posix);
  client.connect(listener.localAddress);
  const { socket } = listener.accept();
  await listener[Symbol.asyncDispose]();
  client.send(encode("after the listener"));
  assertEquals(receiveText(socket), "after the listener");
  await socket[Symbol.asyncDispose]();
  await client[Symbol.asyncDispose]();
  assertEquals(restricted.stats().sockets, 0);
  const denied = assertThrows(
    () => Socket.createWithCapability(restricted, "datagram"),
    PosixError,
  );
  assertEquals(denied.code, "EACCES");
  assertInstanceOf(denied.cause, Deno.errors.NotCapable);
});

testSocket("addresses are read from text and shown as text", (posix) => {
  const texts = [
    "127.0.0.1:80",
    "[::1]:8080",
    "[fe80::1%2]:1",
    "unix:/run/x",
    "unix:@abstract",
  ];
  for (const text of texts) assertEquals(formatSockaddr(toSockaddr(text, posix)), text);
  assertEquals(toSockaddr("127.1:80", posix).address, "127.0.0.1");
  assertEquals(toSockaddr("[fe80::1%lo]:80", posix).scopeId, 1);
  assertEquals(codeOf(() => toSockaddr("[fe80::1%nowhere0]:80", posix)), "EAI_NONAME");
  assertEquals(formatSockaddr({ family: AF_UNIX, path: "" }), "unix:");
  assertEquals(formatSockaddr({ family: 17, data: new Uint8Array(4) }), "family 17");
});
