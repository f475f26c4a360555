import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import {
  CancelFlag,
  CqeFlag,
  IoPrio,
  Msg,
  Op,
  Poll,
  PollFlag,
  Shut,
  SqeFlag,
} from "../../ring/abi/opcodes.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { encodeSockaddr } from "../../ring/abi/sockaddr.ts";
import type { TestProgram } from "../../tests/support/test_program.ts";
import { TEST_BUFFER_BYTES } from "../../tests/support/stack/test_stream.ts";
import { testStack } from "../../tests/support/stack/test_stack.ts";

const SELECT = { flags: SqeFlag.BUFFER_SELECT };

/** Two connected descriptors. */
async function pair(program: TestProgram): Promise<[number, number]> {
  const { fd: listener, port } = await program.listen();
  const accepting = program.run(Op.ACCEPT, listener);
  const client = await program.socket();
  const connected = await program.withAddress(Op.CONNECT, client, `127.0.0.1:${port}`).result();
  assertEquals(connected, 0);
  const server = await accepting;
  await program.run(Op.CLOSE, listener);
  return [client, server];
}

testStack("bytes go from vector to vector, and a shut side is the end", async (program) => {
  const [client, server] = await pair(program);
  const parts = [[program.put("he"), 2], [program.put("llo"), 3]] as const;
  assertEquals(
    await program.run(Op.WRITEV, client, { address: program.vector(parts), length: 2 }),
    5,
  );
  const into = [[program.take(4), 4], [program.take(8), 8]] as const;
  const read = () => program.run(Op.READV, server, { address: program.vector(into), length: 2 });
  assertEquals(await read(), 5);
  assertEquals(program.text(into[0][0], 4) + program.text(into[1][0], 1), "hello");
  assertEquals(await program.run(Op.SHUTDOWN, client, { length: Shut.WR }), 0);
  assertEquals(await read(), 0);
  const address = program.put("x");
  assertEquals(await program.run(Op.SEND, client, { address, length: 1 }), -Errno.EPIPE);
  await program.closeAll(client, server);
});

testStack("a send that finds no room waits its turn, and one edge serves all", async (program) => {
  const [client, server] = await pair(program);
  const length = TEST_BUFFER_BYTES;
  const address = program.take(2 * length);
  const fields = { address, length, operationFlags: Msg.WAITALL };
  const sends = [1, 2, 3].map(() => program.begin(Op.SEND, client, fields));
  assertEquals(await sends[0].result(), length);
  const hasty = { ...fields, operationFlags: Msg.DONTWAIT };
  assertEquals(await program.run(Op.SEND, client, hasty), -Errno.EAGAIN);
  assertEquals(sends[1].completions.length, 0);
  let left = 3 * length;
  while (left > 0) left -= await program.run(Op.RECV, server, { address, length });
  assertEquals([await sends[1].result(), await sends[2].result()], [length, length]);
  await program.closeAll(client, server);
});

testStack("a multishot receive fills buffers until the end", async (program) => {
  const [client, server] = await pair(program);
  const { buffers } = program.reactor;
  const flight = program.begin(Op.RECV, server, { ...SELECT, ioprio: IoPrio.RECV_MULTISHOT });
  for (const text of ["one", "two"]) {
    const address = program.put(text);
    await program.run(Op.SEND, client, { address, length: 3 });
    const { result, flags } = await flight.next();
    assertEquals([result, flags & 0xffff], [3, CqeFlag.BUFFER | CqeFlag.MORE]);
    const id = flags >>> 16;
    buffers.arrive(id);
    assertEquals(program.text(buffers.offsetOf(id), 3), text);
    buffers.release(id);
  }
  await program.run(Op.SHUTDOWN, client, { length: Shut.WR });
  assertEquals(await flight.next(), { result: 0, flags: 0 });
  await program.closeAll(client, server);
});

