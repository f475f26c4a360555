import { assert, assertEquals } from "@std/assert";
import { scale, withSeed } from "../../../tests/support/seed.ts";
import {
  areBytesAt,
  SenderBed,
  type SenderBedOptions,
} from "../../../tests/support/stack/tcp/sender.ts";
import type { RandomSource } from "../../random.ts";
import { randomBelow, randomChance } from "../../random.ts";
import { Flag } from "../../wire/tcp.ts";
import { SendCounter } from "./counters.ts";

/** A receiver that acknowledges each segment, with SACK; links that delay, lose and reorder. */
class IdealPath {
  readonly #bed: SenderBed;
  readonly #random: RandomSource;
  readonly #loss: number;
  readonly #delay: number;
  readonly #jitter: number;
  /** Segments and acknowledgments on their way: when, which. */
  readonly #segments: { at: number; from: number; to: number; timestamp: number }[] = [];
  readonly #acknowledgments: {
    at: number;
    upTo: number;
    sack: [number, number][];
    echo: number;
  }[] = [];
  /** Ranges that arrived, ascending and apart. */
  #ranges: [number, number][] = [];
  received = 0;
  hasFin = false;
  segmentCount = 0;
  #echo = 0;

  constructor(bed: SenderBed, random: RandomSource, loss: number, delay: number, jitter: number) {
    this.#bed = bed;
    this.#random = random;
    this.#loss = loss;
    this.#delay = delay;
    this.#jitter = jitter;
  }

  #later(): number {
    return this.#bed.environment.now + this.#delay +
      (this.#jitter > 0 ? randomBelow(this.#random, this.#jitter) : 0);
  }

  /** Takes what was sent onto the way. */
  collect(): void {
    for (const one of this.#bed.takeSent()) {
      const start = (one.sequence - this.#bed.iss) | 0;
      assert(areBytesAt(one.bytes, start), `other bytes at ${start}`);
      const end = start + one.bytes.length + (one.flags & Flag.FIN ? 1 : 0);
      const size = one.segmentBytes === 0 ? Math.max(1, end - start) : one.segmentBytes;
      for (let from = start; from < end; from += size) {
        this.segmentCount++;
        if (randomChance(this.#random, this.#loss)) continue;
        const to = Math.min(end, from + size);
        this.#segments.push({ at: this.#later(), from, to, timestamp: one.timestamp });
      }
      if (one.flags & Flag.FIN) this.hasFin = true;
    }
  }

  nextEvent(): number {
    let at = Infinity;
    for (const one of this.#segments) at = Math.min(at, one.at);
    for (const one of this.#acknowledgments) at = Math.min(at, one.at);
    return at;
  }

  /** Delivers what is due. */
  step(): void {
    const { now } = this.#bed.environment;
    const arrived = this.#segments.filter(({ at }) => at <= now);
    remove(this.#segments, ({ at }) => at <= now);
    for (const one of arrived.sort((a, b) => a.at - b.at)) this.#arrive(one);
    const due = this.#acknowledgments.filter(({ at }) => at <= now);
    remove(this.#acknowledgments, ({ at }) => at <= now);
    for (const one of due.sort((a, b) => a.at - b.at)) {
      const { hasTimestamps } = this.#bed.agreement;
      this.#bed.acknowledge(
        one.upTo,
        this.#bed.agreement.hasSack ? one.sack : [],
        hasTimestamps ? { echo: one.echo } : {},
      );
      this.collect();
    }
  }

  #arrive({ from, to, timestamp }: { from: number; to: number; timestamp: number }): void {
    const isDuplicate = to <= this.received ||
      this.#ranges.some(([left, right]) => left <= from && to <= right);
    const before = this.received;
    if (!isDuplicate) {
      const ranges = [...this.#ranges, [from, to] as [number, number]].sort((a, b) => a[0] - b[0]);
      this.#ranges = [];
      for (const [left, right] of ranges) {
        const last = this.#ranges.at(-1);
        if (last !== undefined && left <= last[1]) last[1] = Math.max(last[1], right);
        else this.#ranges.push([left, right]);
      }
      if (this.#ranges[0][0] <= this.received) this.received = this.#ranges.shift()![1];
    }
    if (from <= before) this.#echo = timestamp;
    const recent = this.#ranges.findIndex(([left, right]) => left <= from && to <= right);
    const sack: [number, number][] = isDuplicate ? [[from, to]] : [];
    if (recent >= 0) sack.push(this.#ranges[recent]);
    for (const [nth, range] of this.#ranges.entries()) if (nth !== recent) sack.push(range);
    if (randomChance(this.#random, this.#loss)) return;
    this.#acknowledgments.push({
      at: this.#later(),
      upTo: this.received,
      sack: sack.slice(0, 3).map(([left, right]) => [left, right]),
      echo: this.#echo,
    });
  }
}

function remove<Item>(items: Item[], isGone: (item: Item) => boolean): void {
  const left = items.filter((item) => !isGone(item));
  items.splice(0, items.length, ...left);
}

/** Sends so many bytes and the FIN. @returns how many segments that took, and how long */
function transfer(
  random: RandomSource,
  bytes: number,
  loss: number,
  jitter: number,
  options: SenderBedOptions,
): { segments: number; time: number; bed: SenderBed } {
  const bed = new SenderBed(options);
  bed.control.isReno = true;
  const path = new IdealPath(bed, random, loss, 10_000, jitter);
  const start = bed.environment.now;
  const limit = start + 3_600_000_000;
  let isClosed = false;
  for (let turns = 0; !bed.sender.isFinAcknowledged; turns++) {
    assert(turns < 2_000_000, "it takes too many turns");
    while (bed.written < bytes) {
      const taken = bed.write(Math.min(bytes - bed.written, 1 + randomBelow(random, 20_000)));
      assert(taken >= 0);
      path.collect();
      if (taken === 0) break;
    }
    if (bed.written === bytes && !isClosed) {
      isClosed = true;
      bed.sender.closeWrite();
      path.collect();
    }
    const at = Math.min(path.nextEvent(), bed.sender.nextDeadline());
    assert(at < Infinity, `it hangs at ${path.received} of ${bytes}`);
    assert(at < limit, "it takes more than an hour");
    bed.environment.now = Math.max(bed.environment.now, at);
    if (path.nextEvent() <= bed.environment.now) path.step();
    if (bed.sender.nextDeadline() <= bed.environment.now) {
      bed.sender.onDeadline();
      path.collect();
    }
    assert(!bed.heard.some((one) => one.startsWith("give up")), "it gives up");
  }
  assertEquals(path.received, bytes + 1);
  assertEquals(bed.arena.usedCount, 0);
  assertEquals(bed.settings.records.used, 0);
  assertEquals(bed.sender.nextDeadline(), Infinity);
  return { segments: path.segmentCount, time: bed.environment.now - start, bed };
}

const MODES: readonly { readonly name: string; readonly options: SenderBedOptions }[] = [
  { name: "RACK", options: { hasSack: true } },
  { name: "RACK and timestamps", options: { hasSack: true, hasTimestamps: true } },
  {
    name: "counting SACK",
    options: { hasSack: true, options: { lossDetection: "sack" } },
  },
  { name: "NewReno", options: { hasSack: false } },
  { name: "NewReno and timestamps", options: { hasSack: false, hasTimestamps: true } },
  { name: "offload", options: { hasSack: true, offload: 16_000 } },
  { name: "reno", options: { congestionControl: "reno" } },
  { name: "cubic", options: { congestionControl: "cubic", hasTimestamps: true } },
  { name: "bbr", options: { congestionControl: "bbr" } },
  { name: "bbr and offload", options: { congestionControl: "bbr", offload: 16_000 } },
];

for (const { name, options } of MODES) {
  Deno.test(
    `every byte arrives whatever is lost, and little is sent in vain: ${name}`,
    withSeed((random) => {
      for (let run = 0; run < scale(30, 1000); run++) {
        const loss = run % 3 === 0 ? 0 : randomBelow(random, 250) / 1000;
        const jitter = run % 2 === 0 ? 0 : randomBelow(random, 8000);
        const bytes = 1 + randomBelow(random, 300_000);
        // The numbers wrap, at 2^31 and at 2^32, in most runs.
        const iss = (run % 2 === 0 ? 0x7fffffff : -1) - randomBelow(random, 200_000);
        const all = { ...options, iss: iss | 0 };
        const { segments, bed } = transfer(random, bytes, loss, jitter, all);
        const least = Math.ceil(bytes / 1000) + 1;
        // What is lost on either way is sent again; so may be what timeouts and reordering mislead.
        // Without SACK a timeout sends a whole window again.
        const again = options.hasSack === false ? 65 * bed.count(SendCounter.TIMEOUTS) : 0;
        const most = (least + 20) * (1 + 6 * loss + (jitter > 0 ? 1 : 0)) + 30 + again;
        assert(
          segments <= most,
          `${segments} segments, ${least} would do: loss ${loss}, jitter ${jitter}`,
        );
      }
    }),
  );
}
