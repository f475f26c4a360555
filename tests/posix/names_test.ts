/**
 * `getaddrinfo` and `getnameinfo` against glibc's own: numeric hosts, services, flags, errors and
 * the names of this machine. Names of the DNS are not asked for: what they have is not ours to say.
 *
 * What differs, and why:
 * - Addresses are ordered by the policy table of RFC 6724. glibc has that of RFC 3484, in which
 *   unique local, 6to4 and Teredo addresses come before IPv4; it also reads /etc/gai.conf, which is
 *   glibc's own.
 * - Common prefixes of IPv6 addresses count up to the length of the network's, as RFC 6724 section
 *   2.2 has it; glibc counts all 128 bits.
 * - Whether a source is deprecated, a home address or behind a tunnel is not known: rules 3, 4 and
 *   7 decide nothing.
 * - Addresses, and names of addresses, come from Deno's resolver. It does not tell "no such name"
 *   from "no such addresses": EAI_NODATA and EAI_FAIL do not occur, EAI_NONAME does.
 * - Canonical names come from the hosts file and the CNAMEs of the DNS, as far as they may be read;
 *   search domains are not applied, so that a name which needs one is its own canonical name.
 * - AI_IDN and NI_IDN work with UTF-8 in any locale; glibc has the locale of the process.
 * - Strings know their length: EAI_OVERFLOW does not occur, and a name with a NUL is EAI_NONAME.
 * - The name of an interface is known as far as Deno's `--allow-sys` tells it; AI_ADDRCONFIG leaves
 *   out nothing where the interfaces are not known.
 */

import { assert, assertEquals } from "@std/assert";
import {
  AI_ADDRCONFIG,
  AI_ALL,
  AI_CANONNAME,
  AI_IDN,
  AI_NUMERICHOST,
  AI_NUMERICSERV,
  AI_PASSIVE,
  AI_V4MAPPED,
  EAI_IDN_ENCODE,
  NI_DGRAM,
  NI_NAMEREQD,
  NI_NOFQDN,
  NI_NUMERICHOST,
  NI_NUMERICSERV,
} from "../../posix/constants/names.ts";
import {
  AF_INET,
  AF_INET6,
  AF_NETLINK,
  AF_UNIX,
  AF_UNSPEC,
  IPPROTO_ICMP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPPROTO_UDPLITE,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
} from "../../posix/constants/sockets.ts";
import { decodeName, encodeName } from "../../posix/names/sockaddr.ts";
import type { AddrInfo, AddrInfoHints, Sockaddr } from "../../posix/types.ts";
import { openLibcNames } from "../support/libc_names.ts";
import { Namespace, namespaceRefusal } from "../support/namespaces.ts";
import { getaddrinfo, getnameinfo } from "../support/posix_names.ts";
import { runProgram } from "../support/programs.ts";
import { withSeed } from "../support/seed.ts";
import { skipUnless } from "../support/skip.ts";

const libc = openLibcNames();

type Question = [string | null, string | null, AddrInfoHints | null];

async function compare(...[node, service, hints]: Question): Promise<AddrInfo[] | number> {
  const ours = await getaddrinfo(node, service, hints);
  const theirs = libc.getaddrinfo(node, service, hints);
  assertEquals(ours, theirs, JSON.stringify([node, service, hints]));
  return ours;
}

/** Hints in every combination that glibc tells apart. */
const HINTS: readonly (AddrInfoHints | null)[] = [
  null,
  {},
  { socktype: SOCK_STREAM },
  { socktype: SOCK_DGRAM },
  { socktype: SOCK_RAW },
  { socktype: SOCK_SEQPACKET },
  { socktype: 4 },
  { socktype: 99 },
  { protocol: IPPROTO_TCP },
  { protocol: IPPROTO_UDP },
  { protocol: IPPROTO_UDPLITE },
  { protocol: IPPROTO_SCTP },
  { protocol: IPPROTO_ICMP },
  { protocol: 255 },
  { socktype: SOCK_STREAM, protocol: IPPROTO_TCP },
  { socktype: SOCK_STREAM, protocol: IPPROTO_UDP },
  { socktype: SOCK_STREAM, protocol: IPPROTO_SCTP },
  { socktype: SOCK_DGRAM, protocol: IPPROTO_UDPLITE },
  { socktype: SOCK_RAW, protocol: IPPROTO_ICMP },
  { socktype: 6, protocol: 33 },
  { family: AF_INET },
  { family: AF_INET6 },
  { family: AF_UNIX },
  { family: 99 },
  { flags: AI_PASSIVE },
  { flags: AI_PASSIVE, family: AF_INET },
  { flags: AI_PASSIVE, family: AF_INET6 },
  { flags: AI_CANONNAME },
  { flags: AI_NUMERICHOST },
  { flags: AI_NUMERICSERV },
  { flags: AI_NUMERICHOST | AI_NUMERICSERV, socktype: SOCK_STREAM },
  { flags: AI_V4MAPPED, family: AF_INET6 },
  { flags: AI_V4MAPPED | AI_ALL, family: AF_INET6 },
  { flags: AI_ALL },
  { flags: AI_ADDRCONFIG },
  { flags: AI_ADDRCONFIG, family: AF_INET },
  { flags: AI_ADDRCONFIG, family: AF_INET6 },
  { flags: AI_ADDRCONFIG | AI_V4MAPPED, family: AF_INET6, socktype: SOCK_STREAM },
  { flags: 0x300 },
  { flags: 0x800 },
  { flags: -1 },
  { flags: AI_CANONNAME | AI_PASSIVE, family: AF_INET },
];

