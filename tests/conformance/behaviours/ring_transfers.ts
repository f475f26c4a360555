/**
 * Ring operations that move bytes.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { theme } from "../behaviour.ts";
import { counted, Counting, utf8 } from "../bytes.ts";
import type { Context } from "../context.ts";
import type { Completion, Raw } from "../raw.ts";
import { Errno } from "../../../ring/abi/errno.ts";
import { IOVEC, MSGHDR } from "../../../ring/abi/layout.ts";
import { CqeFlag, IoPrio, Msg, Op, Shut, SqeFlag } from "../../../ring/abi/opcodes.ts";

const behaviour = theme("ring: transfers");
const SELECT = SqeFlag.BUFFER_SELECT;
const MULTISHOT = { flags: SELECT, ioprio: IoPrio.RECV_MULTISHOT };

function setLong(raw: Raw, offset: number, value: number): void {
  const { words } = raw.reactor.memory;
  words[offset >> 2] = value | 0;
  words[(offset >> 2) + 1] = Math.floor(value / 4294967296);
}

/** Builds a vector over blocks. */
function iovecs(raw: Raw, parts: readonly { offset: number; length: number }[]): number {
  const { base } = raw.reactor.memory;
  const vector = raw.block(parts.length * IOVEC.SIZE);
  for (const [index, { offset, length }] of parts.entries()) {
    setLong(raw, vector + index * IOVEC.SIZE + IOVEC.BASE, base + offset);
    setLong(raw, vector + index * IOVEC.SIZE + IOVEC.LENGTH, length);
  }
  return vector;
}

function message(raw: Raw, parts: readonly { offset: number; length: number }[]): number {
  const header = raw.block(MSGHDR.SIZE);
  raw.bytes.fill(0, header, header + MSGHDR.SIZE);
  setLong(raw, header + MSGHDR.IOV, raw.reactor.memory.base + iovecs(raw, parts));
  setLong(raw, header + MSGHDR.IOV_LENGTH, parts.length);
  return header;
}

behaviour("SEND and RECV move bytes", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  assertEquals(await raw.send(client, utf8("hello")), 5);
  const { result, bytes } = await raw.receive(server, 100);
  assertEquals(result, 5);
  assertEquals(bytes, utf8("hello"));
});

behaviour("WRITE and READ move bytes", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const from = raw.blockOf(utf8("written"));
  assertEquals(await raw.run(Op.WRITE, { fd: client, pointer: from, length: 7 }), 7);
  const to = raw.block(100);
  assertEquals(await raw.run(Op.READ, { fd: server, pointer: to, length: 100 }), 7);
  assertEquals(raw.read(to, 7), utf8("written"));
});

behaviour("SENDMSG gathers and RECVMSG scatters", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const parts = ["one", "", "three"].map((text) => ({
    offset: raw.blockOf(utf8(text)),
    length: text.length,
  }));
  const sending = { fd: client, pointer: message(raw, parts), length: 1 };
  assertEquals(await raw.run(Op.SENDMSG, sending), 8);
  const into = [{ offset: raw.block(2), length: 2 }, { offset: raw.block(50), length: 50 }];
  const receiving = { fd: server, pointer: message(raw, into), length: 1 };
  assertEquals(await raw.run(Op.RECVMSG, receiving), 8);
  assertEquals(raw.read(into[0].offset, 2), utf8("on"));
  assertEquals(raw.read(into[1].offset, 6), utf8("ethree"));
});

behaviour("WRITEV gathers and READV scatters", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const parts = ["ab", "cde"].map((text) => ({
    offset: raw.blockOf(utf8(text)),
    length: text.length,
  }));
  const writing = { fd: client, pointer: iovecs(raw, parts), length: 2 };
  assertEquals(await raw.run(Op.WRITEV, writing), 5);
  const into = [{ offset: raw.block(1), length: 1 }, { offset: raw.block(9), length: 9 }];
  const reading = { fd: server, pointer: iovecs(raw, into), length: 2 };
  assertEquals(await raw.run(Op.READV, reading), 5);
  assertEquals(raw.read(into[1].offset, 4), utf8("bcde"));
});

