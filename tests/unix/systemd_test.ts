import { assert, assertEquals, assertMatch } from "@std/assert";
import { LinePeer, PYTHON, textOf, unixTest, utf8 } from "./fixtures.ts";
import { runProgram as runPeer } from "../interop/programs.ts";
import { runProgram } from "../support/programs.ts";
import { hasProgram } from "../support/skip.ts";

const SERVICE = new URL("./activated_service.ts", import.meta.url).pathname;
const RUN = [Deno.execPath(), "run", "-A", "--no-check", "--no-config", SERVICE];
const NOTHING = { sockets: 0, inFlight: 0, leases: 0 };

/** Opens sockets, puts them where `sd_listen_fds(3)` says, and becomes the service. */
const LAUNCHER = `import socket,sys,os,json
kinds, env, command = json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
held, passed = [], []
for kind, address in kinds:
  if kind == "tcp":
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.bind((address, 0)); s.listen()
  elif kind == "udp":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((address, 0))
  elif kind == "connected":
    s, other = socket.socketpair(); held.append(other)
  elif kind == "file":
    s = open("/dev/null")
  else:
    s = socket.socket(socket.AF_UNIX, getattr(socket, kind)); s.bind(address)
    if kind != "SOCK_DGRAM": s.listen()
  if kind != "file": s.setblocking(False)
  passed.append(s)
for index, s in enumerate(passed): os.dup2(s.fileno(), 100 + index)
for index in range(len(passed)): os.dup2(100 + index, 3 + index); os.close(100 + index)
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDS"] = str(len(passed))
for name, value in env.items():
  if value is None: os.environ.pop(name, None)
  else: os.environ[name] = value
os.execv(command[0], command)`;

/** What the launcher is told to open, and where. */
type Kind = readonly [kind: string, address: string];

function launch(
  kinds: readonly Kind[],
  env: Readonly<Record<string, string | null>> = {},
): LinePeer {
  return LinePeer.python(LAUNCHER, JSON.stringify(kinds), JSON.stringify(env), ...RUN);
}

/** What the service says first. */
interface Said {
  readonly found: readonly [name: string, kind: string, address: string][];
  readonly left: readonly string[];
  readonly again: number;
  readonly flags: readonly string[];
  readonly error?: string;
}

async function said(service: LinePeer): Promise<Said> {
  return JSON.parse(await service.line());
}

async function greeting(options: Deno.ConnectOptions | Deno.UnixConnectOptions): Promise<string> {
  using conn = await Deno.connect(options as Deno.ConnectOptions);
  const into = new Uint8Array(100);
  return textOf(into.subarray(0, (await conn.read(into)) ?? 0));
}

unixTest("sockets of a service manager are endpoints by name", async ({ folder }) => {
  const kinds: Kind[] = [
    ["tcp", "127.0.0.1"],
    ["SOCK_STREAM", `${folder}/stream`],
    ["SOCK_SEQPACKET", `${folder}/packets`],
    ["tcp", "::1"],
    ["tcp", "127.0.0.1"],
    ["udp", "127.0.0.1"],
    ["SOCK_DGRAM", `${folder}/datagrams`],
  ];
  await using service = launch(kinds, { LISTEN_FDNAMES: "web:local::web:web:udp:log" });
  const { found, left, again, flags } = await said(service);
  const names = ["web", "local", "unknown", "web:2", "web:3", "udp", "log"];
  assertEquals(found.map(([name]) => name), names);
  const classes = found.map(([, kind]) => kind);
  const [tcp, unix] = ["TcpEndpoint", "UnixEndpoint"];
  assertEquals(classes, [tcp, unix, unix, tcp, tcp, "UdpEndpoint", "UnixDatagramEndpoint"]);
  assertEquals(found[1][2], `unix:${folder}/stream`);
  assertEquals([left, again], [[], 0]);
  for (const flag of flags) {
    assert((parseInt(flag, 8) & 0o2000000) !== 0, "FD_CLOEXEC is set");
    assert((parseInt(flag, 8) & 0o4000) === 0, "O_NONBLOCK is off");
  }
  for (const [name, kind, address] of found) {
    if (kind !== tcp) continue;
    const port = Number(address.slice(address.lastIndexOf(":") + 1));
    const hostname = address.startsWith("[") ? "::1" : "127.0.0.1";
    assertEquals(await greeting({ hostname, port }), name);
  }
  assertEquals(await greeting({ transport: "unix", path: `${folder}/stream` }), "local");
  const datagram = ["-t", "2", "-T", "2", `UDP:${found[5][2]}`, "-"];
  assertEquals(await runPeer("socat", datagram, utf8("hello")), "udp");
  const packets = ["-t", "2", "-u", `UNIX-CONNECT:${folder}/packets,type=5`, "-"];
  assertEquals(await runPeer("socat", packets), "unknown");
  await service.end();
  assertEquals(JSON.parse(await service.line()), NOTHING);
  assertEquals((await service.status).code, 0);
  // It is the manager's file, and stays.
  await Deno.lstat(`${folder}/stream`);
}, { condition: PYTHON.condition && hasProgram("socat"), reason: "needs python3 and socat" });

