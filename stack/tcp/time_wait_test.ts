import { assertEquals } from "@std/assert";
import { type EstablishedOptions, Script } from "../../tests/support/stack/tcp/script.ts";
import { State } from "./states.ts";
import type { TcpSocket } from "./socket.ts";

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const MINUTE = 60_000_000;

/** A connection from the peer that is in TIME-WAIT here; numbers are behind both FINs. */
function inTimeWait(options: EstablishedOptions = {}): { script: Script; listener: TcpSocket } {
  const { script, socket, listener } = Script.established(options);
  const stamps = options.options?.includes("ts") ? " ts 1000 ecr 0" : "";
  socket.close();
  script.expect("FP. seq 1 ack 1");
  script.inject(`. seq 1 ack 2 win 1000${stamps}`);
  script.inject(`F. seq 1 ack 2 win 1000${stamps}`);
  script.expect(". seq 2 ack 2");
  assertEquals(script.host.tcp.timeWaits.size, 1);
  return { script, listener: listener! };
}

// covers RFC 9293 3.6 MUST-13
Deno.test("TIME-WAIT lasts twice the maximum segment lifetime, and anew after each FIN", () => {
  const { script } = inTimeWait();
  script.run(0.6 * MINUTE);
  script.inject("F. seq 1 ack 2 win 1000");
  script.expect(". seq 2 ack 2");
  script.run(0.9 * MINUTE);
  assertEquals(script.host.tcp.timeWaits.size, 1);
  script.run(0.2 * MINUTE);
  assertEquals(script.host.tcp.timeWaits.size, 0);
  assertEquals(script.host.tcp.table.size, 0);
});

Deno.test("resets do not end TIME-WAIT", () => {
  const { script } = inTimeWait();
  script.inject("R seq 2");
  script.expectNothing();
  assertEquals(script.host.tcp.timeWaits.size, 1);
  assertEquals(script.host.count("TIME_WAIT_RESETS_IGNORED"), 1);
});

Deno.test("other segments are acknowledged in TIME-WAIT, not too often; bare ones are not", () => {
  const { script } = inTimeWait();
  script.inject(". seq 2 ack 2 win 1000");
  script.expectNothing();
  script.inject("P. seq 1 ack 2 win 1000 len 5");
  script.expect(". seq 2 ack 2");
  script.inject("P. seq 1 ack 2 win 1000 len 5");
  script.expectNothing();
});

// covers RFC 9293 3.6.1 MAY-2
Deno.test("a SYN with a number behind the old connection's begins a new one", () => {
  const { script, listener } = inTimeWait();
  script.inject("S seq 2 win 1000");
  // It is not behind: it may be an old one.
  script.expect(". seq 2 ack 2");
  script.inject("S seq 3 win 1000");
  const before = script.initial;
  script.expect("S. seq 0 ack 4");
  assertEquals((script.initial - before | 0) > 65536, true);
  script.inject(". seq 4 ack 1 win 1000");
  assertEquals((listener.accept() as TcpSocket).state, State.ESTABLISHED);
  assertEquals(script.host.count("TIME_WAITS_REUSED"), 1);
});

// covers RFC 6191 2 SHOULD
Deno.test("a newer timestamp begins a new connection, an older one does not", () => {
  const { script } = inTimeWait({ options: "mss 1460 ts 1000 ecr 0" });
  script.inject("S seq 5000 win 1000 ts 999 ecr 0");
  script.expect(". seq 2 ack 2");
  script.inject("S seq -100000 win 1000 ts 1001 ecr 0");
  script.expect("S. seq 0 ack -99999");
});

Deno.test("the oldest one goes when there is no room", () => {
  const script = new Script({ settings: { timeWaits: 2 } });
  const listener = script.listen();
  for (const port of [1, 2, 3]) {
    script.peerPort = port;
    script.inject("S seq 0 win 1000");
    script.expect("S. seq 0");
    script.inject(". seq 1 ack 1 win 1000");
    (listener.accept() as TcpSocket).close();
    script.expect("FP. seq 1");
    script.inject("F. seq 1 ack 2 win 1000");
    script.expect(". seq 2 ack 2");
    script.run(1000);
  }
  assertEquals(script.host.tcp.timeWaits.size, 2);
  assertEquals(script.host.count("TIME_WAITS_EVICTED"), 1);
  script.peerPort = 1;
  script.inject("F. seq 1 ack 2 win 1000");
  script.expect("R");
});

Deno.test("a connection from here takes the place of an old one where timestamps are used", () => {
  const script = new Script();
  const localPort = 5000;
  const reuse = Uint8Array.of(1, 0, 0, 0);
  const socket = script.connect((fresh) => {
    fresh.setOption(SOL_SOCKET, SO_REUSEADDR, reuse);
    assertEquals(fresh.bind(0, localPort, 0), 0);
  });
  script.expectSyn();
  script.inject("S. seq 0 ack 1 win 1000 ts 1000 ecr 0");
  script.expect(". seq 1 ack 1");
  socket.close();
  script.expect("FP. seq 1");
  script.inject("F. seq 1 ack 2 win 1000 ts 1000 ecr 0");
  script.expect(". seq 2 ack 2");
  const again = () => {
    const next = script.host.tcp.createSocket(false);
    next.setOption(SOL_SOCKET, SO_REUSEADDR, reuse);
    assertEquals(next.bind(0, localPort, 0), 0);
    const result = next.connect(0x0a000002, script.peerPort, 0);
    if (result !== -115) next.close();
    return result;
  };
  // EADDRNOTAVAIL: the clock of the other end may not have ticked since.
  assertEquals(again(), -99);
  script.run(1_100_000);
  assertEquals(again(), -115);
  const before = script.initial;
  script.expect("S seq 0");
  assertEquals((script.initial - before | 0) > 65536, true);
});
