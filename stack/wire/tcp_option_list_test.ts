import { assertEquals, assertThrows } from "@std/assert";
import { PacketBytes } from "./packet_bytes.ts";
import { emitOptions, optionsBytes, parseOptions } from "./tcp_option_list.ts";
import { tcpOptionList } from "../../tests/support/stack/wire/arbitraries.ts";
import { golden } from "../../tests/support/stack/wire/golden.ts";
import { assertRoundTrips } from "../../tests/support/stack/wire/round_trip.ts";

Deno.test("the options of a golden SYN are listed in their order", () => {
  const tshark = golden("tcp_syn");
  const at = tshark.at("tcp.srcport") + 20;
  assertEquals(parseOptions(tshark.packets, at, tshark.number("tcp.hdr_len") - 20), [
    { option: "maximum-segment", bytes: tshark.number("tcp.options.mss_val") },
    { option: "sack-permitted" },
    {
      option: "timestamps",
      value: tshark.number("tcp.options.timestamp.tsval") | 0,
      echo: tshark.number("tcp.options.timestamp.tsecr") | 0,
    },
    { option: "no-operation" },
    { option: "window-scale", shift: tshark.number("tcp.options.wscale.shift") },
  ]);
});

Deno.test("MPTCP is listed as unknown, with its bytes", () => {
  const tshark = golden("tcp_mptcp");
  const at = tshark.at("tcp.srcport") + 20;
  const list = parseOptions(tshark.packets, at, tshark.number("tcp.hdr_len") - 20);
  assertEquals(list.at(-1), { option: "unknown", kind: 30, data: new Uint8Array([1, 1]) });
});

Deno.test("lists survive the wire, in any order", () => {
  assertRoundTrips(tcpOptionList, {
    emit: emitOptions,
    parse: parseOptions,
    emittedBytes: optionsBytes,
  });
});

Deno.test("a list ends where an option is cut off", () => {
  const list = (...bytes: number[]) => parseOptions(PacketBytes.copyOf(bytes), 0, bytes.length);
  assertEquals(list(4, 2, 8, 10), [{ option: "sack-permitted" }]);
  assertEquals(list(4, 2, 8, 0), [{ option: "sack-permitted" }]);
  assertEquals(list(4, 2, 1, 8), [{ option: "sack-permitted" }, { option: "no-operation" }]);
  assertEquals(list(0, 4, 2, 1), []);
});

Deno.test("more options than a header has room for are refused", () => {
  const times = { option: "timestamps", value: 0, echo: 0 } as const;
  const packets = new PacketBytes(new ArrayBuffer(64));
  assertEquals(emitOptions(packets, 0, Array(4).fill(times)), 40);
  assertThrows(() => emitOptions(packets, 0, Array(5).fill(times)), RangeError, "52 bytes");
});
