import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { IpCounter } from "../../stack/ip/counters.ts";
import { UdpCounter } from "../../stack/udp/counters.ts";
import type { UdpSocket } from "../../stack/udp/mod.ts";
import type { IpAddress } from "../../stack/ip/types.ts";
import { ipv4Of, ipv6Of } from "../../stack/wire/mod.ts";
import { int, pattern } from "../support/stack/fake_user.ts";
import {
  HOST,
  HOST_6,
  PEER,
  PEER_6,
  type ShardedWorld,
  testShards,
} from "../support/stack/sharded_host.ts";

const FAMILIES = [["ipv4", HOST, PEER], ["ipv6", HOST_6, PEER_6]] as const;
const { SOL_SOCKET, SO_REUSEADDR, SO_REUSEPORT, SOL_IP, IPPROTO_IPV6 } = SockOpt;
const { IP_ADD_MEMBERSHIP, IP_MULTICAST_LOOP, IPV6_ADD_MEMBERSHIP, IPV6_MULTICAST_LOOP } = SockOpt;

/** What each shard counted. */
function udpCounts(world: ShardedWorld, counter: typeof UdpCounter[keyof typeof UdpCounter]) {
  return world.shards.map(({ stack }) => stack.counters.groups.udp.values[counter]);
}

function ipCounts(world: ShardedWorld, counter: typeof IpCounter[keyof typeof IpCounter]) {
  return world.shards.map(({ stack }) => stack.counters.groups.ip.values[counter]);
}

for (const isPipe of [false, true]) {
  testShards(
    `datagrams go both ways between a peer and each shard${isPipe ? ", over a pipe" : ""}`,
    { shards: 4, isPipe },
    (world) => {
      for (const [family, host, peer] of FAMILIES) {
        const server = world.datagram(world.peer, 53, family);
        for (const [index, shard] of world.shards.entries()) {
          const bound = world.datagram(shard, 1000 + index, family);
          const free = world.datagram(shard, 0, family);
          for (const socket of [bound, free]) {
            assertEquals(shard.user.send(socket, `ask ${index}`, { address: peer, port: 53 }), 5);
            world.run();
            const got = world.peer.user.receive(server);
            assert(typeof got !== "number");
            assertEquals(got.info.source, host);
            world.peer.user.send(server, `answer ${index}`, { address: host, port: got.info.port });
            world.run();
            assertEquals(shard.user.text(socket), `answer ${index}`);
            socket.close();
          }
        }
        server.close();
      }
      assertEquals(udpCounts(world, UdpCounter.DROPPED_NO_SOCKET), [0, 0, 0, 0]);
    },
  );
}

testShards("a port of UDP is one shard's, unless all of them share it", { shards: 3 }, (world) => {
  const [, one, other] = world.shards;
  const first = world.datagram(one, 5000);
  const second = world.datagram(other);
  assertEquals(second.bind(0, 5000, 0), -Errno.EADDRINUSE);
  first.close();
  assertEquals(second.bind(0, 5000, 0), 0);
  second.close();

  const group = [one, other].map((shard, index) => {
    const socket = world.datagram(shard, index === 0 ? 5000 : 0);
    // The first one says so when it has the port already.
    assertEquals(socket.setOption(SOL_SOCKET, SO_REUSEPORT, int(1)), 0);
    if (index > 0) assertEquals(socket.bind(0, 5000, 0), 0);
    return socket;
  });
  const third = world.datagram(world.shards[0]);
  assertEquals(third.bind(0, 5000, 0), -Errno.EADDRINUSE);
  third.close();
  const clients = Array.from({ length: 30 }, () => world.datagram(world.peer));
  // The peer's address has to be known before so many are sent at once.
  for (const client of clients) {
    world.peer.user.send(client, "hello", { address: HOST, port: 5000 });
    world.run();
  }
  const counts = group.map((socket, index) => receiveAll(world, index + 1, socket).length);
  assertEquals(counts[0] + counts[1], 30);
  assert(counts.every((count) => count > 3), `${counts}`);
  for (const socket of [...group, ...clients]) socket.close();
});

function receiveAll(world: ShardedWorld, index: number, socket: UdpSocket): string[] {
  const found: string[] = [];
  const { user } = world.shards[index];
  for (let text = user.text(socket); typeof text === "string"; text = user.text(socket)) {
    found.push(text);
  }
  return found;
}

