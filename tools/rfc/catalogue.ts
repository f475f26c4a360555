/**
 * How the catalogues of RFCs without numbered rules are written down.
 *
 * @module
 */

import type { Requirement } from "./requirement.ts";

/**
 * A rule: its section, what it asks for in our own words, and the words of the comments that tell
 * how it is met. `"9293 3.8.5: the pointer"` looks for a comment about another RFC's section, and
 * `"excepted: why"` says why nothing obeys it, where there is no line to say so above.
 */
export type Row = readonly [section: string, text: string, ...phrases: string[]];

const EXCEPTED = "excepted: ";

/**
 * Numbers the rules of one RFC.
 *
 * @param rfc the RFC's number
 * @param rows its rules, in their order
 * @returns them as requirements, `R1` and so on
 */
export function catalogue(rfc: number, rows: readonly Row[]): readonly Requirement[] {
  return rows.map(([section, text, ...phrases], index) => {
    const reason = phrases.find((phrase) => phrase.startsWith(EXCEPTED));
    return {
      rfc,
      id: `R${index + 1}`,
      section,
      text,
      phrases: phrases.filter((phrase) => phrase !== reason),
      exception: reason?.slice(EXCEPTED.length),
    };
  });
}
