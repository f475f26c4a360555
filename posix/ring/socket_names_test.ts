import { assertEquals } from "@std/assert";
import type { Name } from "../engine.ts";
import {
  bindRefusal,
  connectRefusal,
  destinationRefusal,
  familyOf,
  isIpv4,
  isIpv6Alone,
} from "./socket_names.ts";
import { AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC } from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SocketAddress } from "../../ring/abi/address.ts";
import { encodeSockaddr } from "../../ring/abi/sockaddr.ts";

function name(text: string, length?: number): Name {
  const bytes = new Uint8Array(new ArrayBuffer(128));
  const full = encodeSockaddr(SocketAddress.parse(text), bytes, 0);
  return { bytes, length: length ?? full };
}

function bare(family: number, length: number, ...address: number[]): Name {
  const bytes = new Uint8Array(new ArrayBuffer(128));
  bytes[0] = family;
  bytes.set(address, 4);
  return { bytes, length };
}

Deno.test("a name has the family of its first two bytes, if it has two", () => {
  assertEquals(familyOf(name("127.0.0.1:1")), AF_INET);
  assertEquals(familyOf(bare(AF_INET, 1)), -1);
});

Deno.test("names to bind to are as long as their family's, and of the socket's family", () => {
  assertEquals(bindRefusal(AF_INET, name("127.0.0.1:0")), 0);
  assertEquals(bindRefusal(AF_INET, name("127.0.0.1:0", 15)), -Errno.EINVAL);
  assertEquals(bindRefusal(AF_INET, name("[::1]:0")), -Errno.EAFNOSUPPORT);
  assertEquals(bindRefusal(AF_INET6, name("127.0.0.1:0")), -Errno.EINVAL);
  assertEquals(bindRefusal(AF_INET6, name("[::1]:0", 24)), 0);
  assertEquals(bindRefusal(AF_INET, bare(AF_UNSPEC, 16)), 0);
  assertEquals(bindRefusal(AF_INET, bare(AF_UNSPEC, 16, 127, 0, 0, 1)), -Errno.EAFNOSUPPORT);
  assertEquals(bindRefusal(AF_UNIX, name("unix:/x")), 0);
  assertEquals(bindRefusal(AF_UNIX, name("unix:/x", 2)), -Errno.EINVAL);
  assertEquals(bindRefusal(AF_UNIX, name("unix:/x", 111)), -Errno.EINVAL);
  assertEquals(bindRefusal(AF_UNIX, name("127.0.0.1:0")), -Errno.EINVAL);
});

Deno.test("names to connect to must be of the socket's family", () => {
  assertEquals(connectRefusal(AF_INET, name("127.0.0.1:1")), 0);
  assertEquals(connectRefusal(AF_INET, name("[::1]:1")), -Errno.EAFNOSUPPORT);
  assertEquals(connectRefusal(AF_INET, name("127.0.0.1:1", 8)), -Errno.EINVAL);
  assertEquals(connectRefusal(AF_UNIX, name("127.0.0.1:1")), -Errno.EINVAL);
});

Deno.test("destinations may be of IPv4 from sockets of IPv6", () => {
  assertEquals(destinationRefusal(AF_INET, name("127.0.0.1:1")), 0);
  assertEquals(destinationRefusal(AF_INET, name("[::1]:1")), -Errno.EAFNOSUPPORT);
  assertEquals(destinationRefusal(AF_INET, bare(AF_UNSPEC, 16)), 0);
  assertEquals(destinationRefusal(AF_INET6, name("127.0.0.1:1")), 0);
  assertEquals(destinationRefusal(AF_INET6, name("[::1]:1", 23)), -Errno.EINVAL);
  assertEquals(destinationRefusal(AF_INET6, bare(AF_UNIX, 16)), -Errno.EINVAL);
});

Deno.test("addresses of IPv4 are known in either form", () => {
  assertEquals(isIpv4(name("127.0.0.1:1")), true);
  assertEquals(isIpv4(name("[::ffff:127.0.0.1]:1")), true);
  assertEquals(isIpv4(name("[::1]:1")), false);
  assertEquals(isIpv6Alone(name("[::1]:1")), true);
  assertEquals(isIpv6Alone(name("[::]:1")), false);
  assertEquals(isIpv6Alone(name("[::ffff:127.0.0.1]:1")), false);
});
