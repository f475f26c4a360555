/**
 * What IP costs for each packet: receiving one and handing it to its protocol, sending one with a
 * header in front of it, forwarding one, and putting one together. Divide by the number in the
 * name.
 *
 * @module
 */

import { printMachine } from "./support.ts";
import { IcmpCounter } from "../stack/icmp/counters.ts";
import { AddressState, type Interface, type Route } from "../stack/iface/types.ts";
import { IpCounter } from "../stack/ip/counters.ts";
import { Ip } from "../stack/ip/ip.ts";
import { IP_OPTIONS } from "../stack/ip/options.ts";
import { Flow, type IpAddress, type IpParameters } from "../stack/ip/types.ts";
import { PacketArena, sizeClasses } from "../stack/memory/mod.ts";
import { PacketTable } from "../stack/packet_table.ts";
import { SeededRandom } from "../stack/random.ts";
import { StackTimers } from "../stack/stack_timers.ts";
import { Statistics } from "../stack/statistics.ts";
import { ipv4Of, type Ipv6Address, ipv6Of, isSameIpv6 } from "../stack/wire/addresses.ts";
import { putIpv6 } from "../stack/wire/addresses.ts";
import { Fault } from "../stack/wire/fault.ts";
import * as ipv4 from "../stack/wire/ipv4.ts";
import * as ipv6 from "../stack/wire/ipv6.ts";
import { Protocol } from "../stack/wire/numbers.ts";

printMachine();

/** Packets for each run: the clock that measures costs more than one. */
const BATCH = 1000;
const SEGMENT_BYTES = 1460;
const OURS = ipv4Of("192.0.2.1");
const PEER = ipv4Of("192.0.2.2");
const FAR = ipv4Of("203.0.113.1");
const OURS_6 = ipv6Of("2001:db8::1");
const PEER_6 = ipv6Of("2001:db8::2");

const arena = new PacketArena({ classes: sizeClasses({ small: 256, medium: 256, large: 2 }) });
const { memory } = arena;
const packets = new PacketTable(arena.capacity);
const environment = {
  arena,
  packets,
  timers: new StackTimers({ capacity: 16, resolution: 1, now: 0 }),
  random: new SeededRandom(1),
  now: 0,
};
const { groups } = new Statistics({ ip: IpCounter, icmp: IcmpCounter, fault: Fault });
const ip = new Ip({
  environment,
  counters: groups.ip,
  icmpCounters: groups.icmp,
  faults: groups.fault,
  egress: { completeChecksum: () => {}, segment: () => 0 },
  // All goes back to the only link: hosts are not told that.
  options: { ...IP_OPTIONS, sendsRedirects: false },
});

let sent = 0;
function take(packet: number): number {
  sent++;
  arena.release(packet);
  return 0;
}

const link: Interface = {
  ...{ index: 1, name: "eth0", kind: "ethernet", mac: 1, isUp: true },
  ...{ mtu: 1500, ipv6Mtu: 1500, offloadBytes: 0, hopLimit: 64, isForwarding: true },
  output: take,
  broadcast: take,
};
const isOurs = (address: IpAddress): boolean =>
  typeof address === "number" ? address === OURS : isSameIpv6(address, OURS_6);
const route: Route = {
  ...{ interface: 1, gateway: null, metric: 0, mtu: 0, source: null, prefixLength: 0 },
};
const nothing = { receive: take };
ip.attach({
  interfaces: {
    ...{ size: 1, get: () => link, named: () => link, list: () => [link], loopback: undefined },
  },
  addresses: {
    isLocal: isOurs,
    stateOf: (address) => isOurs(address) ? AddressState.PREFERRED : AddressState.NONE,
    interfaceOf: () => 1,
    isBroadcast: (address) => address === -1,
    selectSource: (destination) => typeof destination === "number" ? OURS : OURS_6,
    isOnLink: () => true,
  },
  routes: { lookup: () => route, redirect: () => false },
  groups: {
    isMember: () => false,
    hasGroup: () => false,
    newMember: () => {
      throw new Error("nobody joins here");
    },
  },
  neighbours: { confirm: () => {} },
  topology: { generation: 0 },
  ...{ ndp: nothing, mld: nothing, igmp: nothing },
});

