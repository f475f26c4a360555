import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import type { TcpSocket } from "../../stack/tcp/socket.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { TcpCounter } from "../../stack/tcp/counters.ts";
import { Protocol } from "../../stack/wire/numbers.ts";
import { int } from "../support/stack/fake_user.ts";
import {
  HOST,
  HOST_6,
  HOST_MAC,
  PEER,
  PEER_6,
  PEER_MAC,
  type RunningStack,
  type ShardedWorld,
  testShards,
} from "../support/stack/sharded_host.ts";

const { SOL_SOCKET, SO_REUSEPORT } = SockOpt;
const SAVE_SYN = 27;
const SAVED_SYN = 28;

function write({ user }: RunningStack, socket: TcpSocket, text: string): void {
  const bytes = new TextEncoder().encode(text);
  user.bytes.set(bytes);
  assertEquals(socket.send(user, 0, bytes.length, 0), bytes.length);
}

function read({ user }: RunningStack, socket: TcpSocket): string | number {
  const count = socket.receive(user, 0, user.bytes.length, 0);
  return count < 0 ? count : new TextDecoder().decode(user.bytes.subarray(0, count));
}

function accept(listener: TcpSocket): TcpSocket[] {
  const accepted: TcpSocket[] = [];
  for (let next = listener.accept(); typeof next !== "number"; next = listener.accept()) {
    accepted.push(next);
  }
  return accepted;
}

/** Text goes one way and back. */
function echo(world: ShardedWorld, pairs: readonly [RunningStack, TcpSocket, TcpSocket][]): void {
  for (const [index, [, , theirs]] of pairs.entries()) write(world.peer, theirs, `to ${index}`);
  world.run();
  for (const [index, [shard, ours]] of pairs.entries()) {
    assertEquals(read(shard, ours), `to ${index}`);
    write(shard, ours, `from ${index}`);
  }
  world.run();
  for (const [index, [, , theirs]] of pairs.entries()) {
    assertEquals(read(world.peer, theirs), `from ${index}`);
  }
}

const FAMILIES = [["ipv4", HOST, PEER], ["ipv6", HOST_6, PEER_6]] as const;

for (const isPipe of [false, true]) {
  testShards(
    `connections live where their flows hash to${isPipe ? ", over a pipe with offloads" : ""}`,
    { shards: 3, isPipe },
    (world) => {
      for (const [family, host, peer] of FAMILIES) {
        const listeners = world.listenEverywhere(1, 80, family);
        const clients = Array.from({ length: 24 }, () => world.stream(world.peer, family));
        for (const client of clients) {
          assertEquals(client.connect(host, 80, 0), -Errno.EINPROGRESS);
        }
        // Some SYNs are sent again: there was no room for all while the address was asked for.
        world.run(3_000_000);
        const before = world.shards[0].frames.statistics()!;
        const accepted = listeners.map(accept);
        assert(accepted.every((each) => each.length > 2), `${accepted.map((each) => each.length)}`);
        const pairs = accepted.flatMap((sockets, index) =>
          sockets.map((ours): [RunningStack, TcpSocket, TcpSocket] => {
            const { director } = world.shards[0].stack.tcp.shard!;
            const { remotePort } = ours.flow;
            assertEquals(director.spreadFlow(Protocol.TCP, peer, remotePort, host, 80), index);
            const theirs = clients.find(({ flow }) => flow.localPort === remotePort);
            return [world.shards[index], ours, theirs!];
          })
        );
        assertEquals(pairs.length, clients.length);
        echo(world, pairs);
        const after = world.shards[0].frames.statistics()!;
        // A segment with data, and an acknowledgment, for each.
        for (const [index, sockets] of accepted.entries()) {
          assert(after.directed[index] - before.directed[index] >= sockets.length);
        }
        for (const [, ours, theirs] of pairs) [ours, theirs].forEach((socket) => socket.close());
        for (const listener of listeners) listener.close();
        world.run(100_000_000);
        assertEquals(world.all.map(({ stack }) => stack.tcp.connections), [0, 0, 0, 0]);
        assertEquals(
          world.shards[2].stack.counters.groups.tcp.values[TcpCounter.DROPPED_NO_CONNECTION],
          0,
        );
      }
    },
  );
}

testShards("each shard connects by ports whose answers are its own", { shards: 3 }, (world) => {
  for (const [family, , peer] of FAMILIES) {
    const listener = world.listen(world.peer, 7000, family);
    const pairs: [RunningStack, TcpSocket][] = world.shards.flatMap((shard) =>
      Array.from({ length: 10 }, (): [RunningStack, TcpSocket] => [
        shard,
        world.stream(shard, family),
      ])
    );
    for (const [, socket] of pairs) {
      assertEquals(socket.connect(peer, 7000, 0), -Errno.EINPROGRESS);
    }
    world.run();
    const accepted = accept(listener);
    assertEquals(accepted.length, pairs.length);
    const whole = pairs.map(([shard, ours]): [RunningStack, TcpSocket, TcpSocket] => [
      shard,
      ours,
      accepted.find(({ flow }) => flow.remotePort === ours.flow.localPort)!,
    ]);
    echo(world, whole);
    for (const [, ours, theirs] of whole) [ours, theirs].forEach((socket) => socket.close());
    listener.close();
    world.run(100_000_000);
  }
});

