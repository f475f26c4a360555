/**
 * tshark reads the headers that `stack/wire/` writes as they were meant: Ethernet, ARP, IP, UDP and
 * TCP.
 */

import fc from "fast-check";
import { formatIpv4, formatIpv6, formatMac } from "../../stack/wire/addresses.ts";
import * as arp from "../../stack/wire/arp.ts";
import * as ethernet from "../../stack/wire/ethernet.ts";
import * as ipv4 from "../../stack/wire/ipv4.ts";
import type { Ipv4Option } from "../../stack/wire/ipv4_options.ts";
import * as ipv6 from "../../stack/wire/ipv6.ts";
import { OptionType } from "../../stack/wire/ipv6_chain.ts";
import * as ipv6Extensions from "../../stack/wire/ipv6_extensions.ts";
import { EtherType } from "../../stack/wire/numbers.ts";
import * as tcp from "../../stack/wire/tcp.ts";
import { optionsBytes, type TcpOption } from "../../stack/wire/tcp_option_list.ts";
import * as udp from "../../stack/wire/udp.ts";
import { scale, SEED } from "../support/seed.ts";
import * as arbitraries from "../support/stack/wire/arbitraries.ts";
import { frameOfIpv4, frameOfIpv6, fresh } from "../support/stack/wire/frames.ts";
import {
  assertTsharkAgrees,
  type Expected,
  type Values,
  withTshark,
} from "../support/stack/wire/tshark.ts";

/** tshark calls a checksum that is right so. */
const GOOD = 1;
/** A protocol and an Ethernet type that are for experiments, RFC 3692 and RFC 9542. */
const EXPERIMENTAL = 253;
const EXPERIMENTAL_TYPE = 0x88b5;

function samples<T>(arbitrary: fc.Arbitrary<T>): T[] {
  return fc.sample(arbitrary, { seed: SEED, numRuns: scale(200, 5000) });
}

function compare<T>(arbitrary: fc.Arbitrary<T>, expect: (meaning: T) => Expected): Promise<void> {
  return assertTsharkAgrees(samples(arbitrary).map(expect));
}

Deno.test(withTshark("tshark reads frames as they are meant, with tags and without"), async () => {
  const header = arbitraries.ethernetHeader.map(({ tags, ...rest }) => ({
    ...rest,
    tags: tags.map((tag) => ({ ...tag, type: EtherType.VLAN })),
    type: EXPERIMENTAL_TYPE,
  }));
  await compare(header, (meaning) => {
    const packets = fresh();
    const bytes = ethernet.emit(packets, 0, meaning);
    const { tags } = meaning;
    return {
      frame: packets.bytes.slice(0, ethernet.pad(packets, 0, bytes)),
      fields: {
        "eth.dst": [formatMac(meaning.destination)],
        "eth.src": [formatMac(meaning.source)],
        "eth.type": [tags.length > 0 ? EtherType.VLAN : EXPERIMENTAL_TYPE],
        "vlan.etype": tags.map((_, i) => tags[i + 1]?.type ?? EXPERIMENTAL_TYPE),
        "vlan.id": tags.map(({ id }) => id),
        "vlan.priority": tags.map(({ priority }) => priority),
        "vlan.dei": tags.map(({ isDropEligible }) => Number(isDropEligible)),
      },
    };
  });
});

Deno.test(withTshark("tshark reads packets of ARP as they are meant"), async () => {
  await compare(arbitraries.arpPacket, (meaning) => {
    const packets = fresh();
    const stations = { destination: 2, source: 1, tags: [] };
    const at = ethernet.emit(packets, 0, { ...stations, type: EtherType.ARP });
    return {
      frame: packets.bytes.slice(0, at + arp.emit(packets, at, meaning)),
      fields: {
        "arp.opcode": [meaning.operation],
        "arp.src.hw_mac": [formatMac(meaning.senderMac)],
        "arp.src.proto_ipv4": [formatIpv4(meaning.senderAddress)],
        "arp.dst.hw_mac": [formatMac(meaning.targetMac)],
        "arp.dst.proto_ipv4": [formatIpv4(meaning.targetAddress)],
      },
    };
  });
});

