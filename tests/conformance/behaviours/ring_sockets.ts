/**
 * Ring operations that make, name and end sockets.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { theme } from "../behaviour.ts";
import { utf8 } from "../bytes.ts";
import { freePort } from "../expect.ts";
import { NAMES_LOCAL, NAMES_PEER, type Raw } from "../raw.ts";
import { SocketAddress } from "../../../mod.ts";
import { Errno } from "../../../ring/abi/errno.ts";
import {
  CqeFlag,
  DriverOp,
  IoPrio,
  Op,
  ResolveFlag,
  Shut,
  Sock,
  SockOpt,
} from "../../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6, decodeSockaddr } from "../../../ring/abi/sockaddr.ts";

const behaviour = theme("ring: sockets");

/** A descriptor that nobody has. */
const NO_FD = 900_000;
const LOOPBACK = SocketAddress.parse("127.0.0.1:0");

behaviour("NOP completes with 0", async (t) => {
  assertEquals(await t.raw.run(Op.NOP), 0);
});

behaviour("an opcode that nobody knows completes with EINVAL", async (t) => {
  assertEquals(await t.raw.run(0xbf), -Errno.EINVAL);
});

behaviour("SOCKET makes descriptors, and CLOSE ends them once", async (t) => {
  const { raw } = t;
  const fd = await raw.run(Op.SOCKET, { fd: AF_INET, offset: Sock.STREAM });
  const other = await raw.run(Op.SOCKET, { fd: AF_INET6, offset: Sock.STREAM | Sock.CLOEXEC });
  assert(fd >= 0 && other >= 0 && fd !== other);
  assertEquals(await raw.run(Op.CLOSE, { fd }), 0);
  assertEquals(await raw.run(Op.CLOSE, { fd }), -Errno.EBADF);
  assertEquals(await raw.run(Op.CLOSE, { fd: other }), 0);
});

behaviour("SOCKET of a family or type that is none fails", async (t) => {
  const { raw } = t;
  assertEquals(
    await raw.run(Op.SOCKET, { fd: 99, offset: Sock.STREAM }),
    -Errno.EAFNOSUPPORT,
  );
  assertEquals(await raw.run(Op.SOCKET, { fd: AF_INET, offset: 77 }), -Errno.EINVAL);
});

behaviour("every socket operation on no descriptor completes with EBADF", async (t) => {
  const { raw } = t;
  const { pointer, length } = raw.sockaddr(LOOPBACK);
  const buffer = raw.block(16);
  const attempts: [string, Promise<number>][] = [
    ["BIND", raw.run(Op.BIND, { fd: NO_FD, pointer, offset: length })],
    ["LISTEN", raw.run(Op.LISTEN, { fd: NO_FD, length: 5 })],
    ["ACCEPT", raw.run(Op.ACCEPT, { fd: NO_FD })],
    ["CONNECT", raw.run(Op.CONNECT, { fd: NO_FD, pointer, offset: length })],
    ["SHUTDOWN", raw.run(Op.SHUTDOWN, { fd: NO_FD, length: Shut.WR })],
    ["CLOSE", raw.run(Op.CLOSE, { fd: NO_FD })],
    ["SEND", raw.run(Op.SEND, { fd: NO_FD, pointer: buffer, length: 16 })],
    ["RECV", raw.run(Op.RECV, { fd: NO_FD, pointer: buffer, length: 16 })],
    ["READ", raw.run(Op.READ, { fd: NO_FD, pointer: buffer, length: 16 })],
    ["WRITE", raw.run(Op.WRITE, { fd: NO_FD, pointer: buffer, length: 16 })],
    ["POLL_ADD", raw.run(Op.POLL_ADD, { fd: NO_FD, operationFlags: 1 })],
  ];
  for (const [name, result] of attempts) assertEquals(await result, -Errno.EBADF, name);
  assertEquals(await raw.names(NO_FD, NAMES_LOCAL), -Errno.EBADF);
  assertEquals((await raw.getOption(NO_FD, 1, 2))[0], -Errno.EBADF);
  assertEquals(await raw.setOption(NO_FD, 1, 2, 1), -Errno.EBADF);
});

