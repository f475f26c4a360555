import { assertEquals } from "@std/assert";
import { Operation } from "./arp.ts";
import { RecordType } from "./group_records.ts";
import * as icmpv4 from "./icmpv4.ts";
import * as icmpv6 from "./icmpv6.ts";
import * as igmp from "./igmp.ts";
import { OptionType as Ipv4OptionType } from "./ipv4_options.ts";
import { OptionType as Ipv6OptionType } from "./ipv6_chain.ts";
import { OptionType as NdpOptionType } from "./ndp_options.ts";
import { EtherType, Protocol } from "./numbers.ts";
import { Flag } from "./tcp.ts";
import { OptionKind } from "./tcp_options.ts";
import { hasProgram, skipUnless } from "../../tests/support/skip.ts";

/** Names in C for our numbers, in the order in which these are declared. */
type Names = readonly [ours: Readonly<Record<string, number>>, names: string, prefix?: string];

/** What the kernel's headers call them. */
const KERNEL: readonly Names[] = [
  [EtherType, "IP ARP 8021Q IPV6 8021AD", "ETH_P_"],
  [Protocol, "HOPOPTS ICMP IGMP TCP UDP ROUTING FRAGMENT ICMPV6 NONE DSTOPTS", "IPPROTO_"],
  [Operation, "REQUEST REPLY", "ARPOP_"],
  [Ipv4OptionType, "END NOOP RR TIMESTAMP LSRR SSRR RA", "IPOPT_"],
  [Ipv6OptionType, "PAD1 PADN ROUTERALERT JUMBO", "IPV6_TLV_"],
  [
    icmpv4.Type,
    "ECHOREPLY DEST_UNREACH SOURCE_QUENCH REDIRECT ECHO TIME_EXCEEDED PARAMETERPROB TIMESTAMP " +
    "TIMESTAMPREPLY",
    "ICMP_",
  ],
  [
    icmpv4.UnreachableCode,
    "NET_UNREACH HOST_UNREACH PROT_UNREACH PORT_UNREACH FRAG_NEEDED SR_FAILED NET_UNKNOWN " +
    "HOST_UNKNOWN HOST_ISOLATED NET_ANO HOST_ANO NET_UNR_TOS HOST_UNR_TOS PKT_FILTERED " +
    "PREC_VIOLATION PREC_CUTOFF",
    "ICMP_",
  ],
  [icmpv4.TimeExceededCode, "TTL FRAGTIME", "ICMP_EXC_"],
  [icmpv4.RedirectCode, "NET HOST NETTOS HOSTTOS", "ICMP_REDIR_"],
  [
    icmpv6.UnreachableCode,
    "NOROUTE ADM_PROHIBITED NOT_NEIGHBOUR ADDR_UNREACH PORT_UNREACH " +
    "POLICY_FAIL REJECT_ROUTE",
    "ICMPV6_",
  ],
  [icmpv6.TimeExceededCode, "HOPLIMIT FRAGTIME", "ICMPV6_EXC_"],
  [icmpv6.ParameterProblemCode, "HDR_FIELD UNK_NEXTHDR UNK_OPTION HDR_INCOMP", "ICMPV6_"],
  [
    igmp.Type,
    "IGMP_HOST_MEMBERSHIP_QUERY IGMP_HOST_MEMBERSHIP_REPORT IGMPV2_HOST_MEMBERSHIP_REPORT " +
    "IGMP_HOST_LEAVE_MESSAGE IGMPV3_HOST_MEMBERSHIP_REPORT",
  ],
  [
    RecordType,
    "MODE_IS_INCLUDE MODE_IS_EXCLUDE CHANGE_TO_INCLUDE CHANGE_TO_EXCLUDE ALLOW_NEW_SOURCES " +
    "BLOCK_OLD_SOURCES",
    "IGMPV3_",
  ],
  [
    RecordType,
    "MODE_IS_INCLUDE MODE_IS_EXCLUDE CHANGE_TO_INCLUDE CHANGE_TO_EXCLUDE ALLOW_NEW_SOURCES " +
    "BLOCK_OLD_SOURCES",
    "MLD2_",
  ],
];

