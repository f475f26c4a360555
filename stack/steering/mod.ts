/**
 * Which shard of a stack a packet is for.
 *
 * @module
 */

export {
  EVERY_SHARD,
  FlowDirector,
  type FlowDirectorOptions,
  MAXIMUM_SHARDS,
  type SteeredPacket,
  type Steering,
  type SteeringRule,
} from "./flow_director.ts";
export { NOBODY, type PortClaims, type PortHolders, SEVERAL } from "./port_holders.ts";
export { StackShard, type StackShardParts } from "./stack_shard.ts";
export { KEY_BYTES, MAXIMUM_INPUT_WORDS, ToeplitzHash, VERIFICATION_KEY } from "./toeplitz.ts";
