import { assertEquals } from "@std/assert";
import { Script } from "../../tests/support/stack/tcp/script.ts";
import type { TcpSocket } from "./socket.ts";
import { State } from "./states.ts";

const IP = 0;
const IPV6 = 41;
const MINIMUM_TTL = 21;
const MINIMUM_HOPS = 73;
const EINVAL = -22;
const ECONNREFUSED = 111;

/** Asks for 255 hops, of IPv4 or IPv6. */
function guard(socket: TcpSocket, isIpv6: boolean): void {
  const [level, name] = isIpv6 ? [IPV6, MINIMUM_HOPS] : [IP, MINIMUM_TTL];
  assertEquals(socket.setOption(level, name, Uint8Array.of(255, 0, 0, 0)), 0);
}

Deno.test("a listener hears nothing from farther away, nor do its connections", () => {
  for (const isIpv6 of [false, true]) {
    const script = new Script({ isIpv6 });
    const listener = script.listen();
    guard(listener, isIpv6);
    script.inject("S seq 0 win 1000 hops 254");
    script.expectNothing();
    script.inject("S seq 0 win 1000 hops 255");
    script.expect("S. seq 0 ack 1");
    // Half open: neither an acknowledgment nor a reset.
    script.inject(". seq 1 ack 1 win 1000 hops 254");
    script.inject("R seq 1 hops 254");
    assertEquals([listener.readiness(), script.host.tcp.halfOpen], [0, 1]);
    script.inject(". seq 1 ack 1 win 1000 hops 255");
    const socket = listener.accept() as TcpSocket;
    script.inject("P. seq 1 ack 1 win 1000 len 5 hops 64");
    script.inject("R. seq 1 ack 1 hops 254");
    script.expectNothing();
    assertEquals([socket.state, socket.available], [State.ESTABLISHED, 0]);
    script.inject("P. seq 1 ack 1 win 1000 len 5 hops 255");
    assertEquals([socket.available, script.host.count("DROPPED_TOO_FAR")], [5, 5]);
  }
});

Deno.test("who connects takes an answer from nearby only, and errors about it", () => {
  const script = new Script();
  const socket = script.connect((socket) => guard(socket, false));
  const syn = script.expectSyn();
  script.inject("S. seq 0 ack 1 win 1000 hops 254");
  script.expectNothing();
  const refused = { errno: ECONNREFUSED, isHard: true };
  script.host.fail(syn, refused, 254);
  assertEquals([socket.state, script.host.count("DROPPED_TOO_FAR")], [State.SYN_SENT, 2]);
  script.host.fail(syn, refused, 255);
  assertEquals([socket.state, socket.takeError()], [State.CLOSED, ECONNREFUSED]);
});

Deno.test("what one family asks for, and what others ask for, does not concern a connection", () => {
  const script = new Script();
  guard(script.host.tcp.createSocket(false), false);
  const listener = script.listen();
  assertEquals(script.host.tcp.looksAtHops, true);
  script.inject("S seq 0 win 1000 hops 1");
  script.expect("S. seq 0 ack 1");
  listener.close();
  const other = new Script({ isIpv6: true });
  const both = other.listen();
  assertEquals(both.setOption(IP, MINIMUM_TTL, Uint8Array.of(255)), 0);
  other.inject("S seq 0 win 1000 hops 1");
  other.expect("S. seq 0 ack 1");
});

Deno.test("TIME-WAIT is left alone, whose socket is gone", () => {
  const { script, socket } = Script.established();
  guard(socket, false);
  socket.shutdown(1);
  script.expect("FP. seq 1 ack 1");
  script.inject(". seq 1 ack 2 win 1000 hops 255");
  script.inject("F. seq 1 ack 2 win 1000 hops 255");
  script.expect(". seq 2 ack 2");
  socket.close();
  script.inject("F. seq 1 ack 2 win 1000 hops 1");
  script.expect(". seq 2 ack 2");
});

Deno.test("hops are 0 to 255, as an int, or for IPv4 as a byte", () => {
  const socket = new Script().host.tcp.createSocket(true);
  for (const [level, name] of [[IP, MINIMUM_TTL], [IPV6, MINIMUM_HOPS]]) {
    const set = (...bytes: number[]) => socket.setOption(level, name, Uint8Array.from(bytes));
    assertEquals([set(0, 1, 0, 0), set(255, 255, 255, 255), set()], [EINVAL, EINVAL, EINVAL]);
    assertEquals(set(7), level === IP ? 0 : EINVAL);
    assertEquals(set(255, 0, 0, 0), 0);
    assertEquals(socket.getOption(level, name), Uint8Array.of(255, 0, 0, 0));
  }
});
