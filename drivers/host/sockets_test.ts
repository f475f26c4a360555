import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { CqeFlag, IoPrio, Op, Shut, Sock } from "../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6, AF_UNIX, decodeSockaddr } from "../../ring/abi/sockaddr.ts";
import { readFully, testBoth } from "../../tests/support/test_program.ts";

testBoth("SOCKET gives the lowest free descriptor, from 3", async (program) => {
  assertEquals(await program.socket(), 3);
  assertEquals(await program.socket(AF_INET6), 4);
  assertEquals(await program.socket(AF_UNIX), 5);
  assertEquals(await program.run(Op.CLOSE, 4), 0);
  assertEquals(await program.socket(), 4);
  await program.closeAll(3, 4, 5);
});

testBoth("SOCKET refuses what Deno has no sockets for", async (program) => {
  const open = (domain: number, type: number, protocol = 0) =>
    program.run(Op.SOCKET, domain, { offset: type, length: protocol });
  assertEquals(await open(17, Sock.STREAM), -Errno.EAFNOSUPPORT);
  assertEquals(await open(AF_INET, Sock.STREAM, 17), -Errno.EPROTONOSUPPORT);
  assertEquals(await open(AF_UNIX, Sock.DGRAM), -Errno.ENOTSUP);
  assertEquals(await open(AF_UNIX, Sock.SEQPACKET), -Errno.ENOTSUP);
  assertEquals(await open(AF_INET, Sock.RAW, 1), -Errno.ENOTSUP);
  assertEquals(await open(AF_INET, Sock.DGRAM, 1), -Errno.ENOTSUP);
  assertEquals(await open(AF_INET6, Sock.DGRAM, 58), -Errno.ENOTSUP);
  assertEquals(await open(AF_INET, Sock.DGRAM, 6), -Errno.EPROTONOSUPPORT);
  assertEquals(await open(AF_INET, 0), -Errno.EINVAL);
  assertEquals(await open(AF_INET, 1 << 20), -Errno.EINVAL);
  const fd = await open(AF_INET, Sock.STREAM | Sock.CLOEXEC | Sock.NONBLOCK, 6);
  assertEquals(fd, 3);
  await program.closeAll(fd);
});

testBoth("BIND, LISTEN, CONNECT and ACCEPT make a connection with names", async (program) => {
  const { fd: listener, port } = await program.listen();
  const address = program.take(128);
  const length = program.take(4);
  program.reactor.memory.words[length >> 2] = 128;
  const accepted = program.begin(Op.ACCEPT, listener, { address, offset: length });
  const client = await program.socket();
  assertEquals(await program.withAddress(Op.CONNECT, client, `127.0.0.1:${port}`).result(), 0);
  const server = await accepted.result();
  assert(server > client);
  assertEquals(await program.name(client, "peer"), `127.0.0.1:${port}`);
  assertEquals(await program.name(server, "local"), `127.0.0.1:${port}`);
  const peer = await program.name(server, "peer");
  assertEquals(peer, await program.name(client, "local"));
  const { bytes, words } = program.reactor.memory;
  assertEquals(decodeSockaddr(bytes, address, words[length >> 2]).toString(), peer);
  await program.closeAll(listener, client, server);
});

testBoth("connections over IPv6 and unix sockets have their names", async (program) => {
  const path = `${await Deno.makeTempDir()}/socket`;
  for (const [family, address] of [[AF_INET6, "[::1]:0"], [AF_UNIX, `unix:${path}`]] as const) {
    const listener = await program.socket(family);
    assertEquals(await program.withAddress(Op.BIND, listener, address).result(), 0);
    assertEquals(await program.run(Op.LISTEN, listener, { length: 4 }), 0);
    const name = await program.name(listener, "local");
    const client = await program.socket(family);
    const accepted = program.run(Op.ACCEPT, listener);
    assertEquals(await program.withAddress(Op.CONNECT, client, name).result(), 0);
    assertEquals(await program.name(client, "peer"), name);
    await program.closeAll(listener, client, await accepted);
  }
  await Deno.remove(path.slice(0, -"/socket".length), { recursive: true });
});

