/**
 * Which frames a wire loses: each for itself, or in bursts.
 *
 * @module
 */

import { randomChance, type RandomSource } from "../random.ts";
import type { DirectionParameters } from "./link_options.ts";

/** Decides about one frame after the other. */
export class LossModel {
  #isBad = false;

  /**
   * Decides about the next frame.
   *
   * In bursts it goes by the chain of Gilbert and Elliott: the state changes before each frame, and
   * says how probable a loss is. In the long run `enter / (enter + leave)` of the frames meet the
   * bad state, and a burst of it is `1 / leave` frames long.
   *
   * @param random where lots come from
   * @param parameters the probabilities
   * @returns whether it is lost
   */
  isLost(random: RandomSource, parameters: DirectionParameters): boolean {
    const { burst, loss } = parameters;
    if (burst === null) return loss > 0 && randomChance(random, loss);
    const change = this.#isBad ? burst.leave : burst.enter;
    if (randomChance(random, change)) this.#isBad = !this.#isBad;
    const probability = this.#isBad ? burst.lossBad : burst.lossGood;
    return probability > 0 && randomChance(random, probability);
  }
}
