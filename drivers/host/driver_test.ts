import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { Op, SqeFlag } from "../../ring/abi/opcodes.ts";
import { openHostDriver } from "./mod.ts";
import { TestProgram } from "../../tests/support/test_program.ts";

const HERE = import.meta.url;
const ROOT = new URL("../../", HERE);

const IMPORTS = (root: string) => `
import { TestProgram } from "${root}tests/support/test_program.ts";
import { openHostDriver } from "${root}drivers/host/mod.ts";
import { DriverOp, Op } from "${root}ring/abi/opcodes.ts";
`;

interface Outcome {
  readonly code: number;
  readonly output: string;
  readonly seconds: number;
}

/** Runs a program of its own with exactly these permissions. */
async function runProgram(source: string, ...permissions: string[]): Promise<Outcome> {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/main.ts`;
    await Deno.writeTextFile(file, IMPORTS(ROOT.href) + source);
    return await runDeno(["--no-check", "--no-prompt", ...permissions, file]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function runDeno(args: string[], env: Record<string, string> = {}): Promise<Outcome> {
  const started = performance.now();
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", ...args],
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  return { code, output, seconds: (performance.now() - started) / 1000 };
}

for (const worker of [false, true]) {
  const where = worker ? "worker" : "isolate";
  const read = worker ? [`--allow-read=${ROOT.pathname}`] : [];

  Deno.test(`unreferenced work does not keep the process alive (${where})`, async () => {
    const source = `
      const program = await TestProgram.open(${worker});
      const { fd, port } = await program.listen();
      const accept = program.begin(Op.ACCEPT, fd);
      const client = await program.socket();
      await program.withAddress(Op.CONNECT, client, "127.0.0.1:" + port).result();
      await accept.result();
      program.begin(Op.RECV, client, { address: program.take(16), length: 16 });
      program.begin(Op.ACCEPT, fd);
      await program.run(Op.NOP, -1);
      program.reactor.dereference();
      console.log("let go");
    `;
    const outcome = await runProgram(source, "--allow-net", ...read);
    assertEquals([outcome.code, outcome.output.trim()], [0, "let go"]);
  });

  Deno.test(`referenced work keeps the process alive (${where})`, async () => {
    const source = `
      const program = await TestProgram.open(${worker});
      const address = program.timespec(300);
      program.begin(Op.TIMEOUT, -1, { address, length: 1 }).result().then(async (result) => {
        console.log("result", result);
        await program.close();
        console.log("closed");
      });
    `;
    const outcome = await runProgram(source, "--allow-net", ...read);
    assertEquals([outcome.code, outcome.output], [0, "result -62\nclosed\n"]);
  });
}

Deno.test("what is not permitted is EACCES, and nobody is asked", async () => {
  const source = `
    const program = await TestProgram.open(false);
    const fd = await program.socket();
    console.log(await program.withAddress(Op.CONNECT, fd, "127.0.0.1:9").result());
    console.log(await program.withAddress(Op.BIND, fd, "127.0.0.1:0").result());
    const unix = await program.socket(1);
    console.log(await program.withAddress(Op.CONNECT, unix, "unix:/tmp/nobody").result());
    const name = { address: program.put("localhost"), length: 9 };
    const room = { offset: program.take(280), fileIndex: 280 };
    console.log(await program.run(DriverOp.RESOLVE, -1, { ...name, ...room }));
    await program.closeAll(fd, unix);
    await program.close();
  `;
  const refused = await runProgram(source);
  const lines = refused.output.trim().split("\n");
  assertEquals(lines, ["connect", "bind", "unix", "name"].map(() => String(-Errno.EACCES)));
  const partly = await runProgram(source, "--allow-net=127.0.0.1,localhost");
  const results = partly.output.trim().split("\n").map(Number);
  assertEquals(results.slice(0, 3), [-Errno.ECONNREFUSED, 0, -Errno.EACCES]);
  assert(results[3] > 0);
});

Deno.test("a driver Worker that may not be loaded is refused with the reason", async () => {
  const source = `
    const plan = { entries: 8, completions: 16, slots: 64, bufferCount: 0, bufferBytes: 64, datagramCount: 0, datagramBytes: 1024,
      arenaBytes: 4096 };
    const outcome = await openHostDriver({ plan, worker: true, without: {}, why: "" });
    console.log(outcome.refusal);
  `;
  const outcome = await runProgram(source, "--allow-net");
  assertStringIncludes(outcome.output, "host: a driver Worker needs --allow-read=");
});

Deno.test("a driver Worker starts from a tree imported over HTTP", async () => {
  const main = `
    const program = await TestProgram.open(true);
    const { fd, port } = await program.listen();
    const accept = program.begin(Op.ACCEPT, fd);
    const client = await program.socket();
    console.log(await program.withAddress(Op.CONNECT, client, "127.0.0.1:" + port).result());
    await program.closeAll(await accept.result(), client, fd);
    await program.close();
  `;
  const headers = { "content-type": "application/typescript" };
  const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
  const server = Deno.serve(options, async (request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/main.ts") return new Response(IMPORTS("./") + main, { headers });
    return new Response(await Deno.readFile(new URL(`.${pathname}`, ROOT)), { headers });
  });
  const cache = await Deno.makeTempDir();
  const host = `127.0.0.1:${server.addr.port}`;
  const args = ["--no-check", "--no-prompt", "--allow-net", `--allow-import=${host}`];
  const outcome = await runDeno([...args, `http://${host}/main.ts`], { DENO_DIR: cache });
  await server.shutdown();
  await Deno.remove(cache, { recursive: true });
  const lines = outcome.output.trim().split("\n").filter((line) => !line.startsWith("Download"));
  assertEquals([outcome.code, ...lines], [0, "0"]);
});

