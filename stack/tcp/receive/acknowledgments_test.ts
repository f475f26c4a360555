import { assert, assertEquals } from "@std/assert";
import { Msg } from "../../../ring/abi/opcodes.ts";
import { ReceiverRig, streamBytes } from "../../../tests/support/stack/tcp/receiver.ts";
import { Flag } from "../../wire/tcp.ts";

const FULL = 1448;
const MILLISECOND = 1000;

/** A rig whose connection is no longer young: nothing is acknowledged at once. */
function settled(): ReceiverRig {
  const rig = new ReceiverRig({ options: { quickAcknowledgments: 0 } });
  rig.arrive(0, streamBytes(0, FULL));
  rig.arrive(FULL, streamBytes(FULL, FULL));
  rig.read(2 * FULL);
  rig.advance(100 * MILLISECOND);
  rig.takeSent();
  return rig;
}

/** Lets full segments arrive in order. */
function arriveFull(rig: ReceiverRig, count: number, bytes = FULL): void {
  for (let index = 0; index < count; index++) {
    const at = rig.receiver.receiveNext - rig.first | 0;
    rig.arrive(at, streamBytes(at, bytes));
  }
}

// covers RFC 9293 3.8.6.3 SHLD-19
Deno.test("every second full segment is acknowledged at once", () => {
  const rig = settled();
  for (let round = 0; round < 5; round++) {
    arriveFull(rig, 1);
    assertEquals(rig.takeSent(), 0);
    arriveFull(rig, 1);
    assertEquals(rig.takeSent(), 1);
    rig.read(FULL * 2);
  }
  rig.close();
});

// covers RFC 5681 4.2
Deno.test("segments that were coalesced count as many", () => {
  const rig = settled();
  rig.arrive(2 * FULL, streamBytes(0, 2 * FULL), { count: 2 });
  assertEquals(rig.takeSent(), 1);
  rig.close();
});

// covers RFC 9293 3.8.6.3 MUST-40
Deno.test("a single segment is acknowledged 40 ms later, by no more than 200 ms", () => {
  const rig = settled();
  arriveFull(rig, 1);
  assertEquals(rig.receiver.nextDeadline(), rig.now + 40 * MILLISECOND);
  rig.advance(39 * MILLISECOND);
  assertEquals(rig.takeSent(), 0);
  rig.advance(MILLISECOND);
  assertEquals(rig.takeSent(), 1);
  assertEquals(rig.receiver.nextDeadline(), Infinity);
  assertEquals(rig.count("DELAYED_ACKNOWLEDGMENTS"), 1);
  // Segments that come slowly, and wait in vain, make the delay longer, up to its bound.
  for (let round = 0; round < 10; round++) {
    arriveFull(rig, 1, 100);
    const delay = rig.receiver.nextDeadline() - rig.now;
    assert(delay >= 40 * MILLISECOND && delay <= 200 * MILLISECOND, `${delay}`);
    rig.advance(200 * MILLISECOND);
    assertEquals(rig.takeSent(), 1);
  }
  rig.close();
});

// covers RFC 9293 3.8.6.3 MUST-40
Deno.test("a delay of half a second, or of nonsense, is refused", () => {
  for (
    const options of [
      { maximumAcknowledgmentDelay: 500_000 },
      { acknowledgmentDelay: 300_000 },
      { acknowledgmentDelay: -1 },
    ]
  ) {
    let message = "";
    try {
      new ReceiverRig({ options });
    } catch (error) {
      message = String(error);
    }
    assert(message.includes("acknowledgments are delayed by less than"), message);
  }
});

Deno.test("more small segments do not put the acknowledgment off", () => {
  const rig = settled();
  arriveFull(rig, 1, 10);
  const deadline = rig.receiver.nextDeadline();
  rig.advance(20 * MILLISECOND);
  arriveFull(rig, 1, 10);
  assertEquals(rig.receiver.nextDeadline(), deadline);
  rig.advance(20 * MILLISECOND);
  assertEquals(rig.takeSent(), 1);
  rig.close();
});

Deno.test("a young connection acknowledges its first segments at once", () => {
  const rig = new ReceiverRig();
  arriveFull(rig, 16, 100);
  assertEquals(rig.takeSent(), 16);
  rig.advance(500 * MILLISECOND);
  arriveFull(rig, 1, 100);
  assertEquals(rig.takeSent(), 0);
  rig.close();
});

/** Lets the program read all there is, and the connection answer. @returns what was sent */
function readAll(rig: ReceiverRig): number {
  rig.read(1 << 16);
  rig.answer();
  return rig.takeSent();
}

