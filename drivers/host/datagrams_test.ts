import { assert, assertEquals } from "@std/assert";
import { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { CMSGHDR, MSGHDR } from "../../ring/abi/layout.ts";
import { DriverOp, IoPrio, Msg, Op, Poll, Sock, SockOpt, SqeFlag } from "../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6 } from "../../ring/abi/sockaddr.ts";
import { controlSpace, writeControl } from "../../ring/abi/control.ts";
import { testBoth, type TestProgram } from "../../tests/support/test_program.ts";

const ANY_PORT = "127.0.0.1:0";
const { SOL_IP, SOL_SOCKET, IPPROTO_IPV6 } = SockOpt;

function make(program: TestProgram, family: number = AF_INET): Promise<number> {
  return program.run(Op.SOCKET, family, { offset: Sock.DGRAM });
}

/** A bound socket, and its name. */
async function bound(program: TestProgram, address = ANY_PORT): Promise<[number, string]> {
  const fd = await make(program, address.startsWith("[") ? AF_INET6 : AF_INET);
  assertEquals(await program.withAddress(Op.BIND, fd, address).result(), 0);
  return [fd, await program.name(fd, "local")];
}

/** A header for one range, to an address. */
function letter(program: TestProgram, text: string, to: string): number {
  const header = program.message([[program.put(text), text.length]]);
  const name = program.take(128);
  const { words, bytes } = program.reactor.memory;
  const address = SocketAddress.parse(to);
  bytes[name] = AF_INET;
  bytes[name + 2] = address.port >> 8;
  bytes[name + 3] = address.port & 0xff;
  address.copyBytes(bytes, name + 4);
  words[(header + MSGHDR.NAME) >> 2] = name;
  words[(header + MSGHDR.NAME_LENGTH) >> 2] = 16;
  return header;
}

function sendTo(program: TestProgram, fd: number, text: string, to: string): Promise<number> {
  return program.run(Op.SENDMSG, fd, { address: letter(program, text, to), length: 1 });
}

async function receive(program: TestProgram, fd: number, operationFlags = 0): Promise<string> {
  const address = program.take(2048);
  const result = await program.run(Op.RECV, fd, { address, length: 2048, operationFlags });
  return result < 0 ? String(result) : program.text(address, result);
}

function setInt(program: TestProgram, fd: number, level: number, name: number, value: number) {
  const address3 = program.take(4);
  program.reactor.memory.words[address3 >> 2] = value;
  return program.run(DriverOp.SETSOCKOPT, fd, {
    addressWords: [level, name],
    fileIndex: 4,
    address3,
  });
}

testBoth("datagram sockets have descriptors among the others", async (program) => {
  assertEquals([await make(program), await program.socket(), await make(program)], [3, 4, 5]);
  await program.closeAll(4, 3);
  assertEquals(await make(program), 3);
  await program.closeAll(3, 5);
});

testBoth("CLOSE waits for what is being sent, and ends what waits", async (program) => {
  const [to, address] = await bound(program);
  const [from] = await bound(program);
  const receiving = program.run(Op.RECV, from, { address: program.take(16), length: 16 });
  const polling = program.run(Op.POLL_ADD, from, { operationFlags: Poll.IN });
  const sending = ["a", "b", "c"].map((text) => sendTo(program, from, text, address));
  assertEquals(await program.run(Op.CLOSE, from), 0);
  assertEquals(await Promise.all(sending), [1, 1, 1]);
  const ends = await Promise.all([receiving, polling]);
  assertEquals(ends, [-Errno.ECANCELED, -Errno.ECANCELED]);
  for (const text of ["a", "b", "c"]) assertEquals(await receive(program, to), text);
  assertEquals(await receive(program, from), String(-Errno.EBADF));
  await program.closeAll(to);
});

testBoth("the ring closes with sockets open and operations in flight", async (program) => {
  const [fd, address] = await bound(program);
  const flights = [
    program.begin(Op.RECV, fd, { address: program.take(16), length: 16 }),
    program.begin(Op.RECVMSG, fd, {
      address: program.message([]),
      flags: SqeFlag.BUFFER_SELECT,
      ioprio: IoPrio.RECV_MULTISHOT,
      bufferGroup: 1,
    }),
    program.begin(Op.POLL_ADD, fd, { operationFlags: Poll.IN }),
  ];
  await sendTo(program, fd, "one", address);
  assertEquals(await flights[0].result(), 3);
  program.reactor.cancelAll();
  assertEquals(await flights[1].result(), -Errno.ECANCELED);
  await flights[2].result();
});

testBoth("a datagram that is being sent cannot be cancelled", async (program) => {
  const [fd, address] = await bound(program);
  const sending = program.begin(Op.SENDMSG, fd, {
    address: letter(program, "sure", address),
    length: 1,
  });
  assertEquals(await program.cancel(sending), -Errno.EALREADY);
  assertEquals(await sending.result(), 4);
  assertEquals(await receive(program, fd), "sure");
  await program.closeAll(fd);
});

testBoth("a burst of sends arrives in its order, the first of a socket too", async (program) => {
  const [to, address] = await bound(program);
  for (let round = 0; round < 2; round++) {
    const from = await make(program);
    const texts = Array.from({ length: 40 }, (_, index) => `${round} ${index}`);
    const sends = texts.map((text) => sendTo(program, from, text, address));
    for (const text of texts) assertEquals(await receive(program, to), text);
    assertEquals(await Promise.all(sends), texts.map(({ length }) => length));
    await program.closeAll(from);
  }
  await program.closeAll(to);
});

testBoth("control messages and flags that Node lacks are ENOTSUP", async (program) => {
  const [fd, address] = await bound(program);
  const { words } = program.reactor.memory;
  const send = (level: number, type: number, size: number, told = size) => {
    const header = letter(program, "x", address);
    const control = program.take(controlSpace(size));
    writeControl(words, control, level, type, told);
    words[(header + MSGHDR.CONTROL) >> 2] = control;
    words[(header + MSGHDR.CONTROL_LENGTH) >> 2] = CMSGHDR.SIZE + size;
    return program.run(Op.SENDMSG, fd, { address: header, length: 1 });
  };
  assertEquals(await send(SOL_IP, SockOpt.IP_PKTINFO, 12), -Errno.ENOTSUP);
  assertEquals(await send(SOL_SOCKET, 1, 4), -Errno.ENOTSUP);
  assertEquals(await send(SockOpt.IPPROTO_UDP, SockOpt.UDP_SEGMENT, 4), -Errno.EINVAL);
  assertEquals(await send(SockOpt.IPPROTO_UDP, SockOpt.UDP_SEGMENT, 2, 400), -Errno.EINVAL);
  assertEquals(await send(SockOpt.IPPROTO_UDP, SockOpt.UDP_SEGMENT, 2), 1);
  assertEquals(await receive(program, fd), "x");
  for (const flag of [0x8000, 0x4, 0x2000]) {
    assertEquals(await receive(program, fd, flag), String(-Errno.ENOTSUP));
  }
  assertEquals(await receive(program, fd, 1 << 27), String(-Errno.EINVAL));
  const bytes = { address: program.put("x"), length: 1 };
  assertEquals(
    await program.run(Op.SEND, fd, { ...bytes, operationFlags: 0x8000 }),
    -Errno.ENOTSUP,
  );
  const urgent = { ...bytes, operationFlags: Msg.OOB };
  assertEquals(await program.run(Op.SEND, fd, urgent), -Errno.EOPNOTSUPP);
  await program.closeAll(fd);
});

testBoth("options that Node's datagram sockets lack are ENOTSUP", async (program) => {
  const four = await make(program);
  const six = await make(program, AF_INET6);
  const lacking: [number, number, number][] = [
    [four, SOL_IP, SockOpt.IP_PKTINFO],
    [four, SOL_IP, SockOpt.IP_RECVTTL],
    [four, SOL_IP, SockOpt.IP_RECVTOS],
    [four, SOL_IP, SockOpt.IP_TOS],
    [four, SOL_IP, SockOpt.IP_RECVERR],
    [four, SockOpt.IPPROTO_UDP, SockOpt.UDP_GRO],
    [four, SOL_SOCKET, SockOpt.SO_REUSEPORT],
    [four, SOL_SOCKET, SockOpt.SO_RCVBUF],
    [six, IPPROTO_IPV6, SockOpt.IPV6_RECVPKTINFO],
    [six, IPPROTO_IPV6, SockOpt.IPV6_UNICAST_HOPS],
    [six, IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_HOPS],
    [six, SOL_IP, SockOpt.IP_TTL],
  ];
  for (const [fd, level, name] of lacking) {
    assertEquals(await setInt(program, fd, level, name, 1), -Errno.ENOTSUP, `${level} ${name}`);
  }
  assertEquals(await setInt(program, four, SOL_SOCKET, SockOpt.SO_REUSEPORT, 0), 0);
  await program.closeAll(four, six);
});

testBoth(
  "what was set before BIND and cannot be had fails BIND, which can be repeated",
  async (program) => {
    const fd = await make(program);
    // 192.0.2.1 is nobody's: RFC 5737.
    const foreign = 192 | (2 << 16) | (1 << 24);
    assertEquals(await setInt(program, fd, SOL_IP, SockOpt.IP_MULTICAST_IF, foreign), 0);
    assertEquals(await program.withAddress(Op.BIND, fd, ANY_PORT).result(), -Errno.EADDRNOTAVAIL);
    assertEquals(await setInt(program, fd, SOL_IP, SockOpt.IP_MULTICAST_IF, 0), 0);
    assertEquals(await program.withAddress(Op.BIND, fd, ANY_PORT).result(), 0);
    assertEquals(
      await setInt(program, fd, SOL_IP, SockOpt.IP_MULTICAST_IF, foreign),
      -Errno.EADDRNOTAVAIL,
    );
    assertEquals(await setInt(program, fd, SOL_SOCKET, SockOpt.SO_REUSEADDR, 1), -Errno.EINVAL);
    assertEquals(await setInt(program, fd, SOL_SOCKET, SockOpt.SO_REUSEADDR, 0), 0);
    await program.closeAll(fd);
  },
);

testBoth("memory that is not the ring's is EFAULT", async (program) => {
  const [fd, address] = await bound(program);
  const beyond = program.reactor.memory.bytes.length;
  const header = letter(program, "x", address);
  const { words } = program.reactor.memory;
  const message = { address: header, length: 1 };
  words[(header + MSGHDR.NAME) >> 2] = beyond;
  assertEquals(await program.run(Op.SENDMSG, fd, message), -Errno.EFAULT);
  words[(header + MSGHDR.CONTROL_LENGTH) >> 2] = 24;
  words[(header + MSGHDR.CONTROL) >> 2] = beyond;
  assertEquals(await program.run(Op.SENDMSG, fd, message), -Errno.EFAULT);
  assertEquals(await program.run(Op.SENDMSG, fd, { address: beyond }), -Errno.EFAULT);
  const select = { flags: SqeFlag.BUFFER_SELECT, bufferGroup: 1 };
  assertEquals(await program.run(Op.RECVMSG, fd, { ...select, address: beyond }), -Errno.EFAULT);
  assertEquals(await program.run(Op.RECV, fd, { address: beyond, length: 4 }), -Errno.EFAULT);
  assertEquals(await program.run(Op.BIND, fd, { address: beyond, offset: 16 }), -Errno.EINVAL);
  assertEquals(await program.run(Op.CONNECT, fd, { address: beyond, offset: 16 }), -Errno.EFAULT);
  const option = { addressWords: [SOL_IP, SockOpt.IP_TTL] as const, fileIndex: 4 };
  for (const opcode of [DriverOp.SETSOCKOPT, DriverOp.GETSOCKOPT]) {
    assertEquals(await program.run(opcode, fd, { ...option, address3: beyond }), -Errno.EFAULT);
  }
  await program.closeAll(fd);
});

testBoth("a connection to the address of nobody is one to this machine", async (program) => {
  for (const [any, loopback] of [["0.0.0.0", "127.0.0.1"], ["[::]", "[::1]"]]) {
    const [to, name] = await bound(program, `${loopback}:0`);
    const { port } = SocketAddress.parse(name);
    const fd = await make(program, any.startsWith("[") ? AF_INET6 : AF_INET);
    assertEquals(await program.withAddress(Op.CONNECT, fd, `${any}:${port}`).result(), 0);
    assertEquals(await program.name(fd, "peer"), name);
    assert((await program.name(fd, "local")).startsWith(`${loopback}:`));
    assertEquals(await program.run(Op.SEND, fd, { address: program.put("me"), length: 2 }), 2);
    assertEquals(await receive(program, to), "me");
    await program.closeAll(fd, to);
  }
});

testBoth("random traffic over many sockets ends, and leaves nothing", async (program) => {
  const sockets = await Promise.all(Array.from({ length: 12 }, () => bound(program)));
  const pending: Promise<unknown>[] = [];
  for (let step = 0; step < 400; step++) {
    const [fd] = sockets[step * 7 % sockets.length];
    const [, to] = sockets[step * 5 % sockets.length];
    if (step % 3 === 0) pending.push(sendTo(program, fd, `${step}`, to));
    else if (step % 3 === 1) {
      const flight = program.begin(Op.RECV, fd, { address: program.take(16), length: 16 });
      pending.push(flight.result());
      if (step % 2 === 0) pending.push(program.cancel(flight));
    } else if (step % 11 === 0) await program.run(Op.NOP, -1);
  }
  for (const [fd] of sockets) pending.push(program.run(Op.CLOSE, fd));
  await Promise.all(pending);
  assertEquals(program.reactor.inFlight, 0);
});

testBoth("a stream's messages carry no control data, and none goes out", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const header = program.message([[program.put("x"), 1]]);
  const { words } = program.reactor.memory;
  const control = program.take(24);
  writeControl(words, control, SOL_SOCKET, 1, 4);
  words[(header + MSGHDR.CONTROL) >> 2] = control;
  words[(header + MSGHDR.CONTROL_LENGTH) >> 2] = 24;
  assertEquals(await program.run(Op.SENDMSG, fd, { address: header, length: 1 }), -Errno.ENOTSUP);
  const many = { flags: SqeFlag.BUFFER_SELECT, ioprio: IoPrio.RECV_MULTISHOT };
  const receiving = { address: program.message([]), ...many };
  assertEquals(await program.run(Op.RECVMSG, fd, receiving), -Errno.ENOTSUP);
  peer.close();
  await program.closeAll(fd, listener);
});
