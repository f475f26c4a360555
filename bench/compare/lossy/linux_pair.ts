/**
 * One flow between two network namespaces of Linux, whose only way to each other is the simulated
 * link: a TUN device in each of them, joined by `tun_link.ts` in real time. Needs root.
 */
import type { LinkOptions } from "../../../stack/sim/link_options.ts";

const PORT = 5000;
const RECEIVER = `import socket, sys, time
seconds = float(sys.argv[1])
server = socket.create_server(("10.77.0.2", ${PORT}))
print("ready", flush=True)
peer, _ = server.accept()
peer.settimeout(0.5)
start, count = time.monotonic(), 0
while time.monotonic() - start < seconds:
  try: count += len(peer.recv(65536))
  except TimeoutError: pass
print(count, flush=True)`;
const SENDER = `import socket, sys, time
peer = socket.create_connection(("10.77.0.2", ${PORT}))
peer.settimeout(0.5)
end, data = time.monotonic() + float(sys.argv[1]) + 1, bytes(65536)
while time.monotonic() < end:
  try: peer.send(data)
  except TimeoutError: pass
  except OSError: break`;

async function run(...[program, ...args]: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdout: "null" }).output();
  if (!success) {
    throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }
}

/** Waits for a line of a child, and gives it. */
async function lineOf(lines: ReadableStreamDefaultReader<string>): Promise<string> {
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await lines.read();
    if (done) throw new Error(`it ended after ${JSON.stringify(text)}`);
    text += value;
  }
  return text.trim();
}

function start(program: string, args: string[]) {
  const child = new Deno.Command(program, { args, stdout: "piped", stderr: "null" }).spawn();
  return { child, lines: child.stdout.pipeThrough(new TextDecoderStream()).getReader() };
}

/**
 * Sends for some seconds from the moment of `accept`.
 *
 * @returns what arrived, in Mbit/s
 */
export async function measureLinuxPair(
  seed: number,
  seconds: number,
  link: LinkOptions,
  congestionControl: string,
): Promise<number> {
  const tag = `mr${Deno.pid % 100_000}`;
  const sides = ["a", "b"].map((side, nth) => ({
    space: `${tag}${side}`,
    device: `${tag}t${side}`,
    address: `10.77.0.${nth + 1}/30`,
  }));
  const children: Deno.ChildProcess[] = [];
  try {
    for (const { space } of sides) await run("ip", "netns", "add", space);
    const joined = start(Deno.execPath(), [
      ...["run", "-A", "--no-check", new URL("./tun_link.ts", import.meta.url).pathname],
      ...sides.map(({ device }) => device),
      ...[String(seconds + 30), String(seed), JSON.stringify(link)],
    ]);
    children.push(joined.child);
    await lineOf(joined.lines);
    const setting = `net.ipv4.tcp_congestion_control=${congestionControl}`;
    for (const { space, device, address } of sides) {
      await run("ip", "link", "set", device, "netns", space);
      await run("ip", "netns", "exec", space, "ip", "addr", "add", address, "dev", device);
      await run("ip", "netns", "exec", space, "ip", "link", "set", device, "up");
      await run("ip", "netns", "exec", space, "sysctl", "-qw", setting);
    }
    const inside = (nth: number, program: string) =>
      start("ip", [
        ...["netns", "exec", sides[nth].space, "python3", "-c", program, String(seconds)],
      ]);
    const receiver = inside(1, RECEIVER);
    children.push(receiver.child);
    await lineOf(receiver.lines);
    const sender = inside(0, SENDER);
    children.push(sender.child);
    const bytes = Number(await lineOf(receiver.lines));
    return bytes * 8 / 1e6 / seconds;
  } finally {
    for (const child of children) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await child.status;
      await child.stdout.cancel().catch(() => {});
    }
    for (const { space } of sides) await run("ip", "netns", "delete", space).catch(() => {});
  }
}