Deno.test("the end of a write is acknowledged once the program has read all there is", () => {
  const rig = settled();
  // It is shorter than those before, and so the last one.
  arriveFull(rig, 1, 100);
  assertEquals(rig.takeSent(), 0);
  rig.read(100, Msg.PEEK);
  rig.read(99);
  rig.answer();
  assertEquals(rig.takeSent(), 0);
  assertEquals(readAll(rig), 1);
  assertEquals(rig.receiver.nextDeadline(), Infinity);
  // A full one may be followed by others, although it says PSH now and then.
  rig.arrive(2 * FULL + 100, streamBytes(0, FULL), { flags: Flag.PSH });
  assertEquals(readAll(rig), 0);
  rig.close();
});

Deno.test("where all segments are short, PSH says what ends a write", () => {
  const rig = new ReceiverRig({ options: { quickAcknowledgments: 0 } });
  arriveFull(rig, 1, 100);
  assertEquals(readAll(rig), 0);
  rig.advance(200 * MILLISECOND);
  assertEquals(rig.takeSent(), 1);
  rig.arrive(100, streamBytes(100, 100), { flags: Flag.PSH });
  assertEquals(readAll(rig), 1);
  rig.close();
});

Deno.test("in a conversation the end of a write waits for the answer, two do not", () => {
  const rig = settled();
  arriveFull(rig, 1, 100);
  rig.advance(39 * MILLISECOND);
  rig.acknowledge(true);
  rig.takeSent();
  arriveFull(rig, 1, 100);
  assertEquals(readAll(rig), 0);
  arriveFull(rig, 1, 100);
  assertEquals(readAll(rig), 1);
  rig.advance(41 * MILLISECOND);
  arriveFull(rig, 1, 100);
  assertEquals(readAll(rig), 0);
  // In vain: the conversation is over, and what leaves too late does not begin another one.
  rig.advance(100 * MILLISECOND);
  assertEquals(rig.takeSent(), 1);
  rig.acknowledge(true);
  rig.takeSent();
  arriveFull(rig, 1, 100);
  assertEquals(readAll(rig), 1);
  rig.close();
});

Deno.test("data that leave carry the acknowledgment, and later ones wait for them", () => {
  const rig = settled();
  arriveFull(rig, 1, 100);
  rig.acknowledge(true);
  rig.takeSent();
  assertEquals(rig.receiver.nextDeadline(), Infinity);
  // A young connection, too, stops acknowledging at once when answers carry what is due.
  const young = new ReceiverRig();
  young.isAnswering = false;
  arriveFull(young, 1, 100);
  assert(young.receiver.isAcknowledgmentDue);
  young.acknowledge(true);
  assert(!young.receiver.isAcknowledgmentDue);
  arriveFull(young, 1, 100);
  assert(!young.receiver.isAcknowledgmentDue);
  rig.close();
  young.close();
});

Deno.test("an answer that comes too late ends the waiting for answers", () => {
  const rig = settled();
  arriveFull(rig, 1, 100);
  rig.acknowledge(true);
  rig.takeSent();
  assert(!rig.receiver.quickAcknowledgment);
  arriveFull(rig, 1, 100);
  rig.advance(200 * MILLISECOND);
  assertEquals(rig.takeSent(), 1);
  assert(rig.receiver.quickAcknowledgment);
  rig.close();
});

Deno.test("TCP_QUICKACK sends what waits, and the next ones at once; turned off they wait", () => {
  const rig = settled();
  arriveFull(rig, 1, 100);
  rig.receiver.quickAcknowledgment = true;
  assertEquals(rig.takeSent(), 1);
  const young = new ReceiverRig();
  young.receiver.quickAcknowledgment = false;
  arriveFull(young, 1, 100);
  assertEquals(young.takeSent(), 0);
  assert(!young.receiver.quickAcknowledgment);
  rig.close();
  young.close();
});

// covers RFC 5681 4.2
Deno.test("what is out of order, fills a gap, or comes twice is acknowledged at once", () => {
  const rig = settled();
  rig.arrive(4 * FULL, streamBytes(0, FULL));
  assertEquals(rig.takeSent(), 1);
  rig.arrive(6 * FULL, streamBytes(0, FULL));
  assertEquals(rig.takeSent(), 1);
  // A part of the gap, then the rest of it.
  rig.arrive(2 * FULL, streamBytes(0, 100));
  assertEquals(rig.takeSent(), 1);
  rig.arrive(2 * FULL + 100, streamBytes(0, 2 * FULL - 100));
  assertEquals(rig.takeSent(), 1);
  rig.arrive(2 * FULL, streamBytes(0, FULL));
  assertEquals(rig.takeSent(), 1);
  rig.close();
});

Deno.test("an acknowledgment that could not be sent is tried again after another delay", () => {
  const rig = settled();
  arriveFull(rig, 1, 100);
  const { acknowledge } = rig;
  let tries = 0;
  rig.acknowledge = () => void tries++;
  rig.advance(40 * MILLISECOND);
  assertEquals(tries, 1);
  const again = rig.receiver.nextDeadline();
  assert(again > rig.now && again < Infinity);
  rig.acknowledge = acknowledge;
  rig.advance(again - rig.now);
  assertEquals(rig.takeSent(), 1);
  rig.close();
});
