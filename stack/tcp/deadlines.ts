/**
 * A connection's own deadline, beside those of its sender and receiver: SYNs that are sent again,
 * probes of whether the other end is still there, and FIN-WAIT-2 of closed sockets.
 *
 * @module
 */

import { Errno } from "../../ring/abi/errno.ts";
import { end, reset } from "./closing.ts";
import type { Connection } from "./connection.ts";
import { TcpCounter } from "./counters.ts";
import { Purpose } from "./deadline_purposes.ts";
import { onSynTimeout } from "./opening.ts";
import { State } from "./states.ts";

/** The deadline has passed. */
export function onOwnDeadline(connection: Connection): void {
  connection.deadline = Infinity;
  switch (connection.purpose) {
    case Purpose.SYN:
      onSynTimeout(connection);
      return;
    case Purpose.KEEPALIVE:
      onKeepAlive(connection);
      return;
    case Purpose.FIN_WAIT_2:
      connection.context.counters.add(TcpCounter.FIN_WAIT_2_TIMED_OUT);
      end(connection, 0);
      return;
  }
}

/** Begins to watch whether the other end is there, or stops, as the socket's options say. */
export function armKeepAlive(connection: Connection): void {
  const { configuration, purpose } = connection;
  if (purpose === Purpose.SYN || purpose === Purpose.FIN_WAIT_2) return;
  // RFC 9293 section 3.8.4 (MUST-24, MUST-25): off unless the program turns it on.
  const isWatched = configuration.keepAlive && connection.state >= State.ESTABLISHED;
  connection.purpose = isWatched ? Purpose.KEEPALIVE : Purpose.NONE;
  connection.attempts = 0;
  const { now } = connection.context.environment;
  // RFC 9293 section 3.8.4 (MUST-27): the interval is the program's choice.
  connection.deadline = isWatched
    ? now - connection.silence + configuration.keepAliveIdle
    : Infinity;
}

/** Whether silence has lasted for long enough to probe, or to give up. */
function onKeepAlive(connection: Connection): void {
  const { configuration, context, sender } = connection;
  const { now } = context.environment;
  const idle = connection.silence;
  // RFC 9293 section 3.8.4 (MUST-26): only when nothing was heard, and nothing is on its way: what
  // is on its way is sent again until it is acknowledged, which tells as much.
  if (idle < configuration.keepAliveIdle || sender.bufferedBytes > 0) {
    const since = sender.bufferedBytes > 0 ? now : now - idle;
    connection.deadline = since + configuration.keepAliveIdle;
    return;
  }
  const { userTimeout, keepAliveCount } = configuration;
  const isOver = userTimeout > 0
    ? idle >= userTimeout && connection.attempts > 0
    : connection.attempts >= keepAliveCount;
  if (isOver) {
    // RFC 9293 section 3.8.4 (MUST-29): one probe without an answer does not say that the other end
    // is gone.
    context.counters.add(TcpCounter.KEEPALIVE_TIMED_OUT);
    reset(connection);
    connection.onGiveUp(Errno.ETIMEDOUT);
    return;
  }
  connection.attempts++;
  context.counters.add(TcpCounter.KEEPALIVES_SENT);
  // RFC 9293 section 3.8.4 (SHLD-6): SND.NXT - 1, without data: it is outside the window, so that
  // it is answered.
  connection.transmit(sender.sendUnacknowledged - 1 | 0, 0, -1, 0, 0, true);
  connection.deadline = now + configuration.keepAliveInterval;
}