/** Type and length of an option of IPv4; one byte alone has no length. */
function ipv4Outline(option: Ipv4Option): [type: number, length?: number] {
  switch (option.option) {
    case "no-operation":
      return [1];
    case "record-route":
      return [7, 3 + 4 * option.addresses.length];
    case "loose-source-route":
      return [131, 3 + 4 * option.addresses.length];
    case "strict-source-route":
      return [137, 3 + 4 * option.addresses.length];
    case "timestamp":
      return [68, 4 + 4 * option.words.length];
    case "router-alert":
      return [148, 4];
    case "unknown":
      return [option.type, 2 + option.data.length];
  }
}

Deno.test(withTshark("tshark reads headers of IPv4 as they are meant, with options"), async () => {
  const protocol = fc.constant(EXPERIMENTAL);
  const header = fc.oneof(
    arbitraries.ipv4Header(16, protocol),
    arbitraries.ipv4Fragment(16).map((header) => ({ ...header, protocol: EXPERIMENTAL })),
  ).filter(({ options }) => options.every(({ option }) => option !== "unknown"));
  await compare(header, (meaning) => {
    const packets = fresh();
    const at = ethernet.emit(packets, 0, {
      ...{ destination: 2, source: 1, tags: [] },
      type: EtherType.IPV4,
    });
    const bytes = ipv4.emit(packets, at, meaning);
    const outlines = meaning.options.map(ipv4Outline);
    const length = outlines.reduce((sum, [, length = 1]) => sum + length, 0);
    return {
      frame: packets.bytes.slice(0, at + bytes + 16),
      fields: {
        "ip.version": [4],
        "ip.hdr_len": [bytes],
        "ip.dsfield.dscp": [meaning.dscp],
        "ip.dsfield.ecn": [meaning.ecn],
        "ip.len": [meaning.totalLength],
        "ip.id": [meaning.identification],
        "ip.flags.df": [Number(meaning.dontFragment)],
        "ip.flags.mf": [Number(meaning.moreFragments)],
        "ip.frag_offset": [meaning.fragmentOffset / 8],
        "ip.ttl": [meaning.timeToLive],
        "ip.proto": [meaning.protocol],
        "ip.checksum.status": [GOOD],
        "ip.src": [formatIpv4(meaning.source)],
        "ip.opt.type": [...outlines.map(([type]) => type), ...length % 4 === 0 ? [] : [0]],
        "ip.opt.len": outlines.flatMap(([, length]) => length ?? []),
        "ip.opt.ra": meaning.options.flatMap((option) =>
          option.option === "router-alert" ? option.value : []
        ),
        "ip.opt.overflow": meaning.options.flatMap((option) =>
          option.option === "timestamp" ? option.overflow : []
        ),
      },
    };
  });
});

/** The types of a header's options, and of the padding behind them. */
function ipv6Outline(extension: ipv6Extensions.Ipv6Extension): number[] {
  if (extension.header !== "hop-by-hop" && extension.header !== "destination") return [];
  const bytes = extension.options.reduce((sum, { data }) => sum + 2 + data.length, 2);
  const padding = (8 - bytes % 8) % 8;
  const last = padding === 0 ? [] : [padding === 1 ? OptionType.PAD_1 : OptionType.PAD_N];
  return [...extension.options.map(({ type }) => type), ...last];
}

