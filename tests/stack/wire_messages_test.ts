/**
 * tshark reads the messages that `stack/wire/` writes as they were meant: ICMP, neighbour
 * discovery, listener discovery and IGMP.
 */

import fc from "fast-check";
import { formatIpv4, formatIpv6, formatMac } from "../../stack/wire/addresses.ts";
import { writeFloat8 } from "../../stack/wire/group_records.ts";
import * as icmpv4 from "../../stack/wire/icmpv4.ts";
import * as icmpv6 from "../../stack/wire/icmpv6.ts";
import * as igmp from "../../stack/wire/igmp.ts";
import * as mld from "../../stack/wire/mld.ts";
import * as ndp from "../../stack/wire/ndp.ts";
import type { NdpOption } from "../../stack/wire/ndp_options.ts";
import { scale, SEED } from "../support/seed.ts";
import * as arbitraries from "../support/stack/wire/arbitrary_messages.ts";
import { type Draft, frameOfIpv4, frameOfIpv6 } from "../support/stack/wire/frames.ts";
import {
  assertTsharkAgrees,
  type Expected,
  type Values,
  withTshark,
} from "../support/stack/wire/tshark.ts";

/** tshark calls a checksum that is right so. */
const GOOD = 1;

function compare<T>(arbitrary: fc.Arbitrary<T>, expect: (meaning: T) => Expected): Promise<void> {
  const samples = fc.sample(arbitrary, { seed: SEED, numRuns: scale(200, 5000) });
  return assertTsharkAgrees(samples.map(expect));
}

type Named = { readonly message: string };

/** A value that only some messages have. */
function of<M extends Named>(
  message: M,
  names: string | readonly string[],
  read: (message: never) => number | string,
): Values {
  const isOne = typeof names === "string"
    ? names === message.message
    : names.includes(message.message);
  return isOne ? [read(message as never)] : [];
}

/** The beginning of the packet that an error is about: a header of IPv4 and nothing in it. */
const QUOTE4 = [0x45, 0, 0, 28, 0, 0, 0, 0, 64, 253, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, ...Array(8)];

Deno.test(withTshark("tshark reads messages of ICMP for IPv4 as they are meant"), async () => {
  await compare(arbitraries.icmpv4Message, (message) => {
    const isError = !/^(echo|timestamp)/.test(message.message);
    const types: Record<string, number> = {
      "echo": 8,
      "echo-reply": 0,
      "unreachable": 3,
      "redirect": 5,
      "time-exceeded": 11,
      "parameter-problem": 12,
      "timestamp": 13,
      "timestamp-reply": 14,
    };
    const numbered = ["echo", "echo-reply", "timestamp", "timestamp-reply"];
    return {
      frame: frameOfIpv4(1, ({ packets, summer, at }) => {
        let length = icmpv4.emit(packets, at, message);
        if (isError) {
          packets.bytes.set(QUOTE4, at + length);
          length += QUOTE4.length;
        }
        icmpv4.seal(summer, packets, at, length);
        return length;
      }),
      fields: {
        "icmp.type": [types[message.message]],
        "icmp.code": ["code" in message ? message.code : 0],
        "icmp.checksum.status": [GOOD],
        "icmp.ident": of(message, numbered, (echo: { identifier: number }) => echo.identifier),
        "icmp.seq": of(message, numbered, ({ sequence }: { sequence: number }) => sequence),
        "icmp.mtu": message.message === "unreachable" && message.code === 4
          ? [message.nextHopMtu]
          : [],
        "icmp.redir_gw": of(message, "redirect", ({ gateway }: { gateway: number }) => {
          return formatIpv4(gateway);
        }),
        "icmp.pointer": of(message, "parameter-problem", (problem: { pointer: number }) => {
          return problem.pointer;
        }),
      },
    };
  });
});

/** Writes and sums up a message of ICMPv6 behind what is already there. */
function sealed(draft: Draft, length: number): number {
  const { packets, summer, at, pseudo } = draft;
  icmpv6.seal(summer, packets, at, length, pseudo(58, length));
  return length;
}

Deno.test(withTshark("tshark reads messages of ICMP for IPv6 as they are meant"), async () => {
  await compare(arbitraries.icmpv6Message, (message) => {
    const types: Record<string, number> = {
      "unreachable": 1,
      "packet-too-big": 2,
      "time-exceeded": 3,
      "parameter-problem": 4,
      "echo-request": 128,
      "echo-reply": 129,
    };
    const echoes = ["echo-request", "echo-reply"];
    return {
      frame: frameOfIpv6(58, 64, (draft) => {
        const { packets, at } = draft;
        const length = icmpv6.emit(packets, at, message);
        packets.bytes.fill(0, at + length, at + length + 40)[at + length] = 0x60;
        packets.bytes[at + length + 6] = 59;
        return sealed(draft, length + (echoes.includes(message.message) ? 0 : 40));
      }),
      fields: {
        "icmpv6.type": [types[message.message]],
        "icmpv6.code": ["code" in message ? message.code : 0],
        "icmpv6.checksum.status": [GOOD],
        "icmpv6.echo.identifier": of(message, echoes, (echo: { identifier: number }) => {
          return echo.identifier;
        }),
        "icmpv6.echo.sequence_number": of(message, echoes, (echo: { sequence: number }) => {
          return echo.sequence;
        }),
        "icmpv6.mtu": of(message, "packet-too-big", ({ mtu }: { mtu: number }) => mtu),
        "icmpv6.pointer": of(message, "parameter-problem", (problem: { pointer: number }) => {
          return problem.pointer;
        }),
      },
    };
  });
});