/** What those of the C library call them. */
const LIBRARY: readonly Names[] = [
  [pick(Flag, 6), "FIN SYN RST PUSH ACK URG", "TH_"],
  [pick(OptionKind, 7), "EOL NOP MAXSEG WINDOW SACK_PERMITTED SACK TIMESTAMP", "TCPOPT_"],
  [
    icmpv6.Type,
    "ICMP6_DST_UNREACH ICMP6_PACKET_TOO_BIG ICMP6_TIME_EXCEEDED ICMP6_PARAM_PROB " +
    "ICMP6_ECHO_REQUEST ICMP6_ECHO_REPLY MLD_LISTENER_QUERY MLD_LISTENER_REPORT " +
    "MLD_LISTENER_REDUCTION ND_ROUTER_SOLICIT ND_ROUTER_ADVERT ND_NEIGHBOR_SOLICIT " +
    "ND_NEIGHBOR_ADVERT ND_REDIRECT 143",
  ],
  [
    pick(NdpOptionType, 5),
    "SOURCE_LINKADDR TARGET_LINKADDR PREFIX_INFORMATION REDIRECTED_HEADER MTU",
    "ND_OPT_",
  ],
];

/** The first of some numbers, up to those that the headers have no names for. */
function pick(ours: Readonly<Record<string, number>>, count: number): Record<string, number> {
  return Object.fromEntries(Object.entries(ours).slice(0, count));
}

async function evaluate(headers: readonly string[], names: readonly string[]): Promise<number[]> {
  const binary = await Deno.makeTempFile();
  try {
    const program = [
      ...["stdio.h", ...headers].map((header) => `#include <${header}>`),
      "int main(void) {",
      ...names.map((name) => `printf("%lld\\n", (long long)(${name}));`),
      "return 0; }",
    ].join("\n");
    const compiler = new Deno.Command("gcc", {
      args: ["-x", "c", "-o", binary, "-"],
      stdin: "piped",
    }).spawn();
    const writer = compiler.stdin.getWriter();
    await writer.write(new TextEncoder().encode(program));
    await writer.close();
    assertEquals((await compiler.status).code, 0, program);
    const { stdout } = await new Deno.Command(binary).output();
    return new TextDecoder().decode(stdout).trim().split("\n").map(Number);
  } finally {
    await Deno.remove(binary);
  }
}

async function compare(headers: readonly string[], all: readonly Names[]): Promise<void> {
  const numbers = all.flatMap(([ours]) => Object.entries(ours));
  const names = all.flatMap(([ours, text, prefix = ""]) => {
    const words = text.split(" ");
    assertEquals(words.length, Object.keys(ours).length, text);
    return words.map((word) => prefix + word);
  });
  const values = await evaluate(headers, names);
  numbers.forEach(([name, value], i) => assertEquals(value, values[i], `${name}, ${names[i]}`));
}

const hasGcc = Deno.build.os === "linux" && hasProgram("gcc");

Deno.test({
  ...skipUnless("types, codes and options have the kernel's numbers", hasGcc, "needs gcc on Linux"),
  async fn() {
    const headers = ["if_ether", "if_arp", "in", "in6", "ip", "icmp", "icmpv6", "igmp"];
    await compare(headers.map((name) => `linux/${name}.h`), KERNEL);
  },
});

Deno.test({
  ...skipUnless("flags and kinds have the C library's numbers", hasGcc, "needs gcc on Linux"),
  async fn() {
    await compare(["netinet/tcp.h", "netinet/icmp6.h"], LIBRARY);
  },
});

Deno.test("numbers that no header has are those of their RFCs", () => {
  assertEquals(OptionKind.USER_TIMEOUT, 28); // RFC 5482 section 3
  assertEquals(OptionKind.MPTCP, 30); // RFC 8684 section 3
  assertEquals(OptionKind.FAST_OPEN, 34); // RFC 7413 section 4.1.1
  assertEquals([OptionKind.ACCURATE_ECN_0, OptionKind.ACCURATE_ECN_1], [172, 174]); // RFC 9768
  assertEquals([Flag.ECE, Flag.CWR, Flag.AE], [0x40, 0x80, 0x100]); // RFC 3168, RFC 9768
  assertEquals(NdpOptionType.NONCE, 14); // RFC 3971 section 5.3.2
  assertEquals(NdpOptionType.ROUTE_INFORMATION, 24); // RFC 4191 section 2.3
  assertEquals(NdpOptionType.DNS_SERVERS, 25); // RFC 8106 section 5.1
  const { POINTER, REQUIRED_OPTION_MISSING, LENGTH } = icmpv4.ParameterProblemCode;
  assertEquals([POINTER, REQUIRED_OPTION_MISSING, LENGTH], [0, 1, 2]); // RFC 1122 section 3.2.2.5
});
