import { assert, assertEquals } from "@std/assert";
import { Ready } from "../socket.ts";
import { Script } from "../../tests/support/stack/tcp/script.ts";
import { State } from "./states.ts";
import { TestNetwork } from "../../tests/support/stack/tcp/network.ts";

const SECOND = 1_000_000;
const ETIMEDOUT = 110;
const TCP = 6;

function int(value: number): Uint8Array {
  return Uint8Array.of(value, value >> 8, value >> 16, value >> 24);
}

// covers RFC 9293 3.8.3 MUST-22, MUST-23
// covers RFC 6298 5.5 MUST
Deno.test("a SYN is sent again at doubled intervals, for at least three minutes", () => {
  const script = new Script();
  const socket = script.connect();
  script.expectSyn();
  let waited = 0;
  for (const seconds of [1, 2, 4, 8, 16, 32, 60]) {
    script.run(seconds * SECOND - 1000);
    script.expectNothing();
    script.run(1000);
    script.expect("S seq 0");
    waited += seconds;
  }
  script.run(60 * SECOND);
  assert(waited + 60 >= 180);
  assertEquals([socket.state, socket.takeError()], [State.CLOSED, ETIMEDOUT]);
  assertEquals(script.host.count("SYNS_RETRANSMITTED"), 7);
});

// covers RFC 9293 3.8.3 MUST-21
Deno.test("TCP_SYNCNT says how often a SYN is sent again", () => {
  const script = new Script();
  const socket = script.connect((fresh) => {
    assertEquals(fresh.setOption(TCP, 7, int(1)), 0);
  });
  script.run(10 * SECOND);
  assertEquals([script.skip(), socket.state], [2, State.CLOSED]);
});

// covers RFC 9293 3.7.1 MUST-14, MUST-65, MUST-67, SHLD-5
// covers RFC 7323 2.3 MUST
// covers RFC 2018 2 MUST
Deno.test("a SYN offers everything, and no other segment has an MSS", () => {
  const script = new Script();
  const socket = script.connect();
  script.expectSyn("S seq 0 win 65535 mss 1460 wscale 7 sackok ts 0 ecr 0");
  script.inject("S. seq 0 ack 1 win 1000 mss 1000 sackok wscale 2 ts 77 ecr 0");
  script.expect(". seq 1 ack 1 no mss no wscale no sackok ecr 77");
  script.host.write(socket, new Uint8Array(2000));
  // The peer's MSS, less the timestamps that both agreed on.
  script.expect("P. seq 1 len 988 no mss");
});

// covers RFC 9293 3.7.1 MUST-15
Deno.test("a peer that announces no MSS takes 536 bytes over IPv4, and 1220 over IPv6", () => {
  for (const [isIpv6, bytes] of [[false, 536], [true, 1220]] as const) {
    const { script, socket } = Script.established({ isIpv6, options: "" });
    script.host.write(socket, new Uint8Array(3000));
    script.expect(`. seq 1 len ${bytes}`);
  }
});

// covers RFC 9293 3.7.1 MUST-16
Deno.test("segments are as long as the peer, the path and the option TCP_MAXSEG permit", () => {
  const cases = [[{ options: "mss 9000" }, 1460], [{ options: "mss 700" }, 700]] as const;
  for (const [options, bytes] of cases) {
    const { script, socket } = Script.established(options);
    script.host.write(socket, new Uint8Array(3000));
    script.expect(`. seq 1 len ${bytes}`);
  }
  const script = new Script();
  const socket = script.connect((fresh) => fresh.setOption(TCP, 2, int(500)));
  script.expectSyn("S seq 0 mss 500");
  script.inject("S. seq 0 ack 1 win 9000 mss 1460");
  script.expect(". seq 1");
  script.host.write(socket, new Uint8Array(3000));
  script.expect(". seq 1 len 500");
});

// covers RFC 7323 2.5 MUST
// covers RFC 7323 3.2 MUST
Deno.test("nothing is used that only one SYN has", () => {
  const { script, socket } = Script.established({ options: "mss 1460", window: 65535 });
  script.host.write(socket, "x");
  script.expect("P. seq 1 no ts");
  const other = Script.established({
    settings: { timestamps: false, windowScaling: false, selectiveAcknowledgment: false },
    options: "mss 1460 sackok wscale 7",
    window: 100,
  });
  other.script.host.write(other.socket, new Uint8Array(300));
  // The window is 100 bytes, not 12800.
  other.script.expect("P. seq 1 len 100 no ts");
  // Nor is a timestamp that nobody agreed on.
  other.script.inject("P. seq 1 ack 1 win 100 len 5 ts -5 ecr 0");
  assertEquals(other.socket.available, 5);
});

// covers RFC 7323 2.2 MUST
Deno.test("the window of a SYN is not shifted, those behind it are", () => {
  const { script, socket } = Script.established({
    from: "here",
    options: "mss 1460 wscale 4",
    window: 100,
  });
  script.host.write(socket, new Uint8Array(3000));
  script.expect("P. seq 1 len 100");
  script.inject(". seq 1 ack 101 win 100");
  script.expect("P. seq 101 len 1460");
});

