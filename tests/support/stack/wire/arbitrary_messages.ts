/**
 * Random meanings of ICMP, neighbour discovery, listener discovery and IGMP: those that a sender
 * may mean.
 *
 * @module
 */

import fc from "fast-check";
import type { Ipv6Address } from "../../../../stack/wire/addresses.ts";
import { type GroupRecord, readFloat16, readFloat8 } from "../../../../stack/wire/group_records.ts";
import type { Icmpv4Message } from "../../../../stack/wire/icmpv4.ts";
import type { Icmpv6Message } from "../../../../stack/wire/icmpv6.ts";
import type { IgmpMessage } from "../../../../stack/wire/igmp.ts";
import type { MldMessage } from "../../../../stack/wire/mld.ts";
import type { NdpMessage } from "../../../../stack/wire/ndp.ts";
import type { NdpOption } from "../../../../stack/wire/ndp_options.ts";
import {
  bits,
  bytesOfSome,
  ipv4Group,
  ipv6,
  ipv6Group,
  ipv6Unicast,
  mac,
  word,
} from "./arbitraries.ts";

export const icmpv4Message: fc.Arbitrary<Icmpv4Message> = fc.oneof(
  fc.record({
    message: fc.constantFrom("echo" as const, "echo-reply" as const),
    identifier: bits(16),
    sequence: bits(16),
  }),
  fc.record({
    message: fc.constant("unreachable" as const),
    code: fc.constantFrom(0, 1, 2, 3, 5, 9, 10, 13, 15),
    nextHopMtu: fc.constant(0),
  }),
  fc.record({
    message: fc.constant("unreachable" as const),
    code: fc.constant(4),
    nextHopMtu: bits(16),
  }),
  fc.record({
    message: fc.constant("redirect" as const),
    code: fc.integer({ min: 0, max: 3 }),
    gateway: word,
  }),
  fc.record({ message: fc.constant("time-exceeded" as const), code: fc.constantFrom(0, 1) }),
  fc.record({
    message: fc.constant("parameter-problem" as const),
    code: fc.integer({ min: 0, max: 2 }),
    pointer: bits(8),
  }),
  fc.record({
    message: fc.constantFrom("timestamp" as const, "timestamp-reply" as const),
    identifier: bits(16),
    sequence: bits(16),
    originate: bits(32),
    receive: bits(32),
    transmit: bits(32),
  }),
);

export const icmpv6Message: fc.Arbitrary<Icmpv6Message> = fc.oneof(
  fc.record({
    message: fc.constantFrom("echo-request" as const, "echo-reply" as const),
    identifier: bits(16),
    sequence: bits(16),
  }),
  fc.record({ message: fc.constant("unreachable" as const), code: fc.integer({ min: 0, max: 6 }) }),
  fc.record({ message: fc.constant("time-exceeded" as const), code: fc.constantFrom(0, 1) }),
  fc.record({ message: fc.constant("packet-too-big" as const), mtu: bits(32) }),
  fc.record({
    message: fc.constant("parameter-problem" as const),
    code: fc.integer({ min: 0, max: 3 }),
    pointer: bits(32),
  }),
);

/** A route and its prefix, of which the words past the length are 0. */
const route: fc.Arbitrary<NdpOption> = fc.record({
  option: fc.constant("route-information" as const),
  prefix: ipv6,
  prefixLength: fc.integer({ min: 0, max: 128 }),
  preference: bits(2),
  lifetime: bits(32),
}).map((option) => {
  const words = option.prefixLength === 0 ? 0 : option.prefixLength <= 64 ? 2 : 4;
  const [a, b, c, d] = option.prefix.map((word, i) => i < words ? word : 0);
  return { ...option, prefix: [a, b, c, d] };
});

const linkLayer = (option: "source-link-layer" | "target-link-layer") =>
  fc.record({ option: fc.constant(option), address: mac });

