import { assert, assertEquals } from "@std/assert";
import { NetError, PartialSendError, type TcpStream } from "../../mod.ts";
import { failureOf, onEachBackend, sequence, SequenceCheck, within, withSite } from "./fixtures.ts";
import { startSource } from "./source_process.ts";
import { hasProgram, isRoot } from "../support/skip.ts";

/** Receives until nothing comes for a while. @returns what it then failed with, null at the end */
async function receiveUntilSilent(stream: TcpStream, check: SequenceCheck): Promise<Error | null> {
  try {
    for await (const lease of stream.receiveMany({ timeoutMs: 300 })) check.take(lease.bytes);
    return null;
  } catch (error) {
    return error as Error;
  }
}

function assertTimedOut(error: Error | null, operation: string): void {
  assert(error instanceof Deno.errors.TimedOut && error instanceof NetError, String(error));
  assertEquals(error.code, "ETIMEDOUT");
  assert(error.message.startsWith(operation), error.message);
}

onEachBackend(
  "a peer that is stopped is noticed by its deadline, and may go on later",
  (backend) =>
    withSite(backend, async ({ endpoint, port }) => {
      const bytes = 3_000_000;
      const { process, ended } = await startSource(port, 1, bytes);
      const stream = await within("the source", endpoint.accept(), 20_000);
      const check = new SequenceCheck();
      check.takeLease((await stream.receive())!);
      process.kill("SIGSTOP");
      assertTimedOut(await within("the silence", receiveUntilSilent(stream, check)), "receive");
      assertTimedOut(await failureOf(stream.receive({ timeoutMs: 50 })), "receive");
      assert(check.received < bytes);
      process.kill("SIGCONT");
      for (let isOpen = true; isOpen;) {
        const lease = await within("the rest", stream.receive());
        if (lease !== null) check.takeLease(lease);
        isOpen = lease !== null;
      }
      assertEquals(check.received, bytes, "a deadline costs no byte");
      await stream.close();
      await ended;
    }),
  { condition: Deno.build.os === "linux", reason: "needs SIGSTOP" },
);

async function run(command: string): Promise<void> {
  const [program, ...args] = command.split(" ");
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  assert(success, `${command}: ${new TextDecoder().decode(stderr)}`);
}

/** A network namespace at the other end of a cable that can be cut. */
class Cable implements AsyncDisposable {
  readonly namespace: string;
  readonly device: string;
  readonly address: string;

  private constructor(index: number) {
    this.namespace = `millrace${index}`;
    this.device = `mill${index}`;
    this.address = `10.213.${index % 250}.1`;
  }

  static async lay(): Promise<Cable> {
    const cable = new Cable(Deno.pid % 60_000);
    const { namespace, device, address } = cable;
    const inside = `ip -n ${namespace}`;
    await run(`ip netns add ${namespace}`);
    await run(`ip link add ${device} type veth peer name eth0 netns ${namespace}`);
    await run(`ip addr add ${address}/24 dev ${device}`);
    await run(`ip link set ${device} up`);
    await run(`${inside} addr add ${address.replace(/1$/, "2")}/24 dev eth0`);
    await run(`${inside} link set eth0 up`);
    return cable;
  }

  /** From now on neither bytes nor resets get through. */
  cut(): Promise<void> {
    return run(`ip link set ${this.device} down`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(`ip netns del ${this.namespace}`);
    await new Deno.Command("ip", { args: ["link", "del", this.device], stderr: "null" }).output();
  }
}

onEachBackend(
  "a peer whose cable is cut is given up at the deadline, in both directions",
  (backend) =>
    withSite(backend, async ({ capability }) => {
      await using cable = await Cable.lay();
      const endpoint = await capability.listen(`${cable.address}:0`);
      const wrapper = ["ip", "netns", "exec", cable.namespace];
      const { port } = endpoint.addr;
      const { process } = await startSource(port, 1, 500_000_000, cable.address, wrapper);
      try {
        const stream = await within("the source", endpoint.accept(), 20_000);
        const check = new SequenceCheck();
        check.takeLease((await stream.receive())!);
        await cable.cut();
        assertTimedOut(await within("the silence", receiveUntilSilent(stream, check)), "receive");
        const sending = failureOf(stream.send(sequence(0, 30_000_000), { timeoutMs: 300 }));
        const error = await within("the send", sending);
        assert(error instanceof PartialSendError, String(error));
        assertEquals(error.code, "ETIMEDOUT");
        await within("the close", stream.close());
      } finally {
        process.kill("SIGKILL");
        await process.status;
        await endpoint[Symbol.asyncDispose]();
      }
    }),
  {
    condition: isRoot() && hasProgram("ip"),
    reason: "needs root and ip for a network namespace",
  },
);