const NDP_TYPES: Readonly<Record<string, number>> = {
  "source-link-layer": 1,
  "target-link-layer": 2,
  "prefix-information": 3,
  "redirected-header": 4,
  "mtu": 5,
  "nonce": 14,
  "route-information": 24,
  "dns-servers": 25,
};

function ndpFields(options: readonly NdpOption[]): Record<string, Values> {
  const fields: Record<string, (number | string)[]> = {};
  for (
    const name of [
      ...["type", "linkaddr", "prefix", "prefix.length", "prefix.flag.l", "prefix.flag.a"],
      ...["prefix.valid_lifetime", "prefix.preferred_lifetime", "mtu", "nonce", "route_lifetime"],
      ...["route_info.flag.route_preference", "rdnss", "rdnss.lifetime"],
    ]
  ) {
    fields[name] = [];
  }
  for (const option of options) {
    fields.type.push(option.option === "unknown" ? option.type : NDP_TYPES[option.option]);
    switch (option.option) {
      case "source-link-layer":
      case "target-link-layer":
        fields.linkaddr.push(formatMac(option.address));
        break;
      case "prefix-information":
        fields.prefix.push(formatIpv6(option.prefix));
        fields["prefix.length"].push(option.prefixLength);
        fields["prefix.flag.l"].push(Number(option.isOnLink));
        fields["prefix.flag.a"].push(Number(option.isAutonomous));
        fields["prefix.valid_lifetime"].push(option.validLifetime);
        fields["prefix.preferred_lifetime"].push(option.preferredLifetime);
        break;
      case "mtu":
        fields.mtu.push(option.mtu);
        break;
      case "nonce":
        fields.nonce.push(option.nonce.toHex());
        break;
      case "route-information":
        fields["prefix.length"].push(option.prefixLength);
        fields["route_info.flag.route_preference"].push(option.preference);
        fields["route_lifetime"].push(option.lifetime);
        if (option.prefixLength > 0) fields.prefix.push(formatIpv6(option.prefix));
        break;
      case "dns-servers":
        fields["rdnss.lifetime"].push(option.lifetime);
        fields.rdnss.push(...option.servers.map(formatIpv6));
    }
  }
  return Object.fromEntries(
    Object.entries(fields).map(([name, values]) => [`icmpv6.opt.${name}`, values]),
  );
}

Deno.test(withTshark("tshark reads neighbour discovery as it is meant, with options"), async () => {
  // What tshark takes for a whole packet, or for options of other standards, it reads on.
  const isPlain = ({ option }: NdpOption) => option !== "redirected-header" && option !== "unknown";
  const message = arbitraries.ndpMessage.map((message) => ({
    ...message,
    options: message.options.filter(isPlain),
  }));
  await compare(message, (message) => {
    const types = {
      "router-solicitation": 133,
      "router-advertisement": 134,
      "neighbor-solicitation": 135,
      "neighbor-advertisement": 136,
      "redirect": 137,
    };
    type Router = ndp.NdpMessage & { message: "router-advertisement" };
    const ra = (read: (router: Router) => number) => of(message, "router-advertisement", read);
    type Neighbor = ndp.NdpMessage & { message: "neighbor-advertisement" };
    const na = (read: (neighbor: Neighbor) => number | string) =>
      of(message, "neighbor-advertisement", read);
    type Redirect = ndp.NdpMessage & { message: "redirect" };
    const target = ({ target }: Redirect) => formatIpv6(target);
    return {
      frame: frameOfIpv6(58, 255, (draft) => {
        return sealed(draft, ndp.emit(draft.packets, draft.at, message));
      }),
      fields: {
        "icmpv6.type": [types[message.message]],
        "icmpv6.checksum.status": [GOOD],
        "icmpv6.nd.ra.cur_hop_limit": ra(({ hopLimit }) => hopLimit),
        "icmpv6.nd.ra.flag.m": ra(({ isManaged }) => Number(isManaged)),
        "icmpv6.nd.ra.flag.o": ra((router) => Number(router.hasOtherConfiguration)),
        "icmpv6.nd.ra.flag.prf": ra(({ preference }) => preference),
        "icmpv6.nd.ra.router_lifetime": ra(({ routerLifetime }) => routerLifetime),
        "icmpv6.nd.ra.reachable_time": ra(({ reachableTime }) => reachableTime),
        "icmpv6.nd.ra.retrans_timer": ra(({ retransmitTimer }) => retransmitTimer),
        "icmpv6.nd.ns.target_address": of(message, "neighbor-solicitation", target),
        "icmpv6.nd.na.flag.r": na(({ isRouter }) => Number(isRouter)),
        "icmpv6.nd.na.flag.s": na(({ isSolicited }) => Number(isSolicited)),
        "icmpv6.nd.na.flag.o": na(({ isOverride }) => Number(isOverride)),
        "icmpv6.nd.na.target_address": na(({ target }) => formatIpv6(target)),
        "icmpv6.nd.rd.target_address": of(message, "redirect", target),
        "icmpv6.rd.na.destination_address": of(message, "redirect", (redirect: Redirect) => {
          return formatIpv6(redirect.destination);
        }),
        ...ndpFields(message.options),
      },
    };
  });
});

