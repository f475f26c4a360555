/**
 * Network namespaces and the cables between them: networks of a test's own, with routers, losses
 * and dead hosts, that nobody else can see. They need root on Linux, `ip` and
 * `sysctl` (Debian's iproute2 and procps).
 *
 * @module
 */

import { hasProgram, isRoot } from "./skip.ts";

/** A command that takes longer hangs. */
const COMMAND_LIMIT_MS = 30_000;

let count = 0;

/**
 * @param programs Programs that are needed beside `ip`.
 * @returns Why namespaces cannot be used here, undefined where they can.
 */
export function namespaceRefusal(...programs: string[]): string | undefined {
  if (Deno.build.os !== "linux" || !isRoot()) return "needs root on Linux";
  const missing = ["ip", "sysctl", ...programs].filter((program) => !hasProgram(program));
  return missing.length > 0 ? `needs ${missing.join(" and ")}` : undefined;
}

/** A network namespace. What runs in it goes, or is killed, before it does. */
export class Namespace implements AsyncDisposable {
  /** Its name, which no other one has. */
  readonly name: string;
  /** A command that runs another one in it. */
  readonly under: readonly string[];

  private constructor(name: string) {
    this.name = name;
    this.under = ["ip", "netns", "exec", name];
  }

  /** Makes one whose only interface is its loopback, which is up. */
  static async create(): Promise<Namespace> {
    const namespace = new Namespace(`millrace-${Deno.pid}-${++count}`);
    await runCommand(["ip", "netns", "add", namespace.name]);
    try {
      await namespace.ip("link", "set", "lo", "up");
      // Nobody else can have an address here: there is no need to wait until that is proved.
      const dad = ["all", "default"].map((which) => `net.ipv6.conf.${which}.accept_dad=0`);
      await namespace.run("sysctl", "-eqw", ...dad);
      return namespace;
    } catch (error) {
      await namespace[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a program in it. @returns What it printed. @throws {Error} When it fails. */
  run(...command: string[]): Promise<string> {
    return runCommand([...this.under, ...command]);
  }

  /** Configures it: `ip -n`. */
  async ip(...args: string[]): Promise<void> {
    await runCommand(["ip", "-n", this.name, ...args]);
  }

  /** Lets it forward packets of both families. */
  async forward(): Promise<void> {
    await this.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1");
  }

  /** Adds rules to its packet filter, in the language of `nft`. */
  async filter(...rules: string[]): Promise<void> {
    await this.run("nft", rules.join("; "));
  }

  /** Removes it, and the cables that end in it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await runCommand(["ip", "netns", "del", this.name]);
  }
}

/** One end of a cable. */
export interface CableEnd {
  /** Where the end is. */
  readonly in: Namespace;
  /** What the interface is called there, up to 15 characters. */
  readonly device: string;
  /** Its addresses with prefix lengths, such as `"10.9.0.1/24"`. */
  readonly addresses: readonly string[];
}

/** Lays a cable between two namespaces; it goes when one of them does. */
export async function connectNamespaces(one: CableEnd, other: CableEnd): Promise<void> {
  await runCommand([
    ...["ip", "link", "add", one.device, "netns", one.in.name, "type", "veth"],
    ...["peer", "name", other.device, "netns", other.in.name],
  ]);
  for (const { in: namespace, device, addresses } of [one, other]) {
    for (const address of addresses) {
      await namespace.ip("addr", "add", address, "dev", device);
    }
    await namespace.ip("link", "set", device, "up");
  }
}

async function runCommand([program, ...args]: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
    signal: AbortSignal.timeout(COMMAND_LIMIT_MS),
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
