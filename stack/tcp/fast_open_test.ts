import { assertEquals, assertNotEquals } from "@std/assert";
import { Ready } from "../socket.ts";
import { pattern, Script } from "../../tests/support/stack/tcp/script.ts";
import type { TcpSocket } from "./socket.ts";
import { State } from "./states.ts";

const SECOND = 1_000_000;
const TCP = 6;
const FASTOPEN = 23;
const FASTOPEN_CONNECT = 30;
const FASTOPEN_KEY = 33;
const ON = Uint8Array.of(1, 0, 0, 0);

function client(script: Script): TcpSocket {
  return script.connect((socket) => assertEquals(socket.setOption(TCP, FASTOPEN_CONNECT, ON), 0));
}

/** Connects once, and gets a cookie. */
function withCookie(): Script {
  const script = new Script({ settings: { fastOpen: "both" } });
  const socket = client(script);
  script.expectSyn("S seq 0 fo ask len 0");
  script.inject("S. seq 0 ack 1 win 9000 mss 1400 fo 0102030405060708");
  script.expect(". seq 1 ack 1");
  socket.abort();
  script.skip();
  return script;
}

function server(queue: number): { script: Script; listener: TcpSocket; cookie: string } {
  const script = new Script({ settings: { fastOpen: "both" } });
  const listener = script.listen();
  assertEquals(listener.setOption(TCP, FASTOPEN, Uint8Array.of(queue, 0, 0, 0)), 0);
  script.peerPort = 1;
  script.inject("S seq 0 win 9000 mss 1460 fo ask");
  const text = script.show(script.expect("S. seq 0 ack 1"));
  script.inject("R seq 1");
  const cookie = /fo ([0-9a-f]{16})/.exec(text)![1];
  return { script, listener, cookie };
}

// covers RFC 7413 4.1.3 MUST
Deno.test("a client asks for a cookie, and sends data with its next SYN", () => {
  const script = withCookie();
  const socket = script.host.tcp.createSocket(false);
  socket.setOption(TCP, FASTOPEN_CONNECT, ON);
  assertEquals(socket.connect(0x0a000002, script.peerPort, 0), 0);
  script.expectNothing();
  assertEquals([socket.readiness(), script.host.read(socket)], [Ready.OUT, -11]);
  assertEquals(script.host.write(socket, pattern(1, 10)), 10);
  script.expectSyn("S seq 0 fo 0102030405060708 len 10");
  script.inject("S. seq 0 ack 11 win 9000 mss 1460");
  script.expect(". seq 11 ack 1 len 0");
  assertEquals([socket.state, socket.unacknowledged], [State.ESTABLISHED, 0]);
});

Deno.test("data that the answer does not acknowledge are sent like any other", () => {
  const script = withCookie();
  const socket = script.host.tcp.createSocket(false);
  socket.setOption(TCP, FASTOPEN_CONNECT, ON);
  socket.connect(0x0a000002, script.peerPort, 0);
  script.host.write(socket, pattern(1, 3000));
  // The MSS that came with the cookie, less the options of this SYN.
  script.expectSyn("S seq 0 len 1368");
  script.inject("S. seq 0 ack 1 win 9000 mss 1400");
  script.expect(". seq 1 ack 1 len 1400");
  assertEquals(script.host.count("FAST_OPEN_ACTIVE_FAILED"), 1);
});

// covers RFC 7413 4.1.3.1 SHOULD
Deno.test("a SYN that got no answer is sent again without data, and that is remembered", () => {
  const script = withCookie();
  const connect = () => {
    const socket = script.host.tcp.createSocket(false);
    socket.setOption(TCP, FASTOPEN_CONNECT, ON);
    return { socket, result: socket.connect(0x0a000002, script.peerPort, 0) };
  };
  const { socket } = connect();
  script.host.write(socket, pattern(1, 10));
  script.expectSyn("S seq 0 len 10");
  script.run(SECOND);
  script.expect("S seq 0 len 0 no fo");
  script.inject("S. seq 0 ack 1 win 9000");
  script.expect("P. seq 1 ack 1 len 10");
  assertEquals(script.host.count("FAST_OPEN_BLACKHOLES"), 1);
  // For an hour it is a usual connection.
  assertEquals(connect().result, -115);
  script.expectSyn("S seq 0 no fo");
  script.run(3700 * SECOND);
  script.skip();
  assertEquals(connect().result, 0);
});

