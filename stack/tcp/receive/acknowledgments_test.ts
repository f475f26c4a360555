import { assert, assertEquals } from "@std/assert";
import { ReceiverRig, streamBytes } from "../../../tests/support/stack/tcp/receiver.ts";

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

Deno.test("data that leave carry the acknowledgment, and later ones wait for them", () => {
  const rig = settled();
  arriveFull(rig, 1, 100);
  rig.acknowledge();
  rig.takeSent();
  assertEquals(rig.receiver.nextDeadline(), Infinity);
  // A young connection, too, stops acknowledging at once when answers carry what is due.
  const young = new ReceiverRig();
  young.isAnswering = false;
  arriveFull(young, 1, 100);
  assert(young.receiver.isAcknowledgmentDue);
  young.acknowledge();
  assert(!young.receiver.isAcknowledgmentDue);
  rig.close();
  young.close();
});

Deno.test("an answer that comes too late ends the waiting for answers", () => {
  const rig = settled();
  arriveFull(rig, 1, 100);
  rig.acknowledge();
  rig.takeSent();
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
