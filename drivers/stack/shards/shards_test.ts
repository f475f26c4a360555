import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../../ring/abi/errno.ts";
import {
  CancelFlag,
  CQE_BUFFER_SHIFT,
  CqeFlag,
  DriverOp,
  IoPrio,
  Msg,
  Op,
  Poll,
  PollFlag,
  Shut,
  SockOpt,
  SqeFlag,
} from "../../../ring/abi/opcodes.ts";
import { TEST_PLAN, TestProgram } from "../../../tests/support/test_program.ts";
import { StackDriver } from "../driver.ts";
import { closeShardsHere, openShardsHere } from "./here.ts";
import type { OpenedShard } from "./open_shard.ts";

/** A ring on each shard, and a connection from shard 1 that the ring of shard 0 has accepted. */
interface World {
  readonly shards: readonly OpenedShard[];
  readonly one: TestProgram;
  readonly two: TestProgram;
  readonly listener: number;
  readonly port: number;
  /** Of the ring of shard 1, whose connection lives there. */
  readonly client: number;
  /** Of the ring of shard 0, though the connection is in the stack of shard 1. */
  readonly server: number;
}

/** Registers a test with a connection between two shards. */
function testShards(name: string, body: (world: World) => Promise<void>): void {
  Deno.test(name, async () => {
    const shards = await openShardsHere({ shards: 2 });
    const [one, two] = shards.map(({ host }) =>
      TestProgram.over(new StackDriver({ host, plan: TEST_PLAN, without: {}, why: "" }))
    );
    const { fd: listener, port } = await one.listen();
    const accepting = one.run(Op.ACCEPT, listener);
    const client = await connect(two, port);
    const server = await accepting;
    await body({ shards, one, two, listener, port, client, server });
    await one.close();
    await two.close();
    await closeShardsHere(shards);
    for (const { stack } of shards) assertEquals(stack.tcp.connections, 0);
  });
}

async function connect(program: TestProgram, port: number): Promise<number> {
  const client = await program.socket();
  assertEquals(await program.withAddress(Op.CONNECT, client, `127.0.0.1:${port}`).result(), 0);
  return client;
}

/** Sends text. @returns the result */
function send(program: TestProgram, fd: number, text: string): Promise<number> {
  return program.run(Op.SEND, fd, { address: program.put(text), length: text.length });
}

/** Receives text. */
async function receive(program: TestProgram, fd: number): Promise<string> {
  const address = program.take(64);
  const result = await program.run(Op.RECV, fd, { address, length: 64 });
  return result < 0 ? String(result) : program.text(address, result);
}

function words({ slot, generation }: { slot: number; generation: number }): [number, number] {
  return [slot, generation];
}

testShards("a connection of another shard is used like any other", async (world) => {
  const { one, two, client, server } = world;
  await send(two, client, "hi");
  assertEquals(await receive(one, server), "hi");
  assertEquals(await send(one, server, "hello"), 5);
  assertEquals(await receive(two, client), "hello");
  const parts = [[one.put("a"), 1], [one.put("bc"), 2]] as const;
  assertEquals(await one.run(Op.SENDMSG, server, { address: one.message(parts), length: 1 }), 3);
  assertEquals(await receive(two, client), "abc");
  assertEquals(await one.name(server, "peer"), await two.name(client, "local"));
  assertEquals(await one.name(server, "local"), await two.name(client, "peer"));
  assertEquals(await one.run(Op.SHUTDOWN, server, { length: Shut.WR }), 0);
  assertEquals(await receive(two, client), "");
  await two.closeAll(client);
  assertEquals(await receive(one, server), "");
  assertEquals(await one.run(Op.CLOSE, server), 0);
});

