import { assertEquals, assertThrows } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import {
  AI_ADDRCONFIG,
  AI_ALL,
  AI_CANONIDN,
  AI_CANONNAME,
  AI_IDN,
  AI_NUMERICHOST,
  AI_NUMERICSERV,
  AI_PASSIVE,
  AI_V4MAPPED,
} from "../constants/names.ts";
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  IPPROTO_ICMP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "../constants/sockets.ts";
import { PosixError } from "../errors.ts";
import type { AddrInfo, AddrInfoHints } from "../types.ts";
import { finishAddrInfo, planAddrInfo, type SourceFor } from "./getaddrinfo.ts";
import { inet_pton } from "./inet.ts";
import type { ConfiguredFamilies, LocalHost } from "./local_host.ts";
import type { NameAnswer } from "./query.ts";
import { parseServices } from "./services.ts";

const SERVICES = parseServices(`
http 80/tcp www
domain 53/tcp
domain 53/udp
syslog 514/udp
shell 514/tcp
amqp 5672/tcp
amqp 5672/sctp
`);

function machine(configured: ConfiguredFamilies | null = { ipv4: true, ipv6: true }): LocalHost {
  return {
    services: SERVICES,
    hostName: () => "machine",
    interfaceIndex: (name) => name === "eth0" ? 4 : 0,
    interfaceName: (index) => index === 4 ? "eth0" : null,
    configuredFamilies: () => configured,
    prefixBits: () => undefined,
  };
}

type Names = Record<string, readonly string[] | number>;

/** What a resolver with these names answers to a plan; a number is an errno. */
function run(
  node: string | null,
  service: string | null,
  hints?: AddrInfoHints | null,
  names: Names = {},
  sourceFor?: SourceFor,
  host = machine(),
): AddrInfo[] {
  const plan = planAddrInfo(node, service, hints, host);
  const answers = plan.queries.map((query): NameAnswer => {
    if (query.kind === "reverse") {
      throw new Error("getaddrinfo never asks for the name of an address");
    }
    if (query.kind === "canonical") return { result: 0, names: [`full.${query.name}`] };
    const known = names[query.name] ?? Errno.ENOENT;
    if (typeof known === "number") return { result: -known };
    const addresses = known.map((text) => inet_pton(text.includes(":") ? AF_INET6 : AF_INET, text)!)
      .filter(({ length }) => query.family === 0 || length === (query.family === 4 ? 4 : 16));
    return addresses.length === 0 ? { result: -Errno.ENOENT } : { result: 1, addresses };
  });
  return finishAddrInfo(plan, answers, sourceFor);
}

function code(...values: Parameters<typeof run>): string {
  const error = assertThrows(() => run(...values), PosixError, "getaddrinfo: ");
  assertEquals(error.call, "getaddrinfo");
  return error.code;
}

/** Family, type, protocol, address and port of each result. */
function brief(results: readonly AddrInfo[]): string[] {
  return results.map(({ socktype, protocol, addr }) =>
    `${socktype}/${protocol} ${addr.address}${addr.scopeId ? `%${addr.scopeId}` : ""} ${addr.port}`
  );
}

const STREAM = { socktype: SOCK_STREAM };

Deno.test("without hints there is a result for each type, in glibc's order", () => {
  assertEquals(brief(run("192.0.2.1", "80", {})), [
    "1/6 192.0.2.1 80",
    "2/17 192.0.2.1 80",
    "3/0 192.0.2.1 80",
  ]);
  assertEquals(run("::1", null, { socktype: SOCK_DGRAM, flags: AI_NUMERICHOST }), [{
    flags: AI_NUMERICHOST,
    family: AF_INET6,
    socktype: SOCK_DGRAM,
    protocol: IPPROTO_UDP,
    addr: { family: AF_INET6, address: "::1", port: 0, flowinfo: 0, scopeId: 0 },
  }]);
});

Deno.test("missing hints are not empty hints", () => {
  assertEquals(run("192.0.2.1", null, null)[0].flags, AI_V4MAPPED | AI_ADDRCONFIG);
  assertEquals(run("192.0.2.1", null)[0].flags, AI_V4MAPPED | AI_ADDRCONFIG);
  assertEquals(run("192.0.2.1", null, {})[0].flags, 0);
});