unixTest("sockets for another process, and none at all, are none", async () => {
  const cases: Record<string, string | null>[] = [
    { LISTEN_PID: "1" },
    { LISTEN_PID: null },
    { LISTEN_FDS: "0" },
    { LISTEN_FDS: null },
  ];
  for (const env of cases) {
    await using service = launch([["tcp", "127.0.0.1"]], env);
    const { found, left } = await said(service);
    assertEquals([found, left], [[], []], JSON.stringify(env));
  }
}, PYTHON);

unixTest(
  "what a service manager got wrong is said, and nothing is taken over",
  async ({ folder }) => {
    const cases: [Kind[], Record<string, string>, RegExp][] = [
      [[["tcp", "127.0.0.1"]], { LISTEN_FDS: "x" }, /LISTEN_FDS is "x", not a number/],
      [[["tcp", "127.0.0.1"]], { LISTEN_PID: "-" }, /LISTEN_PID is "-", not a number/],
      [[["tcp", "127.0.0.1"]], { LISTEN_FDS: "5000" }, /LISTEN_FDS is 5000; the most is 1024/],
      [[["tcp", "127.0.0.1"]], { LISTEN_FDNAMES: "a:b" }, /LISTEN_FDS is 1.*has 2 names/],
      [
        [["tcp", "127.0.0.1"], ["connected", ""]],
        { LISTEN_FDNAMES: "web:other" },
        /EINVAL: descriptor 4, "other", is a Unix stream connection, no endpoint's socket/,
      ],
      [
        [["SOCK_STREAM", `${folder}/s`], ["file", ""]],
        {},
        /ENOTSOCK: descriptor 4 is no socket/,
      ],
    ];
    for (const [kinds, env, pattern] of cases) {
      await using service = launch(kinds, env);
      assertMatch((await said(service)).error!, pattern);
      await service.end();
      assertEquals(JSON.parse(await service.line()), NOTHING);
    }
  },
  PYTHON,
);

unixTest("systemd's own launcher passes sockets", async ({ folder }) => {
  const paths = [`${folder}/web`, `${folder}/local`];
  const command = ["systemd-socket-activate", "-l", paths[0], "-l", paths[1]];
  const all = [...command, "--fdname=web:local", ...RUN];
  await using service = LinePeer.start(["sh", "-c", 'exec "$@" 2>&1', "sh", ...all]);
  const until = async (pattern: RegExp) => {
    let line = await service.line();
    while (!pattern.test(line) && line !== "") line = await service.line();
    return line;
  };
  await until(/^Listening on .* as 4/);
  // It starts the service when somebody connects.
  assertEquals(await greeting({ transport: "unix", path: paths[1] }), "local");
  const { found } = JSON.parse(await until(/^{/));
  assertEquals(found, [
    ["web", "UnixEndpoint", `unix:${paths[0]}`],
    ["local", "UnixEndpoint", `unix:${paths[1]}`],
  ]);
}, { condition: hasProgram("systemd-socket-activate"), reason: "needs systemd-socket-activate" });

unixTest("without the permission nobody is asked: EACCES names it", async () => {
  const source = `
    import { NetworkCapability, notifySupervisor, startWatchdog, systemdListeners,
      watchdogIntervalMs } from "MOD";
    const rights = { adopt: true };
    await using capability = await NetworkCapability.request({ backend: "kernel", rights });
    const attempts = [() => systemdListeners(capability), () => notifySupervisor("READY=1"),
      () => startWatchdog(), async () => watchdogIntervalMs()];
    for (const attempt of attempts) {
      console.log(await attempt().then(String, ({ message }) => message));
    }`;
  const flags = ["--allow-ffi", "--allow-net=127.0.0.1"];
  const { stdout, stderr } = await runProgram(source, { flags });
  const [listeners, ...others] = stdout.trim().split("\n");
  assertMatch(listeners, /EACCES: reading LISTEN_PID needs --allow-env=LISTEN_PID$/, stderr);
  const names = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_USEC"];
  names.forEach((name, index) => assertMatch(others[index], new RegExp(`--allow-env=${name}$`)));
});
