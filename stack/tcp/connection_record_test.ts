import { assertEquals } from "@std/assert";
import { TestNetwork } from "../../tests/support/stack/tcp/network.ts";
import type { TcpContext } from "./context.ts";
import { ConnectionRecord } from "./connection_record.ts";
import { Purpose } from "./deadline_purposes.ts";

class Record extends ConnectionRecord {}

const MILLISECOND = 1000;
const DAY = 86_400_000_000;

function setUp(): { record: Record; environment: { now: number } } {
  const { tcp, environment } = new TestNetwork().addHost();
  return { record: new Record(tcp as TcpContext), environment };
}

Deno.test("numbers that share a word do not touch each other", () => {
  const { record } = setUp();
  record.attempts = 255;
  record.purpose = Purpose.FIN_WAIT_2;
  record.peerWindowScale = 14;
  record.windowScale = 9;
  record.peerSynEcn = 3;
  record.peerMaximumSegment = 65535;
  record.announcedSegment = 1460;
  record.payloadBase = 1448;
  record.offloadBase = 65483;
  record.error = 104;
  record.softError = 113;
  record.failure = 110;
  record.attempts = 2;
  record.softError = 0;
  assertEquals([record.attempts, record.purpose, record.peerWindowScale, record.windowScale], [
    2,
    Purpose.FIN_WAIT_2,
    14,
    9,
  ]);
  assertEquals([record.peerSynEcn, record.state], [3, 0]);
  assertEquals([record.peerMaximumSegment, record.announcedSegment], [65535, 1460]);
  assertEquals([record.payloadBase, record.offloadBase], [1448, 65483]);
  assertEquals([record.error, record.softError, record.failure], [104, 0, 110]);
});

Deno.test("times of milliseconds outlast any number of wraps of the clock", () => {
  const { record, environment } = setUp();
  for (const now of [0, 5000, 2 ** 31 * MILLISECOND - 1, 2 ** 32 * MILLISECOND, 900 * DAY]) {
    environment.now = now;
    record.deadline = now + 20 * DAY;
    record.hear();
    assertEquals(record.silence, 0);
    assertEquals(Math.abs(record.deadline - now - 20 * DAY) < MILLISECOND, true);
    environment.now = now + 20 * DAY;
    assertEquals(record.deadline <= environment.now + MILLISECOND, true);
    assertEquals(Math.abs(record.silence - 20 * DAY) < MILLISECOND, true);
  }
  record.deadline = Infinity;
  assertEquals(record.deadline, Infinity);
});

Deno.test("the first time in a second is told", () => {
  const { record, environment } = setUp();
  environment.now = 10_900_000;
  record.hear();
  environment.now = 10_999_000;
  assertEquals(record.hear(), false);
  environment.now = 11_001_000;
  assertEquals([record.hear(), record.hear()], [true, false]);
  environment.now += 10_000_000;
  assertEquals(record.hear(), true);
});

Deno.test("what only a handshake needs is forgotten", () => {
  const { record } = setUp();
  assertEquals([record.initialSequence, record.openedAt], [0, -1]);
  record.initialSequence = -5;
  record.openedAt = 77;
  assertEquals([record.initialSequence, record.openedAt], [-5, 77]);
  record.forgetHandshake();
  assertEquals([record.initialSequence, record.openedAt], [0, -1]);
});
