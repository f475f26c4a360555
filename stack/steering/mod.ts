/**
 * Which shard of a stack a packet is for.
 *
 * @module
 */

export {
  EVERY_SHARD,
  FlowDirector,
  type FlowDirectorOptions,
  INDIRECTION_PLACES,
  MAXIMUM_SHARDS,
  type SteeredPacket,
  type Steering,
  type SteeringRule,
} from "./flow_director.ts";
export { KEY_BYTES, MAXIMUM_INPUT_WORDS, ToeplitzHash, VERIFICATION_KEY } from "./toeplitz.ts";
