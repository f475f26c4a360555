import { assert, assertEquals, assertRejects } from "@std/assert";
import { assertNoLeaks, countDescriptors, settleBaseline } from "./leaks.ts";
import { skipUnless } from "./skip.ts";

const ZERO = { sockets: 0, inFlight: 0, leases: 0 };

Deno.test("a body that closes what it opens passes", async () => {
  await assertNoLeaks(async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    using _client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    using _server = await listener.accept();
  }, () => ZERO);
});

Deno.test("a counter that is not zero fails by its name", async () => {
  await assertRejects(
    () => assertNoLeaks(() => {}, () => ({ ...ZERO, leases: 2 })),
    Error,
    "stats().leases",
  );
});

Deno.test("counters get time to settle", async () => {
  let looks = 0;
  await assertNoLeaks(() => {}, () => ({ ...ZERO, inFlight: looks++ < 3 ? 1 : 0 }));
  assertEquals(looks, 4);
});

Deno.test(
  skipUnless("an open socket fails by its kind", Deno.build.os === "linux", "needs /proc"),
  async () => {
    const opened: Deno.Listener[] = [];
    await assertRejects(
      () =>
        assertNoLeaks(() => {
          opened.push(Deno.listen({ hostname: "127.0.0.1", port: 0 }));
        }),
      Error,
      "socket",
    );
    for (const listener of opened) listener.close();
  },
);

Deno.test(
  skipUnless("a first Deno.Command is no leak", Deno.build.os === "linux", "needs /proc"),
  async () => {
    await settleBaseline();
    const before = countDescriptors();
    await assertNoLeaks(async () => {
      await new Deno.Command(Deno.execPath(), { args: ["--version"], stdout: "null" }).output();
    });
    assert((before["socket"] ?? 0) > 0);
  },
);
