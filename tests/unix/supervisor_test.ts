import { assert, assertEquals, assertRejects } from "@std/assert";
import { codeOf, LinePeer, PYTHON, unixTest } from "./fixtures.ts";
import { runProgram } from "../support/programs.ts";
import {
  NetworkCapability,
  notifySupervisor,
  startWatchdog,
  type Watchdog,
  watchdogIntervalMs,
} from "../../mod.ts";

/** A supervisor: it says what it is told, by whom, and reads only when it is asked to. */
const SUPERVISOR = `import socket,sys,struct
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
name = sys.argv[1]
s.bind("\\0" + name[1:] if name[0] == "@" else name)
print("bound")
for line in sys.stdin:
  if line == "close\\n": break
  for _ in range(int(line)):
    data, control, _, _ = s.recvmsg(5000, 100)
    pid, uid, gid = struct.unpack("3i", control[0][2])
    print(pid, data.decode().replace("\\n", "|"))
s.close()
print("closed")`;

const VARIABLES = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/** Runs `body` as a service whose environment is `env`. */
async function asService(
  env: Readonly<Record<string, string>>,
  body: () => Promise<void>,
): Promise<void> {
  const before = VARIABLES.map((name) => [name, Deno.env.get(name)] as const);
  VARIABLES.forEach((name) => Deno.env.delete(name));
  for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
  try {
    await body();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

async function startSupervisor(address: string): Promise<LinePeer> {
  const supervisor = LinePeer.python(SUPERVISOR, address);
  assertEquals(await supervisor.line(), "bound");
  return supervisor;
}

/** The next message, and that it is this process's. */
async function told(supervisor: LinePeer): Promise<string> {
  await supervisor.say("1");
  const [pid, ...words] = (await supervisor.line()).split(" ");
  assertEquals(Number(pid), Deno.pid);
  return words.join(" ");
}

unixTest("notifySupervisor() tells it, over a path and an abstract name", async (site) => {
  for (const address of [site.path, `@millrace-${crypto.randomUUID()}`]) {
    await using supervisor = await startSupervisor(address);
    await asService({ NOTIFY_SOCKET: address }, async () => {
      assertEquals(await notifySupervisor("READY=1"), true);
      assertEquals(await told(supervisor), "READY=1");
      const state = "STATUS=serving 3 clients, a=b\nMAINPID=4711\n";
      assertEquals(await notifySupervisor(state, { capability: site.capability }), true);
      assertEquals(await told(supervisor), "STATUS=serving 3 clients, a=b|MAINPID=4711|");
      const long = `STATUS=${"ü".repeat(2044)}`;
      assertEquals(await notifySupervisor(long, { timeoutMs: 5000 }), true);
      assertEquals(await told(supervisor), long);
    });
  }
}, PYTHON);

unixTest("without a supervisor nobody is told, and nothing is opened", async ({ capability }) => {
  for (const env of [{}, { NOTIFY_SOCKET: "" }] as Record<string, string>[]) {
    await asService(env, async () => {
      assertEquals(await notifySupervisor("READY=1", { capability }), false);
      assertEquals(watchdogIntervalMs(), null);
      assertEquals(await startWatchdog(), null);
    });
  }
  await asService({ WATCHDOG_USEC: "1000" }, async () => {
    assertEquals(await startWatchdog(), null, "it is to be watched, and nobody listens");
  });
});

unixTest("a state that is none is refused before anybody is told", async ({ capability, path }) => {
  await asService({ NOTIFY_SOCKET: path }, async () => {
    const notify = (state: unknown) => () => notifySupervisor(state as string, { capability });
    await assertRejects(notify(1), TypeError, "string");
    await assertRejects(notify(""), TypeError, "line 1");
    await assertRejects(notify("READY=1\nstatus"), TypeError, 'line 2 is no KEY=value: "status"');
    await assertRejects(notify("A=1\n\nB=2"), TypeError, "line 2");
    await assertRejects(notify("=1"), TypeError, "line 1");
    await assertRejects(notify("A=\0"), TypeError, "line 1");
    await assertRejects(notify(`STATUS=${"x".repeat(4090)}`), RangeError, "4096");
    const options = { fds: [] } as object;
    await assertRejects(() => notifySupervisor("READY=1", options), TypeError, "fds");
  });
});

unixTest("a supervisor that is gone, or has no path, is an error", async ({ capability, path }) => {
  const notify = (signal?: AbortSignal) => notifySupervisor("READY=1", { capability, signal });
  await asService({ NOTIFY_SOCKET: path }, async () => {
    assertEquals(await codeOf(notify()), "ENOENT");
    await using _listener = await capability.bind(`unix:${path}`);
    assertEquals(await codeOf(notify()), "none");
  });
  await asService({ NOTIFY_SOCKET: path }, async () => {
    assertEquals(await codeOf(notify()), "ECONNREFUSED");
    assertEquals(await codeOf(notify(AbortSignal.abort(new Error("no")))), "Error: no");
  });
  for (const address of ["relative", "vsock:2:1234", "@"]) {
    await asService({ NOTIFY_SOCKET: address }, async () => {
      assertEquals(await codeOf(notify()), "EAFNOSUPPORT", address);
    });
  }
  const part = capability.derive({ unix: true, connect: ["unix:///run/*"] });
  await asService({ NOTIFY_SOCKET: path }, async () => {
    const notifying = () => notifySupervisor("READY=1", { capability: part });
    await assertRejects(notifying, Deno.errors.NotCapable, "connect");
  });
});

unixTest(
  "a supervisor that does not read holds a message back until the deadline",
  async (site) => {
    const { capability, path } = site;
    await using supervisor = await startSupervisor(path);
    await asService({ NOTIFY_SOCKET: path }, async () => {
      let sent = 0;
      // On a busy machine one may be late although there is room: twice in a row it is full.
      for (let late = 0; late < 2;) {
        const code = await codeOf(notifySupervisor("A=1", { capability, timeoutMs: 100 }));
        if (code === "ETIMEDOUT") {
          late++;
          continue;
        }
        assertEquals(code, "none");
        late = 0;
        sent++;
      }
      const part = capability.derive({ unix: true, connect: true });
      const pending = codeOf(notifySupervisor("B=1", { capability: part }));
      await part.revoke("over");
      assertEquals(await pending, "EACCES");
      const waiting = notifySupervisor("C=1", { capability });
      for (let index = 0; index < sent; index++) assertEquals(await told(supervisor), "A=1");
      assertEquals(await waiting, true);
      assertEquals(await told(supervisor), "C=1");
    });
  },
  PYTHON,
);

unixTest("watchdogIntervalMs() follows sd_watchdog_enabled(3)", async () => {
  const interval = (env: Record<string, string>) => {
    let outcome: unknown;
    return asService(env, () => {
      try {
        outcome = watchdogIntervalMs();
      } catch (error) {
        outcome = (error as { code?: string }).code;
      }
      return Promise.resolve();
    }).then(() => outcome);
  };
  assertEquals(await interval({ WATCHDOG_USEC: "30000000" }), 30_000);
  assertEquals(await interval({ WATCHDOG_USEC: "1500" }), 1.5);
  assertEquals(await interval({ WATCHDOG_USEC: "2000", WATCHDOG_PID: String(Deno.pid) }), 2);
  assertEquals(await interval({ WATCHDOG_USEC: "2000", WATCHDOG_PID: "1" }), null);
  assertEquals(await interval({ WATCHDOG_PID: "1" }), null);
  for (const malformed of ["0", "-1", "x", "", "1.5"]) {
    assertEquals(await interval({ WATCHDOG_USEC: malformed }), "EINVAL", malformed);
  }
});

unixTest(
  "startWatchdog() sends in time until it is stopped, with a capability or without",
  async (site) => {
    const { capability, path } = site;
    await using supervisor = await startSupervisor(path);
    await asService({ NOTIFY_SOCKET: path, WATCHDOG_USEC: "60000" }, async () => {
      for (const options of [{ capability }, {}]) {
        const started = performance.now();
        const watchdog: Watchdog = (await startWatchdog(options))!;
        assertEquals([watchdog.intervalMs, watchdog.pings], [60, 1]);
        for (let index = 0; index < 5; index++) assertEquals(await told(supervisor), "WATCHDOG=1");
        const tookMs = performance.now() - started;
        assert(tookMs >= 4 * 30 - 5, `4 intervals took ${tookMs} ms`);
        await watchdog.ping();
        await watchdog.stop();
        const { pings } = watchdog;
        for (let index = 5; index < pings; index++) await told(supervisor);
        await watchdog[Symbol.asyncDispose]();
        assertEquals([watchdog.pings, watchdog.failures, watchdog.lastError], [
          pings,
          0,
          undefined,
        ]);
      }
    });
  },
  PYTHON,
);

unixTest(
  "a watchdog outlives a supervisor that goes and comes back",
  async ({ capability, path }) => {
    await asService({ NOTIFY_SOCKET: path, WATCHDOG_USEC: "20000" }, async () => {
      assertEquals(await codeOf(startWatchdog({ capability })), "ENOENT");
      let supervisor = await startSupervisor(path);
      await using watchdog = (await startWatchdog({ capability }))!;
      assertEquals(await told(supervisor), "WATCHDOG=1");
      await supervisor.say("close");
      while (await supervisor.line() !== "closed");
      await supervisor[Symbol.asyncDispose]();
      await Deno.remove(path);
      while (watchdog.failures < 3) await watchdog.ping().catch(() => {});
      assertEquals((watchdog.lastError as { code: string }).code, "ENOENT");
      supervisor = await startSupervisor(path);
      assertEquals(await told(supervisor), "WATCHDOG=1");
      await supervisor[Symbol.asyncDispose]();
    });
  },
  PYTHON,
);

unixTest("a watchdog does not keep a process alive", async ({ path }) => {
  await using _supervisor = await startSupervisor(path);
  const source = `
    import { startWatchdog } from "MOD";
    const watchdog = await startWatchdog();
    console.log(watchdog.pings);`;
  const env = { NOTIFY_SOCKET: path, WATCHDOG_USEC: "60000000" };
  const { code, stdout } = await runProgram(source, { env });
  assertEquals([code, stdout], [0, "1\n"]);
}, PYTHON);

unixTest("on a backend without Unix datagrams it is ENOTSUP", async ({ path }) => {
  await using capability = await NetworkCapability.request({ backend: "host" });
  await asService({ NOTIFY_SOCKET: path }, async () => {
    assertEquals(await codeOf(notifySupervisor("READY=1", { capability })), "ENOTSUP");
    assertEquals(capability.stats().sockets, 0);
  });
});
