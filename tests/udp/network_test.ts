/**
 * Datagrams over links of our own: slow ones, narrow ones, broadcasts, groups and dead ends, each in
 * network namespaces that nobody else can see.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  datagramOf,
  digestOf,
  type Received,
  type SendPlan,
  type Sent,
  sortedDigestOf,
} from "./udp_program.ts";
import { ROOT } from "../../tools/files.ts";
import { stdFlags } from "../../tools/std.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { connectNamespaces, Namespace, namespaceRefusal } from "../support/namespaces.ts";
import { skipUnless } from "../support/skip.ts";

const PROGRAM = new URL("tests/udp/udp_program.ts", ROOT).pathname;
const PROGRAM_LIMIT_MS = 40_000;
const CARRIER_LIMIT_MS = 5_000;
const ADDRESSES = { one: ["10.77.0.1/24", "10.77.0.3/24", "fd77::1/64", "fd77::3/64"] };

/** Two hosts and the cable between them. */
class Link implements AsyncDisposable {
  readonly one: Namespace;
  readonly other: Namespace;

  private constructor(one: Namespace, other: Namespace) {
    this.one = one;
    this.other = other;
  }

  static async create(): Promise<Link> {
    const link = new Link(await Namespace.create(), await Namespace.create());
    await connectNamespaces(
      { in: link.one, device: "a0", addresses: ADDRESSES.one },
      { in: link.other, device: "b0", addresses: ["10.77.0.2/24", "fd77::2/64"] },
    );
    await carries(link.one, "a0");
    await carries(link.other, "b0");
    return link;
  }

  /** Starts a receiver on the other host. */
  async receiver(
    address: string,
    count: number,
    groups: readonly object[] = [],
  ): Promise<Receiver> {
    const join = groups.length === 0 ? "" : JSON.stringify(groups);
    const args = ["receive", address, String(count), join];
    const receiver = new Receiver(await program(this.other, args));
    await receiver.ready();
    return receiver;
  }

  /** Sends from the first host. */
  async send(plan: SendPlan, address = "10.77.0.1:0"): Promise<Sent> {
    const { args, command } = await program(this.one, ["send", address, JSON.stringify(plan)]);
    const output = await new Deno.Command(command, { args, stdout: "piped", stderr: "piped" })
      .output();
    const said = new TextDecoder().decode(output.stdout);
    assert(output.success, new TextDecoder().decode(output.stderr));
    return JSON.parse(said);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.one[Symbol.asyncDispose]();
    await this.other[Symbol.asyncDispose]();
  }
}

/** Waits until the system has noticed that a cable is plugged in: IPv6 begins then. */
async function carries(namespace: Namespace, device: string): Promise<void> {
  const deadline = performance.now() + CARRIER_LIMIT_MS;
  for (;;) {
    const routes = await namespace.run(
      "ip",
      "-6",
      "route",
      "show",
      "table",
      "local",
      "dev",
      device,
    );
    if (routes.includes("multicast ff00::/8")) return;
    assert(performance.now() < deadline, `${device} is not up: ${routes}`);
  }
}

interface Program {
  readonly command: string;
  readonly args: string[];
}

async function program(namespace: Namespace, args: readonly string[]): Promise<Program> {
  const [command, ...under] = namespace.under;
  const deno = [Deno.execPath(), "run", "-A", "--no-check", ...await stdFlags(), PROGRAM];
  return { command, args: [...under, ...deno, ...args] };
}

/** A receiver on its way. */
class Receiver {
  readonly #process: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #address = "";

