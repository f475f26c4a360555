import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { ArpCounter } from "../../stack/iface/counters.ts";
import { AddressState } from "../../stack/iface/types.ts";
import { ipv4Of, IPV6_ALL_NODES, IPV6_ANY, ipv6Of } from "../../stack/wire/mod.ts";
import { solicitedNodeOf } from "../../stack/wire/addresses.ts";
import { Protocol } from "../../stack/wire/numbers.ts";
import { ipv4Fragment } from "../support/stack/ip_packets.ts";
import { Frame } from "../support/stack/links.ts";
import {
  arpFrame,
  arpsOf,
  igmpFrame,
  igmpsOf,
  mldFrame,
  mldsOf,
  ndpFrame,
  ndpsOf,
} from "../support/stack/messages.ts";
import { echo } from "../support/stack/raw_world.ts";
import {
  HOST,
  HOST_6,
  PEER,
  PEER_6,
  PEER_MAC,
  ShardedWorld,
  testShards,
} from "../support/stack/sharded_host.ts";

const SECOND = 1_000_000;
const IPPROTO_RAW = 255;
const OTHER = ipv4Of("10.0.0.9") as number;
const OTHER_6 = ipv6Of("fd00::9");
const LINK_LOCAL = ipv6Of("fe80::9");
const IPV4_HOST = HOST as number;
const IPV6_HOST = ipv6Of("fd00::1");

/** Takes the frames that the host sent since the last time. */
function take(world: ShardedWorld): Frame[] {
  return world.sent.splice(0).map((bytes) => new Frame(bytes));
}

/** A frame of Ethernet around a packet, to the host. */
function framed(packet: Uint8Array): Uint8Array {
  const macs = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
  return Uint8Array.of(...macs, ...(packet[0] >> 4 === 4 ? [8, 0] : [0x86, 0xdd]), ...packet);
}

testShards("one shard answers who asks for an address", { shards: 4 }, (world) => {
  world.inject(arpFrame({ sender: OTHER, target: IPV4_HOST, to: 0xffff_ffff_ffff }));
  assertEquals(arpsOf(take(world)).map(({ operation }) => operation), [2]);
  // All of them have learnt who asked, so that none has to ask back.
  const known = world.shards.map(({ stack }) =>
    stack.links.listNeighbours().some(({ address }) => address === OTHER)
  );
  assertEquals(known, [true, true, true, true]);

  const link = { option: "source-link-layer", address: PEER_MAC } as const;
  const message = { message: "neighbor-solicitation", target: IPV6_HOST } as const;
  const asks = ndpFrame(OTHER_6, solicitedNodeOf(IPV6_HOST), { ...message, options: [link] });
  world.inject(asks);
  assertEquals(ndpsOf(take(world)).map(({ message: { message } }) => message), [
    "neighbor-advertisement",
  ]);
  // Who wants the address for itself is told, too, and once.
  world.inject(ndpFrame(IPV6_ANY, solicitedNodeOf(IPV6_HOST), { ...message, options: [] }));
  assertEquals(ndpsOf(take(world)).map(({ destination }) => destination), [IPV6_ALL_NODES]);
});

testShards("one shard defends an address, and gives it up for all", { shards: 3 }, (world) => {
  world.run(20 * SECOND);
  world.forget();
  const claim = arpFrame({ sender: IPV4_HOST, target: IPV4_HOST, to: 0xffff_ffff_ffff });
  world.inject(claim);
  assertEquals(arpsOf(take(world)).length, 1);
  assertEquals(statesOf(world, HOST), [AddressState.PREFERRED]);
  world.run(SECOND);
  world.inject(claim);
  assertEquals(arpsOf(take(world)).length, 0);
  assertEquals(statesOf(world, HOST), [AddressState.DUPLICATED]);
});

/** The states that an address has on the shards. */
function statesOf(world: ShardedWorld, address: typeof HOST): number[] {
  return [
    ...new Set(world.shards.map(({ stack, link }) => stack.links.addresses.stateOf(address, link))),
  ];
}

