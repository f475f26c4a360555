/**
 * Makes the golden packets of `tests/stack/golden/` anew: traffic of the running kernel between
 * three network namespaces, taken by tcpdump and annotated by tshark, so that the offset and the
 * value of each field come from a program that is not ours.
 *
 * ```sh
 * deno run -A tests/stack/capture_golden.ts            # all of them
 * deno run -A tests/stack/capture_golden.ts folder     # of the captures there, or left there
 * ```
 *
 * It needs root on Linux, and Debian's iproute2, iputils-ping, nftables, procps, python3, radvd,
 * tcpdump and tshark. Addresses and ports are fixed; sequence numbers and times are not, so tests
 * read those from the golden files.
 *
 * @module
 */

import { Namespace, namespaceRefusal } from "../support/namespaces.ts";
import { formatGolden, readFrames, readNumbers } from "./golden_text.ts";
import { GOLDEN } from "./golden_packets.ts";
import { type Network, runTraffic } from "./golden_traffic.ts";

const FOLDER = new URL("./golden/", import.meta.url);

/** `client` - `router` - `server`, with fixed MAC addresses and a bridge in `router`. */
async function build(stack: AsyncDisposableStack): Promise<Network> {
  const [client, router, server] = await Promise.all([1, 2, 3].map(() => Namespace.create()));
  for (const namespace of [client, router, server]) stack.use(namespace);
  const cable = (
    [one, device, mac]: [Namespace, string, string],
    [other, peer, peerMac]: [Namespace, string, string],
  ) =>
    one.run(
      ...["ip", "link", "add", device, "address", mac, "type", "veth", "peer", "name", peer],
      ...["address", peerMac, "netns", other.name],
    );
  await cable([client, "c0", "02:00:00:00:00:0c"], [router, "r0", "02:00:00:00:00:a0"]);
  await cable([server, "s0", "02:00:00:00:00:05"], [router, "r1", "02:00:00:00:00:a1"]);
  await router.ip("link", "add", "br0", "address", "02:00:00:00:00:ab", "type", "bridge");
  await router.ip("link", "set", "r0", "master", "br0");
  await router.forward();
  for (const namespace of [client, router, server]) {
    await namespace.run("sysctl", "-eqw", ...[
      "net.ipv4.icmp_ratelimit=0",
      "net.ipv4.icmp_ratemask=0",
      "net.ipv6.icmp.ratelimit=0",
      "net.ipv4.conf.all.send_redirects=1",
      "net.ipv4.conf.default.send_redirects=1",
      "net.ipv4.tcp_fastopen=3",
      "net.ipv4.ping_group_range=0 0",
      "net.ipv6.conf.all.seg6_enabled=1",
      "net.ipv6.conf.default.seg6_enabled=1",
    ]);
  }
  const devices: [Namespace, string][] = [[router, "r0"], [router, "r1"], [router, "br0"]];
  for (const [namespace, device] of [...devices, [client, "c0"], [server, "s0"]] as const) {
    await namespace.ip("link", "set", device, "up");
  }
  return { client, router, server };
}

/** Starts tcpdump on an interface; it has opened it when this returns. */
async function capture(namespace: Namespace, device: string, file: string) {
  const [program, ...args] = [...namespace.under, "tcpdump", "-i", device, "-w", file];
  const child = new Deno.Command(program, {
    args: [...args, "-U", "--immediate-mode", "-s", "0"],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  for (let said = ""; !said.includes("listening on");) {
    const { value, done } = await lines.read();
    if (done) throw new Error(`tcpdump: ${said}`);
    said += value;
  }
  return async () => {
    child.kill("SIGINT");
    while (!(await lines.read()).done);
    await child.status;
  };
}

async function main(given: string | undefined): Promise<number> {
  const refusal = namespaceRefusal("nft", "ping", "python3", "radvd", "tcpdump", "tshark");
  if (refusal !== undefined) {
    console.error(refusal);
    return 1;
  }
  const folder = given ?? await Deno.makeTempDir();
  const file = `${folder}/client.pcap`;
  try {
    const isThere = await Deno.stat(file).then(() => true, () => false);
    if (!isThere) await captureAll(file);
    return await write(file);
  } finally {
    if (given === undefined) await Deno.remove(folder, { recursive: true });
  }
}

async function captureAll(file: string): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const network = await build(stack);
  stack.defer(await capture(network.client, "c0", file));
  await runTraffic(network, stack);
}

async function write(file: string): Promise<number> {
  const numbers = new Map<string, number>();
  const missing: string[] = [];
  for (const [name, { filter }] of Object.entries(GOLDEN)) {
    const [number] = await readNumbers(file, filter);
    if (number === undefined) missing.push(name);
    else numbers.set(name, number);
  }
  const kernel = Deno.osRelease().split(".", 2).join(".");
  const frames = await readFrames(file, [...new Set(numbers.values())]);
  for (const [name, number] of numbers) {
    const text = formatGolden(`${GOLDEN[name].what} (Linux ${kernel})`, frames.get(number)!);
    await Deno.writeTextFile(new URL(`${name}.hex`, FOLDER), text);
  }
  console.log(`${numbers.size} golden packets`);
  for (const name of missing) console.error(`not captured: ${name}`);
  return missing.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args[0]));
