import { assert, assertEquals } from "@std/assert";
import { Script } from "../../tests/support/stack/tcp/script.ts";
import { State } from "./states.ts";

const EAGAIN = 11;
const ECONNREFUSED = 111;
const ECONNRESET = 104;
const EPIPE = 32;

Deno.test("a segment outside the window is acknowledged and dropped", () => {
  const { script, socket } = Script.established();
  script.inject(". seq 70000 ack 1 win 1000 len 10");
  script.expect(". seq 1 ack 1 len 0");
  assertEquals(script.host.count("DROPPED_OUT_OF_WINDOW"), 1);
  assertEquals(socket.available, 0);
});

Deno.test("bare segments outside the window are answered no more often than permitted", () => {
  const { script } = Script.established();
  script.inject(". seq 70000 ack 1 win 1000");
  script.expect(". seq 1 ack 1");
  script.inject(". seq 70000 ack 1 win 1000");
  script.expectNothing();
  assertEquals(script.host.count("CHALLENGES_LIMITED"), 1);
  script.run(500_000);
  script.inject(". seq 70000 ack 1 win 1000");
  script.expect(". seq 1 ack 1");
});

Deno.test("a segment that begins before the window counts with what is inside", () => {
  const { script, socket } = Script.established();
  script.inject("P. seq 1 ack 1 win 1000 len 10");
  script.inject("P. seq 6 ack 1 win 1000 len 10");
  assertEquals(socket.available, 15);
});

// covers RFC 9293 3.10.7.4 MUST-66
Deno.test("while the window is closed, acknowledgments and resets still count", () => {
  const { script, socket } = Script.established({
    parts: { receiver: { bufferBytes: 2048, maximumBufferBytes: 2048 } },
  });
  script.inject("P. seq 1 ack 1 win 1000 len 1024");
  script.inject("P. seq 1025 ack 1 win 1000 len 1024");
  script.run(500_000);
  script.skip();
  script.host.write(socket, "hello");
  script.expect("P. seq 1 len 5 win 0");
  script.inject("P. seq 2049 ack 6 win 1000 len 10");
  assertEquals([socket.unacknowledged, socket.available], [0, 2048]);
  script.inject("R seq 2049");
  assertEquals(socket.state, State.CLOSED);
});

// covers RFC 5961 3.2 MUST
Deno.test("a reset counts at RCV.NXT; elsewhere in the window it is asked back", () => {
  const { script, socket } = Script.established();
  script.inject("R seq 2");
  script.expect(". seq 1 ack 1");
  assertEquals(socket.state, State.ESTABLISHED);
  script.inject("R seq 70000");
  script.expectNothing();
  assertEquals(socket.state, State.ESTABLISHED);
  script.inject("R seq 1");
  script.expectNothing();
  assertEquals([socket.state, socket.takeError()], [State.CLOSED, ECONNRESET]);
});

Deno.test("what a reset means to the program depends on the state", () => {
  const { script, socket } = Script.established();
  script.inject("F. seq 1 ack 1 win 1000");
  assertEquals(socket.state, State.CLOSE_WAIT);
  script.inject("R seq 2");
  assertEquals(socket.takeError(), EPIPE);
  const other = Script.established();
  other.socket.shutdown(1);
  other.script.expect("FP. seq 1 ack 1");
  other.script.inject("R seq 1");
  assertEquals(other.socket.takeError(), ECONNRESET);
});

// covers RFC 5961 4.2 MUST
Deno.test("a SYN on an established connection is asked back, wherever it is", () => {
  const { script, socket } = Script.established();
  for (const sequence of [1, 5, 90_000, -40_000]) {
    script.inject(`S seq ${sequence} win 1000`);
    script.expect(". seq 1 ack 1");
    script.run(1_000_000);
  }
  script.inject("S. seq 1 ack 1 win 1000");
  script.expect(". seq 1 ack 1");
  assertEquals([socket.state, script.host.count("DROPPED_SYN")], [State.ESTABLISHED, 5]);
});

