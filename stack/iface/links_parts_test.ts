import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { describeInterface } from "./links_parts.ts";

const ETHERNET = { name: "eth0", kind: "ethernet", mac: 0x0200_0000_0001 } as const;

// covers RFC 1122 3.1 MUST
Deno.test("an interface forwards nothing, and hears its own frames, unless it is told to", () => {
  const usual = describeInterface(ETHERNET, 1, 0);
  assert(typeof usual !== "number");
  assertEquals([usual.isForwarding, usual.isPromiscuous, usual.mtu], [false, false, 1500]);
  const told = describeInterface({ ...ETHERNET, isForwarding: true, isPromiscuous: true }, 1, 0);
  assert(typeof told !== "number");
  assertEquals([told.isForwarding, told.isPromiscuous], [true, true]);
});

Deno.test("an address that no frame can come from, and an MTU that none fits, are EINVAL", () => {
  for (const wrong of [{ mac: 0 }, { mac: 0x0100_0000_0001 }, { mtu: 0 }, { mtu: 1 << 20 }]) {
    assertEquals(describeInterface({ ...ETHERNET, ...wrong }, 1, 0), -Errno.EINVAL);
  }
});