behaviour("an operation on what is no socket completes with ENOTSOCK", async (t) => {
  const { raw } = t;
  const file = [...Deno.readDirSync("/proc/self/fd")].find(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`).startsWith("anon_inode:");
    } catch {
      return false;
    }
  });
  const fd = Number(file!.name);
  assertEquals(await raw.bind(fd, LOOPBACK), -Errno.ENOTSOCK);
  assertEquals(await raw.run(Op.LISTEN, { fd, length: 5 }), -Errno.ENOTSOCK);
  assertEquals(await raw.run(Op.SHUTDOWN, { fd, length: Shut.WR }), -Errno.ENOTSOCK);
});

behaviour(
  "an address that is taken or not ours fails with EADDRINUSE or EADDRNOTAVAIL",
  async (t) => {
    const { raw } = t;
    const { address } = await raw.listener();
    assertEquals(await bindAndListen(raw, address), -Errno.EADDRINUSE);
    const foreign = SocketAddress.parse("192.0.2.1:0");
    assertEquals(await bindAndListen(raw, foreign), -Errno.EADDRNOTAVAIL);
  },
);

behaviour("BIND itself finds out that an address is taken or not ours", async (t) => {
  const { raw } = t;
  const { address } = await raw.listener();
  assertEquals(await raw.bind(await raw.socket(), address), -Errno.EADDRINUSE);
  const foreign = SocketAddress.parse("192.0.2.1:0");
  assertEquals(await raw.bind(await raw.socket(), foreign), -Errno.EADDRNOTAVAIL);
});

behaviour(
  "BIND fails with EAFNOSUPPORT for another family and EINVAL for twice or too short",
  async (t) => {
    const { raw } = t;
    const six = SocketAddress.parse("[::1]:0");
    assertEquals(await raw.bind(await raw.socket(), six), -Errno.EAFNOSUPPORT);
    const twice = await raw.socket();
    assertEquals(await raw.bind(twice, LOOPBACK), 0);
    assertEquals(await raw.bind(twice, LOOPBACK), -Errno.EINVAL);
    const { pointer } = raw.sockaddr(LOOPBACK);
    const short = { fd: await raw.socket(), pointer, offset: 4 };
    assertEquals(await raw.run(Op.BIND, short), -Errno.EINVAL);
  },
);

/** What fails at LISTEN here may fail at BIND elsewhere. */
async function bindAndListen(raw: Raw, address: SocketAddress): Promise<number> {
  const fd = await raw.socket();
  const bound = await raw.bind(fd, address);
  return bound < 0 ? bound : await raw.run(Op.LISTEN, { fd, length: 5 });
}

behaviour("LISTEN on a connected socket completes with EINVAL", async (t) => {
  const { raw } = t;
  const { client } = await raw.pair();
  assertEquals(await raw.run(Op.LISTEN, { fd: client, length: 5 }), -Errno.EINVAL);
});

behaviour("ACCEPT delivers a descriptor and the peer's sockaddr", async (t) => {
  const { raw } = t;
  const { fd, address } = await raw.listener();
  const name = raw.block(128);
  const lengthAt = raw.block(4);
  raw.reactor.memory.words[lengthAt >> 2] = 128;
  const accepting = raw.start(Op.ACCEPT, { fd, pointer: name, pointer2: lengthAt });
  const client = await raw.socket();
  assertEquals(await raw.connect(client, address), 0);
  const server = await accepting.result();
  raw.closeLater(server);
  const names = await raw.names(client, NAMES_LOCAL | NAMES_PEER);
  assert(typeof names !== "number");
  const length = raw.reactor.memory.words[lengthAt >> 2];
  const peer = decodeSockaddr(raw.bytes, name, length);
  assertEquals(peer.toString(), names.local);
  assertEquals(names.peer, address.toString());
});

behaviour("ACCEPT on a socket that does not listen completes with EINVAL", async (t) => {
  const { raw } = t;
  assertEquals(await raw.run(Op.ACCEPT, { fd: await raw.socket() }), -Errno.EINVAL);
});

behaviour("two ACCEPTs are served in their order", async (t) => {
  const { raw } = t;
  const { fd, address } = await raw.listener();
  const accepts = [raw.start(Op.ACCEPT, { fd }), raw.start(Op.ACCEPT, { fd })];
  for (let index = 0; index < 2; index++) {
    assertEquals(await raw.connect(await raw.socket(), address), 0);
    const result = await accepts[index].result();
    assert(result >= 0, `${result}`);
    raw.closeLater(result);
  }
  assertEquals(raw.log.filter((each) => accepts.includes(each)), accepts);
});

behaviour("multishot ACCEPT goes on with F_MORE until it is cancelled", async (t) => {
  const { raw } = t;
  const { fd, address } = await raw.listener();
  const accepting = raw.start(Op.ACCEPT, { fd, ioprio: IoPrio.ACCEPT_MULTISHOT });
  for (let index = 0; index < 5; index++) {
    assertEquals(await raw.connect(await raw.socket(), address), 0);
    const { result, flags } = await accepting.next();
    assert(result >= 0, `${result}`);
    raw.closeLater(result);
    assertEquals(flags & CqeFlag.MORE, CqeFlag.MORE);
  }
  assertEquals(await raw.run(Op.ASYNC_CANCEL, { target: accepting }), 0);
  assertEquals(await accepting.next(), { result: -Errno.ECANCELED, flags: 0 });
});

behaviour(
  "CONNECT fails with ECONNREFUSED, EISCONN, EAFNOSUPPORT and EINVAL as it should",
  async (t) => {
    const { raw } = t;
    const nobody = SocketAddress.parse(`127.0.0.1:${freePort()}`);
    const refused = await raw.socket();
    assertEquals(await raw.connect(refused, nobody), -Errno.ECONNREFUSED);
    const { address } = await raw.listener();
    const fd = await raw.socket();
    assertEquals(await raw.connect(fd, address), 0);
    assertEquals(await raw.connect(fd, address), -Errno.EISCONN);
    const six = SocketAddress.parse(`[::1]:${address.port}`);
    assertEquals(await raw.connect(await raw.socket(), six), -Errno.EAFNOSUPPORT);
    const { pointer } = raw.sockaddr(address);
    const short = { fd: await raw.socket(), pointer, offset: 4 };
    assertEquals(await raw.run(Op.CONNECT, short), -Errno.EINVAL);
  },
);

behaviour("a socket whose CONNECT failed can connect elsewhere", async (t) => {
  const { raw } = t;
  const { address } = await raw.listener();
  const fd = await raw.socket();
  const nobody = SocketAddress.parse(`127.0.0.1:${freePort()}`);
  assertEquals(await raw.connect(fd, nobody), -Errno.ECONNREFUSED);
  assertEquals(await raw.connect(fd, address), 0);
});

behaviour("CONNECT that is cancelled completes with ECANCELED", async (t) => {
  const { raw } = t;
  const { pointer, length } = raw.sockaddr(SocketAddress.parse(await t.strangers.silentListener()));
  const fd = await raw.socket();
  const connecting = raw.start(Op.CONNECT, { fd, pointer, offset: length });
  await t.barrier();
  assertEquals(connecting.isDone, false);
  assertEquals(await raw.run(Op.ASYNC_CANCEL, { target: connecting }), 0);
  assertEquals(await connecting.result(), -Errno.ECANCELED);
});

behaviour("SHUTDOWN for writing ends the peer's reading only", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  assertEquals(await raw.run(Op.SHUTDOWN, { fd: client, length: Shut.WR }), 0);
  assertEquals((await raw.receive(server, 10)).result, 0);
  assertEquals(await raw.send(client, utf8("x"), { operationFlags: 0x4000 }), -Errno.EPIPE);
  assertEquals(await raw.send(server, utf8("back")), 4);
  assertEquals((await raw.receive(client, 10)).bytes, utf8("back"));
});

behaviour("SHUTDOWN for reading ends our reading only", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const pending = raw.start(Op.RECV, { fd: client, pointer: raw.block(10), length: 10 });
  assertEquals(await raw.run(Op.SHUTDOWN, { fd: client, length: Shut.RD }), 0);
  assertEquals(await pending.result(), 0);
  assertEquals((await raw.receive(client, 10)).result, 0);
  assertEquals(await raw.send(client, utf8("x")), 1);
  assertEquals((await raw.receive(server, 10)).bytes, utf8("x"));
});

behaviour("SHUTDOWN for both ends both", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  assertEquals(await raw.run(Op.SHUTDOWN, { fd: client, length: Shut.RDWR }), 0);
  assertEquals((await raw.receive(client, 10)).result, 0);
  assertEquals((await raw.receive(server, 10)).result, 0);
  assertEquals(await raw.send(client, utf8("x"), { operationFlags: 0x4000 }), -Errno.EPIPE);
});

behaviour("SHUTDOWN of an unconnected socket is ENOTCONN, of no direction EINVAL", async (t) => {
  const { raw } = t;
  const fd = await raw.socket();
  assertEquals(await raw.run(Op.SHUTDOWN, { fd, length: Shut.WR }), -Errno.ENOTCONN);
  const { client } = await raw.pair();
  assertEquals(await raw.run(Op.SHUTDOWN, { fd: client, length: 9 }), -Errno.EINVAL);
});

behaviour("NAMES says both addresses, and ENOTCONN where there is no peer", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const ours = await raw.names(client, NAMES_LOCAL | NAMES_PEER);
  const theirs = await raw.names(server, NAMES_LOCAL | NAMES_PEER);
  assert(typeof ours !== "number" && typeof theirs !== "number");
  assertEquals(ours.local, theirs.peer);
  assertEquals(ours.peer, theirs.local);
  const { fd } = await raw.listener();
  assertEquals(await raw.names(fd, NAMES_PEER), -Errno.ENOTCONN);
});

behaviour("SETSOCKOPT and GETSOCKOPT agree, and refuse what they do not know", async (t) => {
  const { raw } = t;
  const { client } = await raw.pair();
  const { IPPROTO_TCP, TCP_NODELAY } = SockOpt;
  for (const value of [1, 0]) {
    assertEquals(await raw.setOption(client, IPPROTO_TCP, TCP_NODELAY, value), 0);
    const [length, found] = await raw.getOption(client, IPPROTO_TCP, TCP_NODELAY);
    assertEquals([length, found !== 0], [4, value !== 0]);
  }
  const unknown: readonly number[] = [-Errno.ENOPROTOOPT, -Errno.ENOTSUP];
  assert(unknown.includes(await raw.setOption(client, IPPROTO_TCP, 4000, 1)));
  assert(unknown.includes((await raw.getOption(client, IPPROTO_TCP, 4000))[0]));
});

behaviour("RESOLVE writes addresses, and fails with an errno of its own", async (t) => {
  const { raw } = t;
  const answers = raw.block(28 * 8);
  const resolve = (name: Uint8Array, family: number) =>
    raw.run(DriverOp.RESOLVE, {
      address: name.length === 0 ? 0 : raw.blockOf(name),
      length: name.length,
      offset: answers,
      fileIndex: 28 * 8,
      operationFlags: family,
    });
  const count = await resolve(utf8("localhost"), AF_INET);
  assert(count >= 1, `${count}`);
  assertEquals(decodeSockaddr(raw.bytes, answers, 28).host, "127.0.0.1");
  assertEquals(await resolve(utf8("localhost"), 99), -Errno.EAFNOSUPPORT);
  assertEquals(await resolve(utf8(""), AF_INET), -Errno.EINVAL);
  const missing = await resolve(utf8("does-not-exist.invalid"), AF_INET);
  assert(missing === -Errno.ENOENT || missing === -Errno.EAGAIN, `${missing}`);
});

behaviour("RESOLVE tells canonical names, and REVERSE the names of addresses", async (t) => {
  const { raw } = t;
  const room = 256;
  const answer = raw.block(room);
  const ask = async (opcode: number, bytes: Uint8Array, flags = 0, capacity = room) => {
    const length = await raw.run(opcode, {
      address: raw.blockOf(bytes),
      length: bytes.length,
      offset: answer,
      fileIndex: capacity,
      operationFlags: flags,
    });
    if (length < 0) return length;
    return new TextDecoder().decode(raw.bytes.slice(answer, answer + length));
  };
  const flags = AF_INET | ResolveFlag.CANONICAL;
  assertEquals(await ask(DriverOp.RESOLVE, utf8("localhost"), flags), "localhost");
  assertEquals(await ask(DriverOp.RESOLVE, utf8("localhost"), flags, 8), -Errno.ENAMETOOLONG);
  const loopback = new Uint8Array([127, 0, 0, 1]);
  assertEquals(await ask(DriverOp.REVERSE, loopback), "localhost");
  assertEquals(await ask(DriverOp.REVERSE, loopback, 0, 8), -Errno.ENAMETOOLONG);
  assertEquals(await ask(DriverOp.REVERSE, new Uint8Array(5)), -Errno.EINVAL);
});
