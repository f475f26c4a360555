import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { openKernelDriver } from "../../drivers/kernel/open.ts";
import { NetworkCapability, WorkerLedger } from "../../mod.ts";
import type { FeatureMask } from "../../drivers/options.ts";
import { assertNoLeaks } from "../support/leaks.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { runProgram } from "../support/programs.ts";
import { hasProgram, isRoot, skipUnless } from "../support/skip.ts";
import type { RingDriver } from "../../ring/driver.ts";
import type { MemoryPlan } from "../../ring/memory.ts";
import { Op } from "../../ring/abi/opcodes.ts";

const REFUSAL = kernelRefusal();
const RING = { entries: 64, arenaBytes: 1 << 20, buffers: { count: 16, bytes: 4096 } };
const PLAN: MemoryPlan = {
  entries: 8,
  completions: 16,
  slots: 128,
  bufferCount: 0,
  bufferBytes: 64,
  datagramCount: 0,
  datagramBytes: 1024,
  arenaBytes: 4096,
};

function testKernel(name: string, body: () => Promise<void>, condition = true, reason = ""): void {
  const isThere = REFUSAL === undefined && condition;
  Deno.test(skipUnless(name, isThere, REFUSAL ?? reason), body);
}

/** Echoes more than fits into one provided buffer through a ring made to do without something. */
async function echoWithout(without: FeatureMask): Promise<string> {
  await using capability = await NetworkCapability.request({
    backend: "kernel",
    ring: { ...RING, without },
  });
  await using endpoint = await capability.listen("127.0.0.1:0");
  const serving = (async () => {
    for await (const stream of endpoint) {
      for await (const lease of stream.receiveMany()) await stream.send(lease);
      await stream.close();
    }
  })();
  for (let connection = 0; connection < 3; connection++) {
    await using client = await capability.connect(endpoint.addr);
    const sent = crypto.getRandomValues(new Uint8Array(20_000));
    const received: number[] = [];
    const sending = client.send(sent);
    while (received.length < sent.length) {
      using lease = await client.receive();
      received.push(...lease!.bytes);
    }
    await sending;
    assertEquals(received, [...sent]);
  }
  await endpoint[Symbol.asyncDispose]();
  await serving;
  return capability.backend.why;
}

const MASKS: Readonly<Record<string, FeatureMask>> = {
  "nothing missing": {},
  "no rings in our own memory": { noMmap: true },
  "no deferred task work": { deferTaskrun: true },
  "neither of both": { noMmap: true, deferTaskrun: true },
  "no multishot receive": { multishotReceive: true },
  "no multishot accept": { multishotAccept: true },
  "no provided-buffer rings": { bufferRing: true },
  "no direct descriptors": { directDescriptors: true },
  "no BIND and LISTEN (Linux before 6.11)": { opcodes: [Op.BIND, Op.LISTEN] },
  "what Linux 6.1 has": {
    noMmap: true,
    directDescriptors: true,
    opcodes: [Op.BIND, Op.LISTEN, Op.READ_MULTISHOT, Op.WAITID, Op.FUTEX_WAIT, Op.RECV_ZC],
  },
  "the plainest": {
    noMmap: true,
    deferTaskrun: true,
    multishotAccept: true,
    multishotReceive: true,
    bufferRing: true,
    directDescriptors: true,
    wakeChannel: true,
    opcodes: [Op.BIND, Op.LISTEN],
  },
};

for (const [name, mask] of Object.entries(MASKS)) {
  testKernel(`a ring echoes with ${name}`, () =>
    assertNoLeaks(async () => {
      const why = await echoWithout(mask);
      assertEquals(why.includes("wake channel"), mask.wakeChannel === true, why);
    }));
}

testKernel("a kernel older than 6.1 is refused, and auto takes host with the reason", async () => {
  await assertNoLeaks(async () => {
    const without = { opcodes: [Op.SENDMSG_ZC] };
    await using capability = await NetworkCapability.request({ ring: { ...RING, without } });
    assertEquals(capability.backend.kind, "host");
    assertStringIncludes(capability.backend.why, "older than Linux 6.1");
  });
});

