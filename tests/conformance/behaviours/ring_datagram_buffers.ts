/**
 * Datagrams in provided buffers, one after the other: multishot RECVMSG and RECV.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { theme } from "../behaviour.ts";
import { counted, utf8 } from "../bytes.ts";
import type { Context } from "../context.ts";
import {
  type BoundSocket,
  boundSocket,
  MULTISHOT,
  NAME_ROOM,
  receiveMany,
  sendTo,
  takeBytes,
  takeReceived,
} from "../datagrams.ts";
import type { Raw } from "../raw.ts";
import { Errno } from "../../../ring/abi/errno.ts";
import { CqeFlag, IoPrio, Msg, Op, SqeFlag } from "../../../ring/abi/opcodes.ts";

const behaviour = theme("ring: datagrams in provided buffers");
const HEADER = 16;
/** Small buffers, few of them. */
const FEW = { ring: { datagramBuffers: { count: 2, bytes: 1024 } } };

interface Two {
  readonly raw: Raw;
  readonly from: BoundSocket;
  readonly to: BoundSocket;
  readonly send: (bytes: Uint8Array) => Promise<number>;
}

async function two(t: Context): Promise<Two> {
  const { raw } = t;
  const from = await boundSocket(raw);
  const to = await boundSocket(raw);
  return { raw, from, to, send: (bytes) => sendTo(raw, from.fd, to.address, bytes) };
}

behaviour("multishot RECVMSG writes a header, the name and the datagram", async (t) => {
  const { raw, from, to, send } = await two(t);
  const receiving = receiveMany(raw, to.fd, { controlRoom: 64 });
  for (const text of ["one", "a longer one", "3"]) {
    await send(utf8(text));
    const completion = await receiving.next();
    assertEquals(completion.result, HEADER + NAME_ROOM + 64 + text.length);
    assertEquals(completion.flags & CqeFlag.MORE, CqeFlag.MORE);
    assertEquals(takeReceived(raw, completion, NAME_ROOM, 64), {
      name: from.address.toString(),
      nameLength: 16,
      controlLength: 0,
      payloadLength: text.length,
      flags: 0,
      bytes: utf8(text),
    });
  }
  assertEquals(await raw.run(Op.ASYNC_CANCEL, { target: receiving }), 0);
  assertEquals(await receiving.next(), { result: -Errno.ECANCELED, flags: 0 });
  await send(utf8("after"));
  assertEquals((await raw.receive(to.fd, 10)).bytes, utf8("after"));
});

behaviour("multishot RECVMSG delivers what had come before it, in order", async (t) => {
  const { raw, to, send } = await two(t);
  for (let index = 0; index < 50; index++) await send(Uint8Array.of(index));
  const receiving = receiveMany(raw, to.fd);
  for (let index = 0; index < 50; index++) {
    assertEquals(takeReceived(raw, await receiving.next()).bytes, Uint8Array.of(index));
  }
  await raw.run(Op.ASYNC_CANCEL, { target: receiving });
  await receiving.last();
});

behaviour("multishot RECVMSG names senders over IPv6", async (t) => {
  const { raw } = t;
  const from = await boundSocket(raw, "[::1]:0");
  const to = await boundSocket(raw, "[::1]:0");
  const receiving = receiveMany(raw, to.fd);
  await sendTo(raw, from.fd, to.address, utf8("six"));
  const received = takeReceived(raw, await receiving.next());
  assertEquals([received.name, received.nameLength], [from.address.toString(), NAME_ROOM]);
  await raw.run(Op.ASYNC_CANCEL, { target: receiving });
  await receiving.last();
});

behaviour("multishot RECVMSG cuts a datagram to its buffer, and says so", async (t) => {
  const { raw, to, send } = await two(t);
  const room = 1024 - HEADER - NAME_ROOM;
  for (const operationFlags of [0, Msg.TRUNC]) {
    const receiving = receiveMany(raw, to.fd, {}, { operationFlags });
    await send(counted(3000));
    const completion = await receiving.next();
    assertEquals(completion.result, 1024);
    const { bytes, flags, payloadLength } = takeReceived(raw, completion);
    assertEquals([bytes, flags], [counted(room), Msg.TRUNC]);
    assertEquals(payloadLength, operationFlags === 0 ? room : 3000);
    await raw.run(Op.ASYNC_CANCEL, { target: receiving });
    await receiving.last();
    await t.barrierWithoutBuffers();
  }
}, FEW);

