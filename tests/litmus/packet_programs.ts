/**
 * A producer and a consumer of packets on threads of their own, both of which sleep whenever there
 * is nothing to do. Every word of every packet is checked when it is taken, and once more when it
 * is released: by then a slot or block that was given away too early holds other words.
 *
 * @module
 */

import { MAXIMUM_PARK_MS } from "../../ring/barrier.ts";
import { PacketConsumer } from "../../ring/packet_consumer.ts";
import { PacketProducer } from "../../ring/packet_producer.ts";
import { type Bell, PacketRing } from "../../ring/packet_ring.ts";
import { patternWord } from "../support/ring.ts";
import { Random } from "../support/seed.ts";
import type { Assignment, Findings } from "./participants.ts";
import { Book, linger } from "./ring_programs.ts";

/** The longest packet, in words: five of them do not fit into the arena. */
const WORDS_MOST = 500;
const WORDS_SMALL = 14;
const HELD_MOST = 3;

/** How long packet `sequence` is, which both sides know. */
function wordsOf(sequence: number): number {
  const number = patternWord(sequence, -1) >>> 8;
  return (number & 3) === 0 ? number % (WORDS_MOST + 1) : number % (WORDS_SMALL + 1);
}

interface Held {
  readonly sequence: number;
  readonly hold: number;
  readonly start: number;
}

/** Parks as programs do: blocking, or not. */
async function park(bell: Bell, random: Random): Promise<boolean> {
  if (random.chance(0.5)) return bell.park(MAXIMUM_PARK_MS);
  const parked = bell.parkAsync();
  return parked === null || await parked !== "timed-out";
}

/** Pushes every packet. */
export async function pushPackets(assignment: Assignment): Promise<Findings> {
  const ring = PacketRing.attach(assignment.packets!);
  const producer = PacketProducer.claim(ring)!;
  const words = new Int32Array(ring.buffer);
  const random = new Random(assignment.seed, 0);
  const book = new Book(assignment);
  for (let sequence = 0; sequence < assignment.rounds && !book.isEnded; sequence++) {
    const length = wordsOf(sequence);
    let at = producer.begin(length * 4);
    while (at < 0 && !book.isEnded) {
      if (producer.fault !== null) throw new Error(producer.fault);
      linger(random);
      producer.bell.set();
      at = producer.begin(length * 4);
      if (at < 0) {
        const isWoken = await park(producer.bell, random);
        at = producer.begin(length * 4);
        book.slept(isWoken, at >= 0);
      }
      producer.bell.clear();
    }
    if (at < 0) break;
    for (let word = 0; word < length; word++) words[(at >> 2) + word] = patternWord(sequence, word);
    producer.publish(length * 4);
    book.called();
    if (random.chance(0.05)) linger(random);
  }
  return { violations: book.violations, counts: book.counts };
}

/** Takes every packet, and releases them in another order. */
export async function popPackets(assignment: Assignment): Promise<Findings> {
  const { rounds, seed, isBroken } = assignment;
  const ring = PacketRing.attach(assignment.packets!);
  const consumer = PacketConsumer.claim(ring)!;
  const words = new Int32Array(ring.buffer);
  const random = new Random(seed, 1);
  const book = new Book(assignment);
  const held: Held[] = [];
  const check = ({ sequence, start }: Held, when: string): void => {
    for (let word = 0; word < wordsOf(sequence); word++) {
      if (words[(start >> 2) + word] === patternWord(sequence, word)) continue;
      book.violation(`packet ${sequence}, ${when}: word ${word} is another one's`);
      return;
    }
  };
  const release = (): void => {
    const [packet] = held.splice(random.integer(0, held.length - 1), 1);
    check(packet, "released");
    consumer.release(packet.hold);
    book.called();
  };
  for (let taken = 0; taken < rounds;) {
    if (!consumer.take()) {
      if (consumer.fault !== null) throw new Error(consumer.fault);
      // What is held may be what the producer waits for.
      while (held.length > 0) release();
      linger(random);
      consumer.bell.set();
      if (isBroken || !consumer.isReady) {
        const isWoken = await park(consumer.bell, random);
        book.slept(isWoken, consumer.isReady);
      }
      consumer.bell.clear();
      if (isBroken && book.counts.lost > 0) break;
      continue;
    }
    const packet = { sequence: taken++, hold: consumer.hold, start: consumer.start };
    if (consumer.length !== wordsOf(packet.sequence) * 4) {
      book.violation(`packet ${packet.sequence} has ${consumer.length} bytes`);
    }
    check(packet, "taken");
    held.push(packet);
    if (held.length === HELD_MOST || random.chance(0.7)) release();
  }
  while (held.length > 0) release();
  if (isBroken) book.end();
  return { violations: book.violations, counts: book.counts };
}