Deno.test(withTshark("tshark reads listener discovery as it is meant"), async () => {
  const isReport = "report-v2";
  await compare(arbitraries.mldMessage, (message) => {
    const types = {
      "query-v1": 130,
      "query-v2": 130,
      "report-v1": 131,
      "done-v1": 132,
      "report-v2": 143,
    };
    type Query = mld.MldMessage & { message: "query-v2" };
    const query = (read: (query: Query) => number) => of(message, "query-v2", read);
    const records = message.message === "report-v2" ? message.records : [];
    return {
      frame: frameOfIpv6(58, 1, (draft) => {
        return sealed(draft, mld.emit(draft.packets, draft.at, message));
      }),
      fields: {
        "icmpv6.type": [types[message.message]],
        "icmpv6.checksum.status": [GOOD],
        "icmpv6.mld.multicast_address": message.message === isReport
          ? []
          : [formatIpv6(message.group)],
        "icmpv6.mld.maximum_response_code": query(({ maxResponse }) => maxResponse),
        "icmpv6.mld.flag.s": query(({ suppress }) => Number(suppress)),
        "icmpv6.mld.flag.qrv": query(({ robustness }) => robustness),
        "icmpv6.mld.qqi": query(({ interval }) => interval),
        "icmpv6.mld.nb_sources": query(({ sources }) => sources.length),
        "icmpv6.mld.source_address": message.message === "query-v2"
          ? message.sources.map(formatIpv6)
          : [],
        "icmpv6.mldr.nb_mcast_records": message.message === isReport ? [records.length] : [],
        "icmpv6.mldr.mar.record_type": records.map(({ type }) => type),
        "icmpv6.mldr.mar.aux_data_len": records.map(({ auxiliary }) => auxiliary.length / 4),
        "icmpv6.mldr.mar.nb_sources": records.map(({ sources }) => sources.length),
        "icmpv6.mldr.mar.multicast_address": records.map(({ group }) => formatIpv6(group)),
        "icmpv6.mldr.mar.source_address": records.flatMap(({ sources }) => sources.map(formatIpv6)),
      },
    };
  });
});

Deno.test(withTshark("tshark reads IGMP as it is meant"), async () => {
  await compare(arbitraries.igmpMessage, (message) => {
    const types = {
      "query-v1": 0x11,
      "query-v2": 0x11,
      "query-v3": 0x11,
      "report-v1": 0x12,
      "report-v2": 0x16,
      "leave-v2": 0x17,
      "report-v3": 0x22,
    };
    type Query = igmp.IgmpMessage & { message: "query-v3" };
    const query = (read: (query: Query) => number) => of(message, "query-v3", read);
    const isReport = message.message === "report-v3";
    const records = message.message === "report-v3" ? message.records : [];
    const sources = message.message === "query-v3" ? message.sources : [];
    const lists = [...sources, ...records.flatMap((record) => record.sources)];
    return {
      frame: frameOfIpv4(2, ({ packets, summer, at }) => {
        const length = igmp.emit(packets, at, message);
        igmp.seal(summer, packets, at, length);
        return length;
      }),
      fields: {
        "igmp.type": [types[message.message]],
        "igmp.checksum.status": [GOOD],
        "igmp.maddr": isReport
          ? records.map(({ group }) => formatIpv4(group))
          : [formatIpv4((message as { group: number }).group)],
        "igmp.s": query(({ suppress }) => Number(suppress)),
        "igmp.qrv": query(({ robustness }) => robustness),
        "igmp.qqic": query(({ interval }) => writeFloat8(interval)),
        "igmp.num_src": [
          ...query(({ sources }) => sources.length),
          ...records.map((record) => record.sources.length),
        ],
        "igmp.saddr": lists.map(formatIpv4),
        "igmp.num_grp_recs": isReport ? [records.length] : [],
        "igmp.record_type": records.map(({ type }) => type),
        "igmp.aux_data_len": records.map(({ auxiliary }) => auxiliary.length / 4),
      },
    };
  });
});
