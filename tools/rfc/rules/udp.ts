/**
 * What RFC 768 asks of UDP. It has no words like MUST: what else it describes is in RFC 1122.
 *
 * @module
 */

import { catalogue } from "../catalogue.ts";
import type { Requirement } from "../requirement.ts";

/** The rules. */
export const RFC768: readonly Requirement[] = catalogue(768, [
  [
    "Fields",
    "a checksum that comes out as zero is sent as all ones",
    "8200 8.1: a checksum of UDP that is 0 is sent as its other zero",
  ],
  [
    "Fields",
    "a checksum of zero says that the sender computed none",
    "a checksum of zero is none",
  ],
]);