Deno.test("type and protocol narrow each other down", () => {
  const one = (hints: AddrInfoHints, service: string | null = null) =>
    brief(run("192.0.2.1", service, hints)).map((text) => text.split(" ")[0]);
  assertEquals(one({ socktype: SOCK_STREAM }), ["1/6"]);
  assertEquals(one({ protocol: IPPROTO_UDP }), ["2/17"]);
  assertEquals(one({ socktype: SOCK_STREAM, protocol: IPPROTO_SCTP }), ["1/132"]);
  assertEquals(one({ socktype: SOCK_SEQPACKET }), ["5/132"]);
  assertEquals(one({ protocol: IPPROTO_UDPLITE }), ["2/136"]);
  assertEquals(one({ socktype: SOCK_RAW, protocol: IPPROTO_ICMP }), ["3/1"]);
  assertEquals(one({ protocol: IPPROTO_ICMP }), ["3/1"]);
  assertEquals(one({ socktype: SOCK_RAW, protocol: IPPROTO_TCP }), ["3/6"]);
  assertEquals(code("192.0.2.1", null, { socktype: 99 }), "EAI_SOCKTYPE");
  const mismatch = { socktype: SOCK_STREAM, protocol: IPPROTO_UDP };
  assertEquals(code("192.0.2.1", null, mismatch), "EAI_SOCKTYPE");
});

Deno.test("a service is a name, of each type that has it, or a number", () => {
  assertEquals(brief(run("192.0.2.1", "domain", {})), ["1/6 192.0.2.1 53", "2/17 192.0.2.1 53"]);
  assertEquals(brief(run("192.0.2.1", "www", {})), ["1/6 192.0.2.1 80"]);
  assertEquals(brief(run("192.0.2.1", "amqp", {})), [
    "1/6 192.0.2.1 5672",
    "1/132 192.0.2.1 5672",
    "5/132 192.0.2.1 5672",
  ]);
  assertEquals(code("192.0.2.1", "www", { socktype: SOCK_DGRAM }), "EAI_SERVICE");
  assertEquals(code("192.0.2.1", "nothing", {}), "EAI_SERVICE");
  assertEquals(code("192.0.2.1", "80", { socktype: SOCK_RAW }), "EAI_SERVICE");
  assertEquals(brief(run("192.0.2.1", "", { socktype: SOCK_RAW })), ["3/0 192.0.2.1 0"]);
  assertEquals(code("192.0.2.1", "www", { flags: AI_NUMERICSERV }), "EAI_NONAME");
});

Deno.test("a number is what strtoul and an int make of it", () => {
  const port = (service: string) => run("192.0.2.1", service, STREAM)[0].addr.port;
  assertEquals([" 80", "+80", "\t080", "65616", "4294967296"].map(port), [80, 80, 80, 80, 0]);
  assertEquals(port("-4294967291"), 5);
  for (const service of ["-1", "2147483648", "99999999999999999999", "80 ", "0x50", " ", "+"]) {
    assertEquals(code("192.0.2.1", service, STREAM), "EAI_SERVICE", service);
  }
});

Deno.test("addresses are read in all their forms, and cost no query", () => {
  for (const text of ["127.1", "0x7f.1", "0177.0.0.1", "2130706433"]) {
    assertEquals(brief(run(text, null, STREAM)), ["1/6 127.0.0.1 0"], text);
    assertEquals(planAddrInfo(text, null, STREAM, machine()).queries, []);
  }
  assertEquals(brief(run("FE80::1%eth0", null, STREAM)), ["1/6 fe80::1%4 0"]);
  assertEquals(brief(run("fe80::1%77", null, STREAM)), ["1/6 fe80::1%77 0"]);
  assertEquals(brief(run("ff01::1%eth0", null, STREAM)), ["1/6 ff01::1%4 0"]);
  assertEquals(brief(run("2001:db8::1%3", null, STREAM)), ["1/6 2001:db8::1%3 0"]);
  for (
    const text of ["fe80::1%nothing", "2001:db8::1%eth0", "fe80::1%", "::1%4294967296", "::1%-1"]
  ) {
    assertEquals(code(text, null, STREAM), "EAI_NONAME", text);
  }
  const numeric = { ...STREAM, flags: AI_NUMERICHOST };
  for (const text of ["localhost", "127.1 ", "256.0.0.1", "", "1.2.3.4%1"]) {
    assertEquals(code(text, null, numeric), "EAI_NONAME", text);
  }
});

