import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { RING, steerTo, withPair } from "../../tests/support/stack/shards.ts";
import { RawEndpoint } from "../raw/raw.ts";
import { NetError } from "../errors.ts";
import { createPipe, NetworkStack } from "./mod.ts";

Deno.test("when the Worker of one shard ends, whatever waits on any of them does", () =>
  // A Worker that ends by itself leaves its waits to Deno: no leaks can be looked for.
  withPair(true, async ({ many, one }) => {
    const text = "export default { processPacket() {" +
      'setTimeout(() => { throw new Error("enough") }); return "accept" } }';
    await many.registerTransportProtocol(253, new URL(`data:text/javascript,${text}`));
    await steerTo(many, true, 1);
    const server = many.capability({ ring: RING, shard: 0 });
    const endpoint = await server.listen("10.0.0.1:80");
    const accepting = endpoint.accept();
    const client = await one.capability({ ring: RING }).connect("10.0.0.1:80");
    const accepted = await accepting;
    const idle = many.capability({ ring: RING, shard: 2 });
    const waits = [
      accepted.receive(),
      idle.bind("10.0.0.1:53").then((socket) => socket.receive()),
      accepted.send(new Uint8Array(4 << 20)),
    ];
    const outcomes = Promise.allSettled(waits);
    const rights = { raw: true, connect: true, listen: true };
    const raw = await RawEndpoint.open(253, one.capability({ ring: RING, rights }));
    await raw.send(Uint8Array.of(1), "10.0.0.1");
    for (const { status } of await outcomes) assertEquals(status, "rejected");
    const late = await assertRejects(() => many.info());
    assert(late instanceof NetError && late.code === "EIO", `${late}`);
    await raw.close();
    await client.close();
  }));

for (const worker of [false, true]) {
  const title = `what cannot be had of shards is said in words [${worker ? "Workers" : "isolate"}]`;
  Deno.test(title, async () => {
    for (const shards of [0, 65, 1.5]) {
      await assertRejects(() => NetworkStack.start({ worker, shards }), TypeError, "stack.shards");
    }
    const [left] = createPipe();
    const ports = [{ port: left, addresses: ["300.1.1.1/24"] }];
    const refused = await assertRejects(() => NetworkStack.start({ worker, shards: 2, ports }));
    assert(`${refused}`.includes("300.1.1.1"), `${refused}`);
    await using many = await NetworkStack.start({ worker, shards: 2 });
    assertThrows(() => many.capability({ shard: 2 }), RangeError, "shard must be 0 to 1");
    const capturing = await assertRejects(() => many.capture("/nowhere/at/all"));
    assert(capturing instanceof NetError && capturing.code === "EINVAL", `${capturing}`);
    const nothing = new URL("data:text/javascript,export default 5");
    const wrong = await assertRejects(() => many.configureFlowDirector(nothing));
    assert(wrong instanceof NetError && wrong.code === "EINVAL", `${wrong}`);
    if (worker) {
      const rule = () => "default" as const;
      await assertRejects(() => many.configureFlowDirector(rule), TypeError, "URL of a module");
    }
    await using one = await NetworkStack.start({ worker });
    const alone = await assertRejects(() => one.configureFlowDirector(null));
    assert(alone instanceof NetError && alone.code === "ENOTSUP", `${alone}`);
  });
}
