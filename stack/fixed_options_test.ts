import { assertEquals } from "@std/assert";
import { SockOpt } from "../ring/abi/opcodes.ts";
import { fixedOption } from "./fixed_options.ts";

Deno.test("nobody is at the other end of a network's socket", () => {
  const value = fixedOption(SockOpt.SOL_SOCKET, 17, false)!;
  assertEquals([...new Int32Array(value.buffer)], [0, -1, -1]);
});

Deno.test("streams show the hops of groups, which they cannot join", () => {
  const { SOL_IP, IP_MULTICAST_TTL } = SockOpt;
  assertEquals(fixedOption(SOL_IP, IP_MULTICAST_TTL, true), Uint8Array.of(1, 0, 0, 0));
  assertEquals(fixedOption(SOL_IP, IP_MULTICAST_TTL, false), undefined);
});
