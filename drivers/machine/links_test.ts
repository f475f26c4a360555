import { assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { Msg, Op, SqeFlag, TimeoutFlag } from "../../ring/abi/opcodes.ts";
import { type Flight, testBoth, type TestProgram } from "../../tests/support/test_program.ts";

const LINK = { flags: SqeFlag.IO_LINK };
const HARD_LINK = { flags: SqeFlag.IO_HARDLINK };

const results = (...flights: Flight[]) => Promise.all(flights.map((flight) => flight.result()));

function guard(program: TestProgram, milliseconds: number, fields: object = {}): Flight {
  const address = program.timespec(milliseconds);
  return program.begin(Op.LINK_TIMEOUT, -1, { address, length: 1, ...fields });
}

testBoth("a chain runs in order", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const address = program.put("chain");
  const into = program.take(16);
  const receive = program.begin(Op.RECV, fd, { ...LINK, address: into, length: 16 });
  const send = program.begin(Op.SEND, fd, { ...LINK, address, length: 5 });
  const close = program.begin(Op.CLOSE, fd);
  await program.run(Op.NOP, -1);
  assertEquals([receive, send, close].map((flight) => flight.completions.length), [0, 0, 0]);
  await peer.write(new Uint8Array(2));
  assertEquals(await results(receive, send, close), [2, 5, 0]);
  const bytes = new Uint8Array(16);
  assertEquals(await peer.read(bytes), 5);
  assertEquals(await peer.read(bytes), null);
  peer.close();
  await program.closeAll(listener);
});

testBoth("a failure cancels the rest of its chain, a hard link does not", async (program) => {
  const soft = [
    program.begin(Op.CLOSE, 99, LINK),
    program.begin(Op.NOP, -1, HARD_LINK),
    program.begin(Op.NOP, -1),
    program.begin(Op.NOP, -1),
  ];
  const cancelled = -Errno.ECANCELED;
  assertEquals(await results(...soft), [-Errno.EBADF, cancelled, cancelled, 0]);
  const hard = [program.begin(Op.CLOSE, 99, HARD_LINK), program.begin(Op.NOP, -1)];
  assertEquals(await results(...hard), [-Errno.EBADF, 0]);
});

testBoth("a short receive breaks its chain under MSG_WAITALL only", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const fields = { ...LINK, address: program.take(16), length: 8 };
  const some = [program.begin(Op.RECV, fd, fields), program.begin(Op.NOP, -1)];
  await peer.write(new Uint8Array(3));
  assertEquals(await results(...some), [3, 0]);
  const read = [program.begin(Op.READ, fd, fields), program.begin(Op.NOP, -1)];
  await peer.write(new Uint8Array(3));
  assertEquals(await results(...read), [3, -Errno.ECANCELED]);
  const all = { ...fields, operationFlags: Msg.WAITALL };
  const whole = [program.begin(Op.RECV, fd, all), program.begin(Op.NOP, -1)];
  await peer.write(new Uint8Array(3));
  peer.close();
  assertEquals(await results(...whole), [3, -Errno.ECANCELED]);
  await program.closeAll(fd, listener);
});

testBoth("one entry that cannot start keeps its chain from starting", async (program) => {
  const flights = [
    program.begin(Op.NOP, -1, LINK),
    program.begin(Op.STATX, -1, LINK),
    program.begin(Op.NOP, -1),
  ];
  const cancelled = -Errno.ECANCELED;
  assertEquals(await results(...flights), [cancelled, -Errno.ENOTSUP, cancelled]);
});

testBoth("a long chain needs no deep stack", async (program) => {
  const flights: Flight[] = [];
  for (let index = 0; index < 60; index++) flights.push(program.begin(Op.NOP, -1, LINK));
  flights.push(program.begin(Op.NOP, -1));
  assertEquals(new Set(await results(...flights)), new Set([0]));
});

testBoth("a linked timeout ends what it guards, or ends with it", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const fields = { ...LINK, address: program.take(16), length: 16 };
  const slow = [program.begin(Op.RECV, fd, fields), guard(program, 10)];
  assertEquals(await results(...slow), [-Errno.ECANCELED, -Errno.ETIME]);
  const quick = [program.begin(Op.RECV, fd, fields), guard(program, 60_000)];
  await peer.write(new Uint8Array(4));
  assertEquals(await results(...quick), [4, -Errno.ECANCELED]);
  const instant = [program.begin(Op.NOP, -1, LINK), guard(program, 60_000)];
  assertEquals(await results(...instant), [0, -Errno.ECANCELED]);
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("a linked timeout carries its chain on", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const fields = { ...LINK, address: program.take(16), length: 16 };
  const chain = () => [
    program.begin(Op.RECV, fd, fields),
    guard(program, 20, LINK),
    program.begin(Op.NOP, -1),
  ];
  const late = -Errno.ECANCELED;
  assertEquals(await results(...chain()), [late, -Errno.ETIME, late]);
  const timely = chain();
  await peer.write(new Uint8Array(4));
  assertEquals(await results(...timely), [4, late, 0]);
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("a linked timeout without anything to guard is EINVAL", async (program) => {
  assertEquals(await guard(program, 5).result(), -Errno.EINVAL);
  const twice = [program.begin(Op.NOP, -1, LINK), guard(program, 5, LINK), guard(program, 5)];
  const cancelled = -Errno.ECANCELED;
  assertEquals(await results(...twice), [cancelled, cancelled, -Errno.EINVAL]);
});

testBoth("ETIME_SUCCESS keeps a chain going", async (program) => {
  const timer = (operationFlags: number) =>
    program.begin(Op.TIMEOUT, -1, {
      ...LINK,
      address: program.timespec(2),
      length: 1,
      operationFlags,
    });
  const broken = [timer(0), program.begin(Op.NOP, -1)];
  assertEquals(await results(...broken), [-Errno.ETIME, -Errno.ECANCELED]);
  const whole = [timer(TimeoutFlag.ETIME_SUCCESS), program.begin(Op.NOP, -1)];
  assertEquals(await results(...whole), [-Errno.ETIME, 0]);
});

testBoth("a drain waits for what came before, and holds what comes after", async (program) => {
  const before = program.begin(Op.TIMEOUT, -1, { address: program.timespec(20), length: 1 });
  const drain = program.begin(Op.NOP, -1, { flags: SqeFlag.IO_DRAIN });
  const after = program.begin(Op.NOP, -1);
  const chained = [program.begin(Op.NOP, -1, LINK), program.begin(Op.NOP, -1)];
  assertEquals(await results(before, drain, after, ...chained), [-Errno.ETIME, 0, 0, 0, 0]);
  assertEquals(program.order[program.order.length - 5].result, -Errno.ETIME);
  assertEquals(await program.run(Op.NOP, -1), 0);
  const alone = program.begin(Op.NOP, -1, { flags: SqeFlag.IO_DRAIN });
  assertEquals(await alone.result(), 0);
});
