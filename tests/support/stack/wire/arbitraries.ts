/**
 * Random meanings of frames, ARP, IP, UDP and TCP: those that a sender may mean.
 *
 * @module
 */

import fc from "fast-check";
import type { Ipv6Address } from "../../../../stack/wire/addresses.ts";
import type { ArpPacket } from "../../../../stack/wire/arp.ts";
import type { EthernetHeader } from "../../../../stack/wire/ethernet.ts";
import type { Ipv4Header } from "../../../../stack/wire/ipv4.ts";
import { type Ipv4Option, optionsBytes as ipv4Bytes } from "../../../../stack/wire/ipv4_options.ts";
import type { Ipv6Header } from "../../../../stack/wire/ipv6.ts";
import type { Ipv6Extension, Ipv6Option } from "../../../../stack/wire/ipv6_extensions.ts";
import { EtherType } from "../../../../stack/wire/numbers.ts";
import type { TcpHeader } from "../../../../stack/wire/tcp.ts";
import {
  optionsBytes as tcpBytes,
  type TcpOption,
} from "../../../../stack/wire/tcp_option_list.ts";
import { hasLengthOfKind } from "../../../../stack/wire/tcp_options.ts";
import type { UdpHeader } from "../../../../stack/wire/udp.ts";

/** Numbers of 1 to 32 bits. */
export function bits(count: number): fc.Arbitrary<number> {
  const largest = 2 ** count - 1;
  return fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: largest }) },
    { weight: 1, arbitrary: fc.constantFrom(0, 1, largest - 1, largest) },
  );
}

/** Signed words. */
export const word: fc.Arbitrary<number> = bits(32).map((value) => value | 0);

/** Exactly so many bytes. */
export function bytesOf(length: number): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => bytes.slice());
}

/** A number of bytes that is one of some. */
export function bytesOfSome(...lengths: number[]): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  return fc.constantFrom(...lengths).chain(bytesOf);
}

export const mac: fc.Arbitrary<number> = bits(48);
/** The address of one station. */
export const stationMac: fc.Arbitrary<number> = fc.tuple(bits(7), bits(40)).map(([high, low]) => {
  return high * 2 ** 41 + low;
});
export const ipv4Unicast: fc.Arbitrary<number> = bits(32).map((value) => value | 0)
  .filter((address) => address >>> 28 !== 0xe && address !== -1);
export const ipv4Group: fc.Arbitrary<number> = bits(28).map((value) => (0xe0000000 | value) | 0);
export const ipv6: fc.Arbitrary<Ipv6Address> = fc.tuple(word, word, word, word);
export const ipv6Unicast: fc.Arbitrary<Ipv6Address> = ipv6.filter(([first]) =>
  first >>> 24 !== 255
);
export const ipv6Group: fc.Arbitrary<Ipv6Address> = fc.tuple(bits(24), word, word, word)
  .map(([first, ...rest]) => [(0xff000000 | first) | 0, ...rest]);
export const port: fc.Arbitrary<number> = fc.integer({ min: 1, max: 65535 });

export const ethernetHeader: fc.Arbitrary<EthernetHeader> = fc.record({
  destination: mac,
  source: stationMac,
  tags: fc.array(
    fc.record({
      type: fc.constantFrom(EtherType.VLAN, EtherType.PROVIDER_VLAN),
      priority: bits(3),
      isDropEligible: fc.boolean(),
      id: bits(12),
    }),
    { maxLength: 2 },
  ),
  type: fc.integer({ min: 0x600, max: 0xffff }).filter((type) => {
    return type !== EtherType.VLAN && type !== EtherType.PROVIDER_VLAN;
  }),
});

export const arpPacket: fc.Arbitrary<ArpPacket> = fc.record({
  operation: fc.constantFrom(1, 2),
  senderMac: stationMac,
  senderAddress: word,
  targetMac: mac,
  targetAddress: word,
});

const routePointer = fc.integer({ min: 1, max: 10 }).map((place) => place * 4);

const ipv4Option: fc.Arbitrary<Ipv4Option> = fc.oneof(
  fc.constant({ option: "no-operation" } as const),
  fc.record({
    option: fc.constant("record-route" as const),
    pointer: routePointer,
    addresses: fc.array(word, { maxLength: 9 }),
  }),
  fc.record({
    option: fc.constant("timestamp" as const),
    pointer: fc.integer({ min: 0, max: 9 }).map((place) => place * 4 + 5),
    overflow: bits(4),
    flag: fc.constant(0),
    words: fc.array(word, { maxLength: 9 }),
  }),
  fc.record({
    option: fc.constant("timestamp" as const),
    pointer: fc.integer({ min: 0, max: 4 }).map((place) => place * 8 + 5),
    overflow: bits(4),
    flag: fc.constantFrom(1, 3),
    words: fc.array(fc.tuple(word, word), { maxLength: 4 }).map((pairs) => pairs.flat()),
  }),
  fc.record({ option: fc.constant("router-alert" as const), value: bits(16) }),
  fc.record({
    option: fc.constant("unknown" as const),
    type: fc.constantFrom(130, 134, 136, 30, 94, 158, 222),
    data: fc.uint8Array({ maxLength: 12 }).map((data) => data.slice()),
  }),
);
const sourceRoute: fc.Arbitrary<Ipv4Option> = fc.record({
  option: fc.constantFrom("loose-source-route" as const, "strict-source-route" as const),
  pointer: routePointer,
  addresses: fc.array(word, { maxLength: 9 }),
});

