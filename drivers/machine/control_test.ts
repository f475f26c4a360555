import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import {
  CancelFlag,
  CqeFlag,
  DriverOp,
  Op,
  Poll,
  PollFlag,
  Shut,
  SqeFlag,
  TimeoutFlag,
} from "../../ring/abi/opcodes.ts";
import { type Flight, testBoth, type TestProgram } from "../../tests/support/test_program.ts";

function timeout(program: TestProgram, milliseconds: number, fields: object = {}): Flight {
  return program.begin(Op.TIMEOUT, -1, {
    address: program.timespec(milliseconds),
    length: 1,
    ...fields,
  });
}

const words = (flight: Flight): [number, number] => [flight.slot, flight.generation];

testBoth("opcodes that Deno cannot do are ENOTSUP, unknown ones EINVAL", async (program) => {
  for (const opcode of [Op.STATX, Op.SPLICE, Op.SEND_ZC, Op.PROVIDE_BUFFERS, Op.URING_CMD]) {
    assertEquals(await program.run(opcode, -1), -Errno.ENOTSUP, `opcode ${opcode}`);
  }
  for (const opcode of [100, 0xbf, 0xff]) {
    assertEquals(await program.run(opcode, -1), -Errno.EINVAL, `opcode ${opcode}`);
  }
  assertEquals(await program.run(Op.NOP, -1, { operationFlags: 1, length: 42 }), 42);
  const { supported } = program.reactor.driver;
  assertEquals([supported[Op.RECV], supported[Op.STATX], supported[DriverOp.RESOLVE]], [1, 0, 1]);
});

testBoth("a timeout ends with ETIME, not before its time", async (program) => {
  const started = performance.now();
  assertEquals(await timeout(program, 30).result(), -Errno.ETIME);
  assert(performance.now() - started >= 29);
  const at = performance.now() + 20;
  const absolute = timeout(program, at, { operationFlags: TimeoutFlag.ABS });
  assertEquals(await absolute.result(), -Errno.ETIME);
  assert(performance.now() >= at - 1);
  assert(performance.now() < at + 500);
  assertEquals(await timeout(program, 1, { length: 2 }).result(), -Errno.EINVAL);
  assertEquals(await timeout(program, 1, { address: 2 ** 40 }).result(), -Errno.EFAULT);
});

testBoth("a counting timeout ends with 0 after so many completions", async (program) => {
  const flight = timeout(program, 60_000, { offset: 3 });
  for (let count = 0; count < 2; count++) await program.run(Op.NOP, -1);
  assertEquals(flight.completions.length, 0);
  await program.run(Op.NOP, -1);
  assertEquals(await flight.result(), 0);
});

testBoth("a multishot timeout fires as often as it was told", async (program) => {
  const fields = { operationFlags: TimeoutFlag.MULTISHOT, offset: 3 };
  const flight = timeout(program, 2, fields);
  for (const more of [CqeFlag.MORE, CqeFlag.MORE, 0]) {
    assertEquals(await flight.next(), { result: -Errno.ETIME, flags: more });
  }
});

testBoth("TIMEOUT_REMOVE ends a timeout or moves it", async (program) => {
  const flight = timeout(program, 60_000);
  const remove = (fields: object = {}) =>
    program.run(Op.TIMEOUT_REMOVE, -1, { addressWords: words(flight), ...fields });
  const update = { operationFlags: TimeoutFlag.UPDATE, offset: program.timespec(5) };
  assertEquals(await remove(update), 0);
  assertEquals(await flight.result(), -Errno.ETIME);
  assertEquals(await remove(), -Errno.ENOENT);
  const second = timeout(program, 60_000);
  assertEquals(await program.run(Op.TIMEOUT_REMOVE, -1, { addressWords: words(second) }), 0);
  assertEquals(await second.result(), -Errno.ECANCELED);
});