let received = 0;
ip.register({
  protocol: Protocol.TCP,
  receive: (packet) => {
    received++;
    arena.release(packet);
  },
  onError: () => {},
});

/** A packet of IPv4, as it would come in; its bytes stay where they are from run to run. */
function takeIpv4(destination: number, fragment: number, bytes: number): number {
  const packet = arena.take(20 + bytes);
  const at = arena.start(packet);
  ipv4.put(memory, at, 0, 20 + bytes, 7, true, 64, Protocol.TCP, PEER, destination);
  if (fragment >= 0) {
    ipv4.putPart(memory, at, 20 + bytes, fragment, fragment === 0);
    ipv4.seal(memory, at);
  }
  packets.clear(packet);
  packets.interface[packet] = 1;
  return packet;
}

function takeIpv6(): number {
  const packet = arena.take(40 + SEGMENT_BYTES);
  const at = arena.start(packet);
  ipv6.put(memory, at, 0, 5, SEGMENT_BYTES, Protocol.TCP, 64);
  putIpv6(memory, ipv6.sourceAt(at), PEER_6);
  putIpv6(memory, ipv6.destinationAt(at), OURS_6 as Ipv6Address);
  packets.clear(packet);
  packets.interface[packet] = 1;
  return packet;
}

const parameters: IpParameters = {
  timeToLive: 0,
  typeOfService: 0,
  fragmentation: "forbidden",
  flowLabel: 0,
  options: null,
};

function flowTo(remote: IpAddress): Flow {
  const flow = Object.assign(new Flow(), { remote, localPort: 80, remotePort: 40000 });
  if (typeof remote !== "number") flow.local = [0, 0, 0, 0];
  ip.route(flow);
  return flow;
}
const flow4 = flowTo(PEER);
const flow6 = flowTo(PEER_6);

function takeSegment(): number {
  const packet = arena.take(SEGMENT_BYTES);
  packets.clear(packet);
  return packet;
}

function bench(name: string, group: string, call: () => void): void {
  Deno.bench({
    name: `${BATCH} x ${name}`,
    group,
    baseline: name.startsWith("nothing"),
    fn() {
      for (let turn = 0; turn < BATCH; turn++) call();
    },
  });
}

// What taking a packet and writing its header costs is in all of them: the first of each group has
// nothing else.
bench("nothing but the packet", "receive", () => {
  take(takeIpv4(OURS, -1, SEGMENT_BYTES));
});
bench("receive TCP over IPv4", "receive", () => {
  ip.receiveIpv4(takeIpv4(OURS, -1, SEGMENT_BYTES), link);
});
bench("nothing but the packet of IPv6", "receive IPv6", () => {
  take(takeIpv6());
});
bench("receive TCP over IPv6", "receive IPv6", () => {
  ip.receiveIpv6(takeIpv6(), link);
});
bench("nothing but the segment", "send", () => {
  take(takeSegment());
});
bench("send TCP over IPv4", "send", () => {
  ip.send(flow4, takeSegment(), Protocol.TCP, parameters);
});
bench("send TCP over IPv6", "send", () => {
  ip.send(flow6, takeSegment(), Protocol.TCP, parameters);
});
bench("route a flow that is known", "route", () => {
  ip.route(flow4);
});
bench("forward over IPv4", "forward", () => {
  ip.receiveIpv4(takeIpv4(FAR, -1, SEGMENT_BYTES), link);
});
bench("put two fragments together", "reassembly", () => {
  ip.receiveIpv4(takeIpv4(OURS, 0, 1480), link);
  ip.receiveIpv4(takeIpv4(OURS, 1480, 500), link);
});
