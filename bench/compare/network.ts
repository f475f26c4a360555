/**
 * The network that measured programs talk over: a loopback of their own where that can be made.
 *
 * Loopback uses whatever congestion control the machine has. BBR without a pacing queue sets a timer
 * for every segment, which then is most of what is measured; in a namespace of its own the
 * comparison uses CUBIC, and nothing else is changed.
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

const CONGESTION_CONTROL = "cubic";

/** Makes a network namespace; the machine's own loopback where that is not possible. */
export async function openNetwork(): Promise<BenchNetwork> {
  const name = `millrace-bench-${Deno.pid}`;
  const why = await run("ip", "netns", "add", name);
  if (why !== null) return shared(why);
  const prefix = ["ip", "netns", "exec", name];
  const remove = async (): Promise<void> => void await run("ip", "netns", "delete", name);
  const setting = `net.ipv4.tcp_congestion_control=${CONGESTION_CONTROL}`;
  const trouble = await run(...prefix, "ip", "link", "set", "lo", "up") ??
    await run(...prefix, "sysctl", "-qw", setting);
  if (trouble !== null) {
    await remove();
    return shared(trouble);
  }
  const description = `a network namespace, TCP with ${CONGESTION_CONTROL}`;
  return { prefix, description, remove };
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