testKernel("without provided buffers of either kind there is a sentence", async () => {
  await assertNoLeaks(async () => {
    const plan = { ...PLAN, bufferCount: 8 };
    const without = { bufferRing: true, opcodes: [Op.PROVIDE_BUFFERS] };
    const outcome = await openKernelDriver({ plan, worker: false, without, why: "" });
    assert("refusal" in outcome, "it started");
    assertStringIncludes(outcome.refusal, "provided buffers");
  });
});

async function openPlan(plan: Partial<MemoryPlan>): Promise<RingDriver> {
  const options = { worker: false, without: {}, why: "" };
  const outcome = await openKernelDriver({ ...options, plan: { ...PLAN, ...plan } });
  if ("refusal" in outcome) throw new Error(outcome.refusal);
  return outcome.driver;
}

testKernel(
  "memory to send from is there, but not where a Worker may end before its ring",
  () =>
    assertNoLeaks(async () => {
      const driver = await openPlan({});
      const { staging } = driver;
      assert(staging !== null && staging !== undefined && staging.base > 0);
      assertEquals(driver.staging, staging, "it is allocated once");
      await driver.close();
      const ledger = new WorkerLedger({ ring: RING });
      const { handle } = ledger;
      const options = { worker: false, without: {}, why: "", plan: handle.ring.plan };
      const outcome = await openKernelDriver({ ...options, ledger: handle });
      assert("driver" in outcome, "it was refused");
      assertEquals(outcome.driver.staging, null);
      await outcome.driver.close();
      await ledger.reap();
    }),
);

for (const [entries, completions] of [[1, 2], [8, 16], [4096, 16384], [32768, 65536]]) {
  testKernel(
    `a ring of ${entries} and ${completions} entries is what was asked for`,
    () =>
      assertNoLeaks(async () => {
        const driver = await openPlan({ entries, completions });
        assertEquals([driver.main.sqEntries, driver.main.cqEntries], [entries, completions]);
        await driver.close();
      }),
  );
}

testKernel(
  "the probe knows the opcodes that every kernel from 6.1 has, and none that is not",
  () =>
    assertNoLeaks(async () => {
      const { supported, close } = await (async () => {
        const driver = await openPlan({});
        return { supported: driver.supported, close: () => driver.close() };
      })();
      for (const opcode of [Op.NOP, Op.ACCEPT, Op.RECV, Op.SOCKET, Op.SEND_ZC, Op.SENDMSG_ZC]) {
        assertEquals(supported[opcode], 1, `opcode ${opcode}`);
      }
      // BIND and LISTEN are done by libc where the kernel does not know them.
      assertEquals([supported[Op.BIND], supported[Op.LISTEN]], [1, 1]);
      assertEquals(supported.slice(100, 0xc0).some((flag) => flag !== 0), false);
      await close();
    }),
);

const REQUEST = `
  import { NetworkCapability } from "MOD";
  const capability = await NetworkCapability.request({ ring: ${JSON.stringify(RING)} });
  console.log(JSON.stringify(capability.backend));
  await capability[Symbol.asyncDispose]();
`;

Deno.test("without --allow-ffi auto takes host without a prompt, and says why", async () => {
  const { stdout, code, stderr } = await runProgram(REQUEST, {
    flags: ["--allow-net", "--no-prompt"],
  });
  assertEquals(code, 0, stderr);
  const { kind, why } = JSON.parse(stdout);
  assertEquals(kind, "host");
  if (Deno.build.os === "linux") assertStringIncludes(why, "--allow-ffi is not granted");
});

testKernel("without loopback the ring sleeps on a thread, and says so", async () => {
  const { stdout, code, stderr } = await runProgram(REQUEST, { flags: ["--allow-ffi"] });
  assertEquals(code, 0, stderr);
  const { kind, why } = JSON.parse(stdout);
  assertEquals(kind, "kernel");
  assertStringIncludes(why, "--allow-net=127.0.0.1");
});

