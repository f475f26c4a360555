import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readCapture } from "../../../stack/capture/mod.ts";
import { LinkCapture, VirtualNetwork } from "../../../stack/sim/mod.ts";
import { hasProgram, skipUnless } from "../../support/skip.ts";
import { addHost, packetFrame } from "./nodes.ts";

/** A sink that keeps everything. */
function recorder(): { write(bytes: Uint8Array): void; all(): Uint8Array<ArrayBuffer> } {
  const blocks: Uint8Array[] = [];
  return {
    write: (bytes) => void blocks.push(bytes.slice()),
    all: () => Uint8Array.from(blocks.flatMap((block) => [...block])),
  };
}

/** Captures some frames that meet all kinds of fortunes. */
function captured(): Uint8Array<ArrayBuffer> {
  const network = new VirtualNetwork({ seed: 5 });
  const a = addHost(network, "a");
  addHost(network, "b");
  const link = network.link("a", "b", { bandwidth: "1Mbit/s", loss: 0.3, delayMs: 2 });
  const sink = recorder();
  const capture = new LinkCapture(network.frames, network.clock, sink, { comment: "seed 5" });
  capture.add(link);
  for (let number = 0; number < 20; number++) a.send(10_000 * number, packetFrame(100, 0));
  network.runWhile();
  capture[Symbol.dispose]();
  return sink.all();
}

Deno.test("a capture of a link shows what was sent, what arrived, and why the rest did not", () => {
  const { interfaces, packets, comments, others } = readCapture(captured());
  assertEquals(comments, ["seed 5"]);
  assertEquals(interfaces.map(({ name }) => name), ["a:0", "b:0"]);
  const sent = packets.filter((packet) => packet.interface === 0);
  const arrived = packets.filter((packet) => packet.interface === 1);
  const lost = sent.filter(({ comments }) => comments.includes("lost on the wire"));
  assertEquals(sent.length, 20);
  assert(lost.length > 0 && arrived.length > 0);
  assertEquals(arrived.length, sent.length - lost.length);
  assertEquals([sent[0].direction, arrived[0].direction], [2, 1]);
  assertEquals(sent[1].time, 10_000_000n);
  assertEquals(others.length, 2);
});

Deno.test({
  ...skipUnless(
    "tshark reads captures: frames, comments, names of interfaces and times",
    hasProgram("tshark"),
    "needs tshark",
  ),
  async fn() {
    const file = await Deno.makeTempFile({ suffix: ".pcapng" });
    try {
      await Deno.writeFile(file, captured());
      const fields = ["frame.time_epoch", "frame.interface_name", "frame.comment", "udp.dstport"];
      const { stdout, stderr, code } = await new Deno.Command("tshark", {
        args: ["-r", file, "-T", "fields", ...fields.flatMap((field) => ["-e", field])],
      }).output();
      const text = new TextDecoder();
      assertEquals(code, 0, text.decode(stderr));
      const lines = text.decode(stdout).trimEnd().split("\n").map((line) => line.split("\t"));
      const { packets } = readCapture(captured());
      assertEquals(lines.length, packets.length);
      for (const [nth, { time, comments }] of packets.entries()) {
        assertEquals(Number(lines[nth][0]), Number(time) / 1e9);
        assertEquals(lines[nth][2], comments.join(","));
      }
      assertEquals(lines[0][1], "a:0");
      assertStringIncludes(lines.map((line) => line[2]).join(), "lost on the wire");
      assert(lines.every((line) => line[3] === "2000"));
    } finally {
      await Deno.remove(file);
    }
  },
});
