/**
 * Control data of messages to be sent: what a socket passes over, and what nobody here can obey.
 *
 * @module
 */

import type { RawMessage } from "../engine.ts";
import {
  AF_INET,
  AF_INET6,
  IP_PKTINFO,
  IP_TOS,
  IP_TTL,
  IPPROTO_UDP,
  IPV6_HOPLIMIT,
  IPV6_PKTINFO,
  IPV6_TCLASS,
  SCM_CREDENTIALS,
  SCM_RIGHTS,
  SO_MARK,
  SO_PRIORITY,
  SO_TIMESTAMPING,
  SO_TXTIME,
  SOCK_DGRAM,
  SOL_IP,
  SOL_IPV6,
  SOL_SOCKET,
  SOL_UDP,
  UDP_SEGMENT,
} from "../constants/mod.ts";
import type { SocketKind } from "./ring_socket.ts";
import { CMSGHDR } from "../../ring/abi/layout.ts";
import { Errno } from "../../ring/abi/errno.ts";

const ALIGNMENT = 8;

/** What becomes of one piece of control data. */
const Verdict = { IGNORED: 0, KEPT: 1, REFUSED: 2, INVALID: 3 } as const;

/** What a stack obeys at its own levels. Source: `net/ipv4/ip_sockglue.c`, `ipv6/datagram.c`. */
const OBEYED: readonly (readonly [level: number, kind: number])[] = [
  [SOL_IP, IP_PKTINFO],
  [SOL_IP, IP_TTL],
  [SOL_IP, IP_TOS],
  [SOL_IPV6, IPV6_PKTINFO],
  [SOL_IPV6, IPV6_HOPLIMIT],
  [SOL_IPV6, IPV6_TCLASS],
];

/** What Linux takes at `SOL_SOCKET` beside descriptors and credentials. */
const KNOWN_KINDS: readonly number[] = [SO_MARK, SO_PRIORITY, SO_TIMESTAMPING, SO_TXTIME];

/**
 * Takes out of control data what Linux would pass over.
 *
 * @param hasStack whether the other side is a stack, which obeys more
 * @returns what is left, null for nothing, or `-errno`
 */
export function filterControl(
  kind: SocketKind,
  message: RawMessage,
  hasStack: boolean = false,
): Uint8Array<ArrayBuffer> | null | number {
  const { control } = message;
  if (control === null) return null;
  const view = new DataView(control.buffer, control.byteOffset, control.byteLength);
  const end = Math.min(message.controlLength, control.byteLength);
  const kept: Uint8Array[] = [];
  for (let at = 0; at + CMSGHDR.SIZE <= end;) {
    const length = view.getUint32(at + CMSGHDR.LENGTH, true);
    if (length < CMSGHDR.SIZE || at + length > end) return -Errno.EINVAL;
    const level = view.getInt32(at + CMSGHDR.LEVEL, true);
    const type = view.getInt32(at + CMSGHDR.TYPE, true);
    const isObeyed = hasStack && kind.type === SOCK_DGRAM &&
      OBEYED.some(([known, name]) => known === level && name === type);
    const verdict = isObeyed && judge(kind, level, type) === Verdict.REFUSED
      ? Verdict.KEPT
      : judge(kind, level, type);
    if (verdict === Verdict.INVALID) return -Errno.EINVAL;
    if (verdict === Verdict.REFUSED) return -Errno.EOPNOTSUPP;
    const next = at + ((length + ALIGNMENT - 1) & -ALIGNMENT);
    if (verdict === Verdict.KEPT) kept.push(control.subarray(at, Math.min(next, end)));
    at = next;
  }
  if (kept.length === 0) return null;
  return kept.reduce<Uint8Array<ArrayBuffer>>((all, piece) => {
    const joined = new Uint8Array(new ArrayBuffer(all.length + piece.length));
    joined.set(all);
    joined.set(piece, all.length);
    return joined;
  }, new Uint8Array(new ArrayBuffer(0)));
}

function judge({ domain, type }: SocketKind, level: number, kind: number): number {
  const isInternet = domain === AF_INET || domain === AF_INET6;
  if (level === SOL_SOCKET) {
    // Descriptors and credentials go over Unix sockets only, which cannot have them here.
    if (kind === SCM_RIGHTS || kind === SCM_CREDENTIALS) {
      return isInternet ? Verdict.IGNORED : Verdict.REFUSED;
    }
    return KNOWN_KINDS.includes(kind) ? Verdict.REFUSED : Verdict.INVALID;
  }
  if (type !== SOCK_DGRAM) return Verdict.IGNORED;
  if (level === SOL_UDP || level === IPPROTO_UDP) {
    return kind === UDP_SEGMENT ? Verdict.KEPT : Verdict.IGNORED;
  }
  const own = domain === AF_INET ? level === SOL_IP : level === SOL_IP || level === SOL_IPV6;
  return own ? Verdict.REFUSED : Verdict.IGNORED;
}