Deno.test("an address has to be of the family, or mapped", () => {
  assertEquals(code("192.0.2.1", null, { family: AF_INET6 }), "EAI_ADDRFAMILY");
  assertEquals(code("::1", null, { family: AF_INET }), "EAI_ADDRFAMILY");
  const mapped = { ...STREAM, family: AF_INET6, flags: AI_V4MAPPED };
  assertEquals(brief(run("192.0.2.1", null, mapped)), ["1/6 ::ffff:192.0.2.1 0"]);
  const four = { ...STREAM, family: AF_INET };
  assertEquals(brief(run("::ffff:192.0.2.1", null, four)), ["1/6 192.0.2.1 0"]);
});

Deno.test("without a name it is this machine", () => {
  assertEquals(brief(run(null, "80", STREAM)), ["1/6 ::1 80", "1/6 127.0.0.1 80"]);
  assertEquals(brief(run("*", "80", STREAM)), ["1/6 ::1 80", "1/6 127.0.0.1 80"]);
  const passive = { ...STREAM, flags: AI_PASSIVE };
  assertEquals(brief(run(null, "80", passive)), ["1/6 0.0.0.0 80", "1/6 :: 80"]);
  assertEquals(brief(run(null, "80", { ...passive, family: AF_INET6 })), ["1/6 :: 80"]);
  // A machine without IPv6 has no source for it.
  const noIpv6: SourceFor = (to) => to.length === 4 ? new Uint8Array([127, 0, 0, 1]) : null;
  assertEquals(brief(run(null, "80", STREAM, {}, noIpv6)), ["1/6 127.0.0.1 80", "1/6 ::1 80"]);
  assertEquals(code(null, null), "EAI_NONAME");
  assertEquals(code("*", "*"), "EAI_NONAME");
  assertEquals(brief(run(null, "", STREAM)), ["1/6 ::1 0", "1/6 127.0.0.1 0"]);
});

Deno.test("flags and families are judged before anything else", () => {
  assertEquals(code("localhost", null, { flags: 0x1000 }), "EAI_BADFLAGS");
  assertEquals(code("localhost", null, { flags: -1, family: 99, socktype: 99 }), "EAI_BADFLAGS");
  assertEquals(code(null, "80", { flags: AI_CANONNAME }), "EAI_BADFLAGS");
  assertEquals(code("localhost", null, { family: AF_UNIX, socktype: 99 }), "EAI_FAMILY");
  assertEquals(code(null, null, { flags: 0x1000 }), "EAI_NONAME");
});

Deno.test("AI_ADDRCONFIG leaves out families that this machine does not have", () => {
  const flags = AI_ADDRCONFIG;
  const query = (configured: ConfiguredFamilies | null, family = 0) =>
    planAddrInfo("name", null, { flags, family }, machine(configured)).queries
      .map((query) => query.kind === "reverse" ? 0 : query.family);
  assertEquals(query({ ipv4: true, ipv6: true }), [0]);
  assertEquals(query({ ipv4: true, ipv6: false }), [4]);
  assertEquals(query({ ipv4: false, ipv6: true }), [6]);
  assertEquals(query({ ipv4: false, ipv6: false }), [0]);
  assertEquals(query(null, AF_INET6), [6]);
  const only = (family: number, configured: ConfiguredFamilies) =>
    code("192.0.2.1", null, { flags, family }, {}, undefined, machine(configured));
  assertEquals(only(AF_INET, { ipv4: false, ipv6: true }), "EAI_NONAME");
  assertEquals(only(AF_INET6, { ipv4: true, ipv6: false }), "EAI_NONAME");
});

const BOTH = { both: ["2001:db8::1", "192.0.2.1", "192.0.2.2"], four: ["192.0.2.1"] };

Deno.test("names are looked up in the family that is wanted", () => {
  const get = (node: string, family: number, flags = 0) =>
    run(node, null, { ...STREAM, family, flags }, BOTH).map(({ addr }) => addr.address);
  assertEquals(get("both", 0), ["2001:db8::1", "192.0.2.1", "192.0.2.2"]);
  assertEquals(get("both", AF_INET), ["192.0.2.1", "192.0.2.2"]);
  assertEquals(get("both", AF_INET6), ["2001:db8::1"]);
  assertEquals(get("both", AF_INET6, AI_V4MAPPED), ["2001:db8::1"]);
  assertEquals(get("both", AF_INET6, AI_ALL), ["2001:db8::1"]);
  assertEquals(get("both", AF_INET6, AI_V4MAPPED | AI_ALL), [
    "2001:db8::1",
    "::ffff:192.0.2.1",
    "::ffff:192.0.2.2",
  ]);
  assertEquals(get("four", AF_INET6, AI_V4MAPPED), ["::ffff:192.0.2.1"]);
  assertEquals(code("four", null, { family: AF_INET6 }, BOTH), "EAI_NONAME");
});