Deno.test(
  withTshark("tshark reads headers of IPv6 as they are meant, with extensions"),
  async () => {
    // Types for experiments: tshark makes nothing of what they hold.
    const types = [0x1e, 0x3e, 0x5e, 0x7e, 0x9e, 0xbe, 0xde, 0xfe];
    const list = arbitraries.ipv6Extensions.map((extensions) =>
      extensions.map((extension) => {
        if (extension.header === "routing") return { ...extension, type: EXPERIMENTAL };
        if (extension.header === "fragment") return { ...extension, moreFragments: false };
        const options = extension.options.map((option) => ({
          ...option,
          type: types[option.type % types.length],
        }));
        return { header: "destination" as const, options };
      })
    );
    const header = arbitraries.ipv6Header(0);
    await compare(fc.tuple(header, list), ([meaning, extensions]) => {
      const packets = fresh();
      const at = ethernet.emit(packets, 0, {
        ...{ destination: 2, source: 1, tags: [] },
        type: EtherType.IPV6,
      });
      // tshark does not look at the last byte of a packet, which may be padding: more follows.
      const payloadLength = ipv6Extensions.emittedBytes(extensions) + 8;
      const nextHeader = ipv6Extensions.firstHeader(extensions, EXPERIMENTAL);
      const first = at + ipv6.emit(packets, at, { ...meaning, payloadLength, nextHeader });
      ipv6Extensions.emit(packets, first, extensions, EXPERIMENTAL);
      const pick = (header: string, read: (extension: never) => number | string): Values =>
        extensions.filter((extension) => extension.header === header).map((extension) =>
          read(extension as never)
        );
      type Routing = ipv6Extensions.Ipv6Extension & { header: "routing" };
      type Fragment = ipv6Extensions.Ipv6Extension & { header: "fragment" };
      return {
        frame: packets.bytes.slice(0, first + payloadLength),
        fields: {
          "ipv6.version": [6],
          "ipv6.tclass.dscp": [meaning.dscp],
          "ipv6.tclass.ecn": [meaning.ecn],
          "ipv6.flow": [meaning.flowLabel],
          "ipv6.plen": [payloadLength],
          "ipv6.nxt": [nextHeader],
          "ipv6.hlim": [meaning.hopLimit],
          "ipv6.src": [formatIpv6(meaning.source)],
          "ipv6.dst": [formatIpv6(meaning.destination)],
          "ipv6.opt.type": extensions.flatMap(ipv6Outline),
          "ipv6.routing.type": pick("routing", () => EXPERIMENTAL),
          "ipv6.routing.segleft": pick("routing", ({ segmentsLeft }: Routing) => segmentsLeft),
          "ipv6.fraghdr.ident": pick(
            "fragment",
            ({ identification }: Fragment) => identification >>> 0,
          ),
        },
      };
    });
  },
);

Deno.test(
  withTshark("tshark reads datagrams of UDP as they are meant, and their sums"),
  async () => {
    const payload = fc.uint8Array({ maxLength: 40 });
    await compare(
      fc.tuple(arbitraries.udpHeader(0), payload, fc.boolean()),
      ([header, data, is6]) => {
        const length = udp.HEADER_BYTES + data.length;
        const frame = is6 ? frameOfIpv6.bind(null, 17, 9) : frameOfIpv4.bind(null, 17);
        return {
          frame: frame(({ packets, summer, at, pseudo }) => {
            const bytes = udp.emit(packets, at, { ...header, length });
            packets.bytes.set(data, at + bytes);
            udp.seal(summer, packets, at, pseudo(17, length));
            return length;
          }),
          fields: {
            "udp.srcport": [header.sourcePort],
            "udp.dstport": [header.destinationPort],
            "udp.length": [length],
            "udp.checksum.status": [GOOD],
          },
        };
      },
    );
  },
);

/** Kind and length of an option of TCP; one byte alone has no length. */
function tcpOutline(option: TcpOption): [kind: number, length?: number] {
  switch (option.option) {
    case "no-operation":
      return [1];
    case "maximum-segment":
      return [2, 4];
    case "window-scale":
      return [3, 3];
    case "sack-permitted":
      return [4, 2];
    case "sack":
      return [5, 2 + 8 * option.blocks.length];
    case "timestamps":
      return [8, 10];
    case "user-timeout":
      return [28, 4];
    case "fast-open":
      return [34, 2 + option.cookie.length];
    case "accurate-ecn":
      return [option.first === 0 ? 172 : 174, 2 + 3 * option.counters.length];
    case "unknown":
      return [option.kind, 2 + option.data.length];
  }
}

