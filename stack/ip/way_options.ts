/**
 * Options of IPv4 in which routers write down that a packet came by: RFC 791 section 3.1, RFC 1812
 * sections 5.3.13.4 and 5.3.13.5.
 *
 * @module
 */

import type { PacketBytes } from "../wire/packet_bytes.ts";

/** Where an option of this kind has its parts. */
const LENGTH = 1;
const POINTER = 2;
const OVERFLOW_FLAG = 3;
const WORD = 4;
/** What timestamps stand beside. */
const Flag = { TIMES_ONLY: 0, WITH_ADDRESSES: 1, ADDRESSES_GIVEN: 3 } as const;
const MOST_OVERFLOWS = 15;
/** RFC 791 section 3.1: a time that is not milliseconds since midnight UT has this bit. */
const NON_STANDARD_TIME = 0x8000_0000;

/**
 * Writes an address into a record route, if there is room.
 *
 * @param at the offset of the option, which its check finds good
 * @param address that of the interface that the packet leaves by
 */
export function continueRecordRoute(packets: PacketBytes, at: number, address: number): void {
  const { view } = packets;
  const pointer = view.getUint8(at + POINTER);
  // RFC 791 section 3.1: where the route data area is full, the packet goes on as it is.
  if (pointer + WORD - 1 > view.getUint8(at + LENGTH)) return;
  view.setInt32(at + pointer - 1, address);
  view.setUint8(at + POINTER, pointer + WORD);
}

/**
 * Writes the time into a timestamp option, if there is room or it is asked for.
 *
 * @param at the offset of the option, which its check finds good
 * @param isOurs whether an address of the option is this router's
 * @param time milliseconds since midnight UT; or of any clock, see {@linkcode otherTime}
 */
export function continueTimestamps(
  packets: PacketBytes,
  at: number,
  address: number,
  time: number,
  isOurs: (address: number) => boolean,
): void {
  const { view } = packets;
  const pointer = view.getUint8(at + POINTER);
  const flag = view.getUint8(at + OVERFLOW_FLAG) & MOST_OVERFLOWS;
  const overflow = view.getUint8(at + OVERFLOW_FLAG) >> 4;
  const bytes = flag === Flag.TIMES_ONLY ? WORD : 2 * WORD;
  const place = at + pointer - 1;
  if (pointer + bytes - 1 > view.getUint8(at + LENGTH)) {
    // RFC 791 section 3.1: it is counted that there was no room.
    const next = flag === Flag.ADDRESSES_GIVEN ? overflow : Math.min(overflow + 1, MOST_OVERFLOWS);
    return view.setUint8(at + OVERFLOW_FLAG, next << 4 | flag);
  }
  switch (flag) {
    case Flag.TIMES_ONLY:
      view.setUint32(place, time);
      break;
    case Flag.WITH_ADDRESSES:
      view.setInt32(place, address);
      view.setUint32(place + WORD, time);
      break;
    case Flag.ADDRESSES_GIVEN:
      if (!isOurs(view.getInt32(place))) return;
      view.setUint32(place + WORD, time);
      break;
    default:
      return;
  }
  view.setUint8(at + POINTER, pointer + bytes);
}

/** A time that is none of day, as timestamps have it. @param now microseconds of any clock */
export function otherTime(now: number): number {
  return (Math.floor(now / 1000) % NON_STANDARD_TIME) + NON_STANDARD_TIME;
}