Deno.test("one shard announces addresses, asks for them, and looks for routers", async () => {
  const world = new ShardedWorld({
    ...{ shards: 3, detectionTransmits: 1 },
    autoconfiguration: { mode: "full" },
  });
  const frames: Frame[] = [];
  for (let second = 0; second < 12; second++) {
    world.run(SECOND);
    frames.push(...take(world));
  }
  const kinds = ndpsOf(frames).map(({ message: { message } }) => message);
  const probes = kinds.filter((kind) => kind === "neighbor-solicitation").length;
  // Each of two addresses was asked for at most once since the start.
  assert(probes <= 2, `${probes} solicitations`);
  const asks = kinds.filter((kind) => kind === "router-solicitation").length;
  assert(asks >= 2 && asks <= 3, `${asks} router solicitations`);
  const announcements = world.shards.map(({ stack }) =>
    stack.counters.groups.arp.values[ArpCounter.ANNOUNCEMENTS_SENT]
  );
  assertEquals(announcements, [2, 0, 0]);
  await world.end();
});

testShards("an address is asked for and announced once", {
  ...{ shards: 3, detectionTransmits: 1 },
}, (world) => {
  world.run(20 * SECOND);
  world.forget();
  const added = ipv4Of("10.0.0.7");
  for (const { stack, link } of world.shards) {
    stack.links.addAddress(link, added, 24, { conflicts: "probe" });
    stack.links.addAddress(link, ipv6Of("fd00::7"), 64);
  }
  world.run(20 * SECOND);
  const frames = take(world);
  const said = arpsOf(frames).map(({ senderAddress, targetAddress }) => [
    senderAddress,
    targetAddress,
  ]);
  const [probe, announcement] = [[0, added], [added, added]];
  assertEquals(said, [probe, probe, probe, announcement, announcement]);
  assertEquals(ndpsOf(frames).map(({ message: { message } }) => message), [
    "neighbor-solicitation",
  ]);
  assertEquals(statesOf(world, added), [AddressState.PREFERRED]);
  for (const { stack, link } of world.shards) stack.links.announce(link);
  world.run(SECOND);
  const announced = take(world);
  assertEquals([arpsOf(announced).length, ndpsOf(announced).length], [2, 2]);
});

Deno.test("a router of several shards advertises itself once", async () => {
  const world = new ShardedWorld({ shards: 3, autoconfiguration: { mode: "link-local" } });
  for (const { stack, link } of world.shards) {
    assertEquals(stack.links.setForwarding(link, true), 0);
    assertEquals(stack.links.advertise(link, {}), 0);
  }
  world.run(SECOND);
  const said = ndpsOf(take(world)).map(({ message: { message } }) => message);
  assertEquals(said.filter((message) => message === "router-advertisement").length, 1);
  for (const { stack, link } of world.shards) stack.links.advertise(link, null);
  await world.end();
});

Deno.test("all shards make the same addresses of what routers say", async () => {
  const world = new ShardedWorld({
    ...{ shards: 3, detectionTransmits: 1 },
    autoconfiguration: { mode: "full" },
  });
  world.inject(ndpFrame(LINK_LOCAL, IPV6_ALL_NODES, {
    message: "router-advertisement",
    ...{ hopLimit: 64, isManaged: false, hasOtherConfiguration: false, preference: 0 },
    ...{ routerLifetime: 1800, reachableTime: 0, retransmitTimer: 0 },
    options: [{
      ...{ option: "prefix-information", prefix: ipv6Of("2001:db8::"), prefixLength: 64 },
      ...{ isOnLink: true, isAutonomous: true, validLifetime: 7200, preferredLifetime: 3600 },
    }],
  }));
  world.run(5 * SECOND);
  const addresses = world.shards.map(({ stack, link }) =>
    stack.links.addresses.list(link).map(({ address, state, origin }) => ({
      ...{ address, state, origin },
    }))
  );
  assertEquals(addresses[1], addresses[0]);
  assertEquals(addresses[2], addresses[0]);
  const origins = addresses[0].map(({ origin }) => origin).sort();
  assertEquals(origins, ["autoconfigured", "link-local", "static", "static"]);
  assert(addresses[0].every(({ state }) => state === AddressState.PREFERRED));
  await world.end();
});

Deno.test("an address that proves to be somebody else's is given up by all", async () => {
  const world = new ShardedWorld({ shards: 3, detectionTransmits: 1 });
  // As if the others had heard of it too late: the address is theirs already.
  const wanted = ipv6Of("fd00::77");
  for (const [index, { stack, link }] of world.shards.entries()) {
    stack.links.addAddress(link, wanted, 64, { detects: index === 0 });
  }
  assertEquals(statesOf(world, wanted).length, 2);
  const message = { message: "neighbor-advertisement", target: wanted } as const;
  const flags = { isRouter: false, isSolicited: false, isOverride: true };
  const link = { option: "target-link-layer", address: PEER_MAC } as const;
  world.inject(ndpFrame(OTHER_6, IPV6_ALL_NODES, { ...message, ...flags, options: [link] }));
  assertEquals(statesOf(world, wanted), [AddressState.DUPLICATED]);
  await world.end();
});

