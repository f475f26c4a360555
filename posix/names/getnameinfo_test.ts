import { assertEquals, assertThrows } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import {
  NI_DGRAM,
  NI_IDN,
  NI_NAMEREQD,
  NI_NOFQDN,
  NI_NUMERICHOST,
  NI_NUMERICSERV,
} from "../constants/names.ts";
import { AF_INET, AF_INET6, AF_PACKET, AF_UNIX, AF_UNSPEC } from "../constants/sockets.ts";
import { PosixError } from "../errors.ts";
import type { NameInfo, Sockaddr } from "../types.ts";
import { finishNameInfo, planNameInfo } from "./getnameinfo.ts";
import type { LocalHost } from "./local_host.ts";
import type { NameAnswer, NameQuery } from "./query.ts";
import { parseServices } from "./services.ts";

const SERVICES = parseServices("http 80/tcp\nsyslog 514/udp\nshell 514/tcp");

function machine(hostName: string | null = "machine"): LocalHost {
  return {
    services: SERVICES,
    hostName: () => hostName,
    interfaceIndex: () => 0,
    interfaceName: (index) => index === 4 ? "eth0" : null,
    configuredFamilies: () => null,
    prefixBits: () => undefined,
  };
}

type Names = Record<string, string | number>;

function keyOf(query: NameQuery): string {
  return query.kind === "reverse" ? query.address.join(".") : query.name;
}

function run(address: Sockaddr, flags = 0, names: Names = {}, host = machine()): NameInfo {
  const plan = planNameInfo(address, flags, host);
  const answers = plan.queries.map((query): NameAnswer => {
    const known = names[keyOf(query)] ?? Errno.ENOENT;
    return typeof known === "number" ? { result: -known } : { result: 0, names: [known, "other"] };
  });
  return finishNameInfo(plan, answers);
}

function code(...values: Parameters<typeof run>): string {
  return assertThrows(() => run(...values), PosixError, "getnameinfo: ").code;
}

const FOUR = { family: AF_INET, address: "192.0.2.1", port: 80 };
const SIX = { family: AF_INET6, address: "fe80::1", port: 514, scopeId: 4 };
const KNOWN = { "192.0.2.1": "server.example.com" };

Deno.test("an address and a port have names, or are shown as they are", () => {
  assertEquals(run(FOUR, 0, KNOWN), { host: "server.example.com", service: "http" });
  assertEquals(run(FOUR), { host: "192.0.2.1", service: "http" });
  assertEquals(run({ ...FOUR, port: 4711 }), { host: "192.0.2.1", service: "4711" });
  assertEquals(run(FOUR, NI_NUMERICSERV, KNOWN), { host: "server.example.com", service: "80" });
  assertEquals(run(SIX).service, "shell");
  assertEquals(run(SIX, NI_DGRAM).service, "syslog");
});

Deno.test("a numeric host costs no query", () => {
  assertEquals(planNameInfo(FOUR, NI_NUMERICHOST, machine()).queries, []);
  assertEquals(run(FOUR, NI_NUMERICHOST, KNOWN).host, "192.0.2.1");
  assertEquals(planNameInfo(FOUR, 0, machine()).queries, [
    { kind: "reverse", address: new Uint8Array([192, 0, 2, 1]) },
  ]);
});

Deno.test("the scope of an address of a link is the interface, else a number", () => {
  const host = (address: string, scopeId: number) =>
    run({ ...SIX, address, scopeId }, NI_NUMERICHOST).host;
  assertEquals(host("fe80::1", 4), "fe80::1%eth0");
  assertEquals(host("fe80::1", 5), "fe80::1%5");
  assertEquals(host("fe80::1", 0), "fe80::1");
  assertEquals(host("ff02::1", 4), "ff02::1%eth0");
  assertEquals(host("ff01::1", 4), "ff01::1%4");
  assertEquals(host("2001:db8::1", 4), "2001:db8::1%4");
  assertEquals(run(SIX, 0).host, "fe80::1%eth0");
});

Deno.test("where a name is required, an address without one is an error", () => {
  assertEquals(run(FOUR, NI_NAMEREQD, KNOWN).host, "server.example.com");
  assertEquals(code(FOUR, NI_NAMEREQD), "EAI_NONAME");
  assertEquals(code(FOUR, NI_NAMEREQD | NI_NUMERICHOST, KNOWN), "EAI_NONAME");
});

