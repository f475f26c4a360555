/**
 * The memory that packets lie in: sums and copies, and packets by number.
 *
 * @module
 */

export { type PacketArenaStatistics, type SizeClassStatistics } from "./arena_statistics.ts";
export {
  chainLength,
  copyIn,
  copyOut,
  dropFront,
  gather,
  lastSegment,
  MAXIMUM_TAKEN_SEGMENTS,
  sliceChain,
  sumChain,
  takeChain,
} from "./chains.ts";
export { CheckedPacketArena } from "./checked_arena.ts";
export { type BulkChecksummer, MAXIMUM_SUM_BYTES } from "./checksummer.ts";
export { PacketArena, type PacketArenaOptions } from "./packet_arena.ts";
export { MAXIMUM_PACKETS, type PacketColumns } from "./packet_columns.ts";
export { MAXIMUM_MEMORY_BYTES, PacketMemory, REGION_ALIGNMENT_BYTES } from "./packet_memory.ts";
export { PlainBulkChecksummer } from "./plain.ts";
export { createChecksummer, createSimdChecksummer } from "./simd.ts";
export { HEADROOM_BYTES, Room, type SizeClass, sizeClasses } from "./size_classes.ts";
export { takenPackets, verifyArena } from "./verify.ts";
