/**
 * What options put into the headers of datagrams, and where multicasts and broadcasts go.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Capture, effect, type Inside } from "../effect.ts";
import type { Packet } from "../packet.ts";
import type { SocketAddress } from "../../../mod.ts";
import {
  type DatagramOptionValues,
  type OptionTarget,
  setOptions,
} from "../../../native/options/options.ts";
import { parseAddress } from "../../../ring/abi/address_input.ts";
import { Errno } from "../../../ring/abi/errno.ts";
import { W_ADDRESS, W_LENGTH } from "../../../ring/abi/layout.ts";
import { Op, Sock } from "../../../ring/abi/opcodes.ts";
import { AF_INET, AF_INET6 } from "../../../ring/abi/sockaddr.ts";

const CAPTURE = { programs: ["tcpdump"] };
/** The discard service, which nobody offers here. */
const PORT = 9;

type Values = Partial<DatagramOptionValues>;

/** A datagram socket with these options. @returns it, to be closed by the capability's end */
async function open(t: Inside, address: SocketAddress, values: Values): Promise<OptionTarget> {
  const { network } = t.capability;
  const isIpv4 = address.family === "IPv4";
  const domain = isIpv4 ? AF_INET : AF_INET6;
  const descriptor = await network.socket(domain, Sock.DGRAM | Sock.CLOEXEC, "bind");
  assert(descriptor >= 0);
  const target = { network, descriptor, kind: "datagram", family: address.family } as const;
  await setOptions(target, values, "bind");
  return target;
}

/** Sends one datagram of `length` bytes. @returns the result of connecting, or of sending */
async function send(t: Inside, to: string, values: Values, length: number): Promise<number> {
  const address = parseAddress(to) as SocketAddress;
  const { network, descriptor } = await open(t, address, values);
  const connected = await network.connect(descriptor, address).done;
  const result = connected < 0 ? connected : await network.run(
    Op.SEND,
    descriptor,
    (reactor, at, slot) => {
      reactor.setLong(at + W_ADDRESS, reactor.baseOf(Op.SEND) + reactor.scratchOf(slot));
      reactor.entries[at + W_LENGTH] = length;
    },
  );
  await network.close(descriptor);
  return result;
}

/** Sends a datagram. @returns it, as it was captured */
async function sendSeen(
  t: Inside,
  capture: Capture,
  to: string,
  values: Values,
  length: number,
): Promise<Packet> {
  assertEquals(await send(t, to, values, length), length);
  return await capture.find(
    `the datagram of ${length} bytes`,
    (packet) => packet.toPort === PORT && packet.length === length,
  );
}

effect("datagrams have the hop limit and the traffic class that was set", CAPTURE, async (t) => {
  await using capture = await Capture.start("udp");
  const ipv4 = { timeToLive: 19, typeOfService: 0xb9 };
  const first = await sendSeen(t, capture, `127.0.0.1:${PORT}`, ipv4, 10);
  assertEquals([first.version, first.hops, first.trafficClass], [4, 19, 0xb9]);
  const ipv6 = { hopLimit: 20, trafficClass: 0x8a };
  const second = await sendSeen(t, capture, `[::1]:${PORT}`, ipv6, 11);
  assertEquals([second.version, second.hops, second.trafficClass], [6, 20, 0x8a]);
});

effect("mtuDiscovery decides on the DF bit of datagrams", CAPTURE, async (t) => {
  await using capture = await Capture.start("udp");
  const ways = [["do", true], ["dont", false], ["want", true], ["probe", true]] as const;
  for (const [index, [mtuDiscovery, isWhole]] of ways.entries()) {
    const to = `127.0.0.1:${PORT}`;
    const packet = await sendSeen(t, capture, to, { mtuDiscovery }, 10 + index);
    assertEquals(packet.isWhole, isWhole, mtuDiscovery);
  }
});

effect("multicasts leave by the interface and with the hops that were set", CAPTURE, async (t) => {
  await t.run("ip link add mill0 type veth peer name mill1");
  await t.run("ip addr add 10.213.0.1/24 dev mill0");
  await t.run("ip addr add fd13::1/64 dev mill0 nodad");
  await t.run("ip link set mill0 up");
  await t.run("ip link set mill1 up");
  await using capture = await Capture.start("udp", "mill0");
  const [ipv4Group, ipv6Group] = [`239.1.2.3:${PORT}`, `[ff15::1]:${PORT}`];
  const ipv4 = { multicastInterface: "10.213.0.1", multicastTimeToLive: 5 };
  const first = await sendSeen(t, capture, ipv4Group, ipv4, 10);
  assertEquals([first.version, first.hops], [4, 5]);
  const index = Number(await Deno.readTextFile("/sys/class/net/mill0/ifindex"));
  const ipv6 = { multicastInterface: index, multicastHops: 6 };
  const second = await sendSeen(t, capture, ipv6Group, ipv6, 11);
  assertEquals([second.version, second.hops], [6, 6]);
  // No route leads to the group of IPv4 but for the option.
  assertEquals(await send(t, ipv4Group, {}, 12), -Errno.ENETUNREACH);
});

effect("broadcast allows what is refused without it", CAPTURE, async (t) => {
  await using capture = await Capture.start("udp");
  const to = `127.255.255.255:${PORT}`;
  assertEquals(await send(t, to, {}, 10), -Errno.EACCES);
  assertEquals((await sendSeen(t, capture, to, { broadcast: true }, 11)).length, 11);
});
