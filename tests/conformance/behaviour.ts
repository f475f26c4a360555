/**
 * The list of behaviours: what every backend must do, each written once, with a name that is a
 * sentence and unique. Modules under `behaviours/` add to it when they are imported.
 *
 * @module
 */

import type { Context } from "./context.ts";
import type { RingOptions } from "../../mod.ts";

/** What a behaviour needs of the capability that it is given. */
export interface BehaviourOptions {
  /** Sizes of its ring, over those that the suite uses. */
  readonly ring?: RingOptions;
  /** Opcodes that it is about: where a driver lacks one, the matrix says "not supported". */
  readonly opcodes?: readonly number[];
  /** Longest time it may take, in milliseconds. */
  readonly limitMs?: number;
}

/** A test of one behaviour; it throws when the backend does something else. */
export type BehaviourBody = (t: Context) => void | Promise<void>;

/** One promise to the users of a ring or of the API above it. */
export interface Behaviour {
  /** Groups the rows of the matrix. */
  readonly theme: string;
  /** A sentence, unique in the list. */
  readonly name: string;
  readonly body: BehaviourBody;
  readonly options: BehaviourOptions;
}

/** Everything that was promised, in the order of the matrix. */
export const behaviours: Behaviour[] = [];

/** Adds a behaviour to its theme. */
export type Register = (name: string, body: BehaviourBody, options?: BehaviourOptions) => void;

/**
 * @param title The heading in the matrix.
 * @returns What adds behaviours under that heading.
 */
export function theme(title: string): Register {
  return (name, body, options = {}) => {
    if (behaviours.some((other) => other.name === name)) {
      throw new Error(`two behaviours are called ${JSON.stringify(name)}`);
    }
    behaviours.push({ theme: title, name, body, options });
  };
}
