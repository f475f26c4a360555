import { assert, assertEquals } from "@std/assert";
import { scale, withSeed } from "../../tests/support/seed.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { CqeFlag, IoPrio, Msg, Op, SqeFlag } from "../../ring/abi/opcodes.ts";
import { type Flight, TestProgram } from "../../tests/support/test_program.ts";

const STREAM_BYTES = scale(1 << 20, 16 << 20);
/** A prime, so that no buffer size hides a lost or doubled byte. */
const PATTERN = 251;

/** A process of its own: its bytes move at moments that this one does not choose. */
function runPeer(port: number, source: string): Promise<Deno.CommandOutput> {
  const script = `
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: ${port} });
    ${source}
    conn.close();
  `;
  return new Deno.Command(Deno.execPath(), { args: ["eval", script], stdin: "null" }).output();
}

const SENDER = `
  const total = ${STREAM_BYTES};
  const data = Uint8Array.from({ length: total }, (_, index) => index % ${PATTERN});
  for (let at = 0; at < total;) {
    const end = Math.min(total, at + 1 + Math.floor(Math.random() ** 4 * 30000));
    at += await conn.write(data.subarray(at, end));
    if (Math.random() < 0.05) await new Promise((resolve) => setTimeout(resolve, 1));
  }
`;

const RECEIVER = `
  const bytes = new Uint8Array(1 << 16);
  let at = 0;
  for (let count = 0; count !== null; count = await conn.read(bytes)) {
    for (let index = 0; index < count; index++, at++) {
      if (bytes[index] !== at % ${PATTERN}) Deno.exit(7);
    }
    if (Math.random() < 0.1) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  console.log(at);
`;

/** Lets a random amount of other things happen. */
async function loiter(chance: number): Promise<void> {
  if (chance < 0.4) return;
  if (chance < 0.7) return await Promise.resolve();
  await new Promise((resolve) => setTimeout(resolve, chance < 0.95 ? 0 : 2));
}

for (const worker of [false, true]) {
  const where = worker ? "worker" : "isolate";
  Deno.test(
    `receives cancelled at any moment lose and double no byte (${where})`,
    withSeed(async (random) => {
      const program = await TestProgram.open(worker);
      const { buffers, memory } = program.reactor;
      const { fd: listener, port } = await program.listen();
      const accepted = program.run(Op.ACCEPT, listener);
      const peer = runPeer(port, SENDER);
      const fd = await accepted;
      const address = program.take(8192);
      let received = 0;
      let cancelled = 0;
      const check = (offset: number, count: number) => {
        for (let index = 0; index < count; index++, received++) {
          if (memory.bytes[offset + index] !== received % PATTERN) {
            throw new Error(`byte ${received} is wrong`);
          }
        }
      };
      const take = (result: number, flags: number) => {
        if (result <= 0) return;
        if ((flags & CqeFlag.BUFFER) === 0) return check(address, result);
        const id = flags >>> 16;
        buffers.arrive(id);
        check(buffers.offsetOf(id), result);
        buffers.release(id);
      };
      const begin = (): Flight => {
        const kind = Math.floor(random.float() * 3);
        const length = 1 + Math.floor(random.float() * 8000);
        if (kind === 0) return program.begin(Op.RECV, fd, { address, length });
        if (kind === 1) {
          return program.begin(Op.RECV, fd, { address, length, operationFlags: Msg.WAITALL });
        }
        const flags = SqeFlag.BUFFER_SELECT;
        return program.begin(Op.RECV, fd, { flags, ioprio: IoPrio.RECV_MULTISHOT });
      };
      for (let isOpen = true; isOpen;) {
        const flight = begin();
        await loiter(random.float());
        const cancelling = program.cancel(flight);
        for (let isOver = false; !isOver;) {
          const { result, flags } = await flight.next();
          take(result, flags);
          isOver = (flags & CqeFlag.MORE) === 0;
          if (isOver && result === 0) isOpen = false;
          if (isOver && result === -Errno.ECANCELED) cancelled++;
        }
        await cancelling;
      }
      assertEquals(received, STREAM_BYTES);
      assert(cancelled > 0);
      assertEquals((await peer).code, 0);
      await program.closeAll(fd, listener);
      await program.close();
    }),
  );

  Deno.test(
    `sends cancelled at any moment send exactly what they say (${where})`,
    withSeed(async (random) => {
      const program = await TestProgram.open(worker);
      const { memory } = program.reactor;
      const { fd: listener, port } = await program.listen();
      const accepted = program.run(Op.ACCEPT, listener);
      const peer = runPeer(port, RECEIVER);
      const fd = await accepted;
      const address = program.take(1 << 18);
      let sent = 0;
      while (sent < STREAM_BYTES) {
        const most = random.float() < 0.2 ? 1 << 18 : 5000;
        const length = Math.min(STREAM_BYTES - sent, 1 + Math.floor(random.float() * most));
        for (let index = 0; index < length; index++) {
          memory.bytes[address + index] = (sent + index) % PATTERN;
        }
        const operationFlags = random.float() < 0.5 ? Msg.WAITALL : 0;
        const flight = program.begin(Op.SEND, fd, { address, length, operationFlags });
        await loiter(random.float());
        const cancelling = program.cancel(flight);
        const result = await flight.result();
        assert(result > 0 || result === -Errno.ECANCELED, `result ${result}`);
        sent += Math.max(0, result);
        // The memory is the program's again, whatever the driver still has to write.
        memory.bytes.fill(0xff, address, address + length);
        await cancelling;
      }
      await program.closeAll(fd, listener);
      const { code, stdout } = await peer;
      assertEquals([code, new TextDecoder().decode(stdout).trim()], [0, String(sent)]);
      await program.close();
    }),
  );
}