testStack("a multishot receive that finds no buffer ends with ENOBUFS", async (program) => {
  const [client, server] = await pair(program);
  const { buffers } = program.reactor;
  const flight = program.begin(Op.RECV, server, { ...SELECT, ioprio: IoPrio.RECV_MULTISHOT });
  const bytes = buffers.count * buffers.bytes + 1;
  const address = program.take(bytes);
  assertEquals(await program.run(Op.SEND, client, { address, length: bytes }), bytes);
  for (let count = 0; count < buffers.count; count++) {
    assertEquals((await flight.next()).result, buffers.bytes);
  }
  assertEquals(await flight.next(), { result: -Errno.ENOBUFS, flags: 0 });
  // The byte behind is still there.
  assertEquals(await program.run(Op.RECV, server, { address, length: 9 }), 1);
  await program.closeAll(client, server);
});

testStack("a multishot accept goes on, and names each peer", async (program) => {
  const { fd: listener, port } = await program.listen();
  const name = program.take(128);
  const length = program.take(4);
  program.reactor.memory.words[length >> 2] = 128;
  const fields = { ioprio: IoPrio.ACCEPT_MULTISHOT, address: name, offset: length };
  const flight = program.begin(Op.ACCEPT, listener, fields);
  const fds: number[] = [];
  for (let count = 0; count < 2; count++) {
    const client = await program.socket();
    await program.withAddress(Op.CONNECT, client, `127.0.0.1:${port}`).result();
    const { result, flags } = await flight.next();
    assertEquals(flags, CqeFlag.MORE);
    assertEquals(await program.name(result, "peer"), await program.name(client, "local"));
    fds.push(client, result);
  }
  assertEquals(await program.cancel(flight), 0);
  assertEquals(await flight.next(), { result: -Errno.ECANCELED, flags: 0 });
  await program.closeAll(listener, ...fds);
});

testStack("a connection that is refused leaves a socket that can try again", async (program) => {
  const client = await program.socket();
  const refused = await program.withAddress(Op.CONNECT, client, "127.0.0.1:9").result();
  assertEquals(refused, -Errno.ECONNREFUSED);
  assertEquals(await program.name(client, "peer"), String(-Errno.ENOTCONN));
  const { fd: listener, port } = await program.listen();
  const accepting = program.run(Op.ACCEPT, listener);
  const again = program.withAddress(Op.CONNECT, client, `127.0.0.1:${port}`);
  const second = program.withAddress(Op.CONNECT, client, `127.0.0.1:${port}`);
  // As on Linux, whose loopback answers within the call.
  assertEquals([await again.result(), await second.result()], [0, -Errno.EISCONN]);
  assertEquals(await program.name(client, "peer"), `127.0.0.1:${port}`);
  await program.closeAll(client, listener, await accepting);
});

testStack("a CONNECT without a family leaves a socket as it was", async (program) => {
  const [client, server] = await pair(program);
  const nobody = program.take(16);
  assertEquals(await program.run(Op.CONNECT, client, { address: nobody, offset: 16 }), 0);
  assertEquals(await program.name(client, "peer"), String(-Errno.ENOTCONN));
  const address = program.take(8);
  const reset = await program.run(Op.RECV, server, { address, length: 8 });
  assertEquals(reset, -Errno.ECONNRESET);
  await program.closeAll(client, server);
});

testStack("closing a socket completes everything that waits for it", async (program) => {
  const [client, server] = await pair(program);
  const address = program.take(8);
  const waiting = [
    program.begin(Op.RECV, server, { address, length: 8 }),
    program.begin(Op.RECV, server, { address, length: 8 }),
    program.begin(Op.POLL_ADD, server, { operationFlags: Poll.IN }),
    program.begin(Op.POLL_ADD, server, { operationFlags: Poll.IN, length: PollFlag.ADD_MULTI }),
  ];
  assertEquals(await program.run(Op.CLOSE, server), 0);
  for (const flight of waiting) assertEquals(await flight.result(), -Errno.ECANCELED);
  assertEquals(await program.run(Op.RECV, server, { address, length: 8 }), -Errno.EBADF);
  await program.closeAll(client);
});

