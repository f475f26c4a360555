import { assertEquals, assertThrows } from "@std/assert";
import { CallAuthority, Kind, kindOf } from "./authority.ts";
import { emptyName, type Name } from "./engine.ts";
import { PosixError } from "./errors.ts";
import { encodeName } from "./names/sockaddr.ts";
import type { Sockaddr } from "./types.ts";
import * as c from "./constants/mod.ts";
import { NetworkCapability } from "../native/capability.ts";
import type { NetworkRights } from "../ring/authority/mod.ts";

function nameOf(address: Sockaddr, length?: number): Name {
  const name = emptyName();
  name.length = encodeName(address, name.bytes);
  if (length !== undefined) name.length = length;
  return name;
}

async function withRights(
  rights: NetworkRights,
  body: (authority: CallAuthority, capability: NetworkCapability) => void | Promise<void>,
): Promise<void> {
  const capability = await NetworkCapability.request({ backend: "host", rights });
  await body(new CallAuthority(capability), capability);
  await capability[Symbol.asyncDispose]();
}

function denied(call: () => void): string {
  const error = assertThrows(call, PosixError);
  assertEquals(error.code, "EACCES");
  assertEquals(error.cause instanceof Deno.errors.NotCapable, true);
  return (error.cause as { right: string }).right;
}

Deno.test("the kind of a socket follows from its family, type and protocol", () => {
  assertEquals(kindOf(c.AF_INET, c.SOCK_STREAM | c.SOCK_NONBLOCK, 0), Kind.TCP);
  assertEquals(kindOf(c.AF_INET6, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0), Kind.UDP);
  assertEquals(kindOf(c.AF_INET, c.SOCK_DGRAM, c.IPPROTO_ICMP), Kind.RAW);
  assertEquals(kindOf(c.AF_INET, c.SOCK_RAW, c.IPPROTO_TCP), Kind.RAW);
  assertEquals(kindOf(c.AF_UNIX, c.SOCK_SEQPACKET, 0), Kind.UNIX);
  assertEquals(kindOf(c.AF_NETLINK, c.SOCK_DGRAM, 0), Kind.RAW);
});

Deno.test("a socket needs the right of its kind", () =>
  withRights({ tcp: true, connect: true }, (authority) => {
    assertEquals(authority.requireSocket("socket", c.AF_INET, c.SOCK_STREAM, 0), Kind.TCP);
    const make = (domain: number, type: number) => () =>
      void authority.requireSocket("socket", domain, type, 0);
    assertEquals(denied(make(c.AF_INET, c.SOCK_DGRAM)), "udp");
    assertEquals(denied(make(c.AF_UNIX, c.SOCK_STREAM)), "unix");
    assertEquals(denied(make(c.AF_INET6, c.SOCK_RAW)), "raw");
    assertEquals(denied(make(c.AF_PACKET, c.SOCK_RAW)), "raw");
  }));

Deno.test("destinations are judged as the backend will read them", () =>
  withRights({ udp: true, tcp: true, connect: ["udp://10.0.0.0/8:53"] }, (authority) => {
    const send = (address: Sockaddr, length?: number) => () =>
      authority.requirePeer("sendto", Kind.UDP, nameOf(address, length), true);
    send({ family: c.AF_INET, address: "10.1.2.3", port: 53 })();
    send({ family: c.AF_INET6, address: "::ffff:10.1.2.3", port: 53 })();
    // A datagram socket takes AF_UNSPEC for IPv4.
    const bytes = new Uint8Array([0, 53, 10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
    send({ family: c.AF_UNSPEC, data: bytes })();
    bytes[2] = 11;
    denied(send({ family: c.AF_UNSPEC, data: bytes }));
    denied(send({ family: c.AF_INET, data: bytes }));
    denied(send({ family: c.AF_INET, address: "10.1.2.3", port: 54 }));
    denied(send({ family: c.AF_INET, address: "0.0.0.0", port: 53 }));
    denied(send({ family: c.AF_INET6, address: "::ffff:11.1.2.3", port: 53 }));
    // RFC 2133's struct is four bytes shorter, and taken all the same.
    denied(send({ family: c.AF_INET6, address: "2001:db8::1", port: 53 }, 24));
    // No backend takes these: what they answer is their affair.
    send({ family: c.AF_INET, address: "11.1.2.3", port: 53 }, 8)();
    send({ family: 77, data: new Uint8Array(14) })();
  }));

Deno.test("a destination judged before is judged again for another kind, or once revoked", () =>
  withRights({ udp: true, tcp: true, connect: ["udp://10.0.0.1:53"] }, async (authority, owner) => {
    const name = nameOf({ family: c.AF_INET, address: "10.0.0.1", port: 53 });
    authority.requirePeer("sendto", Kind.UDP, name, true);
    authority.requirePeer("sendto", Kind.UDP, name, true);
    denied(() => authority.requirePeer("connect", Kind.TCP, name, false));
    await owner.revoke("enough");
    denied(() => authority.requirePeer("sendto", Kind.UDP, name, true));
  }));

Deno.test("to dissolve an association needs no right", () =>
  withRights({ udp: true }, (authority) => {
    const name = nameOf({ family: c.AF_UNSPEC, data: new Uint8Array(14) });
    authority.requirePeer("connect", Kind.UDP, name, false);
  }));

Deno.test("files are judged by their resolved path, to read and to write", () =>
  withRights(
    { files: ["file:///srv/www/**"], writableFiles: ["file:///srv/up/*"] },
    (authority) => {
      authority.requireFile("open", "/srv/www/a/b", false, true);
      authority.requireFile("open", "/srv/up/a", true, false);
      denied(() => authority.requireFile("open", "/srv/www/a", true, true));
      denied(() => authority.requireFile("open", "/srv/up/a", true, true));
      denied(() => authority.requireFile("open", "/etc/passwd", false, true));
    },
  ));

Deno.test("names are judged before they are looked up", () =>
  withRights({ resolve: ["*.example.com"] }, (authority) => {
    authority.requireName("getaddrinfo", "a.example.com");
    denied(() => authority.requireName("getaddrinfo", "example.org"));
  }));