// covers RFC 7413 4.1.2 MUST
// covers RFC 7413 4.2.2 MUST
Deno.test("a server gives cookies to those who ask, and takes data from those who have one", () => {
  const { script, listener, cookie } = server(5);
  const heard: number[] = [];
  listener.owner = { onReady: (ready) => heard.push(ready) };
  script.peerPort = 2;
  script.inject(`S seq 0 win 9000 mss 1460 fo ${cookie} len 10`);
  script.expect("S. seq 0 ack 11 no fo");
  assertEquals(heard, [Ready.IN]);
  const socket = listener.accept() as TcpSocket;
  assertEquals(socket.state, State.SYN_RECEIVED);
  assertEquals(script.host.readBytes(socket), pattern(1, 10));
  // It may answer before the handshake is over.
  assertEquals(script.host.write(socket, pattern(1, 20)), 20);
  script.expect("P. seq 1 ack 11 len 20");
  script.inject(". seq 11 ack 21 win 9000");
  assertEquals([socket.state, socket.unacknowledged], [State.ESTABLISHED, 0]);
});

// covers RFC 7413 4.2.2 MUST
Deno.test("the data of a SYN with a wrong cookie are ignored, and it is given a good one", () => {
  const { script, listener, cookie } = server(5);
  script.peerPort = 2;
  script.inject("S seq 0 win 9000 mss 1460 fo 0000000000000000 len 10");
  script.expect(`S. seq 0 ack 1 fo ${cookie}`);
  assertEquals([typeof listener.accept(), script.host.tcp.halfOpen], ["number", 1]);
  assertEquals(script.host.count("FAST_OPEN_PASSIVE_REFUSED"), 1);
});

// covers RFC 7413 5.1 MUST
Deno.test("no more than TCP_FASTOPEN says are pending", () => {
  const { script, listener, cookie } = server(1);
  for (const port of [2, 3]) {
    script.peerPort = port;
    script.inject(`S seq 0 win 9000 mss 1460 fo ${cookie} len 10`);
  }
  script.expect("S. ack 11");
  script.expect("S. ack 1");
  assertEquals(script.host.count("FAST_OPEN_QUEUE_FULL"), 1);
  // One that is over makes room, however it ended.
  const ends: ((socket: TcpSocket) => void)[] = [
    (socket) => socket.abort(),
    (socket) => socket.close(),
    () => script.inject("R seq 11"),
  ];
  for (const [index, end] of ends.entries()) {
    end(listener.accept() as TcpSocket);
    script.skip();
    script.peerPort = 4 + index;
    script.inject(`S seq 0 win 9000 mss 1460 fo ${cookie} len 10`);
    script.expect("S. ack 11");
  }
});

Deno.test("a server that is not told to, does without Fast Open", () => {
  const script = new Script({ settings: { fastOpen: "client" } });
  const listener = script.listen();
  listener.setOption(TCP, FASTOPEN, Uint8Array.of(5, 0, 0, 0));
  script.inject("S seq 0 win 9000 mss 1460 fo ask");
  script.expect("S. seq 0 ack 1 no fo");
});

Deno.test("the answer to a SYN with data is sent again until it is acknowledged", () => {
  const { script, listener, cookie } = server(5);
  script.peerPort = 2;
  script.inject(`S seq 0 win 9000 mss 1460 fo ${cookie} len 10`);
  script.expect("S. seq 0 ack 11");
  script.run(SECOND);
  script.expect("S. seq 0 ack 11");
  script.inject("S seq 0 win 9000 mss 1460");
  script.expect("S. seq 0 ack 11");
  script.inject(". seq 11 ack 1 win 9000");
  script.run(10 * SECOND);
  script.expectNothing();
  assertEquals((listener.accept() as TcpSocket).state, State.ESTABLISHED);
});

Deno.test("cookies of the key before are good once more, and renewed; older ones are not", () => {
  const { script, cookie } = server(5);
  script.run(3600 * SECOND);
  script.skip();
  script.peerPort = 2;
  script.inject(`S seq 0 win 9000 mss 1460 fo ${cookie} len 10`);
  const renewed = /fo (\w+)/.exec(script.show(script.expect("S. ack 11")))![1];
  assertNotEquals(renewed, cookie);
  script.run(3600 * SECOND);
  script.skip();
  script.peerPort = 3;
  script.inject(`S seq 0 win 9000 mss 1460 fo ${cookie} len 10`);
  script.expect("S. ack 1");
});

Deno.test("machines with one key give one cookie", () => {
  const key = Uint8Array.from({ length: 16 }, (_, at) => at);
  const cookies = [1, 2].map((seed) => {
    const script = new Script({ settings: { fastOpen: "server" }, seed });
    const listener = script.listen();
    assertEquals(listener.setOption(TCP, FASTOPEN_KEY, key), 0);
    assertEquals(listener.setOption(TCP, FASTOPEN_KEY, key.subarray(1)), -22);
    assertEquals(listener.getOption(TCP, FASTOPEN_KEY), key);
    listener.setOption(TCP, FASTOPEN, Uint8Array.of(5, 0, 0, 0));
    script.inject("S seq 0 win 9000 fo ask");
    return /fo (\w+)/.exec(script.show(script.expect("S. ack 1")))![1];
  });
  assertEquals(cookies[0], cookies[1]);
});
