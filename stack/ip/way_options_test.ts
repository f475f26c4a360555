import { assertEquals } from "@std/assert";
import type { Ipv4Option } from "../wire/ipv4_options.ts";
import { ipv4Of } from "../wire/addresses.ts";
import {
  ETH,
  FAR,
  IpHarness,
  OTHER_ETH,
  OTHER_PEER,
  OURS,
  OURS_OTHER,
  pattern,
  PEER,
} from "../../tests/support/stack/ip.ts";
import { ipv4Packet, readIpv4 } from "../../tests/support/stack/ip_packets.ts";
import { IP_OPTIONS } from "./options.ts";

const DATA = pattern(40);
const NOON = 43_200_000;

/** What a router makes of an option that passes it. */
function pass(option: Ipv4Option, timeOfDay: (() => number) | null = () => NOON): Ipv4Option {
  const harness = new IpHarness({ icmp: { ...IP_OPTIONS.icmp, timeOfDay } });
  harness.link(ETH).isForwarding = true;
  harness.link(OTHER_ETH).isForwarding = true;
  harness.advance(5_000_000);
  harness.give(ipv4Packet(DATA, { source: PEER, destination: OTHER_PEER, options: [option] }));
  const header = readIpv4(harness.takeOne());
  assertEquals([header.payload, header.timeToLive], [DATA, 63]);
  harness.assertClean();
  return header.options[0];
}

// covers RFC 1812 5.3.13.4 MUST
Deno.test("a router writes itself into a record route, as long as there is room", () => {
  const option = "record-route";
  assertEquals(pass({ option, pointer: 8, addresses: [FAR, 0, 0] }), {
    ...{ option, pointer: 12, addresses: [FAR, OURS_OTHER, 0] },
  });
  const full = { option, pointer: 8, addresses: [FAR] } as const;
  assertEquals(pass(full), full);
});

// covers RFC 1812 5.3.13.5 MUST
Deno.test("a router writes the time into a timestamp, as it is asked for", () => {
  const option = "timestamp";
  assertEquals(pass({ option, pointer: 5, overflow: 0, flag: 0, words: [0, 0] }), {
    ...{ option, pointer: 9, overflow: 0, flag: 0, words: [NOON, 0] },
  });
  assertEquals(pass({ option, pointer: 5, overflow: 0, flag: 1, words: [0, 0] }), {
    ...{ option, pointer: 13, overflow: 0, flag: 1, words: [OURS_OTHER, NOON] },
  });
  const given = { option, pointer: 5, overflow: 0, flag: 3 } as const;
  assertEquals(pass({ ...given, words: [OURS, 0] }), {
    ...{ ...given, pointer: 13, words: [OURS, NOON] },
  });
  const others = { ...given, words: [ipv4Of("10.9.8.7"), 0] };
  assertEquals(pass(others), others);
});

Deno.test("a router for which there is no room in a timestamp is counted", () => {
  const full = { option: "timestamp", pointer: 9, overflow: 14, flag: 0, words: [1] } as const;
  assertEquals(pass(full), { ...full, overflow: 15 });
  assertEquals(pass({ ...full, overflow: 15 }), { ...full, overflow: 15 });
});

Deno.test("a router without the time of day says so", () => {
  const option = { option: "timestamp", pointer: 5, overflow: 0, flag: 0, words: [0] } as const;
  assertEquals(pass(option, null), { ...option, pointer: 9, words: [0x8000_0000 + 5000 | 0] });
});