behaviour("multishot RECVMSG takes no more of a buffer than its vector says", async (t) => {
  const { raw, from, to, send } = await two(t);
  const parts = [{ offset: raw.block(8), length: 60 }];
  const receiving = receiveMany(raw, to.fd, { nameLength: 8, parts });
  await send(counted(100));
  const completion = await receiving.next();
  assertEquals(completion.result, 60);
  const { bytes, nameLength, flags } = takeReceived(raw, completion, 8);
  assertEquals([bytes, nameLength, flags], [counted(60 - HEADER - 8), 16, Msg.TRUNC]);
  assert(from.address.port > 0);
  await raw.run(Op.ASYNC_CANCEL, { target: receiving });
  await receiving.last();
});

behaviour("multishot RECVMSG ends at an empty datagram, whose header it delivers", async (t) => {
  const { raw, from, to, send } = await two(t);
  const receiving = receiveMany(raw, to.fd);
  await send(utf8(""));
  const completion = await receiving.next();
  assertEquals(completion.result, HEADER + NAME_ROOM);
  assertEquals(completion.flags & CqeFlag.MORE, 0);
  const { name, payloadLength } = takeReceived(raw, completion);
  assertEquals([name, payloadLength], [from.address.toString(), 0]);
});

behaviour(
  "multishot RECVMSG without a buffer left ends with ENOBUFS and loses nothing",
  async (t) => {
    const { raw, to, send } = await two(t);
    for (let index = 0; index < 5; index++) await send(Uint8Array.of(index));
    let ends = 0;
    for (let received = 0; received < 5;) {
      const receiving = receiveMany(raw, to.fd);
      const held = [];
      while (received + held.length < 5) {
        const completion = await receiving.next();
        if ((completion.flags & CqeFlag.BUFFER) !== 0) held.push(completion);
        if ((completion.flags & CqeFlag.MORE) !== 0) continue;
        assertEquals(completion.result, -Errno.ENOBUFS);
        ends++;
        break;
      }
      if (!receiving.isDone) await raw.run(Op.ASYNC_CANCEL, { target: receiving });
      await receiving.last();
      for (const completion of held) {
        assertEquals(takeReceived(raw, completion).bytes, Uint8Array.of(received++));
      }
      await t.barrierWithoutBuffers();
    }
    assert(ends >= 2, `${ends} times short of buffers`);
  },
  FEW,
);

behaviour("multishot RECVMSG checks its header before anything comes", async (t) => {
  const { raw, to } = await two(t);
  const part = { offset: raw.block(8), length: 40 };
  const small = receiveMany(raw, to.fd, { parts: [part] });
  assertEquals(await small.next(), { result: -Errno.EFAULT, flags: 0 });
  const vectors = receiveMany(raw, to.fd, { parts: [part, part] });
  assertEquals(await vectors.next(), { result: -Errno.EINVAL, flags: 0 });
  const groupless = receiveMany(raw, to.fd, {}, { flags: 0 });
  assertEquals(await groupless.next(), { result: -Errno.EINVAL, flags: 0 });
  const nowhere = receiveMany(raw, to.fd, {}, { bufferGroup: 77 });
  assertEquals(await nowhere.next(), { result: -Errno.ENOBUFS, flags: 0 });
});

behaviour("multishot RECV delivers datagrams without a header", async (t) => {
  const { raw, to, send } = await two(t);
  const receiving = raw.start(Op.RECV, { fd: to.fd, ...MULTISHOT });
  for (const text of ["one", "two"]) {
    await send(utf8(text));
    const completion = await receiving.next();
    assertEquals(completion.flags & CqeFlag.MORE, CqeFlag.MORE);
    assertEquals(takeBytes(raw, completion), utf8(text));
  }
  await send(utf8(""));
  assertEquals(await receiving.next(), { result: 0, flags: 0 });
});

behaviour("one receive of a datagram chooses a buffer of the group that it names", async (t) => {
  const { raw, to, send } = await two(t);
  const select = { fd: to.fd, flags: SqeFlag.BUFFER_SELECT };
  const receiving = raw.start(Op.RECV, { ...select, bufferGroup: 1, length: 4 });
  await send(utf8("datagram"));
  const completion = await receiving.next();
  assertEquals(completion.flags & (CqeFlag.BUFFER | CqeFlag.MORE), CqeFlag.BUFFER);
  assertEquals(takeBytes(raw, completion), utf8("data"));
  await send(utf8("stream"));
  const other = await raw.start(Op.RECV, { ...select, bufferGroup: 0 }).next();
  assertEquals(raw.takeBuffer(other), utf8("stream"));
  const entry = { ...select, bufferGroup: 1, ioprio: IoPrio.POLL_FIRST };
  const cancelled = raw.start(Op.RECV, entry);
  await t.barrier();
  assertEquals(await raw.run(Op.ASYNC_CANCEL, { target: cancelled }), 0);
  assertEquals(await cancelled.next(), { result: -Errno.ECANCELED, flags: 0 });
});
