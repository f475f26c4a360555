import { assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";

const HERE = import.meta.url;
const ROOT = new URL("../../", HERE);

const PRELUDE = `
import { TestProgram } from "${ROOT.href}tests/support/test_program.ts";
import { areDatagramsLoaded } from "${ROOT.href}drivers/host/node_datagrams.ts";
import { Op, Sock } from "${ROOT.href}ring/abi/opcodes.ts";
const make = (program) => program.run(Op.SOCKET, 2, { offset: Sock.DGRAM });
`;

/** Runs a program of its own with exactly these permissions. @returns its code and what it said */
async function runProgram(source: string, ...permissions: string[]): Promise<[number, string]> {
  const folder = await Deno.makeTempDir();
  try {
    const file = `${folder}/main.ts`;
    await Deno.writeTextFile(file, PRELUDE + source);
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-prompt", ...permissions, file],
      env: { NO_COLOR: "1" },
      stdin: "null",
    });
    const { code, stdout, stderr } = await command.output();
    return [code, new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr)];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const worker of [false, true]) {
  const where = worker ? "worker" : "isolate";
  const read = worker ? [`--allow-read=${ROOT.pathname}`] : [];

  Deno.test(`a datagram socket keeps the process alive while it is awaited (${where})`, async () => {
    const source = `
      const program = await TestProgram.open(${worker});
      const fd = await make(program);
      await program.withAddress(Op.BIND, fd, "127.0.0.1:0").result();
      const receiving = program.run(Op.RECV, fd, { address: program.take(16), length: 16 });
      receiving.then(async (result) => {
        console.log("received", result);
        program.begin(Op.RECV, fd, { address: program.take(16), length: 16 });
        await program.run(Op.NOP, -1);
        program.reactor.dereference();
        console.log("let go");
      });
      const name = await program.name(fd, "local");
      Deno.unrefTimer(setTimeout(async () => {
        const other = await make(program);
        await program.withAddress(Op.CONNECT, other, name).result();
        await program.run(Op.SEND, other, { address: program.put("abc"), length: 3 });
      }, 200));
    `;
    const outcome = await runProgram(source, "--allow-net", ...read);
    assertEquals(outcome, [0, "received 3\nlet go\n"]);
  });
}

Deno.test("datagrams that are not permitted are EACCES, and nobody is asked", async () => {
  const source = `
    const program = await TestProgram.open(false);
    const results = [];
    const at = async (opcode, address) => {
      const fd = await make(program);
      results.push(await program.withAddress(opcode, fd, address).result());
      await program.closeAll(fd);
    };
    await at(Op.BIND, "127.0.0.1:0");
    await at(Op.BIND, "0.0.0.0:0");
    await at(Op.CONNECT, "127.0.0.1:9");
    await at(Op.CONNECT, "10.0.0.1:9");
    const fd = await make(program);
    await program.withAddress(Op.BIND, fd, "127.0.0.1:0").result();
    const entry = { address: program.put("x"), length: 1, fileIndex: 16 };
    for (const last of [1, 2]) {
      const name = program.take(16);
      program.reactor.memory.bytes.set([2, 0, 0, 9, 127, 0, 0, last], name);
      results.push(await program.run(Op.SEND, fd, { ...entry, offset: name }));
    }
    console.log(results.join());
    await program.closeAll(fd);
    await program.close();
  `;
  const no = -Errno.EACCES;
  assertEquals(await runProgram(source), [0, `${[no, no, no, no, no, no]}\n`]);
  const some = await runProgram(source, "--allow-net=127.0.0.1");
  assertEquals(some, [0, `${[0, no, 0, no, 1, no]}\n`]);
  // 10.0.0.1 may have no route here, but connecting only names it.
  const all = await runProgram(source, "--allow-net");
  assertEquals(all, [0, `${[0, 0, 0, 0, 1, 1]}\n`]);
});

Deno.test("Node's module of datagrams is loaded by the first datagram socket", async () => {
  const source = `
    const program = await TestProgram.open(false);
    const { fd } = await program.listen();
    const unix = await program.run(Op.SOCKET, 1, { offset: Sock.DGRAM });
    console.log(unix, areDatagramsLoaded());
    const datagrams = await make(program);
    console.log(areDatagramsLoaded());
    await program.closeAll(fd, datagrams);
    await program.close();
  `;
  assertEquals(await runProgram(source, "--allow-net"), [0, `${-Errno.ENOTSUP} false\ntrue\n`]);
});