const NUMERIC_HOSTS: readonly (string | null)[] = [
  ..."127.0.0.1|127.1|0x7f.1|0177.0.0.1|2130706433|0.0.0.0|255.255.255.255|1.2.3.4|::1|::".split(
    "|",
  ),
  ..."::ffff:1.2.3.4|::1.2.3.4|2001:DB8::1|fe80::1|fe80::1%1|fe80::1%lo|ff02::1%lo|ff01::1%lo|::1%7"
    .split("|"),
  null,
  "*",
];

const SERVICES: readonly (string | null)[] = [null, "", "*", "80", "http", "domain", "syslog"];

Deno.test("numeric hosts, with every hint and many services, are as libc has them", async () => {
  let cases = 0;
  for (const node of NUMERIC_HOSTS) {
    for (const hints of HINTS) {
      await compare(node, "http", hints);
      await compare(node, null, hints);
      cases += 2;
    }
    for (const service of SERVICES) {
      await compare(node, service, { socktype: SOCK_STREAM });
      await compare(node, service, {});
      cases += 2;
    }
  }
  assert(cases > 1000, `${cases} cases`);
});

Deno.test("services are what libc takes for one", async () => {
  const services =
    " 80|80 |+80|-1|-4294967291|65535|65536|65616|4294967296|2147483648|99999999999999999999|0x50"
      .split("|");
  services.push(
    ..."0|00080|8o|http|www|HTTP|htt|nothing|amqp|shell|biff| http|echo|discard|sink".split("|"),
  );
  services.push(" ", "\t80", "\n80", "80\n", "-", "+", "-0", "--1", "1e3", "\u0661");
  for (const service of services) {
    for (const hints of HINTS) await compare("127.0.0.1", service, hints);
  }
});

Deno.test("what is no host is the error that libc has for it", async () => {
  const hosts =
    "|1.2.3.4.5|256.0.0.1|1.2.3.4 |1.2.3.4%1|::1%|::1%lo|fe80::1%nothing|::1%4294967296|g::1"
      .split("|");
  hosts.push(..."::1::|fe80::1%-1|[::1]|1.2.3|0x|08.1.1.1|::1%1x|2001:db8::1%lo".split("|"));
  for (const host of hosts) {
    for (const family of [AF_UNSPEC, AF_INET, AF_INET6]) {
      await compare(host, "80", { flags: AI_NUMERICHOST, family, socktype: SOCK_STREAM });
    }
  }
});

Deno.test("localhost is what libc makes of it", async () => {
  // Of IPv6 the hosts file may say nothing, and then the DNS is asked.
  for (const hints of HINTS.filter((hints) => (hints?.family ?? 0) !== AF_INET6)) {
    await compare("localhost", "http", hints);
  }
  const mapped = { family: AF_INET6, flags: AI_V4MAPPED | AI_ALL, socktype: SOCK_STREAM };
  const found = await compare("localhost", "80", mapped);
  assert(typeof found !== "number" && found.length > 0);
});

Deno.test(
  "random questions have libc's answers",
  withSeed(async (random) => {
    for (let round = 0; round < 500; round++) {
      const hints = {
        flags: random.chance(0.9)
          ? random.pick([0, 1, 4, 8, 0x18, 0x20, 0x400]) | random.pick([0, 2])
          : 4096,
        family: random.pick([0, 0, AF_INET, AF_INET6, 5]),
        socktype: random.integer(0, 7),
        protocol: random.pick([0, 0, 0, 1, 6, 17, 33, 132, 136, 255]),
      };
      const service = random.pick([...SERVICES, "53", "amqp", "x"]);
      await compare(random.pick(NUMERIC_HOSTS), service, hints);
    }
  }),
);