behaviour("RECV waits, and never takes more than its length", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const pointer = raw.block(3);
  const receiving = raw.start(Op.RECV, { fd: server, pointer, length: 3 });
  await t.barrier();
  assertEquals(receiving.isDone, false);
  await raw.send(client, utf8("abcdef"));
  assertEquals(await receiving.result(), 3);
  assertEquals(raw.read(pointer, 3), utf8("abc"));
  assertEquals((await raw.receive(server, 10)).bytes, utf8("def"));
});

behaviour("RECV at the end of the stream completes with 0, again and again", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  await raw.send(client, utf8("x"));
  await raw.close(client);
  assertEquals((await raw.receive(server, 10)).result, 1);
  assertEquals((await raw.receive(server, 10)).result, 0);
  assertEquals((await raw.receive(server, 10)).result, 0);
});

behaviour("PEEK looks at bytes and leaves them", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  await raw.send(client, utf8("abc"));
  for (let round = 0; round < 2; round++) {
    const peeked = await raw.receive(server, 2, { operationFlags: Msg.PEEK });
    assertEquals(peeked.bytes, utf8("ab"));
  }
  assertEquals((await raw.receive(server, 10)).bytes, utf8("abc"));
});

behaviour("WAITALL waits for every byte, or the end", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const pointer = raw.block(6);
  const whole = { fd: server, pointer, length: 6, operationFlags: Msg.WAITALL };
  const first = raw.start(Op.RECV, whole);
  for (const text of ["ab", "cd", "ef"]) {
    assertEquals(first.isDone, false);
    await raw.send(client, utf8(text));
    if (text !== "ef") await t.barrier();
  }
  assertEquals(await first.result(), 6);
  assertEquals(raw.read(pointer, 6), utf8("abcdef"));
  const second = raw.start(Op.RECV, whole);
  await raw.send(client, utf8("xyz"));
  await raw.close(client);
  assertEquals(await second.result(), 3);
});

behaviour("SEND with WAITALL sends everything, however much", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const length = 1_500_000;
  const sending = raw.start(Op.SEND, {
    fd: client,
    pointer: raw.blockOf(counted(length)),
    length,
    operationFlags: Msg.WAITALL | Msg.NOSIGNAL,
  });
  const counting = new Counting();
  const pointer = raw.block(65536);
  while (counting.position < length) {
    const count = await raw.run(Op.RECV, { fd: server, pointer, length: 65536 });
    assert(count > 0, `${count}`);
    counting.take(raw.bytes.subarray(pointer, pointer + count));
  }
  assertEquals(await sending.result(), length);
});

behaviour("DONTWAIT completes with EAGAIN where others would wait", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const dontWait = { operationFlags: Msg.DONTWAIT | Msg.NOSIGNAL };
  assertEquals((await raw.receive(server, 10, dontWait)).result, -Errno.EAGAIN);
  await raw.send(client, utf8("now"));
  // What was sent has arrived on loopback, but a backend may read ahead some turns later.
  await t.barrier();
  let answer = await raw.receive(server, 10, dontWait);
  for (let turn = 0; turn < 100 && answer.result === -Errno.EAGAIN; turn++) {
    await t.barrier();
    answer = await raw.receive(server, 10, dontWait);
  }
  assertEquals(answer.bytes, utf8("now"));
});

behaviour("SEND with DONTWAIT to a peer that does not read comes to EAGAIN", async (t) => {
  const { raw } = t;
  const { client } = await raw.pair();
  const length = 1_000_000;
  const pointer = raw.block(length);
  let moved = 0;
  for (;;) {
    const operationFlags = Msg.DONTWAIT | Msg.NOSIGNAL;
    const result = await raw.run(Op.SEND, { fd: client, pointer, length, operationFlags });
    if (result === -Errno.EAGAIN) break;
    assert(result > 0, `${result}`);
    moved += result;
    assert(moved < 100_000_000, "nothing held the sender back");
  }
  assert(moved > 0);
});