testBoth("an abstract unix address works where Linux has them", async (program) => {
  if (Deno.build.os !== "linux") return;
  const name = `unix:@millrace-${crypto.randomUUID()}`;
  const listener = await program.socket(AF_UNIX);
  assertEquals(await program.withAddress(Op.BIND, listener, name).result(), 0);
  assertEquals(await program.run(Op.LISTEN, listener, { length: 4 }), 0);
  assertEquals(await program.name(listener, "local"), name);
  const client = await program.socket(AF_UNIX);
  const accepted = program.run(Op.ACCEPT, listener);
  assertEquals(await program.withAddress(Op.CONNECT, client, name).result(), 0);
  await program.closeAll(listener, client, await accepted);
});

testBoth("a failed connect says why, and the socket can try again", async (program) => {
  const { fd: listener, port } = await program.listen();
  await program.closeAll(listener);
  const fd = await program.socket();
  const refused = await program.withAddress(Op.CONNECT, fd, `127.0.0.1:${port}`).result();
  assertEquals(refused, -Errno.ECONNREFUSED);
  assertEquals(
    await program.withAddress(Op.CONNECT, fd, "[::1]:80").result(),
    -Errno.EAFNOSUPPORT,
  );
  const second = await program.listen();
  const again = await program.withAddress(Op.CONNECT, fd, `127.0.0.1:${second.port}`).result();
  assertEquals(again, 0);
  assertEquals(
    await program.withAddress(Op.CONNECT, fd, `127.0.0.1:${second.port}`).result(),
    -Errno.EISCONN,
  );
  await program.closeAll(fd, second.fd);
});

testBoth("BIND says when an address is taken, or not this machine's", async (program) => {
  const { fd, port } = await program.listen();
  const other = await program.socket();
  const bind = (address: string) => program.withAddress(Op.BIND, other, address).result();
  assertEquals(await bind(`127.0.0.1:${port}`), -Errno.EADDRINUSE);
  assertEquals(await bind("192.0.2.1:0"), -Errno.EADDRNOTAVAIL);
  assertEquals(await bind("[::1]:0"), -Errno.EAFNOSUPPORT);
  assertEquals(await bind("127.0.0.1:0"), 0);
  assertEquals(await bind("127.0.0.1:0"), -Errno.EINVAL);
  const name = await program.name(other, "local");
  assert(!name.endsWith(":0"), name);
  assertEquals(await program.run(Op.LISTEN, other, { length: 4 }), 0);
  assertEquals(await program.name(other, "local"), name);
  await program.closeAll(fd, other);
});

testBoth("LISTEN without BIND chooses a port, but no path", async (program) => {
  const fd = await program.socket();
  assertEquals(await program.run(Op.LISTEN, fd, { length: 4 }), 0);
  assertEquals(await program.run(Op.LISTEN, fd, { length: 8 }), 0);
  assert((await program.name(fd, "local")).startsWith("0.0.0.0:"));
  const unix = await program.socket(AF_UNIX);
  assertEquals(await program.run(Op.LISTEN, unix, { length: 4 }), -Errno.EINVAL);
  await program.closeAll(fd, unix);
});

testBoth("a socket bound to a local address cannot connect from it", async (program) => {
  const { fd: listener, port } = await program.listen();
  const fd = await program.socket();
  await program.withAddress(Op.BIND, fd, "127.0.0.2:0").result();
  const result = await program.withAddress(Op.CONNECT, fd, `127.0.0.1:${port}`).result();
  assertEquals(result, -Errno.ENOTSUP);
  const free = await program.socket();
  await program.withAddress(Op.BIND, free, "0.0.0.0:0").result();
  assertEquals(await program.withAddress(Op.CONNECT, free, `127.0.0.1:${port}`).result(), 0);
  await program.closeAll(fd, free, listener);
});

testBoth("descriptors that are not open are EBADF", async (program) => {
  for (const opcode of [Op.CLOSE, Op.RECV, Op.SEND, Op.ACCEPT, Op.LISTEN, Op.SHUTDOWN]) {
    assertEquals(await program.run(opcode, 77), -Errno.EBADF, `opcode ${opcode}`);
  }
  assertEquals(await program.run(Op.RECV, 3, { flags: 1 }), -Errno.EBADF);
});