const ADDRESSES: readonly Sockaddr[] = [
  { family: AF_INET, address: "127.0.0.1", port: 80 },
  { family: AF_INET, address: "127.0.0.1", port: 514 },
  { family: AF_INET6, address: "::ffff:127.0.0.1", port: 53 },
  { family: AF_UNIX, path: "/run/x" },
  { family: AF_UNIX, path: "\0abstract" },
  { family: AF_UNIX, path: "a".repeat(107) },
  { family: AF_UNSPEC },
  { family: AF_NETLINK },
];

/** These have no name in any hosts file: what the DNS says of them is left out. */
const NUMERIC_ADDRESSES: readonly Sockaddr[] = [
  { family: AF_INET, address: "192.0.2.1", port: 443 },
  { family: AF_INET, address: "0.0.0.0", port: 0 },
  { family: AF_INET6, address: "::", port: 65535 },
  { family: AF_INET6, address: "fe80::1", port: 22, scopeId: 1 },
  { family: AF_INET6, address: "fe80::1", port: 22, scopeId: 9999 },
  { family: AF_INET6, address: "ff02::1", port: 22, scopeId: 1 },
  { family: AF_INET6, address: "ff01::1", port: 22, scopeId: 1 },
  { family: AF_INET6, address: "2001:db8::1", port: 22, scopeId: 1 },
  { family: AF_INET6, address: "::1.2.3.4", port: 4711, flowinfo: 5 },
];

Deno.test("getnameinfo is libc's, with every combination of flags", async () => {
  let cases = 0;
  for (let flags = 0; flags < 32; flags++) {
    const isNumeric = (flags & NI_NUMERICHOST) !== 0;
    for (const address of isNumeric ? [...ADDRESSES, ...NUMERIC_ADDRESSES] : ADDRESSES) {
      const what = `${JSON.stringify(address)} with ${flags}`;
      assertEquals(await getnameinfo(address, flags), libc.getnameinfo(address, flags), what);
      cases++;
    }
  }
  assert(cases > 300, `${cases} cases`);
  for (const flags of [0x40, 0x80, 0x100, -1, 1 << 30]) {
    assertEquals(await getnameinfo(ADDRESSES[0], flags), libc.getnameinfo(ADDRESSES[0], flags));
  }
  const all = NI_NUMERICHOST | NI_NUMERICSERV | NI_NOFQDN | NI_NAMEREQD | NI_DGRAM;
  assertEquals(all, 31);
});

Deno.test("addresses lie in memory as the kernel has them", () => {
  const name = `millrace-names-${Deno.pid}`;
  const bound: [number, Sockaddr][] = [
    [SOCK_STREAM, { family: AF_INET, address: "127.0.0.1", port: 0 }],
    [SOCK_DGRAM, { family: AF_INET, address: "127.0.0.2", port: 0 }],
    [SOCK_STREAM, { family: AF_INET6, address: "::1", port: 0, flowinfo: 0, scopeId: 0 }],
    [SOCK_STREAM, { family: AF_UNIX, path: `\0${name}` }],
    [SOCK_STREAM, { family: AF_UNIX, path: `\0${name}\0\u00e9` }],
  ];
  for (const [type, address] of bound) {
    const kernel = libc.boundName(type, address);
    assert(kernel !== null, `cannot bind to ${JSON.stringify(address)}`);
    const found = decodeName(kernel, kernel.length)!;
    assertEquals(found, address.port === 0 ? { ...address, port: found.port } : address);
    const bytes = new Uint8Array(128);
    assertEquals(bytes.subarray(0, encodeName(found, bytes)), kernel);
  }
});

