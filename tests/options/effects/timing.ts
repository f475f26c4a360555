/**
 * When options have packets sent, connections given up, and connections accepted.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { Capture, effect, type Pair, receiveBytes } from "../effect.ts";
import { dataTo, isSyn, isSynAck, type Packet, TcpOption } from "../packet.ts";
import { NetError } from "../../../mod.ts";

const CAPTURE = { programs: ["tcpdump"] };
const CAPTURE_AND_DROP = { programs: ["tcpdump", "nft"] };
const DROP = { programs: ["nft"] };
const FAST_OPEN = { programs: ["tcpdump", "sysctl"] };

/** Linux delays an acknowledgement by this at least (`TCP_DELACK_MIN`). */
const DELAYED_MICROSECONDS = 40_000;

/** Keepalive probes: segments without data, one byte behind what was sent last. */
function probesTo({ endpoint }: Pair, next: number): (packet: Packet) => boolean {
  return ({ toPort, length, sequence, flags }) =>
    toPort === endpoint.addr.port && length === 0 && flags === "A" && sequence === next - 1;
}

effect(
  "keepAlive probes an idle peer, and gives it up after as many probes as it says",
  CAPTURE_AND_DROP,
  async (t) => {
    await using capture = await Capture.start();
    const keepAlive = { idleSeconds: 1, intervalSeconds: 1, count: 3 };
    const pair = await t.pair({ connect: { keepAlive } });
    assertEquals(await pair.client.getOption("keepAlive"), keepAlive);
    const syn = await capture.find("the SYN", isSyn);
    const isProbe = probesTo(pair, syn.sequence + 1);
    const probe = await capture.find("a probe", isProbe);
    const idle = probe.atMicroseconds - syn.atMicroseconds;
    assert(idle >= 900_000, `probed after ${idle} microseconds`);
    // The peer has answered so far; now it is cut off.
    const receiving = pair.client.receive();
    await t.drop(pair.endpoint.addr.port);
    const answered = capture.packets.filter(isProbe).length;
    const error = await assertRejects(() => receiving);
    assert(error instanceof NetError);
    assertEquals(error.code, "ETIMEDOUT");
    assertInstanceOf(error, Deno.errors.TimedOut);
    const probes = await capture.findMany("probes", answered + keepAlive.count, isProbe);
    for (let index = answered + 1; index < probes.length; index++) {
      const gap = probes[index].atMicroseconds - probes[index - 1].atMicroseconds;
      assert(gap >= 900_000, `probed again after ${gap} microseconds`);
    }
    const late = capture.packets.filter(isProbe).length - answered;
    assert(late <= keepAlive.count + 1, `${late} probes without an answer`);
  },
);

effect("userTimeoutMs gives up what is not acknowledged in time", DROP, async (t) => {
  const pair = await t.pair({ connect: { userTimeoutMs: 600 } });
  await t.drop(pair.endpoint.addr.port);
  const before = performance.now();
  await pair.client.send(new Uint8Array(100));
  const error = await assertRejects(() => pair.client.receive());
  assert(error instanceof NetError);
  assertEquals(error.code, "ETIMEDOUT");
  // Without it Linux tries for a quarter of an hour.
  const elapsedMs = performance.now() - before;
  assert(elapsedMs >= 500 && elapsedMs < 20_000, `${elapsedMs} ms`);
});

/** Sends a byte. @returns how long its acknowledgement took, in microseconds */
async function acknowledged(capture: Capture, pair: Pair, length: number): Promise<number> {
  const { client, server, endpoint: { addr: { port } } } = pair;
  await client.send(new Uint8Array(length));
  await receiveBytes(server, length);
  const isData = dataTo(port);
  const data = await capture.find("data", (packet) => isData(packet) && packet.length === length);
  const answer = await capture.find(
    "its acknowledgement",
    ({ fromPort, atMicroseconds }) => fromPort === port && atMicroseconds > data.atMicroseconds,
  );
  return answer.atMicroseconds - data.atMicroseconds;
}

effect("quickAck acknowledges at once, and not so without it", CAPTURE, async (t) => {
  await using capture = await Capture.start();
  const pair = await t.pair();
  await pair.server.setOption("quickAck", false);
  const delayed = await acknowledged(capture, pair, 11);
  await pair.server.setOption("quickAck", true);
  const quick = await acknowledged(capture, pair, 12);
  assert(delayed >= DELAYED_MICROSECONDS * 0.9, `${delayed} microseconds without quickAck`);
  assert(quick < delayed / 2, `${quick} microseconds with quickAck, ${delayed} without`);
});