// covers RFC 5961 5.2 MUST
Deno.test("an acknowledgment of what was not sent, or long ago, is asked back", () => {
  const { script, socket } = Script.established({ window: 1000 });
  script.inject("P. seq 1 ack 2 win 1000 len 5");
  script.expect(". seq 1 ack 1");
  script.run(1_000_000);
  script.inject("P. seq 1 ack -2000 win 1000 len 5");
  script.expect(". seq 1 ack 1");
  assertEquals([script.host.count("DROPPED_ACKNOWLEDGMENT"), socket.available], [2, 0]);
  // Within the largest window that there ever was, it is only old.
  script.inject("P. seq 1 ack -500 win 1000 len 5");
  assertEquals(socket.available, 5);
});

Deno.test("a segment without ACK is dropped", () => {
  const { script, socket } = Script.established();
  script.inject("P seq 1 win 1000 len 5");
  assertEquals([script.host.count("DROPPED_NO_ACK"), socket.available], [1, 0]);
});

// covers RFC 7323 5.3 MUST
// covers RFC 7323 5.2 MUST
Deno.test("a segment with an old timestamp is acknowledged and dropped", () => {
  const { script, socket } = Script.established({ options: "mss 1460 ts 1000 ecr 0" });
  script.inject("P. seq 1 ack 1 win 1000 len 5 ts 1001 ecr 0");
  script.run(500_000);
  script.expect(". ack 6 ecr 1001");
  script.inject("P. seq 6 ack 1 win 1000 len 5 ts 1000 ecr 0");
  script.expect(". ack 6 ecr 1001");
  assertEquals([script.host.count("DROPPED_PAWS"), socket.available], [1, 5]);
  // A reset needs no timestamp.
  script.inject("R seq 6 ts 1 ecr 0");
  assertEquals(socket.state, State.CLOSED);
});

// covers RFC 7323 5.5 MUST
Deno.test("after 24 days of silence any timestamp is believed", () => {
  const { script, socket } = Script.established({ options: "mss 1460 ts 1000 ecr 0" });
  script.run(24 * 24 * 3600 * 1e6 + 1e6);
  script.skip();
  script.inject("P. seq 1 ack 1 win 1000 len 5 ts -5 ecr 0");
  assertEquals(socket.available, 5);
  script.run(500_000);
  script.expect(". ack 6 ecr -5");
});

// covers RFC 7323 3.2 SHOULD
Deno.test("a segment without the timestamp that was agreed on is dropped in silence", () => {
  const { script, socket } = Script.established({ options: "mss 1460 ts 1000 ecr 0" });
  script.inject("P. seq 1 ack 1 win 1000 len 5");
  script.expectNothing();
  assertEquals([script.host.count("DROPPED_NO_TIMESTAMP"), socket.available], [1, 0]);
  assertEquals(socket.state, State.ESTABLISHED);
});

// covers RFC 7323 4.3 MUST
Deno.test("the timestamp that is echoed is that of the segment the acknowledgment is about", () => {
  const { script } = Script.established({ options: "mss 1460 sackok ts 1000 ecr 0" });
  // Behind a gap: the acknowledgment is about what came before.
  script.inject("P. seq 11 ack 1 win 1000 len 5 ts 1005 ecr 0");
  script.expect(". ack 1 ecr 1000");
  script.inject("P. seq 1 ack 1 win 1000 len 10 ts 1003 ecr 0");
  script.expect(". ack 16 ecr 1003");
});

Deno.test("a FIN that comes before what precedes it counts once that is there", () => {
  const { script, socket } = Script.established();
  script.inject("F. seq 11 ack 1 win 1000");
  script.expect(". ack 1");
  assertEquals(socket.state, State.ESTABLISHED);
  script.inject("P. seq 1 ack 1 win 1000 len 10");
  assertEquals(socket.state, State.CLOSE_WAIT);
  script.expect(". ack 12");
  assertEquals(
    script.host.readBytes(socket),
    Uint8Array.from({ length: 10 }, (_, at) => (at + 1) * 7),
  );
  assertEquals(script.host.read(socket), 0);
});