/** Options that may be in any message. */
const ndpOption: fc.Arbitrary<NdpOption> = fc.oneof(
  linkLayer("target-link-layer"),
  fc.record({
    option: fc.constant("prefix-information" as const),
    prefix: ipv6,
    prefixLength: bits(8),
    isOnLink: fc.boolean(),
    isAutonomous: fc.boolean(),
    validLifetime: bits(32),
    preferredLifetime: bits(32),
  }),
  fc.record({
    option: fc.constant("redirected-header" as const),
    packet: bytesOfSome(0, 8, 40, 48),
  }),
  fc.record({ option: fc.constant("mtu" as const), mtu: bits(32) }),
  fc.record({ option: fc.constant("nonce" as const), nonce: bytesOfSome(6, 14) }),
  route,
  fc.record({
    option: fc.constant("dns-servers" as const),
    lifetime: bits(32),
    servers: fc.array(ipv6, { minLength: 1, maxLength: 3 }),
  }),
  fc.record({
    option: fc.constant("unknown" as const),
    type: fc.constantFrom(0, 6, 23, 26, 31, 37, 253, 255),
    data: bytesOfSome(6, 14, 22),
  }),
);
const ndpOptions = fc.array(ndpOption, { maxLength: 4 });
const ndpOptionsWithSource = fc.array(fc.oneof(ndpOption, linkLayer("source-link-layer")), {
  maxLength: 4,
});

/** Messages to everybody, from an address of the link. */
export const ndpMessage: fc.Arbitrary<NdpMessage> = fc.oneof(
  fc.record({
    message: fc.constant("router-solicitation" as const),
    options: ndpOptionsWithSource,
  }),
  fc.record({
    message: fc.constant("router-advertisement" as const),
    hopLimit: bits(8),
    isManaged: fc.boolean(),
    hasOtherConfiguration: fc.boolean(),
    preference: bits(2),
    routerLifetime: bits(16),
    reachableTime: bits(32),
    retransmitTimer: bits(32),
    options: ndpOptionsWithSource,
  }),
  fc.record({
    message: fc.constant("neighbor-solicitation" as const),
    target: ipv6Unicast,
    options: ndpOptionsWithSource,
  }),
  fc.record({
    message: fc.constant("neighbor-advertisement" as const),
    isRouter: fc.boolean(),
    isSolicited: fc.constant(false),
    isOverride: fc.boolean(),
    target: ipv6Unicast,
    options: ndpOptions,
  }),
  fc.record({
    message: fc.constant("redirect" as const),
    target: fc.tuple(bits(22), word, word, word).map(
      ([first, ...rest]): Ipv6Address => [(0xfe800000 | first) | 0, ...rest],
    ),
    destination: ipv6Unicast,
    options: ndpOptions,
  }),
);

function groupRecord<Address>(
  group: fc.Arbitrary<Address>,
  source: fc.Arbitrary<Address>,
): fc.Arbitrary<GroupRecord<Address>> {
  return fc.record({
    type: fc.integer({ min: 1, max: 6 }),
    group,
    sources: fc.array(source, { maxLength: 4 }),
    auxiliary: bytesOfSome(0, 0, 0, 4, 8),
  });
}

export const mldMessage: fc.Arbitrary<MldMessage> = fc.oneof(
  fc.record({
    message: fc.constant("query-v1" as const),
    group: fc.oneof(ipv6Group, fc.constant([0, 0, 0, 0] as const)),
    maxResponse: bits(16),
  }),
  fc.record({
    message: fc.constant("query-v2" as const),
    group: ipv6Group,
    maxResponse: bits(16).map(readFloat16),
    suppress: fc.boolean(),
    robustness: bits(3),
    interval: bits(8).map(readFloat8),
    sources: fc.array(ipv6, { maxLength: 4 }),
  }),
  fc.record({
    message: fc.constantFrom("report-v1" as const, "done-v1" as const),
    group: ipv6Group,
  }),
  fc.record({
    message: fc.constant("report-v2" as const),
    records: fc.array(groupRecord(ipv6Group, ipv6), { maxLength: 4 }),
  }),
);

export const igmpMessage: fc.Arbitrary<IgmpMessage> = fc.oneof(
  fc.record({
    message: fc.constant("query-v1" as const),
    group: fc.oneof(ipv4Group, fc.constant(0)),
    maxResponse: fc.constant(0),
  }),
  fc.record({
    message: fc.constant("query-v2" as const),
    group: fc.oneof(ipv4Group, fc.constant(0)),
    maxResponse: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({
    message: fc.constant("query-v3" as const),
    group: ipv4Group,
    maxResponse: bits(8).map(readFloat8),
    suppress: fc.boolean(),
    robustness: bits(3),
    interval: bits(8).map(readFloat8),
    sources: fc.array(word, { maxLength: 4 }),
  }),
  fc.record({
    message: fc.constantFrom("report-v1" as const, "report-v2" as const, "leave-v2" as const),
    group: ipv4Group,
  }),
  fc.record({
    message: fc.constant("report-v3" as const),
    records: fc.array(groupRecord(ipv4Group, word), { maxLength: 4 }),
  }),
);
