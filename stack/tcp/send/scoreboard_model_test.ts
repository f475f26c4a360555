import { assert, assertEquals } from "@std/assert";
import { scale, withSeed } from "../../../tests/support/seed.ts";
import { SenderBed } from "../../../tests/support/stack/tcp/sender.ts";
import { randomBelow, randomChance, type RandomSource } from "../../random.ts";
import type { Flight } from "./flight.ts";
import {
  DOUBLE_SHIFT,
  END,
  FLAGS,
  INTEGER_SHIFT,
  LATER,
  NEXT,
  NONE,
  PREVIOUS,
  RecordFlag,
  SENT_AT,
  START,
} from "./records.ts";

/** The oracle: one word for each byte, which says whether it was sacked. */
class Bytes {
  una = 0;
  next = 0;
  readonly sacked: boolean[] = [];

  sack(left: number, right: number): void {
    if (left >= right || right > this.next || right <= this.una) return;
    for (let at = Math.max(left, this.una); at < right; at++) this.sacked[at] = true;
  }
}

/** What the records say of each byte, from SND.UNA on. Their order is checked on the way. */
function states(flight: Flight, iss: number): { flags: number[]; start: number } {
  const { integers } = flight.records;
  const flags: number[] = [];
  let previous = NONE;
  let expected = NaN;
  let start = 0;
  let count = 0;
  for (let record = flight.first; record !== NONE;) {
    const at = record << INTEGER_SHIFT;
    assertEquals(integers[at + PREVIOUS], previous);
    const from = (integers[at + START] - iss) | 0;
    const to = (integers[at + END] - iss) | 0;
    assert(to > from, "a record is empty");
    if (previous === NONE) start = from;
    else assertEquals(from, expected, "records have a gap");
    for (let byte = from; byte < to; byte++) flags.push(integers[at + FLAGS]);
    expected = to;
    previous = record;
    record = integers[at + NEXT];
    count++;
  }
  assertEquals(flight.last, previous);
  assertEquals(flight.recordCount, count);
  return { flags, start };
}

/** What is in flight, in the order of time. */
function inFlightByTime(flight: Flight): number {
  const { integers, doubles } = flight.records;
  let bytes = 0;
  let sentAt = -Infinity;
  for (let record = flight.oldest; record !== NONE;) {
    const at = record << INTEGER_SHIFT;
    assertEquals(integers[at + FLAGS] & (RecordFlag.SACKED | RecordFlag.LOST), 0);
    const when = doubles[(record << DOUBLE_SHIFT) + SENT_AT];
    assert(when >= sentAt, "the order of time is broken");
    sentAt = when;
    bytes += (integers[at + END] - integers[at + START]) | 0;
    record = integers[at + LATER];
  }
  return bytes;
}

function verify(bed: SenderBed, model: Bytes): void {
  const { flight } = bed.sender;
  if (flight === null) {
    assertEquals(model.una, model.next);
    return;
  }
  const { flags, start } = states(flight, bed.iss);
  assertEquals(flags.length, model.next - model.una);
  if (flags.length === 0) return;
  assertEquals(start, model.una);
  let [sacked, lost] = [0, 0];
  for (const [nth, flag] of flags.entries()) {
    const isSacked = (flag & RecordFlag.SACKED) !== 0;
    assertEquals(isSacked, model.sacked[model.una + nth] === true, `byte ${model.una + nth}`);
    if (isSacked) sacked++;
    else if (flag & RecordFlag.LOST) lost++;
  }
  assertEquals([flight.sacked, flight.lost], [sacked, lost]);
  assertEquals(flight.inFlight, flags.length - sacked - lost);
  assertEquals(inFlightByTime(flight), flight.inFlight);
  assertEquals(bed.settings.records.used, flight.recordCount);
}

/** A block: near the edges of segments or anywhere, inside the flight or not. */
function randomBlock(random: RandomSource, model: Bytes): [number, number] {
  const span = model.next - model.una;
  const from = model.una - 30 + randomBelow(random, span + 60);
  const left = randomChance(random, 0.7) ? Math.floor(from / 10) * 10 : from;
  const length = randomBelow(random, 60);
  return [left, left + (randomChance(random, 0.7) ? Math.ceil(length / 10) * 10 : length)];
}

/** Whether the first block is one of RFC 2883, which marks nothing. */
function isDuplicate(model: Bytes, blocks: [number, number][], upTo: number): boolean {
  const [[left, right]] = blocks;
  if (left < upTo) return right <= upTo || right > model.next || right <= left;
  return blocks.length > 1 && left >= blocks[1][0] && right <= blocks[1][1];
}

for (const lossDetection of ["rack", "sack"] as const) {
  Deno.test(
    `the scoreboard says of each byte what a naive one says, whatever is sacked: ${lossDetection}`,
    withSeed((random) => {
      for (let run = 0; run < scale(60, 3000); run++) {
        // The numbers wrap at 2^31, at 2^32, or not at all.
        const iss = ([0x7fffffff, -1, 5][run % 3] - randomBelow(random, 400)) | 0;
        const bed = new SenderBed({ iss, segment: 10, window: 3000, options: { lossDetection } });
        bed.sender.noDelay = true;
        const model = new Bytes();
        for (let turn = 0; turn < 80; turn++) {
          bed.pass(randomBelow(random, 30_000));
          if (randomChance(random, 0.5)) {
            bed.write(1 + randomBelow(random, 200));
          } else if (randomChance(random, 0.2) && bed.sender.nextDeadline() < Infinity) {
            bed.fire();
          } else {
            const upTo = model.una +
              (randomChance(random, 0.3)
                ? randomBelow(random, Math.min(60, model.next - model.una) + 1)
                : 0);
            const blocks = Array.from(
              { length: randomBelow(random, 4) },
              () => randomBlock(random, model),
            );
            const wasEmpty = bed.sender.flight === null;
            bed.deliver(upTo, blocks);
            model.una = upTo;
            if (!wasEmpty) {
              const skipped = blocks.length > 0 && isDuplicate(model, blocks, upTo) ? 1 : 0;
              for (const [left, right] of blocks.slice(skipped)) model.sack(left, right);
            }
            verify(bed, model);
            bed.sender.output();
          }
          model.next = (bed.sender.sendNext - iss) | 0;
          if (bed.settings.counters.snapshot().RENEGED > 0) break;
          verify(bed, model);
          // It stays below a window, so that nothing is refused.
          if (model.next - model.una > 2500) bed.acknowledge(model.una = model.next);
        }
        bed.sender.stop();
        assertEquals(bed.settings.records.used, 0);
        assertEquals(bed.arena.usedCount, 0);
      }
    }),
  );
}

Deno.test("a peer that sacks single bytes makes a few records for each segment, no more", () => {
  const bed = new SenderBed({ window: 50_000 });
  bed.write(50_000);
  for (let at = 1; at < 50_000; at += 8) {
    bed.deliver(0, [[at, at + 1], [at + 2, at + 3], [at + 4, at + 5], [at + 6, at + 7]]);
  }
  assert(bed.settings.records.used <= 64 + 4 * 50 + 1);
  // It is served all the same.
  bed.acknowledge(50_000);
  assertEquals(bed.sender.bufferedBytes, 0);
});
