/**
 * Datagrams to and from programs that are strangers to this library.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { NetworkCapability, type UdpEndpoint, UnixDatagramEndpoint } from "../../mod.ts";
import { testOnBackends } from "../support/backends.ts";
import { kernelRefusal } from "../support/kernel.ts";
import { hasProgram, skipUnless } from "../support/skip.ts";

const LOST_MS = 10_000;
const decoder = new TextDecoder();
const utf8 = (text: string) => new TextEncoder().encode(text);

function needs(program: string): { condition: boolean; reason: string } {
  return { condition: hasProgram(program), reason: `needs ${program}` };
}

/** Gives a program something to read, and collects what it prints. */
async function run(command: string, args: readonly string[], input: string): Promise<string> {
  const child = new Deno.Command(command, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    signal: AbortSignal.timeout(LOST_MS),
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(utf8(input));
  await writer.close();
  return decoder.decode((await child.output()).stdout);
}

async function answer(endpoint: UdpEndpoint, reply: string): Promise<string> {
  using datagram = await endpoint.receive({ timeoutMs: LOST_MS });
  await endpoint.send(utf8(reply), datagram.remoteAddr);
  return decoder.decode(datagram.copy());
}

testOnBackends("nc asks, and gets an answer", async (capability) => {
  await using server = await capability.bind("127.0.0.1:0");
  const asked = answer(server, "an answer\n");
  const port = String(server.addr.port);
  const printed = await run("nc", ["-u", "-w", "1", "127.0.0.1", port], "a question\n");
  assertEquals([await asked, printed], ["a question\n", "an answer\n"]);
}, needs("nc"));

testOnBackends("socat asks over IPv6, and gets an answer", async (capability) => {
  await using server = await capability.bind("[::1]:0");
  const asked = answer(server, "an answer");
  const address = `UDP6:[::1]:${server.addr.port}`;
  const printed = await run("socat", ["-t", "1", "-", address], "a question");
  assertEquals([await asked, printed], ["a question", "an answer"]);
}, needs("socat"));

const ECHO = `
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4000000)
print(server.getsockname()[1], flush=True)
while True:
    data, peer = server.recvfrom(65536)
    if data == b"end": break
    server.sendto(data, peer)
`;

testOnBackends("Python echoes what it is sent in batches", async (capability) => {
  const python = new Deno.Command("python3", { args: ["-c", ECHO], stdout: "piped" }).spawn();
  const reader = python.stdout.getReader();
  const { value } = await reader.read();
  const to = `127.0.0.1:${decoder.decode(value).trim()}`;
  await using client = await capability.bind("127.0.0.1:0");
  const lengths = [64, 64, 64, 20, 1, 3000, 3000, 60_000, 5];
  const batch = lengths.map((length, index) => ({ data: new Uint8Array(length).fill(index), to }));
  assertEquals((await client.sendBatch(batch)).sent, lengths.length);
  const echoed: Uint8Array[] = [];
  while (echoed.length < lengths.length) {
    using datagram = await client.receive({ timeoutMs: LOST_MS });
    echoed.push(datagram.copy());
  }
  assertEquals(echoed, batch.map(({ data }) => data));
  await client.send(utf8("end"), to);
  await reader.cancel();
  await python.status;
}, needs("python3"));

const unixReason = kernelRefusal() ?? (hasProgram("socat") ? undefined : "needs socat");

Deno.test({
  ...skipUnless(
    "socat sends and receives Unix datagrams",
    unixReason === undefined,
    unixReason ?? "",
  ),
  async fn() {
    await using capability = await NetworkCapability.request({ backend: "kernel" });
    const folder = await Deno.makeTempDir();
    const [here, there] = [`${folder}/here`, `${folder}/there`];
    await using endpoint = await UnixDatagramEndpoint.bind(`unix:${here}`, capability);
    const asked = (async () => {
      using datagram = await endpoint.receive({ timeoutMs: LOST_MS });
      await endpoint.send(utf8("an answer"), datagram.remoteAddr);
      return [decoder.decode(datagram.copy()), datagram.remoteName];
    })();
    const address = `UNIX-SENDTO:${here},bind=${there}`;
    const printed = await run("socat", ["-t", "1", "-", address], "a question");
    assertEquals([await asked, printed], [["a question", `unix:${there}`], "an answer"]);
    await run("socat", ["-u", "-", `UNIX-SENDTO:${here}`], "from nobody");
    using nameless = await endpoint.receive({ timeoutMs: LOST_MS });
    assertEquals(nameless.remoteAddr, { transport: "unix", path: "" });
    assertEquals(decoder.decode(nameless.copy()), "from nobody");
    await Deno.remove(folder, { recursive: true });
  },
});
