/**
 * How a connection ends.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { Ready } from "../socket.ts";
import * as tcp from "../wire/tcp.ts";
import type { Connection } from "./connection.ts";
import { Bit } from "./connection_bits.ts";
import { TcpCounter } from "./counters.ts";
import { Purpose } from "./deadline_purposes.ts";
import { putParameters } from "./parameters.ts";
import { State, StateEvent } from "./states.ts";
import type { Segment } from "./types.ts";

const { RST, ACK } = tcp.Flag;

const ENDED = Ready.IN | Ready.OUT | Ready.HANGUP | Ready.READ_HANGUP;

/** The program sends no more: `shutdown(SHUT_WR)`, or `close`. */
export function closeWrite(connection: Connection): void {
  const { state } = connection;
  if (state !== State.SYN_RECEIVED && state !== State.ESTABLISHED && state !== State.CLOSE_WAIT) {
    return;
  }
  // RFC 9293 section 3.10.4: the FIN follows what was sent before, which is still delivered.
  connection.go(StateEvent.CLOSE);
  connection.sender.closeWrite();
}

/** The socket is closed: what was sent is still delivered, but nobody reads any more. */
export function close(connection: Connection): void {
  const { context, configuration, receiver, state } = connection;
  connection.socket = null;
  if (state === State.CLOSED) {
    receiver.stop();
    return;
  }
  connection.bits |= Bit.ORPHAN;
  context.orphans++;
  connection.sender.cork = false;
  if (state === State.SYN_SENT) {
    end(connection, 0);
  } else if (configuration.linger === 0) {
    context.counters.add(TcpCounter.ABORTED_ON_LINGER);
    abort(connection);
  } else if (receiver.available > 0) {
    // RFC 9293 section 3.6.1 (SHLD-3), RFC 2525 section 2.17: a reset tells the other end that data
    // were lost.
    context.counters.add(TcpCounter.ABORTED_ON_CLOSE);
    abort(connection);
  } else if (context.orphans > context.settings.orphans) {
    context.counters.add(TcpCounter.ABORTED_ORPHANS);
    abort(connection);
  } else {
    closeWrite(connection);
    if (configuration.userTimeout === 0) {
      connection.sender.userTimeout = context.settings.orphanTimeout;
    }
    if (connection.state === State.FIN_WAIT_2) armFinWait2(connection);
  }
  connection.settleCall();
}

/** Ends a connection at once, and tells the other end. RFC 9293 section 3.10.5. */
export function abort(connection: Connection): void {
  reset(connection);
  end(connection, 0);
}

/** Sends a reset, where the other end knows of the connection. */
export function reset(connection: Connection): void {
  const { context, flow, sender, receiver, state } = connection;
  if (connection.slot < 0 || state === State.SYN_SENT || state === State.TIME_WAIT) return;
  if (flow.path === null && context.output.route(flow) < 0) return;
  putParameters(connection);
  context.writer.sendBare(flow, sender.sendNext, receiver.receiveNext, RST | ACK, 0);
}

/** Ends a connection, and tells nobody but its socket. */
export function end(connection: Connection, errno: number): void {
  if (connection.state === State.CLOSED) return;
  connection.error = errno;
  connection.go(StateEvent.RESET);
  leaveTable(connection);
}

/** Our FIN may be acknowledged now. */
export function onFinAcknowledged(connection: Connection): void {
  const { state } = connection;
  if (state !== State.FIN_WAIT_1 && state !== State.CLOSING && state !== State.LAST_ACK) return;
  connection.go(StateEvent.FIN_ACKNOWLEDGED);
  if (connection.state === State.FIN_WAIT_2) armFinWait2(connection);
}

/**
 * The other end's FIN, and everything before it, has arrived. RFC 9293 section 3.10.7.4, eighth.
 */
export function onFinished(connection: Connection): void {
  connection.go(StateEvent.FIN);
  const isShut = connection.state !== State.CLOSE_WAIT;
  // RFC 9293 section 3.6 (MUST-12): the program is told that the other end has closed.
  connection.raise(Ready.IN | Ready.READ_HANGUP | (isShut ? Ready.HANGUP : 0));
}

/**
 * Whether data arrived for a socket that is closed, which ends the connection.
 *
 * @returns whether it did
 */
export function abortOnData(connection: Connection, segment: Segment): boolean {
  const { bits, state } = connection;
  const isOrphan = (bits & Bit.ORPHAN) !== 0;
  // As Linux: who has shut both ways is told that more came, where a closed socket tells nobody.
  const isShut = (bits & Bit.READ_SHUT) !== 0 &&
    (state === State.FIN_WAIT_1 || state === State.FIN_WAIT_2);
  if (!isOrphan && !isShut || segment.payloadBytes === 0) return false;
  const behind = segment.sequence + segment.payloadBytes - connection.receiver.receiveNext | 0;
  if (behind <= 0) return false;
  // RFC 9293 section 3.6.1 (SHLD-3): data that nobody will read are answered by a reset.
  connection.context.counters.add(TcpCounter.ABORTED_ON_DATA);
  reset(connection);
  end(connection, isOrphan ? 0 : Errno.ECONNRESET);
  return true;
}

/** Nobody waits for the other end's FIN any more: it has so much time. */
function armFinWait2(connection: Connection): void {
  const { configuration, context } = connection;
  if ((connection.bits & Bit.ORPHAN) === 0) return;
  if (configuration.finWait2 < 0) {
    abort(connection);
    return;
  }
  connection.purpose = Purpose.FIN_WAIT_2;
  connection.deadline = context.environment.now + configuration.finWait2;
}

/** A connection in TIME-WAIT becomes a small record; one that is CLOSED goes. */
export function leaveTable(connection: Connection): void {
  const { context } = connection;
  if (connection.slot < 0) return;
  connection.sender.stop();
  if (connection.state === State.TIME_WAIT) {
    context.timeWaits.take(connection);
    connection.go(StateEvent.EXPIRED);
  } else {
    context.table.remove(connection);
    if (connection.binding >= 0) context.ports.release(connection.binding);
  }
  connection.binding = -1;
  context.connections--;
  connection.queue?.onEnded(connection);
  if ((connection.bits & Bit.ORPHAN) !== 0) {
    context.orphans--;
    connection.receiver.stop();
    return;
  }
  if (connection.socket === null && (connection.bits & Bit.QUEUED) === 0) {
    connection.receiver.stop();
    return;
  }
  // RFC 9293 section 3.6 (MUST-12): the program is told, and whether it was a reset.
  connection.raise(connection.error === 0 ? ENDED : ENDED | Ready.ERROR);
}