effect("noDelay sends small segments at once, and Nagle waits without it", CAPTURE, async (t) => {
  await using capture = await Capture.start();
  const gaps: number[] = [];
  for (const noDelay of [true, false]) {
    const { client, server, endpoint } = await t.pair({ connect: { noDelay } });
    // An acknowledgement that comes at once would let the second segment go at once.
    await server.setOption("quickAck", false);
    await client.send(new Uint8Array(1));
    await client.send(new Uint8Array(2));
    await receiveBytes(server, 3);
    const isData = dataTo(endpoint.addr.port);
    const [first, second] = await capture.findMany("data", 2, isData);
    assertEquals([first.length, second.length], [1, 2]);
    gaps.push(second.atMicroseconds - first.atMicroseconds);
  }
  assert(gaps[1] >= DELAYED_MICROSECONDS * 0.9, `${gaps[1]} microseconds with Nagle`);
  assert(gaps[0] < gaps[1] / 2, `${gaps[0]} microseconds without, ${gaps[1]} with Nagle`);
});

effect("deferAcceptSeconds accepts a connection when its first bytes come", {}, async (t) => {
  const deferring = await t.capability.listen("127.0.0.1:0", { deferAcceptSeconds: 10 });
  // Linux counts in retransmissions, after 1, 3, 7, 15 ... seconds.
  assertEquals(await deferring.getOption("deferAcceptSeconds"), 15);
  let isAccepted = false;
  const accepting = deferring.accept().then((stream) => {
    isAccepted = true;
    return stream;
  });
  const silent = await t.capability.connect(deferring.addr);
  assertEquals((await silent.info()).state, "established");
  // Another endpoint's accept takes its whole way meanwhile.
  for (let round = 0; round < 3; round++) {
    const { client, server } = await t.pair();
    await client.send(new Uint8Array(1));
    await receiveBytes(server, 1);
  }
  assertEquals(isAccepted, false);
  await silent.send(new Uint8Array(5));
  await receiveBytes(await accepting, 5);
});

effect("fastOpen sends data with the SYN from the second connection on", FAST_OPEN, async (t) => {
  await t.run("sysctl -w net.ipv4.tcp_fastopen=3");
  await using capture = await Capture.start();
  const endpoint = await t.capability.listen("127.0.0.1:0", { fastOpen: 16 });
  assertEquals(await endpoint.getOption("fastOpen"), 16);
  for (const isFirst of [true, false]) {
    const accepting = endpoint.accept();
    const client = await t.capability.connect(endpoint.addr, { fastOpen: 1 });
    assertEquals(await client.getOption("fastOpen"), 1);
    assertEquals((await client.info()).state, isFirst ? "established" : "syn-sent");
    await client.send(new Uint8Array(77));
    const server = await accepting;
    await receiveBytes(server, 77);
    await server.send(new Uint8Array(5));
    await receiveBytes(client, 5);
    const { features } = await client.info();
    assertEquals(features.synData, !isFirst);
    await client.close();
    await server.close();
  }
  const [first, second] = await capture.findMany("SYNs", 2, isSyn);
  assertEquals([first.length, second.length], [0, 77]);
  const cookies = [first, second].map(({ options }) => options.get(TcpOption.FAST_OPEN)!.length);
  assertEquals(cookies[0], 0, "a cookie is asked for");
  assert(cookies[1] >= 4, "and brought");
  const [answer] = await capture.findMany("answers", 2, isSynAck);
  assertEquals(answer.options.get(TcpOption.FAST_OPEN)!.length, cookies[1]);
});

effect("fastOpen is ENOTSUP where the system has it off", FAST_OPEN, async (t) => {
  await t.run("sysctl -w net.ipv4.tcp_fastopen=0");
  const endpoint = await t.capability.listen("127.0.0.1:0");
  const connecting = t.capability.connect(endpoint.addr, { fastOpen: 1 });
  const error = await assertRejects(() => connecting, Deno.errors.NotSupported, "fastOpen");
  assert(error instanceof NetError);
  assertEquals([error.code, error.operation], ["ENOTSUP", "connect"]);
});
