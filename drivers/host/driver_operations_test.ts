import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { DriverOp, SockOpt } from "../../ring/abi/opcodes.ts";
import { AF_INET, AF_UNIX, decodeSockaddr } from "../../ring/abi/sockaddr.ts";
import { testBoth, type TestProgram } from "../../tests/support/test_program.ts";

async function set(program: TestProgram, fd: number, level: number, name: number, on: number) {
  const value = program.take(4);
  program.reactor.memory.words[value >> 2] = on;
  return await program.run(DriverOp.SETSOCKOPT, fd, {
    addressWords: [level, name],
    fileIndex: 4,
    address3: value,
  });
}

async function get(program: TestProgram, fd: number, level: number, name: number) {
  const value = program.take(4);
  const result = await program.run(DriverOp.GETSOCKOPT, fd, {
    addressWords: [level, name],
    fileIndex: 4,
    address3: value,
  });
  return result === 4 ? program.reactor.memory.words[value >> 2] : result;
}

testBoth("options read back as they were set", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const idle = await program.socket();
  for (const socket of [fd, idle]) {
    for (
      const [level, name] of [
        [SockOpt.IPPROTO_TCP, SockOpt.TCP_NODELAY],
        [SockOpt.SOL_SOCKET, SockOpt.SO_KEEPALIVE],
        [SockOpt.SOL_SOCKET, SockOpt.SO_REUSEADDR],
      ]
    ) {
      assertEquals(await get(program, socket, level, name), 0);
      assertEquals(await set(program, socket, level, name, 1), 0);
      assertEquals(await get(program, socket, level, name), 1);
      assertEquals(await set(program, socket, level, name, 0), 0);
      assertEquals(await get(program, socket, level, name), 0);
    }
  }
  assertEquals(await get(program, fd, SockOpt.SOL_SOCKET, SockOpt.SO_ERROR), 0);
  assertEquals(await get(program, fd, SockOpt.SOL_SOCKET, 3), 1);
  peer.close();
  await program.closeAll(fd, listener, idle);
});

testBoth("options that Deno has not are ENOTSUP", async (program) => {
  const fd = await program.socket();
  const buffer = [SockOpt.SOL_SOCKET, SockOpt.SO_RCVBUF] as const;
  assertEquals(await set(program, fd, ...buffer, 4096), -Errno.ENOTSUP);
  assertEquals(await get(program, fd, ...buffer), -Errno.ENOTSUP);
  const unix = await program.socket(AF_UNIX);
  const noDelay = [SockOpt.IPPROTO_TCP, SockOpt.TCP_NODELAY] as const;
  assertEquals(await set(program, unix, ...noDelay, 1), -Errno.ENOTSUP);
  assertEquals(await set(program, 99, ...noDelay, 1), -Errno.EBADF);
  if (!("listenDatagram" in Deno)) {
    const port = [SockOpt.SOL_SOCKET, SockOpt.SO_REUSEPORT] as const;
    assertEquals(await set(program, fd, ...port, 1), -Errno.ENOTSUP);
  }
  await program.closeAll(fd, unix);
});

testBoth("NAMES knows what a socket has, and ENOTCONN for what it has not", async (program) => {
  const fd = await program.socket();
  assertEquals(await program.name(fd, "local"), "0.0.0.0:0");
  assertEquals(await program.name(fd, "peer"), String(-Errno.ENOTCONN));
  assertEquals(await program.name(99, "local"), String(-Errno.EBADF));
  const listener = await program.listen();
  assertEquals(await program.name(listener.fd, "peer"), String(-Errno.ENOTCONN));
  const unix = await program.socket(AF_UNIX);
  assertEquals(await program.name(unix, "local"), "unix:");
  await program.closeAll(fd, listener.fd, unix);
});

async function resolve(program: TestProgram, name: string, family: number, capacity = 280) {
  const address = program.put(name);
  const offset = program.take(280);
  const result = await program.run(DriverOp.RESOLVE, -1, {
    address,
    length: name.length,
    offset,
    fileIndex: capacity,
    operationFlags: family,
  });
  if (result < 0) return result;
  const { bytes } = program.reactor.memory;
  return Array.from({ length: result }, (_, index) => {
    return decodeSockaddr(bytes, offset + index * 28, 28).host;
  });
}

testBoth("RESOLVE gives the addresses of a name", async (program) => {
  assertEquals(await resolve(program, "localhost", AF_INET), ["127.0.0.1"]);
  assertEquals(await resolve(program, "::1", 0), ["::1"]);
  assertEquals(await resolve(program, "localhost", AF_INET, 10), []);
  const missing = await resolve(program, "millrace.invalid", 0);
  assert(missing === -Errno.ENOENT || missing === -Errno.EAGAIN, `result ${missing}`);
  assertEquals(await resolve(program, "", 0), -Errno.EINVAL);
  assertEquals(await resolve(program, "x".repeat(300), 0), -Errno.ENAMETOOLONG);
  assertEquals(await resolve(program, "localhost", 77), -Errno.EAFNOSUPPORT);
});

testBoth("RESOLVE can be cancelled", async (program) => {
  const address = program.put("localhost");
  const offset = program.take(280);
  const fields = { address, length: 9, offset, fileIndex: 280 };
  const flight = program.begin(DriverOp.RESOLVE, -1, fields);
  const outcome = await program.cancel(flight);
  const result = await flight.result();
  assertEquals(result === -Errno.ECANCELED ? 0 : -Errno.ENOENT, outcome);
});
