/**
 * The matrix: which backend keeps which promise.
 *
 * @module
 */

import type { Backend } from "./backends.ts";
import type { Behaviour } from "./behaviour.ts";

/** What came of one behaviour on one backend. */
export const Outcome = {
  PASS: "pass",
  DEVIATES: "deviates",
  UNSUPPORTED: "not supported",
  FAIL: "FAILS",
  NOT_RUN: "not run",
} as const;
/** See {@linkcode Outcome}. */
export type Outcome = typeof Outcome[keyof typeof Outcome];

const SIGNS: Readonly<Record<Outcome, string>> = {
  [Outcome.PASS]: "+",
  [Outcome.DEVIATES]: "d",
  [Outcome.UNSUPPORTED]: "-",
  [Outcome.FAIL]: "X",
  [Outcome.NOT_RUN]: " ",
};

/** Collects outcomes and prints them. */
export class Matrix {
  readonly #backends: readonly Backend[];
  readonly #behaviours: readonly Behaviour[];
  readonly #outcomes = new Map<string, Outcome>();
  readonly #notes = new Set<string>();

  constructor(backends: readonly Backend[], behaviours: readonly Behaviour[]) {
    this.#backends = backends;
    this.#behaviours = behaviours;
  }

  /** Records an outcome. @param note why it is no plain pass */
  record(backend: Backend, behaviour: Behaviour, outcome: Outcome, note?: string): void {
    this.#outcomes.set(keyOf(backend, behaviour), outcome);
    if (note !== undefined) {
      this.#notes.add(`${SIGNS[outcome]} ${backend.name}: ${behaviour.name}: ${note}`);
    }
  }

  /** @returns The lines of the matrix; behaviours that were filtered out are left out. */
  lines(): string[] {
    const ran = this.#behaviours.filter((behaviour) =>
      this.#backends.some((backend) => this.#of(backend, behaviour) !== Outcome.NOT_RUN)
    );
    if (ran.length === 0) return [];
    const legend = Object.entries(SIGNS).filter(([, sign]) => sign !== " ");
    return [
      "",
      `Conformance: ${ran.length} behaviours x ${this.#backends.length} backends`,
      `(${legend.map(([outcome, sign]) => `${sign} ${outcome}`).join(", ")})`,
      ...this.#rows(ran),
      "",
      ...this.#totals(ran),
      ...(this.#notes.size === 0 ? [] : ["", ...[...this.#notes].sort()]),
    ];
  }

  #rows(ran: readonly Behaviour[]): string[] {
    const letters = this.#backends.map((_, index) => letterOf(index)).join("");
    const lines: string[] = [];
    let theme = "";
    for (const behaviour of ran) {
      if (behaviour.theme !== theme) {
        theme = behaviour.theme;
        lines.push("", `${letters}  ${theme}`);
      }
      const signs = this.#backends.map((backend) => SIGNS[this.#of(backend, behaviour)]);
      lines.push(`${signs.join("")}  ${behaviour.name}`);
    }
    return lines;
  }

  #totals(ran: readonly Behaviour[]): string[] {
    const width = Math.max(...this.#backends.map(({ name }) => name.length));
    return this.#backends.map((backend, index) => {
      const counts = Object.values(Outcome).map((outcome) => {
        const count = ran.filter((behaviour) => this.#of(backend, behaviour) === outcome).length;
        return count === 0 ? "" : `${String(count).padStart(4)} ${outcome}`;
      });
      return `${letterOf(index)} ${backend.name.padEnd(width)} ${counts.join("")}`;
    });
  }

  #of(backend: Backend, behaviour: Behaviour): Outcome {
    return this.#outcomes.get(keyOf(backend, behaviour)) ?? Outcome.NOT_RUN;
  }
}

function letterOf(index: number): string {
  return String.fromCharCode("A".charCodeAt(0) + index);
}

function keyOf(backend: Backend, behaviour: Behaviour): string {
  return `${backend.name}\0${behaviour.name}`;
}
