import { assertEquals } from "@std/assert";
import { Errno } from "../../ring/abi/errno.ts";
import { Shut } from "../../ring/abi/opcodes.ts";
import { Script } from "../../tests/support/stack/tcp/script.ts";
import { State } from "./states.ts";
import { Ready } from "../socket.ts";

const SOL_SOCKET = 1;
const SO_LINGER = 13;
const TCP = 6;
const LINGER2 = 8;
const MINUTE = 60_000_000;

function linger(seconds: number): Uint8Array {
  return Uint8Array.of(1, 0, 0, 0, seconds, 0, 0, 0);
}

Deno.test("whoever closes first goes through FIN-WAIT-1 and FIN-WAIT-2 to TIME-WAIT", () => {
  const { script, socket } = Script.established();
  socket.shutdown(1);
  script.expect("FP. seq 1 ack 1");
  assertEquals(socket.state, State.FIN_WAIT_1);
  script.inject(". seq 1 ack 2 win 1000");
  assertEquals(socket.state, State.FIN_WAIT_2);
  script.inject("F. seq 1 ack 2 win 1000");
  script.expect(". seq 2 ack 2");
  assertEquals(script.host.tcp.timeWaits.size, 1);
  assertEquals(script.host.read(socket), 0);
});

Deno.test("whoever closes second goes through CLOSE-WAIT and LAST-ACK to CLOSED", () => {
  const { script, socket } = Script.established();
  script.inject("F. seq 1 ack 1 win 1000");
  assertEquals(socket.state, State.CLOSE_WAIT);
  script.run(500_000);
  script.expect(". ack 2");
  script.host.write(socket, "still");
  script.expect("P. seq 1 len 5");
  socket.shutdown(1);
  script.expect("FP. seq 6 ack 2");
  assertEquals(socket.state, State.LAST_ACK);
  script.inject(". seq 2 ack 7 win 1000");
  assertEquals([socket.state, script.host.tcp.table.size], [State.CLOSED, 0]);
});

Deno.test("two ends that close at once go through CLOSING", () => {
  const { script, socket } = Script.established();
  socket.shutdown(1);
  script.expect("FP. seq 1 ack 1");
  script.inject("F. seq 1 ack 1 win 1000");
  assertEquals(socket.state, State.CLOSING);
  script.expect(". seq 2 ack 2");
  script.inject(". seq 2 ack 2 win 1000");
  assertEquals(script.host.tcp.timeWaits.size, 1);
});

Deno.test("the FIN follows what was sent before, which is still delivered after close", () => {
  const { script, socket } = Script.established();
  script.host.write(socket, "bye");
  socket.close();
  script.expect("P. seq 1 len 3");
  script.expect("FP. seq 4 ack 1");
  script.inject(". seq 1 ack 5 win 1000");
  script.inject("F. seq 1 ack 5 win 1000");
  script.expect(". seq 5 ack 2");
  assertEquals(script.host.tcp.orphans, 0);
});

// covers RFC 9293 3.6.1 SHLD-3
Deno.test("closing with data unread is told by a reset, as are data for a closed socket", () => {
  const { script, socket } = Script.established();
  script.inject("P. seq 1 ack 1 win 1000 len 5");
  script.skip();
  socket.close();
  script.expect("R. seq 1 ack 6");
  assertEquals(script.host.count("ABORTED_ON_CLOSE"), 1);
  const other = Script.established();
  other.socket.close();
  other.script.expect("FP. seq 1 ack 1");
  other.script.inject("P. seq 1 ack 2 win 1000 len 5");
  other.script.expect("R. seq 2");
  assertEquals(other.script.host.count("ABORTED_ON_DATA"), 1);
  other.script.network.assertNoPackets();
});

Deno.test("data for who has shut both ways reset the connection, which it is told", () => {
  const { script, socket } = Script.established();
  assertEquals(socket.shutdown(Shut.RDWR), 0);
  script.expect("FP. seq 1 ack 1");
  script.inject("P. seq 1 ack 2 win 1000 len 5");
  script.expect("R. seq 2");
  assertEquals(socket.takeError(), Errno.ECONNRESET);
});

