import { assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { DriverOp, Op, Sock, SockOpt } from "../../ring/abi/opcodes.ts";
import { AF_INET } from "../../ring/abi/sockaddr.ts";
import type { TestProgram } from "../../tests/support/test_program.ts";
import { testStack } from "../../tests/support/stack/test_stack.ts";

const { SOL_IP, SOL_SOCKET } = SockOpt;
const SO_MAX_PACING_RATE = 47;
const SO_COOKIE = 57;
const FIONREAD = 0x541b;
const SIOCATMARK = 0x8905;
const SIOCOUTQ = 0x5411;

async function read(
  program: TestProgram,
  fd: number,
  name: readonly [number, number],
  room: number,
) {
  const at = program.take(64);
  program.reactor.memory.bytes.fill(0xaa, at, at + 64);
  const fields = { addressWords: name, fileIndex: room, address3: at };
  const result = await program.run(DriverOp.GETSOCKOPT, fd, fields);
  return result < 0 ? result : [...program.reactor.memory.bytes.slice(at, at + result)];
}

async function write(
  program: TestProgram,
  fd: number,
  name: readonly [number, number],
  value: readonly number[],
) {
  const at = program.take(64);
  program.reactor.memory.bytes.set(value, at);
  const fields = { addressWords: name, fileIndex: value.length, address3: at };
  assertEquals(await program.run(DriverOp.SETSOCKOPT, fd, fields), 0);
}

testStack("options of IPv4 are a byte where there is no room for an int", async (program) => {
  const fd = await program.run(Op.SOCKET, AF_INET, { offset: Sock.DGRAM });
  const option = [SOL_IP, SockOpt.IP_TTL] as const;
  await write(program, fd, option, [64, 0, 0, 0]);
  assertEquals(await read(program, fd, option, 3), [64]);
  assertEquals(await read(program, fd, option, 0), []);
  assertEquals(await read(program, fd, option, 4), [64, 0, 0, 0]);
  await write(program, fd, option, [0, 1, 0, 0]);
  assertEquals(await read(program, fd, option, 3), [0, 1, 0], "but for those that do not fit");
  assertEquals(await read(program, fd, [SOL_SOCKET, SockOpt.SO_TYPE], 3), [2, 0, 0]);
  await program.closeAll(fd);
});

testStack("options that are longer than an int have their own lengths", async (program) => {
  const fd = await program.run(Op.SOCKET, AF_INET, { offset: Sock.DGRAM });
  const device = [SOL_SOCKET, SockOpt.SO_BINDTODEVICE] as const;
  await write(program, fd, device, []);
  assertEquals(await read(program, fd, device, 4), []);
  await write(program, fd, device, [0x6c, 0x6f, 0]);
  assertEquals(await read(program, fd, device, 4), -Errno.EINVAL);
  assertEquals(await read(program, fd, device, 16), [0x6c, 0x6f, 0]);
  await write(program, fd, [SOL_SOCKET, SO_COOKIE], [1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(await read(program, fd, [SOL_SOCKET, SO_COOKIE], 7), -Errno.EINVAL);
  assertEquals(await read(program, fd, [SOL_SOCKET, SO_COOKIE], 64), [1, 2, 3, 4, 5, 6, 7, 8]);
  const rate = [SOL_SOCKET, SO_MAX_PACING_RATE] as const;
  await write(program, fd, rate, [0, 1, 0, 0]);
  assertEquals(await read(program, fd, rate, 4), [0, 1, 0, 0]);
  assertEquals(await read(program, fd, rate, 8), [0, 1, 0, 0, 0, 0, 0, 0]);
  await write(program, fd, rate, [255, 255, 255, 255]);
  assertEquals(await read(program, fd, rate, 8), new Array(8).fill(255));
  await program.closeAll(fd);
});

testStack("requests of ioctl tell of queues and the mark", async (program) => {
  const datagrams = await program.run(Op.SOCKET, AF_INET, { offset: Sock.DGRAM });
  const stream = await program.run(Op.SOCKET, AF_INET, { offset: Sock.STREAM });
  const ask = (fd: number, request: number) =>
    program.run(DriverOp.IOCTL, fd, { operationFlags: request });
  assertEquals(await ask(datagrams, FIONREAD), 0);
  assertEquals(await ask(datagrams, SIOCATMARK), -Errno.ENOTTY);
  assertEquals(await ask(stream, SIOCATMARK), 0);
  assertEquals(await ask(stream, SIOCOUTQ), 0);
  assertEquals(await ask(stream, 0x1234), -Errno.ENOTTY);
  assertEquals(await ask(77, FIONREAD), -Errno.EBADF);
  await program.closeAll(datagrams, stream);
});
