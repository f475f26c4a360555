/**
 * The receive window as arithmetic: how far it may reach, when its edge moves, what the header
 * says. RFC 9293 section 3.8.6, RFC 7323 section 2.
 *
 * @module
 */

import { MAX_WINDOW_SCALE } from "../../wire/tcp_options.ts";

/** The largest number that the header's field holds. */
export const MAXIMUM_FIELD = 0xffff;

/**
 * The shift that is needed to announce a window.
 *
 * @param bytes the largest window that there may ever be
 * @returns 0 to 14
 */
export function scaleFor(bytes: number): number {
  let scale = 0;
  // RFC 7323 section 2.3 (MUST): the shift is 14 at most.
  while (scale < MAX_WINDOW_SCALE && MAXIMUM_FIELD * 2 ** scale < bytes) scale++;
  return scale;
}

/**
 * Where the edge of the window goes.
 *
 * @param next RCV.NXT
 * @param edge as it was announced last: RCV.NXT + RCV.WND
 * @param room how many bytes may come now
 * @param buffer RCV.BUFF: all of the receive buffer
 * @param segment bytes of payload of a full segment: Eff.snd.MSS
 * @returns the edge
 */
export function moveEdge(
  next: number,
  edge: number,
  room: number,
  buffer: number,
  segment: number,
): number {
  const half = buffer >> 1;
  const step = half < segment ? half : segment;
  const wanted = next + room | 0;
  const growth = (wanted - edge) | 0;
  // RFC 9293 section 3.8.6.2.2 (MUST-39): the edge stays until it moves by half of the buffer or by
  // a full segment, so that the sender is not led to send tiny segments.
  // RFC 9293 section 3.8.6 (SHLD-14): a window that was announced does not shrink.
  return growth >= step && growth > 0 ? wanted : edge;
}

/**
 * What the field of the header says of a window. It is rounded down, so that the edge it tells of
 * may be a little before the one that was announced last: RFC 7323 section 2.4 has sender and
 * receiver live with that. Rounded up, a window could never close.
 *
 * @param window bytes up to the edge
 * @param scale by how many bits it is shifted
 * @returns the field; shifted back it is what is announced
 */
export function fieldFor(window: number, scale: number): number {
  return Math.min(window >>> scale, MAXIMUM_FIELD);
}
