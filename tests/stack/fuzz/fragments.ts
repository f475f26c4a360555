/**
 * Fragments of a packet: in any order, with gaps and overlaps, or some of them only.
 *
 * @module
 */

import * as ipv4 from "../../../stack/wire/ipv4.ts";
import * as ipv6 from "../../../stack/wire/ipv6.ts";
import { Protocol } from "../../../stack/wire/numbers.ts";
import type { Random } from "../../support/seed.ts";
import { FrameDraft, IP_AT } from "./frame_draft.ts";

const MORE = 0x2000;
const FRAGMENT_BYTES = 8;

/** A part of what IP carries. */
interface Part {
  readonly from: number;
  readonly to: number;
  readonly isLast: boolean;
}

/** Cuts a length into parts, not always well. */
function cut(length: number, random: Random): Part[] {
  const parts: Part[] = [];
  const most = random.pick([8, 16, 64, 256, 512]) + (length > 600 ? 256 : 0);
  for (let from = 0; from < length;) {
    const to = Math.min(length, from + random.integer(1, most / 8) * 8);
    parts.push({ from, to, isLast: to === length });
    from = to;
  }
  for (let count = random.pick([0, 0, 0, 1, 2]); count > 0; count--) {
    const nth = random.integer(0, parts.length - 1);
    const part = parts[nth];
    const kind = random.integer(0, 3);
    if (kind === 0) parts.splice(nth, 1);
    else if (kind === 1) parts.push(part);
    else if (kind === 2) parts.push({ ...part, from: Math.max(0, part.from - 8) });
    else parts[nth] = { ...part, isLast: !part.isLast };
    if (parts.length === 0) break;
  }
  return random.chance(0.5) ? random.shuffle(parts) : parts;
}

/**
 * Cuts a whole packet into fragments.
 *
 * @param identification what they have in common
 * @returns their frames; none where the frame is no packet of IP
 */
export function fragmentsOf(
  draft: FrameDraft,
  random: Random,
  identification: number,
): Uint8Array<ArrayBuffer>[] {
  draft.locate();
  const { version, transportAt, end } = draft;
  if (version === 0 || transportAt < 0 || end <= transportAt) return [];
  const { bytes } = draft.packets;
  const headers = version === 4 ? transportAt : IP_AT + ipv6.HEADER_BYTES;
  const payload = bytes.slice(headers, end);
  // The first byte of the chain says what the payload begins with.
  const next = draft.packets.view.getUint8(IP_AT + 6);
  return cut(payload.length, random).map((part) => {
    const made = new FrameDraft();
    const head = bytes.slice(0, headers);
    const data = payload.subarray(part.from, part.to);
    const extra = version === 6 ? FRAGMENT_BYTES : 0;
    const frame = new Uint8Array(headers + extra + data.length);
    frame.set(head);
    frame.set(data, headers + extra);
    made.load(frame);
    if (version === 4) markIpv4(made, part, identification);
    else markIpv6(made, part, identification, next);
    return made.bytes();
  });
}

function markIpv4(draft: FrameDraft, part: Part, identification: number): void {
  const { packets } = draft;
  const { view } = packets;
  view.setUint16(IP_AT + 2, draft.length - IP_AT);
  view.setUint16(IP_AT + 4, identification & 0xffff);
  view.setUint16(IP_AT + 6, part.from >> 3 | (part.isLast ? 0 : MORE));
  const header = (view.getUint8(IP_AT) & 15) * 4;
  if (header >= ipv4.HEADER_BYTES) draft.repair();
}

function markIpv6(draft: FrameDraft, part: Part, identification: number, next: number): void {
  const { view } = draft.packets;
  const at = IP_AT + ipv6.HEADER_BYTES;
  view.setUint16(IP_AT + 4, draft.length - at);
  view.setUint8(IP_AT + 6, Protocol.FRAGMENT);
  view.setUint8(at, next);
  view.setUint16(at + 2, part.from | (part.isLast ? 0 : 1));
  view.setUint32(at + 4, identification >>> 0);
}
