/**
 * Who is at the other end of a Unix socket.
 *
 * @module
 */

import { netError, unsupported } from "../errors.ts";
import type { Socket } from "../socket.ts";
import { Errno } from "../../ring/abi/errno.ts";
import { SockOpt } from "../../ring/abi/opcodes.ts";

/** `struct ucred`: pid, uid and gid, 32 bits each. */
const UCRED_WORDS = 3;
const UCRED_BYTES = 12;

/** Who made the other end, as it was at that moment. */
export interface PeerCredentials {
  /** The process that called `connect` or `listen`; 0 where this process cannot see it. */
  readonly pid: number;
  /** Its effective user. */
  readonly uid: number;
  /** Its effective group. */
  readonly gid: number;
}

/** Asks for them: `SO_PEERCRED` of unix(7). */
export async function readPeerCredentials(socket: Socket): Promise<PeerCredentials> {
  const { network, descriptor } = socket;
  const words = new Int32Array(UCRED_WORDS);
  const { SOL_SOCKET, SO_PEERCRED } = SockOpt;
  const result = await network.getOption(descriptor, SOL_SOCKET, SO_PEERCRED, words);
  if (result === -Errno.ENOTSUP) {
    throw unsupported(network.kind, "credentials of peers", "peerCredentials");
  }
  if (result < UCRED_BYTES) {
    const errno = result < 0 ? result : Errno.EPROTO;
    throw netError(errno, { operation: "peerCredentials", ...network.namesOf(socket) });
  }
  return { pid: words[0], uid: words[1] >>> 0, gid: words[2] >>> 0 };
}