Deno.test("a path of 108 bytes comes back from the kernel", async () => {
  const folder = await Deno.makeTempDir({ dir: "/tmp" });
  try {
    const path = `${folder}/`.padEnd(108, "x");
    const kernel = libc.boundName(SOCK_STREAM, { family: AF_UNIX, path });
    assert(kernel !== null);
    assertEquals(decodeName(kernel, kernel.length), { family: AF_UNIX, path });
    // Linux counts the NUL that it added, which is past the end of sun_path.
    assertEquals(kernel.length, 111);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("differs: with AI_IDN a name is encoded in any locale", async () => {
  const question: Question = ["m\u00fcnchen.invalid", null, { flags: AI_IDN | AI_NUMERICHOST }];
  // A program of C that has not called setlocale() reads names as ASCII.
  assertEquals(libc.getaddrinfo(...question), EAI_IDN_ENCODE);
  assert(await getaddrinfo(...question) !== EAI_IDN_ENCODE);
});

/** A machine of its own: its interfaces, and what its hosts file says. */
const HOSTS = `
127.0.0.1 localhost
::1 localhost
192.0.2.7 near.example.com near
198.51.100.7 near
10.9.9.9 far
203.0.113.9 far
2001:db8:1::7 six
2001:db8:2::7 six
fe80::7 six
2001:db8:1::7 both.example.com both
192.0.2.7 both
203.0.113.1 reach
2001:db8:1::9 reach
fd00::9 reach
fd00::9 local
192.0.2.9 local
2002:c000:207:1::9 sixtofour
192.0.2.9 sixtofour
2001:0:1:1::9 teredo
192.0.2.9 teredo
`;

const ORDER_PROGRAM = `
  import { openLibcNames } from "ROOT/tests/support/libc_names.ts";
  import { getaddrinfo, getnameinfo } from "ROOT/tests/support/posix_names.ts";
  const libc = openLibcNames();
  const report = [];
  const names = "localhost near far six both reach local sixtofour teredo SIX";
  for (const name of names.split(" ")) {
    for (const hints of [null, {}, { socktype: 1 }, { family: 2 }, { family: 10 }, { flags: 2 },
      { family: 10, flags: 8 }, { family: 10, flags: 24, socktype: 1 }, { family: 2, flags: 2 }]) {
      const text = ({ addr, canonname }) =>
        addr.address + (canonname === undefined ? "" : " " + canonname);
      const show = (found) => typeof found === "number" ? [found] : found.map(text);
      report.push({
        question: name + " " + JSON.stringify(hints),
        ours: show(await getaddrinfo(name, "80", hints)),
        theirs: show(libc.getaddrinfo(name, "80", hints)),
      });
    }
  }
  for (const [family, address] of [[2, "192.0.2.7"], [2, "198.51.100.7"], [10, "2001:db8:1::7"]]) {
    for (const flags of [0, 4, 8]) {
      report.push({
        question: address + " " + flags,
        ours: await getnameinfo({ family, address, port: 80 }, flags),
        theirs: libc.getnameinfo({ family, address, port: 80 }, flags),
      });
    }
  }
  console.log(JSON.stringify(report));
`;

/** What RFC 6724 has otherwise than RFC 3484, which glibc follows up to now. */
const OTHER_POLICY = [
  // Section 2.1: unique local addresses have a precedence below IPv4's.
  "local",
  // Section 2.1: 6to4 has a precedence below IPv4's.
  "sixtofour",
  // Section 2.1: so has Teredo.
  "teredo",
];

/** Without the canonical name, which belongs to whichever comes first. */
function addressesOf(found: unknown): string[] {
  return (found as string[]).map((text) => text.split(" ")[0]);
}

const refusal = namespaceRefusal("unshare", "mount");

Deno.test(
  skipUnless(
    "addresses of a machine with many networks are ordered as glibc orders them",
    refusal === undefined,
    refusal ?? "",
  ),
  async () => {
    await using machine = await Namespace.create();
    await machine.ip("link", "add", "net0", "type", "veth", "peer", "name", "net1");
    const own = ["192.0.2.1/24", "198.51.100.1/24", "2001:db8:1::1/64", "fd00::1/64"];
    own.push("2002:c000:207:1::1/64", "2001:0:1:1::1/64");
    for (const address of own) await machine.ip("addr", "add", address, "dev", "net0");
    for (const end of ["net0", "net1"]) await machine.ip("link", "set", end, "up");
    await machine.ip("-6", "route", "add", "2001:db8:2::/64", "dev", "net0");
    const hosts = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(hosts, HOSTS);
      // Only this program sees the file in place of the machine's own.
      const replace = `mount --bind ${hosts} /etc/hosts && exec "$@"`;
      const under = [...machine.under, "unshare", "-m", "sh", "-c", replace, "sh"];
      const { stdout, stderr, code } = await runProgram(ORDER_PROGRAM, { under });
      assertEquals(code, 0, stderr);
      const report: { question: string; ours: unknown; theirs: unknown }[] = JSON.parse(stdout);
      assert(report.length > 80);
      for (const { question, ours, theirs } of report) {
        if (OTHER_POLICY.some((name) => question.startsWith(`${name} `))) {
          assertEquals(addressesOf(ours).sort(), addressesOf(theirs).sort(), question);
        } else {
          assertEquals(ours, theirs, question);
        }
      }
      for (const name of OTHER_POLICY) {
        const asked = report.find(({ question }) => question === `${name} {}`)!;
        assert(String(asked.ours) !== String(asked.theirs), `${name} is no difference any more`);
      }
    } finally {
      await Deno.remove(hosts);
    }
  },
);
