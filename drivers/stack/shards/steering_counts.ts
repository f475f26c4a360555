/**
 * What directors of frames count.
 *
 * @module
 */

import { EVERY_SHARD } from "../../../stack/steering/mod.ts";

/** Counts frames by the shards that they were directed to. */
export class SteeringCounts {
  /** By shard. */
  readonly directed: Float64Array<ArrayBuffer>;
  /** Frames that every shard was given. */
  copied = 0;

  /** @param shards how many there are */
  constructor(shards: number) {
    this.directed = new Float64Array(shards);
  }

  /** Counts a frame. @param shard which one it was for */
  add(shard: number): void {
    if (shard === EVERY_SHARD) this.copied++;
    else this.directed[shard]++;
  }
}
