/**
 * Whether a segment of TCP may be put behind another one, so that both can be told apart again.
 *
 * @module
 */

import { Flag } from "../wire/tcp.ts";
import { CwrUse, type HeldFlow, IdentificationUse } from "./held_flow.ts";

const IPV4_ADDRESSES = 12;
const IPV6_ADDRESSES = 8;
const IPV6_ADDRESS_BYTES = 32;
const IDENTIFICATION = 4;
const FRAGMENT = 6;
const DONT_FRAGMENT = 0x4000;
const SEQUENCE = 4;
const ACKNOWLEDGMENT = 8;
/** Data offset, flags and window are one word. */
const FLAG_WORD = 12;
const FLAGS_SHIFT = 16;
const URGENT = 18;
const TCP_HEADER = 20;
const { FIN, SYN, RST, PSH, URG, CWR } = Flag;
/** In these flags a segment may differ from those before it. */
const MAY_DIFFER = (FIN | PSH | CWR) << FLAGS_SHIFT;

/** Whether addresses and ports are those of a flow. */
export function isSameFlow(
  view: DataView,
  { networkAt, transportAt, isIpv4 }: HeldFlow,
  at: number,
  transport: number,
): boolean {
  if (view.getInt32(transportAt) !== view.getInt32(transport)) return false;
  if (isIpv4) {
    return view.getInt32(networkAt + IPV4_ADDRESSES) === view.getInt32(at + IPV4_ADDRESSES) &&
      view.getInt32(networkAt + IPV4_ADDRESSES + 4) === view.getInt32(at + IPV4_ADDRESSES + 4);
  }
  for (let byte = IPV6_ADDRESSES; byte < IPV6_ADDRESSES + IPV6_ADDRESS_BYTES; byte += 4) {
    if (view.getInt32(networkAt + byte) !== view.getInt32(at + byte)) return false;
  }
  return true;
}

/**
 * Whether a segment of the same flow may follow what is held. What that says of identifications
 * and CWR is noted down.
 *
 * @param headers the bytes of its headers
 * @param payload the bytes of its payload
 */
export function isContinuation(
  view: DataView,
  flow: HeldFlow,
  at: number,
  transport: number,
  headers: number,
  payload: number,
): boolean {
  if (payload === 0 || payload > flow.segmentBytes || headers !== flow.headerBytes) return false;
  if (view.getInt32(transport + SEQUENCE) !== flow.nextSequence) return false;
  const { transportAt } = flow;
  const word = view.getInt32(transport + FLAG_WORD);
  const before = view.getInt32(transportAt + FLAG_WORD);
  if (((word ^ before) & ~MAY_DIFFER) !== 0) return false;
  const flags = word >>> FLAGS_SHIFT;
  if ((flags & (SYN | RST | URG)) !== 0) return false;
  if (!hasSameTail(view, transportAt, transport, headers - (transport - at))) return false;
  const cwrUse = cwrUseOf(flow, (flags & CWR) !== 0);
  if (cwrUse < 0) return false;
  const identificationUse = flow.isIpv4 ? judgeIpv4(view, flow, at) : judgeIpv6(view, flow, at);
  if (identificationUse < 0) return false;
  flow.cwrUse = cwrUse;
  flow.identificationUse = identificationUse;
  return true;
}

/** Whether acknowledgment, urgent pointer and options are the same. */
function hasSameTail(view: DataView, one: number, other: number, header: number): boolean {
  if (view.getInt32(one + ACKNOWLEDGMENT) !== view.getInt32(other + ACKNOWLEDGMENT)) return false;
  if (view.getUint16(one + URGENT) !== view.getUint16(other + URGENT)) return false;
  for (let byte = TCP_HEADER; byte < header; byte += 4) {
    if (view.getInt32(one + byte) !== view.getInt32(other + byte)) return false;
  }
  return true;
}

/**
 * CWR is in the first segment only (RFC 3168 section 6.1.2), or it is a bit of the counter of
 * accurate ECN, which is the same in all of them (RFC 9768). @returns which, or -1
 */
function cwrUseOf(flow: HeldFlow, hasCwr: boolean): number {
  if ((flow.flags & CWR) === 0) return hasCwr ? -1 : CwrUse.UNKNOWN;
  const use = hasCwr ? CwrUse.ALL : CwrUse.FIRST;
  return flow.cwrUse === CwrUse.UNKNOWN || flow.cwrUse === use ? use : -1;
}

/** Type of service, DF and hops are the same, identifications follow. @returns their use, or -1 */
function judgeIpv4(view: DataView, flow: HeldFlow, at: number): number {
  const { networkAt } = flow;
  // RFC 3168 section 5.3: packets with different marks of ECN stay apart, or marks would be lost.
  if (view.getUint16(networkAt) !== view.getUint16(at)) return -1;
  if (view.getUint16(networkAt + 8) !== view.getUint16(at + 8)) return -1;
  const fragment = view.getUint16(at + FRAGMENT);
  if (view.getUint16(networkAt + FRAGMENT) !== fragment) return -1;
  const first = view.getUint16(networkAt + IDENTIFICATION);
  const distance = view.getUint16(at + IDENTIFICATION) - first & 0xffff;
  const use = distance === flow.count
    ? IdentificationUse.INCREASING
    : distance === 0 && (fragment & DONT_FRAGMENT) !== 0
    ? IdentificationUse.FIXED
    : -1;
  const known = flow.identificationUse;
  return known === IdentificationUse.UNKNOWN || known === use ? use : -1;
}

/** Version, class, flow label and hops are the same. @returns `UNKNOWN`, or -1 */
function judgeIpv6(view: DataView, { networkAt }: HeldFlow, at: number): number {
  if (view.getInt32(networkAt) !== view.getInt32(at)) return -1;
  if (view.getUint16(networkAt + 6) !== view.getUint16(at + 6)) return -1;
  return IdentificationUse.UNKNOWN;
}