testShards("no two shards choose the same port", { shards: 3 }, (world) => {
  const sockets = world.shards.flatMap((shard) =>
    Array.from({ length: 300 }, () => {
      const socket = world.datagram(shard);
      assertEquals(socket.bind(0, 0, 0), 0);
      return socket;
    })
  );
  assertEquals(new Set(sockets.map(({ flow }) => flow.localPort)).size, sockets.length);
  for (const socket of sockets) socket.close();
});

testShards("fragments reach the shard whose datagram they make", { shards: 3 }, (world) => {
  for (const [family, host] of FAMILIES) {
    const socket = world.datagram(world.shards[2], 5000, family);
    const client = world.datagram(world.peer, 0, family);
    assertEquals(world.peer.user.send(client, 9000, { address: host, port: 5000 }), 9000);
    world.run();
    const got = world.shards[2].user.receive(socket);
    assert(typeof got !== "number");
    assertEquals(got.data, pattern(9000));
    assertEquals(world.shards[2].user.receive(socket), -Errno.EAGAIN);
    socket.close();
    client.close();
  }
  assertEquals(ipCounts(world, IpCounter.REASSEMBLED), [2, 2, 2]);
  assertEquals(ipCounts(world, IpCounter.DROPPED_OTHER_SHARD), [2, 2, 0]);
  assertEquals(udpCounts(world, UdpCounter.DROPPED_NO_SOCKET), [0, 0, 0]);
});

testShards("a datagram for nobody is answered once, whole or not", { shards: 3 }, (world) => {
  for (const [family, host] of FAMILIES) {
    for (const bytes of [10, 5000]) {
      for (let port = 1; port <= 8; port++) {
        const client = world.datagram(world.peer, 0, family);
        assertEquals(client.connect(host, port, 0), 0);
        world.forget();
        world.peer.user.send(client, bytes);
        world.run(1_000_000);
        assertEquals(client.takeError(), Errno.ECONNREFUSED);
        assertEquals(errorsIn(world.sent), 1);
        client.close();
      }
    }
  }
});

/** How many frames are errors of ICMP. */
function errorsIn(frames: readonly Uint8Array[]): number {
  return frames.filter((frame) => {
    const isIpv4 = frame[12] === 0x08 && frame[13] === 0;
    if (isIpv4) return frame[23] === 1 && [3, 11, 12].includes(frame[34]);
    return frame[12] === 0x86 && frame[20] === 58 && frame[54] < 128;
  }).length;
}

testShards("an error reaches the shard that sent what it is about", { shards: 3 }, (world) => {
  for (const [family, , peer] of FAMILIES) {
    for (const shard of world.shards) {
      const socket = world.datagram(shard, 0, family);
      assertEquals(socket.connect(peer, 9, 0), 0);
      shard.user.send(socket, "nobody is there");
      world.run();
      assertEquals(socket.takeError(), Errno.ECONNREFUSED);
      socket.close();
    }
  }
});

testShards("what a shard sends to its own host reaches any shard", { shards: 4 }, (world) => {
  const loopback = ipv4Of("127.0.0.1");
  for (const address of [loopback, HOST]) {
    const servers = world.shards.map((shard, index) => world.datagram(shard, 6000 + index));
    for (const [from, shard] of world.shards.entries()) {
      const client = world.datagram(shard);
      for (const [to, server] of servers.entries()) {
        for (const bytes of [5, 20_000]) {
          assertEquals(shard.user.send(client, bytes, { address, port: 6000 + to }), bytes);
          world.run();
          const got = world.shards[to].user.receive(server);
          assert(typeof got !== "number", `${from} to ${to}`);
          assertEquals(got.data, pattern(bytes));
          const { source, port } = got.info;
          assertEquals(port, client.flow.localPort);
          world.shards[to].user.send(server, "back", { address: source, port });
          world.run();
          assertEquals(shard.user.text(client), "back");
        }
      }
      assertEquals(client.connect(address, 6999, 0), 0);
      shard.user.send(client, "nobody");
      world.run();
      assertEquals(client.takeError(), Errno.ECONNREFUSED);
      client.close();
    }
    for (const server of servers) server.close();
  }
  assert(udpCounts(world, UdpCounter.HANDED_OVER).every((count) => count > 0));
  assertEquals(world.sent.length, 0);
});

