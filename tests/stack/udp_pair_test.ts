import { assert, assertEquals } from "@std/assert";
import { FakeUser, int, pattern } from "../support/stack/fake_ip.ts";
import { ADDRESSES, ADDRESSES_6, type PairOptions, StackPair } from "../support/stack/pair.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";
import type { IpAddress } from "../../stack/ip/types.ts";
import { NO_OFFLOAD } from "../../stack/iface/types.ts";
import { ipv4Of, ipv6Of } from "../../stack/wire/mod.ts";
import type { SocketFamily } from "../../stack/types.ts";
import type { UdpSocket } from "../../stack/udp/mod.ts";

const { SOL_IP, SOL_SOCKET, IPPROTO_IPV6, IPPROTO_UDP } = SockOpt;
const ANY_6 = ipv6Of("::");

class World extends StackPair {
  readonly users: readonly [FakeUser, FakeUser];
  readonly #open: UdpSocket[] = [];

  constructor(options: PairOptions) {
    super(options);
    const [one, other] = this.stacks;
    this.users = [new FakeUser(one.environment), new FakeUser(other.environment)];
  }

  socket(which: 0 | 1, port = 0, family: SocketFamily = "ipv4"): UdpSocket {
    const made = this.stacks[which].udp.socket(family);
    assert(typeof made !== "number");
    this.#open.push(made);
    if (port > 0) assertEquals(made.bind(family === "ipv4" ? 0 : ANY_6, port, 0), 0);
    return made;
  }

