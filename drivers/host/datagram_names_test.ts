import { assert, assertEquals } from "@std/assert";
import { SocketAddress } from "../../ring/abi/address.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { AF_INET, AF_INET6, decodeSockaddr, encodeSockaddr } from "../../ring/abi/sockaddr.ts";
import { Destinations, Origins, writeOrigin } from "./datagram_names.ts";
import { ringAt } from "../../tests/support/ring.ts";

Deno.test("a sender's address is the same object while it is known, and right after that", () => {
  const origins = new Origins();
  const first = origins.of("10.0.0.1");
  assert(origins.of("10.0.0.1") === first);
  assert(origins.of("::1") !== first);
  assert(origins.of("10.0.0.1") === first);
  for (let index = 0; index < 3000; index++) {
    const host = `10.1.${index >> 8}.${index & 255}`;
    assertEquals(decodeSockaddr(origins.of(host), 0, 16).host, host);
  }
  assertEquals(origins.of("10.0.0.1"), first);
});

Deno.test("link-local senders have the zone that the socket is in", () => {
  const origins = new Origins();
  const name = (host: string) => decodeSockaddr(origins.of(host), 0, 28).toString();
  assertEquals(name("fe80::1"), "[fe80::1]:0");
  origins.zone = "3";
  assertEquals([name("fe80::1"), name("2001:db8::1")], ["[fe80::1%3]:0", "[2001:db8::1]:0"]);
  origins.zone = "eth0";
  assertEquals(name("fe80::1"), "[fe80::1]:0");
});

Deno.test("a sender's sockaddr is written with its port, as far as there is room", () => {
  const { memory } = ringAt(0);
  const at = memory.at.arena;
  const origins = new Origins();
  for (
    const [host, text, size] of [["10.0.0.1", "10.0.0.1", 16], [
      "fe80::1",
      "[fe80::1]",
      28,
    ]] as const
  ) {
    writeOrigin(memory, origins.of(host), 0x1234, at, 128);
    assertEquals(decodeSockaddr(memory.bytes, at, size).toString(), `${text}:${0x1234}`);
  }
  memory.bytes.fill(0xee, at, at + 32);
  writeOrigin(memory, origins.of("10.0.0.1"), 0x1234, at, 3);
  assertEquals([...memory.bytes.slice(at, at + 5)], [2, 0, 0x12, 0xee, 0xee]);
});

Deno.test("destinations are read anew when they change, and refused where they are none", () => {
  const { memory } = ringAt(0);
  const at = memory.at.arena;
  const read = (family: number, text: string) => {
    const length = encodeSockaddr(SocketAddress.parse(text), memory.bytes, at);
    return new Destinations(family).read(memory, at, length);
  };
  assertEquals(read(AF_INET, "10.0.0.1:53"), { host: "10.0.0.1", port: 53 });
  assertEquals(read(AF_INET, "[::1]:53"), -Errno.EAFNOSUPPORT);
  assertEquals(read(AF_INET6, "[fe80::1%3]:53"), { host: "fe80::1%3", port: 53 });
  assertEquals(read(AF_INET6, "10.0.0.1:53"), { host: "::ffff:10.0.0.1", port: 53 });
  const destinations = new Destinations(AF_INET);
  for (const text of ["10.0.0.1:1", "10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:2", "10.0.0.1:1"]) {
    const { host, port } = SocketAddress.parse(text);
    encodeSockaddr(SocketAddress.parse(text), memory.bytes, at);
    assertEquals(destinations.read(memory, at, 16), { host, port });
  }
  assertEquals(destinations.read(memory, at, 1), -Errno.EINVAL);
  assertEquals(destinations.read(memory, memory.bytes.length - 8, 16), -Errno.EFAULT);
});