// covers RFC 9293 3.4.1 MUST-8, MUST-9
Deno.test("initial numbers follow a clock, and differ from flow to flow", () => {
  const script = new Script();
  const numbers = [0, 1, 2].map(() => {
    const socket = script.connect();
    script.expectSyn();
    const number = script.initial;
    socket.close();
    return number;
  });
  // Three flows, at one time.
  assertEquals(new Set(numbers).size, 3);
  const bound = () => {
    const socket = script.connect((fresh) => assertEquals(fresh.bind(0, 5000, 0), 0));
    script.expectSyn();
    socket.close();
    return script.initial;
  };
  const first = bound();
  script.run(4000);
  assertEquals(bound() - first | 0, 1000);
});

Deno.test("connect() says once that it is connected now, and then that it was before", () => {
  const script = new Script();
  const socket = script.connect();
  script.expectSyn();
  const again = () => socket.connect(0x0a000002, 40000, 0);
  assertEquals([again(), socket.readiness()], [-114, 0]);
  script.inject("S. seq 0 ack 1 win 1000");
  assertEquals(socket.readiness(), Ready.OUT);
  assertEquals([again(), again()], [0, -106]);
});

// covers RFC 9293 3.9.1.1 MUST-46
Deno.test("what cannot be connected to is refused at once", () => {
  const script = new Script();
  const socket = script.host.tcp.createSocket(false);
  assertEquals(socket.connect([0, 0, 0, 1], 80, 0), -97);
  assertEquals(socket.connect(0xe0000001 | 0, 80, 0), -101);
  assertEquals(socket.connect(-1, 80, 0), -101);
  assertEquals(socket.connect(0x0a0000ff, 80, 0), -101);
  script.host.routeError = -113;
  assertEquals(socket.connect(0x0a000009, 80, 0), -113);
  assertEquals(script.host.tcp.ports.size, 0);
});

Deno.test("a socket cannot be bound twice, nor to an address of somebody else", () => {
  const { host } = new Script();
  const socket = host.tcp.createSocket(false);
  assertEquals(socket.bind(0x0a000077, 80, 0), -99);
  assertEquals(socket.bind([0, 0, 0, 0], 80, 0), -97);
  assertEquals(socket.bind(0, 80, 0), 0);
  assertEquals(socket.bind(0, 81, 0), -22);
  assertEquals(host.tcp.createSocket(false).bind(host.address, 80, 0), -98);
});

// covers RFC 9293 3.9.1.1 MUST-43, MUST-44, MUST-45
Deno.test("the local address is the one that was chosen, or that the routes choose", () => {
  const script = new Script();
  const free = script.connect();
  assertEquals(free.flow.local, script.host.address);
  const bound = script.connect((fresh) => assertEquals(fresh.bind(script.host.address, 0, 0), 0));
  script.skip();
  assertEquals(bound.flow.local, script.host.address);
  for (const frame of script.network.sent) assertEquals(frame.source, script.host.address);
});

Deno.test("connections to different places share a port when there are more than ports", () => {
  const network = new TestNetwork();
  const settings = { firstEphemeralPort: 40000, lastEphemeralPort: 40003 };
  const client = network.addHost(settings);
  const server = network.addHost();
  const sockets = [1, 2].flatMap((port) => [0, 1, 2, 3].map(() => client.connect(server, port)));
  const ports = new Set(sockets.map((socket) => socket.flow.localPort));
  assertEquals(ports.size, 4);
  const socket = client.tcp.createSocket(false);
  assertEquals(socket.connect(server.address, 1, 0), -99);
});

Deno.test("connections beyond the limit find no room", () => {
  const network = new TestNetwork();
  const client = network.addHost({ connections: 2 });
  const server = network.addHost();
  for (let count = 0; count < 2; count++) client.connect(server, 80);
  assertEquals(client.tcp.createSocket(false).connect(server.address, 80, 0), -105);
});

Deno.test("a socket that is not connected answers as Linux does", () => {
  const { host } = new Script();
  const socket = host.tcp.createSocket(false);
  assertEquals(host.write(socket, "x"), -32);
  assertEquals(host.read(socket), -107);
  assertEquals([socket.shutdown(1), socket.shutdown(7)], [-107, -22]);
  assertEquals([socket.accept(), socket.available, socket.unacknowledged], [-22, 0, 0]);
  assertEquals(socket.readiness(), Ready.OUT | Ready.HANGUP);
  assertEquals(socket.listen(-1), 0);
  assertEquals(socket.connect(host.address, 1, 0), -106);
  assertEquals([host.write(socket, "x"), host.read(socket)], [-32, -107]);
  assertEquals(socket.shutdown(0), 0);
  assertEquals(socket.state, State.CLOSED);
});

Deno.test("a SYN that cannot leave is told at once, and leaves nothing behind", () => {
  const { host } = new Script();
  host.sendError = -101;
  const socket = host.tcp.createSocket(false);
  assertEquals(socket.connect(0x0a000002, 80, 0), -101);
  assertEquals([host.tcp.table.size, host.tcp.connections, host.tcp.ports.size], [0, 0, 0]);
});

// covers RFC 6298 3 MUST
Deno.test("the handshake measures the round trip, unless the SYN was sent twice", () => {
  const measured = (delay: number): number => {
    const script = new Script();
    const socket = script.connect();
    script.run(delay);
    script.expectSyn();
    script.inject("S. seq 0 ack 1 win 1000");
    const info = socket.getOption(TCP, 11) as Uint8Array;
    return new DataView(info.buffer).getUint32(68, true);
  };
  assertEquals([measured(30_000), measured(1_100_000)], [30_000, 0]);
});
