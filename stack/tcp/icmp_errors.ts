/**
 * What errors of ICMP mean to a connection: RFC 9293 section 3.9.2.2, RFC 5461, RFC 5927.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import type { IcmpError } from "../ip/types.ts";
import type { Connection } from "./connection.ts";
import { Bit } from "./connection_bits.ts";
import { TcpCounter } from "./counters.ts";
import { renewPath } from "./path.ts";
import { State } from "./states.ts";

/** An error about a segment of ours that is on its way was reported. */
export function onIcmpError(connection: Connection, error: IcmpError): void {
  const { context, state } = connection;
  // RFC 9293 section 3.9.2.2 (MUST-54): errors of ICMP are acted on, each after its kind.
  if (error.errno === Errno.EMSGSIZE) {
    onTooBig(connection);
    return;
  }
  const isOpening = state === State.SYN_SENT || state === State.SYN_RECEIVED;
  if (error.isHard && isOpening) {
    // RFC 9293 section 3.9.2.2 (SHLD-26): hard errors end what begins.
    context.counters.add(TcpCounter.ICMP_HARD);
    context.counters.add(TcpCounter.ATTEMPTS_FAILED);
    connection.failure = error.errno;
    return;
  }
  context.counters.add(TcpCounter.ICMP_SOFT);
  // RFC 9293 section 3.9.2.2 (MUST-56): soft errors do not end it; RFC 5927 section 5.2: nor do
  // hard ones what is established, since anybody can send them. What it dies of later is named by
  // them.
  connection.softError = error.errno;
}

/** Whether a number is that of something that was sent and not acknowledged. */
export function isInFlight(connection: Connection, sequence: number): boolean {
  const { sender, state } = connection;
  if (state === State.SYN_SENT) return sequence === connection.initialSequence;
  const isSynOut = (connection.bits & Bit.SYN_UNACKNOWLEDGED) !== 0;
  const from = isSynOut ? connection.initialSequence : sender.sendUnacknowledged;
  return (sequence - from | 0) >= 0 && (sequence - sender.sendNext | 0) < 0;
}

/**
 * The path takes less than was sent: IP knows how much. RFC 1191 section 6.4, RFC 8201 section 5.
 */
function onTooBig(connection: Connection): void {
  connection.context.counters.add(TcpCounter.ICMP_TOO_BIG);
  const before = connection.payloadBase;
  if (renewPath(connection) < 0 || connection.payloadBase >= before) return;
  connection.bits |= Bit.PATH_CHANGED | Bit.TOO_BIG;
}