testShards("an address that shard 0 gives up is given up by all", { shards: 3 }, (world) => {
  const wanted = ipv4Of("10.0.0.7") as number;
  // Whoever uses it already would have defended it against a first conflict.
  for (const [index, { stack, link }] of world.shards.entries()) {
    stack.links.addAddress(link, wanted, 24, { conflicts: index === 0 ? "probe" : "announce" });
  }
  world.inject(arpFrame({ sender: wanted, target: wanted, to: 0xffff_ffff_ffff }));
  assertEquals(statesOf(world, wanted), [AddressState.DUPLICATED]);
});

testShards("an identifier of echoes is one shard's", { shards: 2 }, (world) => {
  const sockets = world.shards.map(({ stack }) => {
    const socket = stack.ping.socket("ipv4");
    assert(typeof socket !== "number");
    return socket;
  });
  assertEquals(sockets.map((socket) => socket.bind(0, 777, 0)), [0, -Errno.EADDRINUSE]);
  for (const socket of sockets) socket.close();
});

testShards("an echo is answered once, and replies reach who asked", { shards: 3 }, (world) => {
  for (const [family, host, peer] of [["ipv4", HOST, PEER], ["ipv6", HOST_6, PEER_6]] as const) {
    const type = family === "ipv4" ? 8 : 128;
    const asker = world.peer.stack.ping.socket(family);
    assert(typeof asker !== "number");
    for (const bytes of [10, 4000]) {
      const data = new Uint8Array([...echo(1, type), ...new Uint8Array(bytes)]);
      world.peer.user.send(asker, data, { address: host, port: 0 });
      world.run(SECOND);
      const replies = [world.peer.user.receive(asker), world.peer.user.receive(asker)];
      assertEquals(replies.map((reply) => typeof reply), ["object", "number"]);
    }
    asker.close();
    const sockets = world.shards.map(({ stack, user }) => {
      const socket = stack.ping.socket(family);
      assert(typeof socket !== "number");
      user.send(socket, echo(1, type), { address: peer, port: 0 });
      return socket;
    });
    world.run(SECOND);
    for (const [index, socket] of sockets.entries()) {
      assert(typeof world.shards[index].user.receive(socket) !== "number");
      socket.close();
    }
    assertEquals(new Set(sockets.map(({ flow }) => flow.localPort)).size, sockets.length);
  }
});

testShards("an echo to all nodes is answered once", { shards: 3 }, (world) => {
  const asker = world.peer.stack.ping.socket("ipv6");
  assert(typeof asker !== "number");
  const scope = world.peer.stack.links.named("eth0")!.index;
  world.peer.user.send(asker, echo(1, 128), { address: IPV6_ALL_NODES, port: 0, scope });
  world.run(SECOND);
  const { user } = world.peer;
  // The peer is one of the nodes itself.
  const replies = Array.from({ length: 3 }, () => user.receive(asker));
  assertEquals(replies.filter((reply) => typeof reply !== "number").length, 2);
  asker.close();
});

testShards("a protocol that nobody knows is answered once", { shards: 3 }, (world) => {
  const raw = world.peer.stack.raw.socket("ipv4", 253);
  assert(typeof raw !== "number");
  for (const bytes of [10, 4000]) {
    world.forget();
    world.peer.user.send(raw, bytes, { address: HOST, port: 0 });
    world.run(SECOND);
    const errors = take(world).filter(({ packets, type }) =>
      type === 0x800 && packets.view.getUint8(23) === Protocol.ICMPV4
    );
    assertEquals(errors.length, 1);
  }
  raw.close();
});