testShards("what waits on it is cancelled by user data, descriptor and timeout", async (world) => {
  const { one, two, client, server } = world;
  const address = one.take(16);
  const begin = (fields: object = {}) =>
    one.begin(Op.RECV, server, { address, length: 16, ...fields });
  const first = begin();
  await one.run(Op.NOP, -1);
  assertEquals(await one.cancel(first), 0);
  assertEquals(await first.result(), -Errno.ECANCELED);
  const both = [begin(), begin()];
  const operationFlags = CancelFlag.FD | CancelFlag.ALL;
  assertEquals(await one.run(Op.ASYNC_CANCEL, server, { operationFlags }), 2);
  for (const flight of both) assertEquals(await flight.result(), -Errno.ECANCELED);
  const guarded = begin({ flags: SqeFlag.IO_LINK });
  const timeout = one.begin(Op.LINK_TIMEOUT, -1, { address: one.timespec(5), length: 1 });
  assertEquals([await guarded.result(), await timeout.result()], [
    -Errno.ECANCELED,
    -Errno.ETIME,
  ]);
  // What came meanwhile is for the next one.
  await send(two, client, "later");
  assertEquals(await receive(one, server), "later");
});

testShards("chains over it keep their order, and break where a member fails", async (world) => {
  const { one, two, client, server } = world;
  const link = { flags: SqeFlag.IO_LINK };
  const address = one.take(4);
  const chain = [
    one.begin(Op.SEND, server, { ...link, address: one.put("ping"), length: 4 }),
    one.begin(Op.RECV, server, { ...link, address, length: 4, operationFlags: Msg.WAITALL }),
    one.begin(Op.SHUTDOWN, server, { ...link, length: Shut.WR }),
    one.begin(Op.NOP, -1),
  ];
  assertEquals(await receive(two, client), "ping");
  await send(two, client, "po");
  await send(two, client, "ng");
  for (const [index, result] of [4, 4, 0, 0].entries()) {
    assertEquals(await chain[index].result(), result);
  }
  assertEquals(one.text(address, 4), "pong");
  await two.closeAll(client);
  const short = one.begin(Op.READ, server, { ...link, address, length: 4 });
  const never = one.begin(Op.NOP, -1);
  assertEquals([await short.result(), await never.result()], [0, -Errno.ECANCELED]);
});

testShards("polls of it tell, change what they wait for, and end", async (world) => {
  const { one, two, client, server } = world;
  const many = { length: PollFlag.ADD_MULTI, operationFlags: Poll.IN };
  const poll = one.begin(Op.POLL_ADD, server, many);
  for (let round = 0; round < 2; round++) {
    await send(two, client, "x");
    assertEquals(await poll.next(), { result: Poll.IN, flags: CqeFlag.MORE });
    assertEquals(await receive(one, server), "x");
  }
  assertEquals(await one.run(Op.POLL_REMOVE, -1, { addressWords: words(poll) }), 0);
  assertEquals(await poll.next(), { result: -Errno.ECANCELED, flags: 0 });
  const single = one.begin(Op.POLL_ADD, server, { operationFlags: Poll.IN });
  const change = {
    addressWords: words(single),
    length: PollFlag.UPDATE_EVENTS,
    operationFlags: Poll.OUT,
  };
  assertEquals(await one.run(Op.POLL_REMOVE, -1, change), 0);
  assertEquals(await single.result(), Poll.OUT);
});

testShards(
  "a multishot receive fills the ring's own buffers, until there are none",
  async (world) => {
    const { one, two, client, server } = world;
    const fields = { flags: SqeFlag.BUFFER_SELECT, ioprio: IoPrio.RECV_MULTISHOT };
    const { bufferCount, bufferBytes } = TEST_PLAN;
    const { buffers } = one.reactor;
    const many = one.begin(Op.RECV, server, fields);
    const ids: number[] = [];
    for (let count = 0; count < bufferCount; count++) {
      await send(two, client, `message ${count}`);
      const { result, flags } = await many.next();
      const id = flags >>> CQE_BUFFER_SHIFT;
      assertEquals(one.text(buffers.offsetOf(id), result), `message ${count}`);
      buffers.arrive(id);
      ids.push(id);
    }
    assertEquals(new Set(ids).size, bufferCount);
    const length = 2 * bufferBytes;
    await two.run(Op.SEND, client, { address: two.take(length), length });
    assertEquals(await many.next(), { result: -Errno.ENOBUFS, flags: 0 });
    for (const id of ids) buffers.release(id);
    const again = one.begin(Op.RECV, server, fields);
    for (let count = 0; count < 2; count++) {
      const { result, flags } = await again.next();
      assertEquals([result, flags & CqeFlag.MORE], [bufferBytes, CqeFlag.MORE]);
      buffers.arrive(flags >>> CQE_BUFFER_SHIFT);
      buffers.release(flags >>> CQE_BUFFER_SHIFT);
    }
  },
);

