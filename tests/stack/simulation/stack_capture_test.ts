import { assert, assertEquals, assertRejects } from "@std/assert";
import { createPipe, NetworkStack, TcpEndpoint, TcpStream } from "../../../mod.ts";
import { readCapture } from "../../../stack/capture/mod.ts";
import { hasProgram, skipUnless } from "../../support/skip.ts";

/** Two stacks on a pipe talk; one of them captures a socket. */
async function capturedSocket(path: string): Promise<void> {
  const [left, right] = createPipe();
  const addresses = (last: number) => [`192.168.7.${last}/24`];
  await using one = await NetworkStack.start({
    ports: [{ port: left, addresses: addresses(1) }],
    worker: false,
  });
  await using two = await NetworkStack.start({
    ports: [{ port: right, addresses: addresses(2) }],
    worker: false,
  });
  await assertRejects(() => one.capture(path, { interfaces: ["eth7"] }), Error, "eth7");
  const socket = { remote: { address: "192.168.7.2", port: 80 } };
  await using _capture = await one.capture(path, { filter: { protocol: "tcp", socket } });
  await using client = one.capability();
  await using server = two.capability();
  await using endpoint = await TcpEndpoint.create("192.168.7.2:80", server);
  await using other = await TcpEndpoint.create("192.168.7.2:81", server);
  await using stream = await TcpStream.connect("192.168.7.2:80", client);
  await using accepted = await endpoint.accept();
  await using unseen = await TcpStream.connect("192.168.7.2:81", client);
  await using _unseen = await other.accept();
  await unseen.send(new Uint8Array(100));
  await stream.send(new TextEncoder().encode("captured"));
  using lease = await accepted.receive();
  assertEquals(lease!.length, 8);
}

Deno.test("one socket of a running stack is captured, and nothing else", async () => {
  const path = await Deno.makeTempFile();
  try {
    await capturedSocket(path);
    const { packets, interfaces } = readCapture(await Deno.readFile(path));
    assertEquals(interfaces.map(({ name }) => name), ["eth0"]);
    assert(packets.length >= 4);
    const ports = packets.map(({ bytes }) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      return [view.getUint16(34), view.getUint16(36)];
    });
    assert(ports.every((both) => both.includes(80)), `${ports}`);
    const text = packets.map(({ bytes }) => new TextDecoder("latin1").decode(bytes)).join();
    assert(text.includes("captured"));
  } finally {
    await Deno.remove(path);
  }
});

Deno.test({
  ...skipUnless(
    "tshark reads a running stack through a pipe",
    hasProgram("tshark") && hasProgram("mkfifo"),
    "needs tshark and mkfifo",
  ),
  async fn() {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/live`;
    try {
      await new Deno.Command("mkfifo", { args: [path] }).output();
      const reading = new Deno.Command("tshark", {
        args: ["-i", path, "-l", "-T", "fields", "-e", "tcp.dstport", "-e", "tcp.payload"],
        stdout: "piped",
        stderr: "null",
      }).spawn();
      // The capture begins once tshark has opened the pipe.
      const opened = Deno.open(path, { write: true });
      const keeper = await opened;
      await capturedSocket(path);
      keeper.close();
      const { stdout } = await reading.output();
      const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
      assert(lines.some((line) => line.includes("6361707475726564")), lines.join("\n"));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
