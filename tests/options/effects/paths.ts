/**
 * What options have filters, routes, queues and other programs see.
 *
 * @module
 */

import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { effect, receiveBytes } from "../effect.ts";
import { NetError, type OptionName } from "../../../mod.ts";

const COUNT = { programs: ["nft"] };
const UNPRIVILEGED = {
  programs: ["setpriv"],
  under: ["setpriv", "--bounding-set=-net_admin,-net_raw"],
};

effect("mark is what filters know the packets by", COUNT, async (t) => {
  const marked = await t.count("meta mark 0x80000007");
  await t.pair();
  assertEquals(await marked(), 0);
  const { client, server } = await t.pair({ connect: { mark: 0x8000_0007 } });
  assertEquals(await client.getOption("mark"), 0x8000_0007);
  const handshake = await marked();
  assert(handshake >= 2, `${handshake} packets of the handshake`);
  await client.setOption("mark", 1);
  await client.send(new Uint8Array(10));
  await receiveBytes(server, 10);
  assertEquals(await marked(), handshake);
});

effect("priority is the class that queues know the packets by", COUNT, async (t) => {
  // nftables writes it as the handle of a class: 5 is 0:5, and 0x10020 is 1:20.
  const interactive = await t.count("meta priority 1:20");
  const { client, server } = await t.pair({ connect: { priority: 5 } });
  assertEquals(await interactive(), 0);
  await client.setOption("priority", 0x1_0020);
  assertEquals(await client.getOption("priority"), 0x1_0020);
  await client.send(new Uint8Array(10));
  await receiveBytes(server, 10);
  assert(await interactive() >= 1);
});

effect("device binds a listener to one interface", {}, async (t) => {
  await t.run("ip link add mill0 type veth peer name mill1");
  await t.run("ip addr add 10.213.0.1/24 dev mill0");
  await t.run("ip link set mill0 up");
  await t.run("ip link set mill1 up");
  const elsewhere = await t.capability.listen("0.0.0.0:0", { device: "mill0" });
  assertEquals(await elsewhere.getOption("device"), "mill0");
  const { port } = elsewhere.addr;
  const refused = await assertRejects(() => t.capability.connect(`127.0.0.1:${port}`));
  assert(refused instanceof NetError);
  assertEquals(refused.code, "ECONNREFUSED");
  // The port of the other interface is another one.
  const here = await t.capability.listen(`0.0.0.0:${port}`, { device: "lo" });
  const accepting = here.accept();
  const client = await t.capability.connect(`127.0.0.1:${port}`, { device: "lo" });
  assertEquals(await client.getOption("device"), "lo");
  const server = await accepting;
  await client.send(new Uint8Array(10));
  await receiveBytes(server, 10);
  await client.setOption("device", "");
  assertEquals(await client.getOption("device"), "");
  const missing = await assertRejects(() => client.setOption("device", "mill9"), Error, "mill9");
  assert(missing instanceof NetError);
  assertEquals(missing.code, "ENODEV");
});

effect("congestionControl is the algorithm that ss shows", { programs: ["ss"] }, async (t) => {
  const { client, endpoint } = await t.pair({ connect: { congestionControl: "reno" } });
  const shown = () => t.run(`ss -tinH dport = :${endpoint.addr.port}`);
  assert(/\breno\b/.test(await shown()), await shown());
  await client.setOption("congestionControl", "cubic");
  assert(/\bcubic\b/.test(await shown()), await shown());
  const unknown = () => client.setOption("congestionControl", "warp");
  const error = await assertRejects(unknown, Deno.errors.NotFound, "warp");
  assert(error instanceof NetError);
  assertEquals(error.code, "ENOENT");
});

effect("notSentLowWaterBytes keeps what waits in the socket small", {}, async (t) => {
  const waiting: number[] = [];
  for (const notSentLowWaterBytes of [16_384, 0]) {
    const { client } = await t.pair({
      listen: { receiveBufferBytes: 8192 },
      connect: { notSentLowWaterBytes, sendBufferBytes: 2_000_000 },
    });
    // Nobody reads: it goes until the socket takes no more.
    await client.send(new Uint8Array(30_000_000), { timeoutMs: 500 }).catch(() => {});
    waiting.push((await client.info()).notSentBytes!);
    await client.close();
  }
  const [small, large] = waiting;
  assert(small < 400_000 && large > 1_000_000, `${small} bytes with it, ${large} without`);
});