testShards(
  "its descriptor is taken until CLOSE has completed, and free afterwards",
  async (world) => {
    const { one, two, listener, port, server } = world;
    assertEquals(await one.run(Op.LISTEN, server, { length: 1 }), -Errno.EINVAL);
    assertEquals(await one.run(Op.ACCEPT, server), -Errno.EINVAL);
    const waiting = one.begin(Op.RECV, server, { address: one.take(8), length: 8 });
    const closing = one.begin(Op.CLOSE, server);
    const late = one.begin(Op.RECV, server, { address: one.take(8), length: 8 });
    const taken = await one.socket();
    assert(taken !== server);
    assertEquals(await waiting.result(), -Errno.ECANCELED);
    assertEquals([await closing.result(), await late.result()], [0, -Errno.EBADF]);
    const accepting = one.run(Op.ACCEPT, listener);
    const other = await connect(two, port);
    assertEquals(await accepting, server);
    await send(two, other, "new");
    assertEquals(await receive(one, server), "new");
  },
);

testShards("options of a listener are those of its connections on every shard", async (world) => {
  const { one, two, listener, port, server } = world;
  const value = one.take(4);
  const { SOL_SOCKET, SO_KEEPALIVE } = SockOpt;
  const fields = {
    addressWords: [SOL_SOCKET, SO_KEEPALIVE] as const,
    fileIndex: 4,
    address3: value,
  };
  const read = async (fd: number) => {
    one.reactor.memory.words[value >> 2] = -1;
    assertEquals(await one.run(DriverOp.GETSOCKOPT, fd, fields), 4);
    return one.reactor.memory.words[value >> 2];
  };
  assertEquals(await read(server), 0);
  one.reactor.memory.words[value >> 2] = 1;
  assertEquals(await one.run(DriverOp.SETSOCKOPT, listener, fields), 0);
  const accepting = one.run(Op.ACCEPT, listener);
  await connect(two, port);
  assertEquals(await read(await accepting), 1);
});

testShards("the SYN that a listener keeps is told once, wherever it came to", async (world) => {
  const { one, two, listener, port } = world;
  const [SAVE_SYN, SAVED_SYN, ROOM] = [27, 28, 128];
  const value = one.take(ROOM);
  const fields = (name: number, fileIndex: number) => ({
    addressWords: [SockOpt.IPPROTO_TCP, name] as const,
    fileIndex,
    address3: value,
  });
  one.reactor.memory.words[value >> 2] = 1;
  assertEquals(await one.run(DriverOp.SETSOCKOPT, listener, fields(SAVE_SYN, 4)), 0);
  const accepting = one.run(Op.ACCEPT, listener);
  await connect(two, port);
  const server = await accepting;
  const lengths: number[] = [];
  for (const room of [4, ROOM, ROOM]) {
    lengths.push(await one.run(DriverOp.GETSOCKOPT, server, fields(SAVED_SYN, room)));
  }
  assertEquals(lengths, [-Errno.EINVAL, 60, 0]);
});