testBoth("a multishot accept takes every connection until it is cancelled", async (program) => {
  const { fd: listener, port } = await program.listen();
  const flight = program.begin(Op.ACCEPT, listener, { ioprio: IoPrio.ACCEPT_MULTISHOT });
  const peers = await Promise.all(
    Array.from({ length: 5 }, () => Deno.connect({ hostname: "127.0.0.1", port })),
  );
  const fds: number[] = [];
  for (let index = 0; index < peers.length; index++) {
    const { result, flags } = await flight.next();
    assert(result > 0);
    assertEquals(flags & CqeFlag.MORE, CqeFlag.MORE);
    fds.push(result);
  }
  assertEquals(new Set(fds).size, 5);
  assertEquals(await program.cancel(flight), 0);
  assertEquals(await flight.next(), { result: -Errno.ECANCELED, flags: 0 });
  for (const peer of peers) peer.close();
  await program.closeAll(listener, ...fds);
});

testBoth("a connection that comes after a cancelled accept is not lost", async (program) => {
  const { fd: listener, port } = await program.listen();
  const cancelled = program.begin(Op.ACCEPT, listener);
  assertEquals(await program.cancel(cancelled), 0);
  assertEquals(await cancelled.result(), -Errno.ECANCELED);
  const peer = await Deno.connect({ hostname: "127.0.0.1", port });
  const fd = await program.run(Op.ACCEPT, listener);
  assert(fd > 0);
  const local = peer.localAddr;
  assertEquals(await program.name(fd, "peer"), `127.0.0.1:${local.port}`);
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("CLOSE of a listener ends its accepts and frees its port", async (program) => {
  const { fd, port } = await program.listen();
  const accept = program.begin(Op.ACCEPT, fd);
  await program.run(Op.NOP, -1);
  assertEquals(await program.run(Op.CLOSE, fd), 0);
  assertEquals(await accept.result(), -Errno.ECANCELED);
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

testBoth("a connect that is cancelled leaves nothing behind", async (program) => {
  const { fd: listener, port } = await program.listen();
  const fd = await program.socket();
  const flight = program.withAddress(Op.CONNECT, fd, `127.0.0.1:${port}`);
  const cancelled = program.cancel(flight);
  const result = await flight.result();
  // The race is open: either the connection or the cancellation came first.
  assert(result === -Errno.ECANCELED || result === 0, `result ${result}`);
  assertEquals(await cancelled, result === 0 ? -Errno.ENOENT : 0);
  await program.closeAll(fd, listener);
});

testBoth("SHUTDOWN ends each direction by itself", async (program) => {
  const { fd, peer, listener } = await program.pair();
  assertEquals(await program.run(Op.SHUTDOWN, fd, { length: 7 }), -Errno.EINVAL);
  assertEquals(await program.run(Op.SHUTDOWN, listener, { length: Shut.WR }), 0);
  const address = program.put("last words");
  assertEquals(await program.run(Op.SEND, fd, { address, length: 10 }), 10);
  assertEquals(await program.run(Op.SHUTDOWN, fd, { length: Shut.WR }), 0);
  assertEquals(new TextDecoder().decode(await readFully(peer, 64)), "last words");
  assertEquals(await program.run(Op.SEND, fd, { address, length: 10 }), -Errno.EPIPE);
  await peer.write(new Uint8Array(3));
  assertEquals(await program.run(Op.RECV, fd, { address, length: 10 }), 3);
  const waiting = program.begin(Op.RECV, fd, { address, length: 10 });
  await program.run(Op.NOP, -1);
  assertEquals(await program.run(Op.SHUTDOWN, fd, { length: Shut.RD }), 0);
  assertEquals(await waiting.result(), 0);
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("CLOSE completes what is in flight as cancelled", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const address = program.take(16);
  const receive = program.begin(Op.RECV, fd, { address, length: 16 });
  const poll = program.begin(Op.POLL_ADD, fd, { operationFlags: 1 });
  assertEquals(await program.run(Op.CLOSE, fd), 0);
  assertEquals(await receive.result(), -Errno.ECANCELED);
  assertEquals(await poll.result(), -Errno.ECANCELED);
  assertEquals(await peer.read(new Uint8Array(1)), null);
  peer.close();
  await program.closeAll(listener);
});
