import { assert, assertEquals } from "@std/assert";
import { ADDRESSES, ADDRESSES_6 } from "../support/stack/pair.ts";
import { at, echo, PROTOCOL, type RawWorld, withPair } from "../support/stack/raw_world.ts";
import { int } from "../support/stack/fake_ip.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import type { IpAddress } from "../../stack/ip/types.ts";
import {
  type DatagramStackSocket,
  ErrorOrigin,
  type ErrorReport,
  Ready,
} from "../../stack/socket.ts";
import { ipv4Of, ipv6Of } from "../../stack/wire/mod.ts";

const { SOL_IP, SOL_SOCKET, IPPROTO_IPV6 } = SockOpt;
const IP_MTU_DISCOVER = SockOpt.IP_MTU_DISCOVER;
const DO = 2;
const FAMILIES = [["ipv4", ADDRESSES], ["ipv6", ADDRESSES_6]] as const;

/** Asks a socket to keep errors of its family, or not to. */
function keep(socket: DatagramStackSocket, family: "ipv4" | "ipv6", value = 1): void {
  const result = family === "ipv4"
    ? socket.setOption(SOL_IP, SockOpt.IP_RECVERR, int(value))
    : socket.setOption(IPPROTO_IPV6, SockOpt.IPV6_RECVERR, int(value));
  assertEquals(result, 0);
}

function udp(world: RawWorld, family: "ipv4" | "ipv6") {
  const socket = world.stacks[0].udp.socket(family);
  assert(typeof socket !== "number");
  return socket;
}

function taken(socket: DatagramStackSocket): ErrorReport {
  const report = socket.takeReport();
  assert(report !== null);
  return report;
}

const text = ({ payload }: ErrorReport) => new TextDecoder().decode(payload);

Deno.test(
  "who asks for errors is told of all, although it is not connected, and what they are about",
  withPair((world) => {
    for (const [family, addresses] of FAMILIES) {
      const one = udp(world, family);
      const [user] = world.users;
      user.send(one, "unasked", { address: addresses[1], port: 2000 });
      world.run();
      assertEquals([one.readiness() & Ready.ERROR, one.takeReport()], [0, null]);
      keep(one, family);
      user.send(one, "first", { address: addresses[1], port: 2000 });
      user.send(one, "second", { address: addresses[1], port: 2001 });
      world.run();
      assertEquals(one.readiness(), Ready.OUT | Ready.ERROR);
      assertEquals(user.receive(one), -Errno.ECONNREFUSED);
      assertEquals(user.receive(one), -Errno.EAGAIN);
      // The error has been told; what is known of it waits still.
      assertEquals(one.readiness(), Ready.OUT | Ready.ERROR);
      const report = taken(one);
      const isIpv4 = family === "ipv4";
      assertEquals([report.errno, report.type, report.code, report.info], [
        Errno.ECONNREFUSED,
        ...(isIpv4 ? [3, 3] : [1, 4]),
        0,
      ]);
      assertEquals(report.origin, isIpv4 ? ErrorOrigin.ICMP : ErrorOrigin.ICMP6);
      assertEquals([report.address, report.port, text(report)], [addresses[1], 2000, "first"]);
      const { packet } = report;
      assertEquals([packet?.source, packet?.destination], [addresses[1], addresses[0]]);
      assertEquals([packet?.timeToLive, packet?.interface], [64, world.links[0]]);
      // The next one is told again by whatever call comes first.
      assertEquals(user.receive(one), -Errno.ECONNREFUSED);
      assertEquals([taken(one).port, one.takeReport()], [2001, null]);
      assertEquals([one.readiness(), one.takeError()], [Ready.OUT, 0]);
      one.close();
    }
  }),
);