testShards("what a shard sends to a group reaches members of any shard", { shards: 4 }, (world) => {
  const group = ipv4Of("239.1.2.3");
  const group6 = ipv6Of("ff02::1234");
  for (const [family, address] of [["ipv4", group], ["ipv6", group6]] as const) {
    const members = world.shards.map((shard, index) => {
      const socket = world.datagram(shard, 0, family);
      assertEquals(socket.setOption(SOL_SOCKET, SO_REUSEADDR, int(1)), 0);
      assertEquals(socket.bind(family === "ipv4" ? 0 : ipv6Of("::"), 5353, 0), 0);
      if (index > 0) join(socket, address, shard.link);
      return socket;
    });
    for (const [from, shard] of world.shards.entries()) {
      const sender = world.datagram(shard, 0, family);
      const to = { address, port: 5353, scope: shard.link };
      assertEquals(shard.user.send(sender, 3000, to), 3000);
      world.run();
      const got = world.shards.map(({ user }, index) => typeof user.receive(members[index]));
      assertEquals(got, ["number", "object", "object", "object"], `from shard ${from}`);
      // Nobody gets it twice, and whoever sends may say that it is not for this host.
      for (const [index, { user }] of world.shards.entries()) {
        assertEquals(user.receive(members[index]), -Errno.EAGAIN);
      }
      const loops = family === "ipv4" ? [SOL_IP, IP_MULTICAST_LOOP] : [
        IPPROTO_IPV6,
        IPV6_MULTICAST_LOOP,
      ];
      assertEquals(sender.setOption(loops[0], loops[1], int(0)), 0);
      assertEquals(shard.user.send(sender, 30, to), 30);
      world.run();
      for (const [index, { user }] of world.shards.entries()) {
        assertEquals(user.receive(members[index]), -Errno.EAGAIN);
      }
      sender.close();
    }
    for (const member of members) member.close();
  }
});

testShards("what a peer sends to a group reaches members of any shard", { shards: 3 }, (world) => {
  const group = ipv4Of("239.1.2.3");
  const members = [1, 2].map((index) => {
    const socket = world.datagram(world.shards[index]);
    assertEquals(socket.setOption(SOL_SOCKET, SO_REUSEADDR, int(1)), 0);
    assertEquals(socket.bind(0, 5353, 0), 0);
    join(socket, group, world.shards[index].link);
    return socket;
  });
  const sender = world.datagram(world.peer);
  for (const bytes of [10, 5000]) {
    const scope = world.peer.stack.links.named("eth0")!.index;
    assertEquals(world.peer.user.send(sender, bytes, { address: group, port: 5353, scope }), bytes);
    world.run();
    for (const [index, member] of members.entries()) {
      const got = world.shards[index + 1].user.receive(member);
      assert(typeof got !== "number");
      assertEquals(got.data, pattern(bytes));
    }
  }
  for (const socket of [...members, sender]) socket.close();
});

/** Joins a group on an interface. */
function join(socket: UdpSocket, group: IpAddress, link: number): void {
  if (typeof group === "number") {
    // struct ip_mreqn
    const request = new Uint8Array(12);
    new DataView(request.buffer).setInt32(0, group);
    request[8] = link;
    assertEquals(socket.setOption(SOL_IP, IP_ADD_MEMBERSHIP, request), 0);
    return;
  }
  // struct ipv6_mreq
  const request = new Uint8Array(20);
  for (const [at, word] of group.entries()) new DataView(request.buffer).setInt32(4 * at, word);
  request[16] = link;
  assertEquals(socket.setOption(IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, request), 0);
}

testShards("a rule steers what no shard alone has the port of", { shards: 3 }, (world) => {
  const rule = (packet: { destinationPort: number }) => {
    if (packet.destinationPort === 1) throw new Error("a program's mistake");
    return packet.destinationPort === 2 ? { steerTo: 2 } : "default" as const;
  };
  for (const { frames } of world.shards) frames.configure(rule);
  const socket = world.datagram(world.shards[1], 5000);
  const client = world.datagram(world.peer);
  for (const port of [1, 2, 5000]) {
    for (let count = 0; count < 4; count++) {
      world.peer.user.send(client, "x", { address: HOST, port });
      world.run();
    }
  }
  assertEquals(receiveAll(world, 1, socket).length, 4);
  const { directed, ruleFailures } = world.shards[0].frames.statistics()!;
  assert(directed[2] >= 4);
  assertEquals(ruleFailures, 4);
  assertEquals(world.shards[1].frames.statistics(), null);
  socket.close();
  client.close();
});
