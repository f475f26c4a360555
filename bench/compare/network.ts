/**
 * The network that measured programs talk over: a loopback of their own where that can be made.
 *
 * Loopback uses whatever congestion control the machine has. BBR without a pacing queue sets a timer
 * for every segment, which then is most of what is measured; in a namespace of its own the
 * comparison uses CUBIC, or Reno where the machine keeps CUBIC to itself, and nothing else is
 * changed.
 */

/** Where measured programs run. */
export interface BenchNetwork {
  /** What to put in front of a command. */
  readonly prefix: readonly string[];
  /** In words. */
  readonly description: string;
  /** Removes it. */
  remove(): Promise<void>;
}

/** The first one that a namespace may have (`net.ipv4.tcp_allowed_congestion_control`). */
const CONGESTION_CONTROLS = ["cubic", "reno"];

/** Makes a network namespace; the machine's own loopback where that is not possible. */
export async function openNetwork(): Promise<BenchNetwork> {
  const name = `millrace-bench-${Deno.pid}`;
  const why = await run("ip", "netns", "add", name);
  if (why !== null) return shared(why);
  const prefix = ["ip", "netns", "exec", name];
  const remove = async (): Promise<void> => void await run("ip", "netns", "delete", name);
  let trouble = await run(...prefix, "ip", "link", "set", "lo", "up");
  if (trouble === null) {
    for (const control of CONGESTION_CONTROLS) {
      trouble = await run(...prefix, "sysctl", "-qw", `net.ipv4.tcp_congestion_control=${control}`);
      const description = `a network namespace, TCP with ${control}`;
      if (trouble === null) return { prefix, description, remove };
    }
  }
  await remove();
  return shared(trouble!);
}

function shared(why: string): BenchNetwork {
  const description = `the machine's own loopback (no namespace: ${why})`;
  return { prefix: [], description, remove: () => Promise.resolve() };
}

/** @returns null, or why it failed */
async function run(...[program, ...args]: string[]): Promise<string | null> {
  try {
    const output = await new Deno.Command(program, { args, stdout: "null", stderr: "piped" })
      .output();
    if (output.success) return null;
    return new TextDecoder().decode(output.stderr).trim() || `${program} failed`;
  } catch (error) {
    return (error as Error).message;
  }
}
