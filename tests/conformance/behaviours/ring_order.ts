/**
 * Links, drains, and full queues on a ring.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { theme } from "../behaviour.ts";
import { utf8 } from "../bytes.ts";
import type { RawOperation } from "../raw.ts";
import { Errno } from "../../../ring/abi/errno.ts";
import { W_USER_DATA } from "../../../ring/abi/layout.ts";
import { Msg, Op, Poll, SqeFlag, TimeoutFlag } from "../../../ring/abi/opcodes.ts";

const links = theme("ring: links");
const LINK = { flags: SqeFlag.IO_LINK };
const HARD = { flags: SqeFlag.IO_HARDLINK };

function results(operations: readonly RawOperation[]): Promise<number[]> {
  return Promise.all(operations.map((operation) => operation.result()));
}

links("a chain runs in its order", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const pointer = raw.block(10);
  const chain = [
    raw.start(Op.RECV, { fd: server, pointer, length: 5, ...LINK }),
    raw.start(Op.SEND, { fd: server, pointer, length: 5, ...LINK }),
    raw.start(Op.NOP),
  ];
  await t.barrier();
  assertEquals(chain.some(({ isDone }) => isDone), false);
  await raw.send(client, utf8("hello"));
  assertEquals(await results(chain), [5, 5, 0]);
  assertEquals(raw.log.filter((each) => chain.includes(each)), chain);
  assertEquals((await raw.receive(client, 10)).bytes, utf8("hello"));
});

links("a failure cancels the rest of its chain, and nothing after it", async (t) => {
  const { raw } = t;
  const operations = [
    raw.start(Op.NOP, LINK),
    raw.start(Op.CLOSE, { fd: 900_000, ...LINK }),
    raw.start(Op.NOP, LINK),
    raw.start(Op.NOP),
    raw.start(Op.NOP),
  ];
  const { ECANCELED, EBADF } = Errno;
  assertEquals(await results(operations), [0, -EBADF, -ECANCELED, -ECANCELED, 0]);
});

links("a hard link goes on after a failure", async (t) => {
  const { raw } = t;
  const operations = [raw.start(Op.CLOSE, { fd: 900_000, ...HARD }), raw.start(Op.NOP)];
  assertEquals(await results(operations), [-Errno.EBADF, 0]);
});

links("a short READ breaks its chain", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  await raw.send(client, utf8("short"));
  await raw.close(client);
  const operations = [
    raw.start(Op.READ, { fd: server, pointer: raw.block(10), length: 10, ...LINK }),
    raw.start(Op.NOP),
  ];
  assertEquals(await results(operations), [5, -Errno.ECANCELED]);
});

links("a RECV that got less than WAITALL asked for breaks its chain", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  await raw.send(client, utf8("short"));
  await raw.close(client);
  const entry = { fd: server, pointer: raw.block(10), length: 10, operationFlags: Msg.WAITALL };
  const operations = [raw.start(Op.RECV, { ...entry, ...LINK }), raw.start(Op.NOP)];
  assertEquals(await results(operations), [5, -Errno.ECANCELED]);
});

links("a short RECV without WAITALL breaks nothing", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  await raw.send(client, utf8("short"));
  const entry = { fd: server, pointer: raw.block(10), length: 10 };
  const operations = [raw.start(Op.RECV, { ...entry, ...LINK }), raw.start(Op.NOP)];
  assertEquals(await results(operations), [5, 0]);
});

links("cancelling the first of a chain cancels all of it", async (t) => {
  const { raw } = t;
  const { server } = await raw.pair();
  const entry = { fd: server, pointer: raw.block(10), length: 10 };
  const chain = [raw.start(Op.RECV, { ...entry, ...LINK }), raw.start(Op.NOP)];
  await t.barrier();
  assertEquals(await raw.run(Op.ASYNC_CANCEL, { target: chain[0] }), 0);
  assertEquals(await results(chain), [-Errno.ECANCELED, -Errno.ECANCELED]);
});

links("LINK_TIMEOUT cancels what takes too long", async (t) => {
  const { raw } = t;
  const { server } = await raw.pair();
  const entry = { fd: server, pointer: raw.block(10), length: 10 };
  const operations = [
    raw.start(Op.RECV, { ...entry, ...LINK }),
    raw.start(Op.LINK_TIMEOUT, { pointer: raw.timespec(5), length: 1 }),
  ];
  assertEquals(await results(operations), [-Errno.ECANCELED, -Errno.ETIME]);
});

links("LINK_TIMEOUT is cancelled by what is in time", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const entry = { fd: server, pointer: raw.block(10), length: 10 };
  const operations = [
    raw.start(Op.RECV, { ...entry, ...LINK }),
    raw.start(Op.LINK_TIMEOUT, { pointer: raw.timespec(60_000), length: 1 }),
  ];
  await raw.send(client, utf8("in time"));
  assertEquals(await results(operations), [7, -Errno.ECANCELED]);
});

links("LINK_TIMEOUT behind nothing completes with EINVAL", async (t) => {
  const { raw } = t;
  const entry = { pointer: raw.timespec(5), length: 1 };
  assertEquals(await raw.run(Op.LINK_TIMEOUT, entry), -Errno.EINVAL);
});

links("a TIMEOUT breaks its chain, unless ETIME counts as success", async (t) => {
  const { raw } = t;
  const timeout = { pointer: raw.timespec(1), length: 1, ...LINK };
  const broken = [raw.start(Op.TIMEOUT, timeout), raw.start(Op.NOP)];
  assertEquals(await results(broken), [-Errno.ETIME, -Errno.ECANCELED]);
  const operationFlags = TimeoutFlag.ETIME_SUCCESS;
  const fine = [raw.start(Op.TIMEOUT, { ...timeout, operationFlags }), raw.start(Op.NOP)];
  assertEquals(await results(fine), [-Errno.ETIME, 0]);
});

links("CQE_SKIP_SUCCESS posts failures only", async (t) => {
  const { raw } = t;
  const skip = { flags: SqeFlag.CQE_SKIP_SUCCESS };
  const silent = raw.start(Op.NOP, skip);
  const failed = raw.start(Op.CLOSE, { fd: 900_000, ...skip });
  assertEquals(await failed.result(), -Errno.EBADF);
  await t.barrierWithoutBuffers();
  assertEquals(silent.completions, []);
  raw.reactor.slots.abandon(silent.slot);
  const chain = [raw.start(Op.NOP, { flags: SqeFlag.CQE_SKIP_SUCCESS | SqeFlag.IO_LINK })];
  const last = raw.start(Op.NOP);
  assertEquals(await last.result(), 0);
  assertEquals(chain[0].completions, []);
  raw.reactor.slots.abandon(chain[0].slot);
});

links("IO_DRAIN waits for everything before it, and everything after waits for it", async (t) => {
  const { raw } = t;
  const { server, peer } = await raw.accepted();
  const operations = [
    raw.start(Op.RECV, { fd: server, pointer: raw.block(10), length: 10 }),
    raw.start(Op.NOP, { flags: SqeFlag.IO_DRAIN }),
    raw.start(Op.NOP),
  ];
  // Nothing on this ring can tell that time has passed: it would wait for the drain itself.
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(operations.map(({ isDone }) => isDone), [false, false, false]);
  await peer.write(utf8("x"));
  assertEquals(await results(operations), [1, 0, 0]);
  assertEquals(raw.log.filter((each) => operations.includes(each)), operations);
});

const queues = theme("ring: queues");

queues("more submissions than entries all run, once each", async (t) => {
  const { raw } = t;
  const operations = Array.from({ length: 200 }, () => raw.start(Op.NOP));
  await results(operations);
  await t.barrierWithoutBuffers();
  for (const { completions } of operations) assertEquals(completions.length, 1);
  assert(raw.reactor.spilled > 0, "the queue never was full: the test shows nothing");
}, { ring: { entries: 4, completions: 4096 } });

queues("completions that find no room are not lost", async (t) => {
  const { raw } = t;
  const operations = Array.from({ length: 1000 }, () => raw.start(Op.NOP));
  await results(operations);
  await t.barrierWithoutBuffers();
  for (const { completions } of operations) assertEquals(completions.length, 1);
  assertEquals(t.gained("lateCompletions"), 0);
}, { ring: { entries: 256, completions: 256 } });

queues("an overflow of completions in one instant loses none", async (t) => {
  const { raw } = t;
  const { server, peer } = await raw.accepted();
  // All of them complete at once, and there is room for four.
  const polls = Array.from(
    { length: 64 },
    () => raw.start(Op.POLL_ADD, { fd: server, operationFlags: Poll.IN }),
  );
  await t.barrierWithoutBuffers();
  await peer.write(utf8("!"));
  for (const result of await results(polls)) assertEquals(result & Poll.IN, Poll.IN);
  for (const { completions } of polls) assertEquals(completions.length, 1);
}, { ring: { entries: 4, completions: 4 } });

queues("a completion for nobody is counted and ignored", async (t) => {
  const { raw } = t;
  const forge = (slot: number, generation: number) => {
    const at = raw.fill(Op.NOP, {}, 0);
    const { entries } = raw.reactor;
    entries[at + W_USER_DATA] = slot;
    entries[at + W_USER_DATA + 1] = generation;
  };
  forge(3, 12345);
  forge(2_000_000_000, 0);
  forge(-1, -1);
  assertEquals(await raw.run(Op.NOP), 0);
  await t.barrierWithoutBuffers();
  assertEquals(t.gained("lateCompletions"), 3);
});

queues("statistics count turns, and the in-flight count comes back to nothing", async (t) => {
  const { raw } = t;
  const before = t.capability.stats();
  const operations = Array.from({ length: 10 }, () => raw.start(Op.NOP));
  assertEquals(t.capability.stats().inFlight, before.inFlight + 10);
  await results(operations);
  assertEquals(t.capability.stats().inFlight, before.inFlight);
  assert(t.capability.stats().enters > before.enters);
});