  constructor({ command, args }: Program) {
    this.#process = new Deno.Command(command, {
      args,
      stdout: "piped",
      signal: AbortSignal.timeout(PROGRAM_LIMIT_MS),
    }).spawn();
    this.#lines = linesOf(this.#process.stdout);
  }

  async ready(): Promise<void> {
    const { value } = await this.#lines.next();
    assert(value?.startsWith("listening "), `the receiver says ${value}`);
    this.#address = value.slice("listening ".length);
  }

  /** The port that it is bound to. */
  get port(): string {
    return this.#address.slice(this.#address.lastIndexOf(":") + 1);
  }

  /** What came, once nothing more comes. */
  async received(): Promise<Received> {
    const { value } = await this.#lines.next();
    await this.#process.status;
    await this.#lines.return?.();
    return JSON.parse(value);
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

function onLink(name: string, body: (link: Link) => Promise<void>, ...programs: string[]): void {
  const reason = namespaceRefusal(...programs) ?? kernelRefusal();
  Deno.test({
    ...skipUnless(name, reason === undefined, reason ?? ""),
    async fn() {
      await using link = await Link.create();
      await body(link);
    },
  });
}

onLink("a full send buffer is waited for, and no datagram is lost or changed", async (link) => {
  const rate = ["root", "tbf", "rate", "8mbit", "burst", "32k", "latency", "20s"];
  await link.one.run("tc", "qdisc", "add", "dev", "a0", ...rate);
  const lengths = Array.from({ length: 400 }, (_, index) => 1000 + index % 3 * 100);
  const receiver = await link.receiver("10.77.0.2:0", lengths.length);
  const options = { sendBufferBytes: 8_000 };
  const { sent, failed } = await link.send({ to: `10.77.0.2:${receiver.port}`, lengths, options });
  assertEquals([sent, failed], [lengths.length, []]);
  const { count, sortedDigest } = await receiver.received();
  assertEquals([count, sortedDigest], [lengths.length, await sortedDigestOf(lengths)]);
}, "tc");

onLink("datagrams larger than the path's packets leave one by one, in pieces", async (link) => {
  const lengths = [...Array(10).fill(1400), ...Array(10).fill(2000), ...Array(5).fill(9000)];
  const receiver = await link.receiver("10.77.0.2:0", lengths.length);
  const to = `10.77.0.2:${receiver.port}`;
  const { sent, failed, joined } = await link.send({ to, lengths });
  assertEquals([sent, failed, joined], [lengths.length, [], 1]);
  const { count, digest } = await receiver.received();
  assertEquals([count, digest], [lengths.length, await digestOf(lengths)]);
});

onLink("what may not be split is EMSGSIZE, datagram by datagram", async (link) => {
  const lengths = [1000, 1000, 2000, 2000, 2000, 1000, 1472, 1473];
  const receiver = await link.receiver("10.77.0.2:0", 4);
  const to = `10.77.0.2:${receiver.port}`;
  const { sent, failed } = await link.send({ to, lengths, options: { mtuDiscovery: "do" } });
  assertEquals([sent, failed.map(({ index }) => index)], [4, [2, 3, 4, 7]]);
  for (const { code, message } of failed) {
    assertEquals(code, "EMSGSIZE");
    assert(message.includes("mtuDiscovery"), message);
  }
  assertEquals((await receiver.received()).count, 4);
});

onLink("more datagrams are joined than a device can take at once, and all arrive", async (link) => {
  await link.one.run("ip", "link", "set", "a0", "gso_max_segs", "8");
  const lengths = Array.from({ length: 300 }, (_, index) => index === 299 ? 7 : 200);
  const receiver = await link.receiver("[fd77::2]:0", lengths.length);
  const plan = { to: `[fd77::2]:${receiver.port}`, lengths };
  const { sent, joined } = await link.send(plan, "[fd77::1]:0");
  assertEquals([sent, joined > 0], [lengths.length, true]);
  const { count, digest } = await receiver.received();
  assertEquals([count, digest], [lengths.length, await digestOf(lengths)]);
});

onLink("a broadcast reaches the link", async (link) => {
  const receiver = await link.receiver("0.0.0.0:0", 2);
  const to = `10.77.0.255:${receiver.port}`;
  const denied = await link.send({ to, lengths: [5] });
  assertEquals(denied.failed[0].code, "EACCES");
  assert(denied.failed[0].message.includes("broadcast"), denied.failed[0].message);
  const { sent } = await link.send({ to, lengths: [5, 6], options: { broadcast: true } });
  assertEquals(sent, 2);
  const { digest, hosts } = await receiver.received();
  assertEquals([digest, hosts], [await digestOf([5, 6]), ["10.77.0.1"]]);
});

for (const through of ["b0", 2, "10.77.0.2"] as const) {
  onLink(`a group of IPv4 is joined on the interface ${through}`, async (link) => {
    // The cable is the second interface of a new namespace.
    const receiver = await link.receiver("0.0.0.0:0", 3, [{
      group: "239.9.9.9",
      interface: through,
    }]);
    const plan = { to: `239.9.9.9:${receiver.port}`, lengths: [1, 2, 3] };
    const options = { multicastInterface: "10.77.0.1" };
    assertEquals((await link.send({ ...plan, options })).sent, 3);
    const { count, hosts } = await receiver.received();
    assertEquals([count, hosts], [3, ["10.77.0.1"]]);
  });
}

onLink("a group of IPv6 is joined by the zone in its name", async (link) => {
  const receiver = await link.receiver("[::]:0", 2, [{ group: "ff05::77%b0" }]);
  const plan = { to: `[ff05::77]:${receiver.port}`, lengths: [10, 10] };
  const options = { multicastInterface: 2 };
  assertEquals((await link.send({ ...plan, options }, "[fd77::1]:0")).sent, 2);
  const { count, hosts } = await receiver.received();
  assertEquals([count, hosts], [2, ["fd77::1"]]);
});

for (
  const { group, source, senders, bind } of [
    {
      group: "232.9.9.9",
      source: "10.77.0.3",
      senders: ["10.77.0.1", "10.77.0.3"],
      bind: "0.0.0.0",
    },
    { group: "ff35::77", source: "fd77::3", senders: ["fd77::1", "fd77::3"], bind: "[::]" },
  ]
) {
  onLink(`a group is heard from the source ${source} alone`, async (link) => {
    const groups = [{ group, source, interface: "b0" }];
    const receiver = await link.receiver(`${bind}:0`, 2, groups);
    const isIPv6 = group.includes(":");
    const options = { multicastInterface: isIPv6 ? 2 : "10.77.0.1" };
    const to = isIPv6 ? `[${group}]:${receiver.port}` : `${group}:${receiver.port}`;
    for (const [index, host] of senders.entries()) {
      const address = isIPv6 ? `[${host}]:0` : `${host}:0`;
      const lengths = [index + 1];
      assertEquals((await link.send({ to, lengths, options }, address)).sent, 1);
    }
    const { digest, hosts } = await receiver.received();
    const heard = new Uint8Array(await crypto.subtle.digest("SHA-256", datagramOf(0, 2))).toHex();
    assertEquals([digest, hosts], [heard, [source]]);
  });
}

onLink("what the network answers is told, by number", async (link) => {
  await link.one.ip("route", "add", "unreachable", "10.99.0.0/16");
  const lost = await link.send({ to: "10.99.1.1:9", lengths: [1, 1, 1] });
  assertEquals(lost.failed.map(({ index, code }) => [index, code]), [
    [0, "EHOSTUNREACH"],
    [1, "EHOSTUNREACH"],
    [2, "EHOSTUNREACH"],
  ]);
  const away = await link.send({ to: "192.0.2.1:9", lengths: [1] });
  assertEquals(away.failed[0].code, "ENETUNREACH");
});