Deno.test("addresses are ordered, each with all its types", () => {
  const sources: SourceFor = (to) => to.length === 4 ? to : null;
  assertEquals(brief(run("both", "domain", {}, BOTH, sources)), [
    "1/6 192.0.2.1 53",
    "2/17 192.0.2.1 53",
    "1/6 192.0.2.2 53",
    "2/17 192.0.2.2 53",
    "1/6 2001:db8::1 53",
    "2/17 2001:db8::1 53",
  ]);
});

Deno.test("the network that a source is in decides among IPv4 addresses", () => {
  const host = { ...machine(), prefixBits: () => 24 };
  const from = new Uint8Array([192, 0, 2, 9]);
  const names = { near: ["198.51.100.1", "192.0.2.1"] };
  assertEquals(brief(run("near", null, STREAM, names, () => from, host)), [
    "1/6 192.0.2.1 0",
    "1/6 198.51.100.1 0",
  ]);
  assertEquals(brief(run("near", null, STREAM, names, () => from)), [
    "1/6 198.51.100.1 0",
    "1/6 192.0.2.1 0",
  ]);
});

Deno.test("the canonical name is that of the first result", () => {
  const flags = AI_CANONNAME;
  const names = (node: string) =>
    run(node, null, { flags }, BOTH).map(({ canonname }) => canonname);
  assertEquals(names("four"), ["full.four", undefined, undefined]);
  assertEquals(names("127.1"), ["127.1", undefined, undefined]);
  assertEquals(names("fe80::1%eth0")[0], "fe80::1%eth0");
  // A resolver that knows none leaves the name that was asked for.
  const plan = planAddrInfo("four", null, { flags }, machine());
  const found = { result: 1, addresses: [new Uint8Array(4)] };
  for (const answer of [{ result: -Errno.ENOENT }, { result: 0, names: [] }]) {
    assertEquals(finishAddrInfo(plan, [found, answer])[0].canonname, "four");
  }
  assertEquals("canonname" in run("four", null, {}, BOTH)[0], false);
});

Deno.test("names in any script are asked for in their ASCII form", () => {
  const plan = planAddrInfo("M\u00fcnchen.example", null, { flags: AI_IDN }, machine());
  assertEquals(plan.queries, [
    { kind: "addresses", name: "xn--mnchen-3ya.example", family: 0 },
  ]);
  const shown = planAddrInfo("xn--mnchen-3ya.example", null, {
    flags: AI_CANONNAME | AI_CANONIDN,
  }, machine());
  const found = { result: 1, addresses: [new Uint8Array(4)] };
  const [first] = finishAddrInfo(shown, [found, { result: -Errno.ENOENT }]);
  assertEquals(first.canonname, "m\u00fcnchen.example");
  assertEquals(code("\u00fc\ufffd", null, { flags: AI_IDN }), "EAI_IDN_ENCODE");
});

Deno.test("what a resolver could not do has an error of its own", () => {
  const failing = (errno: number) => code("name", null, {}, { name: errno });
  assertEquals(failing(Errno.ENOENT), "EAI_NONAME");
  assertEquals(failing(Errno.ENAMETOOLONG), "EAI_NONAME");
  assertEquals(failing(Errno.EAGAIN), "EAI_AGAIN");
  assertEquals(failing(Errno.ENOMEM), "EAI_MEMORY");
  const error = assertThrows(() => run("name", null, {}, { name: Errno.EACCES }), PosixError);
  assertEquals([error.code, (error.cause as PosixError).code], ["EAI_SYSTEM", "EACCES"]);
  assertEquals(code("a\0b", null, {}), "EAI_NONAME");
  // Of two questions one failed and the other found nothing: it may be there another time.
  const plan = planAddrInfo("name", null, { family: AF_INET6, flags: AI_V4MAPPED }, machine());
  const both = (first: number, second: number) =>
    assertThrows(() => finishAddrInfo(plan, [{ result: first }, { result: second }]), PosixError);
  assertEquals(both(-Errno.EAGAIN, -Errno.ENOENT).code, "EAI_AGAIN");
  assertEquals(both(-Errno.ENOENT, -Errno.EAGAIN).code, "EAI_AGAIN");
  assertEquals(both(0, 0).code, "EAI_NONAME");
});

Deno.test("IPPROTO_TCP alone is a stream", () => {
  assertEquals(brief(run("192.0.2.1", null, { protocol: IPPROTO_TCP })), ["1/6 192.0.2.1 0"]);
});
