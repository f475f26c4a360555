/**
 * Whoever injects frames: it draws what to do, and counts what it did.
 *
 * @module
 */

import type { Random } from "../../support/seed.ts";
import { FRAME_ROOM, FrameDraft } from "./frame_draft.ts";
import { errorAbout, FORGERIES, STRANGERS } from "./forgeries.ts";
import { fragmentsOf } from "./fragments.ts";
import { GENERATORS } from "./generated.ts";
import { MUTATIONS } from "./mutations.ts";
import { other, type Scene, type Side } from "./scene.ts";

/**
 * What an attacker can do:
 *
 * - `"blind"`: it knows who talks to whom, but sees nothing. A reset of its ends a connection where
 *   it guesses 32 bits, and another segment is believed where two numbers of 32 bits hit windows of
 *   some hundred kilobytes: either is less than one in 10^9;
 * - `"observer"`: it sees all frames, and may send them again or tell lies about the link, but each
 *   segment and datagram that it changes has a checksum that is wrong;
 * - `"insider"`: it does what it likes.
 */
export type Stance = "blind" | "observer" | "insider";

/** Takes a frame that goes to a stack. */
export type Inject = (target: Side, bytes: Uint8Array<ArrayBuffer>, kind: string) => void;

/** Frames that are remembered. */
const SEEN_FRAMES = 512;
/** How many of them are the newest, which are drawn most. */
const NEWEST = 16;
/**
 * How many of the frames that are made up are lies about the link: one lie stops what both ends say
 * to each other for a while, and with it all that could be changed on its way.
 */
const LIES = [0, 0.001, 0.05];

/** How many identifications of fragments several packets have. */
const SHARED_IDENTIFICATIONS = 4;

interface SeenFrame {
  readonly target: Side;
  readonly bytes: Uint8Array;
}

/** An attacker on the link. */
export class Attacker {
  /** Frames that were injected, by kind. */
  readonly counts: Map<string, number> = new Map();
  injected = 0;
  readonly #stance: Stance;
  readonly #scene: Scene;
  readonly #inject: Inject;
  readonly #draft = new FrameDraft();
  readonly #seen: SeenFrame[] = [];
  #next = 0;
  readonly #generators = Object.entries({ ...GENERATORS, ...STRANGERS });
  readonly #forgeries = Object.entries(FORGERIES);
  readonly #lies: number;
  /** That of the next packet that has one of its own. */
  #identification = SHARED_IDENTIFICATIONS;
  readonly #mutations = Object.entries(MUTATIONS);

  constructor(stance: Stance, scene: Scene, inject: Inject) {
    this.#stance = stance;
    this.#scene = scene;
    this.#inject = inject;
    this.#lies = stance === "blind" ? 0 : scene.random.pick(LIES);
  }

  /** Sees a frame, whose bytes nobody changes. */
  see(target: Side, bytes: Uint8Array): void {
    if (this.#stance === "blind" || bytes.length > FRAME_ROOM) return;
    this.#seen[this.#next] = { target, bytes };
    this.#next = (this.#next + 1) % SEEN_FRAMES;
  }

  /** Injects something: one frame, or the fragments of one. */
  strike(): void {
    const { random } = this.#scene;
    if (this.#seen.length === 0 || random.chance(0.25)) this.#generate();
    else this.#useSeen(random);
  }

  #generate(): void {
    const { random } = this.#scene;
    const isLie = random.chance(this.#lies);
    const [kind, generator] = random.pick(isLie ? this.#forgeries : this.#generators);
    const target = random.integer(0, 1) as Side;
    if (generator(this.#draft, this.#scene, target)) this.#send(target, kind);
  }

  #useSeen(random: Random): void {
    const { target, bytes } = this.#draw(random);
    const draft = this.#draft;
    draft.load(bytes);
    const kind = random.integer(0, 39);
    if (kind <= 1) return this.#send(target, "sent again");
    if (kind === 2) return this.#sendFragments(target, random);
    if (kind <= 5) {
      const sender = other(target);
      if (errorAbout(draft, this.#scene, sender)) this.#send(sender, "ICMP error, seen");
      return;
    }
    const names: string[] = [];
    for (let count = random.pick([1, 1, 1, 2, 3]); count > 0; count--) {
      const [name, mutation] = random.pick(this.#mutations);
      draft.locate();
      if (draft.length > 0 && mutation(draft, random)) names.push(name);
    }
    if (names.length === 0) return;
    const isRepaired = this.#stance === "insider" && random.chance(0.8);
    if (isRepaired) draft.repair();
    else if (this.#stance === "observer") draft.spoil(bytes, this.#identification++);
    const isSwapped = names.includes("addresses swapped");
    const name = `${names[0]}${names.length > 1 ? " and more" : ""}`;
    this.#send(isSwapped ? other(target) : target, isRepaired ? `${name}, summed` : name);
  }

  #sendFragments(target: Side, random: Random): void {
    const draft = this.#draft;
    if (this.#stance === "insider" && random.chance(0.5)) {
      const [, mutation] = random.pick(this.#mutations);
      mutation(draft, random);
      draft.repair();
    }
    // Only who does what it likes makes one packet of fragments of several.
    const isShared = this.#stance === "insider" && random.chance(0.3);
    const identification = isShared
      ? random.integer(0, SHARED_IDENTIFICATIONS - 1)
      : this.#identification++;
    for (const bytes of fragmentsOf(draft, random, identification)) {
      this.#emit(target, bytes, "fragment");
    }
  }

  #draw(random: Random): SeenFrame {
    const count = this.#seen.length;
    if (random.chance(0.3)) return random.pick(this.#seen);
    const back = random.integer(1, Math.min(NEWEST, count));
    return this.#seen[(this.#next - back + count) % count];
  }

  #send(target: Side, kind: string): void {
    this.#emit(target, this.#draft.bytes(), kind);
  }

  #emit(target: Side, bytes: Uint8Array<ArrayBuffer>, kind: string): void {
    this.injected++;
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.#inject(target, bytes, kind);
  }
}
