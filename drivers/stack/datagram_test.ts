import { assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { CMSGHDR, MSGHDR, RECVMSG_OUT } from "../../ring/abi/layout.ts";
import {
  CqeFlag,
  DriverOp,
  IoPrio,
  Msg,
  Op,
  Sock,
  SockOpt,
  SqeFlag,
} from "../../ring/abi/opcodes.ts";
import { findControl, readWord } from "../../ring/abi/control.ts";
import { AF_INET, decodeSockaddr } from "../../ring/abi/sockaddr.ts";
import { DATAGRAM_GROUP } from "../../ring/buffers.ts";
import type { TestProgram } from "../../tests/support/test_program.ts";
import { testStack } from "../../tests/support/stack/test_stack.ts";

/** A bound socket, and its port. */
async function bound(program: TestProgram): Promise<{ fd: number; port: number }> {
  const fd = await program.run(Op.SOCKET, AF_INET, { offset: Sock.DGRAM });
  assertEquals(await program.withAddress(Op.BIND, fd, "127.0.0.1:0").result(), 0);
  const name = await program.name(fd, "local");
  return { fd, port: Number(name.split(":")[1]) };
}

async function setOption(program: TestProgram, fd: number, level: number, name: number) {
  const address3 = program.take(4);
  program.reactor.memory.words[address3 >> 2] = 1;
  const fields = { addressWords: [level, name] as const, fileIndex: 4, address3 };
  assertEquals(await program.run(DriverOp.SETSOCKOPT, fd, fields), 0);
}

testStack("datagrams keep their boundaries, and say who sent them", async (program) => {
  const [from, to] = [await bound(program), await bound(program)];
  await program.withAddress(Op.CONNECT, from.fd, `127.0.0.1:${to.port}`).result();
  for (const text of ["first", "second"]) {
    const address = program.put(text);
    await program.run(Op.SEND, from.fd, { address, length: text.length });
  }
  const into = program.take(16);
  const name = program.take(128);
  const header = program.message([[into, 16]]);
  const { words, bytes } = program.reactor.memory;
  words[(header + MSGHDR.NAME) >> 2] = name;
  words[(header + MSGHDR.NAME_LENGTH) >> 2] = 128;
  assertEquals(await program.run(Op.RECVMSG, to.fd, { address: header, length: 1 }), 5);
  assertEquals(program.text(into, 5), "first");
  const length = words[(header + MSGHDR.NAME_LENGTH) >> 2];
  assertEquals(decodeSockaddr(bytes, name, length).port, from.port);
  const hasty = { address: into, length: 3, operationFlags: Msg.TRUNC };
  assertEquals(await program.run(Op.RECV, to.fd, hasty), 6);
  assertEquals(program.text(into, 3), "sec");
  const empty = { address: into, length: 3, operationFlags: Msg.DONTWAIT };
  assertEquals(await program.run(Op.RECV, to.fd, empty), -Errno.EAGAIN);
  await program.closeAll(from.fd, to.fd);
});

testStack(
  "a multishot RECVMSG puts name and control messages before the bytes",
  async (program) => {
    const [from, to] = [await bound(program), await bound(program)];
    await setOption(program, to.fd, SockOpt.SOL_IP, SockOpt.IP_RECVTTL);
    await setOption(program, to.fd, SockOpt.SOL_IP, SockOpt.IP_PKTINFO);
    const header = program.take(MSGHDR.SIZE);
    const { words, bytes } = program.reactor.memory;
    const [nameRoom, controlRoom] = [16, 64];
    words[(header + MSGHDR.NAME_LENGTH) >> 2] = nameRoom;
    words[(header + MSGHDR.CONTROL_LENGTH) >> 2] = controlRoom;
    const flight = program.begin(Op.RECVMSG, to.fd, {
      flags: SqeFlag.BUFFER_SELECT,
      ioprio: IoPrio.RECV_MULTISHOT,
      bufferGroup: DATAGRAM_GROUP,
      address: header,
    });
    await program.withAddress(Op.CONNECT, from.fd, `127.0.0.1:${to.port}`).result();
    await program.run(Op.SEND, from.fd, { address: program.put("hello"), length: 5 });
    const { result, flags } = await flight.next();
    assertEquals(flags & 0xffff, CqeFlag.BUFFER | CqeFlag.MORE);
    const { datagramBuffers } = program.reactor;
    datagramBuffers.arrive(flags >>> 16);
    const at = datagramBuffers.offsetOf(flags >>> 16);
    const name = at + RECVMSG_OUT.SIZE;
    const control = name + nameRoom;
    assertEquals(result, RECVMSG_OUT.SIZE + nameRoom + controlRoom + 5);
    assertEquals(readWord(bytes, at + RECVMSG_OUT.PAYLOAD_LENGTH), 5);
    assertEquals(decodeSockaddr(bytes, name, 16).port, from.port);
    const end = control + readWord(bytes, at + RECVMSG_OUT.CONTROL_LENGTH);
    const hops = findControl(bytes, control, end, SockOpt.SOL_IP, SockOpt.IP_TTL);
    assertEquals(readWord(bytes, hops), 64);
    const info = findControl(bytes, control, end, SockOpt.SOL_IP, SockOpt.IP_PKTINFO);
    assertEquals([readWord(bytes, info), ...bytes.slice(info + 8, info + 12)], [1, 127, 0, 0, 1]);
    assertEquals(program.text(control + controlRoom, 5), "hello");
    datagramBuffers.release(flags >>> 16);
    assertEquals(await program.cancel(flight), 0);
    assertEquals(await flight.result(), -Errno.ECANCELED);
    await program.closeAll(from.fd, to.fd);
  },
);

testStack(
  "control messages are cut to their room, and said to be, as on Linux",
  async (program) => {
    const [from, to] = [await bound(program), await bound(program)];
    await setOption(program, to.fd, SockOpt.SOL_IP, SockOpt.IP_PKTINFO);
    const control = program.take(64);
    const header = program.message([[program.take(8), 8]]);
    const { words } = program.reactor.memory;
    words[(header + MSGHDR.CONTROL) >> 2] = control;
    words[(header + MSGHDR.CONTROL_LENGTH) >> 2] = CMSGHDR.SIZE;
    await program.withAddress(Op.CONNECT, from.fd, `127.0.0.1:${to.port}`).result();
    await program.run(Op.SEND, from.fd, { address: program.put("x"), length: 1 });
    assertEquals(await program.run(Op.RECVMSG, to.fd, { address: header, length: 1 }), 1);
    assertEquals(words[(header + MSGHDR.FLAGS) >> 2], Msg.CTRUNC);
    // There is room for the head of one.
    assertEquals(words[(header + MSGHDR.CONTROL_LENGTH) >> 2], CMSGHDR.SIZE);
    await program.closeAll(from.fd, to.fd);
  },
);

testStack(
  "control messages that make no sense are EINVAL, and nothing is sent",
  async (program) => {
    const [from, to] = [await bound(program), await bound(program)];
    await program.withAddress(Op.CONNECT, from.fd, `127.0.0.1:${to.port}`).result();
    const send = (level: number, type: number, bytes: number, value: number) => {
      const control = program.take(64);
      const header = program.message([[program.put("x"), 1]]);
      const { words } = program.reactor.memory;
      words[control >> 2] = CMSGHDR.SIZE + bytes;
      words[(control + CMSGHDR.LEVEL) >> 2] = level;
      words[(control + CMSGHDR.TYPE) >> 2] = type;
      words[(control + CMSGHDR.SIZE) >> 2] = value;
      words[(header + MSGHDR.CONTROL) >> 2] = control;
      words[(header + MSGHDR.CONTROL_LENGTH) >> 2] = CMSGHDR.SIZE + 8;
      return program.run(Op.SENDMSG, from.fd, { address: header, length: 1 });
    };
    const { SOL_IP, IP_TTL, IPPROTO_UDP, UDP_SEGMENT } = SockOpt;
    assertEquals(await send(SOL_IP, IP_TTL, 4, 0), -Errno.EINVAL);
    assertEquals(await send(SOL_IP, IP_TTL, 4, 256), -Errno.EINVAL);
    assertEquals(await send(SOL_IP, IP_TTL, 2, 9), -Errno.EINVAL);
    assertEquals(await send(SOL_IP, 999, 4, 9), -Errno.EINVAL);
    assertEquals(await send(IPPROTO_UDP, UDP_SEGMENT, 4, 9), -Errno.EINVAL);
    assertEquals(await send(SOL_IP, IP_TTL, 40, 9), -Errno.EINVAL);
    assertEquals(await send(SOL_IP, IP_TTL, 4, 9), 1);
    await program.closeAll(from.fd, to.fd);
  },
);

testStack("a socket that nobody hears says so once, and lives on", async (program) => {
  const { fd } = await bound(program);
  await program.withAddress(Op.CONNECT, fd, "127.0.0.1:9").result();
  const send = () => program.run(Op.SEND, fd, { address: program.put("x"), length: 1 });
  assertEquals(await send(), 1);
  await program.run(Op.NOP, -1);
  const receive = await program.run(Op.RECV, fd, { address: program.take(8), length: 8 });
  assertEquals(receive, -Errno.ECONNREFUSED);
  assertEquals(await send(), 1);
  await program.run(Op.CLOSE, fd);
});

testStack("reports of errors are waited for by nobody, and take no buffer", async (program) => {
  const { fd } = await bound(program);
  const address = program.take(8);
  const fields = { address, length: 8, operationFlags: Msg.ERRQUEUE };
  assertEquals(await program.run(Op.RECV, fd, fields), -Errno.EAGAIN);
  const selecting = { length: 8, operationFlags: Msg.ERRQUEUE };
  assertEquals(
    await program.run(Op.RECV, fd, {
      ...selecting,
      flags: SqeFlag.BUFFER_SELECT,
      bufferGroup: DATAGRAM_GROUP,
    }),
    -Errno.EINVAL,
  );
  await program.run(Op.CLOSE, fd);
});