Deno.test(
  "who traces a route learns of each hop by the errors of its datagrams",
  withPair((world) => {
    const [here, there] = world.stacks;
    there.links.setForwarding(world.links[1], true);
    const gateways: readonly [IpAddress, IpAddress, number][] = [
      [ipv4Of("198.51.100.0"), ADDRESSES[1], 24],
      [ipv6Of("2001:db8::"), ADDRESSES_6[1], 64],
    ];
    for (const [destination, gateway, prefixLength] of gateways) {
      const route = { destination, prefixLength, gateway, interface: world.links[0] };
      assert(here.links.routes.add(route) >= 0);
    }
    const targets = [ipv4Of("198.51.100.7"), ipv6Of("2001:db8::7")];
    for (const [index, [family, addresses]] of FAMILIES.entries()) {
      const one = udp(world, family);
      keep(one, family);
      const to = { address: targets[index], port: 33434, timeToLive: 1 };
      world.users[0].send(one, "probe", to);
      world.run();
      const report = taken(one);
      assertEquals([report.errno, report.type], [Errno.EHOSTUNREACH, family === "ipv4" ? 11 : 3]);
      assertEquals([report.packet?.source, report.address], [addresses[1], targets[index]]);
      assertEquals(text(report), "probe");
      one.close();
    }
  }),
);

Deno.test(
  "what is too long to leave is reported with the MTU, and no call but the send fails",
  withPair((world) => {
    for (const [family, addresses] of FAMILIES) {
      const one = udp(world, family);
      const level = family === "ipv4" ? SOL_IP : IPPROTO_IPV6;
      const name = family === "ipv4" ? IP_MTU_DISCOVER : SockOpt.IPV6_MTU_DISCOVER;
      assertEquals(one.setOption(level, name, int(DO)), 0);
      const to = { address: addresses[1], port: 2000 };
      assertEquals(world.users[0].send(one, 3000, to), -Errno.EMSGSIZE);
      assertEquals(one.takeReport(), null);
      keep(one, family);
      assertEquals(world.users[0].send(one, 3000, to), -Errno.EMSGSIZE);
      assertEquals(one.readiness() & Ready.ERROR, Ready.ERROR);
      assertEquals(world.users[0].receive(one), -Errno.EAGAIN);
      const { errno, origin, info, address, port, packet, payload } = taken(one);
      assertEquals([errno, origin, info], [Errno.EMSGSIZE, ErrorOrigin.LOCAL, 1500]);
      assertEquals([address, port, packet, payload.length], [addresses[1], 2000, null, 0]);
      one.close();
    }
  }),
);

Deno.test(
  "raw and ping sockets are shown what is quoted from their own header on",
  withPair((world) => {
    const [user] = world.users;
    const raw = world.raw(0, PROTOCOL);
    keep(raw, "ipv4");
    user.send(raw, "experiment", at(ADDRESSES[1]));
    world.run();
    const unknown = taken(raw);
    assertEquals([unknown.errno, unknown.code, unknown.port], [Errno.ENOPROTOOPT, 2, 0]);
    assertEquals(text(unknown), "experiment");
    assertEquals(user.receive(raw), -Errno.EAGAIN);
    const ping = world.ping(0);
    keep(ping, "ipv4");
    user.send(ping, echo(9), at(ipv4Of("10.0.0.77")));
    // Nobody answers for that address: the stack itself says so.
    world.run(10_000_000);
    const lost = taken(ping);
    assertEquals([lost.errno, lost.payload[0], lost.payload[7]], [Errno.EHOSTUNREACH, 8, 9]);
  }),
);

Deno.test(
  "reports are bounded by the receive buffer, and forgotten by who asks for them no more",
  withPair((world) => {
    const one = udp(world, "ipv4");
    const [user] = world.users;
    keep(one, "ipv4");
    assertEquals(one.setOption(SOL_SOCKET, SockOpt.SO_RCVBUF, int(2304)), 0);
    for (let port = 2000; port < 2040; port++) {
      user.send(one, "x", { address: ADDRESSES[1], port });
      assertEquals(world.users[0].receive(one), -Errno.EAGAIN);
      world.run(1_000_000);
      assertEquals(one.takeError(), Errno.ECONNREFUSED);
    }
    const ports: number[] = [];
    for (let kept = one.takeReport(); kept !== null; kept = one.takeReport()) ports.push(kept.port);
    // 4608 bytes: the oldest are kept.
    assertEquals(ports, [2000, 2001, 2002, 2003, 2004, 2005, 2006, 2007]);
    user.send(one, "x", { address: ADDRESSES[1], port: 2000 });
    world.run(1_000_000);
    keep(one, "ipv4", 0);
    assertEquals(one.takeReport(), null);
    one.close();
  }),
);
