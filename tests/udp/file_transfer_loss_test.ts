/**
 * The file transfer of `examples/` as its users run it: two programs, each in a network namespace,
 * and a packet filter between them that drops at random.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { ROOT } from "../../tools/files.ts";
import { type BackendKind, REFUSALS } from "../support/backends.ts";
import { connectNamespaces, Namespace, namespaceRefusal } from "../support/namespaces.ts";
import { scale } from "../support/seed.ts";
import { skipUnless } from "../support/skip.ts";
import { Workplace } from "./file_transfer_fixtures.ts";

const MEGABYTE = 1024 * 1024;
/** Far beyond what it takes: a machine may be busy. */
const LIMIT_MS = 120_000;
const RECEIVER = "10.97.0.2:7779";
const PROGRAM = new URL("examples/udp_file_transfer/main.ts", ROOT).pathname;

/** The permissions that the example's header names, for each backend. */
const FLAGS: Readonly<Record<BackendKind, readonly string[]>> = {
  kernel: ["--allow-net", "--allow-ffi", "--allow-read", "--allow-write"],
  host: ["--allow-net", "--allow-read", "--allow-write"],
};

/** A run of the example in a namespace. */
class Run {
  readonly #process: Deno.ChildProcess;
  readonly #output: Promise<string>;
  readonly #errors: Promise<string>;
  #greeted: () => void = () => {};

  constructor(namespace: Namespace, backend: BackendKind, args: readonly string[]) {
    const flags = ["run", "--no-prompt", "--no-config", "--no-check", ...FLAGS[backend]];
    const [program, ...rest] = [...namespace.under, Deno.execPath(), ...flags, PROGRAM, ...args];
    this.#process = new Deno.Command(program, {
      args: rest,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.timeout(LIMIT_MS),
    }).spawn();
    this.#errors = new Response(this.#process.stderr).text();
    const greeting = Promise.withResolvers<void>();
    this.#greeted = greeting.resolve;
    this.greeting = greeting.promise;
    this.#output = this.#read();
  }

  /** Resolves with the first line that it prints, or with its end. */
  readonly greeting: Promise<void>;

  async #read(): Promise<string> {
    let text = "";
    for await (const piece of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      text += piece;
      if (text.includes("\n")) this.#greeted();
    }
    this.#greeted();
    return text;
  }

  /** Waits for its end. @returns The status, and what it printed. */
  async ended(): Promise<{ code: number; output: string; errors: string }> {
    const [{ code }, output, errors] = await Promise.all([
      this.#process.status,
      this.#output,
      this.#errors,
    ]);
    return { code, output, errors };
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}

/** Packets that the filter of a namespace has dropped. */
async function dropped(namespace: Namespace): Promise<number> {
  const listed = await namespace.run("nft", "list", "chain", "inet", "millrace", "in");
  return Number(/counter packets (\d+)/.exec(listed)![1]);
}

interface Scene {
  readonly sending: Namespace;
  readonly receiving: Namespace;
  readonly place: Workplace;
}

/** Two namespaces with a cable between them; both drop 5 % of what comes in. */
async function withLoss(body: (scene: Scene) => Promise<void>): Promise<void> {
  await using place = await Workplace.create();
  await using sending = await Namespace.create();
  await using receiving = await Namespace.create();
  await connectNamespaces(
    { in: sending, device: "cable", addresses: ["10.97.0.1/24"] },
    { in: receiving, device: "cable", addresses: ["10.97.0.2/24"] },
  );
  for (const namespace of [sending, receiving]) {
    // Datagrams that leave joined are cut apart before the filter: it drops single ones.
    await namespace.ip("link", "set", "dev", "cable", "gso_max_segs", "1");
    await namespace.filter(
      "add table inet millrace",
      "add chain inet millrace in { type filter hook input priority 0; }",
      "add rule inet millrace in meta l4proto udp numgen random mod 100 < 5 counter drop",
    );
  }
  await body({ sending, receiving, place });
}

const refusal = namespaceRefusal("nft");

function testLoss(name: string, backend: BackendKind, body: (scene: Scene) => Promise<void>): void {
  const why = refusal ?? REFUSALS[backend];
  Deno.test({
    ...skipUnless(`${name} [${backend}]`, why === undefined, why ?? ""),
    fn: () => withLoss(body),
  });
}

for (const [backend, megabytes] of [["kernel", 100], ["host", scale(20, 100)]] as const) {
  testLoss(`${megabytes} MB arrive through 5 % of loss both ways`, backend, async (scene) => {
    const { sending, receiving, place } = scene;
    const path = await place.file("large.bin", megabytes * MEGABYTE);
    const receiver = new Run(receiving, backend, ["receive", "--once", RECEIVER, place.inbox]);
    await receiver.greeting;
    const sender = new Run(sending, backend, ["send", path, RECEIVER]);
    const [sent, received] = await Promise.all([sender.ended(), receiver.ended()]);
    assertEquals([sent.code, received.code], [0, 0], sent.errors + received.errors);
    console.log(sent.output.trimEnd());
    await place.assertArrived("large.bin");
    assertEquals(place.received(), ["large.bin"]);
    const blocks = Math.ceil(megabytes * MEGABYTE / 1400);
    assert(await dropped(receiving) > 0.04 * blocks, "too little was lost on the way there");
    assert(await dropped(sending) > 0, "nothing was lost on the way back");
    // What was lost has to leave again, about 5.3 %. A busy machine loses more in its queues.
    const again = Number(/([\d.]+) % of its blocks left again/.exec(sent.output)![1]);
    assert(again > 4 && again < 40, `${again} %`);
  });
}

testLoss("a receiver that is killed is noticed", "kernel", async (scene) => {
  const { sending, receiving, place } = scene;
  const path = await place.sparse("large.bin", 2000 * MEGABYTE);
  const receiver = new Run(receiving, "kernel", ["receive", RECEIVER, place.inbox]);
  await receiver.greeting;
  const sender = new Run(sending, "kernel", ["send", path, RECEIVER]);
  await growing(place);
  receiver.kill();
  await receiver.ended();
  const { code, errors } = await sender.ended();
  assertEquals(code, 1);
  assertMatch(errors, /^nobody receives files at 10\.97\.0\.2:7779\n$/);
});

testLoss("a sender that is killed leaves nothing at the receiver", "kernel", async (scene) => {
  const { sending, receiving, place } = scene;
  const path = await place.sparse("large.bin", 2000 * MEGABYTE);
  const args = ["receive", "--once", "--silence", "1", RECEIVER, place.inbox];
  const receiver = new Run(receiving, "kernel", args);
  await receiver.greeting;
  const sender = new Run(sending, "kernel", ["send", path, RECEIVER]);
  await growing(place);
  sender.kill();
  await sender.ended();
  const { errors } = await receiver.ended();
  assertMatch(errors, /"large\.bin" failed: 10\.97\.0\.1:\d+ was silent for 1000 ms/);
  assertEquals(place.received(), []);
});

/** Waits until something of a file is there. */
async function growing(place: Workplace): Promise<void> {
  const watcher = Deno.watchFs(place.inbox);
  for await (const { kind } of watcher) {
    if (kind === "modify") break;
  }
}
