import { assertEquals } from "@std/assert";
import { socketRefusal } from "./socket_creation.ts";
import * as c from "../constants/mod.ts";
import { Errno } from "../../ring/abi/errno.ts";

Deno.test("what there is, is not refused", () => {
  for (const domain of [c.AF_INET, c.AF_INET6]) {
    assertEquals(socketRefusal(domain, c.SOCK_STREAM, 0), 0);
    assertEquals(socketRefusal(domain, c.SOCK_STREAM, c.IPPROTO_TCP), 0);
    assertEquals(socketRefusal(domain, c.SOCK_DGRAM, c.IPPROTO_UDP), 0);
  }
  assertEquals(socketRefusal(c.AF_UNIX, c.SOCK_STREAM, 0), 0);
  assertEquals(socketRefusal(c.AF_UNIX, c.SOCK_STREAM, 1), 0);
});

Deno.test("everything else has the errno that Linux gives", () => {
  const { AF_INET, AF_INET6, AF_UNIX, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW } = c;
  const expected: [number, number, number, number][] = [
    [-1, SOCK_STREAM, 0, Errno.EAFNOSUPPORT],
    [46, SOCK_STREAM, 0, Errno.EAFNOSUPPORT],
    [0, SOCK_STREAM, 0, Errno.EAFNOSUPPORT],
    [AF_INET, 11, 0, Errno.EINVAL],
    [AF_INET, 0, 0, Errno.ESOCKTNOSUPPORT],
    [AF_INET, SOCK_STREAM, -1, Errno.EINVAL],
    [AF_INET, SOCK_STREAM, 263, Errno.EINVAL],
    [AF_INET, SOCK_STREAM, c.IPPROTO_UDP, Errno.EPROTONOSUPPORT],
    [AF_INET6, SOCK_DGRAM, c.IPPROTO_TCP, Errno.EPROTONOSUPPORT],
    [AF_UNIX, SOCK_STREAM, 6, Errno.EPROTONOSUPPORT],
    // What Deno lacks: the errno of a system without it.
    [AF_UNIX, SOCK_DGRAM, 0, Errno.ESOCKTNOSUPPORT],
    [AF_UNIX, c.SOCK_SEQPACKET, 0, Errno.ESOCKTNOSUPPORT],
    [AF_INET, SOCK_RAW, 0, Errno.EPROTONOSUPPORT],
    [AF_INET, SOCK_RAW, c.IPPROTO_ICMP, Errno.EPERM],
    [AF_INET, SOCK_DGRAM, c.IPPROTO_ICMP, Errno.EACCES],
  ];
  for (const [domain, type, protocol, errno] of expected) {
    assertEquals(socketRefusal(domain, type, protocol), -errno, `${domain} ${type} ${protocol}`);
  }
});