testStack(
  "cancelling finds operations by descriptor, and keeps what they moved",
  async (program) => {
    const [client, server] = await pair(program);
    const address = program.put("abc");
    const into = program.take(16);
    const fields = { address: into, length: 16, operationFlags: Msg.WAITALL };
    const all = program.begin(Op.RECV, server, fields);
    const behind = program.begin(Op.RECV, server, { address: into, length: 16 });
    await program.run(Op.SEND, client, { address, length: 3 });
    await program.run(Op.NOP, -1);
    const cancelled = await program.run(Op.ASYNC_CANCEL, server, {
      operationFlags: CancelFlag.FD | CancelFlag.ALL,
    });
    assertEquals(cancelled, 2);
    assertEquals([await all.result(), await behind.result()], [3, -Errno.ECANCELED]);
    await program.closeAll(client, server);
  },
);

testStack(
  "a multishot poll tells of each arrival; an update changes what it asks",
  async (program) => {
    const [client, server] = await pair(program);
    const poll = program.begin(Op.POLL_ADD, server, {
      operationFlags: Poll.IN,
      length: PollFlag.ADD_MULTI,
    });
    const send = () => program.run(Op.SEND, client, { address: program.put("x"), length: 1 });
    for (let count = 0; count < 3; count++) {
      await send();
      assertEquals(await poll.next(), { result: Poll.IN, flags: CqeFlag.MORE });
    }
    const updated = await program.run(Op.POLL_REMOVE, -1, {
      addressWords: [poll.slot, poll.generation],
      length: PollFlag.UPDATE_EVENTS | PollFlag.ADD_MULTI,
      operationFlags: Poll.OUT,
    });
    assertEquals(updated, 0);
    assertEquals((await poll.next()).result, Poll.OUT);
    const remove = { addressWords: [poll.slot, poll.generation] as const };
    assertEquals(await program.run(Op.POLL_REMOVE, -1, remove), 0);
    assertEquals(await poll.next(), { result: -Errno.ECANCELED, flags: 0 });
    await program.closeAll(client, server);
  },
);

testStack("a linked timeout ends what waits too long", async (program) => {
  const [client, server] = await pair(program);
  const receive = program.begin(Op.RECV, server, {
    flags: SqeFlag.IO_LINK,
    address: program.take(8),
    length: 8,
  });
  const guard = program.begin(Op.LINK_TIMEOUT, -1, { address: program.timespec(5), length: 1 });
  assertEquals([await receive.result(), await guard.result()], [-Errno.ECANCELED, -Errno.ETIME]);
  await program.closeAll(client, server);
});

testStack("what a stack has no sockets for is refused as Linux would", async (program) => {
  const make = (family: number, offset: number, length = 0) =>
    program.run(Op.SOCKET, family, { offset, length });
  assertEquals(await make(1, 1), -Errno.EAFNOSUPPORT);
  assertEquals(await make(2, 5), -Errno.ESOCKTNOSUPPORT);
  assertEquals(await make(2, 1, 17), -Errno.EPROTONOSUPPORT);
  assertEquals(await make(2, 2, 6), -Errno.EPROTONOSUPPORT);
  assertEquals(await make(2, 3), -Errno.EPROTONOSUPPORT);
  assertEquals(await make(2, 0), -Errno.EINVAL);
  assertEquals(await make(2, 1 | 1 << 5), -Errno.EINVAL);
});

testStack("addresses must be whole, of the family, and in ring memory", async (program) => {
  const fd = await program.socket();
  const address = program.take(128);
  const parsed = SocketAddress.parse("[::1]:80");
  const length = encodeSockaddr(parsed, program.reactor.memory.bytes, address);
  const bind = (fields: object) => program.run(Op.BIND, fd, { address, offset: length, ...fields });
  assertEquals(await bind({}), -Errno.EAFNOSUPPORT);
  assertEquals(await bind({ offset: 1 }), -Errno.EINVAL);
  assertEquals(await bind({ offset: 12 }), -Errno.EINVAL);
  assertEquals(await bind({ address: 2 ** 40 }), -Errno.EFAULT);
  const accept = { address, offset: 3 };
  assertEquals(await program.run(Op.ACCEPT, fd, accept), -Errno.EFAULT);
  assertEquals(await program.run(Op.ACCEPT, fd), -Errno.EINVAL);
  assert((await program.run(Op.CLOSE, fd)) === 0);
});
