/**
 * Marks of explicit congestion notification, as a router sets them: RFC 3168 section 5.
 *
 * @module
 */

import { ethernet, EtherType, ipv4, ipv6 } from "../wire/mod.ts";
import * as checksum from "../wire/checksum.ts";
import type { FrameStore } from "./frame_store.ts";

/** "Congestion experienced", RFC 3168 section 5. */
const CE = 3;
const IPV4_CHECKSUM = 10;
/** The two bits lie in bits 4 and 5 of the second byte of a header of IPv6. */
const IPV6_SHIFT = 4;

/**
 * Marks the packet in a frame.
 *
 * @param frames where the frame is; nobody else may hold it
 * @returns whether it is marked now: false for what does not know ECN, and is unchanged
 */
export function markCongestion(frames: FrameStore, packet: number): boolean {
  const { arena, memory } = frames;
  const start = arena.start(packet);
  const length = arena.length(packet);
  if (length < ethernet.HEADER_BYTES) return false;
  const headerBytes = ethernet.headerBytes(memory, start);
  const at = start + headerBytes;
  const left = length - headerBytes;
  const type = ethernet.type(memory, start);
  if (type === EtherType.IPV4 && left >= ipv4.HEADER_BYTES) {
    const ecn = ipv4.ecn(memory, at);
    if (ecn === 0) return false;
    if (ecn === CE) return true;
    const before = memory.view.getUint16(at);
    memory.view.setUint16(at, before | CE);
    const sum = memory.view.getUint16(at + IPV4_CHECKSUM);
    memory.view.setUint16(at + IPV4_CHECKSUM, checksum.update16(sum, before, before | CE));
    return true;
  }
  if (type === EtherType.IPV6 && left >= ipv6.HEADER_BYTES) {
    if (ipv6.ecn(memory, at) === 0) return false;
    memory.bytes[at + 1] |= CE << IPV6_SHIFT;
    return true;
  }
  return false;
}
