import { assertEquals } from "@std/assert";
import { sealFrame } from "../../tests/support/stack/tcp/network.ts";
import { Script } from "../../tests/support/stack/tcp/script.ts";

// covers RFC 9293 3.1 MUST-3
Deno.test("a segment with a bad checksum is dropped, and so is whatever is too short", () => {
  const script = new Script();
  script.listen();
  const frame = script.compose("S seq 0 win 1000");
  frame.bytes[16] ^= 1;
  script.host.deliver(frame);
  frame.bytes = frame.bytes.slice(0, 19);
  script.host.deliver(frame);
  script.expectNothing();
  assertEquals(script.host.count("DROPPED_CHECKSUM"), 1);
  assertEquals(script.host.count("DROPPED_TOO_SHORT"), 1);
});

// covers RFC 9293 3.9.2.3 MUST-57, MUST-63
Deno.test("a SYN that is for a group, or from one, is dropped in silence", () => {
  const script = new Script();
  script.listen();
  const frame = script.compose("S seq 0 win 1000");
  for (const [source, destination] of [[0x0a000002, 0xe0000001 | 0], [-1, 0x0a000001]]) {
    script.host.deliver({ ...frame, source, destination });
  }
  // The address of everybody on a link of its own.
  const bytes = frame.bytes.slice();
  sealFrame(bytes, 0x0a000002, 0x0a0000ff);
  script.host.deliver({ ...frame, bytes, destination: 0x0a0000ff });
  script.expectNothing();
  assertEquals(script.host.count("DROPPED_NOT_UNICAST"), 3);
});

// covers RFC 9293 3.1 MUST-7
Deno.test("a segment with an option of an impossible length is dropped", () => {
  const { script, socket } = Script.established();
  const frame = script.compose("P. seq 1 ack 1 win 1000 len 5 ts 1 ecr 1");
  // The length of the timestamps, which begin behind two bytes of padding.
  for (const length of [0, 1, 40]) {
    const bytes = frame.bytes.slice();
    bytes[23] = length;
    sealFrame(bytes, frame.source, frame.destination);
    script.host.deliver({ ...frame, bytes });
  }
  assertEquals([socket.available, script.host.count("DROPPED_OPTION_LENGTH")], [0, 3]);
  script.inject("P. seq 1 ack 1 win 1000 len 5");
  assertEquals(socket.available, 5);
});

// covers RFC 9293 3.1 MUST-1
Deno.test("a window of more than half of all that there are is no negative one", () => {
  const { script, socket } = Script.established({ window: 65535 });
  script.host.write(socket, new Uint8Array(60_000));
  const sent = script.unseen.reduce((sum, frame) => sum + frame.bytes.length - 20, 0);
  assertEquals(sent, 60_000);
});

// covers RFC 9293 3.1 MUST-2
Deno.test("every segment has the checksum that its receiver computes", () => {
  for (const isIpv6 of [false, true]) {
    const { script, socket } = Script.established({ isIpv6 });
    script.host.write(socket, "hello");
    const { bytes, source, destination } = script.expect("P. seq 1 len 5");
    const sealed = bytes.slice();
    sealFrame(sealed, source, destination);
    assertEquals(bytes, sealed);
  }
});