testShards("raw sockets get the packets of their protocol on any shard", { shards: 3 }, (world) => {
  const sender = world.peer.stack.raw.socket("ipv4", 253);
  assert(typeof sender !== "number");
  const sockets = [1, 2].map((index) => {
    const socket = world.shards[index].stack.raw.socket("ipv4", 253);
    assert(typeof socket !== "number");
    world.forget();
    world.peer.user.send(sender, "hello", { address: HOST, port: 0 });
    world.run(SECOND);
    return socket;
  });
  const counts = sockets.map((socket, index) => {
    let count = 0;
    while (typeof world.shards[index + 1].user.receive(socket) !== "number") count++;
    socket.close();
    return count;
  });
  assertEquals(counts, [2, 1]);
  assertEquals(take(world).filter(({ type }) => type === 0x800).length, 0);
  sender.close();
});

testShards("a raw socket hears what another shard sends to the host", { shards: 3 }, (world) => {
  const socket = world.shards[1].stack.raw.socket("ipv4", 253);
  assert(typeof socket !== "number");
  const packet = ipv4Fragment(new Uint8Array(8), 0, 8, {
    ...{ source: IPV4_HOST, destination: IPV4_HOST, protocol: 253 },
  });
  for (const { stack, user } of world.shards) {
    const sender = stack.raw.socket("ipv4", IPPROTO_RAW);
    assert(typeof sender !== "number");
    assertEquals(user.send(sender, packet, { address: HOST, port: 0 }), packet.length);
    world.run();
    assert(typeof world.shards[1].user.receive(socket) !== "number");
    assert(typeof world.shards[1].user.receive(socket) === "number");
    sender.close();
  }
  socket.close();
});

testShards("a fragment on its way through is passed on once", { shards: 3 }, (world) => {
  for (const { stack, link } of world.shards) stack.links.setForwarding(link, true);
  const [source, destination] = [OTHER, PEER as number];
  const hello = arpFrame({ sender: destination, target: IPV4_HOST, to: 0xffff_ffff_ffff });
  world.inject(hello);
  world.run(SECOND);
  world.forget();
  world.inject(framed(ipv4Fragment(new Uint8Array(64), 0, 32, { source, destination })));
  world.inject(framed(ipv4Fragment(new Uint8Array(64), 32, 64, { source, destination })));
  world.run(SECOND);
  const passed = take(world).filter(({ packets, type }) =>
    type === 0x800 && packets.view.getInt32(30) === destination &&
    packets.view.getUint8(23) !== Protocol.ICMPV4
  );
  assertEquals(passed.length, 2);
});

testShards("a datagram that never gets whole is reported once", { shards: 3 }, (world) => {
  world.run(SECOND);
  world.forget();
  const [source, destination] = [PEER as number, IPV4_HOST];
  world.inject(framed(ipv4Fragment(new Uint8Array(64), 0, 32, { source, destination })));
  world.run(40 * SECOND);
  const errors = take(world).filter(({ packets, type }) =>
    type === 0x800 && packets.view.getUint8(23) === Protocol.ICMPV4
  );
  assertEquals(errors.map(({ packets }) => packets.view.getUint8(34)), [11]);
});

testShards("each group is told of once, by who listens to it", { shards: 3 }, (world) => {
  const group = ipv6Of("ff02::1234");
  const group4 = ipv4Of("239.1.2.3") as number;
  world.run(20 * SECOND);
  world.forget();
  const { stack, link } = world.shards[2];
  const member = stack.links.groups.newMember();
  assertEquals([group, group4].map((each) => member.join(link, each)), [0, 0]);
  world.run(5 * SECOND);
  const joined = take(world);
  assertEquals([...new Set(groupsOf(joined))].sort(), [String(group), String(group4)].sort());
  world.inject(mldFrame(LINK_LOCAL, IPV6_ALL_NODES, {
    ...{ message: "query-v2", maxResponse: 100, group: IPV6_ANY, sources: [] },
    ...{ suppress: false, robustness: 2, interval: 125 },
  }));
  world.inject(igmpFrame(PEER as number, ipv4Of("224.0.0.1") as number, {
    ...{ message: "query-v3", maxResponse: 10, group: 0, sources: [] },
    ...{ suppress: false, robustness: 2, interval: 125 },
  }));
  world.run(2 * SECOND);
  const expected = [solicitedNodeOf(IPV6_HOST), group, group4].map(String).sort();
  assertEquals(groupsOf(take(world)).sort(), expected);
  member.close();
});

/** The groups that frames tell of. */
function groupsOf(frames: readonly Frame[]): string[] {
  return [...mldsOf(frames), ...igmpsOf(frames)].flatMap(({ message }) =>
    "records" in message ? message.records.map(({ group }) => String(group)) : []
  );
}
