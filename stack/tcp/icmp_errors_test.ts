import { assertEquals } from "@std/assert";
import { Script } from "../../tests/support/stack/tcp/script.ts";
import { State } from "./states.ts";

const SECOND = 1_000_000;
const EHOSTUNREACH = 113;
const ECONNREFUSED = 111;
const EMSGSIZE = 90;
const ETIMEDOUT = 110;

const soft = { errno: EHOSTUNREACH, isHard: false };
const hard = { errno: ECONNREFUSED, isHard: true };
const tooBig = { errno: EMSGSIZE, isHard: true };

// covers RFC 9293 3.9.2.2 MUST-54, SHLD-26
Deno.test("hard errors end what begins, soft ones name what it dies of later", () => {
  const script = new Script();
  const refused = script.connect();
  script.host.fail(script.expectSyn(), hard);
  assertEquals([refused.state, refused.takeError()], [State.CLOSED, ECONNREFUSED]);
  const socket = script.connect();
  script.host.fail(script.expectSyn(), soft);
  assertEquals(socket.state, State.SYN_SENT);
  script.run(200 * SECOND);
  assertEquals([socket.state, socket.takeError()], [State.CLOSED, EHOSTUNREACH]);
});

// covers RFC 9293 3.9.2.2 MUST-56
// covers RFC 9293 3.9.1.8 MUST-47
Deno.test("no error ends an established connection, but the program can hear of it", () => {
  for (const error of [soft, hard]) {
    const { script, socket } = Script.established();
    script.host.write(socket, "x");
    script.host.fail(script.expect("P. seq 1"), error);
    assertEquals([socket.state, socket.takeError()], [State.ESTABLISHED, error.errno]);
    assertEquals(socket.takeError(), 0);
  }
});

// covers RFC 5927 4.1 SHOULD
Deno.test("errors about what is not on its way are not believed", () => {
  const { script, socket } = Script.established();
  script.host.write(socket, "x");
  const frame = script.expect("P. seq 1");
  script.inject(". seq 1 ack 2 win 1000");
  script.host.fail(frame, soft);
  assertEquals([socket.takeError(), script.host.count("ICMP_IGNORED")], [0, 1]);
  const other = new Script();
  const connecting = other.connect();
  const syn = other.expectSyn();
  // Another number, and another port.
  syn.bytes[7] ^= 1;
  other.host.fail(syn, hard);
  syn.bytes[7] ^= 1;
  syn.bytes[3] ^= 1;
  other.host.fail(syn, hard);
  assertEquals([connecting.state, other.host.count("ICMP_IGNORED")], [State.SYN_SENT, 2]);
});

Deno.test("a half-open connection is ended by a hard error about its SYN", () => {
  const script = new Script();
  script.listen();
  script.inject("S seq 0 win 1000");
  const frame = script.expect("S. seq 0");
  script.host.fail(frame, soft);
  assertEquals(script.host.tcp.halfOpen, 1);
  script.host.fail(frame, hard);
  assertEquals([script.host.tcp.halfOpen, script.host.tcp.table.size], [0, 0]);
});

Deno.test("what was too big for the path is sent again in smaller segments at once", () => {
  const { script, socket } = Script.established();
  script.host.write(socket, new Uint8Array(2000));
  const frame = script.expect("P. seq 1 len 1460".replace("P.", "."));
  script.expect("P. seq 1461 len 540");
  script.network.setMtu(1000);
  script.host.fail(frame, tooBig);
  script.expect(". seq 1 len 960");
  assertEquals(script.host.count("ICMP_TOO_BIG"), 1);
  script.inject(". seq 1 ack 2001 win 65535");
  script.host.write(socket, new Uint8Array(2000));
  script.skip();
  assertEquals(script.host.tcp.table.size, 1);
});

// covers RFC 9293 3.8.3 MUST-20
Deno.test("after some timeouts IP is told, and at the end the program", () => {
  const { script, socket } = Script.established();
  script.host.write(socket, "x");
  script.run(20 * SECOND);
  assertEquals(script.host.lostProbes.length > 0, true);
  script.run(3000 * SECOND);
  assertEquals([socket.state, socket.takeError()], [State.CLOSED, ETIMEDOUT]);
});

Deno.test("news from behind the next hop confirm it, once a second", () => {
  const { script, socket } = Script.established();
  const before = script.host.confirmations;
  for (let count = 0; count < 10; count++) {
    script.run(0.5 * SECOND);
    script.inject(`P. seq ${1 + 10 * count} ack 1 win 1000 len 10`);
  }
  assertEquals(script.host.confirmations - before, 5);
  assertEquals(socket.available, 100);
});
