/**
 * Making one packet of its fragments: nothing is copied, the packet is a chain of them.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { lastSegment, sliceChain } from "../memory/mod.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { FRAGMENT } from "../wire/ipv6_chain.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { ownHead } from "./chain_head.ts";
import { type FragmentList, type FragmentPool, NONE } from "./fragment_list.ts";

/** Codepoints of ECN as bits of what the fragments of a packet had. */
const NOT_ECT = 1 << 0;
const CE = 1 << 3;
const CONGESTION_EXPERIENCED = 3;
/** The packet is not to be put together. */
export const REFUSED = -1;
/** The whole has the codepoint that its first fragment has. */
const AS_FIRST = 4;

/**
 * The codepoint of a packet whose fragments had these. RFC 3168 section 5.3.
 *
 * @param codepoints bit n stands for codepoint n
 * @returns what {@linkcode finishIpv4} and {@linkcode finishIpv6} take, or {@linkcode REFUSED}
 */
export function codepointOf(codepoints: number): number {
  // RFC 3168 section 5.3 (MUST): what all of them have does not change.
  if ((codepoints & codepoints - 1) === 0) return AS_FIRST;
  // RFC 3168 section 5.3 (MUST): where one fragment met congestion and another one's transport
  // would not understand that, the packet is dropped. Linux drops any mixture with Not-ECT.
  if ((codepoints & NOT_ECT) !== 0) return REFUSED;
  // RFC 3168 section 5.3 (MUST): an indication of congestion is not lost.
  if ((codepoints & CE) !== 0) return CONGESTION_EXPERIENCED;
  return AS_FIRST;
}

/**
 * Takes the fragments out of their nodes, and makes a chain of them.
 *
 * @param fragments all of a packet's, none missing; their nodes have no packets any more
 * @returns the first segment, which has the headers of the first fragment; -1 without memory
 */
export function join(
  environment: Environment,
  pool: FragmentPool,
  { head }: FragmentList,
): number {
  const { arena, packets } = environment;
  const first = ownHead(arena, packets, pool.packet[head], pool.headerBytes[head]);
  pool.packet[head] = NONE;
  if (first < 0) return NONE;
  let last = lastSegment(arena, first);
  for (let node = pool.next[head]; node !== NONE; node = pool.next[node]) {
    const part = dataOf(environment, pool, node);
    if (part < 0) {
      arena.release(first);
      return NONE;
    }
    arena.append(last, part);
    last = lastSegment(arena, part);
  }
  return first;
}

/** Takes a fragment out of its node, without its headers. @returns it, or -1 */
function dataOf({ arena }: Environment, pool: FragmentPool, node: number): number {
  const packet = pool.packet[node];
  const headerBytes = pool.headerBytes[node];
  pool.packet[node] = NONE;
  if (arena.references(packet) === 1) {
    arena.trimFront(packet, headerBytes);
    return packet;
  }
  const data = sliceChain(arena, packet, headerBytes, pool.end[node] - pool.offset[node]);
  arena.release(packet);
  return data;
}

/**
 * Makes the header of a first fragment that of the whole.
 *
 * @param payload the bytes of all data
 * @param codepoint of {@linkcode codepointOf}
 */
export function finishIpv4(
  { arena, packets }: Environment,
  packet: number,
  headerBytes: number,
  payload: number,
  codepoint: number,
): void {
  const { memory } = arena;
  const at = arena.start(packet);
  if (codepoint !== AS_FIRST) {
    ipv4.putTypeOfService(memory, at, ipv4.typeOfService(memory, at) & ~3 | codepoint);
  }
  ipv4.putPart(memory, at, headerBytes + payload, 0, false);
  ipv4.seal(memory, at);
  packets.transport[packet] = at + headerBytes;
}

/**
 * Takes the fragment header out of a first fragment: what is in front of it moves up.
 *
 * @param headerBytes those up to the data, the fragment header included
 * @param payload the bytes of all data
 * @param codepoint of {@linkcode codepointOf}
 * @param namedAt where the byte is, from the packet's start, that names the fragment header
 */
export function finishIpv6(
  { arena, packets }: Environment,
  packet: number,
  headerBytes: number,
  payload: number,
  codepoint: number,
  namedAt: number,
): void {
  const { memory } = arena;
  const from = arena.start(packet);
  const kept = headerBytes - FRAGMENT.SIZE;
  const protocol = memory.view.getUint8(from + kept + FRAGMENT.NEXT_HEADER);
  memory.checksummer.copy(from + FRAGMENT.SIZE, from, kept);
  arena.trimFront(packet, FRAGMENT.SIZE);
  const at = from + FRAGMENT.SIZE;
  // RFC 8200 section 4.5: the fragment header is not there any more, and the header before it names
  // what that of the first fragment named.
  memory.view.setUint8(at + namedAt, protocol);
  ipv6.putPayloadLength(memory, at, kept - ipv6.HEADER_BYTES + payload);
  if (codepoint !== AS_FIRST) ipv6.putEcn(memory, at, codepoint);
  packets.transport[packet] = at + kept;
}
