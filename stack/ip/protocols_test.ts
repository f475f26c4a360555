import { assertEquals, assertThrows } from "@std/assert";
import { Protocols } from "./protocols.ts";

const protocolOf = (protocol: number) => ({ protocol, receive: () => {}, onError: () => {} });

Deno.test("a protocol is known by its number until it is forgotten", () => {
  const protocols = new Protocols();
  const custom = protocolOf(200);
  protocols.register(custom);
  assertEquals([protocols.get(200) === custom, protocols.get(201)], [true, null]);
  assertEquals([protocols.unregister(200), protocols.unregister(200)], [true, false]);
  assertEquals(protocols.get(200), null);
});

Deno.test("numbers that are none, or taken, are refused", () => {
  const protocols = new Protocols();
  protocols.register(protocolOf(0));
  protocols.register(protocolOf(255));
  for (const number of [-1, 256, 1.5]) {
    assertThrows(() => protocols.register(protocolOf(number)), RangeError, `${number}`);
  }
  for (const number of [255, 1, 2, 58]) {
    assertThrows(() => protocols.register(protocolOf(number)), RangeError, "registered already");
  }
});
