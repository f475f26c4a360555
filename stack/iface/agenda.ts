/**
 * Things to be done at times of their own, of which there are few: one timer for all of them, armed
 * for the earliest.
 *
 * @module
 */

import type { Environment } from "../environment.ts";

/** Something to be done. */
export interface AgendaItem {
  /** When, in microseconds; Infinity for never. */
  deadline: number;
}

/** A short list of things to be done. */
export class Agenda<Item extends AgendaItem> {
  readonly #environment: Environment;
  readonly #items: Item[] = [];
  readonly #timer: number;
  readonly #onDue: (item: Item, due: number) => void;
  /** What the timer is armed for. */
  #armedFor = Infinity;

  /**
   * Makes an empty list.
   *
   * @param onDue does what is due until a time, and sets the next deadline or removes the item. The
   * time is a little ahead of that of the step where timers fire early.
   * @throws {RangeError} when no timer is left
   */
  constructor(environment: Environment, onDue: (item: Item, due: number) => void) {
    this.#environment = environment;
    this.#onDue = onDue;
    const owner = environment.timers.register(() => this.#fire());
    this.#timer = environment.timers.take(owner, 0);
    if (this.#timer < 0) throw new RangeError("no timer is left");
  }

  /** What is on the list. */
  get items(): readonly Item[] {
    return this.#items;
  }

  /** Puts something on the list. */
  add(item: Item): void {
    this.#items.push(item);
    this.rearm();
  }

  /** Strikes something off the list. */
  remove(item: Item): void {
    const at = this.#items.indexOf(item);
    if (at < 0) return;
    this.#items.splice(at, 1);
    this.rearm();
  }

  /** To be called after a deadline has changed. */
  rearm(): void {
    let earliest = Infinity;
    for (const { deadline } of this.#items) if (deadline < earliest) earliest = deadline;
    this.#armedFor = earliest;
    if (earliest === Infinity) this.#environment.timers.disarm(this.#timer);
    else this.#environment.timers.arm(this.#timer, earliest);
  }

  #fire(): void {
    // A timer fires early by less than a tick: what it was armed for is due all the same.
    const until = Math.max(this.#environment.now, this.#armedFor);
    const due = this.#items.filter(({ deadline }) => deadline <= until);
    for (const item of due) if (this.#items.includes(item)) this.#onDue(item, until);
    this.rearm();
  }
}
