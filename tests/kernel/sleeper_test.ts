import { assert, assertEquals } from "@std/assert";
import { NetworkCapability } from "../../mod.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { runProgram } from "../support/programs.ts";
import { skipUnless } from "../support/skip.ts";

const REFUSAL = kernelRefusal();
const RING = { entries: 64, arenaBytes: 1 << 20, buffers: { count: 16, bytes: 4096 } };
/** How long a program that must not end is watched, in milliseconds. */
const WATCH_MS = 400;
/** How a program that is still there after that time ends. */
const ALIVE = 77;

/** Programs by what they leave pending, and whether that keeps them alive. */
const PROGRAMS: readonly [name: string, isAlive: boolean, source: string][] = [
  ["nothing", false, ""],
  ["a capability that is not closed", false, `await open();`],
  ["an endpoint nobody accepts from", false, `await (await open()).listen("127.0.0.1:0");`],
  ["a pending accept", true, `(await (await open()).listen("127.0.0.1:0")).accept();`],
  [
    "a pending accept of an unreferenced endpoint",
    false,
    `const e = await (await open()).listen("127.0.0.1:0"); e.unref(); e.accept();`,
  ],
  [
    "an accept that was pending before unref()",
    false,
    `const e = await (await open()).listen("127.0.0.1:0"); e.accept();
     await new Promise((resolve) => setTimeout(resolve, 30)); e.unref();`,
  ],
  [
    "an endpoint referenced again while it sleeps",
    true,
    `const e = await (await open()).listen("127.0.0.1:0"); e.unref(); e.accept();
     await new Promise((resolve) => setTimeout(resolve, 30)); e.ref();`,
  ],
  [
    "an accept that was cancelled",
    false,
    `const e = await (await open()).listen("127.0.0.1:0");
     await e.accept({ signal: AbortSignal.timeout(30) }).catch(() => {});`,
  ],
  [
    "a pending receive",
    true,
    `const c = await open(); const e = await c.listen("127.0.0.1:0");
     (await c.connect(e.addr)).receive();`,
  ],
  [
    "a wait of the expert layer",
    true,
    `const { IoUring } = await import("ROOT/native/io_uring/io_uring.ts");
     (await IoUring.create(8, { capability: await open() })).waitCqes(1);`,
  ],
  [
    "an expert's entry that nobody waits for",
    false,
    `const { IoUring } = await import("ROOT/native/io_uring/io_uring.ts");
     const ring = await IoUring.create(8, { capability: await open() });
     ring.submitTimeout(100_000, 1); ring.submit();`,
  ],
  [
    "an expert's wait that was aborted",
    false,
    `const { IoUring } = await import("ROOT/native/io_uring/io_uring.ts");
     const ring = await IoUring.create(8, { capability: await open() });
     await ring.waitCqes(1, { signal: AbortSignal.timeout(30) }).catch(() => {});`,
  ],
];

for (const wakeChannel of [false, true]) {
  const how = wakeChannel ? "asleep on a thread" : "asleep on the wake channel";
  for (const [name, isAlive, source] of PROGRAMS) {
    const sentence = `${name} ${isAlive ? "keeps" : "does not keep"} a process alive, ${how}`;
    Deno.test(skipUnless(sentence, REFUSAL === undefined, REFUSAL ?? ""), async () => {
      const ring = JSON.stringify({ ...RING, without: { wakeChannel } });
      const { code, stderr } = await runProgram(`
        import { NetworkCapability } from "MOD";
        const rights = { tcp: true, listen: true, connect: true, ring: true };
        const open = () => NetworkCapability.request({ backend: "kernel", rights, ring: ${ring} });
        ${source}
        Deno.unrefTimer(setTimeout(() => Deno.exit(${ALIVE}), ${WATCH_MS}));
      `);
      assertEquals(code, isAlive ? ALIVE : 0, stderr);
    });
  }
}

for (const wakeChannel of [false, true]) {
  const how = wakeChannel ? "on a thread" : "on the wake channel";
  const name = `an idle ring takes no turns while it sleeps ${how}`;
  Deno.test(
    skipUnless(name, REFUSAL === undefined, REFUSAL ?? ""),
    () =>
      assertNoLeaks(async () => {
        await using capability = await NetworkCapability.request({
          backend: "kernel",
          ring: { ...RING, without: { wakeChannel } },
        });
        await using endpoint = await capability.listen("127.0.0.1:0");
        const accepting = endpoint.accept();
        // Asleep once turns cease to be taken.
        let before = -1;
        while (capability.stats().enters !== before) {
          before = capability.stats().enters;
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        await new Promise((resolve) => setTimeout(resolve, 500));
        const { enters, wakes } = capability.stats();
        assert(enters - before <= 2, `${enters - before} turns in half a second`);
        using _client = await Deno.connect({ port: endpoint.addr.port });
        await (await accepting).close();
        assert(capability.stats().wakes > wakes, "the connection woke it");
      }),
  );
}