for (const worker of [false, true]) {
  const where = worker ? "worker" : "isolate";
  Deno.test(`a busy ring leaves sockets and Deno's own work their share (${where})`, async () => {
    const program = await TestProgram.open(worker);
    const server = Deno.serve({ port: 0, onListen: () => {} }, () => new Response("ok"));
    const { fd, peer, listener } = await program.pair();
    const address = program.take(16);
    let isBusy = true;
    const loop = (async () => {
      while (isBusy) await program.run(Op.NOP, -1);
    })();
    const url = `http://127.0.0.1:${server.addr.port}/`;
    const started = performance.now();
    for (let count = 0; count < 20; count++) {
      assertEquals(await (await fetch(url)).text(), "ok");
      const receiving = program.run(Op.RECV, fd, { address, length: 16 });
      await peer.write(new Uint8Array(4));
      assertEquals(await receiving, 4);
    }
    const eachMs = (performance.now() - started) / 20;
    isBusy = false;
    await loop;
    await server.shutdown();
    peer.close();
    await program.closeAll(fd, listener);
    await program.close();
    assert(eachMs < 100, `a request and a message beside a busy ring took ${eachMs} ms`);
  });
}

Deno.test("running out of descriptors is EMFILE, and passes", async () => {
  if (Deno.build.os !== "linux") return;
  const folder = await Deno.makeTempDir();
  // Deno opens descriptors late itself, and panics when there are none: let it have them first.
  const source = `
    await new Promise((resolve) => setTimeout(resolve, 1800));
    const program = await TestProgram.open(false);
    const { fd, port } = await program.listen();
    const open = [];
    let result = 0;
    while (result >= 0) {
      const client = await program.socket();
      const made = await program.withAddress(Op.CONNECT, client, "127.0.0.1:" + port).result();
      open.push(client);
      if (made < 0) { console.log("connect", made); break; }
      result = await program.run(Op.ACCEPT, fd);
      if (result >= 0) open.push(result);
      else console.log("accept", result);
    }
    await program.closeAll(...open);
    const client = await program.socket();
    console.log(await program.withAddress(Op.CONNECT, client, "127.0.0.1:" + port).result());
    await program.closeAll(client, fd);
    await program.close();
  `;
  await Deno.writeTextFile(`${folder}/main.ts`, IMPORTS(ROOT.href) + source);
  const deno = Deno.execPath();
  const script = `ulimit -n 96; exec "${deno}" run --no-check -A ${folder}/main.ts`;
  const command = new Deno.Command("sh", { args: ["-c", script], env: { NO_COLOR: "1" } });
  const { stdout, stderr } = await command.output();
  await Deno.remove(folder, { recursive: true });
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  assert(/^(connect|accept) -24$/.test(lines[0]), new TextDecoder().decode(stderr) + lines);
  assertEquals(lines[1], "0");
});

Deno.test("the driver says what it can do without what it was told to do without", async () => {
  const plan = {
    entries: 8,
    completions: 16,
    slots: 64,
    bufferCount: 0,
    bufferBytes: 64,
    datagramCount: 0,
    datagramBytes: 1024,
    arenaBytes: 4096,
  };
  const without = { multishotAccept: true, opcodes: [Op.BIND] };
  const outcome = await openHostDriver({ plan, worker: false, without, why: "for a test" });
  assert("driver" in outcome);
  const { driver } = outcome;
  assertEquals([driver.kind, driver.why], ["host", "for a test"]);
  assertEquals(driver.features.multishotAccept, false);
  assertEquals([driver.supported[Op.BIND], driver.supported[Op.LISTEN]], [0, 1]);
  await driver.close();
});

Deno.test("closing the driver ends what was left open", async () => {
  for (const worker of [false, true]) {
    const program = await TestProgram.open(worker);
    const { fd, peer } = await program.pair();
    const address = program.take(1 << 20);
    const fields = { address, length: 1 << 20, flags: SqeFlag.CQE_SKIP_SUCCESS };
    // More than the kernels take: the rest is under way when everything ends.
    for (let count = 0; count < 16; count++) program.begin(Op.SEND, fd, fields);
    await program.run(Op.NOP, -1);
    await program.reactor.driver.close();
    let total = 0;
    const bytes = new Uint8Array(1 << 16);
    for (let count = 0; count !== null; count = (await peer.read(bytes))!) total += count;
    assert(total < 16 << 20);
    peer.close();
  }
});