behaviour("transfers on a socket that is not connected fail", async (t) => {
  const { raw } = t;
  const fd = await raw.socket();
  assertEquals((await raw.receive(fd, 10)).result, -Errno.ENOTCONN);
  const sent = await raw.send(fd, utf8("x"), { operationFlags: Msg.NOSIGNAL });
  assert(sent === -Errno.EPIPE || sent === -Errno.ENOTCONN, `${sent}`);
});

behaviour(
  "several RECVs on one socket share what comes: each byte goes to one of them",
  async (t) => {
    const { raw } = t;
    const { client, server } = await raw.pair();
    const blocks = [raw.block(3), raw.block(3), raw.block(3)];
    const receives = blocks.map((pointer) =>
      raw.start(Op.RECV, { fd: server, pointer, length: 3 })
    );
    await raw.send(client, utf8("aaabbbccc"));
    for (const operation of receives) assertEquals(await operation.result(), 3);
    // io_uring promises no order among them.
    const texts = blocks.map((at) => new TextDecoder().decode(raw.read(at, 3)));
    assertEquals(texts.sort(), ["aaa", "bbb", "ccc"]);
  },
);

const select = theme("ring: provided buffers");

select("a buffer is chosen when bytes arrive, and the completion names it", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const receiving = raw.start(Op.RECV, { fd: server, flags: SELECT });
  await raw.send(client, utf8("chosen"));
  const completion = await receiving.next();
  assertEquals(completion.result, 6);
  assertEquals(completion.flags & CqeFlag.BUFFER, CqeFlag.BUFFER);
  assertEquals(raw.takeBuffer(completion), utf8("chosen"));
});

select("a receive into a provided buffer is bounded by its length and the buffer's", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  await raw.send(client, counted(5000));
  const receiving = raw.start(Op.RECV, { fd: server, flags: SELECT, length: 100 });
  const first = await receiving.next();
  assertEquals(raw.takeBuffer(first), counted(100));
  for (let position = 100; position < 5000;) {
    const opcode = position % 2 === 0 ? Op.RECV : Op.READ;
    const completion = await raw.start(opcode, { fd: server, flags: SELECT }).next();
    const bytes = raw.takeBuffer(completion);
    assert(bytes.length > 0 && bytes.length <= 1024, `${bytes.length}`);
    assertEquals(bytes, counted(bytes.length, position));
    position += bytes.length;
  }
}, { ring: { buffers: { count: 16, bytes: 1024 } } });

select("a receive without a buffer left completes with ENOBUFS", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  await raw.send(client, utf8("aabbcc"));
  const entry = { fd: server, flags: SELECT, length: 2 };
  const held = [await raw.start(Op.RECV, entry).next(), await raw.start(Op.RECV, entry).next()];
  assertEquals(await raw.run(Op.RECV, entry), -Errno.ENOBUFS);
  assertEquals(raw.takeBuffer(held[0]), utf8("aa"));
  await t.barrierWithoutBuffers();
  const third = await raw.start(Op.RECV, entry).next();
  assertEquals(raw.takeBuffer(third), utf8("cc"));
  assertEquals(raw.takeBuffer(held[1]), utf8("bb"));
}, { ring: { buffers: { count: 2, bytes: 64 } } });

select("a receive from a group that there is not completes with ENOBUFS", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  await raw.send(client, utf8("x"));
  const entry = { fd: server, flags: SELECT, bufferGroup: 77 };
  assertEquals(await raw.run(Op.RECV, entry), -Errno.ENOBUFS);
  assertEquals((await raw.receive(server, 10)).bytes, utf8("x"));
});

select("multishot RECV goes on with F_MORE until the end of the stream", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const receiving = raw.start(Op.RECV, { fd: server, ...MULTISHOT });
  for (const text of ["one", "two", "three"]) {
    await raw.send(client, utf8(text));
    const completion = await receiving.next();
    assertEquals(completion.flags & CqeFlag.MORE, CqeFlag.MORE);
    assertEquals(raw.takeBuffer(completion), utf8(text));
  }
  await raw.run(Op.SHUTDOWN, { fd: client, length: Shut.WR });
  const end = await receiving.next();
  assertEquals(end.result, 0);
  assertEquals(end.flags & CqeFlag.MORE, 0);
  if ((end.flags & CqeFlag.BUFFER) !== 0) raw.takeBuffer(end);
});