testKernel(
  "when descriptors run out the refusal says so, and nothing leaks at any step",
  async () => {
    const { stdout, stderr, code } = await runProgram(
      `
      import { NetworkCapability } from "MOD";
      const request = { backend: "kernel", ring: ${JSON.stringify(RING)} };
      await (await NetworkCapability.request(request))[Symbol.asyncDispose]();
      // Deno opens descriptors of its own within its first second and a half, and needs them.
      await new Promise((resolve) => setTimeout(resolve, 1600));
      const countDescriptors = () => {
        const counts = {};
        for (const { name } of [...Deno.readDirSync("/proc/self/fd")]) {
          try {
            const kind = Deno.readLinkSync("/proc/self/fd/" + name).replace(/\\[.*|\\d+/g, "");
            counts[kind] = (counts[kind] ?? 0) + 1;
          } catch { /* the listing's own */ }
        }
        return counts;
      };
      const before = JSON.stringify(countDescriptors());
      const seen = [];
      for (let spare = 0; spare < 8; spare++) {
        const files = [];
        try { while (true) files.push(Deno.openSync("/dev/null")); } catch { /* all are taken */ }
        for (let count = 0; count < spare; count++) files.pop().close();
        let outcome;
        try {
          const capability = await NetworkCapability.request(request);
          outcome = "started " + capability.backend.why;
          await capability[Symbol.asyncDispose]();
        } catch (error) {
          outcome = error.message;
        }
        for (const file of files) file.close();
        seen.push(outcome);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      console.log(JSON.stringify({ seen, before, after: JSON.stringify(countDescriptors()) }));
    `,
      { under: ["sh", "-c", 'ulimit -n 128; exec "$0" "$@"'] },
    );
    assertEquals(code, 0, stderr);
    const { seen, before, after } = JSON.parse(stdout);
    assertMatch(seen[0], /io_uring_setup: EMFILE: no file descriptor is left/);
    assertMatch(seen[1], /EMFILE|errno 24|no file descriptor/);
    assertMatch(seen[7], /^started/);
    assertEquals(after, before, JSON.stringify(seen));
  },
);

testKernel(
  "a user with little locked memory gets a ring, and plain reads for a pool beyond it",
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      // This Deno may lie where nobody else may look.
      const deno = `${folder}/deno`;
      await Deno.copyFile(Deno.execPath(), deno);
      await Deno.chmod(folder, 0o777);
      await Deno.chmod(deno, 0o755);
      const { stdout, stderr, code } = await runProgram(
        `
        import { NetworkCapability } from "MOD";
        import { IoUring } from "ROOT/native/io_uring/io_uring.ts";
        const request = { backend: "kernel", rights: { ring: true } };
        const capability = await NetworkCapability.request(request);
        const pools = [];
        for (const count of [16, 4096]) {
          await using ring = await IoUring.create(8, { capability });
          pools.push(ring.registerBuffers(count, 4096).isRegistered);
        }
        console.log(JSON.stringify({ uid: Deno.uid(), pools }));
        await capability[Symbol.asyncDispose]();
      `,
        {
          deno,
          env: { DENO_DIR: `${folder}/cache` },
          under: ["setpriv", "--reuid=65534", "--clear-groups", "--inh-caps=-all"],
        },
      );
      assertEquals(code, 0, stderr);
      const { uid, pools } = JSON.parse(stdout);
      assertEquals(uid, 65534);
      const limit = await lockedLimitBytes();
      assertEquals(pools, [true, limit >= 4096 * 4096]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
  isRoot() && hasProgram("setpriv"),
  "needs root and setpriv",
);

async function lockedLimitBytes(): Promise<number> {
  const limits = await Deno.readTextFile("/proc/self/limits");
  const [, soft] = /^Max locked memory\s+(\S+)/m.exec(limits)!;
  return soft === "unlimited" ? Infinity : Number(soft);
}