testShards("a bound port is one shard's, and its connections are", { shards: 4 }, (world) => {
  const listeners = [7000, 7001, 7002, 7003].map((port) => world.listen(world.peer, port));
  const sockets = listeners.map((_, index) => {
    const socket = world.stream(world.shards[2]);
    if (index === 0) {
      assertEquals(socket.bind(0, 5000, 0), 0);
      const other = world.stream(world.shards[1]);
      assertEquals(other.bind(0, 5000, 0), -Errno.EADDRINUSE);
      assertEquals(other.bind(0, 5001, 0), 0);
      other.close();
      assertEquals(socket.connect(PEER, 7000, 0), -Errno.EINPROGRESS);
    } else {
      assertEquals(socket.bind(0, 5000 + 10 * index, 0), 0);
      assertEquals(socket.connect(PEER, 7000 + index, 0), -Errno.EINPROGRESS);
    }
    return socket;
  });
  world.run();
  for (const [index, listener] of listeners.entries()) {
    const [theirs] = accept(listener);
    echo(world, [[world.shards[2], sockets[index], theirs]]);
    for (const socket of [sockets[index], theirs, listener]) socket.close();
  }
  world.run(200_000_000);
  const again = world.stream(world.shards[1]);
  assertEquals(again.bind(0, 5000, 0), 0);
  again.close();
});

testShards(
  "a port of several shards has connections where they hash to",
  { shards: 2 },
  (world) => {
    const listeners = Array.from(
      { length: 16 },
      (_, index) => world.listen(world.peer, 7000 + index),
    );
    const made = world.shards.map((shard) =>
      listeners.map((_, index) => {
        const socket = world.stream(shard);
        assertEquals(socket.setOption(SOL_SOCKET, SO_REUSEPORT, int(1)), 0);
        assertEquals(socket.bind(0, 5000, 0), 0);
        return { socket, index };
      })
    );
    const { director } = world.shards[0].stack.tcp.shard!;
    for (const [shard, sockets] of made.entries()) {
      let count = 0;
      for (const { socket, index } of sockets) {
        const flow = [Protocol.TCP, PEER, 7000 + index, HOST, 5000] as const;
        const isOurs = director.spreadFlow(...flow) === shard;
        const expected = isOurs ? -Errno.EINPROGRESS : -Errno.EADDRNOTAVAIL;
        assertEquals(socket.connect(PEER, 7000 + index, 0), expected);
        if (!isOurs) continue;
        count++;
        world.run();
        assertEquals(socket.connect(PEER, 7000 + index, 0), 0);
      }
      assert(count > 0 && count < sockets.length);
    }
    for (const { socket } of made.flat()) socket.close();
    for (const listener of listeners) {
      for (const accepted of accept(listener)) accepted.close();
      listener.close();
    }
  },
);

testShards("a shard that listens itself has its own connections", { shards: 3 }, (world) => {
  const listen = (shard: RunningStack) => {
    const socket = world.stream(shard);
    assertEquals(socket.setOption(SOL_SOCKET, SO_REUSEPORT, int(1)), 0);
    assertEquals(socket.bind(0, 80, 0), 0);
    assertEquals(socket.listen(64), 0);
    return socket;
  };
  const owners = [0, 1].map((index) => listen(world.shards[index]));
  // Each of them is mirrored on all others.
  const mirrors = [0, 1].flatMap((owner) =>
    world.shards.filter((_, index) => index !== owner).map((shard) =>
      shard.frames.ports.withoutClaims(() => listen(shard))
    )
  );
  const clients = Array.from({ length: 30 }, () => world.stream(world.peer));
  for (const client of clients) client.connect(HOST, 80, 0);
  world.run(3_000_000);
  const accepted = [...owners, ...mirrors].map(accept);
  const [first, second, ofFirst, ofFirstFar, ofSecond, ofSecondFar] = accepted.map(
    (sockets) => sockets.length,
  );
  assertEquals([ofFirst, ofSecond], [0, 0]);
  assertEquals(first + second + ofFirstFar + ofSecondFar, 30);
  assert([first, second, ofFirstFar, ofSecondFar].every((count) => count > 0));
  for (const socket of [...owners, ...mirrors, ...clients, ...accepted.flat()]) socket.close();
});

