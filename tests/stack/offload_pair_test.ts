import { assert, assertEquals } from "@std/assert";
import { FakeUser } from "../support/stack/fake_ip.ts";
import { ADDRESSES, ADDRESSES_6, StackPair } from "../support/stack/pair.ts";
import { Errno } from "../../ring/abi/errno.ts";
import type { StreamStackSocket } from "../../stack/socket.ts";
import type { IpAddress } from "../../stack/ip/types.ts";
import { ipv6Of } from "../../stack/wire/mod.ts";
import type { PortOffload } from "../../stack/iface/types.ts";

const CHUNK = 60_000;

function byteAt(offset: number): number {
  return offset * 31 + (offset >> 9) & 255;
}

/** Sends a stream from the first stack to the second. @returns what the second one counted */
function transfer(pair: StackPair, address: IpAddress, total: number) {
  const [one, other] = pair.stacks;
  const [from, into] = [new FakeUser(one.environment), new FakeUser(other.environment)];
  const family = typeof address === "number" ? "ipv4" : "ipv6";
  const listener = other.streamSocket(family) as StreamStackSocket;
  assertEquals(listener.bind(family === "ipv4" ? 0 : ipv6Of("::"), 80, 0), 0);
  assertEquals(listener.listen(4), 0);
  const client = one.streamSocket(family) as StreamStackSocket;
  assertEquals(client.connect(address, 80, 0), -Errno.EINPROGRESS);
  pair.run();
  const server = listener.accept() as StreamStackSocket;
  assert(typeof server !== "number");
  let [sent, received] = [0, 0];
  for (let turn = 0; received < total && turn < 5000; turn++) {
    const length = Math.min(CHUNK, total - sent);
    if (length > 0) {
      for (let at = 0; at < length; at++) from.bytes[at] = byteAt(sent + at);
      const count = client.send(from, 0, length, 0);
      if (count > 0) sent += count;
      else assertEquals(count, -Errno.EAGAIN);
    }
    pair.run();
    for (;;) {
      const count = server.receive(into, 0, CHUNK, 0);
      if (count <= 0) break;
      for (let at = 0; at < count; at++) assertEquals(into.bytes[at], byteAt(received + at));
      received += count;
    }
  }
  assertEquals(received, total);
  for (const socket of [client, server, listener]) socket.abort();
  pair.run(20_000_000);
  pair.verify();
  return other.counters.snapshot();
}

const NO_SEGMENTATION: PortOffload = { checksum: false, segmentationBytes: 0 };
const WHOLE: PortOffload = { checksum: true, segmentationBytes: 65535 };

for (const [name, address] of [["IPv4", ADDRESSES[1]], ["IPv6", ADDRESSES_6[1]]] as const) {
  Deno.test(`a stream over ${name} is received in coalesced segments, and is the same`, () => {
    const pair = new StackPair({ offload: NO_SEGMENTATION });
    const { offload, tcp } = transfer(pair, address, 400_000);
    assert(offload.COALESCED > 150, `${offload.COALESCED} segments were coalesced`);
    assertEquals(tcp.DROPPED_CHECKSUM, 0);
    assert(pair.frames.every(({ bytes }) => bytes.length <= 1514));
  });

  Deno.test(`a stream over ${name} crosses a port that takes packets apart itself`, () => {
    const pair = new StackPair({ offload: WHOLE });
    const { tcp } = transfer(pair, address, 400_000);
    assertEquals(tcp.DROPPED_CHECKSUM, 0);
    assert(pair.frames.some(({ bytes }) => bytes.length > 10_000));
  });

  Deno.test(`a stream over ${name} is the same when frames are lost between coalesced ones`, () => {
    let count = 0;
    const pair = new StackPair({ passes: (frame) => frame.length < 1000 || ++count % 40 !== 0 });
    const { offload } = transfer(pair, address, 200_000);
    assert(offload.COALESCED > 50);
  });
}

for (const offload of [NO_SEGMENTATION, WHOLE]) {
  const how = offload === WHOLE ? "with" : "without";
  Deno.test(`a stream crosses a link too narrow for the shortest segments, ${how} offload`, () => {
    const pair = new StackPair({ offload, mtu: 68 });
    const { ip, tcp } = transfer(pair, ADDRESSES[1], 5000);
    assert(ip.REASSEMBLED > 90, `${ip.REASSEMBLED} segments were put together`);
    assertEquals(tcp.DROPPED_CHECKSUM, 0);
    // IPv6 has longer ones.
    const ofIpv4 = pair.frames.filter(({ bytes }) => bytes[12] === 0x08);
    assert(ofIpv4.every(({ bytes }) => bytes.length <= 68 + 14));
  });
}
