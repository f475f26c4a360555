import { assertEquals, assertThrows } from "@std/assert";
import { CaptureFilter, type CaptureFilterOptions, LinkType } from "./mod.ts";
import { PacketBytes } from "../wire/mod.ts";

const ETHERNET = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

/** A frame of IPv4 from 10.0.0.1:1000 to 10.0.0.2:80. */
function ipv4(protocol: number): number[] {
  // deno-fmt-ignore
  return [...ETHERNET, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    3, 232, 0, 80, 0, 8, 0, 0];
}

const UDP = ipv4(17);
const TCP = ipv4(6);
const ICMP = ipv4(1);
const ARP = [...ETHERNET, 8, 6, ...Array(28).fill(0)];
/** From 2001:db8::1 to 2001:db8::2, UDP 1000 to 80, behind an empty hop-by-hop header. */
const SIX = [
  ...ETHERNET,
  ...[0x86, 0xdd, 0x60, 0, 0, 0, 0, 16, 0, 64],
  ...[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ...[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
  ...[17, 0, 1, 4, 0, 0, 0, 0],
  ...[3, 232, 0, 80, 0, 8, 0, 0],
];
const FRAMES = { UDP, TCP, ICMP, ARP, SIX };

/** The names of the frames that a filter keeps. */
function kept(options: CaptureFilterOptions): string[] {
  const filter = new CaptureFilter(options);
  return Object.entries(FRAMES)
    .filter(([, bytes]) => filter.matches(PacketBytes.copyOf(bytes, 2), 2, bytes.length))
    .map(([name]) => name);
}

Deno.test("a filter keeps what fits all that it asks for", () => {
  assertEquals(kept({}), ["UDP", "TCP", "ICMP", "ARP", "SIX"]);
  assertEquals(kept({ protocol: "udp" }), ["UDP", "SIX"]);
  assertEquals(kept({ protocol: "tcp" }), ["TCP"]);
  assertEquals(kept({ protocol: "icmp" }), ["ICMP"]);
  assertEquals(kept({ protocol: "arp" }), ["ARP"]);
  assertEquals(kept({ protocol: "ip" }), ["UDP", "TCP", "ICMP"]);
  assertEquals(kept({ protocol: "ip6" }), ["SIX"]);
  assertEquals(kept({ protocol: 17, host: "10.0.0.2" }), ["UDP"]);
  assertEquals(kept({ host: "10.0.0.1" }), ["UDP", "TCP", "ICMP"]);
  assertEquals(kept({ host: "2001:db8::2" }), ["SIX"]);
  assertEquals(kept({ port: 80 }), ["UDP", "TCP", "SIX"]);
  assertEquals(kept({ port: 81 }), []);
});

Deno.test("a filter follows one socket both ways", () => {
  const local = { address: "10.0.0.1", port: 1000 };
  assertEquals(kept({ socket: { local, remote: { address: "10.0.0.2", port: 80 } } }), [
    "UDP",
    "TCP",
  ]);
  assertEquals(kept({ protocol: "tcp", socket: { remote: local } }), ["TCP"]);
  assertEquals(kept({ socket: { local, remote: { address: "10.0.0.3" } } }), []);
  assertEquals(kept({ socket: { remote: { port: 80 } } }), ["UDP", "TCP", "SIX"]);
});

Deno.test("a filter reads packets without frames, too", () => {
  const filter = new CaptureFilter({ host: "10.0.0.2" }, LinkType.RAW);
  const bytes = UDP.slice(14);
  assertEquals(filter.matches(PacketBytes.copyOf(bytes), 0, bytes.length), true);
});

Deno.test("a filter says what it keeps, and what it does not know", () => {
  assertEquals(new CaptureFilter({ protocol: "tcp", port: 80 }).text, "tcp and port 80");
  assertThrows(() => new CaptureFilter({ host: "nowhere" }), TypeError);
  assertThrows(() => new CaptureFilter({ protocol: 300 }), TypeError, "300");
  assertThrows(() => new CaptureFilter({ ports: 1 } as CaptureFilterOptions), TypeError, "ports");
});