testShards("a cookie of Fast Open is good on any shard", { shards: 3 }, (world) => {
  const keys = world.all.map(({ stack }) => String(stack.tcp.fastOpenCookies.keyBytes()));
  assertEquals(new Set(keys.slice(0, 3)).size, 1);
  assertEquals(new Set(keys).size, 2);
});

testShards("a rule decides about connections as well", { shards: 3 }, (world) => {
  for (const { frames } of world.shards) frames.configure(() => ({ steerTo: 2 }));
  const listener = world.listen(world.peer, 7000);
  assertEquals(world.stream(world.shards[1]).connect(PEER, 7000, 0), -Errno.EADDRNOTAVAIL);
  const ours = world.stream(world.shards[2]);
  assertEquals(ours.connect(PEER, 7000, 0), -Errno.EINPROGRESS);
  world.run();
  const [theirs] = accept(listener);
  echo(world, [[world.shards[2], ours, theirs]]);
  // On its own host each shard reaches itself.
  const local = world.listen(world.shards[1], 7001);
  const near = world.stream(world.shards[1]);
  assertEquals(near.connect(HOST, 7001, 0), -Errno.EINPROGRESS);
  world.run();
  const [far] = accept(local);
  write(world.shards[1], near, "within");
  world.run();
  assertEquals(read(world.shards[1], far), "within");
  for (const socket of [ours, theirs, listener, near, far, local]) socket.close();
});

testShards("a segment of nobody is answered by one reset", { shards: 3 }, (world) => {
  for (let port = 1; port <= 12; port++) {
    const client = world.stream(world.peer);
    assertEquals(client.connect(HOST, port, 0), -Errno.EINPROGRESS);
    world.run();
    assertEquals(client.takeError(), Errno.ECONNREFUSED);
    client.close();
  }
  const resets = world.shards.map(({ stack }) =>
    stack.counters.groups.tcp.values[TcpCounter.DROPPED_NO_CONNECTION]
  );
  assertEquals(resets.reduce((sum, count) => sum + count), 12);
  assert(resets.filter((count) => count > 0).length > 1, `${resets}`);
});

testShards(
  "bytes in bulk reach another shard whole",
  { shards: 2, seed: 3, isPipe: true },
  (world) => {
    const listeners = world.listenEverywhere(0, 80);
    const clients = Array.from({ length: 16 }, () => world.stream(world.peer));
    for (const client of clients) client.connect(HOST, 80, 0);
    world.run(3_000_000);
    const accepted = accept(listeners[1]);
    const [ours] = accepted;
    const theirs = clients.find(({ flow }) => flow.localPort === ours.flow.remotePort)!;
    const { user } = world.peer;
    let sent = 0;
    let received = 0;
    while (received < 2_000_000) {
      for (let at = 0; at < 60_000; at++) user.bytes[at] = (sent + at) * 31 >> 3;
      const taken = sent < 2_000_000 ? theirs.send(user, 0, 60_000, 0) : 0;
      sent += Math.max(0, taken);
      world.run();
      const shard = world.shards[1];
      for (;;) {
        const count = ours.receive(shard.user, 0, 100_000, 0);
        if (count <= 0) break;
        for (let at = 0; at < count; at++) {
          if (shard.user.bytes[at] !== ((received + at) * 31 >> 3 & 255)) {
            throw new Error(`byte ${received + at} is another one`);
          }
        }
        received += count;
      }
      world.run(1000);
    }
    assertEquals(received, sent);
    for (const socket of [...clients, ...listeners, ...accepted]) socket.close();
  },
);

testShards("TCP_SAVE_SYN keeps a frame's header as well where it is 2", { shards: 2 }, (world) => {
  const { IPPROTO_TCP } = SockOpt;
  const listeners = world.listenEverywhere(1, 80);
  for (const [index, listener] of listeners.entries()) {
    assertEquals(listener.setOption(IPPROTO_TCP, SAVE_SYN, int(1 + index)), 0);
  }
  const clients = Array.from({ length: 24 }, () => world.stream(world.peer));
  for (const client of clients) client.connect(HOST, 80, 0);
  world.run(3_000_000);
  const accepted = listeners.map(accept);
  const [packet, frame] = accepted.map(([socket]) => {
    const saved = socket.getOption(IPPROTO_TCP, SAVED_SYN);
    assert(typeof saved !== "number");
    return saved;
  });
  assertEquals([packet.length, packet[0]], [60, 0x45]);
  assertEquals(frame.length, 74);
  const macs = [HOST_MAC, PEER_MAC].flatMap((mac) => [2, 0, 0, 0, 0, mac % 256]);
  assertEquals([...frame.subarray(0, 15)], [...macs, 8, 0, 0x45]);
  for (const socket of [...accepted.flat(), ...clients, ...listeners]) socket.close();
});
