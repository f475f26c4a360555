import { assertEquals } from "@std/assert";
import { Script } from "../../tests/support/stack/tcp/script.ts";
import { State } from "./states.ts";
import type { TcpSocket } from "./socket.ts";

const SECOND = 1_000_000;
const HOUR = 3600 * SECOND;
const ETIMEDOUT = 110;
const TCP = 6;
const USER_TIMEOUT = 18;

function int(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8, value >> 16, value >> 24);
}

function keepAlive(socket: TcpSocket, idle?: number, interval?: number, count?: number): void {
  if (idle !== undefined) assertEquals(socket.setOption(TCP, 4, int(idle)), 0);
  if (interval !== undefined) assertEquals(socket.setOption(TCP, 5, int(interval)), 0);
  if (count !== undefined) assertEquals(socket.setOption(TCP, 6, int(count)), 0);
  assertEquals(socket.setOption(1, 9, int(1)), 0);
}

// covers RFC 9293 3.8.4 MUST-25
Deno.test("an idle connection is silent, unless the program wants probes", () => {
  const { script } = Script.established();
  script.run(100 * HOUR);
  script.expectNothing();
});

// covers RFC 9293 3.8.4 MUST-24, MUST-28, SHLD-6
Deno.test("probes begin after two hours, with a number that is answered", () => {
  const { script, socket } = Script.established();
  keepAlive(socket);
  script.run(2 * HOUR - SECOND);
  script.expectNothing();
  script.run(SECOND);
  script.expect(". seq 0 ack 1 len 0");
  script.inject(". seq 1 ack 1 win 1000");
  script.run(2 * HOUR - SECOND);
  script.expectNothing();
  socket.setOption(1, 9, int(0));
  script.run(10 * HOUR);
  script.expectNothing();
  assertEquals(socket.state, State.ESTABLISHED);
});

// covers RFC 9293 3.8.4 MUST-27, MUST-29
Deno.test("only after several probes without an answer is the other end gone", () => {
  const { script, socket } = Script.established();
  keepAlive(socket, 10, 5, 3);
  script.run(10 * SECOND);
  script.expect(". seq 0");
  for (let count = 0; count < 2; count++) {
    script.run(5 * SECOND);
    script.expect(". seq 0");
    assertEquals(socket.state, State.ESTABLISHED);
  }
  script.run(5 * SECOND);
  script.expect("R. seq 1");
  assertEquals([socket.state, socket.takeError()], [State.CLOSED, ETIMEDOUT]);
  assertEquals(script.host.count("KEEPALIVE_TIMED_OUT"), 1);
});

// covers RFC 9293 3.8.4 MUST-26
Deno.test("no probe is sent while data are on their way, nor while something is heard", () => {
  const { script, socket } = Script.established();
  keepAlive(socket, 2, 1, 1);
  for (let count = 0; count < 5; count++) {
    script.run(1.5 * SECOND);
    script.inject(`P. seq ${1 + count} ack 1 win 1000 len 1`);
  }
  script.skip();
  assertEquals(script.host.count("KEEPALIVES_SENT"), 0);
  script.host.write(socket, "x");
  script.run(10 * SECOND);
  assertEquals([script.host.count("KEEPALIVES_SENT"), socket.state], [0, State.ESTABLISHED]);
});

Deno.test("with TCP_USER_TIMEOUT, that says when probes have failed", () => {
  const { script, socket } = Script.established();
  keepAlive(socket, 10, 5, 100);
  assertEquals(socket.setOption(TCP, USER_TIMEOUT, int(21_000)), 0);
  script.run(24 * SECOND);
  assertEquals(socket.state, State.ESTABLISHED);
  script.run(2 * SECOND);
  assertEquals([socket.state, socket.takeError()], [State.CLOSED, ETIMEDOUT]);
});

// covers RFC 9293 3.8.3 MUST-21
Deno.test("TCP_USER_TIMEOUT ends a connection whose data are not acknowledged", () => {
  const { script, socket } = Script.established();
  socket.setOption(TCP, USER_TIMEOUT, int(5000));
  script.host.write(socket, "x");
  script.run(4.5 * SECOND);
  assertEquals(socket.state, State.ESTABLISHED);
  script.run(10 * SECOND);
  assertEquals([socket.state, socket.takeError()], [State.CLOSED, ETIMEDOUT]);
});