/** As many of some options as there is room for. */
function fitting<Option>(options: Option[], bytes: (options: Option[]) => number): Option[] {
  const taken = options.slice();
  while (bytes(taken) > 40) taken.pop();
  return taken;
}

/** Options of IPv4, with at most one source route. */
export const ipv4Options: fc.Arbitrary<Ipv4Option[]> = fc.tuple(
  fc.array(sourceRoute, { maxLength: 1 }),
  fc.array(ipv4Option, { maxLength: 4 }),
).map(([routes, others]) => fitting([...routes, ...others], ipv4Bytes));

/** Headers of IPv4. @param payload the bytes that follow */
export function ipv4Header(payload: number, protocol = bits(8)): fc.Arbitrary<Ipv4Header> {
  const fields = fc.record({
    dscp: bits(6),
    ecn: bits(2),
    identification: bits(16),
    dontFragment: fc.boolean(),
    timeToLive: bits(8),
    protocol,
    source: ipv4Unicast,
    destination: word,
    options: ipv4Options,
  });
  return fields.map((header) => ({
    ...header,
    totalLength: 20 + ipv4Bytes(header.options) + payload,
    moreFragments: false,
    fragmentOffset: 0,
  }));
}

/** Headers of fragments of IPv4. @param payload the bytes that follow, a multiple of 8 */
export function ipv4Fragment(payload: number): fc.Arbitrary<Ipv4Header> {
  const place = fc.record({
    moreFragments: fc.boolean(),
    fragmentOffset: fc.integer({ min: 1, max: 8000 }).map((unit) => unit * 8),
  });
  return fc.tuple(ipv4Header(payload), place).map(([header, part]) => ({ ...header, ...part }));
}

/** Headers of IPv6. @param payloadLength the bytes that follow */
export function ipv6Header(
  payloadLength: number,
  nextHeader = bits(8),
): fc.Arbitrary<Ipv6Header> {
  return fc.record({
    dscp: bits(6),
    ecn: bits(2),
    flowLabel: bits(20),
    payloadLength: fc.constant(payloadLength),
    nextHeader,
    hopLimit: bits(8),
    source: ipv6Unicast,
    destination: ipv6,
  });
}

const ipv6Option: fc.Arbitrary<Ipv6Option> = fc.record({
  type: fc.oneof(fc.constantFrom(5, 0x1e, 0x3e), fc.integer({ min: 2, max: 255 })),
  data: fc.uint8Array({ maxLength: 20 }).map((data) => data.slice()),
});

/** Extension headers, in any order. */
export const ipv6Extensions: fc.Arbitrary<Ipv6Extension[]> = fc.array(
  fc.oneof(
    fc.record({
      header: fc.constantFrom("hop-by-hop" as const, "destination" as const),
      options: fc.array(ipv6Option, { maxLength: 4 }),
    }),
    fc.record({
      header: fc.constant("routing" as const),
      type: bits(8),
      segmentsLeft: bits(8),
      data: bytesOfSome(4, 12, 20, 36),
    }),
    fc.record({
      header: fc.constant("fragment" as const),
      offset: fc.constant(0),
      moreFragments: fc.boolean(),
      identification: word,
    }),
  ),
  { maxLength: 8 },
);

/** Headers of UDP. @param payload the bytes that follow */
export function udpHeader(payload: number): fc.Arbitrary<UdpHeader> {
  return fc.record({
    sourcePort: bits(16),
    destinationPort: port,
    length: fc.constant(8 + payload),
  });
}

const tcpOption: fc.Arbitrary<TcpOption> = fc.oneof(
  fc.constant({ option: "no-operation" } as const),
  fc.record({ option: fc.constant("maximum-segment" as const), bytes: bits(16) }),
  fc.record({ option: fc.constant("window-scale" as const), shift: bits(8) }),
  fc.constant({ option: "sack-permitted" } as const),
  fc.record({
    option: fc.constant("sack" as const),
    blocks: fc.array(fc.tuple(word, word), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ option: fc.constant("timestamps" as const), value: word, echo: word }),
  fc.record({
    option: fc.constant("user-timeout" as const),
    isMinutes: fc.boolean(),
    count: bits(15),
  }),
  fc.record({
    option: fc.constant("fast-open" as const),
    cookie: bytesOfSome(0, 4, 8, 10, 16),
  }),
  fc.record({
    option: fc.constant("accurate-ecn" as const),
    first: fc.constantFrom(0 as const, 1 as const),
    counters: fc.array(bits(24), { maxLength: 3 }),
  }),
  fc.record({
    option: fc.constant("unknown" as const),
    kind: fc.integer({ min: 2, max: 255 }),
    data: fc.uint8Array({ maxLength: 12 }).map((data) => data.slice()),
  }).filter(({ kind, data }) => !hasLengthOfKind(kind, data.length + 2)),
);

/** Options of TCP, in any order. */
export const tcpOptionList: fc.Arbitrary<TcpOption[]> = fc.array(tcpOption, { maxLength: 6 })
  .map((options) => fitting(options, tcpBytes));

/** Headers of TCP. */
export const tcpHeader: fc.Arbitrary<TcpHeader> = fc.record({
  sourcePort: port,
  destinationPort: port,
  sequence: word,
  acknowledgment: word,
  flags: bits(9),
  window: bits(16),
  urgentPointer: bits(16),
  options: tcpOptionList,
});