testShards("an option that the socket refuses is no other shard's matter", async (world) => {
  const { shards, one } = world;
  const fd = await one.socket();
  await one.withAddress(Op.BIND, fd, "127.0.0.1:0").result();
  const value = one.take(4);
  const set = (name: number, bytes: number) => {
    one.reactor.memory.words[value >> 2] = bytes;
    const addressWords = [SockOpt.SOL_SOCKET, name] as const;
    return one.run(DriverOp.SETSOCKOPT, fd, { addressWords, fileIndex: 4, address3: value });
  };
  for (let name = 1000; name < 1100; name++) assertEquals(await set(name, 1), -Errno.ENOTSUP);
  assertEquals(await set(SockOpt.SO_KEEPALIVE, 1), 0);
  const { core } = shards[1].host;
  const make = core.streamSocket;
  const asked: number[] = [];
  core.streamSocket = (family) => {
    const socket = make.call(core, family);
    if (typeof socket === "number") return socket;
    const write = socket.setOption;
    socket.setOption = (level, name, bytes) => {
      if (level === SockOpt.SOL_SOCKET) asked.push(name);
      return write.call(socket, level, name, bytes);
    };
    return socket;
  };
  assertEquals(await one.run(Op.LISTEN, fd, { length: 4 }), 0);
  core.streamSocket = make;
  assertEquals(asked, [SockOpt.SO_KEEPALIVE]);
});

testShards("LISTEN fails where another shard cannot, and can be tried again", async (world) => {
  const { shards, one } = world;
  const { core } = shards[1].host;
  const make = core.streamSocket;
  const fd = await one.socket();
  await one.withAddress(Op.BIND, fd, "127.0.0.1:0").result();
  core.streamSocket = () => -Errno.ENFILE;
  assertEquals(await one.run(Op.LISTEN, fd, { length: 4 }), -Errno.ENFILE);
  core.streamSocket = make;
  assertEquals(await one.run(Op.ACCEPT, fd), -Errno.EINVAL);
  assertEquals(await one.run(Op.LISTEN, fd, { length: 4 }), 0);
  const port = Number((await one.name(fd, "local")).split(":")[1]);
  const accepting = one.run(Op.ACCEPT, fd);
  await connect(world.two, port);
  assert(await accepting > 0);
});

testShards("a listener that is shut listens on no shard, and can listen again", async (world) => {
  const { one, two, listener, port, client: first, server } = world;
  // A port that connections still have could not be listened on again.
  await two.closeAll(first);
  assertEquals(await receive(one, server), "");
  await one.closeAll(server);
  const pending = await connect(two, port);
  assertEquals(await one.run(Op.SHUTDOWN, listener, { length: Shut.RD }), 0);
  assertEquals(await receive(two, pending), String(-Errno.ECONNRESET));
  const refused = await two.socket();
  const trying = two.withAddress(Op.CONNECT, refused, `127.0.0.1:${port}`);
  assertEquals(await trying.result(), -Errno.ECONNREFUSED);
  assertEquals(await one.run(Op.LISTEN, listener, { length: 4 }), 0);
  assertEquals(await one.run(Op.LISTEN, listener, { length: 8 }), 0);
  const accepting = one.run(Op.ACCEPT, listener);
  const client = await connect(two, port);
  await send(two, client, "again");
  assertEquals(await receive(one, await accepting), "again");
});

testShards("what a shard that has failed was to do ends", async (world) => {
  const { shards, one, two, listener, port, server } = world;
  await connect(two, port);
  const address = one.take(8);
  const waiting = one.begin(Op.RECV, server, { address, length: 8 });
  const poll = one.begin(Op.POLL_ADD, server, { operationFlags: Poll.IN });
  await one.run(Op.NOP, -1);
  shards[0].peers.fail(1);
  assertEquals(await waiting.result(), -Errno.ECONNABORTED);
  assertEquals(await poll.result(), -Errno.ECONNABORTED);
  assertEquals(await send(one, server, "x"), -Errno.ECONNABORTED);
  assertEquals(await one.run(Op.CLOSE, server), 0);
  // A connection that it had for the listener is nobody's any more.
  const operationFlags = 0;
  const none = { ioprio: IoPrio.ACCEPT_DONTWAIT, operationFlags };
  assertEquals(await one.run(Op.ACCEPT, listener, none), -Errno.EAGAIN);
  // Who is left goes on.
  const { port: other, fd } = await one.listen();
  const accepting = one.run(Op.ACCEPT, fd);
  const client = await connect(one, other);
  await send(one, client, "alone");
  assertEquals(await receive(one, await accepting), "alone");
  shards[1].peers.fail(0);
});