Deno.test("a resolver that failed is not one that found nothing", () => {
  assertEquals(code(FOUR, 0, { "192.0.2.1": Errno.EAGAIN }), "EAI_AGAIN");
  assertEquals(code(FOUR, 0, { "192.0.2.1": Errno.ENOMEM }), "EAI_MEMORY");
  const error = assertThrows(() => run(FOUR, 0, { "192.0.2.1": Errno.EACCES }), PosixError);
  assertEquals([error.code, (error.cause as PosixError).code], ["EAI_SYSTEM", "EACCES"]);
});

Deno.test("names of this machine's domain are shown without it", () => {
  const flags = NI_NOFQDN;
  const local = { ...KNOWN, localhost: "localhost.example.com" };
  assertEquals(run(FOUR, flags, local).host, "server");
  assertEquals(run(FOUR, flags, KNOWN).host, "server.example.com");
  // The machine's own name counts before what is known of it, that before 127.0.0.1's.
  assertEquals(run(FOUR, flags, KNOWN, machine("m.example.com")).host, "server");
  assertEquals(run(FOUR, flags, { ...KNOWN, machine: "machine.com" }).host, "server.example");
  assertEquals(run(FOUR, flags, { ...KNOWN, "127.0.0.1": "l.example.com" }).host, "server");
  assertEquals(
    run(FOUR, flags, { ...KNOWN, "127.0.0.1": "l.com" }, machine(null)).host,
    "server.example",
  );
  const other = { "192.0.2.1": "example.com", localhost: "localhost.example.com" };
  assertEquals(run(FOUR, flags, other).host, "example.com");
  const inside = { "192.0.2.1": "a.example.com.net", localhost: "localhost.example.com" };
  assertEquals(run(FOUR, flags, inside).host, "a");
  const partial = { "192.0.2.1": "a.myexample.com", localhost: "localhost.example.com" };
  assertEquals(run(FOUR, flags, partial).host, "a.myexample.com");
  assertEquals(run(FOUR, flags).host, "192.0.2.1");
  assertEquals(planNameInfo(FOUR, flags | NI_NUMERICHOST, machine()).queries, []);
});

Deno.test("names in other scripts are shown in their own, if wanted", () => {
  const names = { "192.0.2.1": "xn--mnchen-3ya.example" };
  assertEquals(run(FOUR, NI_IDN, names).host, "m\u00fcnchen.example");
  assertEquals(run(FOUR, 0, names).host, "xn--mnchen-3ya.example");
});

Deno.test("a Unix socket is on this machine, and its path is the service", () => {
  const unix = (path?: string) => ({ family: AF_UNIX, path });
  assertEquals(run(unix("/run/x")), { host: "machine", service: "/run/x" });
  assertEquals(run(unix("/run/x"), NI_NUMERICHOST), { host: "localhost", service: "/run/x" });
  assertEquals(run(unix("\0name")), { host: "machine", service: "" });
  assertEquals(run(unix()), { host: "machine", service: "" });
  assertEquals(run(unix("/run/x"), NI_NAMEREQD).host, "machine");
  assertEquals(code(unix("/run/x"), NI_NAMEREQD | NI_NUMERICHOST), "EAI_NONAME");
  assertEquals(run(unix("/run/x"), 0, {}, machine(null)).host, "localhost");
  assertEquals(code(unix("/run/x"), NI_NAMEREQD, {}, machine(null)), "EAI_NONAME");
});

Deno.test("flags, families and addresses that are none are errors", () => {
  assertEquals(code(FOUR, 0x100), "EAI_BADFLAGS");
  assertEquals(code({ family: AF_UNSPEC }, 0x100), "EAI_BADFLAGS");
  assertEquals(code({ family: AF_UNSPEC }), "EAI_FAMILY");
  assertEquals(code({ family: AF_PACKET, data: new Uint8Array(4) }), "EAI_FAMILY");
  assertEquals(code({ family: AF_INET, data: new Uint8Array(4) }), "EAI_FAMILY");
  assertEquals(code({ family: AF_INET6, data: new Uint8Array(22) }), "EAI_FAMILY");
  const error = assertThrows(() => run({ family: AF_INET, address: "nothing" }), PosixError);
  assertEquals([error.code, (error.cause as PosixError).code], ["EAI_SYSTEM", "EINVAL"]);
});