/** The fields of tshark for the options of one segment. */
function tcpFields(options: readonly TcpOption[]): Record<string, Values> {
  const outlines = options.map(tcpOutline);
  const padding = optionsBytes(options) - outlines.reduce((sum, [, bytes = 1]) => sum + bytes, 0);
  const fields: Record<string, (number | string)[]> = {
    "tcp.option_kind": [...outlines.map(([kind]) => kind), ...Array(padding).fill(0)],
    "tcp.option_len": outlines.flatMap(([, length]) => length ?? []),
    "tcp.options.mss_val": [],
    "tcp.options.wscale.shift": [],
    "tcp.options.sack_le": [],
    "tcp.options.sack_re": [],
    "tcp.options.timestamp.tsval": [],
    "tcp.options.timestamp.tsecr": [],
    "tcp.options.user_to_granularity": [],
    "tcp.options.user_to_val": [],
    "tcp.options.tfo.cookie": [],
    "tcp.options.acc_ecn.ee0b": [],
    "tcp.options.acc_ecn.eceb": [],
    "tcp.options.acc_ecn.ee1b": [],
  };
  const add = (name: string, value: number | string) => fields[`tcp.options.${name}`].push(value);
  for (const option of options) {
    if (option.option === "maximum-segment") add("mss_val", option.bytes);
    if (option.option === "window-scale") add("wscale.shift", option.shift);
    if (option.option === "sack") {
      option.blocks.forEach(([left]) => add("sack_le", left >>> 0));
      option.blocks.forEach(([, right]) => add("sack_re", right >>> 0));
    }
    if (option.option === "timestamps") {
      add("timestamp.tsval", option.value >>> 0);
      add("timestamp.tsecr", option.echo >>> 0);
    }
    if (option.option === "user-timeout") {
      add("user_to_granularity", Number(option.isMinutes));
      add("user_to_val", option.count);
    }
    if (option.option === "fast-open" && option.cookie.length > 0) {
      add("tfo.cookie", option.cookie.toHex());
    }
    if (option.option === "accurate-ecn") {
      const [zero, one] = option.first === 0 ? ["ee0b", "ee1b"] : ["ee1b", "ee0b"];
      option.counters.forEach((counter, i) => add(`acc_ecn.${[zero, "eceb", one][i]}`, counter));
    }
  }
  return fields;
}

Deno.test(
  withTshark("tshark reads segments of TCP as they are meant, and their sums"),
  async () => {
    const isPlain = (option: TcpOption) => option.option !== "unknown";
    const header = arbitraries.tcpHeader.map((header) => ({
      ...header,
      options: header.options.filter(isPlain),
    }));
    await compare(fc.tuple(header, fc.boolean()), ([meaning, isIpv6]) => {
      const frame = isIpv6 ? frameOfIpv6.bind(null, 6, 9) : frameOfIpv4.bind(null, 6);
      return {
        frame: frame(({ packets, summer, at, pseudo }) => {
          const length = tcp.emit(packets, at, meaning);
          tcp.seal(summer, packets, at, length, pseudo(6, length));
          return length;
        }),
        fields: {
          "tcp.srcport": [meaning.sourcePort],
          "tcp.dstport": [meaning.destinationPort],
          "tcp.seq_raw": [meaning.sequence >>> 0],
          "tcp.ack_raw": [meaning.acknowledgment >>> 0],
          "tcp.hdr_len": [tcp.emittedBytes(meaning)],
          "tcp.flags": [meaning.flags],
          "tcp.window_size_value": [meaning.window],
          "tcp.urgent_pointer": [meaning.urgentPointer],
          "tcp.checksum.status": [GOOD],
          ...tcpFields(meaning.options),
        },
      };
    });
  },
);