Deno.test("segments for nobody are answered by resets, but for resets", () => {
  const script = new Script();
  script.inject("S seq 0 win 1000");
  script.expect("R. seq 0 ack 1 win 0");
  script.inject("P. seq 5 ack 70 win 1000 len 3");
  script.expect("R seq 70");
  script.inject("FP seq 5 win 1000 len 3");
  script.expect("R. seq 0 ack 9");
  script.inject("R seq 5");
  script.expectNothing();
  assertEquals(script.host.count("DROPPED_NO_CONNECTION"), 3);
  assertEquals(script.host.count("DROPPED_STRAY_RESET"), 1);
});

Deno.test("a connection that is refused tells so, and can be tried anew", () => {
  const script = new Script();
  const socket = script.connect();
  script.expectSyn();
  script.inject("R. seq 0 ack 1");
  assertEquals([socket.state, socket.takeError()], [State.CLOSED, ECONNREFUSED]);
  assertEquals(socket.connect(0x0a000002, 40000, 0), -103);
  assertEquals(socket.connect(0x0a000002, 40000, 0), -115);
  script.expectSyn();
});

Deno.test("in SYN-SENT, what acknowledges another SYN is reset, and resets must be for ours", () => {
  const script = new Script();
  const socket = script.connect();
  script.expectSyn();
  script.inject("S. seq 0 ack 2 win 1000");
  script.expect("R seq 2");
  script.inject(". seq 0 ack 0 win 1000");
  script.expect("R seq 0");
  script.inject("R. seq 0 ack 2");
  script.inject("R seq 0");
  script.inject(". seq 0 ack 1 win 1000");
  script.expectNothing();
  assertEquals(socket.state, State.SYN_SENT);
});

// covers RFC 9293 3.5 MUST-10
Deno.test("two ends that open at once become one connection", () => {
  const script = new Script();
  const socket = script.connect();
  script.expectSyn("S seq 0");
  script.inject("S seq 0 win 1000 mss 1460");
  script.expect("S. seq 0 ack 1");
  assertEquals(socket.state, State.SYN_RECEIVED);
  script.inject("S. seq 0 ack 1 win 1000 mss 1460");
  assertEquals(socket.state, State.ESTABLISHED);
  script.host.write(socket, "hello");
  script.expect("P. seq 1 ack 1 len 5");
});

Deno.test("what crosses our SYN with another one is not received before that is acknowledged", () => {
  const script = new Script();
  const socket = script.connect();
  script.expectSyn("S seq 0");
  // Anybody may have sent it: it acknowledges nothing of ours.
  script.inject("SF seq 0 win 1000 len 5 mss 1460");
  script.expect("S. seq 0 ack 1");
  assertEquals(socket.state, State.SYN_RECEIVED);
  assertEquals(socket.available, 0);
  assertEquals(script.host.read(socket), -EAGAIN);
  script.inject("SF. seq 0 ack 1 win 1000 len 5 mss 1460");
  assertEquals(socket.state, State.CLOSE_WAIT);
  assertEquals(socket.available, 5);
});

Deno.test("a socket that connects to itself is connected", () => {
  const script = new Script();
  script.network.rule = () => 0;
  const socket = script.host.tcp.createSocket(false);
  assertEquals(socket.bind(script.host.address, 5000, 0), 0);
  assertEquals(socket.connect(script.host.address, 5000, 0), -115);
  script.run(10_000);
  assertEquals(socket.state, State.ESTABLISHED);
  script.host.write(socket, "echo");
  script.run(10_000);
  assertEquals(script.host.read(socket), "echo");
});

Deno.test("a peer that answers data of a closed connection's ghost is told by a reset", () => {
  const { script, socket } = Script.established();
  socket.abort();
  script.expect("R. seq 1 ack 1");
  script.inject(". seq 1 ack 1 win 1000");
  script.expect("R seq 1");
  assert(script.host.tcp.table.size === 0);
});

