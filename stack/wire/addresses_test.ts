import { assert, assertEquals, assertThrows } from "@std/assert";
import * as addresses from "./addresses.ts";
import { PacketBytes } from "./packet_bytes.ts";

Deno.test("a MAC address has one number and one text", () => {
  const mac = addresses.macOf("02:00:5E:10:00:fF");
  assertEquals(mac, 0x02005e1000ff);
  assertEquals(addresses.macOf("02-00-5e-10-00-ff"), mac);
  assertEquals(addresses.formatMac(mac), "02:00:5e:10:00:ff");
  assertEquals(addresses.formatMac(1), "00:00:00:00:00:01");
  assertEquals([addresses.macHigh(mac), addresses.macLow(mac)], [0x0200, 0x5e1000ff]);
  assertEquals(addresses.macLow(addresses.MAC_BROADCAST), -1);
  for (const text of ["", "02:00:5e:10:00", "02:00:5e:10:00:0g", "02005e1000ff"]) {
    assertThrows(() => addresses.macOf(text), TypeError, text);
  }
});

Deno.test("groups of IPv4 and IPv6 have MAC addresses of their own", () => {
  // RFC 1112 section 6.4: only the lower 23 bits of a group survive.
  const [one, other] = [addresses.ipv4Of("239.129.2.3"), addresses.ipv4Of("224.1.2.3")];
  assertEquals(addresses.formatMac(addresses.macOfIpv4Group(one)), "01:00:5e:01:02:03");
  assertEquals(addresses.macOfIpv4Group(one), addresses.macOfIpv4Group(other));
  const group = addresses.ipv6Of("ff02::1:ff28:9c5a");
  assertEquals(addresses.formatMac(addresses.macOfIpv6Group(group)), "33:33:ff:28:9c:5a");
  for (const mac of [addresses.macOfIpv4Group(one), addresses.macOfIpv6Group(group)]) {
    assert(addresses.isGroupMac(mac));
  }
  assert(addresses.isGroupMac(addresses.MAC_BROADCAST));
  assert(!addresses.isGroupMac(addresses.macOf("02:00:00:00:00:01")));
});

Deno.test("an address of IPv4 is a signed word", () => {
  assertEquals(addresses.ipv4Of("192.168.1.10"), 0xc0a8010a | 0);
  assertEquals(addresses.formatIpv4(0xc0a8010a | 0), "192.168.1.10");
  assertEquals(addresses.formatIpv4(addresses.IPV4_BROADCAST), "255.255.255.255");
  assertEquals(addresses.formatIpv4(addresses.IPV4_IGMP_ROUTERS), "224.0.0.22");
  assertEquals(addresses.formatIpv4(addresses.IPV4_ALL_HOSTS), "224.0.0.1");
  assertEquals(addresses.formatIpv4(addresses.IPV4_ALL_ROUTERS), "224.0.0.2");
  assertThrows(() => addresses.ipv4Of("1.2.3.400"), TypeError, "1.2.3.400");
  assert(addresses.isIpv4Multicast(addresses.ipv4Of("239.255.255.255")));
  assert(!addresses.isIpv4Multicast(addresses.ipv4Of("240.0.0.0")));
});

Deno.test("an address of IPv6 is four signed words", () => {
  const address = addresses.ipv6Of("2001:db8::ffff:1");
  assertEquals(address, [0x20010db8, 0, 0, 0xffff0001 | 0]);
  assertEquals(addresses.formatIpv6(address), "2001:db8::ffff:1");
  assertThrows(() => addresses.ipv6Of("fe80::1::2"), TypeError, "fe80::1::2");
  const names = {
    "ff02::1": addresses.IPV6_ALL_NODES,
    "ff02::2": addresses.IPV6_ALL_ROUTERS,
    "ff02::16": addresses.IPV6_MLD_ROUTERS,
    "::": addresses.IPV6_ANY,
  };
  for (const [text, value] of Object.entries(names)) assertEquals(addresses.ipv6Of(text), value);
  assert(addresses.isSameIpv6(address, [...address]));
  for (let word = 0; word < 4; word++) {
    const other = address.with(word, 7) as unknown as typeof address;
    assert(!addresses.isSameIpv6(address, other), `word ${word}`);
  }
});

Deno.test("addresses of IPv6 are told apart by their first bits", () => {
  const { ipv6Of } = addresses;
  assert(addresses.isIpv6Multicast(ipv6Of("ff0e::1")));
  assert(!addresses.isIpv6Multicast(ipv6Of("fe80::1")));
  assert(addresses.isIpv6LinkLocal(ipv6Of("febf::1")));
  assert(!addresses.isIpv6LinkLocal(ipv6Of("fec0::1")));
  assert(addresses.isIpv6Any(ipv6Of("::")));
  for (const text of ["::1", "::1:0:0", "0:0:1::", "1::"]) {
    assert(!addresses.isIpv6Any(ipv6Of(text)), text);
  }
  // RFC 4291 section 2.7.1 has this very example.
  const solicited = addresses.solicitedNodeOf(ipv6Of("4037::1:800:200e:8c6c"));
  assertEquals(addresses.formatIpv6(solicited), "ff02::1:ff0e:8c6c");
});

Deno.test("addresses are read and written in place, at any offset", () => {
  const packets = new PacketBytes(new ArrayBuffer(40));
  const address = addresses.ipv6Of("fe80:1:2:3:4:a1:fe00:1");
  addresses.putIpv6(packets, 3, address);
  assertEquals(addresses.ipv6At(packets, 3), address);
  assert(addresses.isIpv6At(packets, 3, address));
  for (let word = 0; word < 4; word++) {
    const other = address.with(word, 7) as unknown as typeof address;
    assert(!addresses.isIpv6At(packets, 3, other), `word ${word}`);
  }
  assert(addresses.isIpv6LinkLocalAt(packets, 3) && !addresses.isIpv6AnyAt(packets, 3));
  for (const text of ["::1", "::1:0:0", "0:0:1::", "1::"]) {
    addresses.putIpv6(packets, 22, addresses.ipv6Of(text));
    assert(!addresses.isIpv6AnyAt(packets, 22), text);
  }
  addresses.putIpv6(packets, 20, addresses.IPV6_ANY);
  addresses.putIpv6(packets, 24, addresses.IPV6_ANY);
  assert(addresses.isIpv6AnyAt(packets, 20) && !addresses.isIpv6LinkLocalAt(packets, 20));
  addresses.putMac(packets, 21, 0xfedcba987654);
  assertEquals(addresses.macAt(packets, 21), 0xfedcba987654);
  assertEquals([...packets.bytes.subarray(20, 28)], [0, 0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0]);
});
