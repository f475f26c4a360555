import { assert, assertEquals, assertThrows } from "@std/assert";
import { int } from "../support/stack/fake_ip.ts";
import { at, PROTOCOL, withPair } from "../support/stack/raw_world.ts";
import { ADDRESSES, ADDRESSES_6 } from "../support/stack/pair.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import { ipv4Of } from "../../stack/wire/mod.ts";
import type { PacketView } from "../../stack/raw/mod.ts";
import type { RawWorld } from "../support/stack/raw_world.ts";

function custom(world: RawWorld, processPacket: (packet: PacketView) => unknown): void {
  world.stacks[1].registerTransportProtocol(PROTOCOL, {
    // deno-lint-ignore no-explicit-any
    processPacket: processPacket as any,
  });
}

Deno.test(
  "a custom protocol sees packets, and answers",
  withPair((world) => {
    let seen: Record<string, unknown> = {};
    custom(world, (packet) => {
      const { source, destination, protocol, timeToLive, typeOfService, length } = packet;
      seen = { source, destination, protocol, timeToLive, typeOfService, length };
      return { reply: packet.copy().reverse() };
    });
    for (const [family, addresses] of [["ipv4", ADDRESSES], ["ipv6", ADDRESSES_6]] as const) {
      const client = world.raw(0, PROTOCOL, family);
      world.users[0].send(client, "abc", { ...at(addresses[1]), timeToLive: 9, typeOfService: 4 });
      world.run();
      assertEquals(seen, {
        source: addresses[0],
        destination: addresses[1],
        protocol: PROTOCOL,
        timeToLive: 9,
        typeOfService: 4,
        length: 3,
      });
      const got = world.users[0].receive(client);
      assert(typeof got !== "number");
      assertEquals(new TextDecoder().decode(got.data.slice(-3)), "cba");
      assertEquals(got.info.source, addresses[1]);
    }
    assertEquals([world.counts(1).CUSTOM_RECEIVED, world.counts(1).CUSTOM_REPLIED], [2, 2]);
  }),
);

// covers RFC 1122 3.2.1.3 MUST
Deno.test(
  "a custom protocol answers what was for everybody from its host's own address",
  withPair((world) => {
    custom(world, () => ({ reply: Uint8Array.of(7) }));
    const client = world.raw(0, PROTOCOL);
    client.setOption(SockOpt.SOL_SOCKET, SockOpt.SO_BROADCAST, int(1));
    assertEquals(world.users[0].send(client, "who?", at(ipv4Of("10.0.0.255"))), 4);
    world.run();
    const answers: unknown[] = [];
    for (;;) {
      const got = world.users[0].receive(client);
      if (typeof got === "number") break;
      if (got.data[20] === 7) answers.push(got.info.source);
    }
    assertEquals(answers, [ADDRESSES[1]]);
  }),
);

Deno.test(
  "a custom protocol drops, accepts, or forwards to a raw socket",
  withPair((world) => {
    const target = world.raw(1, 200);
    const actions: unknown[] = ["drop", "accept", { forward: target }];
    custom(world, () => actions.shift());
    const client = world.raw(0, PROTOCOL);
    for (const text of ["one", "two", "three"]) {
      world.users[0].send(client, text, at(ADDRESSES[1]));
      world.run();
    }
    const got = world.users[1].receive(target);
    assert(typeof got !== "number");
    assertEquals(new TextDecoder().decode(got.data.slice(20)), "three");
    const { DROPPED_CUSTOM, CUSTOM_FORWARDED, DROPPED_CUSTOM_FAILED } = world.counts(1);
    assertEquals([DROPPED_CUSTOM, CUSTOM_FORWARDED, DROPPED_CUSTOM_FAILED], [1, 1, 0]);
  }),
);

Deno.test(
  "a custom protocol that throws or answers nonsense ends nothing, and a kept view shows nothing",
  withPair((world) => {
    const kept: PacketView[] = [];
    const failures: ((packet: PacketView) => unknown)[] = [
      () => {
        throw new Error("a program's mistake");
      },
      () => undefined,
      () => ({ reply: "text" }),
      () => ({ forward: null }),
      (packet) => packet.byteAt(3),
      (packet) => {
        kept.push(packet);
        assertEquals(packet.byteAt(2), 0x63);
        return "accept";
      },
    ];
    custom(world, (packet) => failures.shift()?.(packet));
    const client = world.raw(0, PROTOCOL);
    for (let count = 0; count < 6; count++) {
      world.users[0].send(client, "abc", at(ADDRESSES[1]));
      world.run();
    }
    assertEquals(world.counts(1).DROPPED_CUSTOM_FAILED, 5);
    assertThrows(() => kept[0].byteAt(0), TypeError, "for the call");
    assertThrows(() => kept[0].copy(), TypeError);
    assertThrows(() => kept[0].timeToLive, TypeError);
  }),
);

Deno.test(
  "numbers of protocols that are somebody's cannot be had, and can be given back",
  withPair((world) => {
    const { customProtocols } = world.stacks[1];
    const handler = { processPacket: () => "drop" as const };
    for (const taken of [1, 2, 6, 17, 44, 58, -1, 256]) {
      assertThrows(() => customProtocols.register(taken, handler), RangeError);
    }
    customProtocols.register(PROTOCOL, handler);
    assertThrows(() => customProtocols.register(PROTOCOL, handler), RangeError);
    assert(customProtocols.unregister(PROTOCOL));
    assert(!customProtocols.unregister(PROTOCOL));
    assert(!customProtocols.unregister(17));
    customProtocols.register(PROTOCOL, handler);
  }),
);
