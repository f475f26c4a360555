import { assert, assertEquals, assertThrows } from "@std/assert";
import { ipv6Of } from "./addresses.ts";
import { Fault, faultName } from "./fault.ts";
import * as extensions from "./ipv6_extensions.ts";
import { PacketBytes } from "./packet_bytes.ts";
import { ipv6Extensions } from "../../tests/support/stack/wire/arbitraries.ts";
import { fuzz } from "../../tests/support/stack/wire/fuzz.ts";
import { type Golden, golden, goldens, IP_AT } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";

const AT = IP_AT + 40;

function listGolden(tshark: Golden): extensions.Ipv6Extensions {
  const { packets, bytes, name } = tshark;
  const next = tshark.number("ipv6.nxt");
  assertEquals(extensions.check(packets, AT, bytes.length - AT, next), Fault.NONE, name);
  return extensions.parse(packets, AT, next);
}

Deno.test("golden extension headers are listed, and written the same", () => {
  const names = ["destination_options", "fragment_first", "fragment_last", "hop_by_hop", "routing"];
  for (const tshark of [...names.map((name) => golden(`ipv6_${name}`)), golden("mldv2_report")]) {
    const listed = listGolden(tshark);
    const { packets, name } = tshark;
    packets.bytes.fill(0xa5, AT, AT + listed.bytes);
    const bytes = extensions.emit(packets, AT, listed.extensions, listed.protocol);
    assertEquals(bytes, listed.bytes);
    assertEquals(packets.bytes, tshark.bytes, name);
    const first = extensions.firstHeader(listed.extensions, listed.protocol);
    assertEquals(first, tshark.number("ipv6.nxt"));
  }
});

Deno.test("golden extension headers mean what tshark sees", () => {
  const alert = { header: "hop-by-hop", options: [{ type: 5, data: new Uint8Array(2) }] };
  for (const tshark of goldens("mld")) {
    assertEquals(listGolden(tshark), { extensions: [alert], protocol: 58, bytes: 8 } as never);
  }
  const options = golden("ipv6_destination_options");
  const data = Uint8Array.fromHex(options.value("ipv6.opt.experimental").replaceAll(":", ""));
  const header = { header: "destination", options: [{ type: 0x1e, data }] };
  assertEquals(listGolden(options), { extensions: [header], protocol: 17, bytes: 8 } as never);
  const routing = golden("ipv6_routing");
  const [listed] = listGolden(routing).extensions;
  assert(listed.header === "routing");
  assertEquals([listed.type, listed.segmentsLeft], [4, 1]);
  const first = PacketBytes.copyOf(listed.data).view;
  const words = [4, 8, 12, 16].map((at) => first.getInt32(at));
  assertEquals(words, [...ipv6Of(routing.value("ipv6.routing.srh.addr"))]);
  const fragment = golden("ipv6_fragment_last");
  assertEquals(listGolden(fragment).extensions, [{
    header: "fragment",
    offset: 8 * fragment.number("ipv6.fraghdr.offset"),
    moreFragments: false,
    identification: fragment.number("ipv6.fraghdr.ident") | 0,
  }]);
});

Deno.test("extension headers survive the wire", () => {
  const first = (list: readonly extensions.Ipv6Extension[]) => extensions.firstHeader(list, 59);
  let next = 0;
  assertRoundTrips(ipv6Extensions, {
    emit(packets, at, list) {
      next = first(list);
      return extensions.emit(packets, at, list, 59);
    },
    parse(packets, at, length) {
      const { extensions: list, bytes, protocol } = extensions.parse(packets, at, next);
      assertEquals([bytes, protocol], [length, 59]);
      return [...list];
    },
    check: (packets, at, length) => extensions.check(packets, at, length, next),
    emittedBytes: extensions.emittedBytes,
  });
});

Deno.test("padding fills a header up to units of 8 bytes, in the shortest way", () => {
  const emit = (length: number) => {
    const packets = PacketBytes.copyOf(Array(24).fill(0xff));
    const options = [{ type: 0x1e, data: new Uint8Array(length) }];
    const bytes = extensions.emit(packets, 0, [{ header: "destination", options }], 59);
    return [...packets.bytes.subarray(4 + length, bytes)];
  };
  assertEquals(emit(4), []);
  assertEquals(emit(3), [0]);
  assertEquals(emit(2), [1, 0]);
  assertEquals(emit(0), [1, 2, 0, 0]);
  assertEquals(emit(5), [1, 5, 0, 0, 0, 0, 0]);
});

Deno.test("padding between options stays where it is", () => {
  const [data, none] = [new Uint8Array([1, 2]), new Uint8Array()];
  const options = [{ type: 0, data: none }, { type: 0x1e, data }, { type: 1, data: none }];
  const list = [{ header: "hop-by-hop" as const, options: [...options, { type: 0x3e, data }] }];
  const packets = PacketBytes.copyOf(Array(24).fill(0xff));
  const bytes = extensions.emit(packets, 0, list, 59);
  const expected = [59, 1, 0, 0x1e, 2, 1, 2, 1, 0, 0x3e, 2, 1, 2, 1, 1, 0];
  assertEquals([...packets.bytes.subarray(0, bytes)], expected);
  assertEquals(extensions.parse(packets, 0, 0).extensions, list);
});

Deno.test("a list has a limit, as the walk of a host has", () => {
  const headers = Array(9).fill([60, 0, 1, 4, 0, 0, 0, 0]).flat();
  const packets = PacketBytes.copyOf(headers);
  packets.bytes[56] = 59;
  assertEquals(extensions.check(packets, 0, 64, 60), Fault.NONE);
  packets.bytes[56] = 60;
  assertEquals(extensions.check(packets, 0, 72, 60), Fault.IPV6_TOO_MANY_EXTENSIONS);
});

Deno.test("data that do not fill a routing header are refused", () => {
  const packets = new PacketBytes(new ArrayBuffer(64));
  const routing = { header: "routing", type: 4, segmentsLeft: 0 } as const;
  assertThrows(
    () => extensions.emit(packets, 0, [{ ...routing, data: new Uint8Array(5) }], 59),
    RangeError,
    "9 bytes",
  );
});

Deno.test("what a later fragment begins with is no header", () => {
  const later = [60, 0, 0, 8, 0, 0, 0, 1, 0xff, 0xff];
  const packets = PacketBytes.copyOf(later);
  assertEquals(extensions.check(packets, 0, 10, 44), Fault.NONE);
  const { extensions: list, protocol, bytes } = extensions.parse(packets, 0, 44);
  assertEquals([list.length, protocol, bytes], [1, 60, 8]);
  packets.view.setUint16(2, 0xfff8);
  assertEquals(extensions.check(packets, 0, 10, 44), Fault.NONE);
});

Deno.test("whatever arrives can be listed or has a fault", () => {
  for (const next of [0, 43, 44, 60]) {
    const { good, faults } = fuzz({
      seeds: goldens("ipv6").filter((tshark) => tshark.number("ipv6.nxt") === next).concat(
        golden("ipv6_hop_by_hop"),
      ).map(({ bytes }) => ({ bytes: bytes.subarray(AT, AT + 60), at: 0 })),
      check: (packets, at, length) => extensions.check(packets, at, length, next),
      read(packets, at, length) {
        assert(extensions.parse(packets, at, next).bytes <= length);
      },
    });
    assert(good > 100);
    assert(faults.has("IPV6_EXTENSION_TRUNCATED"), [...faults].join());
    assert(next !== 0 || faults.has("IPV6_OPTION_LENGTH"), faultName(0));
  }
});
