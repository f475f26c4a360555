import { assertEquals } from "@std/assert";
import { testOnBackends } from "../support/backends.ts";

testOnBackends("a rateLimiter that throws refuses, and its error is told", async (capability) => {
  const errors: unknown[] = [];
  const onError = (event: ErrorEvent) => {
    event.preventDefault();
    errors.push(event.error);
  };
  globalThis.addEventListener("error", onError);
  try {
    const mistake = new Error("a mistake of the program's");
    let count = 0;
    await using endpoint = await capability.listen("127.0.0.1:0", {
      rateLimiter: {
        tryConsume: () => {
          if (++count === 1) throw mistake;
          return true;
        },
      },
    });
    const accepting = endpoint.accept();
    using first = await Deno.connect({ hostname: "127.0.0.1", port: endpoint.addr.port });
    assertEquals(await first.read(new Uint8Array(1)).catch(() => null), null);
    using second = await Deno.connect({ hostname: "127.0.0.1", port: endpoint.addr.port });
    const stream = await accepting;
    assertEquals(stream.remoteAddr.port, second.localAddr.port);
    await stream.close();
    assertEquals(errors, [mistake]);
    assertEquals(endpoint.stats().refusedByRateLimiter, 1);
  } finally {
    globalThis.removeEventListener("error", onError);
  }
});