effect("sendBufferBytes bounds what the socket takes", {}, async (t) => {
  const taken: number[] = [];
  for (const sendBufferBytes of [20_000, 1_000_000]) {
    const { client } = await t.pair({
      listen: { receiveBufferBytes: 8192 },
      connect: { sendBufferBytes },
    });
    await client.send(new Uint8Array(30_000_000), { timeoutMs: 500 }).catch(() => {});
    const { notSentBytes } = await client.info();
    taken.push(notSentBytes!);
    await client.close();
  }
  assert(taken[0] < 100_000 && taken[1] > 400_000, `${taken} bytes`);
});

effect("incomingCpu tells at which processor packets arrive", {}, async (t) => {
  const { client, server } = await t.pair();
  await client.send(new Uint8Array(10));
  await receiveBytes(server, 10);
  const cpu = await server.getOption("incomingCpu");
  assert(cpu >= 0 && cpu < navigator.hardwareConcurrency, `processor ${cpu}`);
});

/** Processors of a group that shares a port are looked at since Linux 6.2. */
function steeringObstacle(): string {
  if (navigator.hardwareConcurrency < 2) return "needs two processors";
  const [major, minor] = Deno.osRelease().split(".").map(Number);
  return major > 6 || (major === 6 && minor >= 2) ? "" : "needs Linux 6.2";
}

effect(
  "incomingCpu brings connections to the endpoint of their processor, of those that share a port",
  { programs: ["taskset", "bash"], obstacle: steeringObstacle },
  async (t) => {
    const first = await t.capability.listen("127.0.0.1:0", { reusePort: true, incomingCpu: 0 });
    const second = await t.capability.listen(first.addr, { reusePort: true, incomingCpu: 1 });
    const endpoints = [first, second];
    // What is sent over loopback arrives at the processor that sends it.
    for (const cpu of [0, 1, 1, 0, 1, 0, 0, 1]) {
      assertEquals(await endpoints[cpu].getOption("incomingCpu"), cpu);
      const accepting = endpoints[cpu].accept();
      const connect = `exec 3<>/dev/tcp/127.0.0.1/${first.addr.port}`;
      await t.run(["taskset", "-c", String(cpu), "bash", "-c", connect]);
      await (await accepting).close();
    }
    const accepted = endpoints.map((endpoint) => endpoint.stats().accepted);
    assertEquals(accepted, [4, 4]);
  },
);

effect("busyPollMicroseconds and zeroCopy read back as they were set", {}, async (t) => {
  const { client, server } = await t.pair({
    connect: { busyPollMicroseconds: 25, zeroCopy: true },
  });
  assertEquals(await client.getOption("busyPollMicroseconds"), 25);
  assertEquals(await client.getOption("zeroCopy"), true);
  assertEquals(await server.getOption("zeroCopy"), false);
});

effect("ipv6Only leaves the port of IPv4 to others", {}, async (t) => {
  const endpoint = await t.capability.listen("[::]:0", { ipv6Only: true });
  const { port } = endpoint.addr;
  const refused = await assertRejects(() => t.capability.connect(`127.0.0.1:${port}`));
  assert(refused instanceof NetError);
  assertEquals(refused.code, "ECONNREFUSED");
  const other = await t.capability.listen(`0.0.0.0:${port}`);
  const accepting = other.accept();
  await t.capability.connect(`127.0.0.1:${port}`);
  assertEquals((await accepting).remoteAddr.hostname, "127.0.0.1");
});

effect(
  "options that ask for a privilege are EPERM without it, and name it",
  UNPRIVILEGED,
  async (t) => {
    const { client } = await t.pair();
    const wrong: [OptionName, unknown][] = [
      ["mark", 7],
      ["priority", 7],
    ];
    for (const [name, value] of wrong) {
      const set = () => client.setOption(name as "mark", value as number);
      const error = await assertRejects(set, Deno.errors.PermissionDenied, name, name);
      assert(error instanceof NetError);
      assertEquals(error.code, "EPERM");
      assert(error.message.includes("CAP_NET_ADMIN"), error.message);
    }
    await client.setOption("priority", 6);
    // Binding to an interface asks for none, changing it does.
    await client.setOption("device", "lo");
    const unbind = () => client.setOption("device", "");
    const error = await assertRejects(unbind, Deno.errors.PermissionDenied, "CAP_NET_RAW");
    assertInstanceOf(error, Error);
    const connecting = t.capability.connect("127.0.0.1:1", { mark: 7 });
    const denied = await assertRejects(() => connecting, Deno.errors.PermissionDenied, "mark");
    assert(denied instanceof NetError);
    assertEquals(denied.operation, "connect");
  },
);