// covers RFC 9293 3.10.7.4 SHOULD
Deno.test("a bare acknowledgment at the end of the window counts", () => {
  const { script, socket } = Script.established();
  script.host.write(socket, "hello");
  script.inject(". seq 65536 ack 6 win 1000");
  assertEquals(socket.unacknowledged, 0);
});

// covers RFC 5961 7 SHOULD
Deno.test("challenges of a whole stack are limited in each second", () => {
  const script = new Script({ settings: { challengesPerSecond: 4, challengeInterval: 0 } });
  const listener = script.listen();
  script.inject("S seq 0 win 1000");
  script.expect("S. seq 0");
  script.inject(". seq 1 ack 1 win 1000");
  assert(typeof listener.accept() !== "number");
  for (let count = 0; count < 50; count++) script.inject("S seq 7 win 1000");
  const sent = script.skip();
  assert(sent >= 2 && sent <= 6, `${sent} challenges`);
  script.run(1_000_000);
  script.inject("S seq 7 win 1000");
  script.expect(". seq 1 ack 1");
});

// covers RFC 9293 3.5 MUST-11
Deno.test("a reset in SYN-RECEIVED is told to who has connected, and to nobody else", () => {
  const script = new Script();
  const socket = script.connect();
  script.expectSyn();
  script.inject("S seq 0 win 1000");
  script.expect("S. seq 0 ack 1");
  script.inject("R seq 1");
  assertEquals([socket.state, socket.takeError()], [State.CLOSED, ECONNREFUSED]);
  const passive = new Script();
  const listener = passive.listen();
  passive.inject("S seq 0 win 1000");
  passive.expect("S. seq 0 ack 1");
  passive.inject("R seq 1");
  assertEquals([listener.state, listener.takeError()], [State.LISTEN, 0]);
});

// covers RFC 7323 3.2 MUST
Deno.test("timestamps are in every segment once they are agreed on, but in resets", () => {
  const { script, socket } = Script.established({ options: "mss 1460 ts 1000 ecr 0" });
  script.run(5000);
  script.host.write(socket, "x");
  script.expect("P. seq 1 len 1 ts 5 ecr 1000");
  socket.shutdown(1);
  script.expect("FP. seq 2 ts 5 ecr 1000");
  socket.abort();
  script.expect("R. seq 3 no ts");
});

// covers RFC 9293 3.10.7.4 MUST-58, MUST-59
Deno.test("what is sent because of a segment acknowledges it, and nothing else does", () => {
  const { script, socket } = Script.established();
  socket.owner = {
    onReady: () => {
      script.host.readBytes(socket);
      script.host.write(socket, "answer");
    },
  };
  script.inject("P. seq 1 ack 1 win 1000 len 5");
  script.expect("P. seq 1 ack 6 len 6");
  script.expectNothing();
});

// covers RFC 4861 7.3.1 SHOULD
Deno.test("only what brings something new confirms the next hop", () => {
  const { script, socket } = Script.established();
  script.host.write(socket, "x");
  script.run(1_500_000);
  const before = script.host.confirmations;
  script.inject(". seq 1 ack 1 win 999");
  assertEquals(script.host.confirmations, before);
  script.run(1_000_000);
  script.inject(". seq 1 ack 2 win 1000");
  assertEquals(script.host.confirmations, before + 1);
});

// covers RFC 9293 3.1 MUST-5
// covers RFC 7323 2.2 MUST
Deno.test("options are understood in any segment", () => {
  const { script, socket } = Script.established({ options: "mss 1460 sackok ts 1 ecr 0" });
  script.inject("P. seq 1 ack 1 win 9000 len 5 mss 20 wscale 9 ts 7 ecr 0 uto 5");
  script.run(1_000_000);
  script.expect(". ack 6 ecr 7");
  script.host.write(socket, new Uint8Array(3000));
  // An MSS in another segment than a SYN means nothing.
  script.expect(". len 1448");
});
