import { once } from "node:events";
import { connect } from "node:net";
import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { CqeFlag, IoPrio, Msg, Op, Shut, SqeFlag } from "../../ring/abi/opcodes.ts";
import { readFully, testBoth, TestProgram } from "../../tests/support/test_program.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

testBoth("every form of send and receive moves bytes", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const data = program.put("0123456789");
  const parts = [[data, 4], [data + 4, 0], [data + 4, 6]] as const;
  const sends: [number, object][] = [
    [Op.SEND, { address: data, length: 10, operationFlags: Msg.NOSIGNAL }],
    [Op.WRITE, { address: data, length: 10 }],
    [Op.WRITE_FIXED, { address: data, length: 10 }],
    [Op.WRITEV, { address: program.vector(parts), length: 3 }],
    [Op.SENDMSG, { address: program.message(parts) }],
  ];
  for (const [opcode, fields] of sends) {
    assertEquals(await program.run(opcode, fd, fields), 10, `opcode ${opcode}`);
    assertEquals(decode(await readFully(peer, 10)), "0123456789");
  }
  const into = program.take(16);
  const places = [[into, 3], [into + 3, 7]] as const;
  const receives: [number, object][] = [
    [Op.RECV, { address: into, length: 10 }],
    [Op.READ, { address: into, length: 10 }],
    [Op.READ_FIXED, { address: into, length: 10 }],
    [Op.READV, { address: program.vector(places), length: 2 }],
    [Op.RECVMSG, { address: program.message(places) }],
  ];
  for (const [opcode, fields] of receives) {
    program.reactor.memory.bytes.fill(0, into, into + 16);
    await peer.write(encode("abcdefghij"));
    assertEquals(await program.run(opcode, fd, fields), 10, `opcode ${opcode}`);
    assertEquals(program.text(into, 10), "abcdefghij");
  }
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("what points outside of ring memory is EFAULT", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const far = 2 ** 30;
  assertEquals(await program.run(Op.SEND, fd, { address: far, length: 1 }), -Errno.EFAULT);
  assertEquals(await program.run(Op.RECV, fd, { address: far, length: 1 }), -Errno.EFAULT);
  assertEquals(await program.run(Op.SENDMSG, fd, { address: far }), -Errno.EFAULT);
  const vector = program.vector([[far, 8]]);
  assertEquals(await program.run(Op.WRITEV, fd, { address: vector, length: 1 }), -Errno.EFAULT);
  assertEquals(await program.run(Op.READV, fd, { address: vector, length: 2000 }), -Errno.EINVAL);
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("MSG_PEEK leaves the bytes, MSG_WAITALL waits for all of them", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const address = program.take(16);
  const receive = (length: number, operationFlags: number) =>
    program.begin(Op.RECV, fd, { address, length, operationFlags });
  await peer.write(encode("abc"));
  assertEquals(await receive(16, Msg.PEEK).result(), 3);
  assertEquals(await receive(2, Msg.PEEK).result(), 2);
  const all = receive(6, Msg.WAITALL);
  await program.run(Op.NOP, -1);
  assertEquals(all.completions.length, 0);
  await peer.write(encode("defg"));
  assertEquals(await all.result(), 6);
  assertEquals(program.text(address, 6), "abcdef");
  const cut = receive(6, Msg.WAITALL);
  await peer.closeWrite();
  assertEquals(await cut.result(), 1);
  assertEquals(await receive(6, 0).result(), 0);
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("MSG_DONTWAIT receives what is there, or EAGAIN", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const address = program.take(16);
  const fields = { address, length: 16, operationFlags: Msg.DONTWAIT };
  assertEquals(await program.run(Op.RECV, fd, fields), -Errno.EAGAIN);
  await peer.write(encode("now"));
  await program.run(Op.POLL_ADD, fd, { operationFlags: 1 });
  assertEquals(await program.run(Op.RECV, fd, fields), 3);
  assertEquals(await program.run(Op.RECV, fd, fields), -Errno.EAGAIN);
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("a receive takes a provided buffer when bytes come", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const { buffers, memory } = program.reactor;
  const flags = SqeFlag.BUFFER_SELECT;
  for (const opcode of [Op.RECV, Op.READ]) {
    const flight = program.begin(opcode, fd, { flags, length: 5 });
    await peer.write(encode("greeting"));
    const first = await flight.next();
    assertEquals(first.result, 5);
    assertEquals(first.flags & CqeFlag.BUFFER, CqeFlag.BUFFER);
    const id = first.flags >>> 16;
    buffers.arrive(id);
    assertEquals(
      decode(memory.bytes.slice(buffers.offsetOf(id), buffers.offsetOf(id) + 5)),
      "greet",
    );
    buffers.release(id);
    const rest = await program.begin(opcode, fd, { flags }).next();
    assertEquals(rest.result, 3);
    buffers.arrive(rest.flags >>> 16);
    buffers.release(rest.flags >>> 16);
  }
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("a multishot receive ends with ENOBUFS and loses no byte", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const { buffers, memory } = program.reactor;
  const sent = crypto.getRandomValues(new Uint8Array(20_000));
  const received: number[] = [];
  const fields = { flags: SqeFlag.BUFFER_SELECT, ioprio: IoPrio.RECV_MULTISHOT };
  let flight = program.begin(Op.RECV, fd, fields);
  await peer.write(sent);
  let starved = 0;
  let held: number[] = [];
  while (received.length < sent.length) {
    const { result, flags } = await flight.next();
    if (result > 0) {
      const id = flags >>> 16;
      buffers.arrive(id);
      held.push(id);
      const at = buffers.offsetOf(id);
      received.push(...memory.bytes.slice(at, at + result));
    } else {
      assertEquals(result, -Errno.ENOBUFS);
      assertEquals(flags & CqeFlag.MORE, 0);
      starved++;
      for (const id of held) buffers.release(id);
      held = [];
      flight = program.begin(Op.RECV, fd, fields);
    }
  }
  assertEquals(new Uint8Array(received), sent);
  assert(starved > 0);
  for (const id of held) buffers.release(id);
  await peer.closeWrite();
  const end = await flight.next();
  // The last buffers may have run out in the very moment in which the last bytes came.
  if (end.result === -Errno.ENOBUFS) assertEquals(await program.run(Op.RECV, fd, fields), 0);
  else assertEquals(end, { result: 0, flags: 0 });
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("a cancelled receive leaves its bytes to the next one", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const address = program.take(64);
  for (let round = 0; round < 20; round++) {
    const flight = program.begin(Op.RECV, fd, { address, length: 64 });
    const text = `message ${round}`;
    const written = peer.write(encode(text));
    const outcome = await program.cancel(flight);
    const result = await flight.result();
    await written;
    if (result === -Errno.ECANCELED) {
      assertEquals(outcome, 0);
      assertEquals(await program.run(Op.RECV, fd, { address, length: 64 }), text.length);
    } else {
      assertEquals(outcome, -Errno.ENOENT);
      assertEquals(result, text.length);
    }
    assertEquals(program.text(address, text.length), text);
  }
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("a large send arrives whole, whatever the reader's pace", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const bytes = 6 << 20;
  const address = program.take(bytes);
  const { memory } = program.reactor;
  for (let at = 0; at < bytes; at += 65536) {
    memory.bytes.fill((at >> 16) & 0xff, address + at, address + at + 65536);
  }
  const flight = program.begin(Op.SEND, fd, {
    address,
    length: bytes,
    operationFlags: Msg.WAITALL,
  });
  const received = await readFully(peer, bytes);
  assertEquals(await flight.result(), bytes);
  assertEquals(received.length, bytes);
  for (let at = 0; at < bytes; at += 32768) assertEquals(received[at], (at >> 16) & 0xff);
  peer.close();
  await program.closeAll(fd, listener);
});

testBoth("a send that nobody reads ends when it is cancelled", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const bytes = 8 << 20;
  const address = program.take(bytes);
  program.reactor.memory.bytes.fill(7, address, address + bytes);
  const fields = { address, length: bytes, operationFlags: Msg.WAITALL };
  let accepted = 0;
  let flight = program.begin(Op.SEND, fd, fields);
  // What the two kernels and the driver take; then the first byte has to wait.
  for (let last = -1; last !== 0;) {
    const timeout = program.begin(Op.TIMEOUT, -1, { address: program.timespec(150), length: 1 });
    await timeout.result();
    await program.cancel(flight);
    last = Math.max(0, await flight.result());
    accepted += last;
    flight = program.begin(Op.SEND, fd, fields);
  }
  await program.cancel(flight);
  assertEquals(await flight.result(), -Errno.ECANCELED);
  const probe = { ...fields, length: 1, operationFlags: Msg.DONTWAIT };
  assertEquals(await program.run(Op.SEND, fd, probe), -Errno.EAGAIN);
  // Everything that was said to be sent comes, and then the end.
  assertEquals(await program.run(Op.SHUTDOWN, fd, { length: Shut.WR }), 0);
  assertEquals(await program.run(Op.CLOSE, fd), 0);
  const received = await readFully(peer, accepted + 1);
  assertEquals(received.length, accepted);
  assert(received.every((byte) => byte === 7));
  peer.close();
  await program.closeAll(listener);
});

testBoth("a reset is reported once, and then comes the end", async (program) => {
  const { fd: listener, port } = await program.listen();
  const accepted = program.run(Op.ACCEPT, listener);
  const peer = connect(port, "127.0.0.1");
  await once(peer, "connect");
  const fd = await accepted;
  const fields = { address: program.take(64), length: 64 };
  const waiting = program.begin(Op.RECV, fd, fields);
  await program.run(Op.NOP, -1);
  peer.resetAndDestroy();
  assertEquals(await waiting.result(), -Errno.ECONNRESET);
  assertEquals(await program.run(Op.RECV, fd, fields), 0);
  assertEquals(await program.run(Op.SEND, fd, fields), -Errno.EPIPE);
  await program.closeAll(fd, listener);
});

testBoth("what Linux refuses in a send or receive is refused", async (program) => {
  const { fd, peer, listener } = await program.pair();
  const address = program.take(16);
  const send = (fields: object) => program.run(Op.SEND, fd, { address, length: 1, ...fields });
  const receive = (fields: object) => program.run(Op.RECV, fd, { address, length: 1, ...fields });
  assertEquals(await send({ operationFlags: Msg.OOB }), -Errno.EOPNOTSUPP);
  assertEquals(await receive({ operationFlags: Msg.OOB }), -Errno.EINVAL);
  assertEquals(await receive({ ioprio: IoPrio.RECV_MULTISHOT }), -Errno.EINVAL);
  assertEquals(await receive({ flags: SqeFlag.BUFFER_SELECT, bufferGroup: 9 }), -Errno.ENOBUFS);
  const unconnected = await program.socket();
  assertEquals(await program.run(Op.SEND, unconnected, { address, length: 1 }), -Errno.EPIPE);
  assertEquals(await program.run(Op.RECV, unconnected, { address, length: 1 }), -Errno.ENOTCONN);
  assertEquals(await receive({ length: 0 }), 0);
  assertEquals(await send({ length: 0 }), 0);
  peer.close();
  await program.closeAll(fd, listener, unconnected);
});

Deno.test("completions that find no room wait, and none is lost", async () => {
  for (const worker of [false, true]) {
    const program = await TestProgram.open(worker, { entries: 4, completions: 4 });
    const flights = Array.from({ length: 200 }, () => program.begin(Op.NOP, -1));
    const results = await Promise.all(flights.map((flight) => flight.result()));
    assertEquals(results.length, 200);
    await program.close();
  }
});

Deno.test("a send that does not wait is over when the turn is, without a completion", async () => {
  const program = await TestProgram.open(false);
  const { fd, peer, listener } = await program.pair();
  const address = program.put("inline");
  const operationFlags = Msg.DONTWAIT | Msg.WAITALL;
  const flags = SqeFlag.CQE_SKIP_SUCCESS;
  const flight = program.begin(Op.SEND, fd, { address, length: 6, operationFlags, flags });
  await program.run(Op.NOP, -1);
  // The memory is free again, although nothing has said so.
  program.reactor.memory.bytes.fill(0, address, address + 6);
  assertEquals(decode(await readFully(peer, 6)), "inline");
  assertEquals(flight.completions, []);
  program.reactor.slots.abandon(flight.slot);
  peer.close();
  await program.closeAll(fd, listener);
  await program.close();
});
