import { assert, assertEquals, assertThrows } from "@std/assert";
import { ipv6Of } from "./addresses.ts";
import { faultName } from "./fault.ts";
import * as options from "./ndp_options.ts";
import { PacketBytes } from "./packet_bytes.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { golden, goldens, IP_AT } from "../../tests/support/stack/wire/golden.ts";

function parse(...bytes: number[]): options.NdpOption[] {
  const packets = PacketBytes.copyOf(bytes);
  assertEquals(faultName(options.checkOptions(packets, 0, bytes.length)), "NONE");
  return options.parseOptions(packets, 0, bytes.length);
}

const zeros = (count: number) => Array(count).fill(0);

Deno.test("a route's prefix may be cut off where only zeros follow", () => {
  const route = (prefixLength: number, units: number, ...prefix: number[]) =>
    parse(24, units, prefixLength, 0b11000, 0, 0, 0, 9, ...prefix)[0];
  const expected = (prefixLength: number, prefix: string) => ({
    option: "route-information" as const,
    prefix: ipv6Of(prefix),
    prefixLength,
    preference: options.Preference.LOW,
    lifetime: 9,
  });
  assertEquals(route(0, 1), expected(0, "::"));
  assertEquals(route(0, 2, ...zeros(8)), expected(0, "::"));
  assertEquals(route(48, 2, 0x20, 1, ...zeros(6)), expected(48, "2001::"));
  assertEquals(route(128, 3, 0x20, 1, ...zeros(13), 1), expected(128, "2001::1"));
  // RFC 4191 section 2.3: the length must fit the prefix.
  assertEquals(route(1, 1).option, "unknown");
  assertEquals(route(65, 2, ...zeros(8)).option, "unknown");
  assertEquals(route(129, 3, ...zeros(16)).option, "unknown");
  assertEquals(route(64, 4, ...zeros(24)).option, "unknown");
});

Deno.test("an option whose length is not one of its type is unknown", () => {
  for (const type of [1, 2, 5]) {
    assertEquals(parse(type, 2, ...zeros(14))[0], {
      option: "unknown",
      type,
      data: new Uint8Array(14),
    });
  }
  assertEquals(parse(3, 3, ...zeros(22))[0].option, "unknown");
  assertEquals(parse(25, 1, ...zeros(6))[0].option, "unknown");
  assertEquals(parse(25, 4, ...zeros(30))[0].option, "unknown");
  assertEquals(parse(25, 3, ...zeros(22))[0].option, "dns-servers");
});

// covers RFC 4861 4.6 MUST
Deno.test("an option is found by its type", () => {
  const bytes = [5, 1, ...zeros(6), 1, 1, 2, 0, 0, 0, 0, 7, 2, 2, ...zeros(14)];
  const packets = PacketBytes.copyOf(bytes);
  const find = (type: number) => options.findOption(packets, 0, bytes.length, type);
  assertEquals([find(5), find(1), find(2), find(3)], [0, 8, 16, -1]);
  assertEquals(options.linkLayerAddress(packets, find(1)), 0x020000000007);
  assertEquals(options.linkLayerAddress(PacketBytes.copyOf(bytes.slice(8)), 0), 0x020000000007);
  // The address of another kind of link, and none at all.
  assertEquals(options.linkLayerAddress(packets, find(2)), -1);
  assertEquals(options.linkLayerAddress(packets, find(3)), -1);
});

Deno.test("options that fill no whole units are refused", () => {
  const packets = new PacketBytes(new ArrayBuffer(4096));
  const emit = (option: options.NdpOption) => options.emitOptions(packets, 0, [option]);
  assertThrows(() => emit({ option: "nonce", nonce: new Uint8Array(7) }), RangeError, "nonce");
  assertThrows(() => emit({ option: "unknown", type: 9, data: new Uint8Array(8) }), RangeError);
  const packet = new Uint8Array(2040);
  assertThrows(() => emit({ option: "redirected-header", packet }), RangeError, "2048 bytes");
  assertEquals(emit({ option: "redirected-header", packet: packet.subarray(8) }), 2040);
});

Deno.test("whatever arrives is options or has a fault", () => {
  const { good, faults } = fuzz({
    seeds: goldens("ndp").filter((tshark) => tshark.has("icmpv6.opt.type")).map((tshark) => ({
      bytes: tshark.bytes.subarray(tshark.at("icmpv6.opt.type")),
      at: 0,
    })),
    starts: [[], [24, 2], [25, 3], [3, 4], [4, 2], [14, 1]],
    check: (packets, at, length) => options.checkOptions(packets, at, at + length),
    read(packets, at, length) {
      const list = options.parseOptions(packets, at, at + length);
      assert(options.optionsBytes(list) <= length);
      for (let type = 0; type < 256; type++) {
        const found = options.findOption(packets, at, at + length, type);
        options.linkLayerAddress(packets, found);
      }
    },
  });
  assert(good > 100 && faults.has("NDP_OPTION_LENGTH"));
  assert(golden("ndp_redirect").at("icmpv6.opt.type") > IP_AT);
});
