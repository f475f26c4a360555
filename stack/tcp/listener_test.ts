import { assert, assertEquals } from "@std/assert";
import { Ready } from "../socket.ts";
import { Script } from "../../tests/support/stack/tcp/script.ts";
import type { TcpSocket } from "./socket.ts";
import { State } from "./states.ts";

const EAGAIN = -11;
const SECOND = 1_000_000;
const TCP = 6;
const DEFER_ACCEPT = 9;

/** A handshake from a port of the peer's. */
function handshake(script: Script, port: number): void {
  script.peerPort = port;
  script.inject("S seq 0 win 1000 mss 1000");
  script.expect("S. seq 0 ack 1");
  script.inject(". seq 1 ack 1 win 1000");
}

Deno.test("connections are accepted in the order in which they were established", () => {
  const script = new Script();
  const listener = script.listen();
  const heard: number[] = [];
  listener.owner = { onReady: (ready) => heard.push(ready) };
  assertEquals([listener.accept(), listener.readiness()], [EAGAIN, 0]);
  for (const port of [1, 2, 3]) handshake(script, port);
  assertEquals([heard, listener.readiness()], [[Ready.IN, Ready.IN, Ready.IN], Ready.IN]);
  const ports = [1, 2, 3].map(() => (listener.accept() as TcpSocket).flow.remotePort);
  assertEquals([ports, listener.accept()], [[1, 2, 3], EAGAIN]);
});

Deno.test("data that come before the connection is accepted wait for whoever accepts it", () => {
  const script = new Script();
  const listener = script.listen();
  handshake(script, 1);
  script.inject("P. seq 1 ack 1 win 1000 len 5");
  script.inject("F. seq 6 ack 1 win 1000");
  script.inject("R seq 7");
  const socket = listener.accept() as TcpSocket;
  assertEquals([socket.state, socket.available], [State.CLOSED, 5]);
});

Deno.test("a half-open connection sends its SYN again, for more than three minutes", () => {
  const script = new Script();
  script.listen();
  script.inject("S seq 0 win 1000");
  script.expect("S. seq 0 ack 1");
  let waited = 0;
  for (const seconds of [1, 2, 4, 8, 16, 32, 60]) {
    script.run(seconds * SECOND - 1000);
    script.expectNothing();
    script.run(1000);
    script.expect("S. seq 0 ack 1");
    waited += seconds;
  }
  script.run(60 * SECOND);
  script.expectNothing();
  assert(waited + 60 > 180);
  assertEquals(script.host.tcp.table.size, 0);
  assertEquals(script.host.count("HALF_OPEN_TIMED_OUT"), 1);
});

Deno.test("the same SYN again is answered again", () => {
  const script = new Script();
  script.listen();
  script.inject("S seq 0 win 1000");
  script.expect("S. seq 0 ack 1");
  script.inject("S seq 0 win 1000");
  script.expect("S. seq 0 ack 1");
  assertEquals(script.host.tcp.halfOpen, 1);
});

// covers RFC 5961 3.2 MUST
Deno.test("resets end a half-open connection at RCV.NXT only, and the listener goes on", () => {
  const script = new Script();
  const listener = script.listen();
  script.inject("S seq 0 win 1000");
  script.expect("S. seq 0 ack 1");
  script.inject("R seq 5");
  script.expect(". seq 1 ack 1");
  script.inject("R seq 70000");
  script.expectNothing();
  assertEquals(script.host.tcp.halfOpen, 1);
  script.inject("R seq 1");
  assertEquals([script.host.tcp.halfOpen, script.host.count("HALF_OPEN_RESET")], [0, 1]);
  assertEquals(listener.state, State.LISTEN);
});

Deno.test("what acknowledges something else than the SYN is reset", () => {
  const script = new Script();
  script.listen();
  script.inject("S seq 0 win 1000");
  script.expect("S. seq 0 ack 1");
  script.inject(". seq 1 ack 2 win 1000");
  script.expect("R seq 2");
  assertEquals(script.host.tcp.halfOpen, 1);
});

Deno.test("a listener drops what begins nothing, and resets what acknowledges", () => {
  const script = new Script();
  script.listen();
  script.inject("F seq 0 win 1000");
  script.inject("SF seq 0 win 1000");
  script.inject("R seq 0");
  script.expectNothing();
  script.inject(". seq 0 ack 9 win 1000");
  script.expect("R seq 9");
  script.inject("S. seq 0 ack 9 win 1000");
  script.expect("R seq 9");
});