Deno.test("a socket that lingers for no time resets the connection as it is closed", () => {
  const { script, socket } = Script.established();
  assertEquals(socket.setOption(SOL_SOCKET, SO_LINGER, linger(0)), 0);
  script.host.write(socket, "lost");
  script.skip();
  socket.close();
  script.expect("R. seq 5 ack 1");
  assertEquals(script.host.count("ABORTED_ON_LINGER"), 1);
});

Deno.test("a socket that lingers for a while closes as usual", () => {
  const { script, socket } = Script.established();
  assertEquals(socket.setOption(SOL_SOCKET, SO_LINGER, linger(5)), 0);
  script.host.write(socket, "kept");
  socket.close();
  script.expect("P. seq 1 len 4");
  script.expect("FP. seq 5");
});

Deno.test("FIN-WAIT-2 of a closed socket lasts as long as TCP_LINGER2 says", () => {
  const { script, socket } = Script.established();
  assertEquals(socket.setOption(TCP, LINGER2, Uint8Array.of(5, 0, 0, 0)), 0);
  socket.close();
  script.expect("FP. seq 1");
  script.inject(". seq 1 ack 2 win 1000");
  script.run(4_900_000);
  assertEquals(script.host.tcp.table.size, 1);
  script.run(200_000);
  assertEquals(script.host.tcp.table.size, 0);
  assertEquals(script.host.count("FIN_WAIT_2_TIMED_OUT"), 1);
});

Deno.test("FIN-WAIT-2 of a socket that is open lasts as long as the other end likes", () => {
  const { script, socket } = Script.established();
  socket.shutdown(1);
  script.expect("FP. seq 1");
  script.inject(". seq 1 ack 2 win 1000");
  script.run(100 * MINUTE);
  assertEquals(socket.state, State.FIN_WAIT_2);
  script.inject("P. seq 1 ack 2 win 1000 len 5");
  assertEquals(socket.available, 5);
});

Deno.test("more closed sockets than permitted are reset", () => {
  const script = new Script({ settings: { orphans: 1 } });
  const listener = script.listen();
  const sockets = [1, 2].map((port) => {
    script.peerPort = port;
    script.inject("S seq 0 win 1000");
    script.expect("S. seq 0");
    script.inject(". seq 1 ack 1 win 1000");
    return listener.accept();
  });
  for (const socket of sockets) if (typeof socket !== "number") socket.close();
  script.expect("FP.");
  script.expect("R.");
  assertEquals(script.host.count("ABORTED_ORPHANS"), 1);
  assertEquals(script.host.tcp.orphans, 1);
});

Deno.test("a closed socket whose peer is silent is given up in bounded time", () => {
  const { script, socket } = Script.established();
  socket.close();
  script.run(200_000_000);
  assertEquals([script.host.tcp.table.size, script.host.tcp.orphans], [0, 0]);
});

// covers RFC 9293 3.6 MUST-12
Deno.test("the owner hears of the end of the stream, and of a reset", () => {
  const { script, socket } = Script.established();
  const heard: number[] = [];
  socket.owner = { onReady: (ready) => heard.push(ready) };
  script.inject("F. seq 1 ack 1 win 1000");
  assertEquals(heard, [Ready.IN | Ready.READ_HANGUP]);
  assertEquals(socket.readiness(), Ready.IN | Ready.OUT | Ready.READ_HANGUP);
  script.inject("R seq 2");
  const all = Ready.IN | Ready.OUT | Ready.ERROR | Ready.HANGUP | Ready.READ_HANGUP;
  assertEquals([heard[1], socket.readiness()], [all, all]);
});

Deno.test("an owner may close its socket while it is told of data", () => {
  const { script, socket } = Script.established();
  socket.owner = { onReady: () => socket.close() };
  script.inject("P. seq 1 ack 1 win 1000 len 5");
  script.expect("R. seq 1 ack 6");
  script.network.assertNoPackets();
});