select("multishot RECV ends with ENOBUFS when no buffer is left, and loses nothing", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const length = 64 * 5;
  await raw.send(client, counted(length));
  const counting = new Counting();
  let ends = 0;
  while (counting.position < length) {
    const receiving = raw.start(Op.RECV, { fd: server, ...MULTISHOT });
    const held: Completion[] = [];
    let position = counting.position;
    while (position < length) {
      const completion = await receiving.next();
      if (completion.result > 0) {
        held.push(completion);
        position += completion.result;
      }
      if ((completion.flags & CqeFlag.MORE) !== 0) continue;
      assertEquals(completion.result, -Errno.ENOBUFS);
      ends++;
      break;
    }
    if (!receiving.isDone) await raw.run(Op.ASYNC_CANCEL, { target: receiving });
    await receiving.last();
    for (const completion of held) counting.take(raw.takeBuffer(completion));
    await t.barrierWithoutBuffers();
  }
  assert(ends >= 1, "buffers were never short");
}, { ring: { buffers: { count: 2, bytes: 64 } } });

select(
  "multishot RECV that is cancelled ends with ECANCELED, and the next one reads on",
  async (t) => {
    const { raw } = t;
    const { client, server } = await raw.pair();
    const receiving = raw.start(Op.RECV, { fd: server, ...MULTISHOT });
    await raw.send(client, utf8("before"));
    raw.takeBuffer(await receiving.next());
    assertEquals(await raw.run(Op.ASYNC_CANCEL, { target: receiving }), 0);
    assertEquals(await receiving.next(), { result: -Errno.ECANCELED, flags: 0 });
    await raw.send(client, utf8("after"));
    assertEquals((await raw.receive(server, 10)).bytes, utf8("after"));
  },
);

select("multishot RECV ends with ECONNRESET when the peer resets", async (t) => {
  const { raw } = t;
  const { server, reset } = await resettable(t, raw);
  const receiving = raw.start(Op.RECV, { fd: server, ...MULTISHOT });
  await t.barrier();
  await reset();
  assertEquals(await receiving.next(), { result: -Errno.ECONNRESET, flags: 0 });
});

/** A raw descriptor whose stranger can reset. */
async function resettable(
  t: Context,
  raw: Raw,
): Promise<{ server: number; reset: () => Promise<void> }> {
  const { fd, address } = await raw.listener();
  const accepting = raw.start(Op.ACCEPT, { fd });
  const peer = await t.strangers.resettable(address.port);
  t.defer(() => peer.reset());
  const server = await accepting.result();
  raw.closeLater(server);
  return { server, reset: () => peer.reset() };
}

select("multishot RECV without a buffer group completes with EINVAL", async (t) => {
  const { raw } = t;
  const { server } = await raw.pair();
  const entry = { fd: server, pointer: raw.block(10), ioprio: IoPrio.RECV_MULTISHOT };
  assertEquals(await raw.run(Op.RECV, entry), -Errno.EINVAL);
});

select("READ_MULTISHOT reads on as RECV does", async (t) => {
  const { raw } = t;
  const { client, server } = await raw.pair();
  const reading = raw.start(Op.READ_MULTISHOT, { fd: server, flags: SELECT });
  for (const text of ["one", "two"]) {
    await raw.send(client, utf8(text));
    const completion = await reading.next();
    assertEquals(completion.flags & CqeFlag.MORE, CqeFlag.MORE);
    assertEquals(raw.takeBuffer(completion), utf8(text));
  }
  await raw.close(client);
  const end = await reading.next();
  assertEquals([end.result, end.flags & CqeFlag.MORE], [0, 0]);
  if ((end.flags & CqeFlag.BUFFER) !== 0) raw.takeBuffer(end);
}, { opcodes: [Op.READ_MULTISHOT] });
