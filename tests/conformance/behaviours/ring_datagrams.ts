/**
 * Ring operations on datagram sockets.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { theme } from "../behaviour.ts";
import { counted, utf8 } from "../bytes.ts";
import {
  boundSocket,
  datagramSocket,
  localName,
  messageHeader,
  NAME_ROOM,
  rangeOf,
  receiveMessage,
  segmentControl,
  sendTo,
} from "../datagrams.ts";
import { NAMES_LOCAL, NAMES_PEER } from "../raw.ts";
import { SocketAddress } from "../../../mod.ts";
import { Errno } from "../../../ring/abi/errno.ts";
import { Msg, Op, Poll, Shut, Sock, SqeFlag } from "../../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6 } from "../../../ring/abi/sockaddr.ts";

const behaviour = theme("ring: datagrams");
const LOOPBACK = SocketAddress.parse("127.0.0.1:0");

behaviour("BIND of a datagram socket gives it an address of its own", async (t) => {
  const { raw } = t;
  const one = await boundSocket(raw);
  const other = await boundSocket(raw);
  assertEquals(one.address.host, "127.0.0.1");
  assert(one.address.port > 0 && one.address.port !== other.address.port);
  assertEquals((await localName(raw, await datagramSocket(raw))).toString(), "0.0.0.0:0");
  assertEquals(await raw.names(one.fd, NAMES_PEER), -Errno.ENOTCONN);
});

behaviour("BIND of a datagram socket finds out what is wrong with an address", async (t) => {
  const { raw } = t;
  const { address, fd } = await boundSocket(raw);
  assertEquals(await raw.bind(await datagramSocket(raw), address), -Errno.EADDRINUSE);
  const foreign = SocketAddress.parse("192.0.2.1:0");
  assertEquals(await raw.bind(await datagramSocket(raw), foreign), -Errno.EADDRNOTAVAIL);
  const six = SocketAddress.parse("[::1]:0");
  assertEquals(await raw.bind(await datagramSocket(raw), six), -Errno.EAFNOSUPPORT);
  assertEquals(await raw.bind(fd, LOOPBACK), -Errno.EINVAL);
});

behaviour("CLOSE of a datagram socket frees its address", async (t) => {
  const { raw } = t;
  for (let round = 0; round < 5; round++) {
    const { fd, address } = await boundSocket(raw);
    assertEquals(await raw.run(Op.CLOSE, { fd }), 0);
    raw.forget(fd);
    const again = await datagramSocket(raw);
    assertEquals(await raw.bind(again, address), 0);
    await raw.close(again);
  }
});

behaviour("SENDMSG and RECVMSG carry a datagram and its sender's name", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  assertEquals(await sendTo(raw, from.fd, to.address, utf8("hello")), 5);
  const message = await receiveMessage(raw, to.fd, 100);
  assertEquals(message.bytes, utf8("hello"));
  assertEquals(message.name, from.address.toString());
  const { nameLength, controlLength, flags } = message;
  assertEquals({ nameLength, controlLength, flags }, {
    nameLength: 16,
    controlLength: 0,
    flags: 0,
  });
});

behaviour("a RECV waits for a datagram, and takes one at a time", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  const pointer = raw.block(100);
  const receiving = raw.start(Op.RECV, { fd: to.fd, pointer, length: 100 });
  await t.barrier();
  assertEquals(receiving.isDone, false);
  for (const text of ["first", "second"]) await sendTo(raw, from.fd, to.address, utf8(text));
  assertEquals(await receiving.result(), 5);
  assertEquals(raw.read(pointer, 5), utf8("first"));
  assertEquals((await raw.receive(to.fd, 100)).bytes, utf8("second"));
});

behaviour("SENDMSG gathers one datagram, and RECVMSG scatters it", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  const { pointer: name, length: nameLength } = raw.sockaddr(to.address);
  const parts = ["one", "", "three"].map((text) => rangeOf(raw, utf8(text)));
  const pointer = messageHeader(raw, { parts, name, nameLength });
  assertEquals(await raw.run(Op.SENDMSG, { fd: from.fd, pointer, length: 1 }), 8);
  const into = [{ offset: raw.block(2), length: 2 }, { offset: raw.block(50), length: 50 }];
  const header = messageHeader(raw, { parts: into });
  assertEquals(await raw.run(Op.RECVMSG, { fd: to.fd, pointer: header, length: 1 }), 8);
  assertEquals(raw.read(into[0].offset, 2), utf8("on"));
  assertEquals(raw.read(into[1].offset, 6), utf8("ethree"));
});

behaviour("SEND takes a destination, too", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  const { pointer: pointer2, length: fileIndex } = raw.sockaddr(to.address);
  assertEquals(await raw.send(from.fd, utf8("there"), { pointer2, fileIndex }), 5);
  assertEquals((await raw.receive(to.fd, 100)).bytes, utf8("there"));
});

behaviour("a send binds a datagram socket that is not bound", async (t) => {
  const { raw } = t;
  const fd = await datagramSocket(raw);
  const to = await boundSocket(raw);
  assertEquals(await sendTo(raw, fd, to.address, utf8("x")), 1);
  const local = await localName(raw, fd);
  assertEquals(local.host, "0.0.0.0");
  const { name } = await receiveMessage(raw, to.fd, 10);
  assertEquals(name, `127.0.0.1:${local.port}`);
  assertEquals(await raw.bind(fd, LOOPBACK), -Errno.EINVAL);
});

behaviour("a datagram is cut to the room there is, and its rest is gone", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  const send = (text: string) => sendTo(raw, from.fd, to.address, utf8(text));
  await send("a long datagram");
  const cut = await receiveMessage(raw, to.fd, 6);
  assertEquals([cut.result, cut.bytes, cut.flags], [6, utf8("a long"), Msg.TRUNC]);
  await send("another one");
  const told = await receiveMessage(raw, to.fd, 4, { operationFlags: Msg.TRUNC });
  assertEquals([told.result, told.bytes, told.flags], [11, utf8("anot"), Msg.TRUNC]);
  await send("next");
  assertEquals((await raw.receive(to.fd, 100)).bytes, utf8("next"));
});

behaviour("a sender's name is cut to its room, and its whole length told", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  await sendTo(raw, from.fd, to.address, utf8("x"));
  const { nameLength, result } = await receiveMessage(raw, to.fd, 10, { nameRoom: 4 });
  assertEquals([result, nameLength], [1, 16]);
});

behaviour("an empty datagram is a datagram", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  for (const text of ["", "after"]) await sendTo(raw, from.fd, to.address, utf8(text));
  const empty = await receiveMessage(raw, to.fd, 10);
  assertEquals([empty.result, empty.name], [0, from.address.toString()]);
  assertEquals((await raw.receive(to.fd, 10)).bytes, utf8("after"));
});

behaviour("datagrams arrive whole, whatever their size, and in order", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  for (const size of [1, 63, 1200, 1472, 9000, 65507]) {
    assertEquals(await sendTo(raw, from.fd, to.address, counted(size)), size);
    assertEquals((await raw.receive(to.fd, 66000)).bytes, counted(size));
  }
  for (let index = 0; index < 100; index++) {
    await sendTo(raw, from.fd, to.address, Uint8Array.of(index));
  }
  for (let index = 0; index < 100; index++) {
    assertEquals((await raw.receive(to.fd, 10)).bytes, Uint8Array.of(index));
  }
});

behaviour("PEEK looks at a datagram and leaves it", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  for (const text of ["first", "second"]) await sendTo(raw, from.fd, to.address, utf8(text));
  for (let round = 0; round < 2; round++) {
    const peeked = await raw.receive(to.fd, 2, { operationFlags: Msg.PEEK });
    assertEquals(peeked.bytes, utf8("fi"));
  }
  assertEquals((await raw.receive(to.fd, 10)).bytes, utf8("first"));
  assertEquals((await raw.receive(to.fd, 10)).bytes, utf8("second"));
});

behaviour("a receive of datagrams with DONTWAIT completes with EAGAIN where none is", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  const dontWait = { operationFlags: Msg.DONTWAIT };
  assertEquals((await raw.receive(to.fd, 10, dontWait)).result, -Errno.EAGAIN);
  await sendTo(raw, from.fd, to.address, utf8("now"));
  // What was sent has arrived on loopback, but a backend may look some turns later.
  let answer = await raw.receive(to.fd, 10, dontWait);
  for (let turn = 0; turn < 100 && answer.result === -Errno.EAGAIN; turn++) {
    await t.barrier();
    answer = await raw.receive(to.fd, 10, dontWait);
  }
  assertEquals(answer.bytes, utf8("now"));
});

behaviour("a connected datagram socket needs no name, and hears its peer only", async (t) => {
  const { raw } = t;
  const peer = await boundSocket(raw);
  const stranger = await boundSocket(raw);
  const fd = await datagramSocket(raw);
  assertEquals(await raw.connect(fd, peer.address), 0);
  const names = await raw.names(fd, NAMES_LOCAL | NAMES_PEER);
  assert(typeof names !== "number");
  assertEquals(names.peer, peer.address.toString());
  const local = SocketAddress.parse(names.local);
  assertEquals(local.host, "127.0.0.1");
  assertEquals(await raw.send(fd, utf8("hello")), 5);
  const { name, bytes } = await receiveMessage(raw, peer.fd, 10);
  assertEquals([name, bytes], [names.local, utf8("hello")]);
  await sendTo(raw, stranger.fd, local, utf8("not for you"));
  await sendTo(raw, peer.fd, local, utf8("answer"));
  assertEquals((await raw.receive(fd, 20)).bytes, utf8("answer"));
  assertEquals(await sendTo(raw, fd, stranger.address, utf8("elsewhere")), 9);
  assertEquals((await raw.receive(stranger.fd, 20)).bytes, utf8("elsewhere"));
});

behaviour("a datagram socket connects elsewhere, and to nobody", async (t) => {
  const { raw } = t;
  const one = await boundSocket(raw);
  const two = await boundSocket(raw);
  const { fd } = await boundSocket(raw);
  for (const { fd: peer, address } of [one, two]) {
    assertEquals(await raw.connect(fd, address), 0);
    await raw.send(fd, utf8("x"));
    assertEquals((await raw.receive(peer, 10)).bytes, utf8("x"));
  }
  const nobody = rangeOf(raw, new Uint8Array(16));
  const entry = { fd, pointer: nobody.offset, offset: nobody.length };
  assertEquals(await raw.run(Op.CONNECT, entry), 0);
  assertEquals(await raw.names(fd, NAMES_PEER), -Errno.ENOTCONN);
  assertEquals(await raw.send(fd, utf8("x")), -Errno.EDESTADDRREQ);
});

behaviour("a connected datagram socket is told that nobody is there", async (t) => {
  const { raw } = t;
  const gone = await boundSocket(raw);
  await raw.close(gone.fd);
  const fd = await datagramSocket(raw);
  assertEquals(await raw.connect(fd, gone.address), 0);
  assertEquals(await raw.send(fd, utf8("x")), 1);
  assertEquals(await raw.run(Op.POLL_ADD, { fd, operationFlags: Poll.ERR }) & Poll.ERR, Poll.ERR);
  assertEquals(await raw.send(fd, utf8("x")), -Errno.ECONNREFUSED);
});

behaviour("a datagram that cannot be sent says why", async (t) => {
  const { raw } = t;
  const { fd } = await boundSocket(raw);
  const { fd: _, address } = await boundSocket(raw);
  const send = (to: SocketAddress, bytes = utf8("x")) => sendTo(raw, fd, to, bytes);
  assertEquals(await raw.send(fd, utf8("x")), -Errno.EDESTADDRREQ);
  assertEquals(await send(LOOPBACK), -Errno.EINVAL);
  assertEquals(await send(SocketAddress.parse("[::1]:9")), -Errno.EAFNOSUPPORT);
  assertEquals(await send(address, new Uint8Array(65508)), -Errno.EMSGSIZE);
  assertEquals(await send(address, new Uint8Array(70000)), -Errno.EMSGSIZE);
  assertEquals(await send(SocketAddress.parse("255.255.255.255:9")), -Errno.EACCES);
  const { pointer: name } = raw.sockaddr(address);
  const pointer = messageHeader(raw, { parts: [rangeOf(raw, utf8("x"))], name, nameLength: 4 });
  assertEquals(await raw.run(Op.SENDMSG, { fd, pointer, length: 1 }), -Errno.EINVAL);
});

behaviour("datagram sockets neither listen nor accept", async (t) => {
  const { raw } = t;
  const { fd } = await boundSocket(raw);
  assertEquals(await raw.run(Op.LISTEN, { fd, length: 5 }), -Errno.EOPNOTSUPP);
  assertEquals(await raw.run(Op.ACCEPT, { fd }), -Errno.EOPNOTSUPP);
});

behaviour("SHUTDOWN ends one direction of a connected datagram socket", async (t) => {
  const { raw } = t;
  const peer = await boundSocket(raw);
  const fd = await datagramSocket(raw);
  assertEquals(await raw.run(Op.SHUTDOWN, { fd, length: Shut.RD }), -Errno.ENOTCONN);
  const other = await datagramSocket(raw);
  assertEquals(await raw.connect(other, peer.address), 0);
  const pending = raw.start(Op.RECV, { fd: other, pointer: raw.block(10), length: 10 });
  assertEquals(await raw.run(Op.SHUTDOWN, { fd: other, length: Shut.RD }), 0);
  assertEquals(await pending.result(), 0);
  assertEquals((await raw.receive(other, 10)).result, 0);
  assertEquals(await raw.send(other, utf8("out")), 3);
  assertEquals(await raw.run(Op.SHUTDOWN, { fd: other, length: Shut.WR }), 0);
  assertEquals(await raw.send(other, utf8("x"), { operationFlags: Msg.NOSIGNAL }), -Errno.EPIPE);
  assertEquals((await raw.receive(peer.fd, 10)).bytes, utf8("out"));
});

behaviour("a datagram socket is writable at once, and readable when something came", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  const writable = await raw.run(Op.POLL_ADD, { fd: to.fd, operationFlags: Poll.OUT });
  assertEquals(writable & Poll.OUT, Poll.OUT);
  const polling = raw.start(Op.POLL_ADD, { fd: to.fd, operationFlags: Poll.IN });
  await t.barrier();
  assertEquals(polling.isDone, false);
  await sendTo(raw, from.fd, to.address, utf8("x"));
  assertEquals(await polling.result() & Poll.IN, Poll.IN);
  const again = await raw.run(Op.POLL_ADD, { fd: to.fd, operationFlags: Poll.IN });
  assertEquals(again & Poll.IN, Poll.IN);
  assertEquals((await raw.receive(to.fd, 10)).bytes, utf8("x"));
});

behaviour("links and linked timeouts hold for datagrams, too", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  const pointer = raw.block(10);
  const late = raw.start(Op.RECV, { fd: to.fd, pointer, length: 10, flags: SqeFlag.IO_LINK });
  const timeout = raw.start(Op.LINK_TIMEOUT, { pointer: raw.timespec(5), length: 1 });
  assertEquals(await late.result(), -Errno.ECANCELED);
  assertEquals(await timeout.result(), -Errno.ETIME);
  const { pointer: name, length: nameLength } = raw.sockaddr(to.address);
  const header = messageHeader(raw, { parts: [rangeOf(raw, utf8("linked"))], name, nameLength });
  const sending = raw.start(Op.SENDMSG, {
    fd: from.fd,
    pointer: header,
    length: 1,
    flags: SqeFlag.IO_LINK,
  });
  const receiving = raw.start(Op.RECV, { fd: to.fd, pointer, length: 10 });
  assertEquals([await sending.result(), await receiving.result()], [6, 6]);
  assertEquals(raw.read(pointer, 6), utf8("linked"));
});

behaviour("a receive of datagrams that is cancelled takes none with it", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  for (let round = 0; round < 20; round++) {
    const pointer = raw.block(10);
    const receiving = raw.start(Op.RECV, { fd: to.fd, pointer, length: 10 });
    const sending = sendTo(raw, from.fd, to.address, Uint8Array.of(round));
    const cancelling = raw.start(Op.ASYNC_CANCEL, { target: receiving });
    const result = await receiving.result();
    await Promise.all([sending, cancelling.result()]);
    assert(result === 1 || result === -Errno.ECANCELED, `${result}`);
    const bytes = result === 1 ? raw.read(pointer, 1) : (await raw.receive(to.fd, 10)).bytes;
    assertEquals(bytes, Uint8Array.of(round));
  }
});

behaviour("UDP_SEGMENT sends several datagrams at once", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  const send = (bytes: Uint8Array, segmentBytes: number) =>
    sendTo(raw, from.fd, to.address, bytes, segmentControl(raw, segmentBytes));
  assertEquals(await send(counted(250), 100), 250);
  for (const [at, size] of [[0, 100], [100, 100], [200, 50]]) {
    assertEquals((await raw.receive(to.fd, 1000)).bytes, counted(size, at));
  }
  assertEquals(await send(counted(50), 100), 50);
  assertEquals((await raw.receive(to.fd, 1000)).bytes, counted(50));
  assertEquals(await send(counted(1000), 1), -Errno.EINVAL);
});

behaviour("datagrams travel over IPv6, and IPv4 ones to a socket of both", async (t) => {
  const { raw } = t;
  const six = await boundSocket(raw, "[::1]:0");
  const both = await boundSocket(raw, "[::]:0");
  const four = await boundSocket(raw);
  await sendTo(raw, six.fd, SocketAddress.parse(`[::1]:${both.address.port}`), utf8("six"));
  assertEquals((await receiveMessage(raw, both.fd, 10)).name, six.address.toString());
  await sendTo(raw, four.fd, SocketAddress.parse(`127.0.0.1:${both.address.port}`), utf8("4"));
  const mapped = `[::ffff:127.0.0.1]:${four.address.port}`;
  const message = await receiveMessage(raw, both.fd, 10);
  assertEquals([message.name, message.nameLength], [mapped, NAME_ROOM]);
  assertEquals(await sendTo(raw, both.fd, four.address, utf8("as IPv4")), 7);
  assertEquals(await sendTo(raw, both.fd, SocketAddress.parse(mapped), utf8("mapped")), 6);
  for (const text of ["as IPv4", "mapped"]) {
    const { bytes, name } = await receiveMessage(raw, four.fd, 10);
    assertEquals([bytes, name], [utf8(text), `127.0.0.1:${both.address.port}`]);
  }
});

behaviour("SOCKET knows UDP, and datagrams of no other protocol by mistake", async (t) => {
  const { raw } = t;
  for (const family of [AF_INET, AF_INET6]) {
    const fd = await raw.run(Op.SOCKET, { fd: family, offset: Sock.DGRAM, length: 17 });
    assert(fd >= 0, `${fd}`);
    assertEquals(await raw.run(Op.CLOSE, { fd }), 0);
    const tcp = { fd: family, offset: Sock.DGRAM, length: 6 };
    assertEquals(await raw.run(Op.SOCKET, tcp), -Errno.EPROTONOSUPPORT);
  }
});