Deno.test("SYNs are dropped while the queue to accept is full, and acknowledgments wait", () => {
  const script = new Script({ settings: { synCookies: "never" } });
  const listener = script.listen(1);
  handshake(script, 1);
  script.peerPort = 5;
  script.inject("S seq 0 win 1000");
  const late = script.expect("S. seq 0 ack 1");
  const initial = script.initial;
  handshake(script, 2);
  script.peerPort = 3;
  script.inject("S seq 0 win 1000");
  script.expectNothing();
  script.peerPort = 5;
  script.initial = initial;
  script.inject(". seq 1 ack 1 win 1000");
  assertEquals(script.host.count("DROPPED_ACCEPT_QUEUE_FULL"), 2);
  listener.accept();
  script.run(SECOND);
  assertEquals(script.expect("S. seq 0 ack 1").bytes.subarray(4, 8), late.bytes.subarray(4, 8));
  script.inject(". seq 1 ack 1 win 1000");
  assertEquals([listener.accept(), listener.accept()].map((socket) => typeof socket), [
    "object",
    "object",
  ]);
});

Deno.test("half-open connections are bounded by the backlog", () => {
  const script = new Script({ settings: { synCookies: "never" } });
  script.listen(2);
  for (let port = 1; port <= 10; port++) {
    script.peerPort = port;
    script.inject("S seq 0 win 1000");
  }
  assertEquals([script.skip(), script.host.tcp.halfOpen], [3, 3]);
  assertEquals(script.host.count("DROPPED_SYN_QUEUE_FULL"), 7);
});

Deno.test("a closed listener resets what was not accepted, and forgets what is half open", () => {
  const script = new Script();
  const listener = script.listen();
  handshake(script, 1);
  script.peerPort = 2;
  script.inject("S seq 0 win 1000");
  script.expect("S. seq 0");
  listener.close();
  script.expect("R.");
  script.expectNothing();
  const { tcp } = script.host;
  assertEquals([tcp.table.size, tcp.connections, tcp.orphans, tcp.halfOpen], [0, 0, 0, 0]);
  assertEquals(tcp.ports.size, 0);
  assertEquals(script.host.count("ABORTED_UNACCEPTED"), 1);
});

Deno.test("TCP_DEFER_ACCEPT waits for data, but not for ever", () => {
  const script = new Script();
  const listener = script.listen();
  assertEquals(listener.setOption(TCP, DEFER_ACCEPT, Uint8Array.of(3, 0, 0, 0)), 0);
  handshake(script, 1);
  assertEquals(listener.accept(), EAGAIN);
  script.inject("P. seq 1 ack 1 win 1000 len 5");
  assertEquals((listener.accept() as TcpSocket).available, 5);
  script.skip();
  handshake(script, 2);
  assertEquals(listener.accept(), EAGAIN);
  script.run(2.9 * SECOND);
  script.expectNothing();
  script.run(0.2 * SECOND);
  script.expect("S. seq 0 ack 1");
  script.inject(". seq 1 ack 1 win 1000");
  assertEquals((listener.accept() as TcpSocket).state, State.ESTABLISHED);
});

// covers RFC 9293 3.9.1 MUST-41, MUST-42
Deno.test("who names an address listens before who takes any, and groups share connections", () => {
  const script = new Script();
  const any = script.listen();
  const { address, tcp } = script.host;
  const named = tcp.createSocket(false);
  assertEquals(named.bind(address, 80, 0), -98);
  named.setOption(1, 15, Uint8Array.of(1, 0, 0, 0));
  assertEquals(named.bind(address, 80, 0), -98);
  any.close();
  const group = [1, 2].map(() => {
    const socket = tcp.createSocket(false);
    assertEquals(socket.setOption(1, 15, Uint8Array.of(1, 0, 0, 0)), 0);
    assertEquals([socket.bind(0, 80, 0), socket.listen(100)], [0, 0]);
    return socket;
  });
  for (let port = 1; port <= 40; port++) handshake(script, port);
  const counts = group.map((socket) => {
    let count = 0;
    while (typeof socket.accept() !== "number") count++;
    return count;
  });
  assertEquals(counts[0] + counts[1], 40);
  assert(counts[0] > 8 && counts[1] > 8, `${counts} of 40`);
  assertEquals([named.bind(address, 80, 0), named.listen(10)], [0, 0]);
  handshake(script, 99);
  assertEquals(typeof named.accept(), "object");
});

