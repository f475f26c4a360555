/**
 * What options put into the headers of packets.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { Capture, effect, type Pair, receiveBytes } from "../effect.ts";
import { dataTo, isSyn, isSynAck, type Packet, TcpOption } from "../packet.ts";

const CAPTURE = { programs: ["tcpdump"] };

/** Sends some bytes from the client. @returns the segment that they were in */
async function sendSeen(capture: Capture, pair: Pair, length: number): Promise<Packet> {
  const { client, server, endpoint } = pair;
  await client.send(new Uint8Array(length));
  await receiveBytes(server, length);
  const isData = dataTo(endpoint.addr.port);
  return await capture.find("the data", (packet) => isData(packet) && packet.length === length);
}

effect("timeToLive is the TTL of every packet, the SYN among them", CAPTURE, async (t) => {
  await using capture = await Capture.start();
  const pair = await t.pair({ listen: { timeToLive: 21 }, connect: { timeToLive: 33 } });
  assertEquals((await capture.find("the SYN", isSyn)).hops, 33);
  assertEquals((await capture.find("its answer", isSynAck)).hops, 21);
  assertEquals(await pair.server.getOption("timeToLive"), 21);
  await pair.client.setOption("timeToLive", 44);
  assertEquals((await sendSeen(capture, pair, 10)).hops, 44);
});

effect("hopLimit is the hop limit of every IPv6 packet", CAPTURE, async (t) => {
  await using capture = await Capture.start();
  const pair = await t.pair({ host: "[::1]", connect: { hopLimit: 33 } });
  const syn = await capture.find("the SYN", isSyn);
  assertEquals([syn.version, syn.hops], [6, 33]);
  await pair.client.setOption("hopLimit", 44);
  assertEquals((await sendSeen(capture, pair, 10)).hops, 44);
});

effect("typeOfService puts its DSCP bits into every IPv4 packet", CAPTURE, async (t) => {
  await using capture = await Capture.start();
  const [expedited, bulk] = [0xb8, 0x20];
  const pair = await t.pair({
    listen: { typeOfService: bulk },
    connect: { typeOfService: expedited },
  });
  assertEquals((await capture.find("the SYN", isSyn)).trafficClass, expedited);
  assertEquals((await capture.find("its answer", isSynAck)).trafficClass, bulk);
  assertEquals((await sendSeen(capture, pair, 10)).trafficClass & ~3, expedited);
  await pair.client.setOption("typeOfService", bulk);
  assertEquals((await sendSeen(capture, pair, 11)).trafficClass & ~3, bulk);
});

effect("trafficClass puts its DSCP bits into every IPv6 packet", CAPTURE, async (t) => {
  await using capture = await Capture.start();
  const pair = await t.pair({ host: "[::1]", connect: { trafficClass: 0xb8 } });
  assertEquals((await capture.find("the SYN", isSyn)).trafficClass, 0xb8);
  await pair.client.setOption("trafficClass", 0x20);
  assertEquals((await sendSeen(capture, pair, 10)).trafficClass & ~3, 0x20);
});

effect("a stream that came to [::] over IPv4 has a timeToLive", CAPTURE, async (t) => {
  await using capture = await Capture.start();
  const endpoint = await t.capability.listen("[::]:0", { ipv6Only: false });
  assertEquals(await endpoint.getOption("ipv6Only"), false);
  const accepting = endpoint.accept();
  const client = await t.capability.connect(`127.0.0.1:${endpoint.addr.port}`);
  const server = await accepting;
  await server.setOption("timeToLive", 55);
  await server.setOption("typeOfService", 0x20);
  assertEquals(await server.getOption("timeToLive"), 55);
  await server.send(new Uint8Array(10));
  await receiveBytes(client, 10);
  const isData = dataTo(client.localAddr.port);
  const data = await capture.find("the data", isData);
  assertEquals([data.version, data.hops, data.trafficClass & ~3], [4, 55, 0x20]);
});

