/**
 * Polls, timeouts and cancellation on a ring.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { theme } from "../behaviour.ts";
import { utf8 } from "../bytes.ts";
import type { RawOperation } from "../raw.ts";
import { Errno } from "../../../ring/abi/errno.ts";
import {
  CancelFlag,
  CqeFlag,
  IoPrio,
  Op,
  Poll,
  PollFlag,
  Shut,
  SqeFlag,
  TimeoutFlag,
} from "../../../ring/abi/opcodes.ts";

const polls = theme("ring: polls");

polls("POLL_ADD for writing completes at once on a connected socket", async (t) => {
  const { raw } = t;
  const { client } = await raw.pair();
  const result = await raw.run(Op.POLL_ADD, { fd: client, operationFlags: Poll.OUT });
  assertEquals(result & Poll.OUT, Poll.OUT);
});

polls("POLL_ADD for reading completes when bytes come, and takes none", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const polling = raw.start(Op.POLL_ADD, { fd: server, operationFlags: Poll.IN });
  await t.barrier();
  assertEquals(polling.isDone, false);
  await raw.send(client, utf8("here"));
  assertEquals(await polling.result() & Poll.IN, Poll.IN);
  const again = await raw.run(Op.POLL_ADD, { fd: server, operationFlags: Poll.IN });
  assertEquals(again & Poll.IN, Poll.IN);
  assertEquals((await raw.receive(server, 10)).bytes, utf8("here"));
});

polls("POLL_ADD tells of the peer's half-close and of the end", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const events = Poll.IN | Poll.RDHUP;
  const polling = raw.start(Op.POLL_ADD, { fd: server, operationFlags: events });
  await raw.run(Op.SHUTDOWN, { fd: client, length: Shut.WR });
  assertEquals(await polling.result() & events, events);
  await raw.run(Op.SHUTDOWN, { fd: server, length: Shut.WR });
  // POLLHUP is told without being asked for, once both directions are closed.
  const end = await raw.run(Op.POLL_ADD, { fd: server, operationFlags: Poll.PRI });
  assertEquals(end & Poll.HUP, Poll.HUP);
});

polls("POLL_ADD on a listener completes when a connection waits, and takes none", async (t) => {
  const { raw } = t;
  const { fd, address } = await raw.listener();
  const polling = raw.start(Op.POLL_ADD, { fd, operationFlags: Poll.IN });
  await t.barrier();
  assertEquals(polling.isDone, false);
  const client = await raw.socket();
  assertEquals(await raw.connect(client, address), 0);
  assertEquals(await polling.result() & Poll.IN, Poll.IN);
  const server = await raw.run(Op.ACCEPT, { fd });
  assert(server >= 0, `${server}`);
  raw.closeLater(server);
});

polls("a multishot poll fires for everything that comes until it is removed", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const entry = { fd: server, operationFlags: Poll.IN, length: PollFlag.ADD_MULTI };
  const polling = raw.start(Op.POLL_ADD, entry);
  for (let round = 0; round < 3; round++) {
    await raw.send(client, utf8("x"));
    const { result, flags } = await polling.next();
    assertEquals(result & Poll.IN, Poll.IN);
    assertEquals(flags & CqeFlag.MORE, CqeFlag.MORE);
    assertEquals((await raw.receive(server, 10)).bytes, utf8("x"));
  }
  assertEquals(await raw.run(Op.POLL_REMOVE, { target: polling }), 0);
  assertEquals((await polling.last()).result, -Errno.ECANCELED);
});

polls("POLL_REMOVE ends a poll with ECANCELED, and finds no poll twice", async (t) => {
  const { raw } = t;
  const { server } = await raw.pair();
  const polling = raw.start(Op.POLL_ADD, { fd: server, operationFlags: Poll.IN });
  assertEquals(await raw.run(Op.POLL_REMOVE, { target: polling }), 0);
  assertEquals(await polling.result(), -Errno.ECANCELED);
  assertEquals(await raw.run(Op.POLL_REMOVE, { target: polling }), -Errno.ENOENT);
});

polls("POLL_REMOVE can change what is polled for", async (t) => {
  const { raw } = t;
  const { server } = await raw.pair();
  const polling = raw.start(Op.POLL_ADD, { fd: server, operationFlags: Poll.IN });
  const update = {
    target: polling,
    length: PollFlag.UPDATE_EVENTS,
    operationFlags: Poll.OUT,
  };
  assertEquals(await raw.run(Op.POLL_REMOVE, update), 0);
  assertEquals(await polling.result() & Poll.OUT, Poll.OUT);
});

const timeouts = theme("ring: timeouts");

timeouts("TIMEOUT completes with ETIME when its time has passed, not before", async (t) => {
  const { raw } = t;
  for (const milliseconds of [1, 20]) {
    const started = performance.now();
    const result = await raw.run(Op.TIMEOUT, { pointer: raw.timespec(milliseconds), length: 1 });
    assertEquals(result, -Errno.ETIME);
    const elapsed = performance.now() - started;
    assert(elapsed >= milliseconds - 0.1, `after ${elapsed} ms of ${milliseconds}`);
  }
});

timeouts("TIMEOUT of no time completes at once", async (t) => {
  const { raw } = t;
  assertEquals(await raw.run(Op.TIMEOUT, { pointer: raw.timespec(0), length: 1 }), -Errno.ETIME);
});

timeouts("TIMEOUT with a count completes with 0 when so many others completed", async (t) => {
  const { raw } = t;
  const timeout = raw.start(Op.TIMEOUT, { pointer: raw.timespec(60_000), length: 1, offset: 3 });
  assertEquals(await raw.run(Op.NOP), 0);
  assertEquals(timeout.isDone, false);
  await Promise.all([raw.run(Op.NOP), raw.run(Op.NOP)]);
  assertEquals(await timeout.result(), 0);
});

timeouts("TIMEOUT at an absolute time that has passed completes at once", async (t) => {
  const { raw } = t;
  const entry = { pointer: raw.timespec(1), length: 1, operationFlags: TimeoutFlag.ABS };
  assertEquals(await raw.run(Op.TIMEOUT, entry), -Errno.ETIME);
});

timeouts("TIMEOUT at an absolute time far ahead waits", async (t) => {
  const { raw } = t;
  const entry = { pointer: raw.timespec(1e12), length: 1, operationFlags: TimeoutFlag.ABS };
  const timeout = raw.start(Op.TIMEOUT, entry);
  await t.barrier();
  assertEquals(timeout.isDone, false);
  assertEquals(await raw.run(Op.TIMEOUT_REMOVE, { target: timeout }), 0);
  assertEquals(await timeout.result(), -Errno.ECANCELED);
});

timeouts("a multishot TIMEOUT fires as often as it was told", async (t) => {
  const { raw } = t;
  const timeout = raw.start(Op.TIMEOUT, {
    pointer: raw.timespec(3),
    length: 1,
    offset: 3,
    operationFlags: TimeoutFlag.MULTISHOT,
  });
  for (const more of [CqeFlag.MORE, CqeFlag.MORE, 0]) {
    const { result, flags } = await timeout.next();
    assertEquals(result, -Errno.ETIME);
    assertEquals(flags & CqeFlag.MORE, more);
  }
}, { opcodes: [Op.READ_MULTISHOT, Op.TIMEOUT] });

timeouts("TIMEOUT_REMOVE ends a timeout with ECANCELED, and finds none twice", async (t) => {
  const { raw } = t;
  const timeout = raw.start(Op.TIMEOUT, { pointer: raw.timespec(60_000), length: 1 });
  assertEquals(await raw.run(Op.TIMEOUT_REMOVE, { target: timeout }), 0);
  assertEquals(await timeout.result(), -Errno.ECANCELED);
  assertEquals(await raw.run(Op.TIMEOUT_REMOVE, { target: timeout }), -Errno.ENOENT);
});

timeouts("TIMEOUT_REMOVE can move a timeout to another time", async (t) => {
  const { raw } = t;
  const timeout = raw.start(Op.TIMEOUT, { pointer: raw.timespec(60_000), length: 1 });
  const update = {
    target: timeout,
    pointer2: raw.timespec(2),
    operationFlags: TimeoutFlag.UPDATE,
  };
  assertEquals(await raw.run(Op.TIMEOUT_REMOVE, update), 0);
  assertEquals(await timeout.result(), -Errno.ETIME);
  assertEquals(await raw.run(Op.TIMEOUT_REMOVE, update), -Errno.ENOENT);
});

timeouts("TIMEOUT of a time that is none completes with EINVAL", async (t) => {
  const { raw } = t;
  const pointer = raw.timespec(5);
  raw.reactor.memory.words[(pointer >> 2) + 1] = -1;
  raw.reactor.memory.words[pointer >> 2] = -5;
  assertEquals(await raw.run(Op.TIMEOUT, { pointer, length: 1 }), -Errno.EINVAL);
});

const cancels = theme("ring: cancellation");

cancels("ASYNC_CANCEL by user data ends one operation with ECANCELED", async (t) => {
  const { raw } = t;
  const { server } = await raw.pair();
  const entry = { fd: server, pointer: raw.block(10), length: 10 };
  const [first, second] = [raw.start(Op.RECV, entry), raw.start(Op.RECV, entry)];
  assertEquals(await raw.run(Op.ASYNC_CANCEL, { target: second }), 0);
  assertEquals(await second.result(), -Errno.ECANCELED);
  await t.barrier();
  assertEquals(first.isDone, false);
  assertEquals(await raw.run(Op.ASYNC_CANCEL, { target: first }), 0);
  assertEquals(await first.result(), -Errno.ECANCELED);
});

cancels("ASYNC_CANCEL of what is not there completes with ENOENT", async (t) => {
  const { raw } = t;
  const done = raw.start(Op.NOP);
  await done.result();
  assertEquals(await raw.run(Op.ASYNC_CANCEL, { target: done }), -Errno.ENOENT);
  const { server } = await raw.pair();
  const byFd = { fd: server, operationFlags: CancelFlag.FD };
  assertEquals(await raw.run(Op.ASYNC_CANCEL, byFd), -Errno.ENOENT);
});

cancels("ASYNC_CANCEL by descriptor ends one, with ALL every operation on it", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const receives = [0, 1, 2].map(() =>
    raw.start(Op.RECV, { fd: server, pointer: raw.block(10), length: 10 })
  );
  const other = raw.start(Op.RECV, { fd: client, pointer: raw.block(10), length: 10 });
  assertEquals(await raw.run(Op.ASYNC_CANCEL, { fd: server, operationFlags: CancelFlag.FD }), 0);
  await t.barrier();
  assertEquals(receives.filter(({ isDone }) => isDone).length, 1);
  const all = { fd: server, operationFlags: CancelFlag.FD | CancelFlag.ALL };
  assertEquals(await raw.run(Op.ASYNC_CANCEL, all), 2);
  for (const operation of receives) assertEquals(await operation.result(), -Errno.ECANCELED);
  assertEquals(other.isDone, false);
  await raw.send(server, utf8("x"));
  assertEquals(await other.result(), 1);
});

cancels("ASYNC_CANCEL of ANY and ALL ends everything", async (t) => {
  const { raw } = t;
  const { fd } = await raw.listener();
  const { client, server } = await raw.pair();
  const operations: RawOperation[] = [
    raw.start(Op.ACCEPT, { fd }),
    raw.start(Op.RECV, { fd: client, pointer: raw.block(10), length: 10 }),
    raw.start(Op.RECV, {
      fd: server,
      flags: SqeFlag.BUFFER_SELECT,
      ioprio: IoPrio.RECV_MULTISHOT,
    }),
    raw.start(Op.TIMEOUT, { pointer: raw.timespec(60_000), length: 1 }),
    raw.start(Op.POLL_ADD, { fd: server, operationFlags: Poll.PRI }),
  ];
  await t.barrierWithoutBuffers();
  const everything = { operationFlags: CancelFlag.ANY | CancelFlag.ALL };
  const count = await raw.run(Op.ASYNC_CANCEL, everything);
  assert(count >= operations.length, `${count}`);
  for (const operation of operations) {
    assertEquals((await operation.last()).result, -Errno.ECANCELED);
  }
});

cancels("bytes that come after a cancelled receive wait for the next", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  for (let round = 0; round < 20; round++) {
    const pointer = raw.block(10);
    const receiving = raw.start(Op.RECV, { fd: server, pointer, length: 10 });
    const sending = raw.start(Op.SEND, { fd: client, pointer: raw.blockOf(utf8("k")), length: 1 });
    const cancelling = raw.start(Op.ASYNC_CANCEL, { target: receiving });
    assertEquals(await sending.result(), 1);
    await cancelling.result();
    const result = await receiving.result();
    // Either the byte won or the cancellation did; then the byte is still there.
    if (result === -Errno.ECANCELED) assertEquals((await raw.receive(server, 10)).result, 1);
    else assertEquals(result, 1);
  }
});
