import { assertEquals } from "@std/assert";
import { type EstablishedOptions, Script } from "../../tests/support/stack/tcp/script.ts";

const SECOND = 1_000_000;

/** A handshake in which the peer's SYN has some flags, and came with some code point. */
function accept(
  syn: string,
  answer: string,
  options: EstablishedOptions = {},
): Script {
  const script = new Script(options);
  script.listen();
  script.inject(syn);
  script.expect(answer);
  return script;
}

// covers RFC 3168 6.1.1 MUST
Deno.test("two flags of a SYN ask for ECN of RFC 3168, and one answers", () => {
  accept("SEW seq 0 win 1000", "SE. seq 0 ack 1 ip no");
  accept("SEW seq 0 win 1000", "S. seq 0 ack 1", { settings: { ecn: "off" } });
});

// covers RFC 9768 3.1.2 MUST
Deno.test("three flags ask for accurate ECN, and the answer tells how the SYN was marked", () => {
  const answers = { no: "SW.", ect1: "SEW.", ect0: "SA.", ce: "SWA." };
  for (const [mark, answer] of Object.entries(answers)) {
    accept(`SEWA seq 0 win 1000 ip ${mark}`, `${answer} seq 0 ack 1`);
  }
  // Who wants that of RFC 3168 only says so.
  accept("SEWA seq 0 win 1000", "SE. seq 0 ack 1", { settings: { ecn: "classic" } });
});

// covers RFC 9768 3.1.3 MUST
Deno.test("other combinations of the three flags are taken for an offer of accurate ECN", () => {
  for (const flags of ["SE", "SW", "SA", "SEA", "SWA"]) {
    accept(`${flags} seq 0 win 1000 ip no`, "SW. seq 0 ack 1");
  }
  // Who wants that of RFC 3168 only knows none of them.
  accept("SE seq 0 win 1000", "S. seq 0 ack 1", { settings: { ecn: "classic" } });
});

// covers RFC 9768 3.1.4.1 SHOULD
Deno.test("a SYN that gets no answer offers ECN once more, and then no longer", () => {
  const script = new Script({ settings: { ecn: "accurate" } });
  script.connect();
  script.expectSyn("SEWA seq 0 ip no");
  script.run(SECOND);
  script.expect("SEWA seq 0");
  script.run(2 * SECOND);
  script.expect("S seq 0");
});

// covers RFC 9768 3.2.2.1 MUST
// covers RFC 9768 3.2.1 MUST
Deno.test("a client's first acknowledgment tells how the answer was marked, others count", () => {
  const firsts = { no: "W.", ect1: "EW.", ect0: "A.", ce: "WA." };
  for (const [mark, flags] of Object.entries(firsts)) {
    const script = new Script({ settings: { ecn: "accurate" } });
    const socket = script.connect();
    script.expectSyn("SEWA seq 0");
    script.inject(`SW. seq 0 ack 1 win 9000 mss 1460 ip ${mark}`);
    script.expect(`${flags} seq 1 ack 1 ip no`);
    script.host.write(socket, "x");
    // The counter begins at 5, and at 6 if the SYN was marked.
    script.expect(`${mark === "ce" ? "PWA." : "PEA."} seq 1 len 1 ip ect0`);
  }
});

Deno.test("what a server's answer says decides which kind of ECN is used", () => {
  const cases = [["SE.", "P. ip ect0"], ["SEA.", "P. ip ect0"], ["S.", "P. ip no"], [
    "SEWA.",
    "P. ip no",
  ]];
  for (const [answer, data] of cases) {
    const script = new Script({ settings: { ecn: "accurate" } });
    const socket = script.connect();
    script.expectSyn("SEWA seq 0");
    script.inject(`${answer} seq 0 ack 1 win 9000 mss 1460`);
    script.expect(". seq 1 ack 1");
    script.host.write(socket, "x");
    script.expect(data);
  }
});

// covers RFC 9768 3.2.2.1 MUST
Deno.test("a server whose client's flags are cleared on the way sends no ECT", () => {
  for (const [first, mark] of [[".", "no"], ["W.", "ect0"]]) {
    const script = new Script();
    const listener = script.listen();
    script.inject("SEWA seq 0 win 9000 mss 1460");
    script.expect("SW. seq 0 ack 1");
    script.inject(`${first} seq 1 ack 1 win 9000`);
    const socket = listener.accept();
    if (typeof socket === "number") throw new Error("nothing was established");
    script.host.write(socket, "x");
    script.expect(`PEA. seq 1 len 1 ip ${mark}`);
  }
});

// covers RFC 3168 6.1.4 MUST
// covers RFC 3168 6.1.5 MUST
Deno.test("acknowledgments and what is sent again are not ECN-capable, new data are", () => {
  const script = accept("SEW seq 0 win 9000 mss 1460", "SE. seq 0 ack 1");
  script.inject(". seq 1 ack 1 win 9000");
  const [connection] = script.host.tcp.table.all();
  script.inject("P. seq 1 ack 1 win 9000 len 10 ip ce");
  // Marked: the acknowledgment says so until the other end has reduced its window.
  script.expect("E. ack 11 ip no");
  assertEquals(connection.flow.remotePort, script.peerPort);
  script.inject("PW. seq 11 ack 1 win 9000 len 10 ip ect0");
  script.run(SECOND);
  script.expect(". ack 21 ip no");
});

Deno.test("what is sent again is not ECN-capable", () => {
  const script = new Script({ settings: { ecn: "classic" } });
  const socket = script.connect();
  script.expectSyn("SEW seq 0");
  script.inject("SE. seq 0 ack 1 win 9000 mss 1460");
  script.expect(". seq 1 ack 1");
  script.host.write(socket, "x");
  script.expect("P. seq 1 len 1 ip ect0");
  script.run(2 * SECOND);
  script.expect("P. seq 1 len 1 ip no");
});