effect("mtuDiscovery decides on the DF bit", CAPTURE, async (t) => {
  await using capture = await Capture.start();
  const pair = await t.pair({ connect: { mtuDiscovery: "dont" } });
  assertEquals((await capture.find("the SYN", isSyn)).isWhole, false);
  const ways = [["do", true], ["dont", false], ["want", true], ["probe", false]] as const;
  for (const [index, [way, isWhole]] of ways.entries()) {
    await pair.client.setOption("mtuDiscovery", way);
    assertEquals((await sendSeen(capture, pair, 10 + index)).isWhole, isWhole, way);
  }
});

effect("maxSegmentBytes is announced, and segments keep to it", CAPTURE, async (t) => {
  await using capture = await Capture.start();
  const pair = await t.pair({
    listen: { maxSegmentBytes: 1100 },
    connect: { maxSegmentBytes: 900 },
  });
  const announced = ({ options }: Packet) => {
    const [high, low] = options.get(TcpOption.MAX_SEGMENT)!;
    return high << 8 | low;
  };
  assertEquals(announced(await capture.find("the SYN", isSyn)), 900);
  assertEquals(announced(await capture.find("its answer", isSynAck)), 1100);
  const { sendSegmentBytes, advertisedSegmentBytes } = await pair.client.info();
  assertEquals(advertisedSegmentBytes <= 900, true, `${advertisedSegmentBytes}`);
  assertEquals(sendSegmentBytes <= 900, true, `${sendSegmentBytes}`);
});

effect("receiveBufferBytes of connect() and listen() decides on the window", CAPTURE, async (t) => {
  const scales: number[][] = [];
  for (const receiveBufferBytes of [4096, 200_000]) {
    await using capture = await Capture.start();
    const { client, server } = await t.pair({
      listen: { receiveBufferBytes },
      connect: { receiveBufferBytes },
    });
    const scaleOf = ({ options }: Packet) => options.get(TcpOption.WINDOW_SCALE)![0];
    const scale = scaleOf(await capture.find("the SYN", isSyn));
    const answer = scaleOf(await capture.find("its answer", isSynAck));
    assertEquals((await client.info()).receiveWindowScale, scale);
    assertEquals((await server.info()).receiveWindowScale, answer);
    scales.push([scale, answer]);
  }
  assertEquals(scales[0], [0, 0]);
  assert(scales[1][0] > 0 && scales[1][1] > 0, `scales ${scales[1]}`);
});

effect("cork holds back what does not fill a segment until it is taken off", CAPTURE, async (t) => {
  await using capture = await Capture.start();
  const pair = await t.pair({ connect: { cork: true } });
  const { client, server, endpoint } = pair;
  await client.send(new Uint8Array(10));
  await client.send(new Uint8Array(20));
  assertEquals((await client.info()).notSentBytes, 30);
  await client.setOption("cork", false);
  await receiveBytes(server, 30);
  const data = await capture.find("the data", dataTo(endpoint.addr.port));
  assertEquals(data.length, 30);
  assert(data.flags.includes("P"));
  // Without it each send is a segment.
  assertEquals((await sendSeen(capture, pair, 3)).length, 3);
});

effect("lingerSeconds of 0 resets where otherwise the stream would end", CAPTURE, async (t) => {
  await using capture = await Capture.start();
  const usual = await t.pair();
  const reset = await t.pair();
  const [usualPort, resetPort] = [usual, reset].map(({ endpoint }) => endpoint.addr.port);
  await reset.client.setOption("lingerSeconds", 0);
  assertEquals(await reset.client.getOption("lingerSeconds"), 0);
  await reset.client.close();
  await usual.client.close();
  const last = await capture.find(
    "an end",
    ({ toPort, flags }) => toPort === usualPort && flags.includes("F"),
  );
  assert(!last.flags.includes("R"));
  const resets = capture.packets.filter(({ toPort, flags }) =>
    toPort === resetPort && flags.includes("R")
  );
  assertEquals(resets.length, 1);
  const ends = capture.packets.filter(({ toPort, flags }) =>
    toPort === resetPort && flags.includes("F")
  );
  assertEquals(ends.length, 0);
});
