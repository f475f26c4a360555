import { assert, assertEquals } from "@std/assert";
import { Script } from "../../tests/support/stack/tcp/script.ts";
import { type Debtor, MAXIMUM_OWING, Owing } from "./owing.ts";
import { State } from "./states.ts";

const SACK = "mss 1460 sackok";

class TestDebtor implements Debtor {
  isOwing = true;
  settled = 0;

  constructor(readonly onSettle: (debtor: TestDebtor) => void = () => {}) {}

  settle(): void {
    this.isOwing = false;
    this.settled++;
    this.onSettle(this);
  }
}

/** Lets segments arrive in one step. */
function injectTogether(script: Script, ...segments: readonly string[]): void {
  script.host.isBusy = true;
  for (const segment of segments) script.inject(segment);
  script.host.isBusy = false;
}

// covers RFC 9293 3.8.6.3 MUST-58
// covers RFC 9293 3.10.7.4 MUST-59
Deno.test("all segments that arrive together are acknowledged by one", () => {
  const { script } = Script.established();
  injectTogether(
    script,
    ". seq 1 ack 1 win 1000 len 100",
    ". seq 101 ack 1 win 1000 len 100",
    ". seq 201 ack 1 win 1000 len 100",
    ". seq 301 ack 1 win 1000 len 100",
  );
  script.expectNothing();
  script.host.tcp.settle();
  script.expect(". ack 401 len 0");
  script.expectNothing();
  script.host.tcp.settle();
  script.expectNothing();
});

// covers RFC 5681 4.2 SHOULD
Deno.test("segments out of order are acknowledged one by one, whatever else has arrived", () => {
  const { script } = Script.established({ options: SACK });
  injectTogether(
    script,
    ". seq 101 ack 1 win 1000 len 100",
    ". seq 201 ack 1 win 1000 len 100",
    ". seq 301 ack 1 win 1000 len 100",
    ". seq 1 ack 1 win 1000 len 100",
  );
  script.expect(". ack 1 sack 101:201");
  script.expect(". ack 1 sack 101:301");
  script.expect(". ack 1 sack 101:401");
  script.expect(". ack 401 no sack");
  script.expectNothing();
});

// covers RFC 5681 4.2 SHOULD
Deno.test("while something of ours is lost, each acknowledgment is answered at once", () => {
  const { script, socket } = Script.established({ options: SACK });
  script.host.write(socket, new Uint8Array(8 * 1460));
  script.run(20_000);
  script.skip();
  injectTogether(
    script,
    ". seq 1 ack 1 win 65535 sack 1461:2921",
    ". seq 1 ack 1 win 65535 sack 1461:4381",
    ". seq 1 ack 1 win 65535 sack 1461:5841",
  );
  script.expect(". seq 1 len 1460");
});

Deno.test("data that leave for several segments carry their acknowledgment", () => {
  const { script, socket } = Script.established();
  let count = 0;
  socket.owner = {
    onReady: () => {
      count++;
      assertEquals(script.host.read(socket, 8192) !== -11, true);
      script.host.write(socket, "answer");
    },
  };
  injectTogether(
    script,
    "P. seq 1 ack 1 win 1000 len 5",
    "P. seq 6 ack 1 win 1000 len 5",
  );
  script.host.tcp.settle();
  script.expect("P. seq 1 ack 11 len 6");
  script.expectNothing();
  assertEquals(count, 1);
});

Deno.test("an owner is not told in the middle of a call of his", () => {
  const { script, socket } = Script.established();
  let isCalling = false;
  let count = 0;
  socket.owner = {
    onReady: () => {
      assert(!isCalling);
      count++;
    },
  };
  injectTogether(script, "P. seq 1 ack 1 win 1000 len 5");
  isCalling = true;
  assertEquals(script.host.readBytes(socket) instanceof Uint8Array, true);
  assertEquals(script.host.write(socket, "x"), 1);
  isCalling = false;
  assertEquals(count, 0);
  script.host.tcp.settle();
  script.expect("P. seq 1 ack 6 len 1");
  script.expectNothing();
  assertEquals(count, 1);
});

Deno.test("a connection that has ended meanwhile sends nothing any more", () => {
  const { script, socket } = Script.established();
  injectTogether(script, ". seq 1 ack 1 win 1000 len 5", ". seq 6 ack 1 win 1000 len 5");
  socket.abort();
  script.expect("R. seq 1 ack 11");
  script.host.tcp.settle();
  script.expectNothing();
  assertEquals([socket.state, script.host.tcp.connections], [State.CLOSED, 0]);
});

Deno.test("a reset ends a connection with what had arrived before it", () => {
  const { script, socket } = Script.established();
  injectTogether(script, ". seq 1 ack 1 win 1000 len 5", "R. seq 6 ack 1");
  assertEquals(socket.state, State.CLOSED);
  script.host.tcp.settle();
  script.expectNothing();
});

Deno.test("who owes something settles once, in order, and only if nothing else made it", () => {
  const owing = new Owing();
  const order: TestDebtor[] = [];
  const debtors = Array.from({ length: 3 }, () => new TestDebtor((who) => order.push(who)));
  for (const debtor of debtors) assert(owing.note(debtor));
  assert(owing.note(debtors[0]));
  debtors[1].settle();
  owing.settle();
  assertEquals(order, [debtors[1], debtors[0], debtors[2]]);
  assertEquals(owing.size, 0);
  owing.settle();
  assertEquals(debtors.map(({ settled }) => settled), [1, 1, 1]);
});

Deno.test("no more are noted than there is room for", () => {
  const owing = new Owing();
  for (let count = 0; count < MAXIMUM_OWING; count++) assert(owing.note(new TestDebtor()));
  const last = new TestDebtor();
  assert(!owing.note(last));
  owing.settle();
  assertEquals(last.settled, 0);
  assert(owing.note(last));
});