  end(): void {
    for (const one of this.#open) one.close();
    this.run();
    // Long enough for neighbours and groups to be done with what they hold.
    this.run(20_000_000);
    this.verify();
  }
}

function withPair(body: (world: World) => void, options: PairOptions = {}): () => void {
  return () => {
    const world = new World(options);
    body(world);
    world.end();
  };
}

const to = (address: IpAddress, port: number) => ({ address, port });

Deno.test(
  "datagrams of every length cross a wire and back, over IPv4 and IPv6",
  withPair((world) => {
    for (const [family, addresses] of [["ipv4", ADDRESSES], ["ipv6", ADDRESSES_6]] as const) {
      const server = world.socket(1, 53, family);
      const client = world.socket(0, 4000, family);
      for (const length of [0, 1, 17, 18, 1400, 1472, 1473, 5000, 20000]) {
        assertEquals(world.users[0].send(client, length, to(addresses[1], 53)), length);
        world.run();
        const got = world.users[1].receive(server);
        assert(typeof got !== "number", `${length} bytes: ${got}`);
        assertEquals(got.data, pattern(length));
        assertEquals([got.info.source, got.info.port], [addresses[0], 4000]);
        assertEquals([got.info.destination, got.info.timeToLive], [addresses[1], 64]);
        world.users[1].send(server, got.data, to(got.info.source, got.info.port));
        world.run();
        const back = world.users[0].receive(client);
        assert(typeof back !== "number");
        assertEquals(back.data, pattern(length));
      }
      server.close();
      client.close();
    }
  }),
);

Deno.test(
  "a connected socket learns from the other host that nobody listens",
  withPair((world) => {
    for (const [family, addresses] of [["ipv4", ADDRESSES], ["ipv6", ADDRESSES_6]] as const) {
      const client = world.socket(0, 0, family);
      assertEquals(client.connect(addresses[1], 99, 0), 0);
      assertEquals(client.flow.local, addresses[0]);
      assertEquals(world.users[0].send(client, "x"), 1);
      world.run();
      assertEquals(world.users[0].receive(client), -Errno.ECONNREFUSED);
      assertEquals(world.users[0].receive(client), -Errno.EAGAIN);
    }
  }),
);

Deno.test(
  "a host that does not answer for its address is unreachable",
  withPair((world) => {
    const client = world.socket(0);
    assertEquals(client.connect(ipv4Of("10.0.0.77"), 99, 0), 0);
    assertEquals(world.users[0].send(client, "x"), 1);
    world.run(10_000_000);
    assertEquals(world.users[0].receive(client), -Errno.EAGAIN);
    assert(world.frames.length > 0);
  }),
);

Deno.test(
  "a stack talks to itself, by its own addresses and by loopback",
  withPair((world) => {
    const server = world.socket(0, 53, "ipv6");
    const client = world.socket(0, 0, "ipv6");
    const places: IpAddress[] = [
      ipv4Of("127.0.0.1"),
      ipv6Of("::1"),
      ADDRESSES[0],
      ADDRESSES_6[0],
    ];
    for (const place of places) {
      for (const length of [3, 1500, 9000]) {
        assertEquals(world.users[0].send(client, length, to(place, 53)), length);
        world.run();
        const got = world.users[0].receive(server);
        assert(typeof got !== "number");
        assertEquals(got.data, pattern(length));
        assertEquals(got.info.destination, place);
      }
    }
    assertEquals(world.frames, []);
  }),
);

Deno.test(
  "members of a group on another host hear it, and only they",
  withPair((world) => {
    const group = ipv4Of("239.1.2.3");
    const request = new Uint8Array(12);
    new DataView(request.buffer).setInt32(0, group);
    request[8] = world.links[1];
    const member = world.socket(1, 53);
    assertEquals(member.setOption(SOL_IP, SockOpt.IP_ADD_MEMBERSHIP, request), 0);
    world.run();
    const client = world.socket(0);
    assertEquals(world.users[0].send(client, "group", to(group, 53)), 5);
    world.run();
    assertEquals(world.users[1].text(member), "group");
    assertEquals(member.setOption(SOL_IP, SockOpt.IP_DROP_MEMBERSHIP, request), 0);
    world.users[0].send(client, "group", to(group, 53));
    world.run();
    assertEquals(world.users[1].text(member), -Errno.EAGAIN);
  }),
);

Deno.test(
  "members of a group of IPv6 hear it, also on the sending host",
  withPair((world) => {
    const group = ipv6Of("ff15::7");
    const members = ([0, 1] as const).map((which) => {
      const request = new Uint8Array(20);
      group.forEach((word, at) => new DataView(request.buffer).setInt32(4 * at, word));
      request[16] = world.links[which];
      const member = world.socket(which, 53, "ipv6");
      assertEquals(member.setOption(IPPROTO_IPV6, SockOpt.IPV6_ADD_MEMBERSHIP, request), 0);
      return member;
    });
    world.run();
    const client = world.socket(0, 0, "ipv6");
    world.users[0].send(client, "six", to(group, 53));
    world.run();
    assertEquals(members.map((one, which) => world.users[which].text(one)), ["six", "six"]);
    client.setOption(IPPROTO_IPV6, SockOpt.IPV6_MULTICAST_LOOP, int(0));
    world.users[0].send(client, "away", to(group, 53));
    world.run();
    assertEquals(members.map((one, which) => world.users[which].text(one)), [
      -Errno.EAGAIN,
      "away",
    ]);
  }),
);

Deno.test(
  "everybody hears what is for everybody",
  withPair((world) => {
    const everybody = ipv4Of("10.0.0.255");
    const server = world.socket(1, 53);
    const client = world.socket(0);
    assertEquals(world.users[0].send(client, "x", to(everybody, 53)), -Errno.EACCES);
    client.setOption(SOL_SOCKET, SockOpt.SO_BROADCAST, int(1));
    for (const place of [everybody, -1]) {
      assertEquals(world.users[0].send(client, "all", to(place, 53)), 3);
      world.run();
      assertEquals(world.users[1].text(server), "all");
    }
  }),
);

for (const segmentationBytes of [0, 65535]) {
  Deno.test(
    `buffers are cut into datagrams and received as one, offload ${segmentationBytes}`,
    withPair((world) => {
      for (const [family, addresses] of [["ipv4", ADDRESSES], ["ipv6", ADDRESSES_6]] as const) {
        const server = world.socket(1, 53, family);
        const client = world.socket(0, 0, family);
        const parameters = { ...to(addresses[1], 53), segmentBytes: 1200 };
        assertEquals(world.users[0].send(client, 5000, parameters), 5000);
        world.run();
        const lengths = [0, 1, 2, 3, 4].map(() => {
          const got = world.users[1].receive(server);
          assert(typeof got !== "number");
          return got.data.length;
        });
        assertEquals(lengths, [1200, 1200, 1200, 1200, 200]);
        server.setOption(IPPROTO_UDP, SockOpt.UDP_GRO, int(1));
        world.users[0].send(client, 5000, parameters);
        world.run();
        const got = world.users[1].receive(server);
        assert(typeof got !== "number");
        assertEquals([got.data.length, got.info.segmentBytes], [5000, 1200]);
        assertEquals(got.data, pattern(5000));
        server.close();
      }
      const longest = Math.max(...world.frames.map(({ bytes }) => bytes.length));
      assert(segmentationBytes === 0 ? longest <= 1514 : longest > 5000);
    }, { offload: { checksum: segmentationBytes > 0, segmentationBytes } }),
  );
}

Deno.test(
  "a stack that takes packets apart in software sends what another one takes for datagrams",
  withPair((world) => {
    const server = world.socket(1, 53);
    const client = world.socket(0);
    client.setOption(IPPROTO_UDP, SockOpt.UDP_SEGMENT, int(100));
    assertEquals(world.users[0].send(client, 950, to(ADDRESSES[1], 53)), 950);
    world.run();
    const seen: Uint8Array[] = [];
    for (;;) {
      const got = world.users[1].receive(server);
      if (typeof got === "number") break;
      seen.push(got.data);
    }
    assertEquals(seen.map((data) => data.length), [...new Array(9).fill(100), 50]);
    assertEquals(new Uint8Array(seen.flatMap((data) => [...data])), pattern(950));
    assertEquals(world.stacks[1].counters.snapshot().udp.DROPPED_CHECKSUM, 0);
  }, { offload: NO_OFFLOAD }),
);

Deno.test(
  "datagrams that were one buffer have identifications of their own, as have those after them",
  withPair((world) => {
    const client = world.socket(0);
    client.setOption(SOL_IP, SockOpt.IP_MTU_DISCOVER, int(0));
    for (let count = 0; count < 20; count++) {
      const parameters = { ...to(ADDRESSES[1], 53), segmentBytes: 100 };
      assertEquals(world.users[0].send(client, 1000, parameters), 1000);
      world.run();
    }
    const ids = world.frames.filter(({ from, bytes }) => from === 0 && bytes[23] === 17)
      .map(({ bytes }) => bytes[18] << 8 | bytes[19]);
    assert(ids.length >= 190);
    assertEquals(new Set(ids).size, ids.length);
  }),
);

// covers RFC 6437 3 SHOULD
Deno.test(
  "datagrams to different ports of one host have different flow labels",
  withPair((world) => {
    const client = world.socket(0, 4000, "ipv6");
    const ports = [53, 53, 54, 53];
    for (const port of ports) world.users[0].send(client, "label", to(ADDRESSES_6[1], port));
    world.run();
    const labels = world.frames.filter(({ from, bytes }) => from === 0 && bytes[20] === 17)
      .map(({ bytes }) => (bytes[15] & 15) << 16 | bytes[16] << 8 | bytes[17]);
    assertEquals(labels.length, 4);
    assertEquals([labels[0] === labels[1], labels[0] === labels[3]], [true, true]);
    assert(labels[0] !== labels[2]);
  }),
);

Deno.test(
  "routers may not take apart what is sent by default, but the sender does",
  withPair((world) => {
    const server = world.socket(1, 53);
    const client = world.socket(0);
    const isDontFragment = (discovery: number | null, length: number) => {
      if (discovery !== null) client.setOption(SOL_IP, SockOpt.IP_MTU_DISCOVER, int(discovery));
      world.frames.length = 0;
      assertEquals(world.users[0].send(client, length, to(ADDRESSES[1], 53)), length);
      world.run();
      assertEquals(server.available, length);
      world.users[1].receive(server);
      const last = world.frames.filter(({ from, bytes }) => from === 0 && bytes[12] === 8).at(-1)!;
      return (last.bytes[20] & 0x40) !== 0;
    };
    assertEquals([isDontFragment(null, 10), isDontFragment(null, 3000)], [true, false]);
    assertEquals([isDontFragment(0, 10), isDontFragment(2, 10)], [false, true]);
  }),
);

Deno.test(
  "what may not be taken apart and is too long is refused",
  withPair((world) => {
    const client = world.socket(0);
    client.setOption(SOL_IP, SockOpt.IP_MTU_DISCOVER, int(2));
    assertEquals(world.users[0].send(client, 1473, to(ADDRESSES[1], 53)), -Errno.EMSGSIZE);
    assertEquals(world.users[0].send(client, 1472, to(ADDRESSES[1], 53)), 1472);
    client.setOption(SOL_IP, SockOpt.IP_MTU_DISCOVER, int(0));
    assertEquals(world.users[0].send(client, 1473, to(ADDRESSES[1], 53)), 1473);
  }),
);