testBoth("ASYNC_CANCEL finds by user data, descriptor, opcode, or all", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const address = program.take(16);
  const receive = () => program.begin(Op.RECV, fd, { address, length: 16 });
  const cancel = (fields: object) => program.run(Op.ASYNC_CANCEL, fd, fields);
  assertEquals(await cancel({ addressWords: [77, 1] }), -Errno.ENOENT);
  const first = receive();
  assertEquals(await program.cancel(first), 0);
  assertEquals(await first.result(), -Errno.ECANCELED);
  const both = [receive(), receive()];
  const byFile = CancelFlag.FD | CancelFlag.ALL;
  assertEquals(await cancel({ operationFlags: byFile }), 2);
  for (const flight of both) assertEquals(await flight.result(), -Errno.ECANCELED);
  assertEquals(await cancel({ operationFlags: byFile }), 0);
  assertEquals(await cancel({ operationFlags: CancelFlag.FD }), -Errno.ENOENT);
  const poll = program.begin(Op.POLL_ADD, fd, { operationFlags: Poll.IN });
  const other = receive();
  assertEquals(await cancel({ operationFlags: 1 << 5, length: Op.RECV }), 0);
  assertEquals(await other.result(), -Errno.ECANCELED);
  const timer = timeout(program, 60_000);
  assertEquals(await cancel({ operationFlags: CancelFlag.ANY | CancelFlag.ALL }), 2);
  assertEquals(await poll.result(), -Errno.ECANCELED);
  assertEquals(await timer.result(), -Errno.ECANCELED);
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("a poll tells of bytes, of room, and of the end", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const poll = (operationFlags: number) => program.run(Op.POLL_ADD, fd, { operationFlags });
  assertEquals(await poll(Poll.OUT), Poll.OUT);
  const waiting = program.begin(Op.POLL_ADD, fd, { operationFlags: Poll.IN });
  await peer.write(new Uint8Array(5));
  assertEquals(await waiting.result(), Poll.IN);
  assertEquals(await poll(Poll.IN | Poll.OUT), Poll.IN | Poll.OUT);
  const address = program.take(16);
  assertEquals(await program.run(Op.RECV, fd, { address, length: 16 }), 5);
  const end = program.begin(Op.POLL_ADD, fd, { operationFlags: Poll.RDHUP });
  await peer.closeWrite();
  assertEquals(await end.result(), Poll.RDHUP);
  await program.run(Op.SHUTDOWN, fd, { length: Shut.WR });
  const hangUp = await poll(Poll.RDHUP);
  assertEquals(hangUp & Poll.HUP, Poll.HUP);
  const idle = await program.socket();
  const unconnected = await program.run(Op.POLL_ADD, idle, { operationFlags: Poll.OUT });
  assertEquals(unconnected, Poll.OUT | Poll.HUP);
  peer.close();
  await program.closeAll(fd, listener, idle);
});

testBoth("a poll of a listener tells of connections, and takes none", async (program) => {
  const { fd: listener, port } = await program.listen();
  const flight = program.begin(Op.POLL_ADD, listener, { operationFlags: Poll.IN });
  const peer = await Deno.connect({ hostname: "127.0.0.1", port });
  assertEquals(await flight.result(), Poll.IN);
  const fd = await program.run(Op.ACCEPT, listener);
  assert(fd > 0);
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("a multishot poll posts every time, until it is removed", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const address = program.take(16);
  const flight = program.begin(Op.POLL_ADD, fd, {
    operationFlags: Poll.IN,
    length: PollFlag.ADD_MULTI,
  });
  for (let round = 0; round < 3; round++) {
    await peer.write(new Uint8Array(2));
    assertEquals(await flight.next(), { result: Poll.IN, flags: CqeFlag.MORE });
    assertEquals(await program.run(Op.RECV, fd, { address, length: 16 }), 2);
  }
  assertEquals(await program.run(Op.POLL_REMOVE, -1, { addressWords: words(flight) }), 0);
  assertEquals(await flight.next(), { result: -Errno.ECANCELED, flags: 0 });
  assertEquals(
    await program.run(Op.POLL_REMOVE, -1, { addressWords: words(flight) }),
    -Errno.ENOENT,
  );
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("POLL_REMOVE changes what a poll waits for", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const flight = program.begin(Op.POLL_ADD, fd, { operationFlags: Poll.IN });
  const fields = {
    addressWords: words(flight),
    length: PollFlag.UPDATE_EVENTS,
    operationFlags: Poll.OUT,
  };
  assertEquals(await program.run(Op.POLL_REMOVE, -1, fields), 0);
  assertEquals(await flight.result(), Poll.OUT);
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("entries marked to skip success post only failure", async (program) => {
  const flags = SqeFlag.CQE_SKIP_SUCCESS;
  const silent = program.begin(Op.NOP, -1, { flags });
  const failed = program.begin(Op.CLOSE, 99, { flags });
  assertEquals(await failed.result(), -Errno.EBADF);
  await program.run(Op.NOP, -1);
  assertEquals(silent.completions, []);
  program.reactor.slots.abandon(silent.slot);
});
