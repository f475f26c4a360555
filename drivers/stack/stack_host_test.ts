import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { DriverOp, Op, SqeFlag, TimeoutFlag } from "../../ring/abi/opcodes.ts";
import { decodeSockaddr } from "../../ring/abi/sockaddr.ts";
import { TEST_PLAN, TestProgram } from "../../tests/support/test_program.ts";
import { TestClock } from "../../tests/support/stack/test_clock.ts";
import { openTestDriver, testService, testStack } from "../../tests/support/stack/test_stack.ts";
import { TestCore } from "../../tests/support/stack/test_core.ts";
import { LOOPBACK } from "../../tests/support/stack/test_socket.ts";
import { SystemClock } from "./clock.ts";
import { StackDriver } from "./driver.ts";
import { StackHost } from "./stack_host.ts";

Deno.test("deadlines of a ring run on the stack's clock", async () => {
  const clock = new TestClock();
  const { driver } = openTestDriver(TEST_PLAN, clock);
  const program = TestProgram.over(driver);
  const begin = (milliseconds: number, fields: object = {}) =>
    program.begin(Op.TIMEOUT, -1, {
      address: program.timespec(milliseconds),
      length: 1,
      ...fields,
    });
  const hour = begin(3_600_000);
  const second = begin(1000);
  const absolute = begin(clock.now() / 1000 + 2000, { operationFlags: TimeoutFlag.ABS });
  await program.run(Op.NOP, -1);
  await clock.advance(999_000);
  assertEquals(second.completions.length, 0);
  await clock.advance(2000);
  assertEquals(await second.result(), -Errno.ETIME);
  assertEquals(absolute.completions.length, 0);
  await clock.advance(1_000_000);
  assertEquals(await absolute.result(), -Errno.ETIME);
  assertEquals(hour.completions.length, 0);
  await clock.advance(3_600_000_000);
  assertEquals(await hour.result(), -Errno.ETIME);
  await program.close();
  assertEquals(clock.at, Infinity);
});

Deno.test("a deadline that is removed wakes nobody", async () => {
  const clock = new TestClock();
  const { driver } = openTestDriver(TEST_PLAN, clock);
  const program = TestProgram.over(driver);
  const flight = program.begin(Op.TIMEOUT, -1, { address: program.timespec(1000), length: 1 });
  await program.run(Op.NOP, -1);
  assert(clock.at < Infinity);
  assertEquals(await program.cancel(flight), 0);
  assertEquals(await flight.result(), -Errno.ECANCELED);
  assertEquals(clock.at, Infinity);
  await program.close();
});

Deno.test("rings of one stack reach each other, and close by themselves", async () => {
  const { driver, core } = openTestDriver(TEST_PLAN);
  const one = TestProgram.over(driver);
  const two = TestProgram.over(driver.openSibling(TEST_PLAN));
  const { fd: listener, port } = await one.listen();
  const accepting = one.run(Op.ACCEPT, listener);
  const client = await two.socket();
  assertEquals(await two.withAddress(Op.CONNECT, client, `127.0.0.1:${port}`).result(), 0);
  const server = await accepting;
  const address = one.take(8);
  const receive = one.begin(Op.RECV, server, { address, length: 8 });
  await two.run(Op.SEND, client, { address: two.put("hi"), length: 2 });
  assertEquals(await receive.result(), 2);
  assertEquals(one.text(address, 2), "hi");
  await two.close();
  assertEquals(await one.run(Op.RECV, server, { address, length: 8 }), 0);
  assertEquals(core.open, 2);
  await one.close();
  assertEquals(core.open, 0);
});

Deno.test("a run leaves what is left to the turn of a ring that has completions", async () => {
  const core = new TestCore();
  const host = new StackHost({ core, service: testService(), clock: new SystemClock() });
  const driver = new StackDriver({ host, plan: TEST_PLAN, without: {}, why: "" });
  const program = TestProgram.over(driver);
  const { fd: listener, port } = await program.listen();
  const accepting = program.begin(Op.ACCEPT, listener);
  await program.run(Op.NOP, -1);
  const told = Promise.withResolvers<number>();
  core.later(() => {
    const client = core.streamSocket("ipv4");
    client.connect(LOOPBACK, port, 0);
    // The accept completes in the next step; the step behind that one is the turn's.
    core.later(() => core.later(() => told.resolve(accepting.completions.length)));
  });
  host.run();
  assertEquals(await told.promise, 1);
  await program.close();
  await host.close();
});

testStack("names are found, or not, and lookups can be cancelled", async (program) => {
  const into = program.take(128);
  const fields = (name: string) => ({
    address: program.put(name),
    length: name.length,
    offset: into,
    fileIndex: 128,
  });
  assertEquals(await program.run(DriverOp.RESOLVE, -1, fields("one.example")), 1);
  const { bytes } = program.reactor.memory;
  assertEquals(decodeSockaddr(bytes, into, 16).toString(), "192.0.2.1:0");
  assertEquals(await program.run(DriverOp.RESOLVE, -1, fields("two.example")), -Errno.ENOENT);
  assertEquals(await program.run(DriverOp.RESOLVE, -1, fields("localhost")), 2);
  const lookup = program.begin(DriverOp.RESOLVE, -1, fields("one.example"));
  assertEquals([await program.cancel(lookup), await lookup.result()], [0, -Errno.ECANCELED]);
  const address = program.take(4);
  bytes.set([192, 0, 2, 1], address);
  const reverse = { address, length: 4, offset: into, fileIndex: 128 };
  assertEquals(await program.run(DriverOp.REVERSE, -1, reverse), 11);
  assertEquals(program.text(into, 11), "one.example");
  assertEquals(
    await program.run(DriverOp.INTERFACE, -1, {
      address: program.put("lo"),
      length: 2,
    }),
    1,
  );
});

testStack("the stack answers what it is asked in JSON", async (program) => {
  const into = program.take(256);
  const ask = (text: string) =>
    program.run(DriverOp.CONTROL, -1, {
      address: program.put(text),
      length: text.length,
      offset: into,
      fileIndex: 256,
    });
  const length = await ask('{"command":"info"}');
  assertEquals(JSON.parse(program.text(into, length)), { heard: { command: "info" } });
  assertEquals(await ask("{"), -Errno.EINVAL);
  const tiny = program.put("{}");
  const fields = { address: tiny, length: 2, offset: into, fileIndex: 3 };
  assertEquals(await program.run(DriverOp.CONTROL, -1, fields), -Errno.EMSGSIZE);
});

testStack("a chain runs in its order over sockets", async (program) => {
  const { fd, port } = await program.listen();
  const client = await program.socket();
  const link = { flags: SqeFlag.IO_LINK };
  const accepting = program.run(Op.ACCEPT, fd);
  await program.withAddress(Op.CONNECT, client, `127.0.0.1:${port}`).result();
  const send = program.begin(Op.SEND, client, { ...link, address: program.put("a"), length: 1 });
  const receive = program.begin(Op.RECV, await accepting, {
    ...link,
    address: program.take(1),
    length: 1,
  });
  const close = program.begin(Op.CLOSE, client);
  assertEquals([await send.result(), await receive.result(), await close.result()], [1, 1, 0]);
  await program.closeAll(fd, await accepting);
});
