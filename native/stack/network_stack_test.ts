import { assert, assertEquals, assertRejects } from "@std/assert";
import { assertNoLeaks } from "../../tests/support/leaks.ts";
import { assertNoWorkerLeaks } from "../../tests/support/workers.ts";
import { createPipe, NetworkStack } from "./mod.ts";
import type { NetworkCapability } from "../capability.ts";
import { NetError } from "../errors.ts";

const MEBIBYTE = 1 << 20;
const RING = { entries: 256, slots: 1024, buffers: { count: 256 }, arenaBytes: 8 * MEBIBYTE };

/** Registers a test for stacks in this isolate, and in Workers. */
function testStacks(name: string, body: (worker: boolean) => Promise<void>): void {
  Deno.test(`${name} [isolate]`, () => assertNoLeaks(() => body(false)));
  Deno.test(`${name} [Workers]`, () => assertNoWorkerLeaks(() => body(true)));
}

/** Bytes through a connection, there and back. */
async function echo(
  client: NetworkCapability,
  server: NetworkCapability,
  address: string,
  bytes: number,
): Promise<void> {
  await using endpoint = await server.listen(address);
  const accepting = endpoint.accept();
  const stream = await client.connect(address);
  const accepted = await accepting;
  const data = Uint8Array.from({ length: bytes }, (_, index) => index * 7);
  const sending = stream.send(data).then(() => stream.closeWrite());
  let at = 0;
  for await (const lease of accepted.receiveMany()) {
    assertEquals(lease.bytes, data.subarray(at, at + lease.length));
    at += lease.length;
  }
  assertEquals(at, bytes);
  await sending;
  await accepted.send(data.subarray(0, 10));
  await accepted.close();
  using lease = (await stream.receive())!;
  assertEquals(lease.length, 10);
  await stream.close();
}

testStacks("two stacks talk over a pipe, both families", async (worker) => {
  const [left, right] = createPipe();
  await using one = await NetworkStack.start({
    worker,
    ports: [{ port: left, addresses: ["10.0.0.1/24", "fd00::1/64"] }],
  });
  await using two = await NetworkStack.start({
    worker,
    ports: [{ port: right, addresses: ["10.0.0.2/24", "fd00::2/64"] }],
  });
  const client = one.capability({ ring: RING });
  const server = two.capability({ ring: RING });
  await echo(client, server, "10.0.0.2:80", MEBIBYTE);
});

testStacks("interfaces come, change and go while the stack runs", async (worker) => {
  const [left] = createPipe({ mtu: 1400 });
  await using stack = await NetworkStack.start({ worker, hostname: "me" });
  const added = await stack.addInterface({ port: left, name: "wan", mac: "02:00:00:00:00:07" });
  await added.setIpAddress("192.168.1.10/24");
  await added.setIpAddress("192.168.1.11/24");
  const info = await (await stack.getInterface("wan")).info();
  assertEquals([info.mac, info.mtu, info.isUp], ["02:00:00:00:00:07", 1400, true]);
  const addresses = info.addresses.filter(({ origin }) => origin === "static");
  assertEquals(addresses.map(({ address }) => address), ["192.168.1.11/24"]);
  await stack.routes.add({ destination: "0.0.0.0/0", gateway: "192.168.1.1" });
  const routes = await stack.routes.list();
  const route = routes.find(({ destination }) => destination === "0.0.0.0/0")!;
  assertEquals([route.gateway, route.interface, route.origin], ["192.168.1.1", "wan", "static"]);
  await stack.routes.remove({ destination: "0.0.0.0/0", gateway: "192.168.1.1" });
  assert(!(await stack.routes.list()).some(({ destination }) => destination === "0.0.0.0/0"));
  await added.down();
  assertEquals((await added.info()).isUp, false);
  await added.remove();
  const gone = await assertRejects(() => stack.getInterface("wan"));
  assert(gone instanceof NetError && gone.code === "ENODEV", `${gone}`);
});

testStacks("events tell of what happens, and statistics count it", async (worker) => {
  await using stack = await NetworkStack.start({ worker });
  const events = stack.subscribe(["address-added"]);
  const heard = (async () => {
    for await (const event of events) if (event.address === "192.0.2.1") return event;
    return undefined;
  })();
  const [left] = createPipe();
  const eth0 = await stack.addInterface({ port: left, autoconfigure: false });
  await eth0.setIpAddress("192.0.2.1/24");
  assertEquals((await heard)?.interface, "eth0");
  assertEquals((await events.next()).done, true);
  const { link, ports } = await stack.statistics();
  assert(typeof link.SENT === "number");
  assert((ports as Record<string, unknown>).eth0 !== null);
});

testStacks("what is wrong with a request is said in words", async (worker) => {
  await using stack = await NetworkStack.start({ worker });
  const lo = await stack.getInterface("lo");
  const wrong = [
    lo.setIpAddress("300.1.1.1/24"),
    lo.setMtu(1),
    stack.routes.add({ destination: "10.0.0.0/8" }),
    stack.addInterface({ port: "nothing" as never }),
  ];
  for (const outcome of await Promise.allSettled(wrong)) {
    assert(outcome.status === "rejected");
    const error = outcome.reason;
    assert(error instanceof NetError && error.code === "EINVAL", `${error}`);
  }
  await assertRejects(
    () => NetworkStack.start({ worker, nonsense: 1 } as never),
    TypeError,
    "nonsense",
  );
});

testStacks("names are those of the stack's configuration", async (worker) => {
  await using stack = await NetworkStack.start({
    worker,
    hosts: { "one.example": ["192.0.2.1", "2001:db8::1"] },
  });
  const capability = stack.capability({ ring: RING });
  const found = await capability.resolve("one.example");
  assertEquals(found.map(({ host }) => host), ["192.0.2.1", "2001:db8::1"]);
  const local = await capability.resolve("localhost", { family: "IPv4" });
  assertEquals(local.map(({ host }) => host), ["127.0.0.1"]);
  const error = await assertRejects(() => capability.resolve("nobody.example"));
  assert(error instanceof NetError && error.code === "ENOENT", `${error}`);
});

testStacks("what was sent is delivered although the stack is stopped at once", async (worker) => {
  const [left, right] = createPipe();
  const one = await NetworkStack.start({
    worker,
    ports: [{ port: left, addresses: ["10.0.0.1/24"] }],
  });
  await using two = await NetworkStack.start({
    worker,
    ports: [{ port: right, addresses: ["10.0.0.2/24"] }],
  });
  const server = two.capability({ ring: RING });
  await using endpoint = await server.listen("10.0.0.2:80");
  const accepting = endpoint.accept();
  const stream = await one.capability({ ring: RING }).connect("10.0.0.2:80");
  await using accepted = await accepting;
  await stream.send(new Uint8Array(100_000));
  await stream.close();
  const stopping = one.stop();
  let count = 0;
  for await (const lease of accepted.receiveMany()) count += lease.length;
  assertEquals(count, 100_000);
  await stopping;
});