Deno.test("a listener of IPv6 takes IPv4 as well, unless it is told not to", () => {
  const script = new Script();
  const { tcp } = script.host;
  const dual = tcp.createSocket(true);
  assertEquals([dual.bind([0, 0, 0, 0], 80, 0), dual.listen(10)], [0, 0]);
  handshake(script, 1);
  const socket = dual.accept() as TcpSocket;
  assertEquals([socket.isIpv6, socket.flow.remote], [true, 0x0a000002]);
  dual.close();
  script.skip();
  const only = tcp.createSocket(true);
  assertEquals(only.setOption(41, 26, Uint8Array.of(1, 0, 0, 0)), 0);
  assertEquals([only.bind([0, 0, 0, 0], 80, 0), only.listen(10)], [0, 0]);
  script.peerPort = 2;
  script.inject("S seq 0 win 1000");
  script.expect("R. ack 1");
});

// covers RFC 4987 3.6 MUST
// covers RFC 7323 2.5 MUST
// covers RFC 7323 2.2 MUST
Deno.test("when the queue is full, SYNs are answered by cookies, which become connections", () => {
  const script = new Script();
  const listener = script.listen(0);
  script.inject("S seq 0 win 1000");
  script.expect("S. seq 0 ack 1");
  script.peerPort = 2;
  script.inject("S seq 0 win 500 mss 1400 sackok wscale 3 ts 100 ecr 0");
  script.expect("S. seq 0 ack 1 sackok ecr 100");
  assertEquals([script.host.tcp.halfOpen, script.host.count("COOKIES_SENT")], [1, 1]);
  // Somebody who knows neither the cookie nor its timestamp.
  script.inject(". seq 1 ack 2 win 1000 ts 101 ecr 900000");
  script.expect("R seq 2");
  script.inject("P. seq 1 ack 1 win 1000 len 5 ts 101 ecr 0");
  const socket = listener.accept() as TcpSocket;
  assertEquals([socket.state, socket.available], [State.ESTABLISHED, 5]);
  script.skip();
  script.host.write(socket, new Uint8Array(3000));
  // 1400 is one of the sizes that cookies remember; options go off it.
  script.expect(". seq 1 len 1388");
  assertEquals(script.host.count("COOKIES_ACCEPTED"), 1);
});

Deno.test("what overtakes the segment with the cookie is dropped, and resets nothing", () => {
  for (const stamps of [" ts 100 ecr 0", ""]) {
    const script = new Script({ settings: { synCookies: "always" } });
    const listener = script.listen();
    script.inject(`S seq 0 win 500${stamps}`);
    script.expect("S. seq 0 ack 1");
    for (const flags of [".", "P.", "F."]) {
      script.inject(`${flags} seq 11 ack 1 win 1000 len 10${stamps}`);
      script.expectNothing();
    }
    assertEquals(listener.accept(), EAGAIN);
    assertEquals(script.host.count("COOKIES_REFUSED"), 3);
    script.inject(`. seq 1 ack 1 win 1000 len 10${stamps}`);
    const socket = listener.accept() as TcpSocket;
    assertEquals([socket.state, socket.available], [State.ESTABLISHED, 10]);
    script.skip();
    // Who cannot have got one is reset, as ever: a number that is too old, or not of today.
    script.peerPort = 2;
    script.inject(`. seq 11 ack ${0x20000000} win 1000 len 10${stamps}`);
    script.expect(`R seq ${0x20000000}`);
  }
});

Deno.test("without timestamps a cookie has no room for window scaling and SACK", () => {
  const script = new Script({ settings: { synCookies: "always" } });
  const listener = script.listen();
  script.inject("S seq 0 win 500 mss 900 sackok wscale 3");
  script.expect("S. seq 0 ack 1 no sackok no wscale");
  assertEquals(script.host.tcp.halfOpen, 0);
  script.inject(". seq 1 ack 1 win 1000");
  const socket = listener.accept() as TcpSocket;
  script.host.write(socket, new Uint8Array(3000));
  script.expect("P. seq 1 len 536");
});

Deno.test("cookies are good for a minute, and not after two", () => {
  const script = new Script({ settings: { synCookies: "always" } });
  const listener = script.listen();
  script.inject("S seq 0 win 500");
  script.expect("S. seq 0 ack 1");
  script.run(64 * SECOND);
  script.inject(". seq 1 ack 1 win 1000");
  assertEquals(typeof listener.accept(), "object");
  script.peerPort = 2;
  script.inject("S seq 0 win 500");
  script.expect("S. seq 0 ack 1");
  script.run(128 * SECOND);
  script.skip();
  script.inject(". seq 1 ack 1 win 1000");
  script.expect("R seq 1");
  assertEquals(script.host.count("COOKIES_REFUSED"), 1);
});
